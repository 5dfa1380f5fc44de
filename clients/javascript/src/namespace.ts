import { type Freshness, type LastWritten, including } from "./freshness.js";
import { KeyValues } from "./keyValues.js";
import { sent, spelled } from "./spelling.js";
import { type Call, type CallOptions, JSON_TYPE, type Transport, matching, pathOf } from "./transport.js";
import type {
  AggregateAnswer,
  AggregateQuery,
  CountResult,
  Deleted,
  Fetched,
  FieldsAnswer,
  IdPage,
  ListedRecord,
  NamespaceDeleted,
  NamespaceDescription,
  PatchResult,
  Query,
  QueryBatchAnswer,
  QueryInBatch,
  QueryResult,
  Record as StoredRecord,
  RecordPage,
  RecordPatch,
  RecordToUpsert,
  Upserted,
} from "./types.js";
import { encodedVector } from "./vectors.js";

export type Filter = Record<string, unknown>;
/** `includeVectors` gives arrays of 32-bit floats. */
export type QueryOptions = Omit<Query, "includeVectors" | "dryRun"> & { includeVectors?: boolean; [more: string]: unknown };
type BatchedQuery = Omit<QueryInBatch, "includeVectors"> & { includeVectors?: boolean; [more: string]: unknown };
type ReadOptions = Freshness & CallOptions;

export interface ListOptions extends ReadOptions {
  filter?: Filter;
  /** A field of metadata; the id without one. */
  orderBy?: string;
  descending?: boolean;
  includeVectors?: boolean;
  includeMetadata?: boolean | string[];
  pageSize?: number;
}

/** One namespace: records, queries, and its key-values. Vectors are arrays of numbers or of 32-bit floats. */
export class Namespace {
  readonly name: string;
  /** Its key-values. */
  readonly kv: KeyValues;
  readonly #transport: Transport;
  readonly #written: LastWritten | undefined;

  constructor(transport: Transport, name: string, written?: LastWritten) {
    this.name = name;
    this.kv = new KeyValues(transport, name, written);
    this.#transport = transport;
    this.#written = written;
  }

  /** Its settings, and how much is in it. */
  async describe({ signal, ...fresh }: ReadOptions = {}): Promise<NamespaceDescription> {
    return this.#get([], { ...this.#fresh(fresh) }, signal);
  }

  /** Delete it with all that it has. */
  async deleteNamespace(options?: CallOptions): Promise<NamespaceDeleted> {
    const call = { method: "DELETE", path: this.#path(), writes: true };
    const deleted = (await this.#transport.json(call, options)) as NamespaceDeleted;
    this.#written?.forget(this.name);
    return deleted;
  }

  /** Write records, all or none. With `ifAbsent` or `ifVersion` it throws PreconditionFailed, whose `failures` say for
   * which. For more than one request can carry there is `upsertMany`. */
  async upsert(records: RecordToUpsert[], { version, signal }: { version?: string } & CallOptions = {}): Promise<Upserted> {
    const vectors = records.map((record) => withVector(sent(record)));
    return this.#write("POST", ["vectors"], { vectors, version }, signal);
  }

  /** The nearest records to a vector, or to the record that has an `id`, best first. */
  async query({ consistency, version, signal, ...query }: QueryOptions & ReadOptions): Promise<QueryResult> {
    const body = { ...asked(query), ...this.#fresh({ consistency, version }) };
    return this.#read(["query"], body, signal);
  }

  /** Several queries in one request, all of one moment. */
  async queryBatch(queries: BatchedQuery[], { signal, ...fresh }: ReadOptions = {}): Promise<QueryBatchAnswer> {
    return this.#read(["query", "batch"], { queries: queries.map(asked), ...this.#fresh(fresh) }, signal);
  }

  /** A record. Throws NotFound. */
  async get(id: string, { signal, ...fresh }: ReadOptions = {}): Promise<StoredRecord> {
    return this.#get(["vectors", id], { encoding: "base64", ...this.#fresh(fresh) }, signal);
  }

  /** Several records, and which ids have none. */
  async fetch(ids: string[], { signal, ...fresh }: ReadOptions = {}): Promise<Fetched> {
    return this.#read(["vectors", "fetch"], { ids, encoding: "base64", ...this.#fresh(fresh) }, signal);
  }

  /** How many records there are, or match a filter. */
  async count({ filter, signal, ...fresh }: { filter?: Filter } & ReadOptions = {}): Promise<CountResult> {
    return this.#read(["vectors", "count"], { filter, ...this.#fresh(fresh) }, signal);
  }

  /** All records that match, in order; pages are asked for as they are needed. */
  async *list(options: ListOptions = {}): AsyncGenerator<ListedRecord, void, void> {
    const { filter, orderBy, descending, includeVectors, includeMetadata, pageSize, signal, ...fresh } = options;
    const order = orderBy || descending ? { field: orderBy, direction: descending ? "desc" : undefined } : undefined;
    let cursor: string | undefined;
    do {
      const body = {
        filter,
        order_by: order,
        include_vectors: includeVectors ? "base64" : undefined,
        include_metadata: includeMetadata,
        limit: pageSize,
        cursor,
        ...this.#fresh(fresh),
      };
      const page: RecordPage = await this.#read(["vectors", "list"], body, signal);
      yield* page.records;
      cursor = page.cursor ?? undefined;
    } while (cursor !== undefined);
  }

  /** The ids of all records in order; pages are asked for as they are needed. */
  async *listIds(
    { prefix, pageSize, signal, ...fresh }: { prefix?: string; pageSize?: number } & ReadOptions = {},
  ): AsyncGenerator<string, void, void> {
    let cursor: string | undefined;
    do {
      const page: IdPage = await this.#get(["vectors"], { prefix, limit: pageSize, cursor, ...this.#fresh(fresh) }, signal);
      yield* page.ids;
      cursor = page.cursor ?? undefined;
    } while (cursor !== undefined);
  }

  /** Change metadata of records, all or none. */
  async patch(patches: RecordPatch[], { version, signal }: { version?: string } & CallOptions = {}): Promise<PatchResult> {
    return this.#write("POST", ["vectors", "patch"], { patches, version }, signal);
  }

  /** Change metadata of one record. Throws NotFound; PreconditionFailed where it has another version. */
  async patchOne(
    id: string,
    { set, unset, ifVersion, signal }: { set?: Record<string, unknown>; unset?: string[]; ifVersion?: string } & CallOptions,
  ): Promise<PatchResult> {
    return this.#write("PATCH", ["vectors", id], { set, unset }, signal, matching(ifVersion));
  }

  /** Change metadata of all records that match, in as many steps as it takes, each all or none. */
  async patchMatching(
    filter: Filter,
    { set, unset, signal }: { set?: Record<string, unknown>; unset?: string[] } & CallOptions,
  ): Promise<PatchResult> {
    let patched = 0;
    let cursor: string | null | undefined;
    for (;;) {
      const body = { filter, set, unset, cursor: cursor ?? undefined };
      const done: PatchResult = await this.#write("POST", ["vectors", "patch"], body, signal);
      patched += done.patched;
      cursor = done.cursor;
      if (!cursor) return { ...done, patched };
    }
  }

  /** Delete records. Ids that have none are no error. */
  async delete(ids: string[], { version, signal }: { version?: string } & CallOptions = {}): Promise<Deleted> {
    return this.#write("POST", ["vectors", "delete"], { ids, version }, signal);
  }

  /** Delete one record. Throws PreconditionFailed where it has another version. */
  async deleteOne(id: string, { ifVersion, signal }: { ifVersion?: string } & CallOptions = {}): Promise<Deleted> {
    return this.#write("DELETE", ["vectors", id], undefined, signal, matching(ifVersion));
  }

  /** Delete all records that match, in as many steps as it takes. */
  async deleteMatching(filter: Filter, { signal }: CallOptions = {}): Promise<Deleted> {
    for (let deleted = 0; ; ) {
      const done: Deleted = await this.#write("POST", ["vectors", "delete"], { filter }, signal);
      deleted += done.deleted;
      if (!done.more) return { ...done, deleted };
    }
  }

  /** Numbers over records: `{ aggregates: { total: { kind: "sum", field: "price" } } }`, for each group of `groupBy`. */
  async aggregate(
    { aggregates, filter, groupBy, limit, signal, ...fresh }: Omit<AggregateQuery, "dryRun"> & ReadOptions = {},
  ): Promise<AggregateAnswer> {
    const body = { aggregates, filter, group_by: groupBy, limit, ...this.#fresh(fresh as Freshness) };
    return this.#read(["aggregate"], body, signal);
  }

  /** The fields of metadata that records have, with types, counts and ranges. */
  async schema({ signal, ...fresh }: ReadOptions = {}): Promise<FieldsAnswer> {
    return this.#get(["schema"], { ...this.#fresh(fresh) }, signal);
  }

  async #get<T>(path: string[], query: NonNullable<Call["query"]>, signal: AbortSignal | undefined): Promise<T> {
    const call = { method: "GET", path: this.#path(...path), query };
    return spelled(await this.#transport.json(call, { signal })) as T;
  }

  async #read<T>(path: string[], body: object, signal: AbortSignal | undefined): Promise<T> {
    const call = { method: "POST", path: this.#path(...path), headers: JSON_TYPE, body: JSON.stringify(body) };
    return spelled(await this.#transport.json(call, { signal })) as T;
  }

  async #write<T extends { version?: string | null }>(
    method: string,
    path: string[],
    body: object | undefined,
    signal: AbortSignal | undefined,
    headers: Record<string, string> = {},
  ): Promise<T> {
    const call: Call = { method, path: this.#path(...path), headers, writes: true };
    if (body !== undefined) {
      call.headers = { ...headers, ...JSON_TYPE };
      call.body = JSON.stringify(body);
    }
    const answer = spelled(await this.#transport.json(call, { signal })) as T;
    this.#written?.note(this.name, answer.version);
    return answer;
  }

  #path(...parts: string[]): string {
    return pathOf("namespaces", this.name, ...parts);
  }

  #fresh(fresh: Freshness): Freshness {
    return including(this.#written, this.name, fresh);
  }
}

function asked(query: BatchedQuery): Record<string, unknown> {
  const body = withVector(sent(query));
  if (body.include_vectors) body.include_vectors = "base64";
  return body;
}

function withVector(part: Record<string, unknown>): Record<string, unknown> {
  if (part.vector != null) part.vector = encodedVector(part.vector as ArrayLike<number>);
  return part;
}
