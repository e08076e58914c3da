//! The security group of the endpoint that GuardDuty plants ([`super::guard_duty_endpoint`]). It stays
//! when the endpoint goes, and holds the VPC. Within a VPC of ours it is known by its name, which has
//! the VPC's id in it, and by GuardDuty's tag.

use aws_sdk_ec2::types::{Filter, SecurityGroup};

use super::guard_duty_endpoint::{self, is_planted, planted_in};
use super::id::VpcId;
use super::{Kind, Others, Owned, Phase, Resource, Seen, security_group, vpc};
use crate::aws::{Aws, Doing, Meanings, Owner, Result, Scope};

pub use super::security_group::Output;

/// A group is never asked for: GuardDuty makes it.
#[derive(Debug)]
pub struct GuardDutyGroup;

/// The node in whose name it is told about.
const NODE: &str = "guardduty/security-group";

impl Resource for GuardDutyGroup {
    type Output = Output;
    const KIND: Kind = Kind::GuardDutyGroup;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        read(aws, &vpc::ours(aws, scope).await?).await
    }

    async fn list_with(others: &impl Others) -> Result<Vec<Owned<Output>>> {
        read(others.aws(), &vpc::ours_among(others).await?).await
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        let delete = aws.ec2.delete_security_group().group_id(it.id.as_str()).send().await;
        delete
            .doing("delete the security group of GuardDuty")
            .wait_on(&["DependencyViolation"])
            .gone_is_fine(security_group::UNKNOWN)
            .map(drop)
    }

    async fn clear_way(aws: &Aws, scope: &Scope) -> Result<()> {
        guard_duty_endpoint::remove_new(aws, scope).await
    }

    async fn blockers(aws: &Aws, it: &Output) -> Result<Vec<String>> {
        security_group::holding(aws, it).await
    }
}

/// Removes what GuardDuty has planted since everything was listed: the group goes at once, or it is
/// asked for again when its endpoint is gone.
pub async fn remove_new(aws: &Aws, scope: &Scope) -> Result<()> {
    guard_duty_endpoint::remove_new(aws, scope).await?;
    for group in GuardDutyGroup::list(aws, scope).await? {
        match GuardDutyGroup::delete(aws, group.it()).await {
            Err(error) if !error.is_passing() => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

async fn read(aws: &Aws, vpcs: &[(Owner, VpcId)]) -> Result<Vec<Owned<Output>>> {
    if vpcs.is_empty() {
        return Ok(Vec::new());
    }
    let names = vpcs.iter().map(|(_, vpc)| name(vpc)).collect();
    let filter = Filter::builder().name("group-name").set_values(Some(names)).build();
    let groups = security_group::read(aws, vec![filter]).await?;
    let read = |group: &SecurityGroup| {
        let (owner, vpc) = vpcs.iter().find(|(_, vpc)| group.vpc_id() == Some(vpc.as_str()))?;
        if group.group_name() != Some(&name(vpc)) || !is_planted(group.tags()) {
            return None;
        }
        let it = Output::new(group.group_id()?, vpc);
        let (owner, id) = (planted_in(owner, NODE), it.id.to_string());
        Some(Owned { owner, id, seen: Seen::Present(it, Phase::Ready) })
    };
    Ok(groups.iter().filter_map(read).collect())
}

/// The name of the group that GuardDuty plants into a VPC.
fn name(vpc: &VpcId) -> String {
    format!("GuardDutyManagedSecurityGroup-{vpc}")
}
