//! `ecsup deploy`: creates a stack, or brings it to what is asked for.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use clap::Args;
use tokio::time::Instant;

use super::connection::{Connection, connect, in_time};
use super::doctor::{self, PreflightArgs};
use super::drive::{Ended, Reason, drive};
use super::error::{CommandError, ErrorKind, once_each};
use super::expiry::{self, Ttl};
use super::folded::Folded;
use super::locked::{Command, LockArgs, let_appear, release};
use super::plan::{self, How, Unsaid, prepare};
use super::{Done, Global, Outcome, hint, resources, wish};
use crate::deploy::{Extent, Lost, Prepared, carry_out};
use crate::engine::event::duration;
use crate::engine::forecast::Forecast;
use crate::engine::graph::Needs as _;
use crate::engine::verdict::{Planned, Verdict};
use crate::engine::walk::Report;
use crate::engine::{Failure, Stop, forecast};
use crate::facts;
use crate::lock::{Lock, Seen};
use crate::names::NodeName;
use crate::resource::Kind;
use crate::spec::{Ingress, Scheme};
use crate::ui::Screen;
use crate::ui::view::Expected;
use crate::wish::{ServiceFlags, Wish};

/// What `ecsup deploy` takes.
#[derive(Debug, Args)]
pub struct DeployArgs {
    /// The stack.
    #[command(flatten)]
    pub flags: ServiceFlags,

    /// Do not ask before changing something
    #[arg(short, long, env = "ECSUP_YES", hide_env_values = true,
        value_parser = clap::builder::BoolishValueParser::new())]
    pub yes: bool,

    /// Return when everything is made, without waiting until it is ready
    #[arg(long, env = "ECSUP_NO_WAIT", hide_env_values = true,
        value_parser = clap::builder::BoolishValueParser::new())]
    pub no_wait: bool,

    /// Start a new deployment of the service although nothing has changed, such as for an image whose
    /// tag was pushed again; no variable says it, since a forgotten one would replace the tasks in each
    /// deploy
    #[arg(long)]
    pub force: bool,

    /// Remove a service or a private zone that is not asked for any more, by its name; may be repeated. No
    /// variable says it, since it takes logs, tasks and names along
    #[arg(long, value_name = "NAME")]
    pub remove: Vec<String>,

    /// Bring only this service, and what it needs, up to date; nothing is removed, and all others stay as
    /// they are
    #[arg(long, value_name = "SERVICE", conflicts_with = "remove")]
    pub only: Option<String>,

    /// Let the stack expire after this time, such as `4h` or `2d`: then `ecsup gc` removes it. A deploy without
    /// it leaves that as it was; `none` lets the stack stay
    #[arg(long, env = "ECSUP_TTL", hide_env_values = true, value_name = "DURATION",
        value_parser = expiry::parse)]
    pub ttl: Option<Ttl>,

    /// What is looked at before.
    #[command(flatten)]
    pub preflight: PreflightArgs,

    /// What to do when another run works on the stack.
    #[command(flatten)]
    pub lock: LockArgs,
}

impl DeployArgs {
    fn how(&self) -> How<'_> {
        let unsaid = match (self.flags.accept_defaults, self.yes) {
            (true, _) => Unsaid::Told,
            (false, true) => Unsaid::Refused,
            (false, false) => Unsaid::Asked,
        };
        let (waits_for_ready, keeps_images) = (!self.no_wait, self.flags.keep_images);
        let extent = Extent { forced: self.force, only: self.only.as_deref(), any_pattern: false };
        How { unsaid, keeps_images, waits_for_ready, extent }
    }
}

/// How the part of a deploy that changes something ended.
struct Worked {
    /// How the nodes ended; nothing when it was dropped on the way.
    report: Option<crate::aws::Result<Report>>,
    /// Why the lock was lost, if it was.
    lost: Option<&'static str>,
}

/// Runs the command.
pub async fn deploy(args: &DeployArgs, global: &Global, screen: &Screen) -> Outcome {
    let mut wish = wish::said(&args.flags);
    let only = args.only.as_deref();
    wish::check(&wish, only)?;
    let global = &wish::pinned(&wish, global)?;
    check_asking(args, screen)?;
    let deadline = global.deadline();
    let stop = Rc::new(Stop::default());
    let looked = Instant::now();
    let look = async {
        let connection = connect(global, screen).await?;
        wish::fill_in(&mut wish, &args.flags, only, &connection, screen).await?;
        let prepared = prepare(&mut wish, &connection, screen, &stop, args.how());
        let mut prepared = Box::pin(prepared).await?;
        plan::warn(&prepared, screen);
        if !args.yes && !prepared.is_settled() {
            prepared.facts.caller.alias = facts::alias(&connection.aws).await;
        }
        let now = connection.now();
        let expiry = expiry::of(args.ttl, now);
        let lock = Lock::new(&prepared.run.cx, &prepared.facts.caller.arn, "deploy");
        let lock = lock.making(now, expiry);
        let is_quiet = prepared.refusals.is_empty() && !prepared.is_settled();
        // What there is to do is done under the lock. Where there is nothing, what was seen counts only
        // when nobody is at work: another run may be about to remove it all, and of what it has just
        // made AWS may show half, which then looks like somebody else's.
        let seen = match is_quiet {
            true => None,
            false => lock.look().await.map_err(|error| connection.failed(error))?,
        };
        // What another run is about to change is looked at again.
        if !seen.as_ref().is_some_and(Seen::is_held) {
            doctor::check(&args.preflight, (&prepared, &wish), &connection, global, screen, false)
                .await?;
        }
        Ok((connection, prepared, lock, seen, expiry::planned(expiry, now)))
    };
    let (connection, mut prepared, lock, seen, expiry) = in_time(deadline, look).await?;
    let is_held = seen.as_ref().is_some_and(Seen::is_held);
    let is_asked = !args.yes && (!prepared.is_settled() || expiry.is_some());
    screen.note(&plan::title(&prepared, &connection));
    if !is_held {
        plan::check_refusals(&prepared)?;
    }
    if args.yes {
        agree_to_lose(&prepared, args, screen)?;
    }
    show(&prepared, screen);
    if !is_held && prepared.is_settled() && expiry.is_none() {
        let expires = seen.as_ref().and_then(Seen::expires);
        return Ok(settled(&prepared, expires, &connection, screen));
    }
    expiry.iter().for_each(|line| screen.note(&format!("stack {} {line}", prepared.spec.stack)));
    // With --no-wait the longest waits are nobody's.
    if let Some(line) = prepared.forecast().filter(|_| !args.no_wait) {
        screen.note(&line);
    }
    if !args.yes {
        agree_to_lose(&prepared, args, screen)?;
    }
    if is_asked {
        ask(&prepared, &connection, screen)?;
    } else {
        screen.note(&plan::counts(&prepared.plan));
    }

    expect(&prepared, screen);
    prepared.run.restart_clock();
    let expires = Cell::new(None);
    let asked = Asked {
        args,
        wish: &wish,
        connection: &connection,
        looked,
        stop: &stop,
        screen,
        expires: &expires,
    };
    let ended = drive(asked.work(&lock, &mut prepared), &stop, deadline, screen).await;
    screen.finish();
    let (worked, reason) = match ended {
        Ended::With(Ok(Some(worked)), reason) => (worked, reason),
        Ended::With(Ok(None), _) => {
            return Ok(settled(&prepared, expires.get(), &connection, screen));
        }
        Ended::With(Err(error), Reason::Interrupted) if error.kind() == ErrorKind::Refused => {
            return Err(error.interrupted());
        }
        Ended::With(Err(error), _) => return Err(error),
        Ended::Left(reason) => (Worked { report: None, lost: None }, reason),
    };
    match worked.report {
        Some(Ok(report)) if report.is_complete() => {
            worked.lost.into_iter().for_each(|why| screen.warning(why));
        }
        report => {
            let worked = Worked { report, ..worked };
            return Err(incomplete(&prepared, &connection, worked, reason));
        }
    }
    note_about_time(&prepared, args, screen);
    note_about_instances(&prepared, screen);
    summary(&prepared, expires.get(), &connection, screen);
    Ok(Done::Done)
}

/// Refuses to run like this where nobody can be asked.
fn check_asking(args: &DeployArgs, screen: &Screen) -> Result<(), CommandError> {
    let Some(why) = screen.why_not_ask().filter(|_| !args.yes) else { return Ok(()) };
    let why = format!("deploy asks before it changes something, and {why}");
    let hint = "say --yes to go ahead without being asked, or use `ecsup plan`";
    Err(CommandError::refused(why).hint(hint))
}

/// Asks whether to go ahead.
fn ask(prepared: &Prepared, connection: &Connection, screen: &Screen) -> Result<(), CommandError> {
    plan::about(prepared, connection).iter().for_each(|line| screen.note(line));
    match screen.ask("Go ahead? [y/N] ", |answer| matches!(answer, "y" | "Y" | "yes")) {
        true => Ok(()),
        false => Err(CommandError::declined()),
    }
}

/// Asks by name about what takes data or traffic along, or refuses where it cannot be asked.
fn agree_to_lose(
    prepared: &Prepared,
    args: &DeployArgs,
    screen: &Screen,
) -> Result<(), CommandError> {
    let is_named = |lost: &&Lost| !args.remove.contains(&lost.name);
    for Lost { what, name } in prepared.lost.iter().filter(is_named) {
        if args.yes {
            let why = format!(
                "the {what} `{name}` is not asked for any more, and was not named for removal"
            );
            let hint = format!(
                "say it again, or --remove {name}: --yes alone removes no service and no zone"
            );
            return Err(CommandError::refused(why).hint(hint));
        }
        let along =
            if *what == "service" { ", its tasks and its logs" } else { " and the names in it" };
        let question = format!("Type the name of the {what}, {name}, to remove it{along}: ");
        if !screen.ask(&question, |answer| answer == name.as_str()) {
            return Err(CommandError::declined());
        }
    }
    Ok(())
}

/// Tells the screen what is going to be done.
fn expect(prepared: &Prepared, screen: &Screen) {
    let graph = &prepared.stack.graph;
    screen.expect(
        || forecast::links(graph),
        || {
            let Forecast { duration, nodes, .. } = forecast::forecast(graph, &prepared.plan);
            let node = |it: forecast::Expected| (it.node, Some([it.start, it.ready]));
            let nodes: BTreeMap<_, _> = nodes.into_iter().map(node).collect();
            let folded = Folded::of(&prepared.spec).all(nodes.keys());
            Expected { nodes, takes: Some(duration), folded }
        },
    );
}

/// Says that there is nothing to do.
fn settled(
    prepared: &Prepared,
    expires: Option<i64>,
    connection: &Connection,
    screen: &Screen,
) -> Done {
    screen.note("nothing to change: everything is there and ready");
    plan::note_about_tag(prepared, screen);
    summary(prepared, expires, connection, screen);
    Done::Done
}

/// A deploy that may go ahead.
struct Asked<'a> {
    args: &'a DeployArgs,
    /// What is asked for.
    wish: &'a Wish,
    connection: &'a Connection,
    /// When it began to look at the stack.
    looked: Instant,
    stop: &'a Rc<Stop>,
    screen: &'a Screen,
    /// When the stack expires, once the lock tells it.
    expires: &'a Cell<Option<i64>>,
}

impl Asked<'_> {
    /// Takes the lock, looks again when another run may have changed something since, and carries out
    /// what there is to do. Nothing when there is nothing left.
    async fn work(
        &self,
        lock: &Lock,
        prepared: &mut Prepared,
    ) -> Result<Option<Worked>, CommandError> {
        let Self { args, connection, looked, stop, screen, .. } = *self;
        let command = Command { connection, run: &prepared.run, stop, looked };
        let taken = command.take(lock, &args.lock).await?;
        self.expires.set(taken.held.expires());
        let worked = taken.held.keep(stop, async {
            if taken.look_again.is_some() {
                let_appear(&taken, &prepared.run, stop).await;
                self.look_again(prepared).await?;
            }
            // Perhaps only its expiry was to be said, and is.
            if prepared.is_settled() {
                return Ok(None);
            }
            Ok(Some(carry_out(prepared, |warning| screen.warning(warning)).await))
        });
        let worked = worked.await;
        let lost = release(&taken.held, &prepared.run, screen).await;
        let report = match worked {
            Some(Ok(None)) => return Ok(None),
            Some(Err(error)) => return Err(lost.into_iter().fold(error, CommandError::problem)),
            Some(Ok(report)) => report,
            None => None,
        };
        Ok(Some(Worked { report, lost }))
    }

    /// Prepares the deploy anew: another run has been at work since. Ends it when the plan is not one
    /// that was agreed to.
    async fn look_again(&self, prepared: &mut Prepared) -> Result<(), CommandError> {
        let Self { args, connection, stop, screen, .. } = *self;
        screen.note("another run may have been at work: looking again");
        let started = prepared.run.started();
        let again =
            Box::pin(prepare(&mut self.wish.clone(), connection, screen, stop, args.how())).await?;
        let agreed = std::mem::replace(prepared, again);
        prepared.run.count_from(started);
        expect(prepared, screen);
        if prepared.plan != agreed.plan {
            show(prepared, screen);
            screen.note(&plan::counts(&prepared.plan));
        }
        plan::check_refusals(prepared)?;
        if args.yes {
            agree_to_lose(prepared, args, screen)?;
        }
        let is_new = |surplus| !agreed.plan.removals.contains(surplus);
        let is_more = agreed.is_settled() || prepared.plan.removals.iter().any(is_new);
        if !args.yes && is_more && !prepared.is_settled() {
            let why = "now it would change or remove what was not asked about";
            return Err(CommandError::refused(why).hint("run the same `ecsup deploy` again"));
        }
        Ok(())
    }
}

/// Says how long it took, and for how much that was waited.
fn note_about_time(prepared: &Prepared, args: &DeployArgs, screen: &Screen) {
    let took = duration(prepared.run.elapsed());
    if args.no_wait {
        screen.note(&format!("made in {took}; not waited until it is ready, as --no-wait says"));
        if !prepared.plan.removals.is_empty() {
            screen.note("what is not asked for any more stays until a deploy without --no-wait");
        }
    } else {
        screen.note(&format!("ready in {took}"));
    }
}

/// Says of a changed launch template whom it is for, where no instance was replaced.
fn note_about_instances(prepared: &Prepared, screen: &Screen) {
    if changes(prepared, Kind::LaunchTemplate) && !changes(prepared, Kind::InstanceRefresh) {
        screen.note("instances that run already stay as they are; new ones start from the new launch template");
    }
}

/// Whether a thing of this kind that was there is changed.
fn changes(prepared: &Prepared, kind: Kind) -> bool {
    let changed = |planned: &Planned| matches!(planned.verdict, Verdict::Change(_));
    prepared.plan.nodes.iter().any(|planned| planned.kind == kind && changed(planned))
}

/// Shows what is going to be done; what is kept is only counted.
fn show(prepared: &Prepared, screen: &Screen) {
    for planned in prepared.plan.changes() {
        screen.note(&plan::node_line(planned));
    }
    for removal in &prepared.plan.removals {
        screen.note(&plan::removal_line(removal));
    }
    let is_new =
        |planned: &Planned| planned.kind == Kind::Service && planned.verdict == Verdict::Create;
    let goes = prepared.plan.removals.iter().any(|surplus| surplus.kind == Kind::Service);
    if goes && prepared.plan.nodes.iter().any(is_new) {
        screen.warning("the load balancer forwards to the new service before its tasks are healthy: requests fail until then");
    }
}

/// How far it got, and what to type next.
fn incomplete(
    prepared: &Prepared,
    connection: &Connection,
    Worked { report, lost }: Worked,
    reason: Reason,
) -> CommandError {
    let stack = &prepared.spec.stack;
    let kind = match reason {
        Reason::Interrupted => ErrorKind::Interrupted,
        Reason::Done | Reason::TimedOut => ErrorKind::DeployIncomplete,
    };
    let (error, report) = match report {
        Some(Ok(report)) => (CommandError::new(kind), Some(report)),
        Some(Err(error)) => (connection.failed_in(kind, error), None),
        None => (CommandError::new(kind), None),
    };
    let is_cut_off = report.is_none();
    let Report { failed, not_started } = report.unwrap_or_default();
    let kind_of =
        |name: &NodeName| prepared.plan.nodes.iter().find(|it| it.name == *name).map(|it| it.kind);
    let count = |of: &[(NodeName, Failure)]| {
        resources(of.iter().filter_map(|(name, _)| Some((name, kind_of(name)?))))
    };
    let left = match not_started.is_empty() {
        true => String::new(),
        false => format!(", {} not started", not_started.len()),
    };
    let why = match reason {
        Reason::Done if is_cut_off => "it cannot go on without this".to_owned(),
        Reason::Done if failed.is_empty() => format!("{} not started", count(&not_started)),
        Reason::Done if failed.iter().all(|(name, _)| kind_of(name) == Some(Kind::Release)) => {
            format!("a release command failed, so no service was changed{left}")
        }
        Reason::Done => format!(
            "{} of {} failed{left}",
            count(&failed),
            prepared.plan.count_resources(|_| true),
        ),
        Reason::Interrupted => "it was interrupted".to_owned(),
        Reason::TimedOut => "its time was up".to_owned(),
    };
    let waited =
        |failure: &Failure| !matches!(failure, Failure::Stopped | Failure::DependencyFailed(_));
    let not_started_why = not_started.iter().filter(|(_, failure)| waited(failure));
    let failures = failed.iter().chain(not_started_why);
    let hint = |failure: &Failure| hint::for_failure(&failure.to_string(), &prepared.facts);
    let ended = || failed.iter().chain(&not_started);
    let ended_unexplained = ended().filter(|(_, failure)| failure.findings().is_empty());
    let hints: BTreeSet<_> = ended_unexplained.filter_map(|(_, failure)| hint(failure)).collect();
    let fix = if failed.is_empty() { "" } else { "fix the cause and " };
    let error = lost
        .into_iter()
        .fold(error, CommandError::problem)
        .problem(format!("deploy of `{stack}` is incomplete: {why}"))
        .details(once_each(failures.map(|(node, failure)| (node, failure))));
    let error = hints
        .into_iter()
        .fold(error, CommandError::hint)
        .hint(format!("{fix}run the same `ecsup deploy` again; it continues from here"))
        .hint(format!("or run `ecsup destroy {stack}` to remove what was created"));
    let error = ended().fold(error, |error, (node, it)| error.causes(node, it.findings()));
    match failed.into_iter().next() {
        Some((_, failure)) => error.caused_by(failure),
        None => error,
    }
}

/// What a user needs next: names to reach the service by, and the next commands.
fn summary(prepared: &Prepared, expires: Option<i64>, connection: &Connection, screen: &Screen) {
    let spec = &prepared.spec;
    screen.out(&format!("stack          {}", spec.stack));
    screen.out(&format!("region         {}", connection.region));
    for (scheme, balancer) in &prepared.stack.load_balancers {
        let reach = match scheme {
            Scheme::Internal => " (from inside the VPC)",
            Scheme::InternetFacing => "",
        };
        let url = spec.ingress(*scheme).map_or("http", Ingress::url_scheme);
        if let Some(balancer) = balancer.values() {
            screen.out(&format!("load balancer  {url}://{}{reach}", balancer.dns_name));
        }
    }
    for (scheme, ingress) in spec.ingresses() {
        // A zone of somebody else may be a public one.
        let (what, reach) = match &ingress.existing_zone {
            None => ("private name", " (from inside the VPC)".to_owned()),
            Some(zone) => ("name        ", format!(" (in the zone {zone})")),
        };
        let routes = spec.services.iter().filter_map(|service| service.route(scheme));
        for name in routes.flat_map(|route| &route.names) {
            screen.out(&format!("{what}   {}://{name}{reach}", ingress.url_scheme()));
        }
    }
    let plan = &prepared.plan;
    let is_made = |verdict: &Verdict| matches!(verdict, Verdict::Create | Verdict::Remake(_));
    let made = plan.count_resources(is_made);
    let changed = plan.count_resources(|verdict| matches!(verdict, Verdict::Change(_)));
    screen.out(&format!(
        "resources      {} ({made} created, {changed} changed, {} removed)",
        plan.count_resources(|_| true),
        if prepared.run.wait_for_ready { prepared.plan.removals.len() } else { 0 },
    ));
    for service in &spec.services {
        let logs = prepared.run.cx.names.log_group(&service.name);
        screen.out(&format!("logs           {logs}"));
    }
    if let Some(expires) = expires {
        screen.note(&format!("stack {} {}", spec.stack, expiry::words(expires, connection.now())));
    }
    screen.note(&format!(
        "next: `ecsup deploy` with other flags changes it, `ecsup destroy {}` removes it",
        spec.stack
    ));
}
