use crate::changes::{Changes, ChangesPage, FeedOptions};
use crate::pages::Pages;
use crate::transport::{path_of, Answer, Call, Transport};
use crate::types::{
    Item as ListedItem, ItemPage, ItemPut, ItemToPut, ItemsDeleted, ItemsFound, ItemsPut, KeyChange, KeyChangePage, KeyDeleted, Receipt,
};
use crate::{Freshness, Result};
use serde::Serialize;
use serde_json::{json, Value};
use std::sync::Arc;

/// A key with its value, type and version. `value` is None where only keys were asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Item {
    /// The key.
    pub key: String,
    /// The bytes.
    pub value: Option<Vec<u8>>,
    /// As it was put.
    pub content_type: String,
    /// For conditions, and for reads that must include it.
    pub version: String,
    /// When it ends, if it does.
    pub expires_at: Option<String>,
    /// What the request used.
    pub usage: Option<Receipt>,
}

impl Item {
    /// The value as UTF-8, None where it is none.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.value.as_deref()?).ok()
    }
}

/// What a key is now, that changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ItemChange {
    /// "put" or "delete", or what a newer server knows beside these.
    pub kind: String,
    /// The key.
    pub key: String,
    /// With which it changed.
    pub version: String,
    /// When the server committed it.
    pub at: String,
    /// The bytes; None where it was deleted, or not asked for.
    pub value: Option<Vec<u8>>,
    /// As it was put.
    pub content_type: Option<String>,
    /// When it ends, if it does.
    pub expires_at: Option<String>,
}

impl ItemChange {
    fn of(change: KeyChange) -> ItemChange {
        ItemChange {
            kind: change.kind,
            key: change.key,
            version: change.version,
            at: change.at,
            value: bytes(change.value, change.value_base64),
            content_type: change.content_type,
            expires_at: change.expires_at,
        }
    }

    /// The value as UTF-8, None where it is none.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.value.as_deref()?).ok()
    }
}

/// How to put a value.
#[derive(Debug, Clone, Default)]
pub struct PutOptions {
    /// application/octet-stream otherwise.
    pub content_type: Option<String>,
    /// After so many seconds it is gone.
    pub ttl_seconds: Option<f64>,
    /// Only where the key is still at this version.
    pub if_version: Option<String>,
    /// Only where there is no such key.
    pub if_absent: bool,
}

/// Key-values of one namespace: any bytes in, the same bytes out.
#[derive(Clone)]
pub struct KeyValues {
    transport: Arc<Transport>,
    namespace: String,
}

impl KeyValues {
    pub(crate) fn new(transport: Arc<Transport>, namespace: String) -> KeyValues {
        KeyValues { transport, namespace }
    }

    /// Set a value.
    pub fn put(&self, key: &str, value: &[u8], options: &PutOptions) -> Result<ItemPut> {
        let kind = options.content_type.clone().unwrap_or_else(|| "application/octet-stream".to_owned());
        let mut call = Call { method: "PUT", path: self.path(key), body: Some(value.to_vec()), ..Call::default() };
        call.headers = vec![("Content-Type", kind)];
        if let Some(version) = &options.if_version {
            call.headers.push(("If-Match", format!("\"{version}\"")));
        }
        if options.if_absent {
            call.headers.push(("If-None-Match", "*".to_owned()));
        }
        if let Some(seconds) = options.ttl_seconds {
            call.query.push(("ttl_seconds", seconds.to_string()));
        }
        let done: ItemPut = self.written(call)?.json()?;
        self.note(&done.version);
        Ok(done)
    }

    /// A value with its type and version.
    pub fn get(&self, key: &str, fresh: &Freshness) -> Result<Item> {
        let answer = self.transport.send(&self.fresh(Call::get(self.path(key), []), fresh))?;
        let value = answer.content.clone();
        Ok(Item { value: Some(value), ..told(key, &answer) })
    }

    /// The type, version and expiry of a value, without the value.
    pub fn head(&self, key: &str, fresh: &Freshness) -> Result<Item> {
        let call = Call { method: "HEAD", ..Call::get(self.path(key), []) };
        Ok(told(key, &self.transport.send(&self.fresh(call, fresh))?))
    }

    /// Delete a key; one that is not there is no error, and said.
    pub fn delete(&self, key: &str, if_version: Option<&str>) -> Result<KeyDeleted> {
        let mut call = Call { method: "DELETE", path: self.path(key), ..Call::default() };
        if let Some(version) = if_version {
            call.headers.push(("If-Match", format!("\"{version}\"")));
        }
        let done: KeyDeleted = self.written(call)?.json()?;
        self.note(&done.version);
        Ok(done)
    }

    /// All keys in order, with `values` also these; pages are asked for as they are needed.
    pub fn list(&self, prefix: Option<&str>, values: bool, page_size: Option<u32>) -> Pages<'_, Item> {
        let prefix = prefix.map(str::to_owned);
        Pages::new(move |cursor| {
            let query = [
                ("prefix", prefix.clone()),
                ("limit", page_size.map(|size| size.to_string())),
                ("cursor", cursor),
                ("values", values.then(|| "true".to_owned())),
            ];
            let call = Call::get(path_of(&["namespaces", &self.namespace, "kv"]), query);
            let page: ItemPage = self.transport.json(&self.fresh(call, &Freshness::default()))?;
            let usage = page.usage;
            Ok((page.items.into_iter().map(|one| item(one, &usage)).collect(), page.cursor))
        })
    }

    /// Which keys change from now on, with `values` also these: as `changes` of a namespace.
    pub fn changes(&self, options: &FeedOptions) -> Changes<'_, ItemChange> {
        let asked = options.clone();
        Changes::new(options, move |cursor| {
            let path = path_of(&["namespaces", &self.namespace, "kv-changes"]);
            let page: KeyChangePage = self.transport.json(&Call::get(path, asked.query(cursor, &self.transport)))?;
            let KeyChangePage { changes, cursor, more, complete_until, .. } = page;
            Ok(ChangesPage { changes: changes.into_iter().map(ItemChange::of).collect(), cursor, more, complete_until })
        })
    }

    /// Set several values, all or none.
    pub fn put_many(&self, items: &[(&str, &[u8])]) -> Result<ItemsPut> {
        let items: Vec<ItemToPut> = items
            .iter()
            .map(|(key, value)| ItemToPut { key: (*key).to_owned(), value_base64: Some(base64::encode(value)), ..ItemToPut::default() })
            .collect();
        let done: ItemsPut = self.written(self.batch("put", &json!({ "items": items })))?.json()?;
        self.note(&done.version);
        Ok(done)
    }

    /// The items of several keys, and which keys have none.
    pub fn get_many(&self, keys: &[&str]) -> Result<(Vec<Item>, Vec<String>)> {
        let mut body = json!({ "keys": keys });
        if let Some(version) = self.transport.last_written(&self.namespace) {
            body["version"] = Value::String(version);
        }
        let found: ItemsFound = self.transport.json(&self.batch("get", &body))?;
        let usage = found.usage;
        Ok((found.items.into_iter().map(|one| item(one, &usage)).collect(), found.missing))
    }

    /// Delete several keys, all or none.
    pub fn delete_many(&self, keys: &[&str]) -> Result<ItemsDeleted> {
        let done: ItemsDeleted = self.written(self.batch("delete", &json!({ "keys": keys })))?.json()?;
        self.note(&done.version);
        Ok(done)
    }

    fn written(&self, call: Call) -> Result<Answer> {
        self.transport.send(&Call { writes: true, ..call })
    }

    fn note(&self, version: &str) {
        self.transport.note_written(&self.namespace, Some(version));
    }

    fn batch(&self, what: &str, body: &Value) -> Call {
        let path = path_of(&["namespaces", &self.namespace, "kv-batch", what]);
        Call { method: "POST", path, ..Call::default() }.with_json(body)
    }

    fn path(&self, key: &str) -> String {
        path_of(&["namespaces", &self.namespace, "kv", key])
    }

    fn fresh(&self, call: Call, fresh: &Freshness) -> Call {
        self.transport.freshened(call, &self.namespace, fresh)
    }
}

/// What the headers of an answer say of a value.
fn told(key: &str, answer: &Answer) -> Item {
    let header = |name: &str| answer.headers.get(name).cloned();
    Item {
        key: key.to_owned(),
        content_type: header("content-type").unwrap_or_default(),
        version: header("x-quartzdb-version").unwrap_or_default(),
        expires_at: header("x-quartzdb-expires"),
        usage: header("x-usage").and_then(|text| serde_json::from_str(&text).ok()),
        value: None,
    }
}

fn item(one: ListedItem, usage: &Receipt) -> Item {
    Item {
        key: one.key,
        value: bytes(one.value, one.value_base64),
        content_type: one.content_type,
        version: one.version,
        expires_at: one.expires_at,
        usage: Some(usage.clone()),
    }
}

fn bytes(text: Option<String>, in_base64: Option<String>) -> Option<Vec<u8>> {
    in_base64.and_then(|text| base64::decode(text).ok()).or_else(|| text.map(String::into_bytes))
}
