// Rows of a Parquet file, a part of a row group at a time. Loaded, with the reader that it needs, when one is chosen.

import { parquetMetadataAsync, parquetReadObjects } from "../vendor/hyparquet/index.js";
import { Mistake } from "./problem.js";
import { say } from "./settings.js";

const ROWS_AT_ONCE = 2_000;

/** {line, values}: the line is the number of the row. */
export async function* parquetRows(file, seen) {
  const buffer = { byteLength: file.size, slice: (start, end) => file.slice(start, end).arrayBuffer() };
  const metadata = await understood(() => parquetMetadataAsync(buffer));
  const count = Number(metadata.num_rows);
  for (let first = 0; first < count; first += ROWS_AT_ONCE) {
    const last = Math.min(count, first + ROWS_AT_ONCE);
    const rows = await understood(() => parquetReadObjects({ file: buffer, metadata, rowStart: first, rowEnd: last }));
    for (const [at, values] of rows.entries()) yield { line: first + at + 1, values: plain(values) };
    seen((file.size * last) / count);
  }
}

async function understood(read) {
  try {
    return await read();
  } catch (error) {
    throw new Mistake(say("rows.no_parquet", { why: error.message }));
  }
}

/** What JSON has: whole numbers beyond what it holds exactly become text, times become text, bytes stay bytes. */
function plain(value) {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof Date) return value.toISOString();
  if (ArrayBuffer.isView(value)) return value instanceof Uint8Array ? value : Array.from(value, plain);
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]));
}
