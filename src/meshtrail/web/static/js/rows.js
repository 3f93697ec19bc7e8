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

const partOf = (line, part) => line.querySelector(`[data-part="${part}"]`);

function put(line, part, value) {
  partOf(line, part).textContent = value;
}

// Fields behind the parts of a line: the first known one, as in web/rows.py.
const FIELDS = {
  state: ["state"], reporter: ["reporter_name", "reporter_id"], application: ["application"], protocol: ["protocol"],
  direction: ["direction"], country: ["destination_country_code", "source_country_code"],
  person: ["user_name", "user_email", "user_id"], process: ["process_name"], policy: ["policy_name", "policy_id"],
  rule: ["rule_id", "attribution"], reason: ["close_reason"],
};
const known = (value) => value !== null && value !== undefined && value !== "";

// What the words stand for, by which the list can be narrowed.
function stand(line, part, field, value, port) {
  const node = partOf(line, part);
  if (!node) return;
  for (const name of ["field", "value", "port"]) delete node.dataset[name];
  if (!field || text(value) !== String(value)) return; // Characters that deceive are not set in a page, not even in attributes.
  node.dataset.field = field;
  node.dataset.value = String(value);
  if (known(port)) node.dataset.port = String(port);
}

function standFor(line, row, part) {
  const field = FIELDS[part].find((name) => known(row[name]));
  stand(line, part, field, row[field]);
}

function standEnd(line, row, end) {
  const field = [`${end}_name`, `${end}_dns_label`].find((name) => known(row[name]));
  const [address, port] = [row[`${end}_address`], row[`${end}_port`]];
  const where = known(address) ? `${end}_address` : undefined;
  stand(line, `${end}-name`, field ?? where, field ? row[field] : address, field ? undefined : port);
  stand(line, `${end}-address`, field && where, address, end === "destination" ? port : undefined);
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
  standFor(line, row, "reporter");
}

const counted = (number) => (known(number) ? format.count(number) : format.UNKNOWN);

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
  put(line, "reason", format.words(text(row.close_reason)));
  put(line, "reporter", text(row.reporter_name || row.reporter_id));
  put(line, "policy", text(row.policy_name || row.policy_id));
  put(line, "rule", text(row.rule_id) || format.words(text(row.attribution)));
  put(line, "direction", format.words(text(row.direction)));
  put(line, "country", text(row.destination_country_code || row.source_country_code));
  put(line, "rx-packets", counted(row.rx_packets));
  put(line, "tx-packets", counted(row.tx_packets));
  for (const part of Object.keys(FIELDS)) standFor(line, row, part);
  for (const end of ["source", "destination"]) standEnd(line, row, end);
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
