// What TypeScript knows of the store: this is compiled, not run.

import { Mastra } from "@mastra/core";
import type { MastraVector } from "@mastra/core/vector";
import { QuartzDBVector, type QuartzDBVectorFilter } from "@quartzdb/mastra";

const store = new QuartzDBVector({ id: "quartzdb", url: "http://127.0.0.1:8787", apiKey: "key", text: { text: { language: "german" } } });
export const any: MastraVector<QuartzDBVectorFilter> = store;
export const mastra = new Mastra({ vectors: { store } });

export const filter: QuartzDBVectorFilter = { year: { $gte: 1960 }, $or: [{ tags: { $contains: "new" } }, { title: { $prefix: "D" } }] };
// @ts-expect-error there is no such operator
export const wrong: QuartzDBVectorFilter = { title: { $regex: "^D" } };

const [best] = await store.query({ indexName: "books", queryVector: [1, 0], text: "dunes", filter, fusion: { method: "rrf" } });
console.log(best?.id, best?.score.toFixed(2), best?.metadata?.["title"]);
// @ts-expect-error id or filter, and not both
await store.updateVector({ indexName: "books", id: "a", filter: { a: 1 }, update: {} });
