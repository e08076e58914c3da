//! Roles.
//!
//! A role belongs to its name, whatever the path. It goes only when no instance profile holds it and
//! no policy is left (API `DeleteRole`). `ListRoles` shows neither tags nor boundaries.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::inline::Inline;
use super::named::{self, Kind, Named, find, key, shown};
use super::{ADDABLE, Iam, ROLE, TRUST, VISIBLE, attached, document, tag};
use crate::fields::{Fields, Tags, tag_list};
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// A role.
#[derive(Debug, Default, Clone)]
pub(super) struct Role {
    pub(super) partition: &'static str,
    pub(super) name: String,
    pub(super) path: String,
    pub(super) id: String,
    pub(super) created: f64,
    pub(super) description: Option<String>,
    pub(super) session: Option<i64>,
    pub(super) boundary: Option<String>,
    /// The trust policy as it was given.
    pub(super) trust: String,
    /// The trust policy that counts until `trust` does; a new role has none.
    pub(super) former_trust: Option<String>,
    /// When `trust` counts with other services.
    pub(super) counts_at: Duration,
    /// When IAM's calls find it.
    pub(super) visible_at: Duration,
    /// When `AddRoleToInstanceProfile` finds it.
    pub(super) addable_at: Duration,
    pub(super) tags: Tags,
    /// Inline policies by name.
    pub(super) inline: BTreeMap<String, Inline>,
    /// Managed policies by ARN, and when they count.
    pub(super) attached: BTreeMap<String, Duration>,
}

impl Role {
    pub(super) fn arn(&self) -> String {
        super::arn(self.partition, "role", &self.path, &self.name)
    }

    pub(super) fn is_linked(&self) -> bool {
        self.path.starts_with("/aws-service-role/")
    }

    /// The trust policy that other services go by.
    pub(super) fn trust_at(&self, now: Duration) -> Option<&str> {
        if self.counts_at <= now { Some(&self.trust) } else { self.former_trust.as_deref() }
    }

    /// What every answer says of it.
    pub(super) fn view(&self) -> Value {
        let mut view = json!({
            "Path": self.path,
            "RoleName": self.name,
            "RoleId": self.id,
            "Arn": self.arn(),
            "CreateDate": self.created,
            "AssumeRolePolicyDocument": document::encoded(&self.trust),
        });
        if let Some(description) = &self.description {
            view["Description"] = json!(description);
        }
        view
    }

    /// What the answers about this one alone say.
    pub(super) fn full_view(&self) -> Value {
        let mut view = self.view();
        if !self.tags.is_empty() {
            view["Tags"] = tag_list(&self.tags);
        }
        if let Some(boundary) = &self.boundary {
            view["PermissionsBoundary"] = json!({
                "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
                "PermissionsBoundaryArn": boundary,
            });
        }
        view
    }
}

impl Kind for Role {
    fn table(iam: &Iam) -> &Named<Self> {
        &iam.roles
    }

    fn table_mut(iam: &mut Iam) -> &mut Named<Self> {
        &mut iam.roles
    }

    fn visible_at(&self) -> Duration {
        self.visible_at
    }

    fn unknown(name: &str) -> Refusal {
        super::no_such_entity(format!("The role with name {name} cannot be found."))
    }
}

/// A role that IAM's calls find, to change it. AWS's own are not for users to change.
pub(super) fn find_mut<'a>(world: &'a mut World, name: &str) -> Result<&'a mut Role, Refusal> {
    let role = named::find_mut::<Role>(world, name)?;
    if role.is_linked() {
        let message = format!(
            "Cannot perform the operation on the protected role '{}' - this role is only \
             modifiable by AWS",
            role.name
        );
        return Err(Refusal::new("UnmodifiableEntity", message));
    }
    Ok(role)
}

pub(super) fn create_role(world: &mut World, input: &Value) -> Answer {
    let name = input.text("RoleName");
    let path = super::path(input)?;
    let trust = input.text("AssumeRolePolicyDocument");
    document::check_trust(trust)?;
    let tags = tag::checked(input)?;
    let boundary = input.some_text("PermissionsBoundary");
    let arn = super::arn(world.partition(), "role", &path, name);
    check_demanded(world, "CreateRole", &arn, boundary)?;
    boundary.map(|boundary| check_boundary(world, boundary)).transpose()?;
    let key = key(name);
    if world.iam().roles.all.contains_key(&key) {
        return Err(super::already_exists(format!("Role with name {name} already exists.")));
    }
    let visible_at = super::until(world, VISIBLE, name);
    let role = Role {
        partition: world.partition(),
        name: name.to_owned(),
        path,
        id: format!("AROA{}", world.hex(17).to_uppercase()),
        created: world.timestamp(),
        description: input.some_text("Description").map(str::to_owned),
        session: input.number("MaxSessionDuration"),
        boundary: boundary.map(str::to_owned),
        trust: trust.to_owned(),
        former_trust: None,
        counts_at: super::until(world, ROLE, name),
        visible_at,
        addable_at: visible_at.max(super::until(world, ADDABLE, name)),
        tags,
        inline: BTreeMap::new(),
        attached: BTreeMap::new(),
    };
    let answer = json!({ "Role": role.full_view() });
    world.iam_mut().roles.all.insert(key, role);
    Ok(answer)
}

/// A boundary is a managed policy that is there.
fn check_boundary(world: &World, arn: &str) -> Result<(), Refusal> {
    if attached::is_known(world.partition(), arn) || world.scenario.boundary.as_deref() == Some(arn)
    {
        return Ok(());
    }
    let message = format!("Scope ARN: {arn} does not exist or is not attachable.");
    Err(super::no_such_entity(message))
}

/// An organisation may demand a boundary on every role.
fn check_demanded(
    world: &World,
    operation: &str,
    role: &str,
    boundary: Option<&str>,
) -> Result<(), Refusal> {
    let demanded = world.scenario.boundary.as_deref();
    if demanded.is_none() || demanded == boundary {
        return Ok(());
    }
    let message = format!(
        "User: {} is not authorized to perform: \
         iam:{operation} on resource: {role} with an explicit deny in a service control policy",
        world.caller()
    );
    Err(Refusal::new("AccessDenied", message).with_status(403))
}

pub(super) fn put_permissions_boundary(world: &mut World, input: &Value) -> Answer {
    let (name, boundary) = (input.text("RoleName"), input.text("PermissionsBoundary"));
    let arn = find::<Role>(world, name)?.arn();
    check_demanded(world, "PutRolePermissionsBoundary", &arn, Some(boundary))?;
    check_boundary(world, boundary)?;
    find_mut(world, name)?.boundary = Some(boundary.to_owned());
    Ok(json!({}))
}

pub(super) fn get_role(world: &World, input: &Value) -> Answer {
    let role = shown::<Role>(world, input.text("RoleName"))?;
    let mut view = role.full_view();
    view["MaxSessionDuration"] = json!(role.session.unwrap_or(3600));
    view["RoleLastUsed"] = json!({});
    Ok(json!({ "Role": view }))
}

pub(super) fn list_roles(world: &World, input: &Value) -> Answer {
    let prefix = input.some_text("PathPrefix").unwrap_or("/");
    let found = |role: &&Role| role.path.starts_with(prefix);
    let view = |role: &Role| {
        let mut view = role.view();
        view["MaxSessionDuration"] = json!(role.session.unwrap_or(3600));
        view
    };
    let roles = named::all_shown::<Role>(world);
    let roles = roles.filter(found).map(view).collect();
    super::page(world, input, "Roles", roles)
}

pub(super) fn update_assume_role_policy(world: &mut World, input: &Value) -> Answer {
    let name = input.text("RoleName");
    let counts_at = super::until(world, TRUST, name);
    let now = world.now;
    let role = find_mut(world, name)?;
    let trust = input.text("PolicyDocument");
    document::check_trust(trust)?;
    role.former_trust = role.trust_at(now).map(str::to_owned);
    trust.clone_into(&mut role.trust);
    // A new role does not count sooner because its trust was changed.
    role.counts_at = role.counts_at.max(counts_at);
    Ok(json!({}))
}

pub(super) fn update_role_description(world: &mut World, input: &Value) -> Answer {
    let role = find_mut(world, input.text("RoleName"))?;
    role.description = Some(input.text("Description").to_owned());
    Ok(json!({ "Role": role.view() }))
}

pub(super) fn delete_role(world: &mut World, input: &Value) -> Answer {
    let name = input.text("RoleName");
    let key = key(name);
    let role = find_mut(world, name)?;
    let (attached, inline) = (role.attached.len(), role.inline.len());
    let holds = |held: &super::profile::Held| held.role == key;
    if world.iam().profiles.all.values().any(|it| it.role.as_ref().is_some_and(holds)) {
        return Err(super::delete_conflict("remove roles from instance profile"));
    }
    if attached > 0 {
        return Err(super::delete_conflict("detach all policies"));
    }
    if inline > 0 {
        return Err(super::delete_conflict("delete policies"));
    }
    world.iam_mut().roles.all.remove(&key);
    Ok(json!({}))
}
