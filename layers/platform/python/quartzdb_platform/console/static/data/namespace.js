// The page of one namespace: its settings, what it holds, and its deletion.

import { ask, at } from "./api.js";
import { announce, busy, facts, fill, find, make, onSubmit, table } from "./dom.js";
import { fieldsOf } from "./fields.js";
import { bytes, cut, moment, number } from "./format.js";
import { Mistake, showIn } from "./problem.js";
import { say, settings } from "./settings.js";
import { holdsRecords } from "./vector.js";

const { namespace } = settings;
const problem = showIn(find("problem"));
const remove = find("delete");

function tile(name, text, small = null) {
  return make("div", { class: "card" }, make("span", { class: "quiet" }, say(`namespace.${name}`)), make("strong", {}, text),
    small ? make("small", {}, small) : null);
}

async function show() {
  const { json: found } = await ask("GET", at(namespace));
  const { stats } = found;
  const word = (name) => say(`namespace.${name}`);
  fill(find("described"),
    stats.degraded ? make("p", { class: "problem" }, say("namespace.degraded", { why: stats.degraded })) : null,
    make("section", { class: "tiles", "aria-label": word("holds") },
      tile("records", number(stats.records), found.dimension === null ? (holdsRecords(found) ? word("words_only") : word("no_vectors")) : say("namespace.space", { n: found.dimension, metric: found.metric })),
      tile("tail", number(stats.tail_rows), word("tail_what")),
      tile("deleted", number(stats.deleted_rows), say("namespace.deleted_what", { n: found.purge_after_days })),
      tile("segments", number(stats.segments.length), bytes(stats.segment_bytes)),
      tile("keys", number(stats.keys), bytes(stats.key_value_bytes))),
    facts([
      ...(Object.keys(found.text ?? {}).length ? [[word("text"), Object.entries(found.text).map(([name, { language }]) => `${name} (${language})`).join(", ")]] : []),
      ...(found.sparse?.length ? [[word("sparse"), found.sparse.join(", ")]] : []),
      [word("engine"), say(`namespace.engine_${found.engine}`)],
      [word("precision"), say(`namespace.precision_${found.precision}`)],
      [word("shards"), number(found.shards)],
      [word("purge"), say("namespace.purge_days", { n: found.purge_after_days })],
      [word("created"), moment(found.created_at)],
    ]),
    stats.segments.length === 0 ? null : [
      make("h2", {}, word("segments")),
      table(word("segments"), ["segment", "shard", "engine", "rows", "live", "size"].map((name) => say(`namespace.head_${name}`)),
        stats.segments.map((one) => [
          make("code", {}, one.name), one.shard, one.engine, number(one.rows), number(one.live_rows), bytes(one.bytes),
        ])),
    ]);
  announce(word("described"));
}

/** What values a field has: of each type how many, and from where to where. */
function rangeOf({ type, count, min, max }) {
  const many = say("namespace.values", { type, n: number(count) });
  return min === null || max === null ? many : say("namespace.range", { many, min: cut(String(min), 40), max: cut(String(max), 40) });
}

async function showFields() {
  const { fields, more } = await fieldsOf(namespace);
  fill(find("fields-found"),
    fields.length === 0
      ? make("p", { class: "quiet" }, say("namespace.no_fields"))
      : table(say("namespace.fields"), ["field", "records", "values"].map((name) => say(`namespace.head_${name}`)),
        fields.map((one) => [one.field, number(one.records), one.values.map((value) => make("div", {}, rangeOf(value)))])),
    more ? make("p", { class: "quiet" }, say("namespace.more_fields")) : null);
  announce(say("namespace.fields_shown", { n: fields.length }));
}

const fields = find("fields");
fields.addEventListener("toggle", () => { if (fields.open) busy(fields, showFields, problem); });
find("again").addEventListener("click", () => busy(document.querySelector("main"), show, problem));
if (remove) {
  onSubmit(remove, async () => {
    if (remove.typed.value.trim() !== namespace) throw new Mistake(say("common.type_wrong", { text: namespace }));
    await ask("DELETE", at(namespace));
    location.assign(settings.root);
  }, showIn(find("delete-problem")));
}
busy(document.querySelector("main"), show, problem);
