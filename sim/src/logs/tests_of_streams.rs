//! What is written and what can be read of it, through [`super::answer`].

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::scenario::Scenario;

const GROUP: &str = "/ecsup/demo/web";
const CHATTER: &str = "health check: 200";

fn chatter() -> Chatter {
    Chatter { first: vec!["one".into(), "two".into()], each: Some(CHATTER.into()) }
}

/// A world with a group of three streams that writes for two minutes; one of them ends after one.
fn world(scenario: Scenario) -> World {
    let mut world = World::new(3, scenario);
    make(&mut world, GROUP, "STANDARD", false, Tags::new());
    wait(&mut world, 5);
    for stream in ["app/web/1", "app/web/2", "app/web/3"] {
        open(&mut world, GROUP, stream, chatter());
    }
    wait(&mut world, 60);
    put(&mut world, GROUP, "app/web/2", &["fatal: out of memory", "gone"]);
    close(&mut world, GROUP, "app/web/2");
    wait(&mut world, 60);
    world
}

fn wait(world: &mut World, seconds: u64) {
    world.advance(world.now + Duration::from_secs(seconds));
}

fn ok(world: &mut World, operation: &str, input: Value) -> Value {
    answer(world, operation, &input).unwrap_or_else(|why| panic!("{operation}: {why}"))
}

fn no(world: &mut World, operation: &str, input: Value) -> String {
    match answer(world, operation, &input) {
        Ok(answer) => panic!("{operation} should be refused: {answer}"),
        Err(why) => why.to_string(),
    }
}

/// Every page of a search, and how many of them were empty although more followed.
fn search(world: &mut World, more: &Value) -> (Vec<Value>, usize) {
    let (mut found, mut empty) = (Vec::new(), 0);
    let mut input = json!({ "logGroupName": GROUP });
    let members = more.as_object().unwrap().clone();
    input.as_object_mut().unwrap().extend(members);
    loop {
        let page = ok(world, "FilterLogEvents", input.clone());
        let events = page.list("events");
        found.extend(events.iter().cloned());
        let Some(next) = page.some_text("nextToken") else { return (found, empty) };
        empty += usize::from(events.is_empty());
        input["nextToken"] = json!(next);
    }
}

fn texts(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event.text("message")).collect()
}

fn all_of(world: &World) -> Vec<(i64, String, String)> {
    written(world).into_iter().map(|it| (it.at, it.stream, it.text)).collect()
}

fn read(events: &[Value]) -> Vec<(i64, String, String)> {
    let read = events.iter().map(|event| {
        let (stream, text) = (event.text("logStreamName"), event.text("message"));
        (event.number("timestamp").unwrap(), stream.to_owned(), text.to_owned())
    });
    read.collect()
}

#[test]
fn a_search_finds_each_line_once_in_order_whatever_its_pages_are_like() {
    for pages_of_one in [false, true] {
        let mut world = world(Scenario::default());
        wait(&mut world, 10);
        world.small_pages = pages_of_one;
        let end = millis(world.now) - 5_000;
        let (found, empty) = search(&mut world, &json!({ "endTime": end }));
        let mut wanted = all_of(&world);
        wanted.retain(|(at, ..)| *at <= end);
        assert!(wanted.len() > 30, "{}", wanted.len());
        assert_eq!(read(&found), wanted);
        let ids: BTreeSet<_> = found.iter().map(|event| event.text("eventId")).collect();
        assert_eq!(ids.len(), found.len());
        assert!(ids.iter().all(|id| id.len() == 56 && id.bytes().all(|it| it.is_ascii_digit())));
        assert!(empty > 0 || !pages_of_one, "some pages are empty");
    }
}

#[test]
fn a_line_can_be_read_one_to_five_seconds_after_it_was_written() {
    let mut world = world(Scenario::default());
    let now = millis(world.now);
    let (found, _) = search(&mut world, &json!({}));
    let (all, seen) = (all_of(&world), read(&found));
    let hidden: Vec<_> = all.iter().filter(|line| !seen.contains(line)).collect();
    assert!(!hidden.is_empty());
    assert!(hidden.iter().all(|(at, ..)| now - at < 5_000), "{hidden:?}");
    for event in &found {
        let (at, from) =
            (event.number("timestamp").unwrap(), event.number("ingestionTime").unwrap());
        assert!((1_000..=5_000).contains(&(from - at)) && from <= now, "{event}");
    }
}

#[test]
fn a_container_that_ends_has_its_last_lines_and_no_more() {
    let mut world = world(Scenario::default());
    let (found, _) = search(&mut world, &json!({ "logStreamNames": ["app/web/2"] }));
    let last: Vec<_> = texts(&found).into_iter().rev().take(2).collect();
    assert_eq!(last, ["gone", "fatal: out of memory"]);
    let (found, _) = search(&mut world, &json!({ "filterPattern": "out memory" }));
    assert_eq!(texts(&found), ["fatal: out of memory"]);
    let (found, _) = search(&mut world, &json!({ "filterPattern": "\"check: 200\"" }));
    assert!(texts(&found).iter().all(|text| text.starts_with(CHATTER)) && found.len() > 20);
    let search = json!({ "logGroupName": GROUP, "filterPattern": "?fatal ?gone" });
    assert!(no(&mut world, "FilterLogEvents", search).starts_with("SimulatorLacks"));
}

/// `FilterLogEvents` shows what is of the very end, and `GetLogEvents` does not.
#[test]
fn a_search_takes_in_its_end_and_a_read_does_not() {
    let mut world = world(Scenario::default());
    let one = all_of(&world).into_iter().find(|(.., text)| text == "one").unwrap();
    let (found, _) = search(&mut world, &json!({ "startTime": one.0, "endTime": one.0 }));
    assert_eq!(texts(&found), ["one", "one", "one"]);
    let (found, _) = search(&mut world, &json!({ "startTime": one.0 + 1, "endTime": one.0 + 200 }));
    assert_eq!(texts(&found), ["two", "two", "two"]);
    let get = json!({
        "logGroupName": GROUP, "logStreamName": "app/web/1", "startFromHead": true,
        "startTime": one.0, "endTime": one.0 + 200,
    });
    let mut token = json!(null);
    let mut found = Vec::new();
    loop {
        let mut get = get.clone();
        if !token.is_null() {
            get["nextToken"] = token.clone();
        }
        let page = ok(&mut world, "GetLogEvents", get);
        found.extend(page.list("events").to_vec());
        if page["nextForwardToken"] == token {
            break;
        }
        token = page["nextForwardToken"].clone();
    }
    assert_eq!(texts(&found), ["one"]);
}

/// Both ways, until the same token comes back.
#[test]
fn a_stream_is_read_forwards_and_backwards_to_where_the_same_token_comes_back() {
    let mut world = world(Scenario::default());
    let all: Vec<_> = all_of(&world).into_iter().filter(|it| it.1 == "app/web/2").collect();
    for (from_head, way) in [(true, "nextForwardToken"), (false, "nextBackwardToken")] {
        let mut found: Vec<Value> = Vec::new();
        let mut get = json!({
            "logGroupName": GROUP, "logStreamName": "app/web/2", "limit": 2, "startFromHead": from_head,
        });
        loop {
            let page = ok(&mut world, "GetLogEvents", get.clone());
            let events = page.list("events").to_vec();
            assert!(events.len() <= 2);
            found = if from_head { [found, events].concat() } else { [events, found].concat() };
            if page[way] == get["nextToken"] {
                break;
            }
            get["nextToken"] = page[way].clone();
        }
        let wanted: Vec<_> = all.iter().map(|(.., text)| text.as_str()).collect();
        assert_eq!(texts(&found), wanted, "{way}");
    }
    let get = |stream: &str, token: &str| json!({ "logGroupName": GROUP, "logStreamName": stream, "nextToken": token });
    let gone = no(&mut world, "GetLogEvents", get("app/web/9", "f/x"));
    assert_eq!(gone, "ResourceNotFoundException: The specified log stream does not exist.");
    for token in ["x", "f/x", "f/1~2", "g/0~0~0~0~"] {
        let refused = no(&mut world, "GetLogEvents", get("app/web/1", token));
        assert!(refused.starts_with("InvalidParameterException"), "{refused}");
    }
}

#[test]
fn streams_are_listed_by_name_or_by_what_aws_says_their_newest_line_is() {
    let mut world = world(Scenario::default());
    let list = |more: Value| {
        let mut input = json!({ "logGroupName": GROUP });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let by_time = json!({ "orderBy": "LastEventTime", "descending": true });
    let streams =
        ok(&mut world, "DescribeLogStreams", list(json!({ "logStreamNamePrefix": "app/web/2" })));
    assert_eq!(streams["logStreams"][0]["logStreamName"], "app/web/2");
    assert_eq!(streams.list("logStreams").len(), 1);
    // They have written for two minutes, which AWS does not know yet.
    assert_eq!(streams["logStreams"][0].get("lastEventTimestamp"), None);
    let mut both = by_time.clone();
    both["logStreamNamePrefix"] = json!("app/");
    assert!(no(&mut world, "DescribeLogStreams", list(both)).contains("Cannot order by"));
    wait(&mut world, 2 * 3600);
    let streams = ok(&mut world, "DescribeLogStreams", list(by_time));
    let names: Vec<_> =
        streams.list("logStreams").iter().map(|it| it.text("logStreamName")).collect();
    assert_eq!((names.len(), names[2]), (3, "app/web/2"), "the one that ended comes last");
    let last = streams["logStreams"][2].number("lastEventTimestamp").unwrap();
    assert_eq!(
        last,
        all_of(&world).into_iter().filter(|it| it.1 == "app/web/2").map(|it| it.0).max().unwrap()
    );
}

/// As many lines as fifty services write in an hour are more than a page holds, and none of them is kept.
#[test]
fn a_page_is_full_at_ten_thousand() {
    let mut world = world(Scenario::default());
    for number in 0..50 {
        open(&mut world, GROUP, &format!("app/many/{number}"), chatter());
    }
    wait(&mut world, 3600);
    let page = loop {
        let page = ok(&mut world, "FilterLogEvents", json!({ "logGroupName": GROUP }));
        if !page.list("events").is_empty() {
            break page;
        }
        wait(&mut world, 1);
    };
    assert_eq!(page.list("events").len(), 10_000);
    assert!(page.some_text("nextToken").is_some());
}

#[test]
fn streams_go_with_their_group() {
    let mut world = world(Scenario::default());
    ok(&mut world, "DeleteLogGroup", json!({ "logGroupName": GROUP }));
    let gone = no(&mut world, "FilterLogEvents", json!({ "logGroupName": GROUP }));
    assert_eq!(gone, "ResourceNotFoundException: The specified log group does not exist.");
    // A container that still runs writes into nothing.
    put(&mut world, GROUP, "app/web/1", &["lost"]);
    make(&mut world, GROUP, "STANDARD", false, Tags::new());
    wait(&mut world, 60);
    put(&mut world, GROUP, "app/web/1", &["lost"]);
    assert_eq!(all_of(&world), []);
    assert_eq!(search(&mut world, &json!({})).0.len(), 0);
    let streams = ok(&mut world, "DescribeLogStreams", json!({ "logGroupName": GROUP }));
    assert_eq!(streams["logStreams"], json!([]));
}

#[test]
fn what_contradicts_itself_is_refused() {
    let mut world = world(Scenario::default());
    let both = json!({
        "logGroupName": GROUP, "logStreamNames": ["app/web/1"], "logStreamNamePrefix": "app",
    });
    assert!(no(&mut world, "FilterLogEvents", both).starts_with("InvalidParameterException"));
    let neither = no(&mut world, "FilterLogEvents", json!({}));
    assert!(neither.starts_with("InvalidParameterException"), "{neither}");
    let unknown = json!({ "logGroupName": GROUP, "logStreamNames": ["app/web/9"] });
    assert!(no(&mut world, "FilterLogEvents", unknown).starts_with("ResourceNotFoundException"));
    let newest = json!({ "logGroupName": GROUP, "startFromHead": false });
    assert!(no(&mut world, "FilterLogEvents", newest).starts_with("SimulatorLacks"));
}

#[test]
fn reads_have_buckets_of_their_own_by_region() {
    let size =
        |region: &str, operation: &str| SERVICE.limits.bucket(region, "logs", operation, true).1.0;
    assert!((size("eu-central-1", "FilterLogEvents") - 5.0).abs() < 0.1);
    assert!((size("us-east-1", "FilterLogEvents") - 25.0).abs() < 0.1);
    assert!((size("eu-west-1", "FilterLogEvents") - 10.0).abs() < 0.1);
    assert!((size("eu-west-1", "DescribeLogStreams") - 25.0).abs() < 0.1);
    assert!((size("eu-west-1", "DescribeLogGroups") - 10.0).abs() < 0.1);
}
