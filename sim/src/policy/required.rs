//! What a call of an API takes: its IAM actions, each with resources and context.
//!
//! Calls that only look are checked for everything (`*`), whatever they ask for: a policy that narrows
//! them is judged more strictly here than by AWS.

use std::collections::BTreeMap;

use super::condition::Context;
use crate::fields::Tags;

/// One action that a call takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Required {
    /// The action, such as `ec2:CreateVpc`.
    pub action: String,
    /// The resources. It has to be allowed for each.
    pub targets: Vec<Target>,
    /// What else is known of the request, by condition key.
    pub context: BTreeMap<String, Vec<String>>,
}

/// One resource of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its ARN, or `*`.
    pub arn: String,
    /// How a refusal names it, when not by its ARN.
    pub said: Option<String>,
    /// The tags that the call gives it.
    pub request: Tags,
    /// The tags that it has.
    pub tagging: Tagging,
}

/// Which tags a resource has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tagging {
    /// None: the call makes it, or it is nothing that has tags.
    None,
    /// These.
    Is(Tags),
    /// It should be there, and is not.
    Gone,
}

impl Target {
    /// Everything.
    pub fn any() -> Self {
        Self::new("*".to_owned(), Tags::new())
    }

    /// Something that the call makes with these tags.
    pub fn new(arn: String, request: Tags) -> Self {
        Self { arn, said: None, request, tagging: Tagging::None }
    }

    /// The same, with tags that the call gives it.
    pub fn tagged(self, request: Tags) -> Self {
        Self { request, ..self }
    }

    /// How a refusal names it.
    pub fn shown(&self) -> &str {
        self.said.as_deref().unwrap_or(&self.arn)
    }
}

impl Required {
    /// An action on resources.
    pub fn new(action: impl Into<String>, targets: impl IntoIterator<Item = Target>) -> Self {
        Self {
            action: action.into(),
            targets: targets.into_iter().collect(),
            context: BTreeMap::new(),
        }
    }

    /// The same with a condition key.
    pub fn with(mut self, key: &str, values: impl IntoIterator<Item = String>) -> Self {
        self.context.insert(key.to_owned(), values.into_iter().collect());
        self
    }

    /// The tagging action with which a call of the same service makes something.
    pub fn tagging(action: &str, operation: &str, targets: Vec<Target>) -> Option<Self> {
        let (service, _) = action.split_once(':')?;
        let key = format!("{service}:CreateAction");
        let targets: Vec<_> = targets.into_iter().filter(|it| !it.request.is_empty()).collect();
        (!targets.is_empty()).then(|| Self::new(action, targets).with(&key, [operation.to_owned()]))
    }

    /// Everything that a condition can ask about one of the resources.
    pub fn context(&self, target: &Target, strict: bool) -> Context {
        let mut context = Context::default();
        for (key, values) in &self.context {
            context.set(key, values.iter().cloned());
        }
        if !target.request.is_empty() {
            context.set("aws:TagKeys", target.request.keys().cloned());
        }
        for (key, value) in &target.request {
            context.set(&format!("aws:RequestTag/{key}"), [value.clone()]);
        }
        let service = self.action.split(':').next().unwrap_or_default();
        match &target.tagging {
            Tagging::None => {}
            Tagging::Is(tags) => {
                for (key, value) in tags {
                    context.set(&format!("aws:ResourceTag/{key}"), [value.clone()]);
                    context.set(&format!("{service}:ResourceTag/{key}"), [value.clone()]);
                }
            }
            Tagging::Gone if strict => {}
            Tagging::Gone => context.forgive_resource_tags(),
        }
        context
    }
}
