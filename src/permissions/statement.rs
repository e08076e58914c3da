//! The statements of the policy: each has the narrowest resources and condition that its actions know.

use serde_json::{Map, Value, json};

use super::Part;
use super::bounds::{Bounds, condition};
use crate::facts::SERVICE_ROLES;
use crate::resource::role;

/// The statements of the policy, in order. Each is one set of resources and one condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sid {
    Look,
    LookAtRoles,
    LookAtZones,
    LookAtLocks,
    LookAtImages,
    Ec2Create,
    Ec2Change,
    Ec2Tag,
    Ec2Image,
    ZoneCreate,
    ZoneChange,
    Records,
    RoleCreate,
    RolesCreate,
    Roles,
    AttachPolicies,
    PassRoles,
    ServiceRoles,
    Logs,
    ScalingCreate,
    ScalingChange,
    EcsCreate,
    EcsChange,
    EcsTag,
    EcsDeregister,
    LoadBalancingCreate,
    LoadBalancingChange,
    LoadBalancingTag,
    Lock,
}

impl Sid {
    /// The part of the policy that the statement stands in.
    pub(super) fn part(self) -> Part {
        match self {
            Sid::Look
            | Sid::LookAtRoles
            | Sid::LookAtZones
            | Sid::LookAtLocks
            | Sid::LookAtImages => Part::Read,
            Sid::Ec2Create
            | Sid::Ec2Change
            | Sid::Ec2Tag
            | Sid::Ec2Image
            | Sid::ZoneCreate
            | Sid::ZoneChange
            | Sid::Records
            | Sid::RoleCreate
            | Sid::RolesCreate
            | Sid::Roles
            | Sid::AttachPolicies
            | Sid::PassRoles
            | Sid::ServiceRoles
            | Sid::Logs => Part::Foundation,
            Sid::ScalingCreate
            | Sid::ScalingChange
            | Sid::EcsCreate
            | Sid::EcsChange
            | Sid::EcsTag
            | Sid::EcsDeregister
            | Sid::LoadBalancingCreate
            | Sid::LoadBalancingChange
            | Sid::LoadBalancingTag
            | Sid::Lock => Part::Service,
        }
    }

    /// The resources that the statement's actions are about.
    pub(super) fn resources(self, bounds: &Bounds, on_instances: bool) -> Vec<String> {
        match self {
            Sid::Look | Sid::EcsDeregister | Sid::ZoneCreate => vec!["*".to_owned()],
            Sid::LookAtRoles => [bounds.roles(), bounds.profiles()].concat(),
            Sid::Roles if on_instances => [bounds.roles(), bounds.profiles()].concat(),
            Sid::Roles | Sid::AttachPolicies => bounds.roles().into(),
            // Only below our path may something be made, and handed to a service.
            Sid::RolesCreate if on_instances => {
                vec![bounds.below_path("role"), bounds.below_path("instance-profile")]
            }
            Sid::RoleCreate | Sid::RolesCreate | Sid::PassRoles => vec![bounds.below_path("role")],
            Sid::ServiceRoles => vec![bounds.iam("role/aws-service-role/*")],
            // Route 53 knows no tags in conditions, and a zone's id says nothing.
            Sid::LookAtZones | Sid::ZoneChange | Sid::Records => {
                vec![format!("arn:{}:route53:::hostedzone/*", bounds.partition)]
            }
            Sid::LookAtImages => {
                vec![bounds.public("ssm", "parameter/aws/service/ecs/optimized-ami/*")]
            }
            // A listing names a path: of one stack's lock, or of all.
            Sid::LookAtLocks => {
                vec![bounds.arn("ssm", "parameter/ecsup"), bounds.arn("ssm", "parameter/ecsup/*")]
            }
            Sid::Lock => {
                let lock = format!("parameter/ecsup/{}/lock/*", bounds.stack());
                vec![bounds.arn("ssm", &lock)]
            }
            Sid::Ec2Create | Sid::Ec2Change | Sid::Ec2Tag => vec![bounds.arn("ec2", "*")],
            Sid::Ec2Image => vec![bounds.public("ec2", "image/*")],
            Sid::ScalingCreate | Sid::ScalingChange => {
                vec![bounds.arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/asg-*")]
            }
            Sid::EcsCreate | Sid::EcsChange => bounds.ecs(on_instances),
            Sid::EcsTag => vec![bounds.arn("ecs", "*")],
            Sid::LoadBalancingCreate => bounds.load_balancing(),
            Sid::LoadBalancingChange => {
                let mut all = bounds.load_balancing();
                all.push(bounds.listeners());
                all
            }
            Sid::LoadBalancingTag => vec![bounds.arn("elasticloadbalancing", "*")],
            Sid::Logs => {
                let own = format!("log-group:/ecsup/{}/*", bounds.stack());
                let insights = "log-group:/aws/ecs/containerinsights/cluster-*";
                vec![bounds.arn("logs", &own), bounds.arn("logs", insights)]
            }
        }
    }

    /// The condition under which the statement allows.
    pub(super) fn condition(self, bounds: &Bounds, on_instances: bool) -> Map<String, Value> {
        match self {
            Sid::Ec2Create | Sid::ScalingCreate | Sid::EcsCreate | Sid::LoadBalancingCreate => {
                bounds.tagged("aws:RequestTag")
            }
            Sid::Ec2Change | Sid::ScalingChange | Sid::EcsChange | Sid::LoadBalancingChange => {
                bounds.tagged("aws:ResourceTag")
            }
            Sid::Ec2Tag => bounds.tagged_by_create("ec2"),
            Sid::EcsTag => bounds.tagged_by_create("ecs"),
            Sid::LoadBalancingTag => bounds.tagged_by_create("elasticloadbalancing"),
            Sid::RoleCreate => bounds.bounded(),
            Sid::AttachPolicies => {
                let mut policies = vec![role::execution_policy(bounds.partition)];
                policies.extend(on_instances.then(|| role::instance_policy(bounds.partition)));
                condition("ArnEquals", "iam:PolicyARN", json!(policies))
            }
            Sid::PassRoles => {
                let mut services = vec!["ecs-tasks.amazonaws.com"];
                services.extend(on_instances.then_some("ec2.amazonaws.com"));
                // EC2 is the service whose name differs in China.
                let china = on_instances && bounds.partition == "aws-cn";
                services.extend(china.then_some("ec2.amazonaws.com.cn"));
                condition("StringEquals", "iam:PassedToService", json!(services))
            }
            Sid::ServiceRoles => {
                let services = SERVICE_ROLES.iter();
                let services: Vec<_> = services
                    .filter(|service| on_instances || !service.starts_with("autoscaling"))
                    .collect();
                condition("StringEquals", "iam:AWSServiceName", json!(services))
            }
            Sid::Records => {
                let types = "route53:ChangeResourceRecordSetsRecordTypes";
                condition("ForAllValues:StringEquals", types, json!(["A"]))
            }
            Sid::Look
            | Sid::LookAtRoles
            | Sid::LookAtZones
            | Sid::LookAtLocks
            | Sid::LookAtImages
            | Sid::Lock
            | Sid::Ec2Image
            | Sid::EcsDeregister
            | Sid::RolesCreate
            | Sid::Roles
            | Sid::Logs
            | Sid::ZoneCreate
            | Sid::ZoneChange => Map::new(),
        }
    }
}
