//! A policy of a role of ours: an inline one, or a managed one that is attached.
//!
//! A policy is a thing of its own beside its role, since it comes before what needs it and goes after: a new
//! task definition is started only when what it takes is allowed, and what the old one took stays allowed until
//! no task of it runs any more, also where a rollout fails. So an inline policy never changes its content: its
//! name ends in a hash of that, and other content is another policy.
//!
//! Policies cannot be tagged, and IAM has no listing of those of all roles. Whose a policy is, its role says;
//! whether an execution role has some at all, the role's description ([`role::DESCRIPTION`]), which comes with
//! the listing of roles: for a stack without secrets nothing is asked. On an execution role only what is named
//! like ours is; a task role is the stack's as a whole.

use futures::future::try_join_all;
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};

use super::role::{self, BUSY, Role, UNKNOWN, is_same_json};
use super::{Difference, Kind, Made, Others, Owned, Phase, Resource, Seen, Wanted, Whole};
use crate::aws::{AllPages, Aws, Cx, Doing, Meanings, Owner, Result, Scope};
use crate::names::NodeName;

/// What the names of our inline policies begin with.
const OURS: &str = "ecsup-";
/// The purpose of the policy that lets commands be run in tasks.
pub const EXEC: &str = "exec";
/// How many roles are read at a time: IAM admits few calls a second.
const AT_A_TIME: usize = 4;
/// What a new policy waits for: nobody can ask IAM when other services know it.
const SPREADING: &str = "IAM to let ECS know of it";
/// IAM may not know yet what it has just made. A policy that it does not know is fatal.
const NOT_YET: &[&str] = &["NoSuchEntity: role with name", BUSY];

/// Which policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// An inline one, by its name.
    Inline(String),
    /// A managed one, by its ARN.
    Managed(String),
}

impl Which {
    /// Whether it is an inline one of ours for some purpose.
    pub fn is_for(&self, purpose: &str) -> bool {
        let Self::Inline(name) = self else { return false };
        let hash = name.strip_prefix(OURS).and_then(|rest| rest.strip_prefix(purpose));
        hash.is_some_and(|rest| rest.starts_with('-'))
    }
}

/// A policy as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The name of its role.
    pub role: String,
    /// Which it is.
    pub which: Which,
    /// What an inline one says, decoded. `None` when not read.
    pub document: Option<String>,
}

/// The policy that is wanted.
#[derive(Debug, Clone)]
pub struct RolePolicy {
    which: Which,
    document: Option<String>,
}

impl RolePolicy {
    /// An inline policy, which says this for some purpose: its name is made of both.
    pub fn inline(purpose: &str, document: String) -> Self {
        let digest = Sha256::digest(&document);
        let hash: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let which = Which::Inline(format!("{OURS}{purpose}-{hash}"));
        Self { which, document: Some(document) }
    }

    /// A managed policy, by its ARN.
    pub fn managed(arn: String) -> Self {
        Self { which: Which::Managed(arn), document: None }
    }

    /// Its node, beside that of its role.
    pub fn node(&self, role: &NodeName) -> NodeName {
        node(role, &self.which)
    }
}

/// `role-policy/task/web/NAME`, beside `role/task/web`.
fn node(role: &NodeName, which: &Which) -> NodeName {
    let role = role.as_str().strip_prefix("role/").unwrap_or(role.as_str());
    let name = match which {
        Which::Inline(name) => name.strip_prefix(OURS).unwrap_or(name),
        Which::Managed(arn) => {
            let (before, name) = arn.split_once(":policy/").unwrap_or(("", arn));
            let aws = if before.ends_with(":aws") { "aws:" } else { "" };
            return NodeName::from(format!("role-policy/{role}/{aws}{name}"));
        }
    };
    NodeName::from(format!("role-policy/{role}/{name}"))
}

/// Whether a role is one of tasks, and with all that it has the stack's.
fn is_of_tasks(node: &NodeName) -> bool {
    node.as_str().starts_with("role/task/")
}

impl Resource for RolePolicy {
    type Output = Output;
    const KIND: Kind = Kind::RolePolicy;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        of_roles(aws, &Role::list(aws, scope).await?).await
    }

    async fn list_with(others: &impl Others) -> Result<Vec<Owned<Output>>> {
        of_roles(others.aws(), &others.listing::<Role>().await?).await
    }

    async fn poll(
        aws: &Aws,
        _scope: &Scope,
        these: &[Owned<Output>],
    ) -> Result<Vec<Owned<Output>>> {
        let looks = these.iter().map(async |owned| {
            let it = owned.it();
            let again = match &it.which {
                Which::Inline(name) => document(aws, &it.role, name).await?.map(Some),
                Which::Managed(arn) => {
                    let attached = role::attached(aws, &it.role).await?.unwrap_or_default();
                    attached.contains(arn).then_some(None)
                }
            };
            Ok(again.map(|document| {
                let it = Output { document, ..it.clone() };
                Owned { seen: Seen::Present(it, Phase::Ready), ..owned.clone() }
            }))
        });
        Ok(try_join_all(looks).await?.into_iter().flatten().collect())
    }

    fn uses(it: &Output) -> Vec<String> {
        vec![it.role.clone()]
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        match &it.which {
            Which::Inline(name) => {
                let delete = aws.iam.delete_role_policy().role_name(&it.role).policy_name(name);
                let deleted = delete.send().await.doing("delete the policy of the IAM role");
                deleted.wait_on(&[BUSY]).gone_is_fine(&[UNKNOWN]).map(drop)
            }
            Which::Managed(arn) => {
                let detach = aws.iam.detach_role_policy().role_name(&it.role).policy_arn(arn);
                let detached = detach.send().await.doing("detach the policy from the IAM role");
                detached.wait_on(&[BUSY]).gone_is_fine(&[UNKNOWN]).map(drop)
            }
        }
    }
}

impl Wanted for RolePolicy {
    type Needs = role::Output;
    type Change = Whole;

    async fn create(&self, cx: &Cx, _node: &NodeName, role: &role::Output) -> Result<Made<Output>> {
        match (&self.which, &self.document) {
            (Which::Managed(arn), _) => {
                let attach = cx.aws.iam.attach_role_policy().role_name(&role.name).policy_arn(arn);
                let attached = attach.send().await.doing("attach the policy to the IAM role");
                attached.wait_on(NOT_YET)?;
            }
            (Which::Inline(name), document) => {
                let put = cx.aws.iam.put_role_policy().role_name(&role.name).policy_name(name);
                let put = put.policy_document(document.as_deref().unwrap_or_default()).send().await;
                put.doing("put the policy into the IAM role").wait_on(NOT_YET)?;
            }
        }
        let (role, which) = (role.name.clone(), self.which.clone());
        let it = Output { role, which, document: self.document.clone() };
        Ok(Made::Coming(it, SPREADING.into()))
    }

    fn drift(&self, it: &Output, _role: &role::Output) -> Vec<Difference<Whole>> {
        let (Some(is), Some(wanted)) = (&it.document, &self.document) else { return Vec::new() };
        match is_same_json(is, wanted) {
            true => Vec::new(),
            false => vec![Difference::update(Whole, "PolicyDocument", is, wanted)],
        }
    }

    async fn update(
        &self,
        cx: &Cx,
        node: &NodeName,
        _it: &Output,
        role: &role::Output,
        _: &[Whole],
    ) -> Result<Made<Output>> {
        self.create(cx, node, role).await
    }
}

/// The policies of roles, as far as these have some that are ours.
async fn of_roles(aws: &Aws, roles: &[Owned<role::Output>]) -> Result<Vec<Owned<Output>>> {
    let has_some = |it: &&Owned<role::Output>| {
        is_of_tasks(&it.owner.node) || it.it().description.as_deref() == Some(role::DESCRIPTION)
    };
    let roles: Vec<_> = roles.iter().filter(has_some).collect();
    let mut all = Vec::new();
    for some in roles.chunks(AT_A_TIME) {
        let read = try_join_all(some.iter().map(|role| of_role(aws, role)));
        all.extend(read.await?.into_iter().flatten());
    }
    Ok(all)
}

async fn of_role(aws: &Aws, role: &Owned<role::Output>) -> Result<Vec<Owned<Output>>> {
    let (is_whole, of) = (is_of_tasks(&role.owner.node), role.it());
    let names = aws.iam.list_role_policies().role_name(&of.name).into_paginator().items().send();
    let names = names.all().await.doing("list the policies of the IAM role");
    let names = names.gone_is_fine(&[UNKNOWN])?.unwrap_or_default();
    let names = names.into_iter().filter(|name| is_whole || name.starts_with(OURS));
    // Of a role that was not read, what its policies say is not read either: their names tell it.
    let is_read = of.policies.is_some();
    let inline = try_join_all(names.map(async |name| {
        let document = match is_read {
            true => document(aws, &of.name, &name).await?,
            false => None,
        };
        Ok::<_, crate::aws::Error>((Which::Inline(name), document))
    }));
    let managed = of.policies.iter().flatten().filter(|_| is_whole);
    let managed = managed.map(|arn| (Which::Managed(arn.clone()), None));
    let all = inline.await?.into_iter().chain(managed);
    Ok(all.map(|(which, document)| owned(role, which, document)).collect())
}

fn owned(role: &Owned<role::Output>, which: Which, document: Option<String>) -> Owned<Output> {
    let node = node(&role.owner.node, &which);
    let owner = Owner { node, tags: None, ..role.owner.clone() };
    let role = role.it().name.clone();
    let id = match &which {
        Which::Inline(name) => format!("{role}/{name}"),
        Which::Managed(arn) => format!("{role}/{arn}"),
    };
    Owned { owner, id, seen: Seen::Present(Output { role, which, document }, Phase::Ready) }
}

/// What an inline policy says; `None` when it is gone.
async fn document(aws: &Aws, role: &str, name: &str) -> Result<Option<String>> {
    let got = aws.iam.get_role_policy().role_name(role).policy_name(name).send().await;
    let got = got.doing("read the policy of the IAM role").gone_is_fine(&[UNKNOWN])?;
    // Percent-encoded (RFC 3986), or plain where an endpoint returns plain JSON.
    Ok(got.map(|got| match got.policy_document().trim_start().starts_with('{') {
        true => got.policy_document().to_owned(),
        false => percent_decode_str(got.policy_document()).decode_utf8_lossy().into_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_stands_beside_its_role_and_other_content_is_another_one() {
        let role = NodeName::from("role/execution/web");
        let one = RolePolicy::inline("secrets", "{\"a\":1}".into());
        let other = RolePolicy::inline("secrets", "{\"a\":2}".into());
        assert!(one.node(&role).as_str().starts_with("role-policy/execution/web/secrets-"));
        assert_ne!(one.node(&role), other.node(&role));
        let node = |arn: &str| RolePolicy::managed(arn.into()).node(&"role/task/web".into());
        let aws = node("arn:aws:iam::aws:policy/service-role/X");
        assert_eq!(aws.as_str(), "role-policy/task/web/aws:service-role/X");
        assert_eq!(node("arn:aws:iam::1:policy/X").as_str(), "role-policy/task/web/X");
    }

    #[test]
    fn what_somebody_has_changed_in_a_policy_is_told() {
        let wanted = RolePolicy::inline("secrets", "{\"a\":1}".into());
        let role = role::tests::output();
        let it = |document: Option<&str>| Output {
            role: "role".into(),
            which: wanted.which.clone(),
            document: document.map(str::to_owned),
        };
        assert_eq!(wanted.drift(&it(Some("{ \"a\": 1 }")), &role), []);
        assert_eq!(wanted.drift(&it(None), &role), []);
        assert_eq!(wanted.drift(&it(Some("{}")), &role).len(), 1);
    }
}
