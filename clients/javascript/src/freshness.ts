/** The highest version that answers to writes told, by namespace: versions are ordered as texts are. */
export class LastWritten {
  readonly #versions = new Map<string, string>();

  note(namespace: string, version: string | null | undefined): void {
    if (version && version > (this.#versions.get(namespace) ?? "")) this.#versions.set(namespace, version);
  }

  of(namespace: string): string | undefined {
    return this.#versions.get(namespace);
  }

  forget(namespace: string): void {
    this.#versions.delete(namespace);
  }
}

/** How fresh an answer must be: `version` goes before what was written. */
export function including(written: LastWritten | undefined, namespace: string, { consistency, version }: Freshness): Freshness {
  return { consistency, version: version ?? written?.of(namespace) };
}

/** How fresh an answer must be. */
export interface Freshness {
  /** "strong", the default of the server: every write that was acknowledged before; "eventual" may be a little behind. */
  consistency?: "strong" | "eventual";
  /** The token of a write that the answer must include. */
  version?: string;
}
