//! A rule of a security group: one TCP port and who may reach it.
//!
//! Rules have ids and tags of their own since 2021. EC2 still refuses a second rule like one that
//! is there, whoever made that.

use std::convert::Infallible;

use aws_sdk_ec2::types::{Filter, IpPermission, IpRange, ResourceType, UserIdGroupPair};

use super::id::{SecurityGroupId, SecurityGroupRuleId};
use super::{Difference, Kind, Made, Owned, Phase, Resource, Seen, Wanted, security_group};
use crate::aws::{
    AllPages, Aws, Cx, Doing, Error, Meaning, Meanings, Result, Scope, Tagging, missing,
};
use crate::names::{self, NodeName};

/// Who is let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A range of addresses.
    Range(String),
    /// Members of a security group.
    Group(SecurityGroupId),
}

/// A rule as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its id.
    pub id: SecurityGroupRuleId,
    /// The group that it belongs to.
    pub group: SecurityGroupId,
    /// The TCP port, when it is a single one.
    pub port: Option<u16>,
    /// Who is let in, when that is a range or a group.
    pub source: Option<Source>,
    /// What a rule lets in that is unlike any of ours, in words.
    pub unlike: Option<String>,
}

/// The rule that is wanted.
#[derive(Debug)]
pub struct SecurityGroupRule {
    /// The TCP port that is let in.
    pub port: u16,
    /// Says why.
    pub description: String,
}

/// What EC2 answers when the rule or its group is gone.
const GONE: &[&str] = &["InvalidSecurityGroupRuleId.NotFound", "InvalidPermission.NotFound"];

impl Resource for SecurityGroupRule {
    type Output = Output;
    const KIND: Kind = Kind::SecurityGroupRule;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        let rules = aws.ec2.describe_security_group_rules().filters(filter(scope));
        let rules = rules.into_paginator().items().send().all().await;
        let rules = rules.doing("list the security group rules")?;
        let read = |rule: &aws_sdk_ec2::types::SecurityGroupRule| {
            let owner = scope.owner(rule.tags())?;
            let output = Output::from(rule);
            Some(Owned {
                owner,
                id: output.id.to_string(),
                seen: Seen::Present(output, Phase::Ready),
            })
        };
        Ok(rules.iter().filter(|rule| rule.is_egress() != Some(true)).filter_map(read).collect())
    }

    fn uses(it: &Output) -> Vec<String> {
        let mut uses = vec![it.group.to_string()];
        if let Some(Source::Group(group)) = &it.source {
            uses.push(group.to_string());
        }
        uses
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        Some(Tagging::Ec2(it.id.to_string()))
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        let revoke = aws.ec2.revoke_security_group_ingress().group_id(it.group.as_str());
        let revoke = revoke.security_group_rule_ids(it.id.as_str()).send().await;
        revoke
            .doing("revoke the security group rule")
            .gone_is_fine(GONE)
            .map(drop)
            .gone_is_fine(security_group::UNKNOWN)
            .map(drop)
    }
}

impl Wanted for SecurityGroupRule {
    type Needs = (security_group::Output, Source);
    type Change = Infallible;

    async fn create(
        &self,
        cx: &Cx,
        node: &NodeName,
        (group, source): &Self::Needs,
    ) -> Result<Made<Output>> {
        const DOING: &str = "create the security group rule";
        let authorized = cx
            .aws
            .ec2_once
            .authorize_security_group_ingress()
            .group_id(group.id.as_str())
            .ip_permissions(self.permission(source))
            .tag_specifications(cx.ec2_tags(node, ResourceType::SecurityGroupRule))
            .send()
            .await
            .doing(DOING)
            .wait_on(security_group::UNKNOWN)
            .taken_on(&["InvalidPermission.Duplicate"])
            .map_err(explained)?;
        let rule = authorized.security_group_rules().first();
        let id = rule.and_then(|rule| rule.security_group_rule_id());
        let id = id.ok_or_else(|| missing(DOING, "securityGroupRuleId"))?;
        Ok(Made::Ready(Output {
            id: SecurityGroupRuleId::from(id),
            group: group.id.clone(),
            port: Some(self.port),
            source: Some(source.clone()),
            unlike: None,
        }))
    }

    fn drift(&self, it: &Output, (group, source): &Self::Needs) -> Vec<Difference<Infallible>> {
        let mut differences = Vec::new();
        let mut differs = |field: &str, is: String, wanted: String| {
            if is != wanted {
                let why = "somebody changed the rule: remove it, and deploy makes it again";
                differences.push(Difference::replacement(field, is, wanted, why));
            }
        };
        if let Some(unlike) = &it.unlike {
            differs("IpPermission", unlike.clone(), format!("tcp {} from {source}", self.port));
        }
        if let Some(port) = it.port {
            differs("FromPort", port.to_string(), self.port.to_string());
        }
        match &it.source {
            // The group that it lets in was made anew.
            Some(Source::Group(is)) if *source != Source::Group(is.clone()) => {
                differences.push(Difference::remake("Source", is, source));
            }
            Some(is) => differs("Source", is.to_string(), source.to_string()),
            None => {}
        }
        if it.group != group.id {
            differences.push(Difference::remake("GroupId", &it.group, &group.id));
        }
        differences
    }

    /// Nothing of it can be changed.
    async fn update(
        &self,
        _cx: &Cx,
        _node: &NodeName,
        it: &Output,
        _needs: &Self::Needs,
        _: &[Infallible],
    ) -> Result<Made<Output>> {
        Ok(Made::Ready(it.clone()))
    }
}

impl SecurityGroupRule {
    fn permission(&self, source: &Source) -> IpPermission {
        let port = i32::from(self.port);
        let permission = IpPermission::builder().ip_protocol("tcp").from_port(port).to_port(port);
        match source {
            Source::Range(range) => {
                let range = IpRange::builder().cidr_ip(range).description(&self.description);
                permission.ip_ranges(range.build()).build()
            }
            Source::Group(group) => {
                let pair = UserIdGroupPair::builder().group_id(group.as_str());
                let pair = pair.description(&self.description);
                permission.user_id_group_pairs(pair.build()).build()
            }
        }
    }
}

/// The filter that makes EC2 send little besides our own. This listing alone has no `tag-key`.
fn filter(scope: &Scope) -> Filter {
    let (key, value) = match scope.names() {
        Some(names) => (names::TAG_STACK, names.stack().as_ref()),
        None => (names::TAG_REGION, scope.region()),
    };
    Filter::builder().name(format!("tag:{key}")).values(value).build()
}

/// Says beside AWS's words what a duplicate that is not in our listing must be.
fn explained(error: Error) -> Error {
    if error.meaning != Meaning::Taken {
        return error;
    }
    let why = "one just like it is there that is not the stack's own, made by hand perhaps";
    Error { attempt: format!("{}, because {why}", error.attempt), ..error }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Range(range) => f.write_str(range),
            Source::Group(group) => write!(f, "{group}"),
        }
    }
}

impl From<&aws_sdk_ec2::types::SecurityGroupRule> for Output {
    fn from(rule: &aws_sdk_ec2::types::SecurityGroupRule) -> Self {
        let (protocol, from, to) = (rule.ip_protocol(), rule.from_port(), rule.to_port());
        let one = from.filter(|_| protocol == Some("tcp") && from == to);
        let port = one.and_then(|port| u16::try_from(port).ok());
        let referenced = rule.referenced_group_info().and_then(|group| group.group_id());
        let range = rule.cidr_ipv4().or(rule.cidr_ipv6()).map(|range| Source::Range(range.into()));
        let source = referenced.map(|group| Source::Group(group.into())).or(range);
        let unlike = (port.is_none() || source.is_none()).then(|| {
            let ports = match (from, to) {
                (Some(from), Some(to)) => format!("{from}-{to}"),
                _ => "all ports".into(),
            };
            let from = source.as_ref().map(ToString::to_string);
            let from = from.or_else(|| rule.prefix_list_id().map(str::to_owned));
            let protocol = protocol.unwrap_or("any protocol");
            format!("{protocol} {ports} from {}", from.as_deref().unwrap_or("anywhere"))
        });
        Self {
            id: SecurityGroupRuleId::from(rule.security_group_rule_id().unwrap_or_default()),
            group: SecurityGroupId::from(rule.group_id().unwrap_or_default()),
            port,
            source,
            unlike,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::id::VpcId;

    #[test]
    fn a_rule_that_somebody_widened_is_a_difference() {
        let wanted = SecurityGroupRule { port: 80, description: "from the load balancer".into() };
        let group = security_group::Output::new("sg-1", &VpcId::from("vpc-1"));
        let needs = (group, Source::Group("sg-2".into()));
        let rule = aws_sdk_ec2::types::SecurityGroupRule::builder().group_id("sg-1");
        let as_made =
            rule.clone().ip_protocol("tcp").from_port(80).to_port(80).referenced_group_info(
                aws_sdk_ec2::types::ReferencedSecurityGroup::builder().group_id("sg-2").build(),
            );
        assert_eq!(wanted.drift(&Output::from(&as_made.build()), &needs), []);
        let widened = rule.ip_protocol("-1").cidr_ipv4("0.0.0.0/0").build();
        let differences = wanted.drift(&Output::from(&widened), &needs);
        assert_eq!(differences[0].is, "-1 all ports from 0.0.0.0/0");
        assert_eq!(differences[0].wanted, "tcp 80 from sg-2");
    }
}
