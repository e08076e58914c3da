//! What happens by itself after a load balancer is made or deleted: interfaces come, it becomes active,
//! and interfaces outlive it.

use super::load_balancer::State;
use super::target;
use crate::ec2;
use crate::fields::Tags;
use crate::world::World;

/// Who asks for the interfaces; users cannot delete them.
const REQUESTER: &str = "amazon-elb";

/// What happens by itself after a creation: interfaces are attached, and it becomes active.
pub(super) fn provision(world: &mut World, arn: &str, name: &str) {
    attach_later(world, arn, name);
    let delay = world.dice.delay("load-balancer.provisioning", name, 120.0..=180.0);
    let arn = arn.to_owned();
    world.after(delay, move |world| {
        let Some(it) = world.elb_mut().load_balancers.get_mut(&arn) else { return };
        if it.state == State::Provisioning {
            it.state = State::Active;
            target::refresh(world);
        }
    });
}

/// An interface in each subnet that has none yet, after a moment.
pub(super) fn attach_later(world: &mut World, arn: &str, name: &str) {
    let delay = world.dice.delay("load-balancer.attached", name, 1.0..=10.0);
    let arn = arn.to_owned();
    world.after(delay, move |world| attach(world, &arn));
}

/// Attaches them now.
pub(super) fn attach(world: &mut World, arn: &str) {
    let Some(it) = world.elb().load_balancers.get(arn) else { return };
    let without = it.zones.keys().filter(|subnet| !it.interfaces.contains_key(*subnet));
    let interface = |subnet: &String| ec2::NewInterface {
        subnet: subnet.clone(),
        groups: it.groups.iter().cloned().collect(),
        description: format!("ELB {}", it.path),
        requester: Some(REQUESTER.to_owned()),
        kind: "interface".to_owned(),
        instance: None,
        public: !it.is_internal(),
        tags: Tags::new(),
    };
    let new: Vec<_> = without.map(interface).collect();
    for interface in new {
        let subnet = interface.subnet.clone();
        let groups = &interface.groups;
        let is_there = ec2::subnet(world, &subnet).is_ok()
            && groups.iter().all(|group| ec2::security_group_vpc(world, group).is_ok());
        let id = if is_there { ec2::attach_interface(world, interface) } else { None };
        let Some(it) = world.elb_mut().load_balancers.get_mut(arn) else { return };
        match id {
            Some(id) => drop(it.interfaces.insert(subnet, id)),
            // Somebody deleted its subnet or group, or took the last address, before it got there.
            None if it.state == State::Provisioning => it.state = State::Failed,
            None => {}
        }
    }
}

/// Interfaces outlive their purpose for a while.
pub(super) fn release(world: &mut World, name: &str, interfaces: Vec<String>) {
    let delay = world.dice.delay("load-balancer.interfaces", name, 30.0..=180.0);
    world.after(delay, move |world| {
        for id in &interfaces {
            ec2::remove_interface(world, id);
        }
    });
}
