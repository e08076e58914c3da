//! `ecsup man-pages`: the manual pages of ecsup and its commands. Asks nobody.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};

use super::error::{CommandError, ErrorKind};
use super::{Cli, Done, Outcome};
use crate::ui::Screen;

/// What `ecsup man-pages` takes.
#[derive(Debug, Args)]
pub struct ManPagesArgs {
    /// The folder, which has to be there
    pub folder: PathBuf,
}

/// Runs the command.
pub fn man_pages(args: &ManPagesArgs, screen: &Screen) -> Outcome {
    let folder = args.folder.display();
    clap_mangen::generate_to(Cli::command(), &args.folder).map_err(|error| {
        CommandError::new(ErrorKind::Unexpected)
            .problem(format!("failed to write manual pages into {folder}: {error}"))
            .hint("name a folder that is there and can be written to")
            .caused_by(error)
    })?;
    screen.note(&format!(
        "the manual pages are in {folder}: `man -l {folder}/ecsup.1` shows the first"
    ));
    Ok(Done::Done)
}
