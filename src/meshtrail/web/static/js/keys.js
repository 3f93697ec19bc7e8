// The keyboard: along the rows, into the details, to the search.
import * as panel from "./panel.js";
import { anyOpen } from "./popovers.js";
import { showRow } from "./values.js";

const rows = () => [...document.querySelectorAll("#rows .row")];

// One row at a time is in the tab order (roving tabindex).
export function rove() {
  const all = rows();
  if (!all.some((row) => row.tabIndex === 0) && all.length) all[0].tabIndex = 0;
}

function focusRow(row) {
  for (const other of document.querySelectorAll('#rows .row[tabindex="0"]')) other.tabIndex = -1;
  row.tabIndex = 0;
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

function move(step) {
  const all = rows();
  if (!all.length) return;
  const chosen = panel.isOpen() ? document.querySelector('#rows .row[aria-selected="true"]') : null;
  const at = all.indexOf(document.activeElement.closest?.("#rows .row") ?? chosen);
  const next = all[Math.min(Math.max(at < 0 ? 0 : at + step, 0), all.length - 1)];
  focusRow(next);
  if (panel.isOpen()) panel.open(next);
}

function showValues() {
  const row = document.activeElement.closest?.("#rows .row");
  if (row) showRow(row);
}

function typing(target) {
  return target.closest?.("input, textarea, select, [contenteditable]") !== null;
}

function onEscape(event) {
  const search = document.getElementById("search");
  if (event.target === search) search.blur();
  else panel.close();
}

export function start({ toggleLive }) {
  const dialog = document.getElementById("keys");
  const show = () => dialog.showModal();
  document.querySelector('[data-action="keys"]').addEventListener("click", show);
  dialog.querySelector('[data-action="close-keys"]')?.addEventListener("click", () => dialog.close());
  const actions = {
    ArrowDown: () => move(1), j: () => move(1), ArrowUp: () => move(-1), k: () => move(-1),
    "/": () => document.getElementById("search").select(), "?": show, l: toggleLive, f: showValues,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || dialog.open || anyOpen()) return;
    if (event.key === "Escape") return onEscape(event);
    const elsewhere = event.target.closest?.("#plot, summary, pre") && event.key !== "/" && event.key !== "?";
    if (typing(event.target) || elsewhere) return;
    if (event.key === "Enter" && event.target.matches?.("#rows .row")) {
      event.preventDefault();
      panel.open(event.target, { focus: true });
      return;
    }
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  document.addEventListener("focusin", (event) => {
    const row = event.target.closest?.("#rows .row");
    if (!row || row.tabIndex === 0) return;
    for (const other of document.querySelectorAll('#rows .row[tabindex="0"]')) other.tabIndex = -1;
    row.tabIndex = 0;
  });
}
