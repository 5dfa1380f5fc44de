use crate::error::Error;
use crate::namespace::Namespace;
use crate::types::RecordToUpsert;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// How many records are sent at once, and how many requests side by side.
#[derive(Debug, Clone, Copy)]
pub struct BatchOptions {
    /// Records in one request.
    pub batch_size: usize,
    /// Requests at a time.
    pub parallel: usize,
}

impl Default for BatchOptions {
    fn default() -> BatchOptions {
        BatchOptions { batch_size: 500, parallel: 4 }
    }
}

/// What became of many records.
#[derive(Debug, Default)]
pub struct Report {
    /// How many were written.
    pub upserted: i64,
    /// The highest version that was written.
    pub version: Option<String>,
    /// By id, why a record was not written: a part is written whole or not at all.
    pub failed: BTreeMap<String, Error>,
}

/// Write records that come from anywhere, also more than memory holds: in parts, some of them side by side. What is
/// refused is reported.
pub fn upsert_many<I>(namespace: &Namespace, records: I, options: BatchOptions) -> Report
where
    I: IntoIterator<Item = RecordToUpsert>,
    I::IntoIter: Send,
{
    let waiting = Mutex::new(records.into_iter());
    let report = Mutex::new(Report::default());
    std::thread::scope(|scope| {
        for _ in 0..options.parallel.max(1) {
            scope.spawn(|| loop {
                let part: Vec<RecordToUpsert> = match waiting.lock() {
                    Ok(mut records) => records.by_ref().take(options.batch_size.max(1)).collect(),
                    Err(_) => return, // whoever made the records failed in another thread
                };
                if part.is_empty() {
                    return;
                }
                let outcome = namespace.upsert(&part);
                if let Ok(mut report) = report.lock() {
                    match outcome {
                        Ok(done) => {
                            report.upserted += done.upserted;
                            if report.version.as_ref() < Some(&done.version) {
                                report.version = Some(done.version);
                            }
                        }
                        Err(error) => report.failed.extend(part.into_iter().map(|one| (one.id, error.clone()))),
                    }
                }
            });
        }
    });
    report.into_inner().unwrap_or_default()
}
