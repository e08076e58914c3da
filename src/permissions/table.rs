//! Every action that AWS may check for what ecsup does, as a table.
//!
//! Action, resource type, condition key and dependent action are those of the Service Authorization
//! Reference. A call that makes a tagged thing is checked once more as the service's tagging action,
//! and some calls are checked as calls of other services: such rows say in `with` which call that is.
//! `sts:GetCallerIdentity` is missing because it takes no permission.

use super::{Needed, Row, Sid, Use};

const READ: &[Use] = &[Use::Read];
const DEPLOY: &[Use] = &[Use::Deploy];
const DESTROY: &[Use] = &[Use::Destroy];
const BOTH: &[Use] = &[Use::Deploy, Use::Destroy];

/// A row of what ecsup calls itself.
const fn called(
    sid: Sid,
    uses: &'static [Use],
    needed: Needed,
    actions: &'static [&'static str],
) -> Row {
    Row { sid, uses, needed, with: None, actions }
}

/// A row of what AWS checks when another call is made.
const fn checked(
    sid: Sid,
    uses: &'static [Use],
    needed: Needed,
    with: &'static str,
    actions: &'static [&'static str],
) -> Row {
    Row { sid, uses, needed, with: Some(with), actions }
}

/// The table.
pub(super) const ROWS: &[Row] = &[
    // Listings start from nothing, or name what may be somebody else's: they cannot be narrowed. A
    // region is listed whole, instances included, whatever its stacks are made of.
    called(
        Sid::Look,
        READ,
        Needed::Always,
        &[
            "autoscaling:DescribeAutoScalingGroups",
            "ec2:DescribeAddresses",
            "ec2:DescribeAvailabilityZones",
            "ec2:DescribeInstances",
            "ec2:DescribeInternetGateways",
            "ec2:DescribeLaunchTemplateVersions",
            "ec2:DescribeLaunchTemplates",
            "ec2:DescribeNatGateways",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeRouteTables",
            "ec2:DescribeSecurityGroupRules",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcAttribute",
            "ec2:DescribeVpcBlockPublicAccessOptions",
            "ec2:DescribeVpcEndpoints",
            "ec2:DescribeVpcs",
            "ecr:DescribeImages",
            "ecs:DescribeCapacityProviders",
            "ecs:DescribeClusters",
            "ecs:DescribeServices",
            "ecs:DescribeTaskDefinition",
            "ecs:DescribeTasks",
            "ecs:ListClusters",
            "ecs:ListContainerInstances",
            "ecs:ListServices",
            "ecs:ListTaskDefinitionFamilies",
            "ecs:ListTaskDefinitions",
            "ecs:ListTasks",
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:DescribeLoadBalancerAttributes",
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeRules",
            "elasticloadbalancing:DescribeTags",
            "elasticloadbalancing:DescribeTargetGroupAttributes",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTargetHealth",
            "iam:ListAccountAliases",
            "iam:ListInstanceProfiles",
            "iam:ListRoles",
            "iam:SimulatePrincipalPolicy",
            "logs:DescribeLogGroups",
            "logs:ListTagsForResource",
            "route53:ListHostedZones",
            "servicequotas:GetAWSDefaultServiceQuota",
            "servicequotas:GetServiceQuota",
        ],
    ),
    // Load balancing looks in the caller's name. The rest of what it looks at is above.
    checked(
        Sid::Look,
        DEPLOY,
        Needed::Always,
        "CreateLoadBalancer",
        &["ec2:DescribeAccountAttributes"],
    ),
    called(
        Sid::Look,
        READ,
        Needed::OnInstances,
        &[
            "autoscaling:DescribeInstanceRefreshes",
            "autoscaling:DescribeLifecycleHooks",
            "autoscaling:DescribeScalingActivities",
            "ec2:DescribeImages",
            "ec2:DescribeInstanceTypeOfferings",
            "ec2:DescribeInstanceTypes",
            "ecs:DescribeContainerInstances",
        ],
    ),
    called(
        Sid::LookInto,
        READ,
        Needed::Always,
        &[
            "iam:GetInstanceProfile",
            "iam:GetRole",
            "iam:ListAttachedRolePolicies",
            "iam:ListInstanceProfilesForRole",
            "iam:ListRolePolicies",
        ],
    ),
    called(
        Sid::LookInto,
        READ,
        Needed::Always,
        &["route53:GetHostedZone", "route53:ListResourceRecordSets", "route53:ListTagsForResource"],
    ),
    called(Sid::LookInto, READ, Needed::Always, &["ssm:GetParametersByPath"]),
    called(Sid::LookAtImages, READ, Needed::OnInstances, &["ssm:GetParameter"]),
    checked(
        Sid::LookAtImages,
        DEPLOY,
        Needed::OnInstances,
        "CreateLaunchTemplate, CreateLaunchTemplateVersion",
        &["ssm:GetParameters"],
    ),
    called(
        Sid::SignInToImages,
        READ,
        Needed::Always,
        &["ecr:DescribePullThroughCacheRules", "ecr:GetAuthorizationToken"],
    ),
    // The registry itself is asked, by the protocol of all registries.
    checked(
        Sid::ReadImages,
        READ,
        Needed::Always,
        "the pull of a manifest",
        &["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
    ),
    // In the part of its own name alone.
    called(
        Sid::ReadLogs,
        READ,
        Needed::Always,
        &["logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents"],
    ),
    // In the part of its own name alone: whoever may run a command in a task may do what its program may.
    called(Sid::RunCommands, DEPLOY, Needed::Always, &["ecs:ExecuteCommand"]),
    called(Sid::OpenPorts, DEPLOY, Needed::Always, &["ssm:StartSession"]),
    called(Sid::EndSessions, DEPLOY, Needed::Always, &["ssm:TerminateSession"]),
    checked(
        Sid::EndSessions,
        DEPLOY,
        Needed::Always,
        "the plugin, after the connection was lost",
        &["ssm:ResumeSession"],
    ),
    // In the part of its own name alone, likewise.
    called(Sid::RunReleases, DEPLOY, Needed::Always, &["ecs:RunTask"]),
    // A run that has died may have left one behind, which a destroy stops.
    called(Sid::RunReleases, BOTH, Needed::Always, &["ecs:StopTask"]),
    called(Sid::ReadReleases, READ, Needed::Always, &["logs:GetLogEvents"]),
    // In the part of its own name alone, for people who may run tasks and change nothing else.
    called(Sid::RunTasks, DEPLOY, Needed::Always, &["ecs:RunTask", "ecs:StopTask"]),
    checked(Sid::TagTasks, DEPLOY, Needed::Always, "RunTask", &["ecs:TagResource"]),
    checked(Sid::PassTaskRoles, DEPLOY, Needed::Always, "RunTask", &["iam:PassRole"]),
    called(Sid::ReadTasks, READ, Needed::Always, &["logs:GetLogEvents"]),
    // In the part of its own name alone, likewise.
    called(Sid::ProbeCreate, DEPLOY, Needed::Always, &["ecs:RegisterTaskDefinition"]),
    checked(
        Sid::ProbeTag,
        DEPLOY,
        Needed::Always,
        "RegisterTaskDefinition, RunTask",
        &["ecs:TagResource"],
    ),
    called(Sid::ProbeDeregister, DEPLOY, Needed::Always, &["ecs:DeregisterTaskDefinition"]),
    called(
        Sid::ProbeChange,
        DEPLOY,
        Needed::Always,
        &["ecs:DeleteTaskDefinitions", "ecs:RunTask", "ecs:StopTask"],
    ),
    checked(
        Sid::PassProbeRole,
        DEPLOY,
        Needed::Always,
        "RegisterTaskDefinition, RunTask",
        &["iam:PassRole"],
    ),
    called(Sid::ProbeLogs, READ, Needed::Always, &["logs:GetLogEvents"]),
    called(Sid::ProbeLogs, DEPLOY, Needed::Always, &["logs:DeleteLogStream"]),
    // In the part of its own name alone, likewise: no value of a secret is ever asked for.
    called(Sid::LookAtParameters, READ, Needed::Always, &["ssm:DescribeParameters"]),
    called(
        Sid::LookAtSecrets,
        READ,
        Needed::Always,
        &[
            "iam:GetPolicy",
            "iam:GetRolePolicy",
            "secretsmanager:DescribeSecret",
            // Plain parameters that stand in a manifest.
            "ssm:GetParameters",
        ],
    ),
    called(
        Sid::RolePolicies,
        DEPLOY,
        Needed::Always,
        &["iam:AttachRolePolicy", "iam:PutRolePolicy"],
    ),
    called(Sid::RoleDescription, DEPLOY, Needed::Always, &["iam:UpdateRoleDescription"]),
    // In the part of its own name alone, and there all that scaling takes.
    called(
        Sid::LookAtScaling,
        READ,
        Needed::Always,
        &[
            "application-autoscaling:DescribeScalableTargets",
            "application-autoscaling:DescribeScalingPolicies",
            "application-autoscaling:ListTagsForResource",
        ],
    ),
    checked(
        Sid::LookAtScaling,
        BOTH,
        Needed::Always,
        "PutScalingPolicy, DeleteScalingPolicy, DeregisterScalableTarget",
        &["cloudwatch:DescribeAlarms"],
    ),
    called(
        Sid::TargetCreate,
        DEPLOY,
        Needed::Always,
        &["application-autoscaling:RegisterScalableTarget"],
    ),
    checked(
        Sid::TargetCreate,
        DEPLOY,
        Needed::Always,
        "RegisterScalableTarget",
        &["application-autoscaling:TagResource"],
    ),
    called(
        Sid::TargetChange,
        DEPLOY,
        Needed::Always,
        &[
            "application-autoscaling:PutScalingPolicy",
            "application-autoscaling:RegisterScalableTarget",
        ],
    ),
    called(
        Sid::TargetChange,
        BOTH,
        Needed::Always,
        &[
            "application-autoscaling:DeleteScalingPolicy",
            "application-autoscaling:DeregisterScalableTarget",
        ],
    ),
    called(Sid::TargetRetag, DEPLOY, Needed::Always, &["application-autoscaling:TagResource"]),
    checked(
        Sid::Alarms,
        DEPLOY,
        Needed::Always,
        "PutScalingPolicy",
        &["cloudwatch:PutMetricAlarm"],
    ),
    checked(
        Sid::Alarms,
        BOTH,
        Needed::Always,
        "DeleteScalingPolicy, DeregisterScalableTarget",
        &["cloudwatch:DeleteAlarms"],
    ),
    called(Sid::ScalingRole, DEPLOY, Needed::Always, &["iam:CreateServiceLinkedRole"]),
    // In the part of its own name alone, and there all that names of services take.
    called(
        Sid::LookAtNames,
        READ,
        Needed::Always,
        &[
            "route53:ListHostedZonesByVPC",
            "servicediscovery:GetNamespace",
            "servicediscovery:GetOperation",
            "servicediscovery:ListInstances",
            "servicediscovery:ListNamespaces",
            "servicediscovery:ListOperations",
            "servicediscovery:ListServices",
            "servicediscovery:ListTagsForResource",
        ],
    ),
    // Cloud Map makes and removes the zone with the caller's rights, most of which private DNS takes anyway.
    checked(
        Sid::LookAtNames,
        DEPLOY,
        Needed::Always,
        "CreatePrivateDnsNamespace",
        &["ec2:DescribeRegions", "route53:ListHostedZonesByName"],
    ),
    called(
        Sid::NamespaceCreate,
        DEPLOY,
        Needed::Always,
        &["servicediscovery:CreatePrivateDnsNamespace"],
    ),
    // Checked for the name, and for the namespace, which is there already.
    called(Sid::NameCreate, DEPLOY, Needed::Always, &["servicediscovery:CreateService"]),
    called(Sid::NameChange, DEPLOY, Needed::Always, &["servicediscovery:CreateService"]),
    called(
        Sid::NameChange,
        DESTROY,
        Needed::Always,
        &[
            "servicediscovery:DeleteNamespace",
            "servicediscovery:DeleteService",
            "servicediscovery:DeregisterInstance",
        ],
    ),
    called(Sid::NameRetag, DEPLOY, Needed::Always, &["servicediscovery:TagResource"]),
    // EC2: what is made carries the stack's tags from birth, what is changed has to have them. A call
    // that puts something new into something old is checked for both.
    called(
        Sid::Ec2Create,
        DEPLOY,
        Needed::Always,
        &["ec2:AuthorizeSecurityGroupIngress", "ec2:CreateSecurityGroup"],
    ),
    called(
        Sid::Ec2Create,
        DEPLOY,
        Needed::OwnNetwork,
        &[
            "ec2:AllocateAddress",
            "ec2:CreateInternetGateway",
            "ec2:CreateNatGateway",
            "ec2:CreateRouteTable",
            "ec2:CreateSubnet",
            "ec2:CreateVpc",
            "ec2:CreateVpcEndpoint",
        ],
    ),
    called(Sid::Ec2Create, DEPLOY, Needed::OnInstances, &["ec2:CreateLaunchTemplate"]),
    called(Sid::Ec2Change, DEPLOY, Needed::Always, &["ec2:AuthorizeSecurityGroupIngress"]),
    called(
        Sid::Ec2Change,
        DEPLOY,
        Needed::OwnNetwork,
        &[
            "ec2:AssociateRouteTable",
            "ec2:AttachInternetGateway",
            "ec2:CreateNatGateway",
            "ec2:CreateRoute",
            "ec2:CreateRouteTable",
            "ec2:CreateSecurityGroup",
            "ec2:CreateSubnet",
            "ec2:CreateVpcEndpoint",
            "ec2:DeleteRoute",
            "ec2:ModifySubnetAttribute",
            "ec2:ModifyVpcAttribute",
            "ec2:ModifyVpcEndpoint",
            "ec2:ReplaceRoute",
            "ec2:ReplaceRouteTableAssociation",
        ],
    ),
    called(Sid::Ec2Change, DEPLOY, Needed::OnInstances, &["ec2:CreateLaunchTemplateVersion"]),
    called(
        Sid::Ec2Change,
        DESTROY,
        Needed::Always,
        &["ec2:DeleteSecurityGroup", "ec2:RevokeSecurityGroupIngress"],
    ),
    called(
        Sid::Ec2Change,
        DESTROY,
        Needed::OwnNetwork,
        &[
            "ec2:DeleteInternetGateway",
            "ec2:DeleteNatGateway",
            "ec2:DeleteRouteTable",
            "ec2:DeleteSubnet",
            "ec2:DeleteVpc",
            "ec2:DeleteVpcEndpoints",
            "ec2:DetachInternetGateway",
            "ec2:DisassociateRouteTable",
            "ec2:ReleaseAddress",
        ],
    ),
    called(
        Sid::Ec2Change,
        DESTROY,
        Needed::OnInstances,
        &["ec2:DeleteLaunchTemplate", "ec2:TerminateInstances"],
    ),
    called(
        Sid::GuardDuty,
        DESTROY,
        Needed::OwnNetwork,
        &["ec2:DeleteSecurityGroup", "ec2:DeleteVpcEndpoints"],
    ),
    // In the part of its own name alone: what is put into a network of somebody else, which has no tags of
    // the stack.
    called(Sid::ExistingNetwork, DEPLOY, Needed::Always, &["ec2:CreateSecurityGroup"]),
    checked(Sid::ExistingNetwork, DEPLOY, Needed::OnInstances, LAUNCH, &["ec2:RunInstances"]),
    checked(
        Sid::Ec2Tag,
        DEPLOY,
        Needed::Always,
        "each call of EC2 that makes something tagged",
        &["ec2:CreateTags"],
    ),
    // A changed `--tag`, on what is there.
    called(Sid::Retag, DEPLOY, Needed::Always, &["ec2:CreateTags"]),
    called(Sid::Retag, DEPLOY, Needed::Always, &["ecs:TagResource"]),
    called(Sid::Retag, DEPLOY, Needed::Always, &["elasticloadbalancing:AddTags"]),
    // Auto Scaling tries the template in the caller's name: the new instance, volume and interface
    // have the template's tags, its subnets and groups are the stack's, and the image is anybody's.
    checked(Sid::Ec2Create, DEPLOY, Needed::OnInstances, LAUNCH, &["ec2:RunInstances"]),
    checked(Sid::Ec2Change, DEPLOY, Needed::OnInstances, LAUNCH, &["ec2:RunInstances"]),
    checked(Sid::Ec2Image, DEPLOY, Needed::OnInstances, LAUNCH, &["ec2:RunInstances"]),
    called(
        Sid::ScalingCreate,
        DEPLOY,
        Needed::OnInstances,
        &["autoscaling:CreateAutoScalingGroup"],
    ),
    checked(
        Sid::ScalingCreate,
        DEPLOY,
        Needed::OnInstances,
        "CreateAutoScalingGroup",
        &["autoscaling:CreateOrUpdateTags"],
    ),
    called(
        Sid::ScalingChange,
        DEPLOY,
        Needed::OnInstances,
        &[
            "autoscaling:CreateOrUpdateTags",
            "autoscaling:SetDesiredCapacity",
            "autoscaling:StartInstanceRefresh",
            "autoscaling:UpdateAutoScalingGroup",
        ],
    ),
    // ECS marks the group as the one that it scales.
    checked(
        Sid::ScalingChange,
        DEPLOY,
        Needed::OnInstances,
        "CreateCapacityProvider",
        &["autoscaling:CreateOrUpdateTags"],
    ),
    called(Sid::ScalingChange, BOTH, Needed::OnInstances, &["autoscaling:CompleteLifecycleAction"]),
    called(
        Sid::ScalingChange,
        DESTROY,
        Needed::OnInstances,
        &["autoscaling:DeleteAutoScalingGroup"],
    ),
    called(Sid::EcsCreate, DEPLOY, Needed::Always, &["ecs:CreateCluster", "ecs:CreateService"]),
    // Denials have named no resource, although the reference lists the task definition: its tag alone
    // binds it.
    called(Sid::EcsRegister, DEPLOY, Needed::Always, &["ecs:RegisterTaskDefinition"]),
    called(Sid::EcsCreate, DEPLOY, Needed::OnInstances, &["ecs:CreateCapacityProvider"]),
    called(Sid::Change, DEPLOY, Needed::Always, &["ecs:UpdateService"]),
    called(Sid::Change, BOTH, Needed::Always, &["ecs:UpdateCluster"]),
    called(Sid::Change, DEPLOY, Needed::OnInstances, &["ecs:UpdateCapacityProvider"]),
    // Without instances it is for Fargate Spot, which a cluster may not know yet.
    called(Sid::Change, BOTH, Needed::Always, &["ecs:PutClusterCapacityProviders"]),
    called(
        Sid::Change,
        DESTROY,
        Needed::Always,
        &["ecs:DeleteCluster", "ecs:DeleteService", "ecs:DeleteTaskDefinitions"],
    ),
    called(
        Sid::Change,
        DESTROY,
        Needed::OnInstances,
        &["ecs:DeleteCapacityProvider", "ecs:DeregisterContainerInstance"],
    ),
    // ECS checks it for no resource in particular.
    called(Sid::EcsDeregister, DESTROY, Needed::Always, &["ecs:DeregisterTaskDefinition"]),
    checked(
        Sid::EcsTag,
        DEPLOY,
        Needed::Always,
        "each call of ECS that makes something tagged",
        &["ecs:TagResource"],
    ),
    // In the part of its own name alone, likewise.
    called(Sid::LookAtCertificates, READ, Needed::Always, &["acm:DescribeCertificate"]),
    called(Sid::LookAtEndpoints, READ, Needed::Always, &["ec2:DescribeVpcEndpointServices"]),
    called(
        Sid::LookAtListeners,
        READ,
        Needed::Always,
        &["elasticloadbalancing:DescribeListenerCertificates"],
    ),
    called(
        Sid::ListenerCertificates,
        DEPLOY,
        Needed::Always,
        &[
            "elasticloadbalancing:AddListenerCertificates",
            "elasticloadbalancing:RemoveListenerCertificates",
        ],
    ),
    called(
        Sid::ElbCreate,
        DEPLOY,
        Needed::Always,
        &["elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:CreateTargetGroup"],
    ),
    called(
        Sid::Change,
        DEPLOY,
        Needed::Always,
        &[
            // Checked for the load balancer, which is there already.
            "elasticloadbalancing:CreateListener",
            // The same, for the listener.
            "elasticloadbalancing:CreateRule",
            "elasticloadbalancing:ModifyListener",
            "elasticloadbalancing:ModifyLoadBalancerAttributes",
            "elasticloadbalancing:ModifyRule",
            "elasticloadbalancing:ModifyTargetGroup",
            "elasticloadbalancing:SetRulePriorities",
            "elasticloadbalancing:SetSecurityGroups",
            "elasticloadbalancing:SetSubnets",
        ],
    ),
    called(
        Sid::Change,
        BOTH,
        Needed::Always,
        &[
            "elasticloadbalancing:DeleteListener",
            "elasticloadbalancing:DeleteRule",
            "elasticloadbalancing:ModifyTargetGroupAttributes",
        ],
    ),
    called(
        Sid::Change,
        DESTROY,
        Needed::Always,
        &["elasticloadbalancing:DeleteLoadBalancer", "elasticloadbalancing:DeleteTargetGroup"],
    ),
    checked(
        Sid::ElbTag,
        DEPLOY,
        Needed::Always,
        "CreateLoadBalancer, CreateTargetGroup, CreateListener, CreateRule",
        &["elasticloadbalancing:AddTags"],
    ),
    // IAM is narrowed by path, not by tag: a role's tags are not what makes it ours to pass on.
    called(Sid::RoleCreate, DEPLOY, Needed::Always, &["iam:CreateRole"]),
    called(Sid::RoleCreate, DEPLOY, Needed::WithBoundary, &["iam:PutRolePermissionsBoundary"]),
    called(Sid::RolesCreate, DEPLOY, Needed::Always, &["iam:TagRole"]),
    called(
        Sid::RolesCreate,
        DEPLOY,
        Needed::OnInstances,
        &["iam:CreateInstanceProfile", "iam:TagInstanceProfile"],
    ),
    called(Sid::ByName, DEPLOY, Needed::Always, &["iam:UpdateAssumeRolePolicy"]),
    called(Sid::ByName, DEPLOY, Needed::OnInstances, &["iam:AddRoleToInstanceProfile"]),
    called(Sid::ByName, BOTH, Needed::OnInstances, &["iam:RemoveRoleFromInstanceProfile"]),
    called(
        Sid::ByName,
        DESTROY,
        Needed::Always,
        &["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy"],
    ),
    called(Sid::ByName, DESTROY, Needed::OnInstances, &["iam:DeleteInstanceProfile"]),
    called(Sid::AttachPolicies, DEPLOY, Needed::Always, &["iam:AttachRolePolicy"]),
    checked(
        Sid::PassRoles,
        DEPLOY,
        Needed::Always,
        "RegisterTaskDefinition, AddRoleToInstanceProfile, CreateAutoScalingGroup, \
         UpdateAutoScalingGroup",
        &["iam:PassRole"],
    ),
    called(Sid::ServiceRoles, DEPLOY, Needed::Always, &["iam:CreateServiceLinkedRole"]),
    called(
        Sid::ByName,
        DEPLOY,
        Needed::Always,
        &[
            "logs:CreateLogGroup",
            "logs:PutRetentionPolicy",
            // Checked with `CreateLogGroup` as well.
            "logs:TagResource",
        ],
    ),
    called(
        Sid::ByName,
        DESTROY,
        Needed::Always,
        // Container Insights may have made its group without tags.
        &["logs:DeleteLogGroup", "logs:TagResource"],
    ),
    // `CreateHostedZone` is also checked as `ec2:DescribeVpcs`, which is granted for looking.
    called(Sid::ZoneCreate, DEPLOY, Needed::Always, &["route53:CreateHostedZone"]),
    called(
        Sid::ByName,
        DEPLOY,
        Needed::Always,
        &["route53:AssociateVPCWithHostedZone", "route53:ChangeTagsForResource"],
    ),
    called(Sid::ByName, DESTROY, Needed::Always, &["route53:DeleteHostedZone"]),
    called(Sid::Records, BOTH, Needed::Always, &["route53:ChangeResourceRecordSets"]),
    called(
        Sid::Lock,
        BOTH,
        Needed::Always,
        &["ssm:DeleteParameters", "ssm:GetParameter", "ssm:PutParameter"],
    ),
    checked(Sid::Lock, BOTH, Needed::Always, "PutParameter", &["ssm:AddTagsToResource"]),
];

const LAUNCH: &str = "CreateAutoScalingGroup, UpdateAutoScalingGroup";
