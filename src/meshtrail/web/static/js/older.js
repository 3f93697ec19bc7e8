// "Load older" adds rows below instead of showing another page.
import { writeTimes } from "./formats.js";
import { load, toast } from "./navigate.js";

const ROWS_MAX = 500; // As in live.js: rows in the document.
const AHEAD_PX = 600; // How far before its end the list is prolonged.

function append(page) {
  const body = document.getElementById("rows");
  const known = new Set([...body.children].map((row) => row.dataset.id));
  for (const row of [...(page.getElementById("rows")?.children ?? [])]) {
    if (!known.has(row.dataset.id)) body.append(document.adoptNode(row));
  }
  const before = body.childElementCount;
  while (body.childElementCount > ROWS_MAX) body.firstElementChild.remove();
  writeTimes(body);
  return before > ROWS_MAX;
}

async function more(link) {
  link.setAttribute("aria-disabled", "true");
  try {
    const loaded = await load(link.href);
    if (!loaded) return;
    const bounded = append(loaded.page);
    const next = loaded.page.querySelector(".more");
    if (next) link.closest(".more").replaceWith(document.adoptNode(next));
    else link.closest(".more").hidden = true;
    if (bounded) {
      document.getElementById("main").dataset.firstPage = "no";
      document.getElementById("newest").hidden = false;
    }
  } catch (error) {
    link.removeAttribute("aria-disabled");
    toast(`Older rows could not be read. ${error.message}`);
  }
}

// Coming near the end of what is there loads more, until the page is full; then the button is left to a decision.
function watchEnd() {
  let waiting = false;
  document.addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      const link = document.getElementById("older");
      const full = document.getElementById("rows")?.childElementCount >= ROWS_MAX;
      if (link && !full && link.getBoundingClientRect().top < innerHeight + AHEAD_PX) link.click();
    });
  }, { capture: true, passive: true });
}

export function start({ onMore }) {
  watchEnd();
  document.addEventListener("click", async (event) => {
    const link = event.target.closest?.("#older");
    if (!link || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    if (link.getAttribute("aria-disabled") === "true") return;
    await more(link);
    onMore();
  });
}
