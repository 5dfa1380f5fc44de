// The page of all namespaces: what they hold, and a form for another.

import { ask } from "./api.js";
import { announce, busy, fill, find, make, onSubmit, table } from "./dom.js";
import { bytes, number } from "./format.js";
import { showIn } from "./problem.js";
import { say, settings } from "./settings.js";

const PAGE = 50;
const problem = showIn(find("problem"));
const search = find("search");
const create = find("create");

/** A page of namespaces, and what each of them uses: two lists of the same names. */
async function page(cursor) {
  const query = new URLSearchParams({ prefix: search.prefix.value, limit: PAGE, ...(cursor ? { cursor } : {}) });
  const [listed, used] = await Promise.all([ask("GET", `/v1/namespaces?${query}`), ask("GET", `/v1/usage?${query}`)]);
  const uses = new Map(used.json.namespaces.map((one) => [one.name, one]));
  return { namespaces: listed.json.namespaces.map((one) => ({ ...one, uses: uses.get(one.name) })), cursor: listed.json.cursor };
}

function row(one) {
  return [
    make("a", { href: `${settings.root}/${one.name}` }, one.name),
    one.uses ? number(one.uses.records) : "",
    one.dimension === null ? say("namespaces.no_vectors") : say("namespaces.vectors", { n: one.dimension, metric: one.metric }),
    `${one.engine}, ${one.precision}`,
    one.uses ? number(one.uses.keys) : "",
    one.uses ? bytes(one.uses.segment_bytes + one.uses.key_value_bytes) : "",
    one.created_at.slice(0, 10),
  ];
}

const heads = ["name", "records", "space", "engine", "keys", "size", "created"].map((name) => say(`namespaces.head_${name}`));

async function show() {
  const found = find("found");
  let cursor = null;
  const rows = [];
  const more = make("button", { type: "button", class: "quiet", onclick: () => busy(found, next, problem) }, say("common.more"));
  async function next() {
    const got = await page(cursor);
    cursor = got.cursor;
    rows.push(...got.namespaces.map(row));
    fill(found,
      rows.length ? table(say("namespaces.title"), heads, rows) : make("p", { class: "quiet" }, say("namespaces.none")),
      cursor === null ? null : more);
    announce(say("namespaces.shown", { n: rows.length }));
  }
  await next();
}

/** Names with commas between them. */
const names = (text) => text.split(",").map((one) => one.trim()).filter(Boolean);

/** What is searched as text, by field: "title, body=german". */
function textFields(text) {
  const parts = names(text).map((one) => one.split("=").map((part) => part.trim()));
  return Object.fromEntries(parts.map(([name, language]) => [name, language ? { language } : {}]));
}

onSubmit(search, show, problem);
if (create) {
  onSubmit(create, async () => {
    const given = (name) => (create[name].value.trim() === "" ? undefined : Number(create[name].value));
    const body = {
      ...(names(create.text.value).length ? { text: textFields(create.text.value) } : {}),
      ...(names(create.sparse.value).length ? { sparse: names(create.sparse.value) } : {}),
      name: create.elements.name.value.trim(), dimension: given("dimension"), metric: create.metric.value, engine: create.engine.value,
      precision: create.precision.value, shards: given("shards"), purge_after_days: given("purge_after_days"),
      ...(create.key_history.checked ? { key_history: true } : {}),
    };
    const made = await ask("POST", "/v1/namespaces", { json: body });
    location.assign(`${settings.root}/${made.json.name}`);
  }, showIn(find("create-problem")));
}
busy(search, show, problem);
