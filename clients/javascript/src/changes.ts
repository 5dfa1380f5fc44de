import { type Moment, written } from "./moments.js";
import type { CallOptions } from "./transport.js";

/** Where a feed begins, and how it goes on. */
export interface FeedOptions extends CallOptions {
  /** Where another one stood. */
  cursor?: string;
  /** With the first change that is kept. */
  fromBeginning?: boolean;
  /** A moment, or the version of a write. */
  since?: Moment;
  pageSize?: number;
  /** How long one request waits for a change; 20, which is the longest. */
  waitSeconds?: number;
  /** False: it ends where nothing more has changed yet. */
  follow?: boolean;
}

interface FeedPage {
  cursor: string;
  more: boolean;
}

/** What changes, one after the other; where there is nothing new it waits for it, and goes on until it is stopped, by
 * `stop`, by leaving the loop, or by the `signal`. After an error it goes on where it was, when it is asked again: nothing is
 * lost. `Gone` says that what comes next is no longer kept; `problem.cursor` is where to go on after all was listed anew. */
export class Changes<P extends FeedPage, T> implements AsyncIterableIterator<T> {
  /** Where it stands: after all pages of which everything was taken, and more asked for. Keep it then, and begin with it
   * the next time. */
  cursor: string | undefined;
  readonly #ask: (cursor: string | undefined, signal: AbortSignal) => Promise<P>;
  readonly #items: (page: P) => T[];
  readonly #follow: boolean;
  readonly #controller = new AbortController();
  #page: P | undefined;
  #waiting: T[] = [];
  #at = 0;
  #ended = false;

  constructor(
    ask: (cursor: string | undefined, signal: AbortSignal) => Promise<P>,
    items: (page: P) => T[],
    { cursor, follow = true, signal }: FeedOptions,
  ) {
    this.cursor = cursor;
    this.#ask = ask;
    this.#items = items;
    this.#follow = follow;
    if (signal?.aborted) this.stop();
    signal?.addEventListener("abort", () => this.stop(), { once: true, signal: this.#controller.signal });
  }

  /** End it: nothing more comes, and a request that waits is given up. */
  stop(): void {
    this.#controller.abort();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    while (this.#at >= this.#waiting.length) {
      const page = await this.#next();
      if (!page) return { done: true, value: undefined };
      this.#waiting = this.#items(page);
      this.#at = 0;
    }
    if (this.#stopped) return { done: true, value: undefined };
    return { done: false, value: this.#waiting[this.#at++]! };
  }

  /** Of a loop that is left. */
  async return(): Promise<IteratorResult<T, undefined>> {
    this.stop();
    return { done: true, value: undefined };
  }

  /** The pages as they were answered: `changes`, `cursor`, `completeUntil`. Where nothing changes an empty one comes after
   * each wait. */
  async *pages(): AsyncGenerator<P, void, void> {
    for (let page; (page = await this.#next()); ) yield page;
  }

  get #stopped(): boolean {
    return this.#controller.signal.aborted;
  }

  async #next(): Promise<P | undefined> {
    if (this.#page && !this.#stopped) {
      this.cursor = this.#page.cursor;
      this.#ended = !this.#follow && !this.#page.more;
      this.#page = undefined;
    }
    if (this.#ended || this.#stopped) return undefined;
    try {
      return (this.#page = await this.#ask(this.cursor, this.#controller.signal));
    } catch (error) {
      if (this.#stopped) return undefined;
      throw error;
    }
  }
}

/** What a page of a feed is asked by. Where it begins it does not wait: a second attempt would begin later. */
export function placeOf(cursor: string | undefined, options: FeedOptions, waitSeconds: number): Record<string, string | number | undefined> {
  const { fromBeginning, since, pageSize, follow = true } = options;
  if (cursor !== undefined) return { cursor, limit: pageSize, wait: follow ? waitSeconds : undefined };
  return {
    limit: pageSize,
    from: fromBeginning ? "beginning" : undefined,
    since: since === undefined ? undefined : written(since),
  };
}
