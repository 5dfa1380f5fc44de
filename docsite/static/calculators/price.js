// What a month costs: at our plans' prices, and at other databases' list prices. Pure: figures in, dollars out.
//
// `month` is {records, dimension, metadataBytes, queries, writes}: records stored, and queries and single writes in the
// month. The sources of the list prices, with their dates, are on the page about costs; benchmarks/costs/peers.py has the
// same formulas, and a test holds them together.

const GB = 1e9;
const GIB = 2 ** 30;
const TIB = 2 ** 40;
const MILLION = 1e6;
const ID_BYTES = 16;
const RETURNED_BYTES = 2000; // ten matches with ids, scores and metadata

/** Bytes of one record as a client sees it: 4 a dimension, id and metadata. */
export function recordBytes(month) {
  return month.dimension * 4 + month.metadataBytes + ID_BYTES;
}

/** What the month uses here: a unit for each query, and one for each KB begun of each record written. */
export function units(month) {
  const written = month.dimension * 4 + month.metadataBytes;
  return {
    readUnits: month.queries,
    writeUnits: month.writes * Math.max(1, Math.ceil(written / 1024)),
    storageBytes: month.records * recordBytes(month),
  };
}

/**
 * Each plan with its dollars for the month: [{name, title, dollars, parts, why}]. `dollars` is null where the plan refuses
 * the month, and `why` says what is too much. `figures` is {plans, prices} of plans.toml, in micro-dollars.
 */
export function plans(figures, month) {
  const used = units(month);
  return Object.entries(figures.plans).map(([name, plan]) => {
    const over = {
      readUnits: Math.max(0, used.readUnits - plan.included.read_units),
      writeUnits: Math.max(0, used.writeUnits - plan.included.write_units),
      storageBytes: Math.max(0, used.storageBytes - plan.included.storage_bytes),
    };
    const why = refused(plan, month, over);
    if (why !== null) return { name, title: plan.title, dollars: null, parts: null, why };
    const parts = {
      plan: plan.month_micro_dollars / MILLION,
      reads: ((over.readUnits / MILLION) * figures.prices.million_read_units) / MILLION,
      writes: ((over.writeUnits / MILLION) * figures.prices.million_write_units) / MILLION,
      storage: ((over.storageBytes / GB) * figures.prices.gigabyte_month) / MILLION,
    };
    const dollars = parts.plan + parts.reads + parts.writes + parts.storage;
    return { name, title: plan.title, dollars, parts, why: null };
  });
}

/** The plan that takes the month for the least; null where none does. */
export function cheapest(offers) {
  const taken = offers.filter((offer) => offer.dollars !== null);
  return taken.reduce((best, offer) => (best === null || offer.dollars < best.dollars ? offer : best), null);
}

function refused(plan, month, over) {
  if (month.dimension > plan.limits.dimension) return `at most ${plan.limits.dimension} dimensions`;
  if (month.records > plan.limits.vectors) return `at most ${plan.limits.vectors.toLocaleString("en")} records of a project`;
  if (plan.overage) return null;
  if (over.readUnits > 0) return `includes ${plan.included.read_units.toLocaleString("en")} read units`;
  if (over.writeUnits > 0) return `includes ${plan.included.write_units.toLocaleString("en")} write units`;
  return over.storageBytes > 0 ? `includes ${plan.included.storage_bytes / GB} GB` : null;
}

/** The same month at others by their list prices: {name: dollars}. What is charged, not what one gets. */
export function others(month) {
  return Object.fromEntries(Object.entries(PEERS).map(([name, price]) => [name, price(month)]));
}

const PEERS = {
  "Pinecone serverless (Standard)": (month) => {
    const size = (month.records * recordBytes(month)) / GB;
    const queries = (month.queries * Math.max(0.25, size) * 16) / MILLION;
    const writes = (month.writes * Math.max(5, Math.ceil(recordBytes(month) / 1024)) * 4) / MILLION;
    return Math.max(50, 0.33 * size + queries + writes);
  },
  "turbopuffer (Launch)": (month) => {
    const size = (month.records * recordBytes(month)) / GB;
    const queries = month.queries * (Math.max(1.28, size) / MILLION + (RETURNED_BYTES / GB) * 0.05);
    const writes = ((month.writes * Math.max(10_000, recordBytes(month))) / GB) * 2;
    return Math.max(16, 0.33 * size + queries + writes);
  },
  "Amazon S3 Vectors": (month) => {
    const first = Math.min(month.records, 100_000);
    const query = (recordBytes(month) * (first * 0.004 + (month.records - first) * 0.002)) / TIB;
    const puts = ((month.writes * Math.max(128 * 1024, recordBytes(month))) / GIB) * 0.2;
    return ((month.records * recordBytes(month)) / GIB) * 0.06 + puts + month.queries * (2.5 / MILLION + query);
  },
  "Cloudflare Vectorize": (month) => {
    const stored = month.records * month.dimension;
    return 5 + ((stored + month.queries * month.dimension) * 0.01) / MILLION + (stored * 0.05) / (100 * MILLION);
  },
  "Upstash Vector (pay as you go)": (month) => {
    const stored = (month.records * (month.dimension * 4 + month.metadataBytes)) / GB;
    return ((month.queries + month.writes) * 0.4) / 100_000 + stored * 0.25;
  },
};
