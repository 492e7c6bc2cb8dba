// The frame of the page: header, views, keys, theme, and following a run that is still going.

const VIEWS = [["results", "Results"], ["trajectories", "Attempts"], ["training", "Training"], ["run", "Run"]];
const app = { explorer: undefined, view: undefined };

function frame() {
  app.main = h("main", { id: "main", tabindex: "-1" });
  app.nav = h("nav", { "aria-label": "Views" });
  app.theme = h("button", { type: "button", class: "theme", "aria-label": "Change between light and dark" }, "◐");
  app.theme.addEventListener("click", () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark", true));
  app.keys = h("button", { type: "button", class: "theme", "aria-label": "Keys" }, "?");
  app.keys.addEventListener("click", showKeys);
  const skip = h("button", { type: "button", class: "skip" }, "Skip to content");
  skip.addEventListener("click", () => app.main.focus());
  replace(document.getElementById("app"), [
    skip,
    h("header", { class: "bar" }, [
      IS_LIVE ? h("a", { class: "brand", href: "./" }, "understudy") : h("span", { class: "brand" }, "understudy"),
      app.nav, h("span", { class: "gap" }), app.keys, app.theme,
    ]),
    app.main,
  ]);
}

function storedTheme() {
  try {
    return localStorage.getItem("understudy-theme");
  } catch {
    return null; // a file that was mailed may have no storage
  }
}

function setTheme(theme, isChosen) {
  document.documentElement.dataset.theme = theme;
  if (!isChosen) return;
  try {
    localStorage.setItem("understudy-theme", theme);
  } catch {
    return;
  }
}

function followTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  setTheme(storedTheme() || (dark.matches ? "dark" : "light"));
  dark.addEventListener("change", () => storedTheme() || setTheme(dark.matches ? "dark" : "light"));
}

function drawView() {
  const doc = source.document;
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

const KEY_HELP = [["j or →", "next attempt"], ["k or ←", "previous attempt"], ["/", "search"], ["c", "compare with another system"], ["m", "steps or messages"], ["Esc", "back to the list"], ["1 – 4", "results, attempts, training, run"], ["?", "this list"]];

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
  else if (event.key >= "1" && event.key <= String(VIEWS.length)) go({ view: VIEWS[event.key - 1][0] });
  else if (app.view !== "trajectories") return;
  else if (!explorerKey(event.key)) return;
  event.preventDefault();
}

function explorerKey(key) {
  const { explorer } = app;
  if (key === "j" || key === "ArrowRight") explorer.step(1);
  else if (key === "k" || key === "ArrowLeft") explorer.step(-1);
  else if (key === "/") explorer.search.focus();
  else if (key === "c") {
    explorer.folded.open = true;
    explorer.filters.querySelector("[data-key=vs]")?.focus();
  } else if (key === "m") go({ ...explorer.state, raw: explorer.state.raw ? undefined : "1" }, { quietly: true });
  else if (key === "Escape" && explorer.state.open) go({ ...explorer.state, open: undefined });
  else return false;
  return true;
}

const POLL_MS = 2500;

// Ask again while the run is going; what the reader looks at stays where it is.
async function follow() {
  try {
    if (!document.hidden && (await loadDocument())) {
      withDefaults(source.document);
      drawView();
    }
  } catch (error) {
    console.warn(`The viewer did not answer: ${error.message}`);
  }
  setTimeout(follow, POLL_MS);
}

async function start() {
  followTheme();
  frame();
  try {
    await loadDocument();
  } catch (error) {
    replace(app.main, h("p", { class: "empty-note" }, `This report could not be read: ${error.message}`));
    return;
  }
  withDefaults(source.document);
  window.addEventListener("hashchange", drawView);
  window.addEventListener("keydown", onKey);
  drawView();
  document.documentElement.dataset.ready = "yes";
  if (IS_LIVE) setTimeout(follow, POLL_MS);
}

start();
