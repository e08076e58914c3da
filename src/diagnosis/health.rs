//! A health check fails: what ELB says of targets, and ECS of tasks that it stopped for it.
//!
//! ELB guide, "Health checks for Application Load Balancer target groups" and the codes of
//! `TargetHealth`; ECS guide, "service event messages".

use super::Waiting::{Helps, Hopeless, MayHelp};
use super::evidence::without_arns;
use super::table::{Cause, cause, named, plain};
use super::{Evidence, Family, Finding, SERVICES};

/// What stopped tasks tell.
pub(super) const CAUSES: &[Cause] = &[
    cause(
        "health-of-target",
        MayHelp,
        &[&["failed elb health checks"]],
        "the tasks fail the load balancer's health checks",
        "check `--health-path` and `--port`",
    )
    .sign_of(&[Family::Health]),
    cause(
        "health-of-container",
        MayHelp,
        &[&["failed container health checks"]],
        "the tasks fail the health check of their container",
        "check that the command of the check is in the image and ends with 0 when all is well",
    ),
];

const BY_CODE: &[Cause] = &[
    cause(
        "health-path",
        MayHelp,
        &[&["404"]],
        "the health check's path{path} does not exist in the container",
        "name one that answers with{status} in `--health-path`",
    ),
    cause(
        "health-forbidden",
        MayHelp,
        &[&["401"], &["403"]],
        "the container wants to know who asks for the health check's path{path}",
        "name one that needs no sign-in in `--health-path`",
    ),
    cause(
        "health-redirected",
        MayHelp,
        &[&["301"], &["302"], &["303"], &["307"], &["308"]],
        "the container sends whoever asks for the health check's path{path} elsewhere, and ELB does not follow",
        "name one that answers with{status} itself in `--health-path`",
    ),
    cause(
        "health-not-http",
        MayHelp,
        &[&["400"]],
        "the container does not understand the health check on port{port}: it may speak TLS there, or want a \
         host name",
        "let it answer plain HTTP for any host, or name the port where it does in `--port`",
    ),
    cause(
        "health-error",
        MayHelp,
        &[&["500"], &["502"], &["503"], &["504"]],
        "the container answers the health check's path{path} with an error of its own",
        "the log says why; a program that only needs longer to start has it by `health.grace` in a manifest",
    ),
    cause(
        "health-code",
        MayHelp,
        &[&["with these codes"]],
        "the container answers the health check's path{path} with another code than{status}",
        "name one that answers with{status} in `--health-path`",
    ),
];

const BY_REASON: &[Cause] = &[
    cause(
        "health-blocked",
        Hopeless,
        &[],
        "the tasks' security group does not let the load balancer in on port{port}",
        "somebody has changed it since it was made: run the same `ecsup deploy` again, which restores it",
    ),
    cause(
        "health-timeout",
        MayHelp,
        &[&["target.timeout"], &["request timed out"]],
        "nothing answers the health check on port{port} in time",
        "let the program listen on 0.0.0.0 and not on 127.0.0.1, on the port of `--port`, and answer \
         `--health-path`{path} within{timeout}",
    ),
    cause(
        "health-refused",
        MayHelp,
        &[&["target.failedhealthchecks"], &["health checks failed"]],
        "nothing listens on port{port} of the container, or it speaks something else than HTTP",
        "name the port that the program listens on in `--port`, and let it listen on 0.0.0.0",
    ),
    cause(
        "target-unused",
        MayHelp,
        &[&["target.notinuse"], &["target.invalidstate"]],
        "no listener of a load balancer leads to the tasks, or not in their zone",
        "run the same `ecsup deploy` again, which restores the listener and its rules",
    ),
    cause(
        "target-unusable",
        Helps,
        &[&["target.ipunusable"], &["elb.internalerror"]],
        "ELB cannot use the task's address, and ECS replaces the task",
        "",
    ),
    cause(
        "target-starts",
        Helps,
        &[&["elb.registrationinprogress"], &["elb.initialhealthchecking"]],
        "ELB has not checked the tasks often enough yet",
        "",
    ),
];

/// What targets tell, and ECS of targets that are gone already.
pub(super) fn found(evidence: &Evidence) -> Vec<Finding> {
    let targets = evidence.targets.iter().map(|target| {
        let words = format!("{}: {}", target.reason, target.description);
        (words, "elasticloadbalancing:DescribeTargetHealth")
    });
    let events = evidence.events.iter().filter(|it| it.contains(" is unhealthy in "));
    let events = events.map(|event| (without_arns(event), SERVICES));
    let found = targets.chain(events).filter_map(|(text, call)| {
        let words = plain(&text);
        let told = |causes: &'static [Cause]| {
            let any =
                |it: &&Cause| it.words.iter().any(|line| line.iter().all(|it| words.contains(it)));
            causes.iter().find(any)
        };
        let is_code = words.contains("with these codes");
        let cause = if is_code { told(BY_CODE) } else { told(BY_REASON) }?;
        let is_shut = cause.name == "health-timeout" && evidence.lets_in == Some(false);
        let cause = if is_shut { named(BY_REASON, "health-blocked")? } else { cause };
        Some(cause.finding(Family::Health, evidence).resting_on(call, text))
    });
    found.collect()
}

#[cfg(test)]
pub(super) const ALL: &[&[Cause]] = &[CAUSES, BY_CODE, BY_REASON];
