// Decisions over time: stacked bars, the denied ones on top; a click shows the rows of that time and verdict.
import { axisTime, count, momentTime } from "../formats.js";

const SERIES = [["allowed", "allowed"], ["unknown", "no verdict"], ["denied", "denied"]];
const LABEL_PX = 84; // room for one time on the axis
const DAYS_MS = 2.5 * 86_400_000; // from here on the axis tells days

export async function decisions(table, { place }) {
  const bars = [...table.tBodies[0].rows].map((row) => ({
    start: row.dataset.start, allowed: Number(row.dataset.allowed), unknown: Number(row.dataset.unknown), denied: Number(row.dataset.denied),
    href: row.querySelector("a").href, hrefDenied: row.querySelector("[data-denied-link]")?.href,
  }));
  const step = Number(place.dataset.step);
  const long = bars.length * step > DAYS_MS;
  const day = (index) => axisTime(Date.parse(bars[index].start), 86_400_000);
  const days = [...bars.keys()].filter((index) => index > 0 && day(index) !== day(index - 1));
  const labelled = (index, width) => {
    const every = Math.max(Math.ceil(((long ? days.length : bars.length) * LABEL_PX) / width), 1);
    return long ? days.includes(index) && days.indexOf(index) % every === 0 : index % every === 0;
  };
  return {
    option: (colours, width) => ({
      animation: !colours.still, animationDuration: 250,
      textStyle: { fontFamily: colours.face },
      grid: { left: 0, right: 0, top: 8, bottom: 22, containLabel: false, outerBoundsMode: "none" },
      xAxis: {
        type: "category", data: bars.map((bar) => bar.start), axisTick: { show: false },
        axisLine: { lineStyle: { color: colours.lineStrong } },
        axisLabel: {
          color: colours.quiet, fontSize: 11, hideOverlap: true, interval: (index) => labelled(index, width),
          formatter: (start) => axisTime(Date.parse(start), long ? 86_400_000 : step), alignMinLabel: "left", alignMaxLabel: "right",
        },
      },
      yAxis: { type: "value", splitNumber: 3, axisLabel: { show: false }, splitLine: { lineStyle: { color: colours.line } } },
      series: SERIES.map(([name]) => ({
        type: "bar", stack: "all", name, data: bars.map((bar) => bar[name] || null), barCategoryGap: "14%", itemStyle: { color: colours[name] },
        barMinHeight: name === "denied" ? 2 : 0, emphasis: { itemStyle: { color: colours[name], opacity: 0.8 } }, cursor: "pointer",
      })),
    }),
    read(at) {
      const bar = bars[at.dataIndex];
      return [momentTime(bar.start), ...SERIES.filter(([name]) => bar[name]).map(([name, word]) => `${count(bar[name])} ${word}`)];
    },
    href: (at) => (at.seriesName === "denied" && bars[at.dataIndex].hrefDenied) || bars[at.dataIndex].href,
  };
}
