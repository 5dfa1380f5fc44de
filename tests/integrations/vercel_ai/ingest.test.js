import assert from "node:assert/strict";
import { test } from "node:test";
import { quartzdbIngest, quartzdbSearch } from "@quartzdb/ai-sdk";
import { db, name } from "./library.js";
import { embedding, meaning } from "./models.js";

const options = { toolCallId: "1", messages: [] };
const empty = (settings = { dimension: 3, text: { text: {} } }) => db.createNamespace({ name: name(), ...settings });

test("texts are embedded in as many calls as the model wants, written, and found", async () => {
  const namespace = await empty();
  const { model, calls } = embedding({ atOnce: 4 });
  async function* texts() {
    for (let at = 0; at < 25; at++) yield { id: `t${at}`, text: `Sand of dune ${at}`, metadata: { at } };
  }
  const seen = [];
  const report = await quartzdbIngest(texts(), { namespace, embed: model, batchSize: 10, onBatch: (soFar) => seen.push(soFar.upserted) });
  assert.equal(report.upserted, 25);
  assert.equal(report.failed.size, 0);
  assert.equal(report.tokens, 100);
  assert.equal(report.writeUnits, 25);
  assert.deepEqual(seen, [10, 20, 25]);
  assert.deepEqual(calls.map(({ length }) => length).sort(), [1, 2, 2, 4, 4, 4, 4, 4]);
  const { matches } = await namespace.query({ text: { query: "17" }, version: report.version, includeMetadata: true });
  assert.deepEqual(matches[0].metadata, { at: 17, text: "Sand of dune 17" });
  const search = quartzdbSearch({ namespace, embed: model });
  assert.equal((await search.execute({ query: "17" }, options)).results[0].id, "t17");
});

test("the same id again replaces, and a field of another name takes the text", async () => {
  const namespace = await empty({ text: { body: {} } });
  for (const text of ["first", "second"]) await quartzdbIngest([{ id: "one", text }], { namespace, textField: "body" });
  const { records } = await namespace.fetch(["one"]);
  assert.deepEqual(records[0].metadata, { body: "second" });
});

test("a batch that fails is reported by id, and the others are written", async () => {
  const namespace = await empty();
  const { model } = embedding({ fails: (text) => text.includes("poison") });
  const texts = ["sand", "sea", "poison", "village", "whale"].map((text, at) => ({ id: `t${at}`, text }));
  const report = await quartzdbIngest(texts, { namespace, embed: model, batchSize: 2 });
  assert.equal(report.upserted, 3);
  assert.deepEqual([...report.failed.keys()], ["t2", "t3"]);
  assert.match(report.failed.get("t2").message, /refuses this text/);
  assert.equal((await namespace.count()).count, 3);
});

test("what the database refuses is reported with its reason", async () => {
  const namespace = await empty();
  const report = await quartzdbIngest([{ id: "a", text: "sand" }], { namespace, embed: async () => [1, 2] });
  assert.equal(report.upserted, 0);
  assert.equal(report.version, undefined);
  assert.equal(report.failed.get("a").code, "dimension_mismatch");
});

test("functions that embed run side by side, no more of them than was said", async () => {
  const namespace = await empty();
  let running = 0;
  let most = 0;
  const embed = async (text) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    return meaning(text);
  };
  const texts = Array.from({ length: 7 }, (_, at) => ({ id: `t${at}`, text: "sand" }));
  assert.equal((await quartzdbIngest(texts, { namespace, embed, maxParallelCalls: 3 })).upserted, 7);
  assert.equal(most, 3);
});

test("it ends early with the reason it was given", async () => {
  const namespace = await empty();
  const controller = new AbortController();
  const reason = new Error("Enough.");
  const texts = ["sand", "sea", "village"].map((text, at) => ({ id: `t${at}`, text }));
  const ingest = quartzdbIngest(texts, { namespace, embed: meaning, batchSize: 1, abortSignal: controller.signal, onBatch: () => controller.abort(reason) });
  await assert.rejects(ingest, reason);
  assert.equal((await namespace.count()).count, 1);
});

test("options that make no sense are refused before anything is written", async () => {
  const namespace = db.namespace("never-asked");
  await assert.rejects(quartzdbIngest([], { namespace, batchSize: 501 }), /batchSize must be a whole number from 1 to 500/);
  await assert.rejects(quartzdbIngest([], { namespace, maxParallelCalls: 0 }), /maxParallelCalls/);
});
