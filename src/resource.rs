//! What a resource is: it lists, creates, updates and deletes, and leaves waiting to the engine.
//!
//! One file per kind, all in the same order: output, struct, change, `list`, `delete`, `create`, `drift`,
//! `update`, helpers, tests. What is known of a kind without looking is in [`kind`].
//! `docs/adding-a-resource.md` follows one of them through the project.

use std::fmt::Debug;
use std::rc::Rc;
use std::time::Duration;

use crate::aws::{Aws, Cx, Owner, Result, Scope, Tagging};
use crate::diagnosis::{Diagnosis, Finding};
use crate::names::NodeName;

pub mod auto_scaling_group;
pub mod capacity_provider;
pub mod capacity_provider_association;
pub mod cluster;
pub mod difference;
pub mod discovery_service;
pub mod elastic_ip;
pub mod gateway_endpoint;
pub mod guard_duty_endpoint;
pub mod guard_duty_group;
pub mod hosted_zone;
pub mod id;
pub mod instance;
pub mod instance_profile;
pub mod instance_refresh;
pub mod interface_endpoint;
pub mod internet_gateway;
pub mod kind;
pub mod launch_template;
pub mod listener;
pub mod listener_rule;
pub mod load_balancer;
pub mod log_group;
pub mod namespace;
pub mod nat_gateway;
pub mod network_interface;
pub mod one_off;
pub mod probe;
pub mod record;
pub mod record_set;
pub mod release;
pub mod role;
pub mod role_policy;
pub mod route_table;
pub mod scalable_target;
pub mod scaling_policy;
pub mod security_group;
pub mod security_group_rule;
pub mod service;
pub mod subnet;
pub mod target_group;
pub mod task_definition;
pub mod vpc;
pub mod vpc_endpoint;
pub mod warm_start;

pub use difference::{Difference, Remedy, Whole, compare};
pub use kind::Kind;

/// One kind of AWS resource: how it is found and removed. That needs no spec, and is all there is to
/// what nobody asks for.
///
/// A resource never sleeps, loops, retries or prints.
#[expect(async_fn_in_trait, reason = "everything runs on one thread, so no future has to be Send")]
pub trait Resource: 'static {
    /// What this one gives to others, as AWS returned it.
    type Output: Clone + Debug + 'static;
    /// The kind.
    const KIND: Kind;
    /// Lists every resource of this kind within the scope. It needs no spec: it starts from the
    /// stack's identity, may follow ids that it found itself, and checks every owner on the client.
    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Self::Output>>>;

    /// Lists as [`list`](Self::list) does, for a look at everything at once: a kind that is read out
    /// of another kind's listing takes part in that one instead of asking AWS the same again.
    async fn list_with(others: &impl Others) -> Result<Vec<Owned<Self::Output>>> {
        Self::list(others.aws(), others.scope()).await
    }

    /// Looks again at those still coming or leaving, in as few calls as possible. Fields that this
    /// look does not read stay absent in the output, which counts as unknown.
    async fn poll(
        aws: &Aws,
        scope: &Scope,
        _these: &[Owned<Self::Output>],
    ) -> Result<Vec<Owned<Self::Output>>> {
        Self::list(aws, scope).await
    }

    /// Says beforehand what shortens the removal of others, such as a deregistration delay of 0. Only
    /// when the whole stack goes.
    async fn prepare_removal(_aws: &Aws, _it: &Self::Output) -> Result<()> {
        Ok(())
    }

    /// Asks AWS to remove it. Does not wait; safe to repeat; needs no spec.
    async fn delete(aws: &Aws, it: &Self::Output) -> Result<()>;

    /// Takes out of the way what would hold its removal up for ever, such as instances that are gone and
    /// could not tell. Called now and then while it leaves; that has been waited for since `waited`.
    async fn forget_lost(
        _aws: &Aws,
        _it: &Self::Output,
        _why: Removal,
        _waited: Duration,
    ) -> Result<()> {
        Ok(())
    }

    /// Ids of others of the stack that it stands in, hangs on or leads to. Of two things of one node, the
    /// one that is used is kept.
    fn uses(_it: &Self::Output) -> Vec<String> {
        Vec::new()
    }

    /// What it is named by to be tagged; `None` when it has no tags of its own.
    fn tagging(_it: &Self::Output) -> Option<Tagging> {
        None
    }

    /// Asks AWS to remove what AWS itself has put in the way since everything was listed. The engine
    /// calls it now and then while a removal is refused.
    async fn clear_way(_aws: &Aws, _scope: &Scope) -> Result<()> {
        Ok(())
    }

    /// Says what keeps it from being removed, when AWS refuses for long.
    async fn blockers(_aws: &Aws, _it: &Self::Output) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

/// A kind that can be asked for, and one that is wanted.
///
/// The struct that implements this holds the wanted properties; everything that comes from other
/// resources arrives as [`Wanted::Needs`].
#[expect(async_fn_in_trait, reason = "everything runs on one thread, so no future has to be Send")]
pub trait Wanted: Resource {
    /// Values taken from other resources, already known: an output, two of them, or a struct of more.
    type Needs;
    /// What can be changed of it in place: one variant for each call that does it. [`Whole`] where one
    /// call says everything, [`Infallible`](std::convert::Infallible) where nothing can be changed.
    type Change: Copy + PartialEq + Debug + 'static;
    /// Whether an update yields another output (a new revision or version), which dependents must take over.
    const UPDATE_REPLACES: bool = false;
    /// Whether a broken one never heals, and is removed and made again.
    const REMADE_WHEN_BROKEN: bool = false;

    /// Says who holds the name that this one would get, when it is not one of this stack's own.
    /// Only kinds with a unique name have to look.
    async fn holder(&self, _cx: &Cx, _node: &NodeName) -> Result<Option<String>> {
        Ok(None)
    }

    /// Asks AWS to make it, tagged from birth, in one call. Does not wait.
    async fn create(
        &self,
        cx: &Cx,
        node: &NodeName,
        needs: &Self::Needs,
    ) -> Result<Made<Self::Output>>;

    /// How what was seen differs from what is wanted. An absent field is unknown and no difference.
    fn drift(&self, _it: &Self::Output, _needs: &Self::Needs) -> Vec<Difference<Self::Change>> {
        Vec::new()
    }

    /// How much longer than its kind's patience it may take to be ready, as it was asked for.
    fn takes_longer(&self) -> Duration {
        Duration::ZERO
    }

    /// The same as it was before it was changed, where that belongs to a revision of a service: when ECS goes
    /// back to the former revision, this is put back with it.
    fn as_before(&self, _before: &Self::Output) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }

    /// What it keeps for life and is wanted otherwise. It is all that can be compared while some of the needs
    /// are not there yet, so that it is refused before they are made.
    fn immutable_drift(&self, _it: &Self::Output) -> Option<Difference<Self::Change>> {
        None
    }

    /// Makes these changes, each of which [`drift`](Self::drift) has found to be needed and which come
    /// once; safe to repeat.
    async fn update(
        &self,
        cx: &Cx,
        node: &NodeName,
        it: &Self::Output,
        needs: &Self::Needs,
        changes: &[Self::Change],
    ) -> Result<Made<Self::Output>>;

    /// Whether looking at it less often costs nothing while it comes. `awaited` says whether something
    /// is held up until it is ready.
    fn unhurried(_it: &Self::Output, _awaited: bool) -> bool {
        false
    }

    /// What has kept it from getting ready, when the wait for it ends in vain: with all that is too much
    /// to ask in each look.
    async fn diagnosis(_aws: &Aws, _scope: &Scope, _it: &Self::Output) -> Diagnosis {
        Diagnosis::default()
    }

    /// What the looks at it have found of that already, where no answer comes to more questions.
    fn known(_it: &Self::Output) -> &[Finding] {
        &[]
    }
}

/// Something that is done once to a thing that is there. To AWS it is nothing of its own: there is
/// nothing to list, and nothing to remove.
#[expect(async_fn_in_trait, reason = "everything runs on one thread, so no future has to be Send")]
pub trait Action: 'static {
    /// What it is done to.
    type Target: Resource;
    /// What it takes from others.
    type Needs;
    /// The kind.
    const KIND: Kind;

    /// What is to be done, judging by the target as it was last seen; `None` when nothing is.
    fn due(&self, it: &TargetOf<Self>) -> Option<Difference>;

    /// How long it goes on at most, once it was begun.
    fn takes(&self) -> Duration {
        Duration::ZERO
    }

    /// Does it, or goes on with it; safe to repeat.
    async fn act(
        &self,
        cx: &Cx,
        node: &NodeName,
        it: &TargetOf<Self>,
        needs: &Self::Needs,
    ) -> Result<Acted>;
}

/// How far an action is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acted {
    /// It is done.
    Done,
    /// It goes on by itself; says what it waits for.
    Going(String),
}

/// A thing that an action is done to.
pub type TargetOf<A> = <<A as Action>::Target as Resource>::Output;

/// Why something is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// The whole stack goes, and with it whatever would hold that up.
    Everything,
    /// Only this goes: what stays is not touched for it.
    OnlyThis,
}

/// The listings of other kinds, within a look at everything.
pub trait Others {
    /// The clients.
    fn aws(&self) -> &Aws;
    /// What is looked at.
    fn scope(&self) -> &Scope;
    /// The listing of a kind, made once for all who ask.
    #[expect(async_fn_in_trait, reason = "everything runs on one thread")]
    async fn listing<R: Resource>(&self) -> Result<Rc<Vec<Owned<R::Output>>>>;
    /// The families of task definitions, also those of which no revision can be read any more: services
    /// are named by them. Listed once for all who ask.
    #[expect(async_fn_in_trait, reason = "everything runs on one thread")]
    async fn families(&self) -> Result<Vec<String>>;
}

/// One resource of ours, as last seen.
#[derive(Debug, Clone)]
pub struct Owned<T> {
    /// Whose it is.
    pub owner: Owner,
    /// AWS's own id or name, for people.
    pub id: String,
    /// What was seen.
    pub seen: Seen<T>,
}

impl<T> Owned<T> {
    /// The thing itself, also when it is leaving.
    pub fn it(&self) -> &T {
        match &self.seen {
            Seen::Present(it, _) | Seen::Leaving(it, _) => it,
        }
    }
}

/// What a look saw of a thing.
#[derive(Debug, Clone)]
pub enum Seen<T> {
    /// It is there.
    Present(T, Phase),
    /// It is on its way out; `String` says how far.
    Leaving(T, String),
}

/// How far a thing is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Not usable yet; says what it waits for.
    Coming(String),
    /// Usable.
    Ready,
    /// It failed; says why.
    Broken(String),
}

/// What a create or an update answered.
#[derive(Debug)]
pub enum Made<T> {
    /// It is there and usable.
    Ready(T),
    /// It is known, and on its way; says what it waits for.
    Coming(T, String),
    /// AWS returned nothing usable: the next look supplies the output.
    Asked(String),
}

/// A number as the APIs take it, which know signed ones alone. A spec's are far below the limit.
pub fn signed(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
