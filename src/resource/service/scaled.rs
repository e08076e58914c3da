//! A service whose number of tasks is moved by load: what its tags say of that, and how it ends.
//!
//! The tag is the one thing that every look shows anyway. It is there before the first registration and until
//! the target is gone, so that a stack in which nothing scales is never asked for targets
//! ([`scalable_target`]).

use aws_sdk_ecs::types::Service as Described;

use super::{Change, Output, Service, Tasks, describe};
use crate::aws::{Aws, Meaning, Result, Tagging};
use crate::resource::{Difference, Owned, scalable_target};

/// The tag. Its key is not of those that make up an identity, which can be put on a thing only when that is
/// made.
const TAG: &str = "ecsup-scaling";
/// What it says of a service that scales.
const ON: &str = "on";
/// What it says of one that does not any more: a tag can be put with fewer rights than it can be taken off.
const OFF: &str = "off";

/// The tag of a service that scales, as key and value.
pub(super) fn on() -> (String, String) {
    (TAG.to_owned(), ON.to_owned())
}

/// Whether the tags of a service say that it scales.
pub(super) fn is_said(service: &Described) -> bool {
    service.tags().iter().any(|tag| tag.key() == Some(TAG) && tag.value() == Some(ON))
}

/// Whether a service may have a target.
pub(in crate::resource) fn scales(service: &Owned<Output>) -> bool {
    service.it().scales
}

/// Says of a service that it scales, unless its tags say so already. It is another thing than the one that is
/// made then, so a lost answer is looked up here.
pub(in crate::resource) async fn say_that_it_scales(aws: &Aws, it: &Output) -> Result<()> {
    if it.scales {
        return Ok(());
    }
    let put = Tagging::Ecs(it.arn.clone()).put(aws, &[on()]).await;
    match put {
        Err(error) if error.meaning == Meaning::Lost => {
            let there = describe(aws, &it.cluster, vec![it.name.clone()]).await?;
            if there.iter().any(is_said) { Ok(()) } else { Err(error) }
        }
        put => put,
    }
}

/// Lets nothing move the number of tasks any more: the target goes with its policies, then the tag says so.
pub(super) async fn stop(aws: &Aws, it: &Output) -> Result<()> {
    let target = scalable_target::id_of(&it.cluster, &it.name);
    match scalable_target::deregister(aws, &target).await {
        Err(error) if error.meaning == Meaning::Lost => {
            if scalable_target::is_there(aws, target).await? {
                return Err(error);
            }
        }
        deregistered => deregistered?,
    }
    Tagging::Ecs(it.arn.clone()).put(aws, &[(TAG.to_owned(), OFF.to_owned())]).await
}

impl Service {
    /// Whether load moves the number of its tasks.
    pub(super) fn scales(&self) -> bool {
        matches!(self.tasks, Tasks::ByLoad(_))
    }

    /// How the number of tasks differs. Where load moves it, it is whatever it is.
    pub(super) fn count_differs(&self, it: &Output) -> Vec<Difference<Change>> {
        if self.scales() {
            return Vec::new();
        }
        let stops = it.scales.then(|| Difference::update(Change::StopScaling, "scaling", ON, OFF));
        let is = it.desired_count.filter(|is| *is != self.count());
        let differs = is.map(|is| {
            let is = if it.scales { format!("{is} (scaling)") } else { is.to_string() };
            Difference::update(Change::DesiredCount, "desiredCount", is, self.count())
        });
        stops.into_iter().chain(differs).collect()
    }
}
