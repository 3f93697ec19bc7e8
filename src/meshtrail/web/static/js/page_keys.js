// The keys that every page without rows of its own has: to the search, and the list of keys.

const typing = (target) => Boolean(target.closest?.("input, textarea, select, [contenteditable]"));

export function start() {
  const dialog = document.getElementById("keys");
  const search = document.getElementById("search");
  const actions = { "?": () => dialog.showModal(), "/": () => search?.select() };
  document.querySelector('[data-action="keys"]').addEventListener("click", actions["?"]);
  dialog.querySelector('[data-action="close-keys"]').addEventListener("click", () => dialog.close());
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
    if (event.key === "Escape" && event.target === search) search.blur();
    if (typing(event.target) || !(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  });
}
