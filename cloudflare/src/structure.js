// How much a JSON body would be as objects, counted in its bytes before it is parsed: `[{},{},…]` takes thirty times its
// size in memory, compresses a thousandfold, and an isolate has 128 MB for all its requests.

import { invalid, Refusal } from "./errors.js";

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

// Throws for a body that is beyond a limit of limits.js. What is no JSON at all is the parser's to say.
export function checkStructure(bytes, { valuesMax, containersMax, depthMax }) {
  let values = 0;
  let containers = 0;
  let level = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = endOfString(bytes, at + 1);
    } else if (byte === COMMA || byte === COLON) {
      values += 1;
    } else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      values += 1;
      containers += 1;
      level += 1;
      if (level > depthMax) {
        throw invalid("invalid_json", `The body is nested more than ${depthMax} levels deep.`, {
          hint: "Send a flatter document.",
        });
      }
    } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
      level -= 1;
    }
    if (values > valuesMax || containers > containersMax) throw tooComplex(valuesMax, containersMax);
  }
}

// Bytes of other characters are never those of a quote or a backslash, in UTF-8.
function endOfString(bytes, from) {
  let at = from;
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at;
}

const tooComplex = (valuesMax, containersMax) =>
  new Refusal(
    413,
    "body_too_complex",
    `The body has more than ${valuesMax} values, or more than ${containersMax} objects and arrays.`,
    { hint: "Split the request into smaller ones." },
  );
