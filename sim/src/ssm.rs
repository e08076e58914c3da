//! Systems Manager: parameters, those of the account and AWS's public ones that name the newest
//! ECS-optimized images, and sessions.
//!
//! To put and to get is consistent: of two who put a new parameter, one is refused. A listing lags
//! behind. Names below `/aws` are AWS's.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};

use crate::buckets::{Limits, Shared};
use crate::doubt::Doubt;
use crate::fields::{Fields, Tags, tag_list};
use crate::model::Model;
use crate::page::Pager;
use crate::refusal::{Answer, Refusal, Refusals};
use crate::service::Handler::{self, Changes, Looks};
use crate::service::Service;
use crate::tags::{Fault, Rules};
use crate::world::{EPOCH, Scope, State, World};

mod image;
mod policy;
mod session;

pub use image::image_parameter;
pub use session::{register, session};

/// Until listings have a new parameter (seen), or a new version of one (in doubt).
const LISTED: (&str, RangeInclusive<f64>) = ("ssm.listed", 0.0..=2.0);

/// Characters that a value may have in the standard tier.
const LONGEST_VALUE: usize = 4096;
/// The type of a parameter that is encrypted.
const SECURE: &str = "SecureString";
/// The key of the account that encrypts where none is given (API `PutParameter`).
const OWN_KEY: &str = "alias/aws/ssm";
/// Levels that a name may have.
const DEEPEST: usize = 15;
/// What Systems Manager lets tags be.
const TAGS: Rules = Rules {
    most: 50,
    folds_case: false,
    refuse: |fault| match fault {
        Fault::TooMany => Refusal::new("TooManyTagsError", "A resource can have at most 50 tags."),
        Fault::Reserved(_) => {
            invalid("aws: prefixed tag key names are not allowed for external use.")
        }
        Fault::Blank | Fault::LongKey(_) | Fault::LongValue(_) | Fault::Twice(_) => {
            invalid("A tag is not valid.")
        }
    },
};

/// The service.
pub static SERVICE: Service = Service {
    name: "ssm",
    model: LazyLock::new(|| Model::read(include_str!("ssm/model.json"))),
    operations: OPERATIONS,
    limits: Limits { shared: Shared::ByKind, looks: (40.0, 40.0), changes: (3.0, 3.0) },
    refusals: Refusals {
        missing: "ValidationException",
        malformed: "ValidationException",
        throttled: || Refusal::new("ThrottlingException", "Rate exceeded"),
        denied: |why| Refusal::new("AccessDeniedException", why),
        dry_run: None,
    },
    scope: Ssm::SCOPE,
    begin: World::begin::<Ssm>,
    hear: None,
    ids,
    tagged,
    required: policy::required,
    tell: |_, _| (),
};

/// Everything of parameters in a region.
#[derive(Debug, Default)]
pub struct Ssm {
    parameters: BTreeMap<String, Parameter>,
    /// The agents in containers that have called, by the targets that they are, and who says whether one is
    /// still connected.
    agents: BTreeMap<String, fn(&World, &str) -> bool>,
    /// Sessions that nobody has ended.
    sessions: BTreeSet<String>,
}

impl State for Ssm {
    const SCOPE: Scope = Scope::Region;
}

impl World {
    /// What Systems Manager keeps here.
    pub fn ssm(&self) -> &Ssm {
        self.state()
    }

    /// The same, to be changed.
    pub fn ssm_mut(&mut self) -> &mut Ssm {
        self.state_mut()
    }
}

#[derive(Debug, Clone)]
struct Parameter {
    kind: String,
    /// The key that it is encrypted with, as it was given.
    key: Option<String>,
    description: Option<String>,
    data_type: String,
    /// Values and when they were put, oldest first: the first is version 1.
    versions: Vec<(String, f64)>,
    tags: Tags,
    /// When listings have each version.
    listed: Vec<Duration>,
}

/// What it answers.
const OPERATIONS: &[(&str, Handler)] = &[
    ("PutParameter", Changes(put_parameter)),
    ("GetParameter", Looks(get_parameter)),
    ("GetParameters", Looks(|world, input| Ok(get_parameters(world, input)))),
    ("GetParametersByPath", Looks(get_parameters_by_path)),
    ("DescribeParameters", Looks(describe_parameters)),
    ("DeleteParameter", Changes(delete_parameter)),
    ("DeleteParameters", Changes(|world, input| Ok(delete_parameters(world, input)))),
    ("AddTagsToResource", Changes(add_tags_to_resource)),
    ("RemoveTagsFromResource", Changes(remove_tags_from_resource)),
    ("ListTagsForResource", Looks(list_tags_for_resource)),
    ("StartSession", Changes(session::start_session)),
    ("TerminateSession", Changes(session::terminate_session)),
];

/// Answers one call.
pub fn answer(world: &mut World, operation: &str, input: &Value) -> Answer {
    SERVICE.answer(world, operation, input)
}

/// All parameters that are not AWS's, by name.
pub fn ids(world: &World) -> Vec<String> {
    world.ssm().parameters.keys().cloned().collect()
}

/// What has tags: its kind, its name and the tags.
pub fn tagged(world: &World) -> Vec<(String, String, Tags)> {
    let all = world.ssm().parameters.iter();
    all.map(|(name, it)| ("parameter".to_owned(), name.clone(), it.tags.clone())).collect()
}

fn not_found(name: &str) -> Refusal {
    Refusal::new("ParameterNotFound", format!("Parameter {name} not found."))
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationException", message)
}

/// Refuses a name that nobody but AWS may have, or nobody at all.
fn check_name(name: &str) -> Result<(), Refusal> {
    let lower = name.to_ascii_lowercase();
    if lower.starts_with("/aws") || lower.starts_with("/ssm") {
        let message = format!("No access to reserved parameter name: {name}.");
        return Err(Refusal::new("AccessDeniedException", message));
    }
    if name.contains('/') && !name.starts_with('/') {
        return Err(invalid("Parameter name must be a fully qualified name."));
    }
    let levels: Vec<_> = name.strip_prefix('/').unwrap_or(name).split('/').collect();
    if levels.len() > DEEPEST {
        let message = format!("A parameter name can have at most {DEEPEST} levels.");
        return Err(Refusal::new("HierarchyLevelLimitExceededException", message));
    }
    let is_good = |level: &&str| {
        let good = |letter: char| letter.is_ascii_alphanumeric() || ".-_".contains(letter);
        !level.is_empty() && level.chars().all(good)
    };
    let is_reserved = lower.starts_with("aws") || lower.starts_with("ssm");
    if is_reserved || !levels.iter().all(is_good) {
        return Err(invalid(
            "Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). If \
             formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path \
             can be formed as a mix of letters, numbers and the following 3 symbols .-_",
        ));
    }
    Ok(())
}

fn put_parameter(world: &mut World, input: &Value) -> Answer {
    let (name, value) = (input.text("Name"), input.text("Value"));
    for lacking in ["AllowedPattern", "Policies"] {
        if input.some_text(lacking).is_some() {
            let message = format!("PutParameter with {lacking}");
            return Err(Refusal::new("SimulatorLacks", message));
        }
    }
    if input.some_text("Tier").is_some_and(|tier| tier != "Standard") {
        return Err(Refusal::new("SimulatorLacks", "PutParameter of this tier"));
    }
    check_name(name)?;
    let overwrites = input.flag("Overwrite") == Some(true);
    if overwrites && input.get("Tags").is_some() {
        return Err(invalid(
            "Invalid request: tags and overwrite can't be used together. To create a parameter \
             with tags, please remove overwrite flag. To update tags for an existing parameter, \
             please use AddTagsToResource or RemoveTagsFromResource.",
        ));
    }
    if value.is_empty() {
        return Err(invalid(
            "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member \
             must have length greater than or equal to 1.",
        ));
    }
    if value.chars().count() > LONGEST_VALUE {
        return Err(invalid(format!(
            "Standard tier parameters support a maximum parameter value of {LONGEST_VALUE} \
             characters. To create a larger parameter value, upgrade the parameter to use the \
             advanced-parameter tier."
        )));
    }
    let is_secure = input.some_text("Type").map_or_else(
        || world.ssm().parameters.get(name).is_some_and(|it| it.kind == SECURE),
        |kind| kind == SECURE,
    );
    let key = input.some_text("KeyId").map(str::to_owned);
    if key.is_some() && !is_secure {
        return Err(invalid("KeyId is required for SecureString type parameter only."));
    }
    let put = (value.to_owned(), world.timestamp());
    let (label, range) = LISTED;
    let listed = world.now + world.dice.delay(label, name, range);
    let lags = world.scenario.doubts(Doubt::ListingShowsEarlierVersions);
    let listed_again = if lags { listed } else { world.now };
    if let Some(parameter) = world.ssm_mut().parameters.get_mut(name) {
        if !overwrites {
            let message = "The parameter already exists. To overwrite this value, set the \
                           overwrite option in the request to true.";
            return Err(Refusal::new("ParameterAlreadyExists", message));
        }
        if let Some(kind) = input.some_text("Type") {
            kind.clone_into(&mut parameter.kind);
        }
        parameter.key = is_secure.then(|| {
            let before = parameter.key.take();
            key.or(before).unwrap_or_else(|| OWN_KEY.to_owned())
        });
        if let Some(description) = input.some_text("Description") {
            parameter.description = Some(description.to_owned());
        }
        parameter.versions.push(put);
        // A later version is never listed before an earlier one.
        let earlier = parameter.listed.last().copied().unwrap_or_default();
        parameter.listed.push(listed_again.max(earlier));
        return Ok(json!({ "Version": parameter.versions.len(), "Tier": "Standard" }));
    }
    let Some(kind) = input.some_text("Type") else {
        return Err(invalid("A parameter type is required when you create a parameter."));
    };
    let tags = TAGS.given_by_key(input.tags("Tags"))?;
    let parameter = Parameter {
        kind: kind.to_owned(),
        key: is_secure.then(|| key.unwrap_or_else(|| OWN_KEY.to_owned())),
        description: input.some_text("Description").map(str::to_owned),
        data_type: input.some_text("DataType").unwrap_or("text").to_owned(),
        versions: vec![put],
        tags,
        listed: vec![listed],
    };
    world.ssm_mut().parameters.insert(name.to_owned(), parameter);
    Ok(json!({ "Version": 1, "Tier": "Standard" }))
}

impl Parameter {
    /// The newest version that listings have, if they have any.
    fn listed(&self, now: Duration) -> Option<usize> {
        let listed = self.listed.iter().take_while(|at| **at <= now).count();
        (listed > 0).then_some(listed)
    }
}

/// One parameter as it is, or in the version that follows its name: `name:3`.
fn get(world: &World, name: &str) -> Result<Value, Refusal> {
    let (bare, selector) = name.split_once(':').map_or((name, None), |(a, b)| (a, Some(b)));
    if let Some(value) = image_parameter(bare) {
        return Ok(json!({
            "Name": bare,
            "Type": "String",
            "Value": value,
            "Version": 1,
            "LastModifiedDate": EPOCH,
            "ARN": world.public_arn("ssm", &format!("parameter{bare}")),
            "DataType": "text",
        }));
    }
    let parameter = world.ssm().parameters.get(bare).ok_or_else(|| not_found(name))?;
    let newest = parameter.versions.len();
    let version = match selector {
        None => newest,
        Some(selector) => {
            selector.parse().ok().filter(|it| (1..=newest).contains(it)).ok_or_else(|| {
                let message = format!(
                    "Systems Manager could not find version {selector} of {bare}. Verify the \
                     version and try again."
                );
                Refusal::new("ParameterVersionNotFound", message)
            })?
        }
    };
    let mut view = view(world, bare, parameter);
    let (value, at) = &parameter.versions[version - 1];
    view["Value"] = json!(value);
    view["Version"] = json!(version);
    view["LastModifiedDate"] = json!(at);
    if let Some(selector) = selector {
        view["Selector"] = json!(format!(":{selector}"));
    }
    Ok(view)
}

/// What every answer says of a parameter.
fn view(world: &World, name: &str, parameter: &Parameter) -> Value {
    json!({
        "Name": name,
        "Type": parameter.kind,
        "Version": parameter.versions.len(),
        "LastModifiedDate": parameter.versions.last().map(|(_, at)| at),
        "ARN": world.arn("ssm", &format!("parameter/{}", name.trim_start_matches('/'))),
        "DataType": parameter.data_type,
    })
}

/// A parameter as a caller sees it who may not have asked for what was encrypted.
fn as_asked(mut parameter: Value, input: &Value) -> Value {
    if parameter.text("Type") == SECURE && input.flag("WithDecryption") != Some(true) {
        parameter["Value"] = json!("(encrypted)");
    }
    parameter
}

/// Makes an encrypted parameter of a name or of an ARN, which somebody has put long ago.
pub fn add(world: &mut World, name: &str, value: &str) -> Answer {
    let of_arn = crate::arn::resource(name).strip_prefix("parameter");
    let name = of_arn.unwrap_or(name).to_owned();
    let put = json!({ "Name": name, "Type": SECURE, "Value": value });
    let answer = put_parameter(world, &put)?;
    let now = world.now;
    if let Some(parameter) = world.ssm_mut().parameters.get_mut(&name) {
        parameter.listed = vec![now];
    }
    Ok(answer)
}

/// A parameter that somebody wants to read: its ARN, and the key that it is encrypted with.
pub fn encrypted_with(world: &World, name: &str) -> Option<(String, Option<String>)> {
    let parameter = world.ssm().parameters.get(name)?;
    let arn = view(world, name, parameter).text("ARN").to_owned();
    Some((arn, parameter.key.clone()))
}

/// The name of the parameter that an ARN means, as it was given. The ARN of `/db` is that of `db`.
pub fn name_of(world: &World, arn: &str) -> Option<String> {
    let name = crate::arn::resource(arn).strip_prefix("parameter/")?;
    let names = [format!("/{name}"), name.to_owned()];
    names.into_iter().find(|name| world.ssm().parameters.contains_key(name))
}

fn get_parameter(world: &World, input: &Value) -> Answer {
    let parameter = get(world, input.text("Name"))?;
    Ok(json!({ "Parameter": as_asked(parameter, input) }))
}

fn get_parameters(world: &World, input: &Value) -> Value {
    let (mut parameters, mut unknown) = (Vec::new(), Vec::new());
    for name in input.texts("Names") {
        match get(world, &name) {
            Ok(parameter) => parameters.push(as_asked(parameter, input)),
            Err(_) => unknown.push(name),
        }
    }
    json!({ "Parameters": parameters, "InvalidParameters": unknown })
}

fn get_parameters_by_path(world: &World, input: &Value) -> Answer {
    let path = input.text("Path");
    if !path.starts_with('/') {
        return Err(invalid(
            "The parameter doesn't meet the parameter name requirements. The parameter name must \
             begin with a forward slash \"/\".",
        ));
    }
    let filters = input.list("ParameterFilters");
    if let Some(filter) = filters.iter().find(|filter| filter.text("Key") != "Type") {
        let message = format!("The filter key {} is not valid here.", filter.text("Key"));
        return Err(Refusal::new("InvalidFilterKey", message));
    }
    let own = world.ssm().parameters.iter();
    let own = own.filter(|(name, it)| {
        it.listed(world.now).is_some() && filters.iter().all(|filter| fits(filter, name, it))
    });
    let names = image::names().chain(own.map(|(name, _)| name.clone()));
    let recursive = input.flag("Recursive") == Some(true);
    let names = names.filter(|name| is_below(name, path, recursive));
    let listed = |name: String| {
        let own = world.ssm().parameters.get(&name);
        let version = own.and_then(|own| own.listed(world.now)).map(|it| format!(":{it}"));
        let mut listed = get(world, &format!("{name}{}", version.unwrap_or_default())).ok()?;
        listed.as_object_mut()?.remove("Selector");
        Some(as_asked(listed, input))
    };
    let parameters = names.filter_map(listed).collect();
    PAGER.page(world, input, "Parameters", 10, parameters)
}

fn describe_parameters(world: &World, input: &Value) -> Answer {
    if !input.list("Filters").is_empty() || input.flag("Shared") == Some(true) {
        return Err(Refusal::new("SimulatorLacks", "DescribeParameters with Filters or Shared"));
    }
    let filters = input.list("ParameterFilters");
    for filter in filters {
        let key = filter.text("Key");
        if !["Name", "Path", "Type"].contains(&key) && !key.starts_with("tag:") {
            let message = format!("DescribeParameters with the filter {key}");
            return Err(Refusal::new("SimulatorLacks", message));
        }
    }
    let listed = world.ssm().parameters.iter().filter(|(name, it)| {
        it.listed(world.now).is_some() && filters.iter().all(|filter| fits(filter, name, it))
    });
    let view = |(name, parameter): (&String, &Parameter)| {
        let mut view = view(world, name, parameter);
        if let Some(key) = &parameter.key {
            view["KeyId"] = json!(key);
        }
        view["Tier"] = json!("Standard");
        view["LastModifiedUser"] = json!(world.caller());
        if let Some(description) = &parameter.description {
            view["Description"] = json!(description);
        }
        view
    };
    let parameters = listed.map(view).collect();
    PAGER.page(world, input, "Parameters", 50, parameters)
}

fn fits(filter: &Value, name: &str, parameter: &Parameter) -> bool {
    let (key, option, values) = (filter.text("Key"), filter.text("Option"), filter.texts("Values"));
    let among = |it: &str| {
        values.iter().any(|value| match option {
            "BeginsWith" => it.starts_with(value),
            "Contains" => it.contains(value),
            _ => it == value,
        })
    };
    match key {
        "Name" => among(name),
        "Path" => values.iter().any(|path| is_below(name, path, option == "Recursive")),
        "Type" => among(&parameter.kind),
        _ => {
            let value = key.strip_prefix("tag:").and_then(|tag| parameter.tags.get(tag));
            value.is_some_and(|value| values.is_empty() || among(value))
        }
    }
}

fn is_below(name: &str, path: &str, recursive: bool) -> bool {
    let rest = name.strip_prefix(path.trim_end_matches('/')).and_then(|it| it.strip_prefix('/'));
    rest.is_some_and(|rest| recursive || !rest.contains('/'))
}

/// Pages of listings.
const PAGER: Pager = Pager {
    size: "MaxResults",
    most: 50,
    bad_size: None,
    from: "NextToken",
    next: "NextToken",
    says_truncated: false,
    bad_token: |_| Refusal::new("InvalidNextToken", "The specified token isn't valid."),
};

fn delete_parameter(world: &mut World, input: &Value) -> Answer {
    let name = input.text("Name");
    let gone = world.ssm_mut().parameters.remove(name);
    gone.map(|_| json!({})).ok_or_else(|| not_found(name))
}

fn delete_parameters(world: &mut World, input: &Value) -> Value {
    let mut names = input.texts("Names");
    names.dedup();
    let parameters = &mut world.ssm_mut().parameters;
    let (deleted, invalid): (Vec<_>, Vec<_>) =
        names.into_iter().partition(|name| parameters.remove(name).is_some());
    json!({ "DeletedParameters": deleted, "InvalidParameters": invalid })
}

/// The name of the parameter whose tags a call is about.
fn resource_id(input: &Value) -> Result<&str, Refusal> {
    match input.text("ResourceType") {
        "Parameter" => Ok(input.text("ResourceId")),
        kind => Err(Refusal::lacked(&format!("tags of the resource type {kind}"))),
    }
}

fn unknown_resource(id: &str) -> Refusal {
    let message = format!(
        "The resource ID \"{id}\" is not valid. Verify that this ID is correct and try again."
    );
    Refusal::new("InvalidResourceId", message)
}

fn tags_of<'a>(world: &'a World, id: &str) -> Result<&'a Tags, Refusal> {
    let parameter = world.ssm().parameters.get(id);
    parameter.map(|it| &it.tags).ok_or_else(|| unknown_resource(id))
}

fn tags_of_mut<'a>(world: &'a mut World, id: &str) -> Result<&'a mut Tags, Refusal> {
    let parameter = world.ssm_mut().parameters.get_mut(id);
    parameter.map(|it| &mut it.tags).ok_or_else(|| unknown_resource(id))
}

fn add_tags_to_resource(world: &mut World, input: &Value) -> Answer {
    let tags = tags_of_mut(world, resource_id(input)?)?;
    TAGS.put(tags, TAGS.given_by_key(input.tags("Tags"))?)?;
    Ok(json!({}))
}

fn remove_tags_from_resource(world: &mut World, input: &Value) -> Answer {
    let tags = tags_of_mut(world, resource_id(input)?)?;
    TAGS.remove(tags, &input.texts("TagKeys"));
    Ok(json!({}))
}

fn list_tags_for_resource(world: &World, input: &Value) -> Answer {
    Ok(json!({ "TagList": tag_list(tags_of(world, resource_id(input)?)?) }))
}

#[cfg(test)]
mod tests;
