// What a tenant is allowed, as the other site says it: checked, and taken over with its signature alone.

import { badArgument, foreseen, Refusal } from "./errors.js";
import { isObject } from "./json.js";
import { json } from "./answers.js";
import { GRANTS_MAX, IDS_JSON, RATE_MAX, TEXT_CHARACTERS_MAX, TIME_MS_MAX } from "./limits.js";
import { requirePeer } from "./secrets.js";
import { signedDocumentsOf } from "./statements.js";

const TENANT = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;
const STATUSES = ["active", "read_only", "suspended"];
const RATES = ["requests_per_second", "burst", "key_requests_per_second", "key_burst"];
const AMOUNTS = ["namespaces", "dimension", "top_k", "vectors", "storage_bytes"];
const TARGET_CHARACTERS_MAX = 1_000;

// Every attempt is in the audit log, refused ones too.
export async function changeGrants(call) {
  const attempt = { tenants: [] };
  try {
    requirePeer(call.headers, call.site.bindings);
    const answer = json(await takeGrants(call, attempt));
    audit(attempt, call.requestId, "done");
    return answer;
  } catch (error) {
    audit(attempt, call.requestId, foreseen(error, call.requestId).code);
    throw error;
  }
}

async function takeGrants({ body, site }, attempt) {
  const { document } = await body(IDS_JSON);
  if (!isObject(document)) throw badArgument("The body must be an object.");
  const said = await signedDocumentsOf(document, "grants", site);
  if (!Array.isArray(said) || said.length > GRANTS_MAX) {
    throw badArgument(`A request has an array of at most ${GRANTS_MAX} grants.`, { field: "grants" });
  }
  const grants = said.map((one, at) => grantOf(one, `grants[${at}]`));
  attempt.tenants = grants.map(({ tenant }) => tenant);
  grants.forEach(({ tenant }, at) => requireShared(tenant, site, `grants[${at}].tenant`));
  const { applied, gone } = await site.directory.applyGrants(grants, Date.now());
  for (const tenant of gone) await site.end(tenant);
  if (applied) site.keysChanged();
  return { applied };
}

// Whoever has the secret of the two sites gets at no other tenant, and says nothing of one.
export function requireShared(tenant, site, field) {
  if (!site.shares(tenant)) {
    throw new Refusal(404, "namespace_not_found", `The tenant ${tenant} is not shared.`, {
      field,
      hint: "Which tenants are, is a setting of both sites: SHARED_TENANTS.",
    });
  }
}

// What a later release adds is passed over.
function grantOf(document, at) {
  const check = (good, name) => {
    if (!good) throw badArgument("This is not as the protocol has it.", { field: `${at}.${name}` });
  };
  check(isObject(document), "tenant");
  const { tenant, revision, grant } = document;
  check(typeof tenant === "string" && TENANT.test(tenant), "tenant");
  check(Number.isSafeInteger(revision) && revision >= 1, "revision");
  check(isObject(grant), "grant");
  const { status = "active", gone_at_ms = null } = grant;
  check(STATUSES.includes(status), "grant.status");
  check(isAmount(gone_at_ms, TIME_MS_MAX), "grant.gone_at_ms");
  const texts = pick(grant, ["plan", "region", "raise_at"], isText, (name) => check(false, `grant.${name}`));
  const parts = { limits: limitsOf, reads_blocked: blockOf, writes_blocked: blockOf, prices: pricesOf };
  const taken = { status, gone_at_ms, ...texts };
  for (const [name, read] of Object.entries(parts)) {
    const part = grant[name] ?? null;
    taken[name] = part === null ? null : read(part, (good, inner) => check(good, `grant.${name}${inner}`));
  }
  return { tenant, revision, grant: taken };
}

function limitsOf(limits, check) {
  check(isObject(limits), "");
  const isRate = (value) => isAmount(value, RATE_MAX) && value !== 0;
  const taken = {
    ...pick(limits, RATES, isRate, (name) => check(false, `.${name}`)),
    ...pick(limits, AMOUNTS, isAmount, (name) => check(false, `.${name}`)),
  };
  check(taken.burst === null || taken.requests_per_second !== null, ".burst");
  check(taken.key_burst === null || taken.key_requests_per_second !== null, ".key_burst");
  return taken;
}

function blockOf(block, check) {
  check(isObject(block), "");
  const { limit, used, allowed, unit, raise_at, until_ms = null } = block;
  for (const [name, text] of Object.entries({ limit, unit, raise_at })) check(isText(text), `.${name}`);
  for (const [name, number] of Object.entries({ used, allowed })) check(isNumber(number), `.${name}`);
  check(isAmount(until_ms), ".until_ms");
  return { limit, used, allowed, unit, raise_at, until_ms };
}

function pricesOf(prices, check) {
  check(isObject(prices), "");
  const { version, million_read_units, million_write_units, gigabyte_month } = prices;
  check(isText(version), ".version");
  const amounts = { million_read_units, million_write_units, gigabyte_month };
  for (const [name, number] of Object.entries(amounts)) check(isNumber(number), `.${name}`);
  return { version, ...amounts };
}

// The members of those names, null where there is none.
function pick(document, names, isGood, refuse) {
  const taken = {};
  for (const name of names) {
    const value = document[name] ?? null;
    if (value !== null && !isGood(value)) refuse(name);
    taken[name] = value;
  }
  return taken;
}

const isNumber = (value, most = 2 ** 63) => Number.isInteger(value) && value >= 0 && value <= most;
const isAmount = (value, most) => value === null || isNumber(value, most);
const isText = (value) =>
  typeof value === "string" && /^[^\p{C}\p{Zl}\p{Zp}]+$/u.test(value) && [...value].length <= TEXT_CHARACTERS_MAX;

function audit({ tenants }, requestId, outcome) {
  const target = tenants.length ? tenants.join().slice(0, TARGET_CHARACTERS_MAX) : null;
  const key_id = outcome === "unauthenticated" ? null : "peer";
  const who = { at: new Date().toISOString(), key_id, request_id: requestId };
  console.log(JSON.stringify({ event: "audit", ...who, action: "grant.replicate", target, outcome }));
}
