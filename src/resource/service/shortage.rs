//! Tasks that are wanted and do not run: what is read to find out why, and when waiting is given up.
//!
//! What each look shows is judged anyway. The rest is asked for only while something lacks, and the less
//! likely it tells something, the more rarely: a deploy that goes well asks nothing of it.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_ecs::types::{Deployment as OfService, Service as Described};
use tokio::time::Instant;

use super::{Deployment, Output, evidence, rollout};
use crate::aws::{Aws, Result, Scope};
use crate::diagnosis::{self, Evidence, Family, Finding, OFTEN, StoppedTask, Waiting};
use crate::resource::auto_scaling_group;
use crate::resource::instance::{self, Instance};
use crate::resource::{Owned, Resource as _, cluster};

/// Tasks of the newest deployment that do not run, or are not healthy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shortage {
    /// How many.
    tasks: i32,
    /// When that was seen.
    at: Option<Instant>,
    /// For how long it has been as many.
    lacking: Duration,
    /// How many looks in a row have shown some that run, while the deployment goes on.
    running: u32,
    /// How many tasks of its deployments have failed, as ECS counts, and whether these are of the one that
    /// was asked for.
    failed: i32,
    fails: bool,
    /// When what was asked for last.
    asked: Asked,
    /// Whether the deployment replaces a former one.
    replaces: bool,
    /// What was read.
    evidence: Evidence,
    /// What that tells.
    findings: Vec<Finding>,
    /// The newest failed launch when the group was first asked: what was before may be mended since.
    known: Option<String>,
    /// The deployment that was there before this run did anything, until it is looked at for the first time.
    found: Option<String>,
    /// The tasks of that one which had ended by then: their cause may be mended since.
    ended_before: BTreeSet<String>,
    /// The cause for which launches fail since then, and when the first of them did, in seconds since
    /// 1970: the group remembers only the newest ones.
    failing: Option<(&'static str, i64)>,
    /// For how long the first finding has been the same hopeless one.
    hopeless: Duration,
    /// For how long it had come often by then.
    often: Duration,
    /// Instances of ours that run nothing, and to which ECS gives no tasks.
    idle: Vec<instance::Output>,
    /// Those that were ended for it. ECS lists an instance for some minutes longer.
    ended: Vec<instance::Output>,
    /// For how long nothing has lacked but the end of former tasks.
    stopping: Duration,
    /// ARNs of registered instances that are gone, which nobody tells ECS.
    lost: Vec<String>,
}

/// When things were asked for last: each question is a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Asked {
    stopped: Option<Instant>,
    targets: Option<Instant>,
    group: Option<Instant>,
    idle: Option<Instant>,
    lost: Option<Instant>,
    around: Option<Instant>,
}

/// Whether something was not asked for so lately; if so, it is now.
fn is_due(last: &mut Option<Instant>, every: Duration) -> bool {
    let is_due = last.is_none_or(|last| last.elapsed() >= every);
    if is_due {
        *last = Some(Instant::now());
    }
    is_due
}

// Looks come every 3 seconds, or every 15 while no task runs and none fails. What is to happen in every
// second look or in the fourth is due a bit before that.

/// After how long a shortage that stays the same is worth a question to the group, when some tasks run:
/// usually the others are only a bit later.
const LASTING: Duration = Duration::from_secs(58);
/// The same when none runs: instances that start take minutes.
const LASTING_WITHOUT_ANY: Duration = Duration::from_secs(295);
/// How much later the group is asked again, and what targets are like.
const AGAIN: Duration = Duration::from_secs(13);
/// How often the group is asked while no task runs at all, and what the service stands on is looked at
/// where that may be what is wrong.
const NOW_AND_THEN: Duration = Duration::from_secs(26);
/// After how long what the service stands on is looked at when nothing runs, no task has ended and no
/// launch has failed: instances have had time to register.
const STILL: Duration = Duration::from_secs(175);
/// After how long stopped tasks are looked at when nothing runs, although ECS counts none that failed, and
/// how much later again.
const UNCOUNTED: Duration = Duration::from_secs(40);
const UNCOUNTED_AGAIN: Duration = Duration::from_secs(55);
/// After how many looks at tasks that run their targets are looked at: health checks need four or five of
/// them when all is well. While something is on its way that the service goes through, looks are rare.
const CHECKED: u32 = 12;
/// How many of the failed launches this run has to have seen happen.
const SEEN: usize = 2;
/// For how long ECS may take to say itself that a deployment has failed: a rollback is its own.
const ECS_FIRST: Duration = Duration::from_secs(55);
/// For how long something hopeless has to be seen that is told by a state, and does not happen again and
/// again.
const STANDS: Duration = Duration::from_secs(115);
/// For how long EC2 may have no such instances.
const SCARCE_FOR: Duration = Duration::from_mins(10);

impl Shortage {
    /// Of a service that is there before this run does anything.
    pub fn found(deployment: Option<&Deployment>) -> Self {
        Self { found: deployment.map(|it| it.id.clone()), ..Self::default() }
    }

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
        let fresh = evidence::seen(service, it);
        // What tasks and targets were like is remembered: most of it is seen for a moment only.
        let before_this = before.cloned().unwrap_or_default();
        let mut now = Self { idle: Vec::new(), lost: Vec::new(), ..before_this };
        let at = Instant::now();
        let passed = now.at.replace(at).map_or(Duration::ZERO, |before| at - before);
        let longer = |lasts: bool, so_far: Duration| match lasts {
            true => so_far + passed,
            false => Duration::ZERO,
        };
        now.lacking = longer(tasks > 0 && tasks == now.tasks, now.lacking);
        now.running = if fresh.rollout.running > 0 { now.running + 1 } else { 0 };
        now.tasks = tasks;
        now.replaces = service.deployments().len() > 1;
        now.stopping = longer(tasks <= 0 && now.replaces, now.stopping);
        now.evidence = now.evidence.updated(fresh);
        now.ask(aws, scope, service, it, asked).await;
        if let Some(found) = now.found.take().filter(|_| tasks > 0)
            && rollout::primary(service).and_then(|it| it.id()) == Some(&found)
        {
            now.ended_before = ended(aws, it, &found, &now.evidence).await;
        }
        now.judge();
        if now.wants_more() {
            evidence::around(aws, scope, it, &mut now.evidence).await;
            now.findings = diagnosis::findings(&now.evidence);
        }
        let name = |it: &Self| it.hopeless_one().map(|it| it.name);
        let is_often = |it: &Self| it.hopeless_one().is_some_and(|it| it.times >= OFTEN);
        let is_same = name(&now).is_some() && before.and_then(name) == name(&now);
        now.hopeless = longer(is_same, now.hopeless);
        now.often = longer(is_same && is_often(&now) && before.is_some_and(is_often), now.often);
        now
    }

    /// Whether tasks of the deployment run.
    fn runs(&self) -> bool {
        self.evidence.rollout.running > 0
    }

    /// Whether tasks of the deployment that was asked for fail: then each look may show the end of it.
    pub fn is_failing(&self) -> bool {
        self.fails
    }

    /// What was found first, when that is hopeless.
    fn hopeless_one(&self) -> Option<&Finding> {
        self.findings.first().filter(|it| it.waiting == Waiting::Hopeless)
    }

    /// Asks for what is due in this look.
    async fn ask(
        &mut self,
        aws: &Aws,
        scope: &Scope,
        service: &Described,
        it: &Output,
        asked: Option<&Deployment>,
    ) {
        self.evidence.unread.clear();
        if let Some(deployment) = self.worth_a_look(service, asked)
            && let Ok(tasks) = evidence::stopped(aws, it, &deployment).await
        {
            self.evidence.tasks = tasks;
        }
        let is_checked = self.running >= CHECKED && is_due(&mut self.asked.targets, AGAIN);
        if is_checked && let Ok(targets) = evidence::targets(aws, it).await {
            self.evidence.targets = targets;
        }
        let on_instances = rollout::runs_on_instances(service);
        // Where its agent was silent when an instance was terminated, ECS takes former tasks for running on it.
        let is_held = self.replaces && self.stopping.max(self.lacking) >= LASTING;
        if on_instances && is_held && is_due(&mut self.asked.lost, NOW_AND_THEN) {
            self.lost = cluster::lost(aws, &it.cluster).await.unwrap_or_default();
        }
        if self.tasks == 0 || !on_instances {
            self.evidence.launches.clear();
            return;
        }
        let lasting = if service.running_count() > 0 { LASTING } else { LASTING_WITHOUT_ANY };
        let lasts = self.lacking >= lasting && is_due(&mut self.asked.idle, AGAIN);
        if lasts {
            let idle = idle_instances(aws, scope, &it.cluster).await.unwrap_or_default();
            self.idle = idle.into_iter().filter(|it| !self.ended.contains(it)).collect();
        }
        let none_runs = service.running_count() == 0 && is_due(&mut self.asked.group, NOW_AND_THEN);
        if let Some(names) = scope.names().filter(|_| lasts || none_runs) {
            let group = names.auto_scaling_group();
            let failed = auto_scaling_group::failed_launches(aws, &group).await.unwrap_or_default();
            let newest = failed.first().map(|it| it.id.clone());
            self.known.get_or_insert(newest.unwrap_or_default());
            self.evidence.launches = failed;
        }
    }

    /// Judges what was read.
    fn judge(&mut self) {
        self.findings = diagnosis::findings(&self.evidence);
        let known = self.known.as_deref().unwrap_or_default();
        let first = self.findings.first().filter(|it| it.family == Family::Launch);
        self.failing = first.and_then(|first| {
            let seen = self.evidence.launches.iter().take_while(|it| it.id != known);
            let seen = seen.take(first.times).filter_map(|it| it.at).min();
            let before = self.failing.filter(|(name, _)| *name == first.name).map(|(_, at)| at);
            before.into_iter().chain(seen).min().map(|at| (first.name, at))
        });
    }

    /// Whether what the service stands on is worth a look: something was found that may be a mere sign of
    /// it, or nothing was although nothing comes.
    fn wants_more(&mut self) -> bool {
        let is_a_sign = self.findings.iter().any(Finding::is_a_sign);
        let nothing_comes =
            self.tasks > 0 && !self.runs() && self.lacking >= STILL && self.findings.is_empty();
        // What was found by looking there is looked at again, too.
        let is_of_these = |it: &Finding| matches!(it.family, Family::Network | Family::Access);
        let wants = is_a_sign || nothing_comes || self.findings.iter().any(is_of_these);
        wants && is_due(&mut self.asked.around, NOW_AND_THEN)
    }

    /// The deployment whose stopped tasks are to be looked at: one that has failed as ECS counts, when one
    /// more has, and now and then; and where nothing runs, also one that has not.
    fn worth_a_look(&mut self, service: &Described, asked: Option<&Deployment>) -> Option<String> {
        let failed = service.deployments().iter().map(OfService::failed_tasks).sum();
        let is_more = std::mem::replace(&mut self.failed, failed) != failed;
        let failing = rollout::failing(service, asked).map(str::to_owned);
        self.fails = failing.is_some();
        let last = &mut self.asked.stopped;
        if failing.is_some() {
            let last = if is_more { &mut None } else { last };
            return failing.filter(|_| is_due(last, AGAIN));
        }
        let is_worth_it = self.tasks > 0
            && rollout::primary(service).is_some_and(|it| it.running_count() == 0)
            && self.lacking >= UNCOUNTED
            && is_due(last, UNCOUNTED_AGAIN);
        rollout::primary(service).and_then(|it| it.id()).filter(|_| is_worth_it).map(str::to_owned)
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

    /// Registered instances that are gone, and hold former tasks for ever.
    pub fn lost(&self) -> &[String] {
        &self.lost
    }

    /// The same, when these were taken out of the cluster.
    pub fn without_lost(self) -> Self {
        Self { lost: Vec::new(), ..self }
    }

    /// What was read, for who reads the rest.
    pub fn evidence(&self) -> Evidence {
        self.evidence.clone()
    }

    /// What was found in what was read so far.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Why waiting is given up, when it is.
    pub fn in_vain(&self) -> Option<String> {
        let first = self.findings.first()?;
        let launches = &self.evidence.launches;
        let known = self.known.as_deref().unwrap_or_default();
        let seen = || launches.iter().take_while(|it| it.id != known).take(first.times);
        let is_over = match (first.family, first.waiting) {
            (Family::Launch, Waiting::Hopeless) => first.times >= OFTEN && seen().count() >= SEEN,
            (Family::Launch, Waiting::MayHelp) if diagnosis::SCARCE.contains(&first.name) => {
                let newest = launches.first().and_then(|it| it.at);
                let lasted = newest.zip(self.failing).map(|(newest, (_, first))| newest - first);
                let lasted = lasted.and_then(|it| u64::try_from(it).ok()).map(Duration::from_secs);
                first.times >= OFTEN && lasted.is_some_and(|it| it >= SCARCE_FOR)
            }
            (_, Waiting::Hopeless) if self.is_stale(first) => false,
            (_, Waiting::Hopeless) if first.times >= OFTEN => self.often >= ECS_FIRST,
            // A state that no waiting mends. Where there is something to go back to, ECS does that.
            (_, Waiting::Hopeless) => self.hopeless >= STANDS && !self.replaces,
            _ => false,
        };
        let why = match first.waiting {
            Waiting::Hopeless => "waiting does not help",
            _ => "that has lasted for too long",
        };
        is_over.then(|| why.to_owned())
    }

    /// Whether what was found rests on tasks that had ended before this run began: it may have mended that
    /// itself, and the next task has yet to show it.
    fn is_stale(&self, found: &Finding) -> bool {
        let tasks = self.evidence.tasks.iter().take(found.times.min(OFTEN));
        tasks.into_iter().any(|task| self.ended_before.contains(&task.id))
    }

    /// What a rollout waits for, with the reason for it.
    pub fn explained(&self, wait: &str) -> String {
        explained(wait, &self.findings)
    }
}

/// What a rollout waits for, with the first thing that was found.
pub fn explained(wait: &str, findings: &[Finding]) -> String {
    match findings.iter().find(|it| !it.is_about_us()) {
        Some(first) => format!("{wait}: {}", first.line()),
        None => wait.to_owned(),
    }
}

/// The tasks of a deployment that have ended by now. A look-up that fails shows none.
async fn ended(aws: &Aws, it: &Output, deployment: &str, evidence: &Evidence) -> BTreeSet<String> {
    let ids = |tasks: &[StoppedTask]| tasks.iter().map(|task| task.id.clone()).collect();
    match evidence.tasks[..] {
        [] => ids(&evidence::stopped(aws, it, deployment).await.unwrap_or_default()),
        ref tasks => ids(tasks),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::Launch;

    fn of(evidence: Evidence) -> Shortage {
        let mut shortage = Shortage { tasks: 1, evidence, ..Shortage::default() };
        shortage.judge();
        shortage
    }

    /// Launches that failed at these minutes, the newest first.
    fn launches(message: &str, minutes: &[i64]) -> Shortage {
        let launch = |at: &i64| Launch {
            id: at.to_string(),
            message: message.to_owned(),
            at: Some(at * 60),
        };
        let launches = minutes.iter().map(launch).collect();
        let evidence = Evidence { launches, ..Evidence::default() };
        let mut shortage =
            Shortage { known: Some("3".to_owned()), evidence, ..Shortage::default() };
        shortage.judge();
        shortage
    }

    /// Of three failed launches in a row, this wait has to have seen two.
    #[test]
    fn only_launches_that_fail_now_end_a_wait() {
        let forbidden = |minutes: &[i64]| {
            launches("You are not authorized to perform this operation.", minutes).in_vain()
        };
        assert_eq!(forbidden(&[3, 2, 1]), None);
        assert_eq!(forbidden(&[4, 3, 2, 1]), None);
        assert_eq!(forbidden(&[5, 4]), None);
        assert_eq!(forbidden(&[5, 4, 3]).as_deref(), Some("waiting does not help"));
    }

    /// A lack of capacity passes, and is waited for, but not for ever.
    #[test]
    fn capacity_that_does_not_come_back_ends_a_wait() {
        let scarce = |minutes: &[i64]| {
            launches("We currently do not have sufficient c5.xlarge capacity", minutes).in_vain()
        };
        assert_eq!(scarce(&[12, 11, 10, 9, 4]), None);
        assert_eq!(scarce(&[14, 1]), None);
        assert!(scarce(&[14, 10, 9, 4]).is_some());
    }

    #[test]
    fn ecs_says_first_that_a_deployment_has_failed() {
        let task = StoppedTask {
            reason: "CannotPullContainerError: nginx: not found".into(),
            ..StoppedTask::default()
        };
        let after = |count, often| {
            let tasks = vec![task.clone(); count];
            Shortage { hopeless: often, often, ..of(Evidence { tasks, ..Evidence::default() }) }
                .in_vain()
        };
        assert_eq!(after(3, ECS_FIRST / 2), None);
        assert_eq!(after(2, ECS_FIRST), None);
        assert!(after(3, ECS_FIRST).is_some());
        assert!(after(1, STANDS).is_some());
    }

    /// What was missing for them may have been made by this very run.
    #[test]
    fn tasks_that_ended_before_the_run_end_no_wait() {
        let task = |id: &str| StoppedTask {
            id: id.to_owned(),
            reason: "CannotPullContainerError: nginx: not found".into(),
            ..StoppedTask::default()
        };
        let after = |ids: &[&str]| {
            let tasks = ids.iter().map(|id| task(id)).collect();
            let short = of(Evidence { tasks, ..Evidence::default() });
            let ended_before = ["1", "2", "3"].map(str::to_owned).into();
            Shortage { hopeless: STANDS, often: STANDS, ended_before, ..short }.in_vain()
        };
        assert_eq!(after(&["3", "2", "1"]), None);
        assert_eq!(after(&["5", "4", "3"]), None);
        assert!(after(&["6", "5", "4", "3"]).is_some());
    }

    #[test]
    fn a_wait_says_what_was_found() {
        let events = vec!["was unable to place a task: insufficient memory available".to_owned()];
        let wanted = diagnosis::Wanted { count: 2, ..diagnosis::Wanted::default() };
        let short = of(Evidence { wanted, events, ..Evidence::default() });
        let why = "1 of 2: no instance has the memory for another task: was unable to place a task: \
                   insufficient memory available";
        assert_eq!(short.explained("1 of 2"), why);
        assert_eq!(of(Evidence::default()).explained("1 of 2"), "1 of 2");
    }
}
