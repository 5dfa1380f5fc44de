import assert from "node:assert/strict";
import { test } from "node:test";
import { QuartzDB } from "@quartzdb/client";
import { SearchFailed, quartzdbSearch } from "@quartzdb/ai-sdk";
import { generateText, stepCountIs, streamText } from "ai";
import { db, library, name } from "./library.js";
import { embedding, meaning, read, speaking } from "./models.js";

const stopWhen = stepCountIs(4);
const options = { toolCallId: "1", messages: [] };
const ids = (answer) => answer.results.map(({ id }) => id).sort();

test("a model searches, reads what was found, and answers", async () => {
  const model = speaking({ query: "giant worms in the sand" }, "It is Dune.");
  const search = quartzdbSearch({ namespace: await library(), embed: embedding().model, topK: 2 });
  const result = await generateText({ model, tools: { search }, stopWhen, prompt: "Which book has worms?" });
  assert.equal(result.text, "It is Dune.");
  const output = read(model.doGenerateCalls, 1);
  assert.equal(output.type, "json");
  assert.equal(output.value.results[0].id, "dune");
  assert.equal(output.value.results[0].metadata.year, 1965);
  assert.equal(output.value.results.length, 2);
  assert.equal(output.value.omitted, 0);
});

test("the model is shown what it may give", async () => {
  const model = speaking("Nothing.");
  const filters = {
    year: { type: "number", description: "of publication" },
    lang: { type: "string", values: ["en", "fr"] },
    published: { type: "date" },
    draft: { type: "boolean" },
  };
  const search = quartzdbSearch({ namespace: db.namespace("never-asked"), description: "Novels.", filters, topKMax: 7 });
  await generateText({ model, tools: { search }, prompt: "Hello." });
  const [shown] = model.doGenerateCalls[0].tools;
  assert.equal(shown.description, "Novels.");
  const { query, limit, filters: offered } = shown.inputSchema.properties;
  assert.equal(query.maxLength, 1000);
  assert.equal(limit.maximum, 7);
  assert.deepEqual(Object.keys(offered.properties), ["year", "lang", "published", "draft"]);
  assert.deepEqual(offered.properties.lang.items, { type: "string", enum: ["en", "fr"] });
  assert.equal(offered.properties.year.description, "of publication (both ends included)");
  const plain = quartzdbSearch({ namespace: db.namespace("never-asked") });
  assert.deepEqual(Object.keys((await plain.inputSchema.jsonSchema).properties), ["query", "limit"]);
});

test("where there are text fields and vectors, both are searched", async () => {
  const events = [];
  const namespace = await library();
  const search = quartzdbSearch({ namespace, embed: meaning, topK: 2, onSearch: (event) => events.push(event) });
  // "Bartholomew" is no matter of meaning, and nothing of the sea is said in the word.
  const found = await search.execute({ query: "Bartholomew of the ocean" }, options);
  assert.deepEqual(ids(found), ["emma", "moby"]);
  assert.deepEqual(events[0].parts, { vector: true, text: true });
  assert.ok(events[0].usage.readUnits >= 1);
  const [byMeaning, byWords] = ["vector", "text"].map((mode) => quartzdbSearch({ namespace, embed: meaning, mode, topK: 1 }));
  assert.deepEqual(ids(await byMeaning.execute({ query: "Bartholomew of the ocean" }, options)), ["moby"]);
  assert.deepEqual(ids(await byWords.execute({ query: "Bartholomew of the ocean" }, options)), ["emma"]);
  const weighted = quartzdbSearch({ namespace, embed: meaning, topK: 1, fusion: { method: "weighted", vector: 0, text: 1 }, textFields: { text: 2 } });
  assert.deepEqual(ids(await weighted.execute({ query: "Bartholomew of the ocean" }, options)), ["emma"]);
});

test("words alone are enough, and so is meaning alone", async () => {
  const words = quartzdbSearch({ namespace: await library({ text: { text: {} } }) });
  assert.deepEqual(ids(await words.execute({ query: "whales" }, options)), ["moby"]);
  const vectors = quartzdbSearch({ namespace: await library({ dimension: 3 }), embed: meaning, topK: 1 });
  assert.deepEqual(ids(await vectors.execute({ query: "ocean" }, options)), ["moby"]);
});

test("what the model filters by is meant as it was declared", async () => {
  const filters = {
    year: { type: "number" },
    lang: { type: "string", values: ["en", "fr"] },
    out: { type: "date", field: "published" },
    draft: { type: "boolean" },
  };
  const search = quartzdbSearch({ namespace: await library(), embed: meaning, filters, topK: 10 });
  const found = async (given) => ids(await search.execute({ query: "desert", filters: given }, options));
  assert.deepEqual(await found({ year: { min: 1851, max: 1939 } }), ["moby", "wind"]);
  assert.deepEqual(await found({ lang: ["fr"] }), ["wind"]);
  assert.deepEqual(await found({ lang: ["en", "fr"], draft: true }), ["wind"]);
  assert.deepEqual(await found({ out: { to: "1851-10-18" } }), ["emma", "moby"]);
  assert.deepEqual(await found({ out: { from: "1851-10-18", to: "1851-10-18T08:59:59Z" } }), []);
  assert.deepEqual(await found({ out: { from: "1965-08-01" }, year: null }), ["dune", "secret"]);
});

test("the model cannot look past the fixed filter", async () => {
  const filters = { tenant: { type: "string" } };
  const search = quartzdbSearch({ namespace: await library(), embed: meaning, filter: { tenant: "a" }, filters, topK: 10 });
  assert.deepEqual(ids(await search.execute({ query: "desert", filters: { tenant: ["b"] } }, options)), []);
  assert.ok(!ids(await search.execute({ query: "desert" }, options)).includes("secret"));
});

test("input that makes no sense is told to the model, which tries again", async () => {
  const model = speaking({ query: "sand", filters: { year: { min: "long ago" } } }, { query: "sand", filters: { year: { max: 1940 } } }, "Le vent.");
  const search = quartzdbSearch({ namespace: await library(), embed: meaning, filters: { year: { type: "number" } } });
  const result = await generateText({ model, tools: { search }, stopWhen, prompt: "Go." });
  assert.equal(result.text, "Le vent.");
  const refused = read(model.doGenerateCalls, 1);
  assert.equal(refused.type, "error-text");
  assert.match(refused.value, /filters\.year\.min must be a number/);
  assert.equal(read(model.doGenerateCalls, 2).type, "json");
});

test("each kind of wrong input has a sentence of its own", async () => {
  const filters = { year: { type: "number" }, lang: { type: "string", values: ["en"] }, out: { type: "date" }, draft: { type: "boolean" } };
  const { validate } = quartzdbSearch({ namespace: db.namespace("never-asked"), filters }).inputSchema;
  const wrong = {
    "must be an object with a query": "sand",
    "query must be a text": { query: " " },
    "may have 1000 characters, and has 1001": { query: "x".repeat(1001) },
    "limit must be a whole number from 1 to 20": { query: "x", limit: 21 },
    "and no colour": { query: "x", colour: "red" },
    "filters must be an object": { query: "x", filters: ["year"] },
    "There are year, lang, out, draft": { query: "x", filters: { constructor: 1 } },
    "filters.year has min and max, and no \\$gt": { query: "x", filters: { year: { $gt: 1 } } },
    "filters.year must have min, max or both": { query: "x", filters: { year: {} } },
    "filters.year must be an object": { query: "x", filters: { year: 1965 } },
    "lang can be any of en, and not \"de\"": { query: "x", filters: { lang: ["de"] } },
    "lang must be an array of 1 to 50": { query: "x", filters: { lang: [] } },
    "out.to must be a date like": { query: "x", filters: { out: { to: "2026-02-31x" } } },
    "draft must be true or false": { query: "x", filters: { draft: "yes" } },
  };
  for (const [message, input] of Object.entries(wrong)) {
    const checked = await validate(input);
    assert.equal(checked.success, false, message);
    assert.match(checked.error.message, new RegExp(message));
  }
  assert.deepEqual(await validate({ query: "x", limit: null, filters: null }), { success: true, value: { query: "x" } });
});

test("what the database refuses is an error of the tool, with what to do", async () => {
  const model = speaking({ query: "sand" }, "I could not look it up.");
  const missing = name();
  const search = quartzdbSearch({ namespace: db.namespace(missing), embed: meaning });
  const result = await generateText({ model, tools: { search }, stopWhen, prompt: "Go." });
  assert.equal(result.text, "I could not look it up.");
  const [error] = result.steps[0].content.filter(({ type }) => type === "tool-error");
  assert.ok(error.error instanceof SearchFailed);
  assert.equal(error.error.cause.kind, "not_found");
  assert.match(read(model.doGenerateCalls, 1).value, new RegExp(`There is no namespace '${missing}'`));
  // The namespace is there now: a failure was not kept.
  const namespace = await db.createNamespace({ name: missing, dimension: 3, text: { text: {} } });
  await namespace.upsert([{ id: "here", vector: [1, 0, 0], metadata: { text: "sand" } }]);
  assert.deepEqual(ids(await search.execute({ query: "sand" }, options)), ["here"]);
  // Another namespace goes by the name: what is known of it is asked for again.
  await namespace.deleteNamespace();
  await assert.rejects(search.execute({ query: "sand" }, options), SearchFailed);
  await (await db.createNamespace({ name: missing, text: { text: {} } })).upsert([{ id: "there", metadata: { text: "sand" } }]);
  assert.deepEqual(ids(await search.execute({ query: "sand" }, options)), ["there"]);
});

test("a failure never shows the key", async () => {
  const secret = "a".repeat(43);
  const stranger = new QuartzDB({ apiKey: `qdb_live_000000000000_${secret}` });
  const model = speaking({ query: "sand" }, "No.");
  const search = quartzdbSearch({ namespace: stranger.namespace("books"), embed: meaning });
  const result = await generateText({ model, tools: { search }, stopWhen, prompt: "Go." });
  const { error } = result.steps[0].content.find(({ type }) => type === "tool-error");
  assert.equal(error.cause.kind, "unauthenticated");
  assert.ok(!JSON.stringify(model.doGenerateCalls).includes(secret));
  assert.ok(!String(error.stack).includes(secret));
});

test("a namespace that cannot be searched so is said to be one", async () => {
  const failing = async (settings, searching) =>
    assert.rejects(quartzdbSearch({ namespace: await library(settings), ...searching }).execute({ query: "sand" }, options), SearchFailed);
  await failing({ dimension: 3 }, {});
  await failing({ dimension: 3 }, { embed: meaning, mode: "text" });
  const search = quartzdbSearch({ namespace: await library({ dimension: 3 }) });
  await assert.rejects(search.execute({ query: "sand" }, options), /no `embed` was given, and it declares no text field/);
  const other = quartzdbSearch({ namespace: await library(), embed: async () => [1, 0], mode: "vector" });
  await assert.rejects(other.execute({ query: "sand" }, options), /has 2 numbers but the namespace has dimension 3/);
});

test("an answer is never longer than was meant", async () => {
  const namespace = await db.createNamespace({ name: name(), text: { text: {} } });
  const long = `sand ${"😀".repeat(3_000)}`;
  await namespace.upsert(
    Array.from({ length: 20 }, (_, at) => ({ id: `r${at}`, metadata: { text: long, list: Array(2_000).fill(at), at } })),
  );
  const search = quartzdbSearch({ namespace, topK: 20, maxCharacters: 5_000, maxFieldCharacters: 1_000 });
  const found = await search.execute({ query: "sand" }, options);
  assert.ok(JSON.stringify(found.results).length <= 5_200);
  assert.equal(found.results.length + found.omitted, 20);
  assert.ok(found.results.length >= 3 && found.omitted > 0);
  const [first] = found.results;
  assert.deepEqual(first.shortened.sort(), ["list", "text"]);
  assert.ok(first.metadata.text.endsWith("…") && first.metadata.text.isWellFormed());
  assert.equal(typeof first.metadata.at, "number");
  // Even one that is too large by itself is shown, by what fits.
  const tight = quartzdbSearch({ namespace, maxCharacters: 2_000, maxFieldCharacters: 30_000 });
  const [only] = (await tight.execute({ query: "sand" }, options)).results;
  assert.deepEqual(Object.keys(only.metadata), ["at"]);
  const chosen = quartzdbSearch({ namespace, fields: ["at"], topK: 20 });
  assert.deepEqual(Object.keys((await chosen.execute({ query: "sand" }, options)).results[7].metadata), ["at"]);
});

test("a stream has the call, what it gave, and the answer", async () => {
  const model = speaking({ query: "white whale" }, "It is Moby-Dick.");
  const search = quartzdbSearch({ namespace: await library(), embed: embedding().model, topK: 1 });
  const { fullStream } = streamText({ model, tools: { search }, stopWhen, prompt: "Which one?" });
  const parts = [];
  for await (const part of fullStream) parts.push(part);
  const { output } = parts.find(({ type }) => type === "tool-result");
  assert.deepEqual(ids(output), ["moby"]);
  const text = parts.filter(({ type }) => type === "text-delta").map((part) => part.text);
  assert.equal(text.join(""), "It is Moby-Dick.");
  assert.ok(!parts.some(({ type }) => type.includes("error")));
});

test("in a stream, too, a failure is the tool's error, and the model goes on", async () => {
  const model = speaking({ query: "white whale" }, "I could not look it up.");
  const search = quartzdbSearch({ namespace: db.namespace(name()) });
  const { fullStream } = streamText({ model, tools: { search }, stopWhen, prompt: "Which one?" });
  const parts = [];
  for await (const part of fullStream) parts.push(part);
  const { error } = parts.find(({ type }) => type === "tool-error");
  assert.match(error.message, /^The search failed: There is no namespace/);
  assert.ok(parts.some((part) => part.type === "text-delta" && part.text === "I could not look it up."));
});

test("whoever gives up is told his own reason, and nothing more is asked for", async () => {
  const controller = new AbortController();
  const reason = new Error("Enough.");
  const embed = async () => {
    controller.abort(reason);
    return [1, 0, 0];
  };
  const events = [];
  const search = quartzdbSearch({ namespace: await library(), embed, onSearch: (event) => events.push(event) });
  await assert.rejects(search.execute({ query: "sand" }, { ...options, abortSignal: controller.signal }), reason);
  assert.deepEqual(events, []);
});

test("options that make no sense are refused at once", () => {
  const namespace = db.namespace("never-asked");
  for (const wrong of [{ topK: 0 }, { topK: 30 }, { topKMax: 101, topK: 1 }, { maxCharacters: 10 }, { maxFieldCharacters: 0.5 }]) {
    assert.throws(() => quartzdbSearch({ namespace, ...wrong }), TypeError);
  }
});
