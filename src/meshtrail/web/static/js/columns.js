// Which columns the table shows: kept by this browser for each list, and said in the link.
import { forget, remember } from "./preferences.js";

const root = document.documentElement;
const main = () => document.getElementById("main");
const panel = () => document.getElementById("columns-panel");
const boxes = () => [...panel().querySelectorAll("input[type=checkbox]")];
const kept = () => `columns.${root.dataset.list}`;
const given = () => root.dataset.columnsGiven === "yes";

// A query with the columns that somebody chose, unless it names others.
export function withColumns(query) {
  if (given() && !query.has("columns")) query.set("columns", root.dataset.columns.replaceAll(" ", ","));
  return query;
}

function tick() {
  const chosen = root.dataset.columns.split(" ");
  for (const box of boxes()) box.checked = chosen.includes(box.value);
}

// The link says the columns, here and for whatever is asked next.
function say() {
  const said = (text) => {
    const query = new URLSearchParams(text);
    query.delete("columns");
    return String(withColumns(query));
  };
  main().dataset.query = said(main().dataset.query);
  const text = said(location.search);
  history.replaceState(history.state, "", location.pathname + (text ? `?${text}` : ""));
}

function choose() {
  const chosen = boxes().filter((box) => box.checked).map((box) => box.value);
  root.dataset.columns = ["time", ...chosen].join(" ");
  root.dataset.columnsGiven = "yes";
  remember(kept(), root.dataset.columns);
  say();
}

function reset() {
  root.dataset.columns = panel().dataset.usual;
  root.dataset.columnsGiven = "no";
  forget(kept());
  tick();
  say();
}

// A link that names columns wins over what this browser remembers.
export function swapped(page) {
  const fresh = page.documentElement.dataset;
  if (fresh.columnsGiven !== "yes") return;
  root.dataset.columns = fresh.columns;
  root.dataset.columnsGiven = "yes";
  tick();
}

export function start() {
  tick();
  panel().addEventListener("change", choose);
  panel().querySelector("[data-reset]").addEventListener("click", reset);
  if (given()) say();
}
