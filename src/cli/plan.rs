//! `ecsup plan`: what deploy would do. Also how a plan reads, for deploy.

use std::collections::BTreeSet;
use std::rc::Rc;

use clap::Args;
use futures::future;

use super::connection::{Connection, connect, in_time, patiently};
use super::doctor::{self, PreflightArgs};
use super::error::{CommandError, ErrorKind};
use super::{Done, Global, Outcome, expiry, run_on, wish};
use crate::deploy::{self, Extent, Prepared};
use crate::engine::Stop;
use crate::engine::plan::{self, Plan, Surplus};
use crate::engine::verdict::{Planned, Verdict};
use crate::facts::{Problem, Running};
use crate::lock::{Lock, Seen};
use crate::names::NodeName;
use crate::resource::Kind;
use crate::resource::difference::shown;
use crate::spec::exec::ACTIONS;
use crate::spec::{OwnNetwork, Service, Spec, TaskRole};
use crate::text::few;
use crate::ui::{Screen, Tone};
use crate::wish::{ServiceFlags, Wish};

/// As many of a kind are named at most where all are alike.
const NAMED: usize = 3;
/// As many services are shown at most above a question.
const SHOWN: usize = 8;

/// What `ecsup plan` takes.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The stack.
    #[command(flatten)]
    pub flags: ServiceFlags,

    /// Plan only this service, and what it needs, as `deploy --only` brings it up to date
    #[arg(long, value_name = "SERVICE")]
    pub only: Option<String>,

    /// What is looked at besides.
    #[command(flatten)]
    pub preflight: PreflightArgs,

    /// Exit with 3 when something would change
    #[arg(long, env = "ECSUP_EXIT_CODE", hide_env_values = true,
        value_parser = clap::builder::BoolishValueParser::new())]
    pub exit_code: bool,
}

/// What happens to what was not said and would go back to a default, by flags alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsaid {
    /// It is told, and planned.
    Told,
    /// It is asked about, one by one.
    Asked,
    /// It is refused.
    Refused,
}

/// How a stack is deployed.
#[derive(Debug, Clone, Copy)]
pub(super) struct How<'a> {
    /// What happens to what was not said.
    pub(super) unsaid: Unsaid,
    /// Whether images stay that run.
    pub(super) keeps_images: bool,
    /// Whether the deploy ends when everything is ready, or already when everything is made.
    pub(super) waits_for_ready: bool,
    /// How far it goes.
    pub(super) extent: Extent<'a>,
}

/// Runs the command.
pub async fn plan(args: &PlanArgs, global: &Global, screen: &Screen) -> Outcome {
    let stop = Rc::new(Stop::default());
    let keeps_images = args.flags.keep_images;
    let extent = Extent { only: args.only.as_deref(), ..Extent::default() };
    let how = How { unsaid: Unsaid::Told, keeps_images, waits_for_ready: true, extent };
    let mut wish = wish::said(&args.flags);
    let only = args.only.as_deref();
    wish::check(&wish, only)?;
    let global = &wish::pinned(&wish, global)?;
    let look = async {
        let connection = connect(global, screen).await?;
        wish::fill_in(&mut wish, &args.flags, only, &connection, screen).await?;
        let prepared = Box::pin(prepare(&mut wish, &connection, screen, &stop, how)).await?;
        warn(&prepared, screen);
        let arn = &prepared.facts.caller.arn;
        let lock = Lock::new(&prepared.run.cx, arn, "plan");
        let wanted = (&prepared, &wish);
        // The plan is told first, and then whether it would go through.
        let check = doctor::check(&args.preflight, wanted, &connection, global, screen, true);
        let (seen, passed) = future::join(lock.peek(), check).await;
        Ok((connection, prepared, seen, passed))
    };
    let (connection, prepared, seen, passed) = in_time(global.deadline(), look).await?;
    screen.note(&title(&prepared, &connection));
    match seen {
        Ok(seen) => {
            if let Some(expires) = seen.as_ref().and_then(Seen::expires) {
                screen.note(&expiry::words(expires, connection.now()));
            }
            if let Some(seen) = seen.filter(Seen::is_held) {
                let holder = seen.until_when();
                screen.warning(&format!(
                    "what this shows may change: the stack is locked by {holder}"
                ));
            }
        }
        Err(error) => screen.warning(&format!("whether somebody works on the stack: {error}")),
    }
    check_refusals(&prepared)?;
    // What stays as it is is only counted.
    for line in prepared.plan.changes().map(node_line) {
        screen.out(&line);
    }
    for line in prepared.plan.removals.iter().map(removal_line) {
        screen.out(&line);
    }
    screen.out(&counts(&prepared.plan));
    if let Some(line) = prepared.forecast() {
        screen.out(&line);
    } else if prepared.is_settled() {
        note_about_tag(&prepared, screen);
    }
    passed?;
    Ok(match prepared.is_settled() {
        false if args.exit_code => Done::ChangesPending,
        _ => Done::Done,
    })
}

/// Prepares a deploy, and says meanwhile what is waited for and then what to be aware of.
pub(super) async fn prepare(
    wish: &mut Wish,
    connection: &Connection,
    screen: &Screen,
    stop: &Rc<Stop>,
    how: How<'_>,
) -> Result<Prepared, CommandError> {
    let draft = wish.drafted().check().map_err(CommandError::usage)?;
    let begin = || {
        let cx = deploy::context(&connection.aws, &connection.region, &draft);
        let mut run = run_on(screen, cx, stop);
        run.wait_for_ready = how.waits_for_ready;
        run
    };
    let run = begin();
    let looks = run.looks.clone();
    let whom = format!("{} to answer (who is calling, and what is there)", connection.whom());
    let extent = Extent { any_pattern: !wish.is_by_flags(), ..how.extent };
    // Mostly what runs changes nothing of what is wanted, and everything is known after one round.
    let first = Box::pin(deploy::prepare(draft.clone(), run, extent));
    let running = Box::pin(Running::look(&looks, |name| wish.leaves_image_open(name)));
    let look = future::join(running, first);
    let (running, first) = patiently(screen, &whom, look).await;
    let running = running.map_err(|error| connection.failed(error))?;
    wish::settle(wish, &running, how, screen)?;
    let spec = wish.check().map_err(CommandError::usage)?;
    wish::check_unknown(wish, &running, &spec)?;
    let prepared = match first {
        same if spec == draft => same,
        first => {
            let run = first.map_or_else(|_| begin(), |first| first.run);
            let again = Box::pin(deploy::prepare(spec, run, extent));
            patiently(screen, &whom, again).await
        }
    };
    let prepared = prepared.map_err(|problem| match problem {
        Problem::Aws(error) => connection.failed(error),
        Problem::Refused(errors) => {
            CommandError::usage(errors.into_iter().map(|error| wish.locate(error)))
        }
    })?;
    wish::check_account(wish, &prepared.facts.caller)?;
    let lost = match how.extent.only {
        Some(_) => Vec::new(),
        None => wish::lost(&running, &prepared.spec),
    };
    let mut prepared = Prepared { lost, images: running.images, ..prepared };
    let more = warnings_about_exec(&prepared.spec).chain(warning_about_nat(&prepared.spec));
    let more: Vec<_> = more.collect();
    prepared.facts.warnings.extend(more);
    Ok(prepared)
}

/// Says what could matter of a plan.
pub(super) fn warn(prepared: &Prepared, screen: &Screen) {
    prepared.facts.warnings.iter().for_each(|warning| screen.warning(warning));
}

/// Says of a stack that is as it should be what cannot be seen: where the tag of its image points now.
pub(super) fn note_about_tag(prepared: &Prepared, screen: &Screen) {
    let images = prepared.spec.services.iter().flat_map(Service::images);
    let moving = images.filter(|(_, image)| image.can_move());
    let moving: BTreeSet<_> = moving.map(|(_, image)| format!("`{image}`")).collect();
    let means = match moving.len() {
        0 => return,
        1 => "means another image",
        _ => "mean other images",
    };
    let named = few(&moving.iter().map(String::as_str).collect::<Vec<_>>(), NAMED);
    screen.note(&format!(
        "whether {named} {means} by now is not looked up: to deploy again, use `ecsup deploy --force`"
    ));
}

/// A role of somebody else is used as it is.
fn warnings_about_exec(spec: &Spec) -> impl Iterator<Item = String> {
    spec.services.iter().filter(|service| service.exec).filter_map(|service| {
        let TaskRole::Existing(role) = &service.task_role else { return None };
        Some(format!(
            "service.{}.exec: {role} is used as it is, and has to allow {} on `*`",
            service.name,
            ACTIONS.join(", ")
        ))
    })
}

fn warning_about_nat(spec: &Spec) -> Option<String> {
    let on_instances = spec.instances.is_some();
    let text = "--nat none: instances stand in the public subnets with public addresses and no \
        inbound rule, and their tasks have no way out of the VPC: AWS gives tasks on EC2 no public \
        address. With --endpoints required all stands in the private subnets, and reaches what ECS needs";
    let is_without = spec.network.own().is_some_and(OwnNetwork::is_open);
    (is_without && on_instances).then(|| text.to_owned())
}

/// What is planned, and where.
pub(super) fn title(prepared: &Prepared, connection: &Connection) -> String {
    let Prepared { spec, facts, .. } = prepared;
    format!(
        "stack {} (pattern {})\n{}",
        spec.stack,
        spec.pattern_name(),
        connection.header(&facts.caller)
    )
}

/// What a question is about, in as few lines as there are services, so that it stands above the question on
/// any terminal: where, how much, and what each service will be.
pub(super) fn about(prepared: &Prepared, connection: &Connection) -> Vec<String> {
    let Prepared { spec, facts, plan, images, .. } = prepared;
    let stays = |service: &Service| {
        let mut changes = plan.changes().map(|planned| planned.name.as_str().split('/').skip(1));
        !changes.any(|mut parts| parts.any(|part| part == service.name.as_str()))
    };
    let (same, changed): (Vec<_>, Vec<_>) = spec.services.iter().partition(|it| stays(it));
    let mut lines: Vec<_> = changed.iter().take(SHOWN).map(|service| {
        let Service { name, image, count, cpu, memory, .. } = service;
        let before = images.get(name.as_str()).filter(|before| *before != image.as_str());
        let before = before.map(|before| format!("{before} → ")).unwrap_or_default();
        let routes = spec.ingresses().filter_map(|(scheme, ingress)| {
            Some((ingress.url_scheme(), &service.route(scheme)?.names))
        });
        let names = routes.flat_map(|(url, names)| names.iter().map(move |it| (url, it)));
        let names = names.map(|(url, name)| format!(", {url}://{name}")).collect::<String>();
        let tasks = if *count == 1 { "task" } else { "tasks" };
        format!(
            "service {name}: image {before}{image}, {count} {tasks} of {cpu} CPU units and {memory} MiB{names}"
        )
    })
    .collect();
    match changed.len().saturating_sub(SHOWN) {
        0 => {}
        more => lines.push(format!("and {more} more services")),
    }
    match same.len() {
        0 => {}
        1 => lines.push("1 service stays as it is".to_owned()),
        some => lines.push(format!("{some} services stay as they are")),
    }
    // Last, so that it stands above the question on a terminal of any height.
    lines.push(format!("stack {}: {}", spec.stack, counts(plan)));
    lines.push(connection.header(&facts.caller));
    lines
}

/// Says why the plan cannot be carried out, if it cannot.
pub(super) fn check_refusals(prepared: &Prepared) -> Result<(), CommandError> {
    let refusals = prepared.refusals.iter().map(|(node, why)| format!("{node}: {why}"));
    match prepared.refusals.is_empty() {
        true => Ok(()),
        false => Err(refusals.fold(CommandError::new(ErrorKind::Refused), CommandError::problem)),
    }
}

/// A node and its verdict in one line.
pub(super) fn node_line(planned: &Planned) -> String {
    let (tone, word, detail) = match &planned.verdict {
        Verdict::Create => (Tone::Good, "create", String::new()),
        Verdict::Keep => (Tone::Plain, "keep", String::new()),
        Verdict::Aside => (Tone::Plain, "leave", String::new()),
        Verdict::Change(differences) => (Tone::Change, "change", plan::change(differences)),
        Verdict::Wait(why) => (Tone::Change, "wait", why.clone()),
        Verdict::Broken(why) => (Tone::Bad, "broken", why.clone()),
        Verdict::Remake(why) => (Tone::Change, "remake", why.clone()),
        Verdict::Unsure(it) => (Tone::Bad, "unsure", format!("{} may be it: {}", it.id, it.why)),
        Verdict::Foreign(holder) => (Tone::Bad, "foreign", format!("{holder} is not this stack's")),
    };
    line(tone, word, &planned.name, planned.kind, &detail)
}

/// Something that is not asked for, in one line.
pub(super) fn removal_line(Surplus { name, kind, id, beside }: &Surplus) -> String {
    let id = shown(id);
    let why = match beside {
        Some(kept) => format!("{id} is a second one: {} is the one in use", shown(kept)),
        None => format!("{id} is not asked for any more"),
    };
    line(Tone::Bad, "remove", name, *kind, &why)
}

fn line(tone: Tone, word: &str, name: &NodeName, kind: Kind, detail: &str) -> String {
    let word = tone.paint(&format!("{word:<8}"));
    let colon = if detail.is_empty() { "" } else { ": " };
    format!("  {word}{name:<36} {}{colon}{detail}", kind.words())
}

/// How much there is to do.
pub(super) fn counts(plan: &Plan) -> String {
    let create = plan.count_resources(|verdict| *verdict == Verdict::Create);
    let keep = plan.count_resources(|verdict| *verdict == Verdict::Keep);
    let change = plan.count_resources(|verdict| matches!(verdict, Verdict::Change(_)));
    let remake = plan.count_resources(|verdict| matches!(verdict, Verdict::Remake(_)));
    let mut parts = vec![format!("{create} to create"), format!("{change} to change")];
    if remake > 0 {
        parts.push(format!("{remake} to make again"));
    }
    let aside = plan.count_resources(|verdict| *verdict == Verdict::Aside);
    let others = plan.count_resources(|_| true) - create - keep - change - remake - aside;
    if others > 0 {
        parts.push(format!("{others} to wait for or mend"));
    }
    if !plan.removals.is_empty() {
        parts.push(format!("{} to remove", plan.removals.len()));
    }
    parts.push(format!("{keep} to keep"));
    if aside > 0 {
        parts.push(format!("{aside} of other services not looked at"));
    }
    parts.join(", ")
}
