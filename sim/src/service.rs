//! What a service is: all that the rest of the simulator has to know of one.

use crate::world::{Beginning, Scope, Tagged, World};

/// A service.
#[derive(Debug)]
pub struct Service {
    /// The name that requests are signed for, and by which IAM knows it.
    pub name: &'static str,
    /// What it keeps its things for.
    pub scope: Scope,
    /// Begins in a region that nobody has been in: makes what it keeps, and what is always there.
    pub begin: Beginning,
    /// Every id of the region. Things that are deleted and only remembered are not there.
    pub ids: fn(&World) -> Vec<String>,
    /// Everything that has tags.
    pub tagged: fn(&World) -> Vec<Tagged>,
}
