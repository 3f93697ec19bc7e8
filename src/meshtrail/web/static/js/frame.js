// The bar on top of every page: its menus, and the keys that lead from page to page.

const byAction = (name) => document.querySelector(`[data-action="${name}"]`);
const pages = document.getElementById("pages");
const opener = byAction("pages");
const user = document.getElementById("user");
let leading = 0; // When `g` was pressed: the next key names a page.
const LEADING_MS = 1500;

function openPages(open) {
  opener.setAttribute("aria-expanded", String(open));
  pages.toggleAttribute("data-open", open);
  if (open) (pages.querySelector("[aria-current]") ?? pages.firstElementChild)?.focus();
}

opener.addEventListener("click", () => openPages(opener.getAttribute("aria-expanded") !== "true"));

// A menu closes when one goes elsewhere, with the pointer or the keyboard; Escape leads back to what opened it.
for (const name of ["pointerdown", "focusin"]) {
  document.addEventListener(name, (event) => {
    if (!user.contains(event.target)) user.open = false;
    if (!pages.contains(event.target) && !opener.contains(event.target)) openPages(false);
  });
}

function onEscape(event) {
  if (user.open && user.contains(document.activeElement)) {
    user.open = false;
    user.querySelector("summary").focus();
  } else if (pages.hasAttribute("data-open")) {
    openPages(false);
    opener.focus();
  } else return;
  event.stopImmediatePropagation();
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog:modal")) return;
  if (event.key === "Escape") return onEscape(event);
  if (event.target.closest?.("input, textarea, select, [contenteditable]")) return;
  const led = event.timeStamp - leading < LEADING_MS;
  leading = event.key === "g" && !led ? event.timeStamp : -LEADING_MS;
  const link = led && pages.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!link) return;
  event.preventDefault();
  event.stopImmediatePropagation(); // The page may have a meaning of its own for the key.
  link.click();
}

leading = -LEADING_MS;
document.addEventListener("keydown", onKey, { capture: true });
