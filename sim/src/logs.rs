//! `CloudWatch` Logs: groups of log streams.
//!
//! A new group keeps its events for ever: retention is a call of its own, which may not find the
//! group for a moment (`docs/aws-facts.md`, "What just made is not visible yet"). What containers write
//! is in streams ([`stream`]), and how it is read in [`events`].

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};

use crate::buckets::{Bucket, Limits, Shared};
use crate::fields::{Fields, Tags};
use crate::model::Model;
use crate::page::Pager;
use crate::refusal::{Answer, Refusal, Refusals};
use crate::service::Handler::{self, Changes, Looks};
use crate::service::Service;
use crate::tags::{Fault, Rules};
use crate::world::{Scope, State, World};

mod events;
mod policy;
mod stream;
#[cfg(test)]
mod tests_of_streams;

pub use stream::Chatter;
use stream::{Stream, millis};

/// Until other calls find a new group (seen: `ResourceNotFoundException` for a new group).
const VISIBLE: (&str, RangeInclusive<f64>) = ("log-group.visible", 0.0..=3.0);

/// The retentions that there are, in days (API `PutRetentionPolicy`).
const RETENTIONS: &[i64] = &[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

/// Pages of listings.
const PAGER: Pager = Pager {
    size: "limit",
    most: 50,
    bad_size: None,
    from: "nextToken",
    next: "nextToken",
    says_truncated: false,
    bad_token: |_| invalid("The specified nextToken is invalid."),
};

/// What logs let tags be.
const TAGS: Rules = Rules {
    most: 50,
    folds_case: false,
    refuse: |fault| match fault {
        Fault::TooMany => {
            let message = "A log group cannot have more than 50 tags.";
            Refusal::new("TooManyTagsException", message)
        }
        Fault::Reserved(key) => invalid(format!("Tag key {key} is reserved for AWS.")),
        Fault::Blank | Fault::LongKey(_) | Fault::LongValue(_) | Fault::Twice(_) => {
            invalid("A tag is not valid.")
        }
    },
};

/// The service.
pub static SERVICE: Service = Service {
    name: "logs",
    model: LazyLock::new(|| Model::read(include_str!("logs/model.json"))),
    operations: OPERATIONS,
    limits: Limits {
        shared: Shared::ByOperationOf(bucket),
        looks: (10.0, 10.0),
        changes: (10.0, 10.0),
    },
    refusals: Refusals {
        missing: "InvalidParameterException",
        malformed: "InvalidParameterException",
        throttled: || Refusal::new("ThrottlingException", "Rate exceeded"),
        denied: |why| Refusal::new("AccessDeniedException", why),
        dry_run: None,
    },
    scope: Logs::SCOPE,
    begin: World::begin::<Logs>,
    hear: None,
    ids,
    tagged,
    required: policy::required,
    tell: |_, _| (),
};

/// How many reads a second AWS takes (AWS General Reference, "`CloudWatch` Logs service quotas").
fn bucket(region: &str, operation: &str) -> Option<Bucket> {
    let a_second = match (operation, region) {
        ("FilterLogEvents", "eu-central-1") => 5.0,
        ("FilterLogEvents", "us-east-1") | ("DescribeLogStreams", _) => 25.0,
        ("GetLogEvents", "us-west-2" | "eu-west-1" | "eu-central-1") => 10.0,
        ("GetLogEvents", _) => 25.0,
        _ => return None,
    };
    Some((a_second, a_second))
}

/// Everything of logs in a region.
#[derive(Debug, Default)]
pub struct Logs {
    groups: BTreeMap<String, Group>,
}

impl State for Logs {
    const SCOPE: Scope = Scope::Region;
}

impl World {
    /// What logs keeps here.
    pub fn logs(&self) -> &Logs {
        self.state()
    }

    /// The same, to be changed.
    pub fn logs_mut(&mut self) -> &mut Logs {
        self.state_mut()
    }
}

#[derive(Debug)]
struct Group {
    created: Duration,
    visible_at: Duration,
    retention: Option<i64>,
    class: String,
    is_protected: bool,
    tags: Tags,
    streams: BTreeMap<String, Stream>,
}

/// What it answers.
const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateLogGroup", Changes(create_log_group)),
    ("DescribeLogGroups", Looks(describe_log_groups)),
    ("DeleteLogGroup", Changes(delete_log_group)),
    ("DeleteLogStream", Changes(events::delete_log_stream)),
    ("PutRetentionPolicy", Changes(put_retention_policy)),
    ("DeleteRetentionPolicy", Changes(delete_retention_policy)),
    ("TagResource", Changes(tag_resource)),
    ("UntagResource", Changes(untag_resource)),
    ("ListTagsForResource", Looks(list_tags_for_resource)),
    ("DescribeLogStreams", Looks(events::describe_log_streams)),
    ("FilterLogEvents", Looks(events::filter_log_events)),
    ("GetLogEvents", Looks(events::get_log_events)),
];

/// Answers one call.
pub fn answer(world: &mut World, operation: &str, input: &Value) -> Answer {
    SERVICE.answer(world, operation, input)
}

/// Whether a log group is there.
pub fn has_group(world: &World, name: &str) -> bool {
    find(world, name).is_ok()
}

/// Container Insights writes: its group is made, without tags and retention, where it is not there.
pub fn write(world: &mut World, group: &str) {
    if !world.logs().groups.contains_key(group) {
        make(world, group, "STANDARD", false, Tags::new());
    }
}

/// A container begins to write into a stream of its own. Nothing comes of it where the group is gone.
pub fn open(world: &mut World, group: &str, stream: &str, chatter: Chatter) {
    let now = millis(world.now);
    if let Some(it) = world.logs_mut().groups.get_mut(group) {
        let opened = || Stream::new(group, stream, now, chatter);
        it.streams.entry(stream.to_owned()).or_insert_with(opened);
    }
}

/// A container writes these lines, now.
pub fn put(world: &mut World, group: &str, stream: &str, lines: &[impl AsRef<str>]) {
    let now = millis(world.now);
    let stream = world.logs_mut().groups.get_mut(group).and_then(|it| it.streams.get_mut(stream));
    if let Some(stream) = stream {
        stream.say(now, lines.iter().map(|line| line.as_ref().to_owned()));
    }
}

/// A container has ended, and writes no more by itself.
pub fn close(world: &mut World, group: &str, stream: &str) {
    let now = millis(world.now);
    let stream = world.logs_mut().groups.get_mut(group).and_then(|it| it.streams.get_mut(stream));
    if let Some(stream) = stream {
        stream.close(now);
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Written {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// The group.
    pub group: String,
    /// The stream.
    pub stream: String,
    /// The line.
    pub text: String,
}

/// Everything that was written into the groups there are, whether it can be read yet or not.
pub fn written(world: &World) -> Vec<Written> {
    let until = millis(world.now) + 1;
    let mut written = Vec::new();
    for (group, it) in &world.logs().groups {
        for (stream, it) in &it.streams {
            let lines = it.lines(world, 0, until).into_iter();
            written.extend(lines.map(|line| Written {
                at: line.place.at,
                group: group.clone(),
                stream: stream.clone(),
                text: line.text,
            }));
        }
    }
    written.sort();
    written
}

/// All groups that exist, by name.
pub fn ids(world: &World) -> Vec<String> {
    world.logs().groups.keys().cloned().collect()
}

/// What has tags: its kind, its name and the tags.
pub fn tagged(world: &World) -> Vec<(String, String, Tags)> {
    let groups = world.logs().groups.iter();
    groups.map(|(name, group)| ("log-group".to_owned(), name.clone(), group.tags.clone())).collect()
}

fn make(world: &mut World, name: &str, class: &str, is_protected: bool, tags: Tags) {
    let (label, range) = VISIBLE;
    let group = Group {
        created: world.now,
        visible_at: world.now + world.dice.delay(label, name, range),
        retention: None,
        class: class.to_owned(),
        is_protected,
        tags,
        streams: BTreeMap::new(),
    };
    world.logs_mut().groups.insert(name.to_owned(), group);
}

fn find<'a>(world: &'a World, name: &str) -> Result<&'a Group, Refusal> {
    let group = world.logs().groups.get(name).filter(|group| group.visible_at <= world.now);
    group.ok_or_else(|| not_found("The specified log group does not exist."))
}

fn find_mut<'a>(world: &'a mut World, name: &str) -> Result<&'a mut Group, Refusal> {
    let now = world.now;
    let group = world.logs_mut().groups.get_mut(name).filter(|group| group.visible_at <= now);
    group.ok_or_else(|| not_found("The specified log group does not exist."))
}

fn not_found(message: &str) -> Refusal {
    Refusal::new("ResourceNotFoundException", message)
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterException", message)
}

fn create_log_group(world: &mut World, input: &Value) -> Answer {
    let name = input.text("logGroupName");
    if input.some_text("kmsKeyId").is_some() {
        return Err(Refusal::new("SimulatorLacks", "CreateLogGroup with kmsKeyId"));
    }
    if name.to_ascii_lowercase().starts_with("aws/") {
        return Err(invalid("Log groups starting with AWS/ are reserved for AWS."));
    }
    let tags = TAGS.given_by_key(input.tags("tags"))?;
    if world.logs().groups.contains_key(name) {
        let message = "The specified log group already exists";
        return Err(Refusal::new("ResourceAlreadyExistsException", message));
    }
    let class = input.some_text("logGroupClass").unwrap_or("STANDARD");
    make(world, name, class, input.flag("deletionProtectionEnabled") == Some(true), tags);
    Ok(json!({}))
}

fn describe_log_groups(world: &World, input: &Value) -> Answer {
    for lacking in ["accountIdentifiers", "includeLinkedAccounts", "logGroupIdentifiers"] {
        if input.get(lacking).is_some_and(|it| *it != json!(false)) {
            let message = format!("DescribeLogGroups with {lacking}");
            return Err(Refusal::new("SimulatorLacks", message));
        }
    }
    let (prefix, pattern) = (input.text("logGroupNamePrefix"), input.text("logGroupNamePattern"));
    if !prefix.is_empty() && !pattern.is_empty() {
        let message = "LogGroup name prefix and LogGroup name pattern are mutually exclusive \
                       parameters.";
        return Err(invalid(message));
    }
    let pattern = pattern.to_ascii_lowercase();
    let class = input.some_text("logGroupClass");
    let fits = |(name, group): &(&String, &Group)| {
        group.visible_at <= world.now
            && name.starts_with(prefix)
            && name.to_ascii_lowercase().contains(&pattern)
            && class.is_none_or(|class| class == group.class)
    };
    let views =
        world.logs().groups.iter().filter(fits).map(|(name, group)| view(world, name, group));
    PAGER.page(world, input, "logGroups", PAGER.most, views.collect())
}

fn view(world: &World, name: &str, group: &Group) -> Value {
    let arn = world.arn("logs", &format!("log-group:{name}"));
    let mut view = json!({
        "logGroupName": name,
        "creationTime": millis(group.created),
        "metricFilterCount": 0,
        // One ARN takes in the streams, the other does not.
        "arn": format!("{arn}:*"),
        "logGroupArn": arn,
        "storedBytes": 0,
        "logGroupClass": group.class,
        "deletionProtectionEnabled": group.is_protected,
    });
    if let Some(days) = group.retention {
        view["retentionInDays"] = json!(days);
    }
    view
}

fn delete_log_group(world: &mut World, input: &Value) -> Answer {
    let name = input.text("logGroupName");
    if find(world, name)?.is_protected {
        let message = "The log group is protected from deletion. Turn off deletion protection \
                       first.";
        return Err(Refusal::new("ValidationException", message));
    }
    world.logs_mut().groups.remove(name);
    Ok(json!({}))
}

fn put_retention_policy(world: &mut World, input: &Value) -> Answer {
    let days = input.number("retentionInDays").unwrap_or_default();
    if !RETENTIONS.contains(&days) {
        let all: Vec<_> = RETENTIONS.iter().map(ToString::to_string).collect();
        return Err(invalid(format!(
            "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy \
             constraint: Member must satisfy enum value set: [{}]",
            all.join(", ")
        )));
    }
    find_mut(world, input.text("logGroupName"))?.retention = Some(days);
    Ok(json!({}))
}

fn delete_retention_policy(world: &mut World, input: &Value) -> Answer {
    find_mut(world, input.text("logGroupName"))?.retention = None;
    Ok(json!({}))
}

/// The group that an ARN names. With `:*` at its end it is no ARN of something that has tags.
fn named<'a>(world: &World, input: &'a Value) -> Result<&'a str, Refusal> {
    let arn = input.text("resourceArn");
    let beginning = world.arn("logs", "log-group:");
    let name = arn.strip_prefix(&beginning).filter(|name| !name.contains([':', '*']));
    name.ok_or_else(|| invalid(format!("Invalid resource ARN: {arn}")))
}

/// The tags of a request, which are a map and no list.
fn tag_resource(world: &mut World, input: &Value) -> Answer {
    let tags = TAGS.given_by_key(input.tags("tags"))?;
    let name = named(world, input)?;
    let group = find_mut(world, name)?;
    TAGS.put(&mut group.tags, tags)?;
    Ok(json!({}))
}

fn untag_resource(world: &mut World, input: &Value) -> Answer {
    let name = named(world, input)?;
    let group = find_mut(world, name)?;
    TAGS.remove(&mut group.tags, &input.texts("tagKeys"));
    Ok(json!({}))
}

fn list_tags_for_resource(world: &World, input: &Value) -> Answer {
    let group = find(world, named(world, input)?)?;
    Ok(json!({ "tags": group.tags }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    const NAME: &str = "/ecsup/demo/web";

    fn world() -> World {
        let delays = [("log-group.visible".to_owned(), 2.0..=2.0)].into();
        let mut world = World::new(1, Scenario { delays, ..Scenario::default() });
        let create = json!({ "logGroupName": NAME, "tags": { "Name": "logs" } });
        answer(&mut world, "CreateLogGroup", &create).unwrap();
        world
    }

    fn code(world: &mut World, operation: &str, input: Value) -> String {
        answer(world, operation, &input).map_or_else(|refusal| refusal.code, |_| String::new())
    }

    #[test]
    fn a_new_group_is_not_found_at_once_and_has_no_retention() {
        let mut world = world();
        let name = json!({ "logGroupName": NAME });
        let put = |days: i64| json!({ "logGroupName": NAME, "retentionInDays": days });
        assert_eq!(
            code(&mut world, "CreateLogGroup", name.clone()),
            "ResourceAlreadyExistsException"
        );
        assert_eq!(code(&mut world, "PutRetentionPolicy", put(30)), "ResourceNotFoundException");
        assert!(!has_group(&world, NAME));
        world.advance(Duration::from_secs(2));
        let groups = answer(&mut world, "DescribeLogGroups", &json!({})).unwrap();
        let group = &groups["logGroups"][0];
        assert_eq!(group.get("retentionInDays"), None);
        assert_eq!(group["creationTime"], 1_767_225_600_000_u64);
        assert_eq!(code(&mut world, "PutRetentionPolicy", put(29)), "InvalidParameterException");
        assert_eq!(code(&mut world, "PutRetentionPolicy", put(30)), "");
        let groups = answer(&mut world, "DescribeLogGroups", &json!({})).unwrap();
        assert_eq!(groups["logGroups"][0]["retentionInDays"], 30);
        assert_eq!(code(&mut world, "DeleteLogGroup", name.clone()), "");
        assert_eq!(code(&mut world, "DeleteLogGroup", name), "ResourceNotFoundException");
    }

    #[test]
    fn tags_are_read_by_the_arn_without_its_streams() {
        let mut world = world();
        world.advance(Duration::from_secs(2));
        let arn = format!("arn:aws:logs:us-east-1:123456789012:log-group:{NAME}");
        let list = json!({ "resourceArn": arn });
        let tags = answer(&mut world, "ListTagsForResource", &list).unwrap();
        assert_eq!(tags, json!({ "tags": { "Name": "logs" } }));
        let list = json!({ "resourceArn": format!("{arn}:*") });
        assert_eq!(code(&mut world, "ListTagsForResource", list), "InvalidParameterException");
    }

    #[test]
    fn what_is_written_makes_a_group_once() {
        let mut world = world();
        write(&mut world, "/aws/ecs/containerinsights/demo/performance");
        write(&mut world, NAME);
        assert_eq!(ids(&world).len(), 2);
        assert_eq!(tagged(&world)[1].2.get("Name").map(String::as_str), Some("logs"));
        let reserved = json!({ "logGroupName": "aws/ecs" });
        assert_eq!(code(&mut world, "CreateLogGroup", reserved), "InvalidParameterException");
    }
}
