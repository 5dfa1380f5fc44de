// What a namespace takes of a machine, by what was measured from a thousand records to a million. Pure.
//
// `growth` are the measured points, [{rows, dimension, p50, p99, queriesPerCpuSecond, indexBytes, ownMegabytes}], of one
// precision, rows ascending; docs/growth.md has them with their conditions. Between two points it goes straight on a
// logarithmic scale. Beyond what was measured nothing is said.

/** Bytes on disk of each part, for all records: {vectors, records, index, together}. `precision` is "f32" or "f16". */
export function disk(growth, { records, dimension, metadataBytes, precision }) {
  const number = precision === "f16" ? 2 : 4;
  const vectors = records * (dimension * number + 4);
  const held = records * (metadataBytes + 32);
  // The index holds codes of each dimension, so it grows with them.
  const index = records * ((at(growth, records, "indexBytes") ?? last(growth).indexBytes) * (dimension / growth[0].dimension));
  return { vectors, records: held, index, together: vectors + held + index };
}

/**
 * How fast a warm query is, one at a time: {p50, p99, queriesPerCpuSecond}, in milliseconds. Null where that many records,
 * or vectors of more dimensions than were measured, would be a guess.
 */
export function latency(growth, { records, dimension }) {
  if (dimension > growth[0].dimension || records > last(growth).rows) return null;
  const rows = Math.max(records, growth[0].rows);
  return {
    p50: at(growth, rows, "p50"),
    p99: at(growth, rows, "p99"),
    queriesPerCpuSecond: at(growth, rows, "queriesPerCpuSecond"),
  };
}

/** How many cores such a rate of queries keeps busy, at most 70 % of each; null where the latency is. */
export function cores(growth, { records, dimension, queriesPerSecond }) {
  const measured = latency(growth, { records, dimension });
  return measured === null ? null : Math.max(1, Math.ceil(queriesPerSecond / (measured.queriesPerCpuSecond * 0.7)));
}

function at(growth, rows, name) {
  const after = growth.findIndex((point) => point.rows >= rows);
  if (after < 0) return null;
  if (after === 0) return growth[0][name];
  const [low, high] = [growth[after - 1], growth[after]];
  const share = Math.log(rows / low.rows) / Math.log(high.rows / low.rows);
  return low[name] + (high[name] - low[name]) * share;
}

function last(growth) {
  return growth[growth.length - 1];
}
