import { spelled } from "./spelling.js";
import { type CallOptions, JSON_TYPE, type Transport, pathOf } from "./transport.js";
import type { KeyCreated, KeyList, KeyRevoked, KeyRotated, KeySummary, NewKey, RotateKey } from "./types.js";

/** API keys of a tenant, for a key with the scope `admin`. Keys are shown once, when they are made. To make or to rotate one is
 * tried once: a call whose answer is lost throws ConnectionFailed, and `list` shows whether there is a new key. */
export class Keys {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Make a key, for `namespaces` alone if they are given. `key` of the answer is what a client is given, and is never shown
   * again. */
  async create({ name, scopes, namespaces, expiresInSeconds }: NewKey, options?: CallOptions): Promise<KeyCreated> {
    const body = { name, scopes, namespaces, expires_in_seconds: expiresInSeconds };
    return this.#made(pathOf("keys"), body, options);
  }

  /** All keys, also those that have ended, without what makes them keys. */
  async list(options?: CallOptions): Promise<KeySummary[]> {
    const answer = await this.#transport.json({ method: "GET", path: pathOf("keys") }, options);
    return (spelled(answer) as KeyList).keys;
  }

  /** Make a key with the same rights in the place of one, which goes on for `overlapSeconds`, a day without it. Throws
   * NotFound. */
  async rotate(id: string, { overlapSeconds, expiresInSeconds, ...options }: RotateKey & CallOptions = {}): Promise<KeyRotated> {
    const body = { overlap_seconds: overlapSeconds, expires_in_seconds: expiresInSeconds };
    return this.#made(pathOf("keys", id, "rotate"), body, options);
  }

  /** End a key, with `cascade` also those that were made with it. Throws NotFound. */
  async revoke(id: string, { cascade, ...options }: { cascade?: boolean } & CallOptions = {}): Promise<KeyRevoked> {
    const call = { method: "DELETE", path: pathOf("keys", id), query: { cascade: cascade || undefined }, writes: true };
    return spelled(await this.#transport.json(call, options)) as KeyRevoked;
  }

  async #made<T>(path: string, body: object, options: CallOptions | undefined): Promise<T> {
    const call = { method: "POST", path, headers: JSON_TYPE, body: JSON.stringify(body), once: true };
    return spelled(await this.#transport.json(call, options)) as T;
  }
}
