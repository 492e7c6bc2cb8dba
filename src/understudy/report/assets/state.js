// The place in the report is written in the address, so that every view can be linked to, and Back works.

const KEYS = ["view", "c", "a", "ac", "b", "bc", "set", "verdict", "error", "steps", "search", "fate", "q", "vs", "flip", "open", "raw"];

function readState() {
  const address = new URLSearchParams(location.hash.slice(1));
  const state = {};
  for (const key of KEYS) if (address.get(key)) state[key] = address.get(key);
  if (PAGE === "run") state.view = state.view || "results";
  return state;
}

function linkTo(state) {
  const address = new URLSearchParams();
  for (const key of KEYS) if (state[key] !== undefined && state[key] !== "") address.set(key, state[key]);
  return `#${address}`;
}

function trajectoriesLink(key, filters = {}) {
  return linkTo({ view: "trajectories", c: key, ...filters });
}

// Following a link adds to the history; typing in a filter does not.
function go(state, { quietly = false } = {}) {
  const hash = linkTo(state);
  if (hash === location.hash) return;
  if (quietly) {
    history.replaceState(null, "", hash);
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = hash;
  }
}
