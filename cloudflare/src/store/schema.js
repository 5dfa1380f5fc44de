// The tables of one tenant. A record or key has one row with its state and its place in the feed: the latest change
// alone is kept, and an id that changes moves to a new place.
//
// HAZARD: tables are only ever added to. An object that was written by an earlier release is opened by this one.

const STATEMENTS = [
  // `touched_ms` is when the state was taken here; a row that is not live is forgotten some days after that.
  `CREATE TABLE IF NOT EXISTS records (
     id TEXT PRIMARY KEY,
     place INTEGER NOT NULL,
     base TEXT NOT NULL,
     live INTEGER NOT NULL,
     patched INTEGER NOT NULL,
     bucket INTEGER NOT NULL,
     hash INTEGER NOT NULL,
     touched_ms INTEGER NOT NULL,
     metadata TEXT NOT NULL,
     vector BLOB
   )`,
  // What the feed looks at to leave a change out, so that it need not read the record.
  "CREATE INDEX IF NOT EXISTS records_feed ON records (place, base, patched, id)",
  // What digests and the entries behind them are made of.
  "CREATE INDEX IF NOT EXISTS records_bucket ON records (bucket, id, live, hash)",
  "CREATE INDEX IF NOT EXISTS records_dead ON records (touched_ms) WHERE live = 0",
  // `value` is JSON; NULL where the field was removed.
  `CREATE TABLE IF NOT EXISTS patches (
     id TEXT NOT NULL,
     field TEXT NOT NULL,
     version TEXT NOT NULL,
     value TEXT,
     PRIMARY KEY (id, field)
   )`,
  // The live records that expire.
  "CREATE TABLE IF NOT EXISTS expiries (id TEXT PRIMARY KEY, at_ms INTEGER NOT NULL)",
  "CREATE INDEX IF NOT EXISTS expiries_at ON expiries (at_ms)",
  `CREATE TABLE IF NOT EXISTS keys (
     key TEXT PRIMARY KEY,
     place INTEGER NOT NULL,
     version TEXT NOT NULL,
     live INTEGER NOT NULL,
     expires_at_ms INTEGER,
     bucket INTEGER NOT NULL,
     hash INTEGER NOT NULL,
     touched_ms INTEGER NOT NULL,
     content_type TEXT NOT NULL
   )`,
  "CREATE INDEX IF NOT EXISTS keys_feed ON keys (place, version, key)",
  "CREATE INDEX IF NOT EXISTS keys_bucket ON keys (bucket, key, live, expires_at_ms, hash)",
  "CREATE INDEX IF NOT EXISTS keys_dead ON keys (touched_ms) WHERE live = 0",
  "CREATE INDEX IF NOT EXISTS keys_expiring ON keys (expires_at_ms) WHERE live = 1 AND expires_at_ms IS NOT NULL",
  // A value in parts: a row holds at most 2 MB.
  `CREATE TABLE IF NOT EXISTS chunks (
     key TEXT NOT NULL,
     part INTEGER NOT NULL,
     body BLOB NOT NULL,
     PRIMARY KEY (key, part)
   )`,
  // Erasures of the other site: since when this one does them, and since when nothing is left that it can tell of.
  `CREATE TABLE IF NOT EXISTS erasures (
     id TEXT PRIMARY KEY,
     begun_ms INTEGER NOT NULL,
     gone_ms INTEGER
   )`,
  // Rates of the tenant's grant and of its keys: how far ahead each is at most (gcra.js).
  "CREATE TABLE IF NOT EXISTS rates (name TEXT PRIMARY KEY, tat_us INTEGER NOT NULL)",
  // One row: how far this tenant is.
  `CREATE TABLE IF NOT EXISTS progress (
     only INTEGER PRIMARY KEY CHECK (only = 1),
     incarnation TEXT NOT NULL,
     head INTEGER NOT NULL,
     milliseconds INTEGER NOT NULL,
     counter INTEGER NOT NULL,
     records_forgotten INTEGER NOT NULL,
     keys_forgotten INTEGER NOT NULL
   )`,
];

export function createTables(sql) {
  for (const statement of STATEMENTS) sql.exec(statement);
}
