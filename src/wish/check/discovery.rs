//! Names of services in the VPC, and who may reach them.

use std::collections::BTreeSet;

use super::super::Wanted;
use super::{Checker, Draft};
use crate::names::{self, ServiceName, StackName};
use crate::spec::{Discovery, nearest};

/// How many services may call one: a security group has room for 60 rules (VPC quotas, "Inbound or outbound rules
/// per security group"), and load balancers take up to four of them.
const CALLERS: usize = 56;

impl<'a> Checker<'a> {
    /// How other services find this one, if they do.
    pub(super) fn discovery(&mut self, wanted: &'a Wanted) -> Option<Discovery> {
        let of = Some(wanted);
        let callers = self.callers(wanted);
        let Some(said) = self.text(of, "discovery") else {
            if let Some(entry) = wanted.table.entry("callers") {
                let (field, place) =
                    (format!("service.{}.callers", wanted.name), entry.key.clone());
                let rule = "means nothing without `discovery`, by which others find the service";
                self.problem_at(field, Some(&place), "", rule.to_owned());
            }
            return None;
        };
        if said == "connect" {
            let rule = "is not built yet: \"dns\" gives the service a name in the VPC";
            self.problem(of, "discovery", said, rule);
        }
        let (key, count) = match &callers {
            Some(callers) => ("callers", callers.len()),
            None => ("discovery", self.wish.services.len()),
        };
        if count > CALLERS {
            let rule = format!(
                "{count} services may call it, and its security group has room for {CALLERS}: say in `callers` \
                 which do"
            );
            self.problem(of, key, "", rule);
        }
        Some(Discovery { callers })
    }

    /// The services that may open its port, where that was said.
    fn callers(&mut self, wanted: &'a Wanted) -> Option<BTreeSet<ServiceName>> {
        let field = format!("service.{}.callers", wanted.name);
        let mut callers = BTreeSet::new();
        for (text, place) in wanted.table.texts("callers")? {
            let there = self.wish.services.iter().any(|it| it.name == text);
            let rule = match text.parse::<ServiceName>() {
                Ok(name) if there => match callers.insert(name) {
                    true => continue,
                    false => "is there twice".to_owned(),
                },
                _ => {
                    let names = self.wish.services.iter().map(|it| it.name.as_str());
                    format!("no such service{}", nearest(text, names))
                }
            };
            self.problem_at(field.clone(), Some(place), text, rule);
        }
        Some(callers)
    }

    /// A VPC knows one zone of a name, and that of the namespace is Cloud Map's own.
    pub(super) fn zone_of_names(
        &mut self,
        zones: &[Option<&String>; 2],
        stack: Option<&StackName>,
        drafts: &[Draft<'_>],
    ) {
        let Some(stack) = stack.filter(|_| drafts.iter().any(|it| it.discovery.is_some())) else {
            return;
        };
        let own = names::namespace(stack);
        let schemes = ["internal", "public"].into_iter().zip(zones);
        for (scheme, zone) in schemes.filter(|(_, zone)| zone.is_some_and(|it| *it == own)) {
            let rule = "is where the services of the stack have their names, by `discovery`: a VPC knows one \
                        zone of a name";
            let path = format!("ingress.{scheme}.zone");
            self.problem(None, &path, zone.map_or("", String::as_str), rule);
        }
    }
}
