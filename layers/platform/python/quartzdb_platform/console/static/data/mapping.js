// What becomes of each column of a file: the id, the vector, a number of it, a field of the metadata, or nothing.

import { Mistake } from "./problem.js";
import { say } from "./settings.js";
import { vectorOf } from "./vector.js";

export const TARGETS = ["none", "id", "vector", "number", "field", "object", "expiry"];
/** As exports name what says when a record expires, in JSON lines and in Parquet. */
const EXPIRIES = ["expires_at_ms", "quartzdb_expires_at"];
export const TYPES = ["auto", "text", "number", "boolean", "json"];

/** What is likely meant, by names and by what is in the first rows. `dimension` is null where records have no vectors. */
export function likely(names, rows, dimension) {
  const lower = names.map((name) => name.toLowerCase());
  const pick = (wanted) => names[lower.findIndex((name) => wanted.includes(name))];
  const id = pick(["id", "_id", "key", "uuid"]);
  const vector = pick(["vector", "embedding", "embeddings", "values", "emb"]);
  return names.map((name) => {
    const value = rows.map((row) => row[name]).find((one) => one !== undefined && one !== null && one !== "");
    let target = "field";
    if (name === id) target = "id";
    else if (name === vector && dimension !== null) target = "vector";
    else if (vector === undefined && dimension !== null && /^(v|x|dim|e|emb|vector)[_.-]?\d+$/i.test(name)) target = "number";
    else if (name.toLowerCase() === "metadata" && looksLikeObject(value)) target = "object";
    else if (EXPIRIES.includes(name)) target = "expiry";
    return { name, target, type: "auto", field: name };
  });
}

function looksLikeObject(value) {
  return typeof value === "string" ? value.trim().startsWith("{") : value !== null && typeof value === "object" && !Array.isArray(value);
}

/** The record of a row, its vector as base64; without one where `dimension` is null. Throws Mistake for what makes none. */
export function recordOf(values, mapping, dimension) {
  const record = { id: null, vector: null, metadata: {} };
  const numbers = [];
  for (const { name, target, type, field } of mapping) {
    const value = values[name];
    if (target === "none" || value === undefined) continue;
    if (dimension === null && (target === "vector" || target === "number")) throw new Mistake(say("mapping.no_vectors"));
    if (target === "id") record.id = idOf(value);
    else if (target === "vector") record.vector = base64(vectorFrom(value, dimension));
    else if (target === "number") numbers.push(numberOf(value, name));
    else if (target === "expiry") Object.assign(record, expiryOf(value, name));
    else if (target === "object") Object.assign(record.metadata, objectOf(value, name));
    else {
      const read = valueOf(value, type, name);
      if (read !== undefined) record.metadata[field] = read;
    }
  }
  if (record.id === null || record.id === "") throw new Mistake(say("mapping.no_id"));
  if (numbers.length) {
    if (numbers.length !== dimension) throw new Mistake(say("vector.length", { n: numbers.length, dimension }));
    record.vector = base64(numbers);
  }
  if (dimension === null) {
    delete record.vector;
    return record;
  }
  if (record.vector === null) throw new Mistake(say("mapping.no_vector"));
  return record;
}

function idOf(value) {
  if (typeof value !== "string" && typeof value !== "number") throw new Mistake(say("mapping.no_id"));
  return String(value);
}

function vectorFrom(value, dimension) {
  if (!Array.isArray(value)) return vectorOf(String(value ?? ""), dimension);
  if (value.length !== dimension) throw new Mistake(say("vector.length", { n: value.length, dimension }));
  if (!value.every((one) => typeof one === "number" && Number.isFinite(one))) throw new Mistake(say("vector.no_numbers"));
  return value;
}

/** The 32-bit floats that the database keeps, as they are sent most shortly. */
export function base64(vector) {
  if (typeof vector === "string") return vector;
  const bytes = new Uint8Array(4 * vector.length);
  const view = new DataView(bytes.buffer);
  vector.forEach((one, at) => view.setFloat32(4 * at, one, true));
  let text = "";
  for (let at = 0; at < bytes.length; at += 8_192) text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  return btoa(text);
}

function numberOf(value, name) {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof number !== "number" || !Number.isFinite(number)) throw new Mistake(say("mapping.no_number", { name, value: String(value) }));
  return number;
}

/** A moment as unix milliseconds or as a date; nothing where there is none. */
function expiryOf(value, name) {
  if (value === null || value === "") return {};
  const moment = new Date(typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value);
  if (Number.isNaN(moment.getTime())) throw new Mistake(say("mapping.no_moment", { name, value: String(value) }));
  return { expires_at: moment.toISOString() };
}

function jsonOf(value, name) {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    throw new Mistake(say("mapping.no_json", { name }));
  }
}

function objectOf(value, name) {
  if (value === null || value === "") return {};
  const object = jsonOf(value, name);
  if (object === null || typeof object !== "object" || Array.isArray(object)) throw new Mistake(say("mapping.no_object", { name }));
  return object;
}

/** Undefined where the cell is empty, so that the field is left out. */
function valueOf(value, type, name) {
  if (value instanceof Uint8Array) throw new Mistake(say("mapping.bytes", { name }));
  if (type === "text") return typeof value === "string" ? value : JSON.stringify(value);
  if (value === "") return undefined;
  if (type === "number") return numberOf(value, name);
  if (type === "json") return jsonOf(value, name);
  if (type === "boolean") {
    if (/^(true|1|yes)$/i.test(String(value))) return true;
    if (/^(false|0|no)$/i.test(String(value))) return false;
    throw new Mistake(say("mapping.no_boolean", { name, value: String(value) }));
  }
  if (typeof value !== "string") return value;
  if (value === "true" || value === "false") return value === "true";
  // What would not be written so again, as 007 or 1e3, is text.
  return String(Number(value)) === value && Number.isFinite(Number(value)) ? Number(value) : value;
}
