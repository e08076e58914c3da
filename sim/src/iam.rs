//! IAM: roles, their policies, and instance profiles. It is one for the whole account.
//!
//! Two delays make IAM what it is. What was just made is not found for a moment, by IAM's own calls.
//! And it takes longer until the other services take a role, a policy or a profile for real; nobody
//! can ask IAM when that is, so those who need one are refused and try again (`docs/aws-facts.md`,
//! "What just made is not visible yet"). Names are unique whatever their case and their path.

use std::ops::RangeInclusive;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};

use crate::arn::{Arn, short};
use crate::buckets::{Limits, Shared};
use crate::fields::{Fields, Tags};
use crate::model::Model;
use crate::page::Pager;
use crate::policy::condition::Context;
use crate::policy::{Policy, Verdict};
use crate::refusal::{Answer, Refusal, Refusals};
use crate::service::Handler::{self, Changes, Looks};
use crate::service::Service;
use crate::world::{Scope, State, World};

mod attached;
mod document;
mod inline;
mod linked;
mod managed;
mod named;
pub(crate) mod policy;
mod profile;
mod role;
mod simulate;
mod tag;

#[cfg(test)]
mod tests;

pub use linked::ServiceRole;

use named::Named;

/// A label of the dice, and the seconds that it usually takes.
type Delay = (&'static str, RangeInclusive<f64>);

/// Until IAM's own calls find a new role or profile: reads after writes are "seen" to miss.
const VISIBLE: Delay = ("iam.visible", 0.0..=3.0);
/// Until answers show that a role or a profile was changed or deleted (IAM guide, "Changes that I make
/// are not always immediately visible").
const LAGGING: Delay = ("iam.lagging", 0.0..=3.0);
/// Until `AddRoleToInstanceProfile` finds a new role (API, `NoSuchEntity` "The role with name").
const ADDABLE: Delay = ("iam.addable", 0.0..=5.0);
/// Until `GetInstanceProfile` shows an ARN instead of the id (terraform-provider-aws,
/// `iam/instance_profile.go`).
const PROFILE_ARN: Delay = ("iam.profile-arn", 0.0..=3.0);
/// Until other services can assume a new role (seen: "Role is not valid").
const ROLE: Delay = ("iam.role", 5.0..=15.0);
/// Until a changed trust policy counts (seen).
const TRUST: Delay = ("iam.trust", 5.0..=15.0);
/// Until an attached policy counts (seen).
const POLICY: Delay = ("iam.policy", 5.0..=15.0);
/// Until Auto Scaling and EC2 see a profile. Its role may come later still.
const PROFILE: Delay = ("iam.profile", 3.0..=20.0);
/// Until Auto Scaling and EC2 see a profile's role: refused after 3 s, accepted after 34 s
/// (eksctl#8039).
const PROFILE_ROLE: Delay = ("iam.profile-role", 5.0..=30.0);
/// Until a service can use its new service-linked role (API, `ServiceLinkedRoleFailure`).
const LINKED: Delay = ("iam.linked-role", 5.0..=20.0);

/// The service.
pub static SERVICE: Service = Service {
    name: "iam",
    model: LazyLock::new(|| Model::read(include_str!("iam/model.json"))),
    operations: OPERATIONS,
    limits: Limits { shared: Shared::ByKind, looks: (30.0, 15.0), changes: (15.0, 5.0) },
    refusals: Refusals {
        missing: "ValidationError",
        malformed: "ValidationError",
        throttled: || Refusal::new("Throttling", "Rate exceeded"),
        denied: |why| Refusal::new("AccessDenied", why).with_status(403),
        dry_run: None,
    },
    scope: Iam::SCOPE,
    begin: World::begin::<Iam>,
    hear: None,
    ids,
    tagged,
    required: policy::required,
    tell: policy::tell,
};

/// Everything of IAM in the account.
#[derive(Debug, Default)]
pub struct Iam {
    /// The service-linked roles of the services that there are.
    service_roles: Vec<&'static ServiceRole>,
    roles: Named<role::Role>,
    profiles: Named<profile::Profile>,
}

impl State for Iam {
    const SCOPE: Scope = Scope::Partition;

    fn new(_: &World) -> Self {
        Self::default()
    }
}

impl World {
    /// What IAM keeps here.
    pub fn iam(&self) -> &Iam {
        self.state()
    }

    /// The same, to be changed.
    pub fn iam_mut(&mut self) -> &mut Iam {
        self.state_mut()
    }
}

/// `ListAccountAliases`: an account has one at most.
fn list_account_aliases(world: &World, input: &Value) -> Answer {
    let aliases = world.scenario.account_alias.iter().map(|alias| json!(alias)).collect();
    page(world, input, "AccountAliases", aliases)
}

/// Whether AWS has a service-linked role yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkedRole {
    /// There is none.
    Missing,
    /// It was made seconds ago and cannot be used yet.
    Fresh,
    /// It can be used.
    Usable,
}

/// What it answers.
const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateRole", Changes(role::create_role)),
    ("GetRole", Looks(role::get_role)),
    ("ListRoles", Looks(role::list_roles)),
    ("DeleteRole", Changes(role::delete_role)),
    ("PutRolePermissionsBoundary", Changes(role::put_permissions_boundary)),
    ("UpdateAssumeRolePolicy", Changes(role::update_assume_role_policy)),
    ("UpdateRoleDescription", Changes(role::update_role_description)),
    ("TagRole", Changes(tag::tag_role)),
    ("UntagRole", Changes(tag::untag_role)),
    ("ListRoleTags", Looks(tag::list_role_tags)),
    ("PutRolePolicy", Changes(inline::put_role_policy)),
    ("GetRolePolicy", Looks(inline::get_role_policy)),
    ("ListRolePolicies", Looks(inline::list_role_policies)),
    ("DeleteRolePolicy", Changes(inline::delete_role_policy)),
    ("AttachRolePolicy", Changes(attached::attach_role_policy)),
    ("DetachRolePolicy", Changes(attached::detach_role_policy)),
    ("GetPolicy", Looks(attached::get_policy)),
    ("ListAttachedRolePolicies", Looks(attached::list_attached_role_policies)),
    ("SimulatePrincipalPolicy", Looks(simulate::simulate_principal_policy)),
    ("CreateInstanceProfile", Changes(profile::create_instance_profile)),
    ("GetInstanceProfile", Looks(profile::get_instance_profile)),
    ("ListInstanceProfiles", Looks(profile::list_instance_profiles)),
    ("ListInstanceProfilesForRole", Looks(profile::list_instance_profiles_for_role)),
    ("AddRoleToInstanceProfile", Changes(profile::add_role_to_instance_profile)),
    ("RemoveRoleFromInstanceProfile", Changes(profile::remove_role_from_instance_profile)),
    ("DeleteInstanceProfile", Changes(profile::delete_instance_profile)),
    ("TagInstanceProfile", Changes(tag::tag_instance_profile)),
    ("UntagInstanceProfile", Changes(tag::untag_instance_profile)),
    ("ListInstanceProfileTags", Looks(tag::list_instance_profile_tags)),
    ("ListAccountAliases", Looks(list_account_aliases)),
    ("CreateServiceLinkedRole", Changes(linked::create_service_linked_role)),
];

/// Answers one call.
pub fn answer(world: &mut World, operation: &str, input: &Value) -> Answer {
    SERVICE.answer(world, operation, input)
}

/// The service-linked role of a service such as `ecs.amazonaws.com`.
pub fn linked_role(world: &World, service: &str) -> LinkedRole {
    let path = linked::path(service);
    match world.iam().roles.all.values().find(|role| role.path == path) {
        None => LinkedRole::Missing,
        Some(role) if role.counts_at > world.now => LinkedRole::Fresh,
        Some(_) => LinkedRole::Usable,
    }
}

/// A service begins that acts through this role. An account has it from the start, unless the scenario
/// says that it is fresh.
pub fn introduce(world: &mut World, role: &'static ServiceRole) {
    linked::introduce(world, role);
}

/// AWS makes the role itself, as a service does at its first use.
pub fn make_linked_role(world: &mut World, service: &str) {
    if linked_role(world, service) == LinkedRole::Missing
        && let Some(role) = linked::of(world, service)
    {
        linked::make(world, role, None);
    }
}

/// How much of an instance profile other services see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeenProfile {
    /// Nothing of it.
    Unknown,
    /// The profile of this ARN, and no role in it.
    WithoutRole(String),
    /// The profile with its role.
    Whole,
}

/// How much other services see of an instance profile yet, by name or ARN.
pub fn seen_profile(world: &World, name_or_arn: &str) -> SeenProfile {
    let profile = find_profile(world, name_or_arn).filter(|it| it.counts_at <= world.now);
    let Some(profile) = profile else { return SeenProfile::Unknown };
    match &profile.role {
        Some(held) if held.counts_at <= world.now => SeenProfile::Whole,
        _ => SeenProfile::WithoutRole(profile.arn()),
    }
}

/// ARN of the role of an instance profile, by name or ARN.
pub fn role_of_profile(world: &World, name_or_arn: &str) -> Option<String> {
    let held = find_profile(world, name_or_arn)?.role.as_ref()?;
    Some(world.iam().roles.all.get(&held.role)?.arn())
}

/// ARN of the permissions boundary of a role, by its name.
fn boundary_of_role(world: &World, name: &str) -> Option<String> {
    world.iam().roles.all.get(&named::key(name))?.boundary.clone()
}

/// ARN of an instance profile, by its name.
pub fn arn_of_profile(world: &World, name: &str) -> Option<String> {
    find_profile(world, name).map(profile::Profile::arn)
}

/// Whether other services can assume a role yet, by its ARN: it is there, trusts `service`, and has
/// propagated.
pub fn is_assumable(world: &World, role_arn: &str, service: &str) -> bool {
    find_role(world, role_arn).is_some_and(|role| {
        let trust = role.trust_at(world.now);
        trust.is_some_and(|trust| document::trusts(trust, service, &world.region))
    })
}

/// The ARN of a role of this account that is named by its ARN or, where that is allowed, by its name.
pub fn arn_of_role(world: &World, name_or_arn: &str) -> String {
    match name_or_arn.starts_with("arn:") {
        true => name_or_arn.to_owned(),
        false => world.iam_arn(&format!("role/{name_or_arn}")),
    }
}

/// Whether a managed policy of this name is attached to a role and has propagated.
pub fn has_policy(world: &World, role_arn: &str, policy: &str) -> bool {
    find_role(world, role_arn).is_some_and(|role| {
        let named = |arn: &String| attached::name_of(arn) == policy;
        role.attached.iter().any(|(arn, counts_at)| named(arn) && *counts_at <= world.now)
    })
}

/// Whether a role may do something to a resource by now: by its inline policies, and by those managed ones
/// whose documents are known. What a boundary says is not known, and bounds nothing here.
pub fn allows(
    world: &World,
    role_arn: &str,
    action: &str,
    resource: &str,
    context: &Context,
) -> bool {
    let Some(role) = find_role(world, role_arn) else { return false };
    let inline = role.inline.values().filter_map(|it| it.document_at(world.now));
    let attached = role.attached.iter().filter(|(_, counts_at)| **counts_at <= world.now);
    let attached = attached.filter_map(|(arn, _)| attached::document(arn));
    let documents = inline.map(str::to_owned).chain(attached);
    let policies = documents.filter_map(|document| Policy::parse(&document).ok());
    Policy::all(policies).verdict(action, resource, context) == Verdict::Allowed
}

/// All that exists: ARNs of roles and instance profiles, and `role/policy` for each policy of a role
/// that is not AWS's own.
pub fn ids(world: &World) -> Vec<String> {
    let mut ids: Vec<_> = world.iam().roles.all.values().map(role::Role::arn).collect();
    ids.extend(world.iam().profiles.all.values().map(profile::Profile::arn));
    for role in world.iam().roles.all.values().filter(|role| !role.is_linked()) {
        let attached = role.attached.keys().map(|arn| attached::name_of(arn));
        let policies = attached.chain(role.inline.keys().map(String::as_str));
        ids.extend(policies.map(|policy| format!("{}/{policy}", role.name)));
    }
    ids
}

/// What has tags: its kind, its ARN and the tags.
pub fn tagged(world: &World) -> Vec<(String, String, Tags)> {
    let roles = world.iam().roles.all.values().filter(|role| !role.is_linked());
    let roles = roles.map(|role| ("role".to_owned(), role.arn(), role.tags.clone()));
    let profiles = world.iam().profiles.all.values();
    let profiles = profiles.map(|it| ("instance-profile".to_owned(), it.arn(), it.tags.clone()));
    roles.chain(profiles).collect()
}

fn find_role<'a>(world: &'a World, arn: &str) -> Option<&'a role::Role> {
    // The path is part of the ARN: one with another path names nothing.
    world.iam().roles.all.get(&last(arn)).filter(|role| role.arn() == arn)
}

fn find_profile<'a>(world: &'a World, name_or_arn: &str) -> Option<&'a profile::Profile> {
    let profile = world.iam().profiles.all.get(&last(name_or_arn))?;
    let is_it = profile.arn() == name_or_arn || profile.name.eq_ignore_ascii_case(name_or_arn);
    is_it.then_some(profile)
}

/// What follows the last slash, as a key.
fn last(arn: &str) -> String {
    named::key(short(arn))
}

fn arn(partition: &str, kind: &str, path: &str, name: &str) -> String {
    Arn::of_iam(partition, &format!("{kind}{path}{name}")).to_string()
}

/// When something that begins now is over.
fn until(world: &World, (label, range): Delay, key: &str) -> Duration {
    world.now + world.dice.delay(label, key, range)
}

/// The path that a thing shall stand under. AWS keeps one for itself.
fn path(input: &Value) -> Result<String, Refusal> {
    let path = input.some_text("Path").unwrap_or("/");
    if path.starts_with("/aws-service-role/") || path.starts_with("/aws-reserved/") {
        let message = format!("Path {path} is reserved for use by AWS.");
        return Err(Refusal::new("InvalidInput", message));
    }
    Ok(path.to_owned())
}

fn no_such_entity(message: impl Into<String>) -> Refusal {
    Refusal::new("NoSuchEntity", message).with_status(404)
}

fn already_exists(message: impl Into<String>) -> Refusal {
    Refusal::new("EntityAlreadyExists", message).with_status(409)
}

fn delete_conflict(what: &str) -> Refusal {
    let message = format!("Cannot delete entity, must {what} first.");
    Refusal::new("DeleteConflict", message).with_status(409)
}

fn limit_exceeded(quota: &str, limit: usize) -> Refusal {
    let message = format!("Cannot exceed quota for {quota}: {limit}");
    Refusal::new("LimitExceeded", message).with_status(409)
}

/// Pages of listings.
const PAGER: Pager = Pager {
    size: "MaxItems",
    most: 1000,
    bad_size: None,
    from: "Marker",
    next: "Marker",
    says_truncated: true,
    bad_token: |_| Refusal::new("ValidationError", "Invalid Marker."),
};

/// One page of a listing.
fn page(world: &World, input: &Value, list: &str, all: Vec<Value>) -> Answer {
    PAGER.page(world, input, list, 100, all)
}
