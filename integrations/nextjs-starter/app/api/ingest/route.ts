import { createHash, timingSafeEqual } from "node:crypto";
import { InvalidDocuments, documentsOf } from "@/lib/documents";
import { failed } from "@/lib/failures";
import { ingest } from "@/lib/ingest";
import { ingestSecret } from "@/lib/settings";

const BYTES_MAX = 1_000_000;

/** POST /api/ingest with `Authorization: Bearer INGEST_SECRET` and `{"documents": […]}`: writes them, or replaces them. */
export async function POST(request: Request): Promise<Response> {
  try {
    const given = request.headers.get("authorization") ?? "";
    if (!same(given, `Bearer ${ingestSecret()}`)) {
      return refused(401, "The secret is missing, or wrong: send Authorization: Bearer INGEST_SECRET.");
    }
    const body = await bodyOf(request);
    if (body === undefined) return refused(413, `The body may have ${BYTES_MAX} bytes: send fewer documents at once.`);
    const done = await ingest(documentsOf(JSON.parse(body)));
    return Response.json(done);
  } catch (error) {
    if (error instanceof InvalidDocuments) return refused(400, error.message, error.field);
    if (error instanceof SyntaxError) return refused(400, "The body is no JSON.");
    return failed(error);
  }
}

/** As text; undefined where it is too long, which is seen before all of it is there. */
async function bodyOf(request: Request): Promise<string | undefined> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of request.body ?? []) {
    bytes += part.byteLength;
    if (bytes > BYTES_MAX) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

/** In a time that says nothing of how much of it was right. */
function same(given: string, wanted: string): boolean {
  const [one, other] = [given, wanted].map((text) => createHash("sha256").update(text).digest());
  return timingSafeEqual(one!, other!);
}

function refused(status: number, error: string, field?: string): Response {
  return Response.json({ error, field }, { status });
}
