import "server-only";
import { type EmbeddingSettings } from "@/lib/settings";

const TEXTS_AT_ONCE = 64;
const MILLISECONDS_MAX = 30_000;

/** The embedding server does not do what it was asked for. */
export class EmbeddingFailed extends Error {
  override readonly name = "EmbeddingFailed";
}

/** The vectors of texts, in their order. Throws EmbeddingFailed. */
export async function vectorsOf(texts: string[], settings: EmbeddingSettings): Promise<number[][]> {
  const vectors: number[][] = [];
  for (let at = 0; at < texts.length; at += TEXTS_AT_ONCE) {
    vectors.push(...(await asked(texts.slice(at, at + TEXTS_AT_ONCE), settings)));
  }
  return vectors;
}

async function asked(input: string[], { url, apiKey, model, dimension }: EmbeddingSettings): Promise<number[][]> {
  let response: Response;
  try {
    response = await fetch(`${url}/embeddings`, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...(apiKey && { Authorization: `Bearer ${apiKey}` }) },
      body: JSON.stringify({ model, input }),
      signal: AbortSignal.timeout(MILLISECONDS_MAX),
      cache: "no-store",
    });
  } catch (error) {
    throw new EmbeddingFailed("The embedding server cannot be reached.", { cause: error });
  }
  if (!response.ok) throw new EmbeddingFailed(`The embedding server answered ${response.status}.`);
  const { data } = (await response.json()) as { data?: Array<{ index: number; embedding: number[] }> };
  const vectors = [...(data ?? [])].sort((one, other) => one.index - other.index).map(({ embedding }) => embedding);
  if (vectors.length !== input.length || vectors.some((vector) => vector?.length !== dimension)) {
    throw new EmbeddingFailed(`The embedding server did not give ${input.length} vectors of ${dimension} numbers: is EMBEDDING_DIMENSION right?`);
  }
  return vectors;
}
