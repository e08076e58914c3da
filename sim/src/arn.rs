//! ARNs: how they are made and taken apart (AWS General Reference, "Amazon Resource Names").

use std::fmt;

use crate::partition;

/// The account that every world has.
pub const ACCOUNT: &str = "123456789012";

/// An ARN in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`.
    pub partition: &'a str,
    /// `ecs`.
    pub service: &'a str,
    /// `us-east-1`, or nothing where a service has no regions.
    pub region: &'a str,
    /// The account, or nothing where everybody has the thing.
    pub account: &'a str,
    /// `cluster/demo`.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Takes a text apart, when it is an ARN.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next();
        match (next()?, next()?, next()?, next()?, next()?, next()?) {
            ("arn", partition, service, region, account, resource) => {
                Some(Self { partition, service, region, account, resource })
            }
            _ => None,
        }
    }

    /// Something of the account in a region.
    pub fn of(region: &'a str, service: &'a str, resource: &'a str) -> Self {
        Self { partition: partition::of(region), service, region, account: ACCOUNT, resource }
    }

    /// Something of AWS's own in a region.
    pub fn public(region: &'a str, service: &'a str, resource: &'a str) -> Self {
        Self { account: "", ..Self::of(region, service, resource) }
    }

    /// Something of the account's IAM.
    pub fn of_iam(partition: &'a str, resource: &'a str) -> Self {
        Self { partition, service: "iam", region: "", account: ACCOUNT, resource }
    }
}

impl fmt::Display for Arn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, service, region, account, resource } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

/// What an ARN names within its service, or nothing of what is no ARN.
pub fn resource(arn: &str) -> &str {
    Arn::parse(arn).map_or("", |arn| arn.resource)
}

/// What follows the last slash of an ARN, or the name itself.
pub fn short(name_or_arn: &str) -> &str {
    name_or_arn.rsplit('/').next().unwrap_or(name_or_arn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_taken_apart_as_it_is_made() {
        let arn = Arn::of("cn-north-1", "autoscaling", "autoScalingGroup:1:autoScalingGroupName/a");
        let text = arn.to_string();
        assert_eq!(Arn::parse(&text), Some(arn));
        assert!(text.starts_with("arn:aws-cn:autoscaling:cn-north-1:123456789012:"), "{text}");
        assert_eq!((resource("arn:aws:ecs"), short(&text), short("a")), ("", "a", "a"));
    }
}
