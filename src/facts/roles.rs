//! The roles and managed policies of others that a manifest names: whether they are there.

use std::collections::BTreeSet;

use futures::future::try_join_all;

use super::Problem;
use crate::arn::last_part;
use crate::aws::{Doing, Error, Meanings, Result};
use crate::engine::looks::Looks;
use crate::resource::role::UNKNOWN;
use crate::spec::{Spec, SpecError, TaskRole};

/// Refuses what is not there. What the caller may not look at, IAM and ECS tell later.
pub(super) async fn check(looks: &Looks, spec: &Spec) -> Result<(), Problem> {
    let iam = &looks.aws().iam;
    let (mut roles, mut policies) = (BTreeSet::new(), BTreeSet::new());
    for service in &spec.services {
        match &service.task_role {
            TaskRole::None => {}
            TaskRole::Existing(role) => {
                roles.insert((role, &service.name));
            }
            TaskRole::Own { policies: own, .. } => {
                policies.extend(own.iter().map(|policy| (policy, &service.name)));
            }
        }
    }
    let roles = roles.into_iter().map(async |(arn, service)| {
        let got = iam.get_role().role_name(last_part(arn)).send().await;
        let got = or_unknown(got.doing("look up the task role").gone_is_fine(&[UNKNOWN]))?;
        // IAM finds a role by its name, whatever its path.
        let is_there = got
            .is_none_or(|got| got.and_then(|got| got.role).is_some_and(|role| role.arn() == arn));
        let rule = "is no role of this account";
        Ok::<_, Error>(
            (!is_there)
                .then(|| SpecError::new(format!("service.{service}.task_role"), arn.clone(), rule)),
        )
    });
    let policies = policies.into_iter().map(async |(arn, service)| {
        let got = iam.get_policy().policy_arn(arn).send().await;
        let got = or_unknown(got.doing("look up the policy").gone_is_fine(&[UNKNOWN]))?;
        let is_missing = got.is_some_and(|got| got.is_none());
        let rule = "is no managed policy of this account or of AWS";
        Ok::<_, Error>(
            is_missing
                .then(|| SpecError::new(format!("service.{service}.policies"), arn.clone(), rule)),
        )
    });
    let (roles, policies) = futures::try_join!(try_join_all(roles), try_join_all(policies))?;
    let refused: Vec<_> = roles.into_iter().chain(policies).flatten().collect();
    if refused.is_empty() { Ok(()) } else { Err(Problem::Refused(refused)) }
}

/// What was looked up; `None` when the caller may not look.
fn or_unknown<T>(looked: Result<T>) -> Result<Option<T>> {
    match looked {
        Ok(it) => Ok(Some(it)),
        Err(error) if error.is_not_offered() => Ok(None),
        Err(error) => Err(error),
    }
}
