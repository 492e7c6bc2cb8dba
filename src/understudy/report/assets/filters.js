// Which rows of a collection are listed.

const STEP_CHOICES = [["1", "1 step"], ["2", "2 steps"], ["3", "3 steps"], ["4", "4 steps"], ["5", "5 or more"]];
const FLIPS = [["won", "only this one right"], ["lost", "only the other right"], ["both", "both right"], ["neither", "neither right"], ["differs", "other answers"]];
const rowKey = (row) => `${row.task_set}\n${row.id}`;
const indexes = new WeakMap();

function collectionOf(doc, key) {
  return doc.collections.find((one) => one.key === key);
}

// Row of the same attempt at the same task in another collection.
function counterpart(collection, row) {
  if (!collection) return undefined;
  if (!indexes.has(collection)) indexes.set(collection, new Map(collection.rows.map((one) => [rowKey(one), one])));
  return indexes.get(collection).get(rowKey(row));
}

// The filters that need the rows alone. ``found``: lines whose text contains the words searched for.
function listed(collection, state, other, found) {
  const needle = (state.q || "").trim().toLowerCase();
  return collection.rows.filter((row) => {
    if (state.set && row.task_set !== state.set) return false;
    if (state.verdict && row.verdict !== state.verdict) return false;
    if (state.error && !fails(row, state.error)) return false;
    if (state.steps && (state.steps === "5" ? row.n_steps < 5 : row.n_steps !== Number(state.steps))) return false;
    if (state.search && (state.search === "yes") !== ((row.n_searches || 0) > 0)) return false;
    if (state.fate && (row.fate || "") !== state.fate) return false;
    if (state.flip && other && !flips(row, counterpart(other, row), state.flip)) return false;
    return !needle || found.has(row.line) || mentions(row, needle);
  });
}

function fails(row, kind) {
  if (kind === "cut") return (row.n_cut || 0) > 0;
  if (kind === "any") return (row.errors || []).length > 0;
  return (row.errors || []).includes(kind) || row.stop === kind;
}

function flips(row, other, flip) {
  if (!other) return false;
  const [here, there] = [row.verdict === "right", other.verdict === "right"];
  if (flip === "won") return here && !there;
  if (flip === "lost") return !here && there;
  if (flip === "both") return here && there;
  if (flip === "neither") return !here && !there;
  return (row.answer || "") !== (other.answer || "");
}

function mentions(row, needle) {
  return [row.id, row.question, row.answer, row.reference].some((text) => text && text.toLowerCase().includes(needle));
}

// Search the texts chunk by chunk without blocking the page; stops when ``isWanted`` returns false.
async function searchTexts(collection, needle, isWanted, tell) {
  const lines = collection.rows.map((row) => row.line);
  const nChunks = lines.length ? Math.floor(Math.max(...[lines[0], lines[lines.length - 1]]) / ROWS_IN_CHUNK) + 1 : 0;
  const found = new Set();
  for (let number = 0; number < nChunks; number++) {
    const bodies = await loadChunk(collection, number);
    if (!isWanted()) return;
    bodies.forEach((body, i) => {
      if (textOf(body).some((text) => text.toLowerCase().includes(needle))) found.add(number * ROWS_IN_CHUNK + i);
    });
    tell(found, (number + 1) / nChunks);
    await new Promise((resume) => setTimeout(resume));
    if (!isWanted()) return;
  }
  tell(found, 1);
}

function textOf(body) {
  const messages = (body.trajectory || body.example).messages.filter((message) => message.role !== "system");
  const explanations = (body.scores || []).map((score) => score.explanation || "");
  const calls = messages.flatMap((message) => message.tool_calls || []).map((call) => `${call.name} ${JSON.stringify(call.arguments || {})}`);
  return [...messages.map((message) => message.content), ...calls, ...explanations];
}

// The bar of filters. ``change(part)`` is called with what the reader chose.
function filterBar(doc, collection, state, change) {
  const tally = (of) => {
    const counts = new Map();
    for (const row of collection.rows) for (const value of [of(row)].flat()) if (value) counts.set(value, (counts.get(value) || 0) + 1);
    return [...counts];
  };
  const numbered = (pairs, name = (value) => value) => pairs.map(([value, n]) => [value, `${name(value)} (${count(n)})`]);
  const errors = [...tally((row) => row.errors || []), ...tally((row) => (row.stop === "answered" ? [] : [row.stop]))];
  const nCut = collection.rows.filter((row) => row.n_cut).length;
  const cut = nCut ? [["cut", `cut at a stop string (${count(nCut)})`]] : [];
  const others = doc.collections.filter((one) => one !== collection && one.kind !== "curate");
  const isExamples = collection.kind === "curate";
  return [
    picker("Task set", "set", state, change, numbered(tally((row) => row.task_set), plainly)),
    isExamples ? null : picker("Verdict", "verdict", state, change, numbered(tally((row) => row.verdict), (value) => VERDICTS[value].name)),
    isExamples ? null : picker("Error or ending", "error", state, change, [["any", "any failed step"], ...numbered(errors, words), ...cut]),
    picker("Steps", "steps", state, change, STEP_CHOICES),
    isExamples ? null : picker("Searches", "search", state, change, [["yes", "searched"], ["no", "never searched"]]),
    picker("In training", "fate", state, change, numbered(tally((row) => row.fate), words)),
    isExamples ? null : picker("Compare with", "vs", state, change, others.map((one) => [one.key, collectionName(one)])),
    state.vs ? picker("Outcome of both", "flip", state, change, FLIPS) : null,
  ];
}

function picker(name, key, state, change, options) {
  if (!options.length) return null;
  const select = h("select", { "data-key": key }, [h("option", { value: "" }, "all"), options.map(([value, text]) => h("option", { value }, text))]);
  if (key === "vs") select.firstChild.textContent = "nothing";
  select.value = state[key] || "";
  select.addEventListener("change", () => change({ [key]: select.value || undefined }));
  return h("label", { class: state[key] ? "picker chosen" : "picker" }, [h("span", {}, name), select]);
}
