//! Why a service does not come up: a pure function from what was read of AWS to what is wrong.
//!
//! What was read is the [`Evidence`]; whoever calls AWS gathers it. [`findings`] judges it. Each family
//! of causes has a file with a table, in which a cause is known by AWS's words, and with what follows
//! from other evidence: that a pull timed out is told by the task, and that its subnet has no way out by
//! a route table. No other code reads such words. `docs/diagnosis.md` says how to add a cause.

use std::cmp::Reverse;

mod access;
mod deployment;
mod evidence;
mod exit;
mod health;
mod image;
mod launch;
mod network;
mod placement;
mod start;
mod table;

#[cfg(test)]
mod tests;

pub use deployment::is_routine;
pub use evidence::{
    Agent, End, Evidence, Gateway, Group, Launch, Log, Role, Rollout, Shape, StoppedTask, Subnet,
    Target, Wanted, WayOut,
};
pub use launch::SCARCE;
use table::Cause;

/// How often something hopeless has to happen before it is believed.
pub const OFTEN: usize = 3;
/// How many of the newest ends of tasks and failed launches are told apart by their causes.
const NEWEST: usize = 20;
/// How many lines of a container's log are shown.
pub const LINES: usize = 5;

/// Whether waiting can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Waiting {
    /// It does not: somebody has to change something.
    Hopeless,
    /// It may, when the cause goes away by itself or somebody takes it away.
    MayHelp,
    /// It does: AWS is about to do it, or tries again.
    Helps,
}

/// What a cause is about, and which file knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// The image cannot be pulled.
    Image,
    /// A role, a secret or a log group is not as the task needs it.
    Access,
    /// There is no way out, or it does not work.
    Network,
    /// EC2 starts no instances.
    Launch,
    /// A task finds no place.
    Placement,
    /// A container cannot be started.
    Start,
    /// A container ends.
    Exit,
    /// A health check fails.
    Health,
    /// The deployment itself, and what the account allows.
    Deployment,
}

/// What a finding rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The call that told it, such as `ecs:DescribeTasks`.
    pub call: &'static str,
    /// What it told.
    pub text: String,
}

/// Something that is wrong, or that takes its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The cause's name, which stays the same in all releases: `image-missing`.
    pub name: &'static str,
    /// What it is about.
    pub family: Family,
    /// The cause in one sentence.
    pub cause: String,
    /// What it rests on, the most telling first.
    pub evidence: Vec<Proof>,
    /// What to type or to change next; empty when there is nothing to do.
    pub advice: String,
    /// Whether waiting can help.
    pub waiting: Waiting,
    /// How often in a row it has come: the newest tasks that ended for it, or launches that failed.
    pub times: usize,
    /// What it is a mere sign of, when a finding of one of these families is there as well.
    sign_of: &'static [Family],
}

impl Finding {
    /// The cause with the first thing that it rests on, in one line.
    pub fn line(&self) -> String {
        match self.evidence.first() {
            Some(proof) if !self.cause.contains(&proof.text) => {
                format!("{}: {}", self.cause, proof.text)
            }
            _ => self.cause.clone(),
        }
    }

    /// What it rests on, line by line; without what the cause says already.
    pub fn proofs(&self) -> impl Iterator<Item = String> {
        let says_more = |proof: &&Proof| !self.cause.contains(&proof.text);
        self.evidence.iter().filter(says_more).map(|Proof { call, text }| match *call {
            "" => text.clone(),
            call => format!("{call}: {text}"),
        })
    }

    /// Whether it may be a mere sign of what a service stands on.
    pub fn is_a_sign(&self) -> bool {
        let is_of = |family| self.sign_of.contains(&family);
        (is_of(Family::Network) || is_of(Family::Access)) && !is_of(Family::Deployment)
    }

    /// Whether it says what could not be looked at, and nothing of the service.
    pub fn is_about_us(&self) -> bool {
        self.name == UNREAD
    }

    /// The same finding, resting on this as well.
    fn resting_on(mut self, call: &'static str, text: impl Into<String>) -> Self {
        let proof = Proof { call, text: text.into() };
        if !proof.text.is_empty() && !self.evidence.contains(&proof) {
            self.evidence.push(proof);
        }
        self
    }
}

/// What was found out of something that does not come up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// How far it is, without any reason: `0 of 2 tasks running`. Absent where it was not looked at.
    pub state: Option<String>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// What is wrong, judging by the evidence: what no waiting mends first, and of that what is most certain.
/// What is a mere sign of something else that was found is part of that.
pub fn findings(evidence: &Evidence) -> Vec<Finding> {
    let mut all = Vec::new();
    all.extend(network::found(evidence));
    all.extend(access::found(evidence));
    all.extend(launch::found(evidence));
    all.extend(placement::found(evidence));
    all.extend(health::found(evidence));
    all.extend(ends(evidence));
    all.extend(deployment::found(evidence));
    let mut all = without_echoes(absorbed(told_once(all)));
    for quota in all.iter_mut().filter(|it| it.name == "fargate-quota") {
        quota.advice = deployment::fargate_quota(evidence);
    }
    all.sort_by_key(|it| {
        let is_vague = it.name == UNEXPLAINED;
        (it.waiting, !it.sign_of.is_empty(), is_vague, Reverse(it.times.min(OFTEN)))
    });
    all.extend(unread(evidence));
    all
}

/// The name of what tells that not everything could be looked at.
const UNREAD: &str = "unread";

/// That not everything could be looked at.
fn unread(evidence: &Evidence) -> Option<Finding> {
    let finding = Finding {
        name: UNREAD,
        cause: "not everything could be looked at".to_owned(),
        advice: "`ecsup permissions` prints the policy that the caller needs, and with `--part logs` the \
                 one for what containers write"
            .to_owned(),
        waiting: Waiting::Helps,
        ..unexplained("")
    };
    let told = evidence.unread.iter().map(|why| Proof { call: "", text: why.clone() }).collect();
    (!evidence.unread.is_empty()).then_some(Finding { evidence: told, ..finding })
}

/// The calls that tell what a family's causes are known by.
const TASKS: &str = "ecs:DescribeTasks";
const SERVICES: &str = "ecs:DescribeServices";

/// Why the newest tasks ended, each cause once, with how many of the newest in a row ended for it.
fn ends(evidence: &Evidence) -> Vec<Finding> {
    const TABLES: &[(Family, &[Cause])] = &[
        (Family::Access, access::CAUSES),
        (Family::Image, image::CAUSES),
        (Family::Start, start::CAUSES),
        (Family::Health, health::CAUSES),
        (Family::Placement, placement::CAUSES),
        (Family::Deployment, deployment::CAUSES),
    ];
    let (mut found, mut is_unbroken) = (Vec::new(), true);
    let tasks = evidence.tasks.iter().filter(|task| !deployment::is_routine(&task.reason));
    for task in tasks.take(NEWEST) {
        let text = task.text();
        let finding = table::among(TABLES, &text, evidence)
            .or_else(|| exit::of(task, evidence))
            .unwrap_or_else(|| unexplained(&text));
        let finding = exit::with_log(finding.resting_on(TASKS, text), task, evidence);
        count(&mut found, finding, &mut is_unbroken);
    }
    found
}

/// Adds a finding to those of newer things of one kind. Only the newest one's is counted, and only until
/// something else comes: what was before may be mended since.
fn count(found: &mut Vec<Finding>, finding: Finding, is_unbroken: &mut bool) {
    let known = found.iter_mut().position(|it| it.name == finding.name && is_same(it, &finding));
    *is_unbroken &= found.is_empty() || known == Some(0);
    match known {
        Some(at) => found[at].times += usize::from(*is_unbroken),
        None => found.push(finding),
    }
}

/// Of two things that nobody can explain, their words decide. Of a task that has just ended it is not
/// told yet how its containers did.
fn is_same(one: &Finding, other: &Finding) -> bool {
    one.name != UNEXPLAINED
        || one.cause.starts_with(&other.cause)
        || other.cause.starts_with(&one.cause)
}

/// The name of what no table knows.
pub const UNEXPLAINED: &str = "unexplained";

/// What no table knows, in AWS's own words.
fn unexplained(text: &str) -> Finding {
    Finding {
        name: UNEXPLAINED,
        family: Family::Deployment,
        cause: text.to_owned(),
        evidence: Vec::new(),
        advice: String::new(),
        waiting: Waiting::MayHelp,
        times: 1,
        sign_of: &[],
    }
}

/// Makes what is a mere sign of another finding a part of that.
fn absorbed(all: Vec<Finding>) -> Vec<Finding> {
    let (signs, mut causes): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|it| !it.sign_of.is_empty());
    let mut left = Vec::new();
    for sign in signs {
        if deployment::ECHOES.contains(&sign.name) {
            left.push(sign);
            continue;
        }
        let of = causes.iter_mut().find(|it| {
            // That a target has not been checked yet is no cause of a task that was stopped.
            let comes = it.family == Family::Health && it.waiting == Waiting::Helps;
            sign.sign_of.contains(&it.family) && !comes
        });
        let Some(cause) = of else {
            left.push(sign);
            continue;
        };
        cause.times = cause.times.max(sign.times);
        for proof in sign.evidence {
            if !cause.evidence.iter().any(|it| it.text.contains(&proof.text)) {
                cause.evidence.push(proof);
            }
        }
    }
    causes.extend(left);
    causes
}

/// Leaves out what only says that something is wrong, where anything says what.
fn without_echoes(mut all: Vec<Finding>) -> Vec<Finding> {
    let (echoes, others): (Vec<_>, Vec<_>) =
        all.drain(..).partition(|it| deployment::ECHOES.contains(&it.name));
    match others.is_empty() {
        true => echoes.into_iter().take(1).collect(),
        false => others,
    }
}

/// Makes one of what was found twice, by two calls.
fn told_once(all: Vec<Finding>) -> Vec<Finding> {
    let mut once: Vec<Finding> = Vec::new();
    for finding in all {
        match once.iter_mut().find(|it| it.name == finding.name && is_same(it, &finding)) {
            Some(known) => {
                known.times = known.times.max(finding.times);
                for proof in finding.evidence {
                    let is_new = |it: &Proof| !it.text.contains(&proof.text);
                    if known.evidence.iter().all(is_new) {
                        known.evidence.push(proof);
                    }
                }
            }
            None => once.push(finding),
        }
    }
    once
}
