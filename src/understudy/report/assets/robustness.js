// The user's tasks with and without an attack, and how often the attack succeeds.
function robustnessTable(doc) {
  const found = doc.systems.flatMap((system) => (system.metrics.robustness || []).map((one) => ({ system, one })));
  if (!found.length) return null;
  const hasSources = new Set(found.map(({ one }) => one.source)).size > 1;
  const heads = [["System"], hasSources ? ["Tasks of"] : null, ["Tasks", "num"], ["Without attack, %", "num"], ["Under attack, %", "num"], ["Attack succeeds, %", "num"]].filter(Boolean);
  const rate = (head, value) => h("td", { class: "num", "data-head": head }, value && value.n
    ? [percent(value.rate || 0), h("span", { class: "muted" }, ` ${percent(value.interval.low)}–${percent(value.interval.high)}`)]
    : "–");
  const rows = found.map(({ system, one }) => h("tr", { class: system.role }, [
    h("th", { scope: "row" }, systemName(system)),
    hasSources ? h("td", { "data-head": "Tasks of" }, plainly(one.source)) : null,
    h("td", { class: "num", "data-head": "Tasks" }, count(one.n_tasks)),
    rate("Without attack, %", one.without_attack),
    rate("Under attack, %", one.under_attack),
    rate("Attack succeeds, %", one.attack_success),
  ]));
  const note = "The worlds of these tasks contain instructions that the user did not give. The first two rates are the user's tasks that were done; the third is how often the agent did what the attack wanted. 95 % intervals, clustered by user task.";
  return section("robustness", "Under attack", note, h("div", { class: "scroll" }, h("table", { class: "cards" }, [
    h("thead", {}, h("tr", {}, heads.map(([head, className]) => h("th", { scope: "col", class: className }, head)))),
    h("tbody", {}, rows),
  ])));
}
