// Server-sent events out of pieces of text (WHATWG HTML, 9.2.6). Pure: text in, events out.

const PENDING_CHARACTERS_MAX = 1_000_000; // An event is a few kilobytes; a stream without line ends must not fill the memory.

export function parser() {
  let pending = "";
  return (text) => {
    pending += text;
    const blocks = pending.split("\n\n");
    pending = blocks.pop();
    if (pending.length > PENDING_CHARACTERS_MAX) throw new Error("The stream sends no events.");
    return blocks.map(event).filter((each) => each.data !== "");
  };
}

function event(block) {
  const found = { type: "message", id: "", data: "" };
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue; // A comment, which keeps the connection open.
    const value = line.slice(colon + 1).replace(/^ /, "");
    const name = line.slice(0, colon);
    if (name === "event") found.type = value;
    else if (name === "id") found.id = value;
    else if (name === "data") found.data += found.data ? `\n${value}` : value;
  }
  return found;
}
