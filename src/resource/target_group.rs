//! A target group: the tasks that a listener forwards to, and how ELB tells healthy ones.
//!
//! ECS registers the tasks by their addresses, each with its own port. Like a load balancer, a
//! create with the settings of an existing one answers with that one. The deregistration delay
//! cannot be said at birth: it is drift and update.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_elasticloadbalancingv2::types::{
    Matcher, ProtocolEnum, TargetGroup as Description, TargetGroupAttribute, TargetHealth,
    TargetHealthStateEnum, TargetTypeEnum,
};
use futures::future::try_join_all;

use super::id::{LoadBalancerArn, TargetGroupArn, VpcId};
use super::load_balancer::{is_foreign, tags, tags_of};
use super::{
    Difference, Kind, Made, Others, Owned, Phase, Resource, Seen, Wanted, compare, service, vpc,
};
use crate::aws::{AllPages, Aws, Cx, Doing, Meanings, Owner, Result, Scope, Tagging, missing};
use crate::names::NodeName;

/// A target group as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its arn.
    pub arn: TargetGroupArn,
    /// The VPC that its targets are in.
    pub vpc: Option<VpcId>,
    /// The load balancers that lead to it: one at most.
    pub load_balancers: Option<Vec<LoadBalancerArn>>,
    /// How healthy targets are told.
    pub health: Option<HealthCheck>,
    /// Deregistration delay in seconds, as AWS writes it. `None` when not read.
    pub deregistration_delay: Option<String>,
}

/// The target group that is wanted.
#[derive(Debug)]
pub struct TargetGroup {
    /// Its name.
    pub name: String,
    /// The port it is made with; immutable, and not compared: ECS registers each task with its own.
    pub port: u16,
    /// How healthy targets are told.
    pub health: HealthCheck,
    /// How long a target may go on that is taken out, in seconds.
    pub drain: u32,
}

/// How healthy targets are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// The path that is asked for.
    pub path: String,
    /// The port that is asked, `traffic-port` for each target's own.
    pub port: String,
    /// The HTTP statuses that are healthy.
    pub status: String,
    /// Seconds between two checks.
    pub interval: i32,
    /// Seconds until a check has failed.
    pub timeout: i32,
    /// How many good ones in a row make a target healthy.
    pub healthy: i32,
    /// How many bad ones in a row make it unhealthy.
    pub unhealthy: i32,
}

/// What can be changed of a target group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// How healthy targets are told.
    HealthCheck,
    /// How long a target may go on that is taken out.
    DeregistrationDelay,
}

/// What ELB answers about a target group that is not there.
pub const UNKNOWN: &str = "TargetGroupNotFound";

/// What all our target groups' names begin with.
const PREFIX: &str = "tg-";
/// How many target groups' attributes are read at a time.
const AT_A_TIME: usize = 8;
const DEREGISTRATION_DELAY: &str = "deregistration_delay.timeout_seconds";
/// The least, in seconds: tasks stop at once instead of waiting for connections to end.
const AT_ONCE: &str = "0";
/// What a target group is born with, in seconds.
const DEREGISTRATION_DELAY_AT_BIRTH: &str = "300";
/// For each target the port that it is registered with.
pub const TRAFFIC_PORT: &str = "traffic-port";

impl Resource for TargetGroup {
    type Output = Output;
    const KIND: Kind = Kind::TargetGroup;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        with_attributes(aws, ours(aws, scope).await?, &BTreeMap::new()).await
    }

    async fn list_with(others: &impl Others) -> Result<Vec<Owned<Output>>> {
        let (aws, scope) = (others.aws(), others.scope());
        let ours = ours(aws, scope).await?;
        if ours.len() <= service::MANY {
            return with_attributes(aws, ours, &BTreeMap::new()).await;
        }
        let services = service::steady_of_many(others).await?;
        // What the groups were given when the service was last brought up to date.
        let known = services.values().map(Owned::it).flat_map(|it| {
            let targets = it.targets.iter().flatten();
            targets.filter_map(|target| Some((target.group.clone(), it.drains.clone()?)))
        });
        let known = known.collect();
        with_attributes(aws, ours, &known).await
    }

    fn uses(it: &Output) -> Vec<String> {
        it.vpc.iter().map(ToString::to_string).collect()
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        Some(Tagging::LoadBalancing(it.arn.to_string()))
    }

    async fn prepare_removal(aws: &Aws, it: &Output) -> Result<()> {
        match it.deregistration_delay.as_deref() {
            None | Some(AT_ONCE) => Ok(()),
            Some(_) => set_delay(aws, &it.arn, AT_ONCE).await.gone_is_fine(&[UNKNOWN]).map(drop),
        }
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        let delete = aws.elb.delete_target_group().target_group_arn(it.arn.as_str()).send().await;
        delete
            .doing("delete the target group")
            // It is in use for a moment longer than the load balancer is there.
            .wait_on(&["ResourceInUse"])
            .gone_is_fine(&[UNKNOWN])
            .map(drop)
    }

    async fn blockers(aws: &Aws, it: &Output) -> Result<Vec<String>> {
        let read = aws.elb.describe_target_groups().target_group_arns(it.arn.as_str()).send().await;
        let read = read.doing("look who uses the target group").gone_is_fine(&[UNKNOWN])?;
        let groups = read.as_ref().map(aws_sdk_elasticloadbalancingv2::operation::describe_target_groups::DescribeTargetGroupsOutput::target_groups).unwrap_or_default();
        let users = groups.iter().flat_map(Description::load_balancer_arns);
        Ok(users.map(|arn| format!("the load balancer {arn}")).collect())
    }
}

/// How the targets of a group are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// How many answer their health checks.
    pub healthy: usize,
    /// How many there are. Those on their way out do not count.
    pub targets: usize,
    /// What ELB says of those that do not answer, each reason once.
    pub reasons: BTreeSet<String>,
}

/// How each target of a group is; of a group that is gone, that there are none.
pub(super) async fn targets(aws: &Aws, arn: &str) -> Result<Vec<TargetHealth>> {
    let described = aws.elb.describe_target_health().target_group_arn(arn).send().await;
    let described =
        described.doing("look at the health of the targets").gone_is_fine(&[UNKNOWN])?;
    let targets = described.and_then(|it| it.target_health_descriptions).unwrap_or_default();
    Ok(targets.into_iter().filter_map(|target| target.target_health).collect())
}

/// How the targets of a group are, in numbers.
pub async fn health(aws: &Aws, arn: &str) -> Result<Health> {
    let mut health = Health::default();
    for is in targets(aws, arn).await? {
        match is.state() {
            Some(TargetHealthStateEnum::Draining) => continue,
            Some(TargetHealthStateEnum::Healthy) => health.healthy += 1,
            // It is too early to say anything.
            Some(TargetHealthStateEnum::Initial) => {}
            _ => health.reasons.extend(is.description),
        }
        health.targets += 1;
    }
    Ok(health)
}

impl Wanted for TargetGroup {
    type Needs = vpc::Output;
    type Change = Change;

    async fn holder(&self, cx: &Cx, _node: &NodeName) -> Result<Option<String>> {
        let name = &self.name;
        let found = cx.aws.elb.describe_target_groups().names(name).send().await;
        let found = found.doing("look for the target group by its name");
        let found = found.gone_is_fine(&[UNKNOWN])?;
        let Some(arn) =
            found.as_ref().and_then(|it| it.target_groups().first()?.target_group_arn())
        else {
            return Ok(None);
        };
        let foreign = is_foreign(cx, arn).await?;
        Ok(foreign.then(|| format!("the target group `{name}`")))
    }

    async fn create(&self, cx: &Cx, node: &NodeName, vpc: &vpc::Output) -> Result<Made<Output>> {
        const DOING: &str = "create the target group";
        let HealthCheck { path, port, status, interval, timeout, healthy, unhealthy } =
            &self.health;
        let created = cx
            .aws
            .elb
            .create_target_group()
            .name(&self.name)
            .vpc_id(vpc.id.as_str())
            .target_type(TargetTypeEnum::Ip)
            .protocol(ProtocolEnum::Http)
            .port(i32::from(self.port))
            .health_check_protocol(ProtocolEnum::Http)
            .health_check_path(path)
            .health_check_port(port)
            .matcher(Matcher::builder().http_code(status).build())
            .health_check_interval_seconds(*interval)
            .health_check_timeout_seconds(*timeout)
            .healthy_threshold_count(*healthy)
            .unhealthy_threshold_count(*unhealthy)
            .set_tags(Some(tags(cx, node)))
            .send()
            .await
            .doing(DOING)
            // The VPC may be too new for ELB to know it.
            .wait_on(&["ValidationError: is not found"])
            .taken_on(&["DuplicateTargetGroupName"])?;
        let described = created.target_groups().first().ok_or_else(|| missing(DOING, "member"))?;
        described.target_group_arn().ok_or_else(|| missing(DOING, "TargetGroupArn"))?;
        let deregistration_delay = Some(DEREGISTRATION_DELAY_AT_BIRTH.into());
        Ok(Made::Ready(Output { deregistration_delay, ..Output::from(described) }))
    }

    fn drift(&self, it: &Output, vpc: &vpc::Output) -> Vec<Difference<Change>> {
        let mut differences = Vec::new();
        if let Some(is) = it.vpc.as_ref().filter(|is| **is != vpc.id) {
            let why = "a target group keeps its VPC for life: destroy the stack, or deploy \
                       another one";
            differences.push(Difference::replacement("VpcId", is, &vpc.id, why));
        }
        differences.extend(it.health.iter().flat_map(|is| unlike(is, &self.health)));
        let (delay, change) = (it.deregistration_delay.as_ref(), Change::DeregistrationDelay);
        compare(&mut differences, change, DEREGISTRATION_DELAY, delay, &self.drain.to_string());
        differences
    }

    fn as_before(&self, before: &Output) -> Option<Self> {
        let drain = before.deregistration_delay.as_ref().and_then(|it| it.parse().ok());
        Some(Self {
            name: self.name.clone(),
            port: self.port,
            health: before.health.clone()?,
            drain: drain.unwrap_or(self.drain),
        })
    }

    async fn update(
        &self,
        cx: &Cx,
        _node: &NodeName,
        it: &Output,
        _vpc: &vpc::Output,
        changes: &[Change],
    ) -> Result<Made<Output>> {
        let mut it = it.clone();
        for change in changes {
            match change {
                Change::HealthCheck => {
                    let HealthCheck { path, port, status, interval, timeout, healthy, unhealthy } =
                        &self.health;
                    let modify = cx
                        .aws
                        .elb
                        .modify_target_group()
                        .target_group_arn(it.arn.as_str())
                        .health_check_protocol(ProtocolEnum::Http)
                        .health_check_path(path)
                        .health_check_port(port)
                        .matcher(Matcher::builder().http_code(status).build())
                        .health_check_interval_seconds(*interval)
                        .health_check_timeout_seconds(*timeout)
                        .healthy_threshold_count(*healthy)
                        .unhealthy_threshold_count(*unhealthy);
                    let modify = modify.send().await;
                    modify.doing("set the health check of the target group").wait_on(&[UNKNOWN])?;
                    it.health = Some(self.health.clone());
                }
                Change::DeregistrationDelay => {
                    let delay = self.drain.to_string();
                    set_delay(&cx.aws, &it.arn, &delay).await.wait_on(&[UNKNOWN])?;
                    it.deregistration_delay = Some(delay);
                }
            }
        }
        Ok(Made::Ready(it))
    }
}

impl From<&Description> for Output {
    fn from(described: &Description) -> Self {
        Self {
            arn: TargetGroupArn::from(described.target_group_arn().unwrap_or_default()),
            vpc: described.vpc_id().map(VpcId::from),
            load_balancers: described
                .load_balancer_arns
                .as_ref()
                .map(|arns| arns.iter().map(|arn| LoadBalancerArn::from(arn.as_str())).collect()),
            health: HealthCheck::read(described),
            deregistration_delay: None,
        }
    }
}

impl HealthCheck {
    /// Reads it of a target group.
    pub fn read(described: &Description) -> Option<Self> {
        Some(Self {
            path: described.health_check_path()?.to_owned(),
            port: described.health_check_port().unwrap_or(TRAFFIC_PORT).to_owned(),
            status: described.matcher().and_then(Matcher::http_code).unwrap_or("200").to_owned(),
            interval: described.health_check_interval_seconds()?,
            timeout: described.health_check_timeout_seconds()?,
            healthy: described.healthy_threshold_count()?,
            unhealthy: described.unhealthy_threshold_count()?,
        })
    }
}

/// Lists the target groups within the scope, without what takes a call for each.
async fn ours(aws: &Aws, scope: &Scope) -> Result<Vec<(Owner, Output)>> {
    let listed = aws.elb.describe_target_groups().into_paginator().items().send();
    let listed = listed.all().await.doing("list the target groups");
    // Some endpoints say that there are none with the code for one that is not there.
    let mut listed = listed.gone_is_fine(&[UNKNOWN])?.unwrap_or_default();
    listed.retain(|one| one.target_group_name().is_some_and(|name| name.starts_with(PREFIX)));
    let arns: Vec<_> = listed.iter().filter_map(Description::target_group_arn).collect();
    let tags = tags_of(aws, &arns).await?;
    let ours = listed.iter().filter_map(|described| {
        let owner = scope.owner(tags.get(described.target_group_arn()?)?)?;
        Some((owner, Output::from(described)))
    });
    Ok(ours.collect())
}

/// Reads the attributes of target groups, some at a time, but of those whose delay is known by their arns.
async fn with_attributes(
    aws: &Aws,
    ours: Vec<(Owner, Output)>,
    known: &BTreeMap<String, String>,
) -> Result<Vec<Owned<Output>>> {
    let mut all = Vec::new();
    for some in ours.chunks(AT_A_TIME) {
        let read = some.iter().map(async |(owner, output)| {
            let mut output = output.clone();
            output.deregistration_delay = match known.get(output.arn.as_str()) {
                Some(delay) => Some(delay.clone()),
                None => deregistration_delay(aws, &output.arn).await?,
            };
            let (owner, id) = (owner.clone(), output.arn.to_string());
            Ok(Owned { owner, id, seen: Seen::Present(output, Phase::Ready) })
        });
        all.extend(try_join_all(read).await?);
    }
    Ok(all)
}

/// How one way of telling healthy targets differs from another: one call sets all of it.
fn unlike(is: &HealthCheck, wanted: &HealthCheck) -> Vec<Difference<Change>> {
    let words = |it: &HealthCheck| {
        let HealthCheck { path, port, status, interval, timeout, healthy, unhealthy } = it;
        [
            ("HealthCheckPath", path.clone()),
            ("HealthCheckPort", port.clone()),
            ("Matcher", status.clone()),
            ("HealthCheckIntervalSeconds", interval.to_string()),
            ("HealthCheckTimeoutSeconds", timeout.to_string()),
            ("HealthyThresholdCount", healthy.to_string()),
            ("UnhealthyThresholdCount", unhealthy.to_string()),
        ]
    };
    let both = words(is).into_iter().zip(words(wanted)).filter(|(is, wanted)| is != wanted);
    both.map(|((field, is), (_, wanted))| {
        Difference::update(Change::HealthCheck, field, is, wanted)
    })
    .collect()
}

async fn deregistration_delay(aws: &Aws, arn: &TargetGroupArn) -> Result<Option<String>> {
    let read = aws.elb.describe_target_group_attributes().target_group_arn(arn.as_str());
    let read = read.send().await.doing("read the target group's attributes");
    // A target group that goes between two looks has no attributes.
    let read = read.gone_is_fine(&[UNKNOWN])?;
    let attributes = read.as_ref().map(aws_sdk_elasticloadbalancingv2::operation::describe_target_group_attributes::DescribeTargetGroupAttributesOutput::attributes).unwrap_or_default();
    let delay = attributes.iter().find(|attribute| attribute.key() == Some(DEREGISTRATION_DELAY));
    Ok(delay.and_then(|attribute| attribute.value()).map(str::to_owned))
}

async fn set_delay(aws: &Aws, arn: &TargetGroupArn, delay: &str) -> Result<()> {
    let delay = TargetGroupAttribute::builder().key(DEREGISTRATION_DELAY).value(delay).build();
    let set = aws.elb.modify_target_group_attributes().target_group_arn(arn.as_str());
    let set = set.attributes(delay).send().await;
    set.doing("set the deregistration delay of the target group").map(drop)
}

#[cfg(test)]
mod tests {
    use super::super::difference::changes;
    use super::*;

    #[test]
    fn health_check_and_delay_are_changed_in_place() {
        let health = HealthCheck {
            path: "/health".into(),
            port: TRAFFIC_PORT.into(),
            status: "200".into(),
            interval: 6,
            timeout: 5,
            healthy: 2,
            unhealthy: 10,
        };
        let wanted = TargetGroup { name: "tg-demo-web".into(), port: 80, health, drain: 0 };
        let vpc = vpc::Output::known("vpc-1");
        let described = Description::builder()
            .health_check_path("/")
            .health_check_interval_seconds(30)
            .health_check_timeout_seconds(5)
            .healthy_threshold_count(5)
            .unhealthy_threshold_count(2)
            .port(8080)
            .build();
        let it = Output::from(&described);
        let it = Output { deregistration_delay: Some("300".into()), ..it };
        let drift = wanted.drift(&it, &vpc);
        let fields: Vec<_> = drift.iter().map(|one| one.field.as_str()).collect();
        let expected = [
            "HealthCheckPath",
            "HealthCheckIntervalSeconds",
            "HealthyThresholdCount",
            "UnhealthyThresholdCount",
            DEREGISTRATION_DELAY,
        ];
        assert_eq!(fields, expected);
        // One call sets all of the health check.
        assert_eq!(changes(&drift), [Change::HealthCheck, Change::DeregistrationDelay]);
        let unknown = Output::from(&Description::builder().build());
        assert_eq!(wanted.drift(&unknown, &vpc), []);
    }
}
