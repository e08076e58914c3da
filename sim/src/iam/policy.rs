//! Calls of IAM, which has neither regions nor conditions on tags that matter here.

use serde_json::Value;

use super::{LinkedRole, ServiceRole, linked};
use crate::fields::{Fields, Tags};
use crate::partition;
use crate::policy::call::Call;
use crate::policy::required::{Required, Target};
use crate::policy::view::View;
use crate::world::World;

/// What a call of IAM takes.
pub(super) fn required(call: &Call<'_>) -> Vec<Required> {
    let input = call.input;
    let path = input.some_text("Path").unwrap_or("/");
    let create = |kind: &str, name: &str, tag: &str| {
        let arn = call.view.iam_arn(&format!("{kind}{path}{name}"));
        let made = Target::new(arn, input.tags("Tags"));
        let tags = (!made.request.is_empty()).then(|| Required::new(tag, [made.clone()]));
        [call.own([made])].into_iter().chain(tags).collect()
    };
    let (role_name, profile) = (input.text("RoleName"), input.text("InstanceProfileName"));
    let profiles = || call.view.named("instance-profile", profile);
    match call.operation {
        "CreateRole" => {
            let mut all: Vec<Required> = create("role", role_name, "iam:TagRole");
            if let Some(own) = all.first_mut() {
                *own = bounded(own.clone(), input);
            }
            all
        }
        "PutRolePermissionsBoundary" => {
            vec![bounded(call.own([call.view.named("role", role_name)]), input)]
        }
        "CreateInstanceProfile" => create("instance-profile", profile, "iam:TagInstanceProfile"),
        "CreateServiceLinkedRole" => {
            let service = input.text("AWSServiceName");
            let name = (call.view.service_role)(service).unwrap_or("AWSServiceRole");
            vec![link(call.view, service, name)]
        }
        "AddRoleToInstanceProfile" => {
            let mut all = vec![call.own([profiles()])];
            // A role that is not there is nothing that could be passed on.
            if call.view.has_named("role", role_name) {
                let role = Target { said: None, ..call.view.named("role", role_name) };
                all.push(pass(role, partition::ec2_service(call.view.partition())));
            }
            all
        }
        "ListRoles" | "ListInstanceProfiles" => vec![call.own([Target::any()])],
        _ if !profile.is_empty() => vec![call.own([profiles()])],
        "AttachRolePolicy" | "DetachRolePolicy" => {
            let policy = input.text("PolicyArn").to_owned();
            let own = call.own([call.view.named("role", role_name)]);
            vec![has_boundary(own, call, role_name).with("iam:PolicyARN", [policy])]
        }
        "GetPolicy" => vec![call.own([role(input.text("PolicyArn"))])],
        "PutRolePolicy" | "DeleteRolePolicy" => {
            let own = call.own([call.view.named("role", role_name)]);
            vec![has_boundary(own, call, role_name)]
        }
        _ if !role_name.is_empty() => vec![call.own([call.view.named("role", role_name)])],
        _ => vec![call.own([Target::any()])],
    }
}

/// The action with the boundary that the role has.
fn has_boundary(action: Required, call: &Call<'_>, role: &str) -> Required {
    match (call.view.boundary_of_role)(role) {
        Some(boundary) => action.with("iam:PermissionsBoundary", [boundary]),
        None => action,
    }
}

/// The action with the boundary that the call gives to a role.
fn bounded(action: Required, input: &Value) -> Required {
    match input.some_text("PermissionsBoundary") {
        Some(boundary) => action.with("iam:PermissionsBoundary", [boundary.to_owned()]),
        None => action,
    }
}

/// The permission to hand a role to a service.
pub(crate) fn pass(role: Target, to: &str) -> Required {
    Required::new("iam:PassRole", [role]).with("iam:PassedToService", [to.to_owned()])
}

/// A role or a policy by its ARN.
pub(crate) fn role(arn: &str) -> Target {
    Target::new(arn.to_owned(), Tags::new())
}

/// Tells of the roles of instance profiles, and of service-linked roles.
pub(super) fn tell<'a>(world: &'a World, view: &mut View<'a>) {
    view.role_of_profile = Box::new(|profile| super::role_of_profile(world, profile));
    view.boundary_of_role = Box::new(|role| super::boundary_of_role(world, role));
    view.service_role = Box::new(|service| linked::of(world, service).map(|role| role.name));
    let services = world.iam().service_roles.iter().map(|role| role.principal);
    let missing = |service: &&str| super::linked_role(world, service) == LinkedRole::Missing;
    view.missing_roles = services.filter(missing).collect();
}

/// The permission to make the role of a service, when AWS has not made it yet.
pub(crate) fn make_missing(view: &View<'_>, role: &ServiceRole) -> Option<Required> {
    view.lacks_role(role.principal).then(|| link(view, role.principal, role.name))
}

fn link(view: &View<'_>, service: &str, name: &str) -> Required {
    let role = role(&view.iam_arn(&format!("role{}{name}", linked::path(service))));
    Required::new("iam:CreateServiceLinkedRole", [role])
        .with("iam:AWSServiceName", [service.to_owned()])
}
