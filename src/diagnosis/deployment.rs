//! The deployment itself, and what the account allows: what ECS's events say.
//!
//! ECS guide, "service event messages".

use super::Waiting::{Helps, Hopeless, MayHelp};
use super::evidence::without_arns;
use super::table::{self, Cause, cause};
use super::{Evidence, Family, Finding, SERVICES, access, launch, unexplained};

/// Signs of every other cause.
const OF_ALL: &[Family] = &[
    Family::Image,
    Family::Access,
    Family::Network,
    Family::Launch,
    Family::Placement,
    Family::Start,
    Family::Exit,
    Family::Health,
    Family::Deployment,
];

pub(super) const CAUSES: &[Cause] = &[
    cause(
        "fargate-quota",
        Hopeless,
        &[&["limit on the number of vcpus"]],
        "the account may not run as many vCPUs on Fargate",
        "",
    ),
    cause(
        "task-quota",
        Hopeless,
        &[&["limit on the number of tasks"]],
        "the account may not run as many tasks",
        "ask for more in Service Quotas, or for less with `--count`",
    ),
    cause(
        "throttled",
        Helps,
        &[&["operations are being throttled"], &["operations throttled"]],
        "AWS takes ECS's own calls more slowly than it makes them",
        "",
    ),
    cause(
        "tasks-protected",
        MayHelp,
        &[&["number of protected tasks"]],
        "tasks of the former deployment protect themselves from being stopped",
        "let them end their protection (`aws ecs update-task-protection --no-protection-enabled`), or wait \
         until its time is over",
    ),
    cause(
        "target-group-gone",
        Hopeless,
        &[&["target group is not found"], &["the target group", "does not exist"]],
        "the target group of the service is gone",
        "run the same `ecsup deploy` again, which makes it anew",
    ),
    cause(
        "no-room-to-roll",
        Hopeless,
        &[&["unable to stop or start tasks during a deployment"]],
        "the service may neither start a new task nor stop an old one",
        "somebody has changed its minimum and maximum percent: run the same `ecsup deploy` again, which \
         restores them",
    ),
    cause(
        "starts-fail",
        MayHelp,
        &[&["unable to consistently start tasks"]],
        "the tasks end soon after they start, and ECS starts them ever more rarely",
        "",
    )
    .sign_of(OF_ALL),
    cause(
        "breaker",
        MayHelp,
        &[&["tasks failed to start"], &["circuit breaker"]],
        "the tasks do not start, or do not stay healthy",
        "",
    )
    .sign_of(OF_ALL),
];

/// What only says that something is wrong.
pub(super) const ECHOES: &[&str] = &["breaker", "starts-fail"];

/// Whether an event or the end of a task is part of what a service does anyway.
pub fn is_routine(text: &str) -> bool {
    const ROUTINE: &[&str] = &[
        "has started ",
        "registered ",
        "has begun draining",
        "has stopped ",
        "steady state",
        "completed",
        "Scaling activity initiated",
        "rolling back to",
    ];
    ROUTINE.iter().any(|it| text.contains(it))
}

/// What the newest events tell that is not told by anything else.
pub(super) fn found(evidence: &Evidence) -> Vec<Finding> {
    const TABLES: &[(Family, &[Cause])] =
        &[(Family::Access, access::CAUSES), (Family::Deployment, CAUSES)];
    let of_others =
        |text: &str| text.contains("unable to place") || text.contains(" is unhealthy in ");
    let events = evidence.events.iter().filter(|it| !is_routine(it) && !of_others(it));
    let failed = evidence.rollout.failed.iter();
    let mut found: Vec<Finding> = Vec::new();
    for text in failed.chain(events) {
        let text = without_arns(text);
        // Of what nobody knows, the newest is enough.
        let known = table::among(TABLES, &text, evidence);
        let finding = known.unwrap_or_else(|| Finding { sign_of: OF_ALL, ..unexplained(&text) });
        if !found.iter().any(|it| it.name == finding.name) {
            found.push(finding.resting_on(SERVICES, text));
        }
    }
    found
}

/// The quota of Fargate, and what the service asks of it.
pub(super) fn fargate_quota(evidence: &Evidence) -> String {
    let wanted = &evidence.wanted;
    let tasks = u32::try_from(wanted.count).unwrap_or_default();
    let needs = match wanted.cpu.and_then(|it| u32::try_from(it).ok()) {
        Some(cpu) => {
            format!("{} vCPUs for {tasks} tasks", f64::from(cpu) * f64::from(tasks) / 1024.0)
        }
        None => format!("vCPUs for {tasks} tasks"),
    };
    let name = "Fargate On-Demand vCPU resource count";
    launch::short_of(&needs, name, "L-3032A538", "`--cpu` or `--count`")
}
