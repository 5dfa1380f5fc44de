import type { Namespace, RecordToUpsert } from "@quartzdb/client";
import type { EmbeddingModel } from "ai";
import { type Embed, vectorsOf } from "./embedding.js";

/** A text with its id. The same id again replaces it. */
export interface TextToIngest {
  id: string;
  text: string;
  metadata?: Record<string, unknown>;
}

export interface IngestOptions {
  /** Where texts are written to. */
  namespace: Namespace;
  /** A model of the AI SDK, or a function. Without it, records get no vectors: for a namespace without a dimension. */
  embed?: EmbeddingModel | Embed;
  /** Where the text is in metadata; "text". Declare it as a text field of the namespace, and it is found by its words. */
  textField?: string;
  /** How many texts are embedded and written together; 100. A model that takes less of them at once is called several times. */
  batchSize?: number;
  /** How many calls of the model run side by side within a batch; 4. */
  maxParallelCalls?: number;
  /** Ends it early, with the signal's reason. */
  abortSignal?: AbortSignal;
  /** Told after every batch. */
  onBatch?: (soFar: IngestReport) => void;
}

/** What became of the texts. */
export interface IngestReport {
  upserted: number;
  /** The highest version that was written: queries that are given it include all of it. */
  version: string | undefined;
  /** That the model counted. */
  tokens: number;
  writeUnits: number;
  /** By id, why a text was not written: a batch is written whole or not at all. */
  failed: Map<string, Error>;
}

const BATCH_MAX = 500;

/** Embed texts and write them, also more than memory holds, batch by batch. What fails is reported, not thrown, and the
 * next batch is gone on with. Throws a TypeError for options that make no sense. */
export async function quartzdbIngest(
  texts: Iterable<TextToIngest> | AsyncIterable<TextToIngest>,
  { namespace, embed, textField = "text", batchSize = 100, maxParallelCalls = 4, abortSignal, onBatch }: IngestOptions,
): Promise<IngestReport> {
  if (!Number.isInteger(batchSize) || batchSize < 1 || batchSize > BATCH_MAX) {
    throw new TypeError(`batchSize must be a whole number from 1 to ${BATCH_MAX}, and not ${batchSize}.`);
  }
  if (!Number.isInteger(maxParallelCalls) || maxParallelCalls < 1) {
    throw new TypeError(`maxParallelCalls must be a whole number from 1 on, and not ${maxParallelCalls}.`);
  }
  const report: IngestReport = { upserted: 0, version: undefined, tokens: 0, writeUnits: 0, failed: new Map() };

  const write = async (batch: TextToIngest[]): Promise<void> => {
    try {
      const records: RecordToUpsert[] = batch.map(({ id, text, metadata }) => ({ id, metadata: { ...metadata, [textField]: text } }));
      if (embed !== undefined) {
        const { vectors, tokens } = await vectorsOf(batch.map(({ text }) => text), embed, { abortSignal, maxParallelCalls });
        report.tokens += tokens;
        records.forEach((record, at) => (record.vector = vectors[at]));
      }
      const done = await namespace.upsert(records, { signal: abortSignal });
      report.upserted += done.upserted;
      report.writeUnits += done.usage.writeUnits;
      if (report.version === undefined || done.version > report.version) report.version = done.version;
    } catch (error) {
      abortSignal?.throwIfAborted();
      const why = error instanceof Error ? error : new Error(String(error), { cause: error });
      for (const { id } of batch) report.failed.set(id, why);
    }
    onBatch?.(report);
  };

  let batch: TextToIngest[] = [];
  for await (const text of texts) {
    abortSignal?.throwIfAborted();
    batch.push(text);
    if (batch.length === batchSize) {
      await write(batch);
      batch = [];
    }
  }
  if (batch.length > 0) await write(batch);
  return report;
}
