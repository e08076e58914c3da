//! `ecsup config`: what is in effect, and where each value came from. Asks nobody.

use clap::Args;

use super::{Done, Outcome, wish};
use crate::ui::Screen;
use crate::wish::{Form, ServiceFlags};

/// What `ecsup config` takes.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// The stack.
    #[command(flatten)]
    pub flags: ServiceFlags,

    /// Only say whether it is right
    #[arg(long, env = "ECSUP_CHECK", hide_env_values = true,
        value_parser = clap::builder::BoolishValueParser::new())]
    pub check: bool,
}

/// Runs the command.
pub fn config(args: &ConfigArgs, screen: &Screen) -> Outcome {
    let wish = wish::said(&args.flags);
    let spec = wish::checked(&wish)?;
    if args.check {
        let services = match spec.services.len() {
            1 => "1 service".to_owned(),
            some => format!("{some} services"),
        };
        screen.note(&format!("right: stack {}, {services}", spec.stack));
    } else {
        screen.out(wish.to_manifest(Form::Effective).trim_end());
    }
    Ok(Done::Done)
}
