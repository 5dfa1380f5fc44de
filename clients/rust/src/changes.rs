use crate::transport::Transport;
use crate::Result;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

/// Where a feed begins, and how it goes on.
#[derive(Debug, Clone)]
pub struct FeedOptions {
    /// Where another one stood.
    pub cursor: Option<String>,
    /// With the first change that is kept.
    pub from_beginning: bool,
    /// A moment in RFC 3339 ([`crate::rfc3339`]), or the version of a write.
    pub since: Option<String>,
    /// How many are asked for at once.
    pub page_size: Option<u32>,
    /// How long one request waits for a change; 20 s, which is the longest.
    pub wait: Duration,
    /// False: it ends where nothing more has changed yet.
    pub follow: bool,
    /// Of changes of records: their metadata, too.
    pub include_metadata: bool,
    /// Of changes of records: their vectors, too.
    pub include_vectors: bool,
    /// Of changes of key-values: the values, too.
    pub values: bool,
}

impl Default for FeedOptions {
    fn default() -> FeedOptions {
        FeedOptions {
            cursor: None,
            from_beginning: false,
            since: None,
            page_size: None,
            wait: Duration::from_secs(20),
            follow: true,
            include_metadata: false,
            include_vectors: false,
            values: false,
        }
    }
}

impl FeedOptions {
    /// What a page is asked by. Where a feed begins it does not wait: a second attempt would begin later.
    pub(crate) fn query(&self, cursor: Option<String>, transport: &Transport) -> Vec<(&'static str, Option<String>)> {
        let yes = |wanted: bool, word: &str| wanted.then(|| word.to_owned());
        let mut query = vec![
            ("limit", self.page_size.map(|size| size.to_string())),
            ("include_metadata", yes(self.include_metadata, "true")),
            ("include_vectors", yes(self.include_vectors, "base64")),
            ("values", yes(self.values, "true")),
        ];
        match cursor {
            Some(cursor) => {
                query.push(("cursor", Some(cursor)));
                query.push(("wait", self.follow.then(|| transport.wait(self.wait).as_secs_f64().to_string())));
            }
            None => {
                query.push(("from", yes(self.from_beginning, "beginning")));
                query.push(("since", self.since.clone()));
            }
        }
        query
    }
}

/// A page of a feed.
#[derive(Debug, Clone)]
pub struct ChangesPage<T> {
    /// What changed; nothing, where a wait ended without a change.
    pub changes: Vec<T>,
    /// Where it goes on.
    pub cursor: String,
    /// Whether there is more at once.
    pub more: bool,
    /// Up to this moment all was told, RFC 3339.
    pub complete_until: String,
}

/// Ends a feed, from any thread.
#[derive(Debug, Clone)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Nothing more comes. Whoever waits for a change is told when that wait is over, `wait` later at most.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

type Ask<'a, T> = dyn FnMut(Option<String>) -> Result<ChangesPage<T>> + 'a;

/// What changes, one after the other; where there is nothing new it waits for it, and goes on until it is stopped. After an
/// error it goes on where it was, when it is asked again: nothing is lost. [`crate::ErrorKind::Gone`] says that what comes next
/// is no longer kept; `cursor` of the error's `problem` is where to go on after all was listed anew.
pub struct Changes<'a, T> {
    ask: Box<Ask<'a, T>>,
    cursor: Option<String>,
    follow: bool,
    page: Option<(String, bool)>,
    waiting: VecDeque<T>,
    ended: bool,
    stopped: Arc<AtomicBool>,
}

impl<'a, T> Changes<'a, T> {
    pub(crate) fn new(options: &FeedOptions, ask: impl FnMut(Option<String>) -> Result<ChangesPage<T>> + 'a) -> Changes<'a, T> {
        Changes {
            ask: Box::new(ask),
            cursor: options.cursor.clone(),
            follow: options.follow,
            page: None,
            waiting: VecDeque::new(),
            ended: false,
            stopped: Arc::default(),
        }
    }

    /// Where it stands: after all pages of which everything was taken, and more asked for. Keep it then, and begin with it the
    /// next time.
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// What ends it.
    pub fn stopper(&self) -> Stop {
        Stop(Arc::clone(&self.stopped))
    }

    /// A page instead of one change after the other. Where nothing changes an empty one comes after each wait.
    pub fn next_page(&mut self) -> Option<Result<ChangesPage<T>>> {
        if self.is_over() {
            return None;
        }
        if let Some((cursor, more)) = self.page.take() {
            self.cursor = Some(cursor);
            self.ended = !self.follow && !more;
            if self.ended {
                return None;
            }
        }
        let page = (self.ask)(self.cursor.clone());
        if self.is_over() {
            return None; // it was stopped meanwhile
        }
        if let Ok(page) = &page {
            self.page = Some((page.cursor.clone(), page.more));
        }
        Some(page)
    }

    fn is_over(&self) -> bool {
        self.ended || self.stopped.load(Ordering::Relaxed)
    }
}

impl<T> Iterator for Changes<'_, T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        while self.waiting.is_empty() {
            match self.next_page()? {
                Ok(page) => self.waiting.extend(page.changes),
                Err(error) => return Some(Err(error)),
            }
        }
        if self.is_over() {
            return None;
        }
        self.waiting.pop_front().map(Ok)
    }
}
