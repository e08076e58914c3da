//! How long to wait for what: when to look first, how often then, and when to give up.
//!
//! The durations are what AWS usually takes (`docs/aws-facts.md`). The first look comes when a thing
//! is usually about ready, the next ones every few seconds: a waiter on a fixed grid of 15 seconds
//! costs up to 15 seconds per wait.

use std::time::Duration;

use crate::resource::Kind;

/// The rhythm of looking at a thing that is coming or leaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// From the request to the first look.
    pub first: Duration,
    /// Between looks.
    pub every: Duration,
    /// From the request to giving up.
    pub deadline: Duration,
}

const fn patience(first: u64, every: u64, deadline_minutes: u64) -> Patience {
    Patience {
        first: Duration::from_secs(first),
        every: Duration::from_secs(every),
        deadline: Duration::from_secs(deadline_minutes * 60),
    }
}

/// How long something that was made or changed takes until it is ready.
pub fn until_ready(kind: Kind) -> Patience {
    match kind {
        Kind::NatGateway => patience(60, 5, 10),
        Kind::LoadBalancer => patience(120, 5, 15),
        Kind::Service => patience(30, 3, 30),
        Kind::CapacityProviderAssociation => patience(5, 5, 10),
        Kind::Cluster | Kind::CapacityProvider => patience(1, 2, 10),
        _ => patience(1, 2, 10),
    }
}

/// How long something that was deleted takes until it is gone. `None` for kinds whose delete is
/// over when AWS has answered; the audit at the end of a destroy looks at them again all the same.
pub fn until_gone(kind: Kind) -> Option<Patience> {
    match kind {
        Kind::NatGateway => Some(patience(10, 5, 15)),
        Kind::GuardDutyEndpoint => Some(patience(30, 5, 30)),
        Kind::Service | Kind::AutoScalingGroup => Some(patience(2, 3, 30)),
        // Mostly it has gone with its group.
        Kind::Instance => Some(patience(0, 3, 30)),
        Kind::CapacityProvider | Kind::CapacityProviderAssociation => Some(patience(1, 3, 20)),
        Kind::LoadBalancer | Kind::Cluster => Some(patience(1, 2, 15)),
        _ => None,
    }
}

/// From which first look on there is an early one besides.
const LONG: Duration = Duration::from_mins(2);

impl Patience {
    /// When to look at what usually takes long, in case that it is there at once: then nothing is lost
    /// but this one look.
    pub fn early(&self) -> Option<Duration> {
        (self.first >= LONG).then_some(Duration::from_secs(2))
    }
}

/// Between two looks at what nobody waits for, or what cannot be ready before long: each look is a
/// call, and calls are rationed.
pub const UNHURRIED: Duration = Duration::from_secs(15);

/// Before an attempt at a call that AWS answered with "not yet"; the one after the first refusal has
/// number one. Usually it is 1 s, growing to 5 s. Every second at first where the slowest things wait for
/// it; late where nothing slow does, which spares attempts in vain.
pub fn before_attempt(kind: Kind, attempt: u32) -> Duration {
    let seconds = match kind {
        // Its subnet is seen by others first, and by this call some seconds later.
        Kind::NatGateway if attempt == 1 => 2,
        Kind::Vpc | Kind::LoadBalancer | Kind::NatGateway => attempt.saturating_sub(4).clamp(1, 5),
        // The profile of its instances is hidden for longer than anything of EC2.
        Kind::AutoScalingGroup => attempt.saturating_add(1).min(5),
        // A removal waits until the last network interface is gone, and much waits for it.
        Kind::InternetGateway | Kind::SecurityGroup | Kind::GuardDutyGroup | Kind::Subnet => {
            attempt.min(3)
        }
        _ if is_late(kind) => attempt.saturating_add(3).min(5),
        _ => attempt.min(5),
    };
    Duration::from_secs(u64::from(seconds))
}

/// Whether nothing slow waits for a kind.
pub fn is_late(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::RouteTable
            | Kind::SecurityGroupRule
            | Kind::LogGroup
            | Kind::TargetGroup
            | Kind::Listener
            | Kind::TaskDefinition
    )
}

/// How long AWS may say "not yet" to one call. The longest reason, a group of the same name that
/// is still being deleted, takes up to ten minutes.
pub const NOT_YET: Duration = Duration::from_mins(10);

/// How long AWS may refuse to let a thing go. Network interfaces of a load balancer have been seen to
/// hold groups, subnets, the internet gateway and with them the VPC for more than ten minutes
/// (terraform-provider-aws#40, aws-load-balancer-controller#208).
pub fn until_let_go(kind: Kind) -> Duration {
    match kind {
        Kind::SecurityGroup
        | Kind::GuardDutyGroup
        | Kind::Subnet
        | Kind::InternetGateway
        | Kind::Vpc => Duration::from_mins(30),
        _ => NOT_YET,
    }
}

/// How long a thing whose create lost its answer may stay invisible, and how long a holder of our
/// name may still turn out to be our own.
pub const LOST: Duration = Duration::from_secs(30);

/// How long AWS may hide what was just made. A last look comes later than this.
pub const PROPAGATION: Duration = Duration::from_secs(15);

/// After how long of refusals the blockers of a removal are looked up.
pub const BLOCKED: Duration = Duration::from_secs(30);
