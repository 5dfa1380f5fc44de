// What the other site signs: which API keys there are, and what tenants are allowed. The secret of the two sites alone makes none, where it is set whose
// signature has to be on them.

import { Buffer } from "node:buffer";
import { badArgument, Refusal } from "./errors.js";
import { isObject } from "./json.js";

const GOOD_FOR_MS = 15 * 60_000;
const AHEAD_MS_MAX = 5 * 60_000;
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const HINT = "The other site signs with its signing secret; its public key is SIGNER_PUBLIC_KEYS here.";

const refused = (message, field) => new Refusal(403, "forbidden", message, { field, hint: HINT });

// The documents of a request: `plain` ones, or those of the statement that it has instead. Throws where they have to be
// signed and are not, or not well.
export async function documentsOf(body, plain, kind, site) {
  const keys = publicKeys(site.bindings);
  const { signed, signature } = body;
  if (signed === undefined || signed === null) {
    if (keys.length) throw refused("This site takes only what the other one has signed.", "signed");
    return plain;
  }
  if (typeof signed !== "string") throw badArgument("What is signed is a text.", { field: "signed" });
  if (keys.length && !(await isSigned(keys, signed, signature))) {
    throw refused("The signature is of none of the keys that are good here.", "signature");
  }
  return said(signed, kind, site.name);
}

// The documents of a request that nobody makes without a signature, also where keys are taken without.
export async function signedDocumentsOf(body, kind, site) {
  if (!publicKeys(site.bindings).length) {
    throw refused("This site takes that only with a signature, and knows no key that would be good.", "signed");
  }
  return documentsOf(body, null, kind, site);
}

function publicKeys({ SIGNER_PUBLIC_KEYS }) {
  return (SIGNER_PUBLIC_KEYS ?? "")
    .split(",")
    .map((text) => text.trim())
    .filter((text) => text)
    .map((text) => Buffer.from(text, "base64"));
}

async function isSigned(keys, signed, signature) {
  if (typeof signature !== "string") return false;
  if (Buffer.from(signature, "base64").length !== SIGNATURE_BYTES) return false; // WebCrypto throws for any other
  const [made, text] = [Buffer.from(signature, "base64"), Buffer.from(signed, "utf8")];
  for (const key of keys) {
    // HAZARD: what is no key must not let anybody in, nor stand in the way of the good one beside it.
    if (key.length !== KEY_BYTES) continue;
    const imported = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
    if (await crypto.subtle.verify({ name: "Ed25519" }, imported, made, text)) return true;
  }
  return false;
}

function said(signed, kind, site) {
  let statement;
  try {
    statement = JSON.parse(signed);
  } catch {
    throw badArgument("What is signed is not JSON.", { field: "signed" });
  }
  if (!isObject(statement)) throw badArgument("What is signed is an object.", { field: "signed" });
  for (const [name, expected] of [
    ["kind", kind],
    ["for", site],
  ]) {
    if (statement[name] !== expected) throw refused(`What is signed is not ${name} ${expected}.`, `signed.${name}`);
  }
  const age = Date.now() - statement.signed_at_ms;
  if (!(age >= -AHEAD_MS_MAX && age <= GOOD_FOR_MS)) {
    throw refused("What is signed was signed too long ago, or will be.", "signed.signed_at_ms");
  }
  return statement.documents;
}
