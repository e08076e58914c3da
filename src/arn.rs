//! Amazon Resource Names, read.

/// The parts of an ARN: `arn:partition:service:region:account:resource` (AWS General Reference, "Amazon
/// Resource Names").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arn<'a> {
    /// The group of regions, such as `aws` or `aws-cn`.
    pub partition: &'a str,
    /// The service's namespace, such as `ecs`.
    pub service: &'a str,
    /// The region; empty for what is in none.
    pub region: &'a str,
    /// The account; empty for what is in none, `aws` for what is AWS's own.
    pub account: &'a str,
    /// What it is, which may hold more colons, and slashes.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Reads one, when it has all its parts.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next();
        let (prefix, partition, service) = (next()?, next()?, next()?);
        let (region, account, resource) = (next()?, next()?, next()?);
        (prefix == "arn").then_some(Self { partition, service, region, account, resource })
    }
}

/// The last part of an ARN's path, which is a name, or a name and a revision. What is no ARN is a name
/// already.
pub fn last_part(arn: &str) -> &str {
    arn.rsplit_once('/').map_or(arn, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_has_six_parts_of_which_the_last_may_hold_colons() {
        let arn = Arn::parse("arn:aws-cn:ecs:cn-north-1:123456789012:task-definition/web:7");
        let arn = arn.unwrap();
        assert_eq!((arn.partition, arn.service, arn.region), ("aws-cn", "ecs", "cn-north-1"));
        assert_eq!((arn.account, arn.resource), ("123456789012", "task-definition/web:7"));
        assert_eq!(last_part(arn.resource), "web:7");
        assert_eq!(Arn::parse("arn:aws:ecs:eu-west-1:123456789012"), None);
        assert_eq!(Arn::parse("urn:aws:ecs:eu-west-1:123456789012:cluster/web"), None);
        assert_eq!(Arn::parse(""), None);
    }
}
