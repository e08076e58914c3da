//! IAM: whether the caller's policy allows a call, as AWS decides it.
//!
//! A call of an API is checked as one or more IAM actions, each for each resource that it concerns,
//! with what is known of the request and the resource as context ([`required`]). Everything has to be
//! allowed by some statement, and denied by none. How an action, its resources, its condition keys and
//! its dependent actions go together is in the Service Authorization Reference; who else is asked for a
//! launch template is in the Auto Scaling guide ("Control Amazon EC2 launch template usage").

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::wildcard::is_like;

pub mod call;
pub mod condition;
pub mod required;
#[cfg(test)]
mod tests;
pub mod view;

use condition::{Condition, Context, is_arn_like, texts};
use required::{Required, Target};

/// An identity-based policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    statements: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Statement {
    allows: bool,
    actions: Vec<String>,
    resources: Vec<String>,
    conditions: Vec<Condition>,
}

/// What a policy says about one action and one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A statement allows it, and none denies it.
    Allowed,
    /// No statement allows it.
    Unmentioned,
    /// A statement denies it.
    Denied,
}

impl Policy {
    /// Reads a policy document. What the simulator does not know is an error, never passed over.
    pub fn parse(document: &str) -> Result<Self, String> {
        let document: Value = serde_json::from_str(document).map_err(|error| error.to_string())?;
        if document["Version"] != "2012-10-17" {
            return Err("Version: 2012-10-17".to_owned());
        }
        let statements = match &document["Statement"] {
            Value::Array(all) => all.iter().map(Statement::parse).collect::<Result<_, _>>()?,
            one => vec![Statement::parse(one)?],
        };
        Ok(Self { statements })
    }

    /// Several policies of one identity: they count together.
    pub fn all(policies: impl IntoIterator<Item = Self>) -> Self {
        Self { statements: policies.into_iter().flat_map(|policy| policy.statements).collect() }
    }

    /// What it says about an action on a resource.
    pub fn verdict(&self, action: &str, arn: &str, context: &Context) -> Verdict {
        let of_it = self.statements.iter().filter(|it| it.concerns(action, arn, context));
        of_it.fold(Verdict::Unmentioned, |verdict, statement| match (verdict, statement.allows) {
            (Verdict::Denied, _) | (_, false) => Verdict::Denied,
            (_, true) => Verdict::Allowed,
        })
    }
}

impl Policy {
    /// The condition keys that it asks about for an action on a resource, and that nobody said.
    pub fn lacking(&self, action: &str, arn: &str, context: &Context) -> BTreeSet<String> {
        let of_it = self.statements.iter().filter(|it| it.names(action, arn));
        let conditions = of_it.flat_map(|statement| &statement.conditions);
        conditions
            .filter(|it| context.get(it.key()).is_none())
            .map(|it| it.key().to_owned())
            .collect()
    }
}

impl Statement {
    fn parse(statement: &Value) -> Result<Self, String> {
        const KNOWN: [&str; 5] = ["Sid", "Effect", "Action", "Resource", "Condition"];
        let parts = statement.as_object().ok_or("Statement: an object")?;
        if let Some(unknown) = parts.keys().find(|key| !KNOWN.contains(&key.as_str())) {
            return Err(format!("{unknown}: nothing that the simulator knows"));
        }
        let part = |name: &str| parts.get(name).ok_or_else(|| format!("{name}: is missing"));
        let allows = match part("Effect")?.as_str() {
            Some("Allow") => true,
            Some("Deny") => false,
            _ => return Err("Effect: Allow or Deny".to_owned()),
        };
        let none = Map::new();
        let conditions = match parts.get("Condition") {
            Some(block) => block.as_object().ok_or("Condition: an object")?,
            None => &none,
        };
        Ok(Self {
            allows,
            actions: texts(part("Action")?)?,
            resources: texts(part("Resource")?)?,
            conditions: Condition::parse(conditions)?,
        })
    }

    fn concerns(&self, action: &str, arn: &str, context: &Context) -> bool {
        self.names(action, arn) && self.conditions.iter().all(|condition| condition.holds(context))
    }

    /// Whether it is about an action on a resource, under whichever conditions.
    fn names(&self, action: &str, arn: &str) -> bool {
        let action = action.to_ascii_lowercase();
        self.actions.iter().any(|pattern| is_like(&pattern.to_ascii_lowercase(), &action))
            && self.resources.iter().any(|pattern| is_arn_like(pattern, arn))
    }
}

/// What a policy does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// The action.
    pub action: String,
    /// The resource.
    pub target: Target,
    /// What the policy says.
    pub verdict: Verdict,
}

impl Denied {
    /// How AWS tells it to a caller, by ARN.
    pub fn message(&self, caller: &str) -> String {
        let (action, resource) = (&self.action, self.target.shown());
        let why = match self.verdict {
            Verdict::Denied => "with an explicit deny in an identity-based policy".to_owned(),
            _ => format!("because no identity-based policy allows the {action} action"),
        };
        format!(
            "User: {caller} is not authorized to perform: {action} on resource: {resource} {why}"
        )
    }
}

/// The first of these that a policy does not allow. `strict` judges what is gone by the tags that it
/// does not have.
pub fn refused(policy: &Policy, required: &[Required], strict: bool) -> Option<Denied> {
    required.iter().find_map(|required| {
        required.targets.iter().find_map(|target| {
            let context = required.context(target, strict);
            let verdict = policy.verdict(&required.action, &target.arn, &context);
            let (action, target) = (required.action.clone(), target.clone());
            (verdict != Verdict::Allowed).then_some(Denied { action, target, verdict })
        })
    })
}
