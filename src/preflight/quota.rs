//! Whether the account has room for what a plan adds.
//!
//! What counts against a quota is listed whole, whoever made it. What somebody else adds meanwhile, nobody
//! knows. Codes and defaults are those that Service Quotas lists.

use aws_sdk_ec2::types::{
    Filter, Instance, InstanceLifecycleType, InstanceType, NatGatewayState, Reservation,
};
use aws_sdk_elasticloadbalancingv2::types::LoadBalancerTypeEnum;
use futures::future::{LocalBoxFuture, join_all};

use super::{Finding, State};
use crate::aws::{AllPages, Aws, Doing, Error, Result};
use crate::deploy::Prepared;
use crate::resource::Kind;
use crate::spec::{RunOn, Service};

const ABOUT: &str = "quotas";
/// CPU units of a vCPU.
const UNITS: u64 = 1024;

/// A quota, and what the plan takes of it.
struct Quota {
    /// The service, as Service Quotas calls it.
    service: &'static str,
    code: &'static str,
    /// What it is about.
    what: String,
    /// How many the plan adds.
    adds: u64,
    /// What else could be done than to ask for more; empty where there is nothing.
    instead: &'static str,
    /// How sure it is that a deploy cannot go through where there are fewer.
    short: State,
}

/// A quota, and how to count what there is.
type Counted<'a> = (Quota, LocalBoxFuture<'a, Result<u64>>);

/// Looks at the quotas of what is going to be made.
pub(super) async fn look(prepared: &Prepared) -> Vec<Finding> {
    let aws = &prepared.run.cx.aws;
    let mut all: Vec<Counted> = Vec::new();
    let mut add = |quota: Quota, used| {
        if quota.adds > 0 {
            all.push((quota, used));
        }
    };
    let count = |kind: Kind| u64::try_from(prepared.creates(kind).count()).unwrap_or_default();
    let quota = |service, code, what: &str, adds, instead| {
        let what = what.to_owned();
        Quota { service, code, what, adds, instead, short: State::Wrong }
    };
    let network = "let the stack stand in a VPC that is there already (network.existing)";
    add(quota("vpc", "L-F678F1CE", "VPCs", count(Kind::Vpc), network), Box::pin(vpcs(aws)));
    let gateways = count(Kind::InternetGateway);
    add(
        quota("vpc", "L-A4707A72", "internet gateways", gateways, network),
        Box::pin(internet_gateways(aws)),
    );
    let addresses = count(Kind::ElasticIp);
    let fewer = "take fewer NAT gateways (--nat single or none)";
    add(quota("ec2", "L-0263D0A3", "Elastic IPs", addresses, fewer), Box::pin(elastic_ips(aws)));
    for (zone, adds) in nat_gateways_by_zone(prepared) {
        let what = format!("NAT gateways in {zone}");
        let used = Box::pin(nat_gateways(aws, zone.to_owned()));
        add(quota("vpc", "L-FE5A380F", &what, adds, fewer), used);
    }
    let balancers = count(Kind::LoadBalancer);
    add(
        quota("elasticloadbalancing", "L-53DA6B97", "Application Load Balancers", balancers, ""),
        Box::pin(load_balancers(aws)),
    );
    if let Some((quota, family)) = vcpus_of_instances(prepared) {
        add(quota, Box::pin(running_vcpus(aws, family)));
    }
    if let Some(quota) = vcpus_of_fargate(prepared) {
        // What other tasks of the account take is known to CloudWatch alone.
        add(quota, Box::pin(async { Ok(0) }));
    }
    let looks = all.into_iter().map(async |(quota, used)| {
        let both = futures::future::try_join(most(aws, &quota), used).await;
        both.map(|(most, used)| judge(&quota, most, used)).map_err(|error| (quota.what, error))
    });
    let (mut found, mut denied) = (Vec::new(), Vec::new());
    for look in join_all(looks).await {
        match look {
            Ok(finding) => found.push(finding),
            Err((what, error)) if error.is_denied() => denied.push((what, error)),
            Err((what, error)) => found.push(unknown(&what, &error)),
        }
    }
    // Whoever may not look at one may look at none: that is one thing to know.
    if let Some((_, error)) = denied.first() {
        let all: Vec<_> = denied.iter().map(|(what, _)| what.as_str()).collect();
        found.push(unknown(&all.join(", "), error));
    }
    found
}

fn unknown(what: &str, error: &Error) -> Finding {
    Finding::unknown(ABOUT, format!("whether there is room for {what}"), error)
}

/// How many there may be: what was set for the account, else AWS's default.
async fn most(aws: &Aws, quota: &Quota) -> Result<f64> {
    let Quota { service, code, what, .. } = quota;
    let attempt = format!("look up the quota of {what} ({code})");
    let set = aws.service_quotas.get_service_quota().service_code(*service).quota_code(*code);
    let set = set.send().await;
    let set = match set.doing(&attempt) {
        Ok(answer) => answer.quota,
        Err(error) if error.code() == Some("NoSuchResourceException") => {
            let default = aws.service_quotas.get_aws_default_service_quota();
            let default = default.service_code(*service).quota_code(*code).send().await;
            default.doing(&attempt)?.quota
        }
        Err(error) => return Err(error),
    };
    set.and_then(|quota| quota.value)
        .ok_or_else(|| Error::other(attempt, "the answer has no value"))
}

#[expect(clippy::cast_precision_loss, reason = "no account has 2^52 of anything")]
fn judge(quota: &Quota, most: f64, used: u64) -> Finding {
    let Quota { service, code, what, adds, instead, short } = quota;
    let evidence = format!("Service Quotas {service}/{code}: {most}; in use: {used}");
    if (used + adds) as f64 <= most {
        let sentence = format!("{what}: {used} of {most} in use, and this takes {adds}");
        return Finding::new(ABOUT, State::Fine, sentence).evidence(evidence);
    }
    let free = (most - used as f64).max(0.0);
    let sentence = format!("{what}: this takes {adds}, and {free} of {most} are free here");
    let ask = format!(
        "ask AWS for more (aws service-quotas request-service-quota-increase --service-code {service} --quota-code \
         {code} --desired-value {})",
        used + adds
    );
    let advice = if instead.is_empty() { ask } else { format!("{ask}, or {instead}") };
    Finding::new(ABOUT, *short, sentence).evidence(evidence).advice(advice)
}

async fn vpcs(aws: &Aws) -> Result<u64> {
    let all = aws.ec2.describe_vpcs().into_paginator().items().send().all().await;
    Ok(length(&all.doing("count the VPCs")?))
}

async fn internet_gateways(aws: &Aws) -> Result<u64> {
    let all = aws.ec2.describe_internet_gateways().into_paginator().items().send();
    Ok(length(&all.all().await.doing("count the internet gateways")?))
}

/// Those that AWS's own services hold do not count.
async fn elastic_ips(aws: &Aws) -> Result<u64> {
    let answer = aws.ec2.describe_addresses().send().await.doing("count the Elastic IPs")?;
    let own = answer.addresses().iter().filter(|it| it.service_managed().is_none());
    Ok(u64::try_from(own.count()).unwrap_or(u64::MAX))
}

/// The NAT gateways that a plan adds, by zone.
fn nat_gateways_by_zone(prepared: &Prepared) -> Vec<(&str, u64)> {
    let made: Vec<_> = prepared.creates(Kind::NatGateway).collect();
    let zones = prepared.facts.zones.iter().enumerate();
    zones
        .map(|(at, zone)| {
            let number = (at + 1).to_string();
            let here = made.iter().filter(|node| node.last_part() == number);
            (zone.as_str(), u64::try_from(here.count()).unwrap_or_default())
        })
        .collect()
}

/// Whatever may be in a subnet of a zone counts until it is gone (VPC guide, "Amazon VPC quotas").
async fn nat_gateways(aws: &Aws, zone: String) -> Result<u64> {
    let counted = [NatGatewayState::Pending, NatGatewayState::Available, NatGatewayState::Deleting];
    let states = counted.iter().map(|it| it.as_str().to_owned()).collect();
    let state = Filter::builder().name("state").set_values(Some(states)).build();
    let gateways = aws.ec2.describe_nat_gateways().filter(state).into_paginator().items().send();
    let gateways = gateways.all().await.doing("count the NAT gateways")?;
    let here = Filter::builder().name("availability-zone").values(zone).build();
    let subnets = aws.ec2.describe_subnets().filters(here).into_paginator().items().send();
    let subnets = subnets.all().await.doing("look up the subnets of the zone")?;
    let is_here = |id: Option<&str>| id.is_some() && subnets.iter().any(|it| it.subnet_id() == id);
    let is_counted = |it: &&aws_sdk_ec2::types::NatGateway| {
        it.state().is_some_and(|state| counted.contains(state)) && is_here(it.subnet_id())
    };
    Ok(u64::try_from(gateways.iter().filter(is_counted).count()).unwrap_or(u64::MAX))
}

async fn load_balancers(aws: &Aws) -> Result<u64> {
    let all = aws.elb.describe_load_balancers().into_paginator().items().send().all().await;
    let all = all.doing("count the load balancers")?;
    let is_counted = |it: &&aws_sdk_elasticloadbalancingv2::types::LoadBalancer| {
        it.r#type() == Some(&LoadBalancerTypeEnum::Application)
    };
    Ok(u64::try_from(all.iter().filter(is_counted).count()).unwrap_or(u64::MAX))
}

/// A group of families of instance types that share a quota of running vCPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// A, C, D, H, I, M, R, T and Z.
    Standard,
    /// G and VT: with graphics processors.
    Graphics,
}

impl Family {
    /// That of an instance type; `None` of the rest, which have quotas of their own each.
    fn of(instance_type: &str) -> Option<Self> {
        let letters: String = instance_type.chars().take_while(char::is_ascii_lowercase).collect();
        match letters.as_str() {
            "g" | "gr" | "vt" => Some(Self::Graphics),
            "inf" | "trn" | "hpc" | "mac" | "dl" | "f" | "p" | "u" | "x" => None,
            other if other.starts_with(['a', 'c', 'd', 'h', 'i', 'm', 'r', 't', 'z']) => {
                Some(Self::Standard)
            }
            _ => None,
        }
    }
}

/// What the first instances of a new group take. More may come as tasks do.
fn vcpus_of_instances(prepared: &Prepared) -> Option<(Quota, Family)> {
    prepared.creates(Kind::AutoScalingGroup).next()?;
    let kind = prepared.facts.instance_type.as_ref()?;
    let family = Family::of(&kind.name)?;
    let (code, families) = match family {
        Family::Standard => ("L-1216C47A", "standard families"),
        Family::Graphics => ("L-DB2E81BA", "families G and VT"),
    };
    // Spot instances have quotas of their own, which are not looked at.
    let spot = prepared.spec.instances.as_ref().and_then(|it| it.spot.as_ref());
    let most = spot.map_or(u32::MAX, |spot| spot.on_demand_base);
    let instances = prepared.facts.first_instances.min(most);
    let adds = u64::from(instances) * u64::from(kind.vcpus?);
    let what = format!("vCPUs of On-Demand instances of the {families}");
    let instead = "take a smaller --instance-type";
    // Those that are about to stop are counted, and free a moment later.
    Some((Quota { service: "ec2", code, what, adds, instead, short: State::Doubtful }, family))
}

async fn running_vcpus(aws: &Aws, family: Family) -> Result<u64> {
    let state = Filter::builder().name("instance-state-name").values("pending").values("running");
    let reservations = aws.ec2.describe_instances().filters(state.build()).into_paginator();
    let reservations = reservations.items().send().all().await;
    let reservations = reservations.doing("count the vCPUs in use")?;
    let instances = reservations.iter().flat_map(Reservation::instances);
    let is_counted = |it: &&Instance| {
        let kind = it.instance_type().map(InstanceType::as_str).unwrap_or_default();
        it.instance_lifecycle() != Some(&InstanceLifecycleType::Spot)
            && Family::of(kind) == Some(family)
    };
    let vcpus = instances.filter(is_counted).filter_map(|it| {
        let options = it.cpu_options()?;
        let threads = options.threads_per_core().unwrap_or(1);
        u64::try_from(options.core_count()?.saturating_mul(threads)).ok()
    });
    Ok(vcpus.sum())
}

/// What the stack's own tasks take, whatever else the account runs.
fn vcpus_of_fargate(prepared: &Prepared) -> Option<Quota> {
    let services: Vec<_> = prepared.spec.services_on(RunOn::Fargate).collect();
    let added = |name: &str| prepared.creates(Kind::Service).any(|it| it.last_part() == name);
    if !services.iter().any(|it| added(it.name.as_str())) {
        return None;
    }
    // Fargate Spot has a quota of its own, which is not looked at.
    let on_demand =
        |it: &&Service| it.spot.map_or(it.count, |spot| spot.on_demand_base.min(it.count));
    let units: u64 = services.iter().map(|it| u64::from(on_demand(it)) * u64::from(it.cpu)).sum();
    let adds = units.div_ceil(UNITS);
    let what = "vCPUs of Fargate On-Demand".to_owned();
    let (service, code) = ("fargate", "L-3032A538");
    Some(Quota { service, code, what, adds, instead: "", short: State::Doubtful })
}

fn length<T>(all: &[T]) -> u64 {
    u64::try_from(all.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_share_quotas() {
        for (name, family) in [
            ("c5.xlarge", Some(Family::Standard)),
            ("im4gn.large", Some(Family::Standard)),
            ("t4g.micro", Some(Family::Standard)),
            ("g4dn.xlarge", Some(Family::Graphics)),
            ("vt1.3xlarge", Some(Family::Graphics)),
            ("p3.2xlarge", None),
            ("inf1.xlarge", None),
            ("trn1.2xlarge", None),
            ("mac2.metal", None),
            ("hpc6a.48xlarge", None),
            ("x1e.xlarge", None),
            ("u-6tb1.metal", None),
            ("", None),
        ] {
            assert_eq!(Family::of(name), family, "{name}");
        }
    }

    #[test]
    fn what_is_short_is_said_with_what_to_do() {
        let quota = Quota {
            service: "vpc",
            code: "L-F678F1CE",
            what: "VPCs".to_owned(),
            adds: 1,
            instead: "take one that is there",
            short: State::Wrong,
        };
        let fine = judge(&quota, 5.0, 4);
        assert_eq!(
            (fine.state, fine.what.as_str()),
            (State::Fine, "VPCs: 4 of 5 in use, and this takes 1")
        );
        let short = judge(&quota, 5.0, 7);
        assert_eq!(short.state, State::Wrong);
        assert_eq!(short.what, "VPCs: this takes 1, and 0 of 5 are free here");
        assert!(short.advice.contains("--desired-value 8"), "{}", short.advice);
    }
}
