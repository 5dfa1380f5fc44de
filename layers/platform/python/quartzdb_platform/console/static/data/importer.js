// Sends the rows of a file in batches, each under an idempotency key, and goes on after an error where it stopped.

import { ask, at } from "./api.js";
import { Mistake, Problem } from "./problem.js";
import { say } from "./settings.js";

const BATCH_RECORDS_MAX = 500;
const BATCH_CHARACTERS_MAX = 4_000_000;
const ATTEMPTS_MAX = 6;
export const REFUSED_KEPT_MAX = 10_000;

/** `changed` is called when a figure or the state changed; `state` is ready, running, paused, stopped, cancelled or done. */
export class Import {
  constructor(namespace, rows, read, changed) {
    Object.assign(this, { namespace, rows, read, changed, state: "ready", written: 0, refused: 0, kept: [], units: 0, dollars: 0, error: null });
    this.run_id = crypto.randomUUID();
    this.number = 0;
    this.batch = null;
    this.ended = false;
    this.aborting = new AbortController();
  }

  /** Until all is sent, or something stops it. Call it again to go on. */
  async run() {
    this.become("running", null);
    try {
      while (this.state === "running") {
        this.batch ??= await this.next();
        if (this.batch.length === 0) {
          this.become("done", null);
          return;
        }
        await this.send();
        this.batch = null;
        this.changed();
      }
    } catch (error) {
      if (this.state === "cancelled") return;
      this.become("stopped", error);
    }
  }

  pause() {
    this.become("paused", null);
  }

  cancel() {
    this.become("cancelled", null);
    this.aborting.abort();
    this.rows.return?.();
  }

  become(state, error) {
    this.state = state;
    this.error = error;
    this.changed();
  }

  async next() {
    const batch = [];
    let characters = 0;
    while (!this.ended && batch.length < BATCH_RECORDS_MAX && characters < BATCH_CHARACTERS_MAX) {
      const { done, value: row } = await this.rows.next();
      this.ended = done;
      if (done) break;
      try {
        if (row.wrong) throw new Mistake(row.wrong);
        const record = this.read(row.values);
        batch.push({ line: row.line, record });
        characters += (record.vector?.length ?? 0) + JSON.stringify(record.metadata).length;
      } catch (error) {
        if (!(error instanceof Mistake)) throw error;
        this.refuse(row.line, row.values, error.message);
      }
    }
    this.number += 1;
    return batch;
  }

  refuse(line, values, reason) {
    this.refused += 1;
    if (this.kept.length < REFUSED_KEPT_MAX) this.kept.push({ line, reason, values });
    this.changed();
  }

  /** The batch, without what is refused of it: what a refusal names is taken out, and the others are sent again. */
  async send() {
    for (let attempt = 1; this.batch.length > 0;) {
      try {
        const { json } = await ask("POST", at(this.namespace, "vectors"), {
          json: { vectors: this.batch.map((one) => one.record) },
          headers: { "Idempotency-Key": `import-${this.run_id}-${this.number}` },
          signal: this.aborting.signal,
        });
        this.written += json.upserted;
        this.units += json.usage.write_units;
        this.dollars += Number(json.usage.cost_usd ?? 0);
        return;
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        const named = error.status < 500 && /^vectors\[(\d+)\]/.exec(error.body.field ?? "");
        if (named && this.batch[named[1]]) {
          const [{ line, record }] = this.batch.splice(Number(named[1]), 1);
          this.refuse(line, { id: record.id, metadata: record.metadata }, `${error.body.detail} ${error.body.hint ?? ""}`.trim());
        } else if ((error.status === 0 || error.status === 429 || error.status >= 500) && attempt < ATTEMPTS_MAX) {
          await this.wait(Math.max(error.retryAfter, error.status === 429 ? 1 : 2 ** (attempt - 1)));
          attempt += 1;
        } else {
          throw error;
        }
      }
    }
  }

  wait(seconds) {
    const { signal } = this.aborting;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, seconds * 1_000);
      signal.addEventListener("abort", () => {
        clearTimeout(timer);
        reject(new Mistake(say("importer.cancelled")));
      }, { once: true });
    });
  }
}
