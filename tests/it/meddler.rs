//! Somebody with a console, who deletes things of a stack by hand. AWS refuses him as it does anybody.

use std::convert::Infallible;
use std::time::Duration;

use aws_sim::cloud::Cloud;
use aws_sim::fields::Fields as _;
use aws_sim::refusal::Answer;
use aws_sim::world::World;
use aws_sim::{autoscaling, ec2, ecs, elb, iam, logs, route53, services};
use fastrand::Rng;
use serde_json::{Value, json};

use crate::chaos::note;

type Service = fn(&mut World, &str, &Value) -> Answer;

/// Deletes something of a stack at each of these moments from now on, and then waits for ever.
pub async fn meddle(cloud: &Cloud, stack: &str, seed: u64, when: &[Duration]) -> Infallible {
    let chance = &mut Rng::with_seed(seed);
    let began = cloud.now();
    let mut when = when.to_vec();
    when.sort();
    for at in when {
        let left = (began + at).saturating_sub(cloud.now());
        tokio::time::sleep(left).await;
        let done = cloud.world(|world| delete_something(world, stack, chance));
        note(|| format!("{:?} by hand: {done:?}", cloud.now()));
    }
    std::future::pending().await
}

/// Tries things of the stack in some order, until AWS lets one go.
fn delete_something(
    world: &mut World,
    stack: &str,
    chance: &mut Rng,
) -> Option<(&'static str, Value)> {
    let ours = |tags: &aws_sim::fields::Tags| tags.get("ecsup:stack").is_some_and(|it| it == stack);
    let mut things: Vec<_> = world.tagged().into_iter().filter(|(.., tags)| ours(tags)).collect();
    chance.shuffle(&mut things);
    for (kind, id, _) in things {
        if let Some((service, operation, input)) = deletion(world, &kind, &id)
            && service(world, operation, &input).is_ok()
        {
            return Some((operation, input));
        }
    }
    None
}

fn scaling(world: &mut World, operation: &str, input: &Value) -> Answer {
    services::answer(world, "application-autoscaling", operation, input)
}

/// What takes a thing away, or the part of it that is easily lost.
fn deletion(world: &mut World, kind: &str, id: &str) -> Option<(Service, &'static str, Value)> {
    let deletion: (Service, _, _) = match kind {
        "auto-scaling-group" => (
            autoscaling::answer,
            "DeleteAutoScalingGroup",
            json!({ "AutoScalingGroupName": id, "ForceDelete": true }),
        ),
        "capacity-provider" => {
            (ecs::answer, "DeleteCapacityProvider", json!({ "capacityProvider": id }))
        }
        "cluster" => (ecs::answer, "DeleteCluster", json!({ "cluster": id })),
        "elastic-ip" => (ec2::answer, "ReleaseAddress", json!({ "AllocationId": id })),
        "hosted-zone" => (route53::answer, "DeleteHostedZone", json!({ "Id": id })),
        "instance" => (ec2::answer, "TerminateInstances", json!({ "InstanceIds": [id] })),
        "instance-profile" => {
            let name = id.rsplit('/').next()?;
            let profile = json!({ "InstanceProfileName": name });
            let profile = iam::answer(world, "GetInstanceProfile", &profile).ok()?;
            let role = profile.part("InstanceProfile").list("Roles").first()?.text("RoleName");
            let input = json!({ "InstanceProfileName": name, "RoleName": role });
            (iam::answer, "RemoveRoleFromInstanceProfile", input)
        }
        "launch-template" => {
            (ec2::answer, "DeleteLaunchTemplate", json!({ "LaunchTemplateId": id }))
        }
        "listener" => (elb::answer, "DeleteListener", json!({ "ListenerArn": id })),
        "load-balancer" => (elb::answer, "DeleteLoadBalancer", json!({ "LoadBalancerArn": id })),
        "log-group" => (logs::answer, "DeleteLogGroup", json!({ "logGroupName": id })),
        "natgateway" => (ec2::answer, "DeleteNatGateway", json!({ "NatGatewayId": id })),
        "role" => {
            let name = json!({ "RoleName": id.rsplit('/').next()? });
            let attached = iam::answer(world, "ListAttachedRolePolicies", &name).ok()?;
            let policy = attached.list("AttachedPolicies").first()?.text("PolicyArn");
            let input = json!({ "RoleName": name["RoleName"], "PolicyArn": policy });
            (iam::answer, "DetachRolePolicy", input)
        }
        "scalable-target" => {
            let all = json!({ "ServiceNamespace": "ecs" });
            let all = scaling(world, "DescribeScalableTargets", &all).ok()?;
            let mut all = all.list("ScalableTargets").iter();
            let target = all.find(|it| it.text("ScalableTargetARN") == id)?;
            let input = json!({
                "ServiceNamespace": "ecs",
                "ResourceId": target.text("ResourceId"),
                "ScalableDimension": target.text("ScalableDimension"),
            });
            (scaling, "DeregisterScalableTarget", input)
        }
        "route-table" => {
            let input = json!({ "RouteTableId": id, "DestinationCidrBlock": "0.0.0.0/0" });
            (ec2::answer, "DeleteRoute", input)
        }
        "security-group" => (ec2::answer, "DeleteSecurityGroup", json!({ "GroupId": id })),
        "security-group-rule" => {
            let rules = json!({ "SecurityGroupRuleIds": [id] });
            let rules = ec2::answer(world, "DescribeSecurityGroupRules", &rules).ok()?;
            let group = rules.list("SecurityGroupRules").first()?.text("GroupId");
            let input = json!({ "GroupId": group, "SecurityGroupRuleIds": [id] });
            (ec2::answer, "RevokeSecurityGroupIngress", input)
        }
        "service" => {
            let cluster = id.rsplit('/').nth(1)?;
            let input = json!({ "cluster": cluster, "service": id, "force": true });
            (ecs::answer, "DeleteService", input)
        }
        "subnet" => (ec2::answer, "DeleteSubnet", json!({ "SubnetId": id })),
        "target-group" => (elb::answer, "DeleteTargetGroup", json!({ "TargetGroupArn": id })),
        "task-definition" => {
            (ecs::answer, "DeregisterTaskDefinition", json!({ "taskDefinition": id }))
        }
        "vpc" => (ec2::answer, "DeleteVpc", json!({ "VpcId": id })),
        "vpc-endpoint" => (ec2::answer, "DeleteVpcEndpoints", json!({ "VpcEndpointIds": [id] })),
        _ => return None,
    };
    Some(deletion)
}
