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
    if !wish.open.is_empty() {
        wish::check(&wish, None)?;
        let open: Vec<_> = wish.open.iter().map(|name| format!("${{{name}}}")).collect();
        let open = open.join(", ");
        if args.check {
            let stack = wish.stack_name().unwrap_or_default();
            screen.note(&format!(
                "right as far as it can be seen here: stack {stack}; what stands for {open} only AWS knows"
            ));
            return Ok(Done::Done);
        }
        screen.note(&format!("not filled in, since only AWS knows: {open}"));
        screen.out(wish.to_manifest(Form::Effective).trim_end());
        return Ok(Done::Done);
    }
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
