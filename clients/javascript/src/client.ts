import { InvalidRequest } from "./errors.js";
import { LastWritten } from "./freshness.js";
import { Keys } from "./keys.js";
import { Namespace } from "./namespace.js";
import { Pages } from "./pages.js";
import { sent, spelled } from "./spelling.js";
import { type CallOptions, JSON_TYPE, type RequestEvent, type RetryOptions, Transport, pathOf } from "./transport.js";
import type { Health, NamespaceDeleted, NamespacePage, NamespaceSummary, NewNamespace, Usage } from "./types.js";
import { VERSION } from "./version.js";

export interface ClientOptions {
  /** Of the database, as "https://db.example.com"; QUARTZDB_URL of the environment otherwise. */
  url?: string;
  /** QUARTZDB_API_KEY of the environment otherwise. */
  apiKey?: string;
  /** Bounds each call, its retries included; 30. */
  timeoutSeconds?: number;
  retries?: RetryOptions;
  /** Each read includes what this client wrote to the namespace before, on whichever cloud it lands. */
  readYourWrites?: boolean;
  headers?: Record<string, string>;
  /** Another fetch than the global one. */
  fetch?: typeof globalThis.fetch;
  /** Told of every request. */
  onRequest?: (event: RequestEvent) => void;
}

/** Settings of a namespace. `text` may be names alone. */
export type NamespaceSettings = Omit<NewNamespace, "text"> & { text?: NewNamespace["text"] | string[] };

/** A database at a URL, as one key may use it. */
export class QuartzDB {
  /** API keys, for a key with the scope `admin`. */
  readonly keys: Keys;
  readonly #transport: Transport;
  readonly #written: LastWritten | undefined;

  /** Throws InvalidRequest where there is no key or URL. */
  constructor(options: ClientOptions = {}) {
    const url = options.url ?? environment("QUARTZDB_URL");
    const apiKey = options.apiKey ?? environment("QUARTZDB_API_KEY");
    if (!url) throw new InvalidRequest("There is no URL: give `url`, or set QUARTZDB_URL.");
    if (!apiKey) throw new InvalidRequest("There is no key: give `apiKey`, or set QUARTZDB_API_KEY.");
    const { maxRetries = 3, backoffSeconds = 0.2, backoffSecondsMax = 8 } = options.retries ?? {};
    this.#transport = new Transport({
      url: url.replace(/\/+$/, "").replace(/\/v1$/, ""),
      headers: {
        ...options.headers,
        Authorization: `Bearer ${apiKey}`,
        "User-Agent": `quartzdb-javascript/${VERSION}`,
      },
      timeoutSeconds: options.timeoutSeconds ?? 30,
      retries: { maxRetries, backoffSeconds, backoffSecondsMax },
      // A browser's fetch wants to be called as the window's.
      fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
      onRequest: options.onRequest,
    });
    this.keys = new Keys(this.#transport);
    this.#written = options.readYourWrites ? new LastWritten() : undefined;
  }

  /** Make a namespace. The same one twice is no error; with other settings it is a Conflict. Without a `dimension` records
   * have no vectors; `text` are the fields of metadata that are searched as words, `sparse` those that hold sparse vectors. */
  async createNamespace(settings: NamespaceSettings, options?: CallOptions): Promise<Namespace> {
    const { text } = settings;
    const made = (await this.#transport.json(
      {
        method: "POST",
        path: pathOf("namespaces"),
        headers: JSON_TYPE,
        body: JSON.stringify({ ...sent(settings), ...(Array.isArray(text) ? { text: byName(text) } : {}) }),
        writes: true,
      },
      options,
    )) as NamespaceSummary;
    return this.namespace(made.name);
  }

  /** A namespace that is there; nothing is sent. */
  namespace(name: string): Namespace {
    return new Namespace(this.#transport, name, this.#written);
  }

  /** All of them in order; pages are asked for as they are needed. */
  listNamespaces(
    { prefix, pageSize, cursor, ...options }: { prefix?: string; pageSize?: number; cursor?: string } & CallOptions = {},
  ): Pages<NamespacePage, NamespaceSummary> {
    return new Pages(
      async (cursor) => {
        const query = { prefix, limit: pageSize, cursor };
        const answer = await this.#transport.json({ method: "GET", path: pathOf("namespaces"), query }, options);
        return spelled(answer) as NamespacePage;
      },
      (page) => page.namespaces,
      cursor,
    );
  }

  /** Delete a namespace with all that it has. */
  async deleteNamespace(name: string, options?: CallOptions): Promise<NamespaceDeleted> {
    return this.namespace(name).deleteNamespace(options);
  }

  /** What namespaces hold: records, keys and bytes. The first page, of those with the prefix. */
  async usage({ prefix, ...options }: { prefix?: string } & CallOptions = {}): Promise<Usage> {
    const call = { method: "GET", path: pathOf("usage"), query: { prefix } };
    return spelled(await this.#transport.json(call, options)) as Usage;
  }

  /** Whether the server can serve. */
  async health(options?: CallOptions): Promise<Health> {
    return spelled(await this.#transport.json({ method: "GET", path: pathOf("health") }, options)) as Health;
  }
}

function byName(fields: string[]): NewNamespace["text"] {
  return Object.fromEntries(fields.map((field) => [field, {}]));
}

function environment(name: string): string | undefined {
  const host = globalThis as { process?: { env?: Record<string, string | undefined> } };
  return host.process?.env?.[name];
}
