// Health: whether storage answers and a tenant can be read, found out for real but at most once a second per isolate.
//
// It says which part fails and nothing about why, since anybody may ask.

import { HEALTH_CACHE_MS, SERVICE, VERSION } from "./limits.js";
import { json } from "./answers.js";

const TENANT = "default";
let startedMs = 0;
let latest = { checkedMs: -Infinity, checks: null };

export async function health(site) {
  const now = Date.now();
  startedMs ||= now; // the clock stands still while a module is loaded
  if (now - latest.checkedMs >= HEALTH_CACHE_MS) {
    const [storage, vectorIndex] = await Promise.all([
      works("storage", () => site.directory.check()),
      works("vector_index", () => site.tenant(TENANT).check()),
    ]);
    latest = { checkedMs: now, checks: { storage, vector_index: vectorIndex } };
  }
  const healthy = Object.values(latest.checks).every((check) => check === "ok");
  const document = {
    status: healthy ? "healthy" : "degraded",
    service: SERVICE,
    version: VERSION,
    uptime_seconds: (now - startedMs) / 1000,
    checks: latest.checks,
  };
  return json(document, healthy ? 200 : 503);
}

async function works(part, check) {
  try {
    await check();
    return "ok";
  } catch (error) {
    console.error(`health: ${part} failed`, error);
    return "fail";
  }
}
