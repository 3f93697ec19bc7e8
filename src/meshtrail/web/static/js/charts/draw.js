// Draws the charts of a part from the tables beside them; a click follows the link of the table's row.
import { decisions } from "./decisions.js";
import { heat } from "./heat.js";
import { places } from "./places.js";
import { reached } from "./reached.js";
import { reading } from "./reading.js";
import { onThemeChange, theme } from "./theme.js";

const KINDS = { decisions, heat, places, reached };
const main = () => document.getElementById("main");
const drawn = new Map(); // place of a chart → how to draw it again
let library = null;

const echarts = () => (library ??= import(main().dataset.echarts));

async function draw(place) {
  const { init, registerMap } = await echarts();
  const table = place.parentElement.querySelector("table");
  const canvas = document.createElement("div");
  canvas.className = "canvas";
  place.replaceChildren(canvas);
  const kind = await KINDS[place.dataset.chart](table, { place, registerMap, world: main().dataset.world });
  place.style.height = kind.height ? `${kind.height}px` : "";
  const chart = init(canvas, null, { renderer: "canvas" });
  const beside = reading(place);
  const paint = () => chart.setOption(kind.option(theme(), canvas.clientWidth), true);
  chart.on("mousemove", (at) => {
    const lines = kind.read(at);
    if (lines) beside.show(lines, at.event);
    chart.getZr().setCursorStyle(kind.href(at) ? "pointer" : "default");
  });
  chart.on("mouseout", beside.hide);
  chart.on("globalout", beside.hide);
  chart.on("click", (at) => {
    const href = kind.href(at);
    if (href) location.assign(href);
  });
  new ResizeObserver(() => {
    chart.resize();
    paint();
  }).observe(canvas);
  paint();
  drawn.set(place, { paint, chart });
}

export async function drawAll(part) {
  for (const [place, { chart }] of drawn) {
    if (place.isConnected) continue;
    chart.dispose();
    drawn.delete(place);
  }
  await document.fonts?.ready;
  for (const place of part.querySelectorAll("[data-chart]")) await draw(place);
}

onThemeChange(() => {
  for (const { paint } of drawn.values()) paint();
});
