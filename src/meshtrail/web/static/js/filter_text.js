// The text of a filter that is being written: what the server says of it. The server counts characters (code points), JavaScript
// counts UTF-16 units.

// A connection is found by its reports, so its filters are those of traffic.
const FAMILIES = { connections: "traffic" };

// How many characters the first units of a text are, and the other way round.
export const characters = (text, units) => [...text.slice(0, units)].length;
export const units = (text, count) => [...text].slice(0, count).join("").length;

// Asks one kind of question; a newer one takes the older one's place, so that an answer is never overtaken.
export class Question {
  #path;
  #running = null;

  constructor(path) {
    this.#path = path;
  }

  // The answer; null when it was overtaken, or when there is none: what is typed goes on without it.
  async ask(list, parameters) {
    this.stop();
    const running = new AbortController();
    this.#running = running;
    const query = new URLSearchParams({ family: FAMILIES[list] ?? list, ...parameters });
    try {
      const answer = await fetch(`${this.#path}?${query}`, { signal: running.signal, credentials: "same-origin" });
      const body = answer.ok ? await answer.json() : null;
      return running.signal.aborted ? null : body;
    } catch {
      return null;
    }
  }

  stop() {
    this.#running?.abort();
  }
}
