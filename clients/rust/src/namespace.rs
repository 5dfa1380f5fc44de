use crate::changes::{Changes, ChangesPage, FeedOptions};
use crate::key_values::KeyValues;
use crate::pages::Pages;
use crate::transport::{path_of, Call, Transport};
use crate::types::{
    AggregateAnswer, AggregateQuery, Change, ChangePage, CountResult, Deleted, EraseRequest, ErasureBegun, ErasurePage, ErasureReport, Fetched, FieldsAnswer, IdPage, ListedRecord,
    NamespaceDeleted, NamespaceDescription, PatchOne, PatchRequest, PatchResult, Query, QueryBatchAnswer, QueryInBatch, QueryResult,
    Record, RecordPage, RecordPatch, RecordToUpsert, Upserted,
};
use crate::Result;
use serde::de::DeserializeOwned;
use serde_json::{json, Map, Value};
use std::sync::Arc;

/// How fresh an answer must be.
#[derive(Debug, Clone, Default)]
pub struct Freshness {
    /// "strong", the default of the server: every write that was acknowledged before; "eventual" may be a little behind.
    pub consistency: Option<String>,
    /// The token of a write that the answer must include.
    pub version: Option<String>,
}

/// Which records to list, and how.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// Those that match.
    pub filter: Option<Value>,
    /// A field of metadata; the id without one.
    pub order_by: Option<String>,
    /// The greatest first.
    pub descending: bool,
    /// Vectors, too.
    pub include_vectors: bool,
    /// All metadata (true), none, or the names of fields.
    pub include_metadata: Option<Value>,
    /// How many are asked for at once.
    pub page_size: Option<u32>,
    /// How fresh.
    pub fresh: Freshness,
}

/// One namespace: records, queries, and its key-values. Cheap to clone.
#[derive(Clone)]
pub struct Namespace {
    transport: Arc<Transport>,
    name: String,
}

impl Namespace {
    pub(crate) fn new(transport: Arc<Transport>, name: String) -> Namespace {
        Namespace { transport, name }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its key-values.
    pub fn kv(&self) -> KeyValues {
        KeyValues::new(Arc::clone(&self.transport), self.name.clone())
    }

    /// Its settings, and how much is in it.
    pub fn describe(&self, fresh: &Freshness) -> Result<NamespaceDescription> {
        self.get_at(&[], [], fresh)
    }

    /// Delete it with all that it has.
    pub fn delete_namespace(&self) -> Result<NamespaceDeleted> {
        let call = Call { method: "DELETE", path: self.path(&[]), writes: true, ..Call::default() };
        let deleted = self.transport.json(&call)?;
        self.transport.forget_written(&self.name);
        Ok(deleted)
    }

    /// Write records, all or none. With `if_absent` or `if_version` it may fail with `PreconditionFailed`, whose
    /// `failures` say for which. For more than one request can carry there is [`crate::upsert_many`].
    pub fn upsert(&self, records: &[RecordToUpsert]) -> Result<Upserted> {
        self.write("POST", &["vectors"], Some(&json!({ "vectors": records })), None, |done: &Upserted| Some(&done.version))
    }

    /// The best records, best first: the nearest to a vector or to the record that has an `id`, those with the words of `text`,
    /// those with the greatest products with `sparse`; of several of these, what `fusion` makes of them. With `group_by` the
    /// answer has `groups`; with `page` it has a `cursor`, by which the same question goes on: [`Namespace::query_pages`] does
    /// that. Of vectors, ask by `include_vectors: Some(json!("base64"))`.
    pub fn query(&self, query: &Query) -> Result<QueryResult> {
        let mut body = object(json!(query));
        self.freshen(&mut body, &Freshness { consistency: query.consistency.clone(), version: query.version.clone() });
        self.read(&["query"], &Value::Object(body))
    }

    /// The same question page by page, each with its `matches` or `groups`, and the `cursor` with which it goes on.
    pub fn query_pages(&self, query: &Query) -> Pages<'_, QueryResult> {
        let query = Query { page: Some(true), ..query.clone() };
        Pages::new(move |cursor| {
            let page = self.query(&Query { cursor: cursor.or_else(|| query.cursor.clone()), ..query.clone() })?;
            let cursor = page.cursor.clone();
            Ok((vec![page], cursor))
        })
    }

    /// Several queries in one request, all of one moment.
    pub fn query_batch(&self, queries: &[QueryInBatch], fresh: &Freshness) -> Result<QueryBatchAnswer> {
        let mut body = object(json!({ "queries": queries }));
        self.freshen(&mut body, fresh);
        self.read(&["query", "batch"], &Value::Object(body))
    }

    /// A record.
    pub fn get(&self, id: &str, fresh: &Freshness) -> Result<Record> {
        self.get_at(&["vectors", id], [("encoding", Some("base64".to_owned()))], fresh)
    }

    /// Several records, and which ids have none.
    pub fn fetch(&self, ids: &[&str], fresh: &Freshness) -> Result<Fetched> {
        let mut body = object(json!({ "ids": ids, "encoding": "base64" }));
        self.freshen(&mut body, fresh);
        self.read(&["vectors", "fetch"], &Value::Object(body))
    }

    /// How many records there are, or match a filter.
    pub fn count(&self, filter: Option<&Value>, fresh: &Freshness) -> Result<CountResult> {
        let mut body = object(json!({}));
        if let Some(filter) = filter {
            body.insert("filter".to_owned(), filter.clone());
        }
        self.freshen(&mut body, fresh);
        self.read(&["vectors", "count"], &Value::Object(body))
    }

    /// All records that match, in order; pages are asked for as they are needed.
    pub fn list(&self, options: &ListOptions) -> Pages<'_, ListedRecord> {
        let mut body = Map::new();
        let mut set = |name: &str, value: Option<Value>| value.map(|value| body.insert(name.to_owned(), value));
        set("filter", options.filter.clone());
        set("limit", options.page_size.map(Value::from));
        set("include_metadata", options.include_metadata.clone());
        set("include_vectors", options.include_vectors.then(|| json!("base64")));
        let mut order = Map::new();
        if let Some(field) = &options.order_by {
            order.insert("field".to_owned(), json!(field));
        }
        if options.descending {
            order.insert("direction".to_owned(), json!("desc"));
        }
        set("order_by", (!order.is_empty()).then(|| Value::Object(order)));
        let fresh = options.fresh.clone();
        Pages::new(move |cursor| {
            let mut body = body.clone();
            if let Some(cursor) = cursor {
                body.insert("cursor".to_owned(), Value::String(cursor));
            }
            self.freshen(&mut body, &fresh);
            let page: RecordPage = self.read(&["vectors", "list"], &Value::Object(body))?;
            Ok((page.records, page.cursor))
        })
    }

    /// The ids of all records in order; pages are asked for as they are needed.
    pub fn list_ids(&self, prefix: Option<&str>, page_size: Option<u32>) -> Pages<'_, String> {
        let prefix = prefix.map(str::to_owned);
        Pages::new(move |cursor| {
            let query = [("prefix", prefix.clone()), ("limit", page_size.map(|size| size.to_string())), ("cursor", cursor)];
            let page: IdPage = self.get_at(&["vectors"], query, &Freshness::default())?;
            Ok((page.ids, page.cursor))
        })
    }

    /// Change metadata of records, all or none.
    pub fn patch(&self, patches: &[RecordPatch]) -> Result<PatchResult> {
        self.write("POST", &["vectors", "patch"], Some(&json!({ "patches": patches })), None, patched)
    }

    /// Change metadata of one record, and when it expires; with `if_version` only where it has that version.
    pub fn patch_one(&self, id: &str, patch: &PatchOne, if_version: Option<&str>) -> Result<PatchResult> {
        self.write("PATCH", &["vectors", id], Some(&json!(patch)), if_version, patched)
    }

    /// Change all records that match, in as many steps as it takes, each all or none.
    pub fn patch_matching(&self, filter: &Value, patch: &PatchOne) -> Result<PatchResult> {
        let mut request = PatchRequest {
            filter: filter.as_object().cloned(),
            set: patch.set.clone(),
            unset: patch.unset.clone(),
            ttl_seconds: patch.ttl_seconds,
            expires_at: patch.expires_at.clone(),
            version: patch.version.clone(),
            ..PatchRequest::default()
        };
        let mut all = 0;
        loop {
            let done: PatchResult = self.write("POST", &["vectors", "patch"], Some(&json!(request)), None, patched)?;
            all += done.patched;
            request.cursor = done.cursor.clone();
            if request.cursor.is_none() {
                return Ok(PatchResult { patched: all, ..done });
            }
        }
    }

    /// Delete records. Ids that have none are no error.
    pub fn delete(&self, ids: &[&str]) -> Result<Deleted> {
        self.write("POST", &["vectors", "delete"], Some(&json!({ "ids": ids })), None, deleted)
    }

    /// Delete one record; with `if_version` only where it has that version.
    pub fn delete_one(&self, id: &str, if_version: Option<&str>) -> Result<Deleted> {
        self.write("DELETE", &["vectors", id], None, if_version, deleted)
    }

    /// Delete all records that match, in as many steps as it takes.
    pub fn delete_matching(&self, filter: &Value) -> Result<Deleted> {
        let mut all = 0;
        loop {
            let body = json!({ "filter": filter });
            let done: Deleted = self.write("POST", &["vectors", "delete"], Some(&body), None, deleted)?;
            all += done.deleted;
            if !done.more {
                return Ok(Deleted { deleted: all, ..done });
            }
        }
    }

    /// Delete records, or the values of `keys`, and have all that is stored rewritten without them: one of `ids`, `keys` and
    /// `filter`. The answer has an `id`, by which [`Namespace::describe_erasure`] says how far that is; where a filter matches
    /// `more` than one step takes, erase again.
    pub fn erase(&self, what: &EraseRequest) -> Result<ErasureBegun> {
        self.write("POST", &["erase"], Some(&json!(what)), None, |begun: &ErasureBegun| begun.version.as_ref())
    }

    /// From which places it is gone, and when it will be from the others.
    pub fn describe_erasure(&self, id: &str) -> Result<ErasureReport> {
        self.transport.json(&Call::get(self.path(&["erasures", id]), []))
    }

    /// All erasures of the namespace; pages are asked for as they are needed.
    pub fn list_erasures(&self, page_size: Option<u32>) -> Pages<'_, ErasureReport> {
        Pages::new(move |cursor| {
            let query = [("limit", page_size.map(|size| size.to_string())), ("cursor", cursor)];
            let page: ErasurePage = self.transport.json(&Call::get(self.path(&["erasures"]), query))?;
            Ok((page.erasures, page.cursor))
        })
    }

    /// Numbers over records, for each group of `group_by`.
    pub fn aggregate(&self, query: &AggregateQuery) -> Result<AggregateAnswer> {
        let mut body = object(json!(query));
        self.freshen(&mut body, &Freshness { consistency: query.consistency.clone(), version: query.version.clone() });
        self.read(&["aggregate"], &Value::Object(body))
    }

    /// The fields of metadata that records have, with types, counts and ranges.
    pub fn schema(&self, fresh: &Freshness) -> Result<FieldsAnswer> {
        self.get_at(&["schema"], [], fresh)
    }

    /// What changes from now on, from the first change that is kept, or since a moment or the version of a write: an iterator
    /// that waits for more until it is stopped. It begins when the first change is asked for.
    pub fn changes(&self, options: &FeedOptions) -> Changes<'_, Change> {
        let asked = options.clone();
        Changes::new(options, move |cursor| {
            let call = Call::get(self.path(&["changes"]), asked.query(cursor, &self.transport));
            let ChangePage { changes, cursor, more, complete_until, .. } = self.transport.json(&call)?;
            Ok(ChangesPage { changes, cursor, more, complete_until })
        })
    }

    fn get_at<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: impl IntoIterator<Item = (&'static str, Option<String>)>,
        fresh: &Freshness,
    ) -> Result<T> {
        let call = self.transport.freshened(Call::get(self.path(path), query), &self.name, fresh);
        self.transport.json(&call)
    }

    fn read<T: DeserializeOwned>(&self, path: &[&str], body: &Value) -> Result<T> {
        let call = Call { method: "POST", path: self.path(path), ..Call::default() };
        self.transport.json(&call.with_json(body))
    }

    fn write<T: DeserializeOwned>(
        &self,
        method: &'static str,
        path: &[&str],
        body: Option<&Value>,
        if_version: Option<&str>,
        version: impl Fn(&T) -> Option<&String>,
    ) -> Result<T> {
        let mut call = Call { method, path: self.path(path), writes: true, ..Call::default() };
        if let Some(if_version) = if_version {
            call.headers.push(("If-Match", format!("\"{if_version}\"")));
        }
        let done: T = self.transport.json(&match body {
            Some(body) => call.with_json(body),
            None => call,
        })?;
        self.transport.note_written(&self.name, version(&done).map(String::as_str));
        Ok(done)
    }

    fn freshen(&self, body: &mut Map<String, Value>, fresh: &Freshness) {
        if let Some(consistency) = &fresh.consistency {
            body.insert("consistency".to_owned(), json!(consistency));
        }
        if let Some(version) = fresh.version.clone().or_else(|| self.transport.last_written(&self.name)) {
            body.insert("version".to_owned(), json!(version));
        }
    }

    fn path(&self, parts: &[&str]) -> String {
        path_of(&[&["namespaces", &self.name], parts].concat())
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn patched(done: &PatchResult) -> Option<&String> {
    done.version.as_ref()
}

fn deleted(done: &Deleted) -> Option<&String> {
    done.version.as_ref()
}
