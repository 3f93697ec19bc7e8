// What every page without rows of its own adds: theme, time zone, signing out, and a part that is read anew.
import { writeTimes } from "./formats.js";
import { load } from "./navigate.js";
import * as keys from "./page_keys.js";
import * as preferences from "./preferences.js";

async function refresh() {
  if (document.hidden) return;
  try {
    const loaded = await load(location.pathname + location.search);
    const fresh = loaded?.page.getElementById("region");
    const old = document.getElementById("region");
    if (!fresh || old.contains(document.activeElement) || String(getSelection())) return;
    old.replaceWith(document.adoptNode(fresh));
    writeTimes(document);
  } catch {
    // What is shown stays; the next time tries again.
  }
}

preferences.start({ onZone: () => {} });
keys.start();
const every = Number(document.getElementById("main").dataset.refreshMs);
if (every) setInterval(refresh, every);
