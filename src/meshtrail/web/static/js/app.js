// Starts what a list page adds to the rendered rows.
import * as columns from "./columns.js";
import * as facets from "./facets.js";
import * as histogram from "./histogram.js";
import * as keys from "./keys.js";
import * as live from "./live.js";
import * as navigate from "./navigate.js";
import * as older from "./older.js";
import * as panel from "./panel.js";
import * as popovers from "./popovers.js";
import * as preferences from "./preferences.js";
import * as share from "./share.js";
import * as values from "./values.js";

function settle() {
  preferences.writeAllTimes();
  panel.mark();
  keys.rove();
}

preferences.start({ onZone: histogram.draw });
navigate.start();
popovers.start();
columns.start();
share.start();
values.start();
panel.start();
histogram.start();
facets.start();
const follows = document.getElementById("live") !== null;
if (follows) {
  live.start({ onChange: (ids) => {
    panel.mark();
    panel.changed(ids);
    keys.rove();
    histogram.changed();
    facets.changed();
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
