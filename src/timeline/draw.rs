//! Draws a timeline for people.

use std::cmp::Reverse;

use super::fold::{Group, fold, names};
use super::scale::Scale;
use super::{Ending, Row, Timeline, Wait};
use crate::aws::error::without_requests;
use crate::engine::event::duration;
use crate::names::NodeName;
use crate::text::{cut, fill, middle};

/// What the signs of a chart mean.
pub const LEGEND: &str = "█ at work, ░ waiting for AWS, ✗ failed, * on the critical path";
/// Narrower than this nothing can be read.
pub(super) const NARROWEST: usize = 40;
/// Longest name of a node that is shown in full.
const LONGEST_NAME: usize = 48;
/// Columns for how long a node took.
const TIME: usize = 6;
/// How many of the longest waits are told.
const LONGEST_WAITS: usize = 5;

impl Timeline {
    /// Draws a chart in the signs of the [`LEGEND`]. What belongs to one `group` is one row. No line is longer
    /// than `width`, or 40 if that is more.
    pub fn to_text(&self, width: usize, group: Group<'_>) -> String {
        let width = width.max(NARROWEST);
        let mut shown: Vec<&Row> = self.rows.iter().filter(|row| row.active).collect();
        shown.sort_by_key(|row| row.start);
        let mut lines = Vec::new();
        if !shown.is_empty() {
            self.draw(&fold(&shown, group), width, &mut lines);
            lines.push(String::new());
        }
        lines.push(format!("took {}", duration(self.took)));
        let found = self.rows.iter().filter(|row| !row.active && row.ending == Ending::Ready);
        let found = found.count();
        if found > 0 {
            lines.push(format!("found as they were: {found}"));
        }
        if !self.critical_path.is_empty() {
            let path = self.critical_path.iter().map(ToString::to_string);
            let path = list("critical path:", path, " →");
            lines.extend(fill(&path.join(" "), width));
        }
        for row in &self.rows {
            if let Ending::Failed(why) = &row.ending {
                let name = middle(row.node.as_str(), LONGEST_NAME);
                let text = format!("✗ {name}: {}", without_requests(why));
                lines.extend(fill(&in_words(&text), width));
            }
        }
        for (why, nodes) in self.not_started() {
            let nodes = names(&nodes, group);
            let nodes = list(&format!("{}:", without_requests(why)), nodes, ",");
            lines.extend(fill(&in_words(&nodes.join(" ")), width));
        }
        let waits = self.longest_waits();
        if !waits.is_empty() {
            lines.push("longest waits:".to_owned());
        }
        let columns = waits.iter().map(|(node, _)| node.as_str().chars().count());
        let columns = columns.max().unwrap_or_default().min(LONGEST_NAME).min(width * 2 / 5);
        for (node, wait) in waits {
            let took = duration(wait.to.saturating_sub(wait.from));
            let name = middle(node.as_str(), columns);
            let why = without_requests(&wait.why);
            lines.push(cut(&format!("  {took:>TIME$}  {name:<columns$}  {why}"), width));
        }
        lines.join("\n")
    }

    fn draw(&self, shown: &[Row], width: usize, lines: &mut Vec<String>) {
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

    /// Why nodes were not started, or given up, and which ones.
    fn not_started(&self) -> Vec<(&str, Vec<&NodeName>)> {
        let mut groups: Vec<(&str, Vec<&NodeName>)> = Vec::new();
        for row in &self.rows {
            let Ending::NotStarted(why) = &row.ending else { continue };
            match groups.iter_mut().find(|(other, _)| other == why) {
                Some((_, nodes)) => nodes.push(&row.node),
                None => groups.push((why, vec![&row.node])),
            }
        }
        groups
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
}

/// A text with one blank between its words.
fn in_words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The words of a title and of the nodes that come after it.
fn list(title: &str, nodes: impl IntoIterator<Item = String>, separator: &str) -> Vec<String> {
    let mut words: Vec<String> = title.split_whitespace().map(str::to_owned).collect();
    let nodes = nodes.into_iter().map(|node| middle(&node, LONGEST_NAME));
    let nodes: Vec<String> = nodes.collect();
    let last = nodes.len().saturating_sub(1);
    let separated = |(index, node)| match index == last {
        true => node,
        false => format!("{node}{separator}"),
    };
    words.extend(nodes.into_iter().enumerate().map(separated));
    words
}
