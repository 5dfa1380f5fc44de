use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// What sort of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is wrong, or too large: sending it again helps nothing. 400, 413, 415, 422.
    InvalidRequest,
    /// There is no key, or it is wrong, has ended or was revoked. 401.
    Unauthenticated,
    /// The plan, or a cap on spending, does not allow it. 402.
    LimitReached,
    /// The key may not do this. 403.
    Forbidden,
    /// There is no such namespace, record or key. 404.
    NotFound,
    /// It contradicts what is there. 409.
    Conflict,
    /// It was there, and is no longer kept: what comes next in a feed. `cursor` of `problem` is where to go on, once all was
    /// listed anew. 410.
    Gone,
    /// A condition of the write does not hold; nothing was written. 412.
    PreconditionFailed,
    /// Too many requests, also after the retries. 429.
    RateLimited,
    /// The server failed or cannot serve now, also after the retries. 5xx.
    ServerError,
    /// There was no answer, or half of one, also after the retries. A write may have been done.
    ConnectionFailed,
    /// The call took longer than its timeout. A write may have been done.
    DeadlineExceeded,
}

impl ErrorKind {
    /// As the API's documents write it.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorKind::InvalidRequest => "invalid_request",
            ErrorKind::Unauthenticated => "unauthenticated",
            ErrorKind::LimitReached => "limit_reached",
            ErrorKind::Forbidden => "forbidden",
            ErrorKind::NotFound => "not_found",
            ErrorKind::Conflict => "conflict",
            ErrorKind::Gone => "gone",
            ErrorKind::PreconditionFailed => "precondition_failed",
            ErrorKind::RateLimited => "rate_limited",
            ErrorKind::ServerError => "server_error",
            ErrorKind::ConnectionFailed => "connection_failed",
            ErrorKind::DeadlineExceeded => "deadline_exceeded",
        }
    }

    pub(crate) fn of(status: u16) -> ErrorKind {
        match status {
            401 => ErrorKind::Unauthenticated,
            402 => ErrorKind::LimitReached,
            403 => ErrorKind::Forbidden,
            404 => ErrorKind::NotFound,
            409 => ErrorKind::Conflict,
            410 => ErrorKind::Gone,
            412 => ErrorKind::PreconditionFailed,
            429 => ErrorKind::RateLimited,
            500..=599 => ErrorKind::ServerError,
            _ => ErrorKind::InvalidRequest,
        }
    }
}

/// A call that failed. It never has the key.
#[derive(Debug, Clone)]
pub struct Error {
    /// What sort of failure it is.
    pub kind: ErrorKind,
    /// What happened.
    pub message: String,
    /// Of the answer; None where there was none.
    pub status: Option<u16>,
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
    /// All that the answer said; Null where it said nothing.
    pub problem: Box<Value>,
    pub(crate) request_id: Option<String>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), status: None, retry_after: None, problem: Box::new(Value::Null), request_id: None }
    }

    pub(crate) fn of(status: u16, retry_after: Option<&str>, request_id: Option<String>, body: &[u8]) -> Error {
        let problem: Value = serde_json::from_slice(body).unwrap_or(Value::Null); // of something that is no part of the API
        let said = ["detail", "title"].iter().find_map(|name| problem[*name].as_str());
        let message = said.map_or_else(|| format!("The server answered {status}."), str::to_owned);
        let seconds = retry_after.and_then(|text| text.parse::<f64>().ok()).filter(|seconds| *seconds >= 0.0);
        Error {
            status: Some(status),
            retry_after: seconds.map(Duration::from_secs_f64),
            request_id,
            problem: Box::new(problem),
            ..Error::new(ErrorKind::of(status), message)
        }
    }

    /// A word of the API for this kind of problem, like `dimension_mismatch`.
    pub fn code(&self) -> Option<&str> {
        self.problem["code"].as_str()
    }

    /// Which part of the request it is about, like `vectors[3].vector`.
    pub fn field(&self) -> Option<&str> {
        self.problem["field"].as_str()
    }

    /// What to do.
    pub fn hint(&self) -> Option<&str> {
        self.problem["hint"].as_str()
    }

    /// Names the request in the server's log.
    pub fn request_id(&self) -> Option<&str> {
        self.problem["request_id"].as_str().or(self.request_id.as_deref())
    }

    /// Of a write with conditions: the records whose condition did not hold, each with `id`, `version`, `reason`.
    pub fn failures(&self) -> &[Value] {
        self.problem["failures"].as_array().map_or(&[], Vec::as_slice)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}", self.message)?;
        match self.hint() {
            Some(hint) => write!(to, " {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
