// What a cleaning dropped, changed and counted, with examples; and the topics of the conversations.

const CLEANED = { drop: "dropped", change: "changed", count: "counted" };

function cleaningBlock(doc, cleaning) {
  const { key, attempts, summary } = cleaning;
  const has = (where) => doc.collections.some((one) => one.key === where);
  const attemptLink = (id, where) => (has(where) ? h("a", { href: trajectoriesLink(where, { open: id }) }, plainly(id)) : plainly(id));
  const rows = (summary.reasons || []).map((row) => [
    `${CLEANED[row.action]}: ${words(plainly(row.reason))}`,
    row.action === "drop" && has(attempts) ? h("a", { href: trajectoriesLink(attempts, { fate: row.reason }) }, count(row.n)) : count(row.n),
    shareBar(row.n / summary.n, row.action === "drop" ? "f4" : "f7"),
    h("ul", { class: "examples" }, (row.examples || []).map((one) => h("li", {}, [attemptLink(one.trajectory_id, row.action === "drop" ? attempts : key), one.detail ? [": ", says(one.detail)] : null]))),
  ]);
  const kept = [has(key) ? h("a", { href: trajectoriesLink(key) }, "kept") : "kept", count(summary.n_kept || 0), shareBar((summary.n_kept || 0) / summary.n, "f7"), ""];
  return h("section", { class: "block cleaning", "aria-label": `Cleaning ${plainly(cleaning.stage)}` }, [
    h("h2", {}, `Cleaned: ${plainly(cleaning.stage)}`),
    h("p", { class: "note" }, `${count(summary.n_kept || 0)} of ${count(summary.n)} trajectories of ${plainly(attempts)} were kept. A trajectory that was changed or counted is kept; one may have several reasons.`),
    h("div", { class: "scroll", tabindex: "0" }, dataTable(["", "Trajectories", "Share", "Such as"], [kept, ...rows])),
    topicsTable(summary.clusters || [], (id) => attemptLink(id, attempts)),
  ]);
}

function topicsTable(clusters, attemptLink) {
  if (!clusters.length) return null;
  const rows = clusters.map((one) => [
    plainly(one.name), count(one.n), percent(one.share), one.similarity.toFixed(2),
    [one.is_small ? "small" : null, one.is_far ? "far" : null, one.is_dropped ? "dropped" : null].filter(Boolean).join(", "),
    (one.examples || []).map((id, i) => [i ? ", " : null, attemptLink(id)]),
  ]);
  return [
    h("h3", {}, "Topics"),
    h("p", { class: "note" }, "Clusters of what users say, named by their most characteristic words. The fourth column is the cosine with all other conversations. Small and far clusters are counted, and dropped only if the recipe says so."),
    h("div", { class: "scroll", tabindex: "0" }, dataTable(["Topic", "Conversations", "Share, %", "Like the rest", "", "Such as"], rows)),
  ];
}
