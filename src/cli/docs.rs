//! `ecsup docs`: the reference of the manifest. Asks nobody.

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::Done;
use crate::ui::Screen;
use crate::wish::{TOPICS, topic};

/// What `ecsup docs` takes.
#[derive(Debug, Args)]
pub struct DocsArgs {
    /// The topic; without one, a list of them
    #[arg(value_parser = PossibleValuesParser::new(TOPICS.iter().map(|(name, ..)| *name)))]
    pub topic: Option<String>,
}

/// Runs the command.
pub fn docs(args: &DocsArgs, screen: &Screen) -> Done {
    if let Some(text) = args.topic.as_deref().and_then(topic) {
        screen.out(text.trim_end());
    } else {
        TOPICS.iter().for_each(|(name, _, title)| screen.out(&format!("{name:<10} {title}")));
    }
    Done::Done
}
