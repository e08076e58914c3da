//! What all VPC endpoints have in common, ours ([`super::gateway_endpoint`], [`super::interface_endpoint`]),
//! GuardDuty's ([`super::guard_duty_endpoint`]) and those of strangers, which hold subnets, groups and VPCs.
//! Interface endpoints have network interfaces there; gateway endpoints have none and can be found
//! only here.

use aws_sdk_ec2::types::{Filter, VpcEndpoint};

use super::id::{VpcEndpointId, VpcId};
use super::vpc;
use crate::aws::error::Cause;
use crate::aws::{AllPages, Aws, Doing, Error, Meaning, Meanings, Result};
use crate::names;

/// What EC2 answers when it does not know an endpoint, in both spellings.
pub const UNKNOWN: &[&str] = &["InvalidVpcEndpointId.NotFound", "InvalidVpcEndpoint.NotFound"];

/// What calls about endpoints alone answer as long as they do not know the VPC.
pub const UNKNOWN_VPC: &[&str] = &[vpc::UNKNOWN, "InvalidVpcId.NotFound"];

/// All endpoints that fit. None where nobody offers them.
pub async fn read(aws: &Aws, filters: Vec<Filter>) -> Result<Vec<VpcEndpoint>> {
    let endpoints = aws.ec2.describe_vpc_endpoints().set_filters(Some(filters));
    let endpoints = endpoints.into_paginator().items().send().all().await;
    match endpoints.doing("list the VPC endpoints") {
        Err(error) if error.is_not_offered() => {
            tracing::warn!(%error);
            Ok(Vec::new())
        }
        endpoints => endpoints,
    }
}

/// The endpoints in these VPCs. None where the caller may not look, or nobody offers them.
pub async fn within(aws: &Aws, vpcs: &[&VpcId]) -> Result<Vec<VpcEndpoint>> {
    if vpcs.is_empty() {
        return Ok(Vec::new());
    }
    let ids = vpcs.iter().map(ToString::to_string).collect();
    let filter = Filter::builder().name("vpc-id").set_values(Some(ids)).build();
    let mut endpoints = read(aws, vec![filter]).await?;
    // The filter once more: endpoints of AWS's API ignore some.
    endpoints.retain(|it| vpcs.iter().any(|vpc| it.vpc_id() == Some(vpc.as_str())));
    Ok(endpoints)
}

/// The endpoints of a VPC that hold something, each in words.
pub async fn holding(
    aws: &Aws,
    vpc: &VpcId,
    holds: impl Fn(&VpcEndpoint) -> bool,
) -> Result<Vec<String>> {
    let mut endpoints = within(aws, &[vpc]).await?;
    endpoints.retain(|endpoint| !is_gone(endpoint) && holds(endpoint));
    Ok(endpoints.iter().map(words).collect())
}

/// Asks for the removal of an endpoint.
pub async fn delete(aws: &Aws, id: &VpcEndpointId, doing: &str) -> Result<()> {
    let delete = aws.ec2.delete_vpc_endpoints().vpc_endpoint_ids(id.as_str()).send().await;
    // EC2 agrees to the call, and says apart what could not be done of it.
    let refused = delete.doing(doing)?.unsuccessful.unwrap_or_default().into_iter().next();
    let Some(error) = refused.and_then(|item| item.error) else { return Ok(()) };
    let cause = Cause::Refused {
        code: error.code.unwrap_or_default(),
        message: error.message.unwrap_or_default(),
        request_id: None,
    };
    let error = Error { attempt: doing.into(), cause, meaning: Meaning::Fatal };
    // It is denied, or has a reason that passes, such as a creation under way.
    let meaning = if error.is_denied() { Meaning::Fatal } else { Meaning::NotYet };
    Err::<(), _>(Error { meaning, ..error }).gone_is_fine(UNKNOWN).map(drop)
}

/// How far an endpoint is, in lower case: EC2 writes it so, and its model does not.
pub fn state(endpoint: &VpcEndpoint) -> String {
    endpoint.state().map(|state| state.as_str().to_ascii_lowercase()).unwrap_or_default()
}

/// Whether an endpoint has interfaces, and is no gateway.
pub fn is_interface(endpoint: &VpcEndpoint) -> bool {
    let kind = endpoint.vpc_endpoint_type();
    kind.is_some_and(|kind| kind.as_str().eq_ignore_ascii_case("interface"))
}

/// Those of some ids that are not among others, as calls take them: `None` where there are none.
pub fn not_in<T: ToString + PartialEq>(of: &[T], others: &[T]) -> Option<Vec<String>> {
    let missing: Vec<_> =
        of.iter().filter(|id| !others.contains(id)).map(ToString::to_string).collect();
    (!missing.is_empty()).then_some(missing)
}

/// Whether an endpoint is only remembered.
pub fn is_gone(endpoint: &VpcEndpoint) -> bool {
    state(endpoint) == "deleted"
}

fn words(endpoint: &VpcEndpoint) -> String {
    let id = endpoint.vpc_endpoint_id().unwrap_or("vpce");
    let node = endpoint.tags().iter().find(|tag| tag.key() == Some(names::TAG_NODE));
    if let Some(node) = node.and_then(|tag| tag.value()) {
        return format!("{node} ({id})");
    }
    let service = endpoint.service_name().unwrap_or("an unknown service");
    format!("the VPC endpoint {id} for {service}")
}
