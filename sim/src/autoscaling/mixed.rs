//! Mixed instances: a group of several types, and of Spot instances beside those on demand.
//!
//! A policy overrides the type of the template. The base is on demand, and above it a share; on demand the
//! types are taken in their order, and Spot is taken where there is some (EC2 Auto Scaling guide, "Allocation
//! strategies for multiple instance types").

use serde_json::{Value, json};

use super::member::Member;
use super::{Group, invalid};
use crate::ec2::Otherwise;
use crate::fields::Fields;
use crate::refusal::Refusal;
use crate::world::World;

const SPOT_STRATEGIES: &[&str] =
    &["price-capacity-optimized", "capacity-optimized", "capacity-optimized-prioritized"];

/// How the instances of a group are chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mix {
    /// The types, the one to be preferred first.
    pub(super) types: Vec<String>,
    base: usize,
    percent: usize,
    on_demand: String,
    spot: String,
}

impl Mix {
    /// What a request says of it, and the template beside that.
    pub(super) fn read(policy: &Value) -> Result<(Self, &Value), Refusal> {
        let lacks = |what: &str| Err(Refusal::new("SimulatorLacks", what));
        let template = policy.part("LaunchTemplate");
        let specification = template.part("LaunchTemplateSpecification");
        if specification.is_null() {
            return Err(invalid(
                "Valid requests must contain either launchTemplateId or LaunchTemplateName",
            ));
        }
        let mut types = Vec::new();
        for one in template.list("Overrides") {
            let others =
                one.as_object().into_iter().flatten().find(|(key, _)| *key != "InstanceType");
            let Some(kind) = one.some_text("InstanceType").filter(|_| others.is_none()) else {
                return lacks("overrides of anything but the instance type");
            };
            if types.iter().any(|it| it == kind) {
                return Err(invalid(format!("Duplicate instance type {kind} in the overrides.")));
            }
            types.push(kind.to_owned());
        }
        let distribution = policy.part("InstancesDistribution");
        if ["SpotInstancePools", "SpotMaxPrice"].iter().any(|it| distribution.get(*it).is_some()) {
            return lacks("pools of Spot instances, and a price for them");
        }
        let number = |name: &str, usual: usize| match distribution.number(name) {
            Some(number) => usize::try_from(number).map_err(|_| invalid(format!("{name} < 0"))),
            None => Ok(usual),
        };
        let percent = number("OnDemandPercentageAboveBaseCapacity", 100)?;
        if percent > 100 {
            return Err(invalid("OnDemandPercentageAboveBaseCapacity must be between 0 and 100."));
        }
        let spot = distribution.some_text("SpotAllocationStrategy").unwrap_or("lowest-price");
        let on_demand =
            distribution.some_text("OnDemandAllocationStrategy").unwrap_or("prioritized");
        if !SPOT_STRATEGIES.contains(&spot) || on_demand != "prioritized" {
            return lacks("allocation by the lowest price");
        }
        let mix = Self {
            types,
            base: number("OnDemandBaseCapacity", 0)?,
            percent,
            on_demand: on_demand.to_owned(),
            spot: spot.to_owned(),
        };
        Ok((mix, specification))
    }

    /// How a description shows it, with the template as that shows itself.
    pub(super) fn view(&self, template: Value) -> Value {
        let overrides: Vec<_> = self.types.iter().map(|it| json!({ "InstanceType": it })).collect();
        json!({
            "LaunchTemplate": { "LaunchTemplateSpecification": template, "Overrides": overrides },
            "InstancesDistribution": {
                "OnDemandAllocationStrategy": self.on_demand,
                "OnDemandBaseCapacity": self.base,
                "OnDemandPercentageAboveBaseCapacity": self.percent,
                "SpotAllocationStrategy": self.spot,
            },
        })
    }

    /// Whether the next one is a Spot instance, when so many are on demand and so many Spot.
    fn next_is_spot(&self, on_demand: usize, spot: usize) -> bool {
        let all = on_demand + spot + 1;
        let above = all.saturating_sub(self.base);
        on_demand >= self.base.min(all) + (above * self.percent).div_ceil(100)
    }
}

/// In what ways the next instance of a group may be launched, the best first.
pub(super) fn ways(world: &World, group: &Group, key: &str) -> Vec<Otherwise> {
    let Some(mix) = &group.mix else { return vec![Otherwise::default()] };
    let staying = || group.members.iter().filter(|it| !it.lifecycle.is_leaving());
    let all = staying().count();
    let spot = staying().filter(|it| it.is_spot).count();
    let spot = mix.next_is_spot(all - spot, spot);
    let mut types: Vec<_> = mix.types.iter().cloned().map(Some).collect();
    if types.is_empty() {
        types.push(None);
    }
    if spot {
        // Nobody knows where most of them are left.
        let millis = world.dice.delay("auto-scaling-group.spot-type", key, 0.0..=1.0).as_millis();
        let count = types.len();
        types.rotate_left(usize::try_from(millis).unwrap_or_default() % count);
    }
    types.into_iter().map(|instance_type| Otherwise { instance_type, spot }).collect()
}

/// Whether an instance is what its group would launch now, as far as `SkipMatching` of a refresh sees it: of
/// the same version of the template, which has this number, and of one of the types.
pub(super) fn matches(group: &Group, member: &Member, number: &str) -> bool {
    let is_it = |kind: &String| *kind == member.instance_type;
    let of_type =
        group.mix.as_ref().is_none_or(|mix| mix.types.is_empty() || mix.types.iter().any(is_it));
    let same = member.template.reference() == group.template.reference();
    of_type && same && member.template.version == number
}
