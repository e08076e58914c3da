//! Roles through which AWS's own services work on the account's behalf.
//!
//! They are no nodes of a stack: they belong to the account, and stay when the stack goes.

use std::collections::BTreeSet;

use crate::aws::{AllPages, Aws, Doing, Error, Result};

/// The services that have such a role. AWS makes it at the service's first use, at times too late for
/// that very use (`docs/aws-facts.md`).
pub const SERVICES: [&str; 4] =
    ["ecs.amazonaws.com", OF_INSTANCES, "elasticloadbalancing.amazonaws.com", OF_SERVICES];

/// The one that runs instances: Auto Scaling.
pub const OF_INSTANCES: &str = "autoscaling.amazonaws.com";
/// The one that scales services: Application Auto Scaling.
pub const OF_SERVICES: &str = "ecs.application-autoscaling.amazonaws.com";

/// Makes the roles of these services that the account lacks: a prerequisite of a first deploy. Returns a
/// warning when they could not be looked up or made by this caller, for whom AWS makes them at the first
/// use.
pub async fn make(aws: &Aws, services: &[&'static str]) -> Result<Option<String>> {
    let missing = match missing(aws, services).await {
        Ok(missing) => missing,
        Err(error) if error.is_not_offered() => {
            return Ok(Some(format!("could not check the service-linked roles: {}", error.cause)));
        }
        Err(error) => return Err(error),
    };
    for service in missing {
        let made = aws.iam.create_service_linked_role().aws_service_name(service).send().await;
        match made.doing(format!("create the service-linked role of {service}")) {
            Ok(_) => {}
            // Somebody else was faster: AWS itself makes them on first use.
            Err(error) if is_there_already(&error) => {}
            // It will be made all the same, if a little late.
            Err(error) if error.is_denied() => return Ok(Some(format!("failed to {error}"))),
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Whether a service-linked role could not be made because it is there, or is being made. AWS says so
/// with `InvalidInput` ("has been taken in this account"); it is the same in other words.
fn is_there_already(error: &Error) -> bool {
    let said = error.cause.to_string();
    matches!(error.code(), Some("InvalidInput" | "EntityAlreadyExists" | "ConcurrentModification"))
        || ["has been taken", "already exists"].iter().any(|words| said.contains(words))
}

/// Which of these have no role yet. AWS lets anybody list roles below a path.
async fn missing(aws: &Aws, services: &[&'static str]) -> Result<Vec<&'static str>> {
    let roles = aws.iam.list_roles().path_prefix("/aws-service-role/").into_paginator();
    let roles = roles.items().send().all().await;
    let roles = roles.doing("list the service-linked roles")?;
    let paths: BTreeSet<_> = roles.iter().map(|role| role.path().to_owned()).collect();
    let needed = services.iter().copied();
    Ok(needed.filter(|service| !paths.contains(&format!("/aws-service-role/{service}/"))).collect())
}
