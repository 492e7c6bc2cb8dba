// A list on the left and the chosen item on the right: the base of all views of attempts.

class TwoPanes {
  constructor(searchHint) {
    this.list = new RowList();
    this.search = h("input", { type: "search", id: "search", placeholder: searchHint, autocomplete: "off", spellcheck: "false" });
    this.search.addEventListener("input", () => this.searchSoon());
    this.filters = h("div", { class: "filters" });
    this.tally = h("p", { class: "tally", role: "status" });
    this.reader = h("div", { class: "reader", tabindex: "-1", role: "region", "aria-label": "Reading" });
  }

  frame(...controls) {
    this.box = h("div", { class: "explorer" }, [h("div", { class: "side", role: "search" }, [controls, this.tally, this.list.box]), this.reader]);
  }

  searchField() {
    return [h("label", { class: "unseen", for: "search" }, "Search"), this.search];
  }

  change(part) {
    const key = document.activeElement?.dataset?.key;
    go({ ...this.state, ...part }, { quietly: true });
    if (key) this.filters.querySelector(`[data-key="${key}"]`)?.focus();
  }

  searchSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.change({ q: this.search.value.trim() || undefined }), 180);
  }

  step(by) {
    const rows = this.list.rows;
    if (!rows.length) return;
    const at = this.at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, this.at + by));
    go({ ...this.state, open: rows[at].id }, { quietly: this.state.open !== undefined });
  }

  key(key) {
    if (key === "j" || key === "ArrowRight") this.step(1);
    else if (key === "k" || key === "ArrowLeft") this.step(-1);
    else if (key === "/") this.search.focus();
    else if (key === "c") this.chooseOther();
    else if (key === "m") go({ ...this.state, raw: this.state.raw ? undefined : "1" }, { quietly: true });
    else if (key === "Escape" && this.state.open) go({ ...this.state, open: undefined });
    else return false;
    return true;
  }

  say(text) {
    replace(this.reader, h("p", { class: "empty-note" }, text));
  }

  invite() {
    this.say(["Choose an attempt to read. ", h("kbd", {}, "j"), " and ", h("kbd", {}, "k"), " go to the next and the previous one."]);
  }

  // Replace what is shown; a new item is scrolled to its beginning.
  put(isNew, ...content) {
    replace(this.reader, content);
    if (isNew) this.reader.scrollTop = 0;
    if (isNew && matchMedia("(max-width: 900px)").matches) window.scrollTo(0, 0);
    this.updatePager();
  }

  toolbar(...links) {
    this.position = h("span", { class: "position" });
    this.previous = h("button", { type: "button", title: "Previous (k)", "aria-label": "Previous attempt" }, "←");
    this.next = h("button", { type: "button", title: "Next (j)", "aria-label": "Next attempt" }, "→");
    this.previous.addEventListener("click", () => this.step(-1));
    this.next.addEventListener("click", () => this.step(1));
    return h("div", { class: "toolbar", role: "toolbar", "aria-label": "Attempt" }, [
      h("a", { class: "back", href: linkTo({ ...this.state, open: undefined }) }, "‹ List"),
      this.previous, this.next, this.position, h("span", { class: "gap" }), links,
    ]);
  }

  messagesLink() {
    return h("a", { href: linkTo({ ...this.state, raw: this.state.raw ? undefined : "1" }) }, this.state.raw ? "As steps" : "As messages");
  }

  updatePager() {
    if (!this.position) return;
    const n = this.list.rows.length;
    replace(this.position, this.at < 0 ? "" : `${count(this.at + 1)} of ${count(n)}`);
    this.previous.disabled = this.at <= 0;
    this.next.disabled = this.at >= n - 1;
  }
}
