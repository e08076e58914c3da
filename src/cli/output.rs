//! How commands print what they have found.

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::error::{CommandError, ErrorKind};

/// How to print what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Lines for people
    Text,
    /// JSON, in which everything is said
    Json,
}

/// The flag that says it.
#[derive(Debug, Clone, Copy, Args)]
pub struct OutputArgs {
    /// How to print it
    #[arg(long, value_enum, env = "ECSUP_OUTPUT", hide_env_values = true, default_value = "text")]
    pub output: Output,
}

/// One line of JSON.
pub(super) fn json(report: &impl Serialize) -> Result<String, CommandError> {
    serde_json::to_string(report)
        .map_err(|error| CommandError::new(ErrorKind::Unexpected).problem(&error).caused_by(error))
}
