// The figures below the table.

const FAILURES = [
  ["no_code", "f0"], ["several_blocks", "f1"], ["cut_by_length", "f2"], ["syntax_error", "f3"], ["empty", "f7"], ["broken_call", "f10"],
  ["error", "f4"], ["timeout", "f5"], ["memory", "f6"], ["crashed", "f8"], ["violation", "f9"],
];

function figuresOf(doc) {
  const series = seriesOf(doc.systems);
  const made = [
    ...setFigures(doc, series), costFigure(doc, series, "tokens"), costFigure(doc, series, "cost"),
    failureFigure(doc), voteFigure(doc), ...searchFigures(doc, series), stopFigure(doc),
  ];
  return section("figures", "Figures", null, h("div", { class: "figures" }, made));
}

function setFigures(doc, series) {
  const names = [...new Set(doc.systems.flatMap((system) => system.metrics.task_sets.map((one) => one.task_set)))];
  const inside = names.filter((name) => doc.in_domain.includes(name));
  const ordered = [...inside, ...names.filter((name) => !doc.in_domain.includes(name))];
  return ordered.map((name) => {
    const domain = doc.in_domain.length ? (inside.includes(name) ? "in domain" : "out of domain") : "accuracy";
    const systems = doc.systems.filter((system) => setOf(system, name));
    const rows = systems.map((system) => {
      const { accuracy, interval } = setOf(system, name);
      return { label: chartName(system), value: accuracy, low: interval.low, high: interval.high, series: series.get(system.key), href: trajectoriesLink(system.key, { set: name }) };
    });
    return figure({
      title: plainly(name),
      note: `Accuracy in percent, ${domain}; lines are 95 % intervals.`,
      draw: rowsPlot(rows, { name: `Accuracy on ${name}` }),
      table: dataTable(["System", "Right", "Of", "Accuracy, %", "95 % interval"], systems.map((system) => {
        const one = setOf(system, name);
        const right = h("a", { href: trajectoriesLink(system.key, { set: name, verdict: "right" }) }, count(one.n_correct));
        return [chartName(system), right, count(one.n), percent(one.accuracy), `${percent(one.interval.low)}–${percent(one.interval.high)}`];
      })),
    });
  });
}

function costFigure(doc, series, kind) {
  const of = (system) => (kind === "cost" ? system.cost_per_question_usd : system.tokens_per_question);
  const systems = doc.systems.filter((system) => of(system) > 0);
  if (systems.length < 2) return null;
  const points = systems.map((system) => ({
    label: chartName(system), x: of(system), y: system.metrics.average, low: system.interval.low, high: system.interval.high,
    series: series.get(system.key), href: trajectoriesLink(system.key),
  }));
  const unit = kind === "cost" ? "US dollars per question" : "tokens per question, including prompts";
  return figure({
    title: `Accuracy against ${kind}`,
    note: `Up and to the left is better. Horizontal axis: ${unit}, logarithmic.`,
    wide: true,
    draw: pointsPlot(points, { name: `Accuracy against ${kind}`, xName: unit, xFormat: kind === "cost" ? money : short }),
    table: dataTable(["System", "Accuracy, %", kind === "cost" ? "USD" : "Tokens"], systems.map((system) => [chartName(system), percent(system.metrics.average), kind === "cost" ? money(of(system)) : count(of(system))])),
  });
}

function failuresOf(system) {
  const sum = {};
  let steps = 0;
  for (const one of system.metrics.task_sets) {
    steps += (one.mean_steps || 0) * one.n;
    for (const [kind, n] of Object.entries(one.step_failures || {})) sum[kind] = (sum[kind] || 0) + n;
  }
  return { sum, steps };
}

const shareText = (share) => `${(100 * share).toFixed(1)} %`;

function failureParts(sum, of, href) {
  return FAILURES.filter(([kind]) => sum[kind]).map(([kind, className]) => ({ name: words(kind), value: sum[kind] / of, className, href: href && href(kind) }));
}

function barsFigure({ title, note, rows, wide = false, format = shareText, to, table }) {
  const used = new Map(rows.flatMap((row) => row.parts.map((part) => [part.name, part.className])));
  const drawn = figure({ title, note, wide, draw: barsPlot(rows, { name: title, format, to }), table });
  if (used.size > 1) drawn.querySelector("figcaption").append(legend([...used]));
  return drawn;
}

function failureFigure(doc) {
  const found = doc.systems.map((system) => ({ system, ...failuresOf(system) })).filter(({ steps }) => steps > 0);
  if (!found.some(({ sum }) => Object.keys(sum).length)) return null;
  const kinds = FAILURES.filter(([kind]) => found.some(({ sum }) => sum[kind])).map(([kind]) => kind);
  const rows = found.map(({ system, sum, steps }) => {
    const parts = failureParts(sum, steps, (error) => trajectoriesLink(system.key, { error }));
    return { label: chartName(system), total: parts.reduce((all, part) => all + part.value, 0), parts };
  });
  return barsFigure({
    title: "Steps that failed",
    note: "Share of all steps whose reply had no action that could be run, or whose code failed, by kind.",
    rows,
    wide: true,
    table: dataTable(["System", "Steps", ...kinds.map(words)], found.map(({ system, sum, steps }) => [
      chartName(system), count(steps),
      ...kinds.map((error) => (sum[error] ? h("a", { href: trajectoriesLink(system.key, { error }) }, count(sum[error])) : "0")),
    ])),
  });
}

function voteFigure(doc) {
  const systems = doc.systems.filter((system) => system.candidates);
  if (!systems.length) return null;
  const total = (counts, of) => Object.values(counts || {}).reduce((all, n) => all + n, 0) / of;
  const rows = systems.flatMap((system) => {
    const { n_steps: steps, n_candidates: n, failed, chosen_failed: chosen } = system.candidates;
    return [
      { label: `sampled · ${chartName(system)}`, total: total(failed, n), parts: failureParts(failed || {}, n) },
      { label: `chosen · ${chartName(system)}`, total: total(chosen, steps), parts: failureParts(chosen || {}, steps) },
    ];
  });
  return barsFigure({
    title: "Errors before and after the vote",
    note: "Self-consistent actions: share of sampled candidates that failed, and share of steps whose chosen candidate failed.",
    rows,
    wide: true,
    table: dataTable(["System", "Steps", "Candidates", "Failed, sampled", "Failed, chosen"], systems.map((system) => {
      const { n_steps: steps, n_candidates: n, failed, chosen_failed: chosen } = system.candidates;
      return [chartName(system), count(steps), count(n), shareText(total(failed, n)), shareText(total(chosen, steps))];
    })),
  });
}

function meanOver(system, name) {
  const known = system.metrics.task_sets.filter((one) => one[name] !== undefined && one[name] !== null);
  return known.length ? known.reduce((sum, one) => sum + one[name] * one.n, 0) / known.reduce((sum, one) => sum + one.n, 0) : undefined;
}

function searchFigures(doc, series) {
  const row = (name, format) => (system) => ({ label: chartName(system), value: meanOver(system, name), series: series.get(system.key), href: trajectoriesLink(system.key), text: meanOver(system, name) === undefined ? undefined : format(meanOver(system, name)) });
  const searching = doc.systems.filter((system) => meanOver(system, "searches_per_task") !== undefined);
  const grounded = doc.systems.filter((system) => meanOver(system, "grounded_rate") !== undefined);
  const searches = searching.map(row("searches_per_task", (n) => n.toFixed(2)));
  const rates = grounded.map(row("grounded_rate", percent));
  return [
    searching.length ? figure({
      title: "Searches per question",
      note: "How often the system looked something up. Small agents tend to search too little and guess.",
      draw: rowsPlot(searches, { name: "Searches per question", to: Math.max(1, ...searches.map((one) => one.value)) * 1.1, format: (n) => n.toFixed(1) }),
      table: dataTable(["System", "Searches per question", "Questions with a search, %"], searching.map((system) => [chartName(system), meanOver(system, "searches_per_task").toFixed(2), percent(meanOver(system, "search_rate"))])),
    }) : null,
    grounded.length ? figure({
      title: "Grounded answers",
      note: "Share of factual questions, in percent, whose reference answer appears in an observation of the attempt.",
      draw: rowsPlot(rates, { name: "Grounded rate" }),
      table: dataTable(["System", "Grounded, %"], grounded.map((system) => [chartName(system), percent(meanOver(system, "grounded_rate"))])),
    }) : null,
  ];
}

function stopFigure(doc) {
  const kinds = ["answered", "step_limit", "token_budget", "context_full", "cut_by_length", "provider", "sandbox", "stopped"];
  const of = (system) => {
    const sum = {};
    for (const one of system.metrics.task_sets) for (const [kind, n] of Object.entries(one.stop_reasons || {})) sum[kind] = (sum[kind] || 0) + n;
    return sum;
  };
  const used = kinds.filter((kind) => doc.systems.some((system) => of(system)[kind]));
  if (used.length < 2) return null;
  const classes = ["f7", "f4", "f2", "f1", "f0", "f5", "f6", "f9"];
  return barsFigure({
    title: "How attempts ended",
    note: "Share of all attempts.",
    wide: true,
    to: 1,
    rows: doc.systems.map((system) => ({
      label: chartName(system), total: 1,
      parts: used.filter((kind) => of(system)[kind]).map((kind) => ({ name: words(kind), value: of(system)[kind] / system.n, className: classes[kinds.indexOf(kind)], href: trajectoriesLink(system.key, { error: kind }) })),
    })),
    table: dataTable(["System", ...used.map(words)], doc.systems.map((system) => [
      chartName(system),
      ...used.map((kind) => (of(system)[kind] ? h("a", { href: trajectoriesLink(system.key, { error: kind }) }, count(of(system)[kind])) : "0")),
    ])),
  });
}
