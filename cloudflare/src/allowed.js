// Refuses what a tenant's grant does not allow, and says where more of it can be had. A tenant without one is active, and
// nothing limits it.

import { Refusal } from "./errors.js";
import { DIMENSION, TIME_MS_MAX } from "./limits.js";

const HINT = "Nothing was deleted. Ask whoever runs this database; it is lifted within seconds.";
const NOWHERE = "Ask whoever runs this database.";

// `changes`: the request changes something. What a tenant is being told comes before what its key may do.
export function requireTenant({ grant }, changes) {
  if (grant?.status === "suspended") {
    throw new Refusal(403, "tenant_suspended", "The tenant that this key belongs to is suspended.", { hint: HINT });
  }
  if (changes && grant?.status === "read_only") {
    const message = "The tenant that this key belongs to may read, and change nothing.";
    throw new Refusal(403, "tenant_read_only", message, { hint: HINT });
  }
}

// For what stores data: a site that is not known to be in the region is not in it.
export function requireRegion({ grant }, region) {
  const wanted = grant?.region ?? null;
  if (wanted === null || wanted === region) return;
  const here = region ? `in ${region}` : "in no region that is set";
  throw new Refusal(403, "wrong_region", `The data of this tenant stays in ${wanted}, and this site is ${here}.`, {
    hint: `Send writes to a site in ${wanted}.`,
  });
}

// A block ends by itself when its time is over: nobody has to be there to lift it.
export function requireUnblocked({ grant }, { reads, writes }, now) {
  if (reads) requireNoBlock("reads", grant?.reads_blocked, now);
  if (writes) requireNoBlock("writes", grant?.writes_blocked, now);
}

export function requireTopK({ grant }, k) {
  const allowed = grant?.limits?.top_k ?? null;
  if (allowed !== null && k > allowed) {
    throw beyond(grant, `This asks for ${shown(k)} results`, {
      limit: "top_k",
      used: k,
      allowed,
      unit: "results",
      field: "k",
    });
  }
}

// The namespace of every tenant here is made by its first use: `isThere` tells, asynchronously, whether it was.
export async function requireNamespaceToBe({ grant }, isThere) {
  const { namespaces = null, dimension = null } = grant?.limits ?? {};
  const tooLarge = dimension !== null && DIMENSION > dimension;
  if ((namespaces !== 0 && !tooLarge) || (await isThere())) return;
  if (tooLarge) {
    throw beyond(grant, `This asks for ${shown(DIMENSION)} dimensions`, {
      limit: "dimension",
      used: DIMENSION,
      allowed: dimension,
      unit: "dimensions",
      field: "dimension",
    });
  }
  const reached = { limit: "namespaces", used: 0, allowed: 0, unit: "namespaces", field: null };
  throw beyond(grant, "There are 0 namespaces already", reached);
}

function requireNoBlock(what, block, now) {
  if (!block || (block.until_ms !== null && now >= block.until_ms)) return;
  const { limit, used, allowed, unit, until_ms, raise_at } = block;
  const words = limit.replaceAll("_", " ");
  const message =
    `This project's ${what} are refused, because a limit is reached: ${words}, ${shown(used)} of ` +
    `${shown(allowed)} ${unit}.`;
  const resets_at = until_ms === null ? null : new Date(Math.min(until_ms, TIME_MS_MAX)).toISOString();
  throw new Refusal(402, "limit_reached", message, {
    hint: `Nothing was deleted, and deleting is possible. ${hint(raise_at)}`,
    more: { limit, used, allowed, unit, resets_at, raise_at },
  });
}

function beyond(grant, what, { limit, used, allowed, unit, field }) {
  const of = grant.plan ? `the plan '${grant.plan}'` : "this project";
  const raise_at = grant.raise_at ?? null;
  return new Refusal(402, "limit_reached", `${what}, and ${of} allows ${shown(allowed)}.`, {
    field,
    hint: hint(raise_at),
    more: { limit, used, allowed, unit, resets_at: null, raise_at },
  });
}

const shown = (number) => number.toLocaleString("en-US");
const hint = (raiseAt) => (raiseAt ? `Raise it at ${raiseAt}` : NOWHERE);
