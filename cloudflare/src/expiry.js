// Expiry of records: a field of the metadata under a name that clients cannot write holds the moment, in unix ms, from
// which on no reader sees the record. The same rules as quartzdb.domain.expiry.

import { invalid } from "./errors.js";
import { parseOwn } from "./json.js";
import { TIME_MS_MAX } from "./limits.js";

export const EXPIRY_FIELD = "$expires_at";
const WRITTEN = JSON.stringify(EXPIRY_FIELD);

// The moment that a stored value says; null for what an earlier release let clients store there.
export function momentIn(value) {
  return Number.isSafeInteger(value) && value > 0 && value <= TIME_MS_MAX ? value : null;
}

// When a state's record expires; null where it never does.
export function expiryOf({ metadata, patches }) {
  const patch = patches.get(EXPIRY_FIELD);
  if (patch !== undefined) return patch[1] === null ? null : momentIn(parseOwn(patch[1]));
  return metadata.includes(WRITTEN) ? momentIn(parseOwn(metadata)[EXPIRY_FIELD]) : null;
}

// Whether metadata as JSON text may have the field.
export const mayExpire = (metadata) => metadata.includes(WRITTEN);

// Refuses metadata of a client that has the field.
export function checkOwn(document, field) {
  if (!Object.hasOwn(document, EXPIRY_FIELD)) return;
  throw invalid("invalid_metadata", `'${EXPIRY_FIELD}' is no field of metadata: records keep there when they expire.`, {
    field,
    hint: "Give it another name.",
  });
}
