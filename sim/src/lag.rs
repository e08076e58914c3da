//! What answers show of a thing for some seconds after it was changed or deleted: how it was before.
//!
//! EC2 and IAM are eventually consistent (`docs/aws-facts.md`, "What was just changed or deleted is
//! still shown"). What is done to a thing counts at once; only those who look are late.

use std::collections::BTreeMap;
use std::time::Duration;

/// Things as they were, by key, and until when answers show them so.
#[derive(Debug)]
pub struct Former<T>(BTreeMap<String, (Duration, T)>);

impl<T> Default for Former<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Former<T> {
    /// Lets answers show a thing as it is now until a moment, whatever becomes of it. When they show an
    /// older state already, they go on with that.
    pub fn keep(&mut self, now: Duration, key: &str, until: Duration, it: T) {
        self.0.retain(|_, (until, _)| now < *until);
        self.0.entry(key.to_owned()).or_insert((until, it));
    }

    /// What answers show instead of the thing itself.
    pub fn shown(&self, now: Duration, key: &str) -> Option<&T> {
        self.0.get(key).filter(|(until, _)| now < *until).map(|(_, it)| it)
    }

    /// The keys of all that was changed or deleted lately.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }
}
