// The page of key-values: keys by prefix, one value in the form that suits it, and a new one.

import { ask, at } from "./api.js";
import { confirm } from "./confirm.js";
import { announce, busy, facts, fill, find, make, onSubmit, table } from "./dom.js";
import { bytes, moment } from "./format.js";
import { Mistake, Problem, showIn } from "./problem.js";
import { say, settings } from "./settings.js";

const { namespace } = settings;
const main = document.querySelector("main");
const problem = showIn(find("problem"));
const search = find("search");
const put = find("put");
const item = find("item");
const VALUE_BYTES_MAX = 10 * 1024 * 1024;
const SHOWN_BYTES_MAX = 64 * 1024;

/** The path of a key, whatever characters it has. Throws Mistake for the two that mean another place in any path. */
function pathOf(key) {
  if (key === "." || key === "..") throw new Mistake(say("keyvalues.dots"));
  return at(namespace, "kv", key);
}

async function list() {
  const rows = [];
  const found = find("found");
  const prefix = search.prefix.value;
  let cursor = null;
  const more = make("button", { type: "button", class: "quiet", onclick: () => busy(found, next, problem) }, say("common.more"));
  async function next() {
    const query = new URLSearchParams({ prefix, limit: 100, ...(cursor === null ? {} : { cursor }) });
    const { json } = await ask("GET", `${at(namespace, "kv")}?${query}`);
    ({ cursor } = json);
    rows.push(...json.items.map((one) => [
      make("button", { type: "button", class: "plain", onclick: () => busy(main, () => open(one.key), problem) }, one.key),
      one.content_type, one.expires_at === null ? say("keyvalues.for_ever") : moment(one.expires_at),
    ]));
    fill(found,
      rows.length ? table(say("keyvalues.title"), ["key", "type", "expires"].map((name) => say(`keyvalues.head_${name}`)), rows) : make("p", { class: "quiet" }, say("keyvalues.none")),
      cursor === null ? null : more);
    announce(say("keyvalues.shown", { n: rows.length }));
  }
  await next();
}

/** Bytes as hexadecimal digits, sixteen to a line, with the characters that they are. */
function hexOf(value) {
  const lines = [];
  for (let at = 0; at < value.length; at += 16) {
    const part = value.slice(at, at + 16);
    const digits = Array.from(part, (one) => one.toString(16).padStart(2, "0")).join(" ");
    const text = Array.from(part, (one) => (one >= 32 && one < 127 ? String.fromCharCode(one) : "·")).join("");
    lines.push(`${at.toString(16).padStart(8, "0")}  ${digits.padEnd(47)}  ${text}`);
  }
  return lines.join("\n");
}

/** The ways in which a value can be shown, the one that suits it first. */
function formsOf(value) {
  const forms = [];
  const part = value.slice(0, SHOWN_BYTES_MAX);
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(value);
    forms.push(["text", text.length > SHOWN_BYTES_MAX ? `${text.slice(0, SHOWN_BYTES_MAX)}…` : text]);
    if (value.length <= SHOWN_BYTES_MAX) forms.unshift(["json", JSON.stringify(JSON.parse(text), null, 2)]);
  } catch {
    // it is no text, or no JSON
  }
  return [...forms, ["hex", hexOf(part)]];
}

async function open(key) {
  const { answer, headers } = await ask("GET", pathOf(key), { raw: true });
  const value = new Uint8Array(await answer.arrayBuffer());
  const etag = headers.get("ETag");
  const type = headers.get("Content-Type") ?? "";
  const forms = formsOf(value);
  const alert = make("p", { class: "problem", role: "alert", hidden: true });
  const show = showIn(alert);
  const shown = make("pre", { class: "long", tabindex: "0", id: "value" });
  const choice = make("select", { onchange: () => { shown.textContent = forms.find(([name]) => name === choice.value)[1]; } },
    forms.map(([name]) => make("option", { value: name }, say(`keyvalues.form_${name}`))));
  [[, shown.textContent]] = forms;

  async function remove() {
    try {
      await ask("DELETE", pathOf(key), { headers: { "If-Match": etag } });
    } catch (error) {
      throw conflict(error);
    }
    fill(item, make("p", { class: "tick" }, say("keyvalues.deleted", { key })));
    await list();
    announce(say("keyvalues.deleted", { key }));
  }

  function edit() {
    const text = forms.find(([name]) => name === "text");
    fillForm(key, type, etag, text ? new TextDecoder().decode(value) : null);
  }

  fill(item,
    make("h2", { tabindex: "-1", id: "item-title" }, say("keyvalues.item", { key })), alert,
    facts([
      [say("keyvalues.version"), make("code", {}, headers.get("X-QuartzDB-Version"))],
      [say("keyvalues.head_type"), type],
      [say("keyvalues.size"), bytes(value.length)],
      [say("keyvalues.head_expires"), headers.has("X-QuartzDB-Expires") ? moment(headers.get("X-QuartzDB-Expires")) : say("keyvalues.for_ever")],
    ]),
    make("p", {}, make("label", {}, `${say("keyvalues.as")} `, choice)), shown,
    value.length > SHOWN_BYTES_MAX ? make("p", { class: "quiet" }, say("keyvalues.cut", { shown: bytes(SHOWN_BYTES_MAX) })) : null,
    make("p", { class: "inline" },
      make("button", { type: "button", class: "quiet", onclick: () => download(key, value) }, say("keyvalues.download")),
      settings.may_write ? make("button", { type: "button", class: "quiet", onclick: edit }, say("keyvalues.edit")) : null),
    settings.may_write ? confirm(say("keyvalues.delete"), say("keyvalues.delete_what"), say("keyvalues.delete_now"), remove, show) : null);
  item.hidden = false;
  find("item-title").focus();
}

/** Always as bytes: what a value says of itself is no reason for this browser to show it as a page. */
function download(key, value) {
  const url = URL.createObjectURL(new Blob([value], { type: "application/octet-stream" }));
  make("a", { href: url, download: key.replaceAll(/[^\w.-]+/g, "_") || "value" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

function conflict(error) {
  return error instanceof Problem && error.status === 412 ? new Mistake(say("keyvalues.conflict")) : error;
}

/** Have the form replace a value as it was shown. Bytes that are no text are replaced by a file. */
function fillForm(key, type, etag, text) {
  put.closest("details").open = true;
  put.key.value = key;
  put.type.value = type;
  put.value.value = text ?? "";
  put.condition.value = "same";
  put.dataset.etag = etag;
  put.dataset.key = key;
  find("same-option").disabled = false;
  put.value.focus();
}

async function store() {
  const file = put.file.files[0];
  const value = file ?? new Blob([put.value.value]);
  if (value.size > VALUE_BYTES_MAX) throw new Mistake(say("keyvalues.too_large", { size: bytes(value.size) }));
  const key = put.key.value;
  const headers = { "Content-Type": put.type.value.trim() || file?.type || "text/plain; charset=utf-8" };
  if (put.condition.value === "new") headers["If-None-Match"] = "*";
  if (put.condition.value === "same") {
    if (key !== put.dataset.key) throw new Mistake(say("keyvalues.other_key", { key: put.dataset.key }));
    headers["If-Match"] = put.dataset.etag;
  }
  if (put.value.value !== "" && headers["Content-Type"].includes("json") && !file) {
    try {
      JSON.parse(put.value.value);
    } catch (error) {
      throw new Mistake(say("keyvalues.no_json", { why: error.message }));
    }
  }
  const seconds = put.ttl.value.trim();
  const query = seconds === "" ? "" : `?${new URLSearchParams({ ttl_seconds: seconds })}`;
  try {
    await ask("PUT", pathOf(key) + query, { body: value, headers });
  } catch (error) {
    throw conflict(error);
  }
  put.reset();
  find("same-option").disabled = true;
  put.closest("details").open = false;
  await list();
  await open(key);
  announce(say("keyvalues.stored", { key }));
}

onSubmit(search, list, problem);
onSubmit(find("open"), () => open(find("open").key.value), problem);
if (put) onSubmit(put, store, showIn(find("put-problem")));
busy(main, list, problem);
