// The side panel: fetched as the server renders it, for whichever row is chosen.
import { writeTimes } from "./formats.js";
import { load, toast } from "./navigate.js";

let running = null;

const panel = () => document.getElementById("panel");
export const isOpen = () => !panel().hidden;

export function mark() {
  const id = isOpen() ? panel().dataset.id : "";
  for (const row of document.querySelectorAll("#rows .row")) row.setAttribute("aria-selected", String(row.dataset.id === id));
}

export async function open(row, { focus = false } = {}) {
  running?.abort();
  running = new AbortController();
  const href = row.querySelector('[data-part="link"]').getAttribute("href");
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

export function close() {
  running?.abort();
  if (!isOpen()) return;
  const id = panel().dataset.id;
  const back = document.getElementById("main").dataset.query;
  const hadFocus = panel().contains(document.activeElement);
  panel().hidden = true;
  history.replaceState(null, "", `/traffic${back ? `?${back}` : ""}`);
  mark();
  if (hadFocus) document.querySelector(`#rows .row[data-id="${CSS.escape(id)}"]`)?.focus();
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied`);
  } catch {
    toast("This browser does not allow copying here.");
  }
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
    if (!row || event.metaKey || event.ctrlKey || event.shiftKey || String(getSelection())) return;
    event.preventDefault();
    row.focus({ preventScroll: true });
    open(row);
  });
}
