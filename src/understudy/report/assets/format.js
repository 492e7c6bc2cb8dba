// Numbers and words as they are read.

const count = (n) => Math.round(n).toLocaleString("en");
const percent = (share) => (share === undefined || share === null ? "–" : (100 * share).toFixed(1));
const nats = (value) => value.toFixed(2).replace(/^-0\.00$/, "0.00");
const signed = (share) => `${share < 0 ? "−" : "+"}${Math.abs(100 * share).toFixed(1)}`;
const pValue = (p) => (p < 0.001 ? "< .001" : `.${Math.round(p * 1000).toString().padStart(3, "0")}`.replace(".1000", "1"));

function short(n) {
  if (n >= 1e6) return `${(n / 1e6).toFixed(1)} M`;
  if (n >= 1e4) return `${(n / 1e3).toFixed(1)} k`;
  return count(n);
}

function money(usd) {
  if (usd === undefined || usd === null) return "–";
  return usd === 0 ? "$0" : `$${usd >= 0.01 ? usd.toFixed(3) : usd.toPrecision(2)}`;
}

function seconds(s) {
  if (s >= 3600) return `${(s / 3600).toFixed(1)} h`;
  if (s >= 90) return `${(s / 60).toFixed(1)} min`;
  return `${s.toFixed(s < 10 ? 1 : 0)} s`;
}

const words = (name) => String(name).replaceAll("_", " ");
const VERDICTS = {
  right: { sign: "✓", name: "right" },
  wrong: { sign: "✗", name: "wrong" },
  not_scored: { sign: "?", name: "not scored" },
  failure: { sign: "!", name: "infrastructure error" },
  example: { sign: "▸", name: "example" },
};

function verdictMark(verdict, { named = false } = {}) {
  const { sign, name } = VERDICTS[verdict];
  return h("span", { class: `verdict ${verdict}`, title: name }, [
    h("span", { class: "sign", "aria-hidden": "true" }, sign),
    h("span", { class: named ? "" : "unseen" }, name),
  ]);
}

function programBadge(isProgram) {
  return isProgram ? h("span", { class: "badge program", title: "A program, not a language model" }, "program") : null;
}

function collectionName({ label: name, is_program: isProgram }) {
  return isProgram && !/program/i.test(name) ? `${plainly(name)} (program)` : plainly(name);
}

const LABELS = { evaluate: "Evaluated systems", rollout: "Collected for training", repair: "Teacher corrections", curate: "Training examples" };
