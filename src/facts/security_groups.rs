//! The security groups of others that a manifest names: whether they are there, and in the stack's VPC.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::Filter;

use super::{Problem, unknown};
use crate::aws::{AllPages, Doing};
use crate::engine::looks::Looks;
use crate::resource::vpc::Vpc;
use crate::spec::{Spec, SpecError};

/// Refuses what is not there, and what is in another VPC, whose groups no interface takes. Returns a
/// warning where nobody may look.
pub(super) async fn check(looks: &Looks, spec: &Spec) -> Result<Option<String>, Problem> {
    let named: BTreeMap<_, _> = spec
        .services
        .iter()
        .flat_map(|it| it.security_groups.iter().map(move |group| (group, &it.name)))
        .collect();
    if named.is_empty() {
        return Ok(None);
    }
    let vpcs = looks.list::<Vpc>(None).await?;
    let own = vpcs.first().map(|vpc| vpc.it().id.as_str());
    let vpc = spec.network.existing().map(|existing| existing.vpc.as_str()).or(own);
    // By a filter, which leaves out what is not there, where a list of ids would be an error.
    let ids: Vec<_> = named.keys().map(|id| (*id).clone()).collect();
    let filter = Filter::builder().name("group-id").set_values(Some(ids)).build();
    let groups = looks.aws().ec2.describe_security_groups().filters(filter);
    let groups = groups.into_paginator().items().send().all().await;
    let groups = match groups.doing("look up the security groups") {
        Ok(groups) => groups,
        Err(error) if error.is_not_offered() => {
            return Ok(Some(unknown("look up the security groups", &error)));
        }
        Err(error) => return Err(error.into()),
    };
    let of = |id: &str| groups.iter().find(|it| it.group_id() == Some(id));
    let refused = named.into_iter().filter_map(|(id, service)| {
        let rule = match (of(id).map(|it| it.vpc_id().unwrap_or_default()), vpc) {
            (None, _) => "is no security group of this account and region".to_owned(),
            (Some(is), Some(vpc)) if is == vpc => return None,
            (Some(is), Some(vpc)) => {
                format!("is in {is}, and the stack is in {vpc}: take a group of that VPC")
            }
            (Some(is), None) => format!(
                "is in {is}, and the stack makes a VPC of its own: deploy it first, and add a group of \
                 that VPC then"
            ),
        };
        Some(SpecError::new(format!("service.{service}.security_groups"), id.clone(), rule))
    });
    let refused: Vec<_> = refused.collect();
    if refused.is_empty() { Ok(None) } else { Err(Problem::Refused(refused)) }
}
