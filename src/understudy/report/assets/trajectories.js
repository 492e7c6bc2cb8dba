// Attempts: filters and list on the left, the chosen attempt on the right.

class Explorer extends TwoPanes {
  constructor(doc) {
    super("Search questions, answers, texts  ( / )");
    this.doc = doc;
    this.found = new Set();
    this.choice = h("select", { id: "collection" });
    this.choice.addEventListener("change", () => go({ view: "trajectories", c: this.choice.value }));
    this.folded = h("details", { class: "filter-fold", open: !matchMedia("(max-width: 900px)").matches }, [h("summary", {}, "Filters"), this.filters]);
    this.frame(h("label", { class: "picker wide" }, [h("span", {}, "Attempts of"), this.choice]), this.searchField(), this.folded);
  }

  chooseOther() {
    this.folded.open = true;
    this.filters.querySelector("[data-key=vs]")?.focus();
  }

  use(doc) {
    this.doc = doc;
    this.collection = undefined;
    this.shown = undefined;
  }

  update(state) {
    const collection = collectionOf(this.doc, state.c) || this.first();
    this.state = { ...state, c: collection?.key };
    if (!collection) {
      this.say("This run has no attempts yet.");
      return;
    }
    if (collection !== this.collection) this.enter(collection);
    if (document.activeElement !== this.search) this.search.value = state.q || "";
    if (this.sought !== `${collection.key}\n${state.q || ""}`) this.seek(collection, state.q || "");
    replace(this.filters, filterBar(this.doc, collection, this.state, (part) => this.change(part)));
    this.narrow();
    this.read();
  }

  // By default the student's attempts, else the first collection.
  first() {
    const student = this.doc.systems.find((system) => system.role === "student");
    return collectionOf(this.doc, student?.key) || this.doc.collections[0];
  }

  enter(collection) {
    this.collection = collection;
    const kinds = ["evaluate", "rollout", "repair", "curate"].filter((kind) => this.doc.collections.some((one) => one.kind === kind));
    replace(this.choice, kinds.map((kind) => h("optgroup", { label: LABELS[kind] }, this.doc.collections.filter((one) => one.kind === kind).map((one) => h("option", { value: one.key }, `${collectionName(one)} – ${count(one.rows.length)}`)))));
    this.choice.value = collection.key;
  }

  change(part) {
    super.change("vs" in part && !part.vs ? { ...part, flip: undefined } : part);
  }

  seek(collection, words) {
    this.sought = `${collection.key}\n${words}`;
    this.found = new Set();
    this.progress = undefined;
    const wanted = this.sought;
    const needle = words.trim().toLowerCase();
    if (needle.length < 2) return;
    this.progress = 0;
    let lastDrawn = 0;
    searchTexts(collection, needle, () => this.sought === wanted, (found, progress) => {
      this.found = found;
      this.progress = progress < 1 ? progress : undefined;
      if (progress === 1 || performance.now() - lastDrawn > 150) {
        lastDrawn = performance.now();
        this.narrow();
      }
    }).catch((error) => replace(this.tally, String(error.message)));
  }

  narrow() {
    const other = collectionOf(this.doc, this.state.vs);
    const rows = listed(this.collection, this.state, other, this.found);
    const linkOf = (row) => linkTo({ ...this.state, open: row.id });
    this.list.show(rows, linkOf, other ? (row) => counterpart(other, row) : undefined);
    this.at = this.list.select(this.state.open);
    const isAll = rows.length === this.collection.rows.length;
    const isNarrowed = ["set", "verdict", "error", "steps", "search", "fate", "q", "flip"].some((key) => this.state[key]);
    replace(this.tally, [
      isAll ? `${count(rows.length)} ${this.collection.kind === "curate" ? "examples" : "attempts"}` : `${count(rows.length)} of ${count(this.collection.rows.length)}`,
      this.progress === undefined ? null : ` · searching the texts, ${Math.round(100 * this.progress)} %`,
      isNarrowed ? [" ", h("a", { href: linkTo({ view: "trajectories", c: this.state.c, vs: this.state.vs, open: this.state.open }) }, "clear filters")] : null,
    ]);
    this.updatePager();
  }

  async read() {
    const { open, vs, raw } = this.state;
    this.box.classList.toggle("reading", Boolean(open));
    const wanted = [this.collection.key, open, vs, raw].join("\n");
    if (wanted === this.shown) return;
    const row = this.collection.rows.find((one) => one.id === open);
    const isNew = this.shown === undefined || !this.shown.startsWith(`${this.collection.key}\n${open}\n`);
    this.shown = wanted;
    if (!row) {
      if (open) this.say("There is no such attempt in this run.");
      else this.invite();
      return;
    }
    const other = collectionOf(this.doc, vs);
    const twin = counterpart(other, row);
    try {
      const [body, otherBody] = await Promise.all([loadBody(this.collection, row), twin ? loadBody(other, twin) : undefined]);
      if (this.shown !== wanted) return;
      this.put(isNew, this.tools(row, other), this.articles({ row, body }, other && { row: twin, body: otherBody, collection: other }));
    } catch (error) {
      this.say(`This attempt could not be read: ${error.message}`);
    }
  }

  articles(mine, other) {
    const isRaw = Boolean(this.state.raw);
    if (mine.body.example) return exampleView(this.doc, this.collection, mine.row, mine.body);
    const first = trajectoryView(this.collection, mine.row, mine.body, { raw: isRaw });
    if (!other) return first;
    const second = other.body ? trajectoryView(other.collection, other.row, other.body, { raw: isRaw }) : h("p", { class: "empty-note" }, `${plainly(other.collection.label)} has not attempted this task.`);
    return h("div", { class: "pair" }, [first, second]);
  }

  tools(row, other) {
    const { kind, key } = this.collection;
    const isExample = kind === "curate";
    const fate = ["rollout", "repair"].includes(kind) && row.fate === "kept" ? this.doc.collections.find((one) => one.kind === "curate" && (stageOf(this.doc, one.key)?.inputs || []).includes(key)) : undefined;
    return this.toolbar(
      fate ? h("a", { href: trajectoriesLink(fate.key, { open: row.id }) }, "What is trained") : null,
      other ? h("a", { href: linkTo({ ...this.state, vs: undefined, flip: undefined }) }, "Close comparison") : null,
      IS_LIVE && !isExample ? h("a", { href: `../../compare/${linkTo({ a: decodeURIComponent(location.pathname.split("/").at(-2)), ac: key, open: row.id })}` }, "Compare with another run") : null,
      isExample ? null : this.messagesLink(),
    );
  }
}
