// Forms that are sent to the API as JSON: what is wrong is said beside them, a secret is shown once, else the page is read anew.
import { toast } from "./navigate.js";

const SURE_MS = 6000; // How long the second press of a dangerous button is waited for.

function valueOf(field) {
  if (field.type === "checkbox") return field.checked;
  if (field.multiple) return [...field.selectedOptions].map((option) => option.value);
  if (field.dataset.kind === "json") return JSON.parse(field.value);
  if (field.type === "number" || field.dataset.kind === "number") return field.value === "" ? 0 : Number(field.value);
  return field.value;
}

function read(form) {
  const fields = [...form.elements].filter((field) => field.name && !field.disabled && !("unsent" in field.dataset));
  return Object.fromEntries(fields.map((field) => [field.name, valueOf(field)]));
}

async function send(form) {
  const [method, path] = form.dataset.send.split(" ");
  const bare = method === "DELETE" || (method === "POST" && !form.querySelector("[name]"));
  const headers = bare ? {} : { "Content-Type": "application/json" };
  if (form.dataset.match) headers["If-Match"] = form.dataset.match;
  const answer = await fetch(path, { method, headers, credentials: "same-origin", ...(bare ? {} : { body: JSON.stringify(read(form)) }) });
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  if (answer.status === 401) {
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
    throw new Error("You are signed out.");
  }
  const said = body.error ?? body;
  throw new Error([said.message ?? `The server answered ${answer.status}.`, said.remedy ?? ""].join(" ").trim());
}

// A dangerous button is pressed twice: the first press asks. True when it was the second.
function isSure(button) {
  if (!button?.dataset.sure || button.dataset.asked) return true;
  button.dataset.asked = button.textContent;
  button.textContent = button.dataset.sure;
  const label = button.getAttribute("aria-label");
  if (label) button.removeAttribute("aria-label");
  setTimeout(() => {
    if (!button.dataset.asked || button.disabled) return;
    button.textContent = button.dataset.asked;
    delete button.dataset.asked;
    if (label) button.setAttribute("aria-label", label);
  }, SURE_MS);
  return false;
}

function say(form, text) {
  const problem = form.querySelector(".problem");
  problem.textContent = text;
  problem.hidden = !text;
}

function show(form, secret) {
  const box = form.querySelector(".secret");
  box.querySelector("code").textContent = secret;
  box.hidden = false;
  for (const field of form.querySelectorAll(".fields")) field.hidden = true;
  box.querySelector("code").focus();
}

function settle(form) {
  const done = form.querySelector(".done");
  form.reset();
  done.textContent = form.dataset.done;
  done.hidden = false;
}

function mismatch(form) {
  const again = form.querySelector("[data-same-as]");
  return again && again.value !== form.elements[again.dataset.sameAs].value ? "The two new passwords differ." : "";
}

async function submit(event) {
  const form = event.target;
  event.preventDefault();
  const button = event.submitter ?? form.querySelector("button");
  const wrong = mismatch(form);
  say(form, wrong);
  if (wrong || !isSure(button)) return;
  button.disabled = true;
  try {
    const answer = await send(form);
    if (form.dataset.secret) show(form, answer[form.dataset.secret]);
    else if (form.dataset.done) settle(form);
    else location.reload();
  } catch (error) {
    say(form, error instanceof TypeError ? "The server does not answer. Nothing may have been changed." : error.message);
  } finally {
    button.disabled = false;
  }
}

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.closest(".secret").querySelector("code").textContent);
    toast("Copied");
  } catch {
    toast("This browser does not allow copying here.");
  }
}

for (const form of document.querySelectorAll("form.sent")) form.addEventListener("submit", submit);
for (const button of document.querySelectorAll("[data-copy-secret]")) button.addEventListener("click", () => copy(button));

// What a choice means is shown when it is made; a grave one is asked for twice.
for (const chooser of document.querySelectorAll("select[data-warns]")) {
  const button = chooser.form.querySelector("button");
  if (!button) continue; // Only to be read.
  const warn = () => {
    const grave = chooser.value === chooser.dataset.warns && chooser.value !== chooser.dataset.was;
    for (const warning of chooser.form.querySelectorAll(".warning")) warning.hidden = !grave;
    if (grave) button.dataset.sure = chooser.dataset.sure;
    else delete button.dataset.sure;
  };
  chooser.addEventListener("change", warn);
  warn();
}
