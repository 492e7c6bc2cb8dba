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
    h("header", { class: "topbar" }, [
      LIVE_VIEW === "run" ? h("a", { class: "brand", href: "../../" }, "‹ all runs") : h("span", { class: "brand" }, "understudy"),
      app.nav, h("span", { class: "gap" }), h("span", { class: "lost-contact" }, "no contact"), LIVE_VIEW === "index" ? null : app.keys, app.theme,
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

// Ask again and again; what the reader looks at stays where it is.
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

async function refreshIndex() {
  const { folder, runs } = await fetchedJson("runs");
  replace(app.main, h("div", { class: "page" }, [
    h("h1", {}, plainly(folder)),
    runs.length ? h("ul", { class: "runs" }, runs.map(runCard)) : h("p", { class: "note" }, "No run in this folder yet."),
  ]));
}

function runCard(run) {
  return h("li", {}, [
    h("h2", {}, [h("a", { href: `./run/${encodeURIComponent(run.name)}/` }, plainly(run.name)), h("span", { class: `badge ${run.state}` }, run.state)]),
    h("p", { class: "note" }, `${run.n_done} of ${run.n_stages} begun stages done${run.stage ? ` · ${plainly(run.stage)}` : ""}${run.created ? ` · ${run.created.replace("T", " ").slice(0, 16)}` : ""}`),
    h("p", {}, run.systems.slice(0, 4).map(([name, average]) => h("span", { class: "best" }, [h("b", {}, percent(average)), ` ${plainly(name)}`]))),
  ]);
}

async function start() {
  followTheme();
  frame();
  const refresh = LIVE_VIEW === "index" ? refreshIndex : refreshRun;
  try {
    await refresh();
  } catch (error) {
    replace(app.main, h("p", { class: "empty-note", role: "alert" }, `This could not be read: ${error.message}`));
    if (!IS_LIVE) return;
  }
  if (LIVE_VIEW !== "index") {
    window.addEventListener("hashchange", drawView);
    window.addEventListener("keydown", onKey);
  }
  document.documentElement.dataset.ready = "yes";
  if (IS_LIVE) setTimeout(follow, POLL_MS, refresh);
}

start();
