//! What things are called of which a stack may have several, as nodes and in AWS.
//!
//! What belongs to a load balancer or to a service carries its name: `load-balancer/internal`,
//! `security-group/service/api`. Where a stack has only one, it goes without: `load-balancer`,
//! `security-group/service`. A name is a thing's identity, so what is there keeps the name that it has
//! when others come or go: the short names stay with the load balancer and the service that have them
//! ([`There`] says which), and whoever comes later gets long ones.

use crate::facts::There;
use crate::names::{Names, NodeName, ServiceName};
use crate::spec::{Scheme, Service, Spec};

/// What things are called.
pub struct Naming<'a> {
    names: &'a Names,
    there: &'a There,
    /// Whose load balancer, security group, listeners and rules have the short names.
    balancer: Option<Scheme>,
    /// Whose zone has the short name.
    zone: Option<Scheme>,
    /// Whose role, security group and rules have the short names.
    service: Option<&'a ServiceName>,
}

/// A node, and the name of its thing in AWS.
pub struct Named {
    /// The node.
    pub node: NodeName,
    /// The name in AWS.
    pub name: String,
}

impl Named {
    fn new(node: impl Into<NodeName>, name: String) -> Self {
        Self { node: node.into(), name }
    }
}

impl<'a> Naming<'a> {
    /// Decides who has the short names.
    pub fn new(spec: &'a Spec, names: &'a Names, there: &'a There) -> Self {
        let mut schemes = spec.ingresses().map(|(scheme, _)| scheme);
        let balancer = match (there.balancer, schemes.next(), schemes.next()) {
            (Some(scheme), ..) => Some(scheme),
            (None, Some(scheme), None) => Some(scheme).filter(|scheme| {
                let long = ["load-balancer", "security-group/load-balancer"];
                !there.has_any(&long.map(|node| format!("{node}/{}", scheme.word())))
            }),
            _ => None,
        };
        let zones =
            || spec.ingresses().filter_map(|(scheme, it)| Some((scheme, it.zone.as_ref()?)));
        let mut same = zones().filter(|(_, zone)| there.zone.as_ref() == Some(zone));
        let mut all = zones();
        let zone = match (same.next(), all.next(), all.next()) {
            (Some((scheme, _)), ..) => Some(scheme),
            (None, Some((scheme, _)), None) => Some(scheme)
                .filter(|scheme| !there.has_any(&[format!("hosted-zone/{}", scheme.word())])),
            _ => None,
        };
        let has_them = |service: &&Service| there.services.contains(service.name.as_str());
        let service = match (spec.services.iter().find(has_them), spec.services.as_slice()) {
            (Some(service), _) => Some(&service.name),
            (None, [alone]) => Some(&alone.name).filter(|name| {
                let long = ["role/execution", "security-group/service"];
                !there.has_any(&long.map(|node| format!("{node}/{name}")))
            }),
            _ => None,
        };
        Self { names, there, balancer, zone, service }
    }

    /// A load balancer.
    pub fn load_balancer(&self, of: Scheme) -> Named {
        match self.balancer == Some(of) {
            true => Named::new("load-balancer", self.names.load_balancer()),
            false => {
                let name = self.names.load_balancer_of(of.word());
                Named::new(format!("load-balancer/{}", of.word()), name)
            }
        }
    }

    /// The security group of a load balancer.
    pub fn balancer_group(&self, of: Scheme) -> Named {
        let (node, which) = match self.balancer == Some(of) {
            true => ("security-group/load-balancer".to_owned(), "load-balancer".to_owned()),
            false => (
                format!("security-group/load-balancer/{}", of.word()),
                format!("load-balancer-{}", of.word()),
            ),
        };
        Named::new(node, self.names.security_group(&which))
    }

    /// What lets a range of addresses reach a port of a load balancer.
    pub fn balancer_rule(&self, of: Scheme, port: u16, range: &str) -> String {
        match self.balancer == Some(of) {
            true => format!("rule/load-balancer-{port}-from-{range}"),
            false => format!("rule/load-balancer-{}-{port}-from-{range}", of.word()),
        }
    }

    /// A listener.
    pub fn listener(&self, of: Scheme, port: u16) -> String {
        match self.balancer == Some(of) {
            true => format!("listener/{port}"),
            false => format!("listener/{}-{port}", of.word()),
        }
    }

    /// A service's rule on a listener.
    pub fn listener_rule(of: Scheme, port: u16, service: &ServiceName) -> String {
        format!("listener-rule/{}-{port}/{service}", of.word())
    }

    /// The word for the private zone of a load balancer; none for the one with the short name.
    pub fn zone(&self, of: Scheme) -> Option<&'static str> {
        (self.zone != Some(of)).then(|| of.word())
    }

    /// The targets of a service behind a load balancer: a target group has one load balancer.
    pub fn target_group(&self, service: &Service, of: Scheme) -> Named {
        let name = &service.name;
        let long = |of: Scheme| format!("target-group/{name}/{}", of.word());
        let is_short = match self.there.targets.get(name.as_str()) {
            Some(scheme) => *scheme == of,
            // No load balancer leads there yet.
            None => {
                let first = Scheme::ALL.into_iter().find(|scheme| service.route(*scheme).is_some());
                first == Some(of) && !self.there.has_any(&[long(of)])
            }
        };
        match is_short {
            true => Named::new(format!("target-group/{name}"), self.names.target_group(name)),
            false => Named::new(long(of), self.names.target_group_of(name, of.word())),
        }
    }

    fn is_short(&self, service: &ServiceName) -> bool {
        self.service == Some(service)
    }

    /// The role with which ECS starts the tasks of a service.
    pub fn execution_role(&self, service: &ServiceName) -> Named {
        match self.is_short(service) {
            true => Named::new("role/execution", self.names.role("execution")),
            false => {
                let name = self.names.role_of("execution", service);
                Named::new(format!("role/execution/{service}"), name)
            }
        }
    }

    /// The role of the tasks of a service.
    pub fn task_role(&self, service: &ServiceName) -> Named {
        Named::new(format!("role/task/{service}"), self.names.role_of("task", service))
    }

    /// The security group of the tasks of a service.
    pub fn service_group(&self, service: &ServiceName) -> Named {
        match self.is_short(service) {
            true => Named::new("security-group/service", self.names.security_group("service")),
            false => {
                let name = self.names.security_group_of("service", service);
                Named::new(format!("security-group/service/{service}"), name)
            }
        }
    }

    /// What lets the tasks of a service reach a port of another's tasks.
    pub fn caller_rule(service: &ServiceName, port: u16, caller: &ServiceName) -> String {
        format!("rule/service/{service}/{port}-from-service/{caller}")
    }

    /// What lets a load balancer reach a port of a service's tasks.
    pub fn service_rule(&self, service: &ServiceName, port: u16, from: Scheme) -> String {
        match self.is_short(service) && self.balancer == Some(from) {
            true => format!("rule/service-{port}"),
            false => format!("rule/service/{service}/{port}-from-{}", from.word()),
        }
    }
}
