//! The containers of a task, whom load balancers reach, and what stands between: what the simulated world has,
//! beside what a spec says.

use std::collections::BTreeMap;

use aws_sim::ecs;
use aws_sim::fields::Fields as _;
use aws_sim::world::World;
use ecsup::spec::{Arch, RunOn, Service, Spec, Until};
use serde_json::{Value, json};

/// Where the containers of a service of the world are others than a spec says.
pub fn unlike(world: &mut World, spec: &Spec) -> Vec<String> {
    let mut unlike = Vec::new();
    for service in &spec.services {
        let (is, wanted) = (of_world(world, spec, service), of_spec(service));
        let differs = |(name, wanted): (&String, &Value)| {
            let is = &is[name];
            (is != wanted).then(|| format!("{} of {}: {is}, not {wanted}", name, service.name))
        };
        unlike.extend(wanted.as_object().into_iter().flatten().filter_map(differs));
    }
    unlike
}

fn after(on: &BTreeMap<ecsup::names::ServiceName, Until>) -> Value {
    let word = |until: &Until| match until {
        Until::Started => "START",
        Until::Healthy => "HEALTHY",
        Until::Success => "SUCCESS",
    };
    on.iter().map(|(name, until)| (name.to_string(), json!(word(until)))).collect()
}

fn of_spec(service: &Service) -> Value {
    let mut containers = BTreeMap::new();
    let taken = service.sidecars.iter().map(|it| it.memory.unwrap_or(0)).sum::<u32>();
    let cpu = service.sidecars.iter().map(|it| it.cpu).sum::<u32>();
    let is_reached = service.internal.is_some() || service.public.is_some();
    let (target, target_port) = match &service.target {
        None => (&service.name, Some(service.port)),
        Some(name) => {
            (name, service.sidecars.iter().find(|it| it.name == *name).and_then(|it| it.port))
        }
    };
    // By a name others reach it as well.
    let is_called = is_reached || service.discovery.is_some();
    let own_port = (is_called && service.target.is_none()).then_some(service.port);
    let own = json!({
        "image": service.image.as_str(),
        "cpu": service.cpu - cpu,
        "memory": service.memory - taken,
        "essential": true,
        "ports": own_port.into_iter().collect::<Vec<_>>(),
        "after": after(&service.depends_on),
        "variables": service.env.len(),
        "secrets": service.secrets.keys().collect::<Vec<_>>(),
    });
    containers.insert(service.name.to_string(), own);
    for it in &service.sidecars {
        let sidecar = json!({
            "image": it.image.as_str(),
            "cpu": it.cpu,
            "memory": it.memory,
            "essential": it.essential,
            "ports": it.port.into_iter().collect::<Vec<_>>(),
            "after": after(&it.depends_on),
            "variables": it.env.len(),
            "secrets": it.secrets.keys().collect::<Vec<_>>(),
        });
        containers.insert(it.name.to_string(), sidecar);
    }
    let reached = json!([target.as_str(), target_port]);
    let is_arm = service.run_on == RunOn::Fargate && service.arch == Arch::Arm64;
    json!({
        "containers": containers,
        "reached": if is_reached { json!([reached]) } else { json!([]) },
        "groups of others": service.security_groups,
        "processor": is_arm.then_some("ARM64"),
    })
}

fn of_world(world: &mut World, spec: &Spec, service: &Service) -> Value {
    let mut ask =
        |operation: &str, input: Value| ecs::answer(world, operation, &input).unwrap_or_default();
    let cluster = format!("cluster-{}", spec.stack);
    let input = json!({ "cluster": cluster, "services": [service.name.as_str()] });
    let answer = ask("DescribeServices", input);
    let it = answer.list("services").first().cloned().unwrap_or_default();
    let input = json!({ "taskDefinition": it.text("taskDefinition") });
    let answer = ask("DescribeTaskDefinition", input);
    let definition = answer.part("taskDefinition");
    let mut containers = BTreeMap::new();
    for container in definition.list("containerDefinitions") {
        let ports = container.list("portMappings").iter().map(|it| it.number("containerPort"));
        let on = container.list("dependsOn").iter();
        let on: BTreeMap<_, _> =
            on.map(|it| (it.text("containerName"), it.text("condition"))).collect();
        let mut secrets: Vec<_> =
            container.list("secrets").iter().map(|it| it.text("name")).collect();
        secrets.sort_unstable();
        let is = json!({
            "image": container.text("image"),
            "cpu": container.number("cpu"),
            "memory": container.number("memory"),
            "essential": container.flag("essential"),
            "ports": ports.collect::<Vec<_>>(),
            "after": on,
            "variables": container.list("environment").len(),
            "secrets": secrets,
        });
        containers.insert(container.text("name").to_owned(), is);
    }
    let behind = it.list("loadBalancers").iter();
    let mut behind: Vec<_> =
        behind.map(|it| json!([it.text("containerName"), it.number("containerPort")])).collect();
    // One for each load balancer.
    behind.dedup();
    let net = it.part("networkConfiguration").part("awsvpcConfiguration");
    let mut own = |id: &String| {
        let tags = world.tagged().into_iter().find(|(_, of, _)| of.ends_with(id.as_str()));
        tags.is_some_and(|(_, _, tags)| tags.contains_key("ecsup:stack"))
    };
    let groups = net.texts("securityGroups");
    let others: Vec<_> = groups.into_iter().filter(|id| !own(id)).collect();
    json!({
        "containers": containers,
        "reached": behind,
        "groups of others": others,
        "processor": definition.part("runtimePlatform").some_text("cpuArchitecture"),
    })
}
