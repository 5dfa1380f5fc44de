//! Sends calls: attempts, waits, the deadline.

use crate::error::{Error, ErrorKind};
use crate::retries::{random, Retries};
use crate::{Freshness, Result};
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::io::Read;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// As long as the server may be asked to wait.
const WAIT_MAX: Duration = Duration::from_secs(20);

#[derive(Default)]
pub(crate) struct Call {
    pub method: &'static str,
    pub path: String,
    pub query: Vec<(&'static str, String)>,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<Vec<u8>>,
    /// An idempotency key is sent, so that it can be repeated.
    pub writes: bool,
    /// There is no idempotency key for it: it is sent again only where the server said that it did nothing.
    pub once: bool,
}

pub(crate) struct Answer {
    pub headers: HashMap<String, String>,
    pub content: Vec<u8>,
}

impl Answer {
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.content)
            .map_err(|error| Error::new(ErrorKind::ServerError, format!("The answer is not what was expected: {error}.")))
    }
}

pub(crate) struct Transport {
    pub agent: ureq::Agent,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub timeout: Duration,
    pub retries: Retries,
    /// The highest version that answers to writes told, by namespace; None: nobody wants to know.
    pub written: Option<Mutex<HashMap<String, String>>>,
}

impl Transport {
    /// The answer, retried as it may be.
    pub fn send(&self, call: &Call) -> Result<Answer> {
        let ends_at = Instant::now() + self.timeout;
        let key = call.writes.then(|| format!("{:016x}{:016x}", random(), random()));
        let mut attempt = 0;
        loop {
            let error = match self.once(call, key.as_deref(), ends_at) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let again = !call.once || error.kind == ErrorKind::RateLimited;
            match self.retries.wait(&error, attempt).filter(|_| again) {
                Some(wait) if Instant::now() + wait < ends_at => std::thread::sleep(wait),
                _ => return Err(error),
            }
            attempt += 1;
        }
    }

    pub fn json<T: DeserializeOwned>(&self, call: &Call) -> Result<T> {
        self.send(call)?.json()
    }

    /// How long an answer may be waited for of so long: a call has to end before its deadline.
    pub fn wait(&self, wanted: Duration) -> Duration {
        wanted.min(WAIT_MAX).min(self.timeout.mul_f64(0.8))
    }

    /// What a read of the namespace must include.
    pub fn last_written(&self, namespace: &str) -> Option<String> {
        self.written.as_ref()?.lock().ok()?.get(namespace).cloned()
    }

    /// The call, with what it says of how fresh its answer must be in its query.
    pub fn freshened(&self, mut call: Call, namespace: &str, fresh: &Freshness) -> Call {
        if let Some(consistency) = &fresh.consistency {
            call.query.push(("consistency", consistency.clone()));
        }
        if let Some(version) = fresh.version.clone().or_else(|| self.last_written(namespace)) {
            call.query.push(("version", version));
        }
        call
    }

    /// A write was answered with this version. Versions are ordered as texts are.
    pub fn note_written(&self, namespace: &str, version: Option<&str>) {
        if let (Some(written), Some(version)) = (&self.written, version) {
            if let Ok(mut versions) = written.lock() {
                let known = versions.entry(namespace.to_owned()).or_default();
                if version > known.as_str() {
                    *known = version.to_owned();
                }
            }
        }
    }

    pub fn forget_written(&self, namespace: &str) {
        if let Some(Ok(mut versions)) = self.written.as_ref().map(Mutex::lock) {
            versions.remove(namespace);
        }
    }

    fn once(&self, call: &Call, key: Option<&str>, ends_at: Instant) -> Result<Answer> {
        let left = ends_at.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let mut request = self.agent.request(call.method, &format!("{}{}", self.url, call.path)).timeout(left);
        for (name, value) in &call.query {
            request = request.query(name, value);
        }
        for (name, value) in &self.headers {
            request = request.set(name, value);
        }
        for (name, value) in &call.headers {
            request = request.set(name, value);
        }
        if let Some(key) = key {
            request = request.set("Idempotency-Key", key);
        }
        let failed = |what: String| {
            if Instant::now() >= ends_at {
                Error::new(ErrorKind::DeadlineExceeded, format!("{} {} took longer than {:?}.", call.method, call.path, self.timeout))
            } else {
                Error::new(ErrorKind::ConnectionFailed, format!("{} {} got no answer, or half of one: {what}.", call.method, call.path))
            }
        };
        let sent = match &call.body {
            Some(body) => request.send_bytes(body),
            None => request.call(),
        };
        let response = match sent {
            Ok(response) | Err(ureq::Error::Status(_, response)) => response,
            Err(ureq::Error::Transport(transport)) => return Err(failed(transport.kind().to_string())),
        };
        let status = response.status();
        let headers: HashMap<String, String> = response
            .headers_names()
            .into_iter()
            .filter_map(|name| response.header(&name).map(|value| (name.to_ascii_lowercase(), value.to_owned())))
            .collect();
        let mut content = Vec::new();
        response.into_reader().read_to_end(&mut content).map_err(|error| failed(error.to_string()))?;
        if status >= 400 {
            let retry_after = headers.get("retry-after").map(String::as_str);
            return Err(Error::of(status, retry_after, headers.get("x-request-id").cloned(), &content));
        }
        Ok(Answer { headers, content })
    }
}

/// A path below /v1; what parts have of slashes and the like is escaped.
pub(crate) fn path_of(parts: &[&str]) -> String {
    let mut path = String::from("/v1");
    for part in parts {
        path.push('/');
        for byte in part.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => path.push(byte as char),
                _ => path.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    path
}
