#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod batches;
mod changes;
mod client;
mod error;
mod key_values;
mod keys;
mod moments;
mod namespace;
mod pages;
mod retries;
mod transport;
#[allow(missing_docs)]
pub mod types;
mod vectors;

pub use batches::{upsert_many, BatchOptions, Report};
pub use changes::{Changes, ChangesPage, FeedOptions, Stop};
pub use client::{Builder, Client};
pub use error::{Error, ErrorKind};
pub use key_values::{Item, ItemChange, KeyValues, PutOptions};
pub use keys::Keys;
pub use moments::rfc3339;
pub use namespace::{Freshness, ListOptions, Namespace};
pub use pages::{Page, Pages};
pub use retries::Retries;
pub use vectors::Vector;

/// What calls give.
pub type Result<T> = std::result::Result<T, Error>;
