//! Tests of manifests: mistakes, and what is accepted.

use super::*;

/// What is said of a manifest: the rest of the file, or its excerpt, is left to other tests.
fn said(text: &str, flags: &ServiceFlags) -> Vec<String> {
    match of(text, flags).check() {
        Ok(_) => Vec::new(),
        Err(errors) => {
            assert!(!errors.is_empty());
            errors.iter().map(|error| error.to_string().replacen("ecsup.toml:", "", 1)).collect()
        }
    }
}

/// A manifest, where the environment has one variable.
pub(super) fn of(text: &str, flags: &ServiceFlags) -> Wish {
    let source = Source { name: MANIFEST.to_owned(), text: text.to_owned() };
    let variables = |name: &str| (name == "LEVEL").then(|| "debug".to_owned());
    Wish::of_file(&Rc::new(source), flags, &variables, &Answers::default())
}

const BASE: &str =
    "stack = \"shop\"\npattern = \"fargate-api\"\n\n[service.web]\nimage = \"web:1\"";

/// The mistakes that people make most, each with what is said of it. The first text follows the base,
/// from its sixth line on, unless it begins with the number of the line that it replaces.
const MISTAKES: &[(&str, &str)] = &[
    ("cpus = 512", "6:1: service.web.cpus: no such key; did you mean `cpu`?"),
    (
        "variables.A = \"1\"",
        "6:1: service.web.variables: no such key; Copilot's `variables` is `env` here",
    ),
    (
        "region = \"eu-west-1\"",
        "6:1: service.web.region: no such key here; `region` belongs above the first [table]",
    ),
    (
        "interval = \"10s\"",
        "6:1: service.web.interval: no such key here; it is one of `health` and of `container_health`",
    ),
    ("4:[servce.web]", "4:2: servce: no such table; did you mean `service`?"),
    (
        "cpu = 0.25",
        "6:7: service.web.cpu `0.25`: must be a number of CPU units, 1024 to a vCPU; for a quarter write 256",
    ),
    (
        "memory = 1",
        "6:10: service.web.memory `1`: must be a whole number of MiB, from 6 to 33554432; for 1 GiB write 1024",
    ),
    ("health.interval = 6", "6:19: service.web.health.interval `6`: needs a unit, as in \"6s\""),
    (
        "command = \"npm start\"",
        "6:11: service.web.command: must be an array, [\"npm\", \"start\"], or for a shell [\"sh\", \"-c\", \"npm start\"]",
    ),
    ("port = 08080", "6:8: not TOML: a number cannot begin with 0; write 8080"),
    (
        "5:",
        "4:10: service.web: has no image, and none runs yet that could stay; write `image`, or give --image web=…",
    ),
    (
        "5:image = \"web:${env:TAG}\"",
        "5:9: service.web.image: TAG is not set in the environment; set it, give --image web=…, or --keep-images",
    ),
    (
        "env.STAGE = \"${stage}\"",
        "6:13: service.web.env.STAGE: no variable `stage`; there are account, environment, region, stack, env:NAME and ssm:NAME; for the text itself write $${stage}",
    ),
    (
        "secrets.DB = \"postgres://user:password@host/db\"",
        "6:14: service.web.secrets.DB: must say where the secret is, not what it is: NAME, /path/NAME, secretsmanager:NAME or an ARN",
    ),
    ("env.DB = \"x\"\nsecrets = [\"DB\"]", "7:12: service.web.secrets.DB: is also in env (line 6)"),
    (
        "count = 2\nscaling = { min = 1, max = 4, cpu_percent = 60 }",
        "6:1: service.web.count: cannot stand beside `scaling` (line 7), which has min and max",
    ),
    (
        "\n[service.api]\nimage = \"api:1\"",
        "7:10: service.api: takes everything on the public load balancer, and so does service.web (line 4); give one of them `hosts` or `paths`",
    ),
    (
        "hosts = [\"a.com\"]\n\n[service.api]\nimage = \"api:1\"\nhosts = [\"a.com\"]",
        "10:10: service.api.hosts `a.com`: is also a host of service.web (line 6)",
    ),
    (
        "hosts = [\"web.org\"]\n\n[ingress.public]\nexisting_zone = \"a.com\"",
        "6:10: service.web.hosts `web.org`: must be the zone `a.com` (line 9) or a name in it",
    ),
    (
        "\n[capacity]\nmax_size = 4",
        "7:2: capacity: no service runs on instances; say run_on = \"instances\", or remove the table",
    ),
    (
        "deploy = { min_percent = 100, max_percent = 100 }",
        "6:26: service.web.deploy.min_percent `100`: with max_percent 100 no task can be replaced; lower it, or raise max_percent",
    ),
    (
        "\n[environment.prod.service.wbe]",
        "7:27: environment.prod.service.wbe: no such service; did you mean `web`? An environment changes services and adds none",
    ),
    ("\n[environment.prod]", "7:14: this manifest has environments: say which, --environment prod"),
    (
        "\n[job.night]\nof = \"web\"\nschedule = \"30 2 * * *\"",
        "9:12: job.night.schedule `30 2 * * *`: must be cron(…) with six fields, rate(…) or at(…); write \"cron(30 2 * * ? *)\"",
    ),
];

/// The base with a mistake in it.
fn with(mistake: &str) -> String {
    let line =
        mistake.split_once(':').and_then(|(line, text)| Some((line.parse::<usize>().ok()?, text)));
    let Some((line, text)) = line else { return format!("{BASE}\n{mistake}\n") };
    let mut lines: Vec<_> = BASE.lines().collect();
    lines[line - 1] = text;
    lines.join("\n") + "\n"
}

#[test]
fn the_mistakes_that_people_make_are_told_where_they_were_made() {
    for (mistake, told) in MISTAKES {
        let mut flags = ServiceFlags::default();
        // The one about a service that is not there is told beside the one about no environment.
        if mistake.contains("wbe") {
            flags.manifest.environment = Some("prod".to_owned());
        }
        assert_eq!(said(&with(mistake), &flags), [*told], "{mistake}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let text = with("cpus = 512\nport = \"80\"\ncount = -1\nenv.PASSWORD = 1.5\nhosts = \"a.b\"");
    insta::assert_snapshot!(said(&text, &ServiceFlags::default()).join("\n"), @r#"
    6:1: service.web.cpus: no such key; did you mean `cpu`?
    7:8: service.web.port `80`: must be a port number, without quotes
    8:9: service.web.count `-1`: must be a number of tasks, from 0 to 5000
    9:16: service.web.env.PASSWORD: must be text, a whole number, true or false; a number with a point has no one text: write it in quotes
    10:9: service.web.hosts `a.b`: must be an array: write ["a.b"], each a host
    "#);
}

#[test]
fn how_tasks_are_checked_and_replaced_has_limits() {
    let long = format!("command = [\"{}\"]", "x".repeat(70_000));
    let all = [
        "health = { port = 0, status = \"5xx\", interval = \"1s\", timeout = \"121s\", healthy = 1 }",
        "health = { interval = \"9s\", timeout = \"9s\" }\n[defaults.health]\ngrace = \"1.5s\"",
        "health.interval = \"5s\"",
        "deploy = { max_percent = 201, circuit_breaker = false, rollback = true, drain = \"2h\" }",
        "stop_timeout = \"121s\"\ncontainer_health.interval = \"10s\"",
        "container_health = { command = [\"curl\"], retries = 11 }",
        "[ingress.public]\nidle_timeout = \"0s\"",
        &long,
    ];
    let told = all.iter().flat_map(|lines| said(&with(lines), &ServiceFlags::default()));
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @r#"
    6:19: service.web.health.port `0`: must be a port number, from 1 to 65535
    6:31: service.web.health.status `5xx`: must be statuses from 200 to 499, such as "200", "200,302" or "200-299"
    6:49: service.web.health.interval `1s`: must be a whole number of seconds, from 5s to 300s
    6:65: service.web.health.timeout `121s`: must be a whole number of seconds, from 2s to 120s
    6:83: service.web.health.healthy `1`: must be a number of checks, from 2 to 10
    6:39: service.web.health.timeout `9s`: must be shorter than the interval, which is 9s
    8:9: service.web.health.grace `1.5s`: must be a whole number of seconds, from 0s to 2147483647s
    6:19: service.web.health.interval `5s`: must be longer than the timeout, which is 5s unless you say it
    6:26: service.web.deploy.max_percent `201`: must be a percentage, from 100 to 200
    6:67: service.web.deploy.rollback `true`: is what the circuit breaker does, and circuit_breaker (line 6) is false
    6:81: service.web.deploy.drain `2h`: must be a whole number of seconds, from 0s to 3600s
    6:16: service.web.stop_timeout `121s`: must be a whole number of seconds, from 2s to 120s, on Fargate
    7:1: service.web.container_health: needs a `command`, which is run in the container
    6:32: service.web.container_health.command: must begin with CMD, as in ["CMD", "/healthy"], or be a line for a shell, as in ["CMD-SHELL", "curl -f http://localhost/ || exit 1"]
    6:52: service.web.container_health.retries `11`: must be a number of checks, from 1 to 10
    7:16: ingress.public.idle_timeout `0s`: must be a whole number of seconds, from 1s to 4000s
    6:11: service.web.command: takes 70004 bytes as JSON, and at most 62464 are left for it beside the variables: ECS takes task definitions of 65536 bytes
    "#);
}

#[test]
fn the_containers_of_a_task_fit_together() {
    let sidecar = |lines: &str| format!("[service.web.sidecar.proxy]\nimage = \"envoy\"\n{lines}");
    let many: String =
        (0..10).map(|n| format!("[defaults.sidecar.s{n}]\nimage = \"a\"\n")).collect();
    let all = [
        sidecar("cpu = 256\nmemory = 507"),
        "sidecar.web.image = \"envoy\"\nsidecar.proxy = { port = 1 }".to_owned(),
        sidecar("port = 80\n[service.web.sidecar.other]\nimage = \"a\"\nport = 80"),
        "depends_on = { prxy = \"started\", web = \"started\" }\n".to_owned() + &sidecar(""),
        "depends_on.proxy = \"healthy\"\n".to_owned() + &sidecar(""),
        "depends_on.proxy = \"success\"\n".to_owned() + &sidecar(""),
        "depends_on.proxy = \"soon\"\n".to_owned() + &sidecar(""),
        "depends_on.proxy = \"started\"\n".to_owned() + &sidecar("depends_on.web = \"started\""),
        "target = \"proxy\"\n".to_owned() + &sidecar(""),
        "target = \"proxi\"\n".to_owned() + &sidecar("port = 9000"),
        "target = \"proxy\"\nport = 80\n".to_owned() + &sidecar("port = 9000"),
        "target = \"proxy\"\ningress = \"none\"\n".to_owned() + &sidecar("port = 9000"),
        sidecar("env.A = \"1\"\nsecrets = [\"A\"]\ncontainer_health.retries = 11"),
        "run_on = \"instances\"\narch = \"arm64\"".to_owned(),
        "security_groups = [\"sg-1\", \"sg-00000001\", \"sg-00000001\"]".to_owned(),
        "security_groups = [\"sg-00000001\", \"sg-00000002\", \"sg-00000003\", \"sg-00000004\", \"sg-00000005\"]".to_owned(),
        many,
    ];
    let told = all.iter().flat_map(|lines| said(&with(lines), &ServiceFlags::default()));
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @r#"
    8:7: service.web.sidecar.proxy.cpu `256`: leaves too little to the service's own container: the sidecars take 256 of the task's 256 units; lower it, or raise cpu
    9:10: service.web.sidecar.proxy.memory `507`: leaves too little to the service's own container: the sidecars take 507 of the task's 512 MiB; lower it, or raise memory
    6:9: service.web.sidecar.web: is called like the service, whose own container has that name
    7:9: service.web.sidecar.proxy: has no `image`
    8:8: service.web.sidecar.proxy.port `80`: is also the port of `other`, and the containers of a task share one network interface
    11:8: service.web.sidecar.other.port `80`: is also the port of `web`, and the containers of a task share one network interface
    6:16: service.web.depends_on.prxy `started`: is no container of this service; did you mean `proxy`?
    6:34: service.web.depends_on.web `started`: is the container itself
    6:12: service.web.depends_on.proxy `healthy`: has no `container_health` that could find it healthy
    6:12: service.web.depends_on.proxy `success`: is essential: the task ends with it, so say `essential = false` there
    6:12: service.web.depends_on.proxy `soon`: must be one of started, healthy, success
    9:1: service.web.sidecar.proxy.depends_on: is a circle, so that none of them starts: proxy → web → proxy
    6:10: service.web.target `proxy`: needs a `port` that load balancers reach
    6:10: service.web.target `proxi`: is no container of this service; did you mean `proxy`?
    6:10: service.web.target `proxy`: is what load balancers reach, so port (line 7) means nothing: remove it
    6:10: service.web.target `proxy`: means nothing where no load balancer leads to the service
    9:12: service.web.sidecar.proxy.secrets.A: is also in env (line 8)
    10:1: service.web.sidecar.proxy.container_health: needs a `command`, which is run in the container
    10:28: service.web.sidecar.proxy.container_health.retries `11`: must be a number of checks, from 1 to 10
    7:8: service.web.arch `arm64`: means nothing on instances, whose type has a processor: say it on Fargate
    6:20: service.web.security_groups `sg-1`: must be `sg-` and 8 to 17 lower-case hexadecimal digits
    6:43: service.web.security_groups `sg-00000001`: is there twice
    6:19: service.web.security_groups `5 groups`: at most 4: a task has one of the stack's own, and a network interface takes 5
    6:11: service.web.sidecar `11 containers`: ECS takes at most 10 in a task, the service's own among them
    "#);
}

#[test]
fn a_sidecar_is_shared_and_switched_off_and_its_secrets_have_the_prefix() {
    let text = with(
        "target = \"proxy\"\n[defaults.sidecar.proxy]\nimage = \"envoy\"\nport = 9000\nsecrets = [\"KEY\"]\n\
         [service.api]\nimage = \"api\"\ningress = \"internal\"\nsidecar.proxy.enabled = false",
    );
    let spec = of(&text, &ServiceFlags::default()).check().unwrap();
    let [web, api] = &spec.services[..] else { panic!("two services") };
    assert_eq!((web.target().0.as_str(), web.target().1), ("proxy", 9000));
    let [proxy] = &web.sidecars[..] else { panic!("one sidecar") };
    assert_eq!(proxy.secrets["KEY"], crate::spec::SecretSource::Parameter("/shop/KEY".into()));
    assert!(api.sidecars.is_empty());
    assert_eq!((api.target().0.as_str(), api.target().1), ("api", 80));
}

#[test]
fn what_is_shared_of_load_balancers_is_not_for_whom_none_leads_to() {
    let text = with(
        "[service.worker]\nimage = \"worker\"\ningress = \"none\"\n[defaults]\nport = 8080\nhealth.path = \"/up\"",
    );
    let spec = of(&text, &ServiceFlags::default()).check().unwrap();
    let ports: Vec<_> = spec.services.iter().map(|it| (it.port, it.health.path.as_str())).collect();
    assert_eq!(ports, [(8080, "/up"), (80, "/")]);
}

#[test]
fn a_mistake_shows_its_line_and_points_at_it() {
    let errors = of(&with("memory = 1"), &ServiceFlags::default()).check().unwrap_err();
    assert_eq!(errors[0].at.as_ref().unwrap().excerpt, "  6 │ memory = 1\n    │          ─");
    let text = with("\tenv.\"ä→語\" = { a = 1 }");
    let errors = of(&text, &ServiceFlags::default()).check().unwrap_err();
    // Wide letters take two columns, and a tab one.
    let line = "  6 │  env.\"ä→語\" = { a = 1 }\n    │               ─────────";
    assert_eq!(errors[0].at.as_ref().unwrap().excerpt, line);
}

#[test]
fn what_is_not_built_yet_is_said_when_everything_else_is_right() {
    let text = with("[logs]\ncontainer_insights = \"off\"\n[job.clean-up]\nof = \"web\"");
    insta::assert_snapshot!(said(&text, &ServiceFlags::default()).join("\n"), @r"
    7:1: logs.container_insights: is not built yet: this version of ecsup knows the key and does nothing with it
    8:2: job: is not built yet: this version of ecsup knows the key and does nothing with it
    9:1: job.clean-up.of: is not built yet: this version of ecsup knows the key and does nothing with it
    ");
}

#[test]
fn commands_in_tasks_need_a_way_out() {
    let of = |more: &str| {
        let text = format!(
            "stack = 's'\n[service.web]\nimage = 'a:1'\nrun_on = 'instances'\ningress = 'none'\nexec = true\n\
             [network]\nnat = 'none'\n{more}"
        );
        said(&text, &ServiceFlags::default()).join("\n")
    };
    insta::assert_snapshot!(of(""), @r#"
    6:8: service.web.exec `true`: reaches nobody from a task on an instance where nat (line 8) is `none`: add "ssmmessages" to endpoints, or have a NAT gateway
    "#);
    assert_eq!(of("endpoints = ['ssmmessages']"), "");
}

#[test]
fn names_of_services_are_checked() {
    let zone = "[ingress.public]\nzone = \"svc.shop.internal\"";
    let texts = [
        with("callers = []"),
        with("discovery = \"connect\""),
        with("discovery = \"dns\"\ncallers = [\"webb\", \"web\", \"web\"]"),
        with("ingress = \"none\"\nport = 81\ndiscovery = \"dns\"\nhealth.path = \"/\""),
        with(&format!("discovery = \"dns\"\n{zone}")),
    ];
    let all = texts.iter().flat_map(|text| said(text, &ServiceFlags::default()));
    insta::assert_snapshot!(all.collect::<Vec<_>>().join("\n"), @r#"
    6:1: service.web.callers: means nothing without `discovery`, by which others find the service
    6:13: service.web.discovery `connect`: is not built yet: "dns" gives the service a name in the VPC
    7:12: service.web.callers `webb`: no such service; did you mean `web`?
    7:27: service.web.callers `web`: is there twice
    9:1: service.web.health: means nothing where no load balancer leads to the service
    8:8: ingress.public.zone `svc.shop.internal`: is where the services of the stack have their names, by `discovery`: a VPC knows one zone of a name
    "#);
    let many: String = (0..57)
        .map(|number| format!("\n[service.s{number}]\nimage = \"a\"\ningress = \"none\""))
        .collect();
    let text = with(&format!("discovery = \"dns\"{many}"));
    insta::assert_snapshot!(said(&text, &ServiceFlags::default()).join("\n"), @"6:13: service.web.discovery: 58 services may call it, and its security group has room for 56: say in `callers` which do");
}

/// What is wrong with a secret is told without what was said: that may be the secret itself.
#[test]
fn a_mistake_in_secrets_shows_no_value() {
    for mistake in [
        "secrets.DB = \"swordfish fish\"",
        "secrets = { A = \"postgres://swordfish\", DB = \"swordfish fish\" }",
        "secrets.DB = \"arn:swordfish\"",
        "secrets.DB = \"secretsmanager:swordfish#\"",
        "secrets.DB = \"/a//${env:LEVEL}swordfish\"",
        "secrets = { DB = \"swordfish/b\" }",
        "secrets.DB = \"\"\"swordfish\nswordfish\"\"\"",
    ] {
        let errors = of(&with(mistake), &ServiceFlags::default()).check().unwrap_err();
        for error in errors {
            let at = error.at.as_ref().unwrap();
            let shown = format!("{error} {} {error:?}", at.excerpt);
            assert!(!shown.contains("swordfish"), "{mistake}: {shown}");
            assert!(at.excerpt.contains("secrets"), "{}", at.excerpt);
        }
    }
}

fn secrets_of(text: &str, environment: Option<&str>) -> Vec<String> {
    let mut flags = ServiceFlags::default();
    flags.manifest.environment = environment.map(str::to_owned);
    let spec = of(text, &flags).check().unwrap_or_else(|errors| panic!("{errors:?}"));
    let secrets = &spec.services[0].secrets;
    secrets.iter().map(|(name, source)| format!("{name} {source}")).collect()
}

#[test]
fn secrets_merge_key_by_key_in_both_forms_and_names_get_a_prefix() {
    let text = "stack = \"shop\"\npattern = \"fargate-api\"\n[defaults]\nsecrets = [\"A\", \"B\"]\n\
                [service.web]\nimage = \"web:1\"\nsecrets = { B = \"OTHER\", C = \"secretsmanager:c#k\" }\n\
                [environment.prod]\nsecrets_in = 1\n[environment.test]\n";
    let text = text.replace(
        "secrets_in = 1",
        "service.web.secrets = [\"D\"]\ndefaults.secrets_prefix = \"/x/\"",
    );
    assert_eq!(
        secrets_of(&text, Some("test")),
        ["A /shop-test/A", "B /shop-test/OTHER", "C secretsmanager:c#k"]
    );
    assert_eq!(
        secrets_of(&text, Some("prod")),
        ["A /x/A", "B /x/OTHER", "C secretsmanager:c#k", "D /x/D"]
    );
}

#[test]
fn roles_of_tasks_are_one_or_the_other_and_the_more_specific_place_says_which() {
    let told = |more: &str| said(&with(more), &ServiceFlags::default()).join("\n");
    let role = "task_role = \"arn:aws:iam::123456789012:role/web\"";
    let policies = "policies = [\"arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess\"]";
    insta::assert_snapshot!(told(&format!("{role}\n{policies}")), @"6:13: service.web.task_role: is used as it is, and cannot stand beside `policies` (line 7), which make a role of the stack's own");
    insta::assert_snapshot!(told("task_role = \"web\"\npolicies = [\"S3\"]\npermissions = [{ actions = [\"sqs\"], resources = [\"jobs\"] }, { actions = [] }]"), @r"
    6:13: service.web.task_role: is used as it is, and cannot stand beside `permissions` (line 8), which make a role of the stack's own
    6:13: service.web.task_role `web`: must be the ARN of a role, such as `arn:aws:iam::123456789012:role/NAME`
    7:13: service.web.policies `S3`: must be the ARN of a managed policy, such as `arn:aws:iam::123456789012:policy/NAME`
    8:29: service.web.permissions.actions `sqs`: must be a service and an action of it, such as `sqs:SendMessage` or `sqs:*`
    8:50: service.web.permissions.resources `jobs`: must be an ARN, such as `arn:aws:sqs:eu-west-1:123456789012:jobs`, or `*`
    8:61: service.web.permissions: needs `actions`, an array of at least one
    8:61: service.web.permissions: needs `resources`, an array of at least one
    ");
    let text = with(&format!("{policies}\n[defaults]\n{role}"));
    let spec = of(&text, &ServiceFlags::default()).check().unwrap();
    assert!(matches!(spec.services[0].task_role, crate::spec::TaskRole::Own { .. }));
}

#[test]
fn what_only_aws_knows_stays_open() {
    let text = with("env.ZONE = \"${ssm:/shop/zone}\"\nenv.ACCOUNT = \"${account} $${account}\"");
    let wish = of(&text, &ServiceFlags::default());
    assert_eq!(wish.open.iter().collect::<Vec<_>>(), ["account", "ssm:/shop/zone"]);
    assert!(wish.check_open().is_ok());
    let source = Source { name: MANIFEST.to_owned(), text };
    let answers = Answers {
        account: Some("123456789012".to_owned()),
        parameters: [("/shop/zone".to_owned(), "${env:LEVEL}".to_owned())].into(),
        ..Answers::default()
    };
    let wish = Wish::of_file(&Rc::new(source), &ServiceFlags::default(), &|_| None, &answers);
    assert_eq!(wish.open.len(), 0);
    let spec = wish.check().unwrap();
    let env = &spec.services[0].env;
    // What a parameter holds is text, and nothing in it is filled in.
    assert_eq!(env["ZONE"].as_str(), "${env:LEVEL}");
    assert_eq!(env["ACCOUNT"].as_str(), "123456789012 ${account}");
    let told = said(&with("env.A = \"${ssm:}\""), &ServiceFlags::default());
    assert!(told[0].contains("needs the name of a parameter after `ssm:`"), "{told:?}");
    let region = format!("region = \"${{ssm:/region}}\"\n{BASE}");
    assert!(of(&region, &ServiceFlags::default()).check_open().is_err());
}

#[test]
fn four_lines_are_a_stack() {
    let text =
        "stack = \"hello\"\npattern = \"internal-worker\"\n[service.worker]\nimage = \"nginx\"\n";
    let spec = of(text, &ServiceFlags::default()).check().unwrap();
    let flags = ServiceFlags {
        stack: Some("hello".to_owned()),
        image: vec!["nginx".to_owned()],
        ..flags(Pattern::InternalWorker)
    };
    assert_eq!(spec, spec_of_flags(&flags).unwrap());
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_accepted_and_never_panic(text in ".*", near in near()) {
        for text in [text, near] {
            match of(&text, &ServiceFlags::default()).check() {
                Ok(spec) => check_promises(&spec),
                Err(errors) => prop_assert!(!errors.is_empty()),
            }
        }
    }

    #[test]
    fn what_flags_say_is_written_as_a_manifest_that_says_the_same(flags in sound_flags()) {
        let wish = Wish::of_flags(&flags);
        let spec = wish.check().unwrap();
        let text = wish.as_manifest(&spec).to_manifest(Form::Said);
        let read = of(&text, &ServiceFlags::default()).check();
        let read = read.map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>());
        prop_assert_eq!(read.as_ref(), Ok(&spec), "{}", text);
    }
}

/// A text that is nearly a manifest.
fn near() -> impl Strategy<Value = String> {
    let key = prop::sample::select(&[
        "stack",
        "pattern",
        "cpu",
        "memory",
        "count",
        "env.A",
        "hosts",
        "paths",
        "zone",
        "unknown",
        "ingress",
        "run_on",
        "secrets",
        "health",
        "health.path",
        "network.nat",
        "image",
        "allow",
        "enabled",
        "required_version",
    ]);
    let value = prop::sample::select(&[
        "1",
        "-1",
        "0.5",
        "\"shop\"",
        "\"fargate-api\"",
        "[\"a.b\", \"*.b\"]",
        "{}",
        "{ path = \"/x\" }",
        "true",
        "false",
        "\"none\"",
        "\"${env:LEVEL}\"",
        "\"${\"",
        "[[1]]",
        "2026-11-30",
        "\"10.0.0.0/8\"",
        "inf",
        "\"\"",
        "99999999999999999999",
    ]);
    let table = prop::sample::select(&[
        "[service.web]",
        "[service.\"a.b\"]",
        "[defaults]",
        "[ingress.internal]",
        "[ingress.public]",
        "[environment.prod]",
        "[environment.prod.service.web]",
        "[capacity]",
        "[tags]",
        "[job.x]",
        "[service]",
        "[[service]]",
        "[nothing.at.all]",
    ]);
    let line = prop_oneof![
        (key, value).prop_map(|(key, value)| format!("{key} = {value}")),
        table.prop_map(str::to_owned),
        ".{0,8}",
    ];
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

#[test]
fn services_that_share_a_host_share_its_name_and_other_slips_are_refused() {
    const HEAD: &str = "stack = \"shop\"\npattern = \"internal-worker\"\n";
    let service = |name: &str, more: &str| format!("[service.{name}]\nimage = \"a\"\n{more}\n");
    let read = |text: &str| of(text, &ServiceFlags::default()).check();
    let host = "hosts = [\"x.shop.internal\"]\n";
    let spec = read(&format!(
        "{HEAD}{}{}",
        service("a", &format!("{host}paths = [\"/a/*\"]")),
        service("b", &format!("{host}paths = [\"/b/*\"]"))
    ));
    let names: Vec<_> =
        spec.unwrap().services.iter().map(|it| it.internal.clone().unwrap().names).collect();
    assert_eq!(names, [vec!["x.shop.internal".to_owned()], vec![]]);

    let complaint = |text: &str| {
        let errors = read(text).unwrap_err();
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let zones = "[ingress.internal]\nzone = \"a.b\"\n[ingress.public]\nzone = \"a.b\"\n";
    let six: Vec<_> = (0..6).map(|number| format!("\"h{number}.shop.internal\"")).collect();
    let slips = [
        format!("{HEAD}{}{}", service("a", ""), service("A", "")),
        format!("{HEAD}{zones}{}", service("a", "ingress = \"both\"")),
        format!("{HEAD}[ingress.public]\nallow = []\n{}", service("a", "")),
        format!("stack = \"shop\"\n{}", service("a", "run_on = \"fargate\"")),
        "pattern = \"fargate-api\"".to_owned(),
        format!(
            "stack = \"shop\"\npattern = \"fargate-api\"\n[ingress.public]\nunknown = 404\n{}",
            service("a", "")
        ),
        format!("{HEAD}{}", service("a", &format!("hosts = [{}]", six.join(", ")))),
    ];
    insta::assert_snapshot!(slips.map(|text| complaint(&text)).join("\n"), @r#"
    ecsup.toml:6:10: service.A: differs from service.a in its case alone
    ecsup.toml:6:10: service.A.hosts `a.shop.internal`: is also a host of service.a
    ecsup.toml:6:8: ingress.public.zone `a.b`: is also the zone of the internal load balancer: a VPC knows one zone of a name
    ecsup.toml:3:10: ingress.public: no service uses it; say ingress = "public" in one, or remove the table
    ecsup.toml:2:10: service.a: needs `run_on` and `ingress`, or the file a `pattern` that says both
    ecsup.toml: says no name for the stack: write `stack = "…"` at its top
    ecsup.toml: has no services: write one, as in [service.web]
    ecsup.toml:5:10: service.a: nothing leads to it on the public load balancer: give it `hosts` or `paths`, or say ingress.public.unknown = "a"
    ecsup.toml:3:10: service.a: has 6 hosts and paths, and a rule of a load balancer takes 5
    "#);
}

#[test]
fn an_environment_is_said_in_full() {
    let text = format!("{BASE}\n[environment.staging]\n");
    let flags = ServiceFlags { env: vec!["staging".into()], ..ServiceFlags::default() };
    assert_eq!(
        said(&text, &flags),
        [
            "6:14: this manifest has environments: say which, --environment staging",
            "--env `staging`: needs `=`; did you mean --environment staging?",
        ]
    );
}

#[test]
fn what_is_more_specific_goes_first_and_then_the_environment() {
    let text = "stack = \"shop\"\npattern = \"fargate-api\"\n\
        [defaults]\ncount = 1\ncpu = 512\nmemory = 1024\nport = 1\nenv = { A = \"d\", B = \"d\" }\n\
        [service.web]\nimage = \"web\"\ncount = 2\nenv.B = \"${environment} ${env:LEVEL} $${x}\"\n\
        [environment.prod]\naccount = \"222222222222\"\n\
        [environment.prod.defaults]\ncount = 3\ncpu = 1024\nmemory = 2048\n\
        [environment.prod.service.web]\nport = 4\n";
    let mut flags = ServiceFlags::default();
    flags.manifest.environment = Some("prod".to_owned());
    let wish = of(text, &flags);
    let spec = wish.check().unwrap();
    let web = &spec.services[0];
    assert_eq!((web.count, web.cpu, web.memory, web.port), (2, 1024, 2048, 4));
    let env: Vec<_> = web.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(env, [("A", "d"), ("B", "prod debug ${x}")]);
    assert_eq!(spec.stack.as_str(), "shop-prod");
    let shown = wish.to_manifest(Form::Effective);
    assert!(shown.contains("count = 2                           # ecsup.toml:11"), "{shown}");
    assert!(!shown.contains("debug"), "values of variables are not shown: {shown}");
}

#[test]
fn flags_go_before_the_file_and_only_some_where_there_are_several_services() {
    const TWO: &str = "stack = \"shop\"\npattern = \"internal-worker\"\n[defaults]\nimage = \"app:1\"\n[service.a]\n[service.b]\ncount = 1\n";
    let flags = ServiceFlags {
        image: vec![":2".into(), "b=other:3".into()],
        count: vec!["a=4".into()],
        ..ServiceFlags::default()
    };
    let spec = of(TWO, &flags).check().unwrap();
    let of_each: Vec<_> = spec.services.iter().map(|it| (it.image.to_string(), it.count)).collect();
    assert_eq!(of_each, [("app:2".to_owned(), 4), ("other:3".to_owned(), 1)]);

    let flags = ServiceFlags {
        cpu: Some("512".into()),
        count: vec!["3".into(), "c=1".into()],
        pattern: Some(Pattern::FargateApi),
        service: Some("web".into()),
        env: vec!["A=b".into()],
        ..ServiceFlags::default()
    };
    insta::assert_snapshot!(said(TWO, &flags).join("\n"), @r"
    --pattern `fargate-api`: must agree with ecsup.toml, which says `internal-worker`
    --service `web`: is not a service of ecsup.toml, which says which there are
    --cpu `512`: is of one service, and the manifest has several: write it there
    --env: is of one service, and the manifest has several: write it there
    --count `3`: there are several services: say which one it is for, as in --count a=COUNT
    --count `c=1`: there is no service `c`; there are a, b
    ");
}

#[test]
fn what_scaling_says_wrong_is_told_where_it_was_said() {
    let slips = [
        "scaling = { min = 5, max = 4, cpu_percent = 60 }",
        "scaling = { min = 1, max = 5001, cpu_percent = 0, memory_percent = 101, requests = 0 }",
        "scaling.min = 1",
        "scaling = {}",
        "ingress = \"none\"\nscaling = { min = 1, max = 4, requests = 100 }",
        "scaling = { min = 1, max = 4, cpu_percent = 60, cooldown_in = \"1500ms\", cooldown_out = \"25h\" }",
        "scaling = { min = 1, max = 4, cpu = 60 }",
        "scaling = { min = 1, max = 5000, cpu_percent = 60 }\n[network]\nvpc_cidr = \"10.0.0.0/24\"",
    ];
    let told = slips.map(|slip| said(&with(slip), &ServiceFlags::default()).join("\n"));
    insta::assert_snapshot!(told.join("\n"), @r"
    6:19: service.web.scaling.min `5`: must not be larger than max (line 6), which is 4
    6:28: service.web.scaling.max `5001`: must be a number of tasks, from 0 to 5000
    6:48: service.web.scaling.cpu_percent `0`: must be a percentage, from 1 to 100
    6:68: service.web.scaling.memory_percent `101`: must be a percentage, from 1 to 100
    6:84: service.web.scaling.requests `0`: must be a number of requests, from 1 to 100000000
    6:1: service.web.scaling: needs `max`, a number of tasks
    6:1: service.web.scaling: needs something to aim at: cpu_percent, memory_percent or requests
    6:11: service.web.scaling: needs `min`, a number of tasks
    6:11: service.web.scaling: needs `max`, a number of tasks
    6:11: service.web.scaling: needs something to aim at: cpu_percent, memory_percent or requests
    7:42: service.web.scaling.requests `100`: means nothing where no load balancer leads to the service
    6:63: service.web.scaling.cooldown_in `1500ms`: must be a whole number of seconds, from 0s to 86400s
    6:88: service.web.scaling.cooldown_out `25h`: must be a whole number of seconds, from 0s to 86400s
    6:11: service.web.scaling: needs something to aim at: cpu_percent, memory_percent or requests
    6:31: service.web.scaling.cpu: no such key
    6:28: service.web.scaling.max `5000`: each task has an address of its own, and `10.0.0.0/24` leaves 118 for tasks: say max (line 6) 118 or less, or a vpc_cidr (line 8) of /18 for a new stack
    ");
}

/// How many tasks there are, the more specific place says, by either key.
#[test]
fn the_more_specific_of_count_and_scaling_wins() {
    let scaling = |max: u32| format!("scaling = {{ min = 1, max = {max}, cpu_percent = 60 }}");
    let text = |defaults: &str, service: &str, defaults_here: &str, here: &str| {
        format!(
            "stack = \"shop\"\npattern = \"fargate-api\"\n[defaults]\n{defaults}\n\
             [service.web]\nimage = \"web:1\"\n{service}\n\
             [environment.prod.defaults]\n{defaults_here}\n[environment.prod.service.web]\n{here}\n"
        )
    };
    let read = |text: String, count: &[&str]| {
        let count = count.iter().map(|it| (*it).to_owned()).collect();
        let mut flags = ServiceFlags { count, ..ServiceFlags::default() };
        flags.manifest.environment = Some("prod".to_owned());
        let wish = of(&text, &flags);
        let spec = wish.check().unwrap_or_else(|errors| panic!("{text}\n{errors:?}"));
        let shown = wish.to_manifest(Form::Effective);
        let web = &spec.services[0];
        assert_eq!(shown.contains("\ncount = "), web.scaling.is_none(), "{shown}");
        assert_eq!(shown.contains("\nscaling.cooldown_in = "), web.scaling.is_some(), "{shown}");
        (web.count, web.scaling.as_ref().map(|it| it.max))
    };
    let (four, five) = (scaling(4), scaling(5));
    assert_eq!(read(text(&four, "", "", ""), &[]), (1, Some(4)));
    assert_eq!(read(text(&four, "count = 3", "", ""), &[]), (3, None));
    assert_eq!(read(text("count = 3", &four, "", ""), &[]), (1, Some(4)));
    assert_eq!(read(text("count = 3", "", &four, ""), &[]), (1, Some(4)));
    assert_eq!(read(text(&four, "", "count = 3", ""), &[]), (3, None));
    assert_eq!(read(text(&four, "count = 3", "", &five), &[]), (1, Some(5)));
    assert_eq!(read(text(&four, "", &five, "count = 2"), &[]), (2, None));
    assert_eq!(read(text(&four, "", "", "scaling.max = 9"), &[]), (1, Some(9)));
    assert_eq!(read(text(&four, "", "", ""), &["7"]), (7, None));
    // Requests that are shared are not for a service that no load balancer leads to.
    let requests = "scaling = { min = 1, max = 4, cpu_percent = 60, requests = 9 }";
    assert_eq!(read(text(requests, "ingress = \"none\"", "", ""), &[]), (1, Some(4)));
    assert_eq!(read(text(&four, "", "", ""), &["web=7"]), (7, None));
}

#[test]
fn a_vpc_that_is_there_already_is_named_whole_and_alone() {
    let read = |pattern: &str, network: &str, more: &str| {
        let text = format!(
            "stack = \"shop\"\npattern = \"{pattern}\"\n[network]\n{network}\n[service.web]\nimage = \"web:1\"\n{more}"
        );
        said(&text, &ServiceFlags::default()).join("\n")
    };
    let two = "[\"subnet-0aaaaaaaaaaaaaaaa\", \"subnet-0bbbbbbbbbbbbbbbb\"]";
    let private = format!("existing = {{ vpc = \"vpc-0a1b2c3d\", private_subnets = {two} }}");
    let public = format!("existing = {{ vpc = \"vpc-0a1b2c3d\", public_subnets = {two} }}");
    assert_eq!(read("internal-worker", &private, ""), "");
    assert_eq!(read("fargate-api", &public, ""), "");
    assert_eq!(read("fargate-api", &private, "ingress = \"none\""), "");
    let all = [
        read("internal-worker", "existing = {}", ""),
        read("internal-worker", &format!("nat = \"single\"\nendpoints = []\n{private}"), ""),
        read("internal-worker", &public, ""),
        read("fargate-api", &private, ""),
        read("fargate-api", "existing.vpc = \"vpc-0a1b2c3d\"", "ingress = \"none\""),
        read(
            "fargate-api",
            "existing = { vpc = \"main\", public_subnets = [\"subnet-0aaaaaaa\", \"subnet-0aaaaaaa\", \"a\"], \
             private_subnets = [\"subnet-0aaaaaaa\"] }",
            "",
        ),
        read(
            "internal-worker",
            &private
                .replace(" }", ", public_subnets = [\"subnet-0ccccccc\", \"subnet-0ddddddd\"] }"),
            "",
        ),
    ];
    insta::assert_snapshot!(all.join("\n\n"), @r"
    4:12: network.existing: needs `vpc`, the id of the VPC
    network.existing.private_subnets: must name two subnets at least, in two zones: they are for instances and their tasks, which get no public addresses

    4:7: network.nat `single`: cannot stand beside existing (line 6): it is of a network that ecsup makes, and that one is only looked at
    5:13: network.endpoints: cannot stand beside existing (line 6): it is of a network that ecsup makes, and that one is only looked at

    network.existing.private_subnets: must name two subnets at least, in two zones: they are for instances and their tasks, which get no public addresses

    network.existing.public_subnets: must name two subnets at least, in two zones: they are for the load balancer on the internet

    network.existing.private_subnets: must name two subnets at least, in two zones: they are for tasks

    4:20: network.existing.vpc `main`: must be `vpc-` and 8 to 17 lower-case hexadecimal digits
    4:65: network.existing.public_subnets `subnet-0aaaaaaa`: is given twice
    4:84: network.existing.public_subnets `a`: must be `subnet-` and 8 to 17 lower-case hexadecimal digits
    4:109: network.existing.private_subnets `subnet-0aaaaaaa`: is also one of public_subnets

    4:129: network.existing.public_subnets: nothing would stand in them: no load balancer is on the internet, and tasks are in the private subnets; leave them out
    ");
    // A flag cannot stand beside it either.
    let flags = ServiceFlags { nat: Some(Nat::None), ..ServiceFlags::default() };
    let text = format!(
        "stack = \"s\"\npattern = \"internal-worker\"\n[network]\n{private}\n[service.web]\nimage = \"a\"\n"
    );
    insta::assert_snapshot!(said(&text, &flags).join("\n"), @"--nat `none`: cannot stand beside existing (line 4): it is of a network that ecsup makes, and that one is only looked at");
}
