//! Clusters.
//!
//! The name of a living cluster answers a second `CreateCluster` with that cluster. A deleted one
//! stays describable as `INACTIVE`, and its name is free. A cluster goes only when nothing is in it
//! (`docs/aws-facts.md`, "Creating" and "Removing").

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::task::Status;
use super::{LINKED, is_name, lacks, need_linked_role, short, wanted_tags};
use super::{PAGER, association, client, container_instance, failure, includes, insights, invalid};
use crate::doubt::Doubt;
use crate::fields::{Fields, Tags, ecs_tag_list};
use crate::iam;
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// A cluster.
#[derive(Debug, Clone)]
pub(super) struct Cluster {
    /// Its name.
    pub(super) name: String,
    /// Its ARN.
    pub(super) arn: String,
    /// Tells it from another one that had the same name.
    pub(super) serial: String,
    /// `PROVISIONING`, `ACTIVE`, `DEPROVISIONING` or `INACTIVE`.
    pub(super) status: &'static str,
    /// Its settings by name.
    pub(super) settings: BTreeMap<String, String>,
    /// Its tags.
    pub(super) tags: Tags,
    /// What else its creation said.
    configuration: Value,
    /// Names of its capacity providers, in the order of the last request.
    pub(super) providers: Vec<String>,
    /// Its default capacity provider strategy.
    pub(super) strategy: Vec<Value>,
    /// What ECS has attached for providers of groups, by provider.
    pub(super) attachments: BTreeMap<String, Attachment>,
    /// `attachmentsStatus`, once the providers were changed.
    pub(super) update: Option<&'static str>,
    /// Whether Container Insights is going to write.
    pub(super) insights: bool,
}

/// What ECS attaches to a cluster for a capacity provider: a scaling policy and a hook.
#[derive(Debug, Clone)]
pub(super) struct Attachment {
    /// Its id.
    pub(super) id: String,
    /// `PRECREATED`, `CREATED`, `DELETING` or `DELETE_FAILED`.
    pub(super) status: &'static str,
}

impl Cluster {
    /// Whether Container Insights is on.
    pub(super) fn has_insights(&self) -> bool {
        let value = self.settings.get("containerInsights").map(String::as_str);
        matches!(value, Some("enabled" | "enhanced"))
    }
}

/// `CreateCluster`.
pub(super) fn create_cluster(world: &mut World, input: &Value) -> Answer {
    lacks(input, "CreateCluster", &["serviceConnectDefaults"])?;
    let name = input.some_text("clusterName").unwrap_or("default").to_owned();
    if !is_name(&name) {
        return Err(invalid("Identifier was invalid or too long."));
    }
    let tags = wanted_tags(input)?;
    let settings = settings(input)?;
    let providers = association::names(input);
    let role = iam::linked_role(world, LINKED.principal);
    if role == iam::LinkedRole::Missing {
        // ECS tries to make it on the caller's behalf; it is usable only later.
        iam::make_linked_role(world, LINKED.principal);
    }
    let first =
        role != iam::LinkedRole::Usable && world.scenario.doubts(Doubt::FirstClusterIsRefused);
    if first || !providers.is_empty() {
        need_linked_role(world)?;
    }
    if let Some(there) = world.ecs().clusters.get(&name).filter(|it| it.status != "INACTIVE") {
        if there.status == "DEPROVISIONING" {
            return Err(client("The referenced cluster was inactive."));
        }
        let same = (settings.is_empty()
            || settings.iter().all(|it| there.settings.get(it.0) == Some(it.1)))
            && (providers.is_empty() || providers == there.providers)
            && input.part("configuration") == &there.configuration
            && (!world.scenario.doubts(Doubt::CreateClusterComparesTags) || tags == there.tags);
        if !same {
            return Err(invalid("Arguments on this idempotent request are inconsistent."));
        }
        return Ok(json!({ "cluster": describe(world, there, ALL) }));
    }
    association::check(world, &name, &providers, input.list("defaultCapacityProviderStrategy"))?;
    let mut settings = settings;
    settings.entry("containerInsights".to_owned()).or_insert_with(|| "disabled".to_owned());
    let serial = world.uuid();
    let cluster = Cluster {
        arn: world.arn("ecs", &format!("cluster/{name}")),
        serial: serial.clone(),
        name: name.clone(),
        status: "PROVISIONING",
        settings,
        tags,
        configuration: input.part("configuration").clone(),
        providers: Vec::new(),
        strategy: Vec::new(),
        attachments: BTreeMap::new(),
        update: None,
        insights: false,
    };
    world.ecs_mut().clusters.insert(name.clone(), cluster);
    let strategy = input.list("defaultCapacityProviderStrategy").to_vec();
    if !providers.is_empty() {
        association::associate(world, &name, providers, strategy);
    }
    let after = world.dice.delay("cluster.provision", &name, 0.0..=3.0);
    // A scenario may say that it takes no time at all.
    if after.is_zero() {
        becomes(world, &name, &serial, "PROVISIONING", "ACTIVE");
    } else {
        let (name, serial) = (name.clone(), serial);
        world.after(after, move |world| becomes(world, &name, &serial, "PROVISIONING", "ACTIVE"));
    }
    let cluster = world.ecs().clusters.get(&name).map(|it| describe(world, it, ALL));
    Ok(json!({ "cluster": cluster }))
}

fn becomes(world: &mut World, name: &str, serial: &str, from: &str, to: &'static str) {
    let cluster = world.ecs_mut().clusters.get_mut(name);
    if let Some(cluster) = cluster.filter(|it| it.serial == serial && it.status == from) {
        cluster.status = to;
    }
}

fn settings(input: &Value) -> Result<BTreeMap<String, String>, Refusal> {
    let mut settings = BTreeMap::new();
    for setting in input.list("settings") {
        let (name, value) = (setting.text("name"), setting.text("value"));
        if name != "containerInsights" || !["enabled", "disabled", "enhanced"].contains(&value) {
            return Err(invalid(format!("Invalid cluster setting value: {value}")));
        }
        settings.insert(name.to_owned(), value.to_owned());
    }
    Ok(settings)
}

/// `DescribeClusters`.
pub(super) fn describe_clusters(world: &World, input: &Value) -> Answer {
    let mut names = input.texts("clusters");
    if names.len() > 100 {
        return Err(invalid("Clusters cannot have more than 100 elements."));
    }
    if names.is_empty() {
        names.push("default".to_owned());
    }
    let (mut clusters, mut failures) = (Vec::new(), Vec::new());
    for name in &names {
        match world.ecs().clusters.get(short(name)) {
            Some(cluster) => {
                let asked: Vec<_> =
                    ALL.iter().copied().filter(|field| includes(input, field)).collect();
                clusters.push(describe(world, cluster, &asked));
            }
            None => {
                let arn = world.arn("ecs", &format!("cluster/{}", short(name)));
                failures.push(failure(arn, "MISSING"));
            }
        }
    }
    Ok(json!({ "clusters": clusters, "failures": failures }))
}

/// `ListClusters`: deleted ones are not listed.
pub(super) fn list_clusters(world: &World, input: &Value) -> Answer {
    let living = world.ecs().clusters.values().filter(|it| it.status != "INACTIVE");
    let arns = living.map(|it| it.arn.clone().into()).collect();
    PAGER.page(world, input, "clusterArns", 100, arns)
}

/// `UpdateCluster`, of which only the settings are simulated.
pub(super) fn update_cluster(world: &mut World, input: &Value) -> Answer {
    let settings = settings(input)?;
    let name = writable(world, input.text("cluster"))?;
    let had = world.ecs().clusters.get(&name).is_some_and(Cluster::has_insights);
    if let Some(cluster) = world.ecs_mut().clusters.get_mut(&name) {
        cluster.settings.extend(settings);
        if had && !cluster.has_insights() {
            insights::flush(world, &name);
        }
    }
    insights::wake(world, &name);
    let cluster = world.ecs().clusters.get(&name).map(|it| describe(world, it, ALL));
    Ok(json!({ "cluster": cluster }))
}

/// `DeleteCluster`: refused with anything in it.
pub(super) fn delete_cluster(world: &mut World, input: &Value) -> Answer {
    let name = writable(world, input.text("cluster"))?;
    let Some(cluster) = world.ecs().clusters.get(&name) else { return Err(not_found()) };
    if cluster.status == "DEPROVISIONING" {
        return Ok(json!({ "cluster": describe(world, cluster, ALL) }));
    }
    let of = |cluster: &str| cluster == name;
    let mut instances = world.ecs().instances.values();
    if instances.any(|it| of(&it.cluster) && it.status != "INACTIVE") {
        return Err(Refusal::new(
            "ClusterContainsContainerInstancesException",
            "The Cluster cannot be deleted while Container Instances are active or draining.",
        ));
    }
    if world.ecs().services.values().any(|it| of(&it.cluster) && it.status != "INACTIVE") {
        return Err(Refusal::new(
            "ClusterContainsServicesException",
            "The Cluster cannot be deleted while Services are active.",
        ));
    }
    if world.ecs().tasks.values().any(|it| of(&it.cluster) && it.status != Status::Stopped) {
        return Err(Refusal::new(
            "ClusterContainsTasksException",
            "The Cluster cannot be deleted while Tasks are active.",
        ));
    }
    if cluster.update == Some("UPDATE_IN_PROGRESS") {
        return Err(association::busy());
    }
    if !cluster.providers.is_empty() || !cluster.attachments.is_empty() {
        return Err(Refusal::new(
            "ClusterContainsCapacityProviderException",
            "The Cluster cannot be deleted while Capacity Providers are attached.",
        ));
    }
    let (serial, had_insights) = (cluster.serial.clone(), cluster.has_insights());
    if let Some(cluster) = world.ecs_mut().clusters.get_mut(&name) {
        cluster.status = "DEPROVISIONING";
    }
    if had_insights {
        insights::flush(world, &name);
    }
    let after = world.dice.delay("cluster.delete", &name, 1.0..=5.0);
    let (key, id) = (name.clone(), serial);
    world.after(after, move |world| becomes(world, &key, &id, "DEPROVISIONING", "INACTIVE"));
    let cluster = world.ecs().clusters.get(&name).map(|it| describe(world, it, ALL));
    Ok(json!({ "cluster": cluster }))
}

/// What ECS answers about a cluster that never was.
pub(super) fn not_found() -> Refusal {
    Refusal::new("ClusterNotFoundException", "Cluster not found.")
}

/// The cluster that a request is about, which is not deleted.
pub(super) fn of(world: &World, input: &Value) -> Result<String, Refusal> {
    writable(world, input.some_text("cluster").unwrap_or("default"))
}

fn writable(world: &World, name_or_arn: &str) -> Result<String, Refusal> {
    let cluster = world.ecs().clusters.get(short(name_or_arn)).ok_or_else(not_found)?;
    match cluster.status {
        "INACTIVE" => Err(client("The referenced cluster was inactive.")),
        _ => Ok(cluster.name.clone()),
    }
}

/// Everything that `include` can ask for.
pub(super) const ALL: &[&str] =
    &["ATTACHMENTS", "CONFIGURATIONS", "SETTINGS", "STATISTICS", "TAGS"];

/// A cluster as it is answered.
pub(super) fn describe(world: &World, cluster: &Cluster, fields: &[&str]) -> Value {
    let name = &cluster.name;
    let inactive = cluster.status == "INACTIVE";
    let tasks = || world.ecs().tasks.values().filter(|it| it.cluster == *name && !inactive);
    let services = world.ecs().services.values();
    let services = services.filter(|it| it.cluster == *name && it.status == "ACTIVE").count();
    let counts = |wanted: fn(Status) -> bool, fargate: Option<bool>| {
        let ours = tasks().filter(|it| fargate.is_none_or(|fargate| it.fargate == fargate));
        ours.filter(|it| wanted(it.status)).count()
    };
    let mut answer = json!({
        "clusterArn": cluster.arn,
        "clusterName": name,
        "status": cluster.status,
        "registeredContainerInstancesCount": container_instance::registered(world, name).count(),
        "runningTasksCount": counts(Status::is_running, None),
        "pendingTasksCount": counts(Status::is_pending, None),
        "activeServicesCount": if inactive { 0 } else { services },
        "statistics": [],
        "tags": [],
        "settings": [],
        "capacityProviders": cluster.providers,
        "defaultCapacityProviderStrategy": cluster.strategy,
    });
    for field in fields {
        match *field {
            "TAGS" => answer["tags"] = ecs_tag_list(&cluster.tags),
            "SETTINGS" => {
                let setting = |(name, value)| json!({ "name": name, "value": value });
                answer["settings"] = cluster.settings.iter().map(setting).collect();
            }
            "CONFIGURATIONS" if cluster.configuration.is_object() => {
                answer["configuration"] = cluster.configuration.clone();
            }
            "STATISTICS" => {
                let value = |(name, count): (&str, usize)| json!({ "name": name, "value": count.to_string() });
                let counts = [
                    ("runningEC2TasksCount", counts(Status::is_running, Some(false))),
                    ("runningFargateTasksCount", counts(Status::is_running, Some(true))),
                    ("pendingEC2TasksCount", counts(Status::is_pending, Some(false))),
                    ("pendingFargateTasksCount", counts(Status::is_pending, Some(true))),
                ];
                answer["statistics"] = counts.into_iter().map(value).collect();
            }
            "ATTACHMENTS" => {
                answer["attachments"] = association::describe(cluster);
                if let Some(update) = cluster.update {
                    answer["attachmentsStatus"] = update.into();
                }
            }
            _ => {}
        }
    }
    answer
}

/// How long an `INACTIVE` or `STOPPED` thing stays describable.
pub(super) const REMEMBERED: Duration = Duration::from_hours(1);
