// Completion in the search box of a list: a combobox whose options come from the server, and below them what was understood.
import { Question, characters, units } from "./filter_text.js";
import { visible } from "./formats.js";
import { element } from "./nodes.js";
import { Understood } from "./understood.js";

const PAUSE_MS = 120; // One question for a burst of keys.
const OVERDUE_MS = 500; // How long options of an older text stay while the new ones are under way.
const CLOSING = /^[,)]$/;

const form = document.getElementById("search-form");
const input = document.getElementById("search");
const question = new Question("/api/v1/filter/complete");
const list = element("ul", { id: "completions", role: "listbox", "aria-label": "Completions" });
const said = element("div", { id: "understood", class: "understood", role: "status" });
const popup = element("div", { class: "completion", hidden: "" }, [list, said]);
const understood = new Understood(said, { onFix: replace });

let offers = []; // of the answer that the options show
let answered = null; // { text, at, start, end } of that answer, in UTF-16 units
let active = -1; // the option that the keyboard is at
let wanted = false; // whether the popup may be open: somebody typed, or asked for it
let pause = 0;
let overdue = 0;

const cursor = () => input.selectionStart ?? input.value.length;
const current = () => answered?.text === input.value && answered.at === cursor();

function show() {
  list.hidden = offers.length === 0;
  popup.hidden = !wanted || (list.hidden && understood.empty);
  input.setAttribute("aria-expanded", String(!popup.hidden && !list.hidden));
}

function close() {
  wanted = false;
  clearTimeout(pause);
  question.stop();
  understood.stop();
  clear();
}

function clear() {
  offers = [];
  answered = null;
  list.replaceChildren();
  mark(-1);
  show();
}

function mark(index) {
  list.children[active]?.setAttribute("aria-selected", "false");
  active = index;
  const option = list.children[active];
  option?.setAttribute("aria-selected", "true");
  option?.scrollIntoView({ block: "nearest" });
  if (option) input.setAttribute("aria-activedescendant", option.id);
  else input.removeAttribute("aria-activedescendant");
}

function option(offer, index) {
  const parts = [element("bdi", { class: "offer" }, visible(offer.text)), element("span", { class: "offer-doc" }, offer.doc.replaceAll("`", ""))];
  const node = element("li", { id: `completion-${index}`, role: "option", "aria-selected": "false", "data-kind": offer.kind }, parts);
  node.addEventListener("click", () => take(index));
  return node;
}

async function complete() {
  const text = input.value;
  const at = cursor();
  const answer = await question.ask(form.dataset.family, { text, at: characters(text, at) });
  if (!answer || input.value !== text || cursor() !== at) return;
  clearTimeout(overdue);
  answered = { text, at, start: units(text, answer.start), end: units(text, answer.end) };
  // What stands there already is no completion.
  offers = answer.candidates.filter((offer) => offer.text !== text.slice(answered.start, answered.end));
  list.replaceChildren(...offers.map(option));
  list.scrollTop = 0;
  mark(-1);
  show();
}

function ask(delay = PAUSE_MS) {
  wanted = true;
  mark(-1);
  clearTimeout(pause);
  clearTimeout(overdue);
  overdue = setTimeout(clear, delay + OVERDUE_MS);
  pause = setTimeout(() => {
    complete();
    understood.check(form.dataset.family, input.value).then(show);
  }, delay);
}

// Puts a text in place of the characters from start to end; what may come next is asked at once.
function replace(start, end, text) {
  const before = CLOSING.test(text) ? input.value.slice(0, start).trimEnd() : input.value.slice(0, start);
  const after = input.value.slice(end);
  const space = text === "(" || /^[\s,)]/.test(after) ? "" : " ";
  input.value = before + text + space + after;
  const at = before.length + text.length + (space || /^\s/.test(after) ? 1 : 0);
  input.focus();
  input.setSelectionRange(at, at);
  clear();
  ask(0);
}

// Options of an older text have no place in this one.
function take(index) {
  if (!offers[index] || !current()) return false;
  replace(answered.start, answered.end, offers[index].text);
  return true;
}

function step(by) {
  if (popup.hidden || list.hidden) return ask(0);
  const count = offers.length + 1; // and the box itself, between the last option and the first
  mark(((active + 1 + by + count) % count) - 1);
}

const keys = {
  ArrowDown: () => { step(1); return true; },
  ArrowUp: () => { step(-1); return true; },
  Enter: () => active >= 0 && take(active),
  // Of a word that was begun, Tab takes the first completion; else it leads on.
  Tab: () => !popup.hidden && (active >= 0 ? take(active) : answered?.start < answered?.at && take(0)),
  Escape: () => { const open = !popup.hidden; close(); return open; },
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.isComposing) return;
  if (!keys[event.key]?.()) return;
  event.preventDefault();
  event.stopPropagation();
}

form.append(popup);
const attributes = { role: "combobox", "aria-autocomplete": "list", "aria-controls": list.id, "aria-describedby": said.id, "aria-expanded": "false" };
for (const [name, value] of Object.entries(attributes)) input.setAttribute(name, value);
input.addEventListener("input", () => ask());
input.addEventListener("keydown", onKey);
input.addEventListener("click", () => { if (!popup.hidden) ask(); });
input.addEventListener("keyup", (event) => { if (/^(ArrowLeft|ArrowRight|Home|End)$/.test(event.key) && !popup.hidden) ask(); });
popup.addEventListener("mousedown", (event) => event.preventDefault()); // the box keeps the focus
form.addEventListener("focusout", (event) => { if (!form.contains(event.relatedTarget)) close(); });
form.addEventListener("submit", close);
