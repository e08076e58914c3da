//! What `ecsup exec` and `ecsup forward` need of a service: what its tasks have to be allowed, and to reach.
//!
//! An agent of Systems Manager stands beside each container. It talks to AWS with the role of the tasks, over
//! the network of the task itself, also on instances (ECS guide, "Monitor Amazon ECS containers with ECS
//! Exec"): ECS neither checks the one nor the other when it starts a task.

use std::collections::BTreeMap;

use super::task_role::{Permission, document};

/// The service that the agents talk to, as endpoints and permissions call it.
pub const MESSAGES: &str = "ssmmessages";

/// What the role of tasks has to allow, whatever the resource (the same guide, "Required IAM permissions").
pub const ACTIONS: [&str; 4] = [
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
];

/// The same as a policy document.
pub fn policy() -> String {
    let actions = ACTIONS.map(str::to_owned).to_vec();
    let resources = vec!["*".to_owned()];
    document(&[Permission { actions, resources, condition: BTreeMap::new() }])
}
