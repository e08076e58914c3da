//! `ecsup restart`: other tasks in the place of those that run, such as after a secret has changed.

use clap::Args;

use super::error::CommandError;
use super::standing::{self, ChangeArgs, StackArgs};
use super::{Global, Outcome};
use crate::resource::service::Asked;
use crate::ui::Screen;

/// What `ecsup restart` takes.
#[derive(Debug, Args)]
pub struct RestartArgs {
    /// The service
    pub service: String,

    /// The stack.
    #[command(flatten)]
    pub stack: StackArgs,

    /// How it is changed.
    #[command(flatten)]
    pub change: ChangeArgs,
}

/// Runs the command.
pub async fn restart(args: &RestartArgs, global: &Global, screen: &Screen) -> Outcome {
    let standing = standing::find(&args.stack, "restart", global, screen).await?;
    let owned = standing.service(&args.service)?;
    let it = owned.it();
    let Some(deployment) = &it.deployment else {
        let why = format!("AWS says nothing of a deployment of service `{}`", it.name);
        return Err(CommandError::refused(why).hint("`ecsup status` shows how it is"));
    };
    screen.note(&format!(
        "service {}: its tasks are replaced by others of the same revision",
        it.name
    ));
    let asked = Asked::Restart(deployment.id.clone());
    let node = owned.owner.node.clone();
    standing.change(node, asked, &args.change, screen).await
}
