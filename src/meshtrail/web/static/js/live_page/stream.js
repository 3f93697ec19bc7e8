// The connection to the tail. It comes back by itself and goes on where it was, so that nothing stays uncounted.
import { parser } from "./sse.js";

const FIRST_WAIT_MS = 1_000;
const WAIT_MS_MAX = 30_000; // A server that starts again is found within half a minute.
const SILENCE_MS = 25_000; // The server says something every ten seconds; after two and a half times that nobody is there.

// Time before the next attempt: doubled each time, and spread so that not all tabs come back at once.
export function waitAfter(failures, chance = Math.random) {
  return Math.min(WAIT_MS_MAX, FIRST_WAIT_MS * 2 ** (failures - 1)) * (0.75 + chance() / 2);
}

class Refused extends Error {}

async function refusal(answer) {
  const said = (await answer.json().catch(() => ({}))).error;
  return new Refused(said?.message ? `${said.message} ${said.remedy ?? ""}`.trim() : `The server answered ${answer.status}.`);
}

export class Tail {
  // `told` has: open(), event(type, data), lost(message, wait in ms), refused(message).
  constructor(path, query, told) {
    this.path = path;
    this.query = query;
    this.told = told;
    this.after = "";
    this.failures = 0;
    this.closed = false;
  }

  async run() {
    while (!this.closed) {
      let message = "The connection ended.";
      try {
        await this.follow();
      } catch (error) {
        if (this.closed) return;
        if (error instanceof Refused && error.final) return this.told.refused(error.message);
        message = error instanceof Refused ? error.message : "The server does not answer.";
      }
      if (this.closed) return;
      this.failures += 1;
      const wait = waitAfter(this.failures);
      this.told.lost(message, wait);
      await new Promise((resolve) => { this.timer = setTimeout(resolve, wait); });
    }
  }

  async follow() {
    this.abort = new AbortController();
    const query = new URLSearchParams(this.query);
    if (this.after) query.set("after", this.after);
    const answer = await fetch(`${this.path}?${query}`, { signal: this.abort.signal, credentials: "same-origin", cache: "no-store" });
    if (!answer.ok) {
      const error = await refusal(answer);
      error.final = answer.status >= 400 && answer.status < 500 && answer.status !== 429; // Asking again changes nothing.
      error.status = answer.status;
      if (answer.status === 401) location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
      throw error;
    }
    await this.read(answer.body.pipeThrough(new TextDecoderStream()).getReader());
  }

  async read(reader) {
    const events = parser();
    let opened = false;
    for (;;) {
      const silence = setTimeout(() => this.abort.abort(), SILENCE_MS);
      const { value, done } = await reader.read().finally(() => clearTimeout(silence));
      if (done) return;
      if (!opened) this.told.open();
      opened = true;
      this.failures = 0;
      for (const each of events(value)) {
        if (each.type === "tally") this.after = each.id;
        this.told.event(each.type, JSON.parse(each.data));
      }
    }
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.abort?.abort();
  }
}
