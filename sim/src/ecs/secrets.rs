//! A task's secrets: read at its start, by ECS with the execution role, before the image is pulled (ECS
//! guide, "Pass sensitive data to an Amazon ECS container").
//!
//! The words on Fargate are those of docker/compose-cli#1510, aws/copilot-cli#3240 and
//! GiamPy5/terraform-aws-directus#10, those on instances the agent's (`taskresource/ssmsecret`,
//! `taskresource/asmsecret`).

use serde_json::Value;

use super::task::Task;
use super::task_definition;
use crate::arn::{self, Arn};
use crate::fields::Fields;
use crate::iam;
use crate::policy::condition::Context;
use crate::world::World;
use crate::{secretsmanager, ssm};

/// What keeps a task from its secrets, in ECS's words.
pub(super) fn obstacle(world: &World, task: &Task) -> Option<String> {
    let content = &task_definition::get(world, &task.definition)?.content;
    let role = content.text("executionRoleArn");
    let containers = content.list("containerDefinitions").iter();
    containers.flat_map(|it| it.list("secrets")).find_map(|secret| {
        let from = secret.text("valueFrom");
        let is_secret = Arn::parse(from).is_some_and(|arn| arn.service == "secretsmanager");
        match is_secret {
            true => from_secrets_manager(world, task, role, from),
            false => from_parameters(world, task, role, from),
        }
    })
}

const FAILED: &str = "ResourceInitializationError: unable to pull secrets or registry auth: execution \
                      resource retrieval failed: unable to retrieve";

fn from_parameters(world: &World, task: &Task, role: &str, from: &str) -> Option<String> {
    let told = |why: &str| match task.fargate {
        true => {
            format!("{FAILED} secrets from ssm: service call has been retried 1 time(s): {why}")
        }
        false => format!(
            "ResourceInitializationError: fetching secret data from SSM Parameter Store in {}: {why}",
            world.region
        ),
    };
    let is_arn = from.starts_with("arn:");
    let name = if is_arn { ssm::name_of(world, from) } else { Some(from.to_owned()) };
    let known = name.and_then(|name| ssm::encrypted_with(world, &name));
    // IAM is asked first, about what the name would be.
    let arn = match &known {
        Some((arn, _)) => arn.clone(),
        None if is_arn => from.to_owned(),
        None => world.arn("ssm", &format!("parameter/{}", from.trim_start_matches('/'))),
    };
    if !iam::allows(world, role, "ssm:GetParameters", &arn, &Context::default()) {
        return Some(told(&denied(world, task, role, "ssm:GetParameters", &arn)));
    }
    match known {
        None => Some(told(&format!("invalid parameters: {}", arn::short(from)))),
        Some((_, key)) if !may_decrypt(world, role, key.as_deref()) => Some(told(
            "AccessDeniedException: The ciphertext refers to a customer master key that does not \
             exist, does not exist in this region, or you are not allowed to access. status code: 400",
        )),
        Some(_) => None,
    }
}

fn from_secrets_manager(world: &World, task: &Task, role: &str, from: &str) -> Option<String> {
    // `…:secret:NAME-SUFFIX:json-key:stage:version-id`.
    let mut parts = from.splitn(8, ':');
    let id = parts.by_ref().take(7).collect::<Vec<_>>().join(":");
    let rest = parts.next().unwrap_or_default();
    let json_key = rest.split(':').next().filter(|key| !key.is_empty());
    let told = |why: &str| match task.fargate {
        true => format!(
            "{FAILED} secret from asm: service call has been retried 1 time(s): failed to fetch \
             secret {id} from secrets manager: {why}"
        ),
        false => format!(
            "ResourceInitializationError: fetching secret data from AWS Secrets Manager in region {}: \
             secret {id}: {why}",
            world.region
        ),
    };
    let known = secretsmanager::value_of(world, &id);
    let arn = known.as_ref().map_or_else(|_| id.clone(), |(arn, ..)| arn.clone());
    if !iam::allows(world, role, "secretsmanager:GetSecretValue", &arn, &Context::default()) {
        return Some(told(&denied(world, task, role, "secretsmanager:GetSecretValue", &arn)));
    }
    match known {
        Err(why) => Some(told(&format!("{}: {}", why.code, why.message))),
        Ok((_, key, _)) if !may_decrypt(world, role, key.as_deref()) => {
            Some(told("AccessDeniedException: Access to KMS is not allowed status code: 400"))
        }
        Ok((_, _, value)) => {
            let key = json_key?;
            let value: Value = serde_json::from_str(&value).unwrap_or_default();
            value.get(key).is_none().then(|| match task.fargate {
                true => format!(
                    "{FAILED} secret from asm: service call has been retried 1 time(s): retrieved \
                     secret from Secrets Manager did not contain json key {key}"
                ),
                false => told(&format!(
                    "retrieved secret from Secrets Manager did not contain json key {key}"
                )),
            })
        }
    }
}

fn denied(world: &World, task: &Task, role: &str, action: &str, arn: &str) -> String {
    let session = world.iam_arn("").replace(":iam:", ":sts:");
    format!(
        "AccessDeniedException: User: {session}assumed-role/{}/{} is not authorized to perform: {action} \
         on resource: {arn} because no identity-based policy allows the {action} action status code: 400",
        arn::short(role),
        task.id
    )
}

/// Whether a role may decrypt with a key, given as an id, an ARN or an alias. The account's own keys of
/// these services let everybody do so who may read what they encrypt.
fn may_decrypt(world: &World, role: &str, key: Option<&str>) -> bool {
    let Some(key) = key else { return true };
    let resource = arn::resource(key);
    let name = if resource.is_empty() { key } else { resource };
    if name.starts_with("alias/aws/") {
        return true;
    }
    let mut context = Context::default();
    let id = match name.strip_prefix("alias/") {
        Some(_) => {
            context.set("kms:ResourceAliases", [name.to_owned()]);
            world.dice.digest("key", name)[..32].to_owned()
        }
        None => name.trim_start_matches("key/").to_owned(),
    };
    let arn = if key.starts_with("arn:") && name.starts_with("key/") {
        key.to_owned()
    } else {
        world.arn("kms", &format!("key/{id}"))
    };
    iam::allows(world, role, "kms:Decrypt", &arn, &context)
}
