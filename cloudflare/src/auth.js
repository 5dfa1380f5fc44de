// API keys: qdb_live_<id>_<secret><checksum>. The id finds a key, the secret proves it, and the checksum tells a
// mistyped key without a look-up. A key that was good is taken to be good for some seconds more.
//
// HAZARD: a key that is revoked works here until that time is over. One that expires does not. Its tenant's grant is
// remembered with it, so the same holds for a tenant that is suspended.

import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";
import { Refusal, unauthenticated } from "./errors.js";
import { KEY_CACHE_MS } from "./limits.js";
import { bearer } from "./secrets.js";

const SHAPE = /^qdb_live_([0-9a-f]{12})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$/;
const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const REMEMBERED_MAX = 10_000;
const NO_KEY = "Send `Authorization: Bearer KEY` or `X-API-Key: KEY`.";

export class Authenticator {
  #good = new Map(); // by the hash of the key: { principal, until }

  // Who holds the key that a request carries: { tenant, keyId, scopes, namespaces, grant }. `find` looks a key up by its id.
  async principal(headers, find) {
    const text = keyOf(headers);
    if (!text) throw unauthenticated("No API key was given.", NO_KEY);
    const remembered = sha256(text).toString("hex");
    const known = this.#good.get(remembered);
    const now = Date.now();
    if (known !== undefined && now < known.until) return known.principal;
    const principal = await authenticate(text, find, now);
    this.#good.delete(remembered);
    const until = Math.min(now + KEY_CACHE_MS, principal.expiresAtMs ?? Infinity);
    this.#good.set(remembered, { principal, until });
    if (this.#good.size > REMEMBERED_MAX) this.#good.delete(this.#good.keys().next().value);
    return principal;
  }

  // Look every key up again: some have changed.
  clear() {
    this.#good.clear();
  }
}

export function requireScope({ scopes }, scope) {
  if (!scopes.includes(scope)) {
    throw new Refusal(403, "forbidden", `This key does not have the scope '${scope}' (it has ${scopes.join(", ")}).`, {
      hint: "Use a key that has it, or create one.",
    });
  }
}

// Null: the key reaches all.
export function requireNamespace({ namespaces }, namespace) {
  if (namespaces !== null && !namespaces.includes(namespace)) {
    throw new Refusal(403, "forbidden", `This key does not reach the namespace '${namespace}'.`, {
      hint: "Use a key that reaches it.",
    });
  }
}

export function requireEveryNamespace({ namespaces }) {
  if (namespaces !== null) {
    throw new Refusal(403, "forbidden", "This is of all namespaces, and this key is restricted to some.", {
      hint: "Use a key without `namespaces`.",
    });
  }
}

// X-API-Key is looked at too, because a proxy may use Authorization for its own signature.
function keyOf(headers) {
  const given = bearer(headers);
  if (given !== null) return given;
  const key = (headers.get("x-api-key") ?? "").trim();
  if (!key && (headers.get("authorization") ?? "").trim()) {
    throw unauthenticated("The Authorization header is not of the form `Bearer KEY`.", NO_KEY);
  }
  return key;
}

async function authenticate(text, find, now) {
  const [, id, secret, checksum] = SHAPE.exec(text) ?? [];
  if (id === undefined || checksumOf(id, secret) !== checksum) {
    throw unauthenticated(
      "The API key is mistyped or cut short: it is not of the form qdb_live_….",
      "Copy the whole key.",
    );
  }
  const key = await find(id);
  // Compared even where there is no such key, so that the time taken says nothing.
  const stored = key === null ? Buffer.alloc(32) : Buffer.from(key.secret_sha256, "hex");
  const genuine = timingSafeEqual(stored, sha256(secret));
  if (key === null || !genuine || key.revoked_at_ms !== null) {
    throw unauthenticated("The API key is unknown or was revoked.", "Create a new key.");
  }
  if (key.expires_at_ms !== null && key.expires_at_ms <= now) {
    throw unauthenticated("The API key has expired.", "Create a new key.");
  }
  const { tenant, scopes, namespaces, expires_at_ms: expiresAtMs, grant } = key;
  return { tenant, keyId: key.id, scopes, namespaces, expiresAtMs, grant };
}

const sha256 = (text) => createHash("sha256").update(text, "utf8").digest();

function checksumOf(id, secret) {
  let number = crc32(`${id}_${secret}`);
  let digits = "";
  for (let place = 0; place < 6; place += 1) {
    digits = ALPHABET[number % 62] + digits;
    number = Math.floor(number / 62);
  }
  return digits;
}
