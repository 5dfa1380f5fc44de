// What is shown of a passage: the part where the words of the query are, and where they are.

export interface Piece {
  text: string;
  hit: boolean;
}

const CHARACTERS = 320;
const BEFORE = 80;

/** Pieces of a passage, in order. Words are hits that begin like one of the query, endings left aside. */
export function excerptOf(passage: string, query: string): Piece[] {
  const beginnings = [...query.toLowerCase().matchAll(/[\p{L}\p{N}]+/gu)].map(([word]) => word.replace(/(?<=...)(?:ing|ed|es|s|e)$/, ""));
  const hits = [...passage.matchAll(/[\p{L}\p{N}]+/gu)].filter(([word]) => {
    const lower = word.toLowerCase();
    return beginnings.some((beginning) => lower.startsWith(beginning) && lower.length <= beginning.length + 3);
  });
  const from = beginOfWord(passage, Math.max(0, (hits[0]?.index ?? 0) - BEFORE));
  const to = Math.min(passage.length, from + CHARACTERS);
  const pieces: Piece[] = [];
  const add = (text: string, hit: boolean) => text !== "" && pieces.push({ text, hit });
  add(from > 0 ? "…" : "", false);
  let at = from;
  for (const { 0: word, index } of hits) {
    if (index < at || index + word.length > to) continue;
    add(passage.slice(at, index), false);
    add(word, true);
    at = index + word.length;
  }
  add(`${passage.slice(at, to).toWellFormed()}${to < passage.length ? "…" : ""}`, false);
  return pieces;
}

function beginOfWord(text: string, at: number): number {
  if (at === 0) return 0;
  const space = text.slice(at).search(/\s\S/);
  return space === -1 ? at : at + space + 1;
}
