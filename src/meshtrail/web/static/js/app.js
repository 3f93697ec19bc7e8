// Starts what a list page adds to the rendered rows.
import * as histogram from "./histogram.js";
import * as keys from "./keys.js";
import * as live from "./live.js";
import * as navigate from "./navigate.js";
import * as older from "./older.js";
import * as panel from "./panel.js";
import * as preferences from "./preferences.js";

function settle() {
  preferences.writeAllTimes();
  panel.mark();
  keys.rove();
}

preferences.start({ onZone: histogram.draw });
navigate.start();
panel.start();
histogram.start();
const follows = document.getElementById("live") !== null;
if (follows) {
  live.start({ onChange: (ids) => {
    panel.mark();
    panel.changed(ids);
    keys.rove();
    histogram.changed();
  } });
}
const moved = () => {
  settle();
  if (follows) live.refresh();
};
keys.start({ toggleLive: follows ? live.toggle : () => {} });
older.start({ onMore: moved });
navigate.onSwap(moved);
document.querySelector(".pages [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" }); // on a phone
settle();
