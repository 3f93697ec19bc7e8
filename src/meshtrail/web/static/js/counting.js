// Questions over many rows, asked of the API with the filters and the window of what is shown.
import { shownWindow } from "./address.js";

const main = () => document.getElementById("main");

// The filters and the window, for the part of the API that counts.
export function question() {
  const query = new URLSearchParams(main().dataset.countQuery);
  const [since, until] = shownWindow();
  if (since) query.set("from", since);
  if (until) query.set("to", until);
  return query;
}

// The decoded answer; an Error says what to do. Ending the request ends the question too.
export async function ask(name, query, signal = undefined) {
  let answer;
  try {
    answer = await fetch(`/api/v1/${main().dataset.counted}/${name}?${query}`, { credentials: "same-origin", signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer.");
  }
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  throw new Error([body.error?.message ?? `The server answered ${answer.status}.`, body.error?.remedy].filter(Boolean).join(" "));
}
