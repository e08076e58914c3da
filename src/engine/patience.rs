//! How long to wait for what, whatever its kind is. What differs between kinds is in
//! [`crate::resource::kind`].

use std::time::Duration;

/// Between two looks at what nobody waits for, or what cannot be ready before long: each look is a
/// call, and calls are rationed.
pub const UNHURRIED: Duration = Duration::from_secs(15);

/// How long a thing whose create lost its answer may stay invisible, and how long a holder of our
/// name may still turn out to be our own.
pub const LOST: Duration = Duration::from_secs(30);

/// How long AWS may hide what was just made. A last look comes later than this.
pub const PROPAGATION: Duration = Duration::from_secs(15);

/// Between two looks whether AWS still shows what it has changed or removed.
pub const SHOWN_STILL: Duration = Duration::from_secs(3);

/// After how long of refusals the blockers of a removal are looked up.
pub const BLOCKED: Duration = Duration::from_secs(30);
