// Requests to the API that change something, and the errors they answer, in words for people.

// The decoded answer with its tag. Throws an Error whose message can be shown.
export async function call(method, path, body = undefined, tag = "") {
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  if (tag) headers["If-Match"] = tag;
  let answer;
  try {
    answer = await fetch(path, { method, headers, credentials: "same-origin", body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Error("The server does not answer. Try again in a moment.");
  }
  const found = await answer.json().catch(() => ({}));
  if (answer.ok) return { body: found, tag: answer.headers.get("etag") ?? "" };
  if (answer.status === 401) location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
  const said = found.error ?? found;
  throw new Error([said.message ?? `The server answered ${answer.status}.`, said.remedy ?? ""].join(" ").trim());
}

// Changes a thing as it is now: nobody overwrites what they have not seen.
export async function amend(path, changed) {
  const { body, tag } = await call("GET", path);
  return call("PUT", path, changed(body), tag);
}
