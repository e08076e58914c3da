//! What holds of every service, and what calls take.

use serde_json::json;

use super::*;
use crate::fields::Tags;
use crate::policy::{Policy, refused};

/// What a model has is answered, and what is answered a model has: else no client could ask for it.
#[test]
fn every_operation_of_a_model_is_answered_and_no_other() {
    for service in ALL {
        let modelled: BTreeSet<_> = service.model.operations.keys().map(String::as_str).collect();
        let answered: BTreeSet<_> = service.operations.iter().map(|(name, _)| *name).collect();
        assert_eq!(modelled, answered, "{}", service.name);
        assert_eq!(answered.len(), service.operations.len(), "{}: twice", service.name);
    }
}

/// AWS's verbs say which operations look.
#[test]
fn operations_look_or_change_something_as_their_names_say() {
    for service in ALL {
        for (name, _) in service.operations {
            let says = ["Describe", "Filter", "Get", "List", "Simulate"]
                .iter()
                .any(|it| name.starts_with(it));
            assert_eq!(service.is_look(name), says, "{}:{name}", service.name);
        }
    }
}

#[test]
fn every_pattern_compiles_and_every_shape_is_there() {
    for service in ALL {
        let shapes: BTreeSet<_> = service.model.shapes().map(|(name, _)| name).collect();
        for (name, shape) in service.model.shapes() {
            if let Some(pattern) = shape.pattern() {
                assert!(shape.compiled().is_some(), "{} {name}: {pattern}", service.name);
            }
            let parts = [&shape.member, &shape.key, &shape.value];
            let parts = parts.into_iter().flatten();
            for member in shape.members.values().chain(parts) {
                assert!(shapes.contains(&member.shape), "{} {name}", service.name);
            }
        }
    }
}

#[test]
fn a_call_is_refused_in_the_words_of_its_service() {
    let world = World::new(1, Scenario::default());
    let authorize = |service, operation, input: Value| {
        let required = required(&View::of(&world), service, operation, &input);
        named(service).unwrap().authorize(&world, &Policy::default(), &required)
    };
    let refusal = |service, operation, input| authorize(service, operation, input).unwrap_err();
    let ec2 = refusal("ec2", "CreateVpc", json!({}));
    assert_eq!((ec2.code.as_str(), ec2.status), ("UnauthorizedOperation", 403));
    assert_eq!(
        ec2.message,
        "You are not authorized to perform this operation. User: \
         arn:aws:iam::123456789012:user/rehearsal is not authorized to perform: ec2:CreateVpc \
         on resource: arn:aws:ec2:us-east-1:123456789012:vpc/* because no identity-based policy \
         allows the ec2:CreateVpc action"
    );
    let role = refusal("iam", "GetRole", json!({ "RoleName": "web" }));
    assert_eq!((role.code.as_str(), role.status), ("AccessDenied", 403));
    assert!(role.message.contains("iam:GetRole on resource: role web because"), "{role}");
    let ecs = refusal("ecs", "ListClusters", json!({}));
    assert_eq!((ecs.code.as_str(), ecs.status), ("AccessDeniedException", 400));
    assert_eq!(authorize("sts", "GetCallerIdentity", json!({})), Ok(()));
}

/// The actions of a call, each with its resources.
fn of(view: &View<'_>, service: &str, operation: &str, input: &Value) -> Vec<String> {
    let all = required(view, service, operation, input);
    let line = |it: &Required| {
        let resources = it.targets.iter().map(|target| target.arn.rsplit(':').next().unwrap_or(""));
        format!("{} {}", it.action, resources.collect::<Vec<_>>().join(" "))
    };
    all.iter().map(line).collect()
}

#[test]
fn a_call_takes_what_it_does_besides() {
    let view = View::unknown("us-east-1");
    let tags = json!([{ "Key": "a", "Value": "b" }]);
    let born = json!([{ "ResourceType": "subnet", "Tags": tags }]);
    let subnet = json!({ "VpcId": "vpc-1", "TagSpecifications": born });
    assert_eq!(
        of(&view, "ec2", "CreateSubnet", &subnet),
        ["ec2:CreateSubnet subnet/* vpc/vpc-1", "ec2:CreateTags subnet/*"]
    );
    assert_eq!(
        of(&view, "ec2", "CreateSubnet", &json!({ "VpcId": "vpc-1" })),
        ["ec2:CreateSubnet subnet/* vpc/vpc-1"]
    );
    let service = json!({
        "cluster": "arn:aws:ecs:us-east-1:1:cluster/one", "serviceName": "web", "tags": [{ "key": "a" }],
    });
    assert_eq!(
        of(&view, "ecs", "CreateService", &service),
        ["ecs:CreateService service/one/web", "ecs:TagResource service/one/web"]
    );
    let family = json!({ "family": "web", "taskRoleArn": "arn:aws:iam::1:role/x/task" });
    assert_eq!(
        of(&view, "ecs", "RegisterTaskDefinition", &family),
        ["ecs:RegisterTaskDefinition *", "iam:PassRole role/x/task"]
    );
    let zone = json!({ "VPC": { "VPCId": "vpc-1" } });
    assert_eq!(
        of(&view, "route53", "CreateHostedZone", &zone),
        ["route53:CreateHostedZone *", "ec2:DescribeVpcs *"]
    );
    let balancer = "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/lb/1";
    assert_eq!(
        of(
            &view,
            "elasticloadbalancing",
            "CreateListener",
            &json!({
                "LoadBalancerArn": balancer, "Tags": tags,
            })
        ),
        [
            "elasticloadbalancing:CreateListener loadbalancer/app/lb/1",
            "elasticloadbalancing:AddTags listener/app/lb/1/*",
        ]
    );
}

#[test]
fn a_group_takes_what_its_template_launches() {
    let born = json!([{ "ResourceType": "instance", "Tags": [{ "Key": "a", "Value": "b" }] }]);
    let data = json!({
        "ImageId": "ami-1",
        "SecurityGroupIds": ["sg-1"],
        "IamInstanceProfile": { "Name": "profile" },
        "TagSpecifications": born,
    });
    let view = View {
        template: Box::new(move |id, version| {
            (id == "lt-1" && version == "2").then(|| data.clone())
        }),
        role_of_profile: Box::new(|_| Some("arn:aws:iam::1:role/instance".to_owned())),
        missing_roles: vec![crate::autoscaling::LINKED.principal],
        ..View::unknown("us-east-1")
    };
    let group = json!({
        "AutoScalingGroupName": "asg",
        "VPCZoneIdentifier": "subnet-1, subnet-2",
        "LaunchTemplate": { "LaunchTemplateId": "lt-1", "Version": "2" },
    });
    assert_eq!(
        of(&view, "autoscaling", "CreateAutoScalingGroup", &group),
        [
            "autoscaling:CreateAutoScalingGroup autoScalingGroupName/asg",
            "iam:CreateServiceLinkedRole \
             role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
            "ec2:RunInstances subnet/subnet-1 subnet/subnet-2 launch-template/lt-1 \
             security-group/sg-1 image/ami-1 instance/* volume/* network-interface/*",
            "ec2:CreateTags instance/*",
            "iam:PassRole role/instance",
        ]
    );
}

#[test]
fn who_runs_a_task_hands_it_the_roles_of_its_definition() {
    let roles = |arn: &str| match arn {
        "td-2" => ["execution", "task"].map(|it| format!("arn:aws:iam::1:role/{it}")).into(),
        _ => Vec::new(),
    };
    let view = View { roles_of_definition: Box::new(roles), ..View::unknown("us-east-1") };
    let run = |arn: &str| of(&view, "ecs", "RunTask", &json!({ "taskDefinition": arn }));
    assert_eq!(
        run("td-2"),
        [
            "ecs:RunTask task-definition/td-2",
            "iam:PassRole role/execution",
            "iam:PassRole role/task",
        ]
    );
    assert_eq!(run("td-1"), ["ecs:RunTask task-definition/td-1"]);
}

#[test]
fn tags_of_what_is_there_count_and_of_what_is_gone_only_in_doubt() {
    let condition = json!({ "StringEquals": { "aws:ResourceTag/ecsup:stack": "demo" } });
    let statement = json!({
        "Effect": "Allow", "Action": "ec2:*", "Resource": "*", "Condition": condition,
    });
    let document = json!({ "Version": "2012-10-17", "Statement": statement });
    let policy = Policy::parse(&document.to_string()).unwrap();
    let view = |stack: &str| {
        let tags = Tags::from([("ecsup:stack".to_owned(), stack.to_owned())]);
        let things = vec![Thing { service: "ec2", id: "vpc-1".to_owned(), tags }];
        View { things, ..View::unknown("us-east-1") }
    };
    let refused = |view: &View<'_>, id: &str, strict| {
        let required = required(view, "ec2", "DeleteVpc", &json!({ "VpcId": id }));
        refused(&policy, &required, strict).is_some()
    };
    assert!(!refused(&view("demo"), "vpc-1", true));
    assert!(refused(&view("other"), "vpc-1", false));
    assert!(!refused(&view("demo"), "vpc-2", false));
    assert!(refused(&view("demo"), "vpc-2", true));
}

#[test]
fn a_role_that_is_there_is_checked_with_its_path() {
    let arn = "arn:aws:iam::123456789012:role/ecsup/us-east-1/demo/web";
    let things = vec![Thing { service: "iam", id: arn.to_owned(), tags: Tags::new() }];
    let view = View { things, ..View::unknown("us-east-1") };
    let target = |name: &str| {
        let input = json!({ "RoleName": name });
        required(&view, "iam", "GetRole", &input)[0].targets[0].arn.clone()
    };
    assert_eq!(target("web"), arn);
    assert_eq!(target("other"), "arn:aws:iam::123456789012:role/other");
}
