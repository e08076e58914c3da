//! What a call of an API takes: its IAM actions, each with resources and context.
//!
//! Calls that only look are checked for everything (`*`), whatever they ask for: a policy that narrows
//! them is judged more strictly here than by AWS.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::fields::Tags;
use super::condition::Context;
use super::view::View;
use super::{autoscaling, ec2, ecs, elb, iam, logs, route53, ssm};

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
    pub(super) fn tagging(action: &str, operation: &str, targets: Vec<Target>) -> Option<Self> {
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

/// What a call takes. Nothing for `GetCallerIdentity`, which everybody may make.
pub fn actions(view: &View<'_>, service: &str, operation: &str, input: &Value) -> Vec<Required> {
    let call = Call { view, service, operation, input };
    match service {
        "autoscaling" => autoscaling::actions(&call),
        "ec2" => ec2::actions(&call),
        "ecs" => ecs::actions(&call),
        "elasticloadbalancing" => elb::actions(&call),
        "iam" => iam::actions(&call),
        "logs" => logs::actions(&call),
        "route53" => route53::actions(&call),
        "ssm" => ssm::actions(&call),
        "sts" => Vec::new(),
        _ => vec![call.own([Target::any()])],
    }
}

/// A call of an API.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) service: &'a str,
    pub(super) operation: &'a str,
    pub(super) input: &'a Value,
}

/// The name behind an ARN's last slash, or the name itself.
pub(super) fn short(name_or_arn: &str) -> &str {
    name_or_arn.rsplit('/').next().unwrap_or(name_or_arn)
}

/// The permission to hand a role to a service.
pub(super) fn pass(role: Target, to: &str) -> Required {
    Required::new("iam:PassRole", [role]).with("iam:PassedToService", [to.to_owned()])
}

/// A role by its ARN.
pub(super) fn role(arn: &str) -> Target {
    Target::new(arn.to_owned(), Tags::new())
}

impl Call<'_> {
    /// The action of the call's own name.
    pub(super) fn own(&self, targets: impl IntoIterator<Item = Target>) -> Required {
        Required::new(format!("{}:{}", self.service, self.operation), targets)
    }

    /// The ARN of something of the call's own service.
    pub(super) fn arn(&self, resource: &str) -> String {
        self.view.arn(self.service, resource)
    }

    /// Something of the call's own service that should be there.
    pub(super) fn existing(&self, resource: &str) -> Target {
        self.view.existing(self.service, self.arn(resource))
    }

    /// Something of the call's own service that should be there, by ARN.
    pub(super) fn existing_arn(&self, arn: &str) -> Target {
        self.view.existing(self.service, arn.to_owned())
    }

    /// Whether the call only looks.
    pub(super) fn looks(&self) -> bool {
        ["Describe", "List"].iter().any(|verb| self.operation.starts_with(verb))
    }
}
