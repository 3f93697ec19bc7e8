// One line of the tail from an API row, in the places of the server's own template. Everything is text, never markup.
import * as format from "../formats.js";

const text = (value) => (value === null || value === undefined ? "" : format.visible(value));

function end(row, side) {
  const name = row[`${side}_name`] || row[`${side}_dns_label`];
  const port = row[`${side}_port`];
  const address = row[`${side}_address`];
  if (name) return [text(name), text(format.addressPort(address, side === "destination" ? port : null)), false];
  const where = text(format.addressPort(address, port));
  return [where || "unknown", "", Boolean(where)];
}

const part = (line, name) => line.querySelector(`[data-part="${name}"]`);

function putEnd(line, row, side) {
  const [name, where, bare] = end(row, side);
  part(line, `${side}-name`).textContent = name;
  part(line, `${side}-name`).classList.toggle("mono", bare);
  part(line, `${side}-where`).textContent = where;
}

function gapWords(row) {
  const lost = row.gap_lost === null || row.gap_lost === undefined ? "an unknown number of reports" : `${format.count(row.gap_lost)} reports`;
  return `reports are missing: ${lost}, ${format.words(text(row.gap_cause) || "unknown cause")}`;
}

export function fill(line, row, query) {
  line.dataset.id = row.id;
  line.dataset.state = row.state;
  line.dataset.verdict = row.state === "denied" ? "denied" : row.verdict || "unknown";
  const link = part(line, "link");
  link.setAttribute("href", `/traffic/${encodeURIComponent(row.id)}${query ? `?${query}` : ""}`);
  const time = link.querySelector("time");
  time.dateTime = row.started_at;
  time.textContent = format.clockTime(row.started_at);
  time.title = row.started_at;
  part(line, "state").textContent = row.state;
  const gap = row.state === "gap";
  putEnd(line, gap ? { source_name: row.reporter_name || row.reporter_id } : row, "source");
  putEnd(line, gap ? { destination_name: gapWords(row) } : row, "destination");
  const what = row.application || (row.protocol === null || row.protocol === undefined ? "" : format.protocol(row.protocol));
  part(line, "what").textContent = gap ? "" : text(what);
  part(line, "who").textContent = text(row.user_name || row.user_email || row.user_id || row.process_name);
  part(line, "policy").textContent = text(row.policy_name || row.policy_id);
  const bytes = row.rx_bytes ?? row.tx_bytes;
  part(line, "bytes").textContent = gap || bytes === null || bytes === undefined ? "" : format.byteSize((row.rx_bytes ?? 0) + (row.tx_bytes ?? 0));
  return line;
}
