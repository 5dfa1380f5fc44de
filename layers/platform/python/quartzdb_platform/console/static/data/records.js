// The page of records: those that a filter accepts, in an order; one of them; a new one; and the deletion of many.

import { ask, at } from "./api.js";
import { announce, busy, fill, find, make, onSubmit, table } from "./dom.js";
import { erasureReport } from "./erasure.js";
import { suggestFields } from "./fields.js";
import { FilterBuilder } from "./filter.js";
import { cut, number, oneLine, receipt } from "./format.js";
import { metadataOf } from "./metadata.js";
import { Mistake, showIn } from "./problem.js";
import { openRecord } from "./record.js";
import { say, settings } from "./settings.js";
import { holdsRecords, vectorOf } from "./vector.js";

const { namespace } = settings;
const main = document.querySelector("main");
const problem = showIn(find("problem"));
const search = find("search");
const many = find("many");
let dimension = null;
let counted = null;

const builder = new FilterBuilder(find("filter"), () => {
  counted = null;
  if (many) find("many-confirm").hidden = true;
});

/** The question that the form says, for one page. Throws Mistake. */
function asked(cursor) {
  const order = search.order.value.trim();
  return {
    filter: builder.value, limit: Number(search.limit.value), ...(cursor === null ? {} : { cursor }),
    ...(order === "" ? {} : { order_by: { field: order, direction: search.direction.value } }),
  };
}

const open = (id) => busy(main, () => openRecord(find("record"), id, () => { find("again").hidden = false; }), problem);

function row(record) {
  const button = make("button", { type: "button", class: "plain", onclick: () => open(record.id) }, record.id);
  return [button, make("code", {}, cut(oneLine(record.metadata), 300))];
}

async function list() {
  const rows = [];
  const found = find("found");
  const first = asked(null);
  let cursor = null;
  let used = null;
  find("again").hidden = true;
  const more = make("button", { type: "button", class: "quiet", onclick: () => busy(found, () => next({ ...first, cursor }), problem) }, say("common.more"));
  async function next(question) {
    const { json } = await ask("POST", at(namespace, "vectors", "list"), { json: question });
    ({ cursor, usage: used } = json);
    rows.push(...json.records.map(row));
    fill(found,
      rows.length ? table(say("records.title"), [say("records.id"), say("records.metadata")], rows) : make("p", { class: "quiet" }, say("records.none")),
      cursor === null ? null : more,
      make("p", { class: "quiet" }, say("records.receipt", { receipt: receipt(used) })));
    announce(say("records.shown", { n: rows.length }));
  }
  await next(first);
}

async function count() {
  const { json } = await ask("POST", at(namespace, "vectors", "count"), { json: { filter: builder.value } });
  fill(find("counted"), say("records.counted", { n: number(json.count) }));
  announce(say("records.counted", { n: number(json.count) }));
  return json.count;
}

async function insert(form) {
  const vector = dimension === null ? {} : { vector: vectorOf(form.vector.value, dimension) };
  const record = { id: form.elements.id.value, ...vector, metadata: metadataOf(form.metadata.value) };
  const seconds = form.ttl.value.trim();
  if (seconds !== "") record.ttl_seconds = Number(seconds);
  const { json } = await ask("POST", at(namespace, "vectors"), { json: { vectors: [record] }, headers: { "If-None-Match": "*" } });
  await list();
  announce(say("records.inserted", { id: record.id, receipt: receipt(json.usage) }));
  form.reset();
  form.closest("details").open = false;
}

async function countMany() {
  const filter = builder.value ?? {};
  counted = { filter, n: await count() };
  if (counted.n === 0) throw new Mistake(say("records.none"));
  const { json } = await ask("POST", at(namespace, "vectors", "delete"), { json: { filter, dry_run: true } });
  const everything = Object.keys(filter).length === 0;
  fill(find("many-what"), say(everything ? "records.many_all" : "records.many_what", { n: number(counted.n), receipt: receipt(json.usage) }));
  fill(many.querySelector("label[for=typed]"), say("common.type", { text: counted.n }));
  find("many-confirm").hidden = false;
  many.typed.value = "";
  many.typed.focus();
}

/** One request deletes so many and says whether there are more; each is a part of what was confirmed. */
async function deleteMany() {
  if (counted === null || many.typed.value.trim() !== String(counted.n)) throw new Mistake(say("common.type_wrong", { text: counted?.n ?? "" }));
  const reports = [];
  let deleted = 0;
  for (let more = true; more;) {
    const path = many.erase.checked ? at(namespace, "erase") : at(namespace, "vectors", "delete");
    const done = await ask("POST", path, { json: { filter: counted.filter } });
    ({ more } = done.json);
    deleted += done.json.deleted;
    announce(say("records.many_done", { n: number(deleted) }));
    if (many.erase.checked) reports.push(await erasureReport(done.headers.get("Location"), problem));
  }
  counted = null;
  find("many-confirm").hidden = true;
  fill(find("many-done"), make("p", { class: "tick done" }, say("records.many_done", { n: number(deleted) })), reports);
  await list();
}

async function begin() {
  const { json } = await ask("GET", at(namespace));
  dimension = json.dimension;
  if (!holdsRecords(json)) {
    fill(find("found"), make("p", { class: "quiet" }, say("records.no_vectors")));
    announce(say("records.no_vectors"));
    return;
  }
  find("all").hidden = false;
  if (settings.may_write) find("insert-vector").hidden = dimension === null;
  const id = new URLSearchParams(location.search).get("id");
  await list();
  if (id !== null) await openRecord(find("record"), id, () => { find("again").hidden = false; });
}

suggestFields(search.order);
onSubmit(search, (button) => (button?.value === "count" ? count() : list()), problem);
onSubmit(find("open"), () => openRecord(find("record"), find("open").elements.id.value, () => {}), problem);
find("again").addEventListener("click", () => busy(main, list, problem));
if (settings.may_write) {
  const form = find("insert");
  onSubmit(form, () => insert(form), showIn(find("insert-problem")));
  onSubmit(many, (button) => (button?.value === "count" || find("many-confirm").hidden ? countMany() : deleteMany()), showIn(find("many-problem")));
}
busy(main, begin, problem);
