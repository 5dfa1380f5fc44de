import { InvalidRequest } from "@quartzdb/client";
import { failed } from "@/lib/failures";
import { QUERY_CHARACTERS_MAX, search } from "@/lib/search";

/** GET /api/search?q=words: what the page shows, as JSON. */
export async function GET(request: Request): Promise<Response> {
  const asked = new URL(request.url).searchParams;
  const query = asked.get("q")?.trim() ?? "";
  if (query === "" || query.length > QUERY_CHARACTERS_MAX) {
    return Response.json({ error: `q must be a text of 1 to ${QUERY_CHARACTERS_MAX} characters.` }, { status: 400 });
  }
  try {
    const found = await search(query, asked.get("cursor") ?? undefined);
    return Response.json(found, { headers: { "Cache-Control": "no-store" } });
  } catch (error) {
    if (error instanceof InvalidRequest) return Response.json({ error: error.message }, { status: 400 });
    return failed(error);
  }
}
