//! Every kind of resource that ecsup knows, in one table: what it is called, how it comes, and how it
//! goes. An entry that leaves something out does not compile.
//!
//! The durations are what AWS usually takes (`docs/aws-facts.md`).

use std::time::Duration;

use super::Resource;

/// What is known of a kind before one of it was looked at.
#[derive(Debug)]
pub struct About {
    /// The kind in words, as messages say it.
    pub words: &'static str,
    /// Whether it is asked for, and a thing of its own.
    pub standing: Standing,
    /// What the names of its nodes begin with, by which one is looked for that has lost its tags.
    /// `None` for what goes with another kind, or carries no tags.
    pub known_by: Option<&'static str>,
    /// Whether there may be two of one node: no name of its own keeps AWS from making a second one.
    pub may_be_twice: bool,
    /// The kinds of parents that it keeps for life: with another one of them, it is another thing.
    pub keeps_for_life: &'static [Kind],
    /// Whether others name it by an id of EC2, which is not known everywhere at once.
    pub has_id_of_ec2: bool,
    /// How to wait for one that was made or changed, until it is ready.
    pub comes: Patience,
    /// How long it usually takes to be ready, once it is made.
    pub settles: Settles,
    /// How soon a call about it is made again that AWS answered with "not yet".
    pub again: Again,
    /// What has to happen to others before it is removed, when everything goes.
    pub goes_after: &'static [After],
    /// How long AWS may refuse to let it go.
    pub held_for: Duration,
    /// How to wait for one that was deleted, until it is gone. `None` when its delete is over as soon as
    /// AWS has answered; the audit at the end of a destroy looks again all the same.
    pub goes: Option<Patience>,
    /// How long it usually takes to be gone.
    pub leaves: Duration,
}

/// Whether a thing is asked for, and whether it is one of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// A node of a graph asks for it.
    OfItsOwn,
    /// A node of a graph asks for it, and it is done to another thing: an [`Action`](super::Action).
    Done,
    /// Its group makes it, and takes it down.
    OfItsGroup,
    /// Another service of AWS puts it there.
    Planted,
}

/// The rhythm of looking at a thing that is coming or leaving. The first look comes when it is usually
/// about over, the next ones every few seconds: a waiter on a fixed grid of 15 seconds costs up to 15
/// seconds per wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// From the request to the first look.
    pub first: Duration,
    /// Between looks.
    pub every: Duration,
    /// From the request to giving up.
    pub deadline: Duration,
}

/// How a thing usually gets ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settles {
    /// It is ready when it is made.
    AtOnce,
    /// So many calls of its own attach, fill or describe it.
    Calls(u32),
    /// It takes so long.
    Takes(Duration),
    /// Its tasks start and pass their health checks.
    Rollout,
}

/// How soon a call is made again that AWS answered with "not yet".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// After 1 s, growing to 5 s.
    Usually,
    /// Every second at first: the slowest things wait for it.
    Urgently,
    /// The same, but after 2 s the first time: others see its subnet some seconds earlier.
    UrgentlyAfterItsSubnet,
    /// A bit later: the profile of its instances is hidden for longer than anything of EC2.
    AfterItsProfile,
    /// Every 3 s at most: a removal waits until the last network interface is gone, and much waits for
    /// the removal.
    UntilItIsLetGo,
    /// Late, which spares attempts in vain: nothing slow waits for it.
    Late,
}

/// What has to happen to all of another kind first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// AWS was asked to remove them.
    Asked(Kind),
    /// They are gone.
    Gone(Kind),
}
use After::{Asked, Gone};

impl After {
    /// The other kind.
    pub fn kind(self) -> Kind {
        match self {
            Asked(kind) | Gone(kind) => kind,
        }
    }
}

const fn patience(first: u64, every: u64, deadline_minutes: u64) -> Patience {
    Patience {
        first: Duration::from_secs(first),
        every: Duration::from_secs(every),
        deadline: Duration::from_mins(deadline_minutes),
    }
}

/// For what is there as soon as AWS shows it.
const SOON: Patience = patience(1, 2, 10);
/// A look at something that is usually there at once.
const A_GLANCE: Settles = Settles::Takes(Duration::from_secs(1));
/// A delete that AWS has answered.
const AT_ONCE: Duration = Duration::from_millis(150);

/// How long AWS may say "not yet" to one call. The longest reason, a group of the same name that is still
/// being deleted, takes up to ten minutes.
pub const NOT_YET: Duration = Duration::from_mins(10);
/// Network interfaces of a load balancer have been seen to hold groups, subnets, the internet gateway
/// and with them the VPC for more than ten minutes (terraform-provider-aws#40,
/// aws-load-balancer-controller#208).
const HELD_BY_INTERFACES: Duration = Duration::from_mins(30);

/// What is known of an action: nothing of it is there, comes or goes.
const ACTION: About = About {
    words: "",
    standing: Standing::Done,
    known_by: None,
    may_be_twice: false,
    keeps_for_life: &[],
    has_id_of_ec2: false,
    comes: SOON,
    settles: Settles::AtOnce,
    again: Again::Usually,
    goes_after: &[],
    held_for: NOT_YET,
    goes: None,
    leaves: AT_ONCE,
};

/// Something to do for every kind of which there are things, with its type.
pub trait ForEachKind {
    /// Does it for one.
    fn visit<R: Resource>(&mut self);
}

macro_rules! kinds {
    ($($kind:ident $(= $resource:ty)? { $($about:tt)* })*) => {
        /// Every kind of resource that ecsup knows, in the order in which an inventory prints them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(
            missing_docs,
            reason = "each variant is the name of the AWS resource, and has a file of its own"
        )]
        pub enum Kind { $($kind,)* }

        impl Kind {
            /// All of them.
            pub const ALL: &[Kind] = &[$(Kind::$kind,)*];

            /// What is known of it.
            pub fn about(self) -> &'static About {
                match self {
                    $(Kind::$kind => {
                        const ABOUT: &About = &About { $($about)* };
                        ABOUT
                    })*
                }
            }
        }

        $($(const _: () = assert!(
            matches!(<$resource as Resource>::KIND, Kind::$kind),
            concat!("the file of ", stringify!($kind), " says that it is of another kind"),
        );)?)*

        /// Does something for every kind of which there are things, in the same order.
        pub fn for_each_kind(visitor: &mut impl ForEachKind) {
            $($(visitor.visit::<$resource>();)?)*
        }
    };
}

kinds! {
    Vpc = super::vpc::Vpc {
        words: "VPC",
        standing: Standing::OfItsOwn,
        known_by: Some("vpc"),
        may_be_twice: true,
        keeps_for_life: &[],
        has_id_of_ec2: true,
        comes: SOON,
        settles: A_GLANCE,
        again: Again::Urgently,
        goes_after: &[
            Gone(Kind::Subnet),
            Gone(Kind::RouteTable),
            Gone(Kind::GatewayEndpoint),
            Gone(Kind::SecurityGroup),
            Gone(Kind::GuardDutyGroup),
            Gone(Kind::InternetGateway),
            Gone(Kind::HostedZone),
            Gone(Kind::Namespace),
        ],
        held_for: HELD_BY_INTERFACES,
        goes: None,
        leaves: AT_ONCE,
    }
    InternetGateway = super::internet_gateway::InternetGateway {
        words: "internet gateway",
        standing: Standing::OfItsOwn,
        known_by: Some("internet-gateway"),
        may_be_twice: true,
        keeps_for_life: &[],
        has_id_of_ec2: true,
        comes: SOON,
        settles: Settles::Calls(2),
        again: Again::UntilItIsLetGo,
        // Interfaces with public addresses hold it.
        goes_after: &[Gone(Kind::ElasticIp), Gone(Kind::LoadBalancer), Gone(Kind::Instance)],
        held_for: HELD_BY_INTERFACES,
        goes: None,
        leaves: AT_ONCE,
    }
    Subnet = super::subnet::Subnet {
        words: "subnet",
        standing: Standing::OfItsOwn,
        known_by: Some("subnet"),
        may_be_twice: true,
        keeps_for_life: &[Kind::Vpc],
        has_id_of_ec2: true,
        comes: SOON,
        settles: A_GLANCE,
        again: Again::UntilItIsLetGo,
        // Network interfaces of all of these hold it.
        goes_after: &[
            Gone(Kind::NatGateway),
            Gone(Kind::LoadBalancer),
            Gone(Kind::Service),
            Gone(Kind::Instance),
            Gone(Kind::AutoScalingGroup),
            Gone(Kind::InterfaceEndpoint),
            Gone(Kind::GuardDutyEndpoint),
        ],
        held_for: HELD_BY_INTERFACES,
        goes: None,
        leaves: AT_ONCE,
    }
    ElasticIp = super::elastic_ip::ElasticIp {
        words: "elastic IP address",
        standing: Standing::OfItsOwn,
        known_by: Some("elastic-ip"),
        may_be_twice: true,
        keeps_for_life: &[],
        has_id_of_ec2: true,
        comes: SOON,
        settles: Settles::AtOnce,
        again: Again::Usually,
        goes_after: &[Gone(Kind::NatGateway)],
        held_for: NOT_YET,
        goes: None,
        leaves: AT_ONCE,
    }
    NatGateway = super::nat_gateway::NatGateway {
        words: "NAT gateway",
        standing: Standing::OfItsOwn,
        known_by: Some("nat"),
        may_be_twice: true,
        keeps_for_life: &[Kind::Subnet, Kind::ElasticIp],
        has_id_of_ec2: true,
        comes: patience(60, 5, 10),
        settles: Settles::Takes(Duration::from_mins(2)),
        again: Again::UrgentlyAfterItsSubnet,
        // An instance that loses its way out while it drains never reports that its tasks have stopped. A
        // service is gone while its last tasks stop; ECS lets a provider go when they have.
        goes_after: &[Gone(Kind::Service), Asked(Kind::CapacityProviderAssociation)],
        held_for: NOT_YET,
        goes: Some(patience(10, 5, 15)),
        leaves: Duration::from_secs(75),
    }
    RouteTable = super::route_table::RouteTable {
        words: "route table",
        standing: Standing::OfItsOwn,
        known_by: Some("route-table"),
        may_be_twice: true,
        keeps_for_life: &[Kind::Vpc],
        has_id_of_ec2: true,
        comes: SOON,
        settles: Settles::Calls(2),
        again: Again::Late,
        goes_after: &[
            Gone(Kind::Service),
            Asked(Kind::CapacityProviderAssociation),
            Asked(Kind::NatGateway),
            // By the routes in the tables an endpoint is known to be there.
            Gone(Kind::GatewayEndpoint),
        ],
        held_for: NOT_YET,
        goes: None,
        leaves: AT_ONCE,
    }
    GatewayEndpoint = super::gateway_endpoint::GatewayEndpoint {
        words: "gateway endpoint",
        standing: Standing::OfItsOwn,
        // One without tags holds its VPC and its place in the tables, where it is told of. Looking for it
        // would cost every destroy a call.
        known_by: None,
        may_be_twice: true,
        keeps_for_life: &[Kind::Vpc],
        has_id_of_ec2: true,
        comes: SOON,
        settles: Settles::AtOnce,
        again: Again::Late,
        // Without it, what still runs takes the other way.
        goes_after: &[],
        held_for: NOT_YET,
        goes: Some(patience(1, 2, 10)),
        leaves: AT_ONCE,
    }
    InterfaceEndpoint = super::interface_endpoint::InterfaceEndpoint {
        words: "interface endpoint",
        standing: Standing::OfItsOwn,
        // One without tags holds subnets, group and VPC, where it is told of.
        known_by: None,
        // EC2 has one with names for a service in a VPC.
        may_be_twice: false,
        keeps_for_life: &[Kind::Vpc],
        has_id_of_ec2: true,
        comes: patience(60, 5, 15),
        settles: Settles::Takes(Duration::from_mins(2)),
        again: Again::Usually,
        // Agents report through it that their tasks have stopped, as through a NAT gateway.
        goes_after: &[Gone(Kind::Service), Asked(Kind::CapacityProviderAssociation)],
        held_for: NOT_YET,
        goes: Some(patience(60, 5, 30)),
        leaves: Duration::from_mins(2),
    }
    SecurityGroup = super::security_group::SecurityGroup {
        words: "security group",
        standing: Standing::OfItsOwn,
        known_by: Some("security-group"),
        may_be_twice: true,
        keeps_for_life: &[Kind::Vpc],
        has_id_of_ec2: true,
        comes: SOON,
        settles: Settles::AtOnce,
        again: Again::UntilItIsLetGo,
        // Network interfaces of all of these hold it, and it notes where records are.
        goes_after: &[
            Gone(Kind::Record),
            Gone(Kind::SecurityGroupRule),
            Gone(Kind::LoadBalancer),
            Gone(Kind::Service),
            Gone(Kind::Instance),
            Gone(Kind::InterfaceEndpoint),
            Gone(Kind::LaunchTemplate),
        ],
        held_for: HELD_BY_INTERFACES,
        goes: None,
        leaves: AT_ONCE,
    }
    SecurityGroupRule = super::security_group_rule::SecurityGroupRule {
        words: "security group rule",
        standing: Standing::OfItsOwn,
        known_by: None,
        may_be_twice: true,
        keeps_for_life: &[Kind::SecurityGroup],
        has_id_of_ec2: false,
        comes: SOON,
        settles: Settles::AtOnce,
        again: Again::Late,
        // As long as an endpoint answers for its service, whoever it did not let in would not reach that.
        goes_after: &[Gone(Kind::Service), Gone(Kind::InterfaceEndpoint)],
        held_for: NOT_YET,
        goes: None,
        leaves: AT_ONCE,
    }
    Role = super::role::Role {
        words: "IAM role",
        standing: Standing::OfItsOwn,
        known_by: Some("role"),
        may_be_twice: false,
        keeps_for_life: &[],
        has_id_of_ec2: false,
        comes: SOON,
        settles: Settles::Calls(2),
        again: Again::Usually,
        goes_after: &[
            Gone(Kind::InstanceProfile),
            Gone(Kind::RolePolicy),
            Gone(Kind::Service),
        ],
        held_for: NOT_YET,
        goes: None,
        leaves: AT_ONCE,
    }
    RolePolicy = super::role_policy::RolePolicy {
        words: "policy of an IAM role",
        standing: Standing::OfItsOwn,
        known_by: None,
        may_be_twice: false,
        keeps_for_life: &[Kind::Role],
        has_id_of_ec2: false,
        // Nobody can ask IAM when other services know of it.
        comes: patience(15, 2, 10),
        settles: Settles::Takes(Duration::from_secs(15)),
        again: Again::Usually,
        goes_after: &[Gone(Kind::Service)],
        held_for: NOT_YET,
        goes: None,
        leaves: AT_ONCE,
    }
    InstanceProfile = super::instance_profile::InstanceProfile {
        words: "instance profile",
        standing: Standing::OfItsOwn,
        known_by: Some("instance-profile"),
        may_be_twice: false,
        keeps_for_life: &[],
        has_id_of_ec2: false,
        comes: SOON,
        settles: Settles::Calls(2),
        again: Again::Usually,
        // An instance that loses its credentials while it drains never reports that its tasks have stopped.
        goes_after: &[Gone(Kind::Instance), Gone(Kind::AutoScalingGroup)],
        held_for: NOT_YET,
        goes: None,
        leaves: AT_ONCE,
    }
    LogGroup = super::log_group::LogGroup {
        words: "log group",
        standing: Standing::OfItsOwn,
        known_by: Some("log-group"),
        may_be_twice: false,
        keeps_for_life: &[],
        has_id_of_ec2: false,
        comes: SOON,
        settles: Settles::Calls(2),
        again: Again::Late,
        // Failures stay readable until the end. Container Insights writes into its group as long as the cluster
        // is there, and perhaps a little longer.
        goes_after: &[Gone(Kind::Service), Gone(Kind::Cluster), Gone(Kind::Vpc)],
        held_for: NOT_YET,
        goes: None,
        leaves: AT_ONCE,
    }
    Cluster = super::cluster::Cluster {
        words: "ECS cluster",
        standing: Standing::OfItsOwn,
        known_by: Some("cluster"),
        may_be_twice: false,
        keeps_for_life: &[],
        has_id_of_ec2: false,
        comes: SOON,
        settles: A_GLANCE,
        again: Again::Usually,
        // By its tag a namespace is known to be there.
        goes_after: &[
            Gone(Kind::Service),
            Gone(Kind::Instance),
            Gone(Kind::CapacityProvider),
            Gone(Kind::Namespace),
        ],
        held_for: NOT_YET,
        goes: Some(patience(1, 2, 15)),
        leaves: AT_ONCE,
    }
    LaunchTemplate = super::launch_template::LaunchTemplate {
        words: "launch template",
        standing: Standing::OfItsOwn,
        known_by: Some("launch-template"),
        may_be_twice: false,
        keeps_for_life: &[],
        has_id_of_ec2: true,
        comes: SOON,
        settles: Settles::AtOnce,
        again: Again::Usually,
        goes_after: &[Gone(Kind::AutoScalingGroup)],
        held_for: NOT_YET,
        goes: None,
        leaves: AT_ONCE,
    }
    AutoScalingGroup = super::auto_scaling_group::AutoScalingGroup {
        words: "Auto Scaling group",
        standing: Standing::OfItsOwn,
        known_by: Some("auto-scaling-group"),
        may_be_twice: false,
        keeps_for_life: &[],
        has_id_of_ec2: false,
        comes: SOON,
        settles: Settles::AtOnce,
        again: Again::AfterItsProfile,
        // ECS must still find the group when it takes its policy, alarms and hook off it, so the group is
        // deleted after the request to detach.
        goes_after: &[Gone(Kind::Service), Asked(Kind::CapacityProviderAssociation)],
        held_for: NOT_YET,
        goes: Some(patience(2, 3, 30)),
        leaves: AT_ONCE,
    }
    Instance = super::instance::Instance {
        words: "EC2 instance",
        standing: Standing::OfItsGroup,
        known_by: None,
        may_be_twice: false,
        keeps_for_life: &[],
        has_id_of_ec2: false,
        comes: SOON,
        settles: Settles::AtOnce,
        again: Again::Usually,
        // Mostly it has gone with its group.
        goes_after: &[Gone(Kind::AutoScalingGroup)],
        held_for: NOT_YET,
        goes: Some(patience(0, 3, 30)),
        leaves: AT_ONCE,
    }
    CapacityProvider = super::capacity_provider::CapacityProvider {
        words: "capacity provider",
        standing: Standing::OfItsOwn,
        known_by: Some("capacity-provider"),
        may_be_twice: false,
        keeps_for_life: &[Kind::AutoScalingGroup],
        has_id_of_ec2: false,
        comes: SOON,
        settles: A_GLANCE,
        again: Again::Usually,
        goes_after: &[Gone(Kind::CapacityProviderAssociation)],
        held_for: NOT_YET,
        goes: Some(patience(1, 3, 20)),
        leaves: AT_ONCE,
    }
    CapacityProviderAssociation = super::capacity_provider_association::CapacityProviderAssociation {
        words: "capacity provider association",
        standing: Standing::OfItsOwn,
        known_by: None,
        may_be_twice: false,
        keeps_for_life: &[],
        has_id_of_ec2: false,
        comes: patience(5, 5, 10),
        settles: Settles::Takes(Duration::from_secs(10)),
        again: Again::Usually,
        // ECS refuses to detach a provider in use.
        goes_after: &[Gone(Kind::Service)],
        held_for: NOT_YET,
        goes: Some(patience(1, 3, 20)),
        leaves: AT_ONCE,
    }
    WarmStart {
        words: "first instances",
        ..ACTION
    }
    InstanceRefresh {
        words: "instance refresh",
        comes: patience(10, 15, 10),
        settles: Settles::Takes(Duration::from_mins(8)),
        ..ACTION
    }
    Release {
        words: "release command",
        comes: patience(5, 3, 20),
        settles: Settles::Takes(Duration::from_mins(1)),
        ..ACTION
    }
    TaskDefinition = super::task_definition::TaskDefinition {
        words: "task definition",
        standing: Standing::OfItsOwn,
        known_by: None,
        may_be_twice: false,
        keeps_for_life: &[],
        has_id_of_ec2: false,
        comes: SOON,
        settles: Settles::AtOnce,
        again: Again::Late,
        goes_after: &[Gone(Kind::Service)],
        held_for: NOT_YET,
        goes: None,
        leaves: AT_ONCE,
    }
    LoadBalancer = super::load_balancer::LoadBalancer {
        words: "load balancer",
        standing: Standing::OfItsOwn,
        known_by: Some("load-balancer"),
        may_be_twice: true,
        keeps_for_life: &[],
        has_id_of_ec2: false,
        comes: patience(120, 5, 15),
        settles: Settles::Takes(Duration::from_secs(150)),
        again: Again::Urgently,
        // It goes at once, as records, listeners and services do: without a listener the targets deregister
        // without draining.
        goes_after: &[],
        held_for: NOT_YET,
        goes: Some(patience(1, 2, 15)),
        leaves: AT_ONCE,
    }
    TargetGroup = super::target_group::TargetGroup {
        words: "target group",
        standing: Standing::OfItsOwn,
        known_by: Some("target-group"),
        may_be_twice: false,
        keeps_for_life: &[Kind::Vpc],
        has_id_of_ec2: false,
        comes: SOON,
        settles: Settles::Calls(2),
        again: Again::Late,
        goes_after: &[
            Gone(Kind::Listener),
            Gone(Kind::ListenerRule),
            Gone(Kind::LoadBalancer),
            Gone(Kind::Service),
        ],
        held_for: NOT_YET,
        goes: None,
        leaves: AT_ONCE,
    }
    Listener = super::listener::Listener {
        words: "listener",
        standing: Standing::OfItsOwn,
        known_by: None,
        may_be_twice: true,
        keeps_for_life: &[Kind::LoadBalancer],
        has_id_of_ec2: false,
        comes: SOON,
        settles: Settles::AtOnce,
        again: Again::Late,
        goes_after: &[],
        held_for: NOT_YET,
        goes: None,
        leaves: AT_ONCE,
    }
    ListenerRule = super::listener_rule::ListenerRule {
        words: "listener rule",
        standing: Standing::OfItsOwn,
        known_by: None,
        may_be_twice: true,
        keeps_for_life: &[Kind::Listener],
        has_id_of_ec2: false,
        comes: SOON,
        settles: Settles::AtOnce,
        again: Again::Usually,
        // It goes with its listener, if not before.
        goes_after: &[],
        held_for: NOT_YET,
        goes: None,
        leaves: AT_ONCE,
    }
    HostedZone = super::hosted_zone::HostedZone {
        words: "private hosted zone",
        standing: Standing::OfItsOwn,
        known_by: None,
        may_be_twice: true,
        keeps_for_life: &[],
        has_id_of_ec2: false,
        comes: SOON,
        settles: Settles::Calls(2),
        again: Again::Usually,
        goes_after: &[Gone(Kind::Record)],
        held_for: NOT_YET,
        goes: None,
        leaves: AT_ONCE,
    }
    Record = super::record::Record {
        words: "DNS record",
        standing: Standing::OfItsOwn,
        known_by: None,
        may_be_twice: false,
        keeps_for_life: &[Kind::HostedZone],
        has_id_of_ec2: false,
        comes: SOON,
        settles: Settles::AtOnce,
        again: Again::Usually,
        goes_after: &[],
        held_for: NOT_YET,
        goes: None,
        leaves: AT_ONCE,
    }
    Namespace = super::namespace::Namespace {
        words: "Cloud Map namespace",
        standing: Standing::OfItsOwn,
        // One without tags holds its zone, where it is told of.
        known_by: None,
        may_be_twice: false,
        keeps_for_life: &[Kind::Vpc],
        has_id_of_ec2: false,
        comes: patience(5, 3, 10),
        settles: Settles::Takes(Duration::from_secs(40)),
        again: Again::Usually,
        goes_after: &[Gone(Kind::DiscoveryService)],
        held_for: NOT_YET,
        goes: Some(patience(15, 5, 15)),
        leaves: Duration::from_secs(40),
    }
    DiscoveryService = super::discovery_service::DiscoveryService {
        words: "Cloud Map service",
        standing: Standing::OfItsOwn,
        known_by: None,
        may_be_twice: false,
        keeps_for_life: &[Kind::Namespace],
        has_id_of_ec2: false,
        comes: SOON,
        settles: Settles::AtOnce,
        again: Again::Usually,
        // Its tasks hold it.
        goes_after: &[Gone(Kind::Service)],
        held_for: NOT_YET,
        goes: None,
        leaves: AT_ONCE,
    }
    Service = super::service::Service {
        words: "ECS service",
        standing: Standing::OfItsOwn,
        known_by: None,
        may_be_twice: false,
        keeps_for_life: &[Kind::Cluster],
        has_id_of_ec2: false,
        comes: patience(30, 3, 30),
        settles: Settles::Rollout,
        again: Again::Usually,
        // It may outlive its service, and would then scale the next one of the name.
        goes_after: &[Gone(Kind::ScalableTarget)],
        held_for: NOT_YET,
        goes: Some(patience(2, 3, 30)),
        leaves: AT_ONCE,
    }
    ScalableTarget = super::scalable_target::ScalableTarget {
        words: "scalable target",
        standing: Standing::OfItsOwn,
        known_by: None,
        may_be_twice: false,
        keeps_for_life: &[Kind::Service],
        has_id_of_ec2: false,
        comes: SOON,
        settles: Settles::AtOnce,
        again: Again::Usually,
        goes_after: &[Gone(Kind::ScalingPolicy)],
        held_for: NOT_YET,
        goes: None,
        leaves: AT_ONCE,
    }
    ScalingPolicy = super::scaling_policy::ScalingPolicy {
        words: "scaling policy",
        standing: Standing::OfItsOwn,
        known_by: None,
        may_be_twice: false,
        keeps_for_life: &[Kind::ScalableTarget],
        has_id_of_ec2: false,
        comes: SOON,
        settles: Settles::AtOnce,
        again: Again::Usually,
        goes_after: &[],
        held_for: NOT_YET,
        goes: None,
        leaves: AT_ONCE,
    }
    GuardDutyEndpoint = super::guard_duty_endpoint::GuardDutyEndpoint {
        words: "GuardDuty endpoint",
        standing: Standing::Planted,
        known_by: None,
        may_be_twice: false,
        keeps_for_life: &[],
        has_id_of_ec2: false,
        comes: SOON,
        settles: Settles::AtOnce,
        again: Again::Usually,
        // GuardDuty plants it again as long as something runs.
        goes_after: &[Gone(Kind::Service), Gone(Kind::Instance)],
        held_for: NOT_YET,
        goes: Some(patience(30, 5, 30)),
        leaves: AT_ONCE,
    }
    GuardDutyGroup = super::guard_duty_group::GuardDutyGroup {
        words: "GuardDuty security group",
        standing: Standing::Planted,
        known_by: None,
        may_be_twice: false,
        keeps_for_life: &[],
        has_id_of_ec2: false,
        comes: SOON,
        settles: Settles::AtOnce,
        again: Again::UntilItIsLetGo,
        goes_after: &[Gone(Kind::GuardDutyEndpoint)],
        held_for: HELD_BY_INTERFACES,
        goes: None,
        leaves: AT_ONCE,
    }
}

impl Kind {
    /// The kind in words, as messages say it.
    pub fn words(self) -> &'static str {
        self.about().words
    }

    /// Whether a graph can ask for a thing of it.
    pub fn is_asked_for(self) -> bool {
        self.about().standing == Standing::OfItsOwn
    }

    /// Whether something has to happen to another kind before it is removed.
    pub fn goes_after(self, other: Kind) -> bool {
        self.about().goes_after.iter().any(|after| after.kind() == other)
    }

    /// Whether it counts when resources are counted. An action is no resource, and instances come and go
    /// with their group.
    pub fn is_counted(self) -> bool {
        matches!(self.about().standing, Standing::OfItsOwn | Standing::Planted)
    }
}

impl Again {
    /// How long before an attempt; the one after the first refusal has number one.
    pub fn before(self, attempt: u32) -> Duration {
        let seconds = match self {
            Again::UrgentlyAfterItsSubnet if attempt == 1 => 2,
            Again::Urgently | Again::UrgentlyAfterItsSubnet => {
                attempt.saturating_sub(4).clamp(1, 5)
            }
            Again::AfterItsProfile => attempt.saturating_add(1).min(5),
            Again::UntilItIsLetGo => attempt.min(3),
            Again::Late => attempt.saturating_add(3).min(5),
            Again::Usually => attempt.min(5),
        };
        Duration::from_secs(u64::from(seconds))
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
