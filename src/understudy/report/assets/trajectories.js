// Attempts: filters and list on one side, reading on the other.

class Explorer {
  constructor(doc) {
    this.doc = doc;
    this.list = new RowList();
    this.found = new Set();
    this.choice = h("select", { id: "collection" });
    this.choice.addEventListener("change", () => go({ view: "trajectories", c: this.choice.value }));
    this.search = h("input", { type: "search", id: "search", placeholder: "Search questions, answers, texts  ( / )", autocomplete: "off", spellcheck: "false" });
    this.search.addEventListener("input", () => this.searchSoon());
    this.filters = h("div", { class: "filters" });
    this.tally = h("p", { class: "tally", role: "status" });
    this.reader = h("div", { class: "reader", tabindex: "-1", role: "region", "aria-label": "Reading" });
    this.box = h("div", { class: "explorer" }, [
      h("div", { class: "side", role: "search" }, [
        h("label", { class: "picker wide" }, [h("span", {}, "Attempts of"), this.choice]),
        h("label", { class: "unseen", for: "search" }, "Search"), this.search,
        this.folded = h("details", { class: "filter-fold", open: !matchMedia("(max-width: 900px)").matches }, [h("summary", {}, "Filters"), this.filters]),
        this.tally, this.list.box,
      ]),
      this.reader,
    ]);
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
      replace(this.reader, h("p", { class: "empty-note" }, "This run holds no attempts yet."));
      return;
    }
    if (collection !== this.collection) this.enter(collection);
    if (document.activeElement !== this.search) this.search.value = state.q || "";
    if (this.sought !== `${collection.key}\n${state.q || ""}`) this.seek(collection, state.q || "");
    replace(this.filters, filterBar(this.doc, collection, this.state, (part) => this.change(part)));
    this.narrow();
    this.read();
  }

  // Where nothing was asked for: the student's attempts, else the first there are.
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
    const next = { ...this.state, ...part };
    if ("vs" in part && !part.vs) next.flip = undefined;
    const key = document.activeElement?.dataset?.key;
    go(next, { quietly: true });
    if (key) this.filters.querySelector(`[data-key="${key}"]`)?.focus();
  }

  searchSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.change({ q: this.search.value.trim() || undefined }), 180);
  }

  seek(collection, words) {
    this.sought = `${collection.key}\n${words}`;
    this.found = new Set();
    this.progress = undefined;
    const wanted = this.sought;
    const needle = words.trim().toLowerCase();
    if (needle.length < 2) return;
    this.progress = 0;
    let told = 0;
    searchTexts(collection, needle, () => this.sought === wanted, (found, progress) => {
      this.found = found;
      this.progress = progress < 1 ? progress : undefined;
      if (progress === 1 || performance.now() - told > 150) {
        told = performance.now();
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

  step(by) {
    const rows = this.list.rows;
    if (!rows.length) return;
    const at = this.at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, this.at + by));
    go({ ...this.state, open: rows[at].id }, { quietly: this.state.open !== undefined });
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
      replace(this.reader, h("p", { class: "empty-note" }, open ? "There is no such attempt in this run." : ["Choose an attempt to read. ", h("kbd", {}, "j"), " and ", h("kbd", {}, "k"), " go to the next and the previous one."]));
      return;
    }
    const other = collectionOf(this.doc, vs);
    const twin = counterpart(other, row);
    try {
      const [body, otherBody] = await Promise.all([loadBody(this.collection, row), twin ? loadBody(other, twin) : undefined]);
      if (this.shown !== wanted) return;
      replace(this.reader, [this.toolbar(row, other), this.articles({ row, body }, other && { row: twin, body: otherBody, collection: other })]);
      if (isNew) this.reader.scrollTop = 0;
      if (isNew && matchMedia("(max-width: 900px)").matches) window.scrollTo(0, 0);
      this.updatePager();
    } catch (error) {
      replace(this.reader, h("p", { class: "empty-note" }, `This attempt could not be read: ${error.message}`));
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

  toolbar(row, other) {
    const isExample = this.collection.kind === "curate";
    this.position = h("span", { class: "position" });
    this.previous = h("button", { type: "button", title: "Previous (k)", "aria-label": "Previous attempt" }, "←");
    this.next = h("button", { type: "button", title: "Next (j)", "aria-label": "Next attempt" }, "→");
    this.previous.addEventListener("click", () => this.step(-1));
    this.next.addEventListener("click", () => this.step(1));
    const fate = ["rollout", "repair"].includes(this.collection.kind) && row.fate === "kept" ? this.doc.collections.find((one) => one.kind === "curate" && (stageOf(this.doc, one.key)?.inputs || []).includes(this.collection.key)) : undefined;
    return h("div", { class: "toolbar", role: "toolbar", "aria-label": "Attempt" }, [
      h("a", { class: "back", href: linkTo({ ...this.state, open: undefined }) }, "‹ List"),
      this.previous, this.next, this.position,
      h("span", { class: "gap" }),
      fate ? h("a", { href: trajectoriesLink(fate.key, { open: row.id }) }, "What is learnt of it") : null,
      other ? h("a", { href: linkTo({ ...this.state, vs: undefined, flip: undefined }) }, "Close comparison") : null,
      isExample ? null : h("a", { href: linkTo({ ...this.state, raw: this.state.raw ? undefined : "1" }) }, this.state.raw ? "As steps" : "As messages"),
    ]);
  }

  updatePager() {
    if (!this.position) return;
    const n = this.list.rows.length;
    replace(this.position, this.at < 0 ? "" : `${count(this.at + 1)} of ${count(n)}`);
    this.previous.disabled = this.at <= 0;
    this.next.disabled = this.at >= n - 1;
  }
}
