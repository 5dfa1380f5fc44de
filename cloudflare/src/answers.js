// Answers: documents and errors as responses. Errors have the form of the surface that was asked: the contract's on
// /api/*, problem documents (RFC 9457) elsewhere.

import { stringify } from "./json.js";

const OPEN = { "Access-Control-Allow-Origin": "*" };
const PREFLIGHT = {
  "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE, OPTIONS",
  "Access-Control-Allow-Headers": "Content-Type, Authorization, X-API-Key",
  "Access-Control-Max-Age": "86400",
};
// Statuses that the contract does not know, as the nearest that it does.
const CONTRACT_STATUSES = { 402: 429, 403: 401, 405: 404, 408: 400, 409: 400, 412: 400, 415: 400, 422: 400 };

export const isContract = (path) => path === "/" || path === "/health" || path === "/api" || path.startsWith("/api/");

export const json = (document, status = 200, headers = {}) =>
  new Response(stringify(document), { status, headers: { "Content-Type": "application/json", ...headers } });

export const preflight = () => new Response(null, { headers: PREFLIGHT });

export function contractError({ status, code, message, field, headers }) {
  const error = field ? `${field}: ${message}` : message;
  return json({ success: false, error, code }, CONTRACT_STATUSES[status] ?? status, headers);
}

export function problem({ status, code, message, field, hint, headers, more }, requestId) {
  const document = {
    type: `/docs/problems#${code}`,
    title: (code[0].toUpperCase() + code.slice(1)).replaceAll("_", " ").replace("json", "JSON"),
    status,
    detail: message,
    code,
    field,
    hint,
    request_id: requestId,
    ...more,
  };
  return json(document, status, { ...headers, "Content-Type": "application/problem+json" });
}

// The response as it leaves: with what every response carries, and without a body where HEAD asked.
export function finish(response, { path, method, requestId }) {
  const headers = new Headers(response.headers);
  headers.set("X-Request-Id", requestId);
  headers.set("X-Content-Type-Options", "nosniff");
  headers.set("Cache-Control", "no-store");
  if (isContract(path)) for (const [name, value] of Object.entries(OPEN)) headers.set(name, value);
  return new Response(method === "HEAD" ? null : response.body, { status: response.status, headers });
}
