// Every limit on input, in one place. Those of the contract are the same on every deployment: a client must not notice
// which one answers it.

export const SERVICE = "QuartzDB";
export const VERSION = "0.2.0";

export const NAMESPACE = "default";
export const DIMENSION = 384;
export const METRIC = "cosine";

export const ID_PATTERN = /^[A-Za-z0-9_-]{1,256}$/;
// What the other site's own API takes: printable text. /api has none of it but what ID_PATTERN has.
export const FOREIGN_ID_PATTERN = /^(?!\.{1,2}$)[^\u0000-\u001f\u007f-\u009f\u2028\u2029\u{10ffff}]+$/u;
export const FOREIGN_ID_BYTES_MAX = 512;
export const DIMENSION_MAX = 4096;
export const METADATA_BYTES_MAX = 32 * 1024;
export const METADATA_DEPTH_MAX = 32;
// How long after its moment a record that has expired is kept: a patch that prolonged it in time may still come.
export const PURGED_AFTER_SECONDS = 60;
export const BATCH_MAX = 100;
export const K_DEFAULT = 10;
export const K_MAX = 1_000;
export const RESULTS_MAX = 100;
export const KEY_CHARACTERS_MAX = 512;
export const VALUE_BYTES_MAX = 10 * 1024 * 1024;
export const CONTENT_TYPE_CHARACTERS_MAX = 256;

// What a JSON body may be, by what it is for: its bytes as sent and decompressed, and what is counted in them before they
// are parsed. Those of the other deployment, but for what would not fit beside its objects in an isolate's 128 MB.
const json = (bytesMax, valuesMax, containersMax) => ({ bytesMax, valuesMax, containersMax, depthMax: 64 });
export const BODY_BYTES_MAX = 64 * 1024 * 1024;
const LARGE_BYTES_MAX = 24 * 1024 * 1024;
export const SMALL_JSON = json(64 * 1024, 2_048, 256);
export const QUERY_JSON = json(2 * 1024 * 1024, 30_000, 2_048);
export const RECORD_JSON = json(512 * 1024, 30_000, 16_384);
export const RECORDS_JSON = json(LARGE_BYTES_MAX, 2_000_000, 250_000);
export const VALUE_JSON = json(BODY_BYTES_MAX, 2_048, 256);
export const IDS_JSON = json(4 * 1024 * 1024, 40_000, 2_048);

// Lengths between which products of two vectors keep their digits in 32-bit floats.
export const LENGTH_MAX = 1e15;
export const LENGTH_MIN = 1e-15;

// Replication.
export const AHEAD_MS_MAX = 500;
export const CHANGES_MAX = 500;
export const PAGE_BYTES_MAX = 4 * 1024 * 1024;
export const ENVELOPE_BYTES_MAX = 64 * 1024;
export const SECRET_CHARACTERS_MIN = 16;
export const ENTRIES_MAX = 1_000;
export const FETCH_MAX = 100;
export const API_KEYS_MAX = 500;
export const GRANTS_MAX = 500;
export const ERASURES_MAX = 500;
export const KEY_NAMESPACES_MAX = 100;
// Of what a namespace declares, as JSON.
export const DECLARED_CHARACTERS_MAX = 64 * 1024;
// The end of the year 9999, the last that a date can say: a later time could be stored, but never be shown.
export const TIME_MS_MAX = 253_402_300_799_999;
// A record that many patches made large. One field is never larger than a row of the storage takes.
export const FOREIGN_METADATA_BYTES_MAX = 1024 * 1024;
// SQLite rows here have at most 2 MB, and a statement at most 100 parameters.
export const CHUNK_BYTES = 1024 * 1024;
export const PARAMETERS_MAX = 100;

// What a grant may say: requests a second, and texts.
export const RATE_MAX = 1_000_000;
export const TEXT_CHARACTERS_MAX = 500;
// How long the word stays that a tenant is gone; and how long what may have come meanwhile is looked for again.
export const GONE_KEPT_MS = 7 * 24 * 3_600_000;
export const GONE_AGAIN_MS = 3_600_000;

export const TOMBSTONE_SECONDS = 7 * 24 * 3600;
export const KEY_CACHE_MS = 5_000;
export const HEALTH_CACHE_MS = 1_000;
