//! What the evaluator has to know of the world: which things there are, with which tags.

use std::fmt;

use serde_json::Value;

use super::super::doubt::Doubt;
use super::super::fields::Tags;
use super::super::iam::{self, LinkedRole};
use super::super::world::{ACCOUNT, Tagged, World};
use super::super::{autoscaling, ec2, ecs, elb, logs, route53, ssm};
use super::call::{Tagging, Target};
use crate::partition;

/// Something that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    /// The service that has it, by the name that calls use: `ec2`, `ecs`, ...
    pub service: &'static str,
    /// Its ARN, id or name; of an ECS service also `cluster/service`. IAM's have to be ARNs, since a
    /// role's name does not tell its path.
    pub id: String,
    /// Its tags.
    pub tags: Tags,
}

/// Reads the data of a launch template, by id or name and version.
type Templates<'a> = Box<dyn Fn(&str, &str) -> Option<Value> + 'a>;
/// Reads the role of an instance profile, by name or ARN.
type Profiles<'a> = Box<dyn Fn(&str) -> Option<String> + 'a>;

/// The world as the evaluator sees it.
pub struct View<'a> {
    /// The region of the call.
    pub region: String,
    /// Everything that exists in the account and the region, also what calls do not see yet.
    pub things: Vec<Thing>,
    /// The data of a launch template, by id or name and version, as `CreateLaunchTemplate` takes it.
    pub template: Templates<'a>,
    /// ARN of the role of an instance profile, by name or ARN.
    pub role_of_profile: Profiles<'a>,
    /// Whether Auto Scaling has no service-linked role yet, and makes one in the caller's name.
    pub scaling_lacks_role: bool,
    /// Whether load balancing has no service-linked role yet.
    pub balancing_lacks_role: bool,
    /// Which facts in doubt fall the other way.
    pub doubts: Vec<Doubt>,
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("things", &self.things).finish_non_exhaustive()
    }
}

/// Everything that exists in the account and the region, with its tags.
fn things(world: &World) -> Vec<Thing> {
    let tagged = |service, all: Vec<Tagged>| {
        all.into_iter().map(move |(_, id, tags)| Thing { service, id, tags })
    };
    let mut things = Vec::new();
    things.extend(tagged("ec2", ec2::tagged(world)));
    things.extend(tagged("ecs", ecs::tagged(world)));
    things.extend(tagged("autoscaling", autoscaling::tagged(world)));
    things.extend(tagged("elasticloadbalancing", elb::tagged(world)));
    things.extend(tagged("iam", iam::tagged(world)));
    things.extend(tagged("logs", logs::tagged(world)));
    things.extend(tagged("route53", route53::tagged(world)));
    things.extend(tagged("ssm", ssm::tagged(world)));
    // An association of a route table has no tags of its own.
    for (association, table) in ec2::associations(world) {
        let tags = things.iter().find(|thing| thing.id == table).map(|thing| thing.tags.clone());
        let tags = tags.unwrap_or_default();
        things.push(Thing { service: "ec2", id: association, tags });
    }
    things
}

impl<'a> View<'a> {
    /// The view of a world.
    pub fn of(world: &'a World) -> Self {
        let lacks_role = |service| iam::linked_role(world, service) == LinkedRole::Missing;
        Self {
            region: world.region.clone(),
            things: things(world),
            template: Box::new(|id_or_name, version| ec2::template(world, id_or_name, version)),
            role_of_profile: Box::new(|profile| iam::role_of_profile(world, profile)),
            scaling_lacks_role: lacks_role("autoscaling.amazonaws.com"),
            balancing_lacks_role: lacks_role("elasticloadbalancing.amazonaws.com"),
            doubts: world.scenario.doubts.clone(),
        }
    }

    /// A region of which nothing is known: enough to tell which actions a call takes.
    pub fn unknown(region: &str) -> Self {
        Self {
            region: region.to_owned(),
            things: Vec::new(),
            template: Box::new(|_, _| None),
            role_of_profile: Box::new(|_| None),
            scaling_lacks_role: false,
            balancing_lacks_role: false,
            doubts: Vec::new(),
        }
    }

    /// The ARN of something in the region.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{ACCOUNT}:{resource}", self.partition(), self.region)
    }

    /// The ARN of something in the region that is AWS's own.
    pub fn public_arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}::{resource}", self.partition(), self.region)
    }

    /// The ARN of something of IAM.
    pub fn iam_arn(&self, resource: &str) -> String {
        format!("arn:{}:iam::{ACCOUNT}:{resource}", self.partition())
    }

    /// The partition of the region.
    pub fn partition(&self) -> &'static str {
        partition::of(&self.region)
    }

    /// Something that should be there.
    pub fn existing(&self, service: &str, arn: String) -> Target {
        let is = |thing: &&Thing| {
            let tail = arn.strip_suffix(&thing.id);
            thing.service == service
                && tail.is_some_and(|rest| rest.is_empty() || rest.ends_with(['/', ':']))
        };
        let tagging = match self.things.iter().find(is) {
            Some(thing) => Tagging::Is(thing.tags.clone()),
            None => Tagging::Gone,
        };
        Target { arn, said: None, request: Tags::new(), tagging }
    }

    /// Something of IAM by its kind and name. IAM knows the path of what is there, and takes the name
    /// alone for what is not.
    pub fn named(&self, kind: &str, name: &str) -> Target {
        let ending = format!("/{name}");
        let is = |thing: &&Thing| {
            let resource = thing.id.splitn(6, ':').nth(5).unwrap_or_default();
            let within = resource.strip_prefix(kind).is_some_and(|it| it.starts_with('/'));
            thing.service == "iam" && within && resource.ends_with(&ending)
        };
        let found = self.things.iter().find(is);
        let arn = match found {
            Some(thing) => thing.id.clone(),
            None => self.iam_arn(&format!("{kind}/{name}")),
        };
        let tags = found.map(|thing| thing.tags.clone()).unwrap_or_default();
        let said = format!("{} {name}", kind.replace('-', " "));
        Target { arn, said: Some(said), request: Tags::new(), tagging: Tagging::Is(tags) }
    }

    /// Whether a role or profile of this name is there.
    pub fn has_named(&self, kind: &str, name: &str) -> bool {
        let target = self.named(kind, name);
        self.things.iter().any(|thing| thing.id == target.arn)
    }
}
