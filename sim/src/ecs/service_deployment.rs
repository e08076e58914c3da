//! Service deployments: what became of each deployment of a service, former ones included.

use serde_json::{Value, json};

use super::rollout::Deployment;
use super::service::{self, Service};
use super::{PAGER, cluster, lacks, short};
use crate::fields::Fields;
use crate::refusal::Answer;
use crate::world::World;

/// `ListServiceDeployments`, newest first.
pub(super) fn list_service_deployments(world: &World, input: &Value) -> Answer {
    lacks(input, "ListServiceDeployments", &["createdAt"])?;
    let cluster = cluster::of(world, input)?;
    let key = (cluster.clone(), short(input.text("service")).to_owned());
    let service = world.ecs().services.get(&key).ok_or_else(service::not_found)?;
    let wanted = input.texts("status");
    let mut all: Vec<_> = service.deployments.iter().chain(&service.past).collect();
    all.sort_by_key(|it| std::cmp::Reverse(it.created));
    let statuses = all.into_iter().map(|it| (it, status(service, it)));
    let fits = |status: &str| wanted.is_empty() || wanted.iter().any(|it| it == status);
    let rows = statuses.filter(|(_, status)| fits(status)).map(|(it, status)| {
        let name = format!("{}/{}/{}", service.cluster, service.name, short(&it.id));
        let mut row = json!({
            "serviceDeploymentArn": world.arn("ecs", &format!("service-deployment/{name}")),
            "serviceArn": service.arn,
            "clusterArn": world.arn("ecs", &format!("cluster/{}", service.cluster)),
            "createdAt": world.timestamp_at(it.created),
            "startedAt": world.timestamp_at(it.created),
            "status": status,
        });
        if status != "IN_PROGRESS" {
            let finished = it.completed.unwrap_or(it.updated);
            row["finishedAt"] = world.timestamp_at(finished).into();
        }
        row
    });
    PAGER.page(world, input, "serviceDeployments", 20, rows.collect())
}

/// What became of a deployment.
fn status(service: &Service, it: &Deployment) -> &'static str {
    let is_primary = it.status == "PRIMARY";
    let rolls_back = service.primary().is_some_and(|primary| primary.rolls_back);
    match it.state {
        // What is rolled back to was deployed before.
        _ if it.rolls_back => "SUCCESSFUL",
        "COMPLETED" => "SUCCESSFUL",
        "FAILED" if is_primary => "STOPPED",
        "FAILED" if rolls_back => "ROLLBACK_IN_PROGRESS",
        "FAILED" => "ROLLBACK_SUCCESSFUL",
        _ if is_primary => "IN_PROGRESS",
        _ => "STOPPED",
    }
}
