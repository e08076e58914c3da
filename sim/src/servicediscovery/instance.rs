//! Instances: who answers to the name of a service, by an address of its own.

use serde_json::{Value, json};

use super::registry::{self, find};
use super::{Delay, PAGER, bare, invalid, operation};
use crate::fields::Fields;
use crate::refusal::{Answer, Refusal};
use crate::route53;
use crate::world::World;

/// The attribute that holds its address.
const ADDRESS: &str = "AWS_INSTANCE_IPV4";
/// Until an instance is registered.
const REGISTER: Delay = ("instance.register", 1.0..=5.0);
/// Until it is not any more.
const DEREGISTER: Delay = ("instance.deregister", 2.0..=10.0);

fn not_found(id: &str) -> Refusal {
    Refusal::new("InstanceNotFound", format!("Failed to find instance. Instance id: {id}"))
}

/// Registers an address with the service of an ARN under a name, if that is there.
pub fn register(world: &mut World, arn: &str, instance: &str, address: &str) {
    begin_register(world, bare(arn), instance, address);
}

fn begin_register(world: &mut World, id: &str, instance: &str, address: &str) -> String {
    let targets = [("SERVICE", id), ("INSTANCE", instance)];
    let begun = operation::begin(world, "REGISTER_INSTANCE", &targets);
    let (label, range) = REGISTER;
    let takes = world.dice.delay(label, instance, range);
    let (id, instance, address) = (id.to_owned(), instance.to_owned(), address.to_owned());
    let of = begun.clone();
    // From now on it holds its service.
    if let Some(it) = world.servicediscovery_mut().registries.get_mut(&id) {
        it.instances.insert(instance.clone(), address);
    }
    world.after(takes, move |world| {
        answer_to(world, &id);
        operation::end(world, &of, Ok(()));
    });
    begun
}

/// Takes an instance away from the service of an ARN.
pub fn deregister(world: &mut World, arn: &str, instance: &str) {
    begin_deregister(world, bare(arn), instance);
}

fn begin_deregister(world: &mut World, id: &str, instance: &str) -> String {
    let targets = [("SERVICE", id), ("INSTANCE", instance)];
    let begun = operation::begin(world, "DEREGISTER_INSTANCE", &targets);
    let (label, range) = DEREGISTER;
    let takes = world.dice.delay(label, instance, range);
    let (id, instance, of) = (id.to_owned(), instance.to_owned(), begun.clone());
    world.after(takes, move |world| {
        if let Some(it) = world.servicediscovery_mut().registries.get_mut(&id) {
            it.instances.remove(&instance);
        }
        answer_to(world, &id);
        operation::end(world, &of, Ok(()));
    });
    begun
}

/// Lets the zone answer with the addresses of all instances of a service.
fn answer_to(world: &mut World, id: &str) {
    let Ok(it) = find(world, id) else { return };
    let Some(namespace) = world.servicediscovery().namespaces.get(&it.namespace) else { return };
    let Some(zone) = namespace.zone.clone() else { return };
    let name = format!("{}.{}", it.name, namespace.name);
    let (ttl, addresses): (_, Vec<_>) = (it.ttl(), it.instances.values().cloned().collect());
    route53::set_addresses(world, &zone, &name, ttl, &addresses);
}

/// `RegisterInstance`.
pub(super) fn register_instance(world: &mut World, input: &Value) -> Answer {
    let id = bare(input.text("ServiceId")).to_owned();
    find(world, &id)?;
    let Some(address) = input.part("Attributes").some_text(ADDRESS) else {
        return Err(invalid(format!("{ADDRESS} is required for a service with A records.")));
    };
    let begun = begin_register(world, &id, input.text("InstanceId"), address);
    Ok(json!({ "OperationId": begun }))
}

/// `ListInstances`.
pub(super) fn list(world: &World, input: &Value) -> Answer {
    let all = find(world, input.text("ServiceId"))?.instances.iter();
    let one =
        |(id, address): (&String, &String)| json!({ "Id": id, "Attributes": { ADDRESS: address } });
    PAGER.page(world, input, "Instances", PAGER.most, all.map(one).collect())
}

/// `DeregisterInstance`.
pub(super) fn deregister_instance(world: &mut World, input: &Value) -> Answer {
    let (id, instance) = (bare(input.text("ServiceId")).to_owned(), input.text("InstanceId"));
    let it = world.servicediscovery().registries.get(&id);
    let it = it.ok_or_else(|| registry::not_found(&id))?;
    if !it.instances.contains_key(instance) {
        return Err(not_found(instance));
    }
    Ok(json!({ "OperationId": begin_deregister(world, &id, instance) }))
}
