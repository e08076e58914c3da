//! The VPC endpoint that GuardDuty Runtime Monitoring plants into a VPC in which something runs.
//!
//! Its interfaces hold the subnets, so nobody could delete the VPC (terraform-provider-aws#46747). It
//! carries no tags of ours: within a VPC of ours, and only there, it is known by its service and by the
//! tag that GuardDuty gives to all it plants. A destroy removes it when nothing runs any more, and
//! again when GuardDuty plants another one meanwhile. A deploy does not look for it.

use aws_sdk_ec2::types::VpcEndpoint;

use super::id::{VpcEndpointId, VpcId};
use super::{Kind, Others, Owned, Phase, Resource, Seen, vpc, vpc_endpoint};
use crate::aws::tags::Tagged;
use crate::aws::{Aws, Owner, Result, Scope};
use crate::names::NodeName;

/// An endpoint as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its id.
    pub id: VpcEndpointId,
}

/// An endpoint is never asked for: GuardDuty makes it.
#[derive(Debug)]
pub struct GuardDutyEndpoint;

/// The node in whose name it is told about.
const NODE: &str = "guardduty/endpoint";

/// What the names of GuardDuty's service end with; the second in GovCloud (AWS GovCloud guide,
/// "Amazon GuardDuty").
const SERVICES: [&str; 2] = [".guardduty-data", ".guardduty-data-fips"];

impl Resource for GuardDutyEndpoint {
    type Output = Output;
    const KIND: Kind = Kind::GuardDutyEndpoint;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        read(aws, &vpc::ours(aws, scope).await?).await
    }

    async fn list_with(others: &impl Others) -> Result<Vec<Owned<Output>>> {
        read(others.aws(), &vpc::ours_among(others).await?).await
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        vpc_endpoint::delete(aws, &it.id, "delete the VPC endpoint of GuardDuty").await
    }
}

/// Removes what GuardDuty has planted since everything was listed.
pub async fn remove_new(aws: &Aws, scope: &Scope) -> Result<()> {
    for endpoint in GuardDutyEndpoint::list(aws, scope).await? {
        if matches!(endpoint.seen, Seen::Present(..)) {
            GuardDutyEndpoint::delete(aws, endpoint.it()).await?;
        }
    }
    Ok(())
}

/// The node of something that GuardDuty planted into a VPC of ours.
pub(super) fn planted_in(vpc: &Owner, node: &str) -> Owner {
    Owner { node: NodeName::from(node), ..vpc.clone() }
}

/// Whether a thing says with its tags that it is GuardDuty's (managed policy
/// `AmazonGuardDutyServiceRolePolicy`).
pub(super) fn is_planted<T: Tagged>(tags: &[T]) -> bool {
    tags.iter().any(|tag| tag.key() == TAG && tag.value() == "true")
}

/// The tag that GuardDuty gives to all that it plants.
pub const TAG: &str = "GuardDutyManaged";

async fn read(aws: &Aws, vpcs: &[(Owner, VpcId)]) -> Result<Vec<Owned<Output>>> {
    let ids: Vec<_> = vpcs.iter().map(|(_, id)| id).collect();
    let endpoints = vpc_endpoint::within(aws, &ids).await?;
    let read = |endpoint: &VpcEndpoint| {
        let (owner, _) = vpcs.iter().find(|(_, id)| endpoint.vpc_id() == Some(id.as_str()))?;
        let service = endpoint.service_name().unwrap_or_default();
        let is_its_own = SERVICES.iter().any(|ending| service.ends_with(ending));
        if !is_its_own || !is_planted(endpoint.tags()) || vpc_endpoint::is_gone(endpoint) {
            return None;
        }
        let it = Output { id: VpcEndpointId::from(endpoint.vpc_endpoint_id()?) };
        let id = it.id.to_string();
        let seen = match vpc_endpoint::state(endpoint).as_str() {
            "deleting" => Seen::Leaving(it, "the VPC endpoint is being deleted".into()),
            _ => Seen::Present(it, Phase::Ready),
        };
        Some(Owned { owner: planted_in(owner, NODE), id, seen })
    };
    Ok(endpoints.iter().filter_map(read).collect())
}
