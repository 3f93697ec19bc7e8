// The small chart of events a second: bars of all, and what was denied of them in front.
import { count } from "../formats.js";

const HEIGHT = 48; // As the view box in the template; the width is one unit a second.
const SCALES = [1, 2, 5];

// The next round number, so that the scale does not change with each second.
export function ceiling(most) {
  for (let power = 1; ; power *= 10) {
    const found = SCALES.find((scale) => scale * power >= most);
    if (found) return found * power;
  }
}

export function path(heights) {
  return heights.map((height, x) => (height > 0 ? `M${x + 0.1} ${HEIGHT}v${-height.toFixed(2)}h.8v${height.toFixed(2)}z` : "")).join("");
}

export function draw(figure, bars) {
  const top = ceiling(Math.max(1, ...bars.map((each) => each.count)));
  const heights = (name) => bars.map((each) => (each[name] ? Math.max(1, (each[name] / top) * HEIGHT) : 0));
  figure.querySelector(".bar-all").setAttribute("d", path(heights("count")));
  figure.querySelector(".bar-denied").setAttribute("d", path(heights("denied")));
  figure.querySelector(".scale").textContent = `${count(top)}/s`;
}
