//! How the tasks of a service are started, found healthy and replaced: what the simulated world has, beside
//! what a spec says.

use aws_sim::fields::Fields as _;
use aws_sim::world::World;
use aws_sim::{ec2, ecs, elb, logs};
use ecsup::spec::{Scheme, Service, Spec};
use serde_json::{Value, json};

use super::attribute;

/// Where a service of the world is set otherwise than a spec says.
pub fn unlike(world: &mut World, spec: &Spec) -> Vec<String> {
    let mut unlike = Vec::new();
    for service in &spec.services {
        let (is, wanted) = (of_world(world, spec, service), of_spec(spec, service));
        let differs = |(name, wanted): (&String, &Value)| {
            let is = &is[name];
            (is != wanted).then(|| format!("{} of {}: {is}, not {wanted}", name, service.name))
        };
        unlike.extend(wanted.as_object().into_iter().flatten().filter_map(differs));
        let group =
            json!({ "logGroupNamePrefix": format!("/ecsup/{}/{}", spec.stack, service.name) });
        let groups = logs::answer(world, "DescribeLogGroups", &group).unwrap_or_default();
        let days = groups.list("logGroups").first().and_then(|it| it.number("retentionInDays"));
        if days != Some(spec.retention_days.into()) {
            unlike.push(format!("logs of {} are kept {days:?} days", service.name));
        }
    }
    unlike
}

fn schemes(service: &Service) -> impl Iterator<Item = Scheme> {
    Scheme::ALL.into_iter().filter(|scheme| service.route(*scheme).is_some())
}

fn is_reached(service: &Service) -> bool {
    schemes(service).next().is_some()
}

fn of_spec(spec: &Spec, service: &Service) -> Value {
    let (health, deployments) = (&service.health, &service.deployments);
    let group = json!({
        "path": health.path,
        "port": health.port.map_or("traffic-port".to_owned(), |port| port.to_string()),
        "status": health.status,
        "rhythm": [health.interval, health.timeout, health.healthy, health.unhealthy],
        "drain": deployments.drain.to_string(),
        "reached": true,
    });
    let check = service.container_health.as_ref().map(|it| {
        json!({
            "command": it.command,
            "interval": it.interval,
            "timeout": it.timeout,
            "retries": it.retries,
            "startPeriod": it.start_period,
        })
    });
    let idle = schemes(service).filter_map(|scheme| spec.ingress(scheme));
    json!({
        "groups": vec![group; schemes(service).count()],
        "idle timeouts": idle.map(|it| it.idle_timeout.to_string()).collect::<Vec<_>>(),
        "grace": is_reached(service).then_some(service.grace),
        "rebalanced": deployments.max_percent > 100,
        "percents": [deployments.min_percent, deployments.max_percent],
        "breaker": [deployments.circuit_breaker, deployments.rollback],
        "entrypoint": service.entrypoint,
        "command": service.command,
        "stop timeout": service.stop_timeout,
        "check": check,
    })
}

fn of_world(world: &mut World, spec: &Spec, service: &Service) -> Value {
    type Answers = fn(&mut World, &str, &Value) -> aws_sim::refusal::Answer;
    let mut ask = |of: Answers, operation: &str, input: Value| {
        of(world, operation, &input).unwrap_or_else(|why| json!({ "refused": format!("{why:?}") }))
    };
    let cluster = format!("cluster-{}", spec.stack);
    let input = json!({ "cluster": cluster, "services": [service.name.as_str()] });
    let answer = ask(ecs::answer, "DescribeServices", input);
    let it = answer.list("services").first().cloned().unwrap_or_default();
    let definition = it.text("taskDefinition");
    let answer =
        ask(ecs::answer, "DescribeTaskDefinition", json!({ "taskDefinition": definition }));
    let containers = answer.part("taskDefinition").list("containerDefinitions");
    let container = containers.first().cloned().unwrap_or_default();
    let net = it.part("networkConfiguration").part("awsvpcConfiguration");
    let (mut groups, mut idle) = (Vec::new(), Vec::new());
    for behind in it.list("loadBalancers") {
        let arn = behind.text("targetGroupArn");
        let answer = ask(elb::answer, "DescribeTargetGroups", json!({ "TargetGroupArns": [arn] }));
        let group = answer.list("TargetGroups").first().cloned().unwrap_or_default();
        let input = json!({ "TargetGroupArn": arn });
        let answer = ask(elb::answer, "DescribeTargetGroupAttributes", input);
        let drain = attribute(&answer, "deregistration_delay.timeout_seconds").map(str::to_owned);
        let balancers = group.texts("LoadBalancerArns");
        let input = json!({ "LoadBalancerArns": balancers });
        let answer = ask(elb::answer, "DescribeLoadBalancers", input);
        let balancer = answer.list("LoadBalancers").first().cloned().unwrap_or_default();
        let input = json!({ "LoadBalancerArn": balancer.text("LoadBalancerArn") });
        let answer = ask(elb::answer, "DescribeLoadBalancerAttributes", input);
        let timeout = attribute(&answer, "idle_timeout.timeout_seconds");
        idle.push((balancer.text("Scheme").to_owned(), timeout.map(str::to_owned)));
        let asked = group.text("HealthCheckPort");
        let port = asked.parse().unwrap_or(service.target().1);
        let rhythm = [
            "HealthCheckIntervalSeconds",
            "HealthCheckTimeoutSeconds",
            "HealthyThresholdCount",
            "UnhealthyThresholdCount",
        ];
        groups.push(json!({
            "path": group.text("HealthCheckPath"),
            "port": asked,
            "status": group.part("Matcher").text("HttpCode"),
            "rhythm": rhythm.map(|it| group.number(it)),
            "drain": drain,
            "reached": (balancer.texts("SecurityGroups"), port),
        }));
    }
    for group in &mut groups {
        let from: (Vec<String>, u16) =
            serde_json::from_value(group["reached"].clone()).unwrap_or_default();
        let reached = ec2::may_reach(world, &from.0, &net.texts("securityGroups"), from.1);
        group["reached"] = reached.into();
    }
    idle.sort_by_key(|(scheme, _)| scheme != "internal");
    let breaker = it.part("deploymentConfiguration").part("deploymentCircuitBreaker");
    let breaker = ["enable", "rollback"].map(|name| breaker.flag(name));
    let percents = ["minimumHealthyPercent", "maximumPercent"];
    let percents = percents.map(|name| it.part("deploymentConfiguration").number(name));
    json!({
        "groups": groups,
        "idle timeouts": idle.into_iter().map(|it| it.1).collect::<Vec<_>>(),
        // Without a load balancer it means nothing, and ECS keeps what it was.
        "grace": it.number("healthCheckGracePeriodSeconds").filter(|_| is_reached(service)),
        "rebalanced": it.text("availabilityZoneRebalancing") == "ENABLED",
        "percents": percents,
        "breaker": breaker,
        "entrypoint": container.texts("entryPoint"),
        "command": container.texts("command"),
        "stop timeout": container.number("stopTimeout"),
        "check": container.get("healthCheck"),
    })
}
