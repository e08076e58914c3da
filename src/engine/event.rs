//! What the engine tells while it works: the only thing that a user interface gets to see.

use std::fmt;
use std::time::Duration;

use crate::aws::error::without_requests;
use crate::names::NodeName;

/// Something happened to a node.
#[derive(Debug, Clone)]
pub struct Event {
    /// Since the run began.
    pub at: Duration,
    /// The node.
    pub node: NodeName,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// It was found as it was left.
    Found {
        /// AWS's id or name.
        id: String,
    },
    /// AWS was asked to make it.
    Creating,
    /// AWS made it, or is about to.
    Created,
    /// AWS was asked to change these fields.
    Changing(Vec<String>),
    /// It changed.
    Changed,
    /// It cannot go on yet; told again whenever the reason changes.
    Waiting(String),
    /// It is there, right and usable.
    Ready,
    /// AWS was asked to remove it.
    Removing,
    /// It is gone.
    Removed,
    /// It failed.
    Failed(String),
    /// It was not started; says why.
    NotStarted(String),
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found { id } => write!(f, "found {id}"),
            Self::Creating => f.write_str("creating"),
            Self::Created => f.write_str("created"),
            Self::Changing(fields) => write!(f, "changing {}", fields.join(", ")),
            Self::Changed => f.write_str("changed"),
            Self::Waiting(why) => write!(f, "waiting: {why}"),
            Self::Ready => f.write_str("ready"),
            Self::Removing => f.write_str("removing"),
            Self::Removed => f.write_str("removed"),
            Self::Failed(why) => write!(f, "failed: {why}"),
            Self::NotStarted(why) => write!(f, "not started: {why}"),
        }
    }
}

/// What is waited for as soon as AWS has agreed to remove something.
pub const LEAVING: &str = "AWS to remove it";

/// A reason without the ids of requests, which only AWS's support asks for.
pub fn brief(why: &str) -> String {
    without_requests(why)
}

/// A duration as people read it: `8s`, `3m05s`, `1h02m`.
pub fn duration(of: Duration) -> String {
    let seconds = of.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        let read = |seconds| duration(Duration::from_secs(seconds));
        assert_eq!([read(8), read(185), read(3725)], ["8s", "3m05s", "1h02m"]);
    }
}
