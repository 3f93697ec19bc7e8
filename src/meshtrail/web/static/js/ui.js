// The page of components: copying markup. What is shown there does nothing else.
import { toast } from "./navigate.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  const text = button && document.getElementById(button.dataset.copy)?.textContent;
  if (!text) return;
  try {
    await navigator.clipboard.writeText(text);
    toast("Markup copied");
  } catch {
    toast("This browser does not allow copying here.");
  }
});
document.addEventListener("submit", (event) => {
  if (event.target.closest(".side")) event.preventDefault();
});
