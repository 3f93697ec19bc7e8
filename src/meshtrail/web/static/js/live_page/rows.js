// The lines on the screen: never more than a fixed number, newest on top. The screen is sampled, the data is not.
import { fill } from "./line.js";
import { Sample } from "./sample.js";

export const ROWS_MAX = 300; // Lines in the document: some screens full; the list has the others.
export const ROWS_PER_PAINT = 15; // With four paints a second, 60 lines a second: more nobody can follow.
const WAITING_MAX = 60; // Rows that wait for a paint: what comes in one burst is shown within a second.

export class Rows {
  constructor(body, template, query) {
    this.body = body;
    this.template = template;
    this.query = query;
    this.sample = new Sample(WAITING_MAX);
    this.shown = new Map([...body.children].map((line) => [line.dataset.id, line]));
    this.newer = new Map(); // Newer reports of lines that are shown.
  }

  offer(row) {
    if (this.shown.has(row.id)) this.newer.set(row.id, row);
    else this.sample.offer(row);
  }

  // Puts what waits on the screen; the number of lines that are new there.
  paint() {
    for (const [id, row] of this.newer) fill(this.shown.get(id), row, this.query);
    const changed = this.newer.size;
    this.newer.clear();
    const rows = this.sample.take(ROWS_PER_PAINT).sort((one, other) => (one.started_at < other.started_at ? -1 : 1));
    for (const row of rows) {
      const line = fill(this.template.content.firstElementChild.cloneNode(true), row, this.query);
      line.classList.add("fresh");
      this.shown.set(row.id, line);
      this.body.prepend(line);
    }
    while (this.body.childElementCount > ROWS_MAX) {
      this.shown.delete(this.body.lastElementChild.dataset.id);
      this.newer.delete(this.body.lastElementChild.dataset.id);
      this.body.lastElementChild.remove();
    }
    return rows.length + changed;
  }

  clear() {
    this.body.replaceChildren();
    this.shown.clear();
    this.newer.clear();
    this.sample.take();
  }
}
