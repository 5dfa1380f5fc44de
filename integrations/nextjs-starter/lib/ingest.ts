import "server-only";
import type { RecordToUpsert } from "@quartzdb/client";
import { createdDocuments } from "@/lib/database";
import type { Document } from "@/lib/documents";
import { vectorsOf } from "@/lib/embedding";
import { passagesOf } from "@/lib/passages";
import { embeddingSettings } from "@/lib/settings";

/** What was done. */
export interface Ingested {
  documents: number;
  passages: number;
  /** Passages that a document had before, and has no more. */
  removed: number;
}

const RECORDS_AT_ONCE = 250;
const DOCUMENTS_AT_ONCE = 20;

/** Write documents; one with the same id is replaced. All vectors are made before anything is written. The same again does no
 * harm, so a failure is mended by sending them again. */
export async function ingest(documents: Document[]): Promise<Ingested> {
  const records: RecordToUpsert[] = [];
  const counts = new Map<string, number>();
  for (const { id, title, text, url } of documents) {
    const passages = passagesOf(text);
    counts.set(id, passages.length);
    passages.forEach((passage, part) =>
      records.push({ id: `${id}#${part}`, metadata: { document: id, part, title, text: passage, ...(url && { url }) } }),
    );
  }
  const embedding = embeddingSettings();
  if (embedding) {
    const vectors = await vectorsOf(records.map(({ metadata }) => `${metadata!.title}\n\n${metadata!.text}`), embedding);
    records.forEach((record, at) => (record.vector = vectors[at]));
  }
  const namespace = await createdDocuments();
  for (let at = 0; at < records.length; at += RECORDS_AT_ONCE) {
    await namespace.upsert(records.slice(at, at + RECORDS_AT_ONCE));
  }
  let removed = 0;
  const all = [...counts];
  for (let at = 0; at < all.length; at += DOCUMENTS_AT_ONCE) {
    const shorter = all.slice(at, at + DOCUMENTS_AT_ONCE).map(([document, count]) => ({ document, part: { $gte: count } }));
    removed += (await namespace.deleteMatching({ $or: shorter })).deleted;
  }
  return { documents: documents.length, passages: records.length, removed };
}
