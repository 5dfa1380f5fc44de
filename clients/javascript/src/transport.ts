// Sends calls: attempts, waits, the deadline.

import { ConnectionFailed, Conflict, DeadlineExceeded, QuartzDBError, RateLimited, errorOf } from "./errors.js";

/** How often a call that failed is tried again. Waits double from `backoffSeconds`, by chance anything below that. */
export interface RetryOptions {
  maxRetries?: number;
  backoffSeconds?: number;
  backoffSecondsMax?: number;
}

/** What a call may be given beside its arguments. */
export interface CallOptions {
  /** Ends the call early, with the signal's reason. */
  signal?: AbortSignal;
}

export interface Call {
  method: string;
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  /** An idempotency key is sent, so that it can be repeated. */
  writes?: boolean;
  /** There is no idempotency key for it: it is sent again only where the server said that it did nothing. */
  once?: boolean;
}

/** Told of every request, for logs and metrics. Never has keys or data. */
export interface RequestEvent {
  method: string;
  path: string;
  attempt: number;
  milliseconds: number;
  status?: number;
  requestId?: string;
}

export interface TransportOptions {
  url: string;
  headers: Record<string, string>;
  timeoutSeconds: number;
  retries: Required<RetryOptions>;
  fetch: typeof globalThis.fetch;
  onRequest?: (event: RequestEvent) => void;
}

const WAIT_SECONDS_MAX = 20;
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);

export class Transport {
  readonly #options: TransportOptions;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** How long an answer may be waited for of so many seconds: a call has to end before its deadline. */
  wait(seconds: number): number {
    return Math.max(0, Math.min(seconds, WAIT_SECONDS_MAX, this.#options.timeoutSeconds * 0.8));
  }

  /** What is read of the answer, retried as it may be. Throws a QuartzDBError, or the reason of the signal. */
  async send<T>(call: Call, read: (answer: Response) => Promise<T>, { signal }: CallOptions = {}): Promise<T> {
    const { timeoutSeconds, retries } = this.#options;
    const endsAt = Date.now() + timeoutSeconds * 1000;
    const headers: Record<string, string> = { ...call.headers, ...this.#options.headers };
    if (call.writes) headers["Idempotency-Key"] = crypto.randomUUID();
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#once(call, read, headers, endsAt, attempt, signal);
      } catch (error) {
        if (!(error instanceof QuartzDBError) || attempt >= retries.maxRetries || !passes(error)) throw error;
        if (call.once && !(error instanceof RateLimited)) throw error;
        const most = Math.min(retries.backoffSecondsMax, retries.backoffSeconds * 2 ** attempt);
        const wait = Math.max(Math.random() * most, error.retryAfterSeconds ?? 0) * 1000;
        if (Date.now() + wait >= endsAt) throw error;
        await pause(wait, signal);
      }
    }
  }

  /** The JSON of the answer. */
  json(call: Call, options?: CallOptions): Promise<unknown> {
    return this.send(call, (answer) => answer.json(), options);
  }

  async #once<T>(
    call: Call,
    read: (answer: Response) => Promise<T>,
    headers: Record<string, string>,
    endsAt: number,
    attempt: number,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const { url, fetch, timeoutSeconds, onRequest } = this.#options;
    const begun = Date.now();
    // One controller for both: AbortSignal.any is not everywhere yet.
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), Math.max(1, endsAt - begun));
    const stop = () => controller.abort();
    signal?.throwIfAborted();
    signal?.addEventListener("abort", stop, { once: true });
    const event: RequestEvent = { method: call.method, path: call.path, attempt, milliseconds: 0 };
    try {
      const response = await fetch(`${url}${call.path}${queryOf(call.query)}`, {
        method: call.method,
        headers,
        body: call.body as BodyInit | undefined,
        signal: controller.signal,
      });
      event.status = response.status;
      event.requestId = response.headers.get("x-request-id") ?? undefined;
      if (!response.ok) throw errorOf(response.status, response.headers, await response.text());
      return await read(response);
    } catch (error) {
      if (error instanceof QuartzDBError) throw error;
      signal?.throwIfAborted();
      if (controller.signal.aborted) {
        throw new DeadlineExceeded(`${call.method} ${call.path} took longer than ${timeoutSeconds} s.`);
      }
      throw new ConnectionFailed(`${call.method} ${call.path} got no answer, or half of one.`, { cause: error });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
      event.milliseconds = Date.now() - begun;
      onRequest?.(event);
    }
  }
}

/** The headers of a body that is JSON. */
export const JSON_TYPE = { "Content-Type": "application/json" };

/** The headers of a write that goes through only at a version. */
export function matching(version: string | undefined): Record<string, string> {
  return version === undefined ? {} : { "If-Match": `"${version}"` };
}

/** A path below /v1; what parts have of slashes and the like is escaped. */
export function pathOf(...parts: string[]): string {
  return `/v1/${parts.map(encodeURIComponent).join("/")}`;
}

function queryOf(query: Call["query"]): string {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  if (given.length === 0) return "";
  return `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()}`;
}

function passes(error: QuartzDBError): boolean {
  // The same write is being done at this moment: its answer can be had a little later.
  if (error instanceof Conflict) return error.code === "idempotency_conflict";
  if (error instanceof ConnectionFailed || error instanceof RateLimited) return true;
  return PASSING.has(error.status ?? 0);
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
