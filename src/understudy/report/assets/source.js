// The data: packed into this file, or fetched from the viewer that served it.

const PAGE = document.documentElement.dataset.page; // "run", "index" or "compare"
const IS_LIVE = document.documentElement.dataset.live !== undefined;
const ROWS_IN_CHUNK = 50;
const CHUNKS_HELD = 16;

const source = { document: null, chunks: new Map() };

async function loadDocument() {
  if (!IS_LIVE) {
    source.document = JSON.parse(await unpacked("document"));
    return true;
  }
  const have = source.document ? `?have=${encodeURIComponent(source.document.version)}` : "";
  const answer = await fetch(`document${have}`);
  if (answer.status === 204) return false;
  if (!answer.ok) throw new Error(await answer.text());
  const found = await answer.json();
  if (found.problem) throw new Error(found.problem);
  source.document = found;
  source.chunks.clear();
  return true;
}

// The bodies of one chunk; the last ones used are cached.
function loadChunk(collection, number) {
  const name = `${collection.chunks}\n${collection.version}\n${number}`;
  const held = source.chunks.get(name) || readChunk(collection, number);
  source.chunks.delete(name);
  source.chunks.set(name, held);
  held.catch(() => source.chunks.delete(name)); // so that it is fetched again
  if (source.chunks.size > CHUNKS_HELD) source.chunks.delete(source.chunks.keys().next().value);
  return held;
}

async function readChunk(collection, number) {
  const text = IS_LIVE ? await fetchedText(`${collection.chunks}/${number}`) : await unpacked(`${collection.chunks}-${number}`);
  return text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

async function loadBody(collection, row) {
  const bodies = await loadChunk(collection, Math.floor(row.line / ROWS_IN_CHUNK));
  const body = bodies[row.line % ROWS_IN_CHUNK];
  if (!body) throw new Error("its file has become shorter than its list");
  return body;
}

async function fetchedJson(path) {
  return JSON.parse(await fetchedText(path));
}

async function fetchedText(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(await answer.text());
  return answer.text();
}

async function unpacked(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error("this part of the file is missing");
  const packed = element.textContent;
  const bytes = Uint8Array.fromBase64
    ? Uint8Array.fromBase64(packed)
    : Uint8Array.from(atob(packed), (char) => char.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

// Records omit fields at their defaults; these are the defaults that the page relies on.
function withDefaults(found) {
  const lists = ["systems", "comparisons", "collections", "curves", "curations", "mark_agreements", "cleanings", "stages", "manifest", "in_domain"];
  for (const name of lists) found[name] = found[name] || [];
  found.collections.forEach((collection, place) => {
    collection.rows = collection.rows || [];
    collection.chunks = IS_LIVE ? `chunk/${addressOf(collection.key)}` : `chunk-${place}`;
  });
  return found;
}

const addressOf = (key) => key.split("/").map(encodeURIComponent).join("/");
