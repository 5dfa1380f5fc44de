// All that is read of the environment. Only the server has it: an import of this file by a page's client code ends the build.
import "server-only";

export interface EmbeddingSettings {
  url: string;
  apiKey: string | undefined;
  model: string;
  dimension: number;
}

/** Something is missing in the environment. The message says what. */
export class NotConfigured extends Error {
  override readonly name = "NotConfigured";
}

/** Which namespace is searched. */
export function namespaceName(): string {
  return process.env.QUARTZDB_NAMESPACE || "documents";
}

/** Where the database is, and the key to it. Throws NotConfigured. */
export function databaseSettings(): { url: string; apiKey: string } {
  return { url: needed("QUARTZDB_URL"), apiKey: needed("QUARTZDB_API_KEY") };
}

const SECRET_CHARACTERS_MIN = 16;

/** What senders of documents have to know. Throws NotConfigured, also where it is too short to be a secret. */
export function ingestSecret(): string {
  const secret = needed("INGEST_SECRET");
  if (secret.length < SECRET_CHARACTERS_MIN) {
    throw new NotConfigured(`INGEST_SECRET must have ${SECRET_CHARACTERS_MIN} characters at least.`);
  }
  return secret;
}

/** What makes vectors; undefined where search is by words alone. Throws NotConfigured where half of it is there. */
export function embeddingSettings(): EmbeddingSettings | undefined {
  const url = process.env.EMBEDDING_URL;
  if (!url) return undefined;
  const dimension = Number(needed("EMBEDDING_DIMENSION"));
  if (!Number.isInteger(dimension) || dimension < 1) throw new NotConfigured("EMBEDDING_DIMENSION must be a whole number.");
  return { url: url.replace(/\/+$/, ""), apiKey: process.env.EMBEDDING_API_KEY || undefined, model: needed("EMBEDDING_MODEL"), dimension };
}

function needed(name: string): string {
  const value = process.env[name];
  if (!value) throw new NotConfigured(`${name} is not set: see .env.example.`);
  return value;
}
