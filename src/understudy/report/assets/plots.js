// The kinds of charts: rows with intervals, points on two axes, lines, stacked bars.

// Rows of one figure each: {label, value, low, high, href, series, text}. On a narrow page the label stands above.
function rowsPlot(rows, { to = 1, format = percent, name, reference }) {
  return (width) => {
    const isNarrow = width < 400;
    const left = isNarrow ? 6 : Math.min(190, width * 0.36);
    const pitch = isNarrow ? 38 : 24;
    const x = scale(0, to, left, width - 46);
    const height = rows.length * pitch + 22;
    const marks = ticks(to, isNarrow ? 2 : 4);
    return picture(width, height, name, [
      marks.map((tick) => svg("line", { class: "grid", x1: x(tick), x2: x(tick), y1: 2, y2: height - 18 })),
      marks.map((tick) => svg("text", { class: "tick", x: x(tick), y: height - 4, "text-anchor": "middle" }, format(tick).replace(/\.0+$/, ""))),
      reference === undefined ? null : svg("line", { class: "reference", x1: x(reference), x2: x(reference), y1: 2, y2: height - 18 }),
      rows.map((row, i) => rowOf(row, i * pitch + (isNarrow ? 27 : 14), { x, left, width, format, isNarrow })),
    ]);
  };
}

function rowOf(row, y, { x, left, width, format, isNarrow }) {
  const known = row.value !== undefined && row.value !== null;
  return linked(row.href, [
    svg("rect", { class: "hit", x: 0, y: y - (isNarrow ? 26 : 12), width, height: isNarrow ? 38 : 24 }),
    label(row.label, { x: 0, y: isNarrow ? y - 11 : y + 4, space: isNarrow ? width - 8 : left - 8, className: "halo" }),
    known && row.low !== undefined ? svg("line", { class: `span ${seriesClass(row.series)}`, x1: x(row.low), x2: x(row.high), y1: y, y2: y }) : null,
    known ? mark(row.series, x(row.value), y, 4.5) : null,
    svg("text", { class: "figure-text", x: width, y: y + 4, "text-anchor": "end" }, known ? row.text || format(row.value) : "–"),
    svg("title", {}, `${plainly(row.label)}: ${known ? row.text || format(row.value) : "not measured"}`),
  ]);
}

// Points {label, x, y, low, high, series, href}; x on a logarithmic axis. On a narrow page the labels stand below.
function pointsPlot(points, { name, xName, xFormat }) {
  return (width) => {
    const isNarrow = width < 520;
    const bottom = Math.round(Math.min(340, Math.max(240, width * 0.62)));
    const height = bottom + (isNarrow ? points.length * 22 + 8 : 0);
    const values = points.map((point) => point.x);
    const [low, high] = [Math.min(...values) / 1.35, Math.max(...values) * 1.35];
    const top = Math.min(1, Math.max(...points.map((point) => point.high)) * 1.08);
    const x = logScale(low, high, 38, width - 12);
    const y = scale(0, top, bottom - 40, 12);
    return picture(width, height, name, [
      ticks(top).map((tick) => [
        svg("line", { class: "grid", x1: 38, x2: width - 12, y1: y(tick), y2: y(tick) }),
        svg("text", { class: "tick", x: 32, y: y(tick) + 4, "text-anchor": "end" }, percent(tick).replace(".0", "")),
      ]),
      logTicks(low, high).filter((tick) => x(tick) < width - 26).map((tick) => svg("text", { class: "tick", x: x(tick), y: bottom - 22, "text-anchor": "middle" }, xFormat(tick).replace(".0 ", " "))),
      svg("text", { class: "axis", x: (38 + width) / 2, y: bottom - 5, "text-anchor": "middle" }, xName),
      points.map((point) => svg("line", { class: `thin ${seriesClass(point.series)}`, x1: x(point.x), x2: x(point.x), y1: y(point.low), y2: y(point.high) })),
      isNarrow ? pointsBelow(points, bottom, { x, y, width }) : pointsBeside(points, bottom, { x, y, width }),
    ]);
  };
}

function pointsBelow(points, bottom, { x, y, width }) {
  return [...points].sort((a, b) => b.y - a.y).map((point, i) => linked(point.href, [
    mark(point.series, x(point.x), y(point.y)),
    mark(point.series, 8, bottom + 18 + i * 22),
    label(point.label, { x: 20, y: bottom + 22 + i * 22, space: width - 70 }),
    svg("text", { class: "figure-text", x: width, y: bottom + 22 + i * 22, "text-anchor": "end" }, percent(point.y)),
  ]));
}

function pointsBeside(points, bottom, { x, y, width }) {
  const isLeft = (point) => x(point.x) > width * 0.55;
  const sides = [points.filter(isLeft), points.filter((point) => !isLeft(point))];
  return sides.flatMap((side) => spread(side.map((point) => ({ point, y: y(point.y) + 4 })), 14, bottom - 44).map(({ point, y: at }) => {
    const px = x(point.x);
    const place = isLeft(point) ? { x: px - 10, y: at, anchor: "end", space: px - 46 } : { x: px + 10, y: at, space: width - px - 14 };
    return linked(point.href, [
      mark(point.series, px, y(point.y)),
      label(point.label, { ...place, className: "halo" }),
      svg("title", {}, `${plainly(point.label)}: ${percent(point.y)} %`),
    ]);
  }));
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
        label(row.label, { x: 0, y: isNarrow ? y - 6 : y + 14, space: isNarrow ? width : left - 8 }),
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
