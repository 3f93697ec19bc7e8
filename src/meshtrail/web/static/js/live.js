// The live tail. The screen samples, the data does not: what a screen cannot show in time is counted and said.
import { address } from "./address.js";
import { count, justAfter } from "./formats.js";
import { go } from "./navigate.js";
import { remember, remembered } from "./preferences.js";
import { fill, make } from "./rows.js";

const ROWS_MAX = 500; // Rows in the document: more make scrolling slow.
const WAITING_MAX = 300; // Events waiting for the next paint: more cannot be read anyway.
const PAINT_MS = 200; // Time between two paints of new rows.
const RETRY_MS = 10_000; // Wait after a refusal.
const QUIET_MS = 4000; // How long the line about skipped events stays after the last one.

let source = null;
let waiting = new Map();
let timer = 0;
let skipped = 0;
let skippedTimer = 0;
let retry = 0;
let changed = () => {};

const main = () => document.getElementById("main");
const button = () => document.getElementById("live");
const possible = () => main().dataset.windowMs !== "0" && main().dataset.firstPage === "yes" && !document.querySelector(".failing");

function show(phase, word) {
  button().dataset.phase = phase;
  button().setAttribute("aria-pressed", String(phase !== "off"));
  document.getElementById("live-word").textContent = word;
}

function skip(number) {
  skipped += number;
  const line = document.getElementById("skipped");
  line.textContent = `${count(skipped)} ${skipped === 1 ? "event" : "events"} skipped on screen; they are stored.`;
  line.hidden = false;
  clearTimeout(skippedTimer);
  skippedTimer = setTimeout(() => { line.hidden = true; skipped = 0; }, QUIET_MS);
}

function place(body, line) {
  for (const other of body.children) {
    if (other.dataset.started <= line.dataset.started) return other.before(line);
  }
  body.append(line);
}

function showRow(body, row, query) {
  const known = body.querySelector(`[data-id="${CSS.escape(row.id)}"]`);
  if (known && (known.dataset.state === "gap") === (row.state === "gap")) return fill(known, row, query);
  const last = body.lastElementChild;
  if (last && row.started_at < last.dataset.started) return null; // Further down than the page reaches.
  const line = make(row, query);
  line.classList.add("fresh");
  place(body, line);
  return line;
}

function trim(body) {
  if (body.childElementCount <= ROWS_MAX) return;
  while (body.childElementCount > ROWS_MAX) body.lastElementChild.remove();
  // The rows just dropped are reached again by time, not by the old cursor.
  const query = new URLSearchParams(main().dataset.query);
  query.delete("last");
  query.set("from", main().dataset.since);
  query.set("to", justAfter(body.lastElementChild.dataset.started));
  const older = document.getElementById("older");
  if (older) older.href = address(query);
}

function paint() {
  timer = 0;
  const body = document.getElementById("rows");
  const rows = [...waiting.values()];
  waiting = new Map();
  if (!body) {
    go(location.href, { push: false }); // The list was empty; the server renders its first rows.
    return;
  }
  const query = main().dataset.query;
  for (const row of rows) showRow(body, row, query);
  trim(body);
  changed(new Set(rows.map((row) => row.id)));
}

function receive(event) {
  const row = JSON.parse(event.data);
  if (waiting.size >= WAITING_MAX && !waiting.has(row.id)) {
    skip(1);
    return;
  }
  waiting.set(row.id, row);
  if (!timer) timer = setTimeout(paint, PAINT_MS);
}

function connect() {
  disconnect();
  const query = new URLSearchParams(main().dataset.apiQuery);
  if (main().dataset.after) query.set("after", main().dataset.after); // What changed since the page was rendered comes first.
  source = new EventSource(`/api/v1/live?${query}`);
  show("waiting", "Live");
  source.addEventListener("open", () => show("on", "Live"));
  source.addEventListener("traffic", receive);
  source.addEventListener("missed", (event) => skip(JSON.parse(event.data).count));
  source.addEventListener("error", () => {
    show("waiting", "Reconnecting");
    // The browser tries again after a lost connection, but not after a refusal: too many tails, a store that is closed.
    if (source?.readyState === EventSource.CLOSED) retry = setTimeout(refresh, RETRY_MS);
  });
}

function disconnect() {
  clearTimeout(retry);
  source?.close();
  source = null;
  waiting.clear();
}

// Follow when wanted and when the window ends now; a fixed window does not change.
export function refresh() {
  button().disabled = !possible();
  button().title = possible() ? "Follow new rows (l)" : "Only the newest rows of a window that ends now can be followed";
  if (possible() && remembered("live") !== "off") connect();
  else {
    disconnect();
    show("off", "Live");
  }
}

export function toggle() {
  if (!possible()) return;
  remember("live", source && source.readyState !== EventSource.CLOSED ? "off" : "on");
  refresh();
}

export function start({ onChange }) {
  changed = onChange;
  button().addEventListener("click", toggle);
  window.addEventListener("pagehide", disconnect);
  window.addEventListener("pageshow", (event) => { if (event.persisted) refresh(); });
  refresh();
}
