//! Events of services: what the scheduler tells about them.

use std::time::Duration;

use super::service::{Event, Key};
use super::task::Status;
use crate::world::World;

/// After how long the same event is told again.
const SILENT: Duration = Duration::from_hours(6);

/// Adds an event to a service.
pub(super) fn tell(world: &mut World, cluster: &str, name: &str, message: &str) {
    let (id, at) = (world.uuid_of(&format!("event {cluster}/{name}")), world.now);
    let key = (cluster.to_owned(), name.to_owned());
    if let Some(service) = world.ecs_mut().services.get_mut(&key) {
        let message = format!("(service {name}) {message}");
        service.events.push(Event { id, at, message });
    }
}

/// Adds an event that says the same again and again once.
pub(super) fn tell_once(world: &mut World, key: &Key, message: &str) {
    let whole = format!("(service {}) {message}", key.1);
    let known = world.ecs().services.get(key).is_some_and(|service| {
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
    let drain = tasks.iter().filter_map(|id| world.ecs().tasks.get(id));
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
