// Copying, with a word about what was copied.
import { toast } from "./navigate.js";

export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied`);
  } catch {
    toast("This browser does not allow copying here.");
  }
}

// The text as one word of a POSIX shell, as web/details.py does it.
export const shellWord = (text) => `'${text.replaceAll("'", "'\\''")}'`;
