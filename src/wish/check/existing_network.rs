//! A VPC that is there already: which subnets are needed, and what cannot be said beside it.

use std::collections::BTreeSet;

use super::{Checker, Draft};
use crate::spec::existing_network::{SUBNETS, check_id};
use crate::spec::{ExistingNetwork, RunOn, Scheme, Subnets};

/// The table, and its key for the VPC.
const EXISTING: &str = "network.existing";
const VPC: &str = "network.existing.vpc";

impl Checker<'_> {
    /// The network that somebody else made and that the stack is to stand in.
    pub(super) fn existing_network(&mut self, drafts: &[Draft<'_>]) -> Option<ExistingNetwork> {
        let existing = self.called(None, EXISTING);
        for key in ["vpc_cidr", "nat", "endpoints", "zones"] {
            let path = format!("network.{key}");
            if self.wish.table.at(&path).is_some() {
                let text = self.text(None, &path).unwrap_or_default();
                let rule = format!(
                    "cannot stand beside {existing}: it is of a network that ecsup makes, and that one is \
                     only looked at"
                );
                self.problem(None, &path, text, rule);
            }
        }
        let vpc = match self.text(None, VPC) {
            Some(text) => self.keep(None, VPC, text, check_id("vpc", text)),
            None => {
                self.problem(None, EXISTING, "", "needs `vpc`, the id of the VPC");
                None
            }
        };
        let mut named = BTreeSet::new();
        let [public, private] = Subnets::ALL.map(|which| self.subnets(which, &mut named));
        let (public, private) = (public?, private?);
        let on_instances = drafts.iter().any(|draft| draft.run_on == RunOn::Instances);
        let has = |scheme| drafts.iter().any(|draft| draft.schemes.contains(&scheme));
        let inside = match (on_instances, has(Scheme::Internal)) {
            (true, _) => Some("instances and their tasks, which get no public addresses"),
            (false, true) => Some("the load balancer that only the VPC can reach"),
            (false, false) => public.is_empty().then_some("tasks"),
        };
        let has_tasks = private.is_empty() && !public.is_empty();
        let outside = match (has(Scheme::InternetFacing), has_tasks) {
            (true, _) => Some("the load balancer on the internet"),
            (false, true) => Some("tasks, where there are no private subnets"),
            (false, false) => None,
        };
        for (which, ids, whom) in
            [(Subnets::Public, &public, outside), (Subnets::Private, &private, inside)]
        {
            let path = which.path();
            match (ids.len(), whom) {
                (0 | 1, Some(whom)) => {
                    let rule = format!(
                        "must name two subnets at least, in two zones: they are for {whom}"
                    );
                    self.problem(None, path, "", rule);
                }
                (1.., None) if which == Subnets::Public => {
                    let rule = "nothing would stand in them: no load balancer is on the internet, and tasks \
                                are in the private subnets; leave them out";
                    self.problem(None, path, "", rule);
                }
                (1, None) => {
                    self.problem(None, path, "", "must name two subnets at least, in two zones");
                }
                _ => {}
            }
        }
        Some(ExistingNetwork { vpc: vpc?, public, private })
    }

    /// The subnets of a key, none of which may stand among those `named` before.
    fn subnets(
        &mut self,
        which: Subnets,
        named: &mut BTreeSet<String>,
    ) -> Option<BTreeSet<String>> {
        let path = which.path();
        let said = self.wish.table.texts(path).unwrap_or_default();
        let (field, _) = self.field(None, path);
        let mut ids = BTreeSet::new();
        let mut are_right = true;
        for (text, place) in &said {
            let checked = check_id("subnet", text).and_then(|id| match named.insert(id.clone()) {
                true => Ok(id),
                false if ids.contains(&id) => Err("is given twice".to_owned()),
                false => Err("is also one of public_subnets".to_owned()),
            });
            match checked {
                Ok(id) => {
                    ids.insert(id);
                }
                Err(rule) => {
                    are_right = false;
                    self.problem_at(field.clone(), Some(place), text, rule);
                }
            }
        }
        if ids.len() > SUBNETS {
            let rule = format!("tasks of a service may be in {SUBNETS} subnets");
            self.problem(None, path, &ids.len().to_string(), rule);
        }
        are_right.then_some(ids)
    }
}
