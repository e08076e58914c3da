//! `ecsup completions`: what a shell needs to complete ecsup's words. Asks nobody.

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use super::{Cli, Done};
use crate::ui::Screen;

/// What `ecsup completions` takes.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Runs the command.
pub fn completions(args: &CompletionsArgs, screen: &Screen) -> Done {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "ecsup", &mut script);
    screen.out(String::from_utf8_lossy(&script).trim_end());
    Done::Done
}
