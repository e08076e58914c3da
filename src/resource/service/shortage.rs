//! Tasks that are wanted and do not run, and why: because no instance starts for them, or because they
//! stop. It explains a wait, and ends it when what is wrong never heals.

use aws_sdk_ecs::types::{DesiredStatus, Service as Described, Task};

use super::rollout::{self, Stopped};
use super::{Deployment, Output};
use crate::aws::{Aws, Doing, Result, Scope};
use crate::resource::auto_scaling_group::{self, FailedLaunches};
use crate::resource::instance::{self, Instance};
use crate::resource::{Owned, Resource as _, cluster};

/// Tasks of the newest deployment that do not run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shortage {
    /// How many.
    tasks: i32,
    /// How many looks in a row have shown as many.
    looks: u32,
    /// Why their group starts no instances, when it was last asked.
    launches: Option<FailedLaunches>,
    /// The newest failed launch when the group was first asked: what was before may be mended since.
    known: Option<String>,
    /// Why tasks stopped, when they were last looked at.
    stopped: Stopped,
    /// For how many looks in a row they have stopped for one reason that never heals.
    hopeless: u32,
    /// Instances of ours that run nothing, and to which ECS gives no tasks.
    idle: Vec<instance::Output>,
    /// Those that were ended for it. ECS lists an instance for some minutes longer.
    ended: Vec<instance::Output>,
}

/// After how many looks a shortage that stays the same is worth a question to the group, when some
/// tasks run: usually the others are only a bit later. About a minute.
const LASTING: u32 = 20;
/// How many looks later the group is asked again: each question is a call.
const AGAIN: u32 = 5;
/// In which looks the group is asked while no task runs at all.
const EVERY_OTHER: u32 = 2;
/// After how many looks stopped tasks are looked at when nothing runs, although ECS counts none that
/// failed, and how many looks later again. Looks come every 15 seconds then.
const UNCOUNTED: u32 = 3;
const UNCOUNTED_AGAIN: u32 = 4;
/// How often something that never heals has to happen before it is believed, and how many of the
/// failed launches this run has to have seen happen.
const OFTEN: usize = 3;
const SEEN: usize = 2;
/// For how many looks ECS may take to say itself that a deployment has failed: a rollback is its own.
const ECS_FIRST: u32 = 4;

impl Shortage {
    /// Which tasks are missing now, and why. A look-up that fails explains nothing.
    pub async fn look(
        aws: &Aws,
        scope: &Scope,
        service: &Described,
        it: &Output,
        before: Option<&Output>,
    ) -> Self {
        let asked = before.and_then(|before| before.deployment.as_ref());
        let tasks = rollout::lacking(service);
        let before = before.map(|it| &it.shortage);
        let same = before.filter(|it| it.tasks == tasks && tasks > 0);
        let looks = same.map_or(0, |it| it.looks + 1);
        let mut now = Self {
            tasks,
            looks,
            known: before.and_then(|it| it.known.clone()),
            ended: before.map(|it| it.ended.clone()).unwrap_or_default(),
            ..same.cloned().unwrap_or_default()
        };
        if let Some(deployment) = now.worth_a_look(service, asked) {
            now.stopped = stopped(aws, it, &deployment).await.unwrap_or_default();
        }
        now.hopeless = if now.stopped.hopeless(OFTEN).is_some() { now.hopeless + 1 } else { 0 };
        let lasts = looks >= LASTING && (looks - LASTING).is_multiple_of(AGAIN);
        if tasks > 0 && lasts && runs_on_instances(service) {
            let idle = idle_instances(aws, scope, &it.cluster).await.unwrap_or_default();
            now.idle = idle.into_iter().filter(|it| !now.ended.contains(it)).collect();
        }
        let none_runs = service.running_count() == 0 && looks.is_multiple_of(EVERY_OTHER);
        let asks = tasks > 0 && (lasts || none_runs);
        if let Some(names) = scope.names().filter(|_| asks && runs_on_instances(service)) {
            let group = names.auto_scaling_group();
            let failed = auto_scaling_group::failed_launches(aws, &group).await.unwrap_or_default();
            let newest = failed.as_ref().and_then(|it| it.hopeless.first().cloned());
            now.known.get_or_insert(newest.unwrap_or_default());
            now.launches = failed;
        }
        now
    }

    /// The deployment whose stopped tasks are to be looked at: one that has failed as ECS counts; and
    /// where nothing runs, also one that has not, now and then.
    fn worth_a_look(&self, service: &Described, asked: Option<&Deployment>) -> Option<String> {
        let failing = rollout::failing(service, asked).map(str::to_owned);
        let runs = rollout::primary(service).is_some_and(|it| it.running_count() > 0);
        let due = self.tasks > 0
            && !runs
            && self.looks >= UNCOUNTED
            && (self.looks - UNCOUNTED).is_multiple_of(UNCOUNTED_AGAIN);
        let primary = rollout::primary(service).and_then(|it| it.id()).filter(|_| due);
        failing.or_else(|| primary.map(str::to_owned))
    }

    /// Instances that take no tasks and can be ended for others that do.
    pub fn idle(&self) -> &[instance::Output] {
        &self.idle
    }

    /// The same, when these were ended.
    pub fn with_idle_ended(mut self) -> Self {
        self.ended.append(&mut self.idle);
        self
    }

    /// Why tasks stopped, each reason once.
    pub fn stopped(&self) -> &[String] {
        &self.stopped.reasons
    }

    /// Why waiting is in vain, when it is: no instance will ever start, or no task.
    pub fn in_vain(&self, wait: &str) -> Option<String> {
        if let Some(FailedLaunches { why, hopeless }) = &self.launches {
            let known = self.known.as_deref().unwrap_or_default();
            let seen = hopeless.iter().take_while(|id| *id != known).count();
            if hopeless.len() >= OFTEN && seen >= SEEN {
                let why = why.trim_end_matches('.');
                return Some(format!(
                    "no instance can be started, and each attempt fails for one reason: {why}; {wait}"
                ));
            }
        }
        let cause = self.stopped.hopeless(OFTEN).filter(|_| self.hopeless > ECS_FIRST)?;
        Some(format!("{cause}, and waiting does not mend that; {wait}"))
    }

    /// What a rollout waits for, with the reason for it: why there are no instances, or else, once it
    /// has lasted, what ECS said when it last found no place for a task.
    pub fn explained(&self, wait: String, service: &Described) -> String {
        let what = match service.running_count() {
            0 => "no instance could be started",
            _ => "no more instances could be started",
        };
        let event = || rollout::misplaced(service).filter(|event| !wait.contains(event));
        match &self.launches {
            Some(failed) => format!("{wait}; {what}: {}", failed.why),
            None if self.looks < LASTING => wait,
            None => event().map_or(wait.clone(), |event| format!("{wait}; {event}")),
        }
    }
}

/// Whether a service's tasks need instances: some endpoints say both, and the strategy counts.
fn runs_on_instances(service: &Described) -> bool {
    service.launch_type().is_none() || !service.capacity_provider_strategy().is_empty()
}

/// Instances of ours that serve a cluster and belong to no capacity provider.
async fn idle_instances(aws: &Aws, scope: &Scope, cluster: &str) -> Result<Vec<instance::Output>> {
    let idle = cluster::idle_without_provider(aws, cluster).await?;
    if idle.is_empty() {
        return Ok(Vec::new());
    }
    let ours = Instance::list(aws, scope).await?;
    Ok(ours.iter().map(Owned::it).filter(|it| idle.contains(&it.id)).cloned().collect())
}

/// Why the newest tasks of a deployment stopped.
pub async fn stopped(aws: &Aws, it: &Output, deployment: &str) -> Result<Stopped> {
    const DOING: &str = "look at the stopped tasks of the ECS service";
    let list = aws.ecs.list_tasks().cluster(&it.cluster).service_name(&it.name);
    let listed = list.desired_status(DesiredStatus::Stopped).send().await.doing(DOING)?;
    if listed.task_arns().is_empty() {
        return Ok(Stopped::default());
    }
    let describe = aws.ecs.describe_tasks().cluster(&it.cluster);
    let described = describe.set_tasks(listed.task_arns).send().await.doing(DOING)?;
    let mut tasks: Vec<Task> = described.tasks.unwrap_or_default();
    tasks.retain(|task| task.started_by().is_none_or(|by| by == deployment));
    Ok(Stopped::of(tasks))
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::ServiceEvent;

    use super::*;

    fn failed(ids: &[&str]) -> Shortage {
        let hopeless = ids.iter().map(|id| (*id).to_owned()).collect();
        let launches = FailedLaunches { why: "a quota is used up: AWS said so.".into(), hopeless };
        Shortage {
            tasks: 1,
            launches: Some(launches),
            known: Some("3".into()),
            ..Shortage::default()
        }
    }

    #[test]
    fn a_shortage_that_lasts_is_explained() {
        let event = ServiceEvent::builder()
            .message("(service web) was unable to place a task because of memory.");
        let service = Described::builder().running_count(1).events(event.build()).build();
        let says = |shortage: Shortage| shortage.explained("1 of 2".to_owned(), &service);
        assert_eq!(says(Shortage { looks: 1, ..Shortage::default() }), "1 of 2");
        let lasting = Shortage { looks: LASTING, ..Shortage::default() };
        assert_eq!(says(lasting), "1 of 2; was unable to place a task because of memory");
        let why = "1 of 2; no more instances could be started: a quota is used up: AWS said so.";
        assert_eq!(says(failed(&["1"])), why);
    }

    /// Of three failed launches in a row, this wait has to have seen two.
    #[test]
    fn only_launches_that_fail_now_end_a_wait() {
        assert_eq!(failed(&["3", "2", "1"]).in_vain("0 of 2"), None);
        assert_eq!(failed(&["4", "3", "2", "1"]).in_vain("0 of 2"), None);
        assert_eq!(failed(&["5", "4"]).in_vain("0 of 2"), None);
        let why = "no instance can be started, and each attempt fails for one reason: a quota is \
                   used up: AWS said so; 0 of 2";
        assert_eq!(failed(&["5", "4", "3"]).in_vain("0 of 2").as_deref(), Some(why));
    }

    #[test]
    fn ecs_says_first_that_a_deployment_has_failed() {
        let task = Task::builder().stopped_reason("CannotPullContainerError: nginx: not found");
        let tasks = |count| Stopped::of(vec![task.clone().build(); count]);
        let after = |count, hopeless| {
            Shortage { stopped: tasks(count), hopeless, ..Shortage::default() }.in_vain("0 of 2")
        };
        assert_eq!(after(3, ECS_FIRST), None);
        assert_eq!(after(2, ECS_FIRST + 1), None);
        assert!(after(3, ECS_FIRST + 1).is_some());
    }
}
