import "server-only";
import { NotFound } from "@quartzdb/client";
import { documents } from "@/lib/database";
import { vectorsOf } from "@/lib/embedding";
import { embeddingSettings } from "@/lib/settings";

/** The best passage of a document. */
export interface Result {
  document: string;
  title: string;
  url: string | null;
  passage: string;
  score: number;
}

export interface Found {
  results: Result[];
  /** Where the next page begins; null where there is no more. */
  cursor: string | null;
}

export const QUERY_CHARACTERS_MAX = 300;
const RESULTS = 10;

/** Documents, each by its best passage: by words, and by meaning where an embedding model is configured. Nothing where nobody
 * has sent any yet. */
export async function search(query: string, cursor?: string): Promise<Found> {
  const embedding = embeddingSettings();
  const [vector] = embedding ? await vectorsOf([query], embedding) : [];
  try {
    const { matches, cursor: next } = await documents().query({
      text: { query, fields: { title: 2, text: 1 } },
      vector,
      topK: RESULTS,
      distinct: "document",
      page: true,
      cursor,
      includeMetadata: true,
    });
    const results = matches.map(({ id, score, metadata }) => {
      const { document, title, text, url } = (metadata ?? {}) as Record<string, unknown>;
      return {
        document: String(document ?? id),
        title: String(title ?? id),
        url: typeof url === "string" ? url : null,
        passage: String(text ?? ""),
        score,
      };
    });
    return { results, cursor: next ?? null };
  } catch (error) {
    if (error instanceof NotFound && error.code === "namespace_not_found") return { results: [], cursor: null };
    throw error;
  }
}
