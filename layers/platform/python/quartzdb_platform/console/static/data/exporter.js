// Writes records as JSON lines, a page at a time: into a file that the browser was given, or else into parts that it may
// keep on disk.

import { ask, at } from "./api.js";
import { make } from "./dom.js";

const PAGE_CHARACTERS = 4_000_000;

/** Where lines go. With `showSaveFilePicker` nothing but a page is in memory. */
export async function sinkOf(name) {
  if (typeof window.showSaveFilePicker === "function") {
    const handle = await window.showSaveFilePicker({ suggestedName: name });
    const stream = await handle.createWritable();
    return { write: (text) => stream.write(text), close: () => stream.close(), abort: () => stream.abort() };
  }
  const parts = [];
  return {
    write: (text) => { parts.push(new Blob([text])); },
    close() {
      const url = URL.createObjectURL(new Blob(parts, { type: "application/octet-stream" }));
      make("a", { href: url, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    },
    abort() {},
  };
}

/** The first line of what `quartzdb export` writes, so that `quartzdb import` can make the same namespace of it. */
function header(namespace) {
  const { name, dimension, metric, engine, precision, shards, purge_after_days, text, sparse, key_history } = namespace;
  const settings = { dimension, metric, engine, precision, shards, purge_after_days, text, sparse, key_history };
  return `${JSON.stringify({ quartzdb_export: { format: 1, kind: "records", namespace: name, settings } })}\n`;
}

/** Write all records that the filter accepts, and say after each page how many are written. */
export async function exportRecords(namespace, filter, sink, written, signal) {
  const limit = Math.max(1, Math.min(1_000, Math.floor(PAGE_CHARACTERS / (6 * (namespace.dimension ?? 0) + 1_000))));
  await sink.write(header(namespace));
  let count = 0;
  for (let cursor = null; ;) {
    const question = { filter, limit, include_vectors: "base64", ...(cursor === null ? {} : { cursor }) };
    const { json } = await ask("POST", at(namespace.name, "vectors", "list"), { json: question, signal });
    const lines = json.records.map(({ id, vector, metadata, expires_at }) => ({
      id,
      ...(vector === undefined || vector === null ? {} : { vector }),
      ...(Object.keys(metadata).length ? { metadata } : {}),
      ...(expires_at === undefined ? {} : { expires_at_ms: Date.parse(expires_at) }),
    }));
    await sink.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    count += lines.length;
    written(count, json.usage);
    ({ cursor } = json);
    if (cursor === null) return count;
  }
}
