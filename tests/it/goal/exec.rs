//! Whether commands may be run in exactly the tasks that they were to be run in: asked of the services, of the
//! agents in their tasks, and of what their role allows.

use std::collections::BTreeSet;

use aws_sim::fields::Fields as _;
use aws_sim::world::World;
use ecsup::spec::{Service, Spec, TaskRole};
use serde_json::{Value, json};

use super::roles::of_role;
use super::scaling::{ask, described};

/// What the agents do, on everything.
const AGENTS: [&str; 4] = [
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
];

/// The tasks of a service that run.
pub fn tasks(world: &mut World, stack: &str, service: &str) -> Vec<Value> {
    let cluster = format!("cluster-{stack}");
    let input = json!({ "cluster": cluster, "serviceName": service });
    let tasks = ask(world, "ecs", "ListTasks", input).texts("taskArns");
    if tasks.is_empty() {
        return Vec::new();
    }
    let tasks = ask(world, "ecs", "DescribeTasks", json!({ "cluster": cluster, "tasks": tasks }));
    let running = tasks.list("tasks").iter().filter(|it| it.text("lastStatus") == "RUNNING");
    running.cloned().collect()
}

/// What the role of a service's tasks may do by its inline policies, where it has one.
fn allowed(world: &mut World, stack: &str, service: &str) -> Option<BTreeSet<(String, String)>> {
    let it = described(world, stack, service);
    let input = json!({ "taskDefinition": it.text("taskDefinition") });
    let definition = ask(world, "ecs", "DescribeTaskDefinition", input);
    let role = definition.part("taskDefinition").some_text("taskRoleArn").map(str::to_owned)?;
    Some(of_role(world, &role).1)
}

fn wanted(service: &Service) -> Option<BTreeSet<(String, String)>> {
    let TaskRole::Own { permissions, .. } = &service.task_role else { return None };
    let agents = AGENTS.iter().filter(|_| service.exec);
    let mut all: BTreeSet<_> = agents.map(|it| ((*it).to_owned(), "*".to_owned())).collect();
    for it in permissions {
        let of = |action: &String| {
            it.resources.iter().map(|to| (action.clone(), to.clone())).collect::<Vec<_>>()
        };
        all.extend(it.actions.iter().flat_map(of));
    }
    Some(all)
}

/// Where commands may be run in others than they were to be.
pub fn unlike(world: &mut World, spec: &Spec) -> Vec<String> {
    let stack = spec.stack.as_str();
    let mut faults = Vec::new();
    for service in &spec.services {
        let name = service.name.as_str();
        let mut same = |what: &str, is: String, wanted: String| {
            if is != wanted {
                faults.push(format!("{what} of {name}: {is}, not {wanted}"));
            }
        };
        let is = described(world, stack, name)["enableExecuteCommand"].to_string();
        same("commands", is, service.exec.to_string());
        for task in tasks(world, stack, name) {
            let is = task["enableExecuteCommand"].to_string();
            same("commands in a task", is, service.exec.to_string());
            for container in task.list("containers").iter().filter(|_| service.exec) {
                let agents = container.list("managedAgents").iter();
                let agents: Vec<_> = agents.map(|it| it.text("lastStatus")).collect();
                same(container.text("name"), format!("{agents:?}"), format!("{:?}", ["RUNNING"]));
            }
        }
        if matches!(service.task_role, TaskRole::Existing(_)) {
            continue;
        }
        let is = allowed(world, stack, name);
        same("role", format!("{is:?}"), format!("{:?}", wanted(service)));
    }
    faults
}
