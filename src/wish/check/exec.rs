//! Commands in the tasks of a service, and ports that are reached through them.

use super::super::Wanted;
use super::{Checker, Draft};
use crate::spec::exec::MESSAGES;
use crate::spec::{Nat, OwnNetwork, RunOn};

impl<'a> Checker<'a> {
    /// Whether commands may be run in its tasks.
    pub(super) fn exec(&self, wanted: &'a Wanted) -> bool {
        self.or_usual(Some(wanted), "exec") == "true"
    }

    /// Refuses it where its agents would reach nobody: a task on an instance is in a private subnet and never has a
    /// public address, so that without a NAT gateway only endpoints lead out of it.
    pub(super) fn way_of_agents(&mut self, network: &OwnNetwork, drafts: &[Draft<'_>]) {
        let leads_out = network.nat != Nat::None || network.is_closed();
        if leads_out || network.endpoints.contains(MESSAGES) {
            return;
        }
        for draft in drafts.iter().filter(|it| it.exec && it.run_on == RunOn::Instances) {
            let nat = self.called(None, "network.nat");
            let endpoints = self.called(None, "network.endpoints");
            let rule = format!(
                "reaches nobody from a task on an instance where {nat} is `none`: add \"{MESSAGES}\" to \
                 {endpoints}, or have a NAT gateway"
            );
            self.problem(Some(draft.wanted), "exec", "true", rule);
        }
    }
}
