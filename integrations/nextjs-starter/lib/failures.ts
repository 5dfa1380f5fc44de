import "server-only";
import { QuartzDBError } from "@quartzdb/client";
import { EmbeddingFailed } from "@/lib/embedding";
import { NotConfigured } from "@/lib/settings";

/** What a visitor is told of a failure. What happened is for the log: it may name what visitors need not know. */
export function told(error: unknown): string {
  // The client's errors never have the key.
  if (error instanceof QuartzDBError) console.error(`QuartzDB: ${error.kind}: ${error.message}`, error.hint ?? "", error.requestId ?? "");
  else if (error instanceof EmbeddingFailed || error instanceof NotConfigured) console.error(`${error.name}: ${error.message}`);
  else throw error;
  return error instanceof NotConfigured ? "This server is not set up yet." : "The search is not available now. Try again in a moment.";
}

/** The same as an answer. */
export function failed(error: unknown): Response {
  const message = told(error);
  return Response.json({ error: message }, { status: error instanceof NotConfigured ? 503 : 502 });
}
