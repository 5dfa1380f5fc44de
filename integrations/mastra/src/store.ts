import { type ClientOptions, Conflict, type Filter, type Namespace, type NewNamespace, type NewRecord, PreconditionFailed, QuartzDB } from "@quartzdb/client";
import {
  type DeleteIndexParams,
  type DeleteVectorParams,
  type DeleteVectorsParams,
  type DescribeIndexParams,
  type IndexStats,
  MastraVector,
  type QueryResult,
  type UpdateVectorParams,
  type UpsertVectorParams,
  validateTopK,
  validateUpsert,
} from "@mastra/core/vector";
import { checked, invalid, telling } from "./failures.js";
import { QuartzDBFilterTranslator, type QuartzDBVectorFilter } from "./filter.js";
import type { QuartzDBCreateIndexParams, QuartzDBQueryParams } from "./params.js";
import { recordOf, resultOf } from "./records.js";

export interface QuartzDBVectorOptions extends ClientOptions {
  /** Names this store in Mastra. */
  id: string;
  /** A client that there is already; else one is made of `url`, `apiKey` and the other options, or of the environment. */
  client?: QuartzDB;
  /** Fields of metadata that are found by their words, of indexes that this store creates: `{ text: {} }`. They have to hold
   * texts, or lists of texts. */
  text?: NewNamespace["text"];
  /** Where `sparseVectors` are kept in metadata, of indexes that this store creates. Without it they are refused. */
  sparseField?: string;
}

const STORE = "QUARTZDB";
const RECORDS_AT_ONCE = 500;
const IDS_AT_ONCE = 1_000;
const ATTEMPTS = 5;
const METRICS = { cosine: "cosine", euclidean: "euclidean", dotproduct: "dot" } as const;
const MASTRA_METRICS = { cosine: "cosine", euclidean: "euclidean", dot: "dotproduct" } as const;

/** A vector store of Mastra: an index is a namespace. Every failure is a MastraError. */
export class QuartzDBVector extends MastraVector<QuartzDBVectorFilter> {
  readonly #db: QuartzDB;
  readonly #text: NewNamespace["text"];
  readonly #sparseField: string | undefined;
  readonly #translator = new QuartzDBFilterTranslator();

  /** Throws where there is no key or URL. */
  constructor({ id, client, text, sparseField, ...options }: QuartzDBVectorOptions) {
    super({ id });
    this.#db = client ?? new QuartzDB(options);
    this.#text = text;
    this.#sparseField = sparseField;
  }

  /** Create an index. One of the same dimension is left as it is; one of another is an error. */
  async createIndex({ indexName, dimension, metric = "cosine", text = this.#text, ...settings }: QuartzDBCreateIndexParams): Promise<void> {
    if (!Number.isInteger(dimension) || dimension < 1) {
      throw invalid("createIndex", `The dimension must be a whole number from 1 on, and not ${dimension}.`, { indexName });
    }
    if (!Object.hasOwn(METRICS, metric)) {
      throw invalid("createIndex", `The metric must be cosine, euclidean or dotproduct, and not ${String(metric)}.`, { indexName });
    }
    const { engine, precision, shards } = settings;
    await telling("createIndex", { indexName }, async () => {
      try {
        await this.#db.createNamespace({
          name: indexName,
          dimension,
          metric: METRICS[metric],
          text,
          sparse: this.#sparseField === undefined ? undefined : [this.#sparseField],
          engine,
          precision,
          shards,
        });
      } catch (error) {
        if (!(error instanceof Conflict)) throw error;
        await this.validateExistingIndex(indexName, dimension, metric);
      }
    });
  }

  /** Write vectors, and give their ids: those that were given, or new ones. With `deleteFilter`, what it selected before is
   * deleted once the new vectors are there, so that nobody finds neither; it is no transaction. */
  async upsert({ indexName, vectors, metadata, ids, sparseVectors, deleteFilter }: UpsertVectorParams<QuartzDBVectorFilter>): Promise<string[]> {
    checked(() => validateUpsert(STORE, vectors, metadata, ids, true));
    if (sparseVectors !== undefined && this.#sparseField === undefined) {
      throw invalid("upsert", "The store keeps no sparse vectors: give it a `sparseField` before the index is created.", { indexName });
    }
    if (sparseVectors !== undefined && sparseVectors.length !== vectors.length) {
      throw invalid("upsert", `There are ${vectors.length} vectors and ${sparseVectors.length} sparse ones.`, { indexName });
    }
    return telling("upsert", { indexName, vectors: vectors.length }, async () => {
      const namespace = this.#db.namespace(indexName);
      const written = ids ?? vectors.map(() => crypto.randomUUID());
      const replaced = deleteFilter === undefined ? [] : await this.#idsOf(namespace, this.#needed("upsert", deleteFilter, indexName));
      const records = vectors.map((vector, at) =>
        recordOf({ id: written[at]!, vector, metadata: metadata?.[at], sparse: sparseVectors?.[at] }, this.#sparseField),
      );
      await this.#write(namespace, records);
      const kept = new Set(written);
      await this.#delete(namespace, replaced.filter((id) => !kept.has(id)));
      return written;
    });
  }

  /** The best by a vector, by words, by a sparse vector, or by several of these; without any, some that `filter` selects, with
   * score 0. */
  async query(params: QuartzDBQueryParams): Promise<QueryResult[]> {
    const { indexName, queryVector, sparseVector, text, topK = 10, filter, includeVector = false, ...options } = params;
    checked(() => validateTopK(STORE, topK));
    if (sparseVector !== undefined && this.#sparseField === undefined) {
      throw invalid("query", "The store keeps no sparse vectors: give it a `sparseField` before the index is created.", { indexName });
    }
    return telling("query", { indexName }, async () => {
      const namespace = this.#db.namespace(indexName);
      const translated = this.#translator.translate(filter);
      const { consistency, version, fusion, minScore, recall } = options;
      if (queryVector === undefined && text === undefined && sparseVector === undefined) {
        if (translated === undefined) throw invalid("query", "Give a queryVector, a text, a sparseVector or a filter.", { indexName });
        const found: QueryResult[] = [];
        const listed = namespace.list({ filter: translated, includeVectors: includeVector, includeMetadata: true, pageSize: Math.min(topK, 1_000), consistency, version });
        for await (const record of listed) {
          found.push(resultOf(record, 0, this.#sparseField));
          if (found.length === topK) break;
        }
        return found;
      }
      const { matches } = await namespace.query({
        vector: queryVector,
        text,
        sparse: sparseVector && { ...sparseVector, field: this.#sparseField },
        topK,
        filter: translated,
        includeVectors: includeVector,
        includeMetadata: true,
        fusion,
        minScore,
        recall,
        consistency,
        version,
      });
      return matches.map((match) => resultOf(match, match.score, this.#sparseField));
    });
  }

  /** Those that have vectors. */
  async listIndexes(): Promise<string[]> {
    return telling("listIndexes", {}, async () => {
      const names: string[] = [];
      for await (const { name, dimension } of this.#db.listNamespaces()) if (dimension !== null) names.push(name);
      return names;
    });
  }

  /** Its dimension and metric, and how many vectors it has. */
  async describeIndex({ indexName }: DescribeIndexParams): Promise<IndexStats> {
    return telling("describeIndex", { indexName }, async () => {
      const { dimension, metric, stats } = await this.#db.namespace(indexName).describe();
      if (dimension === null) throw invalid("describeIndex", `Namespace ${indexName} has no vectors.`, { indexName });
      return { dimension, count: stats.records, metric: MASTRA_METRICS[metric] };
    });
  }

  /** Delete an index with all that it has. */
  async deleteIndex({ indexName }: DeleteIndexParams): Promise<void> {
    await telling("deleteIndex", { indexName }, () => this.#db.deleteNamespace(indexName));
  }

  /** Give a vector, or all that a filter selects, another vector, other metadata in place of all that it had, or both. */
  async updateVector({ indexName, id, filter, update }: UpdateVectorParams<QuartzDBVectorFilter>): Promise<void> {
    if (id !== undefined && filter !== undefined) throw invalid("updateVector", "id and filter are mutually exclusive.", { indexName });
    if (id === undefined && filter === undefined) throw invalid("updateVector", "Either id or filter must be provided.", { indexName });
    if (update?.vector === undefined && update?.metadata === undefined) {
      throw invalid("updateVector", "No updates provided: give a vector, metadata or both.", { indexName });
    }
    const condition = id === undefined ? this.#needed("updateVector", filter, indexName) : undefined;
    await telling("updateVector", { indexName }, async () => {
      const namespace = this.#db.namespace(indexName);
      const ids = id === undefined ? await this.#idsOf(namespace, condition!) : [id];
      for (let at = 0; at < ids.length; at += RECORDS_AT_ONCE) {
        const missing = await this.#update(namespace, ids.slice(at, at + RECORDS_AT_ONCE), update);
        if (id !== undefined && missing.length > 0) throw invalid("updateVector", `There is no vector ${id} in ${indexName}.`, { indexName, id });
      }
    });
  }

  /** Delete a vector. One that is not there is no error. */
  async deleteVector({ indexName, id }: DeleteVectorParams): Promise<void> {
    await telling("deleteVector", { indexName, id }, () => this.#db.namespace(indexName).delete([id]));
  }

  /** Delete vectors by id, or all that a filter selects. */
  async deleteVectors({ indexName, ids, filter }: DeleteVectorsParams<QuartzDBVectorFilter>): Promise<void> {
    if (ids !== undefined && filter !== undefined) throw invalid("deleteVectors", "ids and filter are mutually exclusive.", { indexName });
    if (ids === undefined && filter === undefined) throw invalid("deleteVectors", "Either filter or ids must be provided.", { indexName });
    if (ids?.length === 0) throw invalid("deleteVectors", "An empty ids array would delete nothing.", { indexName });
    const condition = ids === undefined ? this.#needed("deleteVectors", filter, indexName) : undefined;
    await telling("deleteVectors", { indexName }, async () => {
      const namespace = this.#db.namespace(indexName);
      if (ids !== undefined) await this.#delete(namespace, ids);
      else await namespace.deleteMatching(condition!);
    });
  }

  /** A filter that selects something: nothing is ever changed because a filter was forgotten. */
  #needed(call: string, filter: QuartzDBVectorFilter, indexName: string): Filter {
    let condition: Filter | undefined;
    try {
      condition = this.#translator.translate(filter);
    } catch (error) {
      throw invalid(call, (error as Error).message, { indexName });
    }
    if (condition === undefined || Object.keys(condition).length === 0) {
      throw invalid(call, "An empty filter would mean all vectors. Delete the index instead, or say which ones.", { indexName });
    }
    return condition;
  }

  async #idsOf(namespace: Namespace, filter: Filter): Promise<string[]> {
    const ids: string[] = [];
    for await (const { id } of namespace.list({ filter, includeMetadata: false, pageSize: IDS_AT_ONCE })) ids.push(id);
    return ids;
  }

  async #write(namespace: Namespace, records: NewRecord[]): Promise<void> {
    for (let at = 0; at < records.length; at += RECORDS_AT_ONCE) await namespace.upsert(records.slice(at, at + RECORDS_AT_ONCE));
  }

  async #delete(namespace: Namespace, ids: string[]): Promise<void> {
    for (let at = 0; at < ids.length; at += IDS_AT_ONCE) await namespace.delete(ids.slice(at, at + IDS_AT_ONCE));
  }

  /** Change records as they are now: what somebody else writes meanwhile is read again, and not lost. Gives ids that have none. */
  async #update(namespace: Namespace, ids: string[], update: { vector?: number[]; metadata?: Record<string, unknown> }): Promise<string[]> {
    for (let attempt = 1; ; attempt++) {
      const { records, missing } = await namespace.fetch(ids);
      if (records.length === 0) return missing;
      const changed = records.map(({ id, version, vector, metadata, expiresAt }) => {
        const kept = this.#sparseField !== undefined && metadata[this.#sparseField] !== undefined ? { [this.#sparseField]: metadata[this.#sparseField] } : {};
        return {
          id,
          ifVersion: version,
          vector: update.vector ?? vector,
          metadata: update.metadata === undefined ? metadata : { ...update.metadata, ...kept },
          ...(expiresAt && { expiresAt }),
        };
      });
      try {
        await namespace.upsert(changed);
        return missing;
      } catch (error) {
        if (!(error instanceof PreconditionFailed) || attempt === ATTEMPTS) throw error;
      }
    }
  }
}
