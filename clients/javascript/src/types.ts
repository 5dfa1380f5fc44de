// What requests and answers are made of. Written from the OpenAPI document: `make clients-types`.

import type { VectorLike } from "./vectors.js";

/** All of it exact. Without `group_by` there is one group, of all records. */
export interface AggregateAnswer {
  /** Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for. */
  freshness?: Freshness | null;
  /** Records that the filter accepts. */
  records: number;
  /** Of these, those that have no value of some field of `group_by`. */
  missing: number;
  groups: Array<Group>;
  /** Whether there are further groups. */
  more: boolean;
  usage: Receipt;
}

/** What to make of a field's values. A record counts for each value, and for each element of an array; null is no value. */
export interface AggregateBody {
  /** `count` of values, `distinct` ones, `min` and `max` (of numbers, or of strings where there are no numbers), `sum`, `average` and `percentiles` of numbers, `top` values by how often they come. */
  kind: "count" | "distinct" | "min" | "max" | "sum" | "average" | "percentiles" | "top";
  /** A metadata field; `a.b` names a nested one. */
  field: string;
  /** 0 to 100, for `percentiles`: each answer is a number that is there (nearest rank). */
  percentiles?: Array<number>;
  /** How many values of `top`. */
  limit?: number;
}

/** Which records, in which groups, and what of each. */
export interface AggregateQuery {
  /** Conditions on metadata fields; `a.b` names a nested one. A value stands for equality; operators are $eq $ne $gt $gte $lt $lte $in $nin $exists $prefix $contains, and $and $or $not around them (of an array of filters $not holds if none does). An array equals each of its elements: $eq and $in hold if any element is meant, $ne and $nin if none is; $contains asks for an element alone. {} matches everything. */
  filter?: { [name: string]: unknown } | null;
  groupBy?: Array<string>;
  aggregates?: { [name: string]: AggregateBody };
  /** How many groups, the largest first. */
  limit?: number;
  /** `strong` sees every write that was acknowledged before; `eventual` may be some seconds behind. */
  consistency?: "strong" | "eventual";
  /** The `version` of an earlier answer: this request is ordered after it, and sees it. */
  version?: string | null;
  /** Do nothing, and answer what it would have used: `{"dry_run": true, "usage": …}`. Of a read that is found out by reading. */
  dryRun?: boolean;
}

/** One change of a record, or its expiry. */
export interface Change {
  /** `upsert`: the record is exactly this now. `patch`: some metadata fields changed. `delete`: it is gone, if it was there. `expire`: it was there, and its moment came. */
  kind: "upsert" | "patch" | "delete" | "expire";
  /** 1 to 512 bytes of printable text in UTF-8, compared code point by code point and never normalised; '.' and '..' are none. */
  id: string;
  /** When and by whom a change was made. Opaque; later versions win. */
  version: string;
  /** Which shard it is in. What one shard has comes in commit order. */
  shard: number;
  /** When it was committed at this site: events of a shard are in this order. */
  at: string;
  /** Of an upsert, where asked for. */
  vector?: Float32Array | null;
  /** Of an upsert, where asked for. */
  metadata?: { [name: string]: unknown } | null;
  /** Of a patch, where metadata is asked for. */
  set?: { [name: string]: unknown } | null;
  /** Of a patch, where metadata is asked for. */
  unset?: Array<string> | null;
  /** When the record expires: RFC 3339, in UTC. Of an upsert, missing where it never does; of a patch, missing where that stays as it was, and null where it never does from now on. Of an expiry, when it did. */
  expiresAt?: string | null;
}

/** What changed. */
export interface ChangePage {
  /** Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for. */
  freshness?: Freshness | null;
  changes: Array<Change>;
  /** Where to go on. There always is one. */
  cursor: string;
  /** Whether there is more at once; else go on with `wait`. */
  more: boolean;
  /** All that was committed at this site, and has expired, up to then was told, up to this page. */
  completeUntil: string;
  usage: Receipt;
}

/** Part by part. */
export interface Checks {
  storage: "ok" | "fail";
  vectorIndex: "ok" | "fail";
}

/** Which records to count; all of them without a filter. */
export interface Count {
  /** Conditions on metadata fields; `a.b` names a nested one. A value stands for equality; operators are $eq $ne $gt $gte $lt $lte $in $nin $exists $prefix $contains, and $and $or $not around them (of an array of filters $not holds if none does). An array equals each of its elements: $eq and $in hold if any element is meant, $ne and $nin if none is; $contains asks for an element alone. {} matches everything. */
  filter?: { [name: string]: unknown } | null;
  /** `strong` sees every write that was acknowledged before; `eventual` may be some seconds behind. */
  consistency?: "strong" | "eventual";
  /** The `version` of an earlier answer: this request is ordered after it, and sees it. */
  version?: string | null;
  /** Do nothing, and answer what it would have used: `{"dry_run": true, "usage": …}`. Of a read that is found out by reading. */
  dryRun?: boolean;
}

/** How many records there are, or match. */
export interface CountResult {
  /** Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for. */
  freshness?: Freshness | null;
  count: number;
  usage: Receipt;
}

/** Keys to delete; one that does not exist is no error. */
export interface DeleteItems {
  keys: Array<string>;
  /** The `version` of an earlier answer: this request is ordered after it, and sees it. */
  version?: string | null;
  /** Do nothing, and answer what it would have used: `{"dry_run": true, "usage": …}`. Of a read that is found out by reading. */
  dryRun?: boolean;
}

/** What to delete: exactly one of `ids` and `filter`. */
export interface DeleteRequest {
  ids?: Array<string> | null;
  /** Conditions on metadata fields; `a.b` names a nested one. A value stands for equality; operators are $eq $ne $gt $gte $lt $lte $in $nin $exists $prefix $contains, and $and $or $not around them (of an array of filters $not holds if none does). An array equals each of its elements: $eq and $in hold if any element is meant, $ne and $nin if none is; $contains asks for an element alone. {} matches everything. */
  filter?: { [name: string]: unknown } | null;
  /** The `version` of an earlier answer: this request is ordered after it, and sees it. */
  version?: string | null;
  /** Do nothing, and answer what it would have used: `{"dry_run": true, "usage": …}`. Of a read that is found out by reading. */
  dryRun?: boolean;
}

/** How many records existed and are gone now. */
export interface Deleted {
  deleted: number;
  /** Null where a filter matched nothing, so nothing was written. */
  version: string | null;
  /** Whether the filter matches further records: send the request again. */
  more: boolean;
  usage: Receipt;
}

/** What to erase: exactly one of `ids`, `keys` and `filter`. */
export interface EraseRequest {
  ids?: Array<string> | null;
  keys?: Array<string> | null;
  /** Conditions on metadata fields; `a.b` names a nested one. A value stands for equality; operators are $eq $ne $gt $gte $lt $lte $in $nin $exists $prefix $contains, and $and $or $not around them (of an array of filters $not holds if none does). An array equals each of its elements: $eq and $in hold if any element is meant, $ne and $nin if none is; $contains asks for an element alone. {} matches everything. */
  filter?: { [name: string]: unknown } | null;
  /** The `version` of an earlier answer: this request is ordered after it, and sees it. */
  version?: string | null;
}

/** It is deleted, and is being erased. */
export interface ErasureBegun {
  id: string;
  status: "pending" | "gone";
  /** How many of them existed. */
  deleted: number;
  /** Null where a filter matched nothing, so nothing was written. */
  version: string | null;
  /** Whether the filter matches further records: send the request again. */
  more: boolean;
  usage: Receipt;
}

/** A page of erasures, the oldest first. */
export interface ErasurePage {
  erasures: Array<ErasureReport>;
  /** Where the next page begins; null at the end of the listing. */
  cursor: string | null;
}

/** A place that may have something of it. */
export interface ErasurePlace {
  place: "segments" | "log" | "files" | "values" | "keys" | "idempotent_answers" | "peer";
  status: "pending" | "gone";
  /** Since when it is gone. */
  at: string | null;
  /** When it is gone at the latest, where that is known. */
  until: string | null;
  /** Why it is kept, where that is no matter of work to be done. */
  why: string | null;
}

/** What is gone from where. */
export interface ErasureReport {
  id: string;
  /** `gone`: from all places. */
  status: "pending" | "gone";
  /** RFC 3339, in UTC, to the millisecond. */
  requestedAt: string;
  /** How many of them existed. */
  deleted: number;
  places: Array<ErasurePlace>;
  /** What no erasure reaches, and how long that is kept. */
  copies: Array<string>;
}

/** The parts by which the record was found. */
export interface Explanation {
  vector?: PartRank | null;
  text?: PartRank | null;
  sparse?: PartRank | null;
}

/** Which records to read. */
export interface Fetch {
  ids: Array<string>;
  /** How vectors are written: as numbers, or as base64 of little-endian 32-bit floats. */
  encoding?: "numbers" | "base64";
  /** `strong` sees every write that was acknowledged before; `eventual` may be some seconds behind. */
  consistency?: "strong" | "eventual";
  /** The `version` of an earlier answer: this request is ordered after it, and sees it. */
  version?: string | null;
  /** Do nothing, and answer what it would have used: `{"dry_run": true, "usage": …}`. Of a read that is found out by reading. */
  dryRun?: boolean;
}

/** The records that exist, in the order asked for, and the ids of those that do not. */
export interface Fetched {
  /** Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for. */
  freshness?: Freshness | null;
  records: Array<RecordInList>;
  missing: Array<string>;
  usage: Receipt;
}

/** A metadata field that some record has. */
export interface Field {
  field: string;
  /** Records that have anything there: a value, null, an array or an object. */
  records: number;
  values: Array<Values>;
}

/** The fields, in order. */
export interface FieldsAnswer {
  /** Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for. */
  freshness?: Freshness | null;
  fields: Array<Field>;
  /** Whether there are further fields: 1,000 are shown. */
  more: boolean;
  usage: Receipt;
}

/** How far behind the active site an answer is that another site gave. */
export interface Freshness {
  consistency: "eventual";
  /** For how many milliseconds writes at the active site may be missing; null where nobody knows. */
  behindMs: number | null;
  /** Everything that the active site took up to then is in the answer: unix time in milliseconds. */
  recoveryPointMs: number | null;
  /** The same as a version: every write of the active site up to it is there. */
  version: string | null;
}

/** How the rankings of several parts become one. `rrf`, which is meant where nothing is said: the sum of 1 / (k + rank). `weighted`: the sum of weights times scores, those of each part stretched to 0 … 1. */
export interface Fusion {
  method?: "rrf" | "weighted";
  k?: number;
  vector?: number;
  text?: number;
  sparse?: number;
}

/** Which items to read. */
export interface GetItems {
  keys: Array<string>;
  /** `strong` sees every write that was acknowledged before; `eventual` may be some seconds behind. */
  consistency?: "strong" | "eventual";
  /** The `version` of an earlier answer: this request is ordered after it, and sees it. */
  version?: string | null;
  /** Do nothing, and answer what it would have used: `{"dry_run": true, "usage": …}`. Of a read that is found out by reading. */
  dryRun?: boolean;
}

/** Groups of matches by the value of a metadata field. */
export interface GroupByField {
  /** `a.b` names a nested one. A record is in the group of each of its values, elements of arrays included; without any, or with null, it is in none. */
  field: string;
  /** How many matches of each group. */
  perGroup?: number;
  /** How many groups; with `per_group` matches each, 1000 matches at most. */
  groups?: number;
}

/** Records that have these values. A string longer than 256 characters is shown by its beginning. */
export interface Group {
  /** By field of `group_by`. */
  values: { [name: string]: unknown };
  records: number;
  /** By name: a value, null where there was nothing; percentiles by percentile; top values with counts. */
  aggregates: { [name: string]: unknown };
}

/** Whether this deployment can serve. */
export interface Health {
  status: "healthy" | "degraded";
  service: string;
  version: string;
  /** Since this process began. */
  uptimeSeconds: number;
  checks: Checks;
}

/** A page of ids in order. */
export interface IdPage {
  /** Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for. */
  freshness?: Freshness | null;
  ids: Array<string>;
  /** Where the next page begins; null at the end of the listing. */
  cursor: string | null;
  usage: Receipt;
}

/** An item: `value` where its bytes are UTF-8 text, else `value_base64`; neither where only keys were asked for. */
export interface Item {
  /** Any Unicode text, compared code point by code point and never normalised. */
  key: string;
  /** When and by whom a change was made. Opaque; later versions win. */
  version: string;
  contentType: string;
  expiresAt: string | null;
  value?: string | null;
  valueBase64?: string | null;
}

/** A page of items in key order. */
export interface ItemPage {
  /** Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for. */
  freshness?: Freshness | null;
  items: Array<Item>;
  /** Where the next page begins; null at the end of the listing. */
  cursor: string | null;
  usage: Receipt;
}

/** An item to be written, with exactly one of `value`, `value_base64` and `json`. */
export interface ItemToPut {
  /** Any Unicode text, compared code point by code point and never normalised. */
  key: string;
  /** Text; kept as UTF-8. */
  value?: string | null;
  /** Bytes, in standard base64. */
  valueBase64?: string | null;
  /** Any JSON value; kept as compact JSON text. */
  json?: unknown;
  /** By default text/plain, application/octet-stream or application/json, by how the value is given. */
  contentType?: string | null;
  /** Seconds until the item is gone; for ever without it. */
  ttlSeconds?: number | null;
}

/** How many keys existed. */
export interface ItemsDeleted {
  deleted: number;
  /** When and by whom a change was made. Opaque; later versions win. */
  version: string;
  usage: Receipt;
}

/** The items that exist, in the order asked for, and the keys of those that do not. */
export interface ItemsFound {
  /** Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for. */
  freshness?: Freshness | null;
  items: Array<Item>;
  missing: Array<string>;
  usage: Receipt;
}

/** How many items were written, at which version. */
export interface ItemsPut {
  put: number;
  /** When and by whom a change was made. Opaque; later versions win. */
  version: string;
  usage: Receipt;
}

/** What a key is now, that changed; with history, one change of it, or its expiry. */
export interface KeyChange {
  kind: "put" | "delete" | "expire";
  /** Any Unicode text, compared code point by code point and never normalised. */
  key: string;
  /** When and by whom a change was made. Opaque; later versions win. */
  version: string;
  /** When it was committed at this site: events of a shard are in this order. */
  at: string;
  /** Of a put, as the next three. */
  contentType?: string;
  expiresAt?: string | null;
  /** Where asked for, and text. */
  value?: string | null;
  /** Where asked for, and no text. */
  valueBase64?: string | null;
  /** Of a put whose value is too large for the history: how large it was. */
  valueBytes?: number | null;
}

/** Which keys changed. */
export interface KeyChangePage {
  /** Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for. */
  freshness?: Freshness | null;
  changes: Array<KeyChange>;
  /** Where to go on. There always is one. */
  cursor: string;
  /** Whether there is more at once; else go on with `wait`. */
  more: boolean;
  /** All that was committed at this site, and has expired, up to then was told, up to this page. */
  completeUntil: string;
  /** Whether every change is told: the namespace keeps a history of its keys. Else each key comes with its last state. */
  history: boolean;
  usage: Receipt;
}

/** A key with its text, which can be seen this once. */
export interface KeyCreated {
  id: string;
  /** What the key is for, for people. */
  name: string;
  scopes: Array<"read" | "write" | "admin">;
  /** RFC 3339, in UTC, to the millisecond. */
  createdAt: string;
  expiresAt: string | null;
  revokedAt: string | null;
  /** The only ones that it reaches; null: all. */
  namespaces: Array<string> | null;
  /** The id of the key that it was made with; null: made where the database is. */
  createdBy: string | null;
  /** At this site, some minutes old at most; null: no use was noted. */
  lastUsedAt: string | null;
  key: string;
}

/** Whether the key existed. */
export interface KeyDeleted {
  deleted: boolean;
  /** When and by whom a change was made. Opaque; later versions win. */
  version: string;
  usage: Receipt;
}

/** All keys by creation time, revoked ones included. */
export interface KeyList {
  keys: Array<KeySummary>;
}

/** The key before, and when it ends. */
export interface KeyReplaced {
  id: string;
  /** RFC 3339, in UTC, to the millisecond. */
  expiresAt: string;
}

/** The key has ended. */
export interface KeyRevoked {
  revoked: boolean;
  /** The keys that have ended: this one first. */
  ids: Array<string>;
}

/** The key that follows another. */
export interface KeyRotated {
  id: string;
  /** What the key is for, for people. */
  name: string;
  scopes: Array<"read" | "write" | "admin">;
  /** RFC 3339, in UTC, to the millisecond. */
  createdAt: string;
  expiresAt: string | null;
  revokedAt: string | null;
  /** The only ones that it reaches; null: all. */
  namespaces: Array<string> | null;
  /** The id of the key that it was made with; null: made where the database is. */
  createdBy: string | null;
  /** At this site, some minutes old at most; null: no use was noted. */
  lastUsedAt: string | null;
  key: string;
  replaces: KeyReplaced;
}

/** A key without its secret. */
export interface KeySummary {
  id: string;
  /** What the key is for, for people. */
  name: string;
  scopes: Array<"read" | "write" | "admin">;
  /** RFC 3339, in UTC, to the millisecond. */
  createdAt: string;
  expiresAt: string | null;
  revokedAt: string | null;
  /** The only ones that it reaches; null: all. */
  namespaces: Array<string> | null;
  /** The id of the key that it was made with; null: made where the database is. */
  createdBy: string | null;
  /** At this site, some minutes old at most; null: no use was noted. */
  lastUsedAt: string | null;
}

/** Which records, in which order, and what of each. */
export interface ListMatching {
  /** Conditions on metadata fields; `a.b` names a nested one. A value stands for equality; operators are $eq $ne $gt $gte $lt $lte $in $nin $exists $prefix $contains, and $and $or $not around them (of an array of filters $not holds if none does). An array equals each of its elements: $eq and $in hold if any element is meant, $ne and $nin if none is; $contains asks for an element alone. {} matches everything. */
  filter?: { [name: string]: unknown } | null;
  orderBy?: OrderBy | null;
  /** How many to a page. */
  limit?: number;
  /** The `cursor` of the page before, with all other parameters the same. None begins. */
  cursor?: string | null;
  /** `base64` is the compact form. */
  includeVectors?: true | false | "base64";
  /** Whether metadata is shown, or which fields of it; `a.b` names a nested one. */
  includeMetadata?: unknown;
  /** `strong` sees every write that was acknowledged before; `eventual` may be some seconds behind. */
  consistency?: "strong" | "eventual";
  /** The `version` of an earlier answer: this request is ordered after it, and sees it. */
  version?: string | null;
  /** Do nothing, and answer what it would have used: `{"dry_run": true, "usage": …}`. Of a read that is found out by reading. */
  dryRun?: boolean;
}

/** A record, with what was asked for. */
export interface ListedRecord {
  /** 1 to 512 bytes of printable text in UTF-8, compared code point by code point and never normalised; '.' and '..' are none. */
  id: string;
  /** When and by whom a change was made. Opaque; later versions win. */
  version: string;
  /** The numbers, or their little-endian 32-bit floats in base64, which is smaller and faster. */
  vector?: Float32Array;
  metadata?: { [name: string]: unknown } | null;
  /** When the record expires: RFC 3339, in UTC, to the millisecond. Not there where it never does. */
  expiresAt?: string | null;
}

/** One match. Scores are higher for better matches, distances lower; only a search by vector alone has distances. */
export interface Match {
  /** 1 to 512 bytes of printable text in UTF-8, compared code point by code point and never normalised; '.' and '..' are none. */
  id: string;
  score: number;
  distance?: number | null;
  explain?: Explanation | null;
  /** When and by whom a change was made. Opaque; later versions win. */
  version: string;
  /** The numbers, or their little-endian 32-bit floats in base64, which is smaller and faster. */
  vector?: Float32Array;
  metadata?: { [name: string]: unknown } | null;
  /** When the record expires: RFC 3339, in UTC, to the millisecond. Not there where it never does. */
  expiresAt?: string | null;
}

/** Matches with one value, best first. Of a string longer than 256 characters the value is the beginning. */
export interface MatchGroup {
  value: unknown;
  matches: Array<Match>;
}

/** The name is free again. */
export interface NamespaceDeleted {
  deleted: boolean;
}

/** A namespace with what it holds. */
export interface NamespaceDescription {
  /** Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for. */
  freshness?: Freshness | null;
  /** 1 to 63 characters: lower-case letters, digits, '-' and '_', beginning with a letter or digit. */
  name: string;
  /** How many numbers each vector has. Without it records have no vectors; if no text or sparse field is declared either, the namespace holds key-values only. */
  dimension: number | null;
  metric: "cosine" | "dot" | "euclidean";
  engine: "auto" | "exact" | "annoy" | "ivf" | "hnsw";
  precision: "f32" | "f16";
  /** Over how many partitions the records are spread, by a hash of the id. */
  shards: number;
  /** After so many days at most, rows that were deleted or replaced are dropped from segments. */
  purgeAfterDays: number;
  /** Metadata fields that are searched as text: strings, or arrays of strings. */
  text: { [name: string]: TextFieldSettings };
  /** Metadata fields that hold sparse vectors: `{"indices": [], "values": []}`. */
  sparse: Array<string>;
  /** Whether every change of a key-value is kept for change feeds, with its value up to 32 KB; else a feed tells the last state of each key. Puts cost more with it: docs/changes.md says what. */
  keyHistory: boolean;
  /** RFC 3339, in UTC, to the millisecond. */
  createdAt: string;
  stats: NamespaceStatistics;
}

/** A page of namespaces in name order. */
export interface NamespacePage {
  namespaces: Array<NamespaceSummary>;
  /** Where the next page begins; null at the end of the listing. */
  cursor: string | null;
}

/** What a namespace holds. */
export interface NamespaceStatistics {
  records: number;
  /** Rows of segments that were replaced or deleted, until a compaction. */
  deletedRows: number;
  /** Rows that are searched from the log, until they are in a segment. */
  tailRows: number;
  segmentBytes: number;
  keys: number;
  keyValueBytes: number;
  segments: Array<SegmentSummary>;
  /** Why an older snapshot is served in place of a damaged one. */
  degraded: string | null;
}

/** A namespace and its settings. */
export interface NamespaceSummary {
  /** 1 to 63 characters: lower-case letters, digits, '-' and '_', beginning with a letter or digit. */
  name: string;
  /** How many numbers each vector has. Without it records have no vectors; if no text or sparse field is declared either, the namespace holds key-values only. */
  dimension: number | null;
  metric: "cosine" | "dot" | "euclidean";
  engine: "auto" | "exact" | "annoy" | "ivf" | "hnsw";
  precision: "f32" | "f16";
  /** Over how many partitions the records are spread, by a hash of the id. */
  shards: number;
  /** After so many days at most, rows that were deleted or replaced are dropped from segments. */
  purgeAfterDays: number;
  /** Metadata fields that are searched as text: strings, or arrays of strings. */
  text: { [name: string]: TextFieldSettings };
  /** Metadata fields that hold sparse vectors: `{"indices": [], "values": []}`. */
  sparse: Array<string>;
  /** Whether every change of a key-value is kept for change feeds, with its value up to 32 KB; else a feed tells the last state of each key. Puts cost more with it: docs/changes.md says what. */
  keyHistory: boolean;
  /** RFC 3339, in UTC, to the millisecond. */
  createdAt: string;
}

/** What one namespace uses. */
export interface NamespaceUsage {
  /** 1 to 63 characters: lower-case letters, digits, '-' and '_', beginning with a letter or digit. */
  name: string;
  records: number;
  segmentBytes: number;
  keys: number;
  keyValueBytes: number;
}

/** A key to be made. */
export interface NewKey {
  /** What the key is for, for people. */
  name: string;
  /** Each stands for itself: `admin` manages namespaces and keys, and gives no other right. */
  scopes: Array<"read" | "write" | "admin">;
  /** When the key ends by itself; never without it. */
  expiresInSeconds?: number | null;
  /** The namespaces that the key reaches; all without it. It can neither see nor create another. */
  namespaces?: Array<string> | null;
}

/** Settings are fixed at creation. */
export interface NewNamespace {
  /** 1 to 63 characters: lower-case letters, digits, '-' and '_', beginning with a letter or digit. */
  name: string;
  /** How many numbers each vector has. Without it records have no vectors; if no text or sparse field is declared either, the namespace holds key-values only. */
  dimension?: number | null;
  metric?: "cosine" | "dot" | "euclidean";
  /** How segments are searched; `auto` chooses by their size. */
  engine?: "auto" | "exact" | "annoy" | "ivf" | "hnsw";
  /** f16 halves the bytes that vectors take. */
  precision?: "f32" | "f16";
  /** Over how many partitions the records are spread, by a hash of the id. */
  shards?: number;
  /** After so many days at most, rows that were deleted or replaced are dropped from segments. */
  purgeAfterDays?: number;
  /** Metadata fields that are searched as text: strings, or arrays of strings. */
  text?: { [name: string]: TextFieldSettings };
  /** Metadata fields that hold sparse vectors: `{"indices": [], "values": []}`. */
  sparse?: Array<string>;
  /** Whether every change of a key-value is kept for change feeds, with its value up to 32 KB; else a feed tells the last state of each key. Puts cost more with it: docs/changes.md says what. */
  keyHistory?: boolean;
}

/** By what records are listed. Equals are in id order. */
export interface OrderBy {
  /** A metadata field; `a.b` names a nested one. Booleans come before numbers, numbers before strings, which are compared by their first 256 characters. Records where it is missing, null, an object or an array come last, in both directions. Without it records are ordered by id. */
  field?: string | null;
  direction?: "asc" | "desc";
}

/** Where a record stands in the ranking of one part, the best at 1 and equals alike, and with which score. */
export interface PartRank {
  rank: number;
  score: number;
}

/** Changes to one record's metadata, and to when it expires. */
export interface PatchOne {
  /** Top-level metadata fields to set. */
  set?: { [name: string]: unknown } | null;
  /** Top-level metadata fields to remove. */
  unset?: Array<string>;
  /** Seconds until the record expires, from when the server takes the request: nobody sees it then. */
  ttlSeconds?: number | null;
  /** When the record expires from now on, in RFC 3339; null: never. Left out, that stays as it is. */
  expiresAt?: string | null;
  /** The `version` of an earlier answer: this request is ordered after it, and sees it. */
  version?: string | null;
  /** Do nothing, and answer what it would have used: `{"dry_run": true, "usage": …}`. Of a read that is found out by reading. */
  dryRun?: boolean;
}

/** Changes to be made together, all of them or none: `patches`, or the fields of one for what a filter accepts. */
export interface PatchRequest {
  patches?: Array<RecordPatch> | null;
  /** Conditions on metadata fields; `a.b` names a nested one. A value stands for equality; operators are $eq $ne $gt $gte $lt $lte $in $nin $exists $prefix $contains, and $and $or $not around them (of an array of filters $not holds if none does). An array equals each of its elements: $eq and $in hold if any element is meant, $ne and $nin if none is; $contains asks for an element alone. {} matches everything. */
  filter?: { [name: string]: unknown } | null;
  /** Top-level metadata fields to set. */
  set?: { [name: string]: unknown } | null;
  /** Top-level metadata fields to remove. */
  unset?: Array<string>;
  /** Seconds until the record expires, from when the server takes the request: nobody sees it then. */
  ttlSeconds?: number | null;
  /** When the record expires from now on, in RFC 3339; null: never. Left out, that stays as it is. */
  expiresAt?: string | null;
  /** With a filter: the `cursor` of the answer before, for the records that were left. */
  cursor?: string | null;
  /** The `version` of an earlier answer: this request is ordered after it, and sees it. */
  version?: string | null;
  /** Do nothing, and answer what it would have used: `{"dry_run": true, "usage": …}`. Of a read that is found out by reading. */
  dryRun?: boolean;
}

/** How many records were patched, at which version. */
export interface PatchResult {
  patched: number;
  /** Null where a filter matched nothing, so nothing was written. */
  version: string | null;
  /** With a filter: sent again with it, the request goes on; null at the end. */
  cursor?: string | null;
  usage: Receipt;
}

/** A problem document (RFC 9457). */
export interface ProblemDocument {
  /** Where this kind of problem is explained. */
  type: string;
  /** The kind of problem, for people. */
  title: string;
  status: number;
  /** What happened, to what. */
  detail: string;
  /** The kind of problem, for programs. Stable. */
  code: string;
  /** The place in the request that is wrong, as `vectors[3].id`. */
  field: string | null;
  /** What to do about it. */
  hint: string | null;
  /** Names this request in the log. */
  requestId: string;
  /** Only of `feed_gap` and `changes_gone`: the place in the feed to go on from after a repair, or after everything was listed anew. */
  cursor?: string;
  /** Of `precondition_failed` for a batch of records: those that it failed for. */
  failures?: Array<UnmetCondition>;
  /** Of `limit_reached` and `rate_limited`: the name of the limit. So are the next five. */
  limit?: string;
  /** What of it is used, or was asked for. */
  used?: number;
  /** What is allowed. */
  allowed?: number;
  /** What is counted. */
  unit?: string;
  /** When it begins anew; null where it does not by itself. */
  resetsAt?: string | null;
  /** Where it can be raised, as an address. */
  raiseAt?: string | null;
}

/** Items to be written together: all of them or none. */
export interface PutItems {
  items: Array<ItemToPut>;
  /** The `version` of an earlier answer: this request is ordered after it, and sees it. */
  version?: string | null;
  /** Do nothing, and answer what it would have used: `{"dry_run": true, "usage": …}`. Of a read that is found out by reading. */
  dryRun?: boolean;
}

/** The item's new version, which is also its ETag. */
export interface ItemPut {
  /** Any Unicode text, compared code point by code point and never normalised. */
  key: string;
  /** When and by whom a change was made. Opaque; later versions win. */
  version: string;
  usage: Receipt;
}

/** A question: one of `vector` and `id`, or `text`, or `sparse`, or several of these. */
export interface Query {
  /** The numbers, or their little-endian 32-bit floats in base64, which is smaller and faster. */
  vector?: VectorLike;
  /** The record whose vector is the question. It is among the matches. */
  id?: string | null;
  /** Words to find in the text fields that the namespace declares: the best records have many of them, and rare ones. `"in quotes"` is a phrase, `begin*` any word that begins so. */
  text?: TextQuery | null;
  /** A sparse vector: the best records have the greatest products with it. */
  sparse?: SparseVector | null;
  /** How the rankings of several parts become one. `rrf`, which is meant where nothing is said: the sum of 1 / (k + rank). `weighted`: the sum of weights times scores, those of each part stretched to 0 … 1. */
  fusion?: Fusion | null;
  /** Whether each match says how it stands in each part. */
  explain?: boolean;
  topK?: number;
  /** What share of the true nearest the answer should have: less is found faster. What each share takes was measured when an index was built; what it cannot promise is searched exactly. 1 scores every matching record. Without it, about 0.98. */
  recall?: number | null;
  /** What share of the true nearest the answer has at least: never less than the usual, and never slower than that for a share below it. The answer says in `promised_recall` what it keeps to. Not together with `recall`. */
  minRecall?: number | null;
  /** Of the `top_k` best, only those with at least this score; higher is better by every metric. Of several parts it is the fused score that counts: by `rrf` at most 1 / (k + 1) for each part. */
  minScore?: number | null;
  /** Conditions on metadata fields; `a.b` names a nested one. A value stands for equality; operators are $eq $ne $gt $gte $lt $lte $in $nin $exists $prefix $contains, and $and $or $not around them (of an array of filters $not holds if none does). An array equals each of its elements: $eq and $in hold if any element is meant, $ne and $nin if none is; $contains asks for an element alone. {} matches everything. */
  filter?: { [name: string]: unknown } | null;
  /** `base64` is the compact form. */
  includeVectors?: true | false | "base64";
  includeMetadata?: boolean;
  /** Groups in the place of matches; `top_k` is not used then. */
  groupBy?: GroupByField | null;
  /** A metadata field: of each of its values the best match. Not together with `group_by`. */
  distinct?: string | null;
  /** Whether the answer shall have a `cursor` for what comes after it. */
  page?: boolean;
  /** The `cursor` of the page before, with all that decides the order the same; `top_k` may differ. */
  cursor?: string | null;
  /** `strong` sees every write that was acknowledged before; `eventual` may be some seconds behind. */
  consistency?: "strong" | "eventual";
  /** The `version` of an earlier answer: this request is ordered after it, and sees it. */
  version?: string | null;
  /** Do nothing, and answer what it would have used: `{"dry_run": true, "usage": …}`. Of a read that is found out by reading. */
  dryRun?: boolean;
}

/** Several questions about one moment. */
export interface QueryBatch {
  queries: Array<QueryInBatch>;
  /** `strong` sees every write that was acknowledged before; `eventual` may be some seconds behind. */
  consistency?: "strong" | "eventual";
  /** The `version` of an earlier answer: this request is ordered after it, and sees it. */
  version?: string | null;
  /** Do nothing, and answer what it would have used: `{"dry_run": true, "usage": …}`. Of a read that is found out by reading. */
  dryRun?: boolean;
}

/** One answer for each question, in order. The time of each is that of all. */
export interface QueryBatchAnswer {
  /** Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for. */
  freshness?: Freshness | null;
  answers: Array<QueryResultInBatch>;
  usage: Receipt;
}

/** A question: one of `vector` and `id`, or `text`, or `sparse`, or several of these. */
export interface QueryInBatch {
  /** The numbers, or their little-endian 32-bit floats in base64, which is smaller and faster. */
  vector?: VectorLike;
  /** The record whose vector is the question. It is among the matches. */
  id?: string | null;
  /** Words to find in the text fields that the namespace declares: the best records have many of them, and rare ones. `"in quotes"` is a phrase, `begin*` any word that begins so. */
  text?: TextQuery | null;
  /** A sparse vector: the best records have the greatest products with it. */
  sparse?: SparseVector | null;
  /** How the rankings of several parts become one. `rrf`, which is meant where nothing is said: the sum of 1 / (k + rank). `weighted`: the sum of weights times scores, those of each part stretched to 0 … 1. */
  fusion?: Fusion | null;
  /** Whether each match says how it stands in each part. */
  explain?: boolean;
  topK?: number;
  /** What share of the true nearest the answer should have: less is found faster. What each share takes was measured when an index was built; what it cannot promise is searched exactly. 1 scores every matching record. Without it, about 0.98. */
  recall?: number | null;
  /** What share of the true nearest the answer has at least: never less than the usual, and never slower than that for a share below it. The answer says in `promised_recall` what it keeps to. Not together with `recall`. */
  minRecall?: number | null;
  /** Of the `top_k` best, only those with at least this score; higher is better by every metric. Of several parts it is the fused score that counts: by `rrf` at most 1 / (k + 1) for each part. */
  minScore?: number | null;
  /** Conditions on metadata fields; `a.b` names a nested one. A value stands for equality; operators are $eq $ne $gt $gte $lt $lte $in $nin $exists $prefix $contains, and $and $or $not around them (of an array of filters $not holds if none does). An array equals each of its elements: $eq and $in hold if any element is meant, $ne and $nin if none is; $contains asks for an element alone. {} matches everything. */
  filter?: { [name: string]: unknown } | null;
  /** `base64` is the compact form. */
  includeVectors?: true | false | "base64";
  includeMetadata?: boolean;
  /** Groups in the place of matches; `top_k` is not used then. */
  groupBy?: GroupByField | null;
  /** A metadata field: of each of its values the best match. Not together with `group_by`. */
  distinct?: string | null;
  /** Whether the answer shall have a `cursor` for what comes after it. */
  page?: boolean;
  /** The `cursor` of the page before, with all that decides the order the same; `top_k` may differ. */
  cursor?: string | null;
}

/** How the answer was found. */
export interface QueryPerformance {
  milliseconds: number;
  /** `exact`: every matching record was scored, so nothing better can have been missed. */
  mode: "exact" | "approximate";
  segments: number;
  rowsScored: number;
  tailRows: number;
  /** What share of the true nearest the answer has, as was measured when indexes were built; 1 where it is `exact`. Only where the query has `recall` or `min_recall`; of several parts it is that of the vector. */
  promisedRecall?: number | null;
}

/** What the request used, in records and in units. */
export interface QueryReceipt {
  /** One query, fetch, list, count or key-value read, per 64 KB of answer begun. */
  readUnits: number;
  /** One KB written, begun, per record or value; a deletion of one thing is one. */
  writeUnits: number;
  /** What that costs, as an exact decimal, before anything that a plan includes. Only where the tenant has a plan with prices. */
  costUsd?: string;
  /** Records that the filter accepts; all of them without one. */
  recordsMatched: number;
  recordsScored: number;
  recordsReturned: number;
}

/** Matches, best first. */
export interface QueryResult {
  /** Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for. */
  freshness?: Freshness | null;
  matches: Array<Match>;
  /** Only with `group_by`: the group with the best match first. `matches` is empty then. */
  groups?: Array<MatchGroup>;
  /** Only where pages were asked for: where the next one begins; null where nothing more matches. */
  cursor?: string | null;
  usage: QueryReceipt;
  performance: QueryPerformance;
}

/** Matches, best first. */
export interface QueryResultInBatch {
  matches: Array<Match>;
  /** Only with `group_by`: the group with the best match first. `matches` is empty then. */
  groups?: Array<MatchGroup>;
  /** Only where pages were asked for: where the next one begins; null where nothing more matches. */
  cursor?: string | null;
  usage: QueryUsage;
  performance: QueryPerformance;
}

/** What the answer took, in records. */
export interface QueryUsage {
  /** Records that the filter accepts; all of them without one. */
  recordsMatched: number;
  recordsScored: number;
  recordsReturned: number;
}

/** What the request would have used. Nothing was done. */
export interface Quote {
  dryRun: true;
  usage: Receipt;
}

/** What the request used. */
export interface Receipt {
  /** One query, fetch, list, count or key-value read, per 64 KB of answer begun. */
  readUnits: number;
  /** One KB written, begun, per record or value; a deletion of one thing is one. */
  writeUnits: number;
  /** What that costs, as an exact decimal, before anything that a plan includes. Only where the tenant has a plan with prices. */
  costUsd?: string;
}

/** A record. */
export interface Record {
  /** Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for. */
  freshness?: Freshness | null;
  /** 1 to 512 bytes of printable text in UTF-8, compared code point by code point and never normalised; '.' and '..' are none. */
  id: string;
  /** The numbers, or their little-endian 32-bit floats in base64, which is smaller and faster. */
  vector?: Float32Array;
  /** {} where there is none. */
  metadata: { [name: string]: unknown };
  /** When and by whom a change was made. Opaque; later versions win. */
  version: string;
  /** When the record expires: RFC 3339, in UTC, to the millisecond. Not there where it never does. */
  expiresAt?: string | null;
  usage: Receipt;
}

/** A record. */
export interface RecordInList {
  /** 1 to 512 bytes of printable text in UTF-8, compared code point by code point and never normalised; '.' and '..' are none. */
  id: string;
  /** The numbers, or their little-endian 32-bit floats in base64, which is smaller and faster. */
  vector?: Float32Array;
  /** {} where there is none. */
  metadata: { [name: string]: unknown };
  /** When and by whom a change was made. Opaque; later versions win. */
  version: string;
  /** When the record expires: RFC 3339, in UTC, to the millisecond. Not there where it never does. */
  expiresAt?: string | null;
}

/** A page of records in order. */
export interface RecordPage {
  /** Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for. */
  freshness?: Freshness | null;
  records: Array<ListedRecord>;
  /** Where the next page begins; null at the end of the listing. */
  cursor: string | null;
  usage: Receipt;
}

/** Changes to one record's metadata, and to when it expires, in a batch. */
export interface RecordPatch {
  /** 1 to 512 bytes of printable text in UTF-8, compared code point by code point and never normalised; '.' and '..' are none. */
  id: string;
  /** Top-level metadata fields to set. */
  set?: { [name: string]: unknown } | null;
  /** Top-level metadata fields to remove. */
  unset?: Array<string>;
  /** Seconds until the record expires, from when the server takes the request: nobody sees it then. */
  ttlSeconds?: number | null;
  /** When the record expires from now on, in RFC 3339; null: never. Left out, that stays as it is. */
  expiresAt?: string | null;
}

/** A record to be written. */
export interface RecordToUpsert {
  /** 1 to 512 bytes of printable text in UTF-8, compared code point by code point and never normalised; '.' and '..' are none. */
  id: string;
  /** The numbers, or their little-endian 32-bit floats in base64, which is smaller and faster. */
  vector?: VectorLike;
  /** A JSON object of at most 32768 bytes and 32 levels. Integers outside 64 bits become floating-point numbers. */
  metadata?: { [name: string]: unknown } | null;
  /** Seconds until the record expires, from when the server takes the request: nobody sees it then. */
  ttlSeconds?: number | null;
  /** The same as a moment to come, in RFC 3339 with its time zone, at most ten years away. */
  expiresAt?: string | null;
  /** Write only if the record is at this version. Otherwise nothing of the batch is written. */
  ifVersion?: string | null;
  /** Write only if there is no record with this id. */
  ifAbsent?: boolean;
}

/** How a key gives way to the next. */
export interface RotateKey {
  /** How long the old key goes on. */
  overlapSeconds?: number;
  /** When the new key ends by itself; without it, it has as long as the old one was given. */
  expiresInSeconds?: number | null;
}

/** One immutable segment. */
export interface SegmentSummary {
  name: string;
  shard: number;
  engine: string;
  rows: number;
  liveRows: number;
  bytes: number;
}

/** A sparse vector: the best records have the greatest products with it. */
export interface SparseVector {
  /** Which field that the namespace declares as sparse; not needed where there is one. */
  field?: string;
  indices: Array<number>;
  values: Array<number>;
}

/** How the words of a field are found. */
export interface TextFieldSettings {
  /** What stop words and stems are those of. */
  language?: "arabic" | "armenian" | "basque" | "catalan" | "chinese" | "czech" | "danish" | "dutch" | "english" | "esperanto" | "estonian" | "finnish" | "french" | "german" | "greek" | "hindi" | "hungarian" | "indonesian" | "irish" | "italian" | "japanese" | "khmer" | "korean" | "lao" | "lithuanian" | "nepali" | "norwegian" | "other" | "persian" | "polish" | "portuguese" | "romanian" | "russian" | "serbian" | "spanish" | "swedish" | "tamil" | "thai" | "turkish" | "yiddish";
  /** Whether words of one stem are alike. */
  stemming?: boolean;
  /** Whether the commonest words are left out. */
  stopwords?: boolean;
}

/** Words to find in the text fields that the namespace declares: the best records have many of them, and rare ones. `"in quotes"` is a phrase, `begin*` any word that begins so. */
export interface TextQuery {
  /** Words, of which the best records have many. Or clauses in `must` and `should`. */
  query?: string;
  /** Which fields, and how much each counts; all of them alike without it. */
  fields?: { [name: string]: number } | null;
  /** What every match has. */
  must?: Array<string>;
  /** What makes a match better. */
  should?: Array<string>;
  /** What no match has. */
  mustNot?: Array<string>;
}

/** A record whose condition does not hold. */
export interface UnmetCondition {
  id: string;
  /** The version that it is at; null where it does not exist. */
  version: string | null;
  reason: string;
}

/** Records to be written together: all of them or none. */
export interface UpsertRequest {
  vectors: Array<RecordToUpsert>;
  /** The `version` of an earlier answer: this request is ordered after it, and sees it. */
  version?: string | null;
  /** Do nothing, and answer what it would have used: `{"dry_run": true, "usage": …}`. Of a read that is found out by reading. */
  dryRun?: boolean;
}

/** How many records were written, at which version. */
export interface Upserted {
  upserted: number;
  /** When and by whom a change was made. Opaque; later versions win. */
  version: string;
  usage: Receipt;
}

/** A page of namespaces with what they use, and the sums of that page. */
export interface Usage {
  namespaces: Array<NamespaceUsage>;
  totals: UsageTotals;
  /** Where the next page begins; null at the end of the listing. */
  cursor: string | null;
}

/** Sums over the namespaces of the answer. */
export interface UsageTotals {
  namespaces: number;
  records: number;
  segmentBytes: number;
  keys: number;
  keyValueBytes: number;
}

/** Values of one type, those in arrays included. */
export interface Values {
  type: "boolean" | "number" | "string";
  count: number;
  min: unknown;
  max: unknown;
}
