// The attempts of several runs: packed into this file, or fetched from the viewer. Only what is shown is unpacked: the
// outlines of two runs, the rows of two collections.

const ROWS_HELD = 4;
const sideBySide = { runs: [], packed: new Map(), outlines: new Map(), rows: new Map() };

// Names of all runs to choose from, known without opening any of them.
async function loadRuns() {
  const found = IS_LIVE ? await fetchedJson("../runs") : JSON.parse(await unpacked("document"));
  sideBySide.title = found.title || found.folder;
  sideBySide.runs = found.runs || [];
  if (!IS_LIVE) sideBySide.runs.forEach((run, place) => sideBySide.packed.set(run.name, { ...run, place }));
}

// The attempts of a run; a run that cannot be read has none, and a ``problem`` that says why.
async function outlineOf(name, { force = false } = {}) {
  if (!sideBySide.runs.some((run) => run.name === name)) return { name, collections: [], problem: `There is no run “${plainly(name)}” here.` };
  if (force || !sideBySide.outlines.has(name)) {
    const found = IS_LIVE ? await fetchedJson(`../run/${encodeURIComponent(name)}/outline`) : sideBySide.packed.get(name);
    const problem = found.problem ? `${plainly(name)} could not be read. ${plainly(found.problem)}` : undefined;
    sideBySide.outlines.set(name, { ...found, name, problem, collections: found.collections || [] });
  }
  return sideBySide.outlines.get(name);
}

// The rows of one collection. The last ones used are cached; those of a running run are fetched again as they grow.
function attemptsOf(run, outline) {
  const key = `${run.name}\n${outline.key}`;
  const held = sideBySide.rows.get(key);
  const found = held?.version === outline.version ? held : { version: outline.version, rows: readAttempts(run, outline) };
  sideBySide.rows.delete(key);
  sideBySide.rows.set(key, found);
  found.rows.catch(() => sideBySide.rows.delete(key)); // so that it is fetched again
  if (sideBySide.rows.size > ROWS_HELD) sideBySide.rows.delete(sideBySide.rows.keys().next().value);
  return found.rows;
}

async function readAttempts(run, outline) {
  const base = `../run/${encodeURIComponent(run.name)}`;
  const place = IS_LIVE ? undefined : `${run.place}-${run.collections.indexOf(outline)}`;
  const found = IS_LIVE ? await fetchedJson(`${base}/attempts/${addressOf(outline.key)}`) : JSON.parse(await unpacked(`attempts-${place}`));
  if (found.problem) throw new Error(found.problem);
  return {
    ...found,
    rows: found.rows || [],
    run: run.name,
    version: outline.version,
    chunks: IS_LIVE ? `${base}/chunk/${addressOf(outline.key)}` : `chunk-${place}`,
  };
}

const OUTCOMES = [
  ["both", "Both right"],
  ["won", "Only A right"],
  ["lost", "Only B right"],
  ["neither", "Both wrong"],
  ["unjudged", "Not judged"],
];

// The attempts of two collections at the same tasks. Tasks are the same if id, question and reference are:
// in a run with other tasks, an id may belong to another question.
function pairsOf(mine, other) {
  const pairs = [];
  let nOther = 0;
  for (const row of mine.rows) {
    const twin = counterpart(other, row);
    if (!twin) continue;
    if (twin.question === row.question && twin.reference === row.reference) pairs.push({ id: row.id, row, twin, outcome: outcomeOf(row, twin) });
    else nOther += 1;
  }
  const nShared = pairs.length + nOther;
  return { pairs, nOther, nOnlyA: mine.rows.length - nShared, nOnlyB: other.rows.length - nShared };
}

function outcomeOf(row, twin) {
  const isJudged = (one) => one.verdict === "right" || one.verdict === "wrong";
  if (!isJudged(row) || !isJudged(twin)) return "unjudged";
  if (row.verdict === twin.verdict) return row.verdict === "right" ? "both" : "neither";
  return row.verdict === "right" ? "won" : "lost";
}

// The default collection of a side: the one that the other side shows, else the distilled student.
function firstOf(run, like) {
  const { collections } = run;
  return collections.find((one) => one.key === like?.key)
    || collections.find((one) => one.label === like?.label)
    || collections.find((one) => one.key === run.student)
    || collections[0];
}
