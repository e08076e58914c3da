//! The capacity providers of a cluster. `PutClusterCapacityProviders` replaces the whole list; ECS
//! then works on it for up to a minute, and takes no other list meanwhile (`docs/aws-facts.md`).
//!
//! Attaching a provider of a group gives the group its scaling policy, the tag of ECS and the draining
//! hook; detaching takes the hook off again, but not the protection of instances.

use serde_json::{Value, json};

use super::cluster::{self, ALL, Attachment, Cluster};
use super::task::Status;
use super::{client, invalid, need_linked_role, nth, scaler, scheduler, short};
use crate::autoscaling;
use crate::doubt::Doubt;
use crate::fields::Fields;
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// The providers of Fargate, which every account has.
pub(super) const FARGATE: [&str; 2] = ["FARGATE", "FARGATE_SPOT"];

/// `PutClusterCapacityProviders`.
pub(super) fn put_cluster_capacity_providers(world: &mut World, input: &Value) -> Answer {
    let name = short(input.text("cluster")).to_owned();
    let cluster = world.ecs().clusters.get(&name).ok_or_else(cluster::not_found)?;
    match cluster.status {
        "ACTIVE" => {}
        "INACTIVE" => {
            return Err(invalid(
                "The specified cluster is inactive. Specify an active cluster and try again.",
            ));
        }
        _ => return Err(client("Cluster was not ACTIVE.")),
    }
    need_linked_role(world)?;
    if cluster.update == Some("UPDATE_IN_PROGRESS") {
        return Err(busy());
    }
    let providers = names(input);
    let strategy = input.list("defaultCapacityProviderStrategy");
    check(world, &name, &providers, strategy)?;
    let cluster = world.ecs().clusters.get(&name).ok_or_else(cluster::not_found)?;
    let leaving = cluster.providers.iter().filter(|it| !providers.contains(it));
    for provider in leaving {
        if is_in_use(world, &name, provider) {
            return Err(Refusal::new(
                "ResourceInUseException",
                "The specified capacity provider is in use and cannot be removed.",
            ));
        }
    }
    associate(world, &name, providers, strategy.to_vec());
    let cluster = world.ecs().clusters.get(&name).map(|it| cluster::describe(world, it, ALL));
    Ok(json!({ "cluster": cluster }))
}

/// The providers that a request names, each once.
pub(super) fn names(input: &Value) -> Vec<String> {
    let mut names = Vec::new();
    for name in input.texts("capacityProviders") {
        let name = short(&name).to_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// What ECS answers while it works on a cluster's providers.
pub(super) fn busy() -> Refusal {
    Refusal::new(
        "UpdateInProgressException",
        "The specified cluster is in a busy state. Cluster attachments must be in UPDATE_COMPLETE \
         or UPDATE_FAILED state before they can be updated. Wait and try again.",
    )
}

/// Checks a list of providers and a default strategy for a cluster.
pub(super) fn check(
    world: &World,
    cluster: &str,
    providers: &[String],
    strategy: &[Value],
) -> Result<(), Refusal> {
    if providers.len() > 20 {
        return Err(invalid("The number of capacity providers exceeds the limit of 20."));
    }
    for name in providers.iter().filter(|name| !FARGATE.contains(&name.as_str())) {
        let there = world.ecs().providers.get(name).filter(|it| it.status != "INACTIVE");
        let provider = there.ok_or_else(|| {
            invalid(format!(
                "The specified capacity provider '{name}' was not found. Specify a valid name or \
                 ARN and try again."
            ))
        })?;
        if provider.status != "ACTIVE" {
            return Err(invalid(format!(
                "The specified capacity provider '{name}' is not in an ACTIVE state. Specify a \
                 valid capacity provider and try again."
            )));
        }
        let elsewhere = clusters_of(world, name).into_iter().any(|other| other != cluster);
        if provider.scaling.enabled && elsewhere {
            return Err(invalid(format!(
                "The specified capacity provider '{name}' is already associated with another \
                 cluster. A capacity provider with managed scaling enabled can be associated with \
                 one cluster only."
            )));
        }
    }
    check_strategy(providers, strategy)
}

/// Checks a strategy against the providers that it may name.
pub(super) fn check_strategy(providers: &[String], strategy: &[Value]) -> Result<(), Refusal> {
    let names: Vec<_> = strategy.iter().map(|it| short(it.text("capacityProvider"))).collect();
    if names.iter().any(|name| !providers.iter().any(|it| it == name)) {
        return Err(not_associated());
    }
    let on_fargate = names.iter().filter(|name| FARGATE.contains(name)).count();
    if on_fargate > 0 && on_fargate < names.len() {
        return Err(invalid(
            "A capacity provider strategy cannot contain a mix of capacity providers using Auto \
             Scaling groups and Fargate providers. Specify one or the other and try again.",
        ));
    }
    let based = strategy.iter().filter(|it| it.number("base").is_some_and(|base| base > 0));
    if based.count() > 1 {
        return Err(invalid(
            "Only one capacity provider in a capacity provider strategy can have a base defined.",
        ));
    }
    let weightless = |it: &Value| it.number("weight").unwrap_or(0) == 0;
    if strategy.len() > 1 && strategy.iter().all(weightless) {
        return Err(invalid(
            "At least one capacity provider in a capacity provider strategy must have a weight \
             greater than zero.",
        ));
    }
    Ok(())
}

/// What ECS answers to a strategy with a provider that the cluster does not have.
pub(super) fn not_associated() -> Refusal {
    invalid(
        "The specified capacity provider strategy cannot contain a capacity provider that is not \
         associated with the cluster. Associate the capacity provider with the cluster or specify \
         a capacity provider that is associated with the cluster and try again.",
    )
}

/// Whether services or tasks of a cluster use a provider.
fn is_in_use(world: &World, cluster: &str, provider: &str) -> bool {
    let names = |strategy: &[Value]| {
        strategy.iter().any(|it| short(it.text("capacityProvider")) == provider)
    };
    let service = world.ecs().services.values().any(|service| {
        let ours = service.cluster == cluster && service.status != "INACTIVE";
        ours && (names(&service.setup.strategy)
            || service.deployments.iter().any(|it| names(&it.setup.strategy)))
    });
    let task = world.ecs().tasks.values().any(|task| {
        task.cluster == cluster
            && task.status != Status::Stopped
            && task.provider.as_deref() == Some(provider)
    });
    service || task
}

/// Clusters that a provider is associated with, also while ECS still takes it off.
pub(super) fn clusters_of(world: &World, provider: &str) -> Vec<String> {
    let has = |it: &&Cluster| {
        it.providers.iter().any(|name| name == provider) || it.attachments.contains_key(provider)
    };
    let living = world.ecs().clusters.values().filter(|it| it.status != "INACTIVE");
    living.filter(has).map(|it| it.name.clone()).collect()
}

/// Whether a provider of a cluster can be used.
pub(super) fn is_usable(cluster: &Cluster, provider: &str) -> bool {
    let listed = cluster.providers.iter().any(|it| it == provider);
    let attached = cluster.attachments.get(provider).is_some_and(|it| it.status == "CREATED");
    listed && (attached || FARGATE.contains(&provider))
}

/// Replaces the providers of a cluster; what belongs to them is attached or detached later.
pub(super) fn associate(
    world: &mut World,
    cluster: &str,
    providers: Vec<String>,
    strategy: Vec<Value>,
) {
    let id = world.uuid();
    let Some(it) = world.ecs_mut().clusters.get_mut(cluster) else { return };
    let mut works = false;
    for name in providers.iter().filter(|name| !FARGATE.contains(&name.as_str())) {
        if it.attachments.get(name).is_none_or(|there| there.status != "CREATED") {
            let id = format!("{}{}", &id[..id.len() - 4], tail(name));
            it.attachments.insert(name.clone(), Attachment { id, status: "PRECREATED" });
            works = true;
        }
    }
    for (name, attachment) in &mut it.attachments {
        if !providers.contains(name) {
            // One that ECS failed to take off before is given up at the second request.
            attachment.status = match attachment.status {
                "DELETE_FAILED" => "DELETING_AGAIN",
                _ => "DELETING",
            };
            works = true;
        }
    }
    it.providers = providers;
    it.strategy = strategy;
    if !works {
        return;
    }
    it.update = Some("UPDATE_IN_PROGRESS");
    let (name, serial) = (cluster.to_owned(), it.serial.clone());
    let key = nth(&name, it.providers.join(","));
    let after = world.dice.delay("cluster.attachments", &key, 5.0..=20.0);
    world.after(after, move |world| settle(world, &name, &serial));
}

/// Four hexadecimal digits that tell attachments of one request apart.
fn tail(name: &str) -> String {
    let sum = name.bytes().fold(7_u16, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    format!("{sum:04x}")
}

/// ECS is done with the providers of a cluster.
fn settle(world: &mut World, cluster: &str, serial: &str) {
    let Some(it) = world.ecs().clusters.get(cluster).filter(|it| it.serial == serial) else {
        return;
    };
    let attachments: Vec<_> =
        it.attachments.iter().map(|(name, it)| (name.clone(), it.status)).collect();
    let mut failed = false;
    for (provider, status) in attachments {
        let done = match status {
            "PRECREATED" => attach(world, cluster, &provider),
            "DELETING" | "DELETING_AGAIN" => {
                detach(world, cluster, &provider, status == "DELETING_AGAIN")
            }
            _ => true,
        };
        failed |= !done;
    }
    if let Some(it) = world.ecs_mut().clusters.get_mut(cluster) {
        it.update = Some(if failed { "UPDATE_FAILED" } else { "UPDATE_COMPLETE" });
    }
    scaler::wake(world, cluster);
    scheduler::wake_cluster(world, cluster);
}

fn attach(world: &mut World, cluster: &str, provider: &str) -> bool {
    let Some(it) = world.ecs().providers.get(provider).cloned() else { return false };
    let group = autoscaling::group(world, &it.group).filter(|group| !group.deleting);
    let done = group.is_some();
    if let Some(group) = group {
        if it.scaling.enabled {
            autoscaling::manage(world, &group.name);
        }
        if it.draining {
            autoscaling::set_draining_hook(world, &group.name, true);
        }
        if !world.scenario.doubts(Doubt::RegisteredBeforeAssociation) {
            let members: Vec<_> = group.instances.into_iter().map(|it| it.id).collect();
            for instance in world.ecs_mut().instances.values_mut() {
                if instance.cluster == cluster && members.contains(&instance.ec2) {
                    instance.provider = Some(provider.to_owned());
                }
            }
        }
    }
    if let Some(it) = world.ecs_mut().clusters.get_mut(cluster)
        && let Some(attachment) = it.attachments.get_mut(provider)
    {
        attachment.status = if done { "CREATED" } else { "CREATE_FAILED" };
    }
    done
}

fn detach(world: &mut World, cluster: &str, provider: &str, again: bool) -> bool {
    let group = world.ecs().providers.get(provider).map(|it| it.group.clone());
    let group = group.and_then(|group| autoscaling::group(world, &group));
    let gone = group.as_ref().is_none_or(|group| group.deleting);
    if gone && !again && world.scenario.doubts(Doubt::DetachFailsWithoutGroup) {
        if let Some(it) = world.ecs_mut().clusters.get_mut(cluster) {
            if let Some(attachment) = it.attachments.get_mut(provider) {
                attachment.status = "DELETE_FAILED";
            }
            it.providers.push(provider.to_owned());
        }
        return false;
    }
    if let Some(group) = group {
        autoscaling::set_draining_hook(world, &group.name, false);
    }
    for instance in world.ecs_mut().instances.values_mut() {
        if instance.cluster == cluster && instance.provider.as_deref() == Some(provider) {
            instance.provider = None;
        }
    }
    if let Some(it) = world.ecs_mut().clusters.get_mut(cluster) {
        it.attachments.remove(provider);
    }
    true
}

/// The attachments of a cluster as they are answered: a scaling policy and a hook for each provider.
pub(super) fn describe(cluster: &Cluster) -> Value {
    let both = |(provider, it): (&String, &Attachment)| {
        let status = it.status.trim_end_matches("_AGAIN").to_owned();
        ["as_policy", "managed_draining"].map(|kind| {
            let id = match kind {
                "as_policy" => it.id.clone(),
                _ => it.id.replacen('-', "-d", 1),
            };
            let mut details = vec![json!({ "name": "capacityProviderName", "value": provider })];
            if status.ends_with("FAILED") {
                let why = "The Auto Scaling group of the capacity provider was not found.";
                details.push(json!({ "name": "reason", "value": why }));
            }
            json!({ "id": id, "type": kind, "status": status, "details": details })
        })
    };
    cluster.attachments.iter().flat_map(both).collect()
}
