// What signals are worth, and accuracy against cost as more attempts go to the teacher.
function cascadeSections(doc) {
  const reports = Object.entries(doc.signal_reports || {});
  const curves = doc.deferrals || [];
  return [
    reports.length ? section("signals", "When to ask the teacher", "Is the student less sure where it is wrong? AUROC is the chance that a right attempt has a higher value than a wrong one. A signal whose 95 % interval contains .5 tells nothing.", reports.map(([key, report]) => signalTable(key, report))) : null,
    curves.length ? section("deferrals", "Accuracy against cost of the cascade", "The least sure attempts go to the teacher first. The dashed line is the accuracy that is expected if the same share goes there at random. The band is a 95 % interval of the accuracy. Squares are cascades that were run.", h("div", { class: "figures" }, curves.flatMap(deferralFigures))) : null,
  ];
}

function signalTable(key, report) {
  const worth = (one) => {
    if (!one.interval) return "has no value here";
    if (one.interval.low > 0.5) return "tells";
    return one.interval.high >= 0.5 ? "tells nothing" : "tells the opposite";
  };
  const two = (value) => (value === undefined || value === null ? "–" : value.toFixed(2));
  const rows = report.signals.map((one) => [
    one.signal === report.chosen ? h("b", {}, `${plainly(one.signal)} (used)`) : plainly(one.signal),
    two(one.auroc),
    one.interval ? whisker({ value: one.auroc, low: one.interval.low, high: one.interval.high, reference: 0.5, width: 132 }) : "",
    one.interval ? `${two(one.interval.low)}–${two(one.interval.high)}` : "–",
    worth(one),
    one.threshold === undefined || one.threshold === null ? "–" : String(Number(one.threshold.toPrecision(4))),
    percent(one.share || 0),
  ]);
  return h("div", {}, [
    h("p", {}, `${plainly(key)}: ${count(report.n)} development attempts, ${count(report.n_right)} right; thresholds for ${plainly(report.bound)}.`),
    h("div", { class: "scroll", tabindex: "0" }, dataTable(["Signal", "AUROC", "", "95 % interval", "It", "Threshold", "Share deferred, %"], rows)),
  ]);
}

function deferralFigures(curve) {
  const teacher = `${plainly(curve.teacher)}${curve.teacher_is_program && !/program/i.test(curve.teacher) ? " (a program)" : ""}`;
  const all = [...curve.points, ...(curve.runs || [])];
  const hasCost = all.some((point) => point.cost_usd !== undefined && point.cost_usd !== null);
  const axes = [
    { name: "share deferred", of: (point) => point.share || 0, format: (value) => `${percent(value).replace(".0", "")} %` },
    { name: "tokens per task, of both models", of: (point) => (point.student_tokens || 0) + (point.teacher_tokens || 0), format: short },
    hasCost ? { name: "US dollars per task", of: (point) => point.cost_usd || 0, format: money } : null,
  ].filter(Boolean);
  return axes.map((axis, i) => figure({
    title: `${plainly(curve.student)}, then ${teacher}: accuracy against ${axis.name}`,
    note: `By ${plainly(curve.signal)}, ${count(curve.n_tasks)} tasks (${plainly(curve.name)}).`,
    wide: i === 0,
    draw: deferralPlot(curve, axis),
    table: i === 0 ? deferralTable(curve, hasCost) : null,
  }));
}

// Tenths around all that is drawn: an axis from 0 flattens a curve that stays high.
function accuracyRange(points) {
  const values = points.flatMap((point) => [point.interval.low, point.interval.high, point.random_accuracy || 0]);
  return [Math.floor(Math.min(...values) * 10) / 10, Math.ceil(Math.max(...values) * 10) / 10];
}

// By tokens or money the teacher alone is a point of its own: it does not pay for the student.
function deferralPlot(curve, { name, of, format }) {
  return (width) => {
    const height = Math.round(Math.min(340, Math.max(230, width * 0.55)));
    const runs = curve.runs || [];
    const shown = [...curve.points, ...runs];
    const last = Math.max(...shown.map(of));
    const right = width - 24; // half of the last tick's label lies beyond it
    const [low, high] = accuracyRange(shown);
    const x = scale(0, last, 44, right);
    const y = scale(low, high, height - 42, 12);
    const isShare = name === "share deferred";
    const line = isShare ? curve.points : curve.points.slice(0, -1);
    const [first, end] = [curve.points[0], curve.points[curve.points.length - 1]];
    const path = (points, value) => points.map((point, i) => `${i ? "L" : "M"}${x(of(point)).toFixed(1)} ${y(value(point)).toFixed(1)}`).join("");
    const band = `${path(line, (point) => point.interval.high)}${path([...line].reverse(), (point) => point.interval.low).replace("M", "L")}Z`;
    // A label lies on the side of its point that has more room.
    const ends = [[first, curve.student, 0, 18], [end, curve.teacher, TEACHER_SERIES, -10]].map(([point, text, series, below]) => {
      const isLeft = x(of(point)) < (44 + right) / 2;
      const beside = { x: x(of(point)) + (isLeft ? 8 : -8), y: y(point.accuracy || 0) + below, anchor: isLeft ? "start" : "end" };
      return [point, `${plainly(text)} alone`, series, { ...beside, space: isLeft ? width - beside.x : beside.x - 44 }];
    });
    return picture(width, height, `Accuracy against ${name}`, [
      ticks(high - low).map((above) => low + above).map((tick) => [
        svg("line", { class: "grid", x1: 44, x2: right, y1: y(tick), y2: y(tick) }),
        svg("text", { class: "tick", x: 38, y: y(tick) + 4, "text-anchor": "end" }, percent(tick).replace(".0", "")),
      ]),
      ticks(last, width < 420 ? 3 : 5).map((tick) => svg("text", { class: "tick", x: x(tick), y: height - 24, "text-anchor": "middle" }, format(tick))),
      svg("text", { class: "axis", x: (44 + right) / 2, y: height - 6, "text-anchor": "middle" }, name),
      svg("path", { class: "band s0", d: band }),
      svg("path", { class: "line s7 dashed", d: path(line, (point) => point.random_accuracy || 0) }, svg("title", {}, "the same share at random, expected")),
      svg("path", { class: "line s0", d: path(line, (point) => point.accuracy || 0) }, svg("title", {}, `by ${plainly(curve.signal)}`)),
      ends.map(([point, text, series, place]) => [
        mark(series, x(of(point)), y(point.accuracy || 0), 4.5),
        label(text, { ...place, className: "halo" }),
      ]),
      runs.map((point) => [
        svg("line", { class: "thin s1", x1: x(of(point)), x2: x(of(point)), y1: y(point.interval.low), y2: y(point.interval.high) }),
        svg("g", {}, [mark(1, x(of(point)), y(point.accuracy || 0), 5), svg("title", {}, `${plainly(point.label)}: ${percent(point.accuracy || 0)} %, ${percent(point.share || 0)} % deferred`)]),
      ]),
    ]);
  };
}

function deferralTable(curve, hasCost) {
  const rows = [
    ...curve.points.map((point, i) => [point, i === 0 ? `${curve.student} alone` : i === curve.points.length - 1 ? `${curve.teacher} alone` : ""]),
    ...(curve.runs || []).map((point) => [point, `${point.label}, at: ${point.at}`]),
  ];
  const heads = ["", "Deferred, %", "Accuracy, %", "95 % interval", "At random, %", "Gain, points", "95 % interval", "Student tokens", "Teacher tokens", ...(hasCost ? ["USD"] : [])];
  return dataTable(heads, rows.map(([point, name]) => [
    plainly(name), percent(point.share || 0), percent(point.accuracy || 0), `${percent(point.interval.low)}–${percent(point.interval.high)}`,
    percent(point.random_accuracy || 0), signed(point.gain || 0), `${signed(point.gain_interval.low)} to ${signed(point.gain_interval.high)}`,
    count(Math.round(point.student_tokens || 0)), count(Math.round(point.teacher_tokens || 0)), ...(hasCost ? [money(point.cost_usd)] : []),
  ]));
}
