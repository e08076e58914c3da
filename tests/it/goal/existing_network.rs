//! Whether a stack stands where it was asked to in a network of somebody else, and nowhere else: asked of the
//! simulated world, and written from `docs/patterns.md` and `docs/network.md`.

use std::collections::BTreeSet;

use aws_sim::fields::{Fields as _, Tags};
use aws_sim::world::World;
use aws_sim::{autoscaling, ec2, ecs, elb};
use ecsup::spec::{RunOn, Scheme, Spec};
use serde_json::{Value, json};

type Service = fn(&mut World, &str, &Value) -> aws_sim::refusal::Answer;

fn ask(world: &mut World, service: Service, operation: &str, input: Value) -> Value {
    service(world, operation, &input)
        .unwrap_or_else(|refusal| panic!("{operation} {input}: {refusal:?}"))
}

/// Where a stack stands otherwise than a spec says; nothing where its network is its own.
pub fn misplaced(world: &mut World, spec: &Spec) -> Vec<String> {
    let Some(network) = spec.network.existing() else { return Vec::new() };
    let mut faults = Vec::new();
    let mut same = |what: &str, is: Value, wanted: Value| {
        if is != wanted {
            faults.push(format!("{what}: {is}, not {wanted}"));
        }
    };
    let stack = spec.stack.as_str();
    let own = |tags: &Tags| tags.get("ecsup:stack").is_some_and(|it| it == stack);
    let own: Vec<_> = world.tagged().into_iter().filter(|it| own(&it.2)).collect();
    let ids = |of: &str| -> BTreeSet<_> {
        own.iter().filter(|(kind, ..)| kind == of).map(|(_, id, _)| id.clone()).collect()
    };
    for kind in [
        "vpc",
        "subnet",
        "internet-gateway",
        "natgateway",
        "elastic-ip",
        "route-table",
        "vpc-endpoint",
    ] {
        same(&format!("{kind}s of its own"), json!(ids(kind)), json!([]));
    }

    let all = ask(world, ec2::answer, "DescribeSecurityGroups", json!({}));
    let groups = ids("security-group");
    let groups = all.list("SecurityGroups").iter().filter(|it| groups.contains(it.text("GroupId")));
    let vpcs: BTreeSet<_> = groups.map(|it| it.text("VpcId")).collect();
    same("VPCs of security groups", json!(vpcs), json!([network.vpc]));

    let all = ask(world, elb::answer, "DescribeLoadBalancers", json!({}));
    let arns: BTreeSet<_> = own.iter().map(|(_, id, _)| id.as_str()).collect();
    let own_balancers = all.list("LoadBalancers").iter();
    for balancer in own_balancers.filter(|it| arns.contains(it.text("LoadBalancerArn"))) {
        let zones = balancer.list("AvailabilityZones").iter();
        let subnets: BTreeSet<_> = zones.map(|it| it.text("SubnetId")).collect();
        let is_internal = balancer.text("Scheme") == "internal";
        let wanted = if is_internal { &network.private } else { &network.public };
        same(
            &format!("subnets of the {} load balancer", balancer.text("Scheme")),
            json!(subnets),
            json!(wanted),
        );
    }

    let inside = !network.private.is_empty();
    let of_tasks = if inside { &network.private } else { &network.public };
    let cluster = format!("cluster-{stack}");
    for service in &spec.services {
        let input = json!({ "cluster": cluster, "services": [service.name.as_str()] });
        let answer = ask(world, ecs::answer, "DescribeServices", input);
        let found = answer.list("services").first().cloned().unwrap_or_default();
        let is = found.part("networkConfiguration").part("awsvpcConfiguration").clone();
        let subnets: BTreeSet<_> = is.texts("subnets").into_iter().collect();
        same(&format!("subnets of {}", service.name), json!(subnets), json!(of_tasks));
        let public = !inside && service.run_on == RunOn::Fargate;
        let word = if public { "ENABLED" } else { "DISABLED" };
        let is = is.some_text("assignPublicIp").unwrap_or("DISABLED");
        same(&format!("public addresses of {}", service.name), json!(is), json!(word));
    }

    let group = json!({ "AutoScalingGroupNames": [format!("asg-{stack}")] });
    let groups = ask(world, autoscaling::answer, "DescribeAutoScalingGroups", group);
    for group in groups.list("AutoScalingGroups") {
        let subnets: BTreeSet<_> = group.text("VPCZoneIdentifier").split(',').collect();
        same("subnets of the instances", json!(subnets), json!(network.private));
    }

    // Who may reach the internal load balancer.
    if let Some(ingress) = spec.ingress(Scheme::Internal) {
        let vpc = json!({ "VpcIds": [network.vpc] });
        let vpc = ask(world, ec2::answer, "DescribeVpcs", vpc);
        let ranges = vpc.list("Vpcs").iter().map(|it| it.text("CidrBlock").to_owned());
        let said: BTreeSet<_> = ingress.allow.iter().map(ToString::to_string).collect();
        let wanted = if said.is_empty() { ranges.collect() } else { said };
        let rules = ids("security-group-rule");
        let all = ask(world, ec2::answer, "DescribeSecurityGroupRules", json!({}));
        let own = all.list("SecurityGroupRules").iter();
        let own = own.filter(|it| rules.contains(it.text("SecurityGroupRuleId")));
        let allowed = own.filter_map(|it| it.some_text("CidrIpv4").map(str::to_owned));
        let allowed: BTreeSet<_> = allowed.filter(|it| it != "0.0.0.0/0").collect();
        same("ranges that are let in", json!(allowed), json!(wanted));
    }
    faults
}
