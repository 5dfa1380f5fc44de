// Keys on disk: the latest item of each key, replaced whole by version. A value stands in chunks beside its row.
//
// A key that has expired reads as absent at once; `expire` later turns it into a tombstone of the same version.

import { CHUNK_BYTES } from "../limits.js";
import { BEGINNING } from "../version.js";
import { bucketOf, stateHash } from "../statehash.js";

const LIVE = "live = 1 AND (expires_at_ms IS NULL OR expires_at_ms > ?)";

export class Keys {
  #sql;

  constructor(sql) {
    this.#sql = sql;
  }

  // The value that readers see, as bytes; null where there is none.
  value(key, nowMs) {
    const row = this.#sql.exec(`SELECT 1 FROM keys WHERE key = ? AND ${LIVE}`, key, nowMs).toArray()[0];
    return row === undefined ? null : this.#body(key);
  }

  // Store an item or a tombstone (`value` null). Gives whether it changed anything.
  apply({ key, version, value, content_type, expires_at_ms }, place, nowMs) {
    const known = this.#sql.exec("SELECT version FROM keys WHERE key = ?", key).toArray()[0]?.version ?? BEGINNING;
    if (version <= known) return false;
    const live = value !== null;
    this.#sql.exec(
      `INSERT INTO keys (key, place, version, live, expires_at_ms, bucket, hash, touched_ms, content_type)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET place = excluded.place, version = excluded.version, live = excluded.live,
         expires_at_ms = excluded.expires_at_ms, hash = excluded.hash, touched_ms = excluded.touched_ms,
         content_type = excluded.content_type`,
      key,
      place(),
      version,
      Number(live),
      live ? expires_at_ms : null,
      bucketOf(key),
      live ? stateHash(key, version) : 0,
      nowMs,
      live ? content_type : "",
    );
    if (known !== BEGINNING) this.#sql.exec("DELETE FROM chunks WHERE key = ?", key);
    for (let start = 0, part = 0; live && start < value.length; start += CHUNK_BYTES, part += 1) {
      const body = value.slice(start, start + CHUNK_BYTES);
      this.#sql.exec("INSERT INTO chunks (key, part, body) VALUES (?, ?, ?)", key, part, body);
    }
    return true;
  }

  #body(key) {
    const parts = this.#sql.exec("SELECT body FROM chunks WHERE key = ? ORDER BY part", key).toArray();
    const value = new Uint8Array(parts.reduce((sum, { body }) => sum + body.byteLength, 0));
    let start = 0;
    for (const { body } of parts) {
      value.set(new Uint8Array(body), start);
      start += body.byteLength;
    }
    return value;
  }

  rowsFrom(place, limit) {
    return this.#sql
      .exec("SELECT place, key AS id, version FROM keys WHERE place >= ? ORDER BY place LIMIT ?", place, limit)
      .toArray();
  }

  versions({ version }) {
    return [version];
  }

  changes(key) {
    const row = this.#sql
      .exec("SELECT version, live, content_type, expires_at_ms FROM keys WHERE key = ?", key)
      .toArray()[0];
    if (row === undefined) return [];
    const { version, live, content_type, expires_at_ms } = row;
    if (!live) return [{ op: "delete", key, version }];
    return [{ op: "put", key, version, value: this.#body(key), content_type, expires_at_ms }];
  }

  touchedBefore(place) {
    return this.#sql.exec("SELECT touched_ms FROM keys WHERE place < ? ORDER BY place DESC LIMIT 1", place).toArray()[0]
      ?.touched_ms;
  }

  digests(nowMs) {
    return this.#sql
      .exec(`SELECT bucket, count(*) AS count, sum(hash) AS sum FROM keys WHERE ${LIVE} GROUP BY bucket`, nowMs)
      .toArray();
  }

  entries(bucket, after, limit, nowMs) {
    const rows = this.#sql.exec(
      `SELECT key, version, (${LIVE}) AS shown FROM keys WHERE bucket = ? AND key > ? ORDER BY key LIMIT ?`,
      nowMs,
      bucket,
      after,
      limit,
    );
    return rows.toArray().map(({ key, version, shown }) => [key, version, {}, shown === 1]);
  }

  // Turn some of what has expired into tombstones.
  expire(nowMs, limit) {
    const rows = this.#sql
      .exec(
        "SELECT key FROM keys WHERE live = 1 AND expires_at_ms IS NOT NULL AND expires_at_ms <= ? LIMIT ?",
        nowMs,
        limit,
      )
      .toArray();
    for (const { key } of rows) {
      this.#sql.exec("DELETE FROM chunks WHERE key = ?", key);
      this.#sql.exec(
        "UPDATE keys SET live = 0, hash = 0, expires_at_ms = NULL, content_type = '', touched_ms = ? WHERE key = ?",
        nowMs,
        key,
      );
    }
    return rows.length;
  }

  forget(untilMs, limit) {
    const rows = this.#sql
      .exec("SELECT key, place FROM keys WHERE live = 0 AND touched_ms <= ? LIMIT ?", untilMs, limit)
      .toArray();
    for (const { key } of rows) this.#sql.exec("DELETE FROM keys WHERE key = ?", key);
    return rows.map(({ place }) => place);
  }

  deadSince() {
    return this.#sql.exec("SELECT min(touched_ms) AS since FROM keys WHERE live = 0").one().since;
  }

  nextExpiry() {
    return this.#sql
      .exec("SELECT min(expires_at_ms) AS at FROM keys WHERE live = 1 AND expires_at_ms IS NOT NULL")
      .one().at;
  }
}
