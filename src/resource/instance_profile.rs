//! An instance profile: what hands a role to an instance. It holds at most one.
//!
//! As with roles, `ListInstanceProfiles` returns no tags, so each profile is read once more.

use futures::future::try_join_all;

use super::role::{self, BUSY, UNKNOWN};
use super::{Difference, Kind, Made, Owned, Phase, Resource, Seen, Wanted, Whole};
use crate::aws::{AllPages, Aws, Cx, Doing, Meanings, Result, Scope, Tagging, missing};
use crate::names::NodeName;

/// An instance profile as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Names of its roles; at most one.
    pub roles: Vec<String>,
}

/// What EC2, and in its name Auto Scaling, answers as long as it does not see a new profile, or its role
/// in it: a profile can be visible before its role (eksctl#8039; terraform-provider-aws
/// `autoscaling/group.go`, `ec2/ec2_instance.go`).
pub const UNSEEN: &[&str] = &[
    "InvalidParameterValue: Invalid IAM Instance Profile",
    "InvalidParameterValue: has no associated IAM Roles",
    "ValidationError: Invalid IAM Instance Profile",
    "ValidationError: iamInstanceProfile",
    "ValidationError: has no associated IAM Roles",
];

/// The instance profile that is wanted.
#[derive(Debug)]
pub struct InstanceProfile;

impl Resource for InstanceProfile {
    type Output = Output;
    const KIND: Kind = Kind::InstanceProfile;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        let profiles = aws.iam.list_instance_profiles().path_prefix(role::path(scope));
        let profiles = profiles.into_paginator().items().send().all().await;
        let profiles = profiles.doing("list the instance profiles")?;
        let within = profiles.iter().filter(|it| it.path().starts_with(&role::path(scope)));
        let read = within.map(async |profile| {
            // A profile that goes between two looks is not there.
            let Some(profile) = get(aws, profile.instance_profile_name()).await? else {
                return Ok(None);
            };
            let Some(owner) = scope.owner(profile.tags()) else { return Ok(None) };
            let it = Output::from(&profile);
            Ok(Some(Owned { owner, id: it.name.clone(), seen: Seen::Present(it, Phase::Ready) }))
        });
        Ok(try_join_all(read).await?.into_iter().flatten().collect())
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        Some(Tagging::InstanceProfile(it.name.clone()))
    }

    /// A profile goes only without its role, and the listing may have missed one just added.
    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        let Some(profile) = get(aws, &it.name).await? else { return Ok(()) };
        for role in profile.roles() {
            take_out(aws, &it.name, role.role_name()).await?;
        }
        let delete = aws.iam.delete_instance_profile().instance_profile_name(&it.name).send().await;
        delete
            .doing("delete the instance profile")
            .wait_on(&["DeleteConflict", BUSY])
            .gone_is_fine(&[UNKNOWN])
            .map(drop)
    }
}

impl Wanted for InstanceProfile {
    type Needs = role::Output;
    type Change = Whole;

    async fn holder(&self, cx: &Cx, _node: &NodeName) -> Result<Option<String>> {
        let name = cx.names.instance_profile();
        let Some(profile) = get(&cx.aws, &name).await? else { return Ok(None) };
        let ours = Scope::Stack(cx.names.clone()).owner(profile.tags()).is_some();
        Ok((!ours).then(|| format!("the instance profile `{}{name}`", profile.path())))
    }

    async fn create(&self, cx: &Cx, node: &NodeName, _role: &role::Output) -> Result<Made<Output>> {
        const DOING: &str = "create the instance profile";
        let created = cx
            .aws
            .iam
            .create_instance_profile()
            .path(cx.names.iam_path())
            .instance_profile_name(cx.names.instance_profile())
            .set_tags(Some(role::tags(cx, node, DOING)?))
            .send()
            .await
            .doing(DOING)
            .wait_on(&[BUSY])
            .taken_on(&["EntityAlreadyExists"])?;
        let profile =
            created.instance_profile().ok_or_else(|| missing(DOING, "InstanceProfile"))?;
        Ok(Made::Ready(Output::from(profile)))
    }

    fn drift(&self, it: &Output, role: &role::Output) -> Vec<Difference<Whole>> {
        if it.roles.contains(&role.name) {
            return Vec::new();
        }
        vec![Difference::update(Whole, "Roles", it.roles.join(", "), &role.name)]
    }

    async fn update(
        &self,
        cx: &Cx,
        _node: &NodeName,
        it: &Output,
        role: &role::Output,
        _: &[Whole],
    ) -> Result<Made<Output>> {
        for other in &it.roles {
            take_out(&cx.aws, &it.name, other).await?;
        }
        let add = cx.aws.iam.add_role_to_instance_profile().instance_profile_name(&it.name);
        let add = add.role_name(&role.name).send().await;
        // IAM may not know yet the role or the profile that it has just made.
        match add.doing("add the role to the instance profile").wait_on(&[UNKNOWN, BUSY]) {
            Ok(_) => Ok(Made::Ready(Output { roles: vec![role.name.clone()], ..it.clone() })),
            // It has a role already: ours, when an answer was lost. The next look tells.
            Err(error) if error.code() == Some("LimitExceeded") => {
                Ok(Made::Asked("IAM to show the role of the instance profile".into()))
            }
            Err(error) => Err(error),
        }
    }
}

impl From<&aws_sdk_iam::types::InstanceProfile> for Output {
    fn from(profile: &aws_sdk_iam::types::InstanceProfile) -> Self {
        Self {
            name: profile.instance_profile_name().to_owned(),
            arn: profile.arn().to_owned(),
            roles: profile.roles().iter().map(|role| role.role_name().to_owned()).collect(),
        }
    }
}

async fn get(aws: &Aws, name: &str) -> Result<Option<aws_sdk_iam::types::InstanceProfile>> {
    let got = aws.iam.get_instance_profile().instance_profile_name(name).send().await;
    let got = got.doing("read the instance profile").gone_is_fine(&[UNKNOWN])?;
    Ok(got.and_then(|got| got.instance_profile))
}

async fn take_out(aws: &Aws, profile: &str, role: &str) -> Result<()> {
    let remove = aws.iam.remove_role_from_instance_profile().instance_profile_name(profile);
    let remove = remove.role_name(role).send().await;
    remove
        .doing("take the role out of the instance profile")
        .wait_on(&[BUSY])
        .gone_is_fine(&[UNKNOWN])
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::super::id::RoleArn;
    use super::*;

    #[test]
    fn a_profile_without_the_role_gets_it() {
        let role = role::Output {
            description: None,
            name: "role-demo".into(),
            arn: RoleArn::from("arn:aws:iam::123456789012:role/role-demo"),
            policies: None,
            trust: None,
            boundary: None,
        };
        let it = |roles: &[&str]| Output {
            name: "profile-demo".into(),
            arn: String::new(),
            roles: roles.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(InstanceProfile.drift(&it(&["role-demo"]), &role), []);
        assert_eq!(InstanceProfile.drift(&it(&[]), &role).len(), 1);
        assert_eq!(InstanceProfile.drift(&it(&["other"]), &role)[0].is, "other");
    }
}
