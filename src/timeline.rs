//! What a walk did when, from its events: rows for a chart, and the chain of nodes that decided how
//! long it took.
//!
//! Deploys and teardowns read alike. A row begins with the first event of its node; its node is made,
//! or asked to go, in between; it ends ready, gone or failed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use crate::engine::event::{Event, LEAVING, What, duration};
use crate::engine::forecast::{Link, Links};
use crate::engine::graph::Grade;
use crate::names::NodeName;

/// Narrower than this nothing can be read.
const NARROWEST: usize = 56;
/// Longest name of a node that is shown in full.
const LONGEST_NAME: usize = 48;
/// Columns for how long a node took.
const TIME: usize = 6;
/// How many of the longest waits are told.
const LONGEST_WAITS: usize = 5;
/// Columns that a mark of the scale takes at least.
const MARK: usize = 7;
/// Seconds that a column may stand for.
const UNITS: &[u64] = &[1, 2, 3, 5, 6, 10, 12, 15, 20, 30, 60, 120, 300, 600, 900, 1800];
/// Seconds between two marks of the scale.
const MARKS: &[u64] = &[10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 18000, 36000];

/// What happened when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeline {
    /// From the beginning to the end.
    pub took: Duration,
    /// A row for each node that something was told of, in the order in which they began.
    pub rows: Vec<Row>,
    /// The chain of nodes that decided how long it took, first one first.
    pub critical_path: Vec<NodeName>,
}

/// What happened to one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The node.
    pub node: NodeName,
    /// When it was first heard of.
    pub start: Duration,
    /// When its output was known, or AWS had agreed to remove it.
    pub made: Option<Duration>,
    /// When it was last heard of: ready, gone, failed or given up.
    pub end: Duration,
    /// How it ended.
    pub ending: Ending,
    /// When it waited, and for what.
    pub waits: Vec<Wait>,
    /// Whether it is on the critical path.
    pub critical: bool,
    /// Whether anything was done or waited for.
    pub active: bool,
    /// The places of `made` and `end` among the events: what happens at the same time happens in order.
    places: (usize, usize),
}

/// How a node ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// There, right and usable, with or without a change.
    Ready,
    /// Gone.
    Gone,
    /// Failed; says why.
    Failed(String),
    /// Not started or given up; says why.
    NotStarted(String),
    /// Not over when the walk was: nobody waited for it, or it was cut off.
    Open,
}

/// A time in which a node could not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// From then.
    pub from: Duration,
    /// Until then.
    pub to: Duration,
    /// What it waited for.
    pub why: String,
}

impl Timeline {
    /// Reads the events of a run, in their order. `links` says what each node waits for; a node that
    /// it does not mention came after everything before, as the audit does. `took` is when the run
    /// was over, which no event tells.
    pub fn new(events: &[Event], links: &Links, took: Duration) -> Self {
        let took = events.iter().map(|event| event.at).fold(took, Duration::max);
        let mut rows: BTreeMap<NodeName, Row> = BTreeMap::new();
        let mut begun: Vec<NodeName> = Vec::new();
        for (place, event) in events.iter().enumerate() {
            let row = rows.entry(event.node.clone()).or_insert_with(|| {
                begun.push(event.node.clone());
                Row::begins(event)
            });
            row.goes_on(event, place);
        }
        for row in rows.values_mut().filter(|row| row.is_waiting()) {
            row.ends_waiting(took);
            (row.end, row.places.1) = (took, events.len());
        }
        let critical_path = critical_path(&rows, links);
        for node in &critical_path {
            if let Some(row) = rows.get_mut(node) {
                row.critical = true;
            }
        }
        let rows = begun.iter().filter_map(|node| rows.remove(node)).collect();
        Self { took, rows, critical_path }
    }
}

impl Row {
    fn begins(with: &Event) -> Self {
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
    fn is_waiting(&self) -> bool {
        self.waits.last().is_some_and(|wait| wait.to == Duration::MAX)
    }

    fn ends_waiting(&mut self, at: Duration) {
        if let Some(wait) = self.waits.last_mut() {
            wait.to = wait.to.min(at);
        }
    }

    fn goes_on(&mut self, event: &Event, place: usize) {
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
    fn reached(&self, grade: Grade) -> Option<(Duration, usize)> {
        match grade {
            Grade::Made => self.made.map(|at| (at, self.places.0)),
            Grade::Ready => matches!(self.ending, Ending::Ready | Ending::Gone)
                .then_some((self.end, self.places.1)),
        }
    }

    /// The times in which it did not wait.
    fn work(&self) -> Vec<(Duration, Duration)> {
        let from = [self.start].into_iter().chain(self.waits.iter().map(|wait| wait.to));
        let to = self.waits.iter().map(|wait| wait.from).chain([self.end]);
        let is_all = self.start == self.end;
        from.zip(to).filter(|(from, to)| from < to || is_all).collect()
    }
}

/// Follows what was waited for back from what ended last.
fn critical_path(rows: &BTreeMap<NodeName, Row>, links: &Links) -> Vec<NodeName> {
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
                let reached = |link: &Link| {
                    let other = rows.get(&link.to).filter(open)?;
                    let (at, place) = other.reached(link.grade)?;
                    (at <= until).then_some(((at + link.after, place), (other, at)))
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

impl Timeline {
    /// Draws a chart: `█` while a node is worked on, `░` while it waits for AWS, `✗` where it failed,
    /// `*` before the rows of the critical path. No line is longer than `width`, or 56 if that is more.
    pub fn to_text(&self, width: usize) -> String {
        let width = width.max(NARROWEST);
        let mut shown: Vec<&Row> = self.rows.iter().filter(|row| row.active).collect();
        shown.sort_by_key(|row| row.start);
        let mut lines = Vec::new();
        if !shown.is_empty() {
            self.draw(&shown, width, &mut lines);
            lines.push(String::new());
        }
        lines.push(format!("took {}", duration(self.took)));
        let found = self.rows.iter().filter(|row| !row.active && row.ending == Ending::Ready);
        let found = found.count();
        if found > 0 {
            lines.push(format!("found as they were: {found}"));
        }
        if !self.critical_path.is_empty() {
            let nodes = self.critical_path.iter().map(|node| middle(node.as_str(), LONGEST_NAME));
            wrap("critical path:", " →", &nodes.collect::<Vec<_>>(), width, &mut lines);
        }
        for row in &self.rows {
            if let Ending::Failed(why) = &row.ending {
                let name = middle(row.node.as_str(), LONGEST_NAME);
                lines.push(cut(&format!("✗ {name}: {why}"), width));
            }
        }
        let is_not_started = |row: &&Row| matches!(row.ending, Ending::NotStarted(_));
        let not_started = self.rows.iter().filter(is_not_started);
        let not_started: Vec<_> =
            not_started.map(|row| middle(row.node.as_str(), LONGEST_NAME)).collect();
        if !not_started.is_empty() {
            wrap("not started or given up:", ",", &not_started, width, &mut lines);
        }
        let waits = self.longest_waits();
        if !waits.is_empty() {
            lines.push("longest waits:".to_owned());
        }
        let names = waits.iter().map(|(node, _)| node.as_str().chars().count());
        let names = names.max().unwrap_or_default().min(LONGEST_NAME).min(width * 2 / 5);
        for (node, wait) in waits {
            let took = duration(wait.to.saturating_sub(wait.from));
            let name = middle(node.as_str(), names);
            lines.push(cut(&format!("  {took:>TIME$}  {name:<names$}  {}", wait.why), width));
        }
        lines.join("\n")
    }

    fn draw(&self, shown: &[&Row], width: usize, lines: &mut Vec<String>) {
        let names = shown.iter().map(|row| row.node.as_str().chars().count());
        let names = names.max().unwrap_or_default().min(LONGEST_NAME).min(width * 2 / 5);
        let room = width - names - TIME - 4;
        let scale = Scale::new(self.took, room);
        lines.push(format!("  {:names$} {}", "", scale.marks(room)));
        for row in shown {
            let mark = if row.critical { '*' } else { ' ' };
            let name = middle(row.node.as_str(), names);
            let bar = scale.bar(row);
            let took = duration(row.end.saturating_sub(row.start));
            lines.push(format!(
                "{mark} {name:<names$} {bar:<columns$} {took:>TIME$}",
                columns = scale.columns
            ));
        }
    }

    /// The longest waits, longest first.
    fn longest_waits(&self) -> Vec<(&NodeName, &Wait)> {
        let mut waits = Vec::new();
        for row in &self.rows {
            waits.extend(row.waits.iter().map(|wait| (&row.node, wait)));
        }
        waits.retain(|(_, wait)| wait.to > wait.from);
        waits.sort_by_key(|(_, wait)| Reverse(wait.to.saturating_sub(wait.from)));
        waits.truncate(LONGEST_WAITS);
        waits
    }

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

/// How time becomes columns.
struct Scale {
    /// What a column stands for.
    unit: Duration,
    columns: usize,
}

impl Scale {
    /// The finest scale on which so much time has room.
    fn new(took: Duration, room: usize) -> Self {
        let units = UNITS.iter().map(|seconds| Duration::from_secs(*seconds));
        let hours = (1..).map(|hours| Duration::from_secs(hours * 3600));
        let fits = |unit: &Duration| columns(took, *unit) <= room;
        let unit = units.chain(hours).find(fits).unwrap_or(Duration::MAX);
        Self { unit, columns: columns(took, unit).max(1) }
    }

    /// The marks above the bars.
    fn marks(&self, room: usize) -> String {
        let enough = |seconds: &&u64| {
            let step = Duration::from_secs(**seconds);
            columns(step, self.unit) >= MARK
                && step.as_millis().is_multiple_of(self.unit.as_millis())
        };
        let step = MARKS.iter().find(enough).copied();
        let mut line = "0:00".to_owned();
        let Some(step) = step else { return line };
        for seconds in (1..).map(|index| index * step) {
            let column = columns(Duration::from_secs(seconds), self.unit);
            let mark = format!("{}:{:02}", seconds / 60, seconds % 60);
            if column >= self.columns || column + mark.len() > room {
                break;
            }
            line = format!("{line:<column$}{mark}");
        }
        line
    }

    fn bar(&self, row: &Row) -> String {
        let (first, last) = self.cells(row.start, row.end);
        let mut cells = vec![' '; first];
        cells.resize(last + 1, '░');
        for (from, to) in row.work() {
            let (first, last) = self.cells(from, to);
            cells[first..=last].fill('█');
        }
        if matches!(row.ending, Ending::Failed(_)) {
            cells[last] = '✗';
        }
        cells.into_iter().collect()
    }

    /// The first and the last cell of a time; there is always one.
    fn cells(&self, from: Duration, to: Duration) -> (usize, usize) {
        let whole = usize::try_from(from.as_millis() / self.unit.as_millis()).unwrap_or(0);
        let first = whole.min(self.columns - 1);
        let last = columns(to, self.unit).saturating_sub(1).min(self.columns - 1);
        (first, last.max(first))
    }
}

/// How many columns it takes, the last one perhaps in part.
fn columns(time: Duration, unit: Duration) -> usize {
    usize::try_from(time.as_millis().div_ceil(unit.as_millis())).unwrap_or(usize::MAX)
}

/// A text that is cut at its end.
fn cut(text: &str, width: usize) -> String {
    // A message may hold more than one line.
    let text: String = text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
    match text.chars().count() <= width {
        true => text,
        false => text.chars().take(width - 1).chain(['…']).collect(),
    }
}

/// A text that is cut in its middle: nodes of a kind differ at their ends.
fn middle(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let tail = (width - 1) / 2;
    let head = width - 1 - tail;
    let (head, tail) = (text.chars().take(head), text.chars().skip(length - tail));
    head.chain(['…']).chain(tail).collect()
}

/// Writes a list into lines of a width.
fn wrap(title: &str, separator: &str, items: &[String], width: usize, lines: &mut Vec<String>) {
    let mut line = title.to_owned();
    for (index, item) in items.iter().enumerate() {
        let separator = if index + 1 < items.len() { separator } else { "" };
        let item = format!(" {item}{separator}");
        if line.chars().count() + item.chars().count() > width {
            lines.push(std::mem::replace(&mut line, "   ".to_owned()));
        }
        line.push_str(&item);
    }
    lines.push(line);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seconds: f64, node: &str, what: What) -> Event {
        Event { at: Duration::from_secs_f64(seconds), node: node.into(), what }
    }

    fn waiting(why: &str) -> What {
        What::Waiting(why.into())
    }

    /// Links from lines such as `nat <- vpc (made), address`.
    fn links(lines: &str) -> Links {
        let link = |text: &str| {
            let made = text.strip_suffix(" (made)");
            let grade = if made.is_some() { Grade::Made } else { Grade::Ready };
            Link { to: made.unwrap_or(text).into(), grade, after: Duration::ZERO }
        };
        let line = |line: &str| {
            let (node, needs) = line.trim().split_once(" <-").unwrap();
            let needs = needs.trim().split(", ").filter(|it| !it.is_empty());
            (NodeName::from(node), needs.map(link).collect())
        };
        lines.lines().filter(|line| !line.trim().is_empty()).map(line).collect()
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn deploy() -> Timeline {
        let events = [
            event(0.1, "cluster", What::Found { id: "demo".into() }),
            event(0.2, "vpc", What::Creating),
            event(0.4, "vpc", What::Created),
            event(0.4, "vpc", waiting("the VPC to become available")),
            event(0.5, "internet-gateway", What::Creating),
            event(0.6, "internet-gateway", waiting("the vpc-1 is not known yet")),
            event(1.5, "vpc", What::Ready),
            event(2.8, "internet-gateway", What::Created),
            event(2.8, "internet-gateway", What::Changing(vec!["attachments".into()])),
            event(3.0, "internet-gateway", What::Changed),
            event(3.0, "internet-gateway", What::Ready),
            event(3.0, "load-balancer", What::Creating),
            event(3.1, "nat/1", What::Creating),
            event(3.3, "nat/1", What::Created),
            event(3.3, "nat/1", waiting("the NAT gateway is pending")),
            event(4.0, "load-balancer", What::Created),
            event(4.0, "load-balancer", waiting("AWS to provision the load balancer")),
            event(20.0, "service/worker", What::Creating),
            event(20.2, "service/worker", What::Created),
            event(20.2, "service/worker", waiting("0 of 2 tasks are running")),
            event(125.0, "nat/1", What::Ready),
            event(142.0, "load-balancer", What::Ready),
            event(150.0, "service/worker", waiting("2 tasks are running, 1 is healthy")),
            event(165.4, "service/worker", What::Ready),
        ];
        let links = links(
            "
            cluster <-
            vpc <-
            internet-gateway <- vpc (made)
            nat/1 <- internet-gateway
            load-balancer <- internet-gateway, cluster
            service/worker <- cluster, load-balancer, nat/1, vpc
            ",
        );
        Timeline::new(&events, &links, seconds(166))
    }

    #[test]
    fn a_deploy() {
        insta::assert_snapshot!(deploy().to_text(80), @r"
                           0:00        1:00        2:00
        * vpc              █                                      1s
        * internet-gateway █                                      2s
        * load-balancer    █░░░░░░░░░░░░░░░░░░░░░░░░░░░░       2m19s
          nat/1            █░░░░░░░░░░░░░░░░░░░░░░░░           2m01s
        * service/worker       █░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  2m25s

        took 2m46s
        found as they were: 1
        critical path: vpc → internet-gateway → load-balancer → service/worker
        longest waits:
           2m18s  load-balancer     AWS to provision the load balancer
           2m09s  service/worker    0 of 2 tasks are running
           2m01s  nat/1             the NAT gateway is pending
             15s  service/worker    2 tasks are running, 1 is healthy
              2s  internet-gateway  the vpc-1 is not known yet
        ");
        insta::assert_snapshot!(deploy().to_text(100), @r"
                           0:00      0:30      1:00      1:30      2:00      2:30
        * vpc              █                                                            1s
        * internet-gateway █                                                            2s
        * load-balancer     █░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░          2m19s
          nat/1             █░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░                2m01s
        * service/worker         █░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  2m25s

        took 2m46s
        found as they were: 1
        critical path: vpc → internet-gateway → load-balancer → service/worker
        longest waits:
           2m18s  load-balancer     AWS to provision the load balancer
           2m09s  service/worker    0 of 2 tasks are running
           2m01s  nat/1             the NAT gateway is pending
             15s  service/worker    2 tasks are running, 1 is healthy
              2s  internet-gateway  the vpc-1 is not known yet
        ");
    }

    #[test]
    fn a_deploy_as_data() {
        let mut data = deploy().to_json();
        assert_eq!(data["took"], 166.0);
        let path = ["vpc", "internet-gateway", "load-balancer", "service/worker"];
        assert_eq!(data["critical_path"], json!(path));
        assert_eq!(data["rows"].as_array().unwrap().len(), 6);
        let row = data["rows"][2].take();
        let waits = json!([{ "from": 0.6, "to": 2.8, "why": "the vpc-1 is not known yet" }]);
        let expected = json!({
            "node": "internet-gateway", "start": 0.5, "made": 2.8, "end": 3.0, "ending": "ready",
            "why": null, "waits": waits, "critical": true,
        });
        assert_eq!(row, expected);
        assert_eq!(data["rows"][0]["ending"], "found");
    }

    #[test]
    fn what_takes_longest_afterwards_held_a_node_up() {
        let events = [
            event(0.0, "warm", What::Creating),
            event(1.0, "warm", What::Created),
            event(1.0, "warm", What::Ready),
            event(0.0, "nat", What::Creating),
            event(60.0, "nat", What::Ready),
            event(2.0, "service", What::Creating),
            event(120.0, "service", What::Ready),
        ];
        let link = |to: &str, after| Link { to: to.into(), grade: Grade::Ready, after };
        let service = vec![link("nat", seconds(40)), link("warm", seconds(110))];
        let none = |node: &str| (NodeName::from(node), Vec::new());
        let links = [none("warm"), none("nat"), ("service".into(), service)];
        let timeline = Timeline::new(&events, &links.into(), Duration::ZERO);
        assert_eq!(timeline.critical_path, ["warm".into(), "service".into()]);
    }

    #[test]
    fn a_teardown() {
        let hook = "held by instance i-1, which is protected from scale-in, and by another one that is draining";
        let events = [
            event(0.0, "service/worker", What::Removing),
            event(0.0, "load-balancer", What::Removing),
            event(0.1, "service/worker", waiting(LEAVING)),
            event(0.1, "load-balancer", waiting(LEAVING)),
            event(2.0, "load-balancer", What::Removed),
            event(2.1, "service/worker", waiting("2 tasks to stop")),
            event(30.0, "service/worker", What::Removed),
            event(30.0, "capacity-provider-association", What::Removing),
            event(30.0, "nat/1", What::Removing),
            event(30.1, "nat/1", waiting(LEAVING)),
            event(30.1, "capacity-provider-association", waiting(LEAVING)),
            event(30.1, "auto-scaling-group", What::Removing),
            event(30.2, "auto-scaling-group", waiting("ScalingActivityInProgress")),
            event(33.1, "capacity-provider-association", What::Removed),
            event(60.0, "auto-scaling-group", waiting(hook)),
            event(90.0, "nat/1", What::Removed),
            event(140.0, "auto-scaling-group", waiting(LEAVING)),
            event(150.0, "auto-scaling-group", What::Removed),
            event(150.0, "vpc", What::Removing),
            event(150.3, "vpc", What::Removed),
            event(150.3, "audit", waiting("15s until AWS cannot hide anything any longer")),
        ];
        let links = links(
            "
            service/worker <-
            load-balancer <-
            capacity-provider-association <- service/worker
            nat/1 <- service/worker
            auto-scaling-group <- service/worker, capacity-provider-association (made)
            vpc <- auto-scaling-group, nat/1, load-balancer
            ",
        );
        let timeline = Timeline::new(&events, &links, seconds(166));
        insta::assert_snapshot!(timeline.to_text(80), @r"
                                        0:00        1:00        2:00
        * service/worker                █░░░░░                                30s
          load-balancer                 █                                      2s
        * capacity-provider-association       █                                3s
          nat/1                               █░░░░░░░░░░░                  1m00s
        * auto-scaling-group                  █░░░░░░░░░░░░░░░░░░░░░░░      1m59s
        * vpc                                                         █        0s
        * audit                                                       ░░░░    15s

        took 2m46s
        critical path: service/worker → capacity-provider-association →
            auto-scaling-group → vpc → audit
        longest waits:
           1m20s  auto-scaling-group  held by instance i-1, which is protected from sca…
             59s  nat/1               AWS to remove it
             29s  auto-scaling-group  ScalingActivityInProgress
             27s  service/worker      2 tasks to stop
             15s  audit               15s until AWS cannot hide anything any longer
        ");
    }

    #[test]
    fn a_failure_and_what_it_took_along() {
        let long = "rule/load-balancer-80-from-2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff/128";
        let events = [
            event(0.0, "nat/1", What::Creating),
            event(0.2, "nat/1", What::Created),
            event(0.2, "nat/1", waiting("the NAT gateway is pending")),
            event(1.0, long, What::Creating),
            event(1.2, long, What::Created),
            event(1.2, long, What::Ready),
            event(2.0, "service/worker", What::Creating),
            event(2.2, "service/worker", waiting("0 of 2\ntasks are running")),
            event(50.0, "nat/1", What::Failed("Gateway.NotAttached: no gateway".into())),
            event(
                50.0,
                "service/worker",
                What::NotStarted("not started, since nat/1 failed".into()),
            ),
            event(
                50.0,
                "record/worker",
                What::NotStarted("not started, since nat/1 failed".into()),
            ),
        ];
        let links = links("nat/1 <-\nservice/worker <- nat/1");
        let timeline = Timeline::new(&events, &links, seconds(50));
        insta::assert_snapshot!(timeline.to_text(60), @r"
                                   0:00           0:30
        * nat/1                    █░░░░░░░░░░░░░░░░░░░░░░░✗    50s
          rule/load-ba…ee:ffff/128 █                             0s
          service/worker            █░░░░░░░░░░░░░░░░░░░░░░░    48s

        took 50s
        critical path: nat/1
        ✗ nat/1: Gateway.NotAttached: no gateway
        not started or given up: service/worker, record/worker
        longest waits:
             49s  nat/1           the NAT gateway is pending
             47s  service/worker  0 of 2 tasks are running
        ");
    }

    #[test]
    fn nothing_to_do() {
        let events = [event(0.3, "vpc", What::Found { id: "vpc-1".into() })];
        let timeline = Timeline::new(&events, &links("vpc <-"), Duration::from_millis(400));
        insta::assert_snapshot!(timeline.to_text(80), @r"
        took 0s
        found as they were: 1
        ");
        assert_eq!(Timeline::new(&[], &Links::new(), Duration::ZERO).to_text(80), "took 0s");
    }

    #[test]
    fn no_line_is_too_long() {
        let name = "x".repeat(90);
        for took in [0, 1, 59, 60, 600, 5000, 100_000, 300_000] {
            let events = [
                event(0.0, "a", What::Creating),
                event(0.0, &name, waiting(&"why ".repeat(60))),
                event(f64::from(took), "a", What::Failed(name.clone())),
            ];
            let timeline = Timeline::new(&events, &Links::new(), Duration::ZERO);
            for width in [0, 56, 57, 77, 100, 240] {
                for line in timeline.to_text(width).lines() {
                    assert!(line.chars().count() <= width.max(NARROWEST), "{took}: {line}");
                }
            }
        }
    }
}
