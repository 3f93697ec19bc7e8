// What this browser remembers: theme, time zone, whether to follow new rows.
import { writeTimes } from "./formats.js";

export function remember(name, value) {
  try {
    localStorage.setItem(`meshtrail.${name}`, value);
  } catch {
    // A browser that forbids storage forgets at the next page; nothing else is lost.
  }
}

export function forget(name) {
  try {
    localStorage.removeItem(`meshtrail.${name}`);
  } catch {
    // Nothing was kept.
  }
}

export function remembered(name) {
  try {
    return localStorage.getItem(`meshtrail.${name}`);
  } catch {
    return null;
  }
}

const root = document.documentElement;
const dark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

function showZone() {
  const utc = root.dataset.zone === "utc";
  for (const button of document.querySelectorAll("[data-zone-choice]")) {
    button.setAttribute("aria-pressed", String((button.dataset.zoneChoice === "utc") === utc));
  }
  for (const word of document.querySelectorAll(".zone-word")) word.textContent = utc ? "UTC" : "local";
}

export function writeAllTimes() {
  writeTimes(document);
  showZone();
}

export function start({ onZone }) {
  document.querySelector('[data-action="theme"]').addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    remember("theme", root.dataset.theme);
  });
  const zones = document.querySelector("[data-zone-choice]").parentElement;
  zones.addEventListener("click", () => {
    root.dataset.zone = root.dataset.zone === "utc" ? "local" : "utc";
    remember("zone", root.dataset.zone);
    writeAllTimes();
    onZone();
  });
  document.querySelector('[data-action="sign-out"]').addEventListener("click", async () => {
    await fetch("/api/v1/session", { method: "DELETE", credentials: "same-origin" });
    location.assign("/sign-in");
  });
  writeAllTimes();
  root.dataset.ready = "yes";
}
