import { Changes, type FeedOptions, placeOf } from "./changes.js";
import { type Freshness, type LastWritten, including } from "./freshness.js";
import { KeyValues } from "./keyValues.js";
import { type Moment, withExpiry } from "./moments.js";
import { Pages } from "./pages.js";
import { sent, spelled } from "./spelling.js";
import { type Call, type CallOptions, JSON_TYPE, type Transport, matching, pathOf } from "./transport.js";
import type {
  AggregateAnswer,
  AggregateQuery,
  Change,
  ChangePage,
  CountResult,
  Deleted,
  EraseRequest,
  ErasureBegun,
  ErasurePage,
  ErasureReport,
  Fetched,
  FieldsAnswer,
  GroupByField,
  IdPage,
  ListedRecord,
  NamespaceDeleted,
  NamespaceDescription,
  OrderBy,
  PatchOne,
  PatchResult,
  Query,
  QueryBatchAnswer,
  QueryInBatch,
  QueryResult,
  Record as StoredRecord,
  RecordPage,
  RecordPatch,
  RecordToUpsert,
  TextQuery,
  Upserted,
} from "./types.js";
import { encodedVector } from "./vectors.js";

export type Filter = Record<string, unknown>;
interface Shortly {
  /** `true` gives arrays of 32-bit floats. */
  includeVectors?: boolean;
  /** Words, or what else there is to say of them. */
  text?: string | TextQuery | null;
  /** A field of metadata, or also how many groups, and of each. */
  groupBy?: string | GroupByField | null;
  [more: string]: unknown;
}
export type QueryOptions = Omit<Query, "includeVectors" | "text" | "groupBy" | "dryRun"> & Shortly;
export type BatchedQuery = Omit<QueryInBatch, "includeVectors" | "text" | "groupBy"> & Shortly;
/** A record to write. `expiresAt` is a Date, milliseconds since 1970, or RFC 3339. */
export type NewRecord = Omit<RecordToUpsert, "expiresAt"> & { expiresAt?: Moment | null };
/** Changes of a record: null as `expiresAt` says that it does not expire any more. */
export type PatchOptions = Pick<PatchOne, "set" | "unset" | "ttlSeconds" | "version"> & { expiresAt?: Moment | null } & CallOptions;
type ReadOptions = Freshness & CallOptions;

export interface ListOptions extends ReadOptions {
  filter?: Filter;
  /** A field of metadata; the id without one. */
  orderBy?: string | OrderBy;
  descending?: boolean;
  includeVectors?: boolean;
  includeMetadata?: boolean | string[];
  pageSize?: number;
  /** Where another list went on. */
  cursor?: string;
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
   * which. With `ttlSeconds` or `expiresAt` a record expires. For more than one request can carry there is `upsertMany`. */
  async upsert(records: NewRecord[], { version, signal }: { version?: string } & CallOptions = {}): Promise<Upserted> {
    const vectors = records.map((record) => withExpiry(withVector(sent(record))));
    return this.#write("POST", ["vectors"], { vectors, version }, signal);
  }

  /** The best records, best first: the nearest to a vector or to the record that has an `id`, those with the words of `text`,
   * those with the greatest products with `sparse`; of several of these, what `fusion` makes of them. With `groupBy` the answer
   * has `groups`; with `page` it has a `cursor`, by which the same question goes on: `queryPages` does that. */
  async query({ consistency, version, signal, ...query }: QueryOptions & ReadOptions): Promise<QueryResult> {
    const body = { ...asked(query), ...this.#fresh({ consistency, version }) };
    return this.#read(["query"], body, signal);
  }

  /** The same question page by page, each with its `matches` or `groups`, and the `cursor` with which it goes on. */
  queryPages({ cursor, consistency, version, signal, ...query }: QueryOptions & ReadOptions): Pages<QueryResult, QueryResult> {
    const body = { ...asked(query), page: true };
    return new Pages(
      (cursor) => this.#read(["query"], { ...body, cursor, ...this.#fresh({ consistency, version }) }, signal),
      (page) => [page],
      cursor ?? undefined,
    );
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

  /** All records that match, in order; pages are asked for as they are needed, and `.pages()` gives these. */
  list(options: ListOptions = {}): Pages<RecordPage, ListedRecord> {
    const { filter, orderBy, descending, includeVectors, includeMetadata, pageSize, cursor, signal, ...fresh } = options;
    const order = typeof orderBy === "object" ? orderBy : { field: orderBy };
    const body = {
      filter,
      order_by: orderBy || descending ? { ...order, ...(descending ? { direction: "desc" } : {}) } : undefined,
      include_vectors: includeVectors ? "base64" : undefined,
      include_metadata: includeMetadata,
      limit: pageSize,
    };
    return new Pages(
      (cursor) => this.#read<RecordPage>(["vectors", "list"], { ...body, cursor, ...this.#fresh(fresh) }, signal),
      (page) => page.records,
      cursor,
    );
  }

  /** The ids of all records in order; pages are asked for as they are needed. */
  listIds(options: { prefix?: string; pageSize?: number; cursor?: string } & ReadOptions = {}): Pages<IdPage, string> {
    const { prefix, pageSize, cursor, signal, ...fresh } = options;
    return new Pages(
      (cursor) => this.#get<IdPage>(["vectors"], { prefix, limit: pageSize, cursor, ...this.#fresh(fresh) }, signal),
      (page) => page.ids,
      cursor,
    );
  }

  /** Change metadata of records, and when they expire, all or none. */
  async patch(
    patches: Array<Omit<RecordPatch, "expiresAt"> & { expiresAt?: Moment | null }>,
    { version, signal }: { version?: string } & CallOptions = {},
  ): Promise<PatchResult> {
    const body = { patches: patches.map((patch) => withExpiry(sent(patch))), version };
    return this.#write("POST", ["vectors", "patch"], body, signal);
  }

  /** Change metadata of one record, and when it expires. Throws NotFound; PreconditionFailed where it has another version. */
  async patchOne(id: string, { ifVersion, signal, ...patch }: { ifVersion?: string } & PatchOptions): Promise<PatchResult> {
    return this.#write("PATCH", ["vectors", id], withExpiry(sent(patch)), signal, matching(ifVersion));
  }

  /** Change all records that match, in as many steps as it takes, each all or none. */
  async patchMatching(filter: Filter, { signal, ...patch }: PatchOptions): Promise<PatchResult> {
    const body = { filter, ...withExpiry(sent(patch)) };
    let patched = 0;
    let cursor: string | null | undefined;
    for (;;) {
      const done: PatchResult = await this.#write("POST", ["vectors", "patch"], { ...body, cursor: cursor ?? undefined }, signal);
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
  async deleteMatching(filter: Filter, { version, signal }: { version?: string } & CallOptions = {}): Promise<Deleted> {
    for (let deleted = 0; ; ) {
      const done: Deleted = await this.#write("POST", ["vectors", "delete"], { filter, version }, signal);
      deleted += done.deleted;
      if (!done.more) return { ...done, deleted };
    }
  }

  /** Delete records, or the values of `keys`, and have all that is stored rewritten without them: one of `ids`, `keys` and
   * `filter`. The answer has an `id`, by which `describeErasure` says how far that is; where a filter matches `more` than one step
   * takes, erase again. */
  async erase({ signal, ...what }: EraseRequest & CallOptions): Promise<ErasureBegun> {
    return this.#write("POST", ["erase"], what, signal);
  }

  /** From which places it is gone, and when it will be from the others. Throws NotFound. */
  async describeErasure(id: string, { signal }: CallOptions = {}): Promise<ErasureReport> {
    return this.#get(["erasures", id], {}, signal);
  }

  /** All erasures of the namespace; pages are asked for as they are needed. */
  listErasures(
    { pageSize, cursor, signal }: { pageSize?: number; cursor?: string } & CallOptions = {},
  ): Pages<ErasurePage, ErasureReport> {
    return new Pages(
      (cursor) => this.#get<ErasurePage>(["erasures"], { limit: pageSize, ...(cursor ? { cursor } : {}) }, signal),
      (page) => page.erasures,
      cursor,
    );
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

  /** What changes from now on, from the first change that is kept, or since a moment or the version of a write: an iterator
   * that waits for more until it is stopped. It begins when the first change is asked for. */
  changes(
    options: FeedOptions & { includeMetadata?: boolean; includeVectors?: boolean } = {},
  ): Changes<ChangePage, Change> {
    const { includeMetadata, includeVectors, waitSeconds = 20 } = options;
    const query = {
      include_metadata: includeMetadata || undefined,
      include_vectors: includeVectors ? "base64" : undefined,
    };
    const wait = this.#transport.wait(waitSeconds);
    return new Changes(
      (cursor, signal) => this.#get<ChangePage>(["changes"], { ...query, ...placeOf(cursor, options, wait) }, signal),
      (page) => page.changes,
      options,
    );
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
  if (typeof body.text === "string") body.text = { query: body.text };
  else if (body.text) body.text = sent(body.text);
  if (typeof body.group_by === "string") body.group_by = { field: body.group_by };
  else if (body.group_by) body.group_by = sent(body.group_by);
  if (body.include_vectors) body.include_vectors = "base64";
  return body;
}

function withVector(part: Record<string, unknown>): Record<string, unknown> {
  if (part.vector != null) part.vector = encodedVector(part.vector as ArrayLike<number>);
  return part;
}
