//! Which nodes decided how long it took.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Ending, Row};
use crate::engine::edge::{Link, Links};
use crate::names::NodeName;

/// How much later than it is there something may be seen.
const SEEN_LATE: Duration = Duration::from_secs(5);
/// How much faster than typically AWS may be.
const FASTER: u32 = 2;

/// Follows what was waited for back from what ended last.
pub(super) fn critical_path(rows: &BTreeMap<NodeName, Row>, links: &Links) -> Vec<NodeName> {
    let active: Vec<&Row> = rows.values().filter(|row| row.active).collect();
    // What was given up because of a failure ends right after it, and explains nothing.
    let failed = active.iter().any(|row| matches!(row.ending, Ending::Failed(_)));
    let counts = |row: &&&Row| !(failed && matches!(row.ending, Ending::NotStarted(_)));
    let last = active.iter().filter(counts).max_by_key(|row| (row.end, row.places.1));
    let mut next = last.map(|row| (*row, row.end));
    let mut path: Vec<NodeName> = Vec::new();
    let mut seen = BTreeSet::new();
    while let Some((row, until)) = next {
        path.insert(0, row.node.clone());
        seen.insert(&row.node);
        let open = |other: &&Row| other.active && !seen.contains(&other.node);
        next = match links.get(&row.node) {
            Some(links) => {
                let last_stretch = links.iter().map(|link| link.after).min().unwrap_or_default();
                let reached = |link: &Link| {
                    let other = rows.get(&link.to).filter(open)?;
                    let (at, place) = other.reached(link.grade)?;
                    let stretch = (link.after, last_stretch);
                    row.may_have_waited(at, stretch, until)
                        .then_some(((row.held_up(at, link.after, until), place), (other, at)))
                };
                links.iter().filter_map(reached).max_by_key(|(latest, _)| *latest)
            }
            None => {
                let before = active.iter().filter(|other| open(other) && other.end <= row.start);
                before
                    .map(|other| ((other.end, other.places.1), (*other, other.end)))
                    .max_by_key(|(latest, _)| *latest)
            }
        }
        .map(|(_, next)| next);
    }
    path
}

impl Row {
    /// Until when something that was there `at` some time, and from which on it typically takes `after`,
    /// held it up. What was over far sooner than typically did not hold up as typically.
    fn held_up(&self, at: Duration, after: Duration, until: Duration) -> Duration {
        let typically = (at + after).saturating_sub(self.start);
        let really = until.saturating_sub(self.start);
        at + if typically / FASTER > really { after.min(really) } else { after }
    }

    /// Whether it can have waited for something that was there `at` some time, to be itself as far as
    /// it was at `until`. From then on it typically takes `after`, of which the `last_stretch` comes
    /// when everything is there that it waits for.
    fn may_have_waited(
        &self,
        at: Duration,
        (after, last_stretch): (Duration, Duration),
        until: Duration,
    ) -> bool {
        if at <= self.start {
            return true;
        }
        // What never arrived failed on its own: nothing that came in the meantime helped it.
        if !matches!(self.ending, Ending::Ready | Ending::Gone) {
            return false;
        }
        let before_last = after.saturating_sub(last_stretch);
        match self.complete_since().filter(|_| !before_last.is_zero()) {
            // What it counts needed the other one, and was complete by then.
            Some(complete) => has_time(at, before_last, complete.min(until)),
            None => has_time(at, after, until),
        }
    }
}

/// Whether something that typically takes so long can have happened in between.
fn has_time(from: Duration, takes: Duration, to: Duration) -> bool {
    from <= to && takes / FASTER <= to.saturating_sub(from) + SEEN_LATE
}
