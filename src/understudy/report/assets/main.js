// The frame of the page: header, views, keys, theme, and polling of a running run.

const VIEWS = [["results", "Results"], ["trajectories", "Attempts"], ["training", "Training"], ["run", "Run"]];
const PAGE_NAMES = { compare: "Two runs side by side", label: "Label attempts" };
const app = { explorer: undefined, view: undefined };

function frame() {
  app.main = h("main", { id: "main", tabindex: "-1" });
  app.nav = h("nav", { "aria-label": "Views" });
  app.theme = themeButton();
  app.keys = h("button", { type: "button", class: "theme", "aria-label": "Keys" }, "?");
  app.keys.addEventListener("click", showKeys);
  const skip = h("button", { type: "button", class: "skip" }, "Skip to content");
  skip.addEventListener("click", () => app.main.focus());
  replace(document.getElementById("app"), [
    skip,
    h("header", { class: "topbar" }, [
      IS_LIVE && PAGE !== "index" ? h("a", { class: "brand", href: PAGE === "run" ? "../../" : "../" }, "‹ all runs") : h("span", { class: "brand" }, "understudy"),
      PAGE === "run" ? app.nav : null, PAGE_NAMES[PAGE] ? h("h1", { class: "page-name" }, PAGE_NAMES[PAGE]) : null,
      h("span", { class: "gap" }), h("span", { class: "lost-contact" }, "no connection"), PAGE === "index" ? null : app.keys, app.theme,
    ]),
    app.main,
  ]);
}

function drawView() {
  const doc = source.document;
  if (!doc) return;
  const state = readState();
  const hasMoved = app.view !== state.view;
  app.view = state.view;
  document.body.dataset.view = state.view;
  replace(app.nav, VIEWS.map(([view, name]) => h("a", { href: linkTo({ view }), "aria-current": view === state.view ? "page" : undefined }, name)));
  if (state.view === "trajectories") {
    if (!app.explorer) app.explorer = new Explorer(doc);
    if (app.explorer.doc !== doc) app.explorer.use(doc);
    if (app.explorer.box.parentNode !== app.main) replace(app.main, app.explorer.box);
    app.explorer.update(state);
  } else if (hasMoved || app.drawn !== doc) {
    const draw = { training: drawTraining, run: drawRun }[state.view] || drawResults;
    draw(app.main, doc);
    app.drawn = doc;
    if (hasMoved) window.scrollTo(0, 0);
  }
  document.title = `${plainly(doc.title)} · Understudy`;
}

const LABEL_HELP = [["r", "right"], ["w", "wrong"], ["s", "skip"], ["u", "undo"], ["j or →", "next attempt"], ["k or ←", "previous attempt"], ["m", "steps or messages"], ["?", "this list"]];
const KEY_HELP = PAGE === "label" ? LABEL_HELP : [["j or →", "next attempt"], ["k or ←", "previous attempt"], ["/", "search"], ["c", PAGE === "compare" ? "choose what to compare with" : "compare with another system"], ["m", "steps or messages"], ["Esc", "back to the list"], PAGE === "run" ? ["1 – 4", "results, attempts, training, run"] : null, ["?", "this list"]].filter(Boolean);

function showKeys() {
  const dialog = h("dialog", { class: "keys", "aria-label": "Keys" }, [
    h("h2", {}, "Keys"),
    h("dl", {}, KEY_HELP.map(([key, what]) => h("div", {}, [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)]))),
    h("form", { method: "dialog" }, h("button", {}, "Close")),
  ]);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    dialog.close();
  });
  dialog.showModal();
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const isTyping = event.target.matches("input, select, textarea");
  if (event.key === "Escape" && isTyping) event.target.blur();
  else if (isTyping) return;
  else if (event.key === "?") showKeys();
  else if (PAGE === "run" && event.key >= "1" && event.key <= String(VIEWS.length)) go({ view: VIEWS[event.key - 1][0] });
  else if (PAGE === "run" && app.view !== "trajectories") return;
  else if (!app.explorer?.key(event.key)) return;
  event.preventDefault();
}

const POLL_MS = 2500;

// Poll; the reader's place is kept.
async function follow(refresh) {
  if (!document.hidden) {
    try {
      await refresh();
      document.body.classList.remove("stale");
    } catch {
      document.body.classList.add("stale");
    }
  }
  setTimeout(follow, POLL_MS, refresh);
}

async function refreshRun() {
  if (!(await loadDocument())) return;
  withDefaults(source.document);
  drawView();
}

async function start() {
  followTheme();
  frame();
  const refresh = { run: refreshRun, index: refreshIndex, compare: refreshPairs, label: refreshLabel }[PAGE];
  if (PAGE !== "index") {
    window.addEventListener("hashchange", PAGE === "run" ? drawView : () => app.explorer?.update(readState()));
    window.addEventListener("keydown", onKey);
  }
  try {
    await refresh();
  } catch (error) {
    replace(app.main, h("p", { class: "empty-note", role: "alert" }, `This could not be read: ${error.message}`));
    if (!IS_LIVE) return;
  }
  document.documentElement.dataset.ready = "yes";
  if (IS_LIVE) setTimeout(follow, POLL_MS, refresh);
}

start();
