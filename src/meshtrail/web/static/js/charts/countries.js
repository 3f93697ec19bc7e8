// Names of countries in the place of their codes, as this browser knows them.

const names = typeof Intl.DisplayNames === "function" ? new Intl.DisplayNames(["en"], { type: "region" }) : null;

export function countryName(code) {
  try {
    return names?.of(code) ?? code;
  } catch {
    return code; // not the form of a code
  }
}

export function countries(node) {
  for (const place of node.querySelectorAll("[data-country]")) place.textContent = countryName(place.dataset.country);
}
