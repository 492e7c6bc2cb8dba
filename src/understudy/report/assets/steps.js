// One step of an attempt: the reply, its calls and candidates, the observation.

const FENCE = /^[ \t]*(?:```[^\n]*|<\/?code>[ \t]*)$/gm;

// A reply in parts, none of its characters lost: prose, fences, code. ``start`` is the place in the reply.
function replyParts(content) {
  const parts = [];
  let done = 0;
  let inCode = false;
  for (const match of content.matchAll(FENCE)) {
    if (match.index > done) parts.push({ kind: inCode ? "code" : "prose", text: content.slice(done, match.index), start: done });
    const end = Math.min(content.length, match.index + match[0].length + 1);
    parts.push({ kind: "fence", text: content.slice(match.index, end), start: match.index });
    inCode = !inCode;
    done = end;
  }
  if (done < content.length) parts.push({ kind: inCode ? "code" : "prose", text: content.slice(done), start: done });
  return parts;
}

function replyView(content, prefilled = 0) {
  return h("div", { class: "reply" }, replyParts(content).map((part) => {
    if (part.kind === "code") return textBlock(part.text.replace(/\n$/, ""), { className: "code", draw: python, lines: 60 });
    if (part.kind === "fence") return h("div", { class: "fence" }, says(part.text.trim()));
    const cut = Math.min(part.text.length, Math.max(0, prefilled - part.start));
    const draw = (text) => [cut ? h("mark", { class: "given", title: "Prefilled: first-thought prefix" }, prose(text.slice(0, cut))) : null, prose(text.slice(cut))];
    return proseBlock(part.text.replace(/\n$/, ""), draw);
  }));
}

function proseBlock(text, draw) {
  return textBlock(text, { className: "prose", draw: (shown) => h("span", {}, draw(shown)) });
}

// Prose, in which the labels of the action format are marked.
function prose(text) {
  const fragment = document.createDocumentFragment();
  for (const piece of text.split(/^(Thought:|Code:|Observation:|Execution logs:)/m)) {
    fragment.append(/^(Thought|Code|Observation|Execution logs):$/.test(piece) ? h("span", { class: "tag" }, piece) : says(piece));
  }
  return fragment;
}

function stepError(step) {
  if (step.parse_problem) return step.parse_problem;
  return step.execution_status && step.execution_status !== "ok" ? step.execution_status : null;
}

function stepView(step, number, nSteps, reply, answers) {
  const error = stepError(step);
  return h("section", { class: error ? "step failed" : "step", "aria-label": `Step ${number}` }, [
    h("header", {}, [
      h("h3", {}, nSteps === 1 ? "Reply" : `Step ${number}`),
      error ? h("span", { class: "badge bad" }, [words(error), step.error_name ? [": ", plainly(step.error_name)] : null]) : null,
      step.is_final ? h("span", { class: "badge final" }, "final answer") : null,
      cutBadge(step),
      step.prefilled_chars ? h("span", { class: "badge given" }, "begins with a first-thought prefix") : null,
      h("span", { class: "spent" }, spent(step)),
    ]),
    reply.content || !(reply.tool_calls || []).length ? replyView(reply.content, step.prefilled_chars || 0) : null,
    (reply.tool_calls || []).length ? calledView(reply.tool_calls, step.tool_calls || [], answers) : callsView(step.tool_calls || []),
    votesView(step.candidates || []),
    answers.filter((message) => !message.tool_call_id).map((message) => observationView(message)),
  ]);
}

// The model had gone on to write beyond a stop string: what followed it was neither read nor stored.
function cutBadge({ cut_at: cutAt }) {
  return cutAt ? h("span", { class: "badge cut", title: "The model had continued after this stop string" }, ["cut at ", h("code", {}, says(JSON.stringify(cutAt)))]) : null;
}

function spent({ usage = {}, timing = {}, mean_logprob: logprob }) {
  const time = (timing.model_s || 0) + (timing.code_s || 0);
  return [
    `${short(usage.prompt_tokens || 0)}${usage.cached_tokens ? ` (${short(usage.cached_tokens)} cached)` : ""} + ${short(usage.completion_tokens || 0)} tokens`,
    time ? seconds(time) : null,
    logprob === undefined || logprob === null ? null : `mean log-prob ${nats(logprob)}`,
  ].filter(Boolean).join(" · ");
}

function callsView(calls) {
  if (!calls.length) return null;
  return h("ul", { class: "calls" }, calls.map((call) => callItem(call.name, call.arguments, call)));
}

function callItem(name, args, { cached, error }) {
  return h("li", {}, [
    h("code", {}, [h("b", {}, plainly(name)), " ", says(args.length > 400 ? `${args.slice(0, 400)}…` : args)]),
    cached ? h("span", { class: "badge" }, "cached") : null,
    error ? h("span", { class: "badge bad" }, says(error.slice(0, 200))) : null,
  ]);
}

// Tool calls of a reply, each with its result. ``made``: what was executed of them, in order.
function calledView(calls, made, answers) {
  const results = new Map(answers.map((message) => [message.tool_call_id, message]));
  return calls.map((call, i) => h("div", { class: "called" }, [
    h("ul", { class: "calls" }, callItem(call.name, argumentsText(call), { ...made[i], error: null })),
    Object.values(call.arguments || {}).some((value) => isLong(value)) ? longArguments(call) : null,
    results.has(call.id) ? observationView(results.get(call.id), made[i] && made[i].error ? "Result: error" : "Result") : null,
  ]));
}

function argumentsText(call) {
  if (call.broken_arguments) return call.broken_arguments;
  return JSON.stringify(call.arguments || {}, (_, value) => (isLong(value) ? "…" : value));
}

const isLong = (value) => typeof value === "string" && value.includes("\n");

// Arguments of several lines, such as code, as they are.
function longArguments(call) {
  return Object.entries(call.arguments).filter(([, value]) => isLong(value)).map(([name, value]) => h("div", { class: "reply" }, [
    h("div", { class: "fence" }, plainly(name)),
    textBlock(value, { className: "code", draw: name === "code" ? python : undefined, lines: 60 }),
  ]));
}

function observationView(message, title = message.role === "user" ? "Observation" : words(message.role)) {
  return h("div", { class: "observation" }, [
    h("h4", {}, title),
    textBlock(message.content.replace(/^Observation:\n/, ""), { className: "output", lines: 18 }),
  ]);
}

// The vote: groups of equal outcomes, the largest first, failed candidates last.
function votesView(candidates) {
  if (!candidates.length) return null;
  const groups = new Map();
  for (const one of candidates) {
    const key = one.vote === undefined || one.vote === null ? `failed: ${words(stepError(one) || "unknown")}` : `vote ${one.vote}`;
    groups.set(key, [...(groups.get(key) || []), one]);
  }
  const sorted = [...groups].sort(([a, x], [b, y]) => a.startsWith("failed") - b.startsWith("failed") || y.length - x.length);
  const summary = sorted.map(([key, members]) => (key.startsWith("failed") ? `${members.length} failed` : count(members.length))).join(" · ");
  return h("details", { class: "votes" }, [
    h("summary", {}, [`${candidates.length} candidates`, h("span", { class: "muted" }, ` ${summary}`)]),
    sorted.map(([key, members]) => voteGroup(key, members, candidates.length)),
  ]);
}

function voteGroup(key, members, n) {
  const isChosen = members.some((one) => one.chosen);
  const isFailed = key.startsWith("failed");
  const bar = h("span", { class: "votebar" }, Array.from({ length: n }, (_, i) => h("i", { class: i < members.length ? "on" : "" })));
  const outcome = members[0].observation || "(nothing)";
  return h("details", { class: `group${isChosen ? " chosen" : ""}${isFailed ? " lost" : ""}` }, [
    h("summary", {}, [
      bar,
      h("span", { class: "votes-n" }, `${members.length} of ${n}`),
      isChosen ? h("span", { class: "badge chosen" }, "chosen") : null,
      h("span", { class: "outcome" }, [isFailed ? key : null, isFailed ? " · " : null, plainly(outcome.slice(0, 160))]),
    ]),
    textBlock(outcome, { className: "output", lines: 10 }),
    members.map((one) => h("div", { class: one.chosen ? "candidate chosen" : "candidate" }, [
      h("p", { class: "muted" }, [one.chosen ? "chosen · " : null, `${count(one.completion_tokens || 0)} tokens`, one.mean_logprob === undefined || one.mean_logprob === null ? null : ` · mean log-prob ${nats(one.mean_logprob)}`, one.cut_at ? [" · ", cutBadge(one)] : null]),
      replyView(one.reply),
      (one.tool_calls || []).length ? calledView(one.tool_calls, [], []) : null,
    ])),
  ]);
}
