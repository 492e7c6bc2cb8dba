// The first screen: the sentence, the table of distillation, accuracy by task set, paired tests.

const BASELINE_SERIES = 7;
const TEACHER_SERIES = 6;

function seriesOf(systems) {
  let next = 1;
  return new Map(systems.map((system) => {
    if (system.role === "student") return [system.key, 0];
    if (system.role === "baseline") return [system.key, BASELINE_SERIES];
    if (system.role === "teacher") return [system.key, TEACHER_SERIES];
    const number = next;
    next += next % SERIES === 5 ? 4 : 1; // the same colours come again with other shapes
    return [system.key, number];
  }));
}

function systemName(system, { link = true } = {}) {
  const { metrics, role } = system;
  const name = plainly(metrics.system);
  return h("span", { class: "system" }, [
    link ? h("a", { href: trajectoriesLink(system.key) }, name) : name,
    programBadge(metrics.is_program),
    hasProgramBehind(system) ? h("span", { class: "badge program" }, "teacher is a program") : null,
    role === "other" ? null : h("span", { class: `badge ${role}` }, role),
  ]);
}

// A cascade whose teacher is a program.
function hasProgramBehind(system) {
  return !system.metrics.is_program && system.metrics.task_sets.some((one) => one.deferral && one.deferral.teacher_is_program);
}

function chartName(system) {
  const { system: name, is_program: isProgram } = system.metrics;
  return isProgram && !/program/i.test(name) ? `${name} (program)` : name;
}

function drawResults(main, doc) {
  const page = h("div", { class: "page" });
  append(page, [lead(doc)]);
  if (doc.systems.length) {
    append(page, [distillationTable(doc), robustnessTable(doc), taskSetTable(doc), comparisonsTable(doc), breakdownTables(doc), figuresOf(doc)]);
  }
  append(page, [cascadeSections(doc), agreementTables(doc), markAgreements(doc.mark_agreements)]);
  replace(main, page);
}

function lead(doc) {
  const facts = Object.fromEntries(doc.manifest);
  const when = facts.created ? new Date(facts.created) : null;
  const isDate = when && !Number.isNaN(when.getTime());
  return h("section", { class: "lead", "aria-labelledby": "title" }, [
    h("p", { class: "kicker" }, [
      plainly(doc.run),
      isDate ? ` · ${when.toLocaleDateString("en", { dateStyle: "long" })}` : null,
      doc.state === "running" ? h("span", { class: "badge running" }, "running") : null,
    ]),
    h("h1", { id: "title" }, plainly(doc.title)),
    h("p", { class: "sentence" }, plainly(doc.sentence.text)),
    doc.sentence.doubt ? h("p", { class: "doubt" }, plainly(doc.sentence.doubt)) : null,
  ]);
}

function section(id, title, note, ...content) {
  return h("section", { class: "block", "aria-labelledby": id }, [
    h("h2", { id }, title),
    note ? h("p", { class: "note" }, note) : null,
    content,
  ]);
}

function distillationTable(doc) {
  const series = seriesOf(doc.systems);
  const baseline = doc.systems.find((system) => system.role === "baseline");
  const has = {
    paper: doc.systems.some((system) => system.paper !== undefined),
    cost: doc.systems.some((system) => system.cost_per_question_usd !== undefined),
    searches: doc.systems.some((system) => searchesOf(system) !== undefined),
    baseline: doc.systems.length > 1 && baseline,
  };
  const heads = [
    ["System"], ["Accuracy, %"],
    has.paper ? ["Paper, %", "num"] : null,
    has.baseline ? ["Against baseline, points"] : null,
    ["Tokens", "num"],
    has.cost ? ["US dollars", "num"] : null,
    has.searches ? ["Searches", "num"] : null,
    ["Time", "num"],
  ].filter(Boolean);
  const nEach = 2 + (has.cost ? 1 : 0) + (has.searches ? 1 : 0);
  const groups = h("tr", { class: "groups" }, [h("td", { colspan: heads.length - nEach }), h("th", { colspan: nEach, scope: "colgroup", class: "num" }, "per question")]);
  const body = doc.systems.map((system) => h("tr", { class: system.role }, [
    h("th", { scope: "row" }, systemName(system)),
    h("td", { class: "accuracy" }, accuracyCell(system, baseline, series)),
    has.paper ? h("td", { class: "num", "data-head": "Paper, %" }, system.paper === undefined ? "–" : (100 * system.paper).toFixed(2)) : null,
    has.baseline ? h("td", { "data-head": "Against baseline" }, differenceCell(doc, system, baseline)) : null,
    h("td", { class: "num", "data-head": "Tokens per question" }, short(system.tokens_per_question)),
    has.cost ? h("td", { class: "num", "data-head": "US dollars per question" }, money(system.cost_per_question_usd)) : null,
    has.searches ? h("td", { class: "num", "data-head": "Searches per question" }, searchesCell(system)) : null,
    h("td", { class: "num", "data-head": "Time per question" }, seconds(system.seconds_per_question)),
  ]));
  const nSets = doc.systems[0].metrics.task_sets.length;
  const notes = [
    nSets > 1 ? `Accuracy is the unweighted mean over ${nSets} task sets. ` : "",
    "Lines are 95 % intervals",
    has.baseline ? ", the dashed line is the baseline" : "",
    has.paper ? `. The paper's figures are means over its eight benchmarks, single runs${nSets === 8 ? "" : `; ours are over ${nSets}`}` : "",
    ". Every row opens the attempts behind it.",
    countNote(doc, "n_not_scored", "Not judged (counted as wrong)"),
    countNote(doc, "n_cut_replies", "Replies cut at a stop string after which the model had continued"),
    userNote(doc),
  ];
  return section("distilled", "What was distilled", notes.join(""), h("div", { class: "scroll" }, h("table", { class: "cards" }, [
    h("thead", {}, [groups, h("tr", {}, heads.map(([head, className]) => h("th", { scope: "col", class: className }, head)))]),
    h("tbody", {}, body),
  ])));
}

// What an accuracy alone does not say; nothing where no system has any.
function countNote(doc, name, said) {
  return sumNote(doc, (one) => one[name] || 0, said);
}

// Tokens of the model that plays the user are not part of the agent's.
function userNote(doc) {
  const tokens = ({ user_usage: { prompt_tokens: read = 0, completion_tokens: written = 0 } = {} }) => read + written;
  return sumNote(doc, tokens, "Tokens of the model that plays the user, which are not part of the table");
}

function sumNote(doc, amount, said) {
  const sum = (system) => system.metrics.task_sets.reduce((all, one) => all + amount(one), 0);
  const found = doc.systems.filter((system) => sum(system) > 0).map((system) => `${count(sum(system))} of ${chartName(system)}`);
  return found.length ? ` ${said}: ${found.join(", ")}.` : "";
}

function accuracyCell(system, baseline, series) {
  const { low, high } = system.interval;
  const [first, last] = [percent(low), percent(high)];
  return h("a", { class: "measure", href: trajectoriesLink(system.key), "aria-label": `${percent(system.metrics.average)} %, interval ${first} to ${last}: open the attempts` }, [
    h("b", {}, percent(system.metrics.average)),
    whisker({ value: system.metrics.average, low, high, width: 132, className: seriesClass(series.get(system.key)), reference: baseline ? baseline.metrics.average : undefined }),
    h("small", {}, `${first}–${last}`),
  ]);
}

function overallOf(doc, system, baseline) {
  const found = doc.comparisons.filter((one) => one.system === system.metrics.system && one.baseline === baseline.metrics.system);
  const names = new Set(system.metrics.task_sets.map((one) => one.task_set));
  return found.find((one) => !names.has(one.task_set)) || (found.length === 1 ? found[0] : undefined);
}

function differenceCell(doc, system, baseline) {
  if (system === baseline) return h("span", { class: "muted" }, "–");
  const tested = overallOf(doc, system, baseline);
  if (!tested) return "–";
  return h("span", { class: "difference" }, [
    h("b", { class: tested.p_value < 0.05 ? "clear" : "" }, signed(tested.difference)),
    h("small", {}, `${signed(tested.interval.low)} … ${signed(tested.interval.high)}, p ${tested.p_value < 0.001 ? "" : "= "}${pValue(tested.p_value)}`),
  ]);
}

function searchesOf(system) {
  const known = system.metrics.task_sets.filter((one) => one.searches_per_task !== undefined && one.searches_per_task !== null);
  const n = known.reduce((sum, one) => sum + one.n, 0);
  return n ? known.reduce((sum, one) => sum + one.searches_per_task * one.n, 0) / n : undefined;
}

function searchesCell(system) {
  const n = searchesOf(system);
  if (n === undefined) return "–";
  return h("a", { href: trajectoriesLink(system.key, { search: "yes" }) }, n.toFixed(2));
}

function taskSetTable(doc) {
  const names = [...new Set(doc.systems.flatMap((system) => system.metrics.task_sets.map((one) => one.task_set)))];
  if (names.length < 2) return null;
  const inside = names.filter((name) => doc.in_domain.includes(name));
  const outside = names.filter((name) => !doc.in_domain.includes(name));
  const series = seriesOf(doc.systems);
  const order = [...inside, ...outside];
  const best = new Map(order.map((name) => [name, Math.max(...doc.systems.filter((one) => one.role !== "teacher").map((one) => setOf(one, name)?.accuracy ?? 0))]));
  const groups = inside.length && outside.length
    ? h("tr", { class: "groups" }, [h("td", {}), h("th", { colspan: inside.length, scope: "colgroup" }, "In domain"), h("th", { colspan: outside.length, scope: "colgroup" }, "Out of domain")])
    : null;
  return section("by-set", "By task set", "Accuracy in percent with 95 % intervals. The best student of each column is bold; every cell opens its attempts.", h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Accuracy by task set" }, h("table", { class: "sets" }, [
    h("thead", {}, [groups, h("tr", {}, [h("th", { scope: "col" }, "System"), order.map((name) => h("th", { scope: "col" }, plainly(name)))])]),
    h("tbody", {}, doc.systems.map((system) => h("tr", { class: system.role }, [
      h("th", { scope: "row" }, systemName(system)),
      order.map((name) => h("td", {}, setCell(system, setOf(system, name), best.get(name), seriesClass(series.get(system.key))))),
    ]))),
  ])));
}

const setOf = (system, name) => system.metrics.task_sets.find((one) => one.task_set === name);

function setCell(system, measured, best, className) {
  if (!measured) return "–";
  const { accuracy, interval, n_correct: nRight, n, task_set: set } = measured;
  return h("a", { class: "measure small", href: trajectoriesLink(system.key, { set }), "aria-label": `${percent(accuracy)} %, ${nRight} of ${n} right: open the attempts` }, [
    accuracy === best ? h("b", {}, percent(accuracy)) : h("span", {}, percent(accuracy)),
    whisker({ value: accuracy, low: interval.low, high: interval.high, width: 84, className }),
  ]);
}

function comparisonsTable(doc) {
  if (!doc.comparisons.length) return null;
  const keys = new Map(doc.systems.map((system) => [system.metrics.system, system]));
  const nameOf = (label) => plainly(keys.has(label) ? chartName(keys.get(label)) : label);
  const reach = Math.max(0.1, ...doc.comparisons.map((one) => Math.max(Math.abs(one.interval.low), Math.abs(one.interval.high))));
  const baselines = [...new Set(doc.comparisons.map((one) => one.baseline))];
  const tables = baselines.map((baseline, i) => h("details", { class: "tests", open: i === 0 && doc.comparisons.length <= 12 }, [
    h("summary", {}, `Against ${nameOf(baseline)}`),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Paired tests against ${nameOf(baseline)}` }, dataTable(
      ["System", "Task set", "Difference, points", "95 % interval", "Only this right", "Only baseline right", "p"],
      doc.comparisons.filter((one) => one.baseline === baseline).map((one) => comparisonRow(one, keys, reach, nameOf)),
    )),
  ]));
  return section("tests", "Paired tests", "Both systems on the same tasks: paired bootstrap for the interval, exact McNemar for p. The counts open the tasks on which the systems differ.", tables);
}

function comparisonRow(one, keys, reach, nameOf) {
  const c = keys.get(one.system)?.key;
  const vs = keys.get(one.baseline)?.key;
  const set = one.task_set === "average" ? undefined : one.task_set;
  const open = (n, flip) => (c && vs ? h("a", { href: trajectoriesLink(c, { vs, flip, set }) }, count(n)) : count(n));
  return [
    nameOf(one.system),
    plainly(one.task_set),
    h("span", { class: "measure small" }, [
      h("b", { class: one.p_value < 0.05 ? "clear" : "" }, signed(one.difference)),
      whisker({ value: one.difference, low: one.interval.low, high: one.interval.high, from: -reach, to: reach, reference: 0, width: 110, className: one.p_value < 0.05 ? "s0" : "s7" }),
    ]),
    `${signed(one.interval.low)} to ${signed(one.interval.high)}`,
    open(one.n_only_system, "won"),
    open(one.n_only_baseline, "lost"),
    pValue(one.p_value),
  ];
}
