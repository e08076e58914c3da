//! Which nodes are shown as one: all of a service, where a stack has so many that nobody reads a line for
//! each node.

use std::collections::BTreeMap;

use crate::names::NodeName;
use crate::spec::{Scheme, Spec};

/// As many services are shown with all that belongs to them.
const FEW: usize = 3;

/// The services whose nodes are shown as one, and by which host names each is reached.
pub(super) struct Folded(Vec<(String, Vec<String>)>);

impl Folded {
    /// Of a spec.
    pub(super) fn of(spec: &Spec) -> Self {
        let services = spec.services.iter().map(|service| {
            let routes = Scheme::ALL.into_iter().filter_map(|scheme| service.route(scheme));
            let hosts = routes.flat_map(|route| route.names.iter().map(ToString::to_string));
            (service.name.to_string(), hosts.collect())
        });
        Self::if_many(services.collect())
    }

    /// Of what there is, without a spec: a record's host name begins with its service's, unless somebody
    /// has chosen another one.
    pub(super) fn among<'a>(nodes: impl Iterator<Item = &'a NodeName> + Clone) -> Self {
        let named = |kind: &'static str| {
            nodes.clone().filter_map(move |node| node.as_str().strip_prefix(kind))
        };
        let services = named("service/").map(|service| {
            let is_of = |host: &&str| host.split('.').next() == Some(service);
            let hosts = named("record/").filter(is_of).map(str::to_owned);
            (service.to_owned(), hosts.collect())
        });
        Self::if_many(services.collect())
    }

    fn if_many(services: Vec<(String, Vec<String>)>) -> Self {
        Self(if services.len() > FEW { services } else { Vec::new() })
    }

    /// The service that a node belongs to, when it is shown as one with all of that.
    pub(super) fn service(&self, node: &NodeName) -> Option<&str> {
        let is_of = |(service, hosts): &&(String, Vec<String>)| {
            node.as_str().split('/').skip(1).any(|part| {
                part == service.as_str() || hosts.iter().any(|host| host.as_str() == part)
            })
        };
        self.0.iter().find(is_of).map(|(service, _)| service.as_str())
    }

    /// The service of each node that is shown as one with others.
    pub(super) fn all<'a>(
        &self,
        nodes: impl Iterator<Item = &'a NodeName>,
    ) -> BTreeMap<NodeName, String> {
        nodes.filter_map(|node| Some((node.clone(), self.service(node)?.to_owned()))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_one_of_many_services_is_known_by_its_name() {
        let names = ["a", "b", "c", "d"].map(|name| NodeName::from(format!("service/{name}")));
        let others = ["record/a.in.example.com", "listener-rule/internal-80/b", "listener/80"];
        let others = others.map(NodeName::from);
        let folded = Folded::among(names.iter().chain(&others));
        let of = others.each_ref().map(|node| folded.service(node));
        assert_eq!(of, [Some("a"), Some("b"), None]);
        let few = Folded::among(names[..3].iter().chain(&others));
        assert_eq!(few.all(names.iter()), BTreeMap::new());
    }
}
