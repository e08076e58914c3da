//! GuardDuty Runtime Monitoring, in the scenario that has it: where something runs, it plants an
//! endpoint and a security group into the VPC, and plants them again when somebody takes them away
//! (terraform-provider-aws#46747; GuardDuty guide, "Runtime Monitoring").

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::table::make_named;
use super::vpc_endpoint::{self, New};
use super::{PLANTING, PLANTING_AGAIN, security_group};
use crate::fields::Tags;
use crate::world::World;

/// The tag of all that GuardDuty plants (managed policy `AmazonGuardDutyServiceRolePolicy`).
const TAG: &str = "GuardDutyManaged";

/// What GuardDuty knows of a VPC.
#[derive(Debug, Default)]
pub struct Watched {
    /// The subnets in which something has run.
    subnets: BTreeSet<String>,
    /// How often it planted.
    planted: usize,
}

/// Whether a service is the one that its endpoints lead to.
pub fn is_its_own(service: &str) -> bool {
    service.contains(".guardduty-data")
}

/// Something runs in a subnet: soon its agent has to reach GuardDuty.
pub fn notices(world: &mut World, vpc: &str, subnet: &str) {
    if !world.scenario.guard_duty {
        return;
    }
    let watched = world.ec2_mut().watched.entry(vpc.to_owned()).or_default();
    let is_first = watched.subnets.is_empty();
    watched.subnets.insert(subnet.to_owned());
    if is_first {
        let delay = world.dice.delay(PLANTING, vpc, 5.0..=60.0);
        plant_after(world, delay, vpc);
    }
}

/// An endpoint of a VPC is gone.
pub fn misses(world: &mut World, vpc: &str) {
    let Some(watched) = world.ec2().watched.get(vpc) else { return };
    let key = format!("{vpc} {}", watched.planted);
    let delay = world.dice.delay(PLANTING_AGAIN, &key, 20.0..=240.0);
    plant_after(world, delay, vpc);
}

fn plant_after(world: &mut World, delay: Duration, vpc: &str) {
    let vpc = vpc.to_owned();
    world.after(delay, move |world| plant(world, &vpc));
}

/// Plants what is missing where something has run: nothing, when no such subnet is left.
fn plant(world: &mut World, vpc: &str) {
    let ec2 = world.ec2_mut();
    let Some(watched) = ec2.watched.get_mut(vpc) else { return };
    watched.planted += 1;
    let subnets = watched.subnets.iter().filter_map(|id| ec2.subnets.get(id));
    // One for each zone.
    let by_zone: BTreeMap<_, _> = subnets.map(|it| (it.it.zone.clone(), it.id.clone())).collect();
    let subnets: Vec<_> = by_zone.into_values().collect();
    let is_there = ec2
        .endpoints
        .all()
        .any(|endpoint| endpoint.it.vpc == vpc && is_its_own(&endpoint.it.service));
    if subnets.is_empty() || is_there {
        return;
    }
    let tags = Tags::from([(TAG.to_owned(), "true".to_owned())]);
    let group = group(world, vpc, &tags);
    let service = match world.partition() {
        "aws-us-gov" => "guardduty-data-fips",
        _ => "guardduty-data",
    };
    let service = format!("com.amazonaws.{}.{service}", world.region);
    vpc_endpoint::put(world, New { vpc, service, subnets, group, tags });
}

/// The group of what is planted, which may have stayed.
fn group(world: &mut World, vpc: &str, tags: &Tags) -> String {
    let name = format!("GuardDutyManagedSecurityGroup-{vpc}");
    let mut groups = world.ec2().groups.all();
    if let Some(group) = groups.find(|group| group.it.vpc == vpc && group.it.name == name) {
        return group.id.clone();
    }
    let now = world.now;
    let group = security_group::of_aws(vpc, &name, "Associated with VPC");
    make_named(world, &name, now, tags.clone(), group)
}
