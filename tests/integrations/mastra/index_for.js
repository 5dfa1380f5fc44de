// An index for one test, and a store.

import { QuartzDBVector } from "@quartzdb/mastra";

export const store = new QuartzDBVector({ id: "quartzdb" });
const run = crypto.randomUUID().slice(0, 8);
let count = 0;

/** A name that no index has. */
export const name = () => `mastra_${run}_${count++}`;

/** A new index of four dimensions. */
export async function index(of = store, settings = {}) {
  const indexName = name();
  await of.createIndex({ indexName, dimension: 4, ...settings });
  return indexName;
}

/** What a promise is rejected with. */
export async function failure(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("It did not fail.");
}
