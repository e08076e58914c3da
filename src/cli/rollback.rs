//! `ecsup rollback`: a former revision of a service.

use std::collections::BTreeSet;

use clap::Args;

use super::error::CommandError;
use super::existing::Existing;
use super::standing::{self, ChangeArgs, StackArgs, Standing};
use super::{Global, Outcome, wish};
use crate::arn::last_part;
use crate::aws::Scope;
use crate::names::ServiceName;
use crate::resource::difference::describe;
use crate::resource::service::{Asked, Output as Running};
use crate::resource::task_definition::{self, Content, Output as Revision};
use crate::ui::Screen;
use crate::wish::ServiceFlags;

/// What `ecsup rollback` takes.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The service
    pub service: String,

    /// The revision, by its number [default: the newest one before that which it runs]
    #[arg(env = "ECSUP_REVISION", hide_env_values = true)]
    pub revision: Option<u32>,

    /// Do not ask before changing something
    #[arg(short, long, env = "ECSUP_YES", hide_env_values = true,
        value_parser = clap::builder::BoolishValueParser::new())]
    pub yes: bool,

    /// The stack.
    #[command(flatten)]
    pub stack: StackArgs,

    /// How it is changed.
    #[command(flatten)]
    pub change: ChangeArgs,
}

/// Runs the command.
pub async fn rollback(args: &RollbackArgs, global: &Global, screen: &Screen) -> Outcome {
    if let Some(why) = screen.why_not_ask().filter(|_| !args.yes) {
        let why = format!("rollback asks before it changes something, and {why}");
        return Err(CommandError::refused(why).hint("say --yes to go ahead without being asked"));
    }
    let standing = standing::find(&args.stack, "rollback", global, screen).await?;
    let owned = standing.service(&args.service)?;
    let (it, node) = (owned.it(), owned.owner.node.clone());
    let Existing { connection, cx, .. } = &standing.existing;
    let Some(runs) = it.task_definition.as_deref() else {
        let why = format!("AWS says nothing of a revision of service `{}`", it.name);
        return Err(CommandError::refused(why));
    };
    let (family, number) = numbered(runs);
    let scope = Scope::Stack(cx.names.clone());
    let all = task_definition::active(&connection.aws, &scope, family).await;
    let all = all.map_err(|error| connection.failed(error))?;
    let chosen = choose(&all, args.revision, (family, number))?;
    let now = all.iter().find(|it| it.arn.as_str() == runs).and_then(|it| it.content.as_ref());
    let (Some(now), Some(then)) = (now, &chosen.content) else {
        let why =
            format!("{} has another form than ecsup gives one", last_part(chosen.arn.as_str()));
        return Err(CommandError::refused(why).hint("deploy what it holds instead"));
    };
    check(it, now, then)?;
    let name = last_part(chosen.arn.as_str());
    let asked = Asked::Revision(chosen.arn.as_str().to_owned());
    if chosen.arn.as_str() == runs {
        // Another run has begun it, or this one before.
        screen.note(&format!("service {} runs {name} already", it.name));
        return standing.change(node, asked, &args.change, screen).await;
    }
    screen.note(&format!("service {}: revision {} → {name}", it.name, last_part(runs)));
    for difference in now.changes(then) {
        screen.note(&format!("  {}", describe(&[difference])));
    }
    screen.note(&next_deploy(&standing, args, then));
    if !args.yes && !screen.ask("Go ahead? [y/N] ", |it| matches!(it, "y" | "Y" | "yes")) {
        return Err(CommandError::declined());
    }
    standing.change(node, asked, &args.change, screen).await
}

/// The family and the number of a revision.
fn numbered(arn: &str) -> (&str, u32) {
    let name = last_part(arn);
    let (family, number) = name.rsplit_once(':').unwrap_or((name, ""));
    (family, number.parse().unwrap_or_default())
}

/// The revision that was said, else the newest one before that which runs and was fit to run: one whose
/// release command failed never did.
fn choose<'a>(
    all: &'a [Revision],
    said: Option<u32>,
    (family, now): (&str, u32),
) -> Result<&'a Revision, CommandError> {
    let number = |it: &Revision| numbered(it.arn.as_str()).1;
    let others = || all.iter().filter(|it| number(it) != now);
    let list = || {
        let numbers: Vec<_> = others().map(|it| number(it).to_string()).collect();
        match numbers.is_empty() {
            true => "there is no other one".to_owned(),
            false => format!("there are {}", numbers.join(", ")),
        }
    };
    match said {
        Some(said) => all.iter().find(|it| number(it) == said).ok_or_else(|| {
            let why = format!("{family}:{said} is no active revision of this stack");
            CommandError::refused(why).hint(list())
        }),
        None => {
            let releases = all.iter().any(|it| number(it) == now && it.released == Some(true));
            let was_fit = |it: &&Revision| !releases || it.released == Some(true);
            others().filter(|it| number(it) < now).find(was_fit).ok_or_else(|| {
                let why = format!("there is no revision before {family}:{now} to go back to");
                CommandError::refused(why).hint(list())
            })
        }
    }
}

/// Refuses a revision that what surrounds the service does not fit any more.
fn check(it: &Running, now: &Content, then: &Content) -> Result<(), CommandError> {
    let again = "deploy what it held instead: a deploy changes what surrounds the tasks as well";
    for target in it.targets.iter().flatten() {
        let mut ports = then.containers(&it.name).map(|(name, it)| (name, it.port));
        if !ports.any(|it| it == (target.container.as_str(), Some(target.port))) {
            let why = format!(
                "load balancers lead to port {} of container `{}`, which that revision does not have",
                target.port, target.container
            );
            return Err(CommandError::refused(why).hint(again));
        }
    }
    let read = |of: &Content| -> BTreeSet<String> {
        let all = of.containers(&it.name).flat_map(|(_, it)| it.secrets.values().cloned());
        all.collect()
    };
    let lost: Vec<_> = read(then).difference(&read(now)).cloned().collect();
    if !lost.is_empty() {
        let why = format!(
            "that revision reads secrets which its role may not read any more: {}",
            lost.join(", ")
        );
        return Err(CommandError::refused(why).hint(again));
    }
    Ok(())
}

/// What the manifest will do at the next deploy.
fn next_deploy(standing: &Standing, args: &RollbackArgs, then: &Content) -> String {
    let name = &args.service;
    let manifest = args.stack.manifest.clone();
    let flags = ServiceFlags { manifest, ..ServiceFlags::default() };
    let said = wish::said(&flags);
    let stack = standing.existing.stack.as_str();
    let usual = "the next deploy brings back what its flags or its manifest say";
    if said.is_by_flags() || said.stack_name().as_deref() != Some(stack) {
        return usual.to_owned();
    }
    let Ok(service) = name.parse::<ServiceName>() else { return usual.to_owned() };
    let open = said.leaves_image_open(name);
    let spec = wish::checked(&said);
    let image = spec.ok().and_then(|spec| Some(spec.service(&service)?.image.to_string()));
    match image {
        Some(image) if !open && image != then.own.image => format!(
            "the manifest says image {image}: the next deploy rolls that out again, unless you change it or say \
             --image {name}={}",
            then.own.image
        ),
        Some(_) if open => format!(
            "the manifest leaves the image open: the next deploy keeps {}, and brings back all else that it says",
            then.own.image
        ),
        _ => usual.to_owned(),
    }
}
