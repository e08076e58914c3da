//! What the caller has to be allowed, and the IAM policy that allows it and nothing else.
//!
//! [`table`] says what AWS checks and why. Here each statement gets the narrowest resources and
//! conditions that its actions know:
//!
//! * what is made has to carry the stack's tags from birth (`aws:RequestTag`);
//! * what is changed or removed has to carry them already (`aws:ResourceTag`);
//! * what we name has to have a name like ours;
//! * tags can be set only by the call that makes the thing, so that nobody makes a stranger's thing
//!   ours by tagging it; Auto Scaling alone cannot tell;
//! * roles are known by their path, log groups and lock by their name, none of which can change.
//!
//! The whole is longer than IAM lets a managed policy be, so it comes in [`Part`]s as well.

use std::collections::{BTreeMap, BTreeSet};

use clap::ValueEnum;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::spec::Pattern;

pub use bounds::Bounds;
use statement::Sid;

mod bounds;
mod statement;
mod table;
#[cfg(test)]
mod tests;

/// How many characters a managed policy may have, white space not counted (IAM quotas).
pub const MANAGED_POLICY_LIMIT: usize = 6144;
/// How many characters all inline policies of a role may have together.
pub const ROLE_POLICIES_LIMIT: usize = 10_240;

/// What an action is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// Looking, which each command does.
    Read,
    /// Making and changing.
    Deploy,
    /// Removing, which a deploy also does with what broke or is not asked for any more.
    Destroy,
}

/// A part of the policy, small enough for a managed policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Part {
    /// Looking at everything: all that `plan`, `list` and `status` need
    Read,
    /// Network, private DNS, roles and log groups
    Foundation,
    /// Cluster, instances, load balancer, service and lock
    Service,
    /// Scaling services by their load: what all commands need besides where a service has `scaling`; in no
    /// policy but its own
    Scaling,
    /// Names of services in the VPC: what all commands need besides where a service has `discovery`; in no
    /// policy but its own
    Discovery,
    /// Running `release` commands of a manifest, and reading what they write; in no policy but its own
    Release,
    /// Running one-off tasks of services, and reading what they write: what `run` needs besides `read`; in no
    /// policy but its own
    Run,
    /// Asking services from inside their network: what `verify` needs besides `read`; in no policy but its own
    Verify,
    /// Reading for which platforms images in ECR are made, which takes the right to pull them: what `doctor`,
    /// `plan` and `deploy` say more with; in no policy but its own
    Images,
    /// Reading what containers write: what `logs` needs besides `read`; in no policy but its own
    Logs,
    /// Running commands in tasks and opening ports through them: what `exec` and `forward` need besides `read`;
    /// in no policy but its own
    Exec,
    /// What `certificates` in a manifest need besides; in no policy but its own
    Https,
    /// What `network.existing` in a manifest needs besides; in no policy but its own
    ExistingNetwork,
    /// What endpoints need besides, other than those of S3 and `DynamoDB`; in no policy but its own
    #[value(
        help = "What endpoints need besides, other than those of S3 and DynamoDB; in no policy but its own"
    )]
    Endpoints,
    /// What `secrets`, `policies`, `permissions`, `exec` and `${ssm:…}` in a manifest need besides; in no policy
    /// but its own
    Secrets,
}

impl Part {
    /// Those that are the whole policy. What containers write may be confidential, and nothing but `logs`
    /// needs it: whoever may deploy need not be able to read it, and is told of a crash without it. Whoever
    /// says what a role may do can let it do anything, which most stacks do without. And for what scaling,
    /// certificates and endpoints take there would be no room.
    pub const WHOLE: [Self; 3] = [Self::Read, Self::Foundation, Self::Service];
}

/// Which patterns need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needed {
    /// All.
    Always,
    /// Those with instances of their own.
    OnInstances,
    /// All, where roles have to have a permissions boundary.
    WithBoundary,
    /// All, where the network is the stack's own.
    OwnNetwork,
}

/// Some actions with the same reason and the same bounds.
#[derive(Debug)]
pub struct Row {
    sid: Sid,
    uses: &'static [Use],
    needed: Needed,
    /// The call with which AWS checks it, when ecsup does not call it itself.
    with: Option<&'static str>,
    actions: &'static [&'static str],
}

/// One action of the table.
#[derive(Debug, Clone, Copy)]
pub struct Permission {
    /// The action, such as `ec2:CreateVpc`.
    pub action: &'static str,
    /// What it is for.
    pub uses: &'static [Use],
    /// Which patterns need it.
    pub needed: Needed,
    /// The call with which AWS checks it, when ecsup does not call it itself.
    pub with: Option<&'static str>,
    sid: Sid,
}

/// A policy document.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Document {
    version: &'static str,
    statement: Vec<Statement>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    effect: &'static str,
    #[serde(serialize_with = "one_or_many")]
    action: Vec<&'static str>,
    #[serde(serialize_with = "one_or_many")]
    resource: Vec<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    condition: Map<String, Value>,
}

/// What IAM can be asked about at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Question {
    /// The actions.
    pub actions: BTreeSet<&'static str>,
    /// The resources. Each action is about one of them.
    pub resources: Vec<String>,
    /// What the calls say besides, by condition key.
    pub context: BTreeMap<String, String>,
}

/// One text stands alone, as IAM's own documents have it.
fn one_or_many<S: Serializer>(texts: &[impl Serialize], serializer: S) -> Result<S::Ok, S::Error> {
    match texts {
        [text] => text.serialize(serializer),
        texts => texts.serialize(serializer),
    }
}

/// Every action that these patterns and parts need. One that is bounded in two ways comes twice.
pub fn permissions(patterns: &[Pattern], parts: &[Part]) -> impl Iterator<Item = Permission> {
    let on_instances = runs_instances(patterns);
    let wanted = move |row: &&Row| {
        (on_instances || row.needed != Needed::OnInstances) && parts.contains(&row.sid.part())
    };
    table::ROWS.iter().filter(wanted).flat_map(|row| {
        row.actions.iter().map(|action| Permission {
            action,
            uses: row.uses,
            needed: row.needed,
            with: row.with,
            sid: row.sid,
        })
    })
}

fn runs_instances(patterns: &[Pattern]) -> bool {
    patterns.iter().any(|pattern| *pattern != Pattern::FargateApi)
}

/// The policy for these patterns and parts.
pub fn policy(patterns: &[Pattern], parts: &[Part], bounds: &Bounds) -> Document {
    let permissions = permissions(patterns, parts);
    let permissions: Vec<_> = permissions.filter(|it| it.is_needed(bounds)).collect();
    let on_instances = runs_instances(patterns);
    let mut sids: Vec<_> = permissions.iter().map(|permission| permission.sid).collect();
    sids.sort_unstable();
    sids.dedup();
    let statement = sids.into_iter().map(|sid| {
        let mut action: Vec<_> =
            permissions.iter().filter(|it| it.sid == sid).map(|it| it.action).collect();
        action.sort_unstable();
        action.dedup();
        Statement {
            sid: Some(format!("{sid:?}")),
            effect: "Allow",
            action,
            resource: sid.resources(bounds, on_instances),
            condition: sid.condition(bounds, on_instances),
        }
    });
    let mut document = Document { version: "2012-10-17", statement: statement.collect() };
    // The names of statements are for people. A role has no room for them where ARNs are long.
    if document.characters() > ROLE_POLICIES_LIMIT {
        document.statement.iter_mut().for_each(|statement| statement.sid = None);
    }
    document
}

impl Document {
    /// The document as people read it.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// What to ask IAM to learn whether somebody has what the document allows: what it says of the same
    /// resources, together. Actions of one question are about one of its resources each.
    pub fn questions(&self) -> Vec<Question> {
        let mut questions: BTreeMap<&[String], Question> = BTreeMap::new();
        for statement in &self.statement {
            let question = questions.entry(&statement.resource).or_default();
            question.resources.clone_from(&statement.resource);
            question.actions.extend(statement.action.iter().copied());
            for (operator, keys) in &statement.condition {
                // A condition for all values holds where nothing is said.
                if operator.starts_with("ForAllValues:") {
                    continue;
                }
                for (key, wanted) in keys.as_object().into_iter().flatten() {
                    let first = wanted.as_array().and_then(|all| all.first()).unwrap_or(wanted);
                    let value = match operator.as_str() {
                        // It has to be there, whatever it is.
                        "Null" => "any",
                        _ => first.as_str().unwrap_or_default(),
                    };
                    question.context.entry(key.clone()).or_insert_with(|| value.to_owned());
                }
            }
        }
        questions.into_values().collect()
    }

    /// How many characters IAM counts.
    pub fn characters(&self) -> usize {
        self.to_json().chars().filter(|character| !character.is_whitespace()).count()
    }
}

impl Permission {
    /// Whether it is needed within these bounds.
    pub fn is_needed(&self, bounds: &Bounds) -> bool {
        match self.needed {
            Needed::Always | Needed::OnInstances => true,
            Needed::WithBoundary => bounds.has_boundary(),
            Needed::OwnNetwork => bounds.has_own_network(),
        }
    }

    /// The action in one line of a table: what it is for, where it stands, and why AWS checks it when
    /// it is no call of ecsup's.
    pub fn line(&self) -> String {
        let uses = self.uses.iter().map(|it| format!("{it:?}").to_lowercase());
        let uses = uses.collect::<Vec<_>>().join(", ");
        let with = self.with.map(|with| format!("checked with {with}")).unwrap_or_default();
        let sid = format!("{:?}", self.sid);
        format!("{:<50} {uses:<15} {sid:<19} {with}", self.action).trim_end().to_owned()
    }
}
