//! Cloud Map's services: names in a namespace, with the instances that answer to them. Here they are called
//! registries, as ECS calls them, since ECS has services, too.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::{PAGER, TAGS, bare, filter, invalid, namespace};
use crate::fields::{Fields, Tags};
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// A service.
#[derive(Debug)]
pub(super) struct Registry {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) namespace: String,
    /// As it was said, with the routing policy.
    dns: Value,
    /// Whether somebody else says how its instances are.
    custom_health: bool,
    pub(super) tags: Tags,
    created: Duration,
    /// The addresses of its instances, by their ids.
    pub(super) instances: BTreeMap<String, String>,
}

impl Registry {
    /// For how long an answer may be kept.
    pub(super) fn ttl(&self) -> Duration {
        let ttl = self.dns.list("DnsRecords").first().and_then(|it| it.number("TTL"));
        Duration::from_secs(ttl.and_then(|ttl| u64::try_from(ttl).ok()).unwrap_or_default())
    }
}

pub(super) fn not_found(id: &str) -> Refusal {
    Refusal::new("ServiceNotFound", format!("Failed to find service. Service id: {id}"))
}

/// A service by its id or its ARN.
pub(super) fn find<'a>(world: &'a World, id: &str) -> Result<&'a Registry, Refusal> {
    let found = world.servicediscovery().registries.get(bare(id));
    found.ok_or_else(|| not_found(bare(id)))
}

/// Whether there is a service of this ARN.
pub fn is_there(world: &World, arn: &str) -> bool {
    world.servicediscovery().registries.values().any(|it| it.arn == arn)
}

/// Whether a service of this ARN has records of this type.
pub fn has_dns(world: &World, arn: &str, kind: &str) -> bool {
    let it = world.servicediscovery().registries.values().find(|it| it.arn == arn);
    it.is_some_and(|it| it.dns.list("DnsRecords").iter().any(|it| it.text("Type") == kind))
}

/// `CreateService`. A name has the same id in a namespace whenever it is made.
pub(super) fn create(world: &mut World, input: &Value) -> Answer {
    let name = input.text("Name").to_owned();
    let dns = input.part("DnsConfig");
    let namespace = input.some_text("NamespaceId").or(dns.some_text("NamespaceId"));
    let namespace = bare(namespace.unwrap_or_default()).to_owned();
    namespace::check_stays(world, &namespace)?;
    let tags = TAGS.given(input.list("Tags"))?;
    let is_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.is_empty() || name.len() > 63 || !name.bytes().all(is_label) {
        return Err(invalid(format!("The service name {name} is not one label of a DNS name.")));
    }
    let [record] = dns.list("DnsRecords") else {
        return Err(Refusal::lacked("a service of Cloud Map with other than one record"));
    };
    if record.text("Type") != "A" || dns.some_text("RoutingPolicy") == Some("WEIGHTED") {
        return Err(Refusal::lacked("records of Cloud Map other than A with several values"));
    }
    if !input.part("HealthCheckConfig").is_null() {
        return Err(Refusal::lacked("health checks of Route 53"));
    }
    let all = &world.servicediscovery().registries;
    let is_same = |it: &&Registry| it.namespace == namespace && it.name.eq_ignore_ascii_case(&name);
    if let Some(there) = all.values().find(is_same) {
        let message = format!("Service already exists: {}", there.arn);
        return Err(Refusal::new("ServiceAlreadyExists", message));
    }
    let digest = world.dice.digest("registry", &format!("{namespace} {name}"));
    let id = format!("srv-{}", &digest[..16]);
    let mut dns = dns.clone();
    dns["RoutingPolicy"] = "MULTIVALUE".into();
    let registry = Registry {
        arn: world.arn("servicediscovery", &format!("service/{id}")),
        name,
        namespace,
        dns,
        custom_health: input.part("HealthCheckCustomConfig").is_object(),
        tags,
        created: world.now,
        instances: BTreeMap::new(),
    };
    let mut described = described(world, (&id, &registry));
    described["NamespaceId"] = registry.namespace.clone().into();
    world.servicediscovery_mut().registries.insert(id, registry);
    Ok(json!({ "Service": described }))
}

fn described(world: &World, (id, it): (&String, &Registry)) -> Value {
    let mut dns = it.dns.clone();
    if let Some(dns) = dns.as_object_mut() {
        dns.remove("NamespaceId");
    }
    let mut described = json!({
        "Id": id,
        "Arn": it.arn,
        "Name": it.name,
        "Type": "DNS_HTTP",
        "DnsConfig": dns,
        "CreateDate": world.timestamp_at(it.created),
    });
    if it.custom_health {
        described["HealthCheckCustomConfig"] = json!({ "FailureThreshold": 1 });
    }
    described
}

/// `ListServices`.
pub(super) fn list(world: &World, input: &Value) -> Answer {
    let all = world.servicediscovery().registries.iter();
    let one = |one: (&String, &Registry)| {
        let mut described = described(world, one);
        described["InstanceCount"] = one.1.instances.len().into();
        described
    };
    let mut answer = PAGER.page(world, input, "Services", PAGER.most, all.map(one).collect())?;
    filter::keep(&mut answer, "Services", input, |thing, name| match name {
        "NAMESPACE_ID" => Ok(find(world, thing.text("Id"))?.namespace.clone()),
        other => Err(invalid(format!("Filter {other} is not simulated."))),
    })?;
    Ok(answer)
}

/// `DeleteService`: without instances only.
pub(super) fn delete(world: &mut World, input: &Value) -> Answer {
    let id = bare(input.text("Id")).to_owned();
    if !find(world, &id)?.instances.is_empty() {
        let message = "The service contains registered instances; delete the instances first.";
        return Err(Refusal::new("ResourceInUse", message));
    }
    world.servicediscovery_mut().registries.remove(&id);
    Ok(json!({}))
}
