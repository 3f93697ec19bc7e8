// The side panel: fetched as the server renders it, for whichever row is chosen.
import { address } from "./address.js";
import { copy } from "./clipboard.js";
import { writeTimes } from "./formats.js";
import { load, toast } from "./navigate.js";

const REREAD_MS = 1000; // A busy connection reports often; nobody reads faster.

let running = null;
let timer = 0;

const panel = () => document.getElementById("panel");
export const isOpen = () => panel() !== null && !panel().hidden;

export function mark() {
  if (!panel()) return;
  const id = isOpen() ? panel().dataset.id : "";
  for (const row of document.querySelectorAll("#rows .row")) row.setAttribute("aria-selected", String(row.dataset.id === id));
}

// Lists without a side panel have a page for each row.
export async function open(row, { focus = false } = {}) {
  const href = row.querySelector('[data-part="link"]').getAttribute("href");
  if (!panel()) return location.assign(href);
  running?.abort();
  running = new AbortController();
  try {
    const loaded = await load(href, { "X-Fragment": "panel" }, running.signal);
    if (!loaded) return;
    const fresh = document.adoptNode(loaded.page.getElementById("panel"));
    panel().replaceWith(fresh);
    writeTimes(fresh);
    history.replaceState(null, "", href);
    mark();
    row.scrollIntoView({ block: "nearest" });
    if (focus) fresh.focus({ preventScroll: true });
  } catch (error) {
    if (error.name !== "AbortError") toast(`The details could not be read. ${error.message}`);
  }
}

// The open row was reported again: read it anew, and leave the reader where they are.
export function changed(ids) {
  if (!isOpen() || !ids.has(panel().dataset.id) || timer) return;
  timer = setTimeout(reread, REREAD_MS);
}

async function reread() {
  timer = 0;
  const id = isOpen() ? panel().dataset.id : "";
  if (!id) return;
  try {
    const loaded = await load(location.pathname + location.search, { "X-Fragment": "panel" });
    const fresh = loaded?.page.getElementById("panel");
    if (!fresh || !isOpen() || panel().dataset.id !== id) return;
    const [body, old] = [fresh.querySelector(".panel-body"), panel().querySelector(".panel-body")];
    const opened = [...old.querySelectorAll("details")].map((each) => each.open);
    body.querySelectorAll("details").forEach((each, index) => { each.open = opened[index] ?? false; });
    const top = old.scrollTop;
    for (const part of [".badge", ".panel-body"]) panel().querySelector(part).replaceWith(document.adoptNode(fresh.querySelector(part)));
    for (const name of ["data-state", "data-verdict"]) panel().setAttribute(name, fresh.getAttribute(name));
    writeTimes(panel());
    panel().querySelector(".panel-body").scrollTop = top;
  } catch {
    // The row is still shown as it was; the next report tries again.
  }
}

export function close() {
  running?.abort();
  if (!isOpen()) return;
  const id = panel().dataset.id;
  const back = document.getElementById("main").dataset.query;
  const hadFocus = panel().contains(document.activeElement);
  panel().hidden = true;
  history.replaceState(null, "", address(back));
  mark();
  if (hadFocus) document.querySelector(`#rows .row[data-id="${CSS.escape(id)}"]`)?.focus();
}

export function start() {
  document.addEventListener("click", (event) => {
    const target = event.target;
    if (target.closest("[data-close]")) {
      event.preventDefault();
      close();
      return;
    }
    const link = target.closest("[data-copy-link]");
    if (link && !event.metaKey && !event.ctrlKey) {
      event.preventDefault();
      copy(link.href, "Permalink");
      return;
    }
    const button = target.closest("[data-copy]");
    if (button) {
      copy(document.getElementById(button.dataset.copy).textContent, button.dataset.copy === "curl" ? "curl command" : "JSON");
      return;
    }
    const row = target.closest("#rows .row");
    if (!row || event.altKey || event.metaKey || event.ctrlKey || event.shiftKey || String(getSelection())) return;
    event.preventDefault();
    row.focus({ preventScroll: true });
    open(row);
  });
}
