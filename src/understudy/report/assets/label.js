// The labelling page: one attempt at a time, and keys for right, wrong and skip. Each mark is stored before the next
// attempt is shown. What a grader says of the attempt is not shown, since it would sway the reader.

const MARK_KEYS = [["r", "right", "Right"], ["w", "wrong", "Wrong"], ["s", "skip", "Skip"]];

class Labeller {
  constructor() {
    this.reader = h("div", { class: "reader", tabindex: "-1", role: "region", "aria-label": "Reading" });
    this.status = h("p", { class: "label-status", role: "status" });
    this.bar = h("div", { class: "label-bar" });
    this.buttons = MARK_KEYS.map(([key, verdict, name]) => this.button(key, name, `mark as-${verdict}`, () => this.mark(verdict)));
    this.undoButton = this.button("u", "Undo", "mark", () => this.send({}));
    this.steps = [this.button("k", "←", "", () => this.show(this.at - 1)), this.button("j", "→", "", () => this.show(this.at + 1))];
    this.box = h("div", { class: "labelling" }, [
      h("div", { class: "label-head" }, [
        this.status, this.bar,
        h("div", { class: "label-buttons", role: "toolbar", "aria-label": "Mark this attempt" }, [this.buttons, this.undoButton, h("span", { class: "gap" }), this.steps]),
      ]),
      this.reader,
    ]);
  }

  button(key, name, className, act) {
    const made = h("button", { type: "button", class: className, "aria-keyshortcuts": key, "aria-label": { "←": "Previous attempt", "→": "Next attempt" }[name] }, [name, " ", h("kbd", {}, key)]);
    made.addEventListener("click", act);
    return made;
  }

  use(sample) {
    this.sample = sample;
    this.collection = { key: sample.stage, label: sample.stage };
  }

  get items() {
    return this.sample.items || [];
  }

  // The next attempt without a mark, from here on and then from the beginning.
  next() {
    const n = this.items.length;
    for (let i = 1; i <= n; i++) {
      const at = ((this.at ?? -1) + i) % n;
      if (!this.items[at].mark) return at;
    }
    return n;
  }

  async show(at) {
    this.at = Math.max(0, Math.min(this.items.length, at));
    this.shown = undefined; // a key that is pressed meanwhile marks nothing
    if (this.at >= this.items.length) {
      replace(this.reader, this.summary());
      this.tell();
      return;
    }
    const { row } = this.items[this.at];
    try {
      const body = JSON.parse(await fetchedText(`body?id=${encodeURIComponent(row.id)}`));
      if (this.items[this.at]?.row.id !== row.id) return;
      replace(this.reader, trajectoryView(this.collection, row, body, { raw: this.isRaw, blind: true }));
      this.shown = row.id;
      this.tell();
      window.scrollTo(0, 0);
    } catch (error) {
      this.complain(`This attempt could not be read: ${error.message}`);
    }
  }

  tell() {
    const marks = this.items.map((item) => item.mark).filter(Boolean);
    const tally = (verdict) => marks.filter((one) => one === verdict).length;
    const n = this.items.length;
    const item = this.items[this.at];
    replace(this.status, [
      h("b", {}, item ? `${count(this.at + 1)} of ${count(n)}` : `${count(marks.length)} of ${count(n)} marked`),
      ` · ${count(tally("right"))} right · ${count(tally("wrong"))} wrong · ${count(tally("skip"))} skipped`,
      item?.mark ? [" · this one: ", h("b", {}, item.mark)] : null,
    ]);
    replace(this.bar, this.items.map((one, i) => h("span", { class: `as-${one.mark || "open"}${i === this.at ? " here" : ""}` })));
    this.buttons.forEach((button, i) => {
      button.disabled = !item;
      button.setAttribute("aria-pressed", String(item?.mark === MARK_KEYS[i][1]));
    });
    this.undoButton.disabled = !marks.length;
    this.steps[0].disabled = this.at <= 0;
    this.steps[1].disabled = this.at >= n;
  }

  mark(verdict) {
    const item = this.items[this.at];
    if (item && item.row.id === this.shown) this.send({ id: item.row.id, verdict });
  }

  async send(asked) {
    if (this.isBusy) return;
    this.isBusy = true;
    try {
      const answer = await fetch("mark", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(asked) });
      const text = await answer.text();
      if (!answer.ok) throw new Error(text || answer.statusText);
      this.use(JSON.parse(text));
      const back = this.items.findIndex((one) => one.row.id === this.sample.undone);
      await this.show(back >= 0 ? back : this.next());
    } catch (error) {
      this.complain(error.message);
    } finally {
      this.isBusy = false;
    }
  }

  complain(text) {
    replace(this.status, h("span", { class: "note bad", role: "alert" }, plainly(text)));
  }

  summary() {
    const left = this.items.filter((item) => !item.mark).length;
    return h("div", { class: "page label-done" }, [
      h("h1", {}, left ? `${count(left)} of ${count(this.items.length)} are not marked yet` : "All attempts of the sample are marked"),
      h("p", { class: "note" }, `A sample of ${count(this.items.length)} of ${count(this.sample.n_population)} attempts of ${plainly(this.sample.stage)}. The marks are in marks.jsonl of the run.`),
      left ? null : markAgreements(this.sample.agreements || []),
    ]);
  }

  key(key) {
    const found = MARK_KEYS.find(([one]) => one === key);
    if (found) this.mark(found[1]);
    else if (key === "u") this.send({});
    else if (key === "j" || key === "ArrowRight") this.show(this.at + 1);
    else if (key === "k" || key === "ArrowLeft") this.show(this.at - 1);
    else if (key === "m") {
      this.isRaw = !this.isRaw;
      this.show(this.at);
    } else return false;
    return true;
  }

  update() {}
}

async function refreshLabel() {
  if (app.explorer) return;
  const sample = JSON.parse(await fetchedText("sample"));
  app.explorer = new Labeller();
  app.explorer.use(sample);
  replace(app.main, app.explorer.box);
  document.title = `Label ${plainly(sample.run)} · Understudy`;
  await app.explorer.show(app.explorer.next());
}
