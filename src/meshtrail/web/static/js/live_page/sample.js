// A fair sample of the rows that come between two paints (Vitter's algorithm R). Of one row the newest report counts.

export class Sample {
  constructor(size, chance = Math.random) {
    this.size = size;
    this.chance = chance;
    this.rows = [];
    this.offered = 0;
  }

  offer(row) {
    const known = this.rows.findIndex((each) => each.id === row.id);
    if (known >= 0) {
      this.rows[known] = row;
      return;
    }
    this.offered += 1;
    if (this.rows.length < this.size) {
      this.rows.push(row);
      return;
    }
    const place = Math.floor(this.chance() * this.offered);
    if (place < this.size) this.rows[place] = row;
  }

  // So many of what was kept; the others wait, so that a burst does not come all at once.
  take(number = this.size) {
    const taken = this.rows.splice(0, number);
    this.offered = this.rows.length;
    return taken;
  }
}
