// Reading one attempt, or one training example.

// ``head`` replaces the attempt's name and question above the verdict; ``blind`` leaves the verdict out.
function trajectoryView(collection, row, body, { raw = false, head, blind = false } = {}) {
  const { trajectory, scores = [] } = body;
  const messages = trajectory.messages;
  const steps = trajectory.steps || [];
  const starts = steps.map((step) => step.message_index);
  const first = starts.length ? starts[0] : messages.length;
  const article = h("article", { class: "attempt", "aria-label": `Attempt ${plainly(row.id)}` }, [
    h("header", { class: "attempt-head" }, [
      head || [
        h("p", { class: "kicker" }, [plainly(collection.label), programBadge(collection.is_program), ` · ${plainly(row.task_set)} · ${plainly(row.id)}`]),
        questionView(trajectory),
      ],
      verdictBox(row, trajectory, scores, blind),
      factsList(trajectory),
    ]),
  ]);
  if (raw) {
    append(article, messages.map((message) => messageView(message)));
    return article;
  }
  append(article, [
    h("details", { class: "given-messages" }, [h("summary", {}, `Initial messages: ${first} ${first === 1 ? "message" : "messages"}`), messages.slice(0, first).map(messageView)]),
    steps.map((step, i) => {
      const next = i + 1 < starts.length ? starts[i + 1] : messages.length;
      return stepView(step, i + 1, steps.length, messages[step.message_index], messages.slice(step.message_index + 1, next));
    }),
    trajectory.failure ? h("p", { class: "failure" }, ["Infrastructure error: ", says(trajectory.failure.message)]) : null,
  ]);
  return article;
}

function questionView(trajectory) {
  return textBlock(trajectory.task.question, { className: "asked", lines: 14, draw: (text) => h("h2", {}, says(text)) });
}

function messageView(message) {
  return h("section", { class: `message ${message.role}` }, [
    h("h4", {}, message.role),
    message.content || !(message.tool_calls || []).length ? textBlock(message.content, { className: "output", lines: 24 }) : null,
    (message.tool_calls || []).length ? calledView(message.tool_calls, [], []) : null,
  ]);
}

function verdictBox(row, trajectory, scores, isBlind) {
  const answer = trajectory.answer === undefined || trajectory.answer === null ? null : trajectory.answer;
  const reference = trajectory.task.answer ?? null;
  return h("div", { class: `outcome-box ${row.verdict}` }, [
    isBlind ? null : verdictMark(row.verdict, { named: true }),
    h("dl", {}, [
      h("div", {}, [h("dt", {}, "Answered"), h("dd", {}, answer === null ? h("span", { class: "muted" }, "nothing") : textBlock(answer, { lines: 4, className: "short" }))]),
      h("div", {}, [h("dt", {}, "Reference"), h("dd", {}, reference === null ? h("span", { class: "muted" }, "none") : textBlock(reference, { lines: 4, className: "short" }))]),
    ]),
    scores.map((score) => h("p", { class: "explanation" }, [
      h("b", {}, plainly(score.grader)), " ",
      score.correct === undefined || score.correct === null ? "could not judge" : score.correct ? "right" : "wrong",
      score.value === undefined || score.value === null ? null : `, value ${score.value.toFixed(2)}`,
      score.grounded === true ? ", grounded in an observation" : score.grounded === false ? ", not grounded in any observation" : null,
      score.explanation ? ": " : null, score.explanation ? says(score.explanation.slice(0, 3000)) : null,
    ])),
  ]);
}

function factsList(trajectory) {
  const { usage = {}, user_usage: user, timing = {}, task } = trajectory;
  const time = (timing.model_s || 0) + (timing.code_s || 0);
  const facts = [
    ["Ended", words(trajectory.stop_reason) + (trajectory.answer_was_asked ? ", asked once for the answer" : "")],
    trajectory.model ? ["Model", trajectory.model] : null,
    ["Agent", words(trajectory.agent)],
    (trajectory.tools || []).length ? ["Tools", trajectory.tools.map((tool) => tool.name).join(", ")] : null,
    ["Tokens", `${count(usage.prompt_tokens || 0)} read${usage.cached_tokens ? ` (${count(usage.cached_tokens)} of them from a cache)` : ""}, ${count(usage.completion_tokens || 0)} written`],
    user ? ["Tokens of the user's model", `${count(user.prompt_tokens || 0)} read, ${count(user.completion_tokens || 0)} written`] : null,
    time ? ["Time", seconds(time)] : null,
    usage.cost_usd === undefined || usage.cost_usd === null ? null : ["Cost", money(usage.cost_usd)],
    ["Attempt", `${trajectory.attempt || 0}, seed ${trajectory.seed}`],
    task.level ? ["Level", task.level] : null,
    task.type ? ["Type", task.type] : null,
    trajectory.prefix_mode && trajectory.prefix_mode !== "none" ? ["Prefix", `${words(trajectory.prefix_mode)}${trajectory.prefix_delivery ? `, ${words(trajectory.prefix_delivery)}` : ""}`] : null,
    trajectory.prompt_hash ? ["Prompts", trajectory.prompt_hash] : null,
  ].filter(Boolean);
  return h("dl", { class: "fact-list" }, facts.map(([name, value]) => h("div", {}, [h("dt", {}, name), h("dd", {}, plainly(value.slice(0, 300)))])));
}

function exampleView(doc, collection, row, body) {
  const { example, masks = [] } = body;
  const from = doc.collections.filter((one) => ["rollout", "repair"].includes(one.kind) && (stageOf(doc, collection.key)?.inputs || []).includes(one.key) && [one.key, undefined, ""].includes(example.stage) && one.rows.some((other) => other.id === example.trajectory_id));
  return h("article", { class: "attempt", "aria-label": `Example ${plainly(row.id)}` }, [
    h("header", { class: "attempt-head" }, [
      h("p", { class: "kicker" }, [plainly(collection.label), ` · training example · ${plainly(row.id)}`]),
      h("h2", {}, plainly(row.question)),
      from.map((one) => h("p", {}, h("a", { href: trajectoriesLink(one.key, { open: example.trajectory_id }) }, `The attempt from which it was made, in ${plainly(one.label)}`))),
    ]),
    masks.map((mask, i) => maskView(mask, i, masks.length)),
  ]);
}

// The loss mask: trained text is coloured, the rest is pale.
function maskView(mask, number, n) {
  const isOn = mask.weights.map((weight) => weight > 0);
  const isTokens = mask.unit === "tokens";
  const size = (i) => (isTokens ? 1 : mask.texts[i].length);
  const total = mask.texts.reduce((sum, _, i) => sum + size(i), 0);
  const learnt = mask.texts.reduce((sum, _, i) => sum + (isOn[i] ? size(i) : 0), 0);
  return h("section", { class: "mask" }, [
    h("h3", {}, n > 1 ? `Sequence ${number + 1} of ${n}` : "What is trained"),
    h("p", { class: "note" }, `${count(learnt)} of ${count(total)} ${mask.unit} (${percent(learnt / (total || 1))} %) have a loss. ${isTokens ? "Each box is a token." : "Divided where the trained spans begin and end, since no trained tokenizer is available."}`),
    legend([["trained", "token-on"], ["context", "token-off"]]),
    h("pre", { class: "tokens", tabindex: "0", "aria-label": "Training sequence" }, mask.texts.map((text, i) => h("span", { class: `${isOn[i] ? "on" : "off"}${mask.weights[i] > 0 && mask.weights[i] !== 1 ? " weighted" : ""}`, title: mask.weights[i] > 0 && mask.weights[i] !== 1 ? `weight ${mask.weights[i]}` : undefined }, says(text)))),
  ]);
}
