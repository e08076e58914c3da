//! Reads the events of a node into its row.

use std::time::Duration;

use super::{Ending, Row, Wait};
use crate::engine::edge::Grade;
use crate::engine::event::{Event, LEAVING, What};

impl Row {
    pub(super) fn begins(with: &Event) -> Self {
        Self {
            node: with.node.clone(),
            start: with.at,
            made: None,
            end: with.at,
            ending: Ending::Open,
            waits: Vec::new(),
            critical: false,
            active: false,
            places: (0, 0),
        }
    }

    /// Whether its last wait has no end yet.
    pub(super) fn is_waiting(&self) -> bool {
        self.waits.last().is_some_and(|wait| wait.to == Duration::MAX)
    }

    pub(super) fn ends_waiting(&mut self, at: Duration) {
        if let Some(wait) = self.waits.last_mut() {
            wait.to = wait.to.min(at);
        }
    }

    pub(super) fn goes_on(&mut self, event: &Event, place: usize) {
        let Event { at, what, .. } = event;
        self.ends_waiting(*at);
        (self.end, self.places.1) = (*at, place);
        self.active |= !matches!(what, What::Found { .. } | What::Ready | What::NotStarted(_));
        let is_made = match what {
            // It was there all along.
            What::Found { .. } | What::Ready | What::Changing(_) => Some(self.start),
            What::Created | What::Removed => Some(*at),
            What::Waiting(why) => (why == LEAVING).then_some(*at),
            _ => None,
        };
        if let Some(at) = is_made.filter(|_| self.made.is_none()) {
            (self.made, self.places.0) = (Some(at), place);
        }
        self.ending = match what {
            What::Found { .. } | What::Ready => Ending::Ready,
            What::Removed => Ending::Gone,
            What::Failed(why) => Ending::Failed(why.clone()),
            What::NotStarted(why) => Ending::NotStarted(why.clone()),
            _ => Ending::Open,
        };
        if let What::Waiting(why) = what {
            self.waits.push(Wait { from: *at, to: Duration::MAX, why: why.clone() });
        }
    }

    /// When it was that far, and where among the events.
    pub(super) fn reached(&self, grade: Grade) -> Option<(Duration, usize)> {
        match grade {
            Grade::Made => self.made.map(|at| (at, self.places.0)),
            Grade::Ready => matches!(self.ending, Ending::Ready | Ending::Gone)
                .then_some((self.end, self.places.1)),
        }
    }

    /// Since when everything was there that its last waits counted, as in `2 of 2 tasks running`.
    pub(super) fn complete_since(&self) -> Option<Duration> {
        let counted = self.waits.iter().rev().filter_map(|wait| Some((wait, counts(&wait.why)?)));
        let complete = counted.take_while(|(_, (have, want))| have >= want);
        complete.last().map(|(wait, _)| wait.from)
    }

    /// The times in which it did not wait.
    pub(super) fn work(&self) -> Vec<(Duration, Duration)> {
        let from = [self.start].into_iter().chain(self.waits.iter().map(|wait| wait.to));
        let to = self.waits.iter().map(|wait| wait.from).chain([self.end]);
        let is_all = self.start == self.end;
        from.zip(to).filter(|(from, to)| from < to || is_all).collect()
    }
}

/// The numbers of a reason such as `1 of 2 tasks running`.
fn counts(why: &str) -> Option<(u32, u32)> {
    let mut words = why.split_whitespace();
    let (have, of, want) = (words.next()?, words.next()?, words.next()?);
    (of == "of").then_some((have.parse().ok()?, want.parse().ok()?))
}
