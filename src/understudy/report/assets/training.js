// Losses, what was kept and dropped, what is learnt; and the stages and the manifest of the run.

function drawTraining(main, doc) {
  const page = h("div", { class: "page" }, h("h1", {}, "Training"));
  if (!doc.curations.length && !doc.cleanings.length && !doc.curves.length) append(page, [h("p", { class: "note" }, "Nothing was curated or trained in this run.")]);
  append(page, [lossFigures(doc), doc.cleanings.map((one) => cleaningBlock(doc, one)), doc.curations.map((one) => curationBlock(doc, one))]);
  replace(main, page);
}

function lossFigures(doc) {
  const quantities = [...new Set(doc.curves.map((curve) => curve.quantity))];
  const made = quantities.map((quantity) => {
    const lines = doc.curves.filter((curve) => curve.quantity === quantity && curve.points.length).map((curve, i) => ({ label: curve.stage, points: curve.points, series: i === 0 ? 0 : i }));
    if (!lines.length) return null;
    const drawn = figure({
      title: words(quantity)[0].toUpperCase() + words(quantity).slice(1),
      note: "Over optimiser steps, as each training logged it.",
      wide: true,
      draw: linesPlot(lines, { name: `${quantity} over steps`, xName: "optimiser steps" }),
      table: dataTable(["Training", "Step", words(quantity)], lines.flatMap((line) => line.points.map((point) => [plainly(line.label), count(point.step), point.value.toFixed(4)]))),
    });
    drawn.querySelector("figcaption").append(legend(lines.map((line) => [plainly(line.label), seriesClass(line.series)])));
    return drawn;
  });
  return made.length ? h("div", { class: "figures" }, made) : null;
}

function curationBlock(doc, curation) {
  const key = curation.key;
  const from = doc.collections.filter((one) => ["rollout", "repair"].includes(one.kind) && (stageOf(doc, key)?.inputs || []).includes(one.key));
  const drops = Object.entries(curation.dropped || {});
  const nAll = curation.n_kept + drops.reduce((sum, [, n]) => sum + n, 0);
  const fate = (reason, n) => (from.length === 1 ? h("a", { href: trajectoriesLink(from[0].key, { fate: reason }) }, count(n)) : count(n));
  const rows = [
    [h("a", { href: trajectoriesLink(key) }, "kept as examples"), fate("kept", curation.n_kept), shareBar(curation.n_kept / nAll, "f7")],
    ...drops.map(([reason, n]) => [`dropped: ${words(reason)}`, fate(reason, n), shareBar(n / nAll, "f4")]),
  ];
  return h("section", { class: "block", "aria-label": `Curation ${plainly(curation.stage)}` }, [
    h("h2", {}, plainly(curation.stage)),
    h("p", { class: "note" }, `${count(curation.n_kept)} of ${count(nAll)} trajectories became examples. Each example can be read, with its trained parts in colour.`),
    h("div", { class: "figures" }, [
      h("div", { class: "figure" }, [h("h3", {}, "Kept and dropped"), h("div", { class: "scroll" }, dataTable(["", "Trajectories", "Share"], rows))]),
      amountsFigure(curation),
    ]),
  ]);
}

function shareBar(share, className) {
  return svg("svg", { class: "whisker", viewBox: "0 0 132 12", width: 132, height: 12, role: "img", "aria-label": shareText(share || 0) }, [
    svg("rect", { class: "empty", x: 0, y: 2, width: 132, height: 8, rx: 2 }),
    svg("rect", { class: `bar ${className}`, x: 0, y: 2, width: 132 * (share || 0), height: 8, rx: 2 }),
  ]);
}

function amountsFigure(curation) {
  const amounts = (curation.amounts || []).filter((one) => one.trained + one.read > 0);
  if (!amounts.length) return null;
  return barsFigure({
    title: `${curation.unit === "tokens" ? "Tokens" : "Characters"} by role`,
    note: `The content of the examples, and the trained part of it. Counted in ${curation.unit}${curation.unit === "tokens" ? " of the student's tokenizer" : ", since no trained tokenizer is available"}.`,
    format: short,
    rows: amounts.map((one) => ({ label: one.part, total: one.trained + one.read, parts: [{ name: "trained", value: one.trained, className: "learnt" }, { name: "context", value: one.read, className: "only-read" }] })),
    table: dataTable(["Part", "Trained", "Context"], amounts.map((one) => [one.part, count(one.trained), count(one.read)])),
  });
}

const stageOf = (doc, key) => doc.stages.find((stage) => `${stage.kind}/${stage.name}` === key);

function drawRun(main, doc) {
  const stages = doc.stages.map((stage) => {
    const facts = Object.fromEntries(stage.facts || []);
    const key = `${stage.kind}/${stage.name}`;
    const collection = doc.collections.find((one) => one.key === key);
    const counts = Object.entries(stage.counts || {}).map(([name, value]) => `${words(name)} ${count(value)}`);
    const files = (stage.files || []).map(([name, bytes]) => [name, `${count(bytes)} bytes`]);
    return [
      collection ? h("a", { href: trajectoriesLink(key) }, plainly(key)) : plainly(key),
      h("span", { class: `badge ${stage.state}` }, stage.state), count(stage.n || 0), facts.seconds ? seconds(Number(facts.seconds)) : "–",
      [stage.error ? h("p", { class: "note bad" }, plainly(stage.error)) : null, counts.length ? h("p", { class: "note" }, plainly(counts.join(" · "))) : null],
      h("details", {}, [h("summary", {}, "Settings and files"), factTable([...(stage.facts || []), ...files])]),
    ];
  });
  replace(main, h("div", { class: "page" }, [
    h("h1", {}, "Run"),
    section("stages", "Stages", null, h("div", { class: "scroll", tabindex: "0" }, dataTable(["Stage", "State", "Records", "Took", "Result", ""], stages))),
    section("manifest", "Manifest", "Recipe, versions, commit and seeds, as they were when the run began.", factTable(doc.manifest)),
  ]));
}

function factTable(facts) {
  return h("div", { class: "scroll", tabindex: "0" }, h("table", { class: "facts" }, h("tbody", {}, facts.map(([name, value]) => h("tr", {}, [h("th", { scope: "row" }, plainly(name)), h("td", {}, says(value))])))));
}
