// One tenant's database: a Durable Object, so one writer with a disk of its own.
//
// Every write is one transaction, and the runtime holds an answer back until what was written before it is on disk
// (the output gate), so what is acknowledged is durable. Nothing in a write may wait: it would let another one between.

import { randomBytes } from "node:crypto";
import { DurableObject } from "cloudflare:workers";
import { HybridClock } from "./clock.js";
import { expiryOf } from "./expiry.js";
import { DIMENSION, PURGED_AFTER_SECONDS, TOMBSTONE_SECONDS } from "./limits.js";
import { VectorIndex } from "./search.js";
import { Rates } from "./gcra.js";
import { Erasures } from "./store/erasures.js";
import { Feed, Page } from "./store/feed.js";
import { Forgetting } from "./store/forgetting.js";
import { Keys } from "./store/keys.js";
import { Progress } from "./store/progress.js";
import { Records } from "./store/records.js";
import { createTables } from "./store/schema.js";

const BUCKETS = 256;
const TEXT = "text/plain; charset=utf-8";
const ALARM_AGAIN_MS = 60_000;

export class Tenant extends DurableObject {
  #records;
  #keys;
  #feeds;
  #progress;
  #clock;
  #forgetting;
  #erasures;
  #rates;
  #index = null; // loaded by the first search
  #expiresFromMs = 0; // before that, nothing in the index has expired
  #alarmMs = null;

  constructor(context, bindings) {
    super(context, bindings);
    this.#open();
    context.blockConcurrencyWhile(async () => {
      this.#alarmMs = await context.storage.getAlarm();
      // One alarm may have been given up after its retries; what is due still has to be done.
      this.#arm();
    });
  }

  #open() {
    const { sql } = this.ctx.storage;
    const bindings = this.env;
    createTables(sql);
    this.#progress = new Progress(sql, randomBytes(4).toString("hex"));
    this.#records = new Records(sql);
    this.#keys = new Keys(sql);
    this.#feeds = {
      records: new Feed("records", this.#records, this.#progress),
      keys: new Feed("keys", this.#keys, this.#progress),
    };
    const writer = `${bindings.SITE ?? "cloudflare"}.${randomBytes(4).toString("hex")}`;
    this.#clock = new HybridClock(() => Date.now(), writer, this.#progress.clock);
    const keepMs = 1_000 * Number(bindings.TOMBSTONE_SECONDS ?? TOMBSTONE_SECONDS);
    const purgedAfterMs = 1_000 * Number(bindings.PURGED_AFTER_SECONDS ?? PURGED_AFTER_SECONDS);
    const tables = { records: this.#records, keys: this.#keys };
    this.#forgetting = new Forgetting(tables, this.#progress, keepMs, purgedAfterMs);
    this.#erasures = new Erasures(sql, [this.#records, this.#keys], keepMs);
    this.#rates = new Rates(sql);
  }

  // --- keys -----------------------------------------------------------------------------------------------------

  put(key, value) {
    return this.#write((version) => this.#applyKey({ key, version, value, content_type: TEXT, expires_at_ms: null }));
  }

  remove(key) {
    return this.#write((version) => this.#applyKey({ key, version, value: null }));
  }

  value(key) {
    return this.#keys.value(key, Date.now());
  }

  // --- records --------------------------------------------------------------------------------------------------

  // Each { id, vector, metadata }: written together under one version, which is given.
  upsert(records) {
    return this.#write((version) => {
      for (const record of records) this.#applyRecord({ op: "upsert", version, ...record });
    });
  }

  // Gives the version of the deletion; null where nothing was ever known of the id, and nothing is done.
  forget(id) {
    if (this.#records.state(id) === null) return null;
    return this.#write((version) => this.#applyRecord({ op: "delete", id, version }));
  }

  record(id) {
    const state = this.#records.state(id);
    if (state === null || !Records.shown(state, Date.now())) return null;
    return { id, vector: state.vector, metadata: Records.visible(state) };
  }

  // The k nearest, as [id, score, metadata as JSON text].
  search(vector, k) {
    const matches = this.#searchable().nearest(vector, k);
    const metadata = this.#records.metadataOf(matches.map(({ id }) => id));
    return matches.map(({ id, score }) => [id, score, metadata.get(id)]);
  }

  stats() {
    const { known, live } = this.#records.counts(Date.now());
    return { known, live, dimension: DIMENSION };
  }

  // Whether anything was ever written.
  begun() {
    return this.#progress.head > 0;
  }

  // One thing for a client whose tenant has rates, counted before it is done: { quota, answer }, without an answer where
  // it is one too many. `method` null: it is counted alone.
  counted(rates, method, what) {
    const quota = this.#rates.spend(rates, Date.now());
    const answer = quota.admitted && method !== null ? this[method](...what) : null;
    return { quota, answer };
  }

  // Throws where the storage does not answer.
  check() {
    this.#progress.load();
  }

  // --- replication ----------------------------------------------------------------------------------------------

  changes(feed, query) {
    return this.#feeds[feed].page(query, Date.now());
  }

  // Changes of another site. All of them, or an error and none.
  apply(feed, changes) {
    for (const { version } of changes) this.#clock.check(version);
    let applied = 0;
    this.#write(() => {
      for (const change of changes) {
        this.#clock.observe(change.version);
        applied += Number(feed === "records" ? this.#applyRecord(change) : this.#applyKey(change));
      }
    });
    return { applied, known: changes.length - applied };
  }

  digests(feed) {
    const now = Date.now();
    const buckets = Array.from({ length: BUCKETS }, () => [0, 0]);
    for (const { bucket, count, sum } of this.#table(feed).digests(now)) buckets[bucket] = [count, sum];
    return { digests: buckets, through_ms: now - 1 };
  }

  entries(feed, bucket, after, limit) {
    const found = this.#table(feed).entries(bucket, after, limit + 1, Date.now());
    return { entries: found.slice(0, limit), more: found.length > limit };
  }

  // The changes that make the present state of some ids, as JSON texts: of each id all of them.
  states(feed, ids) {
    const page = new Page(Infinity);
    for (const id of ids) {
      if (!page.addAll(this.#table(feed).changes(id))) return { changes: page.texts, more: true };
    }
    return { changes: page.texts, more: false };
  }

  // How far the other site's erasures are here.
  erase(ids) {
    return this.ctx.storage.transactionSync(() => this.#erasures.tell(ids, Date.now()));
  }

  // The tenant is deleted: nothing of it is left, and what is written from here on begins anew.
  async end() {
    await this.ctx.blockConcurrencyWhile(async () => {
      await this.ctx.storage.deleteAlarm();
      await this.ctx.storage.deleteAll();
      this.#alarmMs = null;
      this.#index = null;
      this.#open();
    });
  }

  // --- upkeep ---------------------------------------------------------------------------------------------------

  async alarm() {
    this.#alarmMs = null;
    try {
      let more = true;
      while (more) {
        const now = Date.now();
        this.#write(() => {
          more = this.#forgetting.some(now);
        });
      }
    } catch (error) {
      // An alarm that fails six times is never run again: it is set anew instead.
      console.error("forgetting failed", error);
      this.#setAlarm(Date.now() + ALARM_AGAIN_MS);
    }
  }

  #table(feed) {
    return feed === "records" ? this.#records : this.#keys;
  }

  // Do a write, all of it or nothing, and count it in. `work` gets a version of its own, which is given back.
  #write(work) {
    const version = this.#clock.next();
    this.#changed = [];
    try {
      this.ctx.storage.transactionSync(() => {
        work(version);
        this.#progress.save(this.#clock);
      });
    } catch (error) {
      this.#progress.load();
      throw error;
    }
    if (this.#index !== null) {
      for (const [id, vector] of this.#changed) {
        if (vector === null) this.#index.delete(id);
        else this.#index.set(id, vector);
      }
    }
    this.#arm();
    return version;
  }

  #changed = [];

  #applyRecord(change) {
    const state = this.#records.apply(change, () => this.#progress.nextPlace(), Date.now());
    if (state !== null) {
      this.#changed.push([change.id, state.vector]);
      const moment = state.vector === null ? null : expiryOf(state);
      if (moment !== null) this.#expiresFromMs = Math.min(this.#expiresFromMs, moment);
    }
    return state !== null;
  }

  #applyKey(change) {
    return this.#keys.apply(change, () => this.#progress.nextPlace(), Date.now());
  }

  #searchable() {
    if (this.#index === null) {
      const index = new VectorIndex();
      for (const [id, vector] of this.#records.vectors()) index.set(id, vector);
      this.#index = index;
      this.#expiresFromMs = 0;
    }
    const now = Date.now();
    if (now >= this.#expiresFromMs) {
      const { ids, next } = this.#records.expired(now);
      for (const id of ids) this.#index.delete(id);
      this.#expiresFromMs = next ?? Infinity;
    }
    return this.#index;
  }

  #arm() {
    const due = this.#forgetting.due();
    if (due !== null && (this.#alarmMs === null || due < this.#alarmMs)) this.#setAlarm(due);
  }

  #setAlarm(atMs) {
    this.#alarmMs = atMs;
    this.ctx.storage.setAlarm(atMs);
  }
}
