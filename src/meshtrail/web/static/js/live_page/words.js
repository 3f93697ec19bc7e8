// What the page says about what it shows. Pure.
import { count } from "../formats.js";

const rounded = (rate) => (rate > 0 && rate < 1 ? "less than 1" : count(Math.round(rate)));

// How much of what comes is on the screen.
export function sampling(rate, shown) {
  if (rate === 0) return "Nothing comes at the moment.";
  if (shown >= rate * 0.98) return `Showing all: ${rounded(rate)} a second.`;
  return `Showing ${rounded(shown)} of ${rounded(rate)} a second; all are stored.`;
}

export const events = (number) => `${count(number)} ${number === 1 ? "event" : "events"}`;

// What came while nothing was drawn.
export function meanwhile(reason, number) {
  const why = { paused: "While it was paused", hidden: "While this tab was hidden", lost: "While the connection was lost" }[reason];
  return `${why}, ${events(number)} came; all are stored.`;
}
