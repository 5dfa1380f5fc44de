// Goes through the scenarios with this client, in Node.js, workerd or a browser: fetch is all it needs.

import { QuartzDB, QuartzDBError, upsertMany } from "@quartzdb/client";

const METHODS = { describe_namespace: "describe" };
const OPTIONS = {
  ttl_seconds: "ttlSeconds", page_size: "pageSize", order_by: "orderBy", include_vectors: "includeVectors",
  include_metadata: "includeMetadata", if_version: "ifVersion", if_absent: "ifAbsent", content_type: "contentType",
  group_by: "groupBy", top_k: "topK", min_score: "minScore", purge_after_days: "purgeAfterDays", batch_size: "batchSize",
  expires_at: "expiresAt", from_beginning: "fromBeginning", wait_seconds: "waitSeconds", per_group: "perGroup", must_not: "mustNot",
  expires_in_seconds: "expiresInSeconds", overlap_seconds: "overlapSeconds",
};

/** `[{"scenario": …, "problems": […]}]`, in order. `url` is the proxy's. `place` is where this runs, if some may not hold there. */
export async function run(scenarios, url, apiKey, place) {
  const results = [];
  for (const scenario of scenarios) {
    if (scenario.not_in?.includes(place)) continue;
    results.push({ scenario: scenario.name, problems: await problemsOf(scenario, url, apiKey) });
  }
  return results;
}

async function problemsOf(scenario, proxy, apiKey) {
  const { namespace } = await control(proxy, "begin", { scenario: scenario.name });
  const { url = proxy, api_key = apiKey, max_retries = 3, timeout_seconds, read_your_writes } = scenario.client ?? {};
  const db = new QuartzDB({
    url,
    apiKey: api_key,
    timeoutSeconds: timeout_seconds,
    readYourWrites: read_your_writes,
    retries: { maxRetries: max_retries, backoffSeconds: 0.05 },
  });
  const saved = {};
  const problems = [];
  for (const step of scenario.steps) {
    const begun = Date.now();
    let outcome;
    try {
      const begun = called(db, namespace, step.do, filled(step.with ?? {}, namespace, saved));
      const other = step.meanwhile && called(db, namespace, step.meanwhile.do, filled(step.meanwhile.with, namespace, saved));
      outcome = await begun;
      await other;
      if (outcome?.[Symbol.asyncIterator]) outcome = await collected(outcome);
    } catch (error) {
      if (!(error instanceof QuartzDBError)) throw error;
      outcome = error;
    }
    const seconds = (Date.now() - begun) / 1000;
    if (seconds < (step.takes_at_least_seconds ?? 0) || seconds > (step.takes_at_most_seconds ?? 60)) {
      problems.push(`${step.do} took ${seconds} s`);
    }
    problems.push(...judged(step, outcome, (value) => filled(value, namespace, saved)));
    for (const [name, path] of Object.entries(step.save ?? {})) saved[name] = at(outcome, path);
  }
  return [...problems, ...(await control(proxy, "end", {})).problems];
}

async function control(proxy, what, body) {
  return (await fetch(`${proxy}/__conformance/${what}`, { method: "POST", body: JSON.stringify(body) })).json();
}

function called(db, own, name, args) {
  if (["list_namespaces", "usage", "health"].includes(name)) return db[camel(name)](spelled(args));
  if (name.startsWith("keys_")) return ofKeys(db.keys, name.slice("keys_".length), args);
  const { name: namespaceName = own, ...rest } = args;
  if (name === "create_namespace") return db.createNamespace({ name: namespaceName, ...spelled(rest) });
  if (name === "delete_namespace") return db.deleteNamespace(namespaceName);
  const namespace = db.namespace(namespaceName);
  if (name === "upsert_many") return reported(namespace, rest);
  if (name.endsWith("changes")) return followed(name === "kv_changes" ? namespace.kv : namespace, rest);
  if (name === "list_pages") return namespace.list(spelled(rest)).pages();
  const target = name.startsWith("kv_") ? namespace.kv : namespace;
  const method = METHODS[name] ?? camel(name.replace(/^kv_/, ""));
  // What has to be given comes first, the rest as one object.
  const { records, queries, ids, keys, key, id, value, filter, patches, items, ...options } = rest;
  const first = {
    upsert: [records?.map(spelled)], queryBatch: [queries?.map(asked)], fetch: [ids], get: [name === "kv_get" ? key : id],
    patch: [patches?.map(spelled)], patchOne: [id], patchMatching: [filter], delete: [name === "kv_delete" ? key : ids], deleteOne: [id],
    describeErasure: [id], head: [key], deleteMatching: [filter], put: [key, value], getMany: [keys], putMany: [items], deleteMany: [keys],
  }[method];
  if (first) return target[method](...first, spelled(options));
  if (method === "erase") return target.erase({ ...options, ...(ids && { ids }), ...(keys && { keys }), ...(filter && { filter }) });
  return target[method]({ ...(name.startsWith("query") ? asked(options) : spelled(options)), ...(filter ? { filter } : {}), ...(id ? { id } : {}) });
}

function ofKeys(keys, method, { id, ...args }) {
  return id === undefined ? keys[method](spelled(args)) : keys[method](id, spelled(args));
}

/** A feed: so many changes of it, or until it is stopped, or until it ends. */
async function followed(target, { take, stop_after_seconds: after, ...options }) {
  const feed = target.changes(spelled(options));
  const timer = after === undefined ? undefined : setTimeout(() => feed.stop(), after * 1000);
  const changes = [];
  for await (const change of feed) {
    changes.push(change);
    if (changes.length === take) break;
  }
  clearTimeout(timer);
  return { changes, cursor: feed.cursor };
}

/** A query, as deep as it has names. */
function asked(options) {
  const query = spelled(options);
  for (const part of ["text", "groupBy"]) {
    if (typeof query[part] === "object") query[part] = spelled(query[part]);
  }
  return query;
}

async function reported(namespace, { count, dimension, wrong, batch_size }) {
  function* records() {
    for (let number = 0; number < count; number++) {
      yield { id: `r-${number}`, vector: new Float32Array(dimension + (wrong.includes(number) ? 1 : 0)).fill(1) };
    }
  }
  const { upserted, failed } = await upsertMany(namespace, records(), { batchSize: batch_size });
  return { upserted, failed: [...failed] };
}

async function collected(iterable) {
  const found = [];
  for await (const one of iterable) found.push(one);
  return found;
}

function filled(value, namespace, saved) {
  if (typeof value === "string" && value.startsWith("$$")) return value.slice(1);
  if (typeof value === "string") return value[0] === "$" ? saved[value.slice(1)] : value.replaceAll("{namespace}", namespace);
  if (Array.isArray(value)) return value.map((one) => filled(one, namespace, saved));
  if (typeof value !== "object" || value === null) return value;
  if ("$bytes" in value) return Uint8Array.from(atob(value.$bytes), (one) => one.charCodeAt(0));
  if ("$in_seconds" in value) return new Date(Date.now() + value.$in_seconds * 1000);
  if ("$never" in value) return null;
  if ("$float32" in value) return Float32Array.from(value.$float32);
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, filled(one, namespace, saved)]));
}

function* judged(step, outcome, fill) {
  if (outcome instanceof QuartzDBError) {
    if (!step.fails) {
      yield `${step.do} failed: ${outcome} ${outcome.hint ?? ""} ${outcome.cause ?? ""}`;
      return;
    }
    for (const [name, value] of Object.entries(fill(step.fails))) {
      if (name === "has") yield* value.filter((one) => !outcome[camel(one)]).map((one) => `${step.do}: the error has no ${one}`);
      else if (name === "hides") {
        if (`${outcome} ${outcome.stack} ${JSON.stringify(outcome)}`.includes(value)) yield `${step.do}: the error shows the key`;
      } else yield* differences(`${step.do}: ${name} of the error`, value, outcome[camel(name)]);
    }
    return;
  }
  if (step.fails) yield `${step.do} did not fail, and gave ${JSON.stringify(outcome)}`;
  else if ("expect" in step) yield* differences(step.do, fill(step.expect), outcome);
}

function* differences(what, expected, found) {
  if (expected instanceof Uint8Array || Array.isArray(expected)) {
    if (found?.length !== expected.length) {
      yield `${what} is ${JSON.stringify(found)}, expected ${expected.length} items`;
      return;
    }
    for (let at = 0; at < expected.length; at++) yield* differences(`${what}[${at}]`, expected[at], found[at]);
  } else if (typeof expected === "object" && expected !== null) {
    if (expected.$any) {
      if (found === undefined || found === null) yield `${what} is missing`;
    } else if ("$count" in expected) {
      if (found?.length !== expected.$count) yield `${what} has ${found?.length} items, expected ${expected.$count}`;
    } else {
      for (const [name, one] of Object.entries(expected)) yield* differences(`${what}.${name}`, one, at(found, name));
    }
  } else if (typeof expected === "number") {
    if (typeof found !== "number" || Math.abs(found - expected) > 1e-5 * Math.abs(expected) + 1e-20) {
      yield `${what} is ${found}, expected ${expected}`;
    }
  } else if (expected === null ? found != null : found !== expected) yield `${what} is ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`;
}

function at(found, path) {
  for (const name of path.split(".")) found = found?.[name] ?? found?.[camel(name)];
  return found;
}

function spelled(options) {
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [OPTIONS[name] ?? name, value]));
}

function camel(name) {
  return name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
}
