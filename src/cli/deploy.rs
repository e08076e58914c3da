//! `ecsup deploy`: creates a stack, or brings it to what is asked for.

use std::rc::Rc;

use clap::Args;

use super::plan::{self, Prepared, prepare};
use super::{Ended, Exit, Global, Reason, drive, report_refused};
use crate::engine::event::duration;
use crate::engine::graph::Needs as _;
use crate::engine::inventory;
use crate::engine::looks::Looks;
use crate::engine::plan::{Planned, Verdict};
use crate::engine::walk::{Report, walk};
use crate::engine::{Failure, Run, Stop, teardown};
use crate::facts;
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
}

/// Runs the command.
pub async fn deploy(args: &DeployArgs, global: &Global, screen: &Screen) -> Exit {
    let spec = match Spec::from_flags(&args.flags) {
        Ok(spec) => spec,
        Err(errors) => return report_refused(&errors, screen),
    };
    if !args.yes && !screen.can_ask() {
        screen.error("deploy asks before it changes something, and there is no terminal to ask on");
        screen.hint("say --yes to go ahead without being asked, or use `ecsup plan`");
        return Exit::Refused;
    }
    let stop = Rc::new(Stop::default());
    let mut prepared = match prepare(spec, global, screen, &stop, !args.no_wait).await {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    show(&prepared, screen);
    if plan::report_refusals(&prepared, screen) {
        return Exit::Refused;
    }
    if prepared.is_settled() {
        screen.note("nothing to change: everything is there and ready");
        summary(&prepared, screen);
        return Exit::Done;
    }
    if !args.yes && !screen.ask("Go ahead? [y/N] ", |answer| matches!(answer, "y" | "Y" | "yes")) {
        screen.note("nothing was changed");
        return Exit::Refused;
    }

    prepared.run.restart_clock();
    let ended = drive(carry_out(&prepared, screen), &stop, global.timeout, screen).await;
    screen.finish();
    let (report, reason) = match ended {
        Ended::With(Ok(report), reason) => (report, reason),
        Ended::With(Err(error), reason) => {
            prepared.connection.report_error(&error, screen);
            return incomplete(&prepared, None, reason, screen);
        }
        Ended::Left => return incomplete(&prepared, None, Reason::Interrupted, screen),
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
    let report = walk(run, prepared.stack.graph.nodes()).await;
    if !report.is_complete() || !run.wait_for_ready || prepared.plan.removals.is_empty() {
        return Ok(report);
    }
    let things = inventory::of_graph(&fresh_looks(run)).await?;
    Ok(teardown::remove(run, inventory::surplus(things, &prepared.stack.graph)).await)
}

fn fresh_looks(run: &Run) -> Looks {
    Looks::new(run.cx.aws.clone(), run.looks.scope().clone())
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
    if prepared.plan.removals.iter().any(|(_, kind, _)| *kind == Kind::Service) {
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
    let all = prepared.plan.nodes.len();
    let why = match reason {
        Reason::Done if report.is_none() => "it cannot go on without this".to_owned(),
        Reason::Done => format!(
            "{} of {all} resources failed, {} were not started",
            failed.len(),
            not_started.len()
        ),
        Reason::Interrupted => "it was interrupted".to_owned(),
        Reason::TimedOut => "its time was up".to_owned(),
    };
    screen.error(&format!("deploy of `{stack}` is incomplete: {why}"));
    for (node, failure) in failed {
        screen.detail(&format!("{node}: {failure}"));
    }
    let waited = |failure: &Failure| !matches!(failure, Failure::Stopped);
    for (node, failure) in not_started.iter().filter(|(_, failure)| waited(failure)) {
        screen.detail(&format!("{node}: {failure}"));
    }
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
    let made = prepared.plan.count(|verdict| *verdict == Verdict::Create);
    let changed = prepared.plan.count(|verdict| matches!(verdict, Verdict::Change(_)));
    screen.out(&format!(
        "resources      {} ({made} created, {changed} changed, {} removed)",
        prepared.plan.nodes.len(),
        if prepared.run.wait_for_ready { prepared.plan.removals.len() } else { 0 },
    ));
    screen.out(&format!("logs           {}", prepared.run.cx.names.log_group(&spec.service.name)));
    screen.note(&format!(
        "next: `ecsup deploy` with other flags changes it, `ecsup destroy {}` removes it",
        spec.stack
    ));
}
