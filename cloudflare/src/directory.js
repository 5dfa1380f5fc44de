// The directory: one Durable Object that knows the tenants of this site, and the API keys by their hashes.
//
// Keys are managed at the other site and arrive by replication, as the grants of tenants do; no secret is ever here.

import { DurableObject } from "cloudflare:workers";
import { GONE_AGAIN_MS, GONE_KEPT_MS } from "./limits.js";

const TABLES = [
  "CREATE TABLE IF NOT EXISTS tenants (name TEXT PRIMARY KEY)",
  `CREATE TABLE IF NOT EXISTS api_keys (
     id TEXT PRIMARY KEY,
     tenant TEXT NOT NULL,
     name TEXT NOT NULL,
     scopes TEXT NOT NULL,
     secret_sha256 TEXT NOT NULL,
     created_at_ms INTEGER NOT NULL,
     expires_at_ms INTEGER,
     revoked_at_ms INTEGER
   )`,
  // What each tenant is allowed, as JSON; of one that is gone, that it is.
  `CREATE TABLE IF NOT EXISTS grants (
     tenant TEXT PRIMARY KEY,
     revision INTEGER NOT NULL,
     gone_at_ms INTEGER,
     document TEXT NOT NULL
   )`,
];
// Columns that came later. Null: the key reaches every namespace, and was made by no other key.
const LATER = ["namespaces", "created_by"];
const FIRST = ["tenant", "name", "scopes", "secret_sha256", "created_at_ms", "expires_at_ms", "revoked_at_ms"];
const COLUMNS = [...FIRST, ...LATER];

// The earlier of two times, of which either may be none.
const earliest = (...times) => {
  const given = times.filter((at) => at !== null);
  return given.length ? Math.min(...given) : null;
};

// A set as it is stored, alike for the same set; null stays null.
const sorted = (names) => (names === null ? null : JSON.stringify([...new Set(names)].sort()));

export class Directory extends DurableObject {
  #sql;

  constructor(context, bindings) {
    super(context, bindings);
    this.#sql = context.storage.sql;
    for (const statement of TABLES) this.#sql.exec(statement);
    const present = new Set([...this.#sql.exec("PRAGMA table_info(api_keys)")].map(({ name }) => name));
    for (const column of LATER) {
      if (!present.has(column)) this.#sql.exec(`ALTER TABLE api_keys ADD COLUMN ${column} TEXT`);
    }
    // What the other site declares of the tenant's namespace, as JSON that nothing here reads.
    const ofTenants = [...this.#sql.exec("PRAGMA table_info(tenants)")].map(({ name }) => name);
    if (!ofTenants.includes("declared")) this.#sql.exec("ALTER TABLE tenants ADD COLUMN declared TEXT");
  }

  // The key of an id, revoked and expired ones included, with its tenant's `grant`; null where there is none.
  find(id) {
    const row = this.#row(id);
    if (row === null) return null;
    const said = this.#granted(row.tenant);
    const grant = said === null ? null : JSON.parse(said.document);
    return { ...row, scopes: JSON.parse(row.scopes), namespaces: JSON.parse(row.namespaces), grant };
  }

  // Take over grants, of two of one tenant the later: { applied } is how many changed something, { gone } the tenants
  // that are to have nothing here any more. Their keys are forgotten before it is said.
  applyGrants(grants, now) {
    return this.ctx.storage.transactionSync(() => {
      const gone = new Set();
      let applied = 0;
      for (const { tenant, revision, grant } of grants) {
        const known = this.#granted(tenant);
        const later = known === null || known.revision < revision;
        if (later) {
          const { gone_at_ms } = grant;
          const put = "INSERT OR REPLACE INTO grants (tenant, revision, gone_at_ms, document) VALUES (?, ?, ?, ?)";
          this.#sql.exec(put, tenant, revision, gone_at_ms, JSON.stringify(grant));
          applied += 1;
        }
        const goneAtMs = later ? grant.gone_at_ms : known.gone_at_ms;
        if (goneAtMs === null || !(later || now - goneAtMs < GONE_AGAIN_MS)) continue;
        this.#sql.exec("DELETE FROM api_keys WHERE tenant = ?", tenant);
        this.#sql.exec("DELETE FROM tenants WHERE name = ?", tenant);
        gone.add(tenant);
      }
      this.#sql.exec("DELETE FROM grants WHERE gone_at_ms < ?", now - GONE_KEPT_MS);
      return { applied, gone: [...gone] };
    });
  }

  // Take over keys, and their tenants: { applied } is how many changed something. An id that is another key here is
  // { taken }, and one with other rights { changed }: nothing is changed then. What a key may do is settled by the first
  // document of it; a revocation is taken whatever rights come with it, and an end only where it is sooner.
  apply(keys) {
    const taken = keys.find((key) => {
      const known = this.#row(key.id);
      return known !== null && (known.tenant !== key.tenant || known.secret_sha256 !== key.secret_sha256);
    });
    if (taken !== undefined) return { applied: 0, taken: taken.id, changed: null };
    const changed = keys.find((key) => {
      const known = this.#row(key.id);
      const same = () => known.scopes === sorted(key.scopes) && known.namespaces === sorted(key.namespaces);
      return known !== null && key.revoked_at_ms === null && !same();
    });
    if (changed !== undefined) return { applied: 0, taken: null, changed: changed.id };
    const apply = () => keys.filter((key) => this.#applyOne(key)).length;
    return { applied: this.ctx.storage.transactionSync(apply), taken: null, changed: null };
  }

  #applyOne(key) {
    if (!this.register(key.tenant)) return false; // older than the word that the tenant is gone
    const known = this.#row(key.id);
    if (known !== null) {
      const revokedAtMs = earliest(key.revoked_at_ms, known.revoked_at_ms);
      const expiresAtMs = earliest(key.expires_at_ms, known.expires_at_ms);
      if (revokedAtMs === known.revoked_at_ms && expiresAtMs === known.expires_at_ms) return false;
      const ends = "UPDATE api_keys SET revoked_at_ms = ?, expires_at_ms = ? WHERE id = ?";
      this.#sql.exec(ends, revokedAtMs, expiresAtMs, key.id);
      return true;
    }
    const next = { ...key, scopes: sorted(key.scopes), namespaces: sorted(key.namespaces) };
    this.#sql.exec(
      `INSERT INTO api_keys (id, ${COLUMNS.join()}) VALUES (?, ${COLUMNS.map(() => "?").join()})`,
      next.id,
      ...COLUMNS.map((column) => next[column]),
    );
    return true;
  }

  // Each { name, declared }, in order.
  tenants() {
    return this.#sql.exec("SELECT name, declared FROM tenants ORDER BY name").toArray();
  }

  // Gives whether it may be here: false for one that is gone. `declared` null: nothing is said of it.
  register(tenant, declared = null) {
    const said = this.#granted(tenant);
    if (said !== null && said.gone_at_ms !== null) return false;
    this.#sql.exec("INSERT OR IGNORE INTO tenants (name) VALUES (?)", tenant);
    if (declared !== null) this.#sql.exec("UPDATE tenants SET declared = ? WHERE name = ?", declared, tenant);
    return true;
  }

  // Throws where the storage does not answer.
  check() {
    this.#sql.exec("SELECT 1").one();
  }

  #granted(tenant) {
    const found = this.#sql.exec("SELECT revision, gone_at_ms, document FROM grants WHERE tenant = ?", tenant);
    return found.toArray()[0] ?? null;
  }

  #row(id) {
    return this.#sql.exec("SELECT * FROM api_keys WHERE id = ?", id).toArray()[0] ?? null;
  }
}
