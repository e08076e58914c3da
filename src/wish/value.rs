//! What was said, and where.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::rc::Rc;

use miette::SourceCode as _;
use unicode_width::UnicodeWidthStr as _;

use crate::spec::{At, SpecError};

/// A file that was read.
pub struct Source {
    /// Its name, as it is told.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// A place in a file.
#[derive(Clone)]
pub struct Spot {
    /// The file.
    pub source: Rc<Source>,
    /// The bytes that are meant.
    pub span: Range<usize>,
}

impl fmt::Debug for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.source.name, self.line())
    }
}

impl Spot {
    /// The line, counted from one.
    pub fn line(&self) -> usize {
        let before = self.source.text.as_bytes().iter().take(self.span.start);
        1 + before.filter(|byte| **byte == b'\n').count()
    }

    /// The place for a person: file, line, column, and the line itself with what is meant underlined.
    pub fn at(&self) -> At {
        let Self { source, span } = self;
        // A span that is none, such as one behind the end, is told as the end.
        let text = source.text.as_str();
        let boundary = |mut at: usize| {
            at = at.min(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let (start, end) = (boundary(span.start), boundary(span.end));
        let read = text.read_span(&(start, end.saturating_sub(start)).into(), 0, 0);
        let (line, column) = read.map_or((0, 0), |read| (read.line(), read.column()));
        let begin = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let whole = text[begin..].lines().next().unwrap_or_default();
        let before = text.get(begin..start).unwrap_or_default();
        let meant = text.get(start..end).unwrap_or_default();
        let meant = meant.lines().next().unwrap_or_default();
        let (number, indent) = ((line + 1).to_string(), plain(before).width());
        let mark = "─".repeat(plain(meant).width().max(1));
        let pad = " ".repeat(number.len());
        let excerpt =
            format!("  {number} │ {}\n  {pad} │ {}{mark}", plain(whole), " ".repeat(indent));
        let file = source.name.clone();
        At { file, line: line + 1, column: column + 1, offset: start, excerpt }
    }
}

impl Spot {
    /// The same place, with a line that shows what stands before its first `=` and no value: it may be a
    /// secret.
    pub fn at_hidden(&self) -> At {
        let at = self.at();
        let text = self.source.text.get(..self.span.start).unwrap_or_default();
        let line = text.rsplit('\n').next().unwrap_or_default();
        let shown = line.split_once('=').map(|(key, _)| format!("{}= ", plain(key)));
        let shown = shown.unwrap_or_default();
        let (number, indent) = (at.line.to_string(), " ".repeat(shown.width()));
        let pad = " ".repeat(number.len());
        At { excerpt: format!("  {number} │ {shown}…\n  {pad} │ {indent}─"), ..at }
    }
}

/// A text in one line on any terminal. A tab is as wide as a blank here, so that what stands below it stands
/// right.
fn plain(text: &str) -> String {
    text.replace(|it: char| it.is_control(), " ")
}

/// Where a value was said.
#[derive(Clone, Debug)]
pub enum Place {
    /// In a file.
    File(Spot),
    /// As a flag.
    Flag(&'static str),
    /// As a variable of the environment, which stands for that flag.
    Variable(&'static str),
    /// By what runs.
    Running,
}

impl Place {
    /// The place in a file, if it is one.
    pub fn spot(&self) -> Option<&Spot> {
        match self {
            Self::File(spot) => Some(spot),
            Self::Flag(_) | Self::Variable(_) | Self::Running => None,
        }
    }

    /// Tells an error here, if this is a place in a file.
    pub fn tell(&self, error: SpecError) -> SpecError {
        match self {
            Self::File(spot) => error.at(spot.at()),
            Self::Flag(_) | Self::Variable(_) | Self::Running => error,
        }
    }

    /// The flag that was said, or the variable stands for, if it is one.
    pub fn flag(&self) -> Option<&'static str> {
        match self {
            Self::Flag(flag) | Self::Variable(flag) => Some(flag),
            Self::File(_) | Self::Running => None,
        }
    }

    /// ` (line 7)`, or ` (--cpu)`: the place beside what is told of another.
    pub fn aside(&self) -> String {
        match self {
            Self::File(spot) => format!(" (line {})", spot.line()),
            Self::Running => String::new(),
            other => format!(" ({other})"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(spot) => write!(f, "{}:{}", spot.source.name, spot.line()),
            Self::Flag(flag) => f.write_str(flag),
            Self::Variable(flag) => f.write_str(&variable(flag)),
            Self::Running => f.write_str("running"),
        }
    }
}

/// The variable of the environment that stands for a flag.
pub fn variable(flag: &str) -> String {
    format!("ECSUP_{}", flag.trim_start_matches('-').to_ascii_uppercase().replace('-', "_"))
}

/// A value, and where it was said. Numbers and switches are kept as their text: what a key holds is in
/// the table of keys.
#[derive(Clone, Debug)]
pub struct Said {
    /// The value.
    pub value: Value,
    /// Where it was said.
    pub place: Place,
}

impl Said {
    /// The table that was said, if it is one.
    pub fn table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            Value::Text(_) | Value::List(_) => None,
        }
    }

    /// The same, to be changed.
    pub fn table_mut(&mut self) -> Option<&mut Table> {
        match &mut self.value {
            Value::Table(table) => Some(table),
            Value::Text(_) | Value::List(_) => None,
        }
    }
}

/// What a value can be.
#[derive(Clone)]
pub enum Value {
    /// A text, a number or a switch.
    Text(String),
    /// An array.
    List(Vec<Said>),
    /// A table.
    Table(Table),
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // It may be a secret.
            Self::Text(_) => f.write_str("(hidden)"),
            Self::List(list) => list.fmt(f),
            Self::Table(table) => table.fmt(f),
        }
    }
}

/// A key in a table: where the key stands, and what it holds.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where the key stands.
    pub key: Place,
    /// What it holds.
    pub said: Said,
}

/// Keys and values.
#[derive(Clone, Debug, Default)]
pub struct Table(pub BTreeMap<String, Entry>);

impl Table {
    /// What a key holds.
    pub fn get(&self, name: &str) -> Option<&Said> {
        self.0.get(name).map(|entry| &entry.said)
    }

    /// The table that a key holds; with dots, one in another.
    pub fn table(&self, path: &str) -> Option<&Table> {
        path.split('.').try_fold(self, |table, name| table.get(name)?.table())
    }

    /// The entry at a path with dots.
    pub fn entry(&self, path: &str) -> Option<&Entry> {
        match path.rsplit_once('.') {
            Some((above, name)) => self.table(above)?.0.get(name),
            None => self.0.get(path),
        }
    }

    /// What is said at a path with dots.
    pub fn at(&self, path: &str) -> Option<&Said> {
        self.entry(path).map(|entry| &entry.said)
    }

    /// The text at a path with dots.
    pub fn text(&self, path: &str) -> Option<&str> {
        match &self.at(path)?.value {
            Value::Text(text) => Some(text),
            Value::List(_) | Value::Table(_) => None,
        }
    }

    /// The texts of an array at a path with dots.
    pub fn texts<'a>(&'a self, path: &str) -> Option<Vec<(&'a str, &'a Place)>> {
        let Value::List(list) = &self.at(path)?.value else { return None };
        let text = |said: &'a Said| match &said.value {
            Value::Text(text) => Some((text.as_str(), &said.place)),
            Value::List(_) | Value::Table(_) => None,
        };
        Some(list.iter().filter_map(text).collect())
    }

    /// Says a value at a path with dots, over what was said before. Tables on the way are made.
    pub fn set(&mut self, path: &str, value: Value, place: &Place) {
        match path.split_once('.') {
            None => {
                let said = Said { value, place: place.clone() };
                self.0.insert(path.to_owned(), Entry { key: place.clone(), said });
            }
            Some((name, rest)) => {
                let empty = || Said { value: Value::Table(Table::default()), place: place.clone() };
                let entry = self.0.entry(name.to_owned());
                let entry = entry.or_insert_with(|| Entry { key: place.clone(), said: empty() });
                if !matches!(entry.said.value, Value::Table(_)) {
                    entry.said = empty();
                }
                if let Value::Table(table) = &mut entry.said.value {
                    table.set(rest, value, place);
                }
            }
        }
    }

    /// Says a value of a name that may hold dots, in a table.
    pub fn set_in(&mut self, path: &str, name: &str, value: Value, place: &Place) {
        if self.table(path).is_none() {
            self.set(path, Value::Table(Self::default()), place);
        }
        if let Some(table) = self.table_mut(path) {
            table.set_in_place(name, value, place);
        }
    }

    /// Says a value of a name that may hold dots.
    pub fn set_in_place(&mut self, name: &str, value: Value, place: &Place) {
        let said = Said { value, place: place.clone() };
        self.0.insert(name.to_owned(), Entry { key: place.clone(), said });
    }

    /// The table at a path with dots.
    pub fn table_mut(&mut self, path: &str) -> Option<&mut Table> {
        path.split('.').try_fold(self, |table, name| match &mut table.0.get_mut(name)?.said.value {
            Value::Table(table) => Some(table),
            Value::Text(_) | Value::List(_) => None,
        })
    }

    /// Lays another table over this one: tables merge key by key, values and arrays replace.
    pub fn overlay(&mut self, over: &Self) {
        for (name, entry) in &over.0 {
            match (self.0.get_mut(name), &entry.said.value) {
                (
                    Some(Entry { said: Said { value: Value::Table(under), .. }, .. }),
                    Value::Table(over),
                ) => {
                    under.overlay(over);
                }
                _ => {
                    self.0.insert(name.clone(), entry.clone());
                }
            }
        }
    }
}
