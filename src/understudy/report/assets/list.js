// A list of any length: only the visible rows are in the page.

const ROW_HEIGHT = 76;
const MARGIN_ROWS = 6;

class RowList {
  constructor() {
    this.items = h("ul", {});
    this.box = h("div", { class: "rows", tabindex: "0", role: "region", "aria-label": "Attempts" }, this.items);
    this.rows = [];
    this.drawn = new Map();
    this.box.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(this.box);
  }

  // ``otherOf``: the paired row of a row, if there is one. ``factsOf``: the line below its question.
  show(rows, linkOf, otherOf, factsOf = rowFacts) {
    Object.assign(this, { rows, linkOf, otherOf, factsOf });
    this.items.style.height = `${rows.length * ROW_HEIGHT}px`;
    this.clear();
    this.draw();
  }

  select(id) {
    this.selected = id;
    const at = this.rows.findIndex((row) => row.id === id);
    if (at >= 0) {
      const top = at * ROW_HEIGHT;
      const { scrollTop, clientHeight } = this.box;
      if (top < scrollTop || top + ROW_HEIGHT > scrollTop + clientHeight) this.box.scrollTop = top - clientHeight / 3;
    }
    this.clear();
    this.draw();
    return at;
  }

  clear() {
    const focused = [...this.drawn].find(([, item]) => item.contains(document.activeElement));
    this.refocus = focused ? focused[0] : undefined;
    for (const item of this.drawn.values()) item.remove();
    this.drawn.clear();
  }

  draw() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW_HEIGHT) - MARGIN_ROWS);
    const last = Math.min(this.rows.length, Math.ceil((this.box.scrollTop + this.box.clientHeight) / ROW_HEIGHT) + MARGIN_ROWS);
    for (const [at, item] of this.drawn) {
      if (at < first || at >= last) {
        item.remove();
        this.drawn.delete(at);
      }
    }
    for (let at = first; at < last; at++) if (!this.drawn.has(at)) this.place(at);
    if (this.refocus !== undefined && this.drawn.has(this.refocus)) this.drawn.get(this.refocus).firstChild.focus({ preventScroll: true });
    this.refocus = undefined;
  }

  place(at) {
    const row = this.rows[at];
    const isOpen = row.id === this.selected;
    const item = h("li", { "aria-setsize": this.rows.length, "aria-posinset": at + 1 }, [
      h("a", { class: isOpen ? "row open" : "row", href: this.linkOf(row), "aria-current": isOpen ? "true" : undefined }, this.content(row)),
    ]);
    item.style.top = `${at * ROW_HEIGHT}px`;
    const after = [...this.drawn.keys()].filter((other) => other > at).sort((a, b) => a - b)[0];
    this.items.insertBefore(item, after === undefined ? null : this.drawn.get(after));
    this.drawn.set(at, item);
  }

  content(row) {
    const other = this.otherOf ? this.otherOf(row) : undefined;
    const facts = this.factsOf(row, other);
    return [
      h("span", { class: "marks" }, [verdictMark(row.verdict), other ? verdictMark(other.verdict) : null]),
      h("span", { class: "words" }, [
        h("span", { class: "question" }, plainly(row.question)),
        h("span", { class: "facts" }, [plainly(row.task_set), facts.length ? ` · ${facts.join(" · ")}` : null]),
      ]),
    ];
  }
}

function rowFacts(row) {
  return [
    `${row.n_steps} ${row.n_steps === 1 ? "step" : "steps"}`,
    row.n_searches ? `${row.n_searches} ${row.n_searches === 1 ? "search" : "searches"}` : null,
    row.tokens ? `${short(row.tokens)} tokens` : null,
    ...(row.errors || []).map(words),
    row.n_cut ? `${row.n_cut} cut ${row.n_cut === 1 ? "reply" : "replies"}` : null,
    row.stop && row.stop !== "answered" ? words(row.stop) : null,
    row.fate ? words(row.fate) : null,
  ].filter(Boolean);
}
