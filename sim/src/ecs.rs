//! ECS: clusters, capacity providers, task definitions, services and tasks, and what lives by itself
//! among them: the agents on instances, the scheduler of services, and the scaler of groups.
//!
//! Every rule is a fact of `docs/aws-facts.md`; the exact words of a refusal matter, because ECS has
//! few codes and callers have to tell its errors apart by their messages.
//!
//! Durations, in seconds, by the label under which a scenario can replace them:
//!
//! | Label | Range | What it is |
//! |---|---|---|
//! | `cluster.provision` | 0–3 | from `CreateCluster` to `ACTIVE` |
//! | `cluster.delete` | 1–5 | from `DeleteCluster` to `INACTIVE` |
//! | `cluster.attachments` | 5–20 | ECS attaches or detaches capacity providers |
//! | `capacity-provider.update` | 2–8 | from `UpdateCapacityProvider` to `UPDATE_COMPLETE` |
//! | `capacity-provider.delete` | 5–20 | from `DeleteCapacityProvider` to `INACTIVE` |
//! | `task-definition.delete` | 20–120 | a revision that nothing uses is `DELETE_IN_PROGRESS` |
//! | `agent.register` | 40–60 | from the boot of an instance to its agent's first attempt |
//! | `instance.deregister` | 5–20 | a terminated instance leaves its cluster |
//! | `instance.drain` | 1–5 | from the draining hook to `DRAINING` |
//! | `service.tick` | 2–5 | the scheduler looks at a service that is not steady |
//! | `task.attach` | 5–10 | an instance gets a task's network interface |
//! | `task.pull` | 5–20 | an instance pulls the image |
//! | `fargate.attach` | 8–16 | Fargate finds a place and attaches the interface |
//! | `fargate.pull` | 16–32 | Fargate pulls the image |
//! | `fargate.pull.timeout` | 120–240 | Fargate gives up pulling without a way out |
//! | `task.start` | 1–2 | the containers start |
//! | `task.agent` | 1–5 | what runs commands in a task starts |
//! | `task.stop` | 1–3 | the containers stop after SIGTERM |
//! | `task.deprovision` | 2–6 | the network interface goes |
//! | `scaler.phase` | 30–60 | from attachment to the scaler's first metric; then one each minute |
//! | `insights.flush` | 10–60 | Container Insights writes what it still has |
//!
//! Facts in doubt, which a scenario can turn: `create-cluster-compares-tags`,
//! `first-cluster-is-refused`, `provider-name-stays-taken`, `registered-before-association`,
//! `detach-fails-without-group`, `deregistration-lags`, `draining-needs-no-agent`,
//! `failed-tasks-uncounted`, `insights-writes-after-cluster`, `launch-type-beside-strategy`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::arn::short;
use crate::buckets::{Limits, Shared};
use crate::fields::{Fields, Tags};
use crate::iam::{self, ServiceRole};
use crate::model::Model;
use crate::page::Pager;
use crate::refusal::{Answer, Refusal, Refusals};
use crate::service::Handler::{self, Changes, Looks};
use crate::service::Service;
use crate::tags::{Fault, Rules};
use crate::world::{Scope, State, World};

mod agent;
mod association;
mod capacity_provider;
mod cluster;
mod container_health;
mod container_instance;
mod curl;
mod dependencies;
mod execute_command;
mod image;
mod insights;
mod launch;
mod lifecycle;
mod output;
mod placement;
mod policy;
mod rollout;
mod run_task;
mod scaler;
mod scheduler;
mod secrets;
mod service;
mod service_deployment;
mod service_event;
mod service_request;
mod service_revision;
mod tags;
mod task;
mod task_definition;
mod task_definition_request;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_commands;
#[cfg(test)]
mod tests_of_exec;
#[cfg(test)]
mod tests_of_registries;
#[cfg(test)]
mod tests_of_secrets;
#[cfg(test)]
mod tests_of_sidecars;
#[cfg(test)]
mod tests_of_ways;
#[cfg(test)]
mod tests_on_instances;
mod views;
mod way;

pub use views::{ids, tagged};

/// The service.
pub static SERVICE: Service = Service {
    name: "ecs",
    model: LazyLock::new(|| Model::read(include_str!("ecs/model.json"))),
    operations: OPERATIONS,
    limits: Limits { shared: Shared::ByKind, looks: (50.0, 20.0), changes: (40.0, 5.0) },
    refusals: Refusals {
        missing: "InvalidParameterException",
        malformed: "InvalidParameterException",
        throttled: || Refusal::new("ThrottlingException", "Rate exceeded"),
        denied: |why| Refusal::new("AccessDeniedException", why),
        dry_run: None,
    },
    scope: Ecs::SCOPE,
    begin,
    hear: Some(agent::hear),
    ids,
    tagged,
    required: policy::required,
    tell: policy::tell,
};

/// Everything of ECS in a region.
#[derive(Debug, Default)]
pub struct Ecs {
    /// Clusters by name, those that are `INACTIVE` included.
    clusters: BTreeMap<String, cluster::Cluster>,
    /// Capacity providers by name, those that are `INACTIVE` included.
    providers: BTreeMap<String, capacity_provider::Provider>,
    /// Families of task definitions by name.
    families: BTreeMap<String, task_definition::Family>,
    /// Services by cluster and name, those that are `INACTIVE` included.
    services: BTreeMap<(String, String), service::Service>,
    /// Tasks by id; stopped ones for an hour.
    tasks: BTreeMap<String, task::Task>,
    /// Container instances by id, those that are `INACTIVE` included.
    instances: BTreeMap<String, container_instance::ContainerInstance>,
    /// How many instances of a name have booted, which tells their agents' delays apart.
    boots: BTreeMap<String, u32>,
    /// Whether the scaler looks each minute.
    scaling: bool,
}

impl State for Ecs {
    const SCOPE: Scope = Scope::Region;
}

fn begin(world: &mut World) {
    world.begin::<Ecs>();
    iam::introduce(world, &LINKED);
}

impl World {
    /// What ECS keeps here.
    pub fn ecs(&self) -> &Ecs {
        self.state()
    }

    /// The same, to be changed.
    pub fn ecs_mut(&mut self) -> &mut Ecs {
        self.state_mut()
    }
}

/// The service-linked role that ECS acts through.
static LINKED: ServiceRole = ServiceRole {
    principal: "ecs.amazonaws.com",
    name: "AWSServiceRoleForECS",
    policy: "AmazonECSServiceRolePolicy",
};

/// What it answers.
const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateCluster", Changes(cluster::create_cluster)),
    ("DescribeClusters", Looks(cluster::describe_clusters)),
    ("ListClusters", Looks(cluster::list_clusters)),
    ("UpdateCluster", Changes(cluster::update_cluster)),
    ("DeleteCluster", Changes(cluster::delete_cluster)),
    ("CreateCapacityProvider", Changes(capacity_provider::create_capacity_provider)),
    ("UpdateCapacityProvider", Changes(capacity_provider::update_capacity_provider)),
    ("DescribeCapacityProviders", Looks(capacity_provider::describe_capacity_providers)),
    ("DeleteCapacityProvider", Changes(capacity_provider::delete_capacity_provider)),
    ("PutClusterCapacityProviders", Changes(association::put_cluster_capacity_providers)),
    ("RegisterTaskDefinition", Changes(task_definition_request::register_task_definition)),
    ("DescribeTaskDefinition", Looks(task_definition::describe_task_definition)),
    ("ListTaskDefinitions", Looks(task_definition::list_task_definitions)),
    ("ListTaskDefinitionFamilies", Looks(task_definition::list_families)),
    ("DeregisterTaskDefinition", Changes(task_definition::deregister_task_definition)),
    ("DeleteTaskDefinitions", Changes(task_definition::delete_task_definitions)),
    ("CreateService", Changes(service_request::create_service)),
    ("UpdateService", Changes(service_request::update_service)),
    ("DescribeServices", Looks(service::describe_services)),
    ("ListServiceDeployments", Looks(service_deployment::list_service_deployments)),
    ("ListServices", Looks(service::list_services)),
    ("DeleteService", Changes(service::delete_service)),
    ("ListTasks", Looks(task::list_tasks)),
    ("DescribeTasks", Looks(task::describe_tasks)),
    ("RunTask", Changes(run_task::run_task)),
    ("StopTask", Changes(task::stop_task)),
    ("ExecuteCommand", Changes(execute_command::execute_command)),
    ("ListContainerInstances", Looks(container_instance::list_container_instances)),
    ("DescribeContainerInstances", Looks(container_instance::describe_container_instances)),
    ("DeregisterContainerInstance", Changes(container_instance::deregister_container_instance)),
    ("TagResource", Changes(tags::tag_resource)),
    ("UntagResource", Changes(tags::untag_resource)),
    ("ListTagsForResource", Looks(tags::list_tags_for_resource)),
    ("ListAccountSettings", Looks(|world, input| Ok(tags::list_account_settings(world, input)))),
];

/// Fargate takes the place of a task on Spot back.
pub fn interrupt(world: &mut World, task: &str) {
    lifecycle::interrupt(world, short(task));
}

/// Answers one call.
pub fn answer(world: &mut World, operation: &str, input: &Value) -> Answer {
    SERVICE.answer(world, operation, input)
}

/// A refusal with the code `InvalidParameterException`.
fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterException", message)
}

/// A refusal with the code `ClientException`.
fn client(message: impl Into<String>) -> Refusal {
    Refusal::new("ClientException", message)
}

/// Refuses a parameter that changes what ECS does and is not simulated.
fn lacks(input: &Value, operation: &str, parameters: &[&str]) -> Result<(), Refusal> {
    let present = |name: &&&str| match &input[**name] {
        Value::Null => false,
        Value::Array(list) => !list.is_empty(),
        _ => true,
    };
    match parameters.iter().find(present) {
        Some(name) => Err(Refusal::new("SimulatorLacks", format!("{operation} with {name}"))),
        None => Ok(()),
    }
}

/// An item of `failures` in an answer.
fn failure(arn: impl Into<String>, reason: &str) -> Value {
    json!({ "arn": arn.into(), "reason": reason })
}

/// Whether a list `include` asks for a field.
fn includes(input: &Value, field: &str) -> bool {
    input.list("include").iter().any(|it| it == field)
}

/// Pages of listings.
const PAGER: Pager = Pager {
    size: "maxResults",
    most: 100,
    bad_size: Some(|_| invalid("maxResults must be between 1 and 100.")),
    from: "nextToken",
    next: "nextToken",
    says_truncated: false,
    bad_token: |_| invalid("Invalid token"),
};

/// What ECS lets tags be.
const TAGS: Rules = Rules {
    most: 50,
    folds_case: false,
    refuse: |fault| match fault {
        Fault::TooMany => invalid("The number of tags exceeds the limit of 50."),
        Fault::Twice(_) => {
            invalid("Duplicate tag keys found. Please note that tag keys are unique.")
        }
        Fault::Reserved(_) => {
            invalid("Some tags contain invalid keys. The aws: prefix is reserved for AWS use.")
        }
        Fault::Blank | Fault::LongKey(_) | Fault::LongValue(_) => {
            invalid("Some tags contain invalid keys or values.")
        }
    },
};

/// Tags of a request, which have to be ones that a user may set.
fn wanted_tags(input: &Value) -> Result<Tags, Refusal> {
    TAGS.given(input.list("tags"))
}

/// Whether a name is made of what ECS allows.
fn is_name(name: &str) -> bool {
    let fits = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '_';
    (1..=255).contains(&name.len()) && name.chars().all(fits)
}

/// Refuses while ECS cannot act through its service-linked role.
fn need_linked_role(world: &World) -> Result<(), Refusal> {
    match iam::linked_role(world, LINKED.principal) {
        iam::LinkedRole::Usable => Ok(()),
        iam::LinkedRole::Missing | iam::LinkedRole::Fresh => Err(invalid(
            "Unable to assume the service linked role. Please verify that the ECS service linked \
             role exists.",
        )),
    }
}

/// The dice's key of something that happens for the n-th time.
fn nth(key: &str, n: impl std::fmt::Display) -> String {
    format!("{key}#{n}")
}
