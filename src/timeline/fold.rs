//! Folds rows that belong together, such as all of one service, into one.

use super::{Ending, Row, Wait};
use crate::names::NodeName;

/// What a node belongs to that is shown as one; `None` when it is shown by itself.
pub type Group<'a> = &'a dyn Fn(&NodeName) -> Option<String>;

/// The rows, with those of a group as one where the first of them stood. Failed ones stay by themselves.
pub(super) fn fold(rows: &[&Row], group: Group<'_>) -> Vec<Row> {
    let mut folded: Vec<(Option<String>, Vec<&Row>)> = Vec::new();
    for row in rows {
        let of = group(&row.node).filter(|_| !matches!(row.ending, Ending::Failed(_)));
        match folded.iter_mut().find(|(other, _)| of.is_some() && *other == of) {
            Some((_, members)) => members.push(row),
            None => folded.push((of, vec![row])),
        }
    }
    folded.into_iter().map(|(of, members)| one(of, &members)).collect()
}

/// All of a group in one row, which waits when all of them do.
fn one(of: Option<String>, members: &[&Row]) -> Row {
    let mut row = members[0].clone();
    let Some(of) = of else { return row };
    row.node = NodeName::from(format!("{of} ({})", members.len()));
    row.end = members.iter().map(|row| row.end).max().unwrap_or(row.end);
    row.critical = members.iter().any(|row| row.critical);
    let mut work: Vec<_> = members.iter().flat_map(|row| row.work()).collect();
    work.sort();
    row.waits.clear();
    let mut until = row.start;
    for (from, to) in work {
        if from > until {
            row.waits.push(Wait { from: until, to: from, why: String::new() });
        }
        until = until.max(to);
    }
    if row.end > until {
        row.waits.push(Wait { from: until, to: row.end, why: String::new() });
    }
    row
}

/// Names of nodes, each group once with how many of it there are.
pub(super) fn names(nodes: &[&NodeName], group: Group<'_>) -> Vec<String> {
    let mut named: Vec<(String, usize, bool)> = Vec::new();
    for node in nodes {
        let of = group(node);
        let (name, is_group) = (of.clone().unwrap_or_else(|| node.to_string()), of.is_some());
        match named.iter_mut().find(|(other, ..)| *other == name) {
            Some((_, count, _)) => *count += 1,
            None => named.push((name, 1, is_group)),
        }
    }
    let name = |(name, count, is_group)| if is_group { format!("{name} ({count})") } else { name };
    named.into_iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_group_waits_when_all_of_it_does() {
        let seconds = Duration::from_secs;
        let row = |node: &str, start, waits: &[(u64, u64)], end| Row {
            node: node.into(),
            start: seconds(start),
            end: seconds(end),
            waits: waits
                .iter()
                .map(|(from, to)| Wait { from: seconds(*from), to: seconds(*to), why: "x".into() })
                .collect(),
            ..Row::begins(&crate::engine::event::Event {
                at: seconds(start),
                node: node.into(),
                what: crate::engine::event::What::Ready,
            })
        };
        let rows = [
            row("log-group/web", 2, &[], 3),
            row("vpc", 0, &[], 1),
            row("service/web", 5, &[(6, 20)], 21),
            row("record/web", 4, &[(5, 10)], 12),
        ];
        let of = |node: &NodeName| node.as_str().ends_with("/web").then(|| "web".to_owned());
        let folded = fold(&rows.iter().collect::<Vec<_>>(), &of);
        let names: Vec<_> = folded.iter().map(|row| row.node.as_str()).collect();
        assert_eq!(names, ["web (3)", "vpc"]);
        let waits = folded[0].waits.iter().map(|it| (it.from.as_secs(), it.to.as_secs()));
        assert_eq!(waits.collect::<Vec<_>>(), [(3, 4), (6, 10), (12, 20)]);
        assert_eq!((folded[0].start, folded[0].end), (seconds(2), seconds(21)));
    }
}
