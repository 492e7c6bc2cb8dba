// A chat with a served agent: what it does is shown as it comes, folded; Stop ends a turn, and the conversation goes on.

const TOKEN_KEY = "understudy-token";
const chat = { name: "", messages: [], running: false };

function startChat() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  setTheme(storedTheme() || (dark.matches ? "dark" : "light"));
  takeToken();
  chat.log = h("div", { class: "chat-log", role: "log", "aria-label": "Conversation", tabindex: "-1" });
  chat.input = h("textarea", { rows: "1", "aria-label": "Your message", placeholder: "Ask the agent", autocomplete: "off" });
  chat.send = h("button", { type: "submit", class: "chat-send" }, "Send");
  chat.stop = h("button", { type: "button", class: "chat-stop", hidden: true }, "Stop");
  chat.form = h("form", { class: "chat-form" }, [chat.input, chat.send, chat.stop]);
  const fresh = h("button", { type: "button", class: "chat-new", "aria-label": "New conversation" }, "New");
  const skip = h("button", { type: "button", class: "skip" }, "Skip to your message");
  skip.addEventListener("click", () => chat.input.focus());
  replace(document.getElementById("app"), [
    skip,
    h("header", { class: "topbar" }, [h("h1", { class: "chat-title" }, plainly(agentLabel())), h("span", { class: "gap" }), fresh, themeButton()]),
    h("main", { class: "chat" }, [chat.log, chat.form, h("p", { class: "chat-hint" }, "Enter sends, Shift + Enter begins a line, Esc stops the agent")]),
  ]);
  chat.form.addEventListener("submit", (event) => {
    event.preventDefault();
    sendMessage();
  });
  chat.input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    sendMessage();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && chat.running) stopTurn();
  });
  chat.stop.addEventListener("click", stopTurn);
  fresh.addEventListener("click", newConversation);
  newConversation();
}

const agentLabel = () => document.title.replace(/ · Understudy$/, "");

// The token may stand in the link's fragment, which is never sent; it is then kept for this tab alone.
function takeToken() {
  const given = /^#token=(.+)$/.exec(location.hash);
  if (!given) return;
  sessionStorage.setItem(TOKEN_KEY, decodeURIComponent(given[1]));
  history.replaceState(null, "", location.pathname);
}

function ask(path, method, body) {
  const token = sessionStorage.getItem(TOKEN_KEY);
  const headers = { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  return fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
}

const conversationPath = () => `v1/conversations/${chat.name}`;

async function newConversation() {
  if (chat.running) await stopTurn();
  if (chat.messages.length) ask(conversationPath(), "DELETE").catch(() => {});
  const bytes = crypto.getRandomValues(new Uint8Array(9));
  chat.name = `page-${Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("")}`;
  chat.messages = [];
  replace(chat.log, h("p", { class: "chat-empty" }, "A new conversation. Variables and the agent's world stay as long as it goes on."));
  chat.input.focus();
}

function setRunning(running) {
  chat.running = running;
  chat.send.hidden = running;
  chat.stop.hidden = !running;
  chat.stop.disabled = false;
  chat.log.setAttribute("aria-busy", String(running));
}

async function stopTurn() {
  chat.stop.disabled = true;
  try {
    await ask(`${conversationPath()}/stop`, "POST", {});
  } catch (error) {
    chat.turn?.fail(error.message);
  }
}

async function sendMessage() {
  const said = chat.input.value;
  if (chat.running || !said.trim()) return;
  const name = chat.name;
  if (!chat.messages.length) chat.log.replaceChildren();
  chat.input.value = "";
  append(chat.log, [h("div", { class: "said", "aria-label": "You" }, textBlock(said, { className: "prose" }))]);
  const turn = new ShownTurn();
  chat.turn = turn;
  chat.log.append(turn.box);
  toEnd(true);
  setRunning(true);
  const messages = [...chat.messages, { role: "user", content: said }];
  try {
    await turn.follow(await ask("v1/chat/completions", "POST", { model: agentLabel(), messages, stream: true, understudy: { conversation: name, steps: true } }));
  } catch (error) {
    turn.fail(error.message);
  }
  // An answer that did not come is said to be empty, so that the server finds the conversation again.
  if (chat.name === name) chat.messages = turn.wasRefused ? chat.messages : [...messages, { role: "assistant", content: turn.answer }];
  if (turn.wasRefused && !chat.input.value) chat.input.value = said;
  setRunning(false);
  chat.input.focus();
  toEnd();
}

function toEnd(always) {
  const page = document.scrollingElement;
  if (always || page.scrollHeight - page.scrollTop - page.clientHeight < 160) page.scrollTo(0, page.scrollHeight);
}

// One turn as it is shown: its steps, folded, then the answer.
class ShownTurn {
  constructor() {
    this.answer = "";
    this.wasRefused = false;
    this.steps = h("div", { class: "chat-steps" });
    this.state = h("p", { class: "chat-state", role: "status" }, "The agent works …");
    this.box = h("div", { class: "chat-turn", "aria-label": "Agent" }, [this.steps, this.state]);
    this.shown = new Map();
  }

  async follow(answer) {
    if (!answer.ok) {
      this.wasRefused = true;
      const problem = await answer.json().catch(() => ({}));
      this.fail(problem.error?.message || `${answer.status} ${answer.statusText}`);
      if (answer.status === 401) this.box.append(tokenForm());
      return;
    }
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const parts = (rest + value).split("\n\n");
      rest = parts.pop();
      parts.filter((part) => part.startsWith("data: {")).forEach((part) => this.take(JSON.parse(part.slice(6))));
      toEnd();
    }
    if (!this.isOver) this.fail("The connection was lost.");
  }

  take(chunk) {
    if (chunk.error) {
      this.fail(chunk.error.message);
      return;
    }
    const { event, stop_reason: reason } = chunk.understudy || {};
    if (event) this.showStep(event);
    this.answer += chunk.choices[0]?.delta.content || "";
    if (chunk.choices[0]?.finish_reason) this.end(reason);
  }

  showStep(event) {
    const before = this.shown.get(event.number);
    const isOpen = before?.open || false;
    const step = event.facts || {};
    const view = h("details", { class: stepError(step) ? "chat-step failed" : "chat-step", open: isOpen }, [
      h("summary", {}, [
        h("span", { class: "chat-step-name" }, `Step ${event.number + 1}`),
        h("span", { class: "chat-step-what" }, doing(event)),
        stepError(step) ? h("span", { class: "badge bad" }, words(stepError(step))) : null,
        event.facts ? null : h("span", { class: "badge running" }, "running"),
      ]),
      stepView(step, event.number + 1, 0, event.message, event.observations || []),
    ]);
    if (before) before.replaceWith(view);
    else this.steps.append(view);
    this.shown.set(event.number, view);
  }

  end(reason) {
    this.isOver = true;
    const n = this.shown.size;
    replace(this.state, reason === "answered" ? `${n} ${n === 1 ? "step" : "steps"}` : h("b", {}, reason === "stopped" ? "Stopped." : `No answer: ${words(reason)}.`));
    if (this.answer) this.box.append(h("div", { class: "chat-answer" }, textBlock(this.answer, { className: "prose", lines: 60 })));
  }

  fail(text) {
    this.isOver = true;
    replace(this.state, h("span", { class: "note bad", role: "alert" }, says(text)));
  }
}

// What a step does, in one line: its calls, or else the first line of its code or its thought.
function doing({ message, facts }) {
  const calls = (message.tool_calls || []).length ? message.tool_calls.map((one) => `${one.name} ${argumentsText(one)}`) : (facts?.tool_calls || []).map((one) => `${one.name} ${one.arguments}`);
  if (calls.length) return h("code", {}, says(calls.join(" · ").slice(0, 200)));
  const parts = replyParts(message.content || "");
  const code = parts.find((part) => part.kind === "code");
  if (code) return h("code", {}, says(code.text.trim().split("\n")[0].slice(0, 200)));
  return says((message.content || "").trim().split("\n")[0].slice(0, 200));
}

function tokenForm() {
  const field = h("input", { type: "password", "aria-label": "Token of this server", autocomplete: "current-password" });
  const form = h("form", { class: "chat-token" }, [field, h("button", { type: "submit" }, "Use this token")]);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem(TOKEN_KEY, field.value);
    form.remove();
    sendMessage();
  });
  return form;
}

startChat();
document.documentElement.dataset.ready = "";
