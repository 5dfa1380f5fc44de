// By which parts a namespace can be asked: what it declares, and whether there is something to make vectors with.

import type { Namespace } from "@quartzdb/client";

/** `hybrid`: by meaning and by words, as far as both are there. */
export type SearchMode = "hybrid" | "vector" | "text";

export interface Parts {
  vector: boolean;
  text: boolean;
}

/** Which parts a question has. Throws a TypeError where there is none, or not the one that was asked for. */
export async function partsOf(
  namespace: Namespace,
  mode: SearchMode,
  embeds: boolean,
  signal: AbortSignal | undefined,
): Promise<Parts> {
  const { dimension, text } = await namespace.describe({ signal });
  const hasText = Object.keys(text).length > 0;
  const hasVectors = dimension !== null;
  const parts = { vector: hasVectors && embeds && mode !== "text", text: hasText && mode !== "vector" };
  if (!parts.vector && !parts.text) {
    const why: string[] = [];
    if (mode !== "text") why.push(hasVectors ? "no `embed` was given" : "it has no vectors");
    if (mode !== "vector") why.push("it declares no text field");
    throw new TypeError(`Namespace ${namespace.name} cannot be searched by ${mode === "hybrid" ? "vectors or text" : mode}: ${why.join(", and ")}.`);
  }
  return parts;
}
