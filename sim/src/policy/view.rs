//! What the evaluator has to know of the world: which things there are, with which tags.

use std::fmt;

use serde_json::Value;

use super::required::{Tagging, Target};
use crate::arn::{self, Arn};
use crate::doubt::Doubt;
use crate::fields::Tags;
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
/// Reads what belongs to something of IAM, by its name or ARN.
type Profiles<'a> = Box<dyn Fn(&str) -> Option<String> + 'a>;

/// Reads the ARNs of the roles that a task definition's tasks are handed, by its ARN.
type Definitions<'a> = Box<dyn Fn(&str) -> Vec<String> + 'a>;

/// Reads the name of the service-linked role of a service such as `ecs.amazonaws.com`.
type ServiceRoles<'a> = Box<dyn Fn(&str) -> Option<&'static str> + 'a>;

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
    /// ARNs of the roles of a task definition, by its ARN.
    pub roles_of_definition: Definitions<'a>,
    /// ARN of the permissions boundary of a role, by name.
    pub boundary_of_role: Profiles<'a>,
    /// The name of a service's service-linked role, made or not.
    pub service_role: ServiceRoles<'a>,
    /// The services whose service-linked role AWS has not made yet, and makes in the caller's name.
    pub missing_roles: Vec<&'static str>,
    /// Which facts in doubt fall the other way.
    pub doubts: Vec<Doubt>,
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("things", &self.things).finish_non_exhaustive()
    }
}

impl View<'_> {
    /// A region of which nothing is known: enough to tell which actions a call takes.
    pub fn unknown(region: &str) -> Self {
        Self {
            region: region.to_owned(),
            things: Vec::new(),
            template: Box::new(|_, _| None),
            role_of_profile: Box::new(|_| None),
            roles_of_definition: Box::new(|_| Vec::new()),
            boundary_of_role: Box::new(|_| None),
            service_role: Box::new(|_| None),
            missing_roles: Vec::new(),
            doubts: Vec::new(),
        }
    }

    /// The ARN of something of IAM.
    pub fn iam_arn(&self, resource: &str) -> String {
        Arn::of_iam(self.partition(), resource).to_string()
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
            let resource = arn::resource(&thing.id);
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

    /// Whether a service such as `ecs.amazonaws.com` has no service-linked role yet.
    pub fn lacks_role(&self, service: &str) -> bool {
        self.missing_roles.contains(&service)
    }

    /// Whether a role or profile of this name is there.
    pub fn has_named(&self, kind: &str, name: &str) -> bool {
        let target = self.named(kind, name);
        self.things.iter().any(|thing| thing.id == target.arn)
    }
}
