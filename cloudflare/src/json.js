// JSON as the contract has it: strict, and exact where JavaScript would round.
//
// A whole number beyond 2^53 that fits 64 bits is kept as it was written (JSON.rawJSON), because the other deployment
// keeps it and both have to give back the same. Further out it becomes a floating-point number, there as here.

import { invalid } from "./errors.js";
import { checkStructure } from "./structure.js";

const INTEGER = /^-?\d+$/;
// Of all that is written, only this can be such an integer. What it finds elsewhere costs time and nothing else.
const LONG_INTEGER = /(?<![\d.])\d{16,20}(?![\d.eE])/;
const INTEGER_MIN = -(2n ** 63n);
const INTEGER_MAX = 2n ** 64n - 1n;

export const isNumber = (value) => typeof value === "number" || JSON.isRawJSON(value);

export const toNumber = (value) => (typeof value === "number" ? value : Number(value.rawJSON));

export const isObject = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value);

export const stringify = (value) => JSON.stringify(value);

// The document in a text that this site wrote itself.
export const parseOwn = (text) => (LONG_INTEGER.test(text) ? JSON.parse(text, exact) : JSON.parse(text));

// The document in the body of a request.
export function parseBody(bytes, limit) {
  checkStructure(bytes, limit);
  let document;
  try {
    document = parseOwn(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    throw invalid("invalid_json", `The body is not valid JSON${bytes.length ? "" : ": it is empty"}.`, {
      hint: "NaN, Infinity, comments and trailing commas are not JSON.",
    });
  }
  checkStrict(document);
  return document;
}

function exact(name, value, { source }) {
  if (typeof value !== "number" || Number.isSafeInteger(value) || !INTEGER.test(source)) return value;
  const integer = BigInt(source);
  return integer >= INTEGER_MIN && integer <= INTEGER_MAX ? JSON.rawJSON(source) : value;
}

// What JSON.parse lets through and other parsers do not: numbers that overflow, and halves of surrogate pairs.
function checkStrict(document) {
  const pending = [document];
  while (pending.length) {
    const value = pending.pop();
    if (typeof value === "number") {
      if (!Number.isFinite(value))
        throw invalid("invalid_json", "The body is not valid JSON: a number is out of range.");
    } else if (typeof value === "string") {
      checkText(value);
    } else if (typeof value === "object" && value !== null && !JSON.isRawJSON(value)) {
      if (Array.isArray(value)) {
        for (const inner of value) {
          // Most of what comes is long arrays of numbers.
          if (typeof inner !== "number" || !Number.isFinite(inner)) pending.push(inner);
        }
      } else {
        for (const [name, inner] of Object.entries(value)) {
          checkText(name);
          pending.push(inner);
        }
      }
    }
  }
}

function checkText(text) {
  if (!text.isWellFormed()) {
    throw invalid("invalid_json", "The body is not valid JSON: a text has half of a surrogate pair.");
  }
}
