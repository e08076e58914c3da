//! What of ECS is there, for tests and oracles: in the region that the world is in.

use super::task::Status;
use crate::fields::Tags;
use crate::world::World;

/// ARNs of everything that is there: no `INACTIVE` clusters, providers, services and container
/// instances, no stopped tasks, and no revisions that are being deleted.
pub fn ids(world: &World) -> Vec<String> {
    tagged(world).into_iter().map(|(_, arn, _)| arn).collect()
}

/// Kind, ARN and tags of everything that is there.
pub fn tagged(world: &World) -> Vec<(String, String, Tags)> {
    let ecs = world.ecs();
    let thing =
        |kind: &str, arn: &String, tags: &Tags| (kind.to_owned(), arn.clone(), tags.clone());
    let clusters = ecs.clusters.values().filter(|it| it.status != "INACTIVE");
    let clusters = clusters.map(|it| thing("cluster", &it.arn, &it.tags));
    let providers = ecs.providers.values().filter(|it| it.status != "INACTIVE");
    let providers = providers.map(|it| thing("capacity-provider", &it.arn, &it.tags));
    let services = ecs.services.values().filter(|it| it.status != "INACTIVE");
    let services = services.map(|it| thing("service", &it.arn, &it.tags));
    let revisions = ecs.families.values().flat_map(|it| it.revisions.values());
    let revisions = revisions.filter(|it| it.status != "DELETE_IN_PROGRESS");
    let revisions = revisions.map(|it| thing("task-definition", &it.arn, &it.tags));
    let instances = ecs.instances.values().filter(|it| it.status != "INACTIVE");
    let instances = instances.map(|it| thing("container-instance", &it.arn, &it.tags));
    let tasks = ecs.tasks.values().filter(|it| it.status != Status::Stopped);
    let tasks = tasks.map(|it| thing("task", &it.arn, &it.tags));
    let all = clusters.chain(providers).chain(services).chain(revisions);
    all.chain(instances).chain(tasks).collect()
}
