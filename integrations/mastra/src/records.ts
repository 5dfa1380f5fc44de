// Vectors of Mastra and records of QuartzDB.

import type { NewRecord } from "@quartzdb/client";
import type { QueryResult, SparseVector } from "@mastra/core/vector";

interface Given {
  id: string;
  vector: readonly number[];
  metadata: Record<string, unknown> | null | undefined;
  sparse: SparseVector | undefined;
}

/** A record; its sparse vector is kept in metadata, as the namespace declares. */
export function recordOf({ id, vector, metadata, sparse }: Given, sparseField: string | undefined): NewRecord {
  return { id, vector, metadata: { ...metadata, ...(sparse && sparseField && { [sparseField]: sparse }) } };
}

interface Found {
  id: string;
  metadata?: Record<string, unknown> | null;
  vector?: Float32Array;
}

/** A result, without the sparse vector, which nobody put into metadata himself. */
export function resultOf(found: Found, score: number, sparseField: string | undefined): QueryResult {
  const metadata = { ...found.metadata };
  if (sparseField !== undefined) delete metadata[sparseField];
  return { id: found.id, score, metadata, ...(found.vector && { vector: Array.from(found.vector) }) };
}
