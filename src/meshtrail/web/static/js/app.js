// Starts what the traffic page adds to the rendered rows.
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
live.start({ onChange: (ids) => {
  panel.mark();
  panel.changed(ids);
  keys.rove();
  histogram.changed();
} });
keys.start({ toggleLive: live.toggle });
older.start({ onMore: () => { settle(); live.refresh(); } });
navigate.onSwap(() => { settle(); live.refresh(); });
settle();
