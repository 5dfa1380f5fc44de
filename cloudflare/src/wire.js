// Changes as the protocol writes them, and back. docs/replication.md is the form.

import { Buffer } from "node:buffer";
import { badArgument, invalid } from "./errors.js";
import { isObject, stringify } from "./json.js";
import { CONTENT_TYPE_CHARACTERS_MAX, FOREIGN_METADATA_BYTES_MAX, TIME_MS_MAX, VALUE_BYTES_MAX } from "./limits.js";
import { checkForeignId, checkKey, checkMetadata, checkStoredVector, fromBase64 } from "./values.js";
import { parseVersion } from "./version.js";

const PRINTABLE = new RegExp(`^[ -~]{1,${CONTENT_TYPE_CHARACTERS_MAX}}$`);

// A change as JSON text, and how many bytes it takes. Metadata is text already.
export function encodeChange(change) {
  const text = `{${members(change)
    .map(([name, value]) => `"${name}":${value}`)
    .join()}}`;
  return { text, bytes: Buffer.byteLength(text) };
}

function members({ op, id, key, version, ...rest }) {
  const named = id === undefined ? ["key", stringify(key)] : ["id", stringify(id)];
  const common = [["op", stringify(op)], named, ["version", stringify(version)]];
  switch (op) {
    case "upsert": {
      const { buffer, byteOffset, byteLength } = rest.vector;
      const vector = new Uint8Array(buffer, byteOffset, byteLength).toBase64();
      return [...common, ["vector", stringify(vector)], ["metadata", rest.metadata]];
    }
    case "patch": {
      const fields = rest.set.map(([name, text]) => `${stringify(name)}:${text}`);
      return [...common, ["set", `{${fields.join()}}`], ["unset", stringify(rest.unset)]];
    }
    case "put":
      return [
        ...common,
        ["value", stringify(rest.value.toBase64())],
        ["content_type", stringify(rest.content_type)],
        ["expires_at_ms", stringify(rest.expires_at_ms)],
      ];
    default:
      return common;
  }
}

export function decodeChange(feed, document, place) {
  if (!isObject(document)) throw badArgument("A change is an object.", { field: place });
  return feed === "records" ? decodeRecordChange(document, place) : decodeKeyChange(document, place);
}

function decodeRecordChange(document, place) {
  const id = checkForeignId(document.id, `${place}.id`);
  const version = parseVersion(document.version, `${place}.version`);
  switch (document.op) {
    case "upsert":
      return {
        op: "upsert",
        id,
        version,
        vector: checkStoredVector(document.vector, `${place}.vector`),
        metadata: checkMetadata(document.metadata ?? {}, `${place}.metadata`, FOREIGN_METADATA_BYTES_MAX),
      };
    case "patch":
      return { op: "patch", id, version, ...decodeFields(document, place) };
    case "delete":
      return { op: "delete", id, version };
    default:
      throw badArgument("The op of a record's change is upsert, patch or delete.", { field: `${place}.op` });
  }
}

function decodeFields({ set = {}, unset = [] }, place) {
  checkMetadata(set, `${place}.set`, FOREIGN_METADATA_BYTES_MAX);
  if (!Array.isArray(unset) || !unset.every((name) => typeof name === "string")) {
    throw badArgument("The fields to remove are an array of names.", { field: `${place}.unset` });
  }
  if (unset.some((name) => Object.hasOwn(set, name))) {
    throw badArgument("A field is both set and unset.", { field: `${place}.unset` });
  }
  return { set: Object.entries(set).map(([name, value]) => [name, stringify(value)]), unset };
}

function decodeKeyChange(document, place) {
  const key = checkKey(document.key, `${place}.key`);
  const version = parseVersion(document.version, `${place}.version`);
  if (document.op === "delete") return { op: "delete", key, version, value: null };
  if (document.op !== "put") {
    throw badArgument("The op of a key's change is put or delete.", { field: `${place}.op` });
  }
  const value = fromBase64(document.value);
  if (value === null) throw badArgument("A value is base64.", { field: `${place}.value` });
  if (value.length > VALUE_BYTES_MAX) {
    throw invalid("too_large", `The value has ${value.length} bytes; at most ${VALUE_BYTES_MAX} are accepted.`, {
      field: `${place}.value`,
    });
  }
  const { content_type, expires_at_ms = null } = document;
  if (typeof content_type !== "string" || !PRINTABLE.test(content_type)) {
    throw badArgument("A content type is printable ASCII.", { field: `${place}.content_type` });
  }
  const isTime = Number.isSafeInteger(expires_at_ms) && expires_at_ms >= 0 && expires_at_ms <= TIME_MS_MAX;
  if (expires_at_ms !== null && !isTime) {
    throw badArgument("The time of expiry is unix milliseconds, or null.", { field: `${place}.expires_at_ms` });
  }
  return { op: "put", key, version, value, content_type, expires_at_ms };
}
