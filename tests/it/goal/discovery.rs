//! Whether services are found by the names that they were to have, and whether exactly those reach them who
//! may: asked of the simulated world's resolver and of its security groups.

use std::collections::BTreeSet;

use aws_sim::fields::Fields as _;
use aws_sim::world::World;
use aws_sim::{ec2, route53};
use ecsup::spec::{Service, Spec};
use serde_json::json;

use super::scaling::{ask, described};

/// The security groups of a service's tasks, and their VPC.
fn place(world: &mut World, stack: &str, service: &str) -> (Vec<String>, String) {
    let it = described(world, stack, service);
    let groups = it.part("networkConfiguration").part("awsvpcConfiguration");
    let groups = groups.texts("securityGroups");
    let input = json!({ "GroupIds": groups });
    let found = ask(world, "ec2", "DescribeSecurityGroups", input);
    let vpc = found.list("SecurityGroups").first().map(|it| it.text("VpcId").to_owned());
    (groups, vpc.unwrap_or_default())
}

/// The addresses of the tasks of a service that run.
pub fn addresses(world: &mut World, stack: &str, service: &str) -> BTreeSet<String> {
    let cluster = format!("cluster-{stack}");
    let input = json!({ "cluster": cluster, "serviceName": service });
    let tasks = ask(world, "ecs", "ListTasks", input).texts("taskArns");
    if tasks.is_empty() {
        return BTreeSet::new();
    }
    let tasks = ask(world, "ecs", "DescribeTasks", json!({ "cluster": cluster, "tasks": tasks }));
    let running = tasks.list("tasks").iter().filter(|it| it.text("lastStatus") == "RUNNING");
    let details = running.flat_map(|it| it.list("attachments")).flat_map(|it| it.list("details"));
    let addresses = details.filter(|it| it.text("name") == "privateIPv4Address");
    addresses.map(|it| it.text("value").to_owned()).collect()
}

/// What the name of a service stands for in the VPC of its tasks.
pub fn resolved(world: &mut World, stack: &str, service: &str) -> BTreeSet<String> {
    let (_, vpc) = place(world, stack, service);
    let name = format!("{}.svc.{stack}.internal", service.to_lowercase());
    route53::resolve(world, &vpc, &name).into_iter().collect()
}

/// Whether a service may open the port of another.
fn may_call(service: &Service, caller: &Service) -> bool {
    let discovery = service.discovery.as_ref();
    discovery.is_some_and(|it| it.callers.as_ref().is_none_or(|all| all.contains(&caller.name)))
}

/// What is wrong with the names of the services of a spec; nothing when all is as asked for.
pub fn unnamed(world: &mut World, spec: &Spec) -> Vec<String> {
    let stack = spec.stack.as_str();
    let mut faults = Vec::new();
    let mut same = |what: String, is: String, wanted: String| {
        if is != wanted {
            faults.push(format!("{what}: {is}, not {wanted}"));
        }
    };
    let named = spec.services.iter().filter(|it| it.discovery.is_some());
    let named: BTreeSet<_> = named.map(|it| it.name.to_string()).collect();
    let own = format!("svc.{stack}.internal");
    let namespaces = ask(world, "servicediscovery", "ListNamespaces", json!({}));
    let namespaces = namespaces.list("Namespaces").iter().filter(|it| it.text("Name") == own);
    let zones = ask(world, "route53", "ListHostedZones", json!({}));
    let zones = zones.list("HostedZones").iter();
    let zones = zones.filter(|it| it.text("Name") == format!("{own}.")).count();
    let wanted = usize::from(!named.is_empty());
    same("namespaces".to_owned(), namespaces.count().to_string(), wanted.to_string());
    same("zones of the namespace".to_owned(), zones.to_string(), wanted.to_string());
    let names = ask(world, "servicediscovery", "ListServices", json!({}));
    let names: BTreeSet<_> =
        names.list("Services").iter().map(|it| it.text("Name").to_owned()).collect();
    same("names".to_owned(), format!("{names:?}"), format!("{named:?}"));
    for service in &spec.services {
        let name = service.name.as_str();
        let wanted = match service.discovery {
            Some(_) => addresses(world, stack, name),
            None => BTreeSet::new(),
        };
        let is = resolved(world, stack, name);
        same(format!("addresses of {name}"), format!("{is:?}"), format!("{wanted:?}"));
        let (to, _) = place(world, stack, name);
        let (_, port) = service.target();
        for caller in &spec.services {
            let (from, _) = place(world, stack, caller.name.as_str());
            let is = ec2::may_reach(world, &from, &to, port);
            let what = format!("{} reaches {port} of {name}", caller.name);
            same(what, is.to_string(), may_call(service, caller).to_string());
        }
    }
    faults
}
