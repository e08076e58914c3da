//! The scheduler: keeps as many tasks of a service as it wants, and replaces the tasks of a former
//! deployment.
//!
//! It looks every few seconds while something changes. A service that is steady is looked at only for
//! the health of its targets, rarely, and when one of its tasks or instances changes.

use std::time::Duration;

use super::container_health::{self, Health};
use super::service::{self, Key};
use super::service_event::{tell, tell_once, tell_stopped};
use super::task::{Status, Task};
use super::{launch, lifecycle, rollout};
use crate::elb;
use crate::world::World;

/// How often a steady service's targets are looked at.
const WATCH: Duration = Duration::from_secs(30);

/// A task of a service that is to run, as the scheduler sees it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Its id.
    pub(super) id: String,
    /// Its deployment.
    pub(super) deployment: String,
    /// When it ran.
    pub(super) started: Option<Duration>,
    /// Whether it runs, and its target groups and the checks of its containers find it healthy.
    pub(super) healthy: bool,
    /// Whether its instance is being drained.
    pub(super) leaves: bool,
}

/// Something changed: the scheduler looks at a service in some seconds.
pub(super) fn wake(world: &mut World, cluster: &str, name: &str) {
    let key = (cluster.to_owned(), name.to_owned());
    let Some(service) = world.ecs().services.get(&key) else { return };
    let after = world.dice.delay("service.tick", &service.dice(), 2.0..=5.0);
    schedule(world, &key, after);
}

/// Something changed for all services of a cluster.
pub(super) fn wake_cluster(world: &mut World, cluster: &str) {
    let names = world.ecs().services.keys().filter(|key| key.0 == cluster);
    let names: Vec<_> = names.map(|key| key.1.clone()).collect();
    for name in names {
        wake(world, cluster, &name);
    }
}

fn schedule(world: &mut World, key: &Key, after: Duration) {
    let at = world.now + after;
    let Some(service) = world.ecs_mut().services.get_mut(key) else { return };
    if service.status == "INACTIVE" || service.next.is_some_and(|next| next <= at) {
        return;
    }
    service.next = Some(at);
    let (key, serial) = (key.clone(), service.serial.clone());
    world.after(after, move |world| {
        let Some(service) = world.ecs_mut().services.get_mut(&key) else { return };
        if service.serial == serial && service.next == Some(at) {
            service.next = None;
            tick(world, &key);
        }
    });
}

fn tick(world: &mut World, key: &Key) {
    match world.ecs().services.get(key).map(|it| it.status) {
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
    launch::launch(world, key);
    launch::place_waiting(world, key);
    let seen = look(world, key);
    rollout::complete(world, key, &seen);
    let Some(service) = world.ecs().services.get(key) else { return };
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
pub(super) fn look(world: &World, key: &Key) -> Vec<Seen> {
    let ours = |it: &&Task| it.cluster == key.0 && it.service == key.1 && !it.going;
    let seen = world.ecs().tasks.values().filter(ours).map(|it| {
        let health = |group: &str| {
            let address = it.address.as_deref();
            address.map_or(elb::Health::Absent, |address| elb::health(world, group, address))
        };
        let host = it.instance.as_ref().and_then(|id| world.ecs().instances.get(id));
        let well = it.targets.iter().all(|target| health(&target.group) == elb::Health::Healthy);
        Seen {
            id: it.id.clone(),
            deployment: it.deployment.clone(),
            started: it.started,
            healthy: it.status == Status::Running && well && container_health::is_well(world, it),
            leaves: host.is_some_and(|host| host.status != "ACTIVE"),
        }
    });
    seen.collect()
}

/// Stops the tasks that their target groups or the checks of their containers find unhealthy, once their
/// grace period is over.
fn check_health(world: &mut World, key: &Key) {
    let Some(service) = world.ecs().services.get(key) else { return };
    let grace = service.grace.unwrap_or_default();
    let (mut sick, mut ill) = (Vec::new(), Vec::new());
    let tasks = world.ecs().tasks.values().filter(|it| it.cluster == key.0 && it.service == key.1);
    for task in tasks.filter(|it| it.status == Status::Running && !it.going) {
        let over = task.started.is_some_and(|started| started + grace <= world.now);
        if over && task.health == Health::Unhealthy {
            ill.push((task.id.clone(), task.deployment.clone()));
            continue;
        }
        let Some(address) = task.address.as_ref().filter(|_| over) else { continue };
        let unhealthy = |group: &str| elb::health(world, group, address) == elb::Health::Unhealthy;
        if let Some(target) = task.targets.iter().find(|target| unhealthy(&target.group)) {
            let reason = elb::why_unhealthy(world, &target.group, address);
            sick.push((task.id.clone(), task.deployment.clone(), target.clone(), reason));
        }
    }
    for (task, deployment) in ill {
        let why = "Task failed container health checks";
        lifecycle::stop(world, &task, "ServiceSchedulerInitiated", why);
        tell_stopped(world, key, &[task]);
        failed(world, &key.0, &key.1, &deployment);
    }
    for (task, deployment, target, reason) in sick {
        let group = &target.group;
        let message = format!(
            "(port {}) is unhealthy in (target-group {group}) due to (reason {reason})",
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
    let Some(service) = world.ecs().services.get(key) else { return };
    let Some(primary) = service.primary() else { return };
    let wanted = service.desired;
    let (most, least) = (service.most_tasks(), (wanted * service.least).div_ceil(100));
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

/// A task of a deployment runs: what failed before it counts no more.
pub(super) fn started(world: &mut World, cluster: &str, name: &str, deployment: &str) {
    let key = (cluster.to_owned(), name.to_owned());
    let Some(service) = world.ecs_mut().services.get_mut(&key) else { return };
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
    let Some(service) = world.ecs_mut().services.get_mut(&key) else { return };
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
