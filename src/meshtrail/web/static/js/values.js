// A value of a row as a filter: a button beside it under the pointer, Alt and a click, or `f` for all values of the focused row.
import { address, excluding, including, only, shown } from "./address.js";
import { copy } from "./clipboard.js";
import { visible, words } from "./formats.js";
import { go } from "./navigate.js";
import { element } from "./nodes.js";
import { place } from "./popovers.js";

const main = () => document.getElementById("main");
const menu = () => document.getElementById("value-menu");
const handle = () => document.getElementById("value-button");
let pointed = null; // The value under the pointer.
let back = null; // What had the focus before the menu.

const own = (field) => main().dataset.own.split(" ").includes(field);

// An address stands with its port, which is a value of its own.
function valueOf(node) {
  const { field, value } = node.dataset;
  return { field, value, text: field.endsWith("_address") ? value : node.textContent };
}

// Every value of a row, each once; an address brings its port.
function valuesOf(row) {
  const found = new Map();
  for (const node of row.querySelectorAll("[data-field]")) {
    const { field, port } = node.dataset;
    found.set(field, valueOf(node));
    if (port) {
      const name = field.replace(/_address$/, "_port");
      found.set(name, { field: name, value: port, text: port });
    }
  }
  return [...found.values()];
}

function item(text, work) {
  const button = element("button", { type: "button", role: "menuitem", tabindex: "-1" }, text);
  button.addEventListener("click", work);
  return button;
}

const leave = (query) => () => {
  menu().hidePopover();
  go(address(query));
};

const titleOf = ({ field, text }) => [element("span", { class: "quiet" }, `${words(field)} `), element("bdi", {}, visible(text))];

function actions({ field, value }) {
  return [
    item("Only rows with this", leave(including(shown(), field, value))),
    !own(field) && item("Hide rows with this", leave(excluding(shown(), field, value))),
    item("Only this, without other filters", leave(only(shown(), field, value))),
    item("Copy the value", () => {
      menu().hidePopover();
      copy(value, "Value");
    }),
  ].filter(Boolean);
}

function show(title, items, anchor) {
  back = document.activeElement;
  const panel = menu();
  panel.querySelector(".value-title").replaceChildren(...title);
  panel.querySelector("[role=menu]").replaceChildren(...items);
  if (!panel.matches(":popover-open")) panel.showPopover();
  place(panel, anchor);
  panel.querySelector("[role=menuitem]")?.focus();
}

function showValue(node) {
  const value = valueOf(node);
  show(titleOf(value), actions(value), node);
}

// All values of a row; one that is chosen offers what can be done with it.
export function showRow(row) {
  const values = valuesOf(row);
  if (!values.length) return;
  const lines = values.map((each) => {
    const line = item([element("span", { class: "quiet" }, words(each.field)), element("bdi", {}, visible(each.text))], () => {
      const kept = back;
      show(titleOf(each), actions(each), row);
      back = kept;
    });
    return line;
  });
  show(["Values of this row"], lines, row);
}

function move(event) {
  const items = [...menu().querySelectorAll("[role=menuitem]")];
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  items[(to + items.length) % items.length].focus();
}

function point(node) {
  pointed = node;
  const button = handle();
  button.hidden = !node;
  if (!node) return;
  const [at, cell] = [node.getBoundingClientRect(), node.closest("td").getBoundingClientRect()];
  const left = Math.min(at.right + 2, cell.right - button.offsetWidth);
  button.style.transform = `translate(${left}px, ${at.top + (at.height - button.offsetHeight) / 2}px)`;
}

function startPointer() {
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse" || event.target.closest("#value-button")) return;
    const node = event.target.closest("#rows [data-field]");
    if (node !== pointed) point(node);
  });
  document.addEventListener("scroll", () => point(null), { capture: true, passive: true });
  handle().addEventListener("click", () => {
    if (pointed?.isConnected) showValue(pointed);
  });
  document.addEventListener("click", (event) => {
    const node = event.altKey && event.target.closest("#rows [data-field]");
    if (!node) return;
    event.preventDefault();
    event.stopPropagation();
    showValue(node);
  }, { capture: true });
}

export function start() {
  startPointer();
  menu().addEventListener("keydown", move);
  menu().addEventListener("toggle", (event) => {
    if (event.newState === "closed" && back?.isConnected) back.focus({ preventScroll: true });
  });
}
