//! `ecsup permissions`: the IAM policy that the other commands need. Asks nobody: it needs neither
//! credentials nor a network.

use clap::{Args, ValueEnum};

use super::error::CommandError;
use super::{Done, Global, Outcome};
use crate::names::{StackName, is_region};
use crate::permissions::{self, Bounds, MANAGED_POLICY_LIMIT, Part, ROLE_POLICIES_LIMIT};
use crate::spec::{self, Pattern, SpecError};
use crate::ui::Screen;

/// What `ecsup permissions` takes.
#[derive(Debug, Args)]
pub struct PermissionsArgs {
    /// Only what this pattern needs [default: every pattern]
    #[arg(long, env = "ECSUP_PATTERN", value_enum, hide_env_values = true)]
    pub pattern: Option<Pattern>,

    /// Only for a stack of this name [default: any stack]
    #[arg(long, env = "ECSUP_STACK", value_name = "NAME", hide_env_values = true)]
    pub stack: Option<String>,

    /// Only with this permissions boundary may roles be made [default: with any or none]
    #[arg(long, env = "ECSUP_PERMISSIONS_BOUNDARY", value_name = "ARN", hide_env_values = true)]
    pub permissions_boundary: Option<String>,

    /// Only this part of the policy, which is short enough for a managed policy
    #[arg(long, value_enum)]
    pub part: Option<Part>,

    /// How to print it
    #[arg(long, value_enum, default_value = "json")]
    pub output: Output,
}

/// How to print the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// A policy document
    Json,
    /// One line for each action: what it is for, its statement, and the call it is checked with
    Table,
}

/// Runs the command.
pub fn permissions(args: &PermissionsArgs, global: &Global, screen: &Screen) -> Outcome {
    let bounds = bounds(args, global).map_err(CommandError::usage)?;
    let patterns = args.pattern.map_or_else(|| Pattern::value_variants().to_vec(), |it| vec![it]);
    let parts = args.part.map_or_else(|| Part::WHOLE.to_vec(), |it| vec![it]);
    match args.output {
        Output::Table => {
            let permissions = permissions::permissions(&patterns, &parts);
            let mut lines: Vec<_> = permissions.map(|it| it.line()).collect();
            lines.sort_unstable();
            lines.iter().for_each(|line| screen.out(line));
        }
        Output::Json => {
            let policy = permissions::policy(&patterns, &parts, &bounds);
            screen.out(&policy.to_json());
            let characters = policy.characters();
            if characters > MANAGED_POLICY_LIMIT {
                let role = match characters <= ROLE_POLICIES_LIMIT {
                    true => ", or give all of it to a role as its inline policy",
                    false => "",
                };
                screen.note(&format!(
                    "{characters} characters without white space, and a managed policy takes \
                     {MANAGED_POLICY_LIMIT}: make one of each --part{role}"
                ));
            }
        }
    }
    Ok(Done::Done)
}

/// The bounds that the flags draw. A region of the environment is none: what is printed here is often
/// for somebody else, elsewhere.
fn bounds(args: &PermissionsArgs, global: &Global) -> Result<Bounds, Vec<SpecError>> {
    let mut errors = Vec::new();
    let region = global.region.as_deref();
    if let Some(region) = region.filter(|region| !is_region(region)) {
        let rule = "must be the name of a region, which has the form of `eu-west-1`".to_owned();
        errors.push(SpecError::new("--region", region.to_owned(), rule));
    }
    let stack = args.stack.as_deref().map(str::parse::<StackName>).transpose();
    let stack = stack.unwrap_or_else(|error| {
        errors.push(SpecError::new("--stack", error.value, error.rule));
        None
    });
    let boundary = args.permissions_boundary.as_deref();
    let boundary = boundary.and_then(|typed| match spec::check_boundary(typed) {
        Ok(boundary) => Some(boundary),
        Err(rule) => {
            let value = typed.to_owned();
            errors.push(SpecError::new("--permissions-boundary", value, rule));
            None
        }
    });
    if !errors.is_empty() {
        return Err(errors);
    }
    let bounds = Bounds::new(region, None, stack);
    Ok(match boundary {
        Some(boundary) => bounds.with_boundary(boundary),
        None => bounds,
    })
}
