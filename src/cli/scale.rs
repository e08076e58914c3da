//! `ecsup scale`: another number of tasks, until the next deploy says one.

use clap::Args;

use super::error::CommandError;
use super::standing::{self, ChangeArgs, StackArgs};
use super::{Global, Outcome};
use crate::resource::service::Asked;
use crate::spec::size;
use crate::ui::Screen;

/// What `ecsup scale` takes.
#[derive(Debug, Args)]
pub struct ScaleArgs {
    /// The service
    pub service: String,

    /// How many tasks it is to have
    #[arg(value_name = "TASKS",
        value_parser = clap::value_parser!(u32).range(i64::from(*size::COUNT.start())..=i64::from(*size::COUNT.end())))]
    pub count: u32,

    /// The stack.
    #[command(flatten)]
    pub stack: StackArgs,

    /// How it is changed.
    #[command(flatten)]
    pub change: ChangeArgs,
}

/// Runs the command.
pub async fn scale(args: &ScaleArgs, global: &Global, screen: &Screen) -> Outcome {
    let ScaleArgs { count, .. } = *args;
    let standing = standing::find(&args.stack, "scale", global, screen).await?;
    let owned = standing.service(&args.service)?;
    let it = owned.it();
    if it.scales {
        let why = format!(
            "the number of tasks of service `{}` follows its load: what is asked for here would be moved again",
            it.name
        );
        let hint = "change the bounds of `scaling` in the manifest, and deploy";
        return Err(CommandError::refused(why).hint(hint));
    }
    let is = it.desired_count.map_or_else(|| "?".to_owned(), |is| is.to_string());
    screen.note(&format!("service {}: count {is} → {count}", it.name));
    screen.note("the next deploy brings back what the manifest or its flags say");
    let node = owned.owner.node.clone();
    standing.change(node, Asked::Count(count), &args.change, screen).await
}
