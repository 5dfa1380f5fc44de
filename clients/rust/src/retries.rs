use crate::error::{Error, ErrorKind};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// How often a call that failed is tried again. Waits double from `backoff`, by chance anything below that, so that many
/// clients do not come back at once. What the server asks to wait counts where it is longer.
#[derive(Debug, Clone, Copy)]
pub struct Retries {
    /// After the first attempt.
    pub max_retries: u32,
    /// The longest first wait.
    pub backoff: Duration,
    /// The longest wait.
    pub backoff_max: Duration,
}

impl Default for Retries {
    fn default() -> Retries {
        Retries { max_retries: 3, backoff: Duration::from_millis(200), backoff_max: Duration::from_secs(8) }
    }
}

impl Retries {
    /// How long to wait before the next attempt; None: it is not made.
    pub(crate) fn wait(&self, error: &Error, attempt: u32) -> Option<Duration> {
        if attempt >= self.max_retries || !passes(error) {
            return None;
        }
        let doubled = self.backoff.saturating_mul(1 << attempt.min(20)).min(self.backoff_max);
        let share = (random() >> 11) as f64 / (1_u64 << 53) as f64;
        Some(doubled.mul_f64(share).max(error.retry_after.unwrap_or_default()))
    }
}

fn passes(error: &Error) -> bool {
    match error.kind {
        // The same write is being done at this moment: its answer can be had a little later.
        ErrorKind::Conflict => error.code() == Some("idempotency_conflict"),
        ErrorKind::ConnectionFailed | ErrorKind::RateLimited => true,
        _ => matches!(error.status, Some(408 | 425 | 500 | 502 | 503 | 504)),
    }
}

/// A number that nobody foresees: the standard library's hasher has keys of the system's randomness.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
