use super::*;
use crate::scenario::Scenario;
use crate::services;
use crate::wire::{self, Request, Response};

fn world() -> World {
    let mut world = World::new(1, Scenario::default());
    for name in ["a-high", "a-low", "b"] {
        let settings = json!({ "MetricName": "CPUUtilization", "AlarmActions": ["arn:aws:sns:1"] });
        put(&mut world, name, settings);
    }
    world
}

/// Sends a request as a client does, and lets it be answered.
fn send(world: &mut World, operation: &str, input: &Value) -> Response {
    let scope = "AWS4-HMAC-SHA256 Credential=K/20260101/us-east-1/monitoring/aws4_request";
    let target = format!("GraniteServiceVersion20100801.{operation}");
    let headers = [("authorization", scope.to_owned()), ("x-amz-target", target)];
    let request = Request {
        method: "POST".to_owned(),
        path: "/".to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
        body: input.to_string(),
    };
    let to = wire::addressee(&request, services::ALL).unwrap();
    let (operation, input) = wire::read(&to, &request);
    let answer = input.and_then(|input| to.service.answer(world, &operation, &input));
    let (response, misfits) = wire::write(&to, &operation, &answer, "1");
    assert_eq!(misfits, [""; 0]);
    response
}

/// The names of the alarms that are listed.
fn listed(world: &mut World, input: &Value) -> Vec<String> {
    let response = send(world, "DescribeAlarms", input);
    let answer: Value = serde_json::from_str(&response.body).unwrap();
    answer.list("MetricAlarms").iter().map(|it| it.text("AlarmName").to_owned()).collect()
}

#[test]
fn alarms_are_found_by_name_by_state_and_by_what_they_do() {
    let mut world = world();
    set_state(&mut world, "a-low", AlarmState::Alarm);
    for (input, found) in [
        (json!({}), vec!["a-high", "a-low", "b"]),
        (json!({ "AlarmNames": ["b", "c"] }), vec!["b"]),
        (json!({ "AlarmNamePrefix": "a-" }), vec!["a-high", "a-low"]),
        (json!({ "StateValue": "ALARM" }), vec!["a-low"]),
        (json!({ "ActionPrefix": "arn:aws:autoscaling" }), vec![]),
        (json!({ "AlarmTypes": ["CompositeAlarm"] }), vec![]),
        (json!({ "MaxRecords": 2, "NextToken": "2" }), vec!["b"]),
    ] {
        assert_eq!(listed(&mut world, &input), found, "{input}");
    }
}

#[test]
fn a_refusal_has_its_code_where_json_1_0_has_it() {
    let both = json!({ "AlarmNames": ["b"], "AlarmNamePrefix": "a" });
    for (input, code) in
        [(both, "ValidationError"), (json!({ "NextToken": "x" }), "InvalidNextToken")]
    {
        let refusal = send(&mut world(), "DescribeAlarms", &input);
        let before = ("x-amzn-query-error", format!("{code};Sender"));
        assert!(refusal.status == 400 && refusal.headers.contains(&before), "{refusal:?}");
        let body: Value = serde_json::from_str(&refusal.body).unwrap();
        assert_eq!(body["__type"], format!("com.amazonaws.cloudwatch#{code}"));
    }
}

#[test]
fn what_is_there_is_deleted_whatever_else_is_named() {
    let mut world = world();
    let alarms = |world: &mut World| {
        let ids = world.ids().into_iter();
        ids.filter(|id| id.contains(":alarm:")).collect::<Vec<_>>()
    };
    assert_eq!(alarms(&mut world).len(), 3);
    let delete = json!({ "AlarmNames": ["a-low", "gone", "b"] });
    assert_eq!(send(&mut world, "DeleteAlarms", &delete).status, 200);
    let left = "us-east-1 arn:aws:cloudwatch:us-east-1:123456789012:alarm:a-high";
    assert_eq!(alarms(&mut world), [left]);
}

#[test]
fn iam_knows_it_by_another_name() {
    let world = world();
    let view = crate::policy::view::View::of(&world);
    let delete = json!({ "AlarmNames": ["b"] });
    let required = services::required(&view, "monitoring", "DeleteAlarms", &delete);
    assert_eq!(required[0].action, "cloudwatch:DeleteAlarms");
    let arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:b";
    assert_eq!(required[0].targets[0].arn, arn);
}
