// Cursors: a place in a feed, as readers keep it.
//
// `place` is the first row that was not given out whole and `given` how many of its changes were. `floor` is what the
// feed had forgotten when the reader began at its beginning: of what was gone by then it needs nothing.

import { invalid } from "../errors.js";

const SHAPE = /^(records|keys)-([0-9a-f]{8})-(\d{1,15})-(\d{1,9})-(\d{1,15})$/;

export const encodeCursor = (feed, incarnation, { place, given, floor }) =>
  `${feed}-${incarnation}-${place}-${given}-${floor}`;

export function decodeCursor(feed, text) {
  const found = SHAPE.exec(text);
  if (found === null || found[1] !== feed) {
    throw invalid("invalid_cursor", "The cursor is not one of this feed.", {
      field: "cursor",
      hint: "Send back the `cursor` of an earlier answer unchanged, or leave it out.",
    });
  }
  const [place, given, floor] = found.slice(3).map(Number);
  return { incarnation: found[2], place, given, floor };
}
