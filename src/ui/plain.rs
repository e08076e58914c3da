//! Progress as lines: one per change, with the time since the start, and a sign of life now and
//! then. It reads the same in a log file as on a screen.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::event::{Event, What, duration};
use crate::names::NodeName;

/// What has been shown so far.
#[derive(Debug, Default)]
pub struct Plain {
    waiting: BTreeMap<NodeName, String>,
    created: BTreeSet<NodeName>,
}

impl Plain {
    /// The line for an event, unless it says nothing new.
    pub fn event(&mut self, event: &Event) -> Option<String> {
        let Event { at, node, what } = event;
        let waited = match what {
            What::Waiting(why) => self.waiting.insert(node.clone(), why.clone()).is_some(),
            _ => self.waiting.remove(node).is_some(),
        };
        match what {
            What::Created => {
                self.created.insert(node.clone());
            }
            // What makes a new thing complete is part of its creation.
            What::Changing(_) if self.created.contains(node) => return None,
            _ => {}
        }
        let text = describe(what, waited)?;
        Some(format!("{:>7}  {node:<32} {text}", duration(*at)))
    }

    /// What is waited for, if anything.
    pub fn heartbeat(&self) -> Option<String> {
        let waiting: Vec<_> = self.waiting.keys().map(NodeName::as_str).collect();
        (!waiting.is_empty()).then(|| format!("         still waiting for {}", waiting.join(", ")))
    }
}

/// An event in words. What is found as it was left, and steps that end at once, are not worth a line.
pub(super) fn describe(what: &What, waited: bool) -> Option<String> {
    Some(match what {
        What::Waiting(why) => format!("waiting: {why}"),
        What::Created => "created".into(),
        What::Changing(fields) => format!("changing {}", fields.join(", ")),
        What::Removed => "removed".into(),
        What::Failed(why) => format!("failed: {why}"),
        // Who stops everything knows that each part of it stops.
        What::NotStarted(why) if why == "stopped" => return None,
        What::NotStarted(why) => why.clone(),
        What::Found { .. } | What::Ready if waited => "ready".into(),
        What::Found { .. } | What::Creating | What::Changed | What::Ready | What::Removing => {
            return None;
        }
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_line_per_change_and_the_reason_of_every_wait() {
        let mut plain = Plain::default();
        let mut show = |seconds, node: &str, what| {
            let event = Event { at: Duration::from_secs(seconds), node: node.into(), what };
            plain.event(&event)
        };
        let nat = "nat/1";
        let lines = [
            show(1, "vpc", What::Found { id: "vpc-1".into() }),
            show(2, nat, What::Creating),
            show(2, nat, What::Created),
            show(2, nat, What::Waiting("the NAT gateway is pending".into())),
            show(107, nat, What::Ready),
            show(110, "service/web", What::Changing(vec!["desiredCount".into()])),
        ];
        let lines: Vec<_> = lines.into_iter().flatten().collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        2s  nat/1                            created
        2s  nat/1                            waiting: the NAT gateway is pending
     1m47s  nat/1                            ready
     1m50s  service/web                      changing desiredCount
    ");
    }
}
