//! What alias records may point at: load balancers that exist, and records of the same zone.

use std::collections::BTreeMap;

use super::record::{At, Record};
use crate::elb;
use crate::partition;
use crate::world::World;

/// Why an alias is refused.
const UNSEEN: &str = "that target was not found";
const OUTSIDE: &str = "the alias target name does not lie within the target zone";

/// What Route 53 has against an alias, if anything. `records` are those of the zone `own`, as they
/// are at this point of the batch; `name` is a normal one.
pub(super) fn objection(
    world: &mut World,
    own: &str,
    records: &BTreeMap<At, Record>,
    kind: &str,
    (zone, name): (&str, &str),
) -> Option<String> {
    let objection = |why: &str| {
        Some(format!(
            "Tried to create an alias that targets {name}, type {kind} in zone {zone}, but {why}"
        ))
    };
    if zone == own {
        let target = At::new(name, kind, None);
        return match records.keys().any(|at| at.is_of(&target)) {
            true => None,
            false => objection(UNSEEN),
        };
    }
    let bare = name.strip_prefix("dualstack.").unwrap_or(name);
    let Some(region) = region_of(bare) else { return objection(OUTSIDE) };
    let region = region.to_owned();
    let here = world.region.clone();
    world.enter(&region);
    let known = elb::dns_names(world);
    let canonical = elb::canonical_zone(&region);
    world.enter(&here);
    if zone != canonical {
        return objection(OUTSIDE);
    }
    let is_known = known.iter().any(|(dns, _)| format!("{}.", dns.to_ascii_lowercase()) == bare);
    match is_known && matches!(kind, "A" | "AAAA") {
        true => None,
        false => objection(UNSEEN),
    }
}

/// The region of `NAME.REGION.elb.amazonaws.com.`, with the domain of the region's partition.
fn region_of(name: &str) -> Option<&str> {
    let (name, domain) = name.strip_suffix('.')?.split_once(".elb.")?;
    let (balancer, region) = name.split_once('.')?;
    let is_region = !region.is_empty() && !region.contains('.') && !balancer.is_empty();
    (is_region && domain == partition::domain(region)).then_some(region)
}
