// Secrets of the deployment's own parts: who speaks for the other site, and what came through the edge.

import { createHash, timingSafeEqual } from "node:crypto";
import { Refusal, unauthenticated } from "./errors.js";
import { SECRET_CHARACTERS_MIN } from "./limits.js";

const digest = (text) => createHash("sha256").update(text).digest();

// Whether the text is one of the good ones. All are compared, each in constant time, whatever their lengths. What is
// shorter than a secret, as one that was never filled in, lets nobody in.
export function isOneOf(given, good) {
  const asked = digest(given);
  const equal = (secret) => timingSafeEqual(digest(secret), asked);
  return good.filter((secret) => secret?.length >= SECRET_CHARACTERS_MIN && equal(secret)).length > 0;
}

export function bearer(headers) {
  const [scheme, ...rest] = (headers.get("authorization") ?? "").trim().split(" ");
  return scheme.toLowerCase() === "bearer" ? rest.join(" ").trim() : null;
}

export function speaksForPeer(headers, { REPLICATION_SECRET, REPLICATION_SECRET_PREVIOUS }) {
  const given = bearer(headers);
  return given !== null && isOneOf(given, [REPLICATION_SECRET, REPLICATION_SECRET_PREVIOUS]);
}

export function requirePeer(headers, bindings) {
  if (!speaksForPeer(headers, bindings)) {
    throw unauthenticated(
      "This is for the other site, which has a secret of its own.",
      "Send `Authorization: Bearer SECRET`.",
    );
  }
}

// Where the deployment has an edge in front, nothing is served past it.
export function requireEdge(headers, { ORIGIN_SECRET, ORIGIN_SECRET_PREVIOUS }) {
  if (!ORIGIN_SECRET) return;
  if (!isOneOf(headers.get("x-quartzdb-origin-secret") ?? "", [ORIGIN_SECRET, ORIGIN_SECRET_PREVIOUS])) {
    throw new Refusal(403, "origin_refused", "This address is not for clients.", {
      hint: "Use the address of the deployment.",
    });
  }
}
