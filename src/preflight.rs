//! What can be known before a deploy of whether it will go through: quotas, permissions and images, beside what
//! [`crate::facts`] refuses already.
//!
//! It only looks, and never is in the way of what it does not know: a look-up that cannot be had is told as
//! unknown, and only what AWS or a registry says for certain stops a deploy.

use std::collections::BTreeMap;

use futures::future::join3;
use serde::{Serialize, Serializer};

use crate::aws::Error;
use crate::deploy::Prepared;
use crate::engine::verdict::Verdict;
use crate::permissions::Part;
use crate::registry::Registry;
use crate::spec::Network;

mod image;
mod permission;
mod quota;

/// How sure it is that something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It is wrong: a deploy cannot go through.
    Wrong,
    /// It may be wrong.
    Doubtful,
    /// Nobody could say.
    Unknown,
    /// It is right.
    Fine,
}

impl State {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::Doubtful => "doubtful",
            Self::Unknown => "unknown",
            Self::Fine => "ok",
        }
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// What was found of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, in a word, such as `quotas`.
    pub about: &'static str,
    /// How it is.
    pub state: State,
    /// What is so, in one sentence.
    pub what: String,
    /// Which call or which registry says so.
    pub evidence: String,
    /// What to do; empty where there is nothing to do.
    pub advice: String,
}

impl Finding {
    fn new(about: &'static str, state: State, what: impl Into<String>) -> Self {
        let (evidence, advice) = (String::new(), String::new());
        Self { about, state, what: what.into(), evidence, advice }
    }

    fn evidence(self, evidence: impl Into<String>) -> Self {
        Self { evidence: evidence.into(), ..self }
    }

    fn advice(self, advice: impl Into<String>) -> Self {
        Self { advice: advice.into(), ..self }
    }

    /// What a deploy is refused for before there is a plan.
    pub fn refused(why: &str) -> Self {
        Self::new("stack", State::Wrong, why)
    }

    /// What it is about, in as few words as tell it from others.
    pub fn subject(&self) -> &str {
        if self.about == image::ABOUT { &self.what } else { self.about }
    }

    /// Whether it is about what the caller may do.
    pub fn is_of_permissions(&self) -> bool {
        self.about == permission::ABOUT
    }

    /// What could not be looked up.
    fn unknown(about: &'static str, what: impl Into<String>, error: &Error) -> Self {
        Self::new(about, State::Unknown, what).evidence(error.to_string())
    }
}

/// How much is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// What the plan adds.
    Added,
    /// Everything that the stack takes, whether it is there or not.
    Whole,
}

/// Looks at what a deploy would meet. `parts` are those of the policy that the stack takes; without a
/// `registry`, no image is looked up outside ECR.
pub async fn look(
    prepared: &Prepared,
    parts: &[Part],
    registry: Option<&dyn Registry>,
    depth: Depth,
) -> Vec<Finding> {
    let (quotas, permissions, images) = join3(
        quota::look(prepared),
        permission::look(prepared, parts, depth),
        image::look(prepared, registry, depth),
    )
    .await;
    let mut all: Vec<_> = quotas.into_iter().chain(permissions).chain(images).collect();
    all.sort_by_key(|finding| finding.state);
    all
}

/// What was looked up on the way to the plan, and is right, or could not be known.
pub fn known(prepared: &Prepared) -> Vec<Finding> {
    let Prepared { spec, facts, plan, .. } = prepared;
    let fine = |about, what: String| Finding::new(about, State::Fine, what);
    let mut all: Vec<_> = facts
        .warnings
        .iter()
        .map(|warning| Finding::new("look-up", State::Doubtful, warning.as_str()))
        .collect();
    all.push(fine("zones", facts.zones.join(", ")));
    if let Some(kind) = &facts.instance_type {
        let what = format!("{} ({}) is offered in these zones", kind.name, kind.architecture);
        all.push(fine("instances", what));
    }
    let secured = spec.ingresses().filter_map(|(_, it)| it.tls.as_ref());
    let certificates: usize = secured.map(|tls| tls.certificates.len()).sum();
    if certificates > 0 {
        all.push(fine("certificates", format!("{certificates} issued, and of this region")));
    }
    let secrets: usize = facts.secrets.values().flat_map(BTreeMap::values).map(BTreeMap::len).sum();
    if secrets > 0 {
        all.push(fine("secrets", format!("{secrets} are there")));
    }
    if let Network::Existing(network) = &spec.network {
        all.push(fine("network", format!("{} is fit for this stack", network.vpc)));
    }
    let (create, all_nodes) =
        (plan.count_resources(|it| *it == Verdict::Create), plan.count_resources(|_| true));
    all.push(fine("stack", format!("{create} of {all_nodes} resources are to be created")));
    all
}
