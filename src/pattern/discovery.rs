//! Names of services without a load balancer: a namespace of the stack, a name for each service that has one,
//! and who may reach its port.

use std::collections::BTreeMap;

use super::naming::Naming;
use super::service::Blocks;
use crate::engine::graph::{Graph, Handle, MadeHandle, Needs as _};
use crate::names::{self, ServiceName};
use crate::resource::discovery_service::{self, DiscoveryService};
use crate::resource::namespace::{self, Namespace};
use crate::resource::security_group;
use crate::resource::security_group_rule::{self, SecurityGroupRule, Source};
use crate::spec;

/// What services take from it.
#[derive(Default)]
pub struct Discovered {
    registries: BTreeMap<ServiceName, Handle<discovery_service::Output>>,
    rules: Vec<Rule>,
}

/// What lets one service reach another.
struct Rule {
    of: ServiceName,
    caller: ServiceName,
    lets_in: MadeHandle<security_group_rule::Output>,
}

impl Discovered {
    /// The name that the tasks of a service answer to, if there is to be one.
    pub fn registry(&self, of: &spec::Service) -> Option<Handle<discovery_service::Output>> {
        self.registries.get(&of.name).cloned()
    }

    /// What lets others reach a service, and lets it reach others.
    pub fn rules(&self, service: &ServiceName) -> Vec<MadeHandle<security_group_rule::Output>> {
        let its = self.rules.iter().filter(|it| it.of == *service || it.caller == *service);
        its.map(|it| it.lets_in.clone()).collect()
    }
}

/// Adds what services are found by. The groups are those of their tasks.
pub fn discovery(
    graph: &mut Graph,
    groups: &BTreeMap<&ServiceName, &Handle<security_group::Output>>,
    blocks: &Blocks<'_>,
) -> Discovered {
    let mut found = Discovered::default();
    let all: Vec<_> = blocks.spec.services.iter().filter(|it| it.discovery.is_some()).collect();
    if all.is_empty() {
        return found;
    }
    let network = blocks.network;
    let namespace = Namespace {
        name: names::namespace(&blocks.spec.stack),
        existing_vpc: network.existing_vpc.clone(),
        ..Namespace::default()
    };
    let needs = (network.vpc.clone(), (*blocks.cluster).clone());
    let needs = needs.map(|(vpc, cluster)| namespace::Needs { vpc, cluster });
    let namespace = graph.add(namespace::NODE, namespace, needs);
    for service in all {
        let name = DiscoveryService { service: service.name.clone() };
        let name = graph.add(discovery_service::node(&service.name), name, namespace.clone());
        found.registries.insert(service.name.clone(), name);
        let (_, port) = service.target();
        for caller in blocks.spec.callers_of(service) {
            let (Some(to), Some(from)) = (groups.get(&service.name), groups.get(caller)) else {
                continue;
            };
            let description = format!("Ingress from the service {caller}");
            let rule = SecurityGroupRule { port, description };
            let from = from.made().map(|group: security_group::Output| Source::Group(group.id));
            let node = Naming::caller_rule(&service.name, port, caller);
            let lets_in = graph.add(node, rule, (to.made(), from)).made();
            found.rules.push(Rule { of: service.name.clone(), caller: caller.clone(), lets_in });
        }
    }
    found
}
