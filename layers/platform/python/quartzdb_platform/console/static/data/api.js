// The database, asked with the page's own key: made when it is first needed, and anew before it ends. It is kept in this
// module's memory and nowhere else.

import { Problem } from "./problem.js";
import { say, settings } from "./settings.js";

const RENEW_MS = 60_000;
let key = null;
let pending = null;

async function sent(url, options) {
  try {
    return await fetch(url, { cache: "no-store", credentials: "omit", redirect: "error", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { title: say("common.unreachable"), detail: say("common.unreachable_what") });
  }
}

async function refusal(answer) {
  const json = (answer.headers.get("Content-Type") ?? "").includes("json");
  const body = json ? await answer.json().catch(() => null) : null;
  return new Problem(answer.status, body ?? { detail: say("common.status", { n: answer.status }) }, answer);
}

async function renewed() {
  // The one request that is the person's own: all others have the key alone.
  const asked = { method: "POST", credentials: "same-origin", headers: { "X-CSRF-Token": settings.csrf } };
  const answer = await sent(settings.key_url, asked);
  if (!answer.ok) throw await refusal(answer);
  const made = await answer.json();
  // By how long it lasts from now, as the clock of this machine may be wrong.
  const now = Date.parse(answer.headers.get("Date") ?? new Date().toUTCString());
  return { text: made.key, until: performance.now() + Date.parse(made.expires_at) - now };
}

async function held() {
  if (key === null || performance.now() >= key.until - RENEW_MS) {
    pending ??= renewed().finally(() => { pending = null; });
    key = await pending;
  }
  return key.text;
}

/**
 * Ask the database. `json` or `body` is what is sent; `raw` leaves the answer unread. Answers {status, headers, json,
 * answer, ms}. Throws Problem for a refusal, AbortError where `signal` said so.
 */
export async function ask(method, path, { json, body, headers = {}, signal, raw = false } = {}) {
  for (let attempt = 1; ; attempt += 1) {
    const text = await held();
    const begun = performance.now();
    const answer = await sent(settings.api_base + path, {
      method,
      signal,
      body: json === undefined ? body : JSON.stringify(json),
      headers: {
        Authorization: `Bearer ${text}`,
        ...(json === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
    });
    if (answer.status === 401 && attempt === 1) {
      key = null; // it ended sooner than it was to, as where a clock was set
      continue;
    }
    if (!answer.ok) throw await refusal(answer);
    const read = raw ? null : await answer.json();
    return { status: answer.status, headers: answer.headers, json: read, answer, ms: performance.now() - begun };
  }
}

/** The path of a namespace, or of something in it. */
export function at(namespace, ...parts) {
  return ["/v1/namespaces", namespace, ...parts].map((part, n) => (n ? encodeURIComponent(part) : part)).join("/");
}
