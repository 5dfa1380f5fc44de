// A document is found by its passages: a few paragraphs each, the end of one repeated at the beginning of the next.

const CHARACTERS_MAX = 1_000;
const CHARACTERS_REPEATED = 120;

/** The passages of a text, none of them empty. They end with a paragraph, a sentence or a word, whichever is possible. */
export function passagesOf(text: string): string[] {
  const found: string[] = [];
  for (let at = 0; at < text.length; ) {
    const end = at + CHARACTERS_MAX >= text.length ? text.length : at + wholeLength(text.slice(at, at + CHARACTERS_MAX));
    const passage = text.slice(at, end).trim();
    if (passage !== "") found.push(passage);
    if (end === text.length) break;
    const repeated = text.slice(end - CHARACTERS_REPEATED, end).search(/\s\S/);
    at = repeated === -1 ? end : end - CHARACTERS_REPEATED + repeated + 1;
  }
  return found;
}

/** Where to end: in the second half, at the last of the best kind of end that there is. */
function wholeLength(window: string): number {
  const half = window.length / 2;
  for (const end of [/\n\s*\n/g, /[.!?…]["”’)]?\s/g, /\s/g]) {
    const last = [...window.matchAll(end)].at(-1);
    if (last && last.index >= half) return last.index + last[0].length;
  }
  // One endless word; half of a pair of code units is no character.
  return /[\uD800-\uDBFF]$/.test(window) ? window.length - 1 : window.length;
}
