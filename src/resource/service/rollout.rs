//! How a service's rollout is going: read from its deployments and its newest events. Why it does not
//! go on is [`crate::diagnosis`]'s affair.
//!
//! A count of running tasks is no success: after a rollback the former revision runs in full. What
//! counts is the deployment that was asked for, known by its id, and its `rolloutState`.

use aws_sdk_ecs::types::{
    CapacityProviderStrategyItem, Deployment as Described, DeploymentRolloutState as State,
    LaunchType, Service, ServiceEvent,
};

use super::FARGATE;
use super::{Deployment, scaled};
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

/// Judges a service. `asked` is the deployment that the last change made.
pub fn judge(service: &Service, asked: Option<&Deployment>) -> Rollout {
    let Some(primary) = primary(service) else {
        return Rollout::Going("ECS to start a deployment".into());
    };
    if let Some(asked) = asked.filter(|asked| primary.id() != Some(&asked.id)) {
        if let Some(why) = rolled_back(service, primary, asked) {
            let to = primary.task_definition().map_or("the former one", last_part);
            return Rollout::RolledBack(joined([format!("ECS rolled it back to {to}"), why]));
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
            Rollout::Failed(why.trim_end_matches('.').to_owned())
        }
        // A higher count of tasks is no new deployment.
        Some(State::Completed) if whole => Rollout::Steady,
        // Where load moves it, it may rise again and again.
        Some(State::Completed) if scaled::is_said(service) && primary.running_count() > 0 => {
            Rollout::Steady
        }
        None if whole && service.deployments().len() == 1 => Rollout::Steady,
        _ => Rollout::Going(waits_for(service, primary)),
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

/// Whether a service's tasks need instances: some endpoints say both, and the strategy counts.
pub fn runs_on_instances(service: &Service) -> bool {
    let providers = service.capacity_provider_strategy().iter();
    let mut on = providers
        .map(CapacityProviderStrategyItem::capacity_provider)
        .chain(service.launch_type().map(LaunchType::as_str));
    !on.next().is_some_and(|on| on.starts_with(FARGATE))
}

/// What ECS has told since a deployment began, the newest first.
pub fn news(service: &Service, deployment: Option<&Deployment>) -> Vec<String> {
    let since = deployment.and_then(|it| it.since.as_ref());
    let events = service.events().iter().filter(|event| is_since(event, since));
    let mut events: Vec<_> = events.collect();
    // ECS lists the newest first; equally old ones stay as they are.
    events.sort_by_key(|event| std::cmp::Reverse(event.created_at().copied()));
    events.into_iter().map(plain).collect()
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
fn waits_for(service: &Service, primary: &Described) -> String {
    let (running, wanted) = (primary.running_count(), primary.desired_count());
    let wanted = wanted.max(service.desired_count());
    let former: i32 = service
        .deployments()
        .iter()
        .filter(|other| other.id() != primary.id())
        .map(Described::running_count)
        .sum();
    let check = match former {
        _ if running < wanted => String::new(),
        0 => ": ECS checks that they stay healthy".to_owned(),
        former => format!(": {former} of the former ones still stopping"),
    };
    format!("{running} of {wanted} tasks running{check}")
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
    text.trim().trim_end_matches('.').to_owned()
}

fn joined(parts: impl IntoIterator<Item = String>) -> String {
    let parts = parts.into_iter().map(|part| part.trim_end_matches('.').to_owned());
    parts.collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
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
        assert_eq!(judge(&steady, None), Rollout::Steady);
        assert_eq!(judge(&steady, Some(&asked("d9"))), Rollout::Steady);
        let missing = service(vec![deployment("d9", "PRIMARY", State::Completed, 1)], &[]);
        let why = "1 of 2 tasks running".to_owned();
        assert_eq!(judge(&missing, None), Rollout::Going(why));
    }

    #[test]
    fn news_are_what_was_told_since_the_deployment_began() {
        let primary = deployment("d9", "PRIMARY", State::InProgress, 1);
        let events = [
            (11, "(service web) has started 1 tasks: (task 1)."),
            (12, "(service web) was unable to place a task. For more information, see the guide."),
            (3, "(service web) was unable to do something else."),
        ];
        let told = news(&service(vec![primary], &events), Some(&asked("d9")));
        assert_eq!(told, ["was unable to place a task", "has started 1 tasks: (task 1)"]);
    }

    #[test]
    fn a_rollback_is_a_failure_while_it_runs_and_afterwards() {
        let now = service(
            vec![
                deployment("d10", "PRIMARY", State::InProgress, 2),
                deployment("d9", "ACTIVE", State::Failed, 0),
            ],
            &[],
        );
        let Rollout::RolledBack(why) = judge(&now, Some(&asked("d9"))) else { panic!() };
        assert_eq!(
            why,
            "ECS rolled it back to td-demo_web:10: ECS deployment circuit breaker: tasks failed to start"
        );
        let event = [(20, "(service web) rolling back to deployment d3.")];
        let later = service(vec![deployment("d3", "PRIMARY", State::Completed, 2)], &event);
        assert!(matches!(judge(&later, Some(&asked("d9"))), Rollout::RolledBack(_)));
    }

    #[test]
    fn an_old_look_and_a_strangers_change_are_no_rollback() {
        let old = service(vec![deployment("d3", "PRIMARY", State::Completed, 2)], &[]);
        assert_eq!(judge(&old, Some(&asked("d9"))), Rollout::Unseen);
        let new = service(vec![deployment("d11", "PRIMARY", State::Completed, 2)], &[]);
        assert_eq!(judge(&new, Some(&asked("d9"))), Rollout::Steady);
    }

    #[test]
    fn a_first_deployment_fails_where_it_stands() {
        let first = service(vec![deployment("d9", "PRIMARY", State::Failed, 0)], &[]);
        let why = "ECS deployment circuit breaker: tasks failed to start".to_owned();
        assert_eq!(judge(&first, Some(&asked("d9"))), Rollout::Failed(why));
        assert_eq!(failing(&first, Some(&asked("d9"))), Some("d9"));
    }
}
