//! What a terminal shows of a run: a line for all of it, one for each node at work, and a line for each that
//! is done, which scrolls away above them. It only composes texts; [`live`](super::live) draws them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::plain;
use crate::engine::event::{Event, What, brief, duration};
use crate::names::NodeName;
use crate::text::{INDENT, cut, fill, middle};

/// What is expected of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// Its nodes, and when each should begin and be ready, where that is known.
    pub nodes: BTreeMap<NodeName, Option<[Duration; 2]>>,
    /// How long it should take, if that is known.
    pub takes: Option<Duration>,
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

/// What is known of a run.
#[derive(Debug, Default)]
pub struct View {
    expected: Expected,
    at_work: BTreeMap<NodeName, AtWork>,
    over: BTreeSet<NodeName>,
    failed: usize,
}

/// Narrower than this nothing can be read.
const NARROWEST: usize = 20;
/// Columns of a node's name, at most.
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
                let done =
                    if *what == What::Removed { "removed" } else { work.done.unwrap_or("ready") };
                let took = at.saturating_sub(work.since);
                let took = match took.as_secs() {
                    0 => String::new(),
                    _ => format!(" after {}", duration(took)),
                };
                return Some(over(*at, node, &format!("{done}{took}"), width));
            }
            What::Failed(_) | What::NotStarted(_) => {
                self.over.insert(node.clone());
                self.at_work.remove(node);
                self.failed += usize::from(matches!(what, What::Failed(_)));
                return Some(over(*at, node, &plain::describe(what, true)?, width));
            }
        };
        self.over.remove(node);
        match self.at_work.get_mut(node) {
            Some(work) => work.does = does,
            None => {
                self.at_work.insert(node.clone(), AtWork { since: *at, does, done: None });
            }
        }
        None
    }

    /// The lines below: what the whole is at, and what each node does. The reasons of waits are whole as
    /// long as there is room; where there is none, the nodes that began last are only counted.
    pub fn lines(&self, now: Duration, width: usize, height: usize) -> Vec<String> {
        let width = width.max(NARROWEST);
        let room = height.saturating_sub(2).max(1);
        let mut at_work: Vec<_> = self.at_work.iter().collect();
        at_work.sort_by_key(|(node, work)| (work.since, *node));
        let mut lines = vec![cut(&self.summary(now), width)];
        let shown = if at_work.len() > room { room.saturating_sub(1) } else { at_work.len() };
        // What is left of the room is for reasons that need more than a line.
        let mut spare = room.saturating_sub(shown + usize::from(shown < at_work.len()));
        for (node, work) in &at_work[..shown] {
            let mut text = self.line(node, work, now, width);
            let more = text.len() - 1;
            if more > spare {
                let rest = text.split_off(spare).join(" ");
                let rest = format!("{INDENT}{}", rest.replace(INDENT, ""));
                let rest = if spare == 0 { rest.trim_start().to_owned() } else { rest };
                text.push(cut(&rest, width));
            }
            spare -= more.min(spare);
            lines.extend(text);
        }
        if shown < at_work.len() {
            lines.push(cut(&format!("and {} more at work", at_work.len() - shown), width));
        }
        lines
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
        let ready =
            |node: &NodeName| self.expected.nodes.get(node).copied().flatten().map(|it| it[1]);
        match self.at_work.iter().max_by_key(|(node, work)| (ready(node), work.since)) {
            Some((node, _)) => format!("{text}; waiting for {node}"),
            None => text,
        }
    }

    fn line(&self, node: &NodeName, work: &AtWork, now: Duration, width: usize) -> Vec<String> {
        let mut took = duration(now.saturating_sub(work.since));
        let usual = self.expected.nodes.get(node).copied().flatten();
        let usual = usual.map(|[start, ready]| ready.saturating_sub(start));
        if let Some(usual) = usual.filter(|usual| usual.as_secs() > 1 && width >= 60) {
            took = format!("{took} of {}", duration(usual));
        }
        let name = name(node, width);
        let columns = if width >= 60 { 14 } else { 6 };
        let text = format!("{name} {took:>columns$} {}", work.does);
        fill(&text, width)
    }
}

/// The line of something that is over.
fn over(at: Duration, node: &NodeName, text: &str, width: usize) -> String {
    format!("{:>7}  {} {text}", duration(at), name(node, width))
}

/// A node's name in its column.
fn name(node: &NodeName, width: usize) -> String {
    let columns = (width * 2 / 5).clamp(8, NAME);
    format!("{:<columns$}", middle(node.as_str(), columns))
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
        view.expect(Expected { nodes: nodes.into(), takes: Some(seconds(190)) });
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
    fn a_usual_terminal_shows_reasons_whole() {
        insta::assert_snapshot!(view().0.lines(seconds(20), 80, 24).join("\n"), @r"
        20s of about 3m10s, 2 of 5 done, 1 failed; waiting for service/web
        nat/1                              17s of 1m45s the NAT gateway to become
            available
        load-balancer                      15s of 2m25s AWS to provision it
        service/web                        14s of 3m04s 0 of 2 tasks running: the image
            `example.com/nginx:no-such-tag` does not exist, or may not be pulled:
            CannotPullContainerError: not found
        ");
    }

    #[test]
    fn a_wide_terminal_needs_fewer_lines() {
        insta::assert_snapshot!(view().0.lines(seconds(20), 200, 50).join("\n"), @r"
        20s of about 3m10s, 2 of 5 done, 1 failed; waiting for service/web
        nat/1                              17s of 1m45s the NAT gateway to become available
        load-balancer                      15s of 2m25s AWS to provision it
        service/web                        14s of 3m04s 0 of 2 tasks running: the image `example.com/nginx:no-such-tag` does not exist, or may not be pulled: CannotPullContainerError: not found
        ");
    }

    #[test]
    fn on_a_small_terminal_the_last_are_counted() {
        insta::assert_snapshot!(view().0.lines(seconds(20), 60, 15).join("\n"), @r"
        20s of about 3m10s, 2 of 5 done, 1 failed; waiting for serv…
        nat/1                      17s of 1m45s the NAT gateway to
            become available
        load-balancer              15s of 2m25s AWS to provision it
        service/web                14s of 3m04s 0 of 2 tasks
            running: the image `example.com/nginx:no-such-tag` does
            not exist, or may not be pulled:
            CannotPullContainerError: not found
        ");
        insta::assert_snapshot!(view().0.lines(seconds(20), 40, 8).join("\n"), @r"
        20s of about 3m10s, 2 of 5 done, 1 fail…
        nat/1               17s the NAT gateway
            to become available
        load-balancer       15s AWS to provision
            it
        service/web         14s 0 of 2 tasks
            running: the image `example.com/ngi…
        ");
        insta::assert_snapshot!(view().0.lines(seconds(20), 40, 4).join("\n"), @r"
        20s of about 3m10s, 2 of 5 done, 1 fail…
        nat/1   17s the NAT gateway to become a…
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
}
