// The values that fields have in what is shown, beside the rows: each is a filter, with a count that knows the other filters.
import { address, excluding, including, knowing, shown, without } from "./address.js";
import { ask, question } from "./counting.js";
import { count, protocol, visible, words } from "./formats.js";
import { onSwap } from "./navigate.js";
import { element } from "./nodes.js";
import { isOpen } from "./panel.js";
import { remember, remembered } from "./preferences.js";

const VALUES = 8; // Of one field, before somebody asks for more.
const VALUES_MORE = 50;
const STALE_MS = 15_000; // While new rows arrive: each refresh is one read a field.
const WIDE = matchMedia("(min-width: 1100px)"); // As in css/facets.css: room beside the rows,
const WIDER = matchMedia("(min-width: 1500px)"); // and beside the rows and the details.

const root = document.documentElement;
const column = () => document.getElementById("facets");
const facets = () => [...column().querySelectorAll(".facet")];
const visibleNow = () => column().getClientRects().length > 0;
const kept = () => `facets.${root.dataset.list}`;

const filled = new WeakMap(); // What each facet shows.
let running = null; // One round of questions; a newer one ends it.
let timer = 0;

function labelOf(field, value) {
  if (value === null) return "unknown";
  if (field === "protocol") return protocol(Number(value));
  return facetOf(field).dataset.words === "yes" ? words(visible(value)) : visible(value);
}

const facetOf = (field) => column().querySelector(`.facet[data-field="${CSS.escape(field)}"]`);

// How the filters stand to a value: "only" these are shown, "hidden", or neither.
function standing(field, value) {
  const query = shown();
  if (value === null) return { false: "only", true: "hidden" }[query.get(`${field}.known`)] ?? "";
  if (query.has(field, value)) return "only";
  return query.has(`${field}.not`, value) ? "hidden" : "";
}

function taken(field, value) {
  const query = shown();
  if (value === null) query.delete(`${field}.known`);
  query.delete(field, value ?? "");
  query.delete(`${field}.not`, value ?? "");
  return query;
}

// Only rows with the value; "unknown" and values of the same field exclude each other.
function only(field, value) {
  const query = shown();
  query.delete(value === null ? field : `${field}.known`);
  return value === null ? knowing(query, field, false) : including(query, field, value);
}

// Values that are chosen or hidden stand there too when they are not among the most frequent ones; then nobody counted them.
function complete(field, values) {
  const query = shown();
  const chosen = [...query.getAll(field), ...query.getAll(`${field}.not`)];
  const missing = chosen.filter((value) => !values.some((each) => each.value === value));
  return [...missing.map((value) => ({ value, count: null })), ...values];
}

function line(field, { value, count: number }, most) {
  const [now, said] = [standing(field, value), labelOf(field, value)];
  const include = only(field, value);
  const exclude = value === null ? knowing(shown(), field, true) : excluding(shown(), field, value);
  const name = facetOf(field).dataset.label;
  const href = address(now ? taken(field, value) : include);
  const link = element("a", { class: "facet-value", href, "data-nav": "", title: said, "data-key": `show ${value}` }, [
    element("bdi", { class: value === null ? "quiet" : "" }, said), element("span", { class: "facet-count" }, number === null ? "" : count(number)),
  ]);
  if (now) link.setAttribute("aria-current", "true");
  link.style.setProperty("--share", String(number / most));
  const label = now === "hidden" ? `Show again where ${name} is ${said}` : `Hide rows where ${name} is ${said}`;
  const hide = element("a", {
    class: "facet-hide", href: address(now === "hidden" ? taken(field, value) : exclude), "data-nav": "", "aria-label": label, title: label,
    "data-key": `hide ${value}`,
  });
  return element("li", { "data-now": now }, [link, hide]);
}

function fill(facet, values, limit) {
  filled.set(facet, [values, limit]);
  const { field } = facet.dataset;
  const most = Math.max(1, ...values.map((each) => each.count));
  const lines = complete(field, values.slice(0, limit)).map((each) => line(field, each, most));
  const list = element("ul", {}, lines);
  const more = values.length > limit && limit < VALUES_MORE && element("button", { type: "button", class: "facet-more" }, "More");
  const rest = values.length > limit && limit >= VALUES_MORE && element("p", { class: "quiet" }, "There are more: search for them.");
  const none = !lines.length && element("p", { class: "quiet" }, "None");
  const body = facet.querySelector(".facet-body");
  const focused = [...body.querySelectorAll("a")].find((link) => link === document.activeElement)?.dataset.key;
  body.replaceChildren(...[none || list, more || rest].filter(Boolean));
  if (focused) body.querySelector(`a[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

// What is chosen changed: the values lead on from there at once, and the counts follow.
function relink() {
  for (const facet of facets()) {
    if (filled.has(facet)) fill(facet, ...filled.get(facet));
  }
}

function fail(facet, message) {
  filled.delete(facet);
  const again = element("button", { type: "button", class: "facet-again" }, "Try again");
  const problem = element("p", { class: "facet-problem", role: "status" }, [`Not counted. ${message} `, again]);
  facet.querySelector(".facet-body").replaceChildren(problem);
}

async function load(facet, signal) {
  const { field } = facet.dataset;
  const limit = facet.hasAttribute("data-more") ? VALUES_MORE : VALUES;
  const query = without(question(), field); // Its own filters would hide the values that one could choose beside.
  query.append("field", field);
  query.set("limit", String(limit + 1));
  facet.setAttribute("aria-busy", "true");
  try {
    fill(facet, (await ask("facets", query, signal)).data[field], limit);
  } catch (error) {
    if (error.name === "AbortError") return;
    fail(facet, error.message);
  } finally {
    if (!signal.aborted) facet.removeAttribute("aria-busy");
  }
}

// One field after the other, so that a page takes one place in the lane of questions.
export async function refresh() {
  clearTimeout(timer);
  timer = 0;
  running?.abort();
  if (!visibleNow() || document.querySelector(".failing")) return;
  running = new AbortController();
  const { signal } = running;
  for (const facet of facets().filter((each) => each.open)) {
    await load(facet, signal);
    if (signal.aborted) return;
  }
}

// New rows arrived: count again after a while, but not for each of them.
export function changed() {
  if (timer || document.hidden) return;
  timer = setTimeout(refresh, STALE_MS);
}

function button() {
  return document.getElementById("facets-button");
}

const hasRoom = () => WIDER.matches || (WIDE.matches && !isOpen());

function say() {
  if (hasRoom()) column().removeAttribute("data-sheet");
  button().setAttribute("aria-expanded", String(visibleNow()));
}

function show(open) {
  if (hasRoom()) {
    root.dataset.facets = open ? "open" : "closed";
    remember("facets", root.dataset.facets);
  } else {
    column().toggleAttribute("data-sheet", open);
    if (open) column().querySelector("summary").focus();
  }
  say();
}

function onClick(event) {
  const facet = event.target.closest(".facet");
  if (event.target.closest("[data-close-facets]")) {
    show(false);
    button().focus();
  } else if (event.target.closest(".facet-more, .facet-again")) {
    facet.toggleAttribute("data-more", event.target.closest(".facet-more") !== null || facet.hasAttribute("data-more"));
    refresh();
  }
}

function onToggle(event) {
  remember(kept(), facets().filter((each) => each.open).map((each) => each.dataset.field).join(" "));
  if (event.target.open && !event.target.querySelector(".facet-body").childElementCount) refresh();
}

let seen = false; // Whether the column was visible.

// It comes and goes with the window, the details and its button; what comes is counted.
function onSize() {
  const now = visibleNow();
  say();
  if (now && !seen) refresh();
  seen = now;
}

export function start() {
  const open = remembered(kept());
  if (open !== null) for (const facet of facets()) facet.open = open.split(" ").includes(facet.dataset.field);
  button().addEventListener("click", () => show(!visibleNow()));
  column().addEventListener("click", onClick);
  column().addEventListener("toggle", onToggle, { capture: true });
  column().addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !column().hasAttribute("data-sheet")) return;
    event.stopPropagation();
    show(false);
    button().focus();
  });
  new ResizeObserver(onSize).observe(column());
  onSwap(() => { say(); relink(); refresh(); });
  say();
}
