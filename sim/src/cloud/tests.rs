use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::{ProptestConfig, any, prop_oneof, proptest};
use proptest::strategy::{Just, Strategy};
use serde_json::{Map, Value, json};

use super::*;
use crate::model::{self, Kind, Model, Shape};

fn in_time_of_its_own<T>(play: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(play)
}

fn request(service: &str, target: &str, method: &str, path: &str, body: &str) -> Request {
    let scope = format!("AWS4-HMAC-SHA256 Credential=K/20260101/us-east-1/{service}/aws4_request");
    let headers = [("authorization", scope), ("x-amz-target", target.to_owned())];
    Request {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
        body: body.to_owned(),
    }
}

fn answer_to(request: Request) -> Response {
    in_time_of_its_own(async {
        Cloud::new(1, Scenario::default()).serve(request).await.expect("an answer")
    })
}

/// Each of these went down with the request, until the stack ended.
#[test]
fn what_is_nested_too_deeply_is_malformed() {
    let (dots, many) = ("a.".repeat(400_000), 300_000);
    let xml = format!("{}{}", "<a>".repeat(many), "</a>".repeat(many));
    let json = format!("{}1{}", "{\"a\":".repeat(many), "}".repeat(many));
    let lists = format!("{}{}", "[".repeat(many), "]".repeat(many));
    let target = "AmazonEC2ContainerServiceV20141113.CreateCluster";
    let path = "/2013-04-01/hostedzone";
    let cases = [
        ("ec2", "", "/", format!("Action=DescribeVpcs&{dots}a=1"), "InvalidRequest"),
        ("iam", "", "/", format!("Action=GetRole&{dots}a=1"), "MalformedInput"),
        ("ecs", target, "/", json, "SerializationException"),
        ("ecs", target, "/", lists, "SerializationException"),
        ("route53", "", path, xml, "MalformedInput"),
    ];
    for (service, target, path, body, code) in cases {
        let response = answer_to(request(service, target, "POST", path, &body));
        assert_eq!(response.status, 400, "{service}");
        assert!(response.body.contains(code), "{service}: {}", response.body);
    }
}

/// Every client finds the code where its protocol has it.
#[test]
fn what_is_lacking_is_said_in_the_protocol_of_whoever_asks() {
    let form = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
    let amz = [("content-type", "application/x-amz-json-1.0")];
    let says = |request: Request, more: &[(&str, &str)]| {
        let mut request = request;
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        request.headers.extend(more);
        let response = answer_to(request);
        assert_eq!(response.status, 400, "a client would try again");
        response.body
    };
    let ask = |service, target, body| request(service, target, "POST", "/", body);
    let wrapped = "<Error><Type>Sender</Type><Code>SimulatorLacks</Code>";
    assert!(says(ask("sns", "", "Action=ListTopics"), &form).contains(wrapped));
    assert!(says(ask("iam", "", "Action=CreateUser"), &form).contains(wrapped));
    assert!(says(ask("ec2", "", "Action=CreateFleet"), &form).starts_with("<Response><Errors>"));
    assert!(says(ask("s3", "", ""), &[]).starts_with("<Error><Code>SimulatorLacks</Code>"));
    assert!(says(ask("cloudfront", "", ""), &[]).contains(wrapped));
    assert!(says(ask("route53", "", ""), &[]).contains(wrapped));
    let json = r#"{"__type":"SimulatorLacks","message":"the simulator does not have the"#;
    assert!(says(ask("dynamodb", "DynamoDB_20120810.ListTables", "{}"), &amz).starts_with(json));
    assert!(says(ask("lambda", "", ""), &[]).starts_with(json));
    assert!(
        says(ask("ecs", "AmazonEC2ContainerServiceV20141113.RunTusk", "{}"), &amz)
            .starts_with(json)
    );
    // The older load balancers have the name and operations of the newer ones.
    let classic = "Action=DescribeLoadBalancers&Version=2012-06-01";
    assert!(says(ask("elasticloadbalancing", "", classic), &form).contains(wrapped));
}

#[test]
fn calls_are_kept_until_nobody_looks_at_them() {
    in_time_of_its_own(async {
        let cloud = Cloud::new(1, Scenario::default());
        let ask = |body| cloud.serve(request("ec2", "", "POST", "/", body));
        ask("Action=DescribeVpcs").await.unwrap();
        ask("Action=CreateFleet").await.unwrap();
        assert_eq!((cloud.calls().len(), cloud.defects().len()), (2, 1));
        cloud.stop_recording();
        ask("Action=DescribeVpcs").await.unwrap();
        ask("Action=CreateFleet").await.unwrap();
        assert_eq!((cloud.calls().len(), cloud.defects().len(), cloud.count()), (0, 0, 4));
    });
}

/// The same calls, of a client that takes its time or does not.
#[test]
fn ids_do_not_depend_on_the_time_that_passes_between_calls() {
    let ids = |pause: f64| {
        in_time_of_its_own(async {
            let cloud = Cloud::new(7, Scenario::default());
            let mut said = Vec::new();
            let mut ask = async |service: &str, operation: &str, input: Value| {
                let service = services::named(service).unwrap();
                let to = Addressee { region: "us-east-1".to_owned(), service };
                let answer = cloud.answer(&to, operation, &input);
                let answer = answer.unwrap_or_else(|refusal| panic!("{operation}: {refusal}"));
                said.push(ids_in(&answer));
                cloud.sleep(pause).await;
                answer
            };
            let text =
                |answer: &Value, at: &str| answer.pointer(at).unwrap().as_str().unwrap().to_owned();
            let vpc = ask("ec2", "CreateVpc", json!({ "CidrBlock": "10.0.0.0/16" })).await;
            let vpc = text(&vpc, "/Vpc/VpcId");
            let mut subnets = Vec::new();
            for (range, zone) in [("10.0.0.0/24", "us-east-1a"), ("10.0.1.0/24", "us-east-1b")] {
                let subnet = json!({ "VpcId": vpc, "CidrBlock": range, "AvailabilityZone": zone });
                let subnet = ask("ec2", "CreateSubnet", subnet).await;
                subnets.push(text(&subnet, "/Subnet/SubnetId"));
            }
            let gateway = ask("ec2", "CreateInternetGateway", json!({})).await;
            let gateway = text(&gateway, "/InternetGateway/InternetGatewayId");
            let attached = json!({ "InternetGatewayId": gateway, "VpcId": vpc });
            ask("ec2", "AttachInternetGateway", attached).await;
            let tables = ask("ec2", "DescribeRouteTables", json!({})).await;
            let route = json!({
                "RouteTableId": text(&tables, "/RouteTables/0/RouteTableId"),
                "DestinationCidrBlock": "0.0.0.0/0",
                "GatewayId": gateway,
            });
            ask("ec2", "CreateRoute", route).await;
            ask("ecs", "CreateCluster", json!({ "clusterName": "demo" })).await;
            let role = json!({
                "RoleName": "demo",
                "AssumeRolePolicyDocument": "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"ecs-tasks.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}]}",
            });
            let role = ask("iam", "CreateRole", role).await;
            let definition = json!({
                "family": "demo",
                "networkMode": "awsvpc",
                "requiresCompatibilities": ["FARGATE"],
                "cpu": "256",
                "memory": "512",
                "executionRoleArn": text(&role, "/Role/Arn"),
                "containerDefinitions": [{ "name": "web", "image": "nginx", "essential": true }],
            });
            ask("ecs", "RegisterTaskDefinition", definition).await;
            let network = json!({ "awsvpcConfiguration": { "subnets": subnets, "assignPublicIp": "ENABLED" } });
            let service = json!({
                "cluster": "demo",
                "serviceName": "web",
                "taskDefinition": "demo",
                "desiredCount": 3,
                "launchType": "FARGATE",
                "networkConfiguration": network,
            });
            ask("ecs", "CreateService", service).await;
            cloud.sleep(30.0).await;
            let more = json!({ "cluster": "demo", "service": "web", "desiredCount": 5 });
            ask("ecs", "UpdateService", more).await;
            ask("ec2", "AllocateAddress", json!({ "Domain": "vpc" })).await;
            cloud.sleep(300.0).await;
            let ids = cloud.world(World::ids);
            (said, ids)
        })
    };
    let (said, there) = ids(20.0);
    let (said_slowly, there_slowly) = ids(61.7);
    assert_eq!(said, said_slowly);
    assert_eq!(there, there_slowly);
    assert!(there.iter().filter(|id| id.contains(":task/")).count() >= 5, "{there:#?}");
}

/// The ids in an answer: what has many digits, and is no number.
fn ids_in(answer: &Value) -> BTreeSet<String> {
    match answer {
        Value::Object(members) => members.values().flat_map(ids_in).collect(),
        Value::Array(items) => items.iter().flat_map(ids_in).collect(),
        Value::String(text) => {
            let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
            words.filter(|word| word.len() >= 12).map(str::to_owned).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// Texts that something may stumble over.
const TEXTS: &[&str] = &[
    "",
    " ",
    "a",
    "-",
    "/",
    ".",
    "*",
    "?*?",
    ":::::::",
    "é",
    "🦀🦀🦀🦀🦀🦀",
    "\u{0}",
    "\\052.example.com.",
    "\\",
    "\\05",
    "example.com",
    "10.0.0.0/16",
    "10.0.1.0/24",
    "10.0.0.0/33",
    "0.0.0.0/0",
    "0.0.0.0/1",
    "255.255.255.255/32",
    "::/0",
    "10.0.0.4",
    "us-east-1a",
    "use1-az1",
    "tcp",
    "-1",
    "80",
    "256",
    "99999999999999999999",
    "18446744073709551615",
    "-9223372036854775808",
    "1e400",
    "NaN",
    "true",
    "null",
    "[]",
    "{}",
    "{\"Version\":\"2012-10-17\",\"Statement\":[]}",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"ecs-tasks.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}]}",
    "arn:aws:iam::123456789012:role/demo",
    "arn:aws:ecs:us-east-1:123456789012:cluster/demo",
    "arn:",
    "demo",
    "demo:1",
    "demo:0",
    "ami-0ec5000000000a001",
    "c5.xlarge",
    "$Latest",
    "tag:Name",
    "Name",
    "ecs.amazonaws.com",
    "IyEvYmluL3No",
    "2026-01-01T00:00:00Z",
];

/// Somebody who knows the shapes of requests, what was answered before, and nothing else.
struct Monkey {
    chance: fastrand::Rng,
    heard: Vec<String>,
}

impl Monkey {
    fn text(&mut self) -> String {
        match self.chance.choice(&self.heard) {
            Some(heard) if self.chance.u8(..) < 160 => heard.clone(),
            _ => (*self.chance.choice(TEXTS).unwrap()).to_owned(),
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "limits are whole numbers")]
    fn number(&mut self, shape: &Shape) -> i64 {
        let limits = [shape.min, shape.max].into_iter().flatten().map(|limit| limit as i64);
        let usual = [0, 1, 2, 3, 80, 100, 200, -1, 65_535, 65_536, i64::MAX, i64::MIN];
        let all: Vec<_> = limits.chain(usual).collect();
        *self.chance.choice(&all).unwrap()
    }

    fn value(&mut self, model: &Model, shape: &Shape, depth: u32) -> Value {
        let below = |member: &Option<model::Member>| model.shape(&member.as_ref().unwrap().shape);
        let some = if depth > 8 { 0 } else { self.chance.usize(0..3) };
        match shape.kind {
            Kind::Structure => {
                let mut members = Map::new();
                for (name, member) in &shape.members {
                    let takes = depth < 8 && self.chance.u8(..) < 90;
                    if takes || shape.required.contains(name) {
                        let value = self.value(model, model.shape(&member.shape), depth + 1);
                        members.insert(name.clone(), value);
                    }
                }
                members.into()
            }
            Kind::List => {
                let inner = below(&shape.member);
                (0..some).map(|_| self.value(model, inner, depth + 1)).collect()
            }
            Kind::Map => {
                let inner = below(&shape.value);
                (0..some).map(|_| (self.text(), self.value(model, inner, depth + 1))).collect()
            }
            Kind::String if !shape.values.is_empty() => {
                self.chance.choice(&shape.values).unwrap().as_str().into()
            }
            Kind::String | Kind::Blob => self.text().into(),
            Kind::Integer | Kind::Long | Kind::Timestamp => self.number(shape).into(),
            Kind::Double | Kind::Float => 0.5.into(),
            Kind::Boolean => self.chance.bool().into(),
        }
    }

    /// Remembers what an answer says.
    fn hears(&mut self, answer: &Value) {
        match answer {
            Value::String(text) if self.heard.len() < 400 => self.heard.push(text.clone()),
            Value::String(text) => {
                let place = self.chance.usize(..self.heard.len());
                text.clone_into(&mut self.heard[place]);
            }
            Value::Array(items) => items.iter().for_each(|item| self.hears(item)),
            Value::Object(members) => members.values().for_each(|value| self.hears(value)),
            _ => {}
        }
    }
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Words of all protocols, some of them many times over.
fn words() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        any::<String>(),
        Just("Filter.1.".to_owned()),
        Just("a.".to_owned()),
        Just("=".to_owned()),
        Just("&".to_owned()),
        Just("<a>".to_owned()),
        Just("</a>".to_owned()),
        Just("<![CDATA[".to_owned()),
        Just("<!DOCTYPE a [<!ENTITY b \"&b;\">]>".to_owned()),
        Just("&b;".to_owned()),
        Just("{\"a\":".to_owned()),
        Just("[".to_owned()),
        Just("]}".to_owned()),
        Just("%F0%9F".to_owned()),
    ];
    let many = prop_oneof![9 => Just(1_usize), 1 => Just(20_000)];
    let part = (word, many).prop_map(|(word, many)| word.repeat(many));
    proptest::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn whatever_comes_is_answered(
        service in 0..services::ALL.len(),
        operation in any::<proptest::sample::Index>(),
        path in words(),
        body in words(),
    ) {
        let (service, model) = (services::ALL[service].name, &*services::ALL[service].model);
        let operations: Vec<_> = model.operations.iter().collect();
        let (name, known) = operations[operation.index(operations.len())];
        let target = format!("{}.{name}", model.target);
        let known_path = format!("{}?{path}", known.uri);
        for (path, body) in [
            (known_path.as_str(), body.clone()),
            (path.as_str(), format!("Action={name}&{body}")),
        ] {
            let response = answer_to(request(service, &target, &known.method, path, &body));
            assert!((200..600).contains(&response.status));
        }
    }
}

proptest! {
    #![proptest_config(config(60))]

    /// Whatever has the shape of a request is answered, and the world goes on.
    #[test]
    fn whoever_knows_no_more_than_shapes_is_answered(seed in any::<u64>()) {
        let mut monkey = Monkey { chance: fastrand::Rng::with_seed(seed), heard: Vec::new() };
        let mut world = World::new(seed, Scenario::default());
        let mut now = Duration::ZERO;
        for _ in 0..400 {
            let service = *monkey.chance.choice(services::ALL).unwrap();
            let model = &*service.model;
            let operations: Vec<_> = model.operations.keys().collect();
            let operation = *monkey.chance.choice(&operations).unwrap();
            // What is taken away all the time is not there to stumble over.
            let removes = ["Delete", "Deregister"].iter().any(|verb| operation.starts_with(verb));
            if removes && monkey.chance.u8(..) < 200 {
                continue;
            }
            let to = Addressee { region: "us-east-1".to_owned(), service };
            let input = match model.input(operation) {
                Some(shape) => monkey.value(model, shape, 0),
                None => json!({}),
            };
            let fits = wire::check::request(&to, operation, &input);
            let answer = fits.and_then(|()| service.answer(&mut world, operation, &input));
            let (_, misfits) = wire::write(&to, operation, &answer, "1");
            assert!(misfits.is_empty(), "{operation} {input}: {misfits:?}");
            answer.iter().for_each(|answer| monkey.hears(answer));
            now += Duration::from_secs(monkey.chance.u64(0..20));
            world.advance(now);
        }
    }
}
