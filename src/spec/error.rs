//! What is wrong with what was asked for.

use std::borrow::Cow;
use std::fmt;

use crate::names::Shown;

/// One thing that is wrong with what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecError {
    /// What is at fault: a flag, such as `--cpu`, or the path of a key, such as `service.web.cpu`. Empty
    /// when it is the whole.
    pub field: Cow<'static, str>,
    /// What was given; empty when nothing was. Never the value of an environment variable.
    pub value: String,
    /// The rule it breaks: a lower-case fragment without a full stop.
    pub rule: String,
    /// Where it was said, if that was in a file.
    pub at: Option<Box<At>>,
}

/// A place in a file, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// The file's name.
    pub file: String,
    /// The line, counted from one.
    pub line: usize,
    /// The column, counted from one.
    pub column: usize,
    /// How many bytes stand before it in the file.
    pub offset: usize,
    /// The line itself, and below it what is meant, underlined: two lines of text.
    pub excerpt: String,
}

impl SpecError {
    /// An error that was not said in a file.
    pub fn new(
        field: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
        rule: impl Into<String>,
    ) -> Self {
        Self { field: field.into(), value: value.into(), rule: rule.into(), at: None }
    }

    /// Says where in a file it was said.
    #[must_use]
    pub fn at(self, at: At) -> Self {
        Self { at: Some(Box::new(at)), ..self }
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, value, rule, at } = self;
        if let Some(at) = at {
            write!(f, "{}:{}:{}: ", Shown(&at.file), at.line, at.column)?;
        }
        match (field.is_empty(), value.is_empty()) {
            (true, _) => f.write_str(rule),
            (false, true) => write!(f, "{}: {rule}", Shown(field)),
            (false, false) => write!(f, "{} `{}`: {rule}", Shown(field), Shown(value)),
        }
    }
}

impl std::error::Error for SpecError {}

/// The problems found so far.
#[derive(Debug, Default)]
pub(crate) struct Problems(pub(crate) Vec<SpecError>);

impl Problems {
    /// Adds a problem.
    pub(crate) fn add(
        &mut self,
        field: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
        rule: impl Into<String>,
    ) {
        self.0.push(SpecError::new(field, value, rule));
    }

    /// Passes a good value on, and keeps the rule that a bad one breaks.
    pub(crate) fn keep<T>(
        &mut self,
        field: &'static str,
        value: &str,
        checked: Result<T, String>,
    ) -> Option<T> {
        checked.map_err(|rule| self.add(field, value, rule)).ok()
    }
}
