import { QuartzDBError } from "./errors.js";
import type { Namespace, NewRecord } from "./namespace.js";

/** What became of many records. `version` is the highest that was written. */
export interface Report {
  upserted: number;
  version: string | undefined;
  /** By id, why a record was not written: a part is written whole or not at all. */
  failed: Map<string, QuartzDBError>;
}

/** Write records that come from anywhere, also more than memory holds: in parts, some of them side by side. What is
 * refused is reported, not thrown. */
export async function upsertMany(
  namespace: Namespace,
  records: Iterable<NewRecord> | AsyncIterable<NewRecord>,
  { batchSize = 500, parallel = 4, signal }: { batchSize?: number; parallel?: number; signal?: AbortSignal } = {},
): Promise<Report> {
  const report: Report = { upserted: 0, version: undefined, failed: new Map() };
  const underWay = new Set<Promise<void>>();
  const write = async (part: NewRecord[]): Promise<void> => {
    try {
      const done = await namespace.upsert(part, { signal });
      report.upserted += done.upserted;
      if (report.version === undefined || done.version > report.version) report.version = done.version;
    } catch (error) {
      if (!(error instanceof QuartzDBError)) throw error;
      for (const record of part) report.failed.set(record.id, error);
    }
  };
  const begin = async (part: NewRecord[]): Promise<void> => {
    if (underWay.size >= parallel) await Promise.race(underWay);
    const one: Promise<void> = write(part).finally(() => underWay.delete(one));
    one.catch(() => undefined); // whoever waits for it is told
    underWay.add(one);
  };
  let part: NewRecord[] = [];
  for await (const record of records) {
    part.push(record);
    if (part.length === batchSize) {
      await begin(part);
      part = [];
    }
  }
  if (part.length > 0) await begin(part);
  await Promise.all(underWay);
  return report;
}
