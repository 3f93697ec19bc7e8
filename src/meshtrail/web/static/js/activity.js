// What happened lately to the thing of this page: asked for once the page stands, so that nobody waits for it.
import { writeTimes } from "./formats.js";
import { load } from "./navigate.js";

async function fill(section) {
  const place = section.querySelector("#activity-parts");
  section.setAttribute("aria-busy", "true");
  try {
    const loaded = await load(section.dataset.from, { "X-Fragment": "activity" });
    if (!loaded) return;
    const fresh = document.adoptNode(loaded.page.getElementById("activity-parts"));
    place.replaceWith(fresh);
    writeTimes(fresh);
  } catch (error) {
    const said = document.createElement("p");
    said.setAttribute("role", "alert");
    said.textContent = `It could not be read. ${error.message}`;
    place.prepend(said);
  } finally {
    section.removeAttribute("aria-busy");
  }
}

const section = document.getElementById("activity");
if (section) fill(section);
