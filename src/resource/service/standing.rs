//! A service that is there, and one thing of it that is wanted otherwise, whatever the rest is: what `scale`,
//! `restart` and `rollback` ask for. `wait` asks for nothing but that it is steady.

use std::time::Duration;

use super::{Output, Service, made};
use crate::arn::last_part;
use crate::aws::{Aws, Cx, Doing, Error, Result, Scope, Tagging, missing};
use crate::diagnosis::{Diagnosis, Finding};
use crate::names::NodeName;
use crate::resource::{
    Difference, Kind, Made, Others, Owned, Removal, Resource, Wanted, Whole, signed,
};

/// A service that is there.
#[derive(Debug)]
pub struct StandingService {
    /// What is wanted of it.
    pub wanted: Asked,
}

/// What is wanted of a service that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Nothing but that it is steady.
    Nothing,
    /// So many tasks.
    Count(u32),
    /// Another deployment than this one, by its id.
    Restart(String),
    /// The revision of this ARN.
    Revision(String),
}

impl Resource for StandingService {
    type Output = Output;
    const KIND: Kind = Kind::Service;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        Service::list(aws, scope).await
    }

    async fn list_with(others: &impl Others) -> Result<Vec<Owned<Output>>> {
        Service::list_with(others).await
    }

    async fn poll(aws: &Aws, scope: &Scope, these: &[Owned<Output>]) -> Result<Vec<Owned<Output>>> {
        Service::poll(aws, scope, these).await
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        Service::tagging(it)
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        Service::delete(aws, it).await
    }

    async fn forget_lost(aws: &Aws, it: &Output, why: Removal, waited: Duration) -> Result<()> {
        Service::forget_lost(aws, it, why, waited).await
    }
}

impl Wanted for StandingService {
    type Needs = ();
    type Change = Whole;

    async fn create(&self, _cx: &Cx, node: &NodeName, (): &()) -> Result<Made<Output>> {
        Err(Error::other(format!("change {node}"), "it is not there any more"))
    }

    fn drift(&self, it: &Output, (): &()) -> Vec<Difference<Whole>> {
        let differs = match &self.wanted {
            Asked::Nothing => None,
            Asked::Count(count) => it
                .desired_count
                .filter(|is| *is != signed(*count))
                .map(|is| Difference::update(Whole, "desiredCount", is, count)),
            Asked::Restart(former) => {
                let is = it.deployment.as_ref().filter(|it| it.id == *former);
                is.map(|is| Difference::update(Whole, "deployment", &is.id, "a new one"))
            }
            Asked::Revision(arn) => it.task_definition.as_ref().filter(|is| *is != arn).map(|is| {
                let (is, wanted) = (last_part(is), last_part(arn));
                Difference::update(Whole, "taskDefinition", is, wanted)
            }),
        };
        differs.into_iter().collect()
    }

    async fn update(
        &self,
        cx: &Cx,
        _node: &NodeName,
        it: &Output,
        (): &(),
        _changes: &[Whole],
    ) -> Result<Made<Output>> {
        const DOING: &str = "update the ECS service";
        // Each forced call starts a deployment: one whose answer is lost is looked up.
        let ecs = match self.wanted {
            Asked::Restart(_) => &cx.aws.ecs_once,
            Asked::Nothing | Asked::Count(_) | Asked::Revision(_) => &cx.aws.ecs,
        };
        let update = ecs.update_service().cluster(&it.cluster).service(&it.name);
        let update = match &self.wanted {
            Asked::Nothing => return Ok(Made::Ready(it.clone())),
            Asked::Count(count) => update.desired_count(signed(*count)),
            Asked::Restart(_) => update.force_new_deployment(true),
            Asked::Revision(arn) => update.task_definition(arn),
        };
        let updated = update.send().await.doing(DOING)?;
        Ok(made(updated.service().ok_or_else(|| missing(DOING, "service"))?))
    }

    fn unhurried(it: &Output, awaited: bool) -> bool {
        Service::unhurried(it, awaited)
    }

    async fn diagnosis(aws: &Aws, scope: &Scope, it: &Output) -> Diagnosis {
        Service::diagnosis(aws, scope, it).await
    }

    fn known(it: &Output) -> &[Finding] {
        Service::known(it)
    }
}
