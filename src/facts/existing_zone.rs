//! The zones that somebody else made and that are to know names of the stack: which ones they are, and
//! whether records may be made in them.

use std::collections::BTreeMap;

use aws_sdk_route53::types::HostedZone as Description;

use super::{Problem, running};
use crate::aws::{Aws, Doing, Meanings, Result};
use crate::engine::looks::Looks;
use crate::names::Names;
use crate::resource::hosted_zone;
use crate::resource::id::{HostedZoneId, VpcId};
use crate::resource::record_set::{self, UNKNOWN_ZONE};
use crate::resource::vpc::Vpc;
use crate::spec::{ExistingZone, Network, Scheme, Spec, SpecError, lies_in};

/// A zone that somebody else made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its id.
    pub id: HostedZoneId,
    /// Its name, without a final dot.
    pub name: String,
}

/// Looks them up, by the load balancer that they are for. Returns warnings, too.
pub(super) async fn look_up(
    looks: &Looks,
    spec: &Spec,
) -> Result<(BTreeMap<Scheme, Found>, Vec<String>), Problem> {
    let (mut zones, mut warnings, mut refused) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (scheme, ingress) in spec.ingresses() {
        let Some(said) = &ingress.existing_zone else { continue };
        let field = format!("ingress.{}.existing_zone", scheme.word());
        match one(looks, spec, said).await? {
            Ok((found, warning)) => {
                warnings.extend(warning.map(|it| format!("{field} `{said}` {it}")));
                refused.extend(hosts_outside(spec, scheme, &found));
                zones.insert(scheme, found);
            }
            Err(rule) => refused.push(SpecError::new(field, said.to_string(), rule)),
        }
    }
    if refused.is_empty() { Ok((zones, warnings)) } else { Err(Problem::Refused(refused)) }
}

/// Finds a zone and what could matter, or says why it cannot be used.
async fn one(
    looks: &Looks,
    spec: &Spec,
    said: &ExistingZone,
) -> Result<Result<(Found, Option<String>), String>, Problem> {
    let aws = looks.aws();
    let id = match said {
        ExistingZone::Id(id) => id.clone(),
        ExistingZone::Named(name) => match &named(aws, name).await?[..] {
            [] => return Ok(Err("is no zone of this account".to_owned())),
            [only] => only.clone(),
            several => {
                let rule = format!("are {} zones: say which by its id", several.len());
                return Ok(Err(format!("{rule}, {}", several.join(" or "))));
            }
        },
    };
    let zone = aws.route53.get_hosted_zone().id(&id).send().await;
    let zone = zone.doing("look up the hosted zone").gone_is_fine(&[UNKNOWN_ZONE])?;
    let Some((zone, vpcs)) = zone.and_then(|zone| Some((zone.hosted_zone?, zone.vpcs))) else {
        return Ok(Err("is no zone of this account".to_owned()));
    };
    let name = record_set::plain(zone.name());
    let found = Found { id: hosted_zone::id(&zone), name };
    if let Some(rule) = why_not(&zone, looks) {
        return Ok(Err(rule));
    }
    let is_private =
        zone.config().is_some_and(aws_sdk_route53::types::HostedZoneConfig::private_zone);
    let vpc = match &spec.network {
        Network::Own(_) => {
            running::listed::<Vpc>(looks).await?.first().map(|vpc| vpc.it().id.clone())
        }
        Network::Existing(network) => Some(VpcId::from(network.vpc.as_str())),
    };
    let vpcs: Vec<_> =
        vpcs.iter().flatten().filter_map(aws_sdk_route53::types::Vpc::vpc_id).collect();
    let answers = vpc.as_ref().is_some_and(|vpc| vpcs.contains(&vpc.as_str()));
    let warning = (is_private && !answers).then(|| {
        let answers = if vpcs.is_empty() { "no VPC".to_owned() } else { vpcs.join(", ") };
        format!(
            "answers in {answers}, and not in the stack's VPC: what is to find the names there needs an \
             association"
        )
    });
    Ok(Ok((found, warning)))
}

/// The ids of the zones of a name.
async fn named(aws: &Aws, name: &str) -> Result<Vec<String>> {
    let zones = hosted_zone::all_zones(aws).await?;
    let same = zones.iter().filter(|it| record_set::plain(it.name()) == name);
    Ok(same.map(|it| hosted_zone::id(it).into()).collect())
}

/// Why no record can be made in a zone.
fn why_not(zone: &Description, looks: &Looks) -> Option<String> {
    if let Some(service) = zone.linked_service() {
        let by = service.service_principal().unwrap_or("a service of AWS");
        return Some(format!("belongs to {by}, which lets nobody else change it"));
    }
    let is_ours = looks.scope().names().map(Names::zone_reference_prefix);
    let is_ours = is_ours.is_some_and(|prefix| zone.caller_reference().starts_with(&prefix));
    is_ours.then(|| "is the stack's own, and goes with it: say it as `zone`".to_owned())
}

/// Names that a zone cannot know. Where it was said by name, they were refused before.
fn hosts_outside(spec: &Spec, scheme: Scheme, zone: &Found) -> Vec<SpecError> {
    let of = |service: &crate::spec::Service| {
        let route = service.route(scheme)?;
        let host = route.hosts.iter().find(|host| !lies_in(host, &zone.name))?;
        let rule = format!("must be the zone `{}` or a name in it", zone.name);
        Some(SpecError::new(format!("service.{}.hosts", service.name), host.clone(), rule))
    };
    spec.services.iter().filter_map(of).collect()
}
