// Values as people read them: the counterpart of web/formats.py, used for live rows. A test holds both together.

export const UNKNOWN = "–";
const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
const PROTOCOLS = {
  1: "ICMP", 2: "IGMP", 4: "IPIP", 6: "TCP", 17: "UDP", 41: "IPv6", 47: "GRE", 50: "ESP", 51: "AH", 58: "ICMPv6",
  89: "OSPF", 112: "VRRP", 132: "SCTP",
};
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DECEIVING = new RegExp(
  "[\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb]", "g");

export function visible(text) {
  return String(text).replace(DECEIVING, (found) => "\\u" + found.charCodeAt(0).toString(16).padStart(4, "0"));
}

export function count(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ",");
}

function rounded(value) {
  return value < 9.95 ? (Math.floor(value * 10 + 0.5) / 10).toFixed(1) : String(Math.floor(value + 0.5));
}

export function byteSize(number) {
  if (number === null || number === undefined) return UNKNOWN;
  if (number < 1000) return `${number} B`;
  let value = number;
  let unit = 0;
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${rounded(value)} ${BYTE_UNITS[unit]}`;
}

const two = (number) => String(number).padStart(2, "0");

export function duration(milliseconds) {
  if (milliseconds === null || milliseconds === undefined) return UNKNOWN;
  if (milliseconds < 1000) return `${milliseconds} ms`;
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 60) return milliseconds < 59500 ? `${rounded(milliseconds / 1000)} s` : `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${two(seconds % 60)} s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${two(Math.floor(seconds / 60) % 60)} m`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor(seconds / 3600) % 24} h`;
}

export function protocol(number) {
  if (number === null || number === undefined) return UNKNOWN;
  return PROTOCOLS[number] ?? `IP ${number}`;
}

export function addressPort(address, port) {
  if (address === null || address === undefined) return port === null || port === undefined ? "" : `:${port}`;
  if (port === null || port === undefined) return address;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

export const words = (name) => name.replaceAll("_", " ");

// Parts of a time in the chosen zone. Microseconds come from the text: Date only has milliseconds.
function parts(text, zone) {
  const date = new Date(text);
  const micro = (/\.(\d+)/.exec(text)?.[1] ?? "").padEnd(6, "0").slice(0, 6);
  const get = (name) => (zone === "utc" ? date[`getUTC${name}`]() : date[`get${name}`]());
  return {
    day: get("Date"), month: get("Month"), year: get("FullYear"), micro,
    clock: `${two(get("Hours"))}:${two(get("Minutes"))}:${two(get("Seconds"))}`,
    short: `${two(get("Hours"))}:${two(get("Minutes"))}`,
  };
}

export const zone = () => document.documentElement.dataset.zone ?? "utc";

export function clockTime(text, now = new Date()) {
  const at = parts(text, zone());
  const today = parts(now.toISOString(), zone());
  if (at.day === today.day && at.month === today.month && at.year === today.year) return `${at.clock}.${at.micro.slice(0, 3)}`;
  return `${at.day} ${MONTHS[at.month]} ${at.clock}`;
}

export function fullTime(text) {
  const at = parts(text, zone());
  return `${at.day} ${MONTHS[at.month]} ${at.year} ${at.clock}.${at.micro}`;
}

// Day and time to the minute, for what happens seldom.
export function minuteTime(text) {
  const at = parts(text, zone());
  return `${at.day} ${MONTHS[at.month]} ${at.year} ${at.short}`;
}

export function momentTime(text) {
  const at = parts(text, zone());
  return `${at.day} ${MONTHS[at.month]} ${at.clock}`;
}

// A moment to the second; the day only when it is not today.
export function briefTime(text) {
  const [at, today] = [parts(text, zone()), parts(new Date().toISOString(), zone())];
  const same = at.day === today.day && at.month === today.month && at.year === today.year;
  return same ? at.clock : `${at.day} ${MONTHS[at.month]} ${at.clock}`;
}

export function axisTime(milliseconds, step) {
  const at = parts(new Date(milliseconds).toISOString(), zone());
  if (step < 60000) return at.clock;
  if (step >= 86400000 || at.short === "00:00") return `${at.day} ${MONTHS[at.month]}`;
  return at.short;
}

// Milliseconds to add to UTC for the chosen zone at this moment.
export const zoneOffset = (milliseconds) => (zone() === "utc" ? 0 : -new Date(milliseconds).getTimezoneOffset() * 60000);

// The moment just after, so that a half-open window ends behind this one.
export function justAfter(text) {
  const found = /^(.*\.)(\d{6})Z$/.exec(text);
  if (!found || found[2] === "999999") return new Date(Date.parse(text) + 1).toISOString();
  return `${found[1]}${String(Number(found[2]) + 1).padStart(6, "0")}Z`;
}

const FORMS = { clock: clockTime, full: fullTime, moment: momentTime, minute: minuteTime };

// Writes every time below a node in the chosen zone; the title keeps the exact moment.
export function writeTimes(node) {
  for (const time of node.querySelectorAll("time[datetime]")) {
    const form = FORMS[time.dataset.form];
    if (!form || !time.dateTime || Number.isNaN(Date.parse(time.dateTime))) continue;
    time.textContent = form(time.dateTime);
    time.title = time.dateTime;
  }
}
