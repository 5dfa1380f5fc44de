// This site's parts, for one request: its name, the directory, the tenants. What outlives a request is the isolate's.

import { Authenticator } from "./auth.js";
import { Refusal } from "./errors.js";
import { CountedTenant, ratesOf, Refused } from "./quota.js";
import { RateLimiter } from "./rate.js";

const TENANTS_REMEMBERED_MAX = 10_000;
const authenticator = new Authenticator();
const rates = new RateLimiter();
const refused = new Refused();
const registered = new Map(); // by tenant: what was last said to be declared

export class Site {
  constructor(bindings) {
    this.bindings = bindings;
    this.name = bindings.SITE ?? "cloudflare";
  }

  get directory() {
    return this.bindings.DIRECTORY.get(this.bindings.DIRECTORY.idFromName("directory"));
  }

  tenant(name) {
    return this.bindings.TENANT.get(this.bindings.TENANT.idFromName(name));
  }

  // Whether anything of a tenant goes between the two sites, its API keys included. Unset: of every tenant.
  shares(tenant) {
    const { SHARED_TENANTS } = this.bindings;
    if (!SHARED_TENANTS?.trim()) return true;
    return SHARED_TENANTS.split(",").some((one) => one.trim() === tenant);
  }

  // Who sent a request.
  principal(headers) {
    return authenticator.principal(headers, (id) => this.directory.find(id));
  }

  admit({ keyId }) {
    return rates.admit(keyId, this.bindings.RATE_PER_SECOND, Date.now());
  }

  // The tenant of a principal as one request asks it, which counts under the rates of its grant; null where it has none.
  counted(principal) {
    const rates = ratesOf(principal);
    if (!rates.length) return null;
    refused.check(principal.tenant, rates, principal.grant, Date.now());
    return new CountedTenant(this.tenant(principal.tenant), principal, rates, refused);
  }

  keysChanged() {
    authenticator.clear();
  }

  // Have the tenant among those that are shared. `declared` is kept for it, unless it is null.
  async register(tenant, declared) {
    const known = registered.get(tenant);
    if (known !== undefined && (declared === null || declared === known)) return;
    if (!(await this.directory.register(tenant, declared))) {
      throw new Refusal(404, "namespace_not_found", `The tenant ${tenant} was deleted.`, {
        field: "tenant",
        hint: "Its grant says so. Say another one at the site that gives grants, if it is to be there again.",
      });
    }
    if (registered.size >= TENANTS_REMEMBERED_MAX) registered.clear();
    registered.set(tenant, declared ?? known ?? null);
  }

  // Leave nothing of a tenant.
  async end(tenant) {
    registered.delete(tenant);
    await this.tenant(tenant).end();
  }
}
