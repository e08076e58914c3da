//! Token buckets: how many calls AWS takes before it asks to slow down.
//!
//! AWS publishes few of the sizes (`docs/aws-facts.md`, throttling). Route 53's five requests a second
//! for a whole account are a fact; the others are what is documented for some of a service's
//! operations, or a cautious guess.

use std::collections::BTreeMap;
use std::time::Duration;

/// The buckets of one account.
#[derive(Debug, Default)]
pub struct Buckets {
    left: BTreeMap<String, (f64, Duration)>,
    /// How much smaller than AWS's they are.
    shrunk: f64,
}

/// How many calls a service takes.
#[derive(Debug)]
pub struct Limits {
    /// Which calls take from one bucket.
    pub shared: Shared,
    /// The bucket of calls that look.
    pub looks: Bucket,
    /// The bucket of calls that change something.
    pub changes: Bucket,
}

/// Its size, and the tokens that come back in a second.
pub type Bucket = (f64, f64);

/// Which calls take from one bucket.
#[derive(Debug, Clone, Copy)]
pub enum Shared {
    /// All of an account, in whatever region.
    ByAll,
    /// All that look, and all that change something.
    ByKind,
    /// Those of one operation.
    ByOperation,
    /// Those of one operation, whose bucket in a region may have a size of its own.
    ByOperationOf(fn(region: &str, operation: &str) -> Option<Bucket>),
}

impl Limits {
    /// The bucket that a call takes from: its name, and how large it is.
    pub fn bucket(
        &self,
        region: &str,
        service: &str,
        operation: &str,
        looks: bool,
    ) -> (String, Bucket) {
        let name = match self.shared {
            Shared::ByAll => service.to_owned(),
            Shared::ByKind => format!("{region} {service} {looks}"),
            Shared::ByOperation | Shared::ByOperationOf(_) => {
                format!("{region} {service} {operation}")
            }
        };
        let of_its_own = match self.shared {
            Shared::ByOperationOf(bucket) => bucket(region, operation),
            _ => None,
        };
        (name, of_its_own.unwrap_or(if looks { self.looks } else { self.changes }))
    }
}

impl Buckets {
    /// Makes the buckets, this many times smaller than AWS's.
    pub fn new(shrunk: u32) -> Self {
        Self { left: BTreeMap::new(), shrunk: f64::from(shrunk.max(1)) }
    }

    /// Takes a token out of a bucket with a name. Returns whether there was one.
    pub fn take(&mut self, bucket: String, (size, rate): Bucket, now: Duration) -> bool {
        let (size, rate) = ((size / self.shrunk).max(1.0), rate / self.shrunk);
        let (left, at) = self.left.get(&bucket).copied().unwrap_or((size, now));
        let left = (left + rate * now.saturating_sub(at).as_secs_f64()).min(size);
        let enough = left >= 1.0;
        self.left.insert(bucket, (if enough { left - 1.0 } else { left }, now));
        enough
    }
}
