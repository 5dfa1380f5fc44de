// How many requests a key may send: a token bucket per key, in the memory of one isolate.
//
// An isolate knows only the requests that it serves itself, so this bounds what one of them takes and is no exact quota.

import { Refusal } from "./errors.js";

const BUCKETS_MAX = 10_000;

export class RateLimiter {
  #buckets = new Map(); // by key id: { tokens, at }, the one used longest ago first

  // Gives the headers of an admitted request; throws for one too many. `perSecond` 0 or nothing is no limit.
  admit(keyId, perSecond, now) {
    const rate = Number(perSecond ?? 0);
    if (!(rate > 0)) return {};
    const size = Math.max(1, rate);
    const before = this.#buckets.get(keyId) ?? { tokens: size, at: now };
    const tokens = Math.min(size, before.tokens + (Math.max(0, now - before.at) / 1000) * rate);
    const admitted = tokens >= 1;
    const left = admitted ? tokens - 1 : tokens;
    this.#buckets.delete(keyId);
    this.#buckets.set(keyId, { tokens: left, at: now });
    if (this.#buckets.size > BUCKETS_MAX) this.#buckets.delete(this.#buckets.keys().next().value);
    const reset = Math.max(1, Math.ceil((1 - Math.min(1, left)) / rate));
    const headers = {
      "RateLimit-Policy": `"key";q=${Math.floor(size)};w=${Math.max(1, Math.ceil(size / rate))}`,
      RateLimit: `"key";r=${Math.floor(left)};t=${reset}`,
    };
    if (admitted) return headers;
    throw new Refusal(429, "rate_limited", "Too many requests.", {
      hint: `Try again in ${reset} s, and slow down before that.`,
      headers: { ...headers, "Retry-After": String(reset) },
    });
  }
}
