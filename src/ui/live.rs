//! Progress on a terminal: what is done scrolls by, and below it stands what the [`View`] composes, drawn
//! again each second and whenever something happens.

use std::time::Duration;

use tokio::time::Instant;

use super::board::Board;
use super::view::{Expected, View};
use crate::engine::event::Event;

/// How often it is drawn again when nothing happens.
pub const TICK: Duration = Duration::from_secs(1);
/// After such a pause somebody else has written on the terminal: the process was stopped, and goes on.
const STOPPED: Duration = Duration::from_secs(4);

/// The lower end of the terminal.
pub struct Live {
    board: Board,
    view: View,
    /// When the run began, as its events count.
    began: Instant,
    drawn: Instant,
}

impl Live {
    /// Starts with nothing on the screen.
    pub fn new() -> Self {
        let now = Instant::now();
        Self { board: Board::on_stderr(), view: View::default(), began: now, drawn: now }
    }

    /// Writes a line above.
    pub fn line(&mut self, line: &str) {
        match self.board.is_empty() {
            true => super::write_line(line),
            false => self.board.print(line),
        }
    }

    /// Learns what is going to be done.
    pub fn expect(&mut self, expected: Expected) {
        self.view.expect(expected);
    }

    /// Shows an event.
    pub fn event(&mut self, event: &Event) {
        self.began = Instant::now().checked_sub(event.at).unwrap_or(self.began);
        if let Some(line) = self.view.event(event, self.board.size().0) {
            self.line(&line);
        }
        self.draw();
    }

    /// Shows that time goes by.
    pub fn tick(&mut self) {
        if self.view.is_at_work() {
            self.draw();
        }
    }

    fn draw(&mut self) {
        if self.drawn.elapsed() > STOPPED {
            self.board.forget();
        }
        self.drawn = Instant::now();
        let (width, height) = self.board.size();
        let lines = match self.view.is_at_work() {
            true => self.view.lines(self.began.elapsed(), width, height),
            false => Vec::new(),
        };
        self.board.show(&lines);
    }

    /// Takes all lines down.
    pub fn finish(&mut self) {
        self.view = View::default();
        self.board.show(&[]);
    }
}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}
