// The wire contract over a tenant's namespace `default`: paths, fields and statuses are those of every deployment, and
// stay so. A handler gets a call and gives a document; one that writes tells `wrote` the version of its write.

import { requireTopK } from "./allowed.js";
import { badArgument, invalid, Refusal, routeNotFound } from "./errors.js";
import { checkOwn } from "./expiry.js";
import { isObject, parseOwn } from "./json.js";
import {
  BATCH_MAX,
  K_DEFAULT,
  K_MAX,
  QUERY_JSON,
  RECORD_JSON,
  RECORDS_JSON,
  RESULTS_MAX,
  SMALL_JSON,
  VALUE_BYTES_MAX,
  VALUE_JSON,
} from "./limits.js";
import { checkComparable, checkId, checkKey, checkMetadata, jsonType, parseVector } from "./values.js";

const WORTH_COMPACTING_PERCENT = 25;

// [method, segments of the path, scope, handler, limit of the body]. A segment `*` is one parameter; `**` is all the rest.
const ROUTES = [
  ["POST", ["put"], "write", put, VALUE_JSON],
  ["GET", ["get", "**"], "read", get],
  ["DELETE", ["delete", "**"], "write", remove],
  ["POST", ["vector", "insert"], "write", insert, RECORD_JSON],
  ["POST", ["vector", "batch-insert"], "write", batchInsert, RECORDS_JSON],
  ["GET", ["vector", "get", "*"], "read", getVector],
  ["POST", ["vector", "search"], "read", search, QUERY_JSON],
  ["DELETE", ["vector", "delete"], "write", deleteVectorInBody],
  ["DELETE", ["vector", "delete", "*"], "write", deleteVector],
  ["GET", ["vector", "stats"], "read", stats],
];

// The route of a request: { scope, handler, parameter, limit }. HEAD goes with GET.
export function routeOf(method, segments) {
  const wanted = method === "HEAD" ? "GET" : method;
  for (const [on, pattern, scope, handler, limit = SMALL_JSON] of ROUTES) {
    const parameter = on === wanted ? match(pattern, segments) : null;
    if (parameter !== null) return { scope, handler, parameter, limit };
  }
  throw routeNotFound();
}

function match(pattern, segments) {
  const [last] = pattern.slice(-1);
  const fixed = last.startsWith("*") ? pattern.slice(0, -1) : pattern;
  if (!fixed.every((segment, at) => segments[at] === segment)) return null;
  const rest = segments.slice(fixed.length);
  if (last === "**") return rest.length ? rest.join("/") : null;
  if (last === "*") return rest.length === 1 && rest[0] !== "" ? rest[0] : null;
  return rest.length === 0 ? "" : null;
}

// --- keys -------------------------------------------------------------------------------------------------------------

async function put({ body, tenant, wrote }) {
  const document = await bodyOf(body);
  const key = field(document, "key", "string");
  const text = field(document, "value", "string");
  checkKey(key);
  const value = new TextEncoder().encode(text);
  if (value.length > VALUE_BYTES_MAX) {
    throw invalid("too_large", `The value has ${value.length} bytes; at most ${VALUE_BYTES_MAX} are accepted.`, {
      field: "value",
    });
  }
  wrote(await tenant.put(key, value));
  return { success: true, key, message: "Stored" };
}

async function get({ parameter: key, tenant }) {
  let value = null;
  if (couldBe(() => checkKey(key))) value = await tenant.value(key);
  if (value === null) throw new Refusal(404, "key_not_found", "There is no such key.", { field: "key" });
  // A value that is no text, put at another site, has each undecodable byte replaced.
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(value);
  return { success: true, key, value: text, source: "storage" };
}

async function remove({ parameter: key, tenant, wrote }) {
  checkKey(key);
  wrote(await tenant.remove(key));
  return { success: true, key, message: "Deleted" };
}

// --- records ----------------------------------------------------------------------------------------------------------

async function insert({ body, tenant, wrote }) {
  const record = recordOf(await bodyOf(body));
  wrote(await tenant.upsert([record]));
  return { success: true, id: record.id, message: "Inserted" };
}

async function batchInsert({ body, tenant, wrote }) {
  const vectors = field(await bodyOf(body), "vectors", "array");
  if (vectors.length < 1 || vectors.length > BATCH_MAX) {
    throw badArgument(`A batch has 1 to ${BATCH_MAX} vectors, not ${vectors.length}.`, { field: "vectors" });
  }
  const good = new Map(); // of two with one id the later stays
  const results = vectors.map((document) => {
    try {
      const record = recordOf(asBody(document));
      good.set(record.id, record);
      return { success: true, id: record.id, message: "Inserted" };
    } catch (error) {
      if (!error.refusal) throw error;
      const id = isObject(document) && typeof document.id === "string" ? document.id : "";
      return { success: false, id, message: error.field ? `${error.field}: ${error.message}` : error.message };
    }
  });
  if (good.size) wrote(await tenant.upsert([...good.values()]));
  const inserted = results.filter(({ success }) => success).length;
  const failed = results.length - inserted;
  return { success: failed === 0, total: results.length, inserted, failed, results };
}

async function getVector({ parameter: id, tenant }) {
  const record = couldBe(() => checkId(id)) ? await tenant.record(id) : null;
  if (record === null) throw neverSeen();
  return { id, vector: Array.from(record.vector, shortest), metadata: parseOwn(record.metadata) };
}

async function search({ body, tenant, principal }) {
  const document = await bodyOf(body);
  const k = document.k === undefined ? K_DEFAULT : document.k;
  if (!Number.isInteger(k)) throw badArgument(`This must be a whole number, not ${jsonType(k)}.`, { field: "k" });
  if (k < 1 || k > K_MAX) throw badArgument(`k must be 1 to ${K_MAX}, not ${k}.`, { field: "k" });
  const given = document.vector ?? document.query ?? null;
  if (given === null) throw badArgument("'vector' is missing.", { field: "vector" });
  const vector = checkComparable(parseVector(given));
  requireTopK(principal, Math.min(k, RESULTS_MAX));
  const found = await tenant.search(vector, Math.min(k, RESULTS_MAX));
  const results = found.map(([id, score, metadata]) => ({
    id,
    distance: 1 - score,
    score,
    metadata: parseOwn(metadata),
  }));
  return { success: true, results, count: results.length, algorithm: "exact" };
}

async function deleteVectorInBody(call) {
  return deleteVector({ ...call, parameter: field(await bodyOf(call.body), "id", "string") });
}

async function deleteVector({ parameter: id, tenant, wrote }) {
  const version = couldBe(() => checkId(id)) ? await tenant.forget(id) : null;
  if (version === null) throw neverSeen();
  wrote(version);
  return { success: true, id, message: "Deleted" };
}

async function stats({ tenant }) {
  const { known, live, dimension } = await tenant.stats();
  const percent = known ? (100 * (known - live)) / known : 0;
  return {
    success: true,
    algorithm: "exact",
    num_vectors: known,
    num_active: live,
    num_deleted: known - live,
    dimension,
    deletion_ratio_percent: percent.toFixed(1),
    recommendation:
      percent > WORTH_COMPACTING_PERCENT ? "Deleted records are forgotten by themselves." : "Nothing needs to be done.",
  };
}

// --- documents --------------------------------------------------------------------------------------------------------

const bodyOf = async (body) => asBody(await body());

function asBody(document) {
  if (!isObject(document)) throw badArgument(`The body must be an object, not ${jsonType(document)}.`);
  return document;
}

function field(document, name, type) {
  const value = Object.hasOwn(document, name) ? document[name] : undefined;
  if (value === undefined) throw badArgument(`'${name}' is missing.`, { field: name });
  const fits = type === "array" ? Array.isArray(value) : typeof value === type;
  if (!fits)
    throw badArgument(`This must be ${type === "array" ? "an array" : "a string"}, not ${jsonType(value)}.`, {
      field: name,
    });
  return value;
}

function recordOf(document) {
  const id = field(document, "id", "string");
  if (!Object.hasOwn(document, "vector")) throw badArgument("'vector' is missing.", { field: "vector" });
  const given = document.metadata ?? {};
  const metadata = checkMetadata(given);
  checkOwn(given, "metadata");
  const vector = parseVector(document.vector);
  checkId(id);
  return { id, vector: checkComparable(vector), metadata };
}

// Whether a check lets something pass: what could not be there is not there.
function couldBe(check) {
  try {
    check();
    return true;
  } catch (error) {
    if (error.refusal) return false;
    throw error;
  }
}

const neverSeen = () => new Refusal(404, "record_not_found", "There is no such vector.", { field: "id" });

// The shortest decimal that is this 32-bit float.
function shortest(number) {
  for (let digits = 6; digits < 9; digits += 1) {
    const short = Number(number.toPrecision(digits));
    if (Math.fround(short) === number) return short;
  }
  return Number(number.toPrecision(9));
}
