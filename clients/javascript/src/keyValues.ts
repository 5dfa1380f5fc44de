import { Changes, type FeedOptions, placeOf } from "./changes.js";
import { type Freshness, type LastWritten, including } from "./freshness.js";
import { Pages } from "./pages.js";
import { sent, spelled } from "./spelling.js";
import { type Call, type CallOptions, JSON_TYPE, type Transport, matching, pathOf } from "./transport.js";
import type {
  Item as ListedItem,
  ItemPage,
  ItemPut,
  ItemToPut,
  ItemsDeleted,
  ItemsFound,
  ItemsPut,
  KeyChange,
  KeyChangePage,
  KeyDeleted,
  Receipt,
} from "./types.js";
import { base64, bytes } from "./vectors.js";

export type Value = string | Uint8Array | ArrayBuffer;
type ReadOptions = Freshness & CallOptions;

export interface PutOptions extends CallOptions {
  contentType?: string;
  ttlSeconds?: number;
  /** Only where the key is still at this version. */
  ifVersion?: string;
  /** Only where there is no such key. */
  ifAbsent?: boolean;
}

/** A key with its value, type and version. `value` is undefined where only keys were asked for. */
export class Item {
  constructor(
    readonly key: string,
    readonly value: Uint8Array | undefined,
    readonly contentType: string,
    readonly version: string,
    readonly expiresAt: string | undefined,
    readonly usage: Receipt | undefined,
  ) {}

  /** The value as UTF-8. */
  get text(): string {
    return new TextDecoder().decode(this.value);
  }

  /** The value as JSON. Throws a SyntaxError. */
  json<T = unknown>(): T {
    return JSON.parse(this.text) as T;
  }
}

/** What a key is now, that changed. `value` is undefined where it was deleted, or not asked for. */
export class ItemChange {
  readonly kind: KeyChange["kind"];
  readonly key: string;
  readonly version: string;
  readonly at: string;
  readonly value: Uint8Array | undefined;
  readonly contentType: string | undefined;
  readonly expiresAt: string | undefined;

  constructor(change: KeyChange) {
    this.kind = change.kind;
    this.key = change.key;
    this.version = change.version;
    this.at = change.at;
    this.value = valueOf(change);
    this.contentType = change.contentType ?? undefined;
    this.expiresAt = change.expiresAt ?? undefined;
  }

  /** The value as UTF-8. */
  get text(): string {
    return new TextDecoder().decode(this.value);
  }
}

/** Key-values of one namespace: any bytes in, the same bytes out. Text is sent as UTF-8. */
export class KeyValues {
  readonly #transport: Transport;
  readonly #namespace: string;
  readonly #written: LastWritten | undefined;

  constructor(transport: Transport, namespace: string, written?: LastWritten) {
    this.#transport = transport;
    this.#namespace = namespace;
    this.#written = written;
  }

  /** Set a value. With `ifVersion` or `ifAbsent` it throws PreconditionFailed where another one is there. */
  async put(key: string, value: Value, options: PutOptions = {}): Promise<ItemPut> {
    const { contentType, ttlSeconds, ifVersion, ifAbsent, signal } = options;
    const kind = contentType ?? (typeof value === "string" ? "text/plain; charset=utf-8" : "application/octet-stream");
    const headers: Record<string, string> = { "Content-Type": kind, ...matching(ifVersion) };
    if (ifAbsent) headers["If-None-Match"] = "*";
    const call = { method: "PUT", path: this.#path(key), query: { ttl_seconds: ttlSeconds }, headers, body: content(value) };
    return this.#write(call, signal);
  }

  /** A value with its type and version. Throws NotFound. */
  async get(key: string, options: ReadOptions = {}): Promise<Item> {
    return this.#item("GET", key, options);
  }

  /** The type, version and expiry of a value, without the value. Throws NotFound. */
  async head(key: string, options: ReadOptions = {}): Promise<Item> {
    return this.#item("HEAD", key, options);
  }

  async #item(method: "GET" | "HEAD", key: string, { signal, ...fresh }: ReadOptions): Promise<Item> {
    const call = { method, path: this.#path(key), query: { ...this.#fresh(fresh) } };
    const read = async (answer: Response) => ({ headers: answer.headers, content: await answer.arrayBuffer() });
    const { headers, content } = await this.#transport.send(call, read, { signal });
    const usage = headers.get("x-usage");
    return new Item(
      key,
      method === "HEAD" ? undefined : new Uint8Array(content),
      headers.get("content-type") ?? "",
      headers.get("x-quartzdb-version") ?? "",
      headers.get("x-quartzdb-expires") ?? undefined,
      usage ? (spelled(JSON.parse(usage)) as Receipt) : undefined,
    );
  }

  /** Delete a key; one that is not there is no error, and said. */
  async delete(key: string, { ifVersion, signal }: { ifVersion?: string } & CallOptions = {}): Promise<KeyDeleted> {
    return this.#write({ method: "DELETE", path: this.#path(key), headers: matching(ifVersion) }, signal);
  }

  /** All keys in order, with `values` also these; pages are asked for as they are needed, and `.pages()` gives these. */
  list(
    options: { prefix?: string; values?: boolean; pageSize?: number; cursor?: string } & ReadOptions = {},
  ): Pages<ItemPage, Item> {
    const { prefix, values, pageSize, cursor, signal, ...fresh } = options;
    return new Pages(
      (cursor) => {
        const query = { prefix, limit: pageSize, cursor, values: values || undefined, ...this.#fresh(fresh) };
        return this.#page<ItemPage>("kv", query, signal);
      },
      (page) => page.items.map((one) => item(one, page.usage)),
      cursor,
    );
  }

  /** Which keys change from now on, with `values` also these: as `changes` of records. */
  changes(options: FeedOptions & { values?: boolean } = {}): Changes<KeyChangePage, ItemChange> {
    const { values, waitSeconds = 20 } = options;
    const wait = this.#transport.wait(waitSeconds);
    return new Changes(
      (cursor, signal) =>
        this.#page<KeyChangePage>("kv-changes", { values: values || undefined, ...placeOf(cursor, options, wait) }, signal),
      (page) => page.changes.map((change) => new ItemChange(change)),
      options,
    );
  }

  /** Set several values, all or none: by key, or items with `ttlSeconds` and the like. */
  async putMany(
    items: Record<string, string | Uint8Array> | ItemToPut[],
    { version, signal }: { version?: string } & CallOptions = {},
  ): Promise<ItemsPut> {
    const put = Array.isArray(items)
      ? items.map(sent)
      : Object.entries(items).map(([key, value]) =>
          typeof value === "string" ? { key, value } : { key, value_base64: base64(value) },
        );
    return this.#write(this.#batch("put", { items: put, version }), signal);
  }

  /** The items of several keys, and which keys have none. */
  async getMany(
    keys: string[],
    { signal, ...fresh }: ReadOptions = {},
  ): Promise<{ items: Item[]; missing: string[]; usage: Receipt }> {
    const call = this.#batch("get", { keys, ...this.#fresh(fresh) });
    const { items, missing, usage } = spelled(await this.#transport.json(call, { signal })) as ItemsFound;
    return { items: items.map((one) => item(one, usage)), missing, usage };
  }

  /** Delete several keys, all or none. */
  async deleteMany(keys: string[], { version, signal }: { version?: string } & CallOptions = {}): Promise<ItemsDeleted> {
    return this.#write(this.#batch("delete", { keys, version }), signal);
  }

  async #page<T>(what: string, query: Call["query"], signal: AbortSignal | undefined): Promise<T> {
    const call = { method: "GET", path: pathOf("namespaces", this.#namespace, what), query };
    return spelled(await this.#transport.json(call, { signal })) as T;
  }

  async #write<T extends { version: string }>(call: Call, signal: AbortSignal | undefined): Promise<T> {
    const answer = spelled(await this.#transport.json({ ...call, writes: true }, { signal })) as T;
    this.#written?.note(this.#namespace, answer.version);
    return answer;
  }

  #batch(what: string, body: object): Call {
    return {
      method: "POST",
      path: pathOf("namespaces", this.#namespace, "kv-batch", what),
      headers: JSON_TYPE,
      body: JSON.stringify(body),
    };
  }

  #path(key: string): string {
    return pathOf("namespaces", this.#namespace, "kv", key);
  }

  #fresh(fresh: Freshness): Freshness {
    return including(this.#written, this.#namespace, fresh);
  }
}

function valueOf({ value, valueBase64 }: { value?: string | null; valueBase64?: string | null }): Uint8Array | undefined {
  if (valueBase64 != null) return bytes(valueBase64);
  return value == null ? undefined : new TextEncoder().encode(value);
}

function item(one: ListedItem, usage: Receipt): Item {
  return new Item(one.key, valueOf(one), one.contentType, one.version, one.expiresAt ?? undefined, usage);
}

function content(value: Value): string | Uint8Array {
  return value instanceof ArrayBuffer ? new Uint8Array(value) : value;
}
