//! Goes through the scenarios: `cargo run --example conformance -- FOLDER`, with QUARTZDB_URL (the proxy's) and
//! QUARTZDB_API_KEY. One line of JSON for each scenario.

use quartzdb_client::types::{
    AggregateQuery, EraseRequest, NewKey, NewNamespace, PatchOne, Query, QueryInBatch, RecordPatch, RecordToUpsert, RotateKey,
};
use quartzdb_client::{
    rfc3339, upsert_many, BatchOptions, Changes, Client, Error, FeedOptions, Freshness, ListOptions, PutOptions, Retries,
};
use serde::de::DeserializeOwned;
use serde::Serialize;
use serde_json::{json, Map, Value};
use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

type Outcome = Result<Value, Error>;

struct Run {
    db: Client,
    namespace: String,
    saved: HashMap<String, Value>,
}

fn main() {
    let folder = std::env::args().nth(1).expect("the folder of the scenarios");
    let proxy = std::env::var("QUARTZDB_URL").expect("QUARTZDB_URL");
    let key = std::env::var("QUARTZDB_API_KEY").expect("QUARTZDB_API_KEY");
    let mut files: Vec<_> = std::fs::read_dir(folder).expect("the folder").map(|one| one.expect("a file").path()).collect();
    files.sort();
    let mut failed = false;
    for file in files {
        let scenarios: Vec<Value> = serde_json::from_slice(&std::fs::read(file).expect("a file")).expect("JSON");
        for scenario in scenarios {
            let problems = problems_of(&scenario, &proxy, &key);
            failed |= !problems.is_empty();
            println!("{}", json!({ "scenario": scenario["name"], "problems": problems }));
        }
    }
    std::process::exit(i32::from(failed));
}

fn problems_of(scenario: &Value, proxy: &str, key: &str) -> Vec<String> {
    let begun = control(proxy, "begin", &json!({ "scenario": scenario["name"] }));
    let options = &scenario["client"];
    let retries = Retries {
        max_retries: options["max_retries"].as_u64().unwrap_or(3) as u32,
        backoff: Duration::from_millis(50),
        ..Retries::default()
    };
    let mut builder = Client::builder(options["url"].as_str().unwrap_or(proxy), options["api_key"].as_str().unwrap_or(key))
        .retries(retries)
        .read_your_writes(options["read_your_writes"] == true);
    if let Some(seconds) = options["timeout_seconds"].as_f64() {
        builder = builder.timeout(Duration::from_secs_f64(seconds));
    }
    let db = builder.build().expect("a client");
    let namespace = begun["namespace"].as_str().expect("a name").to_owned();
    let mut run = Run { db, namespace, saved: HashMap::new() };
    let mut problems = Vec::new();
    for step in scenario["steps"].as_array().expect("steps") {
        let arguments = run.filled(step.get("with").unwrap_or(&json!({})));
        let started = Instant::now();
        let outcome = std::thread::scope(|scope| {
            if let Some(other) = step.get("meanwhile") {
                let with = run.filled(&other["with"]);
                let run = &run;
                scope.spawn(move || run.done(other["do"].as_str().expect("do"), &with).expect("what is done meanwhile"));
            }
            run.done(step["do"].as_str().expect("do"), &arguments)
        });
        let seconds = started.elapsed().as_secs_f64();
        if seconds < step["takes_at_least_seconds"].as_f64().unwrap_or(0.0)
            || seconds > step["takes_at_most_seconds"].as_f64().unwrap_or(60.0)
        {
            problems.push(format!("{} took {seconds} s", step["do"]));
        }
        run.judge(step, &outcome, &mut problems);
        if let (Some(save), Ok(found)) = (step["save"].as_object(), &outcome) {
            for (name, path) in save {
                run.saved.insert(name.clone(), at(found, path.as_str().unwrap_or_default()).clone());
            }
        }
    }
    let sent = control(proxy, "end", &json!({}));
    problems.extend(sent["problems"].as_array().into_iter().flatten().map(|one| one.as_str().unwrap_or("?").to_owned()));
    problems
}

fn control(proxy: &str, what: &str, body: &Value) -> Value {
    let answer = ureq::post(&format!("{proxy}/__conformance/{what}")).send_bytes(body.to_string().as_bytes());
    serde_json::from_str(&answer.expect("the proxy").into_string().expect("text")).expect("JSON")
}

impl Run {
    fn done(&self, what: &str, with: &Value) -> Outcome {
        let name = with["name"].as_str().unwrap_or(&self.namespace);
        let ns = self.db.namespace(name);
        let kv = ns.kv();
        let fresh = Freshness { consistency: text(&with["consistency"]), version: text(&with["version"]) };
        let (id, key) = (with["id"].as_str().unwrap_or_default(), with["key"].as_str().unwrap_or_default());
        let (ids, keys) = (strings(&with["ids"]), strings(&with["keys"]));
        let page_size = with["page_size"].as_u64().map(|size| size as u32);
        match what {
            "create_namespace" => {
                let mut settings: NewNamespace = read(with);
                settings.name = name.to_owned();
                self.db.create_namespace(&settings).map(|made| json!({ "name": made.name() }))
            }
            "list_namespaces" => all(self.db.list_namespaces(with["prefix"].as_str(), page_size)),
            "describe_namespace" => value(ns.describe(&fresh)),
            "delete_namespace" => value(self.db.delete_namespace(name)),
            "upsert" => value(ns.upsert(&read::<Vec<RecordToUpsert>>(&with["records"]))),
            "upsert_many" => Ok(self.many(with)),
            "query" => value(ns.query(&query_of(with))),
            "query_pages" => all(ns.query_pages(&query_of(with))),
            "query_batch" => value(ns.query_batch(&read::<Vec<QueryInBatch>>(&with["queries"]), &fresh)),
            "get" => value(ns.get(id, &fresh)),
            "fetch" => value(ns.fetch(&ids, &fresh)),
            "count" => value(ns.count(with.get("filter"), &fresh)),
            "list" => all(ns.list(&list_of(with, fresh))),
            "list_pages" => {
                let mut pages = ns.list(&list_of(with, fresh));
                if let Some(cursor) = with["cursor"].as_str() {
                    pages = pages.from_cursor(cursor);
                }
                let mut found = Vec::new();
                while let Some(page) = pages.next_page() {
                    let page = page?;
                    found.push(json!({ "records": page.items, "cursor": page.cursor }));
                }
                Ok(numbers(Value::Array(found)))
            }
            "changes" => followed(ns.changes(&feed_of(with)), with, |change| json!(change)),
            "kv_changes" => followed(kv.changes(&feed_of(with)), with, |change| {
                let mut found = json!(change);
                found["text"] = json!(change.text());
                found
            }),
            "list_ids" => all(ns.list_ids(with["prefix"].as_str(), page_size)),
            "patch" => value(ns.patch(&read::<Vec<RecordPatch>>(&with["patches"]))),
            "patch_one" => value(ns.patch_one(id, &read::<PatchOne>(with), with["if_version"].as_str())),
            "patch_matching" => value(ns.patch_matching(&with["filter"], &read::<PatchOne>(with))),
            "delete" => value(ns.delete(&ids)),
            "delete_one" => value(ns.delete_one(id, with["if_version"].as_str())),
            "delete_matching" => value(ns.delete_matching(&with["filter"])),
            "aggregate" => value(ns.aggregate(&read::<AggregateQuery>(with))),
            "schema" => value(ns.schema(&fresh)),
            "kv_put" => {
                let options = PutOptions {
                    content_type: text(&with["content_type"]),
                    ttl_seconds: with["ttl_seconds"].as_f64(),
                    if_version: text(&with["if_version"]),
                    if_absent: with["if_absent"] == true,
                };
                value(kv.put(key, &bytes(&with["value"]), &options))
            }
            "kv_get" => kv.get(key, &fresh).map(|item| {
                let mut found = json!(item);
                found["text"] = json!(item.text());
                found
            }),
            "kv_head" => value(kv.head(key, &fresh)),
            "erase" => value(ns.erase(&read::<EraseRequest>(with))),
            "describe_erasure" => value(ns.describe_erasure(id)),
            "list_erasures" => all(ns.list_erasures(page_size)),
            "keys_create" => value(self.db.keys().create(&read::<NewKey>(with))),
            "keys_list" => value(self.db.keys().list()),
            "keys_rotate" => value(self.db.keys().rotate(id, &read::<RotateKey>(with))),
            "keys_revoke" => value(self.db.keys().revoke(id, with["cascade"] == true)),
            "usage" => value(self.db.usage(with["prefix"].as_str())),
            "health" => value(self.db.health()),
            "kv_delete" => value(kv.delete(key, with["if_version"].as_str())),
            "kv_list" => all(kv.list(with["prefix"].as_str(), with["values"] == true, page_size)),
            "kv_put_many" => {
                let items: Vec<(String, Vec<u8>)> =
                    with["items"].as_object().into_iter().flatten().map(|(key, one)| (key.clone(), bytes(one))).collect();
                value(kv.put_many(&items.iter().map(|(key, one)| (key.as_str(), one.as_slice())).collect::<Vec<_>>()))
            }
            "kv_get_many" => kv.get_many(&keys).map(|(items, missing)| json!({ "items": items, "missing": missing })),
            "kv_delete_many" => value(kv.delete_many(&keys)),
            other => panic!("no such step: {other}"),
        }
    }

    fn many(&self, with: &Value) -> Value {
        let (count, dimension) = (with["count"].as_u64().unwrap_or(0), with["dimension"].as_u64().unwrap_or(0));
        let wrong: Vec<u64> = read(&with["wrong"]);
        let records = (0..count).map(move |number| RecordToUpsert {
            id: format!("r-{number}"),
            vector: Some(vec![1.0; dimension as usize + usize::from(wrong.contains(&number))]),
            ..RecordToUpsert::default()
        });
        let options = BatchOptions { batch_size: with["batch_size"].as_u64().unwrap_or(500) as usize, ..BatchOptions::default() };
        let report = upsert_many(&self.db.namespace(&self.namespace), records, options);
        json!({ "upserted": report.upserted, "failed": report.failed.keys().collect::<Vec<_>>() })
    }

    fn filled(&self, value: &Value) -> Value {
        match value {
            Value::String(text) if text.starts_with("$$") => json!(text[1..]),
            Value::String(text) if text.starts_with('$') => self.saved[&text[1..]].clone(),
            Value::String(text) => json!(text.replace("{namespace}", &self.namespace)),
            Value::Array(items) => items.iter().map(|one| self.filled(one)).collect(),
            Value::Object(map) if map.contains_key("$float32") => map["$float32"].clone(),
            Value::Object(map) if map.contains_key("$never") => Value::Null,
            Value::Object(map) if map.contains_key("$in_seconds") => {
                let seconds = map["$in_seconds"].as_i64().expect("whole seconds");
                let apart = Duration::from_secs(seconds.unsigned_abs());
                json!(rfc3339(if seconds < 0 { SystemTime::now() - apart } else { SystemTime::now() + apart }))
            }
            Value::Object(map) if map.contains_key("$bytes") => {
                json!({ "$bytes": base64::decode(map["$bytes"].as_str().unwrap_or_default()).expect("base64") })
            }
            Value::Object(map) => Value::Object(map.iter().map(|(name, one)| (name.clone(), self.filled(one))).collect::<Map<_, _>>()),
            other => other.clone(),
        }
    }

    fn judge(&self, step: &Value, outcome: &Outcome, problems: &mut Vec<String>) {
        let what = step["do"].as_str().unwrap_or_default();
        match (outcome, step.get("fails")) {
            (Err(error), None) => problems.push(format!("{what} failed: {:?} {error}", error.kind)),
            (Ok(found), Some(_)) => problems.push(format!("{what} did not fail, and gave {found}")),
            (Err(error), Some(fails)) => {
                let fails = self.filled(fails);
                let found = json!({
                    "kind": error.kind.as_str(), "status": error.status, "code": error.code(), "field": error.field(),
                    "hint": error.hint(), "request_id": error.request_id(), "failures": error.failures(),
                    "message": error.message,
                });
                for (name, expected) in fails.as_object().expect("an object") {
                    match name.as_str() {
                        "has" => problems.extend(
                            strings(expected).iter().filter(|one| found[**one].is_null()).map(|one| format!("{what}: the error has no {one}")),
                        ),
                        "hides" => {
                            if format!("{error} {error:?}").contains(expected.as_str().unwrap_or("?")) {
                                problems.push(format!("{what}: the error shows the key"));
                            }
                        }
                        _ => differences(&format!("{what}: {name} of the error"), expected, &found[name], problems),
                    }
                }
            }
            (Ok(found), None) => {
                if let Some(expected) = step.get("expect") {
                    differences(what, &self.filled(expected), found, problems);
                }
            }
        }
    }
}

fn differences(what: &str, expected: &Value, found: &Value, problems: &mut Vec<String>) {
    match expected {
        Value::Object(map) if map.contains_key("$any") => {
            if found.is_null() {
                problems.push(format!("{what} is missing"));
            }
        }
        Value::Object(map) if map.contains_key("$count") => {
            if found.as_array().map(Vec::len) != map["$count"].as_u64().map(|count| count as usize) {
                problems.push(format!("{what} is {found}, expected {} items", map["$count"]));
            }
        }
        Value::Object(map) if map.contains_key("$bytes") => {
            if found != &map["$bytes"] {
                problems.push(format!("{what} is {found}, expected {}", map["$bytes"]));
            }
        }
        Value::Object(map) => {
            for (name, one) in map {
                differences(&format!("{what}.{name}"), one, &found[name], problems);
            }
        }
        Value::Array(items) => match found.as_array() {
            Some(others) if others.len() == items.len() => {
                for (number, (one, other)) in items.iter().zip(others).enumerate() {
                    differences(&format!("{what}[{number}]"), one, other, problems);
                }
            }
            _ => problems.push(format!("{what} is {found}, expected {} items", items.len())),
        },
        Value::Number(number) => {
            let (one, other) = (number.as_f64().unwrap_or(f64::NAN), found.as_f64().unwrap_or(f64::NAN));
            if !((one - other).abs() <= 1e-5 * one.abs() + 1e-20) {
                problems.push(format!("{what} is {found}, expected {number}"));
            }
        }
        other if other != found => problems.push(format!("{what} is {found}, expected {other}")),
        _ => {}
    }
}

fn query_of(with: &Value) -> Query {
    let mut query = with.clone();
    if with["include_vectors"] == true {
        query["include_vectors"] = json!("base64");
    }
    read(&query)
}

fn list_of(with: &Value, fresh: Freshness) -> ListOptions {
    ListOptions {
        filter: with.get("filter").cloned(),
        order_by: text(&with["order_by"]),
        descending: with["descending"] == true,
        include_vectors: with["include_vectors"] == true,
        include_metadata: with.get("include_metadata").cloned(),
        page_size: with["page_size"].as_u64().map(|size| size as u32),
        fresh,
    }
}

fn feed_of(with: &Value) -> FeedOptions {
    FeedOptions {
        cursor: text(&with["cursor"]),
        from_beginning: with["from_beginning"] == true,
        since: text(&with["since"]),
        page_size: with["page_size"].as_u64().map(|size| size as u32),
        wait: with["wait_seconds"].as_f64().map_or(FeedOptions::default().wait, Duration::from_secs_f64),
        follow: with["follow"] != false,
        include_metadata: with["include_metadata"] == true,
        include_vectors: with["include_vectors"] == true,
        values: with["values"] == true,
    }
}

/// A feed: so many changes of it, or until it is stopped, or until it ends.
fn followed<T>(mut feed: Changes<'_, T>, with: &Value, shown: impl Fn(&T) -> Value) -> Outcome {
    let take = with["take"].as_u64().map_or(usize::MAX, |count| count as usize);
    let stop = feed.stopper();
    let after = with["stop_after_seconds"].as_f64().map(Duration::from_secs_f64);
    let stopping = after.map(|after| {
        std::thread::spawn(move || {
            std::thread::sleep(after);
            stop.stop();
        })
    });
    let mut changes = Vec::new();
    while changes.len() < take {
        match feed.next() {
            Some(change) => changes.push(shown(&change?)),
            None => break,
        }
    }
    if let Some(stopping) = stopping {
        stopping.join().expect("the thread that stops it");
    }
    Ok(numbers(json!({ "changes": changes, "cursor": feed.cursor() })))
}

/// A vector of an answer is in base64 when it is written again: as numbers here.
fn value<T: Serialize>(outcome: Result<T, Error>) -> Outcome {
    outcome.map(|found| numbers(json!(found)))
}

fn all<T: Serialize>(pages: impl Iterator<Item = Result<T, Error>>) -> Outcome {
    pages.collect::<Result<Vec<T>, Error>>().map(|found| numbers(json!(found)))
}

fn numbers(found: Value) -> Value {
    match found {
        Value::Array(items) => items.into_iter().map(numbers).collect(),
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(name, one)| match one {
                    Value::String(text) if name == "vector" => {
                        let bytes = base64::decode(text).expect("base64");
                        let floats = bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
                        (name, floats.map(f64::from).collect())
                    }
                    other => (name, numbers(other)),
                })
                .collect(),
        ),
        other => other,
    }
}

fn at<'a>(found: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(found, |one, name| match name.parse::<usize>() {
        Ok(number) => &one[number],
        Err(_) => &one[name],
    })
}

fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.clone().into_bytes(),
        other => read(&other["$bytes"]),
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn read<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).expect("what a scenario has")
}
