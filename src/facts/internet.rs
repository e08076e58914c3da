//! Whether the account lets a VPC reach the internet, and the internet reach a VPC.
//!
//! VPC Block Public Access is a setting of an account for a region, often an organisation's own. AWS
//! makes everything all the same, and drops the traffic (VPC guide, "Block public access to VPCs and
//! subnets").

use super::{Problem, refused, unknown};
use crate::aws::{Aws, Doing, Result};
use crate::engine::looks::Looks;
use crate::resource::vpc::{BlockMode, Vpc};
use crate::spec::{Nat, Spec};

/// Refuses what cannot reach the internet at all. Returns what else there is to say. A network of somebody
/// else is judged with the rest of it.
pub(super) async fn check(looks: &Looks, spec: &Spec) -> Result<Option<String>, Problem> {
    let Some(nat) = spec.network.own().map(|network| network.nat) else { return Ok(None) };
    let vpcs = looks.list::<Vpc>(None).await?;
    // A VPC may be excluded, and says so. A new one never is.
    let mode = match vpcs.first() {
        Some(vpc) => vpc.it().blocks,
        None => match of_region(looks.aws()).await {
            Ok(mode) => mode,
            Err(error) => return Ok(Some(unknown("look up VPC Block Public Access", &error))),
        },
    };
    judge(mode.unwrap_or(BlockMode::Off), nat, spec, looks.scope().region())
}

/// What the account blocks for VPCs that are not excluded. Nothing depends on it but this advice, so
/// it is asked once.
async fn of_region(aws: &Aws) -> Result<Option<BlockMode>> {
    let options = aws.ec2_once.describe_vpc_block_public_access_options().send().await;
    let options = options.doing("look up VPC Block Public Access")?;
    let options = options.vpc_block_public_access_options();
    let mode = options.and_then(|options| options.internet_gateway_block_mode());
    Ok(mode.and_then(|mode| BlockMode::parse(mode.as_str())))
}

fn judge(mode: BlockMode, nat: Nat, spec: &Spec, region: &str) -> Result<Option<String>, Problem> {
    let public = spec.public.is_some();
    let closed = spec.network.is_closed();
    match (mode, nat) {
        // Endpoints lead through no internet gateway.
        (BlockMode::Bidirectional, _) if closed && !public => Ok(None),
        (BlockMode::Bidirectional, _) => {
            let what = match (nat, public) {
                (Nat::None, _) if closed => "the internet-facing load balancer does not work",
                (Nat::None, _) => "no instance or task reaches AWS, and no image can be pulled",
                (_, true) => "NAT gateways and the internet-facing load balancer do not work",
                (_, false) => "NAT gateways do not work, and no image can be pulled",
            };
            let rule = format!(
                "VPC Block Public Access is `block-bidirectional` in this account, so {what}: have \
                 it set to `block-ingress` or `off` there, or take another region"
            );
            Err(refused("--region", region, rule))
        }
        (BlockMode::Ingress, Nat::None) if !closed => {
            let rule = "VPC Block Public Access is `block-ingress` in this account, and lets \
                        traffic out only through NAT gateways: say --nat single";
            Err(refused("--nat", &nat.to_string(), rule))
        }
        (BlockMode::Ingress, _) if public => Ok(Some(
            "VPC Block Public Access is `block-ingress` in this account: nobody on the internet \
             reaches the load balancer until the VPC is excluded from it"
                .to_owned(),
        )),
        (BlockMode::Ingress | BlockMode::Off, _) => Ok(None),
    }
}
