//! Instance profiles: what hands a role to an instance. One holds at most one role.
//!
//! EC2 and Auto Scaling see a profile's role long after IAM does, counted from the moment when the
//! role was put in (eksctl#8039). A profile goes only without its role (API
//! `DeleteInstanceProfile`). `ListInstanceProfiles` shows no tags.

use std::time::Duration;

use serde_json::{Value, json};

use super::named::{Kind, Named, all_shown, delete, find, find_mut, key, shown};
use super::role::Role;
use super::{Iam, PROFILE, PROFILE_ARN, PROFILE_ROLE, VISIBLE, tag};
use crate::fields::{Fields, Tags, tag_list};
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// An instance profile.
#[derive(Debug, Clone)]
pub(super) struct Profile {
    partition: &'static str,
    pub(super) name: String,
    path: String,
    id: String,
    created: f64,
    visible_at: Duration,
    arn_shows_at: Duration,
    /// When EC2 and Auto Scaling see it.
    pub(super) counts_at: Duration,
    pub(super) tags: Tags,
    pub(super) role: Option<Held>,
}

/// The role in a profile.
#[derive(Debug, Clone)]
pub(super) struct Held {
    /// The role's name in lower case.
    pub(super) role: String,
    /// When EC2 and Auto Scaling see it.
    pub(super) counts_at: Duration,
}

impl Profile {
    pub(super) fn arn(&self) -> String {
        super::arn(self.partition, "instance-profile", &self.path, &self.name)
    }

    fn view(&self, world: &World) -> Value {
        let role = self.role.as_ref().and_then(|held| world.iam().roles.all.get(&held.role));
        json!({
            "Path": self.path,
            "InstanceProfileName": self.name,
            "InstanceProfileId": self.id,
            "Arn": self.arn(),
            "CreateDate": self.created,
            "Roles": role.iter().map(|role| role.view()).collect::<Vec<_>>(),
        })
    }

    fn full_view(&self, world: &World) -> Value {
        let mut view = self.view(world);
        if !self.tags.is_empty() {
            view["Tags"] = tag_list(&self.tags);
        }
        view
    }
}

impl Kind for Profile {
    fn table(iam: &Iam) -> &Named<Self> {
        &iam.profiles
    }

    fn table_mut(iam: &mut Iam) -> &mut Named<Self> {
        &mut iam.profiles
    }

    fn visible_at(&self) -> Duration {
        self.visible_at
    }

    fn unknown(name: &str) -> Refusal {
        super::no_such_entity(format!("Instance Profile {name} cannot be found."))
    }
}

pub(super) fn create_instance_profile(world: &mut World, input: &Value) -> Answer {
    let name = input.text("InstanceProfileName");
    let path = super::path(input)?;
    let tags = tag::checked(input)?;
    let key = key(name);
    if world.iam().profiles.all.contains_key(&key) {
        return Err(super::already_exists(format!("Instance Profile {name} already exists.")));
    }
    let profile = Profile {
        partition: world.partition(),
        name: name.to_owned(),
        path,
        id: format!("AIPA{}", world.hex(17).to_uppercase()),
        created: world.timestamp(),
        visible_at: super::until(world, VISIBLE, name),
        arn_shows_at: super::until(world, PROFILE_ARN, name),
        counts_at: super::until(world, PROFILE, name),
        tags,
        role: None,
    };
    let answer = json!({ "InstanceProfile": profile.full_view(world) });
    world.iam_mut().profiles.all.insert(key, profile);
    Ok(answer)
}

pub(super) fn get_instance_profile(world: &World, input: &Value) -> Answer {
    let profile = shown::<Profile>(world, input.text("InstanceProfileName"))?;
    let mut view = profile.full_view(world);
    if profile.arn_shows_at > world.now {
        view["Arn"] = json!(profile.id);
    }
    Ok(json!({ "InstanceProfile": view }))
}

pub(super) fn list_instance_profiles(world: &World, input: &Value) -> Answer {
    let prefix = input.some_text("PathPrefix").unwrap_or("/");
    let found = |it: &&Profile| it.path.starts_with(prefix);
    let profiles = all_shown::<Profile>(world).filter(found).map(|it| it.view(world)).collect();
    super::page(world, input, "InstanceProfiles", profiles)
}

pub(super) fn list_instance_profiles_for_role(world: &World, input: &Value) -> Answer {
    let role = key(&shown::<Role>(world, input.text("RoleName"))?.name);
    let holds = |it: &&Profile| it.role.as_ref().is_some_and(|held| held.role == role);
    let profiles = all_shown::<Profile>(world).filter(holds).map(|it| it.view(world)).collect();
    super::page(world, input, "InstanceProfiles", profiles)
}

pub(super) fn add_role_to_instance_profile(world: &mut World, input: &Value) -> Answer {
    let (name, role) = (input.text("InstanceProfileName"), input.text("RoleName"));
    let profile = find::<Profile>(world, name)?;
    let key = key(role);
    let found = world.iam().roles.all.get(&key).filter(|role| role.addable_at <= world.now);
    let found = found.ok_or_else(|| Role::unknown(role))?;
    if found.is_linked() {
        let message = format!(
            "Cannot perform the operation on the protected role '{}' - this role is only \
             modifiable by AWS",
            found.name
        );
        return Err(Refusal::new("UnmodifiableEntity", message));
    }
    if profile.role.is_some() {
        return Err(super::limit_exceeded("InstanceSessionsPerInstanceProfile", 1));
    }
    let counts_at = super::until(world, PROFILE_ROLE, name);
    find_mut::<Profile>(world, name)?.role = Some(Held { role: key, counts_at });
    Ok(json!({}))
}

pub(super) fn remove_role_from_instance_profile(world: &mut World, input: &Value) -> Answer {
    let role = input.text("RoleName");
    let key = key(role);
    let name = input.text("InstanceProfileName");
    if find::<Profile>(world, name)?.role.as_ref().is_none_or(|held| held.role != key) {
        return Err(Role::unknown(role));
    }
    find_mut::<Profile>(world, name)?.role = None;
    Ok(json!({}))
}

pub(super) fn delete_instance_profile(world: &mut World, input: &Value) -> Answer {
    let name = input.text("InstanceProfileName");
    if find::<Profile>(world, name)?.role.is_some() {
        return Err(super::delete_conflict("remove roles from instance profile"));
    }
    delete::<Profile>(world, name)?;
    Ok(json!({}))
}
