// The menu of saved views of a list: to open one, to save what the list shows now, to rename, share and delete.
import { address, shown } from "./address.js";
import { amend, call } from "./api.js";
import { withColumns } from "./columns.js";
import { visible } from "./formats.js";
import { toast } from "./navigate.js";
import { element } from "./nodes.js";

const PATH = "/api/v1/views";
const SURE_MS = 6000; // How long the second press of "Delete" is waited for.

const menu = document.getElementById("views-menu");
const panel = document.getElementById("views-panel");
const lists = menu.querySelector(".views-lists");
const form = menu.querySelector(".views-save");
const shares = menu.dataset.shares === "yes";
let views = [];

// What the list shows now, as a link would say it.
const displayed = () => String(withColumns(shown()));

const sorted = (query) => {
  const found = new URLSearchParams(query);
  found.sort();
  return String(found);
};

const body = ({ name, query, shared }, changed = {}) => ({ name, query, shared, ...changed });
const place = (view) => `${PATH}/${encodeURIComponent(view.id)}`;

// One change: what fails is said, what succeeds is shown.
async function change(done, work) {
  try {
    await work();
    say("");
    toast(done);
    await fill();
    return true;
  } catch (error) {
    say(error.message);
    return false;
  }
}

function say(text) {
  const problem = menu.querySelector(".problem");
  problem.textContent = text;
  problem.hidden = !text;
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

function tool(name, label, onPress) {
  const made = element("button", { type: "button", class: "icon-button", "aria-label": label, title: label }, icon(name));
  made.addEventListener("click", () => onPress(made));
  return made;
}

function rename(view, item) {
  const box = element("input", { value: view.name, maxlength: "80", "aria-label": `New name of ${view.name}`, autocomplete: "off" });
  const renaming = element("form", { class: "views-rename" }, [box, element("button", { class: "button" }, "Rename")]);
  renaming.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (await change("Renamed", () => amend(place(view), (now) => body(now, { name: box.value })))) focusOn(view.id);
  });
  renaming.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault(); // the panel stays
    draw();
    focusOn(view.id);
  });
  item.replaceChildren(renaming);
  box.select();
}

async function share(view) {
  const shared = !view.shared;
  const done = shared ? "Everybody who may read this list has the view now" : "The view is yours alone again";
  if (await change(done, () => amend(place(view), (now) => body(now, { shared })))) focusOn(view.id);
}

// The first press asks.
async function remove(view, pressed) {
  if (!pressed.dataset.asked) {
    pressed.dataset.asked = "yes";
    pressed.replaceChildren("Delete?");
    pressed.setAttribute("aria-label", `Really delete ${view.name}?`);
    setTimeout(() => {
      delete pressed.dataset.asked;
      pressed.replaceChildren(icon("delete"));
      pressed.setAttribute("aria-label", `Delete ${view.name}`);
    }, SURE_MS);
    return;
  }
  if (await change("Deleted", () => call("DELETE", place(view)))) form.elements.name.focus();
}

const focusOn = (id) => lists.querySelector(`[data-id="${CSS.escape(id)}"] a`)?.focus();

function line(view) {
  const current = sorted(view.query) === sorted(displayed());
  const link = element("a", { href: address(view.query), "data-nav": "" }, element("bdi", {}, visible(view.name)));
  if (current) link.setAttribute("aria-current", "true");
  const item = element("li", { "data-id": view.id }, link);
  if (!view.mine && view.owner_name) item.append(element("span", { class: "quiet" }, ["by ", element("bdi", {}, visible(view.owner_name))]));
  const tools = element("span", { class: "views-tools" });
  if (menu.dataset.saves === "yes" && (view.mine || shares)) {
    if (shares || !view.shared) tools.append(tool("edit", `Rename ${view.name}`, () => rename(view, item)));
    if (view.mine && (shares || view.shared)) {
      tools.append(tool("share", view.shared ? `Stop sharing ${view.name}` : `Share ${view.name} with the organisation`, () => share(view)));
    }
    tools.append(tool("delete", `Delete ${view.name}`, (pressed) => remove(view, pressed)));
  }
  item.append(tools);
  return item;
}

function part(title, found) {
  return found.length ? [element("h2", {}, title), element("ul", {}, found.map(line))] : [];
}

function draw() {
  const none = "No view of this list is saved yet. A view keeps filters, window of time and columns under a name.";
  const parts = [...part("Yours", views.filter((view) => !view.shared)), ...part("Shared", views.filter((view) => view.shared))];
  lists.replaceChildren(...(parts.length ? parts : [element("p", { class: "quiet" }, none)]));
  name();
}

// A name that is there already means that view.
function same() {
  return views.find((view) => view.mine && view.name === form?.elements.name.value.trim());
}

function name() {
  if (form) form.querySelector("button").textContent = same() ? "Replace" : "Save";
}

async function fill() {
  views = (await call("GET", `${PATH}?family=${menu.dataset.family}`)).body.data;
  draw();
}

// Before the panel is seen, since its toggle is told later: what somebody types meanwhile stays. Not when it closes: what has the focus
// must still be there for the focus to go back to the button.
function emptied(event) {
  if (event.newState !== "open") return;
  say("");
  form?.reset();
  lists.replaceChildren(); // what is shown next is what there is then
}

async function toggled(event) {
  if (event.newState !== "open") return;
  try {
    await fill();
  } catch (error) {
    say(error.message);
  }
}

async function save(event) {
  event.preventDefault();
  const wanted = { name: form.elements.name.value, query: displayed(), shared: form.elements.shared?.checked ?? false };
  const there = same();
  const request = there
    ? () => amend(place(there), (now) => body(now, { query: wanted.query, shared: wanted.shared || now.shared }))
    : () => call("POST", PATH, { family: menu.dataset.family, ...wanted });
  if (!(await change(there ? "Replaced" : "Saved", request))) return;
  form.reset();
  name();
}

panel.addEventListener("beforetoggle", emptied);
panel.addEventListener("toggle", toggled);
form?.addEventListener("submit", save);
form?.addEventListener("input", name);
lists.addEventListener("click", (event) => { if (event.target.closest("a")) panel.hidePopover(); });
