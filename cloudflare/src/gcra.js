// Rates of one tenant's grant, counted where all its requests come together: the generic cell rate algorithm, from one
// number for each rate, the theoretical arrival time (quartzdb.domain.gcra is the same). Times are whole microseconds.
//
// What is counted is in memory. On disk there is a time that is never behind it by more than a slice, written only while a
// rate is in use in earnest: an object that starts anew admits half a second's worth too much at most, and a request
// usually waits for no write.

const SECOND_US = 1_000_000;
const SLICE_US = 500_000;
// So much further ahead than a burst no honest clock puts the time: two of them differ by a second at most.
const AHEAD_US_MAX = 2 * SECOND_US;
const REFUSED_MS_MIN = 50;
const KEPT_US = 3_600 * SECOND_US;

export class Rates {
  #sql;
  #tats = new Map(); // by name
  #onDisk = new Map();

  constructor(sql) {
    this.#sql = sql;
    for (const { name, tat_us } of sql.exec("SELECT name, tat_us FROM rates")) {
      this.#tats.set(name, tat_us);
      this.#onDisk.set(name, tat_us);
    }
  }

  // Count a request under each of these rates, { name, perSecond, burst }, or under none where one has no room:
  // { admitted, at, remaining, waitMs }. `at` is the rate that is tightest, or that refuses.
  spend(rates, nowMs) {
    const now = nowMs * 1_000;
    const held = rates.map((rate) => {
      // Rounded up: never more than the rate.
      const interval = Math.ceil(SECOND_US / rate.perSecond);
      const tolerance = rate.burst * interval;
      const begin = this.#begin(rate.name, now, tolerance);
      return { ...rate, interval, tolerance, begin, room: Math.floor((now + tolerance - begin) / interval) };
    });
    const full = held.findIndex(({ room }) => room < 1);
    if (full >= 0) {
      const { begin, interval, tolerance } = held[full];
      const waitMs = Math.max(REFUSED_MS_MIN, Math.ceil((begin + interval - now - tolerance) / 1_000));
      return { admitted: false, at: full, remaining: 0, waitMs };
    }
    for (const { name, begin, interval, tolerance } of held) this.#put(name, begin + interval, now, tolerance);
    const shares = held.map(({ room, burst }) => (room - 1) / burst);
    const at = shares.indexOf(Math.min(...shares));
    return { admitted: true, at, remaining: held[at].room - 1, waitMs: 0 };
  }

  #begin(name, now, tolerance) {
    const tat = this.#tats.get(name) ?? now;
    // HAZARD: a time that is too far ahead was written by a clock that was wrong, or by a rate that was another.
    if (tat > now + tolerance + AHEAD_US_MAX) return now + tolerance;
    return Math.max(tat, now);
  }

  #put(name, tat, now, tolerance) {
    this.#tats.set(name, tat);
    if (tat - now <= SLICE_US || tat <= (this.#onDisk.get(name) ?? 0)) return;
    const ahead = Math.min(tat + SLICE_US, Math.max(tat, now + tolerance));
    this.#onDisk.set(name, ahead);
    this.#sql.exec("INSERT OR REPLACE INTO rates (name, tat_us) VALUES (?, ?)", name, ahead);
    this.#forget(now - KEPT_US);
  }

  #forget(before) {
    this.#sql.exec("DELETE FROM rates WHERE tat_us < ?", before);
    for (const times of [this.#tats, this.#onDisk]) {
      for (const [name, tat] of times) if (tat < before) times.delete(name);
    }
  }
}
