// What a filter of Mastra selects, asked of the database; and which ones there are not.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { QuartzDBFilterTranslator } from "@quartzdb/mastra";
import { failure, index, store } from "./index_for.js";

const PRODUCTS = {
  a: { price: 10, rating: 4.5, category: "electronics", tags: ["new", "sale"], available: true },
  b: { price: 25, rating: 3.8, category: "electronics", tags: ["featured"], available: true, maker: { name: "Ada", year: 1815 } },
  c: { price: 50, rating: 4.9, category: "home", tags: ["premium", "sale"], available: false, made: new Date("2026-05-01T00:00:00Z") },
  d: { price: 100, rating: 4.2, category: "home", tags: ["premium"], available: true, description: "A lamp" },
  e: { price: null, category: "books", tags: [], available: true, made: new Date("2026-06-01T00:00:00Z") },
};
const ALL = Object.keys(PRODUCTS);
let indexName;

before(async () => {
  indexName = await index();
  await store.upsert({ indexName, vectors: ALL.map((_, at) => [1, at, 0, 0]), ids: ALL, metadata: Object.values(PRODUCTS) });
});

const SELECTS = [
  [{ price: { $gt: 25 } }, "cd"],
  [{ price: { $gte: 25 } }, "bcd"],
  [{ price: { $lt: 25 } }, "a"],
  [{ price: { $lte: 25 } }, "ab"],
  [{ price: { $gte: 20, $lte: 80 }, rating: { $gte: 4 } }, "c"],
  [{ price: 25 }, "b"],
  [{ price: { $eq: 25 } }, "b"],
  [{ price: null }, "e"],
  [{ price: { $ne: null } }, "abcd"],
  [{ category: { $ne: "electronics" } }, "cde"],
  [{ available: { $ne: true } }, "c"],
  [{ category: { $in: ["home", "books"] } }, "cde"],
  [{ category: ["home", "books"] }, "cde"],
  [{ category: { $nin: ["home", "books"] } }, "ab"],
  [{ price: { $in: [10, 25] } }, "ab"],
  [{ price: { $in: [] } }, ""],
  [{ price: { $nin: [] } }, "abcde"],
  [{ tags: "sale" }, "ac"],
  [{ tags: { $in: ["featured"] } }, "b"],
  [{ tags: { $all: ["premium", "sale"] } }, "c"],
  [{ tags: { $all: [] } }, ""],
  [{ tags: { $contains: "premium" } }, "cd"],
  [{ description: { $exists: true } }, "d"],
  [{ description: { $exists: false } }, "abce"],
  [{ category: { $prefix: "ho" } }, "cd"],
  [{ "maker.name": "Ada" }, "b"],
  [{ maker: { name: "Ada", year: { $lt: 1900 } } }, "b"],
  [{ made: { $lt: new Date("2026-05-15T00:00:00Z") } }, "c"],
  [{ made: new Date("2026-06-01T00:00:00Z") }, "e"],
  [{ $and: [{ category: "home" }, { available: true }] }, "d"],
  [{ $or: [{ category: "books" }, { price: { $gte: 100 } }] }, "de"],
  [{ $nor: [{ category: "electronics" }, { category: "books" }] }, "cd"],
  [{ $nor: [{ $or: [{ category: "electronics" }, { price: { $gt: 60 } }] }] }, "ce"],
  [{ $not: { $and: [{ category: "home" }, { available: true }] } }, "abce"],
  [{ $not: { $or: [{ category: "electronics" }, { available: false }] } }, "de"],
  [{ price: { $not: { $gt: 50 } } }, "abce"],
  [{ price: { $not: { $gte: 20, $lte: 80 } } }, "ade"],
  [{ category: { $not: { $in: ["home", "books"] } } }, "ab"],
  [{ category: { $not: { $ne: "home" } } }, "cd"],
  [{ category: { $not: { $in: [] } } }, "abcde"],
  [{ available: true, $or: [{ price: 10 }, { price: 100 }], $nor: [{ category: "home" }] }, "a"],
  [{ $and: [] }, "abcde"],
  [{ $or: [] }, ""],
  [{ $nor: [] }, "abcde"],
  [{ $or: [{ $and: [{ category: "home" }, { $not: { available: true } }] }, { tags: { $in: ["new"] } }] }, "ac"],
  [{}, "abcde"],
  [null, "abcde"],
];

for (const [filter, selected] of SELECTS) {
  test(`${JSON.stringify(filter)} selects ${selected || "nothing"}`, async () => {
    const found = await store.query({ indexName, queryVector: [1, 1, 0, 0], topK: 10, filter });
    assert.equal(found.map(({ id }) => id).sort().join(""), selected);
  });
}

const REFUSED = [
  [{ category: { $regex: "^ho" } }, /Unsupported operator: \$regex/],
  [{ tags: { $elemMatch: { $eq: "new" } } }, /Unsupported operator: \$elemMatch/],
  [{ tags: { $size: 2 } }, /Unsupported operator: \$size/],
  [{ $invalid: "value" }, /Unsupported operator: \$invalid/],
  [{ $gt: 5 }, /top-level/i],
  [{ $and: "no list" }, /\$and takes a list/],
  [{ $or: {} }, /\$or takes a list/],
  [{ price: { $in: 5 } }, /\$in takes a list/],
  [{ $not: {} }, /\$not operator cannot be empty/],
  [{ price: undefined }, /The filter's price is undefined/],
  [{ price: { $eq: undefined } }, /price\.\$eq is undefined/],
  [{ price: {} }, /price has no condition/],
  [{ category: /^ho/ }, /takes an object with conditions/],
  [{ price: { $gt: true } }, /./],
];

for (const [filter, message] of REFUSED) {
  test(`${String(JSON.stringify(filter))} is refused: ${message}`, async () => {
    const error = await failure(store.query({ indexName, queryVector: [1, 1, 0, 0], filter }));
    assert.equal(error.id, "MASTRA_VECTOR_QUARTZDB_QUERY_FAILED");
    assert.equal(error.category, "USER");
    assert.match(error.message, message);
  });
}

test("no condition at all is none", () => {
  const translator = new QuartzDBFilterTranslator();
  for (const filter of [undefined, null, {}]) assert.equal(translator.translate(filter), undefined);
  assert.deepEqual(translator.translate({ a: 1, b: -0 }), { $and: [{ a: 1 }, { b: 0 }] });
});
