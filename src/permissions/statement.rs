//! The statements of the policy: each has the narrowest resources and condition that its actions know.

use serde_json::{Map, Value, json};

use super::Part;
use super::bounds::{Bounds, condition};
use crate::names::partition;
use crate::resource::{guard_duty_endpoint, role};
use crate::service_roles;

/// The statements of the policy, in order. Each is one set of resources and one condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sid {
    Look,
    LookInto,
    LookAtImages,
    Ec2Create,
    Ec2Change,
    Ec2Tag,
    Ec2Image,
    GuardDuty,
    ExistingNetwork,
    ZoneCreate,
    Records,
    RoleCreate,
    RolesCreate,
    ByName,
    AttachPolicies,
    PassRoles,
    ServiceRoles,
    ScalingCreate,
    ScalingChange,
    EcsCreate,
    EcsRegister,
    Change,
    EcsTag,
    EcsDeregister,
    ElbCreate,
    ElbTag,
    Retag,
    Lock,
    LookAtScaling,
    TargetCreate,
    TargetChange,
    TargetRetag,
    Alarms,
    ScalingRole,
    LookAtNames,
    NamespaceCreate,
    NameCreate,
    NameChange,
    NameRetag,
    RunReleases,
    ReadReleases,
    RunTasks,
    TagTasks,
    PassTaskRoles,
    ReadTasks,
    ProbeCreate,
    ProbeTag,
    ProbeDeregister,
    ProbeChange,
    PassProbeRole,
    ProbeLogs,
    SignInToImages,
    ReadImages,
    ReadLogs,
    RunCommands,
    OpenPorts,
    EndSessions,
    LookAtCertificates,
    LookAtListeners,
    ListenerCertificates,
    LookAtEndpoints,
    LookAtParameters,
    LookAtSecrets,
    RolePolicies,
    RoleDescription,
}

impl Sid {
    /// The part of the policy that the statement stands in.
    pub(super) fn part(self) -> Part {
        match self {
            Sid::Look | Sid::LookInto | Sid::LookAtImages => Part::Read,
            Sid::RunReleases | Sid::ReadReleases => Part::Release,
            Sid::RunTasks | Sid::TagTasks | Sid::PassTaskRoles | Sid::ReadTasks => Part::Run,
            Sid::ProbeCreate
            | Sid::ProbeTag
            | Sid::ProbeDeregister
            | Sid::ProbeChange
            | Sid::PassProbeRole
            | Sid::ProbeLogs => Part::Verify,
            Sid::SignInToImages | Sid::ReadImages => Part::Images,
            Sid::LookAtNames
            | Sid::NamespaceCreate
            | Sid::NameCreate
            | Sid::NameChange
            | Sid::NameRetag => Part::Discovery,
            Sid::ReadLogs => Part::Logs,
            Sid::RunCommands | Sid::OpenPorts | Sid::EndSessions => Part::Exec,
            Sid::ExistingNetwork => Part::ExistingNetwork,
            Sid::LookAtCertificates | Sid::LookAtListeners | Sid::ListenerCertificates => {
                Part::Https
            }
            Sid::LookAtEndpoints => Part::Endpoints,
            Sid::LookAtParameters
            | Sid::LookAtSecrets
            | Sid::RolePolicies
            | Sid::RoleDescription => Part::Secrets,
            Sid::LookAtScaling
            | Sid::TargetCreate
            | Sid::TargetChange
            | Sid::TargetRetag
            | Sid::Alarms
            | Sid::ScalingRole => Part::Scaling,
            Sid::Ec2Create
            | Sid::Ec2Change
            | Sid::Ec2Tag
            | Sid::Ec2Image
            | Sid::GuardDuty
            | Sid::ZoneCreate
            | Sid::Records
            | Sid::RoleCreate
            | Sid::RolesCreate
            | Sid::ByName
            | Sid::AttachPolicies
            | Sid::PassRoles
            | Sid::ServiceRoles => Part::Foundation,
            Sid::ScalingCreate
            | Sid::ScalingChange
            | Sid::EcsCreate
            | Sid::EcsRegister
            | Sid::Change
            | Sid::EcsTag
            | Sid::EcsDeregister
            | Sid::ElbCreate
            | Sid::ElbTag
            | Sid::Retag
            | Sid::Lock => Part::Service,
        }
    }

    /// The resources that the statement's actions are about.
    pub(super) fn resources(self, bounds: &Bounds, on_instances: bool) -> Vec<String> {
        match self {
            // What is tagged anew has to be the stack's already: its tag bounds it. A denial of tagging in
            // ECS may name no resource.
            Sid::Look
            | Sid::LookAtScaling
            | Sid::EcsRegister
            | Sid::EcsTag
            | Sid::EcsDeregister
            | Sid::ProbeCreate
            | Sid::ProbeDeregister
            | Sid::ZoneCreate
            | Sid::Retag
            | Sid::LookAtListeners
            | Sid::LookAtEndpoints
            | Sid::SignInToImages
            | Sid::LookAtNames
            // It knows no resource: the tag binds it.
            | Sid::NamespaceCreate
            | Sid::LookAtParameters => vec!["*".to_owned()],
            Sid::ReadImages => vec![bounds.arn("ecr", "repository/*")],
            // A name is made in a namespace, which has to be the stack's already.
            Sid::NameCreate => vec![bounds.arn("servicediscovery", "service/*")],
            Sid::NameChange | Sid::NameRetag => vec![bounds.arn("servicediscovery", "*")],
            // What each of its actions is about is of one type, so that they can stand together.
            Sid::LookInto => {
                let mut all = [bounds.roles(), bounds.profiles()].concat();
                all.push(bounds.hosted_zones());
                // A listing names a path: of one stack's lock, or of all.
                all.push(bounds.arn("ssm", "parameter/ecsup"));
                all.push(bounds.arn("ssm", "parameter/ecsup/*"));
                all
            }
            Sid::LookAtImages => {
                vec![bounds.public("ssm", "parameter/aws/service/ecs/optimized-ami/*")]
            }
            Sid::ReadLogs | Sid::ReadReleases | Sid::ReadTasks | Sid::ProbeLogs => {
                vec![bounds.log_groups()]
            }
            // The cluster and the task: both have the stack's tag.
            Sid::RunCommands => {
                let [cluster, tasks] = bounds.tasks();
                vec![cluster, tasks]
            }
            // The task, and the documents that open ports and nothing else: those have no tags.
            Sid::OpenPorts => {
                let [_, tasks] = bounds.tasks();
                let documents = ["", "ToRemoteHost"].map(|more| {
                    bounds.public("ssm", &format!("document/AWS-StartPortForwardingSession{more}"))
                });
                [tasks].into_iter().chain(documents).collect()
            }
            // The id of a session says nothing.
            Sid::EndSessions => vec![bounds.arn("ssm", "session/*")],
            // Of a revision, and of the task that is run.
            Sid::RunReleases | Sid::RunTasks | Sid::ProbeChange => vec![bounds.arn("ecs", "*")],
            // So do these: what has a path or a name by which it is known, and zones, which have none.
            Sid::ByName => {
                let mut all: Vec<_> = bounds.roles().into();
                if on_instances {
                    all.extend(bounds.profiles());
                }
                all.push(bounds.log_groups());
                all.push(bounds.arn("logs", "log-group:/aws/ecs/containerinsights/cluster-*"));
                all.push(bounds.hosted_zones());
                all
            }
            // Each of its actions is about things of one type.
            Sid::LookAtSecrets => {
                let mut all: Vec<_> = bounds.roles().into();
                all.extend(bounds.managed_policies());
                all.push(bounds.arn("secretsmanager", "secret:*"));
                // Of parameters only these: whoever may read one whose key is the account's own for Systems
                // Manager may have it decrypted.
                all.push(bounds.arn("ssm", &format!("parameter/ecsup/{}/*", bounds.stack())));
                all
            }
            Sid::AttachPolicies | Sid::RolePolicies | Sid::RoleDescription => bounds.roles().into(),
            // Only below our path may something be made, and handed to a service.
            Sid::RolesCreate if on_instances => {
                vec![bounds.below_path("role"), bounds.below_path("instance-profile")]
            }
            Sid::RoleCreate
            | Sid::RolesCreate
            | Sid::PassRoles
            | Sid::PassTaskRoles
            | Sid::PassProbeRole => vec![bounds.below_path("role")],
            Sid::TagTasks => vec![bounds.arn("ecs", "task/*")],
            // Of the revision and of the task.
            Sid::ProbeTag => vec![bounds.arn("ecs", "*")],
            Sid::ServiceRoles | Sid::ScalingRole => vec![bounds.iam("role/aws-service-role/*")],
            // A target's id says nothing of its service.
            Sid::TargetCreate | Sid::TargetChange | Sid::TargetRetag => {
                vec![bounds.arn("application-autoscaling", "scalable-target/*")]
            }
            Sid::Alarms => {
                vec![bounds.arn("cloudwatch", "alarm:TargetTracking-service/cluster-*")]
            }
            // Route 53 knows no tags in conditions, and a zone's id says nothing.
            Sid::Records => vec![bounds.hosted_zones()],
            Sid::Lock => {
                let lock = format!("parameter/ecsup/{}/lock/*", bounds.stack());
                vec![bounds.arn("ssm", &lock)]
            }
            Sid::Ec2Create | Sid::Ec2Change | Sid::Ec2Tag | Sid::GuardDuty => {
                vec![bounds.arn("ec2", "*")]
            }
            Sid::Ec2Image => vec![bounds.public("ec2", "image/*")],
            Sid::ExistingNetwork => bounds.existing_network(on_instances),
            Sid::ScalingCreate | Sid::ScalingChange => {
                vec![bounds.arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/asg-*")]
            }
            Sid::EcsCreate => bounds.ecs(on_instances),
            // What is changed is bound by its tag.
            Sid::Change => ["ecs", "elasticloadbalancing"].map(|it| bounds.arn(it, "*")).into(),
            Sid::ElbCreate => bounds.load_balancing(),
            Sid::ElbTag | Sid::ListenerCertificates => {
                vec![bounds.arn("elasticloadbalancing", "*")]
            }
            // Somebody else's: they are only looked at.
            Sid::LookAtCertificates => vec![bounds.arn("acm", "certificate/*")],
        }
    }

    /// The condition under which the statement allows.
    pub(super) fn condition(self, bounds: &Bounds, on_instances: bool) -> Map<String, Value> {
        match self {
            Sid::Ec2Create
            | Sid::ScalingCreate
            | Sid::EcsCreate
            | Sid::EcsRegister
            | Sid::ProbeCreate
            | Sid::ElbCreate
            | Sid::NamespaceCreate
            | Sid::NameCreate
            | Sid::TargetCreate => bounds.tagged("aws:RequestTag"),
            // What GuardDuty plants into a VPC has no tags of ours.
            Sid::GuardDuty => {
                let key = format!("aws:ResourceTag/{}", guard_duty_endpoint::TAG);
                condition("StringEquals", &key, json!("true"))
            }
            Sid::Ec2Change
            | Sid::ScalingChange
            | Sid::Change
            | Sid::ListenerCertificates
            | Sid::NameChange
            | Sid::RunReleases
            | Sid::RunTasks
            | Sid::ProbeChange
            | Sid::RunCommands
            | Sid::TargetChange => bounds.tagged("aws:ResourceTag"),
            Sid::Ec2Tag => bounds.tagged_by_create("ec2"),
            Sid::EcsTag | Sid::TagTasks | Sid::ProbeTag => bounds.tagged_by_create("ecs"),
            Sid::ElbTag => bounds.tagged_by_create("elasticloadbalancing"),
            // Of a role that is there, it is the boundary that it has.
            Sid::RoleCreate | Sid::RolePolicies => bounds.bounded(),
            Sid::Retag | Sid::TargetRetag | Sid::NameRetag => bounds.retagged(),
            Sid::AttachPolicies => {
                let mut policies = vec![role::execution_policy(bounds.partition)];
                policies.extend(on_instances.then(|| role::instance_policy(bounds.partition)));
                condition("ArnEquals", "iam:PolicyARN", json!(policies))
            }
            Sid::PassRoles => {
                let mut services = vec!["ecs-tasks.amazonaws.com"];
                services.extend(on_instances.then(|| partition::ec2_service(bounds.partition)));
                condition("StringEquals", "iam:PassedToService", json!(services))
            }
            Sid::PassTaskRoles | Sid::PassProbeRole => {
                condition("StringEquals", "iam:PassedToService", json!("ecs-tasks.amazonaws.com"))
            }
            Sid::ServiceRoles => {
                let services = service_roles::SERVICES.iter();
                let services: Vec<_> = services
                    .filter(|service| match **service {
                        service_roles::OF_INSTANCES => on_instances,
                        service_roles::OF_SERVICES => false,
                        _ => true,
                    })
                    .collect();
                condition("StringEquals", "iam:AWSServiceName", json!(services))
            }
            Sid::ScalingRole => {
                let service = json!(service_roles::OF_SERVICES);
                condition("StringEquals", "iam:AWSServiceName", service)
            }
            Sid::Records => {
                let types = "route53:ChangeResourceRecordSetsRecordTypes";
                condition("ForAllValues:StringEquals", types, json!(["A"]))
            }
            Sid::Look
            | Sid::LookInto
            | Sid::LookAtImages
            | Sid::LookAtScaling
            | Sid::LookAtNames
            | Sid::Alarms
            | Sid::SignInToImages
            | Sid::ReadImages
            | Sid::ReadLogs
            | Sid::OpenPorts
            | Sid::EndSessions
            | Sid::ReadReleases
            | Sid::ReadTasks
            | Sid::ProbeDeregister
            | Sid::ProbeLogs
            | Sid::LookAtCertificates
            | Sid::LookAtListeners
            | Sid::LookAtEndpoints
            | Sid::LookAtParameters
            | Sid::LookAtSecrets
            | Sid::RoleDescription
            | Sid::Lock
            | Sid::Ec2Image
            | Sid::ExistingNetwork
            | Sid::EcsDeregister
            | Sid::RolesCreate
            | Sid::ByName
            | Sid::ZoneCreate => Map::new(),
        }
    }
}
