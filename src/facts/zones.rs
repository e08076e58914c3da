//! Which two zones a stack is in.
//!
//! A stack keeps the zones of its subnets. Where nothing stands in a subnet yet, its zone can be
//! left: because `--zones` names another, or because it is known that the zone cannot hold the stack.
//! What is known of zones goes by their ids, since names mean another zone in each account.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{Filter, LocationType};

use super::{Problem, optional, refused, unknown};
use crate::aws::{AllPages, Aws, Doing, Result};
use crate::engine::looks::Looks;
use crate::resource::Owned;
use crate::resource::launch_template::LaunchTemplate;
use crate::resource::subnet::{self, Subnet};
use crate::spec::{Instances, Spec};

/// Zones that lack NAT gateways, load balancers or the instance types of today
/// (`docs/aws-facts.md`, "Zones").
const UNSUITABLE: &[&str] = &["apne1-az3", "cac1-az3", "use1-az3", "usw1-az2"];

/// The zones that Fargate has in regions where it has not all, by how their ids begin (ECS developer
/// guide, "Supported Regions for Amazon ECS on AWS Fargate").
const FARGATE: &[(&str, &[&str])] = &[
    ("apne1-", &["apne1-az1", "apne1-az2", "apne1-az4"]),
    ("cnn1-", &["cnn1-az1", "cnn1-az2"]),
    ("usw1-", &["usw1-az1", "usw1-az3"]),
];

/// A zone of the region that is open to the caller.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Zone {
    /// Its name, such as `eu-west-1a`.
    name: String,
    /// Its id, such as `euw1-az1`, which means the same zone in every account.
    id: Option<String>,
}

impl Zone {
    /// Whether it is known that it cannot hold a stack.
    fn is_unsuitable(&self, fargate: bool) -> bool {
        let Some(id) = self.id.as_deref() else { return false };
        let without_fargate =
            FARGATE.iter().any(|(region, has)| id.starts_with(region) && !has.contains(&id));
        UNSUITABLE.contains(&id) || fargate && without_fargate
    }

    /// Whether a name or an id means this one.
    fn is_called(&self, text: &str) -> bool {
        self.name == text || self.id.as_deref() == Some(text)
    }
}

/// The zone of a stack's first or second subnets.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    zone: Zone,
    /// Whether nothing stands in the subnets, so that the zone can still be left.
    empty: bool,
}

/// What a choice of zones goes by.
#[derive(Debug)]
struct Choice<'a> {
    /// The region's name.
    region: &'a str,
    /// The region's zones, in order.
    all: &'a [Zone],
    /// The zones of the stack's subnets.
    kept: [Option<Kept>; 2],
    /// What `--zones` says.
    asked: Option<&'a [String; 2]>,
    /// The names of the zones that offer the instance type, as far as that is known.
    offered: Option<BTreeSet<String>>,
    /// The instance type, if there are to be instances.
    instance_type: Option<&'a str>,
}

/// The stack's zones, and what could not be looked up for them or speaks against them. A stack that
/// has both keeps them, and AWS is asked for others only when it has not, when it may have to leave
/// one, or when its instance type changes. None where its network is somebody else's, who chose them.
pub(super) async fn choose(
    looks: &Looks,
    spec: &Spec,
) -> Result<(Vec<String>, Vec<String>), Problem> {
    let Some(network) = spec.network.own() else { return Ok((Vec::new(), Vec::new())) };
    let instances = spec.instances.as_ref();
    let asked = network.zones.as_ref();
    let kept = kept(&looks.list::<Subnet>(None).await?);
    let template = match instances {
        Some(_) => looks.list::<LaunchTemplate>(None).await?.first().map(|it| it.it().clone()),
        None => None,
    };
    let is = template.and_then(|it| it.data).and_then(|data| data.instance_type);
    let same_type = instances.is_none_or(|wanted| is.as_deref() == Some(wanted.first_type()));
    let stays = |kept: &Kept| {
        let named = asked.is_none_or(|asked| asked.iter().any(|it| kept.zone.is_called(it)));
        named && !(kept.empty && kept.zone.is_unsuitable(instances.is_none()))
    };
    if let [Some(first), Some(second)] = &kept
        && same_type
        && stays(first)
        && stays(second)
    {
        return Ok((vec![first.zone.name.clone(), second.zone.name.clone()], Vec::new()));
    }
    let (all, offered) = futures::join!(
        all(looks.aws()),
        optional(instances, async |instances| offered(looks.aws(), instances).await),
    );
    let mut warnings = Vec::new();
    let offered = match offered {
        Ok(offered) => offered,
        Err(error) if error.is_not_offered() => {
            warnings.push(unknown("check where the instance type is offered", &error));
            None
        }
        Err(error) => return Err(error.into()),
    };
    // A type that is offered nowhere does not exist: AWS refuses its look-up.
    let offered = match offered {
        Some(zones) if zones.is_empty() => {
            let text =
                "AWS names no zone that offers the instance type: whether these do is unknown";
            warnings.push(text.to_owned());
            None
        }
        offered => offered,
    };
    let choice = Choice {
        region: looks.scope().region(),
        all: &all?,
        kept,
        asked,
        offered,
        instance_type: instances.map(Instances::first_type),
    };
    let zones = choice.zones()?;
    let unsuitable = |name: &&String| {
        let zone = choice.all.iter().find(|zone| zone.name == **name);
        zone.is_some_and(|zone| zone.is_unsuitable(instances.is_none()))
    };
    for name in zones.iter().filter(unsuitable) {
        warnings.push(format!(
            "--zones: {name} is known to lack NAT gateways, load balancers, Fargate or the \
             instance types of today"
        ));
    }
    Ok((zones.into(), warnings))
}

impl Choice<'_> {
    /// The two zones.
    fn zones(&self) -> Result<[String; 2], Problem> {
        match self.asked {
            Some(asked) => self.asked_for(asked),
            None => self.by_ourselves(),
        }
    }

    fn offers(&self, zone: &str) -> bool {
        self.offered.as_ref().is_none_or(|offered| offered.contains(zone))
    }

    fn is_unsuitable(&self, zone: &Zone) -> bool {
        zone.is_unsuitable(self.instance_type.is_none())
    }

    /// The zones that `--zones` names, each in the place in which the stack has it.
    fn asked_for(&self, asked: &[String; 2]) -> Result<[String; 2], Problem> {
        let mut wanted = Vec::new();
        for text in asked {
            let Some(zone) = self.all.iter().find(|zone| zone.is_called(text)) else {
                let names: Vec<_> = self.all.iter().map(|zone| zone.name.as_str()).collect();
                let (region, names) = (self.region, names.join(", "));
                let rule = format!("is no zone of {region} that is open to this account: {names}");
                return Err(refused("--zones", text, rule));
            };
            wanted.push(zone.name.clone());
        }
        let text = asked.join(",");
        if wanted[0] == wanted[1] {
            let rule = format!("names {} twice: a load balancer needs two zones", wanted[0]);
            return Err(refused("--zones", &text, rule));
        }
        if let Some(kind) = self.instance_type
            && let Some(zone) = wanted.iter().find(|zone| !self.offers(zone))
        {
            let rule = format!("is not offered in {zone}, which --zones names");
            return Err(refused("--instance-type", kind, rule));
        }
        let stands = |kept: &&Kept| !kept.empty && !wanted.contains(&kept.zone.name);
        if let Some(kept) = self.kept.iter().flatten().find(stands) {
            let rule = format!(
                "the stack stands in {}, and what is there cannot move: leave --zones out, or \
                 destroy the stack first",
                kept.zone.name
            );
            return Err(refused("--zones", &text, rule));
        }
        let place = |index: usize| {
            let kept = self.kept[index].as_ref().map(|kept| kept.zone.name.clone());
            kept.filter(|zone| wanted.contains(zone))
        };
        let mut rest = wanted
            .iter()
            .filter(|zone| place(0).as_ref() != Some(*zone) && place(1).as_ref() != Some(*zone));
        let first = place(0).or_else(|| rest.next().cloned());
        let second = place(1).or_else(|| rest.next().cloned());
        match (first, second) {
            (Some(first), Some(second)) => Ok([first, second]),
            // Both places have the same zone, which is nothing that ecsup makes.
            _ => Err(refused("--zones", &text, "the stack's subnets are all in one zone")),
        }
    }

    /// The zones that the stack has; else the first ones that offer the instance type and are not
    /// known to be unsuitable.
    fn by_ourselves(&self) -> Result<[String; 2], Problem> {
        let kind = self.instance_type.unwrap_or_default();
        let suits = |zone: &Zone| self.offers(&zone.name) && !self.is_unsuitable(zone);
        let mut places = [None, None];
        for (place, kept) in places.iter_mut().zip(&self.kept) {
            let Some(kept) = kept else { continue };
            if suits(&kept.zone) || !kept.empty && self.offers(&kept.zone.name) {
                *place = Some(kept.zone.name.clone());
            } else if !kept.empty {
                let rule =
                    format!("is not offered in {}, where the stack's subnets are", kept.zone.name);
                return Err(refused("--instance-type", kind, rule));
            }
        }
        let taken: Vec<String> = places.iter().flatten().cloned().collect();
        let free = self.all.iter().filter(|zone| suits(zone) && !taken.contains(&zone.name));
        let mut free = free.map(|zone| zone.name.clone());
        let [first, second] = places;
        match (first.or_else(|| free.next()), second.or_else(|| free.next())) {
            (Some(first), Some(second)) => Ok([first, second]),
            _ => Err(self.too_few()),
        }
    }

    /// Why there are not two zones to choose.
    fn too_few(&self) -> Problem {
        let names = |zones: &mut dyn Iterator<Item = &Zone>| {
            zones.map(|zone| zone.name.as_str()).collect::<Vec<_>>().join(", ")
        };
        let region = self.region;
        let suitable = self.all.iter().filter(|zone| !self.is_unsuitable(zone)).count();
        if self.all.len() < 2 {
            let count = self.all.len();
            let rule = format!("a load balancer needs two zones, and this region has {count}");
            return refused("--region", region, rule);
        }
        if suitable < 2 {
            let unsuitable = names(&mut self.all.iter().filter(|zone| self.is_unsuitable(zone)));
            let rule = format!(
                "a stack needs two zones, and {unsuitable} is known to lack what it needs: take \
                 another region, or name two with --zones to try all the same"
            );
            return refused("--region", region, rule);
        }
        let offering = names(&mut self.all.iter().filter(|zone| self.offers(&zone.name)));
        let rule = format!("is offered only in {offering}, and a stack needs two zones");
        refused("--instance-type", self.instance_type.unwrap_or_default(), rule)
    }
}

/// The region's zones that are open to the caller, by name. Local Zones and Wavelength Zones have
/// neither NAT gateways nor load balancers for us.
async fn all(aws: &Aws) -> Result<Vec<Zone>> {
    let filter = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
    let zones = aws
        .ec2
        .describe_availability_zones()
        .filters(filter("zone-type", "availability-zone"))
        .filters(filter("state", "available"))
        .send()
        .await
        .doing("list the region's zones")?;
    let zones = zones.availability_zones().iter();
    let zones = zones.filter(|it| it.zone_type().is_none_or(|kind| kind == "availability-zone"));
    let zone = |it: &aws_sdk_ec2::types::AvailabilityZone| {
        Some(Zone { name: it.zone_name()?.to_owned(), id: it.zone_id().map(str::to_owned) })
    };
    let zones: BTreeSet<_> = zones.filter_map(zone).collect();
    Ok(zones.into_iter().collect())
}

/// The zones of the subnets that the stack has, by their number.
fn kept(subnets: &[Owned<subnet::Output>]) -> [Option<Kept>; 2] {
    ["1", "2"].map(|number| {
        let of_number = subnets.iter().filter(|subnet| {
            subnet.owner.node.as_str().rsplit_once('-').is_some_and(|(_, last)| last == number)
        });
        let of_number: Vec<_> = of_number.map(Owned::it).collect();
        // A subnet that is not surely empty decides.
        let in_use = of_number.iter().find(|subnet| subnet.empty != Some(true));
        let decides = in_use.or(of_number.first())?;
        let zone = Zone { name: decides.zone.clone()?, id: decides.zone_id.clone() };
        Some(Kept { zone, empty: in_use.is_none() })
    })
}

/// The names of the zones that offer one of the instance types: Auto Scaling takes what a zone has.
pub(super) async fn offered(aws: &Aws, instances: &Instances) -> Result<BTreeSet<String>> {
    let types = &instances.instance_types;
    let filter = Filter::builder().name("instance-type").set_values(Some(types.clone())).build();
    let offerings = aws
        .ec2
        .describe_instance_type_offerings()
        .location_type(LocationType::AvailabilityZone)
        .filters(filter)
        .into_paginator()
        .items()
        .send()
        .all()
        .await
        .doing("list the zones that offer the instance type")?;
    let of_type = offerings.iter().filter(|offering| {
        offering.instance_type().is_some_and(|kind| types.iter().any(|it| it == kind.as_str()))
    });
    Ok(of_type.filter_map(|offering| offering.location().map(str::to_owned)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(text: &str) -> Zone {
        let (name, id) = text.split_once('=').unwrap_or((text, ""));
        Zone { name: name.into(), id: (!id.is_empty()).then(|| id.into()) }
    }

    fn in_use(text: &str) -> Kept {
        Kept { zone: zone(text), empty: false }
    }

    fn empty(text: &str) -> Kept {
        Kept { zone: zone(text), empty: true }
    }

    /// Chooses among these zones for instances.
    fn choose(
        all: &[&str],
        kept: [Option<Kept>; 2],
        offered: Option<&[&str]>,
        asked: Option<[&str; 2]>,
    ) -> Result<[String; 2], String> {
        let asked = asked.map(|asked| asked.map(str::to_owned));
        let choice = Choice {
            region: "eu-west-1",
            all: &all.iter().map(|text| zone(text)).collect::<Vec<_>>(),
            kept,
            asked: asked.as_ref(),
            offered: offered.map(|zones| zones.iter().map(ToString::to_string).collect()),
            instance_type: Some("c5.xlarge"),
        };
        choice.zones().map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_new_stack_takes_the_first_zones_that_offer_the_type_and_suit() {
        let new = || [None, None];
        assert_eq!(choose(&["a", "b", "c"], new(), Some(&["b", "c"]), None).unwrap(), ["b", "c"]);
        assert_eq!(choose(&["a", "b", "c"], new(), None, None).unwrap(), ["a", "b"]);
        let tokyo = ["a=apne1-az3", "c=apne1-az1", "d=apne1-az2"];
        assert_eq!(choose(&tokyo, new(), None, None).unwrap(), ["c", "d"]);
    }

    #[test]
    fn a_stack_keeps_its_zones_and_completes_them() {
        let all = ["a", "b", "c"];
        assert_eq!(choose(&all, [Some(in_use("b")), None], None, None).unwrap(), ["b", "a"]);
        assert_eq!(
            choose(&all, [Some(in_use("c")), Some(empty("b"))], None, None).unwrap(),
            ["c", "b"]
        );
    }

    #[test]
    fn a_zone_that_cannot_hold_the_stack_is_left_while_nothing_stands_in_it() {
        let tokyo = ["a=apne1-az3", "c=apne1-az1", "d=apne1-az2"];
        let left =
            choose(&tokyo, [Some(empty("a=apne1-az3")), Some(in_use("c=apne1-az1"))], None, None);
        assert_eq!(left.unwrap(), ["d", "c"]);
        let stays =
            choose(&tokyo, [Some(in_use("a=apne1-az3")), Some(in_use("c=apne1-az1"))], None, None);
        assert_eq!(stays.unwrap(), ["a", "c"]);
        let offered = Some(&["b", "c"][..]);
        let left = choose(&["a", "b", "c"], [Some(empty("a")), Some(empty("b"))], offered, None);
        assert_eq!(left.unwrap(), ["c", "b"]);
    }

    #[test]
    fn zones_can_be_chosen_by_name_and_by_id() {
        let all = ["a=euw1-az1", "b=euw1-az2", "c=euw1-az3"];
        let new = || [None, None];
        let asked = |one, other| Some([one, other]);
        assert_eq!(choose(&all, new(), None, asked("c", "euw1-az1")).unwrap(), ["c", "a"]);
        let kept = || [Some(in_use("a=euw1-az1")), Some(empty("b=euw1-az2"))];
        assert_eq!(choose(&all, kept(), None, asked("c", "a")).unwrap(), ["a", "c"]);
        let error = |kept, asked| choose(&all, kept, None, asked).unwrap_err();
        insta::assert_snapshot!(error(kept(), asked("b", "c")), @"--zones `b,c`: the stack stands in a, and what is there cannot move: leave --zones out, or destroy the stack first");
        insta::assert_snapshot!(error(new(), asked("a", "d")), @"--zones `d`: is no zone of eu-west-1 that is open to this account: a, b, c");
        insta::assert_snapshot!(error(new(), asked("a", "euw1-az1")), @"--zones `a,euw1-az1`: names a twice: a load balancer needs two zones");
        let offered = Some(&["a", "b"][..]);
        let error = choose(&all, new(), offered, asked("b", "c")).unwrap_err();
        insta::assert_snapshot!(error, @"--instance-type `c5.xlarge`: is not offered in c, which --zones names");
    }

    #[test]
    fn fewer_than_two_zones_are_refused_with_the_reason() {
        let new = || [None, None];
        assert_eq!(
            choose(&["a"], new(), None, None).unwrap_err(),
            "--region `eu-west-1`: a load balancer needs two zones, and this region has 1"
        );
        assert_eq!(
            choose(&["a", "b"], new(), Some(&["b"]), None).unwrap_err(),
            "--instance-type `c5.xlarge`: is offered only in b, and a stack needs two zones"
        );
        assert_eq!(
            choose(&["a", "b"], [Some(in_use("a")), Some(in_use("b"))], Some(&["b"]), None)
                .unwrap_err(),
            "--instance-type `c5.xlarge`: is not offered in a, where the stack's subnets are"
        );
        let error = choose(&["a=usw1-az2", "b=usw1-az1"], new(), None, None).unwrap_err();
        insta::assert_snapshot!(error, @"--region `eu-west-1`: a stack needs two zones, and a is known to lack what it needs: take another region, or name two with --zones to try all the same");
    }

    #[test]
    fn fargate_has_a_list_of_its_own() {
        assert!(zone("a=cnn1-az3").is_unsuitable(true));
        assert!(!zone("a=cnn1-az3").is_unsuitable(false));
        assert!(!zone("a=usw1-az3").is_unsuitable(true));
        assert!(!zone("a").is_unsuitable(true));
    }
}
