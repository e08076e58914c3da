//! `ecsup wait`: until services are steady, whoever has changed them.

use clap::Args;

use super::standing::{self, StackArgs};
use super::{Global, Outcome};
use crate::ui::Screen;

/// What `ecsup wait` takes.
#[derive(Debug, Args)]
pub struct WaitArgs {
    /// The service [default: all of the stack]
    #[arg(env = "ECSUP_SERVICE", hide_env_values = true)]
    pub service: Option<String>,

    /// The stack.
    #[command(flatten)]
    pub stack: StackArgs,
}

/// Runs the command.
pub async fn wait(args: &WaitArgs, global: &Global, screen: &Screen) -> Outcome {
    let standing = standing::find(&args.stack, "wait", global, screen).await?;
    let nodes = match args.service.as_deref() {
        Some(name) => vec![standing.service(name)?.owner.node.clone()],
        None => standing.services.iter().map(|owned| owned.owner.node.clone()).collect(),
    };
    standing.wait(nodes, screen).await
}
