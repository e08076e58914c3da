//! VPC endpoints: not ours, but they hold subnets, groups and VPCs. Interface endpoints have network
//! interfaces there; gateway endpoints have none and can be found only here.

use aws_sdk_ec2::types::{Filter, VpcEndpoint};

use super::id::VpcId;
use crate::aws::{AllPages, Aws, Doing, Result};

/// The endpoints in these VPCs. None where the caller may not look, or nobody offers them.
pub async fn within(aws: &Aws, vpcs: &[&VpcId]) -> Result<Vec<VpcEndpoint>> {
    if vpcs.is_empty() {
        return Ok(Vec::new());
    }
    let ids = vpcs.iter().map(ToString::to_string).collect();
    let filter = Filter::builder().name("vpc-id").set_values(Some(ids)).build();
    let endpoints = aws.ec2.describe_vpc_endpoints().filters(filter);
    let endpoints = endpoints.into_paginator().items().send().all().await;
    let mut endpoints = match endpoints.doing("list the VPC endpoints") {
        Err(error) if error.is_not_offered() => {
            tracing::warn!(%error);
            return Ok(Vec::new());
        }
        endpoints => endpoints?,
    };
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

/// How far an endpoint is, in lower case: EC2 writes it so, and its model does not.
pub fn state(endpoint: &VpcEndpoint) -> String {
    endpoint.state().map(|state| state.as_str().to_ascii_lowercase()).unwrap_or_default()
}

/// Whether an endpoint is only remembered.
pub fn is_gone(endpoint: &VpcEndpoint) -> bool {
    state(endpoint) == "deleted"
}

fn words(endpoint: &VpcEndpoint) -> String {
    let id = endpoint.vpc_endpoint_id().unwrap_or("vpce");
    let service = endpoint.service_name().unwrap_or("an unknown service");
    format!("the VPC endpoint {id} for {service}")
}
