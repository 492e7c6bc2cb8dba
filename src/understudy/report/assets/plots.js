// The kinds of charts: rows with intervals, points on two axes, lines, stacked bars.

// Rows of one figure each: {label, value, low, high, href, series, text}.
function rowsPlot(rows, { to = 1, format = percent, name, reference }) {
  return (width) => {
    const left = Math.min(190, Math.max(96, width * 0.36));
    const right = width - 44;
    const x = scale(0, to, left, right);
    const height = rows.length * 24 + 22;
    const marks = ticks(to, width < 360 ? 2 : 4);
    return picture(width, height, name, [
      marks.map((tick) => svg("line", { class: "grid", x1: x(tick), x2: x(tick), y1: 2, y2: height - 18 })),
      marks.map((tick) => svg("text", { class: "tick", x: x(tick), y: height - 4, "text-anchor": "middle" }, format(tick).replace(/\.0+$/, ""))),
      reference === undefined ? null : svg("line", { class: "reference", x1: x(reference), x2: x(reference), y1: 2, y2: height - 18 }),
      rows.map((row, i) => rowOf(row, 14 + i * 24, { x, left, right, width, format })),
    ]);
  };
}

function rowOf(row, y, { x, left, right, width, format }) {
  const known = row.value !== undefined && row.value !== null;
  return linked(row.href, [
    svg("rect", { class: "hit", x: 0, y: y - 12, width, height: 24 }),
    label(row.label, { x: 0, y: y + 4, room: left - 8 }),
    known && row.low !== undefined ? svg("line", { class: `span ${seriesClass(row.series)}`, x1: x(row.low), x2: x(row.high), y1: y, y2: y }) : null,
    known ? mark(row.series, x(row.value), y, 4.5) : null,
    svg("text", { class: "figure-text", x: width, y: y + 4, "text-anchor": "end" }, known ? row.text || format(row.value) : "–"),
    svg("title", {}, `${plainly(row.label)}: ${known ? row.text || format(row.value) : "not measured"}`),
  ]);
}

// Points {label, x, y, low, high, series, href}; x on a logarithmic axis.
function pointsPlot(points, { name, xName, xFormat }) {
  return (width) => {
    const height = Math.round(Math.min(340, Math.max(240, width * 0.62)));
    const values = points.map((point) => point.x);
    const [low, high] = [Math.min(...values) / 1.35, Math.max(...values) * 1.35];
    const top = Math.min(1, Math.max(...points.map((point) => point.high)) * 1.08);
    const x = logScale(low, high, 38, width - 12);
    const y = scale(0, top, height - 40, 12);
    const labels = spread(points.map((point) => ({ point, y: y(point.y) + 4 })), 14, height - 44);
    return picture(width, height, name, [
      ticks(top).map((tick) => [
        svg("line", { class: "grid", x1: 38, x2: width - 12, y1: y(tick), y2: y(tick) }),
        svg("text", { class: "tick", x: 32, y: y(tick) + 4, "text-anchor": "end" }, percent(tick).replace(".0", "")),
      ]),
      logTicks(low, high).map((tick) => svg("text", { class: "tick", x: x(tick), y: height - 22, "text-anchor": "middle" }, xFormat(tick))),
      svg("text", { class: "axis", x: (38 + width) / 2, y: height - 5, "text-anchor": "middle" }, xName),
      points.map((point) => svg("line", { class: `thin ${seriesClass(point.series)}`, x1: x(point.x), x2: x(point.x), y1: y(point.low), y2: y(point.high) })),
      labels.map(({ point, y: at }) => pointOf(point, at, { x, y, width })),
    ]);
  };
}

function pointOf(point, at, { x, y, width }) {
  const px = x(point.x);
  const toLeft = px > width * 0.55;
  const place = { x: toLeft ? px - 10 : px + 10, y: at, anchor: toLeft ? "end" : "start" };
  return linked(point.href, [
    mark(point.series, px, y(point.y)),
    label(point.label, { ...place, room: toLeft ? px - 46 : width - px - 14, className: "halo" }),
    svg("title", {}, `${plainly(point.label)}: ${percent(point.y)} %`),
  ]);
}

// Push labels apart until none covers another.
function spread(items, gap, bottom) {
  const sorted = [...items].sort((a, b) => a.y - b.y);
  for (let i = 1; i < sorted.length; i++) sorted[i].y = Math.max(sorted[i].y, sorted[i - 1].y + gap);
  const over = sorted.length ? sorted[sorted.length - 1].y - bottom : 0;
  if (over > 0) {
    sorted[sorted.length - 1].y -= over;
    for (let i = sorted.length - 2; i >= 0; i--) sorted[i].y = Math.min(sorted[i].y, sorted[i + 1].y - gap);
  }
  return sorted;
}

// Lines {label, points: [{step, value}], series}.
function linesPlot(lines, { name, xName }) {
  return (width) => {
    const height = 240;
    const all = lines.flatMap((line) => line.points);
    const top = Math.max(...all.map((point) => point.value)) * 1.05;
    const last = Math.max(...all.map((point) => point.step));
    const x = scale(0, last, 40, width - 12);
    const y = scale(0, top, height - 40, 10);
    return picture(width, height, name, [
      ticks(top).map((tick) => [
        svg("line", { class: "grid", x1: 40, x2: width - 12, y1: y(tick), y2: y(tick) }),
        svg("text", { class: "tick", x: 34, y: y(tick) + 4, "text-anchor": "end" }, String(Number(tick.toPrecision(2)))),
      ]),
      ticks(last, width < 420 ? 3 : 5).map((tick) => svg("text", { class: "tick", x: x(tick), y: height - 22, "text-anchor": "middle" }, count(tick))),
      svg("text", { class: "axis", x: (40 + width) / 2, y: height - 5, "text-anchor": "middle" }, xName),
      lines.map((line) => svg("path", { class: `line ${seriesClass(line.series)}`, d: pathOf(line.points, x, y) }, svg("title", {}, plainly(line.label)))),
    ]);
  };
}

function pathOf(points, x, y) {
  return points.map((point, i) => `${i ? "L" : "M"}${x(point.step).toFixed(1)} ${y(point.value).toFixed(1)}`).join("");
}

// Bars of parts: rows {label, total, parts: [{name, value, className, href}]}.
function barsPlot(rows, { name, format, to }) {
  return (width) => {
    const isNarrow = width < 480;
    const left = isNarrow ? 0 : Math.min(200, width * 0.34);
    const pitch = isNarrow ? 44 : 28;
    const x = scale(0, to || Math.max(...rows.map((row) => row.total)) || 1, left, width - 64);
    return picture(width, rows.length * pitch + 4, name, rows.map((row, i) => {
      const y = i * pitch + (isNarrow ? 20 : 4);
      let from = 0;
      return svg("g", {}, [
        label(row.label, { x: 0, y: isNarrow ? y - 6 : y + 14, room: isNarrow ? width : left - 8 }),
        row.parts.filter((part) => part.value > 0).map((part) => {
          const [x1, x2] = [x(from), x((from += part.value))];
          return linked(part.href, [
            svg("rect", { class: `bar ${part.className}`, x: x1, y, width: Math.max(1, x2 - x1 - 1), height: 18 }),
            svg("title", {}, `${plainly(row.label)} · ${part.name}: ${format(part.value)}`),
          ]);
        }),
        svg("text", { class: "figure-text", x: x(from) + 6, y: y + 14 }, format(row.total)),
      ]);
    }));
  };
}
