//! Targets and their health.
//!
//! A target is `unused` until a listener leads to its group, `initial` until its load balancer is
//! active and its health checks have decided, and `draining` after it is deregistered. Every check is
//! an event, so that a security group that is closed later makes a target unhealthy later.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::listener;
use super::load_balancer::State;
use super::target_group::{self, TargetGroup};
use crate::ec2;
use crate::fields::Fields;
use crate::refusal::{Answer, Refusal};
use crate::scenario::Answers;
use crate::world::World;

/// How a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// Not registered.
    Absent,
    /// It finishes its requests.
    Draining,
    /// No listener uses the group.
    Unused,
    /// Health checks have not decided, or the load balancer is not active.
    Initial,
    /// Unhealthy.
    Unhealthy,
    /// Healthy.
    Healthy,
}

/// Address, or instance, and port.
pub(super) type At = (String, u16);

/// A registered target.
#[derive(Debug)]
pub(super) struct Target {
    /// Security groups of its interface.
    pub(super) groups: Vec<String>,
    /// How it answers health checks.
    pub(super) answers: Answers,
    draining: Option<Draining>,
    /// Which run of health checks is under way, if any.
    run: Option<u64>,
    /// Checks in a row that went well, and that did not.
    good: u32,
    bad: u32,
    /// What they have decided: `Initial`, `Healthy` or `Unhealthy`.
    health: Health,
    /// Why the last check failed, and in words.
    reason: (&'static str, String),
}

#[derive(Debug, Clone, Copy)]
struct Draining {
    since: Duration,
    until: Duration,
}

impl Target {
    fn new(groups: Vec<String>, answers: Answers) -> Self {
        let health = Health::Initial;
        let reason = ("", String::new());
        Self { groups, answers, draining: None, run: None, good: 0, bad: 0, health, reason }
    }

    /// Health checks begin anew, or end.
    fn restart(&mut self, run: Option<u64>) {
        (self.run, self.good, self.bad, self.health) = (run, 0, 0, Health::Initial);
    }
}

/// Registers a target, or registers it again while it drains.
pub(super) fn register(
    world: &mut World,
    target_group: &str,
    at: At,
    groups: Vec<String>,
    answers: Answers,
) {
    let Some(it) = world.elb_mut().target_groups.get_mut(target_group) else { return };
    match it.targets.get_mut(&at) {
        Some(target) if target.draining.is_none() => {
            target.groups = groups;
            target.answers = answers;
        }
        _ => drop(it.targets.insert(at.clone(), Target::new(groups, answers))),
    }
    // Who leads where is as it was.
    begin_checks(world, target_group, at);
}

/// Health checks of a target begin when its load balancer is active.
fn begin_checks(world: &mut World, target_group: &str, at: At) {
    let elb = world.elb_mut();
    let Some(it) = elb.target_groups.get_mut(target_group) else { return };
    let balancer = it.served_by.as_ref().and_then(|it| elb.load_balancers.get(it));
    let Some(target) = it.targets.get_mut(&at) else { return };
    let active = balancer.is_some_and(|it| it.state == State::Active);
    if active && target.draining.is_none() && target.run.is_none() {
        elb.runs += 1;
        let run = elb.runs;
        target.restart(Some(run));
        check_later(world, target_group.to_owned(), at, run);
    }
}

/// Deregisters a target: it drains while a listener leads to its group, and is gone at once otherwise.
pub(super) fn deregister(world: &mut World, target_group: &str, at: &At) {
    let now = world.now;
    let Some(it) = world.elb_mut().target_groups.get_mut(target_group) else { return };
    let delay = it.deregistration_delay();
    let served = it.served_by.is_some();
    let Some(target) = it.targets.get_mut(at) else { return };
    if target.draining.is_some() {
        return;
    }
    target.restart(None);
    let until = if served { now + delay } else { now };
    target.draining = Some(Draining { since: now, until });
    sweep_at(world, target_group, at.clone(), until);
}

/// A new deregistration delay ends what drains sooner, never later.
pub(super) fn shorten_draining(world: &mut World, target_group: &str) {
    let now = world.now;
    let Some(it) = world.elb_mut().target_groups.get_mut(target_group) else { return };
    let delay = it.deregistration_delay();
    let mut ends = Vec::new();
    for (at, target) in &mut it.targets {
        let Some(draining) = &mut target.draining else { continue };
        let sooner = (draining.since + delay).max(now);
        if sooner < draining.until {
            draining.until = sooner;
            ends.push((at.clone(), sooner));
        }
    }
    for (at, end) in ends {
        sweep_at(world, target_group, at, end);
    }
}

/// Takes a target away at a moment, if it has drained by then.
fn sweep_at(world: &mut World, target_group: &str, at: At, end: Duration) {
    let sweep = |world: &mut World, target_group: &str, at: &At| {
        let now = world.now;
        let Some(it) = world.elb_mut().target_groups.get_mut(target_group) else { return };
        let draining = it.targets.get(at).and_then(|target| target.draining);
        if draining.is_some_and(|it| it.until <= now) {
            it.targets.remove(at);
        }
    };
    if end <= world.now {
        sweep(world, target_group, &at);
        return;
    }
    let target_group = target_group.to_owned();
    world.after(end.saturating_sub(world.now), move |world| sweep(world, &target_group, &at));
}

/// Looks again at who leads where, after any change of load balancers, listeners, rules or targets:
/// health checks begin behind an active load balancer and end where none is left.
pub(super) fn refresh(world: &mut World) {
    let arns: Vec<_> = world.elb().target_groups.keys().cloned().collect();
    let mut begin = Vec::new();
    for arn in arns {
        let served_by = listener::leads_to(world, &arn, |_| true);
        let Some(it) = world.elb().target_groups.get(&arn) else { continue };
        let released = world.now + world.dice.delay("target-group.released", &it.name, 0.0..=5.0);
        let Some(it) = world.elb_mut().target_groups.get_mut(&arn) else { continue };
        if it.served_by.is_some() && served_by.is_none() {
            it.released = released;
        }
        if it.served_by != served_by {
            it.targets.values_mut().for_each(|target| target.restart(None));
        }
        it.served_by = served_by;
        if it.served_by.is_none() {
            // Nothing is in flight any more.
            it.targets.retain(|_, target| target.draining.is_none());
        }
        begin.extend(it.targets.keys().map(|at| (arn.clone(), at.clone())));
    }
    for (arn, at) in begin {
        begin_checks(world, &arn, at);
    }
}

/// The next health check of a run, an interval from now.
fn check_later(world: &mut World, target_group: String, at: At, run: u64) {
    let Some(it) = world.elb().target_groups.get(&target_group) else { return };
    let interval = Duration::from_secs(it.check.interval.into());
    world.after(interval, move |world| {
        if check(world, &target_group, &at, run).is_some() {
            check_later(world, target_group, at, run);
        }
    });
}

/// One health check; nothing when its run is over.
fn check(world: &mut World, target_group: &str, at: &At, run: u64) -> Option<()> {
    let it = world.elb().target_groups.get(target_group)?;
    let target = it.targets.get(at).filter(|target| target.run == Some(run))?;
    let from = &world.elb().load_balancers.get(it.served_by.as_ref()?)?.groups;
    let from: Vec<_> = from.iter().cloned().collect();
    let reached = ec2::may_reach(world, &from, &target.groups, checked_port(it, at));
    let thresholds = (it.check.healthy, it.check.unhealthy);
    let code = match target.answers {
        Answers::Well => Some(200),
        Answers::Code(code) => Some(code),
        Answers::Only(path) => Some(if it.check.path == path { 200 } else { 404 }),
        Answers::Never | Answers::Refused => None,
    };
    let is_good = reached && code.is_some_and(|code| it.check.takes(code));
    let target = world.elb_mut().target_groups.get_mut(target_group)?.targets.get_mut(at)?;
    if is_good {
        (target.good, target.bad) = (target.good.saturating_add(1), 0);
        if target.good >= thresholds.0 {
            target.health = Health::Healthy;
        }
    } else {
        (target.good, target.bad) = (0, target.bad.saturating_add(1));
        target.reason = match (target.answers, code) {
            (_, Some(code)) if reached => {
                let words = format!("Health checks failed with these codes: [{code}]");
                ("Target.ResponseCodeMismatch", words)
            }
            (Answers::Refused, _) if reached => {
                ("Target.FailedHealthChecks", "Health checks failed".to_owned())
            }
            _ => ("Target.Timeout", "Request timed out".to_owned()),
        };
        if target.bad >= thresholds.1 {
            target.health = Health::Unhealthy;
        }
    }
    Some(())
}

fn checked_port(it: &TargetGroup, at: &At) -> u16 {
    it.check.port.parse().unwrap_or(at.1)
}

/// The ports that an address is registered with.
pub(super) fn at(world: &World, target_group: &str, address: &str) -> Vec<At> {
    let Some(group) = world.elb().target_groups.get(target_group) else { return Vec::new() };
    let all = (address.to_owned(), u16::MIN)..=(address.to_owned(), u16::MAX);
    group.targets.range(all).map(|(at, _)| at.clone()).collect()
}

/// Why the last check of a target failed, in words.
pub(super) fn reason(world: &World, target_group: &str, at: &At) -> Option<String> {
    let target = world.elb().target_groups.get(target_group)?.targets.get(at)?;
    Some(target.reason.1.clone())
}

/// How a target is now.
pub(super) fn health(world: &World, target_group: &str, at: &At) -> Health {
    let group = world.elb().target_groups.get(target_group);
    let Some((it, target)) = group.and_then(|it| Some((it, it.targets.get(at)?))) else {
        return Health::Absent;
    };
    match target.draining {
        Some(draining) if draining.until > world.now => Health::Draining,
        Some(_) => Health::Absent,
        None if it.served_by.is_none() => Health::Unused,
        None => target.health,
    }
}

/// `RegisterTargets`: nobody is known to answer at an address that is registered by hand, so such a
/// target never becomes healthy.
pub(super) fn register_targets(world: &mut World, input: &Value) -> Answer {
    let arn = input.text("TargetGroupArn").to_owned();
    for at in requested(world, &arn, input)? {
        register(world, &arn, at, Vec::new(), Answers::Code(503));
    }
    Ok(json!({}))
}

/// `DeregisterTargets`: without a port, as the group's.
pub(super) fn deregister_targets(world: &mut World, input: &Value) -> Answer {
    let arn = input.text("TargetGroupArn").to_owned();
    for at in requested(world, &arn, input)? {
        deregister(world, &arn, &at);
    }
    Ok(json!({}))
}

fn requested(world: &World, target_group: &str, input: &Value) -> Result<Vec<At>, Refusal> {
    let it = target_group::visible(world, target_group)?;
    let one = |target: &Value| {
        let id = target.text("Id");
        let ip: Result<std::net::Ipv4Addr, _> = id.parse();
        if it.target_type == "ip" && ip.is_err() {
            let message = format!("The IP address '{id}' is not a valid IPv4 address");
            return Err(super::invalid(message));
        }
        if it.target_type == "instance" && ec2::instance(world, id).is_none() {
            let message = format!("The following targets are not valid: '{id}'");
            return Err(Refusal::new("InvalidTarget", message));
        }
        let port = target.number("Port").and_then(|port| u16::try_from(port).ok());
        Ok((id.to_owned(), port.unwrap_or(it.port)))
    };
    input.list("Targets").iter().map(one).collect()
}

/// `DescribeTargetHealth`: of all targets of a group, or of those that are named, registered or not.
pub(super) fn describe_health(world: &World, input: &Value) -> Answer {
    let arn = input.text("TargetGroupArn");
    let it = target_group::visible(world, arn)?;
    let wanted = match input.list("Targets") {
        [] => it.targets.keys().cloned().collect(),
        _ => requested(world, arn, input)?,
    };
    let described: BTreeMap<_, _> = wanted
        .into_iter()
        .filter_map(|at| described(world, arn, it, &at, input).map(|described| (at, described)))
        .collect();
    Ok(json!({ "TargetHealthDescriptions": described.into_values().collect::<Value>() }))
}

fn described(world: &World, arn: &str, it: &TargetGroup, at: &At, input: &Value) -> Option<Value> {
    let target = it.targets.get(at);
    let health = match health(world, arn, at) {
        Health::Absent if input.list("Targets").is_empty() => return None,
        Health::Absent => {
            said("unused", "Target.NotRegistered", "Target is not registered to the target group")
        }
        Health::Draining => said(
            "draining",
            "Target.DeregistrationInProgress",
            "Target deregistration is in progress",
        ),
        Health::Unused => said(
            "unused",
            "Target.NotInUse",
            "Target group is not configured to receive traffic from the load balancer",
        ),
        Health::Initial if target.is_some_and(|target| target.run.is_some()) => {
            said("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")
        }
        Health::Initial => {
            said("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
        }
        Health::Healthy => json!({ "State": "healthy" }),
        Health::Unhealthy => {
            let (reason, words) = target.map_or(("", ""), |it| (it.reason.0, it.reason.1.as_str()));
            said("unhealthy", reason, words)
        }
    };
    Some(json!({
        "Target": { "Id": at.0, "Port": at.1 },
        "HealthCheckPort": checked_port(it, at).to_string(),
        "TargetHealth": health,
    }))
}

fn said(state: &str, reason: &str, words: &str) -> Value {
    json!({ "State": state, "Reason": reason, "Description": words })
}
