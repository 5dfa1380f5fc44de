// Texts become vectors by a model of the AI SDK, or by a function of the user's.

import { type EmbeddingModel, embed, embedMany } from "ai";

/** Gives the vector of a text. */
export type Embed = (text: string, options: { abortSignal?: AbortSignal }) => PromiseLike<ArrayLike<number>>;

/** The vector of one text. */
export async function vectorOf(
  text: string,
  by: EmbeddingModel | Embed,
  abortSignal: AbortSignal | undefined,
): Promise<ArrayLike<number>> {
  if (typeof by === "function") return by(text, { abortSignal });
  const { embedding } = await embed({ model: by, value: text, abortSignal });
  return embedding;
}

/** The vectors of texts, in their order, and the tokens that the model counted: 0 of a function, which counts none. */
export async function vectorsOf(
  texts: string[],
  by: EmbeddingModel | Embed,
  { abortSignal, maxParallelCalls }: { abortSignal: AbortSignal | undefined; maxParallelCalls: number },
): Promise<{ vectors: Array<ArrayLike<number>>; tokens: number }> {
  if (typeof by !== "function") {
    const { embeddings, usage } = await embedMany({ model: by, values: texts, abortSignal, maxParallelCalls });
    return { vectors: embeddings, tokens: Number.isFinite(usage.tokens) ? usage.tokens : 0 };
  }
  const vectors: Array<ArrayLike<number>> = [];
  for (let at = 0; at < texts.length; at += maxParallelCalls) {
    const part = texts.slice(at, at + maxParallelCalls);
    vectors.push(...(await Promise.all(part.map((text) => by(text, { abortSignal })))));
  }
  return { vectors, tokens: 0 };
}
