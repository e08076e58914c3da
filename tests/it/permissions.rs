//! The printed policy against the calls that ecsup makes: everything it calls is allowed, nothing is
//! that it does not call, and what is not its own stays out of reach.

use std::collections::BTreeSet;
use std::fs::read_to_string;
use std::path::{Path, PathBuf};

use aws_sim::fields::Tags;
use aws_sim::policy::required::Required;
use aws_sim::policy::view::{Thing, View};
use aws_sim::policy::{Policy, Verdict, refused};
use aws_sim::services;
use clap::ValueEnum;
use ecsup::permissions::{self, Bounds, Part};
use ecsup::spec::Pattern;
use serde_json::{Value, json};

const REGION: &str = "us-east-1";
const ACCOUNT: &str = "123456789012";
const BOUNDARY: &str = "arn:aws:iam::123456789012:policy/boundary";

fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}")
}

fn role(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/ecsup/{REGION}/demo/role-{REGION}-demo-{name}")
}

fn printed(patterns: &[Pattern], parts: &[Part], stack: Option<&str>) -> Policy {
    let stack = stack.map(|name| name.parse().expect("a stack's name"));
    let bounds = Bounds::new(Some(REGION), Some(ACCOUNT), stack);
    let bounds = bounds.with_boundary(BOUNDARY.to_owned());
    let text = permissions::policy(patterns, parts, &bounds).to_json();
    Policy::parse(&text).expect("the simulator understands the policy")
}

/// The stack's things, with these tags.
fn things(tags: &Tags) -> Vec<Thing> {
    let elb = |resource: &str| ("elasticloadbalancing", arn("elasticloadbalancing", resource));
    let iam = |resource: &str| ("iam", format!("arn:aws:iam::{ACCOUNT}:{resource}"));
    let group = "autoScalingGroup:0f:autoScalingGroupName/asg-demo";
    let profile = format!("instance-profile/ecsup/{REGION}/demo/profile-{REGION}-demo");
    let ids = [
        "vpc-1",
        "subnet-1",
        "igw-1",
        "eipalloc-1",
        "nat-1",
        "rtb-1",
        "sg-1",
        "lt-1",
        "i-1",
        "vpce-9",
    ];
    let mut all: Vec<_> = ids.iter().map(|id| ("ec2", (*id).to_owned())).collect();
    all.extend([
        ("ec2", "rtbassoc-1".to_owned()),
        ("autoscaling", arn("autoscaling", group)),
        ("ecs", "cluster-demo".to_owned()),
        ("ecs", "cluster-demo/web".to_owned()),
        ("ecs", "cp-demo".to_owned()),
        ("ecs", arn("ecs", "task-definition/td-demo_web:1")),
        ("ecs", arn("ecs", "task/cluster-demo/1")),
        ("application-autoscaling", "service/cluster-demo/web".to_owned()),
        ("application-autoscaling", arn("application-autoscaling", "scalable-target/0ec5")),
        ("servicediscovery", arn("servicediscovery", "namespace/ns-1")),
        ("servicediscovery", arn("servicediscovery", "service/srv-1")),
        elb("loadbalancer/app/lb-demo/1"),
        elb("listener/app/lb-demo/1/2"),
        elb("listener-rule/app/lb-demo/1/2/4"),
        elb("targetgroup/tg-demo-web-12345678/3"),
        ("iam", role("instance")),
        ("iam", role("execution")),
        iam(&profile),
    ]);
    let ours = all.into_iter().map(|(service, id)| Thing { service, id, tags: tags.clone() });
    // What GuardDuty has planted into the stack's VPC has no tags of the stack.
    let planted = Tags::from([("GuardDutyManaged".to_owned(), "true".to_owned())]);
    let planted = ["vpce-1", "sg-planted"].map(|id| Thing {
        service: "ec2",
        id: id.to_owned(),
        tags: planted.clone(),
    });
    ours.chain(planted).collect()
}

fn tags(stack: &str) -> Tags {
    Tags::from([("ecsup:stack".to_owned(), stack.to_owned())])
}

/// A template as `launch_template.rs` makes it, with these tags for what it launches.
fn template(stack: &str) -> Value {
    let tags = json!([{ "Key": "ecsup:stack", "Value": stack }]);
    let kinds = ["instance", "volume", "network-interface"];
    let tags = kinds.map(|kind| json!({ "ResourceType": kind, "Tags": tags }));
    json!({
        "ImageId": "ami-1",
        "InstanceType": "c5.xlarge",
        "IamInstanceProfile": { "Name": "profile-us-east-1-demo" },
        "SecurityGroupIds": ["sg-1"],
        "TagSpecifications": tags,
    })
}

/// What the evaluator knows: the stack's things, tagged as those of `stack`.
fn view(stack: &str) -> View<'static> {
    let template = template(stack);
    View {
        things: things(&tags(stack)),
        template: Box::new(move |_, _| Some(template.clone())),
        role_of_profile: Box::new(|_| Some(role("instance"))),
        boundary_of_role: Box::new(|_| Some(BOUNDARY.to_owned())),
        roles_of_definition: Box::new(|_| vec![role("execution")]),
        ..View::unknown(REGION)
    }
}

/// What a call of Application Auto Scaling says of the stack's service.
fn of_target(more: Value) -> Value {
    let mut input = json!({
        "ServiceNamespace": "ecs",
        "ResourceId": "service/cluster-demo/web",
        "ScalableDimension": "ecs:service:DesiredCount",
    });
    input.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
    input
}

/// All parts that allow changes.
const CHANGING: [Part; 10] = [
    Part::Read,
    Part::Foundation,
    Part::Service,
    Part::Secrets,
    Part::Https,
    Part::Scaling,
    Part::Discovery,
    Part::Release,
    Part::Run,
    Part::Exec,
];

/// Every call that changes something, as ecsup makes it for the stack `demo`, tagged as `stack`'s.
#[expect(clippy::too_many_lines, reason = "a list")]
fn changes(stack: &str) -> Vec<(&'static str, &'static str, Value)> {
    let tags = json!([{ "Key": "ecsup:stack", "Value": stack }]);
    let ecs_tags = json!([{ "key": "ecsup:stack", "value": stack }]);
    let born = |kind: &str| json!([{ "ResourceType": kind, "Tags": tags }]);
    let elb = |resource: &str| arn("elasticloadbalancing", resource);
    let balancer = elb("loadbalancer/app/lb-demo/1");
    let listener = elb("listener/app/lb-demo/1/2");
    let rule = elb("listener-rule/app/lb-demo/1/2/4");
    let targets = elb("targetgroup/tg-demo-web-12345678/3");
    let group = "asg-demo";
    let group_arn = arn("autoscaling", "autoScalingGroup:0f:autoScalingGroupName/asg-demo");
    let launch = json!({ "LaunchTemplateId": "lt-1", "Version": "1" });
    let revision = arn("ecs", "task-definition/td-demo_web:1");
    let path = format!("/ecsup/{REGION}/demo/");
    let (instance, execution) = ("role-us-east-1-demo-instance", "role-us-east-1-demo-execution");
    let profile = "profile-us-east-1-demo";
    let managed = |name: &str| format!("arn:aws:iam::aws:policy/service-role/{name}");
    let record = |action: &str| {
        let set = json!({ "Name": "web.demo.internal", "Type": "A" });
        json!([{ "Action": action, "ResourceRecordSet": set }])
    };
    let port =
        |document: &str| json!({ "Target": "ecs:cluster-demo_1_1", "DocumentName": document });
    let lock = "/ecsup/demo/lock/1";
    let insights = "/aws/ecs/containerinsights/cluster-demo/performance";
    vec![
        ("ec2", "CreateVpc", json!({ "TagSpecifications": born("vpc") })),
        ("ec2", "ModifyVpcAttribute", json!({ "VpcId": "vpc-1" })),
        ("ec2", "DeleteVpc", json!({ "VpcId": "vpc-1" })),
        ("ec2", "CreateSubnet", json!({ "VpcId": "vpc-1", "TagSpecifications": born("subnet") })),
        ("ec2", "ModifySubnetAttribute", json!({ "SubnetId": "subnet-1" })),
        ("ec2", "DeleteSubnet", json!({ "SubnetId": "subnet-1" })),
        ("ec2", "CreateInternetGateway", json!({ "TagSpecifications": born("internet-gateway") })),
        ("ec2", "AttachInternetGateway", json!({ "InternetGatewayId": "igw-1", "VpcId": "vpc-1" })),
        ("ec2", "DetachInternetGateway", json!({ "InternetGatewayId": "igw-1", "VpcId": "vpc-1" })),
        ("ec2", "DeleteInternetGateway", json!({ "InternetGatewayId": "igw-1" })),
        ("ec2", "AllocateAddress", json!({ "TagSpecifications": born("elastic-ip") })),
        ("ec2", "ReleaseAddress", json!({ "AllocationId": "eipalloc-1" })),
        (
            "ec2",
            "CreateNatGateway",
            json!({
                "AllocationId": "eipalloc-1",
                "SubnetId": "subnet-1",
                "TagSpecifications": born("natgateway"),
            }),
        ),
        ("ec2", "DeleteNatGateway", json!({ "NatGatewayId": "nat-1" })),
        (
            "ec2",
            "CreateRouteTable",
            json!({ "VpcId": "vpc-1", "TagSpecifications": born("route-table") }),
        ),
        ("ec2", "CreateRoute", json!({ "RouteTableId": "rtb-1", "NatGatewayId": "nat-9" })),
        ("ec2", "ReplaceRoute", json!({ "RouteTableId": "rtb-1", "GatewayId": "igw-1" })),
        ("ec2", "DeleteRoute", json!({ "RouteTableId": "rtb-1" })),
        ("ec2", "AssociateRouteTable", json!({ "RouteTableId": "rtb-1", "SubnetId": "subnet-1" })),
        (
            "ec2",
            "ReplaceRouteTableAssociation",
            json!({ "RouteTableId": "rtb-1", "AssociationId": "rtbassoc-1" }),
        ),
        ("ec2", "DisassociateRouteTable", json!({ "AssociationId": "rtbassoc-1" })),
        ("ec2", "DeleteRouteTable", json!({ "RouteTableId": "rtb-1" })),
        (
            "ec2",
            "CreateSecurityGroup",
            json!({ "VpcId": "vpc-1", "TagSpecifications": born("security-group") }),
        ),
        (
            "ec2",
            "AuthorizeSecurityGroupIngress",
            json!({ "GroupId": "sg-1", "TagSpecifications": born("security-group-rule") }),
        ),
        (
            "ec2",
            "RevokeSecurityGroupIngress",
            json!({ "GroupId": "sg-1", "SecurityGroupRuleIds": ["sgr-1"] }),
        ),
        ("ec2", "DeleteSecurityGroup", json!({ "GroupId": "sg-1" })),
        ("ec2", "DeleteVpcEndpoints", json!({ "VpcEndpointIds": ["vpce-1"] })),
        (
            "ec2",
            "CreateVpcEndpoint",
            json!({
                "VpcId": "vpc-1",
                "RouteTableIds": ["rtb-1"],
                "TagSpecifications": born("vpc-endpoint"),
            }),
        ),
        (
            "ec2",
            "ModifyVpcEndpoint",
            json!({
                "VpcEndpointId": "vpce-9",
                "AddRouteTableIds": ["rtb-1"],
                "RemoveRouteTableIds": ["rtb-1"],
            }),
        ),
        (
            "ec2",
            "CreateVpcEndpoint",
            json!({
                "VpcId": "vpc-1",
                "VpcEndpointType": "Interface",
                "SubnetIds": ["subnet-1"],
                "SecurityGroupIds": ["sg-1"],
                "PrivateDnsEnabled": true,
                "TagSpecifications": born("vpc-endpoint"),
            }),
        ),
        (
            "ec2",
            "ModifyVpcEndpoint",
            json!({
                "VpcEndpointId": "vpce-9",
                "AddSubnetIds": ["subnet-1"],
                "RemoveSubnetIds": ["subnet-1"],
                "AddSecurityGroupIds": ["sg-1"],
                "RemoveSecurityGroupIds": ["sg-1"],
            }),
        ),
        ("ec2", "DeleteVpcEndpoints", json!({ "VpcEndpointIds": ["vpce-9"] })),
        ("ec2", "DeleteSecurityGroup", json!({ "GroupId": "sg-planted" })),
        ("ec2", "CreateLaunchTemplate", json!({ "TagSpecifications": born("launch-template") })),
        ("ec2", "CreateLaunchTemplateVersion", json!({ "LaunchTemplateId": "lt-1" })),
        ("ec2", "DeleteLaunchTemplate", json!({ "LaunchTemplateId": "lt-1" })),
        ("ec2", "TerminateInstances", json!({ "InstanceIds": ["i-1"] })),
        (
            "iam",
            "CreateRole",
            json!({
                "Path": path,
                "RoleName": instance,
                "PermissionsBoundary": BOUNDARY,
                "Tags": tags,
            }),
        ),
        (
            "iam",
            "PutRolePermissionsBoundary",
            json!({ "RoleName": instance, "PermissionsBoundary": BOUNDARY }),
        ),
        (
            "iam",
            "AttachRolePolicy",
            json!({
                "RoleName": instance,
                "PolicyArn": managed("AmazonEC2ContainerServiceforEC2Role"),
            }),
        ),
        (
            "iam",
            "AttachRolePolicy",
            json!({
                "RoleName": execution,
                "PolicyArn": managed("AmazonECSTaskExecutionRolePolicy"),
            }),
        ),
        ("iam", "UpdateAssumeRolePolicy", json!({ "RoleName": execution })),
        (
            "iam",
            "DetachRolePolicy",
            json!({ "RoleName": execution, "PolicyArn": "arn:aws:iam::aws:policy/Other" }),
        ),
        ("iam", "DeleteRolePolicy", json!({ "RoleName": execution, "PolicyName": "own" })),
        ("iam", "PutRolePolicy", json!({ "RoleName": execution, "PolicyName": "ecsup-secrets-1" })),
        ("iam", "UpdateRoleDescription", json!({ "RoleName": execution })),
        (
            "iam",
            "AttachRolePolicy",
            json!({ "RoleName": execution, "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess" }),
        ),
        ("iam", "DeleteRole", json!({ "RoleName": execution })),
        (
            "iam",
            "CreateInstanceProfile",
            json!({ "Path": path, "InstanceProfileName": profile, "Tags": tags }),
        ),
        (
            "iam",
            "AddRoleToInstanceProfile",
            json!({ "InstanceProfileName": profile, "RoleName": instance }),
        ),
        (
            "iam",
            "RemoveRoleFromInstanceProfile",
            json!({ "InstanceProfileName": profile, "RoleName": instance }),
        ),
        ("iam", "DeleteInstanceProfile", json!({ "InstanceProfileName": profile })),
        ("iam", "CreateServiceLinkedRole", json!({ "AWSServiceName": "ecs.amazonaws.com" })),
        (
            "logs",
            "CreateLogGroup",
            json!({ "logGroupName": "/ecsup/demo/web", "tags": { "ecsup:stack": stack } }),
        ),
        ("logs", "CreateLogGroup", json!({ "logGroupName": insights, "tags": { "a": "b" } })),
        (
            "logs",
            "TagResource",
            json!({
                "resourceArn": arn("logs", &format!("log-group:{insights}")),
                "tags": { "ecsup:stack": stack },
            }),
        ),
        ("logs", "PutRetentionPolicy", json!({ "logGroupName": insights })),
        ("logs", "DeleteLogGroup", json!({ "logGroupName": insights })),
        ("route53", "CreateHostedZone", json!({ "VPC": { "VPCId": "vpc-1" } })),
        ("route53", "AssociateVPCWithHostedZone", json!({ "HostedZoneId": "Z1" })),
        ("route53", "ChangeTagsForResource", json!({ "ResourceId": "Z1" })),
        (
            "route53",
            "ChangeResourceRecordSets",
            json!({ "HostedZoneId": "Z1", "ChangeBatch": { "Changes": record("UPSERT") } }),
        ),
        ("route53", "DeleteHostedZone", json!({ "Id": "Z1" })),
        ("ecs", "CreateCluster", json!({ "clusterName": "cluster-demo", "tags": ecs_tags })),
        ("ecs", "UpdateCluster", json!({ "cluster": "cluster-demo" })),
        ("ecs", "PutClusterCapacityProviders", json!({ "cluster": "cluster-demo" })),
        ("ecs", "DeregisterContainerInstance", json!({ "cluster": "cluster-demo" })),
        ("ecs", "DeleteCluster", json!({ "cluster": "cluster-demo" })),
        (
            "ecs",
            "CreateCapacityProvider",
            json!({
                "name": "cp-demo",
                "tags": ecs_tags,
                "autoScalingGroupProvider": { "autoScalingGroupArn": group_arn },
            }),
        ),
        ("ecs", "UpdateCapacityProvider", json!({ "name": "cp-demo" })),
        ("ecs", "DeleteCapacityProvider", json!({ "capacityProvider": "cp-demo" })),
        (
            "ecs",
            "RegisterTaskDefinition",
            json!({
                "family": "td-demo_web",
                "executionRoleArn": role("execution"),
                "tags": ecs_tags,
            }),
        ),
        ("ecs", "DeregisterTaskDefinition", json!({ "taskDefinition": revision })),
        ("ecs", "DeleteTaskDefinitions", json!({ "taskDefinitions": [revision] })),
        (
            "ecs",
            "RunTask",
            json!({ "cluster": "cluster-demo", "taskDefinition": revision, "tags": ecs_tags }),
        ),
        ("ecs", "ExecuteCommand", json!({ "cluster": "cluster-demo", "task": "1" })),
        ("ecs", "StopTask", json!({ "cluster": "cluster-demo", "task": "1" })),
        (
            "ecs",
            "CreateService",
            json!({ "cluster": "cluster-demo", "serviceName": "web", "tags": ecs_tags }),
        ),
        ("ecs", "UpdateService", json!({ "cluster": "cluster-demo", "service": "web" })),
        ("ecs", "DeleteService", json!({ "cluster": "cluster-demo", "service": "web" })),
        (
            "autoscaling",
            "CreateAutoScalingGroup",
            json!({
                "AutoScalingGroupName": group,
                "LaunchTemplate": launch,
                "VPCZoneIdentifier": "subnet-1",
                "Tags": tags,
            }),
        ),
        (
            "autoscaling",
            "UpdateAutoScalingGroup",
            json!({ "AutoScalingGroupName": group, "LaunchTemplate": launch }),
        ),
        ("autoscaling", "SetDesiredCapacity", json!({ "AutoScalingGroupName": group })),
        ("autoscaling", "StartInstanceRefresh", json!({ "AutoScalingGroupName": group })),
        ("autoscaling", "CompleteLifecycleAction", json!({ "AutoScalingGroupName": group })),
        ("autoscaling", "DeleteAutoScalingGroup", json!({ "AutoScalingGroupName": group })),
        ("elasticloadbalancing", "CreateLoadBalancer", json!({ "Name": "lb-demo", "Tags": tags })),
        ("elasticloadbalancing", "SetSubnets", json!({ "LoadBalancerArn": balancer })),
        ("elasticloadbalancing", "SetSecurityGroups", json!({ "LoadBalancerArn": balancer })),
        (
            "elasticloadbalancing",
            "ModifyLoadBalancerAttributes",
            json!({ "LoadBalancerArn": balancer }),
        ),
        ("elasticloadbalancing", "DeleteLoadBalancer", json!({ "LoadBalancerArn": balancer })),
        (
            "elasticloadbalancing",
            "CreateTargetGroup",
            json!({ "Name": "tg-demo-web-12345678", "Tags": tags }),
        ),
        ("elasticloadbalancing", "ModifyTargetGroup", json!({ "TargetGroupArn": targets })),
        (
            "elasticloadbalancing",
            "ModifyTargetGroupAttributes",
            json!({ "TargetGroupArn": targets }),
        ),
        ("elasticloadbalancing", "DeleteTargetGroup", json!({ "TargetGroupArn": targets })),
        (
            "elasticloadbalancing",
            "CreateListener",
            json!({ "LoadBalancerArn": balancer, "Tags": tags }),
        ),
        ("elasticloadbalancing", "ModifyListener", json!({ "ListenerArn": listener })),
        ("elasticloadbalancing", "DeleteListener", json!({ "ListenerArn": listener })),
        ("elasticloadbalancing", "CreateRule", json!({ "ListenerArn": listener, "Tags": tags })),
        ("elasticloadbalancing", "ModifyRule", json!({ "RuleArn": rule })),
        (
            "elasticloadbalancing",
            "SetRulePriorities",
            json!({ "RulePriorities": [{ "RuleArn": rule, "Priority": 1 }] }),
        ),
        ("elasticloadbalancing", "DeleteRule", json!({ "RuleArn": rule })),
        (
            "elasticloadbalancing",
            "AddListenerCertificates",
            json!({ "ListenerArn": listener, "Certificates": [{ "CertificateArn": "c" }] }),
        ),
        (
            "elasticloadbalancing",
            "RemoveListenerCertificates",
            json!({ "ListenerArn": listener, "Certificates": [{ "CertificateArn": "c" }] }),
        ),
        (
            "application-autoscaling",
            "RegisterScalableTarget",
            of_target(json!({ "Tags": { "ecsup:stack": stack } })),
        ),
        ("application-autoscaling", "RegisterScalableTarget", of_target(json!({}))),
        ("application-autoscaling", "DeregisterScalableTarget", of_target(json!({}))),
        ("application-autoscaling", "PutScalingPolicy", of_target(json!({}))),
        ("application-autoscaling", "DeleteScalingPolicy", of_target(json!({}))),
        (
            "servicediscovery",
            "CreatePrivateDnsNamespace",
            json!({ "Name": "svc.demo.internal", "Vpc": "vpc-1", "Tags": tags }),
        ),
        (
            "servicediscovery",
            "CreateService",
            json!({ "Name": "web", "NamespaceId": "ns-1", "Tags": tags }),
        ),
        ("servicediscovery", "DeleteService", json!({ "Id": "srv-1" })),
        (
            "servicediscovery",
            "DeregisterInstance",
            json!({ "ServiceId": "srv-1", "InstanceId": "1" }),
        ),
        ("servicediscovery", "DeleteNamespace", json!({ "Id": "ns-1" })),
        (
            "servicediscovery",
            "TagResource",
            json!({
                "ResourceARN": arn("servicediscovery", "service/srv-1"),
                "Tags": [{ "Key": "team", "Value": "a" }],
            }),
        ),
        ("ssm", "PutParameter", json!({ "Name": lock, "Tags": tags })),
        ("ssm", "GetParameter", json!({ "Name": lock })),
        ("ssm", "DeleteParameters", json!({ "Names": [lock] })),
        ("ssm", "StartSession", port("AWS-StartPortForwardingSession")),
        ("ssm", "StartSession", port("AWS-StartPortForwardingSessionToRemoteHost")),
        ("ssm", "TerminateSession", json!({ "SessionId": "me-1" })),
        ("ssm", "ResumeSession", json!({ "SessionId": "me-1" })),
    ]
}

fn required(view: &View<'_>, call: &(&str, &str, Value)) -> Vec<Required> {
    let (service, operation, input) = call;
    services::required(view, service, operation, input)
}

#[test]
fn every_change_is_allowed() {
    let demo = view("demo");
    for policy in [
        printed(Pattern::value_variants(), &CHANGING, None),
        printed(&[Pattern::InternalWorker], &CHANGING, Some("demo")),
    ] {
        for call in changes("demo") {
            let refused = refused(&policy, &required(&demo, &call), true);
            assert_eq!(refused, None, "{call:?}");
        }
    }
}

#[test]
fn the_parts_together_allow_what_the_whole_does() {
    let demo = view("demo");
    let patterns = Pattern::value_variants();
    let parts = CHANGING.map(|part| printed(patterns, &[part], None));
    let policy = Policy::all(parts);
    for call in changes("demo") {
        assert_eq!(refused(&policy, &required(&demo, &call), true), None, "{call:?}");
    }
}

/// Calls that no condition can bind to a stack: by path or by name, by another's tag, or not at all.
fn without_tags(service: &str, operation: &str, input: &Value) -> bool {
    matches!(service, "iam" | "logs" | "route53" | "ssm")
        || operation == "DeregisterTaskDefinition"
        || input["GroupId"] == "sg-planted"
        || input["VpcEndpointIds"] == json!(["vpce-1"])
}

#[test]
fn things_of_nobody_and_of_other_stacks_are_out_of_reach() {
    let untagged = View { things: things(&Tags::new()), ..view("demo") };
    let of_other = view("other");
    let (any, one) = (
        printed(Pattern::value_variants(), &CHANGING, None),
        printed(Pattern::value_variants(), &CHANGING, Some("demo")),
    );
    for call in changes("other") {
        let (service, operation, input) = &call;
        if without_tags(service, operation, input) {
            continue;
        }
        let refused = |policy, view| refused(policy, &required(view, &call), true).is_some();
        assert!(refused(&one, &of_other), "{call:?} of another stack");
        let makes = input.get("TagSpecifications").or(input.get("Tags")).or(input.get("tags"));
        let only_makes = makes.is_some() && !names_something_old(input);
        assert_eq!(refused(&any, &untagged), !only_makes, "{call:?} of nobody");
    }
}

/// Whether a call that makes something makes it in something that is there, or launches from it.
fn names_something_old(input: &Value) -> bool {
    let names = [
        "VpcId",
        "GroupId",
        "AllocationId",
        "LoadBalancerArn",
        "ListenerArn",
        "LaunchTemplate",
        "taskDefinition",
        "NamespaceId",
        "ResourceARN",
    ];
    names.iter().any(|name| input.get(name).is_some())
        || input.get("autoScalingGroupProvider").is_some()
        || input.get("ScalableDimension").is_some()
}

#[test]
fn nothing_is_made_without_the_tag_or_tagged_later() {
    let policy = printed(Pattern::value_variants(), &Part::WHOLE, None);
    let demo = view("demo");
    let none = |service, operation, input: Value| {
        let call = (service, operation, input);
        assert!(refused(&policy, &required(&demo, &call), true).is_some(), "{call:?}");
    };
    none("ec2", "CreateVpc", json!({}));
    none("ecs", "CreateCluster", json!({ "clusterName": "cluster-demo" }));
    none("elasticloadbalancing", "CreateTargetGroup", json!({ "Name": "tg-demo" }));
    none("autoscaling", "CreateAutoScalingGroup", json!({ "AutoScalingGroupName": "asg-demo" }));
    let tags = json!([{ "Key": "ecsup:stack", "Value": "demo" }]);
    none("ec2", "CreateTags", json!({ "Resources": ["vpc-1"], "Tags": tags }));
    let balancer = arn("elasticloadbalancing", "loadbalancer/app/lb-demo/1");
    none("elasticloadbalancing", "AddTags", json!({ "ResourceArns": [balancer], "Tags": tags }));
    let tags = json!([{ "key": "ecsup:stack", "value": "demo" }]);
    let cluster = arn("ecs", "cluster/cluster-demo");
    none("ecs", "TagResource", json!({ "resourceArn": cluster, "tags": tags }));
    none("ecs", "CreateCluster", json!({ "clusterName": "production", "tags": tags }));
}

#[test]
fn without_our_tags_goes_only_what_guard_duty_planted() {
    let policy = printed(Pattern::value_variants(), &Part::WHOLE, Some("demo"));
    let strangers = View { things: things(&Tags::new()), ..view("demo") };
    let refused = |operation: &'static str, input: Value| {
        let call = ("ec2", operation, input);
        refused(&policy, &required(&strangers, &call), true).is_some()
    };
    assert!(!refused("DeleteVpcEndpoints", json!({ "VpcEndpointIds": ["vpce-1"] })));
    assert!(refused("DeleteVpcEndpoints", json!({ "VpcEndpointIds": ["vpce-1", "vpce-2"] })));
    assert!(!refused("DeleteSecurityGroup", json!({ "GroupId": "sg-planted" })));
    assert!(refused("DeleteSecurityGroup", json!({ "GroupId": "sg-1" })));
}

/// What load balancing looks at in the caller's name, as the guide of Elastic Load Balancing lists it.
#[test]
fn a_load_balancer_takes_all_that_its_guide_lists() {
    let unused = View { missing_roles: vec!["elasticloadbalancing.amazonaws.com"], ..view("demo") };
    let taken = |operation: &'static str, input: Value| {
        let call = ("elasticloadbalancing", operation, input);
        let required = required(&unused, &call).into_iter().map(|required| required.action);
        required.filter(|action| !action.starts_with("elastic")).collect::<Vec<_>>()
    };
    let balancer = [
        "ec2:DescribeAccountAttributes",
        "ec2:DescribeAddresses",
        "ec2:DescribeInternetGateways",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcs",
        "iam:CreateServiceLinkedRole",
    ];
    assert_eq!(taken("CreateLoadBalancer", json!({ "Name": "lb-demo" })), balancer);
    let group = ["ec2:DescribeInternetGateways", "ec2:DescribeVpcs", "iam:CreateServiceLinkedRole"];
    assert_eq!(taken("CreateTargetGroup", json!({ "Name": "tg-demo" })), group);
    assert_eq!(taken("SetSubnets", json!({})), ["ec2:DescribeSubnets"]);
}

#[test]
fn only_what_is_the_stacks_already_is_tagged_anew() {
    let policy = printed(Pattern::value_variants(), &Part::WHOLE, Some("demo"));
    let tags = json!([{ "Key": "team", "Value": "a" }]);
    let balancer = arn("elasticloadbalancing", "loadbalancer/app/lb-demo/1");
    let cluster = arn("ecs", "cluster/cluster-demo");
    let calls = [
        ("ec2", "CreateTags", json!({ "Resources": ["vpc-1"], "Tags": tags })),
        ("elasticloadbalancing", "AddTags", json!({ "ResourceArns": [balancer], "Tags": tags })),
        (
            "ecs",
            "TagResource",
            json!({ "resourceArn": cluster, "tags": [{ "key": "team", "value": "a" }] }),
        ),
    ];
    let (demo, other) = (view("demo"), view("other"));
    let untagged = View { things: things(&Tags::new()), ..view("demo") };
    for call in calls {
        let refused = |view: &View| refused(&policy, &required(view, &call), true).is_some();
        assert!(!refused(&demo), "{call:?}");
        assert!(refused(&other), "{call:?} of another stack");
        assert!(refused(&untagged), "{call:?} of nobody");
    }
}

#[test]
fn roles_are_bound_by_path_policy_and_service() {
    let policy = printed(Pattern::value_variants(), &Part::WHOLE, Some("demo"));
    let demo = view("demo");
    let refused = |service: &'static str, operation: &'static str, input: Value| {
        refused(&policy, &required(&demo, &(service, operation, input)), true).is_some()
    };
    assert!(refused("iam", "CreateRole", json!({ "Path": "/", "RoleName": "admin" })));
    let other = json!({ "Path": "/ecsup/us-east-1/other/", "RoleName": "role-us-east-1-other-x" });
    assert!(refused("iam", "CreateRole", other));
    let administrator = "arn:aws:iam::aws:policy/AdministratorAccess";
    let attach = json!({ "RoleName": "role-us-east-1-demo-instance", "PolicyArn": administrator });
    assert!(refused("iam", "AttachRolePolicy", attach));
    assert!(refused("iam", "DeleteRole", json!({ "RoleName": "admin" })));
    let pass = json!({
        "family": "td-demo_web",
        "tags": [{ "key": "ecsup:stack", "value": "demo" }],
        "executionRoleArn": format!("arn:aws:iam::{ACCOUNT}:role/admin"),
    });
    assert!(refused("ecs", "RegisterTaskDefinition", pass));
    // The stack's own role is for tasks, and for no other service that would act as it.
    let family = json!({ "family": "td-demo_web", "executionRoleArn": role("execution") });
    let mut pass = required(&demo, &("ecs", "RegisterTaskDefinition", family));
    pass.retain(|it| it.action == "iam:PassRole");
    assert_eq!(pass.len(), 1);
    assert!(self::refused(&policy, &pass, true).is_none());
    let strange = ["lambda.amazonaws.com".to_owned()].into();
    pass[0].context.insert("iam:PassedToService".to_owned(), strange);
    assert!(self::refused(&policy, &pass, true).is_some());
    let strange = json!({ "AWSServiceName": "support.amazonaws.com" });
    assert!(refused("iam", "CreateServiceLinkedRole", strange));
    // What a role may do, only who has a part of its own for that may say, and of bounded roles alone.
    let name = "role-us-east-1-demo-execution";
    let put =
        ("iam", "PutRolePolicy", json!({ "RoleName": name, "PolicyName": "ecsup-secrets-1" }));
    assert!(refused(put.0, put.1, put.2.clone()));
    let secrets = printed(Pattern::value_variants(), &[Part::Secrets], Some("demo"));
    assert!(self::refused(&secrets, &required(&demo, &put), true).is_none());
    let unbounded = View { boundary_of_role: Box::new(|_| None), ..view("demo") };
    assert!(self::refused(&secrets, &required(&unbounded, &put), true).is_some());
    // A role that is not there has no path that IAM could see.
    let missing = json!({ "RoleName": "role-us-east-1-demo-missing" });
    assert!(!refused("iam", "GetRole", missing));
}

#[test]
fn a_boundary_that_is_demanded_cannot_be_left_out_or_exchanged() {
    let unbounded = Bounds::new(Some(REGION), Some(ACCOUNT), None);
    let patterns = Pattern::value_variants();
    let policy = |bounds: Bounds| {
        let text = permissions::policy(patterns, &Part::WHOLE, &bounds).to_json();
        Policy::parse(&text).expect("the simulator understands the policy")
    };
    let bounded = policy(unbounded.clone().with_boundary(BOUNDARY.to_owned()));
    let unbounded = policy(unbounded);
    let demo = view("demo");
    let allowed = |policy: &Policy, operation: &'static str, boundary: Option<&str>| {
        let name = "role-us-east-1-demo-instance";
        let path = format!("/ecsup/{REGION}/demo/");
        let mut input = json!({ "RoleName": name, "Path": path });
        if let Some(boundary) = boundary {
            input["PermissionsBoundary"] = json!(boundary);
        }
        refused(policy, &required(&demo, &("iam", operation, input)), true).is_none()
    };
    let other = Some("arn:aws:iam::aws:policy/AdministratorAccess");
    for operation in ["CreateRole", "PutRolePermissionsBoundary"] {
        assert!(allowed(&bounded, operation, Some(BOUNDARY)), "{operation}");
        assert!(!allowed(&bounded, operation, other), "{operation}");
    }
    assert!(!allowed(&bounded, "CreateRole", None));
    assert!(allowed(&unbounded, "CreateRole", None));
    assert!(!allowed(&unbounded, "PutRolePermissionsBoundary", Some(BOUNDARY)));
}

#[test]
fn only_plain_records_and_own_parameters_and_log_groups() {
    let policy = printed(Pattern::value_variants(), &Part::WHOLE, Some("demo"));
    let demo = view("demo");
    let refused = |service: &'static str, operation: &'static str, input: Value| {
        refused(&policy, &required(&demo, &(service, operation, input)), true).is_some()
    };
    let set = json!({ "Name": "example.com", "Type": "MX" });
    let changes = json!([{ "Action": "DELETE", "ResourceRecordSet": set }]);
    let batch = json!({ "HostedZoneId": "Z1", "ChangeBatch": { "Changes": changes } });
    assert!(refused("route53", "ChangeResourceRecordSets", batch));
    assert!(refused("ssm", "GetParameter", json!({ "Name": "/production/password" })));
    assert!(refused("ssm", "PutParameter", json!({ "Name": "/ecsup/other/lock/1" })));
    assert!(!refused("ssm", "GetParametersByPath", json!({ "Path": "/ecsup" })));
    assert!(!refused("ssm", "GetParametersByPath", json!({ "Path": "/ecsup/demo/lock/" })));
    assert!(refused("ssm", "GetParametersByPath", json!({ "Path": "/" })));
    let image = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id";
    assert!(!refused("ssm", "GetParameter", json!({ "Name": image })));
    assert!(refused("logs", "DeleteLogGroup", json!({ "logGroupName": "/ecsup/other/web" })));
}

#[test]
fn ports_are_opened_through_tasks_of_the_stack_and_with_two_documents_alone() {
    let policy = printed(Pattern::value_variants(), &[Part::Exec], Some("demo"));
    let demo = view("demo");
    let refused = |target: &str, document: &str| {
        let input = json!({ "Target": target, "DocumentName": document });
        refused(&policy, &required(&demo, &("ssm", "StartSession", input)), true).is_some()
    };
    assert!(!refused("ecs:cluster-demo_1_1", "AWS-StartPortForwardingSession"));
    assert!(refused("ecs:cluster-other_1_1", "AWS-StartPortForwardingSession"));
    assert!(refused("ecs:cluster-demo_1_1", "AWS-StartInteractiveCommand"));
}

#[test]
fn reading_alone_looks_at_everything_and_changes_nothing() {
    let policy = printed(Pattern::value_variants(), &[Part::Read], None);
    let demo = view("demo");
    for call in changes("demo") {
        assert!(refused(&policy, &required(&demo, &call), true).is_some(), "{call:?}");
    }
    let context = aws_sim::policy::condition::Context::default();
    assert_eq!(policy.verdict("ec2:DescribeVpcs", "*", &context), Verdict::Allowed);
    assert_eq!(policy.verdict("sts:AssumeRole", "*", &context), Verdict::Unmentioned);
}

#[test]
fn no_change_is_allowed_that_no_call_takes() {
    let demo = view("demo");
    let taken: BTreeSet<_> = changes("demo")
        .iter()
        .flat_map(|call| required(&demo, call))
        .map(|required| required.action)
        .collect();
    let parts = CHANGING.into_iter().filter(|part| *part != Part::Read).collect::<Vec<_>>();
    let allowed = permissions::permissions(Pattern::value_variants(), &parts);
    // These also look.
    let looking =
        [Part::Secrets, Part::Https, Part::Endpoints, Part::Discovery, Part::Release, Part::Run];
    let looks = permissions::permissions(Pattern::value_variants(), &looking);
    let looks = looks.filter(|it| it.uses == [permissions::Use::Read]).map(|it| it.action);
    let looks: BTreeSet<_> = looks.collect();
    let allowed = allowed.map(|permission| permission.action).filter(|it| !looks.contains(it));
    let allowed: BTreeSet<_> = allowed.map(str::to_owned).collect();
    // Route 53 and load balancing look in the caller's name, with what is allowed for reading.
    let looks = |action: &String| {
        let (service, name) = action.split_once(':').unwrap_or_default();
        let verbs = ["Describe", "Get", "List"];
        ["ec2", "ecs", "cloudwatch", "application-autoscaling", "route53"].contains(&service)
            && verbs.iter().any(|verb| name.starts_with(verb))
    };
    let changing = |all: &BTreeSet<String>| {
        all.iter().filter(|action| !looks(action)).cloned().collect::<Vec<_>>()
    };
    assert_eq!(changing(&taken), changing(&allowed));
}

/// The clients in `src/aws.rs`, and the prefixes of their actions.
const CLIENTS: &[(&str, &str)] = &[
    ("acm", "acm"),
    ("application_autoscaling", "application-autoscaling"),
    ("autoscaling", "autoscaling"),
    ("ec2", "ec2"),
    ("ecr", "ecr"),
    ("ec2_once", "ec2"),
    ("ecs", "ecs"),
    ("ecs_once", "ecs"),
    ("elb", "elasticloadbalancing"),
    ("iam", "iam"),
    ("iam_advice", "iam"),
    ("logs", "logs"),
    ("route53", "route53"),
    ("secretsmanager", "secretsmanager"),
    ("service_quotas", "servicequotas"),
    ("servicediscovery", "servicediscovery"),
    ("ssm", "ssm"),
    ("ssm_once", "ssm"),
];

/// What an operation's name begins with. Other methods of the same name as a client are not calls.
const VERBS: &[&str] = &[
    "add",
    "allocate",
    "associate",
    "attach",
    "authorize",
    "change",
    "complete",
    "create",
    "delete",
    "deregister",
    "describe",
    "detach",
    "disassociate",
    "execute",
    "filter",
    "get",
    "list",
    "modify",
    "put",
    "register",
    "release",
    "remove",
    "replace",
    "revoke",
    "run",
    "simulate",
    "set",
    "start",
    "stop",
    "tag",
    "terminate",
    "update",
];

/// The actions that the source calls, in lower case and without underscores: `ec2:createvpc`.
fn called() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut called, mut folders) = (BTreeSet::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        let mut paths: Vec<PathBuf> = vec![];
        paths.extend(folder.read_dir().expect("a folder").map(|it| it.expect("an entry").path()));
        for path in paths {
            if path.is_dir() {
                folders.extend((!path.ends_with("sim")).then_some(path));
            } else if path.extension().is_some_and(|it| it == "rs") {
                let text = read_to_string(&path).expect("a source file");
                let words: String = text.split_whitespace().collect();
                for (client, prefix) in CLIENTS {
                    for (at, found) in words.match_indices(&format!("{client}.")) {
                        // `elb.` may also be a variable, and is no part of another name.
                        let part_of_name = |it: char| it.is_ascii_alphanumeric() || it == '_';
                        let rest = &words[at + found.len()..];
                        let name = &rest[..rest.find(|it| !part_of_name(it)).unwrap_or(rest.len())];
                        let verb = name.split('_').next().unwrap_or_default();
                        let is_call = VERBS.contains(&verb)
                            && rest[name.len()..].starts_with('(')
                            && !words[..at].ends_with(part_of_name);
                        if is_call {
                            called.insert(format!("{prefix}:{}", name.replace('_', "")));
                        }
                    }
                }
            }
        }
    }
    called
}

#[test]
fn what_the_source_calls_is_in_the_table_and_the_table_holds_no_more() {
    let listed = permissions::permissions(Pattern::value_variants(), Part::value_variants());
    let listed = listed.filter(|permission| permission.with.is_none());
    let listed: BTreeSet<_> = listed.map(|permission| permission.action.to_lowercase()).collect();
    let called = called();
    let missing: Vec<_> = called.difference(&listed).collect();
    assert!(missing.is_empty(), "say in src/permissions/table.rs what allows {missing:?}");
    // The lock has a module of its own, which may not be there yet.
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lock.rs").exists();
    let counts = |action: &&String| lock || !action.starts_with("ssm:");
    let unused: Vec<_> = listed.difference(&called).filter(counts).collect();
    assert!(unused.is_empty(), "nothing calls {unused:?} (any more)");
}
