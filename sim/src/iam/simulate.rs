//! `SimulatePrincipalPolicy`: what the policies of an identity allow, without doing it.

use serde_json::{Value, json};

use super::{PAGER, find_role};
use crate::fields::Fields;
use crate::policy::Verdict;
use crate::policy::condition::Context;
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// Each action is simulated on each resource; without any, on `*`. Of the callers there is one, who may do
/// what the world's policy says, and everything where there is none; of any other role its own policies count.
pub(super) fn simulate_principal_policy(world: &World, input: &Value) -> Answer {
    let source = input.text("PolicySourceArn");
    let is_caller = source == world.caller();
    if !is_caller && find_role(world, source).is_none() {
        return Err(match source.contains(":role/") || source.contains(":user/") {
            true => Refusal::new("NoSuchEntity", format!("The entity {source} cannot be found."))
                .with_status(404),
            // A session is no identity that has policies.
            false => Refusal::new("InvalidInput", format!("Invalid Entity Arn: {source}")),
        });
    }
    let mut context = Context::default();
    for entry in input.list("ContextEntries") {
        context.set(entry.text("ContextKeyName"), entry.texts("ContextKeyValues"));
    }
    let mut resources = input.texts("ResourceArns");
    if resources.is_empty() {
        resources.push("*".to_owned());
    }
    let judge = |action: &str, resource: &str| -> (&'static str, Vec<String>) {
        let verdict = match &world.policy {
            _ if !is_caller => match super::allows(world, source, action, resource, &context) {
                true => Verdict::Allowed,
                false => Verdict::Unmentioned,
            },
            Some(policy) => policy.verdict(action, resource, &context),
            None => Verdict::Allowed,
        };
        match verdict {
            Verdict::Allowed => ("allowed", Vec::new()),
            Verdict::Denied => ("explicitDeny", Vec::new()),
            Verdict::Unmentioned => {
                let policy = world.policy.iter().filter(|_| is_caller);
                let lacking = policy.flat_map(|it| it.lacking(action, resource, &context));
                ("implicitDeny", lacking.collect())
            }
        }
    };
    let actions = input.texts("ActionNames").into_iter();
    let results = actions.map(|action| {
        let judged: Vec<_> = resources.iter().map(|it| (it, judge(&action, it))).collect();
        let of_each = judged.iter().map(|(resource, (decision, lacking))| {
            json!({
                "EvalResourceName": resource,
                "EvalResourceDecision": decision,
                "MissingContextValues": lacking,
            })
        });
        let of_each: Value = of_each.collect();
        let is_allowed = judged.iter().all(|(_, (decision, _))| *decision == "allowed");
        let refused = judged.iter().find(|(_, (decision, _))| *decision != "allowed");
        json!({
            "EvalActionName": action,
            "EvalResourceName": "*",
            "EvalDecision": match (is_allowed, refused) {
                (false, Some((_, (decision, _)))) => decision,
                _ => "allowed",
            },
            "MissingContextValues": [],
            "ResourceSpecificResults": of_each,
        })
    });
    let results = results.collect();
    PAGER.page(world, input, "EvaluationResults", 100, results)
}
