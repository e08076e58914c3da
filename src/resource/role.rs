//! An IAM role: who may take it on, the managed policy that it needs for its work, and what bounds it. What
//! else it may do, policies of its own say ([`role_policy`](super::role_policy)).
//!
//! IAM has no regions: the stack's roles stand under a path of their own, which makes them listable.
//! `ListRoles` returns no tags, so each role is read once more. A role on another path still takes
//! the name, so the name is looked up as well.

use std::collections::BTreeMap;

use aws_sdk_iam::types::{Role as Listed, Tag};
use futures::future::try_join_all;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::id::RoleArn;
use super::{Difference, Kind, Made, Others, Owned, Phase, Resource, Seen, Wanted, service};
use crate::aws::{AllPages, Aws, Cx, Doing, Error, Meanings, Result, Scope, Tagging, missing};
use crate::names::{Names, NodeName, partition};

/// A role as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: RoleArn,
    /// ARNs of the attached managed policies. `None` when not read.
    pub policies: Option<Vec<String>>,
    /// The trust policy, decoded. `None` when not read.
    pub trust: Option<String>,
    /// ARN of the policy that bounds it, if one does.
    pub boundary: Option<String>,
    /// Its description.
    pub description: Option<String>,
}

/// The role that is wanted.
#[derive(Debug)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// The trust policy, as JSON.
    pub trust: String,
    /// ARN of the managed policy that it gets, if it gets one.
    pub policy: Option<String>,
    /// Whether it has policies of its own, which its description then says. One that has had some says so for
    /// ever.
    pub has_policies: bool,
    /// ARN of the policy that has to bound it. Without one, a boundary that somebody set stays.
    pub boundary: Option<String>,
}

/// What can be changed of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Who may take it on.
    Trust,
    /// The managed policy is attached as well.
    Policy,
    /// What bounds it.
    Boundary,
    /// What its description says.
    Description,
}

/// What IAM answers when it does not know a role, a profile or a policy of a role.
pub const UNKNOWN: &str = "NoSuchEntity";
/// What IAM answers while another change of the same thing is under way.
pub const BUSY: &str = "ConcurrentModification";

/// How many roles are read at a time, each with two calls.
const AT_A_TIME: usize = 4;

const TRUST: &str = "AssumeRolePolicyDocument";
const POLICY: &str = "ManagedPolicyArns";
const BOUNDARY: &str = "PermissionsBoundary";

/// The description of a role that has policies of its own. The listing of roles shows it, and shows neither
/// policies nor tags.
pub const DESCRIPTION: &str = "Its inline policies say what it may read and do";

impl Resource for Role {
    type Output = Output;
    const KIND: Kind = Kind::Role;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        read_all(aws, scope, &listed(aws, scope).await?).await
    }

    async fn list_with(others: &impl Others) -> Result<Vec<Owned<Output>>> {
        let (aws, scope) = (others.aws(), others.scope());
        let roles = listed(aws, scope).await?;
        let Some(names) = scope.names().filter(|_| roles.len() > service::MANY) else {
            return read_all(aws, scope, &roles).await;
        };
        let services = service::steady_of_many(others).await?;
        let owners = services.values().filter_map(|owned| {
            Some((names.role_of("execution", &owned.it().name.parse().ok()?), owned))
        });
        let owners: BTreeMap<_, _> = owners.collect();
        let is_known = |role: &&Listed| owners.contains_key(role.role_name());
        let (known, others): (Vec<_>, Vec<_>) = roles.iter().partition(is_known);
        let known = known.into_iter().filter_map(|role| {
            let owner = owners.get(role.role_name())?;
            let node = format!("role/execution/{}", owner.it().name);
            let it = Output::of(role, None);
            Some(service::belonging(owner, node, it.name.clone(), it))
        });
        let others: Vec<_> = others.into_iter().cloned().collect();
        Ok(known.chain(read_all(aws, scope, &others).await?).collect())
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        Some(Tagging::Role(it.name.clone()))
    }

    /// A role goes only without policies. Taking it out of instance profiles is their affair.
    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        let Some(attached) = attached(aws, &it.name).await? else { return Ok(()) };
        for policy in attached {
            let detach = aws.iam.detach_role_policy().role_name(&it.name).policy_arn(policy);
            let detach = detach.send().await.doing("detach a managed policy from the IAM role");
            detach.wait_on(&[BUSY]).gone_is_fine(&[UNKNOWN])?;
        }
        let inline = aws.iam.list_role_policies().role_name(&it.name).into_paginator().items();
        let inline = inline.send().all().await;
        let inline = inline.doing("list the policies of the IAM role").gone_is_fine(&[UNKNOWN])?;
        for policy in inline.unwrap_or_default() {
            let delete = aws.iam.delete_role_policy().role_name(&it.name).policy_name(policy);
            let delete = delete.send().await.doing("delete a policy of the IAM role");
            delete.wait_on(&[BUSY]).gone_is_fine(&[UNKNOWN])?;
        }
        let delete = aws.iam.delete_role().role_name(&it.name).send().await;
        delete
            .doing("delete the IAM role")
            .wait_on(&["DeleteConflict", BUSY])
            .gone_is_fine(&[UNKNOWN])
            .map(drop)
    }

    async fn blockers(aws: &Aws, it: &Output) -> Result<Vec<String>> {
        let profiles = aws.iam.list_instance_profiles_for_role().role_name(&it.name);
        let profiles = profiles.into_paginator().items().send().all().await;
        let profiles = profiles.doing("list the instance profiles of the IAM role");
        let profiles = profiles.gone_is_fine(&[UNKNOWN])?.unwrap_or_default();
        let words = |name: &str| format!("the instance profile `{name}`");
        Ok(profiles.iter().map(|profile| words(profile.instance_profile_name())).collect())
    }
}

impl Wanted for Role {
    type Needs = ();
    type Change = Change;

    async fn holder(&self, cx: &Cx, _node: &NodeName) -> Result<Option<String>> {
        let name = &self.name;
        let Some(role) = get(&cx.aws, name).await? else { return Ok(None) };
        let ours = Scope::Stack(cx.names.clone()).owner(role.tags()).is_some();
        Ok((!ours).then(|| format!("the IAM role `{}{name}`", role.path())))
    }

    async fn create(&self, cx: &Cx, node: &NodeName, (): &()) -> Result<Made<Output>> {
        const DOING: &str = "create the IAM role";
        let created = cx
            .aws
            .iam
            .create_role()
            .path(cx.names.iam_path())
            .role_name(&self.name)
            .assume_role_policy_document(&self.trust)
            .set_description(self.description().map(str::to_owned))
            // From birth: an organisation may deny the creation of a role without one.
            .set_permissions_boundary(self.boundary.clone())
            .set_tags(Some(tags(cx, node, DOING)?))
            .send()
            .await
            .doing(DOING)
            .wait_on(&[BUSY])
            .taken_on(&["EntityAlreadyExists"])?;
        let role = created.role().ok_or_else(|| missing(DOING, "Role"))?;
        Ok(Made::Ready(Output {
            name: role.role_name().to_owned(),
            arn: RoleArn::from(role.arn()),
            // A role is born without policies.
            policies: Some(Vec::new()),
            trust: Some(self.trust.clone()),
            boundary: self.boundary.clone(),
            description: self.description().map(str::to_owned),
        }))
    }

    fn drift(&self, it: &Output, (): &()) -> Vec<Difference<Change>> {
        let mut differences = Vec::new();
        if let Some(trust) = it.trust.as_ref().filter(|trust| !is_same_json(trust, &self.trust)) {
            differences.push(Difference::update(Change::Trust, TRUST, trust, &self.trust));
        }
        // Policies that somebody else attached are theirs to keep.
        if let (Some(policies), Some(wanted)) = (&it.policies, &self.policy)
            && !policies.contains(wanted)
        {
            let is = policies.join(", ");
            differences.push(Difference::update(Change::Policy, POLICY, is, wanted));
        }
        if let Some(wanted) =
            self.description().filter(|it_is| it.description.as_deref() != Some(*it_is))
        {
            let is = it.description.as_deref().unwrap_or("none");
            differences.push(Difference::update(Change::Description, "Description", is, wanted));
        }
        // A listing shows neither.
        let is_read = it.policies.is_some();
        let wanted = self.boundary.as_ref().filter(|_| is_read && it.boundary != self.boundary);
        if let Some(wanted) = wanted {
            let is = it.boundary.as_deref().unwrap_or("none");
            differences.push(Difference::update(Change::Boundary, BOUNDARY, is, wanted));
        }
        differences
    }

    async fn update(
        &self,
        cx: &Cx,
        _node: &NodeName,
        it: &Output,
        (): &(),
        changes: &[Change],
    ) -> Result<Made<Output>> {
        // IAM may not know yet what it has just made. A policy that it does not know is fatal.
        const NOT_YET: &[&str] = &["NoSuchEntity: role with name", BUSY];
        let mut it = it.clone();
        for change in changes {
            match change {
                Change::Trust => {
                    let update = cx.aws.iam.update_assume_role_policy().role_name(&it.name);
                    let update = update.policy_document(&self.trust).send().await;
                    update.doing("set the trust policy of the IAM role").wait_on(NOT_YET)?;
                    it.trust = Some(self.trust.clone());
                }
                Change::Boundary => {
                    let put = cx.aws.iam.put_role_permissions_boundary().role_name(&it.name);
                    let put = put.set_permissions_boundary(self.boundary.clone()).send().await;
                    put.doing("set the permissions boundary of the IAM role").wait_on(NOT_YET)?;
                    it.boundary.clone_from(&self.boundary);
                }
                Change::Policy => {
                    let Some(policy) = &self.policy else { continue };
                    let attach = cx.aws.iam.attach_role_policy().role_name(&it.name);
                    let attach = attach.policy_arn(policy).send().await;
                    attach.doing("attach the managed policy to the IAM role").wait_on(NOT_YET)?;
                    it.policies.get_or_insert_default().push(policy.clone());
                }
                Change::Description => {
                    let Some(description) = self.description() else { continue };
                    // UpdateRole would set the longest session back to an hour (API `UpdateRole`).
                    let update = cx.aws.iam.update_role_description().role_name(&it.name);
                    let update = update.description(description).send().await;
                    update.doing("describe the IAM role").wait_on(NOT_YET)?;
                    it.description = Some(description.to_owned());
                }
            }
        }
        Ok(Made::Ready(it))
    }
}

impl Role {
    fn description(&self) -> Option<&'static str> {
        self.has_policies.then_some(DESCRIPTION)
    }
}

/// The trust policy of the instances' role.
pub fn instance_trust(partition: &str) -> String {
    trust(&json!({
        "Effect": "Allow",
        "Principal": { "Service": partition::ec2_service(partition) },
        "Action": "sts:AssumeRole",
    }))
}

/// The trust policy of the roles that ECS takes on: to pull images, write logs and read secrets, and for the
/// tasks themselves. The conditions keep it from taking them on for somebody else's account.
pub fn tasks_trust(partition: &str, region: &str, account: &str) -> String {
    trust(&json!({
        "Effect": "Allow",
        "Principal": { "Service": "ecs-tasks.amazonaws.com" },
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": { "aws:SourceAccount": account },
            "ArnLike": { "aws:SourceArn": format!("arn:{partition}:ecs:{region}:{account}:*") },
        },
    }))
}

fn trust(statement: &Value) -> String {
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

/// The managed policy with which an instance joins its cluster.
pub fn instance_policy(partition: &str) -> String {
    format!("arn:{partition}:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role")
}

/// The managed policy with which ECS pulls images and writes logs.
pub fn execution_policy(partition: &str) -> String {
    format!("arn:{partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy")
}

/// The path under which the roles and instance profiles of a scope stand.
pub(super) fn path(scope: &Scope) -> String {
    scope.names().map_or_else(|| format!("/ecsup/{}/", scope.region()), Names::iam_path)
}

/// The tags of a node in the form that IAM takes.
pub(super) fn tags(cx: &Cx, node: &NodeName, attempt: &str) -> Result<Vec<Tag>> {
    let tag = |(key, value)| Tag::builder().key(key).value(value).build();
    let tags: Result<_, _> = cx.tags(node).into_iter().map(tag).collect();
    tags.map_err(|error| Error::other(attempt, error.to_string()))
}

impl Output {
    fn of(role: &Listed, policies: Option<Vec<String>>) -> Self {
        Self {
            name: role.role_name().to_owned(),
            arn: RoleArn::from(role.arn()),
            policies,
            trust: role.assume_role_policy_document().map(decoded),
            boundary: role
                .permissions_boundary()
                .and_then(|boundary| boundary.permissions_boundary_arn.clone()),
            description: role.description().filter(|it| !it.is_empty()).map(str::to_owned),
        }
    }
}

/// The roles under the path of a scope, as far as a listing shows them.
async fn listed(aws: &Aws, scope: &Scope) -> Result<Vec<Listed>> {
    let roles = aws.iam.list_roles().path_prefix(path(scope)).into_paginator().items().send();
    roles.all().await.doing("list the IAM roles")
}

/// Reads roles, some at a time: IAM admits few calls a second.
async fn read_all(aws: &Aws, scope: &Scope, roles: &[Listed]) -> Result<Vec<Owned<Output>>> {
    let mut ours = Vec::new();
    for some in roles.chunks(AT_A_TIME) {
        let read = try_join_all(some.iter().map(|role| read(aws, scope, role.role_name())));
        ours.extend(read.await?.into_iter().flatten());
    }
    Ok(ours)
}

/// One role of ours, in full. `None` when it is not ours, or went between two looks.
async fn read(aws: &Aws, scope: &Scope, name: &str) -> Result<Option<Owned<Output>>> {
    let (role, policies) = futures::try_join!(get(aws, name), attached(aws, name))?;
    let (Some(role), Some(policies)) = (role, policies) else { return Ok(None) };
    let Some(owner) = scope.owner(role.tags()) else { return Ok(None) };
    let it = Output::of(&role, Some(policies));
    Ok(Some(Owned { owner, id: it.name.clone(), seen: Seen::Present(it, Phase::Ready) }))
}

async fn get(aws: &Aws, name: &str) -> Result<Option<aws_sdk_iam::types::Role>> {
    let got = aws.iam.get_role().role_name(name).send().await;
    let got = got.doing("read the IAM role").gone_is_fine(&[UNKNOWN])?;
    Ok(got.and_then(|got| got.role))
}

/// ARNs of the managed policies of a role; `None` when the role is gone.
pub(super) async fn attached(aws: &Aws, name: &str) -> Result<Option<Vec<String>>> {
    let policies = aws.iam.list_attached_role_policies().role_name(name).into_paginator().items();
    let policies = policies.send().all().await;
    let policies = policies.doing("list the managed policies of the IAM role");
    let policies = policies.gone_is_fine(&[UNKNOWN])?;
    Ok(policies.map(|all| all.into_iter().filter_map(|policy| policy.policy_arn).collect()))
}

/// Undoes the percent encoding (RFC 3986) in which IAM returns policies. A policy that comes as
/// plain JSON stays as it is.
fn decoded(policy: &str) -> String {
    if policy.trim_start().starts_with('{') {
        return policy.to_owned();
    }
    percent_decode_str(policy).decode_utf8_lossy().into_owned()
}

/// Whether two policies say the same, however they are laid out.
pub(super) fn is_same_json(one: &str, other: &str) -> bool {
    let parse = |text| serde_json::from_str::<Value>(text).ok();
    match (parse(one), parse(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A role of which only its names are known.
    pub(in crate::resource) fn output() -> Output {
        Output {
            name: "role".into(),
            arn: "arn:aws:iam::1:role/execution".into(),
            policies: None,
            trust: None,
            boundary: None,
            description: None,
        }
    }

    #[test]
    fn trust_policies_name_their_service_and_keep_out_other_accounts() {
        assert_eq!(
            serde_json::from_str::<Value>(&instance_trust("aws")).unwrap(),
            json!({
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow",
                    "Principal": { "Service": "ec2.amazonaws.com" },
                    "Action": "sts:AssumeRole",
                }],
            })
        );
        let trust = tasks_trust("aws-us-gov", "us-gov-west-1", "123456789012");
        let trust: Value = serde_json::from_str(&trust).unwrap();
        assert_eq!(
            trust["Statement"][0]["Condition"],
            json!({
                "StringEquals": { "aws:SourceAccount": "123456789012" },
                "ArnLike": { "aws:SourceArn": "arn:aws-us-gov:ecs:us-gov-west-1:123456789012:*" },
            })
        );
    }

    #[test]
    fn a_policy_is_compared_by_what_it_says() {
        let wanted = Role {
            name: "role-demo-instance".into(),
            trust: instance_trust("aws"),
            policy: Some(instance_policy("aws")),
            has_policies: false,
            boundary: None,
        };
        let it = |policies: Option<Vec<String>>, trust: &str| Output {
            policies,
            trust: Some(decoded(trust)),
            ..output()
        };
        let encoded: String = wanted.trust.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let theirs = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore".to_owned();
        let both = vec![theirs.clone(), instance_policy("aws")];
        assert_eq!(wanted.drift(&it(Some(both), &encoded), &()), []);
        assert_eq!(wanted.drift(&it(None, &wanted.trust.replace(':', " : ")), &()).len(), 1);
        assert_eq!(wanted.drift(&it(None, &wanted.trust.replace(",\"", ", \"")), &()), []);
        let differences = wanted.drift(&it(Some(vec![theirs]), "%7B%7D"), &());
        let fields: Vec<_> = differences.iter().map(|d| d.field.as_str()).collect();
        assert_eq!(fields, [TRUST, POLICY]);
    }

    #[test]
    fn a_boundary_is_set_when_one_is_asked_for_and_else_left_alone() {
        let wanted = |boundary: Option<&str>| Role {
            name: "role-demo-instance".into(),
            trust: instance_trust("aws"),
            policy: Some(instance_policy("aws")),
            has_policies: false,
            boundary: boundary.map(str::to_owned),
        };
        let it = |boundary: Option<&str>| Output {
            policies: Some(vec![instance_policy("aws")]),
            boundary: boundary.map(str::to_owned),
            ..output()
        };
        let differs = |asked, is| !wanted(asked).drift(&it(is), &()).is_empty();
        assert!(!differs(None, Some("theirs")));
        assert!(!differs(Some("ours"), Some("ours")));
        assert!(differs(Some("ours"), None));
        assert!(differs(Some("ours"), Some("theirs")));
        let not_read = Output { policies: None, ..it(None) };
        assert_eq!(wanted(Some("ours")).drift(&not_read, &()), []);
    }

    #[test]
    fn broken_escapes_are_left_as_they_are() {
        assert_eq!(decoded("a%2"), "a%2");
        assert_eq!(decoded("%zz%7b"), "%zz{");
    }
}
