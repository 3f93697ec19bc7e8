// The list's address with one thing changed: the counterpart of web/filters.py. A test holds both together.

const main = () => document.getElementById("main");

// The address of this list with a query.
export function address(query) {
  const text = String(query);
  return main().dataset.path + (text ? `?${text}` : "");
}

// The query of what is shown, from its first page on.
export const shown = () => new URLSearchParams(main().dataset.query);

// Rows where the field has this value too; a contrary condition goes.
export function including(query, field, value) {
  query.delete(`${field}.not`, value);
  if (!query.has(field, value)) query.append(field, value);
  return query;
}

// Rows where the field does not have this value; a contrary condition goes.
export function excluding(query, field, value) {
  query.delete(field, value);
  if (!query.has(`${field}.not`, value)) query.append(`${field}.not`, value);
  return query;
}

// Rows where the field is known, or is not.
export function knowing(query, field, known) {
  query.set(`${field}.known`, String(known));
  return query;
}

// Whatever the field is.
export function without(query, field) {
  for (const name of [...query.keys()]) {
    if (name === field || name.startsWith(`${field}.`)) query.delete(name);
  }
  return query;
}

const KEPT = ["last", "from", "to", "columns"];

// Nothing but this value, in the same window.
export function only(query, field, value) {
  for (const name of [...query.keys()]) {
    if (!KEPT.includes(name)) query.delete(name);
  }
  return including(query, field, value);
}

// Start and end of what is shown, in RFC 3339; a window that ends now ends now.
export function shownWindow(now = new Date()) {
  const { windowMs, since, until } = main().dataset;
  const moving = Number(windowMs);
  return moving ? [new Date(now - moving).toISOString(), now.toISOString()] : [since, until];
}

// The query with its window as times that stay.
export function fixed(query) {
  const [since, until] = shownWindow();
  for (const name of ["last", "from", "to"]) query.delete(name);
  if (since) query.set("from", since);
  if (until) query.set("to", until);
  return query;
}
