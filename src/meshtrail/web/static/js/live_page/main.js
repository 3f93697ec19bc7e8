// The Live page: what comes is counted whole and shown as far as somebody can follow.
import { count } from "../formats.js";
import * as chart from "./chart.js";
import { Rates } from "./rates.js";
import { Rows } from "./rows.js";
import { Tail } from "./stream.js";
import * as words from "./words.js";

const PAINT_MS = 250; // Time between two paints of new lines.
const SAMPLE_ROWS = 60; // Rows that the server sends of one of its reads: as many as are shown in a second.

const main = document.getElementById("main");
const byId = (id) => document.getElementById(id);
const body = byId("tail");
const rows = new Rows(body, byId("tail-template"), main.dataset.query);
const rates = new Rates(Date.now());
const totals = { count: 0, denied: 0, shown: 0 };
const state = { phase: "waiting", paused: false, held: false, problem: "" };
let gap = null; // What is not drawn at the moment: since when, why, and how many came.

function add(name, number) {
  totals[name] += number;
  rates.add(name, number, Date.now());
}

// Begins to count what is not shown; the first reason stands until everything is drawn again.
function openGap(reason) {
  gap ??= { reason, since: new Date(), count: 0 };
}

function closeGap() {
  if (state.paused || document.hidden || state.phase !== "on" || !gap) return;
  const { reason, since, count: number } = gap;
  gap = null;
  if (!number) return;
  const query = new URLSearchParams(main.dataset.query);
  query.set("from", since.toISOString());
  query.set("to", new Date().toISOString());
  byId("missed-words").textContent = words.meanwhile(reason, number);
  byId("missed-link").href = `/traffic?${query}`;
  byId("missed").hidden = false;
}

function phaseWord() {
  if (state.phase === "refused") return "Refused";
  if (state.phase !== "on") return state.problem ? "Reconnecting" : "Connecting";
  if (state.paused) return "Paused";
  return state.held ? "Held" : "Live";
}

function show() {
  const word = phaseWord();
  byId("phase").dataset.phase = word.toLowerCase();
  byId("phase-word").textContent = word;
  byId("pause").setAttribute("aria-pressed", String(state.paused));
  byId("problem").textContent = state.problem;
  byId("problem").hidden = !state.problem;
  byId("pause-word").textContent = state.paused ? "Go on" : "Pause";
}

function tell() {
  const now = Date.now();
  const shown = state.paused || state.held ? 0 : rates.mean("shown", now);
  const sentence = state.held && !state.paused ? "Held while you point at the lines. " : "";
  byId("sampling").textContent = sentence + (state.paused && gap ? `Paused: ${words.events(gap.count)} since.`
    : words.sampling(rates.mean("count", now), state.held ? Infinity : shown));
  for (const name of Object.keys(totals)) byId(`total-${name}`).textContent = count(totals[name]);
  chart.draw(byId("rate"), rates.bars(now));
}

function paint() {
  if (document.hidden || state.paused || state.held) return;
  const shown = rows.paint();
  if (shown) byId("nothing").hidden = true;
  add("shown", shown);
}

const told = {
  open() {
    state.phase = "on";
    state.problem = "";
    show();
  },
  event(type, data) {
    if (type === "traffic") return rows.offer(data);
    if (type !== "tally") return undefined;
    add("count", data.count);
    add("denied", data.denied);
    if (gap) gap.count += data.count;
    if (data.count || gap?.reason !== "lost") closeGap();
    return undefined;
  },
  lost(message, wait) {
    openGap("lost");
    state.phase = "waiting";
    state.problem = `${message} Trying again in ${Math.max(1, Math.round(wait / 1000))} s.`;
    show();
  },
  refused(message) {
    state.phase = "refused";
    state.problem = message;
    show();
  },
};

function pause() {
  state.paused = !state.paused;
  if (state.paused) openGap("paused");
  else closeGap();
  show();
  tell();
}

// Lines that somebody points at, or moves along with the keyboard, hold still: else they could not be clicked.
function hold() {
  const held = body.matches(":hover") || body.contains(document.activeElement);
  if (held === state.held) return;
  state.held = held;
  show();
}

function move(step) {
  const links = [...body.querySelectorAll("a")];
  const at = links.indexOf(document.activeElement);
  links[Math.min(Math.max(at + step, 0), links.length - 1)]?.focus();
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog:modal")) return;
  if (event.target.closest?.("input, textarea, select, summary")) return;
  const moves = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 };
  if (event.key === " " && !event.target.closest?.("button")) pause();
  else if (event.key in moves) move(moves[event.key]);
  else if (event.key === "Escape" && body.contains(document.activeElement)) document.activeElement.blur();
  else return;
  event.preventDefault();
}

const query = new URLSearchParams(main.dataset.apiQuery);
query.set("rows", String(SAMPLE_ROWS));
let tail = new Tail("/api/v1/live", query, told);

byId("pause").addEventListener("click", pause);
byId("clear").addEventListener("click", () => {
  rows.clear();
  byId("nothing").hidden = false;
});
byId("missed-close").addEventListener("click", () => { byId("missed").hidden = true; });
body.addEventListener("click", (event) => {
  const line = event.target.closest("tr");
  if (!line || event.target.closest("a") || String(getSelection())) return;
  location.assign(line.querySelector("a").href);
});
for (const name of ["pointerenter", "pointerleave", "focusin", "focusout"]) body.addEventListener(name, () => setTimeout(hold));
document.addEventListener("keydown", onKey);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) openGap("hidden");
  else closeGap();
});
window.addEventListener("pagehide", () => tail.close());
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  tail = new Tail("/api/v1/live", query, told);
  tail.run();
});

setInterval(paint, PAINT_MS);
setInterval(() => { if (!document.hidden) tell(); }, 1000);
show();
tell();
tail.run();
