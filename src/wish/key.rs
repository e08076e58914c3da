//! The keys of a manifest, in one table: what each holds, what it means, its default, its flag.
//!
//! Everything that knows a key knows it from here: the reader and its suggestions, the schema, `ecsup
//! docs`, `ecsup config` and `ecsup init`.

/// A key of the manifest.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub shape: Shape,
    /// What it means, in one sentence without a full stop.
    pub about: &'static str,
    /// What it is when it is not said; empty when it is nothing.
    pub default: &'static str,
    /// A value for it, as it is written in TOML.
    pub example: &'static str,
    /// Whether it may stand in `[defaults]`, too, where it is one of a service.
    pub is_shared: bool,
    /// Whether it does something already. Else it is checked, and answered with "not yet".
    pub is_built: bool,
}

/// What a key holds.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Text: what it is.
    Text(&'static str),
    /// A whole number: what it counts.
    Whole(&'static str),
    /// `true` or `false`.
    Switch,
    /// Text with a unit of time, such as "30s".
    Duration,
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// An array of texts: what each is.
    Texts(&'static str),
    /// A command: an array of its words.
    Words,
    /// Names and texts.
    Pairs,
    /// Names and texts, whole numbers, or `true` and `false`.
    Variables,
    /// Names and where each secret is, or an array of names.
    Secrets,
    /// Operators, and under each keys and values: the condition of an IAM policy.
    Condition,
    /// Text, or `false` for none.
    TextOrFalse(&'static str),
    /// The name of a service, a status, or a table of a status and a text.
    Unknown,
    /// A table with these keys.
    Table(&'static [Key]),
    /// An array of such tables.
    Tables(&'static [Key]),
    /// A table for each name, with these keys.
    Named(&'static [Key]),
    /// `[defaults]`: what services share.
    Defaults,
    /// `[environment.NAME]`: nearly everything again.
    Environments,
}

/// A key that does what it says, and may be shared.
pub const fn key(
    name: &'static str,
    shape: Shape,
    about: &'static str,
    default: &'static str,
    example: &'static str,
) -> Key {
    Key { name, shape, about, default, example, is_shared: true, is_built: true }
}

/// A key that belongs to one service alone.
const fn own(
    name: &'static str,
    shape: Shape,
    about: &'static str,
    default: &'static str,
    example: &'static str,
) -> Key {
    Key { is_shared: false, ..key(name, shape, about, default, example) }
}

/// A key that does nothing yet.
const fn later(
    name: &'static str,
    shape: Shape,
    about: &'static str,
    default: &'static str,
    example: &'static str,
) -> Key {
    Key { is_built: false, ..key(name, shape, about, default, example) }
}

use Shape::{
    Choice, Condition, Duration, Named, Pairs, Secrets, Switch, Table, Tables, Text, TextOrFalse,
    Texts, Unknown, Variables, Whole, Words,
};

/// The keys at the top of the file.
pub static TOP: &[Key] = &[
    key(
        "stack",
        Text("a name"),
        "name of the stack: 1 to 64 letters, digits and hyphens",
        "",
        "\"shop\"",
    ),
    key(
        "pattern",
        Choice(&["internal-worker", "public-api", "fargate-api"]),
        "preset of two choices for every service, `run_on` and `ingress`; may be left out where each \
         service says both",
        "",
        "\"fargate-api\"",
    ),
    key(
        "region",
        Text("a region"),
        "the stack's region: another one is refused",
        "",
        "\"eu-central-1\"",
    ),
    key(
        "account",
        Text("an account's number"),
        "the stack's account: credentials of another are refused",
        "",
        "\"123456789012\"",
    ),
    key(
        "required_version",
        Text("a range of versions"),
        "versions of ecsup that may read the file",
        "",
        "\">=0.1, <0.2\"",
    ),
    later("include", Texts("a file"), "further files with services", "[]", "[\"services/*.toml\"]"),
    key(
        "permissions_boundary",
        Text("a policy's ARN"),
        "policy that has to bound every IAM role of the stack",
        "",
        "\"arn:aws:iam::123456789012:policy/boundary\"",
    ),
    key("network", Table(NETWORK), "the VPC", "", ""),
    key("capacity", Table(CAPACITY), "the instances that services run on", "", ""),
    key(
        "ingress",
        Table(INGRESS),
        "the load balancers, which exist because services use them",
        "",
        "",
    ),
    key("logs", Table(LOGS), "what is kept of what is said", "", ""),
    key("tags", Pairs, "tags for everything in the stack", "", "{ team = \"payments\" }"),
    key("defaults", Shape::Defaults, "what services share: keys of a service", "", ""),
    key("service", Named(SERVICE), "the services, each by its name", "", ""),
    later("job", Named(JOB), "tasks that run to their end, by schedule or by hand", "", ""),
    key(
        "environment",
        Shape::Environments,
        "what differs between environments: any key, again",
        "",
        "",
    ),
];

static NETWORK: &[Key] = &[
    key(
        "vpc_cidr",
        Text("a range"),
        "address range of the VPC, /16 to /25",
        "\"10.0.0.0/16\"",
        "\"10.1.0.0/16\"",
    ),
    key(
        "nat",
        Choice(&["per-zone", "single", "none"]),
        "NAT gateways of the private subnets",
        "\"per-zone\"",
        "\"single\"",
    ),
    key(
        "endpoints",
        Texts("a service"),
        "services that are reached through endpoints: \"required\" for what ECS needs of this stack, s3 and dynamodb, which cost nothing, and others by their names",
        "[]",
        "[\"required\", \"sqs\"]",
    ),
    key(
        "zones",
        Texts("a zone"),
        "the two availability zones, by name or id; else those that the stack has, or the first two that can hold it",
        "",
        "[\"eu-central-1a\", \"eu-central-1b\"]",
    ),
    key(
        "existing",
        Table(EXISTING),
        "a VPC that is there already, in place of one of the stack's own; it is checked and never changed",
        "",
        "",
    ),
];

static EXISTING: &[Key] = &[
    key("vpc", Text("a VPC's id"), "the VPC", "", "\"vpc-0a1b2c3d4e5f60718\""),
    key(
        "public_subnets",
        Texts("a subnet's id"),
        "its subnets for a load balancer on the internet; without private ones, also for tasks on Fargate",
        "[]",
        "[\"subnet-0cccccccccccccccc\", \"subnet-0dddddddddddddddd\"]",
    ),
    key(
        "private_subnets",
        Texts("a subnet's id"),
        "its subnets for everything else, in two zones at least",
        "[]",
        "[\"subnet-0aaaaaaaaaaaaaaaa\", \"subnet-0bbbbbbbbbbbbbbbb\"]",
    ),
];

static CAPACITY: &[Key] = &[
    key(
        "instance_type",
        Text("an instance type"),
        "EC2 instance type",
        "\"c5.xlarge\"",
        "\"m7g.large\"",
    ),
    key(
        "instance_types",
        Texts("an instance type"),
        "several types of one architecture and size instead of one, the preferred one first",
        "",
        "[\"c6i.xlarge\", \"c5.xlarge\"]",
    ),
    key(
        "ami",
        Text("an AMI's id"),
        "machine image; else the newest ECS-optimized Amazon Linux 2023 when the stack is made, and from then on the same",
        "",
        "\"ami-0123456789abcdef0\"",
    ),
    key("min_size", Whole("a number of instances"), "fewest instances in the group", "0", "2"),
    key("max_size", Whole("a number of instances"), "most instances in the group", "100", "10"),
    key("volume_gib", Whole("a number of GiB"), "size of each instance's volume", "50", "100"),
    key("spot", Switch, "whether instances are Spot instances", "false", "true"),
    key(
        "on_demand_base",
        Whole("a number of instances"),
        "instances that are on demand before there is a Spot one",
        "0",
        "1",
    ),
];

static INGRESS: &[Key] = &[
    key("internal", Table(ONE_INGRESS), "the load balancer that only the VPC can reach", "", ""),
    key("public", Table(ONE_INGRESS), "the load balancer on the internet", "", ""),
];

static ONE_INGRESS: &[Key] = &[
    key(
        "allow",
        Texts("a range"),
        "ranges that may reach it; else the VPC's, or for the public one everyone",
        "",
        "[\"10.0.0.0/8\"]",
    ),
    key(
        "zone",
        TextOrFalse("a domain"),
        "private DNS zone to make for it, or false; else STACK.internal, or for the public one none",
        "",
        "\"in.example.com\"",
    ),
    key(
        "existing_zone",
        Text("a zone's name or id"),
        "zone of the account, private or public, in which only records of `hosts` are made, instead of `zone`",
        "",
        "\"example.com\"",
    ),
    key(
        "certificates",
        Texts("a certificate's ARN"),
        "certificates of ACM, issued and of this region, the default one first; they open port 443",
        "[]",
        "[\"arn:aws:acm:eu-west-1:123456789012:certificate/0b1c2d3e-0000-4000-8000-000000000000\"]",
    ),
    key(
        "http",
        Choice(&["serve", "redirect", "off"]),
        "what port 80 does; else it serves, or redirects where there are certificates",
        "",
        "\"serve\"",
    ),
    key(
        "tls_policy",
        Text("a policy"),
        "security policy of port 443",
        "\"ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09\"",
        "\"ELBSecurityPolicy-TLS13-1-3-2021-06\"",
    ),
    key(
        "unknown",
        Unknown,
        "what answers to what no rule matches: a service, a status, or a status and a text; else the service if it is alone and has no hosts and paths, or 404",
        "",
        "{ status = 503, text = \"no such host\" }",
    ),
    key("idle_timeout", Duration, "how long a connection may be silent", "\"30s\"", "\"60s\""),
];

static LOGS: &[Key] = &[
    key(
        "retention_days",
        Whole("a number of days"),
        "how long the logs of services are kept",
        "30",
        "90",
    ),
    later(
        "container_insights",
        Choice(&["enabled", "enhanced", "off"]),
        "metrics of the cluster",
        "\"enabled\"",
        "\"off\"",
    ),
];

/// The keys of a service, and of `[defaults]`.
pub static SERVICE: &[Key] = &[
    key(
        "image",
        Text("an image"),
        "container image; without tag or digest a repository only, and --image gives the tag",
        "",
        "\"ghcr.io/acme/web:5\"",
    ),
    key("command", Words, "words that the container is started with", "", "[\"npm\", \"start\"]"),
    key("entrypoint", Words, "words before the command", "", "[\"/entry.sh\"]"),
    key(
        "cpu",
        Whole("a number of CPU units, 1024 to a vCPU"),
        "CPU of one task, in units of 1/1024 vCPU",
        "256",
        "512",
    ),
    key("memory", Whole("a whole number of MiB"), "memory of one task, in MiB", "512", "1024"),
    key("port", Whole("a port number"), "TCP port that the container listens on", "80", "8080"),
    key("count", Whole("a number of tasks"), "number of tasks to keep running", "2", "3"),
    key(
        "run_on",
        Choice(&["instances", "fargate"]),
        "what tasks run on; else what the pattern says",
        "",
        "\"fargate\"",
    ),
    key(
        "arch",
        Choice(&["x86_64", "arm64"]),
        "processor of tasks on Fargate, where it is not x86_64",
        "",
        "\"arm64\"",
    ),
    key("spot", Switch, "whether tasks on Fargate run on Fargate Spot", "false", "true"),
    key(
        "on_demand_base",
        Whole("a number of tasks"),
        "tasks that are on demand before there is one on Spot",
        "0",
        "1",
    ),
    key(
        "ingress",
        Choice(&["internal", "public", "both", "none"]),
        "load balancers that lead to it; else what the pattern says",
        "",
        "\"internal\"",
    ),
    own(
        "hosts",
        Texts("a host"),
        "hosts of its rule, `*` and `?` allowed; else NAME.ZONE where there is a zone",
        "",
        "[\"api.example.com\"]",
    ),
    own(
        "paths",
        Texts("a path"),
        "paths of its rule, `*` and `?` allowed; with hosts, both have to match",
        "[]",
        "[\"/api/*\"]",
    ),
    key("target", Text("a container"), "container that the load balancer reaches", "", "\"proxy\""),
    key(
        "discovery",
        Choice(&["dns", "connect"]),
        "how other services find it without a load balancer: by NAME.svc.STACK.internal in the VPC",
        "",
        "\"dns\"",
    ),
    key(
        "callers",
        Texts("a service"),
        "services that may open its port by that name; else all of the stack",
        "",
        "[\"web\"]",
    ),
    key(
        "security_groups",
        Texts("a group's id"),
        "further security groups, at most 4",
        "[]",
        "[\"sg-0cccccccccccccccc\"]",
    ),
    key(
        "task_role",
        Text("a role's ARN"),
        "role of its tasks, which is used as it is",
        "",
        "\"arn:aws:iam::123456789012:role/web\"",
    ),
    key(
        "policies",
        Texts("a policy's ARN"),
        "managed policies of its tasks' own role",
        "[]",
        "[\"arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess\"]",
    ),
    key("permissions", Tables(PERMISSION), "what its tasks may do besides", "", ""),
    key("exec", Switch, "whether commands and ports of its tasks may be opened", "false", "true"),
    key("stop_timeout", Duration, "how long a task may take to end", "\"30s\"", "\"110s\""),
    key("enabled", Switch, "whether it is there", "true", "false"),
    key("env", Variables, "environment variables", "", "{ LEVEL = \"info\" }"),
    key(
        "secrets",
        Secrets,
        "variables whose values are secrets, and where each is: the name of a parameter, secretsmanager:NAME, \
         secretsmanager:NAME#key or an ARN; an array of names for parameters that are called like their \
         variables",
        "",
        "{ DATABASE_URL = \"/shop/DATABASE_URL\" }",
    ),
    key(
        "secrets_prefix",
        Text("a path"),
        "what stands before names of parameters without `/`; else /STACK/",
        "",
        "\"/shop/\"",
    ),
    key("health", Table(HEALTH), "what tells a load balancer that a task is healthy", "", ""),
    key(
        "container_health",
        Table(CONTAINER_HEALTH),
        "what tells ECS that a container is healthy",
        "",
        "",
    ),
    key("deploy", Table(DEPLOY), "how tasks are replaced", "", ""),
    key("scaling", Table(SCALING), "how many tasks run, by load, instead of `count`", "", ""),
    own("release", Table(RELEASE), "what runs once before a new revision", "", ""),
    key("depends_on", Pairs, STARTS_AFTER, "", "{ proxy = \"healthy\" }"),
    key("sidecar", Named(SIDECAR), "further containers of each task", "", ""),
];

const STARTS_AFTER: &str =
    "containers that it starts after, and what each has to be by then: started, healthy or success";

static PERMISSION: &[Key] = &[
    key("actions", Texts("an action"), "what may be done", "", "[\"sqs:SendMessage\"]"),
    key(
        "resources",
        Texts("an ARN"),
        "to what: ARNs, or \"*\" for everything",
        "",
        "[\"arn:aws:sqs:${region}:${account}:jobs-*\"]",
    ),
    key(
        "condition",
        Condition,
        "when: values by operator and key, as in an IAM policy",
        "",
        "{ StringEquals = { \"aws:ResourceTag/team\" = \"payments\" } }",
    ),
];

static HEALTH: &[Key] = &[
    key("path", Text("a path"), "path that the load balancer asks for", "\"/\"", "\"/healthz\""),
    key("port", Whole("a port number"), "port that it asks", "", "8081"),
    key("status", Text("statuses"), "answers that are healthy", "\"200\"", "\"200-299\""),
    key("interval", Duration, "how often it asks", "\"6s\"", "\"10s\""),
    key("timeout", Duration, "how long it waits for an answer", "\"5s\"", "\"4s\""),
    key(
        "healthy",
        Whole("a number of checks"),
        "good answers in a row that make a task healthy",
        "2",
        "3",
    ),
    key(
        "unhealthy",
        Whole("a number of checks"),
        "bad answers in a row that make it unhealthy",
        "10",
        "3",
    ),
    key("grace", Duration, "how long a new task may be unhealthy", "\"120s\"", "\"300s\""),
];

static CONTAINER_HEALTH: &[Key] = &[
    key("command", Words, "what is run in the container", "", "[\"CMD-SHELL\", \"exit 0\"]"),
    key("interval", Duration, "how often", "\"30s\"", "\"10s\""),
    key("timeout", Duration, "how long it may take", "\"5s\"", "\"2s\""),
    key(
        "retries",
        Whole("a number of checks"),
        "failures in a row that make it unhealthy",
        "3",
        "5",
    ),
    key("start_period", Duration, "how long failures do not count", "\"0s\"", "\"60s\""),
];

static DEPLOY: &[Key] = &[
    key("min_percent", Whole("a percentage"), "tasks that keep running, of `count`", "75", "50"),
    key("max_percent", Whole("a percentage"), "tasks that may run, of `count`", "200", "150"),
    key(
        "circuit_breaker",
        Switch,
        "whether a deployment ends that cannot start tasks",
        "true",
        "false",
    ),
    key("rollback", Switch, "whether the one before comes back then", "true", "false"),
    key("drain", Duration, "how long open connections may last", "\"0s\"", "\"30s\""),
];

static SCALING: &[Key] = &[
    key("min", Whole("a number of tasks"), "fewest tasks, with which the service begins", "", "2"),
    key("max", Whole("a number of tasks"), "most tasks", "", "10"),
    key(
        "cpu_percent",
        Whole("a percentage"),
        "part of their CPU that tasks are to use on average",
        "",
        "60",
    ),
    key(
        "memory_percent",
        Whole("a percentage"),
        "part of their memory that tasks are to use on average",
        "",
        "60",
    ),
    key(
        "requests",
        Whole("a number of requests"),
        "requests to aim at, for each task in a minute; needs a load balancer",
        "",
        "1000",
    ),
    key("cooldown_in", Duration, "pause after tasks were taken away", "\"5m\"", "\"10m\""),
    key("cooldown_out", Duration, "pause after tasks were added", "\"1m\"", "\"2m\""),
];

static RELEASE: &[Key] = &[
    key(
        "command",
        Words,
        "words that the service's container is started with",
        "",
        "[\"bin/migrate\"]",
    ),
    key("timeout", Duration, "how long it may take", "\"10m\"", "\"30m\""),
];

static SIDECAR: &[Key] = &[
    key("image", Text("an image"), "container image", "", "\"envoy:1\""),
    key("command", Words, "words that the container is started with", "", "[\"run\"]"),
    key("entrypoint", Words, "words before the command", "", "[\"/entry.sh\"]"),
    key(
        "cpu",
        Whole("a number of CPU units, 1024 to a vCPU"),
        "its part of the task's CPU",
        "",
        "128",
    ),
    key("memory", Whole("a whole number of MiB"), "its part of the task's memory", "", "256"),
    key("port", Whole("a port number"), "TCP port that it listens on", "", "8080"),
    key("env", Variables, "environment variables", "", "{ LEVEL = \"info\" }"),
    key("secrets", Secrets, "variables whose values are secrets", "", "[\"API_KEY\"]"),
    key("container_health", Table(CONTAINER_HEALTH), "what tells ECS that it is healthy", "", ""),
    key("depends_on", Pairs, STARTS_AFTER, "", "{ init = \"success\" }"),
    key("essential", Switch, "whether the task ends with it", "true", "false"),
    key("enabled", Switch, "whether it is there", "true", "false"),
];

static JOB: &[Key] = &[
    later(
        "of",
        Text("a service"),
        "service whose image, variables, secrets, role and size it takes",
        "",
        "\"web\"",
    ),
    later("command", Words, "what is run", "", "[\"clean-up\"]"),
    later("schedule", Text("a schedule"), "when it runs", "", "\"rate(1 day)\""),
    later("timezone", Text("a time zone"), "of the schedule", "\"UTC\"", "\"Europe/Berlin\""),
    later("cpu", Whole("a number of CPU units, 1024 to a vCPU"), "CPU of one task", "", "512"),
    later("memory", Whole("a whole number of MiB"), "memory of one task", "", "1024"),
    later("env", Variables, "environment variables", "", "{ LEVEL = \"info\" }"),
];

/// Names that other tools have for a key, in any table: theirs, ours, whose.
pub const PEERS: &[(&str, &str, &str)] = &[
    ("variables", "env", "Copilot"),
    ("environment", "env", "Compose"),
    ("alias", "hosts", "Copilot"),
    ("aliases", "hosts", "Copilot"),
    ("healthcheck", "health", "Copilot"),
    ("replicas", "count", "Compose"),
    ("desired_count", "count", "ECS"),
    ("desiredCount", "count", "ECS"),
    ("release_command", "release.command", "Fly"),
    ("internal_port", "port", "Fly"),
    ("container_port", "port", "ECS"),
    ("containerPort", "port", "ECS"),
    ("health_check_path", "health.path", "ECS"),
    ("health_path", "health.path", "the flag"),
    ("services", "service", "Compose"),
    ("sidecars", "sidecar", "Copilot"),
    ("env_vars", "env", "Render"),
    ("envVars", "env", "Render"),
    ("subnets", "network.existing", "Copilot"),
];

/// What ecsup does not do, by the names that it has elsewhere, and what to do instead.
pub const OUT: &[(&[&str], &str)] = &[
    (
        &["build", "dockerfile", "buildpack"],
        "ecsup builds no images: build and push it, and say `image`",
    ),
    (
        &["database", "db", "rds", "aurora", "storage"],
        "ecsup makes no databases: make it elsewhere, and hand its address to the service in `env` or `secrets`",
    ),
    (
        &["queue", "queues", "topics", "subscribe", "publish"],
        "ecsup makes no queues: make it elsewhere, and hand its address to the service in `env`",
    ),
    (
        &["taskdef_overrides", "task_definition", "overrides"],
        "ecsup takes no patches of task definitions, since it could not tell what has drifted",
    ),
    (&["nlb", "network_load_balancer"], "ecsup makes no network load balancers"),
    (&["volumes", "mounts", "mount_points", "efs"], "ecsup mounts no file systems"),
    (&["stickiness", "sticky"], "ecsup makes no sticky sessions"),
    (
        &["env_file"],
        "ecsup reads no files of variables: say them in `env`, or where they are in `secrets`",
    ),
    (&["priority"], "the priorities of rules are ecsup's: the specific goes before the general"),
];

impl Key {
    /// The flag that says the same, if there is one: `path` is the key's, with `*` for a name.
    pub fn flag(path: &str) -> Option<&'static str> {
        FLAGS.iter().find(|(of, _)| *of == path).map(|(_, flag)| *flag)
    }

    /// All keys that flags say, and the flags.
    pub fn flags() -> impl Iterator<Item = (&'static str, &'static str)> {
        FLAGS.iter().copied()
    }

    /// What a key is when it is not said: its default as text, without quotes. `path` has a name wherever a
    /// table is for names.
    pub fn usual(path: &str) -> &'static str {
        let path: Vec<_> = path.split('.').collect();
        let key = path
            .split_last()
            .and_then(|(name, above)| keys_at(above)?.iter().find(|key| key.name == *name));
        key.map_or("", |key| key.default.trim_matches('"'))
    }

    /// The path of the key that a flag says.
    pub fn of_flag(flag: &str) -> Option<&'static str> {
        FLAGS.iter().find(|(_, of)| *of == flag).map(|(path, _)| *path)
    }
}

/// Keys and the flags that say the same. `ingress.*` is that of the pattern.
const FLAGS: &[(&str, &str)] = &[
    ("pattern", "--pattern"),
    ("stack", "--stack"),
    ("tags", "--tag"),
    ("permissions_boundary", "--permissions-boundary"),
    ("service", "--service"),
    ("service.*.image", "--image"),
    ("service.*.cpu", "--cpu"),
    ("service.*.memory", "--memory"),
    ("service.*.port", "--port"),
    ("service.*.count", "--count"),
    ("service.*.env", "--env"),
    ("service.*.health.path", "--health-path"),
    ("service.*.hosts", "--host"),
    ("capacity.instance_type", "--instance-type"),
    ("capacity.ami", "--ami"),
    ("capacity.min_size", "--min-size"),
    ("capacity.max_size", "--max-size"),
    ("network.vpc_cidr", "--vpc-cidr"),
    ("network.zones", "--zones"),
    ("network.nat", "--nat"),
    ("network.endpoints", "--endpoints"),
    ("ingress.*.allow", "--allow"),
    ("ingress.*.zone", "--zone"),
];

/// The table of keys that are allowed at a path, such as `service.web.health`.
pub fn keys_at(path: &[&str]) -> Option<&'static [Key]> {
    let mut keys = TOP;
    let mut rest = path.iter();
    while let Some(name) = rest.next() {
        keys = match keys.iter().find(|key| key.name == *name)?.shape {
            Table(keys) | Tables(keys) => keys,
            Named(keys) => {
                rest.next()?;
                keys
            }
            Shape::Defaults => SERVICE,
            Shape::Environments => {
                rest.next()?;
                TOP
            }
            _ => return None,
        };
    }
    Some(keys)
}
