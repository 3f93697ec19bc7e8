// The histogram over time: drawn as SVG, chosen by brush or by keys, and said in words.
import { address, shown } from "./address.js";
import { ask, question } from "./counting.js";
import { axisTime, briefTime, count, zoneOffset } from "./formats.js";
import { go, onSwap } from "./navigate.js";

const SVG = "http://www.w3.org/2000/svg";
const AXIS_PX = 18; // Room for times below the bars.
const TOP_PX = 4;
const BUCKETS_MAX = 120;
const REFRESH_MS = 3000; // While following; each is one aggregate query.
const BRUSH_PX = 4; // Less than this is a click, not a brush.
const LABEL_PX = 80; // Room for one time on the axis.
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const STEPS_MS = [
  SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 20 * MINUTE, 30 * MINUTE,
  HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR, 48 * HOUR, 168 * HOUR, 720 * HOUR, 8760 * HOUR,
];

let series = []; // Name and word of each member of a bar, from the ground up, as the page says them.

let bars = [];
let interval = 0;
let brush = null; // First and last bar that are chosen.
let cursor = -1;
let timer = 0;
let running = null;

const main = () => document.getElementById("main");
const plot = () => document.getElementById("plot");
const total = (bar) => series.reduce((sum, { name }) => sum + bar[name], 0);

function shape(name, attributes, text = "") {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text) node.textContent = text;
  return node;
}

function pathOf(name, geometry) {
  let path = "";
  bars.forEach((bar, index) => {
    if (!bar[name]) return;
    const below = series.slice(0, series.findIndex((each) => each.name === name)).reduce((sum, other) => sum + bar[other.name], 0);
    const bottom = geometry.y(below);
    const top = Math.min(geometry.y(below + bar[name]), bottom - 1.5); // A single denied row among thousands stays visible.
    path += `M${geometry.x(index)} ${bottom}V${top}h${geometry.width}V${bottom}z`;
  });
  return path;
}

function geometryOf(width, height) {
  const step = width / Math.max(bars.length, 1);
  const floor = height - AXIS_PX;
  const most = Math.max(1, ...bars.map(total));
  return {
    step, floor, most, width: Math.max(step - (step > 5 ? 1.5 : 0.5), 1),
    x: (index) => index * step, y: (value) => floor - (value / most) * (floor - TOP_PX),
  };
}

function drawAxis(svg, geometry, width) {
  svg.append(shape("line", { class: "axis", x1: 0, x2: width, y1: geometry.floor + 0.5, y2: geometry.floor + 0.5 }));
  if (!bars.length) return;
  const first = Date.parse(bars[0].start);
  const last = first + interval * bars.length;
  const labels = Math.max(2, width / LABEL_PX);
  const step = STEPS_MS.find((one) => (last - first) / one <= labels) ?? STEPS_MS.at(-1);
  const offset = zoneOffset(first);
  for (let at = Math.ceil((first + offset) / step) * step - offset; at < last; at += step) {
    const x = ((at - first) / interval) * geometry.step;
    if (x > width - LABEL_PX / 2) break;
    svg.append(shape("line", { class: "axis", x1: x + 0.5, x2: x + 0.5, y1: geometry.floor, y2: geometry.floor + 5 }));
    svg.append(shape("text", { x: x + 5, y: geometry.floor + 14 }, axisTime(at, step)));
  }
}

function draw() {
  const svg = document.getElementById("plot-svg");
  const { width, height } = plot().getBoundingClientRect();
  const geometry = geometryOf(width, height);
  svg.replaceChildren();
  if (cursor >= 0) svg.append(shape("rect", { class: "cursor", x: geometry.x(cursor), y: 0, width: geometry.step, height: geometry.floor }));
  for (const { name } of series) svg.append(shape("path", { class: `series-${name}`, d: pathOf(name, geometry) }));
  drawAxis(svg, geometry, width);
  if (brush) {
    const [first, last] = [Math.min(...brush), Math.max(...brush)];
    svg.append(shape("rect", { class: "brush", x: geometry.x(first), y: 0.5, width: (last - first + 1) * geometry.step, height: geometry.floor }));
  }
}

function summarize() {
  for (const { name } of series) {
    document.querySelector(`.key[data-series="${name}"] b`).textContent = count(bars.reduce((sum, bar) => sum + bar[name], 0));
  }
  const all = bars.reduce((sum, bar) => sum + total(bar), 0);
  const busiest = bars.reduce((best, bar) => (best === null || total(bar) > total(best) ? bar : best), null);
  const line = document.getElementById("histogram-summary");
  const strong = document.createElement("b");
  strong.textContent = count(all);
  const peak = all ? `, busiest ${briefTime(busiest.start)} with ${count(total(busiest))}` : "";
  const { noun, nouns, apiQuery, countQuery } = main().dataset;
  const more = apiQuery === countQuery ? "" : ", whatever they say of each other"; // What chooses among joined rows is not counted.
  line.replaceChildren(strong, ` ${all === 1 ? noun : nouns}${more}${peak}`);
}

function show(index) {
  cursor = index;
  const box = document.getElementById("reading");
  const bar = bars[index];
  box.hidden = !bar;
  if (!bar) return draw();
  const chosen = brush ? bars.slice(Math.min(...brush), Math.max(...brush) + 1) : [bar];
  const sum = (name) => chosen.reduce((value, one) => value + one[name], 0);
  const until = brush ? ` – ${briefTime(endOf(Math.max(...brush)))}` : "";
  const said = series.filter(({ name }) => sum(name)).map(({ name, word }) => `${count(sum(name))} ${word}`).join(", ") || "nothing";
  box.textContent = `${briefTime(chosen[0].start)}${until}: ${said}`;
  const { width } = plot().getBoundingClientRect();
  const at = ((index + 0.5) / bars.length) * width;
  box.style.transform = `translateX(${Math.min(Math.max(at - box.offsetWidth / 2, 0), width - box.offsetWidth)}px)`;
  draw();
}

const endOf = (index) => new Date(Date.parse(bars[index].start) + interval).toISOString();

function choose() {
  if (!brush) return;
  const query = shown();
  query.delete("last");
  query.set("from", bars[Math.min(...brush)].start);
  query.set("to", endOf(Math.max(...brush)));
  brush = null;
  go(address(query));
}

function indexAt(event) {
  const { left, width } = plot().getBoundingClientRect();
  return Math.min(Math.max(Math.floor(((event.clientX - left) / width) * bars.length), 0), bars.length - 1);
}

function startPointer() {
  let from = null;
  plot().addEventListener("pointerdown", (event) => {
    if (!bars.length || event.button !== 0) return;
    from = { index: indexAt(event), x: event.clientX };
    plot().setPointerCapture(event.pointerId);
  });
  plot().addEventListener("pointermove", (event) => {
    if (!bars.length) return;
    const index = indexAt(event);
    if (from && Math.abs(event.clientX - from.x) > BRUSH_PX) brush = [from.index, index];
    show(index);
  });
  plot().addEventListener("pointerup", () => {
    from = null;
    choose();
  });
  plot().addEventListener("pointercancel", () => { from = null; brush = null; draw(); });
  plot().addEventListener("pointerleave", () => { if (!from) show(-1); });
}

function startKeys() {
  plot().addEventListener("keydown", (event) => {
    if (!bars.length) return;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) {
      const at = cursor < 0 ? (step > 0 ? 0 : bars.length - 1) : Math.min(Math.max(cursor + step, 0), bars.length - 1);
      brush = event.shiftKey ? [brush ? brush[0] : Math.max(cursor, 0), at] : null;
      show(at);
      document.getElementById("reading-spoken").textContent = document.getElementById("reading").textContent;
    } else if (event.key === "Enter" && cursor >= 0) {
      brush ??= [cursor, cursor];
      choose();
    } else if (event.key === "Escape" && brush) {
      brush = null;
      draw();
      event.stopPropagation();
    } else return;
    event.preventDefault();
  });
  plot().addEventListener("blur", () => { brush = null; show(-1); });
}

async function fetchBars() {
  const query = question();
  query.set("buckets", String(BUCKETS_MAX));
  running?.abort(); // Whoever asks anew does not need the old answer, and the server need not count it.
  running = new AbortController();
  const body = await ask("histogram", query, running.signal);
  bars = body.data;
  interval = body.interval_ms;
  summarize();
  if (!brush) draw();
}

export async function refresh() {
  clearTimeout(timer);
  timer = 0;
  if (document.querySelector(".failing")) {
    bars = [];
    document.getElementById("histogram-summary").textContent = "Not counted";
    return draw();
  }
  try {
    await fetchBars();
  } catch (error) {
    if (error.name === "AbortError") return;
    bars = [];
    document.getElementById("histogram-summary").textContent = `No histogram: ${error.message}`;
    draw();
  }
}

// New rows arrived: count again soon, but not for each of them.
export function changed() {
  if (timer || document.hidden) return;
  timer = setTimeout(refresh, REFRESH_MS);
}

export function start() {
  series = [...document.querySelectorAll(".key[data-series]")].map((key) => ({ name: key.dataset.series, word: key.dataset.word }));
  startPointer();
  startKeys();
  onSwap(refresh);
  new ResizeObserver(draw).observe(plot());
  refresh();
}

export { draw };
