// Checks of single values: ids, keys, vectors, metadata. What is refused here is refused alike on every deployment.

import { Buffer } from "node:buffer";
import { invalid } from "./errors.js";
import { isNumber, isObject, stringify, toNumber } from "./json.js";
import {
  DIMENSION,
  DIMENSION_MAX,
  FOREIGN_ID_BYTES_MAX,
  FOREIGN_ID_PATTERN,
  ID_PATTERN,
  KEY_CHARACTERS_MAX,
  LENGTH_MAX,
  LENGTH_MIN,
  METADATA_BYTES_MAX,
  METADATA_DEPTH_MAX,
} from "./limits.js";

export function jsonType(value) {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (isNumber(value)) return "a number";
  return { boolean: "a boolean", string: "a string", object: "an object" }[typeof value];
}

export function checkId(id, field = "id") {
  if (typeof id !== "string" || !ID_PATTERN.test(id)) {
    throw invalid("invalid_id", `${stringify(String(id).slice(0, 80))} is no record id.`, {
      field,
      hint: "Use 1 to 256 characters of A-Z, a-z, 0-9, '_' and '-'.",
    });
  }
  return id;
}

// An id that came from the other site.
export function checkForeignId(id, field) {
  if (typeof id !== "string" || !FOREIGN_ID_PATTERN.test(id) || Buffer.byteLength(id) > FOREIGN_ID_BYTES_MAX) {
    throw invalid("invalid_id", `${stringify(String(id).slice(0, 80))} is no record id.`, {
      field,
      hint: `Use 1 to ${FOREIGN_ID_BYTES_MAX} bytes of printable text in UTF-8, other than '.' and '..'.`,
    });
  }
  return id;
}

export function checkKey(key, field = "key") {
  if (typeof key !== "string") throw invalid("invalid_key", "A key is a string.", { field });
  // Characters are code points. One takes at most two units, so long texts need not be counted.
  const characters = key.length > 2 * KEY_CHARACTERS_MAX ? key.length : [...key].length;
  if (characters < 1 || characters > KEY_CHARACTERS_MAX) {
    throw invalid("invalid_key", `A key has 1 to ${KEY_CHARACTERS_MAX} characters, not ${characters}.`, { field });
  }
  return key;
}

// Bytes, or null where the text is no base64.
export function fromBase64(text) {
  if (typeof text !== "string" || /\s/.test(text)) return null;
  try {
    return Uint8Array.fromBase64(text, { lastChunkHandling: "strict" });
  } catch {
    return null;
  }
}

// A vector from JSON: numbers, or base64 of little-endian 32-bit floats. `check` completes what this begins.
export function parseVector(document, field = "vector") {
  if (typeof document === "string") return checkFinite(vectorFromBase64(document, field), field);
  if (!Array.isArray(document)) {
    throw invalid("invalid_vector", `A vector is a list of numbers or a base64 string, not ${jsonType(document)}.`, {
      field,
      hint: "Send [0.1, 0.2, …] or base64 of little-endian float32 bytes.",
    });
  }
  checkCount(document.length, field);
  const wrong = document.findIndex((number) => !isNumber(number));
  if (wrong >= 0) {
    throw invalid("invalid_vector", `The entry at position ${wrong} is not a number.`, { field: `${field}[${wrong}]` });
  }
  return checkFinite(Float32Array.from(document, toNumber), field);
}

function vectorFromBase64(text, field) {
  const bytes = fromBase64(text);
  if (bytes === null || bytes.length % 4 !== 0) {
    throw invalid("invalid_vector", "The vector is a string but not base64 of 4-byte floats.", {
      field,
      hint: "Encode little-endian float32 bytes with standard base64.",
    });
  }
  return new Float32Array(bytes.buffer, 0, bytes.length / 4);
}

function checkCount(count, field) {
  if (count === 0)
    throw invalid("invalid_vector", "The vector is empty.", { field, hint: "Send at least one number." });
  if (count > DIMENSION_MAX) {
    throw invalid("invalid_vector", `The vector has ${count} numbers; at most ${DIMENSION_MAX} are accepted.`, {
      field,
    });
  }
}

function checkFinite(vector, field) {
  checkCount(vector.length, field);
  const wrong = vector.findIndex((number) => !Number.isFinite(number));
  if (wrong >= 0) {
    throw invalid("invalid_vector", `The number at position ${wrong} is not finite in 32-bit precision.`, {
      field: `${field}[${wrong}]`,
      hint: "Replace NaN and infinity; the largest magnitude is 3.4e38.",
    });
  }
  if (lengthOf(vector) > LENGTH_MAX) {
    throw invalid(
      "invalid_vector",
      `The vector's length is over ${LENGTH_MAX}, where products overflow 32-bit floats.`,
      {
        field,
        hint: "Scale the vectors down.",
      },
    );
  }
  return vector;
}

const lengthOf = (vector) => Math.sqrt(vector.reduce((sum, number) => sum + number * number, 0));

// Raises unless the vector can be compared with those of the namespace.
export function checkComparable(vector, field = "vector") {
  if (vector.length !== DIMENSION) {
    throw invalid(
      "dimension_mismatch",
      `The vector has ${vector.length} numbers but the namespace has dimension ${DIMENSION}.`,
      {
        field,
        hint: `Send exactly ${DIMENSION} numbers.`,
      },
    );
  }
  if (lengthOf(vector) < LENGTH_MIN) {
    throw invalid(
      "invalid_vector",
      "The vector is all zeros, or nearly: it has no direction to compare under the cosine metric.",
      {
        field,
        hint: "Leave the record out.",
      },
    );
  }
  return vector;
}

// A vector that another site has stored: it is taken as it is, if it can be one.
export function checkStoredVector(document, field) {
  if (typeof document !== "string") throw invalid("invalid_vector", "A vector is base64.", { field });
  return checkComparable(parseVector(document, field), field);
}

// The metadata as JSON text.
export function checkMetadata(document, field = "metadata", bytesMax = METADATA_BYTES_MAX) {
  if (!isObject(document)) {
    throw invalid("invalid_metadata", `Metadata is a JSON object, not ${jsonType(document)}.`, {
      field,
      hint: 'Send {"key": value, …}, or leave it out.',
    });
  }
  checkDepth(document, field);
  const text = stringify(document);
  const bytes = Buffer.byteLength(text);
  if (bytes > bytesMax) {
    throw invalid("invalid_metadata", `The metadata has ${bytes} bytes; at most ${bytesMax} are accepted.`, { field });
  }
  return text;
}

function checkDepth(document, field) {
  const pending = [[document, 1]];
  while (pending.length) {
    const [value, depth] = pending.pop();
    if (depth > METADATA_DEPTH_MAX) {
      throw invalid("invalid_metadata", `The metadata is nested more than ${METADATA_DEPTH_MAX} levels deep.`, {
        field,
        hint: "Flatten it, or store the inner part as a string.",
      });
    }
    for (const inner of Object.values(value)) {
      if (typeof inner === "object" && inner !== null && !JSON.isRawJSON(inner)) pending.push([inner, depth + 1]);
    }
  }
}
