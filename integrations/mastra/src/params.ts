// What this store takes beside what every store of Mastra takes.

import type { Freshness, NewNamespace, TextQuery } from "@quartzdb/client";
import type { CreateIndexParams, QueryVectorParams } from "@mastra/core/vector";
import type { QuartzDBVectorFilter } from "./filter.js";

export interface QuartzDBCreateIndexParams extends CreateIndexParams, Pick<NewNamespace, "engine" | "precision" | "shards"> {
  /** Fields of metadata that are found by their words; those of the store where nothing is said. */
  text?: NewNamespace["text"];
}

export interface QuartzDBQueryParams extends QueryVectorParams<QuartzDBVectorFilter>, Freshness {
  /** Words, alone or beside a vector: then both rankings are fused. */
  text?: string | TextQuery;
  /** How several rankings become one; by reciprocal ranks where nothing is said. */
  fusion?: { method: "rrf"; k?: number } | { method: "weighted"; vector?: number; text?: number; sparse?: number };
  /** Of the best, only those with at least this score. */
  minScore?: number;
  /** What share of the true nearest the answer should have. */
  recall?: number;
}
