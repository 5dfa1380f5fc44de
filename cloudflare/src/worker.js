// The Worker: every request comes in here, is sent to its surface, and leaves with what every response carries.

import { randomBytes } from "node:crypto";
import { requireNamespaceToBe, requireRegion, requireTenant, requireUnblocked } from "./allowed.js";
import { contractError, finish, isContract, json, preflight, problem } from "./answers.js";
import { readBody, readJson } from "./body.js";
import { requireNamespace, requireScope } from "./auth.js";
import { routeOf } from "./contract.js";
import { foreseen, Refusal, routeNotFound } from "./errors.js";
import { health } from "./health.js";
import { parseBody } from "./json.js";
import { NAMESPACE, SERVICE, VERSION } from "./limits.js";
import { segmentsOf, targetOf } from "./path.js";
import { replicate } from "./replication.js";
import { requireEdge } from "./secrets.js";
import { Site } from "./site.js";

export { Directory } from "./directory.js";
export { Tenant } from "./tenant.js";

// What the other site serves below /v1, and this one does not.
const OTHER_SITES = new Set(["namespaces", "keys", "usage"]);
const REQUEST_ID = /^[A-Za-z0-9._:/+=@-]{1,128}$/;

export default {
  async fetch(request, bindings) {
    const { method, headers } = request;
    const given = headers.get("x-request-id") ?? "";
    const requestId = REQUEST_ID.test(given) ? given : randomBytes(16).toString("hex");
    const target = targetOf(request.url);
    let path = target.path;
    let response;
    try {
      const segments = segmentsOf(target.path);
      path = `/${segments.join("/")}`;
      response = await answer(request, new Site(bindings), { path, segments, query: target.query, requestId });
    } catch (error) {
      const refusal = foreseen(error, requestId);
      if (refusal.status >= 500) console.error(`request ${requestId} failed`, error);
      const plain = isContract(path) && refusal.code !== "origin_refused";
      response = plain ? contractError(refusal) : problem(refusal, requestId);
    }
    return finish(response, { path, method, requestId });
  },
};

async function answer(request, site, { path, segments, query, requestId }) {
  const { method, headers } = request;
  if (isContract(path)) {
    if (path !== "/") requireEdge(headers, site.bindings);
    if (method === "OPTIONS") return preflight();
  }
  if (segments[0] === "api" && segments.length > 1) return contract(request, site, segments.slice(1));
  if (segments[0] === "v1" && segments[1] === "replication") {
    requireEdge(headers, site.bindings);
    return replicate({
      method,
      headers,
      site,
      requestId,
      segments: segments.slice(2),
      query: new URLSearchParams(query),
      body: async (limit) => {
        const bytes = await readBody(request, limit.bytesMax);
        return { document: parseBody(bytes, limit), bytes: bytes.length };
      },
    });
  }
  if (segments[0] === "v1" && OTHER_SITES.has(segments[1])) {
    throw new Refusal(501, "not_served_here", "This site has the API under /api alone: no text search, and no filters.", {
      hint: "Ask the other site; the router at the edge does so by itself.",
    });
  }
  if (method === "GET" || method === "HEAD") {
    if (path === "/") {
      return new Response(`${SERVICE} ${VERSION}\n`, { headers: { "Content-Type": "text/plain; charset=utf-8" } });
    }
    if (path === "/health") return health(site);
  }
  throw routeNotFound();
}

// Who has no key learns nothing of what exists.
async function contract(request, site, segments) {
  const principal = await site.principal(request.headers);
  const { scope, handler, parameter, limit } = routeOf(request.method, segments);
  requireTenant(principal, scope === "write");
  requireScope(principal, scope);
  // Deleting is how there comes to be room, so it is never refused for what is used.
  const stores = scope === "write" && request.method !== "DELETE";
  if (stores) requireRegion(principal, site.bindings.DATA_REGION);
  requireUnblocked(principal, { reads: scope === "read", writes: stores }, Date.now());
  requireNamespace(principal, NAMESPACE);
  const headers = { ...site.admit(principal) };
  const stub = site.tenant(principal.tenant);
  const wrote = (version) => {
    headers["X-QuartzDB-Version"] = version;
  };
  const answer = async (tenant) => {
    await requireNamespaceToBe(principal, () => stub.begun());
    return handler({ parameter, tenant, principal, wrote, body: () => readJson(request, limit) });
  };
  const counted = site.counted(principal);
  let document;
  if (counted === null) {
    document = await answer(stub);
    return json(document, 200, headers);
  }
  try {
    document = await answer(counted);
  } finally {
    await counted.end(); // also for what was refused before anything was asked
  }
  return json(document, 200, { ...headers, ...counted.headers });
}
