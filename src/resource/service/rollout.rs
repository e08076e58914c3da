//! How a service's rollout is going, in words: read from its deployments, its newest events and the
//! tasks that stopped.
//!
//! A count of running tasks is no success: after a rollback the former revision runs in full. What
//! counts is the deployment that was asked for, known by its id, and its `rolloutState`.

use aws_sdk_ecs::types::{
    Deployment as Described, DeploymentRolloutState as State, Service, ServiceEvent, Task,
};

use super::Deployment;
use crate::arn::last_part;

/// How a rollout is going.
#[derive(Debug, PartialEq, Eq)]
pub enum Rollout {
    /// What was asked for runs.
    Steady,
    /// On its way; says what it waits for.
    Going(String),
    /// It failed; says why.
    Failed(String),
    /// ECS went back to the former deployment; says why.
    RolledBack(String),
    /// AWS does not show the deployment that was asked for yet.
    Unseen,
}

/// Judges a service. `asked` is the deployment that the last change made, `stopped` says why tasks
/// of it stopped.
pub fn judge(service: &Service, asked: Option<&Deployment>, stopped: &[String]) -> Rollout {
    let Some(primary) = primary(service) else {
        return Rollout::Going("ECS to start a deployment".into());
    };
    if let Some(asked) = asked.filter(|asked| primary.id() != Some(&asked.id)) {
        if let Some(why) = rolled_back(service, primary, asked) {
            let to = primary.task_definition().map_or("the former one", last_part);
            let words = joined([format!("ECS rolled it back to {to}"), why]);
            return Rollout::RolledBack(caused(words, stopped));
        }
        // A look may be older than our own change, but nothing that is newer can be.
        if primary.created_at().is_none_or(|at| asked.since.as_ref().is_some_and(|ours| at < ours))
        {
            return Rollout::Unseen;
        }
    }
    let whole = primary.running_count() >= primary.desired_count()
        && service.running_count() >= service.desired_count();
    match primary.rollout_state() {
        Some(State::Failed) => {
            let why = primary.rollout_state_reason().unwrap_or("ECS gave its rollout up");
            // The event is mostly the reason once more, with another opening.
            let news = problem(service, primary).filter(|event| !why.contains(last_clause(event)));
            let words = joined([why.to_owned()].into_iter().chain(news));
            Rollout::Failed(caused(words, stopped))
        }
        // A higher count of tasks is no new deployment.
        Some(State::Completed) if whole => Rollout::Steady,
        None if whole && service.deployments().len() == 1 => Rollout::Steady,
        _ => Rollout::Going(waits_for(service, primary, stopped)),
    }
}

/// The deployment that ECS works towards.
pub fn primary(service: &Service) -> Option<&Described> {
    service.deployments().iter().find(|deployment| deployment.status() == Some("PRIMARY"))
}

/// How many tasks of the newest deployment are wanted and do not run.
pub fn lacking(service: &Service) -> i32 {
    let lacking = |primary: &Described| {
        primary.desired_count().max(service.desired_count()) - primary.running_count()
    };
    primary(service).map_or(0, lacking).max(0)
}

/// What ECS said when it last found no place for a task of the newest deployment.
pub fn misplaced(service: &Service) -> Option<String> {
    let since = primary(service).and_then(Described::created_at);
    let events = service.events().iter().filter(|event| is_since(event, since));
    let events =
        events.filter(|event| event.message().is_some_and(|it| it.contains("unable to place")));
    // ECS lists the newest first.
    events.reduce(|a, b| if b.created_at() > a.created_at() { b } else { a }).map(plain)
}

/// The deployment whose tasks failed, when it is the one that was asked for, or the only one. One that
/// ECS went back from is forgotten as soon as the former one is whole again.
pub fn failing<'a>(service: &'a Service, asked: Option<&'a Deployment>) -> Option<&'a str> {
    if let (Some(asked), Some(primary)) = (asked, primary(service))
        && service.deployments().iter().all(|it| it.id() != Some(&asked.id))
        && rolled_back(service, primary, asked).is_some()
    {
        return Some(&asked.id);
    }
    let failing = service.deployments().iter().find(|deployment| {
        let ours = match asked {
            Some(asked) => deployment.id() == Some(&asked.id),
            None => deployment.status() == Some("PRIMARY"),
        };
        ours && (deployment.failed_tasks() > 0
            || deployment.rollout_state() == Some(&State::Failed))
    });
    failing.and_then(Described::id)
}

/// Why a task stopped: ECS's reason, and what its containers ended with, if that says more.
fn why_stopped(task: &Task) -> String {
    let why = task.stopped_reason().unwrap_or("a task stopped").trim_end_matches('.');
    let ends = task.containers().iter().filter_map(|container| {
        let code = container.exit_code().map(|code| format!("exited with {code}"));
        let reason = container.reason().map(|reason| reason.trim_end_matches('.'));
        let reason = reason.filter(|reason| !why.contains(reason)).map(str::to_owned);
        let words: Vec<_> = code.into_iter().chain(reason).collect();
        let name = container.name().unwrap_or("a container");
        (!words.is_empty()).then(|| format!("{name} {}", words.join(", ")))
    });
    let ends = ends.collect::<Vec<_>>().join("; ");
    let why = without_arns(why);
    if ends.is_empty() { why } else { format!("{why} ({ends})") }
}

/// Why tasks of a deployment stopped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stopped {
    /// The reasons of the newest three, each said once.
    pub reasons: Vec<String>,
    /// Why the newest ones stopped, when it never heals, and how many of them in a row.
    same: Option<(&'static str, usize)>,
}

impl Stopped {
    /// Reads it from the tasks. Those that ECS stops because it replaces or goes back tell no cause.
    pub fn of(mut tasks: Vec<Task>) -> Self {
        tasks.retain(|task| {
            task.stopped_reason().is_none_or(|why| !why.starts_with("Scaling activity initiated"))
        });
        tasks.sort_by_key(|task| std::cmp::Reverse(task.stopped_at().copied()));
        let reasons: Vec<_> = tasks.iter().map(why_stopped).collect();
        let same = reasons.first().and_then(|newest| never_heals(newest)).map(|cause| {
            let in_a_row = reasons.iter().take_while(|why| never_heals(why) == Some(cause));
            (cause, in_a_row.count())
        });
        Self { reasons: different(reasons.into_iter().take(3)), same }
    }

    /// What the newest tasks stopped for, when it never heals and as many have.
    pub fn hopeless(&self, often: usize) -> Option<&'static str> {
        self.same.filter(|(_, count)| *count >= often).map(|(cause, _)| cause)
    }
}

/// Why a task can never start, if it says so: another one like it cannot either (ECS guide, "Stopped
/// tasks error messages"; containers-roadmap#1120 for the platform). A registry that gives no answer is
/// none of this.
fn never_heals(why: &str) -> Option<&'static str> {
    const PROCESSOR: &[&str] = &[
        "descriptor matching platform",
        "descriptor for platform",
        "no matching manifest for",
        "exec format error",
    ];
    const NAME: &[&str] = &["invalid reference format", "cannot specify 64-byte"];
    const MISSING: &[&str] = &["not found", "does not exist", "manifest unknown"];
    const DENIED: &[&str] = &["denied", "403 Forbidden", "not authorized"];
    let says = |words: &[&str]| words.iter().any(|it| why.contains(it));
    if says(PROCESSOR) {
        return Some("the image is made for another processor");
    }
    if !why.contains("CannotPull") {
        return None;
    }
    let causes = [
        (NAME, "the image's name is none"),
        (MISSING, "the image does not exist, or may not be pulled"),
        (DENIED, "the image may not be pulled"),
    ];
    causes.into_iter().find(|(words, _)| says(words)).map(|(_, cause)| cause)
}

/// Reasons, newest first, without those that another one begins with: of two tasks that stopped for
/// one reason, one may not have told yet how its containers ended.
fn different(reasons: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut different: Vec<String> = Vec::new();
    for why in reasons {
        match different.iter_mut().find(|it| it.starts_with(&why) || why.starts_with(it.as_str())) {
            Some(known) if known.len() < why.len() => *known = why,
            Some(_) => {}
            None => different.push(why),
        }
    }
    different
}

/// Why ECS went back, if that is why another deployment is the primary one.
fn rolled_back(service: &Service, primary: &Described, asked: &Deployment) -> Option<String> {
    let ours = service.deployments().iter().find(|it| it.id() == Some(&asked.id));
    if let Some(ours) = ours.filter(|ours| ours.rollout_state() == Some(&State::Failed)) {
        return Some(ours.rollout_state_reason().unwrap_or("the deployment failed").to_owned());
    }
    if let Some(why) = primary.rollout_state_reason().filter(|why| why.contains("rolling back")) {
        return Some(why.to_owned());
    }
    let tells = |event: &&ServiceEvent| {
        let text = event.message().unwrap_or_default();
        let failed = text.contains(&asked.id) && text.contains("failed");
        failed || text.contains("rolling back")
    };
    let mut news = service.events().iter().filter(|event| is_since(event, asked.since.as_ref()));
    news.find(tells).map(plain)
}

fn is_since(event: &ServiceEvent, since: Option<&aws_smithy_types::DateTime>) -> bool {
    match (event.created_at(), since) {
        (Some(at), Some(since)) => at >= since,
        _ => true,
    }
}

/// What a rollout waits for.
fn waits_for(service: &Service, primary: &Described, stopped: &[String]) -> String {
    let (running, wanted) = (primary.running_count(), primary.desired_count());
    let wanted = wanted.max(service.desired_count());
    let former: i32 = service
        .deployments()
        .iter()
        .filter(|other| other.id() != primary.id())
        .map(Described::running_count)
        .sum();
    let mut parts = vec![format!("{running} of {wanted} tasks running")];
    match problem(service, primary) {
        Some(problem) => parts.push(problem),
        None if running < wanted => {}
        None if former > 0 => parts.push(format!("{former} of the former ones still stopping")),
        None => parts.push("ECS checks that they stay healthy".into()),
    }
    let words = joined(parts);
    match stopped {
        [] => words,
        stopped => format!("{words}; stopped tasks: {}", stopped.join("; ")),
    }
}

/// The newest event of a deployment that tells of a problem.
fn problem(service: &Service, primary: &Described) -> Option<String> {
    const ROUTINE: &[&str] = &[
        "has started ",
        " registered ",
        "deregistered ",
        "has begun draining",
        "has stopped ",
        "steady state",
        "completed",
    ];
    let text = |event: &ServiceEvent| event.message().unwrap_or_default().to_owned();
    let news = || {
        let events = service.events().iter();
        events.filter(|event| is_since(event, primary.created_at()))
    };
    let troubles = news().filter(|event| !ROUTINE.iter().any(|it| text(event).contains(it)));
    // The first of equally old ones: ECS lists the newest first.
    let trouble = troubles.reduce(|a, b| if b.created_at() > a.created_at() { b } else { a })?;
    // All tasks have found a place meanwhile.
    let placed = primary.running_count() + primary.pending_count() >= primary.desired_count();
    let over = placed && text(trouble).contains("unable to place");
    (!over).then(|| plain(trouble))
}

/// An event's message without what everybody knows: which service, and where the manual is.
fn plain(event: &ServiceEvent) -> String {
    let mut text = event.message().unwrap_or_default();
    for opening in ["(service ", "(deployment "] {
        if let Some((_, rest)) = text.strip_prefix(opening).and_then(|it| it.split_once(") ")) {
            text = rest;
        }
    }
    let text = text.split(" For more information").next().unwrap_or(text);
    without_arns(text.trim().trim_end_matches('.'))
}

/// A text in which target groups have names instead of ARNs.
fn without_arns(text: &str) -> String {
    const OPENING: &str = "(target-group ";
    let mut words = String::new();
    let mut rest = text;
    while let Some((before, arn)) = rest.split_once(OPENING)
        && let Some((arn, after)) = arn.split_once(')')
    {
        let name = arn.split('/').nth(1).unwrap_or(arn);
        words.extend([before, OPENING, name, ")"]);
        rest = after;
    }
    words + rest
}

/// What follows the last colon of a text.
fn last_clause(text: &str) -> &str {
    text.rsplit_once(": ").map_or(text, |(_, last)| last)
}

fn joined(parts: impl IntoIterator<Item = String>) -> String {
    let parts = parts.into_iter().map(|part| part.trim_end_matches('.').to_owned());
    parts.collect::<Vec<_>>().join(": ")
}

/// What ECS says about a failure, after what its tasks stopped for: that is the cause.
fn caused(words: String, stopped: &[String]) -> String {
    match stopped {
        [] => words,
        stopped => format!("{}; {words}", stopped.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::Container;
    use aws_smithy_types::DateTime;

    use super::*;

    fn deployment(id: &str, status: &str, state: State, running: i32) -> Described {
        Described::builder()
            .id(id)
            .status(status)
            .task_definition(format!("arn:aws:ecs:r:1:task-definition/td-demo_web:{}", &id[1..]))
            .rollout_state(state)
            .rollout_state_reason("ECS deployment circuit breaker: tasks failed to start.")
            .desired_count(2)
            .running_count(running)
            .created_at(DateTime::from_secs(id[1..].parse().unwrap()))
            .build()
    }

    fn service(deployments: Vec<Described>, events: &[(i64, &str)]) -> Service {
        let event = |(at, text): &(i64, &str)| {
            ServiceEvent::builder().created_at(DateTime::from_secs(*at)).message(*text).build()
        };
        Service::builder()
            .desired_count(2)
            .running_count(2)
            .set_deployments(Some(deployments))
            .set_events(Some(events.iter().map(event).collect()))
            .build()
    }

    fn asked(id: &str) -> Deployment {
        let since = DateTime::from_secs(id[1..].parse().unwrap());
        Deployment { id: id.into(), since: Some(since) }
    }

    #[test]
    fn only_a_completed_rollout_of_what_was_asked_for_is_steady() {
        let steady = service(vec![deployment("d9", "PRIMARY", State::Completed, 2)], &[]);
        assert_eq!(judge(&steady, None, &[]), Rollout::Steady);
        assert_eq!(judge(&steady, Some(&asked("d9")), &[]), Rollout::Steady);
        let missing = service(vec![deployment("d9", "PRIMARY", State::Completed, 1)], &[]);
        let why = "1 of 2 tasks running".to_owned();
        assert_eq!(judge(&missing, None, &[]), Rollout::Going(why));
    }

    #[test]
    fn a_wait_says_what_stands_in_the_way() {
        let primary = deployment("d9", "PRIMARY", State::InProgress, 1);
        let events = [
            (12, "(service web) has started 1 tasks: (task 1)."),
            (
                11,
                "(service web) was unable to place a task because of memory. For more information, see the guide.",
            ),
            (3, "(service web) was unable to do something else."),
        ];
        let why = "1 of 2 tasks running: was unable to place a task because of memory";
        assert_eq!(judge(&service(vec![primary], &events), None, &[]), Rollout::Going(why.into()));
    }

    #[test]
    fn a_rollback_is_a_failure_while_it_runs_and_afterwards() {
        let stopped = ["Essential container in task exited (web exited with 1)".to_owned()];
        let now = service(
            vec![
                deployment("d10", "PRIMARY", State::InProgress, 2),
                deployment("d9", "ACTIVE", State::Failed, 0),
            ],
            &[],
        );
        let Rollout::RolledBack(why) = judge(&now, Some(&asked("d9")), &stopped) else { panic!() };
        assert_eq!(
            why,
            "Essential container in task exited (web exited with 1); ECS rolled it back to \
             td-demo_web:10: ECS deployment circuit breaker: tasks failed to start"
        );
        let event = [(20, "(service web) rolling back to deployment d3.")];
        let later = service(vec![deployment("d3", "PRIMARY", State::Completed, 2)], &event);
        assert!(matches!(judge(&later, Some(&asked("d9")), &[]), Rollout::RolledBack(_)));
    }

    #[test]
    fn an_old_look_and_a_strangers_change_are_no_rollback() {
        let old = service(vec![deployment("d3", "PRIMARY", State::Completed, 2)], &[]);
        assert_eq!(judge(&old, Some(&asked("d9")), &[]), Rollout::Unseen);
        let new = service(vec![deployment("d11", "PRIMARY", State::Completed, 2)], &[]);
        assert_eq!(judge(&new, Some(&asked("d9")), &[]), Rollout::Steady);
    }

    #[test]
    fn a_first_deployment_fails_where_it_stands() {
        let first = service(vec![deployment("d9", "PRIMARY", State::Failed, 0)], &[]);
        let why = "ECS deployment circuit breaker: tasks failed to start".to_owned();
        assert_eq!(judge(&first, Some(&asked("d9")), &[]), Rollout::Failed(why));
        assert_eq!(failing(&first, Some(&asked("d9"))), Some("d9"));
    }

    #[test]
    fn a_failure_begins_with_its_cause_and_says_everything_once() {
        let events =
            [(12, "(service web) (deployment d9) deployment failed: tasks failed to start.")];
        let failed = service(vec![deployment("d9", "PRIMARY", State::Failed, 0)], &events);
        let stopped = ["CannotPullContainerError: not found".to_owned()];
        let why = "CannotPullContainerError: not found; ECS deployment circuit breaker: tasks failed \
                   to start";
        assert_eq!(judge(&failed, None, &stopped), Rollout::Failed(why.into()));
    }

    #[test]
    fn a_stopped_task_says_how_its_containers_ended() {
        let container = Container::builder().name("web").exit_code(137).reason("OutOfMemoryError");
        let task = Task::builder().stopped_reason("Essential container in task exited");
        let task = task.containers(container.build()).build();
        let why = "Essential container in task exited (web exited with 137, OutOfMemoryError)";
        assert_eq!(why_stopped(&task), why);
        // ECS gives the reason of the container as that of the task.
        let why = "CannotPullContainerError: not found";
        let container = Container::builder().name("web").reason(why);
        let task = Task::builder().stopped_reason(why).containers(container.build()).build();
        assert_eq!(why_stopped(&task), why);
    }

    #[test]
    fn what_never_heals_is_told_from_what_may() {
        let cause = |why: &str| never_heals(&format!("CannotPullContainerError: {why}"));
        assert_eq!(
            cause("image Manifest does not contain descriptor matching platform 'linux/amd64'"),
            Some("the image is made for another processor")
        );
        let missing = Some("the image does not exist, or may not be pulled");
        assert_eq!(cause("failed to resolve ref nginx:9: nginx:9: not found"), missing);
        assert_eq!(cause("pull access denied for x, repository does not exist"), missing);
        assert_eq!(cause("unexpected status: 403 Forbidden"), Some("the image may not be pulled"));
        for may_heal in ["dial tcp: i/o timeout", "toomanyrequests: rate exceeded"] {
            assert_eq!(cause(may_heal), None, "{may_heal}");
        }
        assert_eq!(never_heals("Essential container in task exited (web exited with 1)"), None);
    }

    #[test]
    fn reasons_that_differ_in_what_is_not_known_yet_are_one() {
        let arn = "arn:aws:elasticloadbalancing:r:1:targetgroup/tg-demo/0123";
        let reason = format!("Task failed ELB health checks in (target-group {arn})");
        let container = Container::builder().name("web").exit_code(0).build();
        let task = || Task::builder().stopped_reason(reason.as_str());
        let tasks = [task().build(), task().containers(container).build(), task().build()];
        let why = "Task failed ELB health checks in (target-group tg-demo) (web exited with 0)";
        assert_eq!(different(tasks.iter().map(why_stopped)), [why]);
    }
}
