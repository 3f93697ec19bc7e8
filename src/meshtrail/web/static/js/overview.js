// Fills the parts of the Overview: each is asked for by itself, so that a slow or failing one holds up no other.
import { countries } from "./charts/countries.js";
import { writeTimes, zone } from "./formats.js";
import { load } from "./navigate.js";

const SELECTOR = "[data-part]";

function withZone(address) {
  const url = new URL(address, location.origin);
  if (zone() === "local") url.searchParams.set("zone", Intl.DateTimeFormat().resolvedOptions().timeZone);
  return url.pathname + url.search;
}

const charted = (part) => part.querySelector("[data-chart]") !== null;
const painted = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));

async function draw(part) {
  if (!charted(part)) return;
  await painted(); // the library is large: what can be read already comes first
  const { drawAll } = await import("./charts/draw.js");
  await drawAll(part);
}

function fill(part, page) {
  const body = part.querySelector(".part-body");
  body.replaceChildren(...[...page.body.childNodes].map((node) => document.adoptNode(node)));
  settle(part);
}

function settle(part) {
  part.querySelector(".part-body").removeAttribute("aria-busy");
  writeTimes(part);
  countries(part);
  for (const link of part.querySelectorAll("a[data-again]")) {
    link.addEventListener("click", (event) => {
      if (!part.dataset.src) return;
      event.preventDefault();
      ask(part);
    });
  }
  draw(part).catch((error) => fail(part, `The chart could not be drawn: ${error.message} The table below has the same figures.`, false));
}

function fail(part, message, again) {
  const box = document.createElement("div");
  box.className = "part-failed";
  box.setAttribute("role", "alert");
  const text = document.createElement("p");
  text.append(document.createElement("b"));
  text.firstChild.textContent = message;
  if (again) {
    const link = document.createElement("a");
    link.href = part.dataset.src;
    link.textContent = "Try again";
    link.addEventListener("click", (event) => {
      event.preventDefault();
      ask(part);
    });
    text.append(" ", link);
    part.querySelector(".part-body").replaceChildren();
  }
  box.append(text);
  const body = part.querySelector(".part-body");
  body.removeAttribute("aria-busy");
  body.prepend(box);
  for (const chart of body.querySelectorAll("[data-chart]")) chart.remove();
}

async function ask(part) {
  part.querySelector(".part-body").setAttribute("aria-busy", "true");
  try {
    const loaded = await load(withZone(part.dataset.src), { "X-Fragment": "part" });
    if (loaded) fill(part, loaded.page);
  } catch (error) {
    fail(part, `The server did not answer. ${error.message}`, true);
  }
}

for (const part of document.querySelectorAll(SELECTOR)) {
  if (part.dataset.src) ask(part);
  else settle(part);
}

// Days and hours are those of the chosen zone: what is laid out by them is asked for anew.
new MutationObserver(() => {
  for (const part of document.querySelectorAll("[data-part='heat'][data-src], [data-part='decisions'][data-src]")) ask(part);
}).observe(document.documentElement, { attributeFilter: ["data-zone"] });
