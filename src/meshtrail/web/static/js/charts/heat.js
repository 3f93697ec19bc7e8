// The week hour by hour: the darker, the more connections; a click shows the rows of that hour.
import { count, momentTime } from "../formats.js";
import { between } from "./theme.js";

const LEVELS = 6; // steps of colour that can be told apart
const CELL_PX = 22;
const LABEL_PX = 34;

export async function heat(table) {
  const rows = [...table.tBodies[0].rows];
  const days = rows.map((row) => row.cells[0].textContent);
  const cells = rows.flatMap((row, day) => [...row.cells].filter((cell) => cell.dataset.count !== undefined).map((cell) => ({
    hour: Number(cell.dataset.day), day, count: Number(cell.dataset.count), start: cell.dataset.start, href: cell.querySelector("a").href,
  })));
  const most = Math.max(1, ...cells.map((cell) => cell.count));
  // By the root: an hour of a tenth of the rows is seen beside the busiest one.
  const level = (number) => (number ? Math.ceil(Math.sqrt(number / most) * LEVELS) / LEVELS : 0);
  return {
    height: days.length * CELL_PX + 26,
    option: (colours, width) => ({
      animation: false,
      textStyle: { fontFamily: colours.face },
      grid: { left: LABEL_PX, right: 1, top: 1, bottom: 24, outerBoundsMode: "none" },
      xAxis: {
        type: "category", data: [...Array(24).keys()].map((hour) => String(hour).padStart(2, "0")), axisTick: { show: false },
        axisLine: { show: false }, splitArea: { show: false },
        axisLabel: { color: colours.quiet, fontSize: 11, interval: width < 480 ? 5 : 2 },
      },
      yAxis: {
        type: "category", data: days, inverse: true, axisTick: { show: false }, axisLine: { show: false },
        axisLabel: { color: colours.quiet, fontSize: 11, align: "left", margin: LABEL_PX - 2 },
      },
      series: [{
        type: "heatmap",
        data: cells.map((cell) => ({
          value: [cell.hour, cell.day, cell.count],
          itemStyle: { color: between(colours.surface, colours.accent, level(cell.count)), borderColor: colours.ground, borderWidth: 2, borderRadius: 3 },
        })),
        emphasis: { itemStyle: { borderColor: colours.text, borderWidth: 1 } },
      }],
    }),
    read: (at) => [momentTime(cells[at.dataIndex].start), `${count(cells[at.dataIndex].count)} connections`],
    href: (at) => cells[at.dataIndex].href,
  };
}
