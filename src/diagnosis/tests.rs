//! What is told by which words and by what else was read.

use super::*;

fn wanted() -> Wanted {
    Wanted {
        service: "web".into(),
        count: 2,
        image: Some("nginx:9".into()),
        port: Some(80),
        health_path: Some("/health".into()),
        memory: Some(512),
        cpu: Some(256),
        ..Wanted::default()
    }
}

fn evidence() -> Evidence {
    Evidence { wanted: wanted(), ..Evidence::default() }
}

fn task(reason: &str, end: Option<(i32, &str)>) -> StoppedTask {
    let reason_of = |text: &str| Some(text.to_owned()).filter(|it| !it.is_empty());
    let end = end.map(|(code, text)| End {
        name: "web".into(),
        code: Some(code),
        reason: reason_of(text),
    });
    StoppedTask { id: "t1".into(), reason: reason.into(), containers: end.into_iter().collect() }
}

fn of_tasks(tasks: &[StoppedTask]) -> Vec<Finding> {
    findings(&Evidence { tasks: tasks.to_vec(), ..evidence() })
}

/// All tables.
fn tables() -> Vec<&'static [Cause]> {
    let own: [&'static [Cause]; 4] =
        [image::CAUSES, start::CAUSES, launch::CAUSES, deployment::CAUSES];
    let more = [access::ALL, exit::ALL, health::ALL, placement::ALL, network::ALL];
    own.into_iter().chain(more.into_iter().flatten().copied()).collect()
}

#[test]
fn a_cause_has_one_name_and_words_in_small_letters() {
    let all: Vec<_> = tables().into_iter().flatten().collect();
    let mut names: Vec<_> = all.iter().map(|it| it.name).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "a name is there twice");
    assert!(count >= 45, "{count}");
    for cause in all {
        for word in cause.words.iter().flat_map(|line| *line) {
            assert_eq!(table::plain(word), *word, "{}", cause.name);
        }
        assert!(!cause.about.ends_with('.') && !cause.advice.ends_with('.'), "{}", cause.name);
        let needs_advice = cause.waiting == Waiting::Hopeless && cause.sign_of.is_empty();
        let is_made = ["vcpu-quota", "fargate-quota"].contains(&cause.name);
        assert!(!cause.advice.is_empty() || !needs_advice || is_made, "{}", cause.name);
    }
}

/// The page says of each what the table does, as far as nothing of the service is in it.
#[test]
fn the_page_lists_each_cause() {
    let page = include_str!("../../docs/diagnosis.md");
    for cause in tables().into_iter().flatten() {
        let waiting = match cause.waiting {
            Waiting::Hopeless => "does not help",
            Waiting::MayHelp => "may help",
            Waiting::Helps => "helps",
        };
        let about = cause.finding(Family::Image, &Evidence::default()).cause;
        let row = format!("| `{}` | {about} | {waiting} |", cause.name);
        assert!(page.contains(&row), "docs/diagnosis.md lacks {row}");
    }
}

/// What a stopped task says, how its container ended, and the cause.
type Row = (String, Option<(i32, &'static str)>, &'static str);

/// One line for each: what a stopped task says, how its container ended, and the cause.
#[test]
fn the_end_of_a_task_tells_its_cause() {
    const FARGATE: &str = "ResourceInitializationError: unable to pull secrets or registry auth: execution \
                           resource retrieval failed: ";
    let fargate = |text: &str| format!("{FARGATE}{text}");
    let pull = |text: &str| format!("CannotPullContainerError: {text}");
    let essential = "Essential container in task exited";
    let table: &[Row] = &[
        (pull("image Manifest does not contain descriptor matching platform 'linux/amd64'"), None, "image-platform"),
        (pull("The task can\u{2019}t pull the image. Check that the image exists. nginx:9: not found"), None, "image-missing"),
        (pull("pull access denied for x, repository does not exist or may require login"), None, "image-missing"),
        (pull("unexpected status: 403 Forbidden"), None, "image-denied"),
        (pull("toomanyrequests: You have reached your pull rate limit"), None, "registry-limit"),
        (pull("dial tcp: lookup registry.example: no such host"), None, "registry-unknown"),
        (pull("failed to register layer: no space left on device"), None, "disk-full"),
        (pull("dial tcp 10.0.0.1:443: i/o timeout"), None, "registry-unreachable"),
        (pull("Get https://x/v2/: net/http: request canceled while waiting for connection"), None, "registry-unreachable"),
        (pull("User is not authorized to perform: ecr:BatchGetImage on resource"), None, "image-rights"),
        (pull("httpReadSeeker: failed open: https://prod-eu-west-1-starport-layer-bucket.s3: 403"), None, "image-layer-bucket"),
        (pull("tls: failed to verify certificate: x509: unknown authority"), None, "registry-certificate"),
        (pull("invalid reference format"), None, "image-name"),
        (pull("something new"), None, "image-unpulled"),
        (fargate("unable to retrieve ecr registry auth: i/o timeout"), None, "registry-unreachable"),
        (fargate("unable to retrieve secret from asm: AccessDeniedException: not authorized"), None, "secret-rights"),
        (fargate("unable to retrieve secret from asm: ResourceNotFoundException: Secrets Manager can't find the specified secret."), None, "secret-missing"),
        (fargate("unable to retrieve secret from asm: i/o timeout"), None, "secret-unreachable"),
        (fargate("invalid ssm parameters: /demo/password"), None, "secret-missing"),
        (fargate("retrieved secret from Secrets Manager did not contain json key password"), None, "secret-key"),
        (fargate("unable to retrieve secret from asm: AccessDeniedException: kms:Decrypt"), None, "secret-key-rights"),
        ("ResourceInitializationError: failed to download env files: file download command".into(), None, "environment-file"),
        ("failed to validate logger args: The specified log group does not exist.".into(), None, "logs-missing"),
        ("failed to validate logger args: AccessDeniedException".into(), None, "logs-rights"),
        ("failed to validate logger args: signal: i/o timeout".into(), None, "logs-unreachable"),
        ("ECS was unable to assume the role 'r' that was provided for this task".into(), None, "role-trust"),
        ("unable to find execution role credentials".into(), None, "role-gone"),
        ("CannotStartContainerError: exec: \"x\": executable file not found in $PATH".into(), None, "command-missing"),
        ("CannotStartContainerError: OCI runtime create failed: exec: \"/x\": permission denied".into(), None, "command-not-executable"),
        ("CannotStartContainerError: something new".into(), None, "container-unstarted"),
        ("CannotCreateContainerError: invalid ulimit".into(), None, "container-refused"),
        ("DockerTimeoutError: Could not transition to started; timed out".into(), None, "daemon-slow"),
        ("Timeout waiting for network interface provisioning to complete".into(), None, "interface-slow"),
        ("Unexpected EC2 error while attempting to Create Network Interface in subnet 's': InsufficientFreeAddressesInSubnet".into(), None, "subnet-full"),
        ("Unexpected EC2 error while attempting to Create Network Interface: UnauthorizedOperation".into(), None, "interface-refused"),
        ("Unable to attach network interface to unused device index".into(), None, "interface-slots"),
        ("TaskFailedToStart: RESOURCE:ENI".into(), None, "interfaces-short"),
        ("TaskFailedToStart: RESOURCE:GPU".into(), None, "gpu-short"),
        ("TaskFailedToStart: AGENT".into(), None, "agent-silent"),
        ("TaskFailedToStart: ATTRIBUTE".into(), None, "attribute-missing"),
        ("TaskFailedToStart: MemberOf placement constraint unsatisfied".into(), None, "attribute-missing"),
        ("TaskFailedToStart: EMPTY CAPACITY PROVIDER".into(), None, "no-instances"),
        ("Container failed: container ordering dependency timed out".into(), None, "container-order"),
        ("Your Spot Task was interrupted.".into(), None, "spot-interrupted"),
        ("Host EC2 (instance i-1) terminated.".into(), None, "host-gone"),
        ("Task failed container health checks".into(), None, "health-of-container"),
        ("TaskStateError: state".into(), None, "aws-failed"),
        ("Task stopped by user".into(), None, "task-stopped-by-hand"),
        (essential.into(), Some((0, "")), "exit-0"),
        (essential.into(), Some((1, "")), "exit-1"),
        (essential.into(), Some((3, "")), "exit-other"),
        (essential.into(), Some((126, "")), "exit-126"),
        (essential.into(), Some((127, "")), "exit-127"),
        (essential.into(), Some((134, "")), "exit-134"),
        (essential.into(), Some((137, "")), "exit-137"),
        (essential.into(), Some((137, "OutOfMemoryError: Container killed due to memory usage")), "out-of-memory"),
        (essential.into(), Some((139, "")), "exit-139"),
        (essential.into(), Some((143, "")), "exit-143"),
        ("Something that nobody has met".into(), None, UNEXPLAINED),
    ];
    for (reason, end, name) in table {
        let found = of_tasks(&[task(reason, *end)]);
        assert_eq!(found[0].name, *name, "{reason}: {found:?}");
        assert_eq!(found.len(), 1, "{found:?}");
    }
}

#[test]
fn what_may_heal_is_not_called_hopeless() {
    for reason in [
        "CannotPullContainerError: dial tcp: i/o timeout",
        "CannotPullContainerError: toomanyrequests: rate exceeded",
        "ECS was unable to assume the role 'r' that was provided for this task",
        "Essential container in task exited",
        "Task failed ELB health checks in (target-group tg)",
    ] {
        let found = of_tasks(&[task(reason, Some((1, "")))]);
        assert_ne!(found[0].waiting, Waiting::Hopeless, "{found:?}");
    }
}

#[test]
fn only_the_newest_in_a_row_are_counted() {
    let (missing, crash) = (
        task("CannotPullContainerError: nginx: not found", None),
        task("Essential container in task exited", Some((1, ""))),
    );
    let times = |tasks: &[&StoppedTask]| {
        let found = of_tasks(&tasks.iter().map(|it| (*it).clone()).collect::<Vec<_>>());
        found.iter().map(|it| (it.name, it.times)).collect::<Vec<_>>()
    };
    assert_eq!(times(&[&missing, &missing, &missing]), [("image-missing", 3)]);
    let mended = times(&[&crash, &missing, &missing, &crash]);
    assert_eq!(mended, [("image-missing", 1), ("exit-1", 1)]);
    let routine = task("Scaling activity initiated by (deployment d)", None);
    assert_eq!(times(&[&routine]), []);
}

#[test]
fn a_crash_shows_what_was_written_last() {
    let lines: Vec<_> = (1..=7).map(|it| format!("line {it}")).collect();
    let log = |lines: Vec<String>| Some(Log { task: "t1".into(), lines });
    let crash = || vec![task("Essential container in task exited", Some((1, "")))];
    let found = findings(&Evidence { tasks: crash(), log: log(lines), ..evidence() });
    let shown: Vec<_> = found[0].evidence.iter().map(|it| it.text.as_str()).collect();
    let first = "Essential container in task exited (web exited with 1)";
    assert_eq!(shown, [first, "line 3", "line 4", "line 5", "line 6", "line 7"]);
    let other = log(vec!["exec /app: exec format error".into()]);
    let found = findings(&Evidence { tasks: crash(), log: other, ..evidence() });
    assert_eq!((found[0].name, found[0].waiting), ("image-platform", Waiting::Hopeless));
}

fn subnet(way_out: WayOut) -> Subnet {
    let (id, table) = ("subnet-1".into(), "rtb-1".into());
    Subnet { id, table, way_out, has_public_addresses: false, free_addresses: None }
}

/// Each row is what the network shows; the task says only that its pull timed out.
#[test]
fn a_timeout_is_a_sign_of_what_is_wrong_with_the_way_out() {
    let gateway = |state: &str| Gateway {
        id: "nat-1".into(),
        state: state.into(),
        failure: Some("Gateway.NotAttached: no gateway".into()),
    };
    let nat = || vec![subnet(WayOut::Nat("nat-1".into()))];
    let timeout = task("CannotPullContainerError: dial tcp: i/o timeout", None);
    let base = Evidence { tasks: vec![timeout; 3], ..evidence() };
    let with = |change: fn(&mut Evidence)| {
        let mut evidence = base.clone();
        change(&mut evidence);
        evidence
    };
    let mut failed = base.clone();
    (failed.subnets, failed.gateways) = (nat(), vec![gateway("failed")]);
    let mut pending = base.clone();
    (pending.subnets, pending.gateways) = (nat(), vec![gateway("pending")]);
    let table = [
        (with(|it| it.subnets = vec![subnet(WayOut::Nowhere)]), "no-way-out"),
        (
            with(|it| {
                let lacking =
                    vec![("ecr.dkr".into(), None), ("logs".into(), Some("failed".into()))];
                it.subnets = vec![subnet(WayOut::Endpoints(lacking))];
            }),
            "no-endpoint",
        ),
        (
            with(|it| {
                let lacking = vec![("ecr.dkr".into(), Some("pending".into()))];
                it.subnets = vec![subnet(WayOut::Endpoints(lacking))];
            }),
            "endpoint-pending",
        ),
        (with(|it| it.subnets = vec![subnet(WayOut::Blackhole("nat-2".into()))]), "route-dead"),
        (with(|it| it.subnets = vec![subnet(WayOut::Internet)]), "no-public-address"),
        (with(|it| it.lets_out = Some(false)), "nothing-let-out"),
        (with(|it| it.public_access = Some("block-bidirectional".into())), "public-access-blocked"),
        (failed, "nat-failed"),
        (pending, "nat-pending"),
        (base.clone(), "registry-unreachable"),
    ];
    for (evidence, name) in table {
        let found = findings(&evidence);
        assert_eq!((found[0].name, found.len()), (name, 1), "{found:?}");
        assert_eq!(found[0].times, 3, "{found:?}");
        let told = found[0].evidence.iter().any(|it| it.text.contains("i/o timeout"));
        assert!(told, "the sign is part of it: {found:?}");
    }
}

#[test]
fn what_targets_tell_is_told_with_the_code_and_the_path() {
    let target = |reason: &str, description: &str| Target {
        state: "unhealthy".into(),
        reason: reason.into(),
        description: description.into(),
    };
    let codes = |code: &str| {
        let words = format!("Health checks failed with these codes: [{code}]");
        vec![target("Target.ResponseCodeMismatch", &words)]
    };
    let table = [
        (codes("404"), None, "health-path"),
        (codes("403"), None, "health-forbidden"),
        (codes("302"), None, "health-redirected"),
        (codes("400"), None, "health-not-http"),
        (codes("502"), None, "health-error"),
        (codes("418"), None, "health-code"),
        (vec![target("Target.Timeout", "Request timed out")], None, "health-timeout"),
        (vec![target("Target.Timeout", "Request timed out")], Some(false), "health-blocked"),
        (vec![target("Target.FailedHealthChecks", "Health checks failed")], None, "health-refused"),
        (vec![target("Target.NotInUse", "not configured")], None, "target-unused"),
        (vec![target("Target.IpUnusable", "not usable")], None, "target-unusable"),
        (vec![target("Elb.InitialHealthChecking", "in progress")], None, "target-starts"),
    ];
    for (targets, lets_in, name) in table {
        let reason = "Task failed ELB health checks in (target-group arn:aws:x:tg/tg-demo/0123)";
        let is_over = !name.starts_with("target-");
        let tasks = Vec::from_iter(is_over.then(|| task(reason, None)));
        let found = findings(&Evidence { tasks, targets, lets_in, ..evidence() });
        assert_eq!((found[0].name, found.len()), (name, 1), "{found:?}");
    }
    let event = "(port 80) is unhealthy in (target-group arn:a/tg-demo/0) due to (reason Health checks \
                 failed with these codes: [502])";
    let found = findings(&Evidence { events: vec![event.into()], ..evidence() });
    assert_eq!(
        found[0].cause,
        "the container answers the health check's path `/health` with an error of its own"
    );
    assert!(found[0].evidence[0].text.contains("(target-group tg-demo)"), "{found:?}");
}

#[test]
fn events_tell_what_no_task_does() {
    let table = [
        (
            "was unable to place a task because no container instance met all of its requirements. Reason: No Container Instances were found in your cluster",
            "no-instances",
        ),
        (
            "was unable to place a task. The closest matching (container-instance x) has insufficient memory available",
            "memory-short",
        ),
        (
            "was unable to place a task. The closest matching (container-instance x) has insufficient CPU units available",
            "cpu-short",
        ),
        (
            "was unable to place a task. The closest matching (container-instance x) encountered error \"RESOURCE:ENI\"",
            "interfaces-short",
        ),
        (
            "was unable to place a task. The closest matching (container-instance x) encountered error \"AGENT\"",
            "agent-silent",
        ),
        (
            "was unable to place a task. The closest matching (container-instance x) is already using a port required by your task",
            "port-taken",
        ),
        (
            "was unable to place a task. The closest matching (container-instance x) is missing an attribute required by your task",
            "attribute-missing",
        ),
        (
            "was unable to place a task. Reason: Capacity is unavailable at this time",
            "fargate-full",
        ),
        (
            "was unable to place a task. Reason: Fargate is not supported in the requested availability zone: x",
            "zone-without-fargate",
        ),
        (
            "was unable to place a task. Reason: You've reached the limit on the number of vCPUs you can run concurrently",
            "fargate-quota",
        ),
        (
            "was unable to place a task. Reason: You've reached the limit on the number of tasks you can run concurrently",
            "task-quota",
        ),
        ("operations are being throttled on ELB", "throttled"),
        ("was unable to scale in due to (reason number of protected tasks)", "tasks-protected"),
        ("failed to register targets: TARGET GROUP IS NOT FOUND", "target-group-gone"),
        (
            "was unable to stop or start tasks during a deployment because of the service deployment configuration",
            "no-room-to-roll",
        ),
        ("ECS's trust relationship has been misconfigured", "ecs-role-trust"),
        ("ECS's permissions policies have been misconfigured", "ecs-role-rights"),
        (
            "failed to launch a task with (error ECS was unable to assume the role 'r')",
            "role-trust",
        ),
        ("is unable to consistently start tasks successfully", "starts-fail"),
    ];
    for (event, name) in table {
        let found = findings(&Evidence { events: vec![event.into()], ..evidence() });
        assert_eq!((found[0].name, found.len()), (name, 1), "{found:?}");
    }
    let (running, failed) =
        (2, Some("ECS deployment circuit breaker: tasks failed to start".into()));
    let rollout = Rollout { running, failed, ..Rollout::default() };
    assert_eq!(findings(&Evidence { rollout, ..evidence() })[0].name, "breaker");
    let steady = vec!["has reached a steady state".to_owned()];
    assert_eq!(findings(&Evidence { events: steady, ..evidence() }), []);
}

fn launches(messages: &[&str]) -> Vec<Finding> {
    let launch = |text: &&str| Launch { message: (*text).into(), ..Launch::default() };
    findings(&Evidence { launches: messages.iter().map(launch).collect(), ..evidence() })
}

#[test]
fn activities_tell_why_no_instance_starts() {
    let table = [
        (
            "Your requested instance type (x) is not supported in your requested Availability Zone",
            "type-unsupported",
        ),
        ("The specified instance type is not eligible for Free Tier.", "free-plan"),
        ("more vCPU capacity than your current vCPU limit of 32 allows", "vcpu-quota"),
        ("Termination Reason: Client.InternalError: Client error on launch", "volume-key"),
        ("You are not authorized to perform this operation.", "launch-forbidden"),
        ("The image id '[ami-1]' does not exist", "image-of-instances"),
        ("The security group 'sg-1' does not exist in VPC 'vpc-1'", "template-broken"),
        ("There is no Spot capacity available that matches your request.", "spot-none"),
        ("Max spot instance count exceeded", "spot-quota"),
        ("PendingVerification: Your request is being validated", "verification"),
        ("InsufficientFreeAddressesInSubnet", "addresses-none"),
        ("Invalid IAM Instance Profile name", "profile-unseen"),
        ("Something that nobody has met", UNEXPLAINED),
    ];
    for (message, name) in table {
        let found = launches(&[message, message]);
        assert_eq!((found[0].name, found[0].times), (name, 2), "{found:?}");
    }
    assert_eq!(launches(&["You are not authorized", "Something new"])[0].times, 1);
}

#[test]
fn a_lack_of_capacity_names_the_zones_that_have_some() {
    let lacks = |zone: &str, others: &str| {
        format!(
            "We currently do not have sufficient c5.xlarge capacity in the Availability Zone you \
             requested ({zone}). Our system will be working on provisioning additional capacity. \
             You can currently get c5.xlarge capacity by not specifying an Availability Zone in \
             your request or choosing {others}. Launching EC2 instance failed."
        )
    };
    let (one, two) = (lacks("eu-1a", "eu-1b, eu-1c"), lacks("eu-1b", "eu-1a, eu-1c"));
    let cause = |messages: &[&str]| launches(messages)[0].cause.clone();
    insta::assert_snapshot!(cause(&[&one]), @"EC2 has no c5.xlarge left in eu-1a, but has some in eu-1b and eu-1c");
    insta::assert_snapshot!(cause(&[&two, &one]), @"EC2 has no c5.xlarge left in eu-1a and eu-1b, but has some in eu-1c");
    let none = "We currently do not have sufficient c5.xlarge capacity in the Availability Zone \
                you requested (eu-1a). Launching EC2 instance failed.";
    insta::assert_snapshot!(cause(&[none]), @"EC2 has no c5.xlarge left in eu-1a");
}

#[test]
fn a_quota_that_is_too_small_is_named_with_what_the_stack_needs() {
    let shape = |name: &str, vcpus| {
        let shape = Shape { name: name.into(), vcpus, interfaces: None };
        let launches =
            vec![Launch { message: "your current vCPU limit".into(), ..Launch::default() }];
        let group = Group { desired: 2, ..Group::default() };
        let wanted = Wanted { shape: Some(shape), ..wanted() };
        let found = findings(&Evidence { wanted, launches, group: Some(group), ..evidence() });
        found[0].advice.clone()
    };
    insta::assert_snapshot!(shape("g4dn.xlarge", None), @"this stack needs 2 instances of `g4dn.xlarge`, and a quota of the account leaves less: ask for more of `Running On-Demand G and VT instances` (L-DB2E81BA) in Service Quotas, or for less with `--instance-type` or `--count`");
    assert!(shape("c5.xlarge", Some(4)).contains("8 vCPUs for 2 instances of `c5.xlarge`"));
    let event =
        "was unable to place a task. Reason: You've reached the limit on the number of vCPUs";
    let found = findings(&Evidence { events: vec![event.into()], ..evidence() });
    insta::assert_snapshot!(found[0].advice, @"this stack needs 0.5 vCPUs for 2 tasks, and a quota of the account leaves less: ask for more of `Fargate On-Demand vCPU resource count` (L-3032A538) in Service Quotas, or for less with `--cpu` or `--count`");
}

#[test]
fn instances_without_agents_are_a_sign_of_what_keeps_those() {
    let group = || Some(Group { desired: 2, most: 4, in_service: 2 });
    let none = Evidence { agents: Some(Vec::new()), group: group(), ..evidence() };
    assert_eq!(findings(&none)[0].name, "agents-unregistered");
    let role = Role { name: "role-demo-instance".into(), exists: true, ..Role::default() };
    let distrusts = findings(&Evidence { roles: vec![role.clone()], ..none.clone() });
    assert_eq!((distrusts[0].name, distrusts.len()), ("role-distrusts", 1), "{distrusts:?}");
    let role = Role { is_trusted: true, ..role };
    assert_eq!(
        findings(&Evidence { roles: vec![role], ..none.clone() })[0].name,
        "role-without-policy"
    );
    let gone = Evidence { roles: vec![Role::default()], ..none.clone() };
    assert_eq!(findings(&gone)[0].name, "role-absent");
    let no_way = Evidence { subnets: vec![subnet(WayOut::Nowhere)], ..none };
    assert_eq!((findings(&no_way)[0].name, findings(&no_way).len()), ("no-way-out", 1));

    let silent = Agent { instance: "i-1".into(), cpu: 4096, memory: 8192, ..Agent::default() };
    let agents = Some(vec![silent.clone()]);
    let all_silent = Evidence { agents, group: group(), ..evidence() };
    assert_eq!(findings(&all_silent)[0].name, "agents-disconnected");
    let full = Agent { is_connected: true, memory: 100, ..silent.clone() };
    let most = Some(Group { desired: 1, most: 1, in_service: 1 });
    let grown = Evidence { agents: Some(vec![full]), group: most.clone(), ..evidence() };
    assert_eq!(findings(&grown)[0].name, "group-full");
    let room = Agent { is_connected: true, ..silent };
    assert_eq!(findings(&Evidence { agents: Some(vec![room]), group: most, ..evidence() }), []);
}

#[test]
fn what_is_hopeless_comes_first_and_what_is_a_sign_of_nothing_last() {
    let events = vec!["is unable to consistently start tasks successfully".to_owned()];
    let tasks = vec![
        task("Timeout waiting for network interface provisioning", None),
        task("Essential container in task exited", Some((1, ""))),
        task("CannotPullContainerError: nginx: not found", None),
    ];
    let names: Vec<_> =
        findings(&Evidence { events, tasks, ..evidence() }).iter().map(|it| it.name).collect();
    assert_eq!(names, ["image-missing", "exit-1", "interface-slow"]);
}

#[test]
fn of_a_task_that_has_just_ended_it_is_not_told_yet_how() {
    let arn = "arn:aws:elasticloadbalancing:r:1:targetgroup/tg-demo/0123";
    let reason = format!("Something new in (target-group {arn})");
    let tasks = [task(&reason, None), task(&reason, Some((0, ""))), task(&reason, None)];
    let found = of_tasks(&tasks);
    assert_eq!((found.len(), found[0].times), (1, 3), "{found:?}");
    assert_eq!(found[0].cause, "Something new in (target-group tg-demo)");
}
