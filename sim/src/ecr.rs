//! ECR: which images are in the account's registry.
//!
//! Every image is there that the scenario does not miss (`missing_images`): as for a pull, an image is a name.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::arn::ACCOUNT;
use crate::buckets::{Limits, Shared};
use crate::fields::Fields;
use crate::model::Model;
use crate::policy::call::Call;
use crate::policy::required::{Required, Target};
use crate::refusal::{Answer, Refusal, Refusals};
use crate::service::Handler::{self, Looks};
use crate::service::Service;
use crate::world::{EPOCH, Scope, World};

#[cfg(test)]
mod tests;

/// The service.
pub static SERVICE: Service = Service {
    name: "ecr",
    model: LazyLock::new(|| Model::read(include_str!("ecr/model.json"))),
    operations: OPERATIONS,
    // AWS General Reference, "Amazon ECR endpoints and quotas": hundreds a second of each.
    limits: Limits { shared: Shared::ByOperation, looks: (500.0, 500.0), changes: (10.0, 10.0) },
    refusals: Refusals {
        missing: "InvalidParameterException",
        malformed: "InvalidParameterException",
        throttled: || Refusal::new("ThrottlingException", "Rate exceeded"),
        denied: |why| Refusal::new("AccessDeniedException", why),
        dry_run: None,
    },
    scope: Scope::Region,
    begin: |_| (),
    hear: None,
    ids: |_| Vec::new(),
    tagged: |_| Vec::new(),
    required,
    tell: |_, _| (),
};

/// What it answers.
const OPERATIONS: &[(&str, Handler)] = &[
    ("DescribeImages", Looks(describe_images)),
    ("DescribePullThroughCacheRules", Looks(|_, _| Ok(json!({ "pullThroughCacheRules": [] })))),
    ("GetAuthorizationToken", Looks(|world, _| Ok(authorization_token(world)))),
];

/// What a call takes: images are looked at in their repository.
fn required(call: &Call<'_>) -> Vec<Required> {
    let target = match call.operation {
        "DescribeImages" => {
            call.existing(&format!("repository/{}", call.input.text("repositoryName")))
        }
        _ => Target::any(),
    };
    vec![call.own([target])]
}

/// Answers one call.
pub fn answer(world: &mut World, operation: &str, input: &Value) -> Answer {
    SERVICE.answer(world, operation, input)
}

fn describe_images(world: &World, input: &Value) -> Answer {
    let repository = input.text("repositoryName");
    let registry = input.some_text("registryId").unwrap_or(ACCOUNT);
    let region = &world.region;
    let mut described = Vec::new();
    for id in input.list("imageIds") {
        let (tag, digest) = (id.some_text("imageTag"), id.some_text("imageDigest"));
        let version = tag.map(|tag| format!(":{tag}"));
        let version = version.or_else(|| Some(format!("@{}", digest?))).unwrap_or_default();
        let image = format!("{registry}.dkr.ecr.{region}.amazonaws.com/{repository}{version}");
        if world.scenario.missing_images.iter().any(|it| image.contains(it.as_str())) {
            let message = format!(
                "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the \
                 repository with name '{repository}' in the registry with id '{registry}'",
                digest.unwrap_or("null"),
                tag.unwrap_or("null"),
            );
            return Err(Refusal::new("ImageNotFoundException", message));
        }
        described.push(json!({
            "registryId": registry,
            "repositoryName": repository,
            "imageTags": tag.into_iter().collect::<Vec<_>>(),
            "imageManifestMediaType": "application/vnd.oci.image.index.v1+json",
        }));
    }
    Ok(json!({ "imageDetails": described }))
}

/// A token is good for twelve hours (ECR API, `GetAuthorizationToken`).
fn authorization_token(world: &World) -> Value {
    let (region, hours) = (&world.region, 12);
    json!({ "authorizationData": [{
        // `AWS:simulated`
        "authorizationToken": "QVdTOnNpbXVsYXRlZA==",
        "expiresAt": EPOCH + world.now.as_secs() + hours * 3600,
        "proxyEndpoint": format!("https://{ACCOUNT}.dkr.ecr.{region}.amazonaws.com"),
    }]})
}
