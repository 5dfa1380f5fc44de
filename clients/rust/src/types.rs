//! What requests and answers are made of. Written from the OpenAPI document: `make clients-types`.
//!
//! Answers may have more fields than are known here: those are left out.

use crate::vectors::{self, Vector};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// All of it exact. Without `group_by` there is one group, of all records.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AggregateAnswer {
    /// Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Freshness>,
    /// Records that the filter accepts.
    pub records: i64,
    /// Of these, those that have no value of some field of `group_by`.
    pub missing: i64,
    pub groups: Vec<Group>,
    /// Whether there are further groups.
    pub more: bool,
    pub usage: Receipt,
}

/// What to make of a field's values. A record counts for each value, and for each element of an array; null is no value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AggregateBody {
    /// `count` of values, `distinct` ones, `min` and `max` (of numbers, or of strings where there are no numbers), `sum`, `average` and `percentiles` of numbers, `top` values by how often they come.
    pub kind: String,
    /// A metadata field; `a.b` names a nested one.
    pub field: String,
    /// 0 to 100, for `percentiles`: each answer is a number that is there (nearest rank).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percentiles: Option<Vec<f64>>,
    /// How many values of `top`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
}

/// Which records, in which groups, and what of each.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AggregateQuery {
    /// Conditions on metadata fields; `a.b` names a nested one. A value stands for equality; operators are $eq $ne $gt $gte $lt $lte $in $nin $exists $prefix $contains, and $and $or $not around them (of an array of filters $not holds if none does). An array equals each of its elements: $eq and $in hold if any element is meant, $ne and $nin if none is; $contains asks for an element alone. {} matches everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_by: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aggregates: Option<std::collections::BTreeMap<String, AggregateBody>>,
    /// How many groups, the largest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// `strong` sees every write that was acknowledged before; `eventual` may be some seconds behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consistency: Option<String>,
    /// The `version` of an earlier answer: this request is ordered after it, and sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Do nothing, and answer what it would have used: `{"dry_run": true, "usage": …}`. Of a read that is found out by reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// One change of a record, or its expiry.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Change {
    /// `upsert`: the record is exactly this now. `patch`: some metadata fields changed. `delete`: it is gone, if it was there. `expire`: it was there, and its moment came.
    pub kind: String,
    /// 1 to 512 bytes of printable text in UTF-8, compared code point by code point and never normalised; '.' and '..' are none.
    pub id: String,
    /// When and by whom a change was made. Opaque; later versions win.
    pub version: String,
    /// Which shard it is in. What one shard has comes in commit order.
    pub shard: i64,
    /// When it was committed at this site: events of a shard are in this order.
    pub at: String,
    /// Of an upsert, where asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(with = "vectors::optional")]
    pub vector: Option<Vector>,
    /// Of an upsert, where asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// Of a patch, where metadata is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<Map<String, Value>>,
    /// Of a patch, where metadata is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unset: Option<Vec<String>>,
    /// When the record expires: RFC 3339, in UTC. Of an upsert, missing where it never does; of a patch, missing where that stays as it was, and null where it never does from now on. Of an expiry, when it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "said")]
    pub expires_at: Option<Option<String>>,
}

/// What changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChangePage {
    /// Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Freshness>,
    pub changes: Vec<Change>,
    /// Where to go on. There always is one.
    pub cursor: String,
    /// Whether there is more at once; else go on with `wait`.
    pub more: bool,
    /// All that was committed at this site, and has expired, up to then was told, up to this page.
    pub complete_until: String,
    pub usage: Receipt,
}

/// Part by part.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Checks {
    pub storage: String,
    pub vector_index: String,
}

/// Which records to count; all of them without a filter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Count {
    /// Conditions on metadata fields; `a.b` names a nested one. A value stands for equality; operators are $eq $ne $gt $gte $lt $lte $in $nin $exists $prefix $contains, and $and $or $not around them (of an array of filters $not holds if none does). An array equals each of its elements: $eq and $in hold if any element is meant, $ne and $nin if none is; $contains asks for an element alone. {} matches everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Map<String, Value>>,
    /// `strong` sees every write that was acknowledged before; `eventual` may be some seconds behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consistency: Option<String>,
    /// The `version` of an earlier answer: this request is ordered after it, and sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Do nothing, and answer what it would have used: `{"dry_run": true, "usage": …}`. Of a read that is found out by reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// How many records there are, or match.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CountResult {
    /// Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Freshness>,
    pub count: i64,
    pub usage: Receipt,
}

/// Keys to delete; one that does not exist is no error.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeleteItems {
    pub keys: Vec<String>,
    /// The `version` of an earlier answer: this request is ordered after it, and sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Do nothing, and answer what it would have used: `{"dry_run": true, "usage": …}`. Of a read that is found out by reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// What to delete: exactly one of `ids` and `filter`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeleteRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<String>>,
    /// Conditions on metadata fields; `a.b` names a nested one. A value stands for equality; operators are $eq $ne $gt $gte $lt $lte $in $nin $exists $prefix $contains, and $and $or $not around them (of an array of filters $not holds if none does). An array equals each of its elements: $eq and $in hold if any element is meant, $ne and $nin if none is; $contains asks for an element alone. {} matches everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Map<String, Value>>,
    /// The `version` of an earlier answer: this request is ordered after it, and sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Do nothing, and answer what it would have used: `{"dry_run": true, "usage": …}`. Of a read that is found out by reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// How many records existed and are gone now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Deleted {
    pub deleted: i64,
    /// Null where a filter matched nothing, so nothing was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Whether the filter matches further records: send the request again.
    pub more: bool,
    pub usage: Receipt,
}

/// What to erase: exactly one of `ids`, `keys` and `filter`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EraseRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<Vec<String>>,
    /// Conditions on metadata fields; `a.b` names a nested one. A value stands for equality; operators are $eq $ne $gt $gte $lt $lte $in $nin $exists $prefix $contains, and $and $or $not around them (of an array of filters $not holds if none does). An array equals each of its elements: $eq and $in hold if any element is meant, $ne and $nin if none is; $contains asks for an element alone. {} matches everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Map<String, Value>>,
    /// The `version` of an earlier answer: this request is ordered after it, and sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// It is deleted, and is being erased.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErasureBegun {
    pub id: String,
    pub status: String,
    /// How many of them existed.
    pub deleted: i64,
    /// Null where a filter matched nothing, so nothing was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Whether the filter matches further records: send the request again.
    pub more: bool,
    pub usage: Receipt,
}

/// A page of erasures, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErasurePage {
    pub erasures: Vec<ErasureReport>,
    /// Where the next page begins; null at the end of the listing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A place that may have something of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErasurePlace {
    pub place: String,
    pub status: String,
    /// Since when it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// When it is gone at the latest, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Why it is kept, where that is no matter of work to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What is gone from where.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErasureReport {
    pub id: String,
    /// `gone`: from all places.
    pub status: String,
    /// RFC 3339, in UTC, to the millisecond.
    pub requested_at: String,
    /// How many of them existed.
    pub deleted: i64,
    pub places: Vec<ErasurePlace>,
    /// What no erasure reaches, and how long that is kept.
    pub copies: Vec<String>,
}

/// The parts by which the record was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Explanation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vector: Option<PartRank>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<PartRank>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sparse: Option<PartRank>,
}

/// Which records to read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fetch {
    pub ids: Vec<String>,
    /// How vectors are written: as numbers, or as base64 of little-endian 32-bit floats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// `strong` sees every write that was acknowledged before; `eventual` may be some seconds behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consistency: Option<String>,
    /// The `version` of an earlier answer: this request is ordered after it, and sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Do nothing, and answer what it would have used: `{"dry_run": true, "usage": …}`. Of a read that is found out by reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// The records that exist, in the order asked for, and the ids of those that do not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fetched {
    /// Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Freshness>,
    pub records: Vec<RecordInList>,
    pub missing: Vec<String>,
    pub usage: Receipt,
}

/// A metadata field that some record has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Field {
    pub field: String,
    /// Records that have anything there: a value, null, an array or an object.
    pub records: i64,
    pub values: Vec<Values>,
}

/// The fields, in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FieldsAnswer {
    /// Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Freshness>,
    pub fields: Vec<Field>,
    /// Whether there are further fields: 1,000 are shown.
    pub more: bool,
    pub usage: Receipt,
}

/// How far behind the active site an answer is that another site gave.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Freshness {
    pub consistency: String,
    /// For how many milliseconds writes at the active site may be missing; null where nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind_ms: Option<i64>,
    /// Everything that the active site took up to then is in the answer: unix time in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery_point_ms: Option<i64>,
    /// The same as a version: every write of the active site up to it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// How the rankings of several parts become one. `rrf`, which is meant where nothing is said: the sum of 1 / (k + rank). `weighted`: the sum of weights times scores, those of each part stretched to 0 … 1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fusion {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub k: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vector: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sparse: Option<f64>,
}

/// Which items to read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GetItems {
    pub keys: Vec<String>,
    /// `strong` sees every write that was acknowledged before; `eventual` may be some seconds behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consistency: Option<String>,
    /// The `version` of an earlier answer: this request is ordered after it, and sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Do nothing, and answer what it would have used: `{"dry_run": true, "usage": …}`. Of a read that is found out by reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// Groups of matches by the value of a metadata field.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupByField {
    /// `a.b` names a nested one. A record is in the group of each of its values, elements of arrays included; without any, or with null, it is in none.
    pub field: String,
    /// How many matches of each group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_group: Option<i64>,
    /// How many groups; with `per_group` matches each, 1000 matches at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<i64>,
}

/// Records that have these values. A string longer than 256 characters is shown by its beginning.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    /// By field of `group_by`.
    pub values: Map<String, Value>,
    pub records: i64,
    /// By name: a value, null where there was nothing; percentiles by percentile; top values with counts.
    pub aggregates: Map<String, Value>,
}

/// Whether this deployment can serve.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Health {
    pub status: String,
    pub service: String,
    pub version: String,
    /// Since this process began.
    pub uptime_seconds: f64,
    pub checks: Checks,
}

/// A page of ids in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IdPage {
    /// Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Freshness>,
    pub ids: Vec<String>,
    /// Where the next page begins; null at the end of the listing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    pub usage: Receipt,
}

/// An item: `value` where its bytes are UTF-8 text, else `value_base64`; neither where only keys were asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Item {
    /// Any Unicode text, compared code point by code point and never normalised.
    pub key: String,
    /// When and by whom a change was made. Opaque; later versions win.
    pub version: String,
    pub content_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_base64: Option<String>,
}

/// A page of items in key order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ItemPage {
    /// Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Freshness>,
    pub items: Vec<Item>,
    /// Where the next page begins; null at the end of the listing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    pub usage: Receipt,
}

/// An item to be written, with exactly one of `value`, `value_base64` and `json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ItemToPut {
    /// Any Unicode text, compared code point by code point and never normalised.
    pub key: String,
    /// Text; kept as UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Bytes, in standard base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_base64: Option<String>,
    /// Any JSON value; kept as compact JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// By default text/plain, application/octet-stream or application/json, by how the value is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Seconds until the item is gone; for ever without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<f64>,
}

/// How many keys existed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ItemsDeleted {
    pub deleted: i64,
    /// When and by whom a change was made. Opaque; later versions win.
    pub version: String,
    pub usage: Receipt,
}

/// The items that exist, in the order asked for, and the keys of those that do not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ItemsFound {
    /// Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Freshness>,
    pub items: Vec<Item>,
    pub missing: Vec<String>,
    pub usage: Receipt,
}

/// How many items were written, at which version.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ItemsPut {
    pub put: i64,
    /// When and by whom a change was made. Opaque; later versions win.
    pub version: String,
    pub usage: Receipt,
}

/// What a key is now, that changed; with history, one change of it, or its expiry.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyChange {
    pub kind: String,
    /// Any Unicode text, compared code point by code point and never normalised.
    pub key: String,
    /// When and by whom a change was made. Opaque; later versions win.
    pub version: String,
    /// When it was committed at this site: events of a shard are in this order.
    pub at: String,
    /// Of a put, as the next three.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Where asked for, and text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Where asked for, and no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_base64: Option<String>,
    /// Of a put whose value is too large for the history: how large it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_bytes: Option<i64>,
}

/// Which keys changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyChangePage {
    /// Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Freshness>,
    pub changes: Vec<KeyChange>,
    /// Where to go on. There always is one.
    pub cursor: String,
    /// Whether there is more at once; else go on with `wait`.
    pub more: bool,
    /// All that was committed at this site, and has expired, up to then was told, up to this page.
    pub complete_until: String,
    /// Whether every change is told: the namespace keeps a history of its keys. Else each key comes with its last state.
    pub history: bool,
    pub usage: Receipt,
}

/// A key with its text, which can be seen this once.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyCreated {
    pub id: String,
    /// What the key is for, for people.
    pub name: String,
    pub scopes: Vec<String>,
    /// RFC 3339, in UTC, to the millisecond.
    pub created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<String>,
    /// The only ones that it reaches; null: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Vec<String>>,
    /// The id of the key that it was made with; null: made where the database is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// At this site, some minutes old at most; null: no use was noted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<String>,
    pub key: String,
}

/// Whether the key existed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyDeleted {
    pub deleted: bool,
    /// When and by whom a change was made. Opaque; later versions win.
    pub version: String,
    pub usage: Receipt,
}

/// All keys by creation time, revoked ones included.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyList {
    pub keys: Vec<KeySummary>,
}

/// The key before, and when it ends.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyReplaced {
    pub id: String,
    /// RFC 3339, in UTC, to the millisecond.
    pub expires_at: String,
}

/// The key has ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyRevoked {
    pub revoked: bool,
    /// The keys that have ended: this one first.
    pub ids: Vec<String>,
}

/// The key that follows another.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyRotated {
    pub id: String,
    /// What the key is for, for people.
    pub name: String,
    pub scopes: Vec<String>,
    /// RFC 3339, in UTC, to the millisecond.
    pub created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<String>,
    /// The only ones that it reaches; null: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Vec<String>>,
    /// The id of the key that it was made with; null: made where the database is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// At this site, some minutes old at most; null: no use was noted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<String>,
    pub key: String,
    pub replaces: KeyReplaced,
}

/// A key without its secret.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeySummary {
    pub id: String,
    /// What the key is for, for people.
    pub name: String,
    pub scopes: Vec<String>,
    /// RFC 3339, in UTC, to the millisecond.
    pub created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<String>,
    /// The only ones that it reaches; null: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Vec<String>>,
    /// The id of the key that it was made with; null: made where the database is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// At this site, some minutes old at most; null: no use was noted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<String>,
}

/// Which records, in which order, and what of each.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListMatching {
    /// Conditions on metadata fields; `a.b` names a nested one. A value stands for equality; operators are $eq $ne $gt $gte $lt $lte $in $nin $exists $prefix $contains, and $and $or $not around them (of an array of filters $not holds if none does). An array equals each of its elements: $eq and $in hold if any element is meant, $ne and $nin if none is; $contains asks for an element alone. {} matches everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_by: Option<OrderBy>,
    /// How many to a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// The `cursor` of the page before, with all other parameters the same. None begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// `base64` is the compact form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_vectors: Option<Value>,
    /// Whether metadata is shown, or which fields of it; `a.b` names a nested one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_metadata: Option<Value>,
    /// `strong` sees every write that was acknowledged before; `eventual` may be some seconds behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consistency: Option<String>,
    /// The `version` of an earlier answer: this request is ordered after it, and sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Do nothing, and answer what it would have used: `{"dry_run": true, "usage": …}`. Of a read that is found out by reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// A record, with what was asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListedRecord {
    /// 1 to 512 bytes of printable text in UTF-8, compared code point by code point and never normalised; '.' and '..' are none.
    pub id: String,
    /// When and by whom a change was made. Opaque; later versions win.
    pub version: String,
    /// The numbers, or their little-endian 32-bit floats in base64, which is smaller and faster.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(with = "vectors::optional")]
    pub vector: Option<Vector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// When the record expires: RFC 3339, in UTC, to the millisecond. Not there where it never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// One match. Scores are higher for better matches, distances lower; only a search by vector alone has distances.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Match {
    /// 1 to 512 bytes of printable text in UTF-8, compared code point by code point and never normalised; '.' and '..' are none.
    pub id: String,
    pub score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distance: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain: Option<Explanation>,
    /// When and by whom a change was made. Opaque; later versions win.
    pub version: String,
    /// The numbers, or their little-endian 32-bit floats in base64, which is smaller and faster.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(with = "vectors::optional")]
    pub vector: Option<Vector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// When the record expires: RFC 3339, in UTC, to the millisecond. Not there where it never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// Matches with one value, best first. Of a string longer than 256 characters the value is the beginning.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MatchGroup {
    pub value: Value,
    pub matches: Vec<Match>,
}

/// The name is free again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NamespaceDeleted {
    pub deleted: bool,
}

/// A namespace with what it holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NamespaceDescription {
    /// Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Freshness>,
    /// 1 to 63 characters: lower-case letters, digits, '-' and '_', beginning with a letter or digit.
    pub name: String,
    /// How many numbers each vector has. Without it records have no vectors; if no text or sparse field is declared either, the namespace holds key-values only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dimension: Option<i64>,
    pub metric: String,
    pub engine: String,
    pub precision: String,
    /// Over how many partitions the records are spread, by a hash of the id.
    pub shards: i64,
    /// After so many days at most, rows that were deleted or replaced are dropped from segments.
    pub purge_after_days: i64,
    /// Metadata fields that are searched as text: strings, or arrays of strings.
    pub text: std::collections::BTreeMap<String, TextFieldSettings>,
    /// Metadata fields that hold sparse vectors: `{"indices": [], "values": []}`.
    pub sparse: Vec<String>,
    /// Whether every change of a key-value is kept for change feeds, with its value up to 32 KB; else a feed tells the last state of each key. Puts cost more with it: docs/changes.md says what.
    pub key_history: bool,
    /// RFC 3339, in UTC, to the millisecond.
    pub created_at: String,
    pub stats: NamespaceStatistics,
}

/// A page of namespaces in name order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NamespacePage {
    pub namespaces: Vec<NamespaceSummary>,
    /// Where the next page begins; null at the end of the listing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// What a namespace holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NamespaceStatistics {
    pub records: i64,
    /// Rows of segments that were replaced or deleted, until a compaction.
    pub deleted_rows: i64,
    /// Rows that are searched from the log, until they are in a segment.
    pub tail_rows: i64,
    pub segment_bytes: i64,
    pub keys: i64,
    pub key_value_bytes: i64,
    pub segments: Vec<SegmentSummary>,
    /// Why an older snapshot is served in place of a damaged one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub degraded: Option<String>,
}

/// A namespace and its settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NamespaceSummary {
    /// 1 to 63 characters: lower-case letters, digits, '-' and '_', beginning with a letter or digit.
    pub name: String,
    /// How many numbers each vector has. Without it records have no vectors; if no text or sparse field is declared either, the namespace holds key-values only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dimension: Option<i64>,
    pub metric: String,
    pub engine: String,
    pub precision: String,
    /// Over how many partitions the records are spread, by a hash of the id.
    pub shards: i64,
    /// After so many days at most, rows that were deleted or replaced are dropped from segments.
    pub purge_after_days: i64,
    /// Metadata fields that are searched as text: strings, or arrays of strings.
    pub text: std::collections::BTreeMap<String, TextFieldSettings>,
    /// Metadata fields that hold sparse vectors: `{"indices": [], "values": []}`.
    pub sparse: Vec<String>,
    /// Whether every change of a key-value is kept for change feeds, with its value up to 32 KB; else a feed tells the last state of each key. Puts cost more with it: docs/changes.md says what.
    pub key_history: bool,
    /// RFC 3339, in UTC, to the millisecond.
    pub created_at: String,
}

/// What one namespace uses.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NamespaceUsage {
    /// 1 to 63 characters: lower-case letters, digits, '-' and '_', beginning with a letter or digit.
    pub name: String,
    pub records: i64,
    pub segment_bytes: i64,
    pub keys: i64,
    pub key_value_bytes: i64,
}

/// A key to be made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NewKey {
    /// What the key is for, for people.
    pub name: String,
    /// Each stands for itself: `admin` manages namespaces and keys, and gives no other right.
    pub scopes: Vec<String>,
    /// When the key ends by itself; never without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in_seconds: Option<i64>,
    /// The namespaces that the key reaches; all without it. It can neither see nor create another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Vec<String>>,
}

/// Settings are fixed at creation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NewNamespace {
    /// 1 to 63 characters: lower-case letters, digits, '-' and '_', beginning with a letter or digit.
    pub name: String,
    /// How many numbers each vector has. Without it records have no vectors; if no text or sparse field is declared either, the namespace holds key-values only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dimension: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// How segments are searched; `auto` chooses by their size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// f16 halves the bytes that vectors take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<String>,
    /// Over how many partitions the records are spread, by a hash of the id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shards: Option<i64>,
    /// After so many days at most, rows that were deleted or replaced are dropped from segments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purge_after_days: Option<i64>,
    /// Metadata fields that are searched as text: strings, or arrays of strings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<std::collections::BTreeMap<String, TextFieldSettings>>,
    /// Metadata fields that hold sparse vectors: `{"indices": [], "values": []}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sparse: Option<Vec<String>>,
    /// Whether every change of a key-value is kept for change feeds, with its value up to 32 KB; else a feed tells the last state of each key. Puts cost more with it: docs/changes.md says what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_history: Option<bool>,
}

/// By what records are listed. Equals are in id order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrderBy {
    /// A metadata field; `a.b` names a nested one. Booleans come before numbers, numbers before strings, which are compared by their first 256 characters. Records where it is missing, null, an object or an array come last, in both directions. Without it records are ordered by id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
}

/// Where a record stands in the ranking of one part, the best at 1 and equals alike, and with which score.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PartRank {
    pub rank: i64,
    pub score: f64,
}

/// Changes to one record's metadata, and to when it expires.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PatchOne {
    /// Top-level metadata fields to set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<Map<String, Value>>,
    /// Top-level metadata fields to remove.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unset: Option<Vec<String>>,
    /// Seconds until the record expires, from when the server takes the request: nobody sees it then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<f64>,
    /// When the record expires from now on, in RFC 3339; null: never. Left out, that stays as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "said")]
    pub expires_at: Option<Option<String>>,
    /// The `version` of an earlier answer: this request is ordered after it, and sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Do nothing, and answer what it would have used: `{"dry_run": true, "usage": …}`. Of a read that is found out by reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// Changes to be made together, all of them or none: `patches`, or the fields of one for what a filter accepts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PatchRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patches: Option<Vec<RecordPatch>>,
    /// Conditions on metadata fields; `a.b` names a nested one. A value stands for equality; operators are $eq $ne $gt $gte $lt $lte $in $nin $exists $prefix $contains, and $and $or $not around them (of an array of filters $not holds if none does). An array equals each of its elements: $eq and $in hold if any element is meant, $ne and $nin if none is; $contains asks for an element alone. {} matches everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Map<String, Value>>,
    /// Top-level metadata fields to set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<Map<String, Value>>,
    /// Top-level metadata fields to remove.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unset: Option<Vec<String>>,
    /// Seconds until the record expires, from when the server takes the request: nobody sees it then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<f64>,
    /// When the record expires from now on, in RFC 3339; null: never. Left out, that stays as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "said")]
    pub expires_at: Option<Option<String>>,
    /// With a filter: the `cursor` of the answer before, for the records that were left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The `version` of an earlier answer: this request is ordered after it, and sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Do nothing, and answer what it would have used: `{"dry_run": true, "usage": …}`. Of a read that is found out by reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// How many records were patched, at which version.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PatchResult {
    pub patched: i64,
    /// Null where a filter matched nothing, so nothing was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// With a filter: sent again with it, the request goes on; null at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    pub usage: Receipt,
}

/// A problem document (RFC 9457).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProblemDocument {
    /// Where this kind of problem is explained.
    pub r#type: String,
    /// The kind of problem, for people.
    pub title: String,
    pub status: i64,
    /// What happened, to what.
    pub detail: String,
    /// The kind of problem, for programs. Stable.
    pub code: String,
    /// The place in the request that is wrong, as `vectors[3].id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Names this request in the log.
    pub request_id: String,
    /// Only of `feed_gap` and `changes_gone`: the place in the feed to go on from after a repair, or after everything was listed anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Of `precondition_failed` for a batch of records: those that it failed for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<Vec<UnmetCondition>>,
    /// Of `limit_reached` and `rate_limited`: the name of the limit. So are the next five.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// What of it is used, or was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used: Option<i64>,
    /// What is allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<i64>,
    /// What is counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// When it begins anew; null where it does not by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resets_at: Option<String>,
    /// Where it can be raised, as an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raise_at: Option<String>,
}

/// Items to be written together: all of them or none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PutItems {
    pub items: Vec<ItemToPut>,
    /// The `version` of an earlier answer: this request is ordered after it, and sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Do nothing, and answer what it would have used: `{"dry_run": true, "usage": …}`. Of a read that is found out by reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// The item's new version, which is also its ETag.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ItemPut {
    /// Any Unicode text, compared code point by code point and never normalised.
    pub key: String,
    /// When and by whom a change was made. Opaque; later versions win.
    pub version: String,
    pub usage: Receipt,
}

/// A question: one of `vector` and `id`, or `text`, or `sparse`, or several of these.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Query {
    /// The numbers, or their little-endian 32-bit floats in base64, which is smaller and faster.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(with = "vectors::optional")]
    pub vector: Option<Vector>,
    /// The record whose vector is the question. It is among the matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Words to find in the text fields that the namespace declares: the best records have many of them, and rare ones. `"in quotes"` is a phrase, `begin*` any word that begins so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<TextQuery>,
    /// A sparse vector: the best records have the greatest products with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sparse: Option<SparseVector>,
    /// How the rankings of several parts become one. `rrf`, which is meant where nothing is said: the sum of 1 / (k + rank). `weighted`: the sum of weights times scores, those of each part stretched to 0 … 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fusion: Option<Fusion>,
    /// Whether each match says how it stands in each part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<i64>,
    /// What share of the true nearest the answer should have: less is found faster. What each share takes was measured when an index was built; what it cannot promise is searched exactly. 1 scores every matching record. Without it, about 0.98.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recall: Option<f64>,
    /// What share of the true nearest the answer has at least: never less than the usual, and never slower than that for a share below it. The answer says in `promised_recall` what it keeps to. Not together with `recall`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_recall: Option<f64>,
    /// Of the `top_k` best, only those with at least this score; higher is better by every metric. Of several parts it is the fused score that counts: by `rrf` at most 1 / (k + 1) for each part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_score: Option<f64>,
    /// Conditions on metadata fields; `a.b` names a nested one. A value stands for equality; operators are $eq $ne $gt $gte $lt $lte $in $nin $exists $prefix $contains, and $and $or $not around them (of an array of filters $not holds if none does). An array equals each of its elements: $eq and $in hold if any element is meant, $ne and $nin if none is; $contains asks for an element alone. {} matches everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Map<String, Value>>,
    /// `base64` is the compact form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_vectors: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_metadata: Option<bool>,
    /// Groups in the place of matches; `top_k` is not used then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_by: Option<GroupByField>,
    /// A metadata field: of each of its values the best match. Not together with `group_by`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distinct: Option<String>,
    /// Whether the answer shall have a `cursor` for what comes after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<bool>,
    /// The `cursor` of the page before, with all that decides the order the same; `top_k` may differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// `strong` sees every write that was acknowledged before; `eventual` may be some seconds behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consistency: Option<String>,
    /// The `version` of an earlier answer: this request is ordered after it, and sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Do nothing, and answer what it would have used: `{"dry_run": true, "usage": …}`. Of a read that is found out by reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// Several questions about one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueryBatch {
    pub queries: Vec<QueryInBatch>,
    /// `strong` sees every write that was acknowledged before; `eventual` may be some seconds behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consistency: Option<String>,
    /// The `version` of an earlier answer: this request is ordered after it, and sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Do nothing, and answer what it would have used: `{"dry_run": true, "usage": …}`. Of a read that is found out by reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// One answer for each question, in order. The time of each is that of all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueryBatchAnswer {
    /// Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Freshness>,
    pub answers: Vec<QueryResultInBatch>,
    pub usage: Receipt,
}

/// A question: one of `vector` and `id`, or `text`, or `sparse`, or several of these.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueryInBatch {
    /// The numbers, or their little-endian 32-bit floats in base64, which is smaller and faster.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(with = "vectors::optional")]
    pub vector: Option<Vector>,
    /// The record whose vector is the question. It is among the matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Words to find in the text fields that the namespace declares: the best records have many of them, and rare ones. `"in quotes"` is a phrase, `begin*` any word that begins so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<TextQuery>,
    /// A sparse vector: the best records have the greatest products with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sparse: Option<SparseVector>,
    /// How the rankings of several parts become one. `rrf`, which is meant where nothing is said: the sum of 1 / (k + rank). `weighted`: the sum of weights times scores, those of each part stretched to 0 … 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fusion: Option<Fusion>,
    /// Whether each match says how it stands in each part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<i64>,
    /// What share of the true nearest the answer should have: less is found faster. What each share takes was measured when an index was built; what it cannot promise is searched exactly. 1 scores every matching record. Without it, about 0.98.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recall: Option<f64>,
    /// What share of the true nearest the answer has at least: never less than the usual, and never slower than that for a share below it. The answer says in `promised_recall` what it keeps to. Not together with `recall`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_recall: Option<f64>,
    /// Of the `top_k` best, only those with at least this score; higher is better by every metric. Of several parts it is the fused score that counts: by `rrf` at most 1 / (k + 1) for each part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_score: Option<f64>,
    /// Conditions on metadata fields; `a.b` names a nested one. A value stands for equality; operators are $eq $ne $gt $gte $lt $lte $in $nin $exists $prefix $contains, and $and $or $not around them (of an array of filters $not holds if none does). An array equals each of its elements: $eq and $in hold if any element is meant, $ne and $nin if none is; $contains asks for an element alone. {} matches everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Map<String, Value>>,
    /// `base64` is the compact form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_vectors: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_metadata: Option<bool>,
    /// Groups in the place of matches; `top_k` is not used then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_by: Option<GroupByField>,
    /// A metadata field: of each of its values the best match. Not together with `group_by`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distinct: Option<String>,
    /// Whether the answer shall have a `cursor` for what comes after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<bool>,
    /// The `cursor` of the page before, with all that decides the order the same; `top_k` may differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// How the answer was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueryPerformance {
    pub milliseconds: f64,
    /// `exact`: every matching record was scored, so nothing better can have been missed.
    pub mode: String,
    pub segments: i64,
    pub rows_scored: i64,
    pub tail_rows: i64,
    /// What share of the true nearest the answer has, as was measured when indexes were built; 1 where it is `exact`. Only where the query has `recall` or `min_recall`; of several parts it is that of the vector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promised_recall: Option<f64>,
}

/// What the request used, in records and in units.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueryReceipt {
    /// One query, fetch, list, count or key-value read, per 64 KB of answer begun.
    pub read_units: i64,
    /// One KB written, begun, per record or value; a deletion of one thing is one.
    pub write_units: i64,
    /// What that costs, as an exact decimal, before anything that a plan includes. Only where the tenant has a plan with prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<String>,
    /// Records that the filter accepts; all of them without one.
    pub records_matched: i64,
    pub records_scored: i64,
    pub records_returned: i64,
}

/// Matches, best first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueryResult {
    /// Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Freshness>,
    pub matches: Vec<Match>,
    /// Only with `group_by`: the group with the best match first. `matches` is empty then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<MatchGroup>>,
    /// Only where pages were asked for: where the next one begins; null where nothing more matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    pub usage: QueryReceipt,
    pub performance: QueryPerformance,
}

/// Matches, best first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueryResultInBatch {
    pub matches: Vec<Match>,
    /// Only with `group_by`: the group with the best match first. `matches` is empty then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<MatchGroup>>,
    /// Only where pages were asked for: where the next one begins; null where nothing more matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    pub usage: QueryUsage,
    pub performance: QueryPerformance,
}

/// What the answer took, in records.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueryUsage {
    /// Records that the filter accepts; all of them without one.
    pub records_matched: i64,
    pub records_scored: i64,
    pub records_returned: i64,
}

/// What the request would have used. Nothing was done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Quote {
    pub dry_run: bool,
    pub usage: Receipt,
}

/// What the request used.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Receipt {
    /// One query, fetch, list, count or key-value read, per 64 KB of answer begun.
    pub read_units: i64,
    /// One KB written, begun, per record or value; a deletion of one thing is one.
    pub write_units: i64,
    /// What that costs, as an exact decimal, before anything that a plan includes. Only where the tenant has a plan with prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<String>,
}

/// A record.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Freshness>,
    /// 1 to 512 bytes of printable text in UTF-8, compared code point by code point and never normalised; '.' and '..' are none.
    pub id: String,
    /// The numbers, or their little-endian 32-bit floats in base64, which is smaller and faster.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(with = "vectors::optional")]
    pub vector: Option<Vector>,
    /// {} where there is none.
    pub metadata: Map<String, Value>,
    /// When and by whom a change was made. Opaque; later versions win.
    pub version: String,
    /// When the record expires: RFC 3339, in UTC, to the millisecond. Not there where it never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    pub usage: Receipt,
}

/// A record.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordInList {
    /// 1 to 512 bytes of printable text in UTF-8, compared code point by code point and never normalised; '.' and '..' are none.
    pub id: String,
    /// The numbers, or their little-endian 32-bit floats in base64, which is smaller and faster.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(with = "vectors::optional")]
    pub vector: Option<Vector>,
    /// {} where there is none.
    pub metadata: Map<String, Value>,
    /// When and by whom a change was made. Opaque; later versions win.
    pub version: String,
    /// When the record expires: RFC 3339, in UTC, to the millisecond. Not there where it never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// A page of records in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordPage {
    /// Only where two sites share the namespace and the active one did not answer this: what is written there comes here a little later, whatever `consistency` asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Freshness>,
    pub records: Vec<ListedRecord>,
    /// Where the next page begins; null at the end of the listing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    pub usage: Receipt,
}

/// Changes to one record's metadata, and to when it expires, in a batch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordPatch {
    /// 1 to 512 bytes of printable text in UTF-8, compared code point by code point and never normalised; '.' and '..' are none.
    pub id: String,
    /// Top-level metadata fields to set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<Map<String, Value>>,
    /// Top-level metadata fields to remove.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unset: Option<Vec<String>>,
    /// Seconds until the record expires, from when the server takes the request: nobody sees it then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<f64>,
    /// When the record expires from now on, in RFC 3339; null: never. Left out, that stays as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "said")]
    pub expires_at: Option<Option<String>>,
}

/// A record to be written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordToUpsert {
    /// 1 to 512 bytes of printable text in UTF-8, compared code point by code point and never normalised; '.' and '..' are none.
    pub id: String,
    /// The numbers, or their little-endian 32-bit floats in base64, which is smaller and faster.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(with = "vectors::optional")]
    pub vector: Option<Vector>,
    /// A JSON object of at most 32768 bytes and 32 levels. Integers outside 64 bits become floating-point numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// Seconds until the record expires, from when the server takes the request: nobody sees it then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<f64>,
    /// The same as a moment to come, in RFC 3339 with its time zone, at most ten years away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Write only if the record is at this version. Otherwise nothing of the batch is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_version: Option<String>,
    /// Write only if there is no record with this id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_absent: Option<bool>,
}

/// How a key gives way to the next.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RotateKey {
    /// How long the old key goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlap_seconds: Option<i64>,
    /// When the new key ends by itself; without it, it has as long as the old one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in_seconds: Option<i64>,
}

/// One immutable segment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SegmentSummary {
    pub name: String,
    pub shard: i64,
    pub engine: String,
    pub rows: i64,
    pub live_rows: i64,
    pub bytes: i64,
}

/// A sparse vector: the best records have the greatest products with it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SparseVector {
    /// Which field that the namespace declares as sparse; not needed where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    pub indices: Vec<i64>,
    pub values: Vec<f64>,
}

/// How the words of a field are found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TextFieldSettings {
    /// What stop words and stems are those of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Whether words of one stem are alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stemming: Option<bool>,
    /// Whether the commonest words are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopwords: Option<bool>,
}

/// Words to find in the text fields that the namespace declares: the best records have many of them, and rare ones. `"in quotes"` is a phrase, `begin*` any word that begins so.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TextQuery {
    /// Words, of which the best records have many. Or clauses in `must` and `should`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Which fields, and how much each counts; all of them alike without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<std::collections::BTreeMap<String, f64>>,
    /// What every match has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub must: Option<Vec<String>>,
    /// What makes a match better.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub should: Option<Vec<String>>,
    /// What no match has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub must_not: Option<Vec<String>>,
}

/// A record whose condition does not hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnmetCondition {
    pub id: String,
    /// The version that it is at; null where it does not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    pub reason: String,
}

/// Records to be written together: all of them or none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UpsertRequest {
    pub vectors: Vec<RecordToUpsert>,
    /// The `version` of an earlier answer: this request is ordered after it, and sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Do nothing, and answer what it would have used: `{"dry_run": true, "usage": …}`. Of a read that is found out by reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// How many records were written, at which version.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Upserted {
    pub upserted: i64,
    /// When and by whom a change was made. Opaque; later versions win.
    pub version: String,
    pub usage: Receipt,
}

/// A page of namespaces with what they use, and the sums of that page.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    pub namespaces: Vec<NamespaceUsage>,
    pub totals: UsageTotals,
    /// Where the next page begins; null at the end of the listing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Sums over the namespaces of the answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UsageTotals {
    pub namespaces: i64,
    pub records: i64,
    pub segment_bytes: i64,
    pub keys: i64,
    pub key_value_bytes: i64,
}

/// Values of one type, those in arrays included.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Values {
    pub r#type: String,
    pub count: i64,
    pub min: Value,
    pub max: Value,
}

/// Null is Some(None): it says something else than a field that is missing.
fn said<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}
