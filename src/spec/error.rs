//! What is wrong with a spec, and the list that collects all of it before anyone is told.

use std::fmt;

use crate::names::Shown;

/// One thing that is wrong with what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecError {
    /// The flag at fault, such as `--cpu`.
    pub field: &'static str,
    /// What was given; empty when nothing was. Never the value of an environment variable.
    pub value: String,
    /// The rule it breaks: a lower-case fragment without a full stop.
    pub rule: String,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, value, rule } = self;
        if value.is_empty() {
            return write!(f, "{field}: {rule}");
        }
        write!(f, "{field} `{}`: {rule}", Shown(value))
    }
}

impl std::error::Error for SpecError {}

/// The problems found so far.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<SpecError>);

impl Problems {
    /// Adds a problem.
    pub(super) fn add(
        &mut self,
        field: &'static str,
        value: impl Into<String>,
        rule: impl Into<String>,
    ) {
        self.0.push(SpecError { field, value: value.into(), rule: rule.into() });
    }

    /// Passes a good value on, and keeps the rule that a bad one breaks.
    pub(super) fn keep<T>(
        &mut self,
        field: &'static str,
        value: &str,
        checked: Result<T, String>,
    ) -> Option<T> {
        match checked {
            Ok(good) => Some(good),
            Err(rule) => {
                self.add(field, value, rule);
                None
            }
        }
    }

    /// Returns every problem, in the order found.
    pub(super) fn into_errors(self) -> Vec<SpecError> {
        self.0
    }
}
