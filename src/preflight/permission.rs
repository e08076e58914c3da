//! Whether the caller may do what the stack takes, as IAM's policy simulator says.
//!
//! The simulator knows the policies of a user or role and those of its organisation. It does not know those of
//! a session, nor what a resource's own policy says, and it judges by the resources and tags that the printed
//! policy names (IAM API, `SimulatePrincipalPolicy`). So what it denies is a doubt, and stops nobody.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::PolicyEvaluationDecisionType as Decision;
use aws_sdk_iam::types::{
    ContextEntry, ContextKeyTypeEnum, EvaluationResult, ResourceSpecificResult,
};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::{Depth, Finding, State};
use crate::arn::Arn;
use crate::aws::{AllPages, Aws, Doing, Error, Result};
use crate::deploy::Prepared;
use crate::facts::Caller;
use crate::permissions::{self, Bounds, Part, Question};
use crate::resource::Kind;
use crate::spec::{Network, Pattern};
use crate::text::few;

pub(super) const ABOUT: &str = "permissions";
/// How many questions are asked at once.
const AT_ONCE: usize = 8;
/// As many actions are named at most.
const NAMED: usize = 8;
/// What the name of a role begins with that people have by IAM Identity Center (its guide, "Permission sets").
const SIGN_ON: &str = "AWSReservedSSO_";
/// Where these roles are.
const SIGN_ON_PATH: &str = "/aws-reserved/sso.amazonaws.com/";

/// Asks for a stack that is not there yet: there, a denial comes when half of it was made.
pub(super) async fn look(prepared: &Prepared, parts: &[Part], depth: Depth) -> Option<Finding> {
    let is_new = prepared.creates(Kind::Cluster).next().is_some();
    if depth == Depth::Added && !is_new {
        return None;
    }
    let (aws, caller) = (&prepared.run.cx.aws, &prepared.facts.caller);
    let resource = Arn::parse(&caller.arn).map(|arn| arn.resource).unwrap_or_default();
    if resource == "root" {
        let what = "the caller is the account's root user, whom no policy of the account bounds";
        return Some(Finding::new(ABOUT, State::Fine, what).evidence(&caller.arn));
    }
    let document = policy(prepared, parts);
    let questions = document.questions();
    let asked: BTreeSet<_> = questions.iter().flat_map(|it| it.actions.iter().copied()).collect();
    let judged = async {
        let source = source(aws, caller).await?;
        // Who may not ask is told so once.
        let mut questions = questions.into_iter();
        let first = questions.next();
        let mut denied = Denied::default();
        if let Some(question) = first {
            denied.add(ask(aws, &source, question).await?);
        }
        let others = stream::iter(questions.map(|it| ask(aws, &source, it)));
        let others: Vec<_> = others.buffered(AT_ONCE).try_collect().await?;
        others.into_iter().for_each(|it| denied.add(it));
        Ok::<_, Error>(denied)
    };
    Some(match judged.await {
        Ok(denied) => told(&denied, asked.len(), caller),
        Err(error) => Finding::unknown(ABOUT, "whether the caller may do all of it", &error)
            .advice("compare with what `ecsup permissions` prints"),
    })
}

/// The policy that the stack takes.
fn policy(prepared: &Prepared, parts: &[Part]) -> permissions::Document {
    let Prepared { spec, facts, .. } = prepared;
    let Caller { account, .. } = &facts.caller;
    let bounds = Bounds::new(Some(&facts.region), Some(account), Some(spec.stack.clone()));
    let bounds = match &spec.network {
        Network::Existing(network) => bounds.with_existing_network(network.clone()),
        Network::Own(_) => bounds,
    };
    let bounds = match &spec.permissions_boundary {
        Some(boundary) => bounds.with_boundary(boundary.clone()),
        None => bounds,
    };
    // Of a pattern the policy takes what it runs on, and nothing else.
    let pattern = match spec.instances {
        Some(_) => Pattern::PublicApi,
        None => Pattern::FargateApi,
    };
    permissions::policy(&[pattern], parts, &bounds)
}

/// The user or role whose policies count: of a session, its role, which its ARN names without a path.
async fn source(aws: &Aws, caller: &Caller) -> Result<String> {
    let Caller { arn, account, partition, .. } = caller;
    let parsed = Arn::parse(arn);
    let resource = parsed.map(|arn| arn.resource).unwrap_or_default();
    if resource.starts_with("user/") {
        return Ok(arn.clone());
    }
    let attempt = "simulate the caller's policies";
    let role = resource.strip_prefix("assumed-role/").and_then(|rest| rest.split('/').next());
    let Some(role) = role else {
        return Err(Error::other(attempt, format!("{arn} is neither a user nor a role")));
    };
    if !role.starts_with(SIGN_ON) {
        return Ok(format!("arn:{partition}:iam::{account}:role/{role}"));
    }
    let roles =
        aws.iam_advice.list_roles().path_prefix(SIGN_ON_PATH).into_paginator().items().send();
    let roles = roles.all().await.doing("look up the caller's role")?;
    let found = roles.into_iter().find(|it| it.role_name == role).map(|it| it.arn);
    found.ok_or_else(|| Error::other(attempt, format!("there is no role {role}")))
}

/// Actions that the simulator does not allow.
#[derive(Debug, Default)]
struct Denied {
    /// Whatever the call says.
    plainly: BTreeMap<String, &'static str>,
    /// Unless the call says what nobody knows yet: the condition keys.
    depending: BTreeMap<String, BTreeSet<String>>,
}

impl Denied {
    fn add(&mut self, more: Self) {
        self.plainly.extend(more.plainly);
        self.depending.extend(more.depending);
    }
}

async fn ask(aws: &Aws, source: &str, question: Question) -> Result<Denied> {
    let Question { actions, resources, context } = question;
    let context = context.into_iter().map(|(key, value)| {
        let entry = ContextEntry::builder().context_key_name(key).context_key_values(value);
        entry.context_key_type(ContextKeyTypeEnum::String).build()
    });
    let call = aws.iam_advice.simulate_principal_policy().policy_source_arn(source);
    let call = call.set_action_names(Some(actions.into_iter().map(str::to_owned).collect()));
    let call = call.set_resource_arns(Some(resources)).set_context_entries(Some(context.collect()));
    let results = call.into_paginator().items().send().all().await;
    let mut denied = Denied::default();
    for result in results.doing("simulate the caller's policies")? {
        let EvaluationResult { eval_action_name: action, .. } = &result;
        let (decisions, lacking) = decisions(&result);
        // Each action is about one of the resources, and says nothing of the others.
        if decisions.contains(&Decision::Allowed) {
            continue;
        }
        if lacking.is_empty() {
            let explicit = decisions.contains(&Decision::ExplicitDeny);
            let how = if explicit { "explicitDeny" } else { "implicitDeny" };
            denied.plainly.insert(action.clone(), how);
        } else {
            denied.depending.insert(action.clone(), lacking);
        }
    }
    Ok(denied)
}

/// What was decided on each resource, and what would have had to be known besides.
fn decisions(result: &EvaluationResult) -> (Vec<Decision>, BTreeSet<String>) {
    let of_each = result.resource_specific_results();
    if of_each.is_empty() {
        let lacking = result.missing_context_values().iter().cloned().collect();
        return (vec![result.eval_decision().clone()], lacking);
    }
    let decisions = of_each.iter().map(|it| it.eval_resource_decision().clone()).collect();
    let lacking =
        of_each.iter().flat_map(ResourceSpecificResult::missing_context_values).cloned().collect();
    (decisions, lacking)
}

fn told(denied: &Denied, asked: usize, caller: &Caller) -> Finding {
    let Denied { plainly, depending } = denied;
    let advice = "give the caller what `ecsup permissions` prints";
    if !plainly.is_empty() {
        let ways: BTreeSet<_> = plainly.values().copied().collect();
        let ways = ways.into_iter().collect::<Vec<_>>().join(", ");
        let count = plainly.len();
        let what = format!(
            "{count} of {asked} actions that the stack takes may be denied: {}",
            few(&plainly.keys().map(String::as_str).collect::<Vec<_>>(), NAMED)
        );
        return Finding::new(ABOUT, State::Doubtful, what)
            .evidence(format!("SimulatePrincipalPolicy for {}: {ways}", caller.arn))
            .advice(advice);
    }
    if !depending.is_empty() {
        let keys: BTreeSet<_> = depending.values().flatten().map(String::as_str).collect();
        let actions: Vec<_> = depending.keys().map(String::as_str).collect();
        let what = format!(
            "whether {} of {asked} actions are allowed depends on {}: {}",
            depending.len(),
            few(&Vec::from_iter(keys), NAMED),
            few(&actions, NAMED)
        );
        return Finding::new(ABOUT, State::Unknown, what)
            .evidence(format!("SimulatePrincipalPolicy for {}", caller.arn))
            .advice(advice);
    }
    let what = format!("the caller may do all {asked} actions that the stack takes");
    Finding::new(ABOUT, State::Fine, what)
        .evidence(format!("SimulatePrincipalPolicy for {}", caller.arn))
}
