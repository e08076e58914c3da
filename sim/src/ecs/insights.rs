//! Container Insights: while a cluster has running tasks, its metrics are written each minute into a
//! log group of its own, which is made where it is not there (`docs/aws-facts.md`, "Removing").

use std::time::Duration;

use crate::doubt::Doubt;
use crate::logs;
use crate::world::World;

const EACH: Duration = Duration::from_mins(1);

/// A task runs, or a setting changed: from now on it writes each minute.
pub(super) fn wake(world: &mut World, cluster: &str) {
    let running = is_running(world, cluster);
    let Some(it) = world.ecs_mut().clusters.get_mut(cluster) else { return };
    if it.insights || !running || !it.has_insights() {
        return;
    }
    it.insights = true;
    let (cluster, serial) = (cluster.to_owned(), it.serial.clone());
    world.after(EACH, move |world| minute(world, &cluster, &serial));
}

/// Writes what the last minute brought, and goes on while tasks run.
fn minute(world: &mut World, cluster: &str, serial: &str) {
    let Some(it) = world.ecs_mut().clusters.get_mut(cluster).filter(|it| it.serial == serial)
    else {
        return;
    };
    it.insights = false;
    if it.status == "INACTIVE" || !it.has_insights() {
        return;
    }
    logs::write(world, &group(cluster));
    wake(world, cluster);
}

/// A cluster has Container Insights no longer. Whether the last metrics still make a group is in doubt.
pub(super) fn flush(world: &mut World, cluster: &str) {
    if !world.scenario.doubts(Doubt::InsightsWritesAfterCluster) {
        return;
    }
    let after = world.dice.delay("insights.flush", cluster, 10.0..=60.0);
    let group = group(cluster);
    world.after(after, move |world| logs::write(world, &group));
}

fn group(cluster: &str) -> String {
    format!("/aws/ecs/containerinsights/{cluster}/performance")
}

fn is_running(world: &World, cluster: &str) -> bool {
    world.ecs().tasks.values().any(|task| task.cluster == cluster && task.status.is_running())
}
