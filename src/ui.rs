//! What a person sees. stdout carries data, stderr everything else.
//!
//! The engine never prints: it tells [`Event`]s, and [`plain`] or [`live`] shows them.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{IsTerminal as _, Write as _};
use std::rc::Rc;
use std::sync::LazyLock;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use tokio::time::Instant;

use crate::engine::edge::Links;
use crate::engine::event::Event;
use crate::text::set_in;

pub mod board;
pub mod live;
pub mod plain;
pub mod view;

use board::Board;
use live::Live;
use plain::Plain;
use view::Expected;

/// Between two signs of life where there is no live display.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Whether to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How a word is meant. Colour is never the only sign of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    Plain,
    /// Something comes.
    Good,
    /// Something changes.
    Change,
    /// Something goes, or is wrong.
    Bad,
}

impl Tone {
    /// The text in the tone's colour; colours are taken out again where they are not wanted.
    pub fn paint(self, text: &str) -> String {
        let style = match self {
            Self::Plain => return text.to_owned(),
            Self::Good => Style::new().fg_color(Some(AnsiColor::Green.into())),
            Self::Change => Style::new().fg_color(Some(AnsiColor::Yellow.into())),
            Self::Bad => Style::new().fg_color(Some(AnsiColor::Red.into())),
        };
        format!("{style}{text}{style:#}")
    }
}

/// How progress is shown.
enum Progress {
    Quiet,
    Plain(Plain),
    Live(Live),
    Recorded(Recording),
}

/// Everything that would have been shown, for whoever plays a command instead of a person.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// What was told while it worked.
    pub events: Vec<Event>,
    /// The moment from which the times of the events count.
    pub counts_from: Option<Instant>,
    /// What waits for what in the last thing that was walked.
    pub links: Links,
    /// Lines of data.
    pub out: Vec<String>,
    /// Lines for people: notes, warnings, errors and hints.
    pub lines: Vec<String>,
}

/// The terminal, or what takes its place.
#[derive(Clone)]
pub struct Screen {
    progress: Rc<RefCell<Progress>>,
    /// What a played person answers, in place of the one at the terminal.
    answers: Option<Rc<RefCell<VecDeque<String>>>>,
}

/// Whether this runs in a CI system, where nobody is there to see or to answer.
fn in_ci() -> bool {
    let value = std::env::var_os("CI").unwrap_or_default();
    !["", "0", "false"].iter().any(|no| value == *no)
}

/// Whether the terminal cannot draw anything again.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

impl Screen {
    /// Shows live progress on a terminal, one line per change elsewhere. Logs on the same stream
    /// would tear a live display apart.
    pub fn new(color: Color, quiet: bool, verbose: u8) -> Self {
        let choice = match color {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
        let live = std::io::stderr().is_terminal() && !is_dumb() && !in_ci() && verbose == 0;
        let progress = match (quiet, live) {
            (true, _) => Progress::Quiet,
            (_, true) => Progress::Live(Live::new()),
            (_, false) => Progress::Plain(Plain::default()),
        };
        Self::of(progress)
    }

    fn of(progress: Progress) -> Self {
        Self { progress: Rc::new(RefCell::new(progress)), answers: None }
    }

    /// Shows nothing and keeps everything. There is nobody to ask.
    pub fn recording() -> Self {
        Self::answering(&[])
    }

    /// Shows nothing and keeps everything; questions get these answers, as long as there are some.
    pub fn answering(answers: &[&str]) -> Self {
        let answers = answers.iter().map(|answer| (*answer).to_owned()).collect();
        let answers = Some(Rc::new(RefCell::new(answers)));
        Self { answers, ..Self::of(Progress::Recorded(Recording::default())) }
    }

    /// What was kept, when this keeps anything.
    pub fn recorded(&self) -> Recording {
        match &*self.progress.borrow() {
            Progress::Recorded(recording) => recording.clone(),
            _ => Recording::default(),
        }
    }

    /// Writes a line of data. A reader that has gone away does not matter to what is being done.
    pub fn out(&self, line: &str) {
        let _gone = self.write(line);
    }

    /// Writes a line of data, for who does nothing else: when the reader has gone away, there is no more
    /// to do.
    pub fn write(&self, line: &str) -> std::io::Result<()> {
        if let Progress::Recorded(recording) = &mut *self.progress.borrow_mut() {
            recording.out.push(line.to_owned());
            return Ok(());
        }
        // Data for programs stays as it is.
        let line = if std::io::stdout().is_terminal() { legible(line) } else { line.into() };
        writeln!(anstream::stdout(), "{line}")
    }

    /// Columns of what data is written to: of the terminal, and 100 where it is none.
    pub fn width(&self) -> usize {
        let is_recorded = matches!(*self.progress.borrow(), Progress::Recorded(_));
        match std::io::stdout().is_terminal() && !is_recorded {
            true => board::columns_and_rows(&console::Term::stdout()).0,
            false => 100,
        }
    }

    /// Writes a line of data that is read like a text: on a terminal it is broken between words.
    pub fn tell(&self, line: &str) {
        match std::io::stdout().is_terminal() {
            true => self.out(&set_in(line, self.width())),
            false => self.out(line),
        }
    }

    /// A board on stdout, when that is a terminal and somebody is there to see it.
    pub fn board(&self) -> Option<Board> {
        let is_recorded = matches!(*self.progress.borrow(), Progress::Recorded(_));
        let is_seen = std::io::stdout().is_terminal() && !is_dumb() && !in_ci();
        (is_seen && !is_recorded).then(Board::on_stdout)
    }

    /// Writes a line for people, unless they want quiet.
    pub fn note(&self, line: &str) {
        if !matches!(*self.progress.borrow(), Progress::Quiet) {
            self.line(line);
        }
    }

    /// Says what went wrong.
    pub fn error(&self, text: &str) {
        self.line(&format!("{} {text}", Tone::Bad.paint("error:")));
    }

    /// Says one part of what went wrong.
    pub fn detail(&self, text: &str) {
        self.line(&format!("  {text}"));
    }

    /// Says why it went wrong.
    pub fn cause(&self, text: &str) {
        self.line(&format!("{} {text}", Tone::Bad.paint("cause:")));
    }

    /// Says what to type next.
    pub fn hint(&self, text: &str) {
        self.line(&format!("{} {text}", Tone::Good.paint("hint:")));
    }

    /// Says what could matter.
    pub fn warning(&self, text: &str) {
        self.line(&format!("{} {text}", Tone::Change.paint("warning:")));
    }

    fn line(&self, line: &str) {
        match &mut *self.progress.borrow_mut() {
            Progress::Recorded(recording) => {
                recording.lines.push(anstream::adapter::strip_str(line).to_string());
            }
            Progress::Live(live) => live.line(line),
            Progress::Plain(_) | Progress::Quiet => write_line(line),
        }
    }

    /// Shows an event.
    pub fn event(&self, event: &Event) {
        match &mut *self.progress.borrow_mut() {
            Progress::Quiet => {}
            Progress::Plain(plain) => {
                if let Some(line) = plain.event(event) {
                    write_line(&line);
                }
            }
            Progress::Live(live) => live.event(event),
            Progress::Recorded(recording) => {
                if recording.events.is_empty() {
                    recording.counts_from = Instant::now().checked_sub(event.at);
                }
                recording.events.push(event.clone());
            }
        }
    }

    /// Learns what waits for what in what is going to be walked, and when it should be where.
    pub fn expect(&self, links: impl FnOnce() -> Links, expected: impl FnOnce() -> Expected) {
        match &mut *self.progress.borrow_mut() {
            Progress::Recorded(recording) => recording.links = links(),
            Progress::Live(live) => live.expect(expected()),
            Progress::Quiet | Progress::Plain(_) => {}
        }
    }

    /// How often a sign of life is due.
    pub fn pulse(&self) -> Duration {
        match &*self.progress.borrow() {
            Progress::Live(_) => live::TICK,
            _ => HEARTBEAT,
        }
    }

    /// Gives a sign of life.
    pub fn heartbeat(&self) {
        match &mut *self.progress.borrow_mut() {
            Progress::Plain(plain) => plain.heartbeat().iter().for_each(|line| write_line(line)),
            Progress::Live(live) => live.tick(),
            Progress::Quiet | Progress::Recorded(_) => {}
        }
    }

    /// Takes the live display down.
    pub fn finish(&self) {
        if let Progress::Live(live) = &mut *self.progress.borrow_mut() {
            live.finish();
        }
    }

    /// Why there is nobody to ask, when there is nobody.
    pub fn why_not_ask(&self) -> Option<&'static str> {
        const NO_TERMINAL: &str = "there is no terminal to ask on";
        match &self.answers {
            Some(answers) => answers.borrow().is_empty().then_some(NO_TERMINAL),
            None if in_ci() => Some("with `CI` set nobody is asked"),
            None => {
                let is_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
                (!is_terminal).then_some(NO_TERMINAL)
            }
        }
    }

    /// Asks a question, and says whether the answer is the one that counts.
    pub fn ask(&self, question: &str, counts: impl Fn(&str) -> bool) -> bool {
        if let Some(answers) = &self.answers {
            let answer = answers.borrow_mut().pop_front();
            self.line(&format!("{question}{}", answer.as_deref().unwrap_or_default()));
            return answer.is_some_and(|answer| counts(&answer));
        }
        let mut stderr = anstream::stderr();
        let asked = write!(stderr, "{question}").and_then(|()| stderr.flush());
        let mut answer = String::new();
        asked.is_ok() && std::io::stdin().read_line(&mut answer).is_ok() && counts(answer.trim())
    }
}

/// A text that does nothing to a terminal: without escape sequences, and with a sign in the place of what
/// else would move the cursor or turn the direction of writing.
pub fn harmless(text: &str) -> String {
    let stripped = anstream::adapter::strip_str(text).to_string();
    let turns = |it: char| matches!(it, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let shown = |it: char| match it {
        '\n' | '\t' => it,
        it if it.is_control() || turns(it) => char::REPLACEMENT_CHARACTER,
        it => it,
    };
    stripped.trim_end_matches(['\r', '\n']).chars().map(shown).collect()
}

/// Sends the log to stderr, as far as `-v` or `RUST_LOG` ask for one. Its colours are taken out where
/// all others are.
pub fn log_to_stderr(verbose: u8) {
    use tracing_subscriber::EnvFilter;
    let filter = match (std::env::var("RUST_LOG"), verbose) {
        (Ok(filter), _) if !filter.is_empty() => EnvFilter::new(filter),
        (_, 0) => return,
        (_, 1) => EnvFilter::new("ecsup=info"),
        (_, _) => EnvFilter::new("ecsup=debug"),
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter);
    log.with_ansi(true).with_writer(anstream::stderr).init();
}

fn write_line(line: &str) {
    let line = legible(line);
    let line = match std::io::stderr().is_terminal() {
        true => set_in(&line, board::columns_and_rows(&console::Term::stderr()).0).into(),
        false => line,
    };
    let _gone = writeln!(anstream::stderr(), "{line}");
}

/// A text as the terminal can show it: where it does not speak UTF-8, signs of ours become ASCII.
fn legible(text: &str) -> Cow<'_, str> {
    static SPEAKS_UTF8: LazyLock<bool> =
        LazyLock::new(|| speaks_utf8(|name| std::env::var(name).ok()));
    if *SPEAKS_UTF8 { Cow::Borrowed(text) } else { Cow::Owned(in_ascii(text)) }
}

/// Whether the locale is one of UTF-8. Without any, as in a container, nothing is known against it.
fn speaks_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(variable);
    let mut set =
        set.filter(|it| !it.is_empty()).map(|it| it.to_ascii_lowercase().replace('-', ""));
    set.next().is_none_or(|locale| locale.contains("utf8"))
}

/// A sign for a sign, so that columns stay where they are.
fn in_ascii(text: &str) -> String {
    let sign = |letter: char| match letter {
        '→' => '>',
        '…' => '~',
        '█' => '#',
        '░' => '.',
        '✗' | '×' => 'x',
        other if other.is_ascii() => other,
        _ => '?',
    };
    text.chars().map(sign).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_utf8_nothing_but_ascii_is_shown() {
        let locale = |set: &'static [(&str, &str)]| {
            speaks_utf8(|name| {
                set.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(locale(&[]));
        assert!(locale(&[("LANG", "de_DE.UTF-8")]));
        assert!(locale(&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8"), ("LANG", "C")]));
        assert!(!locale(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]));
        assert_eq!(in_ascii("a → b… █░✗ ü"), "a > b~ #.x ?");
    }
}
