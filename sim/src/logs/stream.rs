//! Log streams: what is written into them, and what can be read of it.
//!
//! Nothing that a container writes by itself is stored. A line is a function of its stream and of its
//! number, so that a world of many containers does not grow while it stands.

use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::world::{EPOCH, World};

/// Until a line can be read (a guess that AWS has to confirm; `docs/aws-facts.md`, "Logs").
const INGESTION: (&str, RangeInclusive<f64>) = ("logs.ingestion", 1.0..=5.0);

/// How far behind AWS says when the newest line of a stream is from: "typically in less than an hour"
/// (API `LogStream`).
const SUMMARY: (&str, RangeInclusive<f64>) = ("logs.summary", 300.0..=3600.0);

/// How far apart the first lines of a container are.
const FIRST_EACH: i64 = 200;
/// How far apart its later ones are, before each is moved a little.
const EACH: i64 = 10_000;
/// By how much, in seconds.
const MOVED: (&str, RangeInclusive<f64>) = ("logs.moved", 0.0..=5.0);

/// Milliseconds since 1970, as logs counts.
pub(super) type Millis = i64;

/// A moment of the world.
pub(super) fn millis(at: Duration) -> Millis {
    let since_1970 = Duration::from_secs(EPOCH) + at;
    since_1970.as_millis().try_into().unwrap_or(Millis::MAX)
}

/// What a container writes by itself while it runs.
#[derive(Debug, Clone, Default)]
pub struct Chatter {
    /// Its first lines.
    pub first: Vec<String>,
    /// What it writes again and again, each time with a number after it.
    pub each: Option<String>,
}

/// A log stream.
#[derive(Debug)]
pub(super) struct Stream {
    /// The name of its group and its own: what its delays are drawn by.
    key: String,
    pub(super) opened: Millis,
    closed: Option<Millis>,
    chatter: Chatter,
    /// What was written for a reason.
    said: Vec<(Millis, String)>,
}

/// Where a line is in its stream. No two lines are at the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) at: Millis,
    pub(super) kind: u8,
    pub(super) number: i64,
}

/// A line.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) place: Place,
    /// From when on it can be read.
    pub(super) ingested: Millis,
    pub(super) text: String,
}

impl Stream {
    pub(super) fn new(group: &str, name: &str, opened: Millis, chatter: Chatter) -> Self {
        Self { key: format!("{group} {name}"), opened, closed: None, chatter, said: Vec::new() }
    }

    pub(super) fn close(&mut self, at: Millis) {
        self.closed.get_or_insert(at);
    }

    pub(super) fn say(&mut self, at: Millis, lines: impl IntoIterator<Item = String>) {
        self.said.extend(lines.into_iter().map(|line| (at, line)));
    }

    /// The lines written from a moment on and before another one, in order.
    pub(super) fn lines(&self, world: &World, from: Millis, before: Millis) -> Vec<Line> {
        let ends = self.closed.unwrap_or(Millis::MAX).min(before);
        let first = (0..).zip(&self.chatter.first);
        let first = first.map(|(n, text)| (self.opened + FIRST_EACH * (n + 1), 0, n, text.clone()));
        let said = (0..).zip(&self.said);
        let said = said.map(|(n, (at, text))| (*at, 2, n, text.clone()));
        let ours = first.chain(self.again(world, from, ends)).filter(|(at, ..)| *at < ends);
        let mut lines: Vec<_> = ours
            .chain(said)
            .filter(|(at, ..)| (from..before).contains(at))
            .map(|(at, kind, number, text)| {
                let place = Place { at, kind, number };
                Line { place, ingested: self.ingested(world, place), text }
            })
            .collect();
        lines.sort_by_key(|line| line.place);
        lines
    }

    /// What is written again and again, some more of it than between these moments.
    fn again(
        &self,
        world: &World,
        from: Millis,
        before: Millis,
    ) -> impl Iterator<Item = (Millis, u8, i64, String)> {
        let begins = self.opened + FIRST_EACH * 10;
        let number = |at: Millis| at.saturating_sub(begins).max(0) / EACH;
        let numbers = match &self.chatter.each {
            Some(_) if before > begins => (number(from) - 1).max(0)..number(before) + 1,
            _ => 0..0,
        };
        numbers.map(move |n| {
            let (label, range) = MOVED;
            let moved = world.dice.delay(label, &format!("{} {n}", self.key), range);
            let at = begins + EACH * n + Millis::try_from(moved.as_millis()).unwrap_or_default();
            let text = self.chatter.each.as_deref().unwrap_or_default();
            (at, 1, n, format!("{text} #{}", n + 1))
        })
    }

    fn ingested(&self, world: &World, Place { at, kind, number }: Place) -> Millis {
        let (label, range) = INGESTION;
        let after = world.dice.delay(label, &format!("{} {kind} {number}", self.key), range);
        at + Millis::try_from(after.as_millis()).unwrap_or_default()
    }

    /// The id of one of its lines: decimal digits, as many as AWS's have.
    pub(super) fn event_id(&self, world: &World, Place { at, kind, number }: Place) -> String {
        let mut id = format!("{at:015}{kind}{number:010}");
        for pair in world.dice.digest("logs.event", &self.key).as_bytes().chunks(2).take(10) {
            let digits = pair.iter().map(|it| u32::from(*it)).sum::<u32>();
            let _fits = write!(id, "{digits:03}");
        }
        id
    }

    /// When its newest line is from, as AWS says.
    pub(super) fn newest(&self, world: &World, now: Millis) -> Option<Line> {
        let (label, range) = SUMMARY;
        let behind = world.dice.delay(label, &self.key, range);
        let known = now - Millis::try_from(behind.as_millis()).unwrap_or_default();
        let end = self.closed.unwrap_or(known).min(known);
        // Its last lines are less than two intervals before its end, and its first ones at its beginning.
        let last = self.lines(world, end - 2 * EACH, known).pop();
        last.or_else(|| self.lines(world, self.opened, known).pop())
    }
}
