use crate::transport::{path_of, Call, Transport};
use crate::types::{KeyCreated, KeyList, KeyRevoked, KeyRotated, KeySummary, NewKey, RotateKey};
use crate::Result;
use std::sync::Arc;

/// API keys of a tenant, for a key with the scope `admin`. Keys are shown once, when they are made. To make or to rotate one
/// is tried once: where the answer is lost it fails with `ConnectionFailed`, and `list` shows whether there is a new key.
#[derive(Clone)]
pub struct Keys {
    transport: Arc<Transport>,
}

impl Keys {
    pub(crate) fn new(transport: Arc<Transport>) -> Keys {
        Keys { transport }
    }

    /// Make a key. `key` of the answer is what a client is given, and is never shown again.
    pub fn create(&self, key: &NewKey) -> Result<KeyCreated> {
        let call = Call { method: "POST", path: path_of(&["keys"]), once: true, ..Call::default() };
        self.transport.json(&call.with_json(key))
    }

    /// All keys, also those that have ended, without what makes them keys.
    pub fn list(&self) -> Result<Vec<KeySummary>> {
        let found: KeyList = self.transport.json(&Call::get(path_of(&["keys"]), []))?;
        Ok(found.keys)
    }

    /// Make a key with the same rights in the place of one, which goes on for a while: a day, where nothing else is said.
    pub fn rotate(&self, id: &str, how: &RotateKey) -> Result<KeyRotated> {
        let call = Call { method: "POST", path: path_of(&["keys", id, "rotate"]), once: true, ..Call::default() };
        self.transport.json(&call.with_json(how))
    }

    /// End a key, with `cascade` also those that were made with it.
    pub fn revoke(&self, id: &str, cascade: bool) -> Result<KeyRevoked> {
        let query = [("cascade", cascade.then(|| "true".to_owned()))];
        let call = Call { method: "DELETE", writes: true, ..Call::get(path_of(&["keys", id]), query) };
        self.transport.json(&call)
    }
}
