// Request bodies: read within a limit while they stream in, and decompressed within the same limit.

import { bodyTooLarge, invalid, Refusal } from "./errors.js";
import { parseBody } from "./json.js";

export async function readJson(request, limit) {
  return parseBody(await readBody(request, limit.bytesMax), limit);
}

export async function readBody(request, bytesMax) {
  const encoding = (request.headers.get("content-encoding") ?? "").trim().toLowerCase();
  const compressed = encoding === "gzip" || encoding === "x-gzip";
  if (encoding && encoding !== "identity" && !compressed) {
    throw new Refusal(
      415,
      "unsupported_media_type",
      `A body with Content-Encoding '${encoding.slice(0, 80)}' is not read.`,
      {
        field: "Content-Encoding",
        hint: "Use gzip, or send it as it is.",
        headers: { "Accept-Encoding": "gzip" },
      },
    );
  }
  if (Number(request.headers.get("content-length") ?? 0) > bytesMax) throw bodyTooLarge(bytesMax);
  if (request.body === null) return new Uint8Array(0);
  if (!compressed) return collect(request.body, bytesMax);
  try {
    return await collect(request.body.pipeThrough(new DecompressionStream("gzip")), bytesMax);
  } catch (error) {
    if (error.refusal) throw error;
    throw invalid("invalid_body", "The body is not gzip, as its Content-Encoding says, or is cut short.");
  }
}

async function collect(stream, bytesMax) {
  const chunks = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > bytesMax) throw bodyTooLarge(bytesMax);
    chunks.push(chunk);
  }
  if (chunks.length === 1) return chunks[0];
  const body = new Uint8Array(size);
  let start = 0;
  for (const chunk of chunks) {
    body.set(chunk, start);
    start += chunk.length;
  }
  return body;
}
