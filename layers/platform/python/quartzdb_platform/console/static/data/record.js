// One record: its vector, and its metadata, which is changed on condition that it is still as it was shown.

import { ask, at } from "./api.js";
import { confirm } from "./confirm.js";
import { announce, busy, facts, fill, make } from "./dom.js";
import { erasureReport } from "./erasure.js";
import { moment, receipt } from "./format.js";
import { difference, metadataOf } from "./metadata.js";
import { Mistake, Problem, showIn } from "./problem.js";
import { say, settings } from "./settings.js";
import { shortVector } from "./vector.js";

const { namespace } = settings;

/** What a patch says of the expiry, by the seconds that were typed: 0 is for ever, and nothing leaves it as it is. */
function expiryOf(seconds) {
  if (seconds === "") return null;
  return Number(seconds) === 0 ? { expires_at: null } : { ttl_seconds: Number(seconds) };
}

/** Show the record of an id in an element, and have it seen. `changed` is called when it was changed or is gone. */
export async function openRecord(element, id, changed) {
  const { json: record, headers } = await ask("GET", at(namespace, "vectors", id));
  const etag = headers.get("ETag");
  const alert = make("p", { class: "problem", role: "alert", hidden: true });
  const problem = showIn(alert);
  const text = make("textarea", { id: "record-metadata", rows: 10, spellcheck: "false", readonly: !settings.may_write });
  text.value = JSON.stringify(record.metadata, null, 2);
  const life = make("input", { id: "record-life", type: "number", min: "0", step: "any", autocomplete: "off", "aria-describedby": "record-life-hint" });
  const again = make("button", { type: "button", class: "quiet", hidden: true, onclick: () => busy(element, () => openRecord(element, id, changed), problem) }, say("record.load"));

  async function save() {
    const patch = difference(record.metadata, metadataOf(text.value));
    const expiry = expiryOf(life.value.trim());
    if (Object.keys(patch.set).length === 0 && patch.unset.length === 0 && expiry === null) throw new Mistake(say("record.same"));
    try {
      const done = await ask("PATCH", at(namespace, "vectors", id), { json: { ...patch, ...expiry }, headers: { "If-Match": etag } });
      await openRecord(element, id, changed);
      announce(say("record.saved", { receipt: receipt(done.json.usage) }));
      changed();
    } catch (error) {
      conflict(error);
    }
  }

  function conflict(error) {
    if (!(error instanceof Problem) || error.status !== 412) throw error;
    again.hidden = false;
    throw new Mistake(say("record.conflict"));
  }

  async function remove() {
    try {
      await ask("DELETE", at(namespace, "vectors", id), { headers: { "If-Match": etag } });
    } catch (error) {
      conflict(error);
    }
    fill(element, make("p", { class: "tick" }, say("record.deleted", { id })));
    announce(say("record.deleted", { id }));
    changed();
  }

  async function erase() {
    const begun = await ask("POST", at(namespace, "erase"), { json: { ids: [id] } });
    const report = await erasureReport(begun.headers.get("Location"), problem);
    fill(element, alert, report);
    report.focus();
    changed();
  }

  const vector = record.vector ?? null; // none, where records are found by words alone
  const full = vector === null ? "" : typeof record.vector === "string" ? record.vector : JSON.stringify(record.vector);
  fill(element,
    make("h2", { tabindex: "-1", id: "record-title" }, say("record.title", { id })),
    alert,
    facts([
      [say("record.version"), make("code", {}, record.version)],
      [say("record.expires"), record.expires_at === undefined ? say("record.never") : moment(record.expires_at)],
      ...(vector === null ? [] : [[say("record.vector"), make("details", {}, make("summary", {}, shortVector(record.vector)), make("pre", { class: "long", tabindex: "0" }, full))]]),
    ]),
    make("div", { class: "field" }, make("label", { for: text.id }, say("record.metadata")), text),
    settings.may_write
      ? make("div", { class: "field" }, make("label", { for: life.id }, say("record.life")), life, make("small", { id: "record-life-hint" }, say("record.life_hint")))
      : null,
    make("p", { class: "inline" },
      settings.may_write ? make("button", { type: "button", onclick: () => busy(element, save, problem) }, say("record.save")) : null,
      again,
      make("a", { class: "button", href: `${settings.root}/${namespace}/query?id=${encodeURIComponent(id)}` }, say("record.query"))),
    settings.may_write
      ? [
        confirm(say("record.delete"), say("record.delete_what"), say("record.delete_now"), remove, problem),
        confirm(say("record.erase"), say("record.erase_what"), say("record.erase_now"), erase, problem),
      ]
      : null);
  element.hidden = false;
  element.querySelector("#record-title").focus();
}
