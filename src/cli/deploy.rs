//! `ecsup deploy`: creates a stack, or brings it to what is asked for.

use std::collections::BTreeSet;
use std::rc::Rc;

use clap::Args;
use tokio::time::Instant;

use super::locked::{Command, LockArgs, let_appear, release};
use super::plan::{self, How, Prepared, prepare};
use super::{
    Ended, Exit, Global, Reason, drive, hint, in_time, report_refused, resources, say_once,
};
use crate::engine::event::duration;
use crate::engine::graph::Needs as _;
use crate::engine::inventory;
use crate::engine::plan::surplus;
use crate::engine::verdict::{Planned, Verdict};
use crate::engine::walk::{Report, walk};
use crate::engine::{Failure, Removal, Stop, forecast, teardown};
use crate::facts;
use crate::lock::{Lock, Seen};
use crate::names::NodeName;
use crate::resource::Kind;
use crate::spec::{Capacity, Scheme, ServiceFlags, Spec};
use crate::ui::Screen;

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

    /// What to do when another run works on the stack.
    #[command(flatten)]
    pub lock: LockArgs,
}

impl DeployArgs {
    fn how(&self) -> How {
        How { waits_for_ready: !self.no_wait, forced: self.force }
    }
}

/// How the part of a deploy that changes something ended.
enum End {
    /// It was carried out, completely or not.
    Carried(crate::aws::Result<Report>),
    /// There was nothing to carry out, or it was not possible: that has been said.
    Over(Exit),
}

/// Runs the command.
pub async fn deploy(args: &DeployArgs, global: &Global, screen: &Screen) -> Exit {
    let spec = match Spec::from_flags(&args.flags) {
        Ok(spec) => spec,
        Err(errors) => return report_refused(&errors, screen),
    };
    if let Some(why) = screen.why_not_ask().filter(|_| !args.yes) {
        screen.error(&format!("deploy asks before it changes something, and {why}"));
        screen.hint("say --yes to go ahead without being asked, or use `ecsup plan`");
        return Exit::Refused;
    }
    let deadline = global.deadline();
    let stop = Rc::new(Stop::default());
    let looked = Instant::now();
    let look = async {
        let prepared = prepare(spec, global, screen, &stop, args.how()).await?;
        let lock = Lock::new(&prepared.run.cx, &prepared.facts.caller.arn, "deploy");
        let is_quiet = prepared.refusals.is_empty() && !prepared.is_settled();
        // What there is to do is done under the lock. Where there is nothing, what was seen counts only
        // when nobody is at work: another run may be about to remove it all, and of what it has just
        // made AWS may show half, which then looks like somebody else's.
        let is_held = match is_quiet {
            true => false,
            false => {
                let seen = lock.look().await;
                let seen =
                    seen.map_err(|error| prepared.connection.report_error(&error, screen))?;
                seen.as_ref().is_some_and(Seen::is_held)
            }
        };
        Ok((prepared, lock, is_held))
    };
    let (mut prepared, lock, is_held) = match in_time(deadline, screen, look).await {
        Ok(looked) => looked,
        Err(exit) => return exit,
    };
    show(&prepared, screen);
    if !is_held {
        if plan::report_refusals(&prepared, screen) {
            return Exit::Refused;
        }
        if let Some(exit) = settled(&prepared, screen) {
            return exit;
        }
    }
    // With --no-wait the longest waits are nobody's.
    if let Some(line) = prepared.forecast().filter(|_| !args.no_wait) {
        screen.note(&line);
    }
    let is_asked = !args.yes && !prepared.is_settled();
    if is_asked && !screen.ask("Go ahead? [y/N] ", |answer| matches!(answer, "y" | "Y" | "yes")) {
        screen.note("nothing was changed");
        return Exit::Refused;
    }

    screen.expect(|| forecast::links(&prepared.stack.graph));
    prepared.run.restart_clock();
    let work = under_lock(&lock, &mut prepared, args, global, looked, &stop, screen);
    let ended = drive(work, &stop, deadline, screen).await;
    screen.finish();
    let (report, reason) = match ended {
        Ended::With(End::Over(Exit::Refused), Reason::Interrupted) => return Exit::Interrupted,
        Ended::With(End::Over(exit), _) => return exit,
        Ended::With(End::Carried(Ok(report)), reason) => (report, reason),
        Ended::With(End::Carried(Err(error)), reason) => {
            prepared.connection.report_error(&error, screen);
            return incomplete(&prepared, None, reason, screen);
        }
        Ended::Left(reason) => return incomplete(&prepared, None, reason, screen),
    };
    if !report.is_complete() {
        return incomplete(&prepared, Some(&report), reason, screen);
    }
    let took = duration(prepared.run.elapsed());
    if args.no_wait {
        screen.note(&format!("made in {took}; not waited until it is ready, as --no-wait says"));
        if !prepared.plan.removals.is_empty() {
            screen.note("what is not asked for any more stays until a deploy without --no-wait");
        }
    } else {
        screen.note(&format!("ready in {took}"));
    }
    if changes(&prepared, Kind::LaunchTemplate) {
        screen.note("instances that run already stay as they are; new ones start from the new launch template");
    }
    summary(&prepared, screen);
    Exit::Done
}

/// Says that there is nothing to do, when there is not.
fn settled(prepared: &Prepared, screen: &Screen) -> Option<Exit> {
    if !prepared.is_settled() {
        return None;
    }
    screen.note("nothing to change: everything is there and ready");
    plan::note_about_tag(prepared, screen);
    summary(prepared, screen);
    Some(Exit::Done)
}

/// Takes the lock, looks again when another run may have changed something since, and carries out
/// what there is to do.
async fn under_lock(
    lock: &Lock,
    prepared: &mut Prepared,
    args: &DeployArgs,
    global: &Global,
    looked: Instant,
    stop: &Rc<Stop>,
    screen: &Screen,
) -> End {
    let (connection, run) = (&prepared.connection, &prepared.run);
    let command = Command { connection, run, stop, screen, looked };
    let taken = match command.take(lock, &args.lock).await {
        Ok(taken) => taken,
        Err(exit) => return End::Over(exit),
    };
    let held = &taken.held;
    let end = held
        .keep(stop, async {
            if taken.look_again.is_some() {
                let_appear(&taken, &prepared.run, stop).await;
                if let Err(exit) = look_again(prepared, args, global, stop, screen).await {
                    return End::Over(exit);
                }
            }
            End::Carried(carry_out(prepared, screen).await)
        })
        .await;
    release(held, &prepared.run, screen).await;
    end.unwrap_or(End::Over(Exit::DeployIncomplete))
}

/// Prepares the deploy anew: another run has been at work since. Ends it when there is nothing left
/// to do, or when the plan is not one that was agreed to.
async fn look_again(
    prepared: &mut Prepared,
    args: &DeployArgs,
    global: &Global,
    stop: &Rc<Stop>,
    screen: &Screen,
) -> Result<(), Exit> {
    screen.note("another run may have been at work: looking again");
    let started = prepared.run.started();
    let spec = prepared.spec.clone();
    let agreed =
        std::mem::replace(prepared, prepare(spec, global, screen, stop, args.how()).await?);
    prepared.run.count_from(started);
    screen.expect(|| forecast::links(&prepared.stack.graph));
    if prepared.plan != agreed.plan {
        show(prepared, screen);
    }
    if plan::report_refusals(prepared, screen) {
        return Err(Exit::Refused);
    }
    if let Some(exit) = settled(prepared, screen) {
        return Err(exit);
    }
    let is_new = |surplus| !agreed.plan.removals.contains(surplus);
    if !args.yes && (agreed.is_settled() || prepared.plan.removals.iter().any(is_new)) {
        screen.error("now it would change or remove what was not asked about");
        screen.hint("nothing was changed: run the same `ecsup deploy` again");
        return Err(Exit::Refused);
    }
    Ok(())
}

/// Whether a thing of this kind that was there is changed.
fn changes(prepared: &Prepared, kind: Kind) -> bool {
    let changed = |planned: &Planned| matches!(planned.verdict, Verdict::Change(_));
    prepared.plan.nodes.iter().any(|planned| planned.kind == kind && changed(planned))
}

/// Makes and changes everything, then removes what is not asked for any more.
async fn carry_out(prepared: &Prepared, screen: &Screen) -> crate::aws::Result<Report> {
    let run = &prepared.run;
    let scales = matches!(prepared.spec.capacity, Capacity::Instances(_));
    if let Some(warning) = facts::make_service_roles(&run.cx.aws, scales).await? {
        screen.warning(&warning);
    }
    let report = remove_for_good(prepared).await?;
    if !report.is_complete() {
        return Ok(report);
    }
    let report = walk(run, prepared.stack.graph.nodes()).await;
    if !report.is_complete() || !run.wait_for_ready || prepared.plan.removals.is_empty() {
        return Ok(report);
    }
    let things = inventory::of_graph(&run.looks.anew()).await?;
    let surplus = surplus(things, &prepared.stack.graph);
    Ok(teardown::remove(run, surplus, Removal::OnlyThis).await)
}

/// Removes what is going to be made again, and what holds that, in the order of a teardown. The walk then
/// finds it absent.
async fn remove_for_good(prepared: &Prepared) -> crate::aws::Result<Report> {
    let is_remade = |planned: &&Planned| matches!(planned.verdict, Verdict::Remake(_));
    let remade: Vec<_> = prepared.plan.nodes.iter().filter(is_remade).collect();
    if remade.is_empty() {
        return Ok(Report::default());
    }
    let run = &prepared.run;
    let mut things = inventory::of_graph(&run.looks.anew()).await?;
    things.retain(|thing| {
        thing.is_removed() && remade.iter().any(|planned| planned.name == *thing.name())
    });
    let report = teardown::remove(run, things, Removal::OnlyThis).await;
    run.looks.forget();
    Ok(report)
}

/// Shows what is going to be done; what is kept is only counted.
fn show(prepared: &Prepared, screen: &Screen) {
    screen.note(&plan::title(prepared));
    for planned in prepared.plan.nodes.iter().filter(|planned| planned.verdict != Verdict::Keep) {
        screen.note(&plan::node_line(planned));
    }
    for removal in &prepared.plan.removals {
        screen.note(&plan::removal_line(removal));
    }
    screen.note(&plan::counts(&prepared.plan));
    if prepared.plan.removals.iter().any(|surplus| surplus.kind == Kind::Service) {
        screen.warning("the load balancer forwards to the new service before its tasks are healthy: requests fail until then");
    }
}

/// Says how far it got and what to type next.
fn incomplete(
    prepared: &Prepared,
    report: Option<&Report>,
    reason: Reason,
    screen: &Screen,
) -> Exit {
    let stack = &prepared.spec.stack;
    let (failed, not_started) = report
        .map(|report| (report.failed.as_slice(), report.not_started.as_slice()))
        .unwrap_or_default();
    let kind =
        |name: &NodeName| prepared.plan.nodes.iter().find(|it| it.name == *name).map(|it| it.kind);
    let count = |of: &[(NodeName, Failure)]| {
        resources(of.iter().filter_map(|(name, _)| Some((name, kind(name)?))))
    };
    let why = match reason {
        Reason::Done if report.is_none() => "it cannot go on without this".to_owned(),
        Reason::Done if failed.is_empty() => format!("{} not started", count(not_started)),
        Reason::Done => format!(
            "{} of {} failed, {} not started",
            count(failed),
            prepared.plan.count_resources(|_| true),
            count(not_started),
        ),
        Reason::Interrupted => "it was interrupted".to_owned(),
        Reason::TimedOut => "its time was up".to_owned(),
    };
    screen.error(&format!("deploy of `{stack}` is incomplete: {why}"));
    let waited = |failure: &Failure| !matches!(failure, Failure::Stopped);
    let not_started_why = not_started.iter().filter(|(_, failure)| waited(failure));
    let failures = failed.iter().chain(not_started_why);
    say_once(failures.map(|(node, failure)| (node, failure)), screen);
    let hint = |failure: &Failure| {
        hint::for_failure(&failure.to_string(), &prepared.spec, &prepared.facts)
    };
    let ended = failed.iter().chain(not_started);
    let hints: BTreeSet<_> = ended.filter_map(|(_, failure)| hint(failure)).collect();
    hints.iter().for_each(|hint| screen.hint(hint));
    let fix = if failed.is_empty() { "" } else { "fix the cause and " };
    screen.hint(&format!("{fix}run the same `ecsup deploy` again; it continues from here"));
    screen.hint(&format!("or run `ecsup destroy {stack}` to remove what was created"));
    match reason {
        Reason::Interrupted => Exit::Interrupted,
        Reason::Done | Reason::TimedOut => Exit::DeployIncomplete,
    }
}

/// What a user needs next: names to reach the service by, and the next commands.
fn summary(prepared: &Prepared, screen: &Screen) {
    let spec = &prepared.spec;
    let reach = match spec.load_balancer.scheme {
        Scheme::Internal => " (from inside the VPC)",
        Scheme::InternetFacing => "",
    };
    screen.out(&format!("stack          {}", spec.stack));
    screen.out(&format!("region         {}", prepared.connection.region));
    if let Some(balancer) = prepared.stack.load_balancer.values() {
        screen.out(&format!("load balancer  http://{}{reach}", balancer.dns_name));
    }
    if let Some(dns) = &spec.dns {
        screen.out(&format!("private name   http://{} (from inside the VPC)", dns.host));
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
    screen.out(&format!("logs           {}", prepared.run.cx.names.log_group(&spec.service.name)));
    screen.note(&format!(
        "next: `ecsup deploy` with other flags changes it, `ecsup destroy {}` removes it",
        spec.stack
    ));
}
