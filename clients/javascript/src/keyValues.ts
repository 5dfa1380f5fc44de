import { type Freshness, type LastWritten, including } from "./freshness.js";
import { sent, spelled } from "./spelling.js";
import { type Call, type CallOptions, JSON_TYPE, type Transport, matching, pathOf } from "./transport.js";
import type { Item as ListedItem, ItemPage, ItemPut, ItemToPut, ItemsDeleted, ItemsFound, ItemsPut, KeyDeleted, Receipt } from "./types.js";
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
  async get(key: string, { signal, ...fresh }: ReadOptions = {}): Promise<Item> {
    const call = { method: "GET", path: this.#path(key), query: { ...this.#fresh(fresh) } };
    const { headers, content } = await this.#transport.send(call, { signal });
    const usage = headers.get("x-usage");
    return new Item(
      key,
      new Uint8Array(content),
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

  /** All keys in order, with `values` also these; pages are asked for as they are needed. */
  async *list(
    options: { prefix?: string; values?: boolean; pageSize?: number } & ReadOptions = {},
  ): AsyncGenerator<Item, void, void> {
    const { prefix, values, pageSize, signal, ...fresh } = options;
    let cursor: string | undefined;
    do {
      const query = { prefix, limit: pageSize, cursor, values: values || undefined, ...this.#fresh(fresh) };
      const call = { method: "GET", path: pathOf("namespaces", this.#namespace, "kv"), query };
      const page = spelled(await this.#transport.json(call, { signal })) as ItemPage;
      for (const one of page.items) yield item(one, page.usage);
      cursor = page.cursor ?? undefined;
    } while (cursor !== undefined);
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

function item(one: ListedItem, usage: Receipt): Item {
  let value: Uint8Array | undefined;
  if (one.valueBase64 != null) value = bytes(one.valueBase64);
  else if (one.value != null) value = new TextEncoder().encode(one.value);
  return new Item(one.key, value, one.contentType, one.version, one.expiresAt ?? undefined, usage);
}

function content(value: Value): string | Uint8Array {
  return value instanceof ArrayBuffer ? new Uint8Array(value) : value;
}
