//! Launching the tasks that a service lacks, and finding places for those that wait for one.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::placement::{self, Spread, words};
use super::rollout::Deployment;
use super::service::{Key, Service};
use super::service_event::{tell, tell_once};
use super::service_revision::Setup;
use super::task::{Status, Task};
use super::{lifecycle, nth, scheduler, task_definition};
use crate::fields::{Fields, Tags};
use crate::world::World;
use crate::{autoscaling, ec2, iam};

/// When a task that has no place is tried again, where nothing scales for it.
pub(super) const PLACE_AGAIN: Duration = Duration::from_secs(15);

/// Starts the tasks that are missing.
pub(super) fn launch(world: &mut World, key: &Key) {
    let seen = scheduler::look(world, key);
    let Some(service) = world.ecs().services.get(key).cloned() else { return };
    let Some(primary) = service.primary() else { return };
    if primary.state == "FAILED" || world.now < primary.not_before {
        return;
    }
    let ours = seen.iter().filter(|it| it.deployment == primary.id && !it.leaves).count();
    let room = service.most_tasks().saturating_sub(seen.len());
    let missing = service.desired.saturating_sub(ours).min(room);
    let (mut started, mut full) = (Vec::new(), BTreeSet::new());
    let mut spread = placement::spread(world, &key.1);
    for _ in 0..missing {
        if let Some(why) = unassumable(world, &primary.setup) {
            let message = format!("failed to launch a task with (error {why}.");
            tell_once(world, key, &message);
            scheduler::failed(world, &key.0, &key.1, &primary.id);
            break;
        }
        match start(world, key, &service, primary, &mut full, &mut spread) {
            Ok(id) => started.push(id),
            Err(why) => {
                tell_once(world, key, &why);
                let until = world.now + PLACE_AGAIN;
                let service = world.ecs_mut().services.get_mut(key);
                if let Some(primary) = service.and_then(Service::primary_mut) {
                    primary.not_before = until;
                }
                break;
            }
        }
    }
    if !started.is_empty() {
        let tasks: String = started.iter().map(|id| format!(" (task {id})")).collect();
        let message = format!("has started {} tasks:{tasks}.", started.len());
        tell(world, &key.0, &key.1, &message);
        if let Some(service) = world.ecs_mut().services.get_mut(key) {
            service.steady = false;
        }
    }
}

/// That ECS cannot assume a role of the tasks, in its words.
pub(super) fn unassumable(world: &World, setup: &Setup) -> Option<String> {
    let content = &task_definition::get(world, &setup.definition)?.content;
    let roles = ["executionRoleArn", "taskRoleArn"].into_iter();
    let mut roles = roles.filter_map(|name| content.some_text(name)).filter(|it| !it.is_empty());
    let role = roles.find(|role| !iam::is_assumable(world, role, "ecs-tasks.amazonaws.com"))?;
    Some(format!(
        "ECS was unable to assume the role '{role}' that was provided for this task. Please verify \
         that the role being passed has the proper trust relationship and permissions and that your \
         IAM user has permissions to pass this role.)"
    ))
}

/// Starts a task; the error says why there is no place for it, where nothing scales for it. The tasks of
/// one deployment are alike: a provider that is `full` has no place for another one either.
fn start(
    world: &mut World,
    key: &Key,
    service: &Service,
    deployment: &Deployment,
    full: &mut BTreeSet<Option<String>>,
    spread: &mut Spread,
) -> Result<String, String> {
    let setup = &deployment.setup;
    let Some(revision) = task_definition::get(world, &setup.definition) else {
        return Err("was unable to place a task: its task definition is gone.".to_owned());
    };
    let (cpu, memory) = revision.size();
    let mut tags = match service.propagate.as_deref() {
        Some("SERVICE") => service.tags.clone(),
        Some("TASK_DEFINITION") => revision.tags.clone(),
        _ => Tags::new(),
    };
    if service.managed_tags {
        tags.insert("aws:ecs:clusterName".to_owned(), service.cluster.clone());
        tags.insert("aws:ecs:serviceName".to_owned(), service.name.clone());
    }
    let ordinal = world.ecs_mut().services.get_mut(key).map_or(0, |it| {
        it.launched += 1;
        it.launched
    });
    let name = nth(&service.dice(), ordinal);
    let id = world.digits_of(32, &format!("task {name}"));
    let attachment = world.uuid_of(&format!("attachment {name}"));
    let attachment = world.arn("ecs", &format!("attachment/{attachment}"));
    let task = Task {
        arn: world.arn("ecs", &format!("task/{}/{id}", key.0)),
        id: id.clone(),
        key: name,
        cluster: key.0.clone(),
        service: key.1.clone(),
        deployment: deployment.id.clone(),
        definition: setup.definition.clone(),
        fargate: setup.is_fargate(),
        provider: provider(world, key, &deployment.id, setup),
        cpu,
        memory,
        network: setup.network.clone(),
        targets: setup.targets.clone(),
        registries: setup.registries.clone(),
        tags,
        attachment,
        created: world.now,
        has_agents: service.runs_commands,
        ..Task::default()
    };
    world.ecs_mut().tasks.insert(id.clone(), task.clone());
    if full.contains(&task.provider) {
        return Ok(id);
    }
    match find_place(world, &task, &service.placement, spread) {
        Ok(()) => Ok(id),
        Err(_) if is_scaled(world, &task) => {
            full.insert(task.provider);
            Ok(id)
        }
        Err(why) => {
            world.ecs_mut().tasks.remove(&id);
            Err(why)
        }
    }
}

/// The provider for the next task of a deployment, whose strategy it is: bases first, then by weight. Whether
/// ECS counts the tasks of other deployments as well is not documented.
pub(super) fn provider(
    world: &World,
    key: &Key,
    deployment: &str,
    setup: &Setup,
) -> Option<String> {
    let is_of =
        |it: &&Task| it.cluster == key.0 && it.service == key.1 && it.deployment == deployment;
    let count = |name: &str| {
        let tasks = world.ecs().tasks.values().filter(is_of);
        let count = tasks.filter(|it| !it.going && it.provider.as_deref() == Some(name)).count();
        i64::try_from(count).unwrap_or(i64::MAX)
    };
    let share = |item: &&Value| {
        let name = item.text("capacityProvider");
        let above = count(name) - item.number("base").unwrap_or(0);
        match item.number("weight").unwrap_or(0) {
            _ if above < 0 => -1,
            // Beyond its base it gets none (API `CapacityProviderStrategyItem`).
            0 => i64::MAX,
            weight => (above + 1) * 1000 / weight,
        }
    };
    let item = setup.strategy.iter().min_by_key(share)?;
    Some(item.text("capacityProvider").to_owned())
}

/// Finds a place for a task, or says why there is none.
pub(super) fn find_place(
    world: &mut World,
    task: &Task,
    strategies: &[Value],
    spread: &mut Spread,
) -> Result<(), String> {
    if task.fargate {
        let Some((zone, subnet)) = placement::on_fargate(world, task, spread) else {
            return Err("was unable to place a task. Reason: The subnets do not exist.".to_owned());
        };
        if let Some(why) = world.scenario.fargate_refusal {
            return Err(format!("was unable to place a task. Reason: {why}"));
        }
        if world.scenario.no_spot && task.provider.as_deref() == Some("FARGATE_SPOT") {
            return Err("was unable to place a task. Reason: Capacity is unavailable at this time. Please try \
                        again later or in a different availability zone."
                .to_owned());
        }
        if ec2::zone::lacks(world, &zone, ec2::zone::FARGATE) {
            return Err(format!(
                "was unable to place a task. Reason: Fargate is not supported in the requested \
                 availability zone: {zone}."
            ));
        }
        if is_out_of_vcpus(world, task) {
            let why = "You've reached the limit on the number of vCPUs you can run concurrently.";
            return Err(format!("was unable to place a task. Reason: {why}"));
        }
        lifecycle::place(world, &task.id, None, &zone, Some(&subnet));
        *spread.entry(subnet).or_default() += 1;
        return Ok(());
    }
    let (instance, subnet) =
        placement::choose(world, task, strategies).map_err(|misfit| words(&misfit))?;
    let zone = world.ecs().instances.get(&instance).map(|it| it.zone.clone()).unwrap_or_default();
    lifecycle::place(world, &task.id, Some(&instance), &zone, subnet.as_deref());
    Ok(())
}

/// Whether a task on Fargate takes more processors than the account's quota lets run at a time.
fn is_out_of_vcpus(world: &World, task: &Task) -> bool {
    let Some(most) = world.scenario.quotas.get("fargate-vcpus") else { return false };
    let tasks = world.ecs().tasks.values();
    let running =
        tasks.filter(|it| it.fargate && it.place.is_some() && it.status < Status::Stopped);
    let used: u64 = running.map(|it| it.cpu).sum();
    used + task.cpu > u64::try_from(*most).unwrap_or(u64::MAX).saturating_mul(1024)
}

/// Whether ECS scales a group for a task, which then waits for an instance.
pub(super) fn is_scaled(world: &World, task: &Task) -> bool {
    let provider = task.provider.as_ref().and_then(|it| world.ecs().providers.get(it));
    provider.is_some_and(|it| it.scaling.enabled)
}

/// Finds places for tasks that wait for one.
pub(super) fn place_waiting(world: &mut World, key: &Key) {
    let Some(service) = world.ecs().services.get(key).cloned() else { return };
    let waiting =
        world.ecs().tasks.values().filter(|it| {
            it.cluster == key.0 && it.service == key.1 && !it.going && it.place.is_none()
        });
    let mut waiting: Vec<_> = waiting.map(|it| (it.created, it.id.clone())).collect();
    waiting.sort();
    // Tasks of one deployment and provider are alike: where one has no place, no other has.
    let mut hopeless: Vec<(String, Option<String>)> = Vec::new();
    let mut spread = placement::spread(world, &key.1);
    for (_, id) in waiting {
        let Some(task) = world.ecs().tasks.get(&id) else { continue };
        let kind = (task.deployment.clone(), task.provider.clone());
        if hopeless.contains(&kind) {
            continue;
        }
        let task = task.clone();
        let Err(why) = find_place(world, &task, &service.placement, &mut spread) else { continue };
        hopeless.push(kind);
        // While the group may still grow, ECS says nothing.
        let provider = task.provider.as_ref().and_then(|it| world.ecs().providers.get(it));
        let group = provider.and_then(|it| autoscaling::group(world, &it.group));
        let full = group.is_none_or(|group| group.desired >= group.max);
        if full && world.now.saturating_sub(task.created) >= Duration::from_mins(1) {
            tell_once(world, key, &why);
        }
    }
}
