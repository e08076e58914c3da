//! How commands come to what was asked for: the manifest of the folder, the environment and the flags, and
//! what runs beside them.

use std::collections::BTreeSet;
use std::path::Path;

use super::Global;
use super::connection::{Connection, patiently};
use super::error::CommandError;
use super::plan::{How, Unsaid};
use crate::deploy::Lost;
use crate::facts::{self, Caller, Problem, Running};
use crate::spec::{Spec, SpecError, Unknown, nearest};
use crate::ui::Screen;
use crate::wish::{Answers, FileFlags, ServiceFlags, Wish};

/// Reads what was asked for.
pub(super) fn said(flags: &ServiceFlags) -> Wish {
    said_with(flags, &Answers::default())
}

/// The same, with what AWS has answered.
pub(super) fn said_with(flags: &ServiceFlags, answers: &Answers) -> Wish {
    Wish::read_with(flags, Path::new(""), &|name| std::env::var(name).ok(), answers)
}

/// Refuses what is wrong with it, as far as that is known before anybody is asked.
pub(super) fn checked(wish: &Wish) -> Result<Spec, CommandError> {
    wish.drafted().check().map_err(CommandError::usage)
}

/// Refuses what is wrong with it as far as that is known before anybody is asked: with a value that only AWS
/// knows, that is what is wrong in the file.
pub(super) fn check(wish: &Wish, only: Option<&str>) -> Result<(), CommandError> {
    match wish.open.is_empty() {
        true => check_only(&checked(wish)?, only),
        false => wish.check_open().map_err(CommandError::usage),
    }
}

/// Asks AWS for what only it knows, fills that in, and checks everything.
pub(super) async fn fill_in(
    wish: &mut Wish,
    flags: &ServiceFlags,
    only: Option<&str>,
    connection: &Connection,
    screen: &Screen,
) -> Result<(), CommandError> {
    if wish.open.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = wish.open.iter().filter_map(|open| open.strip_prefix("ssm:")).collect();
    let whom = format!("{} to answer (what stands in parameters)", connection.whom());
    let read = patiently(screen, &whom, facts::plain_parameters(&connection.aws, &names)).await;
    let parameters = read.map_err(|problem| match problem {
        Problem::Aws(error) => connection.failed(error),
        Problem::Refused(errors) => CommandError::usage(errors),
    })?;
    let account = match wish.open.contains("account") {
        true => Some(connection.caller(screen).await?.account),
        false => None,
    };
    let answers = Answers { region: Some(connection.region.clone()), account, parameters };
    *wish = said_with(flags, &answers);
    check(wish, only)
}

/// Refuses to deploy only a service that there is not.
pub(super) fn check_only(spec: &Spec, only: Option<&str>) -> Result<(), CommandError> {
    let names = || spec.services.iter().map(|service| service.name.as_str());
    match only.filter(|only| !names().any(|name| name == *only)) {
        None => Ok(()),
        Some(only) => {
            let all = names().collect::<Vec<_>>().join(", ");
            let rule = format!("is none of the services ({all}){}", nearest(only, names()));
            Err(CommandError::usage([SpecError::new("--only", only, rule)]))
        }
    }
}

/// The global flags with the region that the manifest pins.
pub(super) fn pinned(wish: &Wish, global: &Global) -> Result<Global, CommandError> {
    let Some(pinned) = wish.table.text("region") else { return Ok(global.clone()) };
    match &global.region {
        Some(region) if region != pinned => {
            let rule =
                format!("the manifest is of {pinned}: leave --region out, or change the file");
            Err(CommandError::usage([SpecError::new("--region", region, rule)]))
        }
        _ => Ok(Global { region: Some(pinned.to_owned()), ..global.clone() }),
    }
}

/// The stack that a command is about which takes its name alone: as it was said, or as the manifest says
/// it, with the region that this pins.
pub(super) fn stack(
    said: Option<&str>,
    manifest: &FileFlags,
    global: &Global,
) -> Result<(Option<String>, Global), CommandError> {
    if let Some(said) = said {
        return Ok((Some(said.to_owned()), global.clone()));
    }
    let flags = ServiceFlags { manifest: manifest.clone(), ..ServiceFlags::default() };
    let wish = self::said(&flags);
    if wish.is_by_flags() {
        // Whoever names an environment does not mean the only stack that there is.
        if let Some(environment) = &manifest.environment {
            let rule =
                "is an environment of a manifest, and there is none here: say the stack's name";
            return Err(CommandError::usage([SpecError::new("--environment", environment, rule)]));
        }
        return Ok((None, global.clone()));
    }
    check(&wish, None)?;
    Ok((wish.stack_name(), pinned(&wish, global)?))
}

/// Refuses credentials of another account than the manifest pins.
pub(super) fn check_account(wish: &Wish, caller: &Caller) -> Result<(), CommandError> {
    let Some(said) = wish.table.at("account") else { return Ok(()) };
    let pinned = wish.table.text("account").unwrap_or_default();
    if pinned == caller.account {
        return Ok(());
    }
    let who = caller.arn.rsplit_once(':').map_or(caller.arn.as_str(), |(_, who)| who);
    let rule = format!("the credentials are of {} ({who})", caller.account);
    Err(CommandError::usage([said.place.tell(SpecError::new("account", pinned, rule))]))
}

/// Puts the wish beside what runs: images stay that were not said, and by flags alone nothing else goes
/// back to a default unseen.
pub(super) fn settle(
    wish: &mut Wish,
    running: &Running,
    how: How<'_>,
    screen: &Screen,
) -> Result<(), CommandError> {
    // Who names one of them wants the others gone, which is asked about by their names.
    let names_one = wish.services.iter().any(|service| service.key.is_some());
    if wish.is_by_flags() && running.services.len() > 1 && !names_one {
        let names: Vec<_> = running.services.keys().map(String::as_str).collect();
        let why = format!(
            "the stack has several services ({}), and flags alone describe one",
            names.join(", ")
        );
        let stack = wish.stack_name().unwrap_or_default();
        let hint = format!(
            "`ecsup init --from {stack}` writes what runs into ecsup.toml, to be changed there"
        );
        return Err(CommandError::refused(why).hint(hint));
    }
    let fallbacks = wish.fallbacks(running);
    match how.unsaid {
        _ if fallbacks.is_empty() => {}
        Unsaid::Told => {
            for fallback in &fallbacks {
                screen.warning(&format!(
                    "not said this time, and goes back to the default: {fallback}"
                ));
            }
        }
        Unsaid::Asked => {
            for fallback in &fallbacks {
                let question = format!("Not said this time: {fallback}. Let it go back? [y/N] ");
                match screen.ask(&question, |answer| matches!(answer, "y" | "Y" | "yes")) {
                    true => wish.accept(fallback),
                    false => wish.keep(fallback),
                }
            }
        }
        Unsaid::Refused => {
            let all: Vec<_> = fallbacks.iter().map(ToString::to_string).collect();
            let why =
                format!("not said this time and would go back to the default: {}", all.join(", "));
            let stack = wish.stack_name().unwrap_or_default();
            let mut image = running.services.values().map(|it| it.own.image.clone());
            let image = image.find(|image| !image.is_empty());
            let stays = image
                .filter(|_| wish.says_no_image())
                .map(|image| format!("; the image {image} stays"));
            return Err(CommandError::refused(why)
                .hint(format!("say them again, or --accept-defaults{}", stays.unwrap_or_default()))
                .hint(format!(
                    "`ecsup init --from {stack}` writes what runs into ecsup.toml, once and for all"
                )));
        }
    }
    for again in wish.defaults_again(running) {
        screen.note(&format!("not said in the manifest any more: {again}"));
    }
    for note in wish.keep_images(running, how.keeps_images) {
        screen.note(&note);
    }
    Ok(())
}

/// Refuses to let another answer what no rule of a running load balancer matches, unless the manifest says
/// who: a service that comes or goes must not reroute another.
pub(super) fn check_unknown(
    wish: &Wish,
    running: &Running,
    spec: &Spec,
) -> Result<(), CommandError> {
    for (scheme, ingress) in spec.ingresses() {
        let name = scheme.word();
        let path = format!("ingress.{name}.unknown");
        let before = running.balancers.iter().find(|it| it.scheme == scheme);
        let Some(before) = before.filter(|_| wish.table.at(&path).is_none()) else { continue };
        let (Some(before), Unknown::Answer { status, .. }) = (&before.unknown, &ingress.unknown)
        else {
            continue;
        };
        if !spec.services.iter().any(|service| service.name.as_str() == before) {
            continue;
        }
        let why = format!(
            "{path} is not said: until now service.{before} answers to every host, and beside the others it \
             would answer to its own, and the load balancer with {status} to the rest"
        );
        let hint = format!(
            "write unknown = \"{before}\" in [ingress.{name}] if it is to stay, or unknown = {status}"
        );
        return Err(CommandError::refused(why).hint(hint));
    }
    Ok(())
}

/// What runs and is not asked for any more, of what takes data or traffic along.
pub(super) fn lost(running: &Running, spec: &Spec) -> Vec<Lost> {
    let is_asked =
        |name: &String| spec.services.iter().any(|service| service.name.as_str() == name);
    // Logs of a service that somebody has deleted are data as well.
    let there: BTreeSet<_> = running.services.keys().chain(&running.logs).collect();
    let services = there.into_iter().filter(|name| !is_asked(name));
    let has_zone = |zone: &String| spec.ingresses().any(|(_, it)| it.zone.as_ref() == Some(zone));
    let zones = running.zones.iter().filter(|zone| !has_zone(zone));
    let services = services.map(|name| Lost { what: "service", name: name.clone() });
    services.chain(zones.map(|name| Lost { what: "zone", name: name.clone() })).collect()
}
