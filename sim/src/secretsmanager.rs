//! Secrets Manager: secrets with a value each, and what they are encrypted with.
//!
//! A secret's ARN ends in six characters that nobody can foresee. Who deletes one mostly schedules that: until
//! then its name is taken, and its value is nobody's (Secrets Manager guide, "Delete a secret").

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::buckets::{Limits, Shared};
use crate::fields::{Fields, Tags, tag_list};
use crate::model::Model;
use crate::refusal::{Answer, Refusal, Refusals};
use crate::service::Handler::{self, Changes, Looks};
use crate::service::Service;
use crate::tags::{Fault, Rules};
use crate::world::{Scope, State, World};

mod policy;
#[cfg(test)]
mod tests;

/// Seconds of a day.
const DAY: f64 = 86_400.0;
/// Days until a deletion, where none are said (API `DeleteSecret`).
const DAYS: i64 = 30;
/// The key of the account that encrypts where none is given (API `CreateSecret`).
pub const OWN_KEY: &str = "alias/aws/secretsmanager";
/// What Secrets Manager lets tags be.
const TAGS: Rules = Rules {
    most: 50,
    folds_case: false,
    refuse: |fault| match fault {
        Fault::TooMany => invalid("A secret can have at most 50 tags."),
        Fault::Reserved(_) => invalid("Tag keys can't begin with aws:."),
        Fault::Blank | Fault::LongKey(_) | Fault::LongValue(_) | Fault::Twice(_) => {
            invalid("A tag is not valid.")
        }
    },
};

/// The service.
pub static SERVICE: Service = Service {
    name: "secretsmanager",
    model: LazyLock::new(|| Model::read(include_str!("secretsmanager/model.json"))),
    operations: OPERATIONS,
    // Secrets Manager guide, "Quotas": the descriptions and changes of 40 and 50 a second, of values many.
    limits: Limits { shared: Shared::ByKind, looks: (40.0, 40.0), changes: (50.0, 50.0) },
    refusals: Refusals {
        missing: "ValidationException",
        malformed: "ValidationException",
        throttled: || Refusal::new("ThrottlingException", "Rate exceeded"),
        denied: |why| Refusal::new("AccessDeniedException", why),
        dry_run: None,
    },
    scope: SecretsManager::SCOPE,
    begin: World::begin::<SecretsManager>,
    hear: None,
    ids,
    tagged,
    required: policy::required,
    tell: |_, _| (),
};

/// Everything of secrets in a region.
#[derive(Debug, Default)]
pub struct SecretsManager {
    secrets: BTreeMap<String, Secret>,
}

impl State for SecretsManager {
    const SCOPE: Scope = Scope::Region;
}

impl World {
    /// What Secrets Manager keeps here.
    pub fn secrets_manager(&self) -> &SecretsManager {
        self.state()
    }

    /// The same, to be changed.
    pub fn secrets_manager_mut(&mut self) -> &mut SecretsManager {
        self.state_mut()
    }
}

/// A secret.
#[derive(Debug, Clone)]
struct Secret {
    arn: String,
    description: Option<String>,
    /// The key that it is encrypted with, as it was given.
    key: Option<String>,
    /// Its values by version, oldest first; the last one is the current one.
    versions: Vec<(String, String)>,
    created: f64,
    changed: f64,
    /// When it goes, where that is scheduled.
    deleted: Option<f64>,
    tags: Tags,
}

/// What it answers.
const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateSecret", Changes(create_secret)),
    ("DescribeSecret", Looks(describe_secret)),
    ("GetSecretValue", Looks(get_secret_value)),
    ("PutSecretValue", Changes(put_secret_value)),
    ("DeleteSecret", Changes(delete_secret)),
    ("RestoreSecret", Changes(restore_secret)),
    ("TagResource", Changes(tag_resource)),
    ("UntagResource", Changes(untag_resource)),
];

/// Answers one call.
pub fn answer(world: &mut World, operation: &str, input: &Value) -> Answer {
    SERVICE.answer(world, operation, input)
}

/// All secrets, by ARN.
pub fn ids(world: &World) -> Vec<String> {
    world.secrets_manager().secrets.values().map(|it| it.arn.clone()).collect()
}

/// What has tags: its kind, its ARN and the tags.
pub fn tagged(world: &World) -> Vec<(String, String, Tags)> {
    let all = world.secrets_manager().secrets.values();
    all.map(|it| ("secret".to_owned(), it.arn.clone(), it.tags.clone())).collect()
}

/// Makes a secret of a name or of an ARN, which then is its very ARN.
pub fn add(world: &mut World, id: &str, value: &str) -> Answer {
    let name = match crate::arn::resource(id).strip_prefix("secret:") {
        Some(resource) => resource.get(..resource.len().saturating_sub(7)).unwrap_or(resource),
        None => id,
    };
    let made = create_secret(world, &json!({ "Name": name, "SecretString": value }))?;
    if id.starts_with("arn:") {
        id.clone_into(&mut find_mut(world, name)?.arn);
    }
    Ok(made)
}

/// A secret that somebody wants to read: its ARN, the key that it is encrypted with, and its value, which is
/// an error where it is scheduled to go.
pub fn value_of(world: &World, id: &str) -> Result<(String, Option<String>, String), Refusal> {
    let (_, secret) = find(world, id)?;
    let value = current(secret)?;
    Ok((secret.arn.clone(), secret.key.clone(), value.to_owned()))
}

fn not_found() -> Refusal {
    Refusal::new("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterException", message)
}

fn scheduled() -> Refusal {
    let message = "You tried to perform the operation on a secret that's currently marked deleted.";
    Refusal::new("InvalidRequestException", message)
}

/// A secret by its name or its ARN, which may be without its last characters.
fn find<'a>(world: &'a World, id: &str) -> Result<(&'a String, &'a Secret), Refusal> {
    let is_it = |(name, it): &(&'a String, &'a Secret)| {
        let partial = it.arn.strip_prefix(id).is_some_and(|rest| rest.len() == 7);
        *name == id || it.arn == id || (partial && id.starts_with("arn:"))
    };
    world.secrets_manager().secrets.iter().find(is_it).ok_or_else(not_found)
}

fn find_mut<'a>(world: &'a mut World, id: &str) -> Result<&'a mut Secret, Refusal> {
    let name = find(world, id)?.0.clone();
    world.secrets_manager_mut().secrets.get_mut(&name).ok_or_else(not_found)
}

fn current(secret: &Secret) -> Result<&str, Refusal> {
    if secret.deleted.is_some() {
        return Err(scheduled());
    }
    let none = || {
        let message =
            "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT";
        Refusal::new("ResourceNotFoundException", message)
    };
    secret.versions.last().map(|(_, value)| value.as_str()).ok_or_else(none)
}

fn lacks(input: &Value, operation: &str, names: &[&str]) -> Result<(), Refusal> {
    match names.iter().find(|name| input.get(**name).is_some()) {
        Some(name) => Err(Refusal::lacked(&format!("{operation} with {name}"))),
        None => Ok(()),
    }
}

fn create_secret(world: &mut World, input: &Value) -> Answer {
    lacks(input, "CreateSecret", &["SecretBinary", "AddReplicaRegions", "Type"])?;
    let name = input.text("Name");
    let is_good = |it: char| it.is_ascii_alphanumeric() || "/_+=.@-".contains(it);
    if !name.chars().all(is_good) {
        return Err(Refusal::new(
            "ValidationException",
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the \
             following: -/_+=.@!",
        ));
    }
    let tags = TAGS.given(input.list("Tags"))?;
    match world.secrets_manager().secrets.get(name) {
        Some(Secret { deleted: Some(_), .. }) => {
            let message = "You can't create this secret because a secret with this name is already \
                           scheduled for deletion.";
            return Err(Refusal::new("InvalidRequestException", message));
        }
        Some(_) => {
            let message = format!("The operation failed because the secret {name} already exists.");
            return Err(Refusal::new("ResourceExistsException", message));
        }
        None => {}
    }
    let suffix = world.digits_of(6, &format!("secret {name}"));
    let arn = world.arn("secretsmanager", &format!("secret:{name}-{suffix}"));
    let version = input.some_text("SecretString").map(|value| {
        let version = input.some_text("ClientRequestToken").map(str::to_owned);
        (version.unwrap_or_else(|| world.uuid()), value.to_owned())
    });
    let answer = json!({
        "ARN": arn,
        "Name": name,
        "VersionId": version.as_ref().map(|(version, _)| version),
    });
    let secret = Secret {
        arn,
        description: input.some_text("Description").map(str::to_owned),
        key: input.some_text("KmsKeyId").map(str::to_owned),
        versions: version.into_iter().collect(),
        created: world.timestamp(),
        changed: world.timestamp(),
        deleted: None,
        tags,
    };
    world.secrets_manager_mut().secrets.insert(name.to_owned(), secret);
    Ok(without_nulls(answer))
}

fn without_nulls(mut answer: Value) -> Value {
    if let Some(members) = answer.as_object_mut() {
        members.retain(|_, member| !member.is_null());
    }
    answer
}

fn describe_secret(world: &World, input: &Value) -> Answer {
    let (name, secret) = find(world, input.text("SecretId"))?;
    let stages = secret.versions.iter().rev().take(2).zip(["AWSCURRENT", "AWSPREVIOUS"]);
    let stages: serde_json::Map<String, Value> =
        stages.map(|((version, _), stage)| (version.clone(), json!([stage]))).collect();
    Ok(without_nulls(json!({
        "ARN": secret.arn,
        "Name": name,
        "Description": secret.description,
        // Nothing is said of the account's own key.
        "KmsKeyId": secret.key.as_deref().filter(|key| *key != OWN_KEY),
        "CreatedDate": secret.created,
        "LastChangedDate": secret.changed,
        "DeletedDate": secret.deleted,
        "Tags": tag_list(&secret.tags),
        "VersionIdsToStages": stages,
    })))
}

fn get_secret_value(world: &World, input: &Value) -> Answer {
    lacks(input, "GetSecretValue", &["VersionId", "VersionStage"])?;
    let (name, secret) = find(world, input.text("SecretId"))?;
    let value = current(secret)?;
    let version = secret.versions.last().map(|(version, _)| version);
    Ok(json!({
        "ARN": secret.arn,
        "Name": name,
        "VersionId": version,
        "SecretString": value,
        "VersionStages": ["AWSCURRENT"],
        "CreatedDate": secret.changed,
    }))
}

fn put_secret_value(world: &mut World, input: &Value) -> Answer {
    lacks(input, "PutSecretValue", &["SecretBinary", "VersionStages", "RotationToken"])?;
    let (version, now) = (world.uuid(), world.timestamp());
    let version = input.some_text("ClientRequestToken").map_or(version, str::to_owned);
    let name = find(world, input.text("SecretId"))?.0.clone();
    let secret = find_mut(world, &name)?;
    if secret.deleted.is_some() {
        return Err(scheduled());
    }
    secret.versions.push((version.clone(), input.text("SecretString").to_owned()));
    secret.changed = now;
    let stages = ["AWSCURRENT"];
    Ok(json!({ "ARN": secret.arn, "Name": name, "VersionId": version, "VersionStages": stages }))
}

fn delete_secret(world: &mut World, input: &Value) -> Answer {
    let now = world.timestamp();
    let (name, secret) = find(world, input.text("SecretId"))?;
    let (name, arn) = (name.clone(), secret.arn.clone());
    if secret.deleted.is_some() {
        return Err(scheduled());
    }
    let days = input.number("RecoveryWindowInDays");
    let date = if input.flag("ForceDeleteWithoutRecovery") == Some(true) {
        world.secrets_manager_mut().secrets.remove(&name);
        now
    } else {
        let days = i32::try_from(days.unwrap_or(DAYS)).unwrap_or(30);
        let date = now + f64::from(days) * DAY;
        find_mut(world, &name)?.deleted = Some(date);
        date
    };
    Ok(json!({ "ARN": arn, "Name": name, "DeletionDate": date }))
}

fn restore_secret(world: &mut World, input: &Value) -> Answer {
    let name = find(world, input.text("SecretId"))?.0.clone();
    let secret = find_mut(world, &name)?;
    secret.deleted = None;
    Ok(json!({ "ARN": secret.arn, "Name": name }))
}

fn tag_resource(world: &mut World, input: &Value) -> Answer {
    let tags = TAGS.given(input.list("Tags"))?;
    TAGS.put(&mut find_mut(world, input.text("SecretId"))?.tags, tags)?;
    Ok(json!({}))
}

fn untag_resource(world: &mut World, input: &Value) -> Answer {
    TAGS.remove(&mut find_mut(world, input.text("SecretId"))?.tags, &input.texts("TagKeys"));
    Ok(json!({}))
}
