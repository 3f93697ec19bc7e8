// One line of the list from an API row, in the places of the server's own template. Everything is text, never markup.
import * as format from "./formats.js";

const text = (value) => (value === null || value === undefined ? "" : format.visible(value));

function endOf(row, end) {
  const name = row[`${end}_name`] || row[`${end}_dns_label`];
  const [address, port] = [row[`${end}_address`], row[`${end}_port`]];
  // The port of the initiating side is chance; beside a name it would only be noise.
  if (name) return { name: text(name), address: text(format.addressPort(address, end === "destination" ? port : null)), bare: false };
  const where = text(format.addressPort(address, port));
  return { name: where || "unknown", address: "", bare: Boolean(where) };
}

function lostWords(lost) {
  if (lost === null || lost === undefined) return "unknown number lost";
  return `${format.count(lost)} ${lost === 1 ? "report" : "reports"} lost`;
}

function put(line, part, value) {
  line.querySelector(`[data-part="${part}"]`).textContent = value;
}

function putEnd(line, row, end) {
  const view = endOf(row, end);
  put(line, `${end}-name`, view.name);
  put(line, `${end}-address`, view.address);
  line.querySelector(`[data-part="${end}-name"]`).classList.toggle("mono", view.bare);
  line.querySelector(`[data-part="${end}"]`).title = `${view.name} ${view.address}`;
}

function putTime(time, value) {
  time.dateTime = value;
  time.textContent = value ? format.clockTime(value) : "";
}

function putGap(line, row) {
  putTime(line.querySelector('[data-part="until"]'), row.ended_at || row.window_end || "");
  put(line, "lost", lostWords(row.gap_lost));
  put(line, "cause", format.words(text(row.gap_cause) || "unknown"));
  put(line, "reporter", text(row.reporter_name || row.reporter_id));
}

function putConnection(line, row) {
  put(line, "state", row.state);
  putEnd(line, row, "source");
  putEnd(line, row, "destination");
  put(line, "application", text(row.application));
  put(line, "protocol", format.protocol(row.protocol));
  put(line, "person", text(row.user_name || row.user_email || row.user_id));
  put(line, "process", text(row.process_name));
  put(line, "received", format.byteSize(row.rx_bytes));
  put(line, "sent", format.byteSize(row.tx_bytes));
  put(line, "duration", format.duration(row.duration_ms));
  put(line, "close-reason", format.words(text(row.close_reason)));
}

export function fill(line, row, query) {
  line.dataset.id = row.id;
  line.dataset.state = row.state;
  line.dataset.verdict = row.state === "denied" ? "denied" : row.verdict || "unknown";
  line.dataset.started = row.started_at;
  line.querySelector('[data-part="link"]').setAttribute("href", `/traffic/${encodeURIComponent(row.id)}${query ? `?${query}` : ""}`);
  putTime(line.querySelector("time"), row.started_at);
  if (row.state === "gap") putGap(line, row);
  else putConnection(line, row);
  return line;
}

export function make(row, query) {
  const template = document.getElementById(row.state === "gap" ? "gap-template" : "row-template");
  return fill(template.content.firstElementChild.cloneNode(true), row, query);
}
