use crate::error::{Error, ErrorKind};
use crate::keys::Keys;
use crate::namespace::Namespace;
use crate::pages::Pages;
use crate::retries::Retries;
use crate::transport::{path_of, Call, Transport};
use crate::types::{Health, NamespaceDeleted, NamespacePage, NamespaceSummary, NewNamespace, Usage};
use crate::Result;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const USER_AGENT: &str = concat!("quartzdb-rust/", env!("CARGO_PKG_VERSION"));

/// A database at a URL, as one key may use it. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    transport: Arc<Transport>,
}

/// Settings of a client.
pub struct Builder {
    url: String,
    api_key: String,
    timeout: Duration,
    retries: Retries,
    read_your_writes: bool,
    agent: Option<ureq::Agent>,
}

impl Builder {
    /// Bounds each call, its retries included; 30 s.
    pub fn timeout(self, timeout: Duration) -> Builder {
        Builder { timeout, ..self }
    }

    /// How often a call that failed is tried again.
    pub fn retries(self, retries: Retries) -> Builder {
        Builder { retries, ..self }
    }

    /// Each read includes what this client wrote to the namespace before, on whichever cloud it lands.
    pub fn read_your_writes(self, read_your_writes: bool) -> Builder {
        Builder { read_your_writes, ..self }
    }

    /// An agent with settings of your own: proxies, certificates.
    pub fn agent(self, agent: ureq::Agent) -> Builder {
        Builder { agent: Some(agent), ..self }
    }

    /// The client. Fails where there is no URL or key.
    pub fn build(self) -> Result<Client> {
        if self.url.is_empty() || self.api_key.is_empty() {
            return Err(Error::new(ErrorKind::InvalidRequest, "A client needs a URL and a key."));
        }
        let url = self.url.trim_end_matches('/');
        Ok(Client {
            transport: Arc::new(Transport {
                agent: self.agent.unwrap_or_else(|| ureq::AgentBuilder::new().redirects(0).build()),
                url: url.strip_suffix("/v1").unwrap_or(url).to_owned(),
                headers: vec![
                    ("Authorization".to_owned(), format!("Bearer {}", self.api_key)),
                    ("User-Agent".to_owned(), USER_AGENT.to_owned()),
                ],
                timeout: self.timeout,
                retries: self.retries,
                written: self.read_your_writes.then(|| Mutex::new(HashMap::new())),
            }),
        })
    }
}

impl Client {
    /// A client with the defaults. Fails where there is no URL or key.
    pub fn new(url: impl Into<String>, api_key: impl Into<String>) -> Result<Client> {
        Client::builder(url, api_key).build()
    }

    /// Of QUARTZDB_URL and QUARTZDB_API_KEY.
    pub fn from_env() -> Result<Client> {
        let of = |name: &str| std::env::var(name).unwrap_or_default();
        Client::new(of("QUARTZDB_URL"), of("QUARTZDB_API_KEY"))
    }

    /// A client with settings of your own.
    pub fn builder(url: impl Into<String>, api_key: impl Into<String>) -> Builder {
        Builder {
            url: url.into(),
            api_key: api_key.into(),
            timeout: Duration::from_secs(30),
            retries: Retries::default(),
            read_your_writes: false,
            agent: None,
        }
    }

    /// API keys, for a key with the scope `admin`.
    pub fn keys(&self) -> Keys {
        Keys::new(Arc::clone(&self.transport))
    }

    /// Make a namespace. The same one twice is no error; with other settings it is a conflict.
    pub fn create_namespace(&self, settings: &NewNamespace) -> Result<Namespace> {
        let call = Call { method: "POST", path: path_of(&["namespaces"]), writes: true, ..Call::default() };
        let made: NamespaceSummary = self.transport.json(&call.with_json(settings))?;
        Ok(self.namespace(made.name))
    }

    /// A namespace that is there; nothing is sent.
    pub fn namespace(&self, name: impl Into<String>) -> Namespace {
        Namespace::new(Arc::clone(&self.transport), name.into())
    }

    /// All of them in order, of those with the prefix; pages of the server's size, or of `page_size`.
    pub fn list_namespaces(&self, prefix: Option<&str>, page_size: Option<u32>) -> Pages<'_, NamespaceSummary> {
        let prefix = prefix.map(str::to_owned);
        Pages::new(move |cursor| {
            let query = [("prefix", prefix.clone()), ("limit", page_size.map(|size| size.to_string())), ("cursor", cursor)];
            let page: NamespacePage = self.transport.json(&Call::get(path_of(&["namespaces"]), query))?;
            Ok((page.namespaces, page.cursor))
        })
    }

    /// Delete a namespace with all that it has.
    pub fn delete_namespace(&self, name: &str) -> Result<NamespaceDeleted> {
        self.namespace(name).delete_namespace()
    }

    /// What namespaces hold: records, keys and bytes. The first page, of those with the prefix.
    pub fn usage(&self, prefix: Option<&str>) -> Result<Usage> {
        self.transport.json(&Call::get(path_of(&["usage"]), [("prefix", prefix.map(str::to_owned))]))
    }

    /// Whether the server can serve.
    pub fn health(&self) -> Result<Health> {
        self.transport.json(&Call::get(path_of(&["health"]), []))
    }
}

impl Call {
    pub(crate) fn get(path: String, query: impl IntoIterator<Item = (&'static str, Option<String>)>) -> Call {
        let query = query.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect();
        Call { method: "GET", path, query, ..Call::default() }
    }

    pub(crate) fn with_json(mut self, body: &impl serde::Serialize) -> Call {
        // Nothing that is sent has keys that are no texts, or numbers that JSON lacks but NaN, which becomes null.
        self.body = Some(serde_json::to_vec(body).unwrap_or_default());
        self.headers.push(("Content-Type", "application/json".to_owned()));
        self
    }
}
