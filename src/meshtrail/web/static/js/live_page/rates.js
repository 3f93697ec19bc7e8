// Counts by the second, of the last two minutes: a ring that never grows. Pure: the time is given.

export const SECONDS = 120; // Bars of the chart: as far back as somebody remembers what was on the screen.
export const MEAN_SECONDS = 5; // Whole seconds behind "a second": agents send about once a second, so one alone jumps.

const empty = () => ({ count: 0, denied: 0, shown: 0 });

export class Rates {
  constructor(now) {
    this.second = Math.floor(now / 1000);
    this.ring = Array.from({ length: SECONDS }, empty);
  }

  forward(now) {
    const second = Math.floor(now / 1000);
    for (let at = Math.max(this.second + 1, second - SECONDS + 1); at <= second; at += 1) this.ring[at % SECONDS] = empty();
    this.second = Math.max(this.second, second);
  }

  add(name, number, now) {
    this.forward(now);
    this.ring[this.second % SECONDS][name] += number;
  }

  // All seconds, oldest first; the last one is not over yet.
  bars(now) {
    this.forward(now);
    return Array.from({ length: SECONDS }, (_, index) => this.ring[(this.second + 1 + index) % SECONDS]);
  }

  // Per second, over the last whole ones.
  mean(name, now) {
    const whole = this.bars(now).slice(-MEAN_SECONDS - 1, -1);
    return whole.reduce((sum, each) => sum + each[name], 0) / MEAN_SECONDS;
  }
}
