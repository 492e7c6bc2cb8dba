// Hand-made charts. Each is drawn at the width it has, so that its letters stay as large as the text around it, and
// each carries its figures as a table.

const SERIES = 8;
const seriesClass = (number) => `s${number % SERIES}`;

// A figure: what it shows, in words; the drawing; the data behind it, folded.
function figure({ title, note, draw, table, wide }) {
  const stage = h("div", { class: "stage" });
  const box = h("figure", { class: wide ? "figure wide" : "figure" }, [
    h("figcaption", {}, [h("h3", {}, title), note ? h("p", {}, note) : null]),
    stage,
    table ? h("details", { class: "data" }, [h("summary", {}, "Data"), h("div", { class: "scroll", tabindex: "0" }, table)]) : null,
  ]);
  drawnToWidth(stage, draw);
  return box;
}

const widths = new ResizeObserver((entries) => {
  for (const entry of entries) {
    const width = Math.floor(entry.contentRect.width);
    if (width > 0 && entry.target.drawnWidth !== width) {
      entry.target.drawnWidth = width;
      replace(entry.target, entry.target.draw(width));
    }
  }
});

function drawnToWidth(stage, draw) {
  stage.draw = draw;
  widths.observe(stage);
}

function picture(width, height, label, ...children) {
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label }, ...children);
}

function scale(low, high, from, to) {
  const span = high - low || 1;
  return (value) => from + ((Math.min(Math.max(value, low), high) - low) / span) * (to - from);
}

function logScale(low, high, from, to) {
  const inner = scale(Math.log10(low), Math.log10(high), from, to);
  return (value) => inner(Math.log10(Math.max(value, 1e-12)));
}

// About n round numbers from 0 to high.
function ticks(high, n = 4) {
  const raw = (high || 1) / n;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw) || raw;
  return Array.from({ length: Math.floor(high / step + 1e-9) + 1 }, (_, i) => i * step);
}

function logTicks(low, high) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const m of [1, 2, 5]) if (m * 10 ** power >= low && m * 10 ** power <= high) found.push(m * 10 ** power);
  }
  return found.length > 6 ? found.filter((_, i) => i % 2 === 0) : found;
}

// A label, cut to ``space`` pixels; hovering shows all of it. A letter of 12 px takes 6.4 px.
function label(text, { x, y, space, anchor = "start", className = "" }) {
  const n = Math.max(3, Math.floor(space / 6.4));
  const shown = text.length > n ? `${text.slice(0, n - 1)}…` : text;
  return svg("text", { x, y, "text-anchor": anchor, class: `label ${className}` }, [
    plainly(shown),
    svg("title", {}, plainly(text)),
  ]);
}

function linked(href, ...children) {
  return href ? svg("a", { href }, ...children) : svg("g", {}, ...children);
}

const MARKS = [
  (x, y, r) => svg("circle", { cx: x, cy: y, r }),
  (x, y, r) => svg("rect", { x: x - r * 0.9, y: y - r * 0.9, width: r * 1.8, height: r * 1.8 }),
  (x, y, r) => svg("path", { d: `M${x} ${y - r * 1.2}L${x + r * 1.2} ${y + r}L${x - r * 1.2} ${y + r}Z` }),
  (x, y, r) => svg("path", { d: `M${x} ${y - r * 1.3}L${x + r * 1.3} ${y}L${x} ${y + r * 1.3}L${x - r * 1.3} ${y}Z` }),
  (x, y, r) => svg("path", { d: `M${x} ${y + r * 1.2}L${x + r * 1.2} ${y - r}L${x - r * 1.2} ${y - r}Z` }),
];

// A mark that differs from its neighbours in shape as well as in colour.
function mark(number, x, y, r = 5) {
  const made = MARKS[number % MARKS.length](x, y, r);
  made.setAttribute("class", `mark ${seriesClass(number)}`);
  return made;
}

// The interval of one figure, small enough for a table's cell.
function whisker({ value, low, high, from = 0, to = 1, reference, width = 132, className = "s0" }) {
  const x = scale(from, to, 3, width - 3);
  return svg("svg", { class: "whisker", viewBox: `0 0 ${width} 16`, width, height: 16, "aria-hidden": "true" }, [
    svg("line", { class: "rail", x1: 3, x2: width - 3, y1: 8, y2: 8 }),
    reference === undefined ? null : svg("line", { class: "reference", x1: x(reference), x2: x(reference), y1: 1, y2: 15 }),
    svg("line", { class: `span ${className}`, x1: x(low), x2: x(high), y1: 8, y2: 8 }),
    svg("circle", { class: `mark ${className}`, cx: x(value), cy: 8, r: 4 }),
  ]);
}

function dataTable(heads, rows) {
  return h("table", { class: "plain" }, [
    h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, rows.map(([first, ...rest]) => h("tr", {}, [h("th", { scope: "row" }, first), rest.map((cell) => h("td", {}, cell))]))),
  ]);
}

function legend(items) {
  return h("ul", { class: "legend" }, items.map(([name, className]) => h("li", {}, [h("i", { class: `chip ${className}` }), name])));
}
