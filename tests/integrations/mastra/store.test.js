// What Mastra expects of every vector store, as its own stores are held to it: the life of an index, writing, asking, deleting.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Mastra } from "@mastra/core";
import { MastraError } from "@mastra/core/error";
import { MastraVector } from "@mastra/core/vector";
import { QuartzDB } from "@quartzdb/client";
import { QuartzDBVector } from "@quartzdb/mastra";
import { failure, index, name, store } from "./index_for.js";

const AXES = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]];
const count = async (indexName) => (await store.describeIndex({ indexName })).count;

test("it is a store of Mastra, which finds it by its id", () => {
  assert.ok(store instanceof MastraVector);
  const mastra = new Mastra({ vectors: { quartzdb: store }, logger: false });
  assert.equal(mastra.getVector("quartzdb"), store);
  assert.equal(store.id, "quartzdb");
  assert.throws(() => new QuartzDBVector({ id: " " }), /id/);
});

test("an index is created, listed, described and deleted", async () => {
  const indexName = await index();
  assert.ok((await store.listIndexes()).includes(indexName));
  assert.deepEqual(await store.describeIndex({ indexName }), { dimension: 4, count: 0, metric: "cosine" });
  await store.deleteIndex({ indexName });
  assert.ok(!(await store.listIndexes()).includes(indexName));
});

test("every metric of Mastra is kept, and scores are higher for better matches", async () => {
  for (const metric of ["cosine", "euclidean", "dotproduct"]) {
    const indexName = await index(store, { metric });
    assert.equal((await store.describeIndex({ indexName })).metric, metric);
    await store.upsert({ indexName, vectors: [[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 0, 1]], ids: ["near", "middle", "far"] });
    const found = await store.query({ indexName, queryVector: [1, 0, 0, 0], topK: 3 });
    assert.deepEqual(found.map(({ id }) => id), ["near", "middle", "far"]);
    assert.ok(found[0].score > found[1].score && found[1].score > found[2].score);
  }
});

test("an index that is there stays as it is; one of another dimension is an error", async () => {
  const indexName = await index();
  await store.upsert({ indexName, vectors: [AXES[0]] });
  await store.createIndex({ indexName, dimension: 4 });
  await store.createIndex({ indexName, dimension: 4, metric: "euclidean" });
  assert.deepEqual(await store.describeIndex({ indexName }), { dimension: 4, count: 1, metric: "cosine" });
  const error = await failure(store.createIndex({ indexName, dimension: 5 }));
  assert.ok(error instanceof MastraError);
  assert.match(error.message, /already exists with 4 dimensions, but 5/);
});

test("dimensions and metrics that there are not are refused", async () => {
  for (const wrong of [{ dimension: 0 }, { dimension: -100 }, { dimension: 1.5 }, { dimension: 4, metric: "manhattan" }]) {
    const error = await failure(store.createIndex({ indexName: name(), ...wrong }));
    assert.equal(error.id, "MASTRA_VECTOR_QUARTZDB_CREATE_INDEX_INVALID");
    assert.equal(error.category, "USER");
  }
});

test("vectors are written under new ids or given ones; the same id again replaces", async () => {
  const indexName = await index();
  const ids = await store.upsert({ indexName, vectors: AXES.slice(0, 2), metadata: [{ n: 1 }, { n: 2, old: true }] });
  assert.equal(new Set(ids).size, 2);
  assert.deepEqual(await store.upsert({ indexName, vectors: [AXES[3]], metadata: [{ n: 3 }], ids: [ids[1]] }), [ids[1]]);
  assert.equal(await count(indexName), 2);
  const [best] = await store.query({ indexName, queryVector: AXES[3], topK: 1 });
  assert.deepEqual([best.id, best.metadata], [ids[1], { n: 3 }]);
  await store.upsert({ indexName, vectors: [AXES[2]] });
  assert.deepEqual((await store.query({ indexName, queryVector: AXES[2], topK: 1 }))[0].metadata, {});
});

test("a thousand vectors and more are written, asked for and deleted at once", async () => {
  const indexName = await index();
  const vectors = Array.from({ length: 1_200 }, (_, at) => [Math.cos(at / 1000), Math.sin(at / 1000), 0, 0]);
  const ids = await store.upsert({ indexName, vectors, metadata: vectors.map((_, at) => ({ at, made: new Date(at) })) });
  assert.equal(ids.length, 1_200);
  assert.equal(await count(indexName), 1_200);
  assert.equal((await store.query({ indexName, queryVector: [1, 0, 0, 0], topK: 500 })).length, 500);
  await store.deleteVectors({ indexName, filter: { at: { $lt: 500 } } });
  assert.equal(await count(indexName), 700);
  await store.deleteVectors({ indexName, ids: ids.slice(0, 1_100) });
  assert.equal(await count(indexName), 100);
});

test("several upserts and queries run side by side", async () => {
  const indexName = await index();
  const written = await Promise.all(AXES.map((vector, at) => store.upsert({ indexName, vectors: [vector], metadata: [{ at }] })));
  assert.equal(new Set(written.flat()).size, 4);
  const found = await Promise.all(AXES.map((queryVector) => store.query({ indexName, queryVector, topK: 1 })));
  assert.deepEqual(found.map(([best]) => best.metadata.at), [0, 1, 2, 3]);
});

test("a query gives the best, with vectors only where they were asked for", async () => {
  const indexName = await index();
  assert.deepEqual(await store.query({ indexName, queryVector: AXES[0] }), []);
  await store.upsert({ indexName, vectors: AXES, ids: ["a", "b", "c", "d"], metadata: AXES.map((_, at) => ({ at })) });
  const [with_] = await store.query({ indexName, queryVector: AXES[1], topK: 1, includeVector: true });
  assert.deepEqual(with_.vector, [0, 1, 0, 0]);
  assert.ok(Array.isArray(with_.vector));
  assert.equal("vector" in (await store.query({ indexName, queryVector: AXES[1], topK: 1 }))[0], false);
  assert.equal((await store.query({ indexName, queryVector: AXES[1] })).length, 4);
  assert.deepEqual(await store.query({ indexName, queryVector: AXES[1], filter: { at: 9 } }), []);
  assert.equal((await store.query({ indexName, queryVector: AXES[1], minScore: 0.5 })).length, 1);
});

test("without a vector, a filter alone selects", async () => {
  const indexName = await index();
  await store.upsert({ indexName, vectors: AXES, ids: ["a", "b", "c", "d"], metadata: AXES.map((_, at) => ({ even: at % 2 === 0 })) });
  const found = await store.query({ indexName, filter: { even: true }, includeVector: true });
  assert.deepEqual(found.map(({ id, score }) => [id, score]), [["a", 0], ["c", 0]]);
  assert.deepEqual(found[1].vector, AXES[2]);
  assert.equal((await store.query({ indexName, filter: { even: true }, topK: 1 })).length, 1);
  assert.match((await failure(store.query({ indexName }))).message, /Give a queryVector/);
});

test("memory finds what it remembers by thread and by resource", async () => {
  const indexName = await index();
  const metadata = [1, 1, 2, 2].map((n, at) => ({ thread_id: `thread-${n}`, resource_id: `resource-${n}`, message_id: `m${at}` }));
  await store.upsert({ indexName, vectors: AXES, metadata });
  const found = async (filter) => (await store.query({ indexName, queryVector: [0.5, 0.5, 0.5, 0.5], filter })).map((one) => one.metadata.message_id).sort();
  assert.deepEqual(await found({ thread_id: "thread-1" }), ["m0", "m1"]);
  assert.deepEqual(await found({ resource_id: "resource-2" }), ["m2", "m3"]);
  assert.deepEqual(await found({ thread_id: "thread-1", resource_id: "resource-2" }), []);
  assert.deepEqual(await found({}), ["m0", "m1", "m2", "m3"]);
  assert.deepEqual(await found(undefined), ["m0", "m1", "m2", "m3"]);
});

test("one vector is given another vector, other metadata, or both", async () => {
  const indexName = await index();
  await store.upsert({ indexName, vectors: AXES.slice(0, 2), ids: ["a", "b"], metadata: [{ n: 1, old: true }, { n: 2 }] });
  await store.updateVector({ indexName, id: "a", update: { vector: AXES[3] } });
  const read = async (queryVector) => (await store.query({ indexName, queryVector, topK: 1, includeVector: true }))[0];
  assert.deepEqual(await read(AXES[3]), { id: "a", score: 1, metadata: { n: 1, old: true }, vector: AXES[3] });
  await store.updateVector({ indexName, id: "a", update: { metadata: { n: 5 } } });
  assert.deepEqual((await read(AXES[3])).metadata, { n: 5 });
  await store.updateVector({ indexName, id: "a", update: { vector: AXES[2], metadata: { n: 6 } } });
  assert.deepEqual(await read(AXES[2]), { id: "a", score: 1, metadata: { n: 6 }, vector: AXES[2] });
  assert.match((await failure(store.updateVector({ indexName, id: "none", update: { metadata: {} } }))).message, /There is no vector none/);
});

test("all that a filter selects are updated, and no other", async () => {
  const indexName = await index();
  await store.upsert({ indexName, vectors: AXES, metadata: [1, 1, 2, 2].map((user) => ({ user, status: "active" })) });
  await store.updateVector({ indexName, filter: { user: 1 }, update: { metadata: { user: 1, status: "archived" } } });
  await store.updateVector({ indexName, filter: { user: 3 }, update: { metadata: { user: 3 } } });
  const found = await store.query({ indexName, queryVector: [0.5, 0.5, 0.5, 0.5] });
  assert.deepEqual(found.map(({ metadata }) => `${metadata.user} ${metadata.status}`).sort(), ["1 archived", "1 archived", "2 active", "2 active"]);
});

test("an update does not lose what somebody else writes meanwhile", async () => {
  const indexName = await index();
  await store.upsert({ indexName, vectors: [AXES[0]], ids: ["a"], metadata: [{ n: 1 }] });
  const db = new QuartzDB();
  let interfered = false;
  const slow = new QuartzDBVector({
    id: "slow",
    fetch: async (input, init) => {
      if (!interfered && init.method === "POST" && String(input).endsWith("/vectors")) {
        interfered = true;
        await db.namespace(indexName).patchOne("a", { set: { n: 2 } });
      }
      return fetch(input, init);
    },
  });
  await slow.updateVector({ indexName, id: "a", update: { vector: AXES[1] } });
  const [{ metadata, vector }] = await store.query({ indexName, queryVector: AXES[1], includeVector: true });
  assert.deepEqual([metadata, vector, interfered], [{ n: 2 }, AXES[1], true]);
});

test("vectors are deleted one by one, by ids and by a filter", async () => {
  const indexName = await index();
  await store.upsert({ indexName, vectors: AXES, ids: ["a", "b", "c", "d"], metadata: ["x", "x", "y", "y"].map((doc) => ({ doc })) });
  await store.deleteVector({ indexName, id: "a" });
  await store.deleteVector({ indexName, id: "a" });
  assert.equal(await count(indexName), 3);
  await store.deleteVectors({ indexName, ids: ["b", "none"] });
  await store.deleteVectors({ indexName, filter: { doc: "none" } });
  assert.equal(await count(indexName), 2);
  await store.deleteVectors({ indexName, filter: { $or: [{ doc: "y" }, { doc: "x" }] } });
  assert.equal(await count(indexName), 0);
});

test("what a document had before is replaced", async () => {
  const indexName = await index();
  await store.upsert({ indexName, vectors: AXES, ids: ["a", "b", "c", "d"], metadata: ["x", "x", "x", "y"].map((doc) => ({ doc })) });
  await store.upsert({ indexName, vectors: AXES.slice(0, 2), ids: ["a", "e"], metadata: [{ doc: "x", new: 1 }, { doc: "x", new: 1 }], deleteFilter: { doc: "x" } });
  const found = await store.query({ indexName, queryVector: [0.5, 0.5, 0.5, 0.5] });
  assert.deepEqual(found.map(({ id }) => id).sort(), ["a", "d", "e"]);
});

test("calls that make no sense are refused before anything is changed", async () => {
  const indexName = await index();
  await store.upsert({ indexName, vectors: [AXES[0]], ids: ["a"], metadata: [{ n: 1 }] });
  const wrong = [
    [/empty filter/i, () => store.deleteVectors({ indexName, filter: {} })],
    [/empty filter/i, () => store.deleteVectors({ indexName, filter: { $and: [] } })],
    [/empty ids array/i, () => store.deleteVectors({ indexName, ids: [] })],
    [/mutually exclusive/i, () => store.deleteVectors({ indexName, ids: ["a"], filter: { n: 1 } })],
    [/either filter or ids must be provided/i, () => store.deleteVectors({ indexName })],
    [/undefined/, () => store.deleteVectors({ indexName, filter: { n: undefined } })],
    [/mutually exclusive/i, () => store.updateVector({ indexName, id: "a", filter: { n: 1 }, update: { metadata: {} } })],
    [/either id or filter must be provided/i, () => store.updateVector({ indexName, update: { metadata: {} } })],
    [/empty filter/i, () => store.updateVector({ indexName, filter: {}, update: { metadata: {} } })],
    [/no updates provided/i, () => store.updateVector({ indexName, id: "a", update: {} })],
    [/topK/, () => store.query({ indexName, queryVector: AXES[0], topK: 0 })],
    [/topK/, () => store.query({ indexName, queryVector: AXES[0], topK: -5 })],
    [/metadata/i, () => store.upsert({ indexName, vectors: AXES.slice(0, 2), metadata: [{}] })],
    [/ids/i, () => store.upsert({ indexName, vectors: AXES.slice(0, 2), ids: ["a"] })],
    [/vectors array cannot be empty/i, () => store.upsert({ indexName, vectors: [] })],
    [/invalid value .* at position \[0\]\[0\]/, () => store.upsert({ indexName, vectors: ["text"] })],
    [/The vector is empty/, () => store.upsert({ indexName, vectors: [[]] })],
    [/NaN, or Infinity\) at position \[0\]\[1\]/, () => store.upsert({ indexName, vectors: [[1, NaN, 0, 0]] })],
    [/NaN, or Infinity\) at position \[0\]\[1\]/, () => store.upsert({ indexName, vectors: [[1, Infinity, 0, 0]] })],
    [/has 2 numbers but the namespace has dimension 4/, () => store.upsert({ indexName, vectors: [[1, 2]] })],
    [/has 2 numbers but the namespace has dimension 4/, () => store.query({ indexName, queryVector: [1, 2] })],
    [/all zeros/, () => store.upsert({ indexName, vectors: [[0, 0, 0, 0]] })],
    [/sparseField/, () => store.upsert({ indexName, vectors: [AXES[0]], sparseVectors: [{ indices: [1], values: [1] }] })],
    [/sparseField/, () => store.query({ indexName, sparseVector: { indices: [1], values: [1] } })],
  ];
  for (const [message, call] of wrong) {
    const error = await failure(call());
    assert.ok(error instanceof MastraError, error);
    assert.match(error.message, message);
  }
  assert.equal(await count(indexName), 1);
  assert.deepEqual((await store.query({ indexName, queryVector: AXES[0] }))[0].metadata, { n: 1 });
});

test("an index that is not there is told as one, with what to do, and never with the key", async () => {
  const indexName = name();
  for (const call of [
    () => store.query({ indexName, queryVector: AXES[0] }),
    () => store.upsert({ indexName, vectors: [AXES[0]] }),
    () => store.describeIndex({ indexName }),
    () => store.deleteVectors({ indexName, filter: { n: 1 } }),
    () => store.deleteIndex({ indexName }),
  ]) {
    const error = await failure(call());
    assert.ok(error instanceof MastraError);
    assert.match(error.message, new RegExp(`There is no namespace '${indexName}'`));
    assert.deepEqual([error.category, error.domain, error.details.kind], ["USER", "MASTRA_VECTOR", "not_found"]);
    assert.equal(error.cause.kind, "not_found");
    assert.ok(!JSON.stringify(error).includes(process.env.QUARTZDB_API_KEY));
  }
  const nobody = new QuartzDBVector({ id: "nobody", url: "http://127.0.0.1:9", retries: { maxRetries: 0 } });
  assert.equal((await failure(nobody.listIndexes())).category, "THIRD_PARTY");
});

test("words find what vectors do not, alone and beside them", async () => {
  const words = new QuartzDBVector({ id: "words", client: new QuartzDB(), text: { text: {} } });
  const indexName = await index(words);
  const texts = ["A desert planet.", "A white whale, and Quincey.", "Matchmaking in a village.", "Nothing of it."];
  await words.upsert({ indexName, vectors: AXES, ids: ["dune", "moby", "emma", "none"], metadata: texts.map((text) => ({ text })) });
  const found = async (params) => (await words.query({ indexName, ...params })).map(({ id }) => id);
  assert.deepEqual(await found({ text: "whales" }), ["moby"]);
  assert.deepEqual((await found({ text: "Quincey", queryVector: AXES[0] })).slice(0, 2).sort(), ["dune", "moby"]);
  assert.deepEqual(await found({ text: "Quincey", queryVector: AXES[0], topK: 1, fusion: { method: "weighted", vector: 1, text: 0 } }), ["dune"]);
  assert.deepEqual(await found({ text: { query: "planet village", must_not: ["village"] } }), ["dune"]);
  assert.deepEqual(await found({ text: "planet village", filter: { text: { $prefix: "Match" } } }), ["emma"]);
});

test("sparse vectors are kept apart from metadata, and found by", async () => {
  const sparse = new QuartzDBVector({ id: "sparse", sparseField: "splade" });
  const indexName = await index(sparse);
  const sparseVectors = [{ indices: [1], values: [3] }, { indices: [7], values: [2] }];
  await sparse.upsert({ indexName, vectors: AXES.slice(0, 2), ids: ["a", "b"], metadata: [{ n: 1 }, { n: 2 }], sparseVectors });
  const ask = (params) => sparse.query({ indexName, sparseVector: { indices: [7], values: [1] }, ...params });
  assert.deepEqual((await ask({})).map(({ id, metadata }) => [id, metadata]), [["b", { n: 2 }]]);
  assert.equal((await ask({ queryVector: AXES[0] })).length, 2);
  await sparse.updateVector({ indexName, id: "b", update: { metadata: { n: 3 } } });
  assert.deepEqual((await ask({})).map(({ metadata }) => metadata), [{ n: 3 }]);
  const short = sparse.upsert({ indexName, vectors: AXES.slice(0, 2), sparseVectors: [sparseVectors[0]] });
  assert.match((await failure(short)).message, /2 vectors and 1 sparse/);
});
