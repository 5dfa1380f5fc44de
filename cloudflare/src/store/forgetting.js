// Forgetting: what has expired becomes a tombstone, and tombstones are dropped once no peer's feed can need them.
//
// A feed remembers the latest place that it has forgotten, so that a reader who comes from before it learns of the gap.

const ROWS_AT_ONCE = 500;

export class Forgetting {
  #tables;
  #progress;
  #keepMs;
  #purgedAfterMs;

  constructor({ records, keys }, progress, keepMs, purgedAfterMs) {
    this.#tables = { records, keys };
    this.#progress = progress;
    this.#keepMs = keepMs;
    this.#purgedAfterMs = purgedAfterMs;
  }

  // Do some of what is due. Gives whether more is.
  some(nowMs) {
    const { records, keys } = this.#tables;
    const expired = Math.max(
      keys.expire(nowMs, ROWS_AT_ONCE),
      records.expire(nowMs - this.#purgedAfterMs, nowMs, ROWS_AT_ONCE),
    );
    let forgotten = 0;
    for (const [feed, table] of Object.entries(this.#tables)) {
      const places = table.forget(nowMs - this.#keepMs, ROWS_AT_ONCE);
      forgotten = Math.max(forgotten, places.length);
      this.#progress.forgotten[feed] = places.reduce((a, b) => Math.max(a, b), this.#progress.forgotten[feed]);
    }
    return Math.max(expired, forgotten) === ROWS_AT_ONCE;
  }

  // When there is something to do next, in unix ms; null for never.
  due() {
    const { records, keys } = this.#tables;
    const times = [records.deadSince(), keys.deadSince()].filter((since) => since !== null);
    const due = times.map((since) => since + this.#keepMs);
    const expiry = keys.nextExpiry();
    if (expiry !== null) due.push(expiry);
    const ofRecord = records.nextExpiry();
    if (ofRecord !== null) due.push(ofRecord + this.#purgedAfterMs);
    return due.length ? Math.min(...due) : null;
  }
}
