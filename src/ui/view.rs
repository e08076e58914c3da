//! What a terminal shows of a run: a line for all of it, one for each node at work, and a line for each that
//! is done, which scrolls away above them. It only composes texts; [`live`](super::live) draws them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::plain;
use crate::engine::event::{Event, What, brief, duration};
use crate::names::NodeName;
use crate::text::{cut, fill, middle};

/// What is expected of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// Its nodes, and when each should begin and be ready, where that is known.
    pub nodes: BTreeMap<NodeName, Option<[Duration; 2]>>,
    /// How long it should take, if that is known.
    pub takes: Option<Duration>,
    /// What has one line in common with others, and with which: the service that it belongs to, where
    /// there are many.
    pub folded: BTreeMap<NodeName, String>,
}

/// A node at work.
#[derive(Debug)]
struct AtWork {
    since: Duration,
    /// What it does, or waits for.
    does: String,
    /// Whether it was made in this run, or changed.
    done: Option<&'static str>,
}

/// What is known of nodes that have one line in common.
#[derive(Debug, Default)]
struct Fold {
    /// When the first of them began.
    since: Option<Duration>,
    /// What was done to the first of them to which something was.
    done: Option<&'static str>,
    /// Whether it was told that one of them was given up.
    given_up: bool,
}

/// What is known of a run.
#[derive(Debug, Default)]
pub struct View {
    expected: Expected,
    at_work: BTreeMap<NodeName, AtWork>,
    over: BTreeSet<NodeName>,
    folds: BTreeMap<String, Fold>,
    failed: usize,
}

/// What has a line: a node, or several.
struct Entry<'a> {
    name: &'a str,
    since: Duration,
    does: String,
    usual: Option<Duration>,
}

/// Narrower than this nothing can be read.
const NARROWEST: usize = 20;
/// From so many columns on, how long a thing usually takes is told, too.
const WIDE: usize = 60;
/// Columns of a name, at most.
const NAME: usize = 32;

impl View {
    /// Learns what is going to be done.
    pub fn expect(&mut self, expected: Expected) {
        self.expected = expected;
    }

    /// Whether something is at work.
    pub fn is_at_work(&self) -> bool {
        !self.at_work.is_empty()
    }

    /// Notes an event, and returns the line that stays of it, if one does.
    pub fn event(&mut self, event: &Event, width: usize) -> Option<String> {
        let Event { at, node, what } = event;
        let does = match what {
            What::Waiting(why) => brief(why),
            What::Creating => "creating".to_owned(),
            What::Changing(fields) => format!("changing {}", fields.join(", ")),
            What::Removing => "removing".to_owned(),
            What::Created | What::Changed => {
                if let Some(work) = self.at_work.get_mut(node) {
                    // What makes a new thing complete is part of its creation.
                    let done = if *what == What::Created { "created" } else { "changed" };
                    work.done.get_or_insert(done);
                }
                return None;
            }
            What::Found { .. } | What::Ready | What::Removed => {
                self.over.insert(node.clone());
                let work = self.at_work.remove(node)?;
                let done = match *what == What::Removed {
                    true => Some("removed"),
                    false => work.done,
                };
                let Some((name, fold)) = self.fold(node) else {
                    let took = at.saturating_sub(work.since);
                    return Some(over(*at, node.as_str(), done, took, width));
                };
                fold.done = fold.done.or(done);
                let (took, done) = (at.saturating_sub(fold.since.unwrap_or(*at)), fold.done);
                let [over, all] = self.counts(&name);
                return (over == all).then(|| self::over(*at, &name, done, took, width));
            }
            What::Failed(_) | What::NotStarted(_) => {
                self.over.insert(node.clone());
                self.at_work.remove(node);
                let is_failed = matches!(what, What::Failed(_));
                self.failed += usize::from(is_failed);
                let text = plain::describe(what, true)?;
                return match self.fold(node).filter(|_| !is_failed) {
                    None => Some(line_of(*at, node.as_str(), &text, width)),
                    Some((name, fold)) => {
                        let is_told = std::mem::replace(&mut fold.given_up, true);
                        (!is_told).then(|| line_of(*at, &name, &text, width))
                    }
                };
            }
        };
        self.over.remove(node);
        match self.at_work.get_mut(node) {
            Some(work) => work.does = does,
            None => {
                self.at_work.insert(node.clone(), AtWork { since: *at, does, done: None });
            }
        }
        if let Some((_, fold)) = self.fold(node) {
            fold.since.get_or_insert(*at);
        }
        None
    }

    /// What a node has in common with others, and its name.
    fn fold(&mut self, node: &NodeName) -> Option<(String, &mut Fold)> {
        let name = self.expected.folded.get(node)?;
        Some((name.clone(), self.folds.entry(name.clone()).or_default()))
    }

    /// How many of the nodes that have this line in common are over, and how many there are.
    fn counts(&self, name: &str) -> [usize; 2] {
        let of = self.expected.folded.iter().filter(|(_, of)| *of == name);
        let over = of.clone().filter(|(node, _)| self.over.contains(*node));
        [over.count(), of.count()]
    }

    /// The lines below: what the whole is at, and what each node does. The reasons of waits are whole as
    /// long as there is room; where there is none, what began last is only counted.
    pub fn lines(&self, now: Duration, width: usize, height: usize) -> Vec<String> {
        let width = width.max(NARROWEST);
        let room = height.saturating_sub(2).max(1);
        let entries = self.entries(width);
        let mut lines = vec![cut(&self.summary(now), width)];
        let shown = if entries.len() > room { room.saturating_sub(1) } else { entries.len() };
        // What names do not need is for reasons.
        let names = entries[..shown].iter().map(|entry| entry.name.chars().count()).max();
        let names = names.unwrap_or_default().min(columns_of_names(width));
        // What is left of the room is for reasons that need more than a line.
        let mut spare = room.saturating_sub(shown + usize::from(shown < entries.len()));
        for entry in &entries[..shown] {
            let mut text = entry.lines(now, names, width);
            let more = text.len() - 1;
            if more > spare {
                let rest = text.split_off(spare);
                let whole = rest.iter().skip(1).map(|line| line.trim_start());
                let rest = rest.iter().map(String::as_str).take(1).chain(whole);
                let rest = rest.collect::<Vec<_>>().join(" ");
                text.push(cut(&rest, width));
            }
            spare -= more.min(spare);
            lines.extend(text);
        }
        if shown < entries.len() {
            lines.push(cut(&format!("and {} more at work", entries.len() - shown), width));
        }
        lines
    }

    /// What has a line: what began first stands first.
    fn entries(&self, width: usize) -> Vec<Entry<'_>> {
        let mut entries = Vec::new();
        let mut folds: BTreeMap<&str, Vec<(&NodeName, &AtWork)>> = BTreeMap::new();
        for (node, work) in &self.at_work {
            match self.expected.folded.get(node) {
                Some(name) => folds.entry(name).or_default().push((node, work)),
                None => entries.push(Entry {
                    name: node.as_str(),
                    since: work.since,
                    does: work.does.clone(),
                    usual: self.expects(node).map(|[start, ready]| ready.saturating_sub(start)),
                }),
            }
        }
        for (name, members) in folds {
            let [over, all] = self.counts(name);
            // What should be ready last holds them all up.
            let last = members.iter().max_by_key(|(node, work)| (self.ready(node), work.since));
            let does = last.map(|(_, work)| work.does.as_str()).unwrap_or_default();
            let of = self.expected.folded.iter().filter(|(_, of)| of.as_str() == name);
            let times = of.filter_map(|(node, _)| self.expects(node));
            let usual = times.reduce(|one, other| [one[0].min(other[0]), one[1].max(other[1])]);
            entries.push(Entry {
                name,
                since: self.folds.get(name).and_then(|it| it.since).unwrap_or_default(),
                does: match width >= WIDE {
                    true => format!("{over} of {all} done: {does}"),
                    false => format!("{over}/{all}: {does}"),
                },
                usual: usual.map(|[start, ready]| ready.saturating_sub(start)),
            });
        }
        entries.sort_by_key(|entry| (entry.since, entry.name));
        entries
    }

    /// When a node should begin and be ready.
    fn expects(&self, node: &NodeName) -> Option<[Duration; 2]> {
        self.expected.nodes.get(node).copied().flatten()
    }

    fn ready(&self, node: &NodeName) -> Option<Duration> {
        self.expects(node).map(|[_, ready]| ready)
    }

    /// How far the whole is.
    fn summary(&self, now: Duration) -> String {
        let all = self.expected.nodes.len();
        let over = self.over.iter().filter(|node| self.expected.nodes.contains_key(*node)).count();
        let mut text = duration(now);
        if let Some(takes) = self.expected.takes.filter(|takes| *takes > now) {
            text = format!("{text} of about {}", duration(takes));
        }
        if all > 0 {
            text = format!("{text}, {over} of {all} done");
        }
        if self.failed > 0 {
            text = format!("{text}, {} failed", self.failed);
        }
        // What should be ready last holds the whole up.
        match self.at_work.iter().max_by_key(|(node, work)| (self.ready(node), work.since)) {
            Some((node, _)) => format!("{text}; waiting for {node}"),
            None => text,
        }
    }
}

impl Entry<'_> {
    fn lines(&self, now: Duration, names: usize, width: usize) -> Vec<String> {
        let mut took = duration(now.saturating_sub(self.since));
        let usual = self.usual.filter(|usual| usual.as_secs() > 1 && width >= WIDE);
        if let Some(usual) = usual {
            took = format!("{took} of {}", duration(usual));
        }
        let name = middle(self.name, names);
        let columns = if width >= WIDE { 14 } else { 6 };
        fill(&format!("{name:<names$} {took:>columns$} {}", self.does), width)
    }
}

/// The line of something that is over: what was done, if something was, and how long that took.
fn over(at: Duration, name: &str, done: Option<&str>, took: Duration, width: usize) -> String {
    let done = done.unwrap_or("ready");
    let text = match (took.as_secs(), width >= WIDE) {
        (0, _) => done.to_owned(),
        (_, true) => format!("{done} after {}", duration(took)),
        (_, false) => format!("{done}, {}", duration(took)),
    };
    line_of(at, name, &text, width)
}

/// A line that scrolls away.
fn line_of(at: Duration, of: &str, text: &str, width: usize) -> String {
    let columns = columns_of_names(width);
    let gap = if width >= WIDE { "  " } else { " " };
    format!("{:>7}{gap}{:<columns$} {text}", duration(at), middle(of, columns))
}

/// How many columns names have, at most.
fn columns_of_names(width: usize) -> usize {
    (width * 2 / 5).clamp(8, NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn told(view: &mut View, at: u64, node: &str, what: What) -> Option<String> {
        view.event(&Event { at: seconds(at), node: node.into(), what }, 80)
    }

    /// A deploy after twenty seconds.
    fn view() -> (View, Vec<String>) {
        let mut view = View::default();
        let node =
            |name: &str, from, to| (NodeName::from(name), Some([seconds(from), seconds(to)]));
        let nodes = [
            node("vpc", 0, 1),
            node("nat/1", 3, 108),
            node("load-balancer", 5, 150),
            node("service/web", 6, 190),
            node("rule/load-balancer-80-from-203.0.113.0/24", 4, 5),
        ];
        view.expect(Expected {
            nodes: nodes.into(),
            takes: Some(seconds(190)),
            ..Expected::default()
        });
        let why = "0 of 2 tasks running: the image `example.com/nginx:no-such-tag` does not exist, or may not \
                   be pulled: CannotPullContainerError: not found (request 1-2-3)";
        let scrolled = [
            told(&mut view, 0, "vpc", What::Creating),
            told(&mut view, 0, "vpc", What::Created),
            told(&mut view, 0, "vpc", What::Waiting("AWS to show it".into())),
            told(&mut view, 2, "vpc", What::Ready),
            told(&mut view, 3, "nat/1", What::Creating),
            told(
                &mut view,
                3,
                "nat/1",
                What::Waiting("the NAT gateway to become available".into()),
            ),
            told(&mut view, 5, "load-balancer", What::Creating),
            told(&mut view, 5, "load-balancer", What::Waiting("AWS to provision it".into())),
            told(&mut view, 5, "rule/load-balancer-80-from-203.0.113.0/24", What::Creating),
            told(&mut view, 5, "rule/load-balancer-80-from-203.0.113.0/24", What::Created),
            told(&mut view, 5, "rule/load-balancer-80-from-203.0.113.0/24", What::Ready),
            told(&mut view, 6, "service/web", What::Creating),
            told(&mut view, 6, "service/web", What::Waiting(why.into())),
            told(&mut view, 9, "role/execution", What::Failed("AccessDenied: no".into())),
        ];
        (view, scrolled.into_iter().flatten().collect())
    }

    #[test]
    fn what_is_over_has_one_line() {
        insta::assert_snapshot!(view().1.join("\n"), @r"
             2s  vpc                              created after 2s
             5s  rule/load-balanc…-203.0.113.0/24 created
             9s  role/execution                   failed: AccessDenied: no
        ");
    }

    #[test]
    fn on_a_small_terminal_that_line_is_one_too() {
        let mut view = View::default();
        let node = "rule/load-balancer-80-from-203.0.113.0/24";
        let event = |at, what| Event { at: seconds(at), node: node.into(), what };
        assert_eq!(view.event(&event(100, What::Removing), 40), None);
        let line = view.event(&event(170, What::Removed), 40).unwrap();
        assert_eq!(line, "  2m50s rule/loa…13.0/24 removed, 1m10s");
    }

    #[test]
    fn a_usual_terminal_shows_reasons_whole() {
        insta::assert_snapshot!(view().0.lines(seconds(20), 80, 24).join("\n"), @r"
        20s of about 3m10s, 2 of 5 done, 1 failed; waiting for service/web
        nat/1           17s of 1m45s the NAT gateway to become available
        load-balancer   15s of 2m25s AWS to provision it
        service/web     14s of 3m04s 0 of 2 tasks running: the image
            `example.com/nginx:no-such-tag` does not exist, or may not be pulled:
            CannotPullContainerError: not found
        ");
    }

    #[test]
    fn a_wide_terminal_needs_fewer_lines() {
        insta::assert_snapshot!(view().0.lines(seconds(20), 200, 50).join("\n"), @r"
        20s of about 3m10s, 2 of 5 done, 1 failed; waiting for service/web
        nat/1           17s of 1m45s the NAT gateway to become available
        load-balancer   15s of 2m25s AWS to provision it
        service/web     14s of 3m04s 0 of 2 tasks running: the image `example.com/nginx:no-such-tag` does not exist, or may not be pulled: CannotPullContainerError: not found
        ");
    }

    #[test]
    fn on_a_small_terminal_the_last_are_counted() {
        insta::assert_snapshot!(view().0.lines(seconds(20), 60, 15).join("\n"), @r"
        20s of about 3m10s, 2 of 5 done, 1 failed; waiting for serv…
        nat/1           17s of 1m45s the NAT gateway to become
            available
        load-balancer   15s of 2m25s AWS to provision it
        service/web     14s of 3m04s 0 of 2 tasks running: the image
            `example.com/nginx:no-such-tag` does not exist, or may
            not be pulled: CannotPullContainerError: not found
        ");
        insta::assert_snapshot!(view().0.lines(seconds(20), 40, 8).join("\n"), @r"
        20s of about 3m10s, 2 of 5 done, 1 fail…
        nat/1            17s the NAT gateway to
            become available
        load-balancer    15s AWS to provision it
        service/web      14s 0 of 2 tasks
            running: the image
            `example.com/nginx:no-such-tag` doe…
        ");
        insta::assert_snapshot!(view().0.lines(seconds(20), 40, 4).join("\n"), @r"
        20s of about 3m10s, 2 of 5 done, 1 fail…
        nat/1    17s the NAT gateway to become …
        and 2 more at work
        ");
    }

    #[test]
    fn nothing_is_wider_or_higher_than_the_terminal() {
        let (view, _) = view();
        for width in 20..120 {
            for height in 3..12 {
                let lines = view.lines(seconds(4000), width, height);
                assert!(lines.len() < height, "{width}×{height}: {lines:#?}");
                let fits = lines.iter().all(|line| line.chars().count() <= width);
                assert!(fits, "{width}×{height}: {lines:#?}");
            }
        }
    }

    /// A deploy of fifty services, of which the first is ready and the second fails.
    fn fifty() -> (View, Vec<String>) {
        let mut view = View::default();
        let mut expected = Expected { takes: Some(seconds(240)), ..Expected::default() };
        expected.nodes.insert("nat/1".into(), Some([seconds(3), seconds(108)]));
        let services: Vec<String> = (1..=50).map(|number| format!("shop-{number:02}")).collect();
        for service in &services {
            let nodes = [("role/execution", 2, 5), ("target-group", 5, 6), ("service", 6, 230)];
            for (kind, from, to) in nodes {
                let node = NodeName::from(format!("{kind}/{service}"));
                expected.nodes.insert(node.clone(), Some([seconds(from), seconds(to)]));
                expected.folded.insert(node, service.clone());
            }
        }
        view.expect(expected);
        let mut scrolled = Vec::new();
        scrolled.push(told(&mut view, 3, "nat/1", What::Creating));
        let why = What::Waiting("the NAT gateway to become available".into());
        scrolled.push(told(&mut view, 3, "nat/1", why));
        for service in &services {
            for kind in ["role/execution", "target-group"] {
                let node = format!("{kind}/{service}");
                scrolled.push(told(&mut view, 4, &node, What::Creating));
                scrolled.push(told(&mut view, 4, &node, What::Created));
                scrolled.push(told(&mut view, 5, &node, What::Ready));
            }
            let node = format!("service/{service}");
            scrolled.push(told(&mut view, 6, &node, What::Creating));
            scrolled.push(told(&mut view, 6, &node, What::Created));
            let why = "0 of 2 tasks running".into();
            scrolled.push(told(&mut view, 6, &node, What::Waiting(why)));
        }
        scrolled.push(told(&mut view, 40, "service/shop-01", What::Ready));
        let why =
            "1 of 2 tasks running: the image `shop-03:9` does not exist, or may not be pulled";
        scrolled.push(told(&mut view, 41, "service/shop-03", What::Waiting(why.into())));
        let why = "ECS deployment circuit breaker: tasks failed to start";
        scrolled.push(told(&mut view, 42, "service/shop-02", What::Failed(why.into())));
        (view, scrolled.into_iter().flatten().collect())
    }

    #[test]
    fn of_many_services_each_has_one_line() {
        let (view, scrolled) = fifty();
        insta::assert_snapshot!(scrolled.join("\n"), @r"
            40s  shop-01                          created after 36s
            42s  service/shop-02                  failed: ECS deployment circuit breaker: tasks failed to start
        ");
        for (width, height) in [(200, 50), (80, 24), (60, 15), (40, 8)] {
            let lines = view.lines(seconds(50), width, height);
            assert!(lines.len() < height, "{lines:#?}");
            insta::assert_snapshot!(format!("fifty_services_{width}x{height}"), lines.join("\n"));
        }
    }

    #[test]
    fn of_many_services_that_are_given_up_each_is_told_once() {
        let (mut view, _) = fifty();
        let mut given_up = |node: &str| {
            told(&mut view, 60, node, What::NotStarted("not started: nat/1 failed".into()))
        };
        assert!(given_up("service/shop-04").is_some_and(|it| it.contains(" shop-04 ")));
        assert_eq!(given_up("role/execution/shop-04"), None);
    }
}
