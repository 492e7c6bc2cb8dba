// All runs of a folder, and the page that puts two of them side by side.

async function refreshIndex() {
  const found = await fetchedJson("runs");
  const text = JSON.stringify(found);
  if (text === app.drawn) return; // nothing has changed: the keyboard focus stays where it is
  app.drawn = text;
  const { folder, runs } = found;
  replace(app.main, h("div", { class: "page" }, [
    h("h1", {}, plainly(folder)),
    runs.length > 1 ? h("p", { class: "note" }, h("a", { href: "./compare/" }, "Compare two runs, task by task")) : null,
    runs.length ? h("ul", { class: "runs" }, runs.map((run) => runCard(run, runs.length > 1))) : h("p", { class: "note" }, "No run in this folder yet."),
  ]));
}

function runCard(run, canCompare) {
  const name = plainly(run.name);
  return h("li", {}, [
    h("h2", {}, [h("a", { href: `./run/${encodeURIComponent(run.name)}/` }, name), h("span", { class: `badge ${run.problem ? "bad" : run.state}` }, run.problem ? "damaged" : run.state)]),
    run.problem
      ? h("p", { class: "note" }, plainly(run.problem))
      : h("p", { class: "note" }, `${run.n_done} of ${run.n_stages} started stages done${run.stage ? ` · ${plainly(run.stage)}` : ""}${run.created ? ` · ${run.created.replace("T", " ").slice(0, 16)}` : ""}`),
    run.error ? h("p", { class: "note bad" }, plainly(run.error)) : null,
    h("p", {}, run.systems.slice(0, 4).map(([system, average]) => h("span", { class: "best" }, [h("b", {}, percent(average)), ` ${plainly(system)}`]))),
    canCompare && run.n_stages ? h("p", { class: "note" }, h("a", { href: `./compare/${linkTo({ a: run.name })}`, "aria-label": `Compare ${name} with another run` }, "Compare with …")) : null,
  ]);
}

async function refreshPairs() {
  if (app.explorer) return app.explorer.refresh();
  await loadRuns();
  app.explorer = new PairExplorer();
  replace(app.main, app.explorer.box);
  document.title = `${plainly(sideBySide.title)} · Understudy`;
  return app.explorer.choose(readState());
}
