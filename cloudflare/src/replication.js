// The replication protocol, for the other site. docs/replication.md is normative; here requests are checked and answers
// written, and what they mean is the tenant's to know.

import { badArgument, bodyTooLarge, foreseen, Refusal, routeNotFound } from "./errors.js";
import { isObject, stringify } from "./json.js";
import { json } from "./answers.js";
import {
  API_KEYS_MAX,
  CHANGES_MAX,
  DECLARED_CHARACTERS_MAX,
  DIMENSION,
  ENTRIES_MAX,
  ENVELOPE_BYTES_MAX,
  ERASURES_MAX,
  FETCH_MAX,
  IDS_JSON,
  KEY_NAMESPACES_MAX,
  METRIC,
  NAMESPACE,
  PAGE_BYTES_MAX,
  RECORDS_JSON,
  TIME_MS_MAX,
} from "./limits.js";
import { requirePeer, speaksForPeer } from "./secrets.js";
import { documentsOf } from "./statements.js";
import { requireTenant } from "./allowed.js";
import { changeGrants, requireShared } from "./grants.js";
import { requireEveryNamespace, requireScope } from "./auth.js";
import { decodeChange } from "./wire.js";

// The same as at the other site, where a tenant becomes part of keys and paths.
const TENANT = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;
const ERASURE_ID = /^[0-9a-f]{24}$/;
const KEY_ID = /^[0-9a-f]{12}$/;
const NAMESPACE_NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const PRINTABLE = /^[^\p{C}\p{Zl}\p{Zp}]{1,100}$/u;
const SITE = /^[a-z0-9-]{1,32}$/;
const SCOPES = ["read", "write", "admin"];

// Answer a request below /v1/replication. `call` has method, segments, query, headers, body() and the site's parts.
export async function replicate(call) {
  const { method, segments, headers, site } = call;
  const [what, parameter] = segments;
  const route = `${method === "HEAD" ? "GET" : method} ${what ?? ""}${segments.length > 1 ? "/" : ""}`;
  if (route === "GET status" && !speaksForPeer(headers, site.bindings)) {
    const principal = await site.principal(headers);
    requireTenant(principal, false);
    requireScope(principal, "admin");
    requireEveryNamespace(principal);
    const counted = site.counted(principal);
    await counted?.end();
    return json(status(site), 200, counted?.headers);
  }
  if (route === "PUT api-keys") return changeKeys(call);
  if (route === "PUT grants") return changeGrants(call);
  requirePeer(headers, site.bindings);
  switch (segments.length > 2 ? "" : route) {
    case "GET namespaces":
      return json(await namespaces(site));
    case "GET changes":
      return changes(call);
    case "POST changes":
      return json(await apply(call));
    case "GET digests":
      return json(await place(call.query, site).digests());
    case "GET digests/":
      return json(await entries(call, parameter));
    case "POST fetch":
      return fetchStates(call);
    case "GET erasures":
      return json({ erasures: [] }); // nobody can begin one here
    case "POST erasures":
      return json(await erase(call));
    case "PUT erasures":
      return json({ noted: 0 });
    case "GET status":
      return json(status(site));
    default:
      throw routeNotFound();
  }
}

async function namespaces(site) {
  const tenants = (await site.directory.tenants()).filter(({ name }) => site.shares(name));
  const settings = { namespace: NAMESPACE, dimension: DIMENSION, metric: METRIC };
  const shown = ({ name, declared }) => ({ tenant: name, ...settings, ...JSON.parse(declared ?? "{}") });
  return { site: site.name, namespaces: tenants.map(shown) };
}

async function changes({ query, site }) {
  const excludeSite = query.get("exclude_site");
  if (excludeSite !== null && !SITE.test(excludeSite)) throw badArgument("That is no site.", { field: "exclude_site" });
  const limit = whole(query, "limit", 1, CHANGES_MAX, CHANGES_MAX);
  const page = await place(query, site).changes({ cursor: query.get("cursor"), limit, excludeSite });
  const { cursor, more, throughMs } = page;
  return texts(page.changes, { cursor, more, through_ms: throughMs });
}

async function apply({ body, site }) {
  const { document, bytes } = await objectOf(body, RECORDS_JSON);
  const { feed, tenant } = named(document, site);
  requireNamespace(document.namespace);
  requireSettings(document.settings);
  const { changes: documents } = document;
  if (!Array.isArray(documents) || documents.length > CHANGES_MAX) {
    throw badArgument(`A request has an array of at most ${CHANGES_MAX} changes.`, { field: "changes" });
  }
  const bytesMax = PAGE_BYTES_MAX + ENVELOPE_BYTES_MAX;
  if (documents.length > 1 && bytes > bytesMax) throw bodyTooLarge(bytesMax);
  const decoded = documents.map((change, at) => decodeChange(feed, change, `changes[${at}]`));
  await site.register(tenant, declaredBy(document.settings));
  return site.tenant(tenant).apply(feed, decoded);
}

function requireSettings(settings) {
  if (!isObject(settings)) throw badArgument("The settings of the namespace are missing.", { field: "settings" });
  if (settings.dimension !== DIMENSION || settings.metric !== METRIC) {
    throw new Refusal(409, "namespace_differs", `The namespace has dimension ${DIMENSION} and metric ${METRIC} here.`, {
      field: "settings",
    });
  }
}

// What the other site searches the namespace by besides its vectors, as JSON: kept for whoever asks, and otherwise
// nothing that this site knows. Null where it says none.
function declaredBy({ text = null, sparse = null }) {
  if ((text !== null && !isObject(text)) || (sparse !== null && !Array.isArray(sparse))) {
    throw badArgument("Declared fields are an object `text` and an array `sparse`.", { field: "settings.text" });
  }
  const said = {};
  if (text !== null && Object.keys(text).length) said.text = text;
  if (sparse?.length) said.sparse = sparse;
  const declared = stringify(said);
  if (declared.length > DECLARED_CHARACTERS_MAX) {
    throw badArgument("That is more than a namespace declares.", { field: "settings.text" });
  }
  return Object.keys(said).length ? declared : null;
}

async function entries({ query, site }, bucket) {
  if (!/^\d{1,3}$/.test(bucket) || Number(bucket) > 255)
    throw badArgument("A bucket is 0 to 255.", { field: "bucket" });
  const limit = whole(query, "limit", 1, ENTRIES_MAX, ENTRIES_MAX);
  return place(query, site).entries(Number(bucket), query.get("after") ?? "", limit);
}

async function fetchStates({ body, site }) {
  const { document } = await objectOf(body, IDS_JSON);
  const { feed, tenant } = named(document, site);
  requireNamespace(document.namespace);
  const { ids } = document;
  const wellFormed = Array.isArray(ids) && ids.every((id) => typeof id === "string");
  if (!wellFormed || ids.length < 1 || ids.length > FETCH_MAX) {
    throw badArgument(`Name 1 to ${FETCH_MAX} ids.`, { field: "ids" });
  }
  const { changes: found, more } = await site.tenant(tenant).states(feed, ids);
  return texts(found, { more });
}

async function erase({ body, site }) {
  const { document } = await objectOf(body, IDS_JSON);
  const { erasures } = document;
  if (!Array.isArray(erasures) || erasures.length > ERASURES_MAX) {
    throw badArgument(`A request has an array of at most ${ERASURES_MAX} erasures.`, { field: "erasures" });
  }
  erasures.forEach((one, at) => {
    const field = `erasures[${at}]`;
    if (!isObject(one)) throw badArgument("An erasure is an object.", { field });
    if (typeof one.id !== "string" || !ERASURE_ID.test(one.id)) {
      throw badArgument("An erasure's id is 24 hexadecimal digits.", { field: `${field}.id` });
    }
    if (typeof one.tenant !== "string" || !TENANT.test(one.tenant)) {
      throw badArgument("That is no tenant.", { field: `${field}.tenant` });
    }
    requireShared(one.tenant, site, `${field}.tenant`);
    requireNamespace(one.namespace);
  });
  const told = new Map(); // by tenant: by id
  for (const { id, tenant } of erasures) {
    if (!told.has(tenant)) told.set(tenant, new Map());
    told.get(tenant).set(id, null);
  }
  for (const [tenant, copies] of told) {
    const ids = [...copies.keys()];
    (await site.tenant(tenant).erase(ids)).forEach((copy, at) => copies.set(ids[at], copy));
  }
  return { copies: erasures.map(({ id, tenant }) => told.get(tenant).get(id)) };
}

// Every attempt is in the audit log, refused ones too: those without the secret, or with what is no key.
async function changeKeys(call) {
  const attempt = { ids: [] };
  try {
    requirePeer(call.headers, call.site.bindings);
    const answer = json(await applyKeys(call, attempt));
    audit(attempt, call.requestId, "done");
    return answer;
  } catch (error) {
    audit(attempt, call.requestId, foreseen(error, call.requestId).code);
    throw error;
  }
}

async function applyKeys({ body, site }, attempt) {
  const { document } = await objectOf(body, IDS_JSON);
  const keys = await documentsOf(document, document.keys, "api-keys", site);
  if (!Array.isArray(keys) || keys.length > API_KEYS_MAX) {
    throw badArgument(`A request has an array of at most ${API_KEYS_MAX} keys.`, { field: "keys" });
  }
  const checked = keys.map((key, at) => apiKey(key, `keys[${at}]`));
  attempt.ids = checked.map(({ id }) => id);
  checked.forEach(({ tenant }, at) => requireShared(tenant, site, `keys[${at}].tenant`));
  const { applied, taken, changed } = await site.directory.apply(checked);
  if (taken !== null) {
    throw new Refusal(409, "conflict", `The id ${taken} is another API key here.`, {
      field: "keys",
      hint: "Create a new key.",
    });
  }
  if (changed !== null) {
    const detail = `The API key ${changed} has other scopes or namespaces here, and those of a key never change.`;
    throw new Refusal(409, "conflict", detail, { field: "keys", hint: "Revoke it and create a new key." });
  }
  if (applied) site.keysChanged();
  return { applied };
}

// Ids alone: neither names nor hashes.
function audit({ ids }, requestId, outcome) {
  const target = ids.length ? ids.join() : null;
  const key_id = outcome === "unauthenticated" ? null : "peer";
  const who = { at: new Date().toISOString(), key_id, request_id: requestId };
  console.log(JSON.stringify({ event: "audit", ...who, action: "key.replicate", target, outcome }));
}

function apiKey(document, at) {
  const check = (good, name) => {
    if (!good) throw badArgument("This is not as the protocol has it.", { field: `${at}.${name}` });
  };
  check(isObject(document), "id");
  const { id, tenant, name, scopes, secret_sha256, created_at_ms } = document;
  const { expires_at_ms = null, revoked_at_ms = null, namespaces = null, created_by = null } = document;
  const isTime = (value) => Number.isSafeInteger(value) && value >= 0 && value <= TIME_MS_MAX;
  const isReach = (value) =>
    Array.isArray(value) &&
    value.length >= 1 &&
    value.length <= KEY_NAMESPACES_MAX &&
    value.every((one) => typeof one === "string" && NAMESPACE_NAME.test(one));
  check(typeof id === "string" && KEY_ID.test(id), "id");
  check(typeof tenant === "string" && TENANT.test(tenant), "tenant");
  check(typeof name === "string" && PRINTABLE.test(name), "name");
  check(Array.isArray(scopes) && scopes.length > 0 && scopes.every((scope) => SCOPES.includes(scope)), "scopes");
  check(typeof secret_sha256 === "string" && /^[0-9a-f]{64}$/.test(secret_sha256), "secret_sha256");
  check(isTime(created_at_ms), "created_at_ms");
  check(expires_at_ms === null || isTime(expires_at_ms), "expires_at_ms");
  check(revoked_at_ms === null || isTime(revoked_at_ms), "revoked_at_ms");
  check(namespaces === null || isReach(namespaces), "namespaces");
  check(created_by === null || (typeof created_by === "string" && KEY_ID.test(created_by)), "created_by");
  const times = { created_at_ms, expires_at_ms, revoked_at_ms };
  return { id, tenant, name, scopes, secret_sha256, ...times, namespaces, created_by };
}

// The other side drives, and knows the lag of each direction: this one answers.
const status = (site) => ({ site: site.name, now_ms: Date.now(), peers: [] });

// --- requests ---------------------------------------------------------------------------------------------------------

// The tenant and feed that a query names, with the methods of that feed.
function place(query, site) {
  const { feed, tenant } = named({ feed: query.get("feed"), tenant: query.get("tenant") }, site);
  requireNamespace(query.get("namespace"));
  const stub = site.tenant(tenant);
  return {
    changes: (what) => stub.changes(feed, what),
    digests: () => stub.digests(feed),
    entries: (bucket, after, limit) => stub.entries(feed, bucket, after, limit),
  };
}

function named({ feed, tenant }, site) {
  if (feed !== "records" && feed !== "keys") throw badArgument("A feed is records or keys.", { field: "feed" });
  if (typeof tenant !== "string" || !TENANT.test(tenant)) throw badArgument("That is no tenant.", { field: "tenant" });
  requireShared(tenant, site, "tenant");
  return { feed, tenant };
}

function requireNamespace(namespace) {
  if (namespace !== NAMESPACE) {
    throw new Refusal(404, "namespace_not_found", `This site has the namespace ${NAMESPACE} alone.`, {
      field: "namespace",
    });
  }
}

async function objectOf(body, limit) {
  const { document, bytes } = await body(limit);
  if (!isObject(document)) throw badArgument("The body must be an object.");
  return { document, bytes };
}

function whole(query, name, least, most, otherwise) {
  const text = query.get(name);
  if (text === null) return otherwise;
  const number = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (!(number >= least && number <= most)) {
    throw badArgument(`This is a whole number from ${least} to ${most}.`, { field: name });
  }
  return number;
}

// An answer around changes that are JSON text already.
function texts(found, members) {
  const head = `{"changes":[${found.join()}],`;
  return new Response(head + JSON.stringify(members).slice(1), { headers: { "Content-Type": "application/json" } });
}
