// Follows links inside the page without a new document: the server renders, the regions are exchanged.
import { address } from "./address.js";
import { swapped, withColumns } from "./columns.js";

const REGIONS = ["chips", "choices", "list", "panel", "printed", "ranges", "kept"];
const listeners = [];
let running = null;
let sent = null; // the search as it was sent last

export function onSwap(listener) {
  listeners.push(listener);
}

export function toast(message) {
  const box = document.getElementById("toast");
  box.textContent = message;
  box.hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { box.hidden = true; }, 4000);
}

// The answer as a document; null when it was overtaken, or led away from this page.
export async function load(url, headers = {}, signal = undefined) {
  const answer = await fetch(url, { headers, signal, credentials: "same-origin" });
  if (answer.redirected && new URL(answer.url).pathname === "/sign-in") {
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
    return null;
  }
  const html = (answer.headers.get("content-type") ?? "").startsWith("text/html");
  const body = await answer.text();
  if (!html) throw new Error(body.slice(0, 300) || `The server answered ${answer.status}.`);
  return { page: new DOMParser().parseFromString(body, "text/html"), url: answer.url };
}

function swap(page) {
  const main = document.getElementById("main");
  const fresh = page.getElementById("main");
  for (const name of main.getAttributeNames().filter((name) => name.startsWith("data-"))) main.setAttribute(name, fresh.getAttribute(name) ?? "");
  for (const id of REGIONS) document.getElementById(id)?.replaceWith(document.adoptNode(page.getElementById(id)));
  const search = document.getElementById("search");
  const wanted = page.getElementById("search").value;
  if (document.activeElement !== search || search.value === sent) search.value = wanted; // what is typed meanwhile stays
  document.title = page.title;
  swapped(page);
  for (const listener of listeners) listener();
}

export async function go(url, { push = true } = {}) {
  running?.abort();
  running = new AbortController();
  try {
    const wanted = new URL(url, location.href);
    wanted.search = String(withColumns(wanted.searchParams));
    const loaded = await load(wanted, {}, running.signal);
    if (!loaded) return;
    if (push) history.pushState(null, "", loaded.url);
    swap(loaded.page);
  } catch (error) {
    if (error.name !== "AbortError") toast(`The server did not answer. ${error.message}`);
  }
}

export function start() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-nav]");
    if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    go(link.href);
  });
  document.getElementById("search-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const query = new URLSearchParams(new FormData(event.target));
    sent = query.get("search") ?? "";
    if (!query.get("search")) query.delete("search");
    go(address(query));
  });
  window.addEventListener("popstate", () => go(location.href, { push: false }));
}
