//! How time becomes columns.

use std::time::Duration;

use super::{Ending, Row};

/// Columns that a mark of the scale takes at least.
const MARK: usize = 7;
/// Seconds that a column may stand for.
const UNITS: &[u64] = &[1, 2, 3, 5, 6, 10, 12, 15, 20, 30, 60, 120, 300, 600, 900, 1800];
/// Seconds between two marks of the scale.
const MARKS: &[u64] = &[10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 18000, 36000];

/// How time becomes columns.
pub(super) struct Scale {
    /// What a column stands for.
    unit: Duration,
    pub(super) columns: usize,
}

impl Scale {
    /// The finest scale on which so much time has room.
    pub(super) fn new(took: Duration, room: usize) -> Self {
        let units = UNITS.iter().map(|seconds| Duration::from_secs(*seconds));
        let hours = (1..).map(|hours| Duration::from_secs(hours * 3600));
        let fits = |unit: &Duration| columns(took, *unit) <= room;
        let unit = units.chain(hours).find(fits).unwrap_or(Duration::MAX);
        Self { unit, columns: columns(took, unit).max(1) }
    }

    /// The marks above the bars.
    pub(super) fn marks(&self, room: usize) -> String {
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

    pub(super) fn bar(&self, row: &Row) -> String {
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
