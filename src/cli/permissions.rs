//! `ecsup permissions`: the IAM policy that the other commands need. Asks nobody: it needs neither
//! credentials nor a network.

use clap::{Args, ValueEnum};

use super::error::CommandError;
use super::{Done, Global, Outcome, wish};
use crate::names::{StackName, is_region};
use crate::permissions::{self, Bounds, MANAGED_POLICY_LIMIT, Needed, Part, ROLE_POLICIES_LIMIT};
use crate::spec::{self, GATEWAYS, Pattern, Scheme, SpecError};
use crate::ui::Screen;
use crate::wish::{FileFlags, ServiceFlags, Wish};

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

    /// The manifest, whose stack the policy is for, with all that it takes, unless a pattern or a stack is
    /// said
    #[command(flatten)]
    pub manifest: FileFlags,

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
    let wish = manifest(args)?;
    let global = match &wish {
        Some(wish) => &wish::pinned(wish, global)?,
        None => global,
    };
    let bounds = bounds(args, wish.as_ref(), global).map_err(CommandError::usage)?;
    let patterns = match (&wish, args.pattern) {
        // Of a pattern the policy takes what it runs on, and nothing else.
        (Some(wish), _) if wish.has_instances() => vec![Pattern::PublicApi],
        (Some(_), _) => vec![Pattern::FargateApi],
        (None, Some(pattern)) => vec![pattern],
        (None, None) => Pattern::value_variants().to_vec(),
    };
    let whole = || wish.as_ref().map_or_else(|| Part::WHOLE.to_vec(), parts_of);
    let parts = args.part.map_or_else(whole, |it| vec![it]);
    match args.output {
        Output::Table => {
            let permissions = permissions::permissions(&patterns, &parts);
            // With a boundary or without: the table says what there is.
            let permissions =
                permissions.filter(|it| it.needed == Needed::WithBoundary || it.is_needed(&bounds));
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

/// The manifest, if there is one and no flag says what the policy is for.
fn manifest(args: &PermissionsArgs) -> Result<Option<Wish>, CommandError> {
    let said =
        [("--pattern", args.pattern.map(|it| it.to_string())), ("--stack", args.stack.clone())];
    let said = said.into_iter().find_map(|(flag, value)| Some((flag, value?)));
    if let Some((flag, value)) = said {
        return match &args.manifest.file {
            None => Ok(None),
            Some(file) => {
                let rule = format!("{} says what the policy is for: leave one out", file.display());
                Err(CommandError::usage([SpecError::new(flag, value, rule)]))
            }
        };
    }
    let flags = ServiceFlags { manifest: args.manifest.clone(), ..ServiceFlags::default() };
    let wish = wish::said(&flags);
    if wish.is_by_flags() {
        return Ok(None);
    }
    wish::check(&wish, None)?;
    Ok(Some(wish))
}

/// The parts of the policy that a manifest takes.
pub(super) fn parts_of(wish: &Wish) -> Vec<Part> {
    let says = |key: &str| wish.services.iter().any(|service| service.table.at(key).is_some());
    let is_secured = Scheme::ALL.iter().any(|scheme| {
        let path = format!("ingress.{}.certificates", scheme.word());
        wish.table.texts(&path).is_some_and(|all| !all.is_empty())
    });
    let sidecars = wish.services.iter().filter_map(|service| service.table.table("sidecar"));
    let mut sidecars = sidecars.flat_map(|it| it.0.values()).filter_map(|it| it.said.table());
    let has_secrets = ["secrets", "policies", "permissions", "exec"].into_iter().any(says)
        || sidecars.any(|sidecar| sidecar.get("secrets").is_some())
        || wish.open.iter().any(|open| open.starts_with("ssm:"));
    let endpoints = wish.table.texts("network.endpoints").unwrap_or_default();
    let more = [
        (Part::Https, is_secured),
        (Part::ExistingNetwork, wish.existing_network().is_some()),
        (Part::Endpoints, endpoints.iter().any(|(name, _)| !GATEWAYS.contains(name))),
        (Part::Secrets, has_secrets),
        (Part::Scaling, says("scaling")),
        (Part::Discovery, says("discovery")),
        (Part::Release, says("release")),
    ];
    let more = more.into_iter().filter(|(_, needed)| *needed).map(|(part, _)| part);
    Part::WHOLE.into_iter().chain(more).collect()
}

/// The bounds that the flags draw, or the manifest. A region of the environment is none: what is printed
/// here is often for somebody else, elsewhere.
fn bounds(
    args: &PermissionsArgs,
    wish: Option<&Wish>,
    global: &Global,
) -> Result<Bounds, Vec<SpecError>> {
    let mut errors = Vec::new();
    let region = global.region.as_deref();
    if let Some(region) = region.filter(|region| !is_region(region)) {
        let rule = "must be the name of a region, which has the form of `eu-west-1`".to_owned();
        errors.push(SpecError::new("--region", region.to_owned(), rule));
    }
    let stack = args.stack.clone().or_else(|| wish?.stack_name());
    let stack = stack.as_deref().map(str::parse::<StackName>).transpose();
    let stack = stack.unwrap_or_else(|error| {
        errors.push(SpecError::new("--stack", error.value, error.rule));
        None
    });
    let boundary = args.permissions_boundary.as_deref();
    let boundary = boundary.or_else(|| wish?.table.text("permissions_boundary"));
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
    let account = wish.and_then(|wish| wish.table.text("account"));
    let bounds = Bounds::new(region, account, stack);
    let bounds = match wish.and_then(Wish::existing_network) {
        Some(network) => bounds.with_existing_network(network),
        None => bounds,
    };
    Ok(match boundary {
        Some(boundary) => bounds.with_boundary(boundary),
        None => bounds,
    })
}
