//! A timeline as data.

use serde_json::{Value, json};

use super::{Ending, Row, Timeline, Wait};
use crate::names::NodeName;

impl Timeline {
    /// The same as data, with times in seconds.
    pub fn to_json(&self) -> Value {
        let wait = |wait: &Wait| {
            json!({
                "from": wait.from.as_secs_f64(),
                "to": wait.to.as_secs_f64(),
                "why": wait.why,
            })
        };
        let row = |row: &Row| {
            let (ending, why) = match &row.ending {
                Ending::Ready if row.active => ("ready", None),
                Ending::Ready => ("found", None),
                Ending::Gone => ("gone", None),
                Ending::Failed(why) => ("failed", Some(why)),
                Ending::NotStarted(why) => ("not-started", Some(why)),
                Ending::Open => ("open", None),
            };
            json!({
                "node": row.node.as_str(),
                "start": row.start.as_secs_f64(),
                "made": row.made.map(|made| made.as_secs_f64()),
                "end": row.end.as_secs_f64(),
                "ending": ending,
                "why": why,
                "waits": row.waits.iter().map(wait).collect::<Vec<_>>(),
                "critical": row.critical,
            })
        };
        json!({
            "took": self.took.as_secs_f64(),
            "critical_path": self.critical_path.iter().map(NodeName::as_str).collect::<Vec<_>>(),
            "rows": self.rows.iter().map(row).collect::<Vec<_>>(),
        })
    }
}
