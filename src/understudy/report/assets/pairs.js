// Two systems of two runs on the same tasks: choosing them, the tasks both attempted, two attempts side by side.

const SIDES = [{ letter: "A", run: "a", key: "ac" }, { letter: "B", run: "b", key: "bc" }];
const letterOf = (letter) => h("span", { class: `letter side-${letter.toLowerCase()}` }, letter);

class PairExplorer extends TwoPanes {
  constructor() {
    super("Search questions and answers  ( / )");
    this.sides = SIDES.map((side) => this.chooser(side));
    this.outcomes = h("ul", { class: "outcomes", "aria-label": "Outcome" });
    this.swap = h("button", { type: "button", class: "swap", title: "Swap A and B" }, "⇅ Swap");
    this.swap.addEventListener("click", () => this.swapSides());
    this.summary = h("summary", {}, "Runs and systems");
    this.folded = h("details", { class: "choosers", open: true }, [this.summary, this.sides.map((side) => side.box), this.swap]);
    this.list.box.setAttribute("aria-label", "Tasks that both attempted");
    this.frame(this.folded, this.searchField(), this.filters, this.outcomes);
    this.state = readState();
    this.found = NOTHING;
    this.at = -1;
  }

  chooser({ letter, run, key }) {
    const [runs, systems] = [h("select", { id: `run-${letter}` }), h("select", { id: `system-${letter}` })];
    runs.addEventListener("change", () => this.move({ [run]: runs.value, [key]: undefined }));
    systems.addEventListener("change", () => this.move({ [key]: systems.value }));
    const share = h("p", { class: "share" });
    const box = h("fieldset", { class: "chooser" }, [
      h("legend", {}, letterOf(letter)),
      h("label", { class: "picker" }, [h("span", {}, `Run ${letter}`), runs]),
      h("label", { class: "picker" }, [h("span", {}, `System ${letter}`), systems]),
      share,
    ]);
    return { box, runs, systems, share };
  }

  chooseOther() {
    this.folded.open = true;
    this.sides[1].runs.focus();
  }

  // Another pair of collections. The filters are kept, since they may fit it too. An earlier choice may still be
  // loading, so the address decides.
  move(part) {
    go({ ...readState(), ...part });
  }

  swapSides() {
    const { a, ac, b, bc, flip } = readState();
    this.move({ a: b, ac: bc, b: a, bc: ac, flip: { won: "lost", lost: "won" }[flip] || flip });
  }

  update(state) {
    if (this.chosen === chosenBy(state)) {
      this.state = state;
      this.show();
    } else {
      this.choose(state);
    }
  }

  // Complete the address with defaults, read the collections that it names, and show them. If the address has changed
  // meanwhile, this choice is dropped: the newer one is already being loaded.
  async choose(state) {
    const turn = (this.turn = (this.turn || 0) + 1);
    const isPast = (wanted) => turn !== this.turn || chosenBy(readState()) !== chosenBy(wanted);
    if (this.chosen !== chosenBy(state)) this.tally.textContent = "Reading …";
    try {
      const names = [...sideBySide.runs].sort((x, y) => hasMeasured(y) - hasMeasured(x)).map((run) => run.name);
      const a = state.a || names[0];
      const b = state.b || names.find((name) => name !== a) || a;
      const runs = await Promise.all([outlineOf(a), outlineOf(b)]);
      if (isPast(state)) return;
      const first = state.ac ? runs[0].collections.find((one) => one.key === state.ac) : firstOf(runs[0]);
      const isAlone = a === b && runs[1].collections.length > 1;
      const second = state.bc ? runs[1].collections.find((one) => one.key === state.bc) : isAlone ? runs[1].collections.find((one) => one !== first) : firstOf(runs[1], first);
      this.state = { ...readState(), a, b, ac: state.ac || first?.key, bc: state.bc || second?.key };
      history.replaceState(null, "", linkTo(this.state));
      this.drawChoosers(runs);
      const problem = problemOf(runs[0], first, this.state.ac) || problemOf(runs[1], second, this.state.bc);
      const collections = problem ? undefined : await Promise.all([attemptsOf(runs[0], first), attemptsOf(runs[1], second)]);
      if (isPast(this.state)) return;
      this.found = problem ? NOTHING : pairsOf(...collections);
      this.problem = problem || (this.found.pairs.length ? undefined : nothingShared(collections, this.found));
      this.collections = collections;
      this.hasFailed = false;
    } catch (error) {
      if (turn !== this.turn) return;
      this.problem = `This could not be read. ${plainly(error.message)}`;
      this.found = NOTHING;
      this.hasFailed = true;
    }
    this.state = readState();
    this.chosen = chosenBy(this.state);
    this.show();
  }

  // Look whether the chosen collections have grown, and draw again if they have.
  async refresh() {
    const { a, b } = this.state;
    if (!a) return;
    const before = JSON.stringify([await outlineOf(a), await outlineOf(b)]);
    const after = JSON.stringify(await Promise.all([outlineOf(a, { force: true }), outlineOf(b, { force: true })]));
    if (before !== after || this.hasFailed) await this.choose(readState());
  }

  drawChoosers(runs) {
    SIDES.forEach(({ run, key }, i) => {
      const { runs: runChoice, systems } = this.sides[i];
      const { collections } = runs[i];
      const names = sideBySide.runs.map((one) => one.name);
      const unknown = names.includes(this.state[run]) ? [] : [this.state[run]];
      replace(runChoice, [...unknown, ...names].map((name) => h("option", { value: name }, plainly(name || "none"))));
      runChoice.value = this.state[run] || "";
      const kinds = [...new Set(collections.map((one) => one.kind))];
      replace(systems, kinds.map((kind) => h("optgroup", { label: LABELS[kind] }, collections.filter((one) => one.kind === kind).map((one) => h("option", { value: one.key }, `${collectionName(one)} – ${count(one.n)}`)))));
      if (!collections.some((one) => one.key === this.state[key])) systems.prepend(h("option", { value: this.state[key] || "" }, plainly(this.state[key] || "none")));
      systems.value = this.state[key] || "";
    });
  }

  show() {
    if (document.activeElement !== this.search) this.search.value = this.state.q || "";
    const { pairs } = this.found;
    const needle = (this.state.q || "").trim().toLowerCase();
    const within = pairs.filter(({ row, twin }) => (!this.state.set || row.task_set === this.state.set) && (!needle || mentions(row, needle) || mentions(twin, needle)));
    const listed = this.state.flip ? within.filter((pair) => pair.outcome === this.state.flip) : within;
    const sets = new Map();
    for (const { row } of pairs) sets.set(row.task_set, (sets.get(row.task_set) || 0) + 1);
    const options = [...sets].map(([set, n]) => [set, `${plainly(set)} (${count(n)})`]);
    replace(this.filters, picker("Task set", "set", this.state, (part) => this.change(part), options));
    this.drawOutcomes(within);
    this.drawTally(listed);
    const twins = new Map(listed.map((pair) => [pair.id, pair.twin]));
    this.list.show(listed.map((pair) => pair.row), (row) => linkTo({ ...this.state, open: row.id }), (row) => twins.get(row.id), answersOf);
    this.at = this.list.select(this.state.open);
    this.updatePager();
    this.read();
  }

  drawOutcomes(within) {
    const n = new Map();
    for (const { outcome } of within) n.set(outcome, (n.get(outcome) || 0) + 1);
    const choices = this.problem ? [] : [["", "All"], ...OUTCOMES.filter(([value]) => value !== "unjudged" || n.has(value) || this.state.flip === value)];
    const focused = document.activeElement?.dataset?.outcome;
    replace(this.outcomes, choices.map(([value, name]) => h("li", {}, h("a", {
      href: linkTo({ ...this.state, flip: value || undefined }), class: `outcome-${value || "all"}`, "data-outcome": value || "all",
      "aria-current": (this.state.flip || "") === value ? "true" : undefined,
    }, [h("span", {}, name), h("b", {}, count(value ? n.get(value) || 0 : within.length))]))));
    if (focused) this.outcomes.querySelector(`[data-outcome="${focused}"]`)?.focus();
    const judged = within.filter(({ outcome }) => outcome !== "unjudged");
    [n.get("won") || 0, n.get("lost") || 0].forEach((alone, i) => {
      const right = (n.get("both") || 0) + alone;
      replace(this.sides[i].share, judged.length ? [h("b", {}, `${percent(right / judged.length)} %`), ` right: ${count(right)} of ${count(judged.length)}`] : "");
    });
  }

  drawTally(listed) {
    const { pairs, nOther, nOnlyA, nOnlyB } = this.found;
    const isNarrowed = ["set", "flip", "q"].some((key) => this.state[key]);
    this.tally.classList.toggle("problem", Boolean(this.problem));
    replace(this.tally, this.problem || [
      isNarrowed ? `${count(listed.length)} of ${count(pairs.length)}` : `${count(pairs.length)} attempted by both`,
      nOnlyA ? ` · ${count(nOnlyA)} by A only` : null,
      nOnlyB ? ` · ${count(nOnlyB)} by B only` : null,
      nOther ? ` · ${count(nOther)} with another question` : null,
      isNarrowed ? [" ", h("a", { href: linkTo({ ...this.state, set: undefined, flip: undefined, q: undefined }) }, "clear filters")] : null,
    ]);
  }

  async read() {
    const { open, raw } = this.state;
    const pair = open ? this.found.pairs.find((one) => one.id === open) : undefined;
    this.box.classList.toggle("reading", Boolean(open));
    const wanted = JSON.stringify([this.chosen, open, raw, pair && [pair.row.line, pair.row.verdict, pair.twin.line, pair.twin.verdict], this.problem]);
    if (wanted === this.shown) return;
    const isNew = this.wasOpen !== `${this.chosen}\n${open}`;
    this.shown = wanted;
    this.wasOpen = `${this.chosen}\n${open}`;
    if (!pair) {
      this.position = undefined;
      this.explain(open);
      return;
    }
    const [mine, other] = this.collections;
    try {
      const bodies = await Promise.all([loadBody(mine, pair.row), loadBody(other, pair.twin)]);
      if (this.shown === wanted) this.put(isNew, this.toolbar(this.messagesLink()), bothView([mine, other], [pair.row, pair.twin], bodies, Boolean(raw)));
    } catch (error) {
      if (this.shown === wanted) this.say(`These attempts could not be read: ${plainly(error.message)}`);
    }
  }

  // Why there is nothing to read.
  explain(open) {
    const back = open ? [" ", h("a", { class: "back", href: linkTo({ ...this.state, open: undefined }) }, "‹ List")] : null;
    if (this.problem) this.say(["There is nothing to compare.", back]);
    else if (open) this.say([`Only one of them, or neither, has attempted “${plainly(open)}”.`, back]);
    else this.invite();
  }
}

const NOTHING = { pairs: [], nOther: 0, nOnlyA: 0, nOnlyB: 0 };
const hasMeasured = (run) => (run.systems || run.collections || []).length > 0;
const chosenBy = (state) => [state.a, state.ac, state.b, state.bc].join("\n");

function problemOf(run, collection, key) {
  if (!run.name) return "No run in this folder yet.";
  if (run.problem) return run.problem;
  if (collection) return undefined;
  return key ? `${plainly(run.name)} has no attempts of “${plainly(key)}”.` : `${plainly(run.name)} has no attempts yet.`;
}

function nothingShared([mine, other], { nOther }) {
  if (nOther) return `These two have no task in common. ${count(nOther)} tasks have the same name in both, but different questions.`;
  const said = [["A", mine], ["B", other]].map(([letter, { rows }]) => `${letter} has attempted ${rows.length ? `${count(rows.length)} of ${plainly([...new Set(rows.map((row) => row.task_set))].join(", "))}` : "nothing yet"}`);
  return `These two have no task in common: ${said.join(", ")}.`;
}

const answersOf = (row, twin) => ["A", "B"].map((letter, i) => `${letter} ${plainly([row, twin][i].answer || "–")}`);

// The question, and both attempts below it.
function bothView(collections, rows, bodies, raw) {
  const [first, second] = bodies.map((body) => body.trajectory.task);
  const isSame = first.question === second.question;
  const articles = collections.map((collection, i) => trajectoryView(collection, rows[i], bodies[i], { raw, head: sideName(SIDES[i].letter, collection, rows[i]) }));
  return h("div", { class: "both" }, [
    h("header", { class: "attempt-head" }, [
      h("p", { class: "kicker" }, `${plainly(rows[0].task_set)} · ${plainly(rows[0].id)}`),
      questionView(bodies[0].trajectory),
      isSame ? null : [h("p", { class: "note", role: "note" }, "Under the same name, B was asked a different question:"), questionView(bodies[1].trajectory)],
    ]),
    h("div", { class: "jumps" }, articles.map((article, i) => jumpTo(article, SIDES[i].letter, rows[i]))),
    h("div", { class: "pair" }, articles),
  ]);
}

// On a narrow page: both verdicts, with links to the attempts below.
function jumpTo(article, letter, row) {
  const button = h("button", { type: "button", title: `Go to ${letter}` }, [letterOf(letter), " ", verdictMark(row.verdict, { named: true })]);
  button.addEventListener("click", () => article.scrollIntoView());
  return button;
}

function sideName(letter, collection, row) {
  const link = IS_LIVE ? h("a", { href: `../run/${encodeURIComponent(collection.run)}/${trajectoriesLink(collection.key, { open: row.id })}` }, "in its run") : null;
  return h("h3", { class: "side-name" }, [letterOf(letter), h("span", {}, [`${plainly(collection.run)} · ${plainly(collection.label)}`, programBadge(collection.is_program)]), link]);
}
