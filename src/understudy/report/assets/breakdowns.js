// Accuracy by level and type within each task set.

function breakdownTables(doc) {
  const parts = doc.systems.flatMap((system) => (system.metrics.breakdowns || []).map((part) => ({ system, ...part })));
  if (!parts.length) return null;
  const kinds = [...new Set(parts.map((part) => JSON.stringify([part.task_set, part.by])))];
  const tables = kinds.map((kind) => {
    const [set, by] = JSON.parse(kind);
    const here = parts.filter((part) => part.task_set === set && part.by === by);
    const most = Math.max(...here.flatMap((part) => part.groups.map((group) => group.pass_at.length)));
    const passes = Array.from({ length: most - 1 }, (_, i) => i + 1);
    const title = `${set} by ${by.replace("_", " ")}`;
    return h("details", { class: "breakdown" }, [
      h("summary", {}, plainly(title)),
      h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Accuracy, ${plainly(title)}` }, dataTable(
        ["System", "Group", "Right", "Accuracy", "95 % interval", ...passes.map((i) => `pass@${i + 1}`)],
        here.flatMap((part) => part.groups.map((group) => [
          plainly(chartName(part.system)),
          plainly(group.group || "(none)"),
          `${count(group.n_correct)} of ${count(group.n)}`,
          percent(group.accuracy),
          `${percent(group.interval.low)}–${percent(group.interval.high)}`,
          ...passes.map((i) => (group.pass_at[i] === undefined ? "–" : percent(group.pass_at[i]))),
        ])),
      )),
    ]);
  });
  return section("breakdowns", "By level and type", "Accuracy in percent with 95 % intervals within each task set, and the chance of one right answer among k attempts.", tables);
}
