//! What is told of a deploy that does not come up, and how soon: each cause arises in a simulated world,
//! and is read of it through the real SDK.
//!
//! `cargo nextest run --no-capture each_cause_is_told` prints when each is known, beside when ECS's circuit
//! breaker knows it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use aws_sim::cloud::Cloud;
use aws_sim::faults::{Fault, Faults, Only};
use aws_sim::fields::Fields as _;
use aws_sim::policy::Policy;
use aws_sim::refusal::Answer;
use aws_sim::scenario::{Answers, Ending, Scenario, named};
use aws_sim::world::World;
use aws_sim::{autoscaling, ec2, ecs, iam, logs};
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Played, Stage, in_virtual_time};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::proofs::{IN_ECR, on_all_processors};
use crate::stage::{FARGATE, INTERNAL, end, stage};

/// A world in which a service does not come up.
struct Case {
    /// The cause.
    name: &'static str,
    /// The deploy.
    flags: Vec<&'static str>,
    /// The world.
    scenario: Scenario,
    /// What somebody does when the service has just been made.
    by_hand: Option<fn(&mut World)>,
}

fn case(name: &'static str, flags: &[&'static str], scenario: Scenario) -> Case {
    Case { name, flags: flags.to_vec(), scenario, by_hand: None }
}

fn ends(ending: Ending) -> Scenario {
    Scenario { ending: Some(ending), ..Scenario::default() }
}

/// Tasks that never start, in the words of Fargate.
const UNSTARTED: &[(&str, &str)] = &[
    (
        "image-platform",
        "CannotPullContainerError: pull image manifest has been retried 7 time(s): image Manifest does not contain descriptor matching platform 'linux/amd64'",
    ),
    (
        "image-missing",
        "CannotPullContainerError: The task can\u{2019}t pull the image. Check that the image exists. pull image manifest has been retried 1 time(s): failed to resolve ref nginx:9: nginx:9: not found",
    ),
    (
        "image-denied",
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref: unexpected status from HEAD request: 403 Forbidden",
    ),
    ("image-name", "CannotPullContainerError: invalid reference format"),
    (
        "image-rights",
        "CannotPullContainerError: User is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:us-east-1:123456789012:repository/app",
    ),
    (
        "image-layer-bucket",
        "CannotPullContainerError: httpReadSeeker: failed open: unexpected status code https://prod-us-east-1-starport-layer-bucket.s3.us-east-1.amazonaws.com: 403 Forbidden",
    ),
    (
        "image-unpulled",
        "CannotPullContainerError: ref pull has been retried 1 time(s): unexpected commit digest",
    ),
    (
        "registry-limit",
        "CannotPullContainerError: inspect image has been retried 5 time(s): 429 Too Many Requests - toomanyrequests: You have reached your pull rate limit",
    ),
    (
        "registry-certificate",
        "CannotPullContainerError: pull image manifest: tls: failed to verify certificate: x509: certificate signed by unknown authority",
    ),
    (
        "disk-full",
        "CannotPullContainerError: ref pull has been retried 1 time(s): failed to extract layer: write /usr/lib: no space left on device",
    ),
    (
        "secret-rights",
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret: AccessDeniedException: is not authorized to perform: secretsmanager:GetSecretValue",
    ),
    (
        "secret-missing",
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secrets from ssm: service call has been retried 1 time(s): invalid parameters: /demo/password",
    ),
    (
        "secret-key",
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: retrieved secret from Secrets Manager did not contain json key password",
    ),
    (
        "secret-key-rights",
        "ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve secret from asm: AccessDeniedException: User is not authorized to perform: kms:Decrypt",
    ),
    (
        "secret-unreachable",
        "ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve secret from asm: dial tcp 10.0.0.1:443: i/o timeout",
    ),
    (
        "environment-file",
        "ResourceInitializationError: failed to download env files: file download command: non empty error stream",
    ),
    (
        "logs-unreachable",
        "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: dial tcp 10.0.0.1:443: i/o timeout",
    ),
    ("role-gone", "ResourceInitializationError: unable to find execution role credentials"),
    (
        "command-missing",
        "CannotStartContainerError: Error response from daemon: failed to create task for container: exec: \"./start.sh\": executable file not found in $PATH",
    ),
    (
        "command-not-executable",
        "CannotStartContainerError: Error response from daemon: OCI runtime create failed: exec: \"./start.sh\": permission denied",
    ),
    (
        "container-unstarted",
        "CannotStartContainerError: Error response from daemon: failed to initialize",
    ),
    ("container-refused", "CannotCreateContainerError: API error (400): invalid mount config"),
    (
        "daemon-slow",
        "DockerTimeoutError: Could not transition to started; timed out after waiting 3m0s",
    ),
    ("interface-slow", "Timeout waiting for network interface provisioning to complete."),
    (
        "interface-refused",
        "Unexpected EC2 error while attempting to Create Network Interface in subnet 'subnet-1': UnauthorizedOperation",
    ),
    ("interface-slots", "Unable to attach network interface to unused device index"),
    ("container-order", "ContainerOrderingError: container ordering dependency timed out"),
    ("health-of-container", "Task failed container health checks"),
    ("aws-failed", "InternalError: the task could not be started"),
];

/// Refusals of EC2, with code and message.
const LAUNCHES: &[(&str, (&str, &str))] = &[
    ("image-of-instances", ("InvalidAMIID.NotFound", "The image id '[ami-1]' does not exist")),
    (
        "template-broken",
        ("InvalidGroup.NotFound", "The security group 'sg-1' does not exist in VPC 'vpc-1'"),
    ),
    (
        "spot-none",
        ("SpotMaxPriceTooLow", "There is no Spot capacity available that matches your request."),
    ),
    ("spot-quota", ("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")),
    (
        "addresses-none",
        (
            "InsufficientFreeAddressesInSubnet",
            "There are not enough free addresses in subnet 'subnet-1' to satisfy the requested number of instances.",
        ),
    ),
    ("unexplained", ("Strange", "Something that nobody has met.")),
];

/// What containers exit with, and what the agent says of it.
const EXITS: &[(&str, i64, &str, &[&str])] = &[
    ("exit-0", 0, "", &["hello world"]),
    ("exit-1", 1, "", &["Error: connect ECONNREFUSED 10.0.0.9:5432", "    at main.js:12:3"]),
    ("exit-126", 126, "", &["sh: ./start.sh: Permission denied"]),
    ("exit-127", 127, "", &["sh: gunicorn: not found"]),
    ("exit-134", 134, "", &["Aborted"]),
    ("exit-137", 137, "", &[]),
    ("exit-139", 139, "", &["Segmentation fault"]),
    ("exit-other", 3, "", &["configuration: unknown key"]),
    ("out-of-memory", 137, "OutOfMemoryError: Container killed due to memory usage", &[]),
    ("image-platform", 255, "", &["exec /usr/bin/app: exec format error"]),
];

const HEALTH: &[(&str, Answers)] = &[
    ("health-path", Answers::Code(404)),
    ("health-forbidden", Answers::Code(401)),
    ("health-redirected", Answers::Code(302)),
    ("health-not-http", Answers::Code(400)),
    ("health-error", Answers::Code(502)),
    ("health-code", Answers::Code(418)),
    ("health-timeout", Answers::Never),
    ("health-refused", Answers::Refused),
];

fn ask(
    world: &mut World,
    service: fn(&mut World, &str, &Value) -> Answer,
    operation: &str,
    input: Value,
) -> Value {
    service(world, operation, &input).unwrap_or_else(|why| panic!("{operation} {input}: {why:?}"))
}

/// The ids of a kind whose node begins like this.
fn ids(world: &mut World, kind: &str, node: &str) -> Vec<String> {
    let is_it = |tags: &aws_sim::fields::Tags| {
        tags.get("ecsup:node").is_some_and(|name| name.starts_with(node))
    };
    let all = world.tagged().into_iter();
    all.filter(|(of, _, tags)| of == kind && is_it(tags)).map(|(_, id, _)| id).collect()
}

fn routes_go(world: &mut World) {
    for table in ids(world, "route-table", "") {
        let input = json!({ "RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0" });
        ask(world, ec2::answer, "DeleteRoute", input);
    }
}

fn gateways_go(world: &mut World) {
    for gateway in ids(world, "natgateway", "") {
        ask(world, ec2::answer, "DeleteNatGateway", json!({ "NatGatewayId": gateway }));
    }
}

/// All rules of the tasks' group go, in one direction.
fn shut(world: &mut World, operation: &str) {
    for group in ids(world, "security-group", "security-group/service") {
        let all = json!({ "Filters": [{ "Name": "group-id", "Values": [group] }] });
        let rules = ask(world, ec2::answer, "DescribeSecurityGroupRules", all);
        let is_out = operation.ends_with("Egress");
        let rules = rules.list("SecurityGroupRules").iter();
        let rules = rules.filter(|it| it.flag("IsEgress") == Some(is_out));
        let rules: Vec<_> = rules.map(|it| it.text("SecurityGroupRuleId")).collect();
        let input = json!({ "GroupId": group, "SecurityGroupRuleIds": rules });
        ask(world, ec2::answer, operation, input);
    }
}

fn nothing_out(world: &mut World) {
    shut(world, "RevokeSecurityGroupEgress");
}

fn nothing_in(world: &mut World) {
    shut(world, "RevokeSecurityGroupIngress");
}

fn distrust(world: &mut World, node: &str) {
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "Service": "lambda.amazonaws.com" },
        "Action": "sts:AssumeRole",
    }] });
    for role in ids(world, "role", node) {
        let name = role.rsplit('/').next().unwrap_or_default();
        let input = json!({ "RoleName": name, "PolicyDocument": policy.to_string() });
        ask(world, iam::answer, "UpdateAssumeRolePolicy", input);
    }
}

fn execution_is_distrusted(world: &mut World) {
    distrust(world, "role/execution");
}

fn instances_are_distrusted(world: &mut World) {
    distrust(world, "role/instance");
}

fn policy_goes(world: &mut World) {
    for role in ids(world, "role", "role/execution") {
        let name = role.rsplit('/').next().unwrap_or_default();
        let arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy";
        let input = json!({ "RoleName": name, "PolicyArn": arn });
        ask(world, iam::answer, "DetachRolePolicy", input);
    }
}

fn log_group_goes(world: &mut World) {
    for group in ids(world, "log-group", "log-group/") {
        let name = group.rsplit("log-group:").next().unwrap_or_default();
        ask(world, logs::answer, "DeleteLogGroup", json!({ "logGroupName": name }));
    }
}

/// Somebody takes away the endpoint that images come through.
fn endpoint_goes(world: &mut World) {
    let endpoints = ids(world, "vpc-endpoint", "endpoint/ecr.dkr");
    let input = json!({ "VpcEndpointIds": endpoints });
    ask(world, ec2::answer, "DeleteVpcEndpoints", input);
}

fn nothing_passes(world: &mut World) {
    world.scenario.block_public_access = Some("block-bidirectional".to_owned());
}

/// The group may have one instance and no more, and one of its two goes.
fn one_instance(world: &mut World) {
    let groups = ask(world, autoscaling::answer, "DescribeAutoScalingGroups", json!({}));
    for group in groups.list("AutoScalingGroups") {
        let name = group.text("AutoScalingGroupName");
        let input = json!({ "AutoScalingGroupName": name, "MaxSize": 1, "DesiredCapacity": 1 });
        ask(world, autoscaling::answer, "UpdateAutoScalingGroup", input);
        if let [_, second, ..] = group.list("Instances") {
            let input = json!({ "InstanceIds": [second.text("InstanceId")] });
            ask(world, ec2::answer, "TerminateInstances", input);
        }
    }
}

fn cases() -> Vec<Case> {
    let by_hand = |name, flags: &[&'static str], by_hand| Case {
        by_hand: Some(by_hand),
        ..case(name, flags, Scenario::default())
    };
    let of = |name: &str| named(name).expect("a world").scenario();
    let quota =
        |name: &str, of| Scenario { quotas: [(name.to_owned(), of)].into(), ..Scenario::default() };
    let small = |more: &[&'static str]| {
        [&INTERNAL[..], &["--instance-type", "t3.small", "--timeout", "10m"], more].concat()
    };
    let private = [&FARGATE[..], &["--nat", "single"]].concat();
    let closed = ["--nat", "none", "--endpoints", "required", "--image", IN_ECR];
    let closed = [&FARGATE[..], &closed].concat();
    let mut cases = Vec::new();
    for (name, reason) in UNSTARTED {
        cases.push(case(name, &FARGATE, ends(Ending::unstarted(reason))));
    }
    for (name, code, said, lines) in EXITS {
        cases.push(case(name, &FARGATE, ends(Ending::exits(*code, 5.0, lines).because(said))));
    }
    for (name, health) in HEALTH {
        cases.push(case(name, &FARGATE, Scenario { health: *health, ..Scenario::default() }));
    }
    for (name, refusal) in LAUNCHES {
        let flags = [&INTERNAL[..], &["--timeout", "14m"]].concat();
        let scenario = Scenario { launch_refusal: Some(*refusal), ..Scenario::default() };
        cases.push(case(name, &flags, scenario));
    }
    let full = |why| Scenario { fargate_refusal: Some(why), ..Scenario::default() };
    let timed = [&FARGATE[..], &["--timeout", "5m"]].concat();
    cases.extend([
        case("type-unsupported", &INTERNAL, of("unsupported-type")),
        case("free-plan", &INTERNAL, of("free-plan")),
        case("vcpu-quota", &INTERNAL, of("vcpu-quota")),
        case("volume-key", &INTERNAL, of("customer-key")),
        case("launch-forbidden", &INTERNAL, of("forbidden-launch")),
        case("capacity-none", &INTERNAL, of("no-capacity")),
        case("fargate-quota", &timed, quota("fargate-vcpus", 0)),
        case("fargate-full", &timed, full("Capacity is unavailable at this time. Please try again later or in a different availability zone.")),
        case("task-quota", &timed, full("You've reached the limit on the number of tasks you can run concurrently.")),
        by_hand("public-access-blocked", &FARGATE, nothing_passes),
        by_hand("no-way-out", &private, routes_go),
        by_hand("no-endpoint", &closed, endpoint_goes),
        by_hand("route-dead", &private, gateways_go),
        by_hand("nothing-let-out", &private, nothing_out),
        by_hand("health-blocked", &FARGATE, nothing_in),
        by_hand("role-distrusts", &FARGATE, execution_is_distrusted),
        by_hand("role-distrusts", &INTERNAL, instances_are_distrusted),
        by_hand("role-without-policy", &FARGATE, policy_goes),
        by_hand("logs-missing", &FARGATE, log_group_goes),
        by_hand("memory-short", &small(&["--memory", "1024"]), one_instance),
        by_hand("cpu-short", &small(&["--cpu", "1536"]), one_instance),
        by_hand("interfaces-short", &small(&["--count", "4"]), one_instance),
    ]);
    cases
}

/// The service of the stack, if it is there.
fn service(world: &mut World) -> Option<Value> {
    let arn = ids(world, "service", "service/").into_iter().next()?;
    let (cluster, name) = arn.rsplit_once('/')?;
    let cluster = cluster.rsplit('/').next()?;
    let input = json!({ "cluster": cluster, "services": [name] });
    ask(world, ecs::answer, "DescribeServices", input).list("services").first().cloned()
}

/// When a thing of the world first went wrong, in seconds since 1970: a task that stopped, or a launch.
fn first_failure(world: &mut World) -> Option<f64> {
    let cluster = service(world)?.text("clusterArn").to_owned();
    let input = json!({ "cluster": cluster, "desiredStatus": "STOPPED" });
    let tasks = ask(world, ecs::answer, "ListTasks", input).texts("taskArns");
    let tasks = match tasks.as_slice() {
        [] => json!({}),
        tasks => {
            ask(world, ecs::answer, "DescribeTasks", json!({ "cluster": cluster, "tasks": tasks }))
        }
    };
    let tasks = tasks.list("tasks").iter().filter_map(|it| it["stoppingAt"].as_f64());
    let activities = ask(world, autoscaling::answer, "DescribeScalingActivities", json!({}));
    let failed = activities.list("Activities").iter();
    let failed = failed.filter(|it| it.text("StatusCode") == "Failed");
    let failed = failed.filter_map(|it| it["StartTime"].as_f64());
    tasks.chain(failed).reduce(f64::min)
}

/// When ECS said that the deployment has failed, if it has.
fn breaker(world: &mut World) -> Option<f64> {
    let service = service(world)?;
    let failed =
        service.list("deployments").iter().find(|it| it.text("rolloutState") == "FAILED")?;
    failed["updatedAt"].as_f64()
}

/// What was told of a case, and how soon.
struct Told {
    causes: String,
    /// Seconds from the first thing that failed until the deploy had ended, and until the breaker tripped.
    verdict: f64,
    breaker: Option<f64>,
}

async fn play(case: &Case) -> Result<Told, String> {
    let stage = Stage { cloud: Cloud::new(7, case.scenario.clone()) };
    let meddler = async {
        let Some(by_hand) = case.by_hand else { return };
        while stage.cloud.world(service).is_none() {
            sleep(Duration::from_millis(500)).await;
        }
        stage.cloud.world(by_hand);
    };
    let (played, ()) = tokio::join!(stage.play(&case.flags), meddler);
    if played.exit != Exit::DeployIncomplete {
        return Err(format!("{}: {:?}\n{}", case.name, played.exit, played.said()));
    }
    let ended = stage.cloud.world(|world| world.timestamp());
    let began = ended - played.took.as_secs_f64();
    let first = stage.cloud.world(first_failure).unwrap_or(began);
    let mut breaker_at = stage.cloud.world(breaker);
    for _ in 0..60 {
        if breaker_at.is_none() {
            sleep(Duration::from_secs(15)).await;
            breaker_at = stage.cloud.world(breaker);
        }
    }
    let defects = stage.cloud.defects();
    if !defects.is_empty() {
        return Err(format!("{}: {defects:?}", case.name));
    }
    Ok(Told {
        causes: causes(&played),
        verdict: ended - first,
        breaker: breaker_at.map(|at| at - first),
    })
}

/// What was told of causes: all that comes after what is always told.
fn causes(played: &Played) -> String {
    let end = end(played);
    end.find("cause: ").map_or(end.clone(), |from| end[from..].to_owned())
}

/// Ids that depend on what else was made before.
fn without_ids(text: &str) -> String {
    let is_id = |word: &str| {
        let tail = word.rsplit('-').next().unwrap_or_default();
        tail.len() >= 8 && tail.bytes().all(|it| it.is_ascii_hexdigit())
    };
    let words = text.split_inclusive(|it: char| !it.is_ascii_alphanumeric() && it != '-');
    let words = words.map(|piece| {
        let word = piece.trim_end_matches(|it: char| !it.is_ascii_alphanumeric());
        match word.rsplit_once('-').filter(|_| is_id(word)) {
            Some((kind, _)) => format!("{kind}-(id){}", &piece[word.len()..]),
            None => piece.to_owned(),
        }
    });
    words.collect()
}

/// What the waiter `services-stable` of AWS's own tools takes to give up: 40 looks every 15 seconds.
const WAITER: f64 = 600.0;

#[test]
fn each_cause_is_told_with_what_to_do_and_no_later_than_the_look_that_sees_the_circuit_breaker() {
    let cases = cases();
    let all = Mutex::new(BTreeMap::new());
    let failed = on_all_processors(cases.len() as u64, |number| {
        let case = &cases[usize::try_from(number).unwrap()];
        let told = in_virtual_time(number, async || play(case).await)?;
        all.lock().unwrap().insert(number, told);
        Ok(())
    });
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    let all = all.into_inner().unwrap();
    let (mut text, mut table, mut late) = (String::new(), String::new(), Vec::new());
    let (mut names, mut verdicts) = (std::collections::BTreeSet::new(), Vec::new());
    for (case, told) in cases.iter().zip(all.values()) {
        names.insert(case.name);
        writeln!(text, "== {}\n{}", case.name, without_ids(&told.causes)).unwrap();
        let breaker = told.breaker.map_or("never".to_owned(), |it| format!("{it:.0} s"));
        writeln!(table, "| `{}` | {:.0} s | {breaker} | {WAITER} s |", case.name, told.verdict)
            .unwrap();
        // Where tasks fail a look comes every three seconds, and the last calls take their time.
        if told.breaker.is_some_and(|it| told.verdict > it + 5.0) {
            late.push(case.name);
        }
        verdicts.push(told.verdict);
    }
    println!("{table}");
    assert!(names.len() >= 45, "{}", names.len());
    assert_eq!(late, [""; 0], "{table}");
    verdicts.sort_by(f64::total_cmp);
    let median = verdicts[verdicts.len() / 2];
    assert!(median < 120.0, "{median}\n{table}");
    insta::assert_snapshot!("told", text);
}

/// A policy without these actions.
pub fn without(policy: &str, actions: &[&str]) -> Policy {
    let mut policy: Value = serde_json::from_str(policy).expect("a policy");
    for statement in policy["Statement"].as_array_mut().expect("statements") {
        if let Value::Array(all) = &mut statement["Action"] {
            all.retain(|it| !actions.contains(&it.as_str().unwrap_or_default()));
        }
    }
    Policy::parse(&policy.to_string()).expect("a policy")
}

#[test]
fn what_may_not_be_read_is_left_out_and_said() {
    stage(named("crash").expect("a world").scenario(), async |stage| {
        let printed = stage.play(&["permissions"]).await.recording.out.join("\n");
        let denied = ["elasticloadbalancing:DescribeTargetHealth"];
        stage.cloud.set_policy(without(&printed, &denied));
        let played = stage.play(&FARGATE).await;
        assert_eq!(played.exit, Exit::DeployIncomplete, "{}", played.said());
        insta::assert_snapshot!("unread", causes(&played));
    });
}

/// Of a question that would tell more, no answer comes: what was found by then is told all the same.
#[test]
fn a_question_without_an_answer_hides_nothing_that_was_found() {
    stage(named("crash").expect("a world").scenario(), async |stage| {
        let operation = "GetLogEvents".to_owned();
        let silent = Only { operation, about: String::new(), fault: Fault::Silent };
        stage.cloud.set_faults(Faults { only: Some(silent), ..Faults::default() });
        let played = stage.play(&FARGATE).await;
        assert_eq!(played.exit, Exit::DeployIncomplete, "{}", played.said());
        let told = causes(&played);
        assert!(told.contains("(web exited with 1)"), "{told}");
    });
}

/// Of a healthy service nothing is made up where its revision may not be read: it runs on Fargate, and misses
/// no role of instances.
#[test]
fn what_is_not_known_is_not_guessed() {
    stage(Scenario::default(), async |stage| {
        let deployed = stage.play(&FARGATE).await;
        assert_eq!(deployed.exit, Exit::Done, "{}", deployed.said());
        // A name that is nobody's is a slip, and no stack at rest.
        let slip = stage.play(&["explain", "fargate-app"]).await;
        assert_eq!(slip.exit, Exit::Refused, "{}", slip.said());
        assert!(slip.said().contains("there is `fargate-api`"), "{}", slip.said());
        let printed = stage.play(&["permissions"]).await.recording.out.join("\n");
        stage.cloud.set_policy(without(&printed, &["ecs:DescribeTaskDefinition"]));
        let explained = stage.play(&["explain", "fargate-api"]).await;
        assert_eq!(explained.exit, Exit::Done, "{}", explained.said());
        let said = format!("{}{}", explained.recording.out.join("\n"), explained.said());
        assert!(!said.contains("is gone"), "{said}");
    });
}

/// The last lines of a log are the user's own, and stand in no log of ours.
#[test]
fn a_stack_at_rest_is_explained_by_looking_only() {
    stage(named("crash").expect("a world").scenario(), async |stage| {
        let deployed = stage.play(&FARGATE).await;
        assert_eq!(deployed.exit, Exit::DeployIncomplete, "{}", deployed.said());
        let mut statements = Vec::new();
        for part in ["read", "logs"] {
            let printed =
                stage.play(&["permissions", "--part", part]).await.recording.out.join("\n");
            let printed: Value = serde_json::from_str(&printed).expect("a policy");
            statements.extend(printed["Statement"].as_array().expect("statements").clone());
        }
        let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        stage.cloud.set_policy(Policy::parse(&policy).expect("a policy"));
        for line in [&["explain"][..], &["explain", "fargate-api"]] {
            let explained = stage.play(line).await;
            assert_eq!(explained.exit, Exit::ChangesPending, "{}", explained.said());
            assert_eq!(explained.changes(), [""; 0]);
            let out = explained.recording.out.join("\n");
            assert!(out.contains("Error: connect ECONNREFUSED"), "{out}");
            insta::assert_snapshot!("explained", without_ids(&out));
        }
        let explained = stage.play(&["explain", "--output", "json"]).await;
        assert_eq!(explained.exit, Exit::ChangesPending, "{}", explained.said());
        let read: Value = serde_json::from_str(&explained.recording.out.join("\n")).expect("JSON");
        let service = &read["services"][0];
        assert_eq!((&read["stack"], &service["name"]), (&json!("fargate-api"), &json!("web")));
        let cause = &service["causes"][0];
        assert_eq!((&cause["name"], &cause["waiting"]), (&json!("exit-1"), &json!("may_help")));
        let evidence = cause["evidence"].as_array().expect("evidence");
        assert!(evidence.iter().any(|it| it["call"] == "logs:GetLogEvents"), "{cause:#}");

        let folder = tempfile::TempDir::new().expect("a directory");
        let file = folder.path().join("ecsup.toml");
        std::fs::write(&file, "stack = \"other\"\npattern = \"fargate-api\"\n[service.web]\n")
            .expect("written");
        let explained = stage.play(&["explain", "--file", file.to_str().expect("text")]).await;
        assert!(explained.said().contains("there is no stack `other`"), "{}", explained.said());
    });
}

#[test]
fn of_a_stack_without_faults_it_is_said_what_was_looked_at() {
    for flags in [&FARGATE, &INTERNAL] {
        stage(Scenario::default(), async |stage| {
            let deployed = stage.play(flags).await;
            assert_eq!(deployed.exit, Exit::Done, "{}", deployed.said());
            let explained = stage.play(&["explain"]).await;
            assert_eq!(explained.exit, Exit::Done, "{}", explained.recording.out.join("\n"));
            assert!(explained.said().contains("nothing is wrong: looked at deployments"));
            assert!(
                explained.recording.out[0].ends_with(" steady"),
                "{:?}",
                explained.recording.out
            );
            // What somebody has done since is seen.
            stage.cloud.world(execution_is_distrusted);
            sleep(Duration::from_mins(1)).await;
            let explained = stage.play(&["explain"]).await;
            assert_eq!(explained.exit, Exit::ChangesPending, "{}", explained.said());
            assert_eq!(explained.changes(), [""; 0]);
            assert!(explained.recording.out[1].contains("does not let AWS take it on"));
        });
    }
}

/// A deploy that was stopped early leaves a stack, and nothing in it that could be explained.
#[test]
fn of_a_stack_without_services_that_is_said() {
    stage(Scenario::default(), async |stage| {
        let cut = [&FARGATE[..], &["--timeout", "20s"]].concat();
        let deployed = stage.play(&cut).await;
        assert_eq!(deployed.exit, Exit::DeployIncomplete, "{}", deployed.said());
        assert!(stage.cloud.world(service).is_none());
        let explained = stage.play(&["explain"]).await;
        assert_eq!(explained.exit, Exit::Done, "{}", explained.said());
        assert!(explained.said().contains("has no services yet"), "{}", explained.said());
    });
}
