// How often a model's next action is the stored one; no tool was executed.
function agreementTables(doc) {
  const heads = [["The same as stored"], ["Steps", "num"], ["Same", "num"], ["Rate, %", "num"], ["95 % interval", "num"]];
  const row = (rate, isArgument) => h("tr", {}, [
    h("th", { scope: "row", class: isArgument ? "muted" : "" }, plainly(rate.name)),
    h("td", { class: "num", "data-head": "Steps" }, count(rate.n)),
    h("td", { class: "num", "data-head": "Same" }, count(rate.n_same)),
    h("td", { class: "num", "data-head": "Rate, %" }, percent(rate.rate)),
    h("td", { class: "num", "data-head": "95 % interval" }, `${percent(rate.interval.low)}–${percent(rate.interval.high)}`),
  ]);
  return (doc.agreements || []).map((one, number) => {
    const left = [
      one.n_failed ? `${count(one.n_failed)} steps without a reply, because of an infrastructure error, are not counted in any rate.  ` : "",
      one.n_skipped ? `${count(one.n_skipped)} stored steps whose action cannot be read were left out. ` : "",
    ];
    const kinds = Object.entries(one.kinds || {}).map(([name, n]) => `${name} ${count(n)}`).join(", ");
    const note = `At ${count(one.n_steps)} stored steps of ${count(one.n_conversations)} conversations; no tool was executed. ${left.join("")}Intervals are clustered by conversation. Stored → chosen: ${kinds}.`;
    const title = [`Stored actions: ${plainly(one.system)}`, programBadge(one.is_program)];
    return section(`agreement-${number}`, title, note, h("div", { class: "scroll" }, h("table", { class: "cards" }, [
      h("thead", {}, h("tr", {}, heads.map(([head, className]) => h("th", { scope: "col", class: className }, head)))),
      h("tbody", {}, [...one.rates.map((rate) => row(rate, false)), ...(one.arguments || []).map((rate) => row(rate, true))]),
    ])));
  });
}

// How graders agree with a person who marked a sample.
function markAgreements(agreements) {
  if (!agreements.length) return null;
  const bounds = (one, digits) => (one ? `${digits(one.low)}–${digits(one.high)}` : "–");
  const kappa = (value) => (value === undefined || value === null ? "–" : value.toFixed(2));
  const rows = agreements.map((one) => [
    plainly(one.grader), plainly(one.stage), `${count(one.n_same || 0)} of ${count(one.n)}`, percent(one.rate), bounds(one.interval, percent), kappa(one.kappa), bounds(one.kappa_interval, kappa),
    Object.entries(one.counts || {}).map(([name, n]) => `${name} ${count(n)}`).join(", "),
  ]);
  const notes = agreements.flatMap((one) => [
    one.n_not_judged ? `${plainly(one.grader)} did not judge ${count(one.n_not_judged)} marked attempts. ` : "",
    one.unmarked ? `No attempt that ${plainly(one.grader)} calls ${one.unmarked} is marked; the rates leave them out. ` : "",
  ]);
  const note = `A person marked a sample. The rates are weighted to all attempts with a verdict; the last column counts grader → person. ${notes.join("")}`;
  return section("mark-agreement", "Agreement with a person", note, h("div", { class: "scroll", tabindex: "0" }, dataTable(["Grader", "Attempts", "Same", "Agreement, %", "95 % interval", "Kappa", "95 % interval", "Verdicts"], rows)));
}
