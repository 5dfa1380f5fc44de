// What is answered in pages, as one; and what changes.

/** Where the next page begins; none: there is none. */
interface Page {
  cursor?: string | null;
}

/** Everything of all pages, one after the other, which are asked for as they are needed. After an error it goes on where it
 * was, when it is asked again. */
export class Pages<P extends Page, T> implements AsyncIterableIterator<T> {
  readonly #ask: (cursor: string | undefined) => Promise<P>;
  readonly #items: (page: P) => T[];
  #cursor: string | undefined;
  #waiting: T[] = [];
  #at = 0;
  #ended = false;

  constructor(ask: (cursor: string | undefined) => Promise<P>, items: (page: P) => T[], cursor?: string) {
    this.#ask = ask;
    this.#items = items;
    this.#cursor = cursor;
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
    return { done: false, value: this.#waiting[this.#at++]! };
  }

  /** The pages themselves, as they were answered: with `cursor`, which the option `cursor` takes, and `usage`. */
  async *pages(): AsyncGenerator<P, void, void> {
    for (let page; (page = await this.#next()); ) yield page;
  }

  async #next(): Promise<P | undefined> {
    if (this.#ended) return undefined;
    const page = await this.#ask(this.#cursor);
    this.#cursor = page.cursor ?? undefined;
    this.#ended = this.#cursor === undefined;
    return page;
  }
}
