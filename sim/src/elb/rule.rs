//! Rules of listeners: a priority, conditions, and where requests go. Creating one is not idempotent.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::page;
use super::{action, invalid, lacks, listener, tags, target, without};
use crate::fields::{Fields, Tags};
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// Rules that a load balancer has room for, without default rules.
const QUOTA: usize = 100;
/// Values of all conditions of a rule.
const VALUES: usize = 5;

/// A rule, other than the default one of a listener.
#[derive(Debug)]
pub(super) struct Rule {
    /// ARN of its listener.
    pub(super) listener: String,
    pub(super) priority: i64,
    pub(super) conditions: Vec<Value>,
    /// As [`action::read`] writes them.
    pub(super) actions: Vec<Value>,
    pub(super) tags: Tags,
}

/// What is said about a rule that is not there.
pub(super) fn not_found() -> Refusal {
    Refusal::new("RuleNotFound", "One or more rules not found")
}

/// The ARN of a listener's default rule.
fn default_arn(listener: &str) -> String {
    let id = listener.rsplit('/').next().unwrap_or_default();
    format!("{}/{}", listener.replacen(":listener/", ":listener-rule/", 1), reversed(id))
}

fn reversed(text: &str) -> String {
    text.chars().rev().collect()
}

/// Conditions are of known fields and have few values, said in one of two ways
/// (aws-controllers-k8s/community#2759).
fn check_conditions(conditions: &[Value]) -> Result<Vec<Value>, Refusal> {
    if conditions.is_empty() {
        return Err(invalid("A condition must be specified"));
    }
    let mut values = 0;
    for condition in conditions {
        let config = match condition.text("Field") {
            "host-header" => "HostHeaderConfig",
            "path-pattern" => "PathPatternConfig",
            "http-header" => "HttpHeaderConfig",
            "query-string" => "QueryStringConfig",
            "http-request-method" => "HttpRequestMethodConfig",
            "source-ip" => "SourceIpConfig",
            other => return Err(invalid(format!("Condition field '{other}' is not supported"))),
        };
        if condition.get("Values").is_some() && condition.get(config).is_some() {
            let field = condition.text("Field");
            return Err(invalid(format!(
                "You cannot provide both Values and '{config}' for a condition of type '{field}'"
            )));
        }
        let count = condition.list("Values").len() + condition.part(config).list("Values").len();
        if count == 0 {
            return Err(invalid("A condition value must be specified"));
        }
        values += count;
    }
    if values > VALUES {
        return Err(invalid(format!("A rule can only have '{VALUES}' condition values")));
    }
    Ok(conditions.to_vec())
}

/// `CreateRule`.
pub(super) fn create(world: &mut World, input: &Value) -> Answer {
    without("CreateRule", input, &["Transforms"])?;
    let listener = input.text("ListenerArn").to_owned();
    let of = listener::visible(world, &listener)?;
    let (load_balancer, at) = (of.load_balancer.clone(), (of.protocol.clone(), of.port));
    let conditions = check_conditions(input.list("Conditions"))?;
    let tags = tags::of(input)?;
    let actions = action::read(world, &load_balancer, (&at.0, at.1), input.list("Actions"))?;
    let priority = input.number("Priority").unwrap_or_default();
    let rules = || world.elb().rules.values();
    if rules().any(|rule| rule.listener == listener && rule.priority == priority) {
        let message = format!("Priority '{priority}' is currently in use");
        return Err(Refusal::new("PriorityInUse", message));
    }
    let is_of = |rule: &&Rule| {
        let listener = world.elb().listeners.get(&rule.listener);
        listener.is_some_and(|it| it.load_balancer == load_balancer)
    };
    if rules().filter(is_of).count() >= QUOTA {
        let message = "The maximum number of rules has been reached on this load balancer";
        return Err(Refusal::new("TooManyRules", message));
    }
    let path = listener.replacen(":listener/", ":listener-rule/", 1);
    let arn = format!("{path}/{}", world.hex(16));
    let it = Rule { listener, priority, conditions, actions, tags };
    let answer = json!({ "Rules": [described(&arn, &it)] });
    world.elb_mut().rules.insert(arn, it);
    target::refresh(world);
    Ok(answer)
}

/// `DescribeRules`: of a listener with its default rule, or by their ARNs.
pub(super) fn describe(world: &World, input: &Value) -> Answer {
    let arns = input.texts("RuleArns");
    match (input.some_text("ListenerArn"), arns.is_empty()) {
        (Some(listener), true) => {
            let of = listener::visible(world, listener)?;
            let all = world.elb().rules.iter().filter(|(_, it)| it.listener == listener);
            let mut all: Vec<_> = all.collect();
            all.sort_by_key(|(_, it)| it.priority);
            let mut all: Vec<_> = all.into_iter().map(|(arn, it)| described(arn, it)).collect();
            all.push(json!({
                "RuleArn": default_arn(listener),
                "Priority": "default",
                "Conditions": [],
                "Actions": of.actions,
                "IsDefault": true,
            }));
            page(world, input, "Rules", all)
        }
        (None, false) => {
            let one = |arn: &String| {
                let it = world.elb().rules.get(arn).ok_or_else(not_found)?;
                Ok(described(arn, it))
            };
            page(world, input, "Rules", arns.iter().map(one).collect::<Result<_, Refusal>>()?)
        }
        _ => Err(invalid("You must specify either listener rule ARNs or a listener ARN")),
    }
}

fn described(arn: &str, it: &Rule) -> Value {
    json!({
        "RuleArn": arn,
        "Priority": it.priority.to_string(),
        "Conditions": it.conditions,
        "Actions": it.actions,
        "IsDefault": false,
    })
}

/// Whether this is a default rule, which only its listener changes.
fn is_default(world: &World, arn: &str) -> bool {
    world.elb().listeners.keys().any(|listener| default_arn(listener) == arn)
}

/// `ModifyRule`: what is not said stays.
pub(super) fn modify(world: &mut World, input: &Value) -> Answer {
    without("ModifyRule", input, &["Transforms", "ResetTransforms"])?;
    let arn = input.text("RuleArn");
    if is_default(world, arn) {
        return Err(lacks("ModifyRule", "a default rule"));
    }
    let before = world.elb().rules.get(arn).ok_or_else(not_found)?;
    let conditions = match input.list("Conditions") {
        [] => before.conditions.clone(),
        conditions => check_conditions(conditions)?,
    };
    let of = world.elb().listeners.get(&before.listener).ok_or_else(not_found)?;
    let actions = match input.list("Actions") {
        [] => before.actions.clone(),
        actions => action::read(world, &of.load_balancer, (&of.protocol, of.port), actions)?,
    };
    let Some(it) = world.elb_mut().rules.get_mut(arn) else { return Err(not_found()) };
    (it.conditions, it.actions) = (conditions, actions);
    let answer = json!({ "Rules": [described(arn, it)] });
    target::refresh(world);
    Ok(answer)
}

/// `SetRulePriorities`: all of them change at once, or none does.
pub(super) fn set_priorities(world: &mut World, input: &Value) -> Answer {
    let wanted: BTreeMap<_, _> = input
        .list("RulePriorities")
        .iter()
        .map(|it| (it.text("RuleArn").to_owned(), it.number("Priority").unwrap_or_default()))
        .collect();
    let mut listeners = BTreeSet::new();
    for arn in wanted.keys() {
        if is_default(world, arn) {
            let message = format!("Default rule '{arn}' cannot be given a priority");
            return Err(Refusal::new("OperationNotPermitted", message));
        }
        listeners.insert(world.elb().rules.get(arn).ok_or_else(not_found)?.listener.clone());
    }
    let mut taken = BTreeSet::new();
    for (arn, rule) in world.elb().rules.iter().filter(|(_, it)| listeners.contains(&it.listener)) {
        let priority = wanted.get(arn).copied().unwrap_or(rule.priority);
        if !taken.insert((rule.listener.clone(), priority)) {
            let message = format!("Priority '{priority}' is currently in use");
            return Err(Refusal::new("PriorityInUse", message));
        }
    }
    let mut answer = Vec::new();
    for (arn, priority) in wanted {
        if let Some(rule) = world.elb_mut().rules.get_mut(&arn) {
            rule.priority = priority;
            answer.push(described(&arn, rule));
        }
    }
    Ok(json!({ "Rules": answer }))
}

/// `DeleteRule`.
pub(super) fn delete(world: &mut World, input: &Value) -> Answer {
    let arn = input.text("RuleArn");
    if is_default(world, arn) {
        let message = format!("Default rule '{arn}' cannot be deleted");
        return Err(Refusal::new("OperationNotPermitted", message));
    }
    if world.elb_mut().rules.remove(arn).is_none() {
        return Err(not_found());
    }
    target::refresh(world);
    Ok(json!({}))
}
