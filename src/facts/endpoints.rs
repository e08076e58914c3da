//! Endpoints that are asked for: whether AWS has such services in both zones, whether they lead to all that
//! the stack takes, and whether what runs could come to depend on them.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{Filter, ServiceDetail};

use super::running::is_table_of_private;
use super::{Problem, unknown};
use crate::aws::{Aws, Doing, Result};
use crate::engine::looks::Looks;
use crate::resource::instance::Instance;
use crate::resource::interface_endpoint::InterfaceEndpoint;
use crate::resource::route_table::{RouteTable, Target};
use crate::resource::{Owned, Resource, Seen};
use crate::spec::{GATEWAYS, REQUIRED, Spec, SpecError, nearest};

/// Checks the images of a stack that reaches nothing but endpoints, the services, and what runs. Returns
/// warnings of what could not be looked up.
pub(super) async fn check(
    looks: &Looks,
    spec: &Spec,
    zones: &[String],
) -> Result<Vec<String>, Problem> {
    let region = looks.scope().region();
    let mut refused = images(spec, region);
    let mut warnings = Vec::new();
    let there = looks.list::<InterfaceEndpoint>(None).await?;
    let is_there = |name: &str| there.iter().any(|it| it.owner.node.last_part() == name);
    let wanted: BTreeSet<_> = spec.endpoints().into_iter().filter(|it| !is_there(it)).collect();
    // What there is of gateways has no zones, and is there everywhere.
    if wanted.iter().any(|name| !GATEWAYS.contains(name)) {
        match services(looks.aws(), region, &wanted).await {
            Ok(found) => {
                let unknown = unknown_services(looks.aws(), region, &wanted, &found, zones);
                refused.extend(unknown.await?);
            }
            Err(error) if error.is_not_offered() => {
                warnings.push(unknown("look up the services that have endpoints", &error));
            }
            Err(error) => return Err(error.into()),
        }
    }
    refused.extend(stranded(looks, spec, &there).await?);
    if refused.is_empty() { Ok(warnings) } else { Err(Problem::Refused(refused)) }
}

/// Images that no endpoint leads to: those of ECR in this region alone have some.
fn images(spec: &Spec, region: &str) -> Vec<SpecError> {
    if !spec.network.is_closed() {
        return Vec::new();
    }
    let told = spec.images_out_of_reach(region).map(|(field, image)| {
        let rule = format!(
            "is not in ECR of {region}, and with nat = \"none\" and endpoints = [\"{REQUIRED}\"] nothing \
             else can be pulled from: copy it into a repository there, or say nat = \"single\""
        );
        // Of a service's own image there is a flag, which may be all that was said.
        let field = if field.contains(".sidecar.") { field } else { "--image".to_owned() };
        SpecError::new(field, image.to_string(), rule)
    });
    told.collect()
}

/// The services of these names that have endpoints.
async fn services(
    aws: &Aws,
    region: &str,
    names: &BTreeSet<&str>,
) -> Result<BTreeMap<String, ServiceDetail>> {
    let whole = names.iter().map(|name| format!("com.amazonaws.{region}.{name}")).collect();
    read(aws, region, Some(whole)).await
}

/// Reads the services that have interface endpoints, by their short names.
async fn read(
    aws: &Aws,
    region: &str,
    names: Option<Vec<String>>,
) -> Result<BTreeMap<String, ServiceDetail>> {
    let filters = names
        .map(|names| vec![Filter::builder().name("service-name").set_values(Some(names)).build()]);
    let prefix = format!("com.amazonaws.{region}.");
    let (mut found, mut token) = (BTreeMap::new(), None);
    loop {
        // Nothing depends on it but this advice.
        let page = aws.ec2_once.describe_vpc_endpoint_services();
        let page = page.set_filters(filters.clone()).set_next_token(token).send().await;
        let page = page.doing("look up the services that have endpoints")?;
        for detail in page.service_details.unwrap_or_default() {
            let is_interface = detail
                .service_type()
                .iter()
                .any(|it| it.service_type().is_some_and(|it| it.as_str() == "Interface"));
            let short = detail.service_name().and_then(|name| name.strip_prefix(&prefix));
            if let Some(short) = short.filter(|_| is_interface).map(str::to_owned) {
                found.insert(short, detail);
            }
        }
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// Services without endpoints here, or without any in one of the zones.
async fn unknown_services(
    aws: &Aws,
    region: &str,
    wanted: &BTreeSet<&str>,
    found: &BTreeMap<String, ServiceDetail>,
    zones: &[String],
) -> Result<Vec<SpecError>, Problem> {
    let mut refused = Vec::new();
    let mut all = None;
    for name in wanted.iter().filter(|name| !GATEWAYS.contains(name)) {
        let refuse = |rule: String| SpecError::new("--endpoints", (*name).to_owned(), rule);
        let Some(detail) = found.get(*name) else {
            if all.is_none() {
                all = Some(read(aws, region, None).await?);
            }
            let near = nearest(name, all.iter().flat_map(BTreeMap::keys).map(String::as_str));
            refused.push(refuse(format!("is no service of {region} that has endpoints{near}")));
            continue;
        };
        let has = detail.availability_zones();
        // Zones may have been given by their ids.
        let named = has.iter().any(|it| zones.contains(it));
        let lacking = zones.iter().find(|zone| named && !has.contains(zone));
        refused.extend(lacking.map(|zone| {
            refuse(format!("has no endpoints in {zone}: take other zones with --zones"))
        }));
    }
    Ok(refused)
}

/// What runs on instances and would be cut off. Agents that registered before there were endpoints go on
/// past them until they are started anew (ECS guide, "Amazon ECS interface VPC endpoints"), and then could
/// not even report that their tasks stop; and instances in the private subnets stay there.
async fn stranded(
    looks: &Looks,
    spec: &Spec,
    endpoints: &[Owned<Endpoint>],
) -> Result<Option<SpecError>, Problem> {
    let Some(wanted) = spec.network.own() else { return Ok(None) };
    if !wanted.is_closed() && !wanted.is_open() {
        return Ok(None);
    }
    let tables = looks.list::<RouteTable>(None).await?;
    let behind_gateway = tables.iter().any(|it| {
        is_table_of_private(&it.owner.node)
            && matches!(it.it().default_route, Some(Target::NatGateway(_)))
    });
    let by_endpoints = endpoints.iter().any(|it| it.owner.node.last_part() == "ecs-agent");
    let why = if wanted.is_closed() && behind_gateway {
        "talk to ECS through the NAT gateways until they are started anew"
    } else if wanted.is_open() && spec.instances.is_some() && by_endpoints && !behind_gateway {
        "reach ECS by its endpoints alone"
    } else {
        return Ok(None);
    };
    let instances = looks.list::<Instance>(None).await?;
    let count = instances.iter().filter(|it| matches!(it.seen, Seen::Present(..))).count();
    if count == 0 {
        return Ok(None);
    }
    let rule = format!(
        "would cut off what runs on {count} instances, whose agents {why}. Let the instances go first, with a \
         count of 0 for the services on them, or deploy another stack"
    );
    Ok(Some(SpecError::new("--nat", wanted.nat.to_string(), rule)))
}

type Endpoint = <InterfaceEndpoint as Resource>::Output;
