//! What a service is: all that the rest of the simulator has to know of one.

use std::fmt;
use std::sync::LazyLock;

use serde_json::Value;

use crate::buckets::Limits;
use crate::doubt::Doubt;
use crate::model::Model;
use crate::policy::call::Call;
use crate::policy::required::Required;
use crate::policy::view::View;
use crate::policy::{self, Policy};
use crate::refusal::{Answer, Refusal, Refusals};
use crate::world::{Beginning, Hearing, Scope, Tagged, World};

/// A service.
pub struct Service {
    /// The name that requests are signed for, and by which IAM knows it.
    pub name: &'static str,
    /// Its shapes and its protocol.
    pub model: LazyLock<Model>,
    /// What it answers, by the operation's name. A test shows that the model has the same operations.
    pub operations: &'static [(&'static str, Handler)],
    /// How many calls it takes before it asks to slow down.
    pub limits: Limits,
    /// How it says no before an operation looks at a request.
    pub refusals: Refusals,
    /// What it keeps its things for.
    pub scope: Scope,
    /// Begins in a region that nobody has been in: makes what it keeps, and what is always there.
    pub begin: Beginning,
    /// Hears what happens to the things of other services, where that concerns it.
    pub hear: Option<Hearing>,
    /// Every id of the region. Things that are deleted and only remembered are not there.
    pub ids: fn(&World) -> Vec<String>,
    /// Everything that has tags.
    pub tagged: fn(&World) -> Vec<Tagged>,
    /// What IAM has to allow for a call.
    pub required: fn(&Call<'_>) -> Vec<Required>,
    /// What else than its things with tags somebody has to know to tell what IAM has to allow.
    pub tell: for<'a> fn(&'a World, &mut View<'a>),
}

/// What answers an operation.
#[derive(Debug, Clone, Copy)]
pub enum Handler {
    /// It only looks.
    Looks(fn(&World, &Value) -> Answer),
    /// It changes something.
    Changes(fn(&mut World, &Value) -> Answer),
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Service {
    fn handler(&self, operation: &str) -> Option<Handler> {
        self.operations.iter().find(|(name, _)| *name == operation).map(|(_, handler)| *handler)
    }

    /// Whether an operation only looks.
    pub fn is_look(&self, operation: &str) -> bool {
        matches!(self.handler(operation), Some(Handler::Looks(_)))
    }

    /// Refuses a call that takes what a policy does not allow.
    pub fn authorize(
        &self,
        world: &World,
        policy: &Policy,
        required: &[Required],
    ) -> Result<(), Refusal> {
        let strict = world.scenario.doubts(Doubt::WhatIsGoneIsDenied);
        match policy::refused(policy, required, strict) {
            Some(denied) => Err((self.refusals.denied)(denied.message(&world.caller()))),
            None => Ok(()),
        }
    }

    /// Answers one call.
    pub fn answer(&self, world: &mut World, operation: &str, input: &Value) -> Answer {
        if let Some(refusal) = self.refusals.dry_run.filter(|_| input["DryRun"] == true) {
            return Err(refusal());
        }
        match self.handler(operation) {
            Some(Handler::Looks(look)) => look(world, input),
            Some(Handler::Changes(change)) => change(world, input),
            None => Err(Refusal::lacked(&format!("the operation {}:{operation}", self.name))),
        }
    }
}
