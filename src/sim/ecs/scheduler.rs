//! The scheduler: keeps as many tasks of a service as it wants, and replaces the tasks of a former
//! deployment.
//!
//! It looks every few seconds while something changes. A service that is steady is looked at only for
//! the health of its targets, rarely, and when one of its tasks or instances changes.

use std::time::Duration;

use super::super::fields::Fields;
use super::super::world::World;
use super::super::{autoscaling, elb, iam};
use super::placement::{self, words};
use super::rollout;
use super::service::{self, Event, Key, Service};
use super::service_request::Setup;
use super::task::{Status, Task};
use super::{lifecycle, task_definition, uuid};

/// How often a steady service's targets are looked at.
const WATCH: Duration = Duration::from_secs(30);
/// When a task that has no place is tried again, where nothing scales for it.
const PLACE_AGAIN: Duration = Duration::from_secs(15);
/// After how long the same event is told again.
const SILENT: Duration = Duration::from_hours(6);

/// A task of a service that is to run, as the scheduler sees it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Its id.
    pub(super) id: String,
    /// Its deployment.
    pub(super) deployment: String,
    /// Where it is in its life.
    pub(super) status: Status,
    /// When it ran.
    pub(super) started: Option<Duration>,
    /// Whether it runs, and its target groups find it healthy.
    pub(super) healthy: bool,
    /// Whether its instance is being drained.
    pub(super) leaves: bool,
}

/// Something changed: the scheduler looks at a service in some seconds.
pub(super) fn wake(world: &mut World, cluster: &str, name: &str) {
    let key = (cluster.to_owned(), name.to_owned());
    let Some(service) = world.ecs.services.get(&key) else { return };
    let after = world.dice.delay("service.tick", &service.dice(), 2.0..=5.0);
    schedule(world, &key, after);
}

/// Something changed for all services of a cluster.
pub(super) fn wake_cluster(world: &mut World, cluster: &str) {
    let names = world.ecs.services.keys().filter(|key| key.0 == cluster);
    let names: Vec<_> = names.map(|key| key.1.clone()).collect();
    for name in names {
        wake(world, cluster, &name);
    }
}

fn schedule(world: &mut World, key: &Key, after: Duration) {
    let at = world.now + after;
    let Some(service) = world.ecs.services.get_mut(key) else { return };
    if service.status == "INACTIVE" || service.next.is_some_and(|next| next <= at) {
        return;
    }
    service.next = Some(at);
    let (key, serial) = (key.clone(), service.serial.clone());
    world.after(after, move |world| {
        let Some(service) = world.ecs.services.get_mut(&key) else { return };
        if service.serial == serial && service.next == Some(at) {
            service.next = None;
            tick(world, &key);
        }
    });
}

fn tick(world: &mut World, key: &Key) {
    match world.ecs.services.get(key).map(|it| it.status) {
        Some("ACTIVE") => {}
        Some("DRAINING") => return service::settle(world, key),
        _ => return,
    }
    check_health(world, key);
    if rollout::judge(world, key) {
        // What it goes back to is looked at next time.
        return wake(world, &key.0, &key.1);
    }
    retire(world, key);
    launch(world, key);
    place_waiting(world, key);
    let seen = look(world, key);
    rollout::complete(world, key, &seen);
    let Some(service) = world.ecs.services.get(key) else { return };
    let state = service.primary().map_or("", |it| it.state);
    let waits = state != "FAILED" && (state == "IN_PROGRESS" || !service.steady);
    let watched = !service.setup.targets.is_empty() && !seen.is_empty();
    if waits || (state == "COMPLETED" && seen.len() != service.desired) {
        wake(world, &key.0, &key.1);
    } else if watched {
        schedule(world, key, WATCH);
    }
}

/// The tasks of a service that are to run.
fn look(world: &World, key: &Key) -> Vec<Seen> {
    let ours = |it: &&Task| it.cluster == key.0 && it.service == key.1 && !it.going;
    let seen = world.ecs.tasks.values().filter(ours).map(|it| {
        let health = |group: &str| {
            let address = it.address.as_deref();
            address.map_or(elb::Health::Absent, |address| elb::health(world, group, address))
        };
        let host = it.instance.as_ref().and_then(|id| world.ecs.instances.get(id));
        let well = it.targets.iter().all(|target| health(&target.group) == elb::Health::Healthy);
        Seen {
            id: it.id.clone(),
            deployment: it.deployment.clone(),
            status: it.status,
            started: it.started,
            healthy: it.status == Status::Running && well,
            leaves: host.is_some_and(|host| host.status != "ACTIVE"),
        }
    });
    seen.collect()
}

/// Stops the tasks that their target groups find unhealthy, once their grace period is over.
fn check_health(world: &mut World, key: &Key) {
    let Some(service) = world.ecs.services.get(key) else { return };
    let grace = service.grace.unwrap_or_default();
    let mut sick = Vec::new();
    let tasks = world.ecs.tasks.values().filter(|it| it.cluster == key.0 && it.service == key.1);
    for task in tasks.filter(|it| it.status == Status::Running && !it.going) {
        let over = task.started.is_some_and(|started| started + grace <= world.now);
        let Some(address) = task.address.as_ref().filter(|_| over) else { continue };
        let unhealthy = |group: &str| elb::health(world, group, address) == elb::Health::Unhealthy;
        if let Some(target) = task.targets.iter().find(|target| unhealthy(&target.group)) {
            sick.push((task.id.clone(), task.deployment.clone(), target.clone()));
        }
    }
    for (task, deployment, target) in sick {
        let group = &target.group;
        let message = format!(
            "(port {}) is unhealthy in (target-group {group}) due to (reason Health checks failed)",
            target.port
        );
        tell(world, &key.0, &key.1, &message);
        let why = format!("Task failed ELB health checks in (target-group {group})");
        lifecycle::stop(world, &task, "ServiceSchedulerInitiated", &why);
        tell_stopped(world, key, &[task]);
        failed(world, &key.0, &key.1, &deployment);
    }
}

/// Stops tasks of former deployments, of instances that drain, and above what is wanted.
fn retire(world: &mut World, key: &Key) {
    let seen = look(world, key);
    let Some(service) = world.ecs.services.get(key) else { return };
    let Some(primary) = service.primary() else { return };
    let wanted = service.desired;
    let (most, least) = (most(service), (wanted * service.least).div_ceil(100));
    let healthy = seen.iter().filter(|it| it.healthy).count();
    let mut spare = healthy.saturating_sub(least);
    let stays = |it: &&Seen| it.deployment == primary.id && !it.leaves;
    let ours: Vec<_> = seen.iter().filter(stays).collect();
    let done = ours.iter().filter(|it| it.healthy).count();
    let mut old: Vec<_> = seen.iter().filter(|it| !stays(it)).collect();
    if primary.state == "FAILED" {
        // Nothing replaces them: they go on.
        old.retain(|it| it.leaves);
    }
    let mut excess = old.len().saturating_sub(wanted.saturating_sub(done));
    let blocked = ours.len() < wanted && seen.len() >= most;
    old.sort_by_key(|it| it.healthy);
    let mut stops = Vec::new();
    for task in old {
        if task.healthy && (spare == 0 || (excess == 0 && !blocked && wanted > 0)) {
            continue;
        }
        spare -= usize::from(task.healthy);
        excess = excess.saturating_sub(1);
        stops.push(task.id.clone());
    }
    // The youngest go first, and those that do nothing yet before all others.
    let mut surplus: Vec<_> = ours.clone();
    surplus.sort_by_key(|it| (it.healthy, std::cmp::Reverse(it.started), it.id.clone()));
    let surplus = surplus.iter().take(ours.len().saturating_sub(wanted));
    stops.extend(surplus.map(|it| it.id.clone()));
    let why = format!("Scaling activity initiated by (deployment {})", primary.id);
    for task in &stops {
        lifecycle::stop(world, task, "ServiceSchedulerInitiated", &why);
    }
    tell_stopped(world, key, &stops);
}

/// Most tasks that a service may have.
fn most(service: &Service) -> usize {
    service.desired * service.most / 100
}

/// Starts the tasks that are missing.
fn launch(world: &mut World, key: &Key) {
    let seen = look(world, key);
    let Some(service) = world.ecs.services.get(key).cloned() else { return };
    let Some(primary) = service.primary() else { return };
    if primary.state == "FAILED" || world.now < primary.not_before {
        return;
    }
    let ours = seen.iter().filter(|it| it.deployment == primary.id && !it.leaves).count();
    let room = most(&service).saturating_sub(seen.len());
    let missing = service.desired.saturating_sub(ours).min(room);
    let mut started = Vec::new();
    for _ in 0..missing {
        if let Some(role) = unassumable(world, &primary.setup) {
            let message = format!(
                "failed to launch a task with (error ECS was unable to assume the role '{role}' \
                 that was provided for this task. Please verify that the role being passed has the \
                 proper trust relationship and permissions and that your IAM user has permissions \
                 to pass this role.)."
            );
            tell_once(world, key, &message);
            failed(world, &key.0, &key.1, &primary.id);
            break;
        }
        match start(world, key, &service, &primary.id, &primary.setup) {
            Ok(id) => started.push(id),
            Err(why) => {
                tell_once(world, key, &why);
                let until = world.now + PLACE_AGAIN;
                let service = world.ecs.services.get_mut(key);
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
        if let Some(service) = world.ecs.services.get_mut(key) {
            service.steady = false;
        }
    }
}

/// A role of the tasks that ECS cannot assume.
fn unassumable(world: &World, setup: &Setup) -> Option<String> {
    let content = &task_definition::get(world, &setup.definition)?.content;
    let roles = ["executionRoleArn", "taskRoleArn"].into_iter();
    let mut roles = roles.filter_map(|name| content.some_text(name)).filter(|it| !it.is_empty());
    roles.find(|role| !iam::is_assumable(world, role, "ecs-tasks.amazonaws.com")).map(str::to_owned)
}

/// Starts a task; the error says why there is no place for it, where nothing scales for it.
fn start(
    world: &mut World,
    key: &Key,
    service: &Service,
    deployment: &str,
    setup: &Setup,
) -> Result<String, String> {
    let Some(revision) = task_definition::get(world, &setup.definition) else {
        return Err("was unable to place a task: its task definition is gone.".to_owned());
    };
    let (cpu, memory) = revision.size();
    let mut tags = match service.propagate.as_deref() {
        Some("SERVICE") => service.tags.clone(),
        Some("TASK_DEFINITION") => revision.tags.clone(),
        _ => super::super::fields::Tags::new(),
    };
    if service.managed_tags {
        tags.insert("aws:ecs:clusterName".to_owned(), service.cluster.clone());
        tags.insert("aws:ecs:serviceName".to_owned(), service.name.clone());
    }
    let ordinal = world.ecs.services.get_mut(key).map_or(0, |it| {
        it.launched += 1;
        it.launched
    });
    let id = world.hex(32);
    let attachment = uuid(world);
    let attachment = world.arn("ecs", &format!("attachment/{attachment}"));
    let task = Task {
        arn: world.arn("ecs", &format!("task/{}/{id}", key.0)),
        id: id.clone(),
        key: super::nth(&service.dice(), ordinal),
        cluster: key.0.clone(),
        service: key.1.clone(),
        deployment: deployment.to_owned(),
        definition: setup.definition.clone(),
        fargate: setup.is_fargate(),
        provider: provider(world, key, setup),
        cpu,
        memory,
        network: setup.network.clone(),
        targets: setup.targets.clone(),
        tags,
        instance: None,
        place: None,
        interface: None,
        address: None,
        attachment,
        status: Status::Provisioning,
        going: false,
        created: world.now,
        pulled: (None, None),
        started: None,
        stopping: None,
        stopped: None,
        code: None,
        reason: None,
        exit: None,
    };
    world.ecs.tasks.insert(id.clone(), task.clone());
    match find_place(world, &task, service) {
        Ok(()) => Ok(id),
        Err(_) if is_scaled(world, &task) => Ok(id),
        Err(why) => {
            world.ecs.tasks.remove(&id);
            Err(why)
        }
    }
}

/// The provider for the next task: bases first, then by weight.
fn provider(world: &World, key: &Key, setup: &Setup) -> Option<String> {
    let count = |name: &str| {
        let tasks =
            world.ecs.tasks.values().filter(|it| it.cluster == key.0 && it.service == key.1);
        let count = tasks.filter(|it| !it.going && it.provider.as_deref() == Some(name)).count();
        i64::try_from(count).unwrap_or(i64::MAX)
    };
    let share = |item: &&serde_json::Value| {
        let name = item.text("capacityProvider");
        let above = count(name) - item.number("base").unwrap_or(0);
        let weight = item.number("weight").unwrap_or(0);
        if above < 0 { -1 } else { (above + 1) * 1000 / weight.max(1) }
    };
    let item = setup.strategy.iter().min_by_key(share)?;
    Some(item.text("capacityProvider").to_owned())
}

fn find_place(world: &mut World, task: &Task, service: &Service) -> Result<(), String> {
    if task.fargate {
        let Some((zone, subnet)) = placement::on_fargate(world, task) else {
            return Err("was unable to place a task. Reason: The subnets do not exist.".to_owned());
        };
        lifecycle::place(world, &task.id, None, &zone, Some(&subnet));
        return Ok(());
    }
    let (instance, subnet) =
        placement::choose(world, task, &service.placement).map_err(|misfit| words(&misfit))?;
    let zone = world.ecs.instances.get(&instance).map(|it| it.zone.clone()).unwrap_or_default();
    lifecycle::place(world, &task.id, Some(&instance), &zone, subnet.as_deref());
    Ok(())
}

/// Whether ECS scales a group for a task, which then waits for an instance.
fn is_scaled(world: &World, task: &Task) -> bool {
    let provider = task.provider.as_ref().and_then(|it| world.ecs.providers.get(it));
    provider.is_some_and(|it| it.scaling.enabled)
}

/// Finds places for tasks that wait for one.
fn place_waiting(world: &mut World, key: &Key) {
    let Some(service) = world.ecs.services.get(key).cloned() else { return };
    let waiting =
        world.ecs.tasks.values().filter(|it| {
            it.cluster == key.0 && it.service == key.1 && !it.going && it.place.is_none()
        });
    let mut waiting: Vec<_> = waiting.cloned().collect();
    waiting.sort_by_key(|it| it.created);
    for task in waiting {
        let Err(why) = find_place(world, &task, &service) else { continue };
        // While the group may still grow, ECS says nothing.
        let provider = task.provider.as_ref().and_then(|it| world.ecs.providers.get(it));
        let group = provider.and_then(|it| autoscaling::group(world, &it.group));
        let full = group.is_none_or(|group| group.desired >= group.max);
        if full && world.now.saturating_sub(task.created) >= Duration::from_mins(1) {
            tell_once(world, key, &why);
        }
    }
}

/// A task of a deployment runs: what failed before it counts no more.
pub(super) fn started(world: &mut World, cluster: &str, name: &str, deployment: &str) {
    let key = (cluster.to_owned(), name.to_owned());
    let Some(service) = world.ecs.services.get_mut(&key) else { return };
    let deployment = service.deployments.iter_mut().find(|it| it.id == deployment);
    if let Some(it) = deployment.filter(|it| !it.ran) {
        it.ran = true;
        it.failed = 0;
    }
    wake(world, cluster, name);
}

/// A task of a deployment failed: the next ones come ever later.
pub(super) fn failed(world: &mut World, cluster: &str, name: &str, deployment: &str) {
    const AFTER: Duration = Duration::from_secs(5);
    const AT_MOST: Duration = Duration::from_mins(15);
    let key = (cluster.to_owned(), name.to_owned());
    let now = world.now;
    let Some(service) = world.ecs.services.get_mut(&key) else { return };
    service.steady = false;
    let mut often = false;
    if let Some(it) = service.deployments.iter_mut().find(|it| it.id == deployment) {
        it.failed += 1;
        it.updated = now;
        let doublings = u32::try_from(it.failed - 1).unwrap_or(u32::MAX).min(10);
        it.not_before = now + (AFTER * 2_u32.pow(doublings)).min(AT_MOST);
        often = it.failed >= 3;
    }
    if often {
        tell_once(world, &key, "is unable to consistently start tasks successfully.");
    }
    wake(world, cluster, name);
}

/// Adds an event to a service.
pub(super) fn tell(world: &mut World, cluster: &str, name: &str, message: &str) {
    let (id, at) = (uuid(world), world.now);
    let key = (cluster.to_owned(), name.to_owned());
    if let Some(service) = world.ecs.services.get_mut(&key) {
        let message = format!("(service {name}) {message}");
        service.events.push(Event { id, at, message });
    }
}

/// Adds an event that says the same again and again once.
fn tell_once(world: &mut World, key: &Key, message: &str) {
    let whole = format!("(service {}) {message}", key.1);
    let known = world.ecs.services.get(key).is_some_and(|service| {
        let mut events = service.events.iter().rev();
        events.any(|it| it.message == whole && world.now.saturating_sub(it.at) < SILENT)
    });
    if !known {
        tell(world, &key.0, &key.1, message);
    }
}

/// Adds the events about tasks that were told to stop.
pub(super) fn tell_stopped(world: &mut World, key: &Key, tasks: &[String]) {
    if tasks.is_empty() {
        return;
    }
    let drain = tasks.iter().filter_map(|id| world.ecs.tasks.get(id));
    let drain = drain.filter(|it| it.status == Status::Deactivating && !it.targets.is_empty());
    let drain = drain.count();
    if drain > 0 {
        let message = format!("has begun draining connections on {drain} tasks.");
        tell(world, &key.0, &key.1, &message);
    }
    let list: String = tasks.iter().map(|id| format!(" (task {id})")).collect();
    let message = format!("has stopped {} running tasks:{list}.", tasks.len());
    tell(world, &key.0, &key.1, &message);
}
