// What a filter that is being written is understood as; of a mistake, the place and what was meant perhaps.
import { Question, units } from "./filter_text.js";
import { briefTime } from "./formats.js";
import { element } from "./nodes.js";

const SHOWN_BEFORE = 24; // Characters before and behind a mistake that are shown with it.

const onlyWords = (tree) => (tree.kind === "all" ? tree.items.every(onlyWords) : tree.kind === "word" && !/[*"]/.test(tree.text));

export class Understood {
  #box;
  #onFix;
  #question = new Question("/api/v1/filter/check");

  constructor(box, { onFix }) {
    this.#box = box;
    this.#onFix = onFix;
  }

  get empty() {
    return !this.#box.hasChildNodes();
  }

  stop() {
    this.#question.stop();
    this.#say("", []);
  }

  async check(list, text) {
    if (!text.trim()) return this.stop();
    const answer = await this.#question.ask(list, { text });
    if (!answer) return;
    if (answer.mistake) this.#mistake(text, answer.mistake);
    else this.#understood(text, answer.understood);
  }

  #say(kind, parts) {
    this.#box.dataset.kind = kind;
    this.#box.replaceChildren(...parts);
  }

  #understood(text, found) {
    if (onlyWords(found.tree)) {
      return this.#say("words", [element("span", {}, ["Looks for ", element("q", {}, text.trim()), " in names, addresses and texts."])]);
    }
    const parts = [element("span", {}, "Understood as "), element("code", {}, found.text)];
    if (found.relative) parts.push(element("span", { class: "quiet" }, span(found)));
    this.#say("understood", parts);
  }

  #mistake(text, mistake) {
    const begin = units(text, mistake.start);
    const end = units(text, mistake.end);
    if (begin >= text.trimEnd().length) {
      const next = mistake.expected.length ? `Expected: ${mistake.expected.join(", ")}.` : mistake.message;
      return this.#say("unfinished", [element("span", {}, `Not finished yet. ${next}`)]);
    }
    const before = text.slice(Math.max(0, begin - SHOWN_BEFORE), begin);
    const behind = text.slice(end, end + SHOWN_BEFORE);
    const place = [
      begin > SHOWN_BEFORE ? "…" : "", before, element("mark", {}, text.slice(begin, end) || " "), behind, text.length > end + SHOWN_BEFORE ? "…" : "",
    ];
    const fixes = mistake.suggestions.map((suggestion) => this.#fix(begin, end, suggestion));
    const remedy = fixes.length ? [" Did you mean ", ...fixes, "?"] : [` ${mistake.remedy}`];
    this.#say("mistake", [
      element("code", {}, place),
      element("span", {}, [element("b", {}, `Character ${mistake.start + 1}: `), mistake.message, ...remedy]),
    ]);
  }

  #fix(start, end, suggestion) {
    const button = element("button", { type: "button", class: "fix" }, suggestion);
    button.addEventListener("click", () => this.#onFix(start, end, suggestion));
    return button;
  }
}

// The window of time that relative times stand for now.
function span({ since, until }) {
  return [since ? `from ${briefTime(since)}` : "", until ? `to ${briefTime(until)}` : ""].filter(Boolean).join(" ");
}
