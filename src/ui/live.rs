//! Progress on a terminal: finished steps scroll by, and below them one line for each node at work,
//! with the reason of its wait and how long it has been going on.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::plain;
use crate::engine::event::{Event, What, duration};
use crate::names::NodeName;

/// The lines at the bottom of the terminal.
pub struct Live {
    lines: MultiProgress,
    at_work: BTreeMap<NodeName, ProgressBar>,
    waited: BTreeMap<NodeName, bool>,
    style: ProgressStyle,
}

impl Live {
    /// Starts with nothing on the screen.
    pub fn new() -> Self {
        Self {
            lines: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()),
            at_work: BTreeMap::new(),
            waited: BTreeMap::new(),
            style: ProgressStyle::with_template("{spinner} {prefix:32} {elapsed:>5} {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        }
    }

    /// Writes a line above the ones at work.
    pub fn line(&self, line: &str) {
        if self.at_work.is_empty() {
            super::write_line(line);
            return;
        }
        let colours = anstream::AutoStream::choice(&std::io::stderr());
        let line = match colours {
            anstream::ColorChoice::Never => anstream::adapter::strip_str(line).to_string(),
            _ => line.to_owned(),
        };
        let _gone = self.lines.println(line);
    }

    /// Shows an event.
    pub fn event(&mut self, event: &Event) {
        let Event { at, node, what } = event;
        let waited = match what {
            What::Waiting(_) => self.waited.insert(node.clone(), true).is_some(),
            _ => self.waited.contains_key(node),
        };
        match what {
            What::Waiting(why) => self.work(node, why),
            What::Creating => self.work(node, "creating"),
            What::Changing(fields) => self.work(node, &format!("changing {}", fields.join(", "))),
            What::Removing => self.work(node, "removing"),
            What::Created | What::Changed => {}
            What::Found { .. }
            | What::Ready
            | What::Removed
            | What::Failed(_)
            | What::NotStarted(_) => {
                if let Some(line) = self.at_work.remove(node) {
                    line.finish_and_clear();
                    self.lines.remove(&line);
                }
            }
        }
        if !matches!(what, What::Waiting(_) | What::Changing(_))
            && let Some(text) = plain::describe(what, waited)
        {
            self.line(&format!("{:>7}  {node:<32} {text}", duration(*at)));
        }
    }

    fn work(&mut self, node: &NodeName, message: &str) {
        let line = self.at_work.entry(node.clone()).or_insert_with(|| {
            let line = self.lines.add(ProgressBar::new_spinner().with_style(self.style.clone()));
            line.set_prefix(node.to_string());
            line.enable_steady_tick(Duration::from_millis(120));
            line
        });
        line.set_message(message.to_owned());
    }

    /// Takes all lines down.
    pub fn finish(&mut self) {
        for line in std::mem::take(&mut self.at_work).into_values() {
            line.finish_and_clear();
        }
        let _cleared = self.lines.clear();
    }
}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}
