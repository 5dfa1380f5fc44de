// Records on disk: the state of each id, read and replaced whole. Knows merging; knows nothing of who asks.
//
// A record that has expired reads as absent at once; `expire` later turns it into a tombstone of the same version.

import { EXPIRY_FIELD, expiryOf, mayExpire, momentIn } from "../expiry.js";
import { PARAMETERS_MAX } from "../limits.js";
import { apply, changesOf, unknown } from "../merge.js";
import { parseOwn, stringify } from "../json.js";
import { bucketOf, stateHash } from "../statehash.js";

// Live, and not expired at a time.
const SHOWN = "live = 1 AND NOT EXISTS (SELECT 1 FROM expiries e WHERE e.id = records.id AND e.at_ms <= ?)";

export class Records {
  #sql;

  constructor(sql) {
    this.#sql = sql;
  }

  // The state of an id; null where nothing is known of it.
  state(id) {
    const row = this.#sql.exec("SELECT base, patched, metadata, vector FROM records WHERE id = ?", id).toArray()[0];
    return row === undefined ? null : this.#stateOf(id, row);
  }

  #stateOf(id, { base, patched, metadata, vector }) {
    const patches = patched ? this.patches(id) : new Map();
    return { base, vector: vector === null ? null : new Float32Array(vector), metadata, patches };
  }

  patches(id) {
    const rows = this.#sql.exec("SELECT field, version, value FROM patches WHERE id = ?", id).toArray();
    return new Map(rows.map(({ field, version, value }) => [field, [version, value]]));
  }

  // Make a change part of the state. Gives the new state, or null where it changed nothing.
  apply(change, place, nowMs) {
    const before = this.state(change.id) ?? unknown();
    const after = apply(before, change);
    if (after === null) return null;
    this.#write(change.id, before, after, place(), nowMs);
    return after;
  }

  #write(id, before, { base, vector, metadata, patches }, place, nowMs) {
    const live = vector !== null;
    this.#sql.exec(
      `INSERT INTO records (id, place, base, live, patched, bucket, hash, touched_ms, metadata, vector)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET place = excluded.place, base = excluded.base, live = excluded.live,
         patched = excluded.patched, hash = excluded.hash, touched_ms = excluded.touched_ms,
         metadata = excluded.metadata, vector = excluded.vector`,
      id,
      place,
      base,
      Number(live),
      patches.size,
      bucketOf(id),
      live ? stateHash(id, base, patches) : 0,
      nowMs,
      metadata,
      vector,
    );
    const moment = live ? expiryOf({ metadata, patches }) : null;
    if (moment !== null) this.#sql.exec("INSERT OR REPLACE INTO expiries (id, at_ms) VALUES (?, ?)", id, moment);
    else if (expiryOf(before) !== null) this.#sql.exec("DELETE FROM expiries WHERE id = ?", id);
    if (before.patches.size) this.#sql.exec("DELETE FROM patches WHERE id = ?", id);
    for (const [field, [version, value]] of patches) {
      this.#sql.exec("INSERT INTO patches (id, field, version, value) VALUES (?, ?, ?, ?)", id, field, version, value);
    }
  }

  // The metadata that readers see, as JSON text: the base with the patches over it.
  static visible({ metadata, patches }) {
    if (patches.size === 0 && !mayExpire(metadata)) return metadata;
    // Through a Map: a field may be called __proto__.
    const shown = new Map(Object.entries(parseOwn(metadata)));
    for (const [name, [, text]] of patches) {
      if (text === null) shown.delete(name);
      else shown.set(name, parseOwn(text));
    }
    if (momentIn(shown.get(EXPIRY_FIELD)) !== null) shown.delete(EXPIRY_FIELD);
    return stringify(Object.fromEntries(shown));
  }

  // What readers see of several live ids: id → metadata as JSON text.
  metadataOf(ids) {
    const found = new Map();
    for (let first = 0; first < ids.length; first += PARAMETERS_MAX) {
      const some = ids.slice(first, first + PARAMETERS_MAX);
      const marks = some.map(() => "?").join();
      const rows = this.#sql.exec(`SELECT id, patched, metadata FROM records WHERE id IN (${marks})`, ...some);
      for (const { id, patched, metadata } of rows.toArray()) {
        found.set(id, Records.visible({ metadata, patches: patched ? this.patches(id) : new Map() }));
      }
    }
    return found;
  }

  *vectors() {
    for (const [id, vector] of this.#sql.exec("SELECT id, vector FROM records WHERE live = 1").raw()) {
      yield [id, new Float32Array(vector)];
    }
  }

  // Whether the record of a state is there for readers.
  static shown(state, nowMs) {
    const moment = state.vector === null ? 0 : expiryOf(state);
    return moment === null || moment > nowMs;
  }

  counts(nowMs) {
    const { known, live } = this.#sql
      .exec("SELECT count(*) AS known, coalesce(sum(live), 0) AS live FROM records")
      .one();
    const { expired } = this.#sql.exec("SELECT count(*) AS expired FROM expiries WHERE at_ms <= ?", nowMs).one();
    return { known, live: live - expired };
  }

  // The ids of records that have expired, and when the next expires: null where none does.
  expired(nowMs) {
    const rows = this.#sql.exec("SELECT id FROM expiries WHERE at_ms <= ?", nowMs).toArray();
    const { at } = this.#sql.exec("SELECT min(at_ms) AS at FROM expiries WHERE at_ms > ?", nowMs).one();
    return { ids: rows.map(({ id }) => id), next: at };
  }

  // Turn some of what had expired by a time into tombstones. Patches stay: they are later than what they patched.
  expire(untilMs, nowMs, limit) {
    const rows = this.#sql.exec("SELECT id FROM expiries WHERE at_ms <= ? LIMIT ?", untilMs, limit).toArray();
    for (const { id } of rows) {
      this.#sql.exec(
        "UPDATE records SET live = 0, hash = 0, metadata = '{}', vector = NULL, touched_ms = ? WHERE id = ?",
        nowMs,
        id,
      );
      this.#sql.exec("DELETE FROM expiries WHERE id = ?", id);
    }
    return rows.length;
  }

  nextExpiry() {
    return this.#sql.exec("SELECT min(at_ms) AS at FROM expiries").one().at;
  }

  // For the feed: rows from a place on, without what is large.
  rowsFrom(place, limit) {
    return this.#sql
      .exec(
        "SELECT place, id, base AS version, patched FROM records WHERE place >= ? ORDER BY place LIMIT ?",
        place,
        limit,
      )
      .toArray();
  }

  // The versions of the changes that `changes` would give for a row, in its order.
  versions({ id, version, patched }) {
    if (!patched) return [version];
    return changesOf(id, { ...unknown(), base: version, patches: this.patches(id) }).map((change) => change.version);
  }

  changes(id) {
    const state = this.state(id);
    return state === null ? [] : changesOf(id, state);
  }

  touchedBefore(place) {
    return this.#sql
      .exec("SELECT touched_ms FROM records WHERE place < ? ORDER BY place DESC LIMIT 1", place)
      .toArray()[0]?.touched_ms;
  }

  digests(nowMs) {
    return this.#sql
      .exec(`SELECT bucket, count(*) AS count, sum(hash) AS sum FROM records WHERE ${SHOWN} GROUP BY bucket`, nowMs)
      .toArray();
  }

  entries(bucket, after, limit, nowMs) {
    const rows = this.#sql.exec(
      `SELECT id, base, (${SHOWN}) AS shown, patched FROM records WHERE bucket = ? AND id > ? ORDER BY id LIMIT ?`,
      nowMs,
      bucket,
      after,
      limit,
    );
    return rows.toArray().map(({ id, base, shown, patched }) => {
      const versions = patched ? [...this.patches(id)].map(([name, [version]]) => [name, version]) : [];
      return [id, base, Object.fromEntries(versions), shown === 1];
    });
  }

  // Forget some of what is not live and was so at a time. Gives the places that are gone.
  forget(untilMs, limit) {
    const rows = this.#sql
      .exec("SELECT id, place FROM records WHERE live = 0 AND touched_ms <= ? LIMIT ?", untilMs, limit)
      .toArray();
    for (const { id } of rows) {
      this.#sql.exec("DELETE FROM patches WHERE id = ?", id);
      this.#sql.exec("DELETE FROM records WHERE id = ?", id);
    }
    return rows.map(({ place }) => place);
  }

  // Since when the oldest of what is not live is so; null where there is none.
  deadSince() {
    return this.#sql.exec("SELECT min(touched_ms) AS since FROM records WHERE live = 0").one().since;
  }
}
