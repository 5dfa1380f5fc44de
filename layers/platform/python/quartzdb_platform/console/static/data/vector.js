// Vectors as people paste them: numbers, a JSON array, or base64 of little-endian 32-bit floats.

import { Mistake } from "./problem.js";
import { say } from "./settings.js";

/** Whether a namespace can hold records: vectors, or fields that are searched by words or as sparse vectors. */
export const holdsRecords = ({ dimension, text, sparse }) => dimension !== null || Object.keys(text ?? {}).length + (sparse ?? []).length > 0;

/** What the API takes of a text: numbers, or the base64 as it is. Throws Mistake. */
export function vectorOf(text, dimension) {
  const trimmed = text.trim();
  if (trimmed === "") throw new Mistake(say("vector.none"));
  if (/^[A-Za-z0-9+/\s]+={0,2}$/.test(trimmed) && !/^[\d\s.eE+-]+$/.test(trimmed)) return base64Of(trimmed.replace(/\s+/g, ""), dimension);
  const numbers = trimmed.startsWith("[") ? arrayOf(trimmed) : trimmed.split(/[\s,;]+/).filter((one) => one !== "").map(Number);
  if (!numbers.every((one) => typeof one === "number" && Number.isFinite(one))) throw new Mistake(say("vector.no_numbers"));
  if (numbers.length !== dimension) throw new Mistake(say("vector.length", { n: numbers.length, dimension }));
  return numbers;
}

function arrayOf(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Mistake(say("vector.no_numbers"));
  }
}

function base64Of(text, dimension) {
  let bytes = 0;
  try {
    bytes = atob(text).length;
  } catch {
    throw new Mistake(say("vector.no_numbers"));
  }
  if (bytes !== 4 * dimension) throw new Mistake(say("vector.bytes", { n: bytes, wanted: 4 * dimension, dimension }));
  return text;
}

/** Numbers that say nothing, for trying. */
export const randomVector = (dimension) => Array.from({ length: dimension }, () => Number((Math.random() * 2 - 1).toFixed(3)));

/** A vector of an answer, as text: its first numbers where it is long. */
export function shortVector(vector) {
  if (typeof vector === "string") return vector.length > 40 ? `${vector.slice(0, 40)}…` : vector;
  const first = vector.slice(0, 6).map((one) => Number(one.toPrecision(6))).join(", ");
  return vector.length > 6 ? `${first}, … (${vector.length})` : first;
}
