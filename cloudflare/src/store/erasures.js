// Erasures of the other site. Values and vectors go with their deletion; what a deletion leaves is its name, kept against
// late changes until it is forgotten.

const KEPT_MS = 400 * 24 * 3_600_000;
const NAMES = "the Worker keeps the names of what was deleted until then";
// It has no other answer to give: how Cloudflare keeps a Durable Object's disk is out of its reach.
const BEYOND = "what Cloudflare keeps to take a Durable Object back (30 days) is not known to the Worker";

export class Erasures {
  #sql;
  #tables;
  #keepMs;

  constructor(sql, tables, keepMs) {
    this.#sql = sql;
    this.#tables = tables;
    this.#keepMs = keepMs;
  }

  // Begin those that are new, and tell of each how far it is: { gone_ms, until_ms, why }.
  tell(ids, nowMs) {
    this.#sql.exec("DELETE FROM erasures WHERE begun_ms < ?", nowMs - KEPT_MS);
    return ids.map((id) => {
      this.#sql.exec("INSERT OR IGNORE INTO erasures (id, begun_ms) VALUES (?, ?)", id, nowMs);
      const { begun_ms, gone_ms } = this.#sql.exec("SELECT begun_ms, gone_ms FROM erasures WHERE id = ?", id).one();
      if (gone_ms !== null) return { gone_ms, until_ms: null, why: BEYOND };
      const left = this.#tables.some((table) => (table.deadSince() ?? Infinity) <= begun_ms);
      if (left) return { gone_ms: null, until_ms: begun_ms + this.#keepMs, why: NAMES };
      this.#sql.exec("UPDATE erasures SET gone_ms = ? WHERE id = ?", nowMs, id);
      return { gone_ms: nowMs, until_ms: null, why: BEYOND };
    });
  }
}
