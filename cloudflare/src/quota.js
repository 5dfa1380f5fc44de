// What a request says of the rates in its tenant's grant, and how it is counted: in the object that has the tenant's data,
// with what is asked of it anyway, so that a rate costs no request more. Who is refused is refused by this isolate alone
// until there is room again, before a body is read.

import { Refusal } from "./errors.js";

const REFUSED_MAX = 10_000;

// The rates that a principal falls under, its key's first.
export function ratesOf({ keyId, grant }) {
  const limits = grant?.limits ?? {};
  const rates = [];
  if (limits.key_requests_per_second) {
    const perSecond = limits.key_requests_per_second;
    const burst = limits.key_burst ?? perSecond;
    rates.push({ name: keyId, policy: "key", limit: "key_requests_per_second", perSecond, burst });
  }
  if (limits.requests_per_second) {
    const perSecond = limits.requests_per_second;
    const burst = limits.burst ?? perSecond;
    rates.push({ name: "", policy: "project", limit: "requests_per_second", perSecond, burst });
  }
  return rates;
}

// Refusals that still hold, of all tenants, in one isolate.
export class Refused {
  #until = new Map(); // by tenant and rate: the one refused longest ago first

  // Throws where one of the rates is known to have no room.
  check(tenant, rates, grant, now) {
    for (const rate of rates) {
      const until = this.#until.get(nameOf(tenant, rate)) ?? 0;
      if (now < until) throw refusal(rate, until - now, grant, now);
    }
  }

  note(tenant, rate, until) {
    const name = nameOf(tenant, rate);
    this.#until.delete(name);
    this.#until.set(name, until);
    if (this.#until.size > REFUSED_MAX) this.#until.delete(this.#until.keys().next().value);
  }
}

const nameOf = (tenant, { name, perSecond, burst }) => `${tenant}/${name}/${perSecond}/${burst}`;

// A tenant's object, asked by one request that falls under rates: the request is counted with the first thing that is
// asked, or by `end` where nothing was. `headers` are those of the answer.
export class CountedTenant {
  #stub;
  #principal;
  #rates;
  #refused;
  headers = {};
  #counted = false;

  constructor(stub, principal, rates, refused) {
    this.#stub = stub;
    this.#principal = principal;
    this.#rates = rates;
    this.#refused = refused;
  }

  put = (...what) => this.#ask("put", what);
  remove = (...what) => this.#ask("remove", what);
  value = (...what) => this.#ask("value", what);
  upsert = (...what) => this.#ask("upsert", what);
  forget = (...what) => this.#ask("forget", what);
  record = (...what) => this.#ask("record", what);
  search = (...what) => this.#ask("search", what);
  stats = (...what) => this.#ask("stats", what);

  // Throws where the request is one too many, whatever else is wrong with it.
  async end() {
    if (!this.#counted) await this.#ask(null, []);
  }

  async #ask(method, what) {
    if (this.#counted) return this.#stub[method](...what);
    this.#counted = true;
    const { quota, answer } = await this.#stub.counted(this.#rates, method, what);
    const rate = this.#rates[quota.at];
    if (!quota.admitted) {
      const now = Date.now();
      const { tenant, grant } = this.#principal;
      this.#refused.note(tenant, rate, now + quota.waitMs);
      throw refusal(rate, quota.waitMs, grant, now);
    }
    this.headers = headersOf(rate, quota.remaining, 1 / rate.perSecond);
    return answer;
  }
}

function headersOf({ policy, perSecond, burst }, remaining, resetSeconds) {
  const window = Math.max(1, Math.ceil(burst / perSecond));
  return {
    "RateLimit-Policy": `"${policy}";q=${burst};w=${window}`,
    RateLimit: `"${policy}";r=${remaining};t=${Math.ceil(resetSeconds)}`,
  };
}

function refusal(rate, waitMs, grant, now) {
  const { limit, perSecond, policy } = rate;
  const seconds = Math.max(1, Math.ceil(waitMs / 1_000));
  const unit = "requests a second";
  const message = `Too many requests: this ${policy} has ${perSecond.toLocaleString("en-US")} ${unit}.`;
  const more = grant.raise_at ? ` More can be had at ${grant.raise_at}` : "";
  return new Refusal(429, "rate_limited", message, {
    hint: `Try again in ${seconds} s, and slow down before that.${more}`,
    headers: { ...headersOf(rate, 0, waitMs / 1_000), "Retry-After": String(seconds) },
    more: {
      limit,
      used: perSecond,
      allowed: perSecond,
      unit,
      resets_at: new Date(now + waitMs).toISOString(),
      raise_at: grant.raise_at,
    },
  });
}
