//! Whether a stack is what was asked for: asked of the simulated world, through the answers that AWS
//! would give now, and written from `docs/patterns.md`. Nothing of ecsup's own plan is asked.

use std::collections::{BTreeMap, BTreeSet};

use aws_sim::fields::{Fields, Tags};
use aws_sim::refusal::Answer;
use aws_sim::world::World;
use aws_sim::{ec2, logs};
use serde::Serialize;
use serde_json::{Value, json};

mod capacity;
pub mod containers;
pub mod discovery;
pub mod exec;
pub mod existing_network;
mod ingress;
pub mod instances;
mod network;
pub mod requests;
pub mod roles;
pub mod scaling;
mod service;
pub mod settings;
pub mod spot;

/// Kinds that get their tags from something else, or of which several are right.
pub const INHERITING: [&str; 7] = [
    "instance",
    "volume",
    "network-interface",
    "container-instance",
    "task",
    "task-definition",
    // A lock has two of them for a moment after it has changed hands.
    "parameter",
];

/// The services that have gateway endpoints.
const GATEWAYS: [&str; 2] = ["s3", "dynamodb"];
/// What the agents on instances talk to.
const AGENTS: [&str; 3] = ["ecs", "ecs-agent", "ecs-telemetry"];

/// What the flags of a deploy ask for.
#[derive(Debug, Clone)]
pub struct Goal {
    stack: String,
    region: String,
    on_instances: bool,
    is_public: bool,
    service: String,
    image: String,
    cpu: String,
    memory: String,
    port: u16,
    count: i64,
    env: BTreeMap<String, String>,
    health_path: String,
    tags: Tags,
    instance_type: String,
    sizes: [i64; 2],
    network: ipnet::Ipv4Net,
    nat: String,
    endpoints: BTreeSet<String>,
    allow: BTreeSet<String>,
    /// Zone and host.
    dns: Option<(String, String)>,
}

impl Goal {
    /// Reads the flags; a later one wins, as on the command line.
    pub fn of(flags: &[&str]) -> Self {
        let mut given: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut words = flags.iter();
        while let Some(flag) = words.next() {
            let values = given.entry(flag).or_default();
            if *flag != "--no-dns" {
                values.push(words.next().expect("a flag has a value"));
            }
        }
        let all = |flag: &str| given.get(flag).cloned().unwrap_or_default();
        let last = |flag: &str| all(flag).last().map(|value| (*value).to_owned());
        let text = |flag: &str, usual: &str| last(flag).unwrap_or_else(|| usual.to_owned());
        let number =
            |flag: &str, usual: &str| -> i64 { text(flag, usual).parse().expect("a number") };
        let pairs = |flag: &str| {
            let pairs = all(flag).into_iter().map(|pair| pair.split_once('=').expect("a pair"));
            pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
        };

        let pattern = text("--pattern", "");
        let is_internal = pattern == "internal-worker";
        let stack = text("--stack", &pattern);
        let service = text("--service", if is_internal { "worker" } else { "web" });
        let network: ipnet::Ipv4Net = text("--vpc-cidr", "10.0.0.0/16").parse().expect("a range");
        let anyone = if is_internal { network.to_string() } else { "0.0.0.0/0".to_owned() };
        let mut allow: BTreeSet<_> = all("--allow").iter().map(ToString::to_string).collect();
        if allow.is_empty() {
            allow.insert(anyone);
        }
        let usual_zone = format!("{stack}.internal");
        let (zone, host) = (last("--zone"), last("--host"));
        let wants_dns = is_internal || zone.is_some() || host.is_some();
        let dns = (wants_dns && !given.contains_key("--no-dns")).then(|| {
            let parent = |host: &String| match host.ends_with(&usual_zone) {
                true => usual_zone.clone(),
                false => host.split_once('.').expect("a name in a zone").1.to_owned(),
            };
            let zone = zone.or_else(|| host.as_ref().map(parent)).unwrap_or(usual_zone.clone());
            let host = host.unwrap_or_else(|| format!("{service}.{zone}"));
            (zone, host)
        });
        Self {
            region: text("--region", "us-east-1"),
            on_instances: pattern != "fargate-api",
            is_public: !is_internal,
            image: text("--image", "public.ecr.aws/docker/library/nginx:latest"),
            cpu: text("--cpu", "256"),
            memory: text("--memory", "512"),
            port: u16::try_from(number("--port", "80")).expect("a port"),
            count: number("--count", "2"),
            env: pairs("--env"),
            health_path: text("--health-path", "/"),
            tags: pairs("--tag"),
            instance_type: text("--instance-type", "c5.xlarge"),
            sizes: [number("--min-size", "0"), number("--max-size", "100")],
            nat: text("--nat", "per-zone"),
            endpoints: all("--endpoints")
                .iter()
                .flat_map(|list| list.split(','))
                .map(str::to_owned)
                .collect(),
            stack,
            service,
            network,
            allow,
            dns,
        }
    }

    /// What is wrong with the stack in the world; nothing when it is what was asked for.
    pub fn faults(&self, world: &mut World) -> Vec<String> {
        world.once_caught_up(|world| self.faults_now(world))
    }

    fn faults_now(&self, world: &mut World) -> Vec<String> {
        let here = world.region.clone();
        world.enter(&self.region);
        let mut found = Found { goal: self, faults: Vec::new(), world };
        found.nodes();
        let network = found.network();
        found.capacity(&network);
        let front = found.ingress(&network);
        found.service(&network, &front);
        let faults = found.faults;
        world.enter(&here);
        faults
    }

    /// Every node that can carry tags.
    fn nodes(&self) -> BTreeSet<String> {
        let Self { service, port, .. } = self;
        let mut nodes: BTreeSet<String> = [
            "vpc",
            "internet-gateway",
            "subnet/public-1",
            "subnet/public-2",
            "subnet/private-1",
            "subnet/private-2",
            "route-table/public",
            "route-table/private-1",
            "route-table/private-2",
            "cluster/log-group",
            "cluster",
            "security-group/load-balancer",
            "security-group/service",
            "load-balancer",
            "listener/80",
            "role/execution",
        ]
        .map(str::to_owned)
        .into();
        for number in 1..=self.gateways() {
            nodes.extend([format!("elastic-ip/{number}"), format!("nat/{number}")]);
        }
        nodes.extend(self.endpoints().iter().map(|service| format!("endpoint/{service}")));
        if self.endpoints().iter().any(|service| !GATEWAYS.contains(&service.as_str())) {
            nodes.extend(["security-group/endpoints", "rule/endpoints-443"].map(str::to_owned));
        }
        if self.on_instances {
            nodes.extend(
                [
                    "role/instance",
                    "instance-profile",
                    "security-group/instance",
                    "launch-template",
                    "auto-scaling-group",
                    "capacity-provider",
                ]
                .map(str::to_owned),
            );
        }
        nodes.extend(["target-group", "log-group", "service"].map(|it| format!("{it}/{service}")));
        nodes.insert(format!("rule/service-{port}"));
        nodes.extend(self.allow.iter().map(|it| format!("rule/load-balancer-80-from-{it}")));
        nodes.extend(self.dns.iter().map(|_| "hosted-zone".to_owned()));
        nodes
    }

    /// All that is to be reached by endpoints: what was named, and what ECS takes.
    fn endpoints(&self) -> BTreeSet<String> {
        let mut all = self.endpoints.clone();
        if all.remove("required") {
            all.extend(self.required().map(str::to_owned));
        }
        all
    }

    /// What a stack without secrets has to reach.
    fn required(&self) -> impl Iterator<Item = &'static str> {
        let images = ["ecr.api", "ecr.dkr", "s3", "logs"].into_iter();
        images.chain(self.on_instances.then_some(AGENTS).into_iter().flatten())
    }

    /// Whether what needs a way out has public addresses for it.
    fn is_open(&self) -> bool {
        self.nat == "none" && !self.endpoints.contains("required")
    }

    /// What the ARNs of its region begin with, after `arn:`.
    fn partition(&self) -> &'static str {
        match self.region.split('-').next() {
            Some("cn") => "aws-cn",
            Some("us") if self.region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }

    fn gateways(&self) -> usize {
        match self.nat.as_str() {
            "per-zone" => 2,
            "single" => 1,
            _ => 0,
        }
    }
}

/// What is found of a stack, compared with what was asked for.
struct Found<'a> {
    goal: &'a Goal,
    world: &'a mut World,
    faults: Vec<String>,
}

/// Answers the calls of one service.
type Service = fn(&mut World, &str, &Value) -> Answer;

impl Found<'_> {
    /// Compares as JSON, so that a text is a text whoever owns it.
    fn same(&mut self, what: &str, is: impl Serialize, wanted: impl Serialize) {
        let (is, wanted) = (json!(is), json!(wanted));
        if is != wanted {
            self.faults.push(format!("{what}: {is}, not {wanted}"));
        }
    }

    fn check(&mut self, what: &str, holds: bool) {
        self.same(what, holds, true);
    }

    /// What AWS answers.
    fn ask(&mut self, service: Service, operation: &str, input: Value) -> Value {
        service(self.world, operation, &input).unwrap_or_else(|refusal| {
            self.faults.push(format!("{operation} {input}: {refusal:?}"));
            Value::Null
        })
    }

    /// The first thing of a list in an answer; one without members when there is none.
    fn first(&mut self, service: Service, operation: &str, input: Value, list: &str) -> Value {
        let answer = self.ask(service, operation, input);
        answer.list(list).first().cloned().unwrap_or_default()
    }

    /// The things of the stack, by node, in a listing of EC2.
    fn of_stack(&mut self, operation: &str, list: &str) -> BTreeMap<String, Value> {
        let filter = |name: &str, value: &str| json!({ "Name": name, "Values": [value] });
        let filters = json!([
            filter("tag:ecsup:stack", &self.goal.stack),
            filter("tag:ecsup:region", &self.goal.region),
        ]);
        // The listing of NAT gateways alone calls them `Filter`.
        let member = if operation == "DescribeNatGateways" { "Filter" } else { "Filters" };
        let answer = self.ask(ec2::answer, operation, json!({ member: filters }));
        let lives = answer.list(list).iter().filter(|it| it.text("State") != "deleted");
        let node = |it: &Value| it.tags("Tags").remove("ecsup:node").unwrap_or_default();
        lives.map(|it| (node(it), it.clone())).collect()
    }

    /// Every node once, with the user's tags, and no other.
    fn nodes(&mut self) {
        let goal = self.goal;
        let is_own = |tags: &Tags| {
            tags.get("ecsup:stack") == Some(&goal.stack)
                && tags.get("ecsup:region") == Some(&goal.region)
        };
        let mut nodes: BTreeMap<String, usize> = BTreeMap::new();
        let own: Vec<_> = self.world.tagged().into_iter().filter(|it| is_own(&it.2)).collect();
        for (kind, id, tags) in own {
            if INHERITING.contains(&kind.as_str()) {
                continue;
            }
            for (key, value) in &goal.tags {
                self.same(&format!("tag {key} of {kind} {id}"), tags.get(key), value);
            }
            *nodes.entry(tags["ecsup:node"].clone()).or_default() += 1;
        }
        let wanted = goal.nodes().into_iter().map(|node| (node, 1)).collect();
        for node in nodes.keys().chain(goal.nodes().iter()).collect::<BTreeSet<_>>() {
            let times = |all: &BTreeMap<String, usize>| all.get(node).copied().unwrap_or_default();
            let (is, wanted) = (times(&nodes), times(&wanted));
            if is != wanted {
                self.faults.push(format!("{node} is there {is} times, not {wanted}"));
            }
        }
    }

    /// Checks that from a subnet, with a group, all is reached that starting a task takes.
    fn gets_out(&mut self, what: &str, subnet: &str, group: &str) {
        let public_address = self.goal.is_open();
        let groups = [group.to_owned()];
        let from = ec2::Standpoint { subnet, groups: &groups, public_address };
        for service in self.goal.required() {
            let reached = ec2::reaches(self.world, &from, service);
            self.check(&format!("{what} in {subnet} reach {service}"), reached);
        }
        // Other registries.
        if self.goal.gateways() > 0 || public_address {
            let gets_out = ec2::way_out(self.world, subnet, public_address);
            self.check(&format!("{what} in {subnet} get out"), gets_out);
        }
    }

    /// Checks the rules of a group: protocol, ports and peer of all that come in, and that everything
    /// goes out. Returns the group's id.
    fn group(&mut self, node: &str, vpc: &str, incoming: &[String]) -> String {
        let group = self.of_stack("DescribeSecurityGroups", "SecurityGroups").remove(node);
        let group = group.unwrap_or_default();
        self.same(&format!("VPC of {node}"), group.text("VpcId"), vpc);
        let id = group.text("GroupId").to_owned();
        let filter = json!({ "Filters": [{ "Name": "group-id", "Values": [id] }] });
        let rules = self.ask(ec2::answer, "DescribeSecurityGroupRules", filter);
        let rules: BTreeSet<_> = rules.list("SecurityGroupRules").iter().map(in_words).collect();
        let mut wanted: BTreeSet<_> = incoming.iter().cloned().collect();
        wanted.insert("out -1 -1 to -1, 0.0.0.0/0".to_owned());
        self.same(&format!("rules of {node}"), rules, wanted);
        id
    }

    /// Checks for how many days a log group is kept.
    fn log_group(&mut self, name: &str, days: i64) {
        let input = json!({ "logGroupNamePrefix": name });
        let group = self.first(logs::answer, "DescribeLogGroups", input, "logGroups");
        self.same("log group", group.text("logGroupName"), name);
        self.same(&format!("days of {name}"), group.number("retentionInDays"), days);
    }
}

/// A rule of a security group.
fn in_words(rule: &Value) -> String {
    let way = if rule.flag("IsEgress") == Some(true) { "out" } else { "in" };
    let group = rule.part("ReferencedGroupInfo").some_text("GroupId");
    let peer = rule.some_text("CidrIpv4").or(group).unwrap_or("somebody else");
    let port = |name: &str| rule.number(name).unwrap_or(-1);
    let protocol = rule.text("IpProtocol");
    format!("{way} {protocol} {} to {}, {peer}", port("FromPort"), port("ToPort"))
}

/// A text of each thing in a list.
fn texts(list: &[Value], name: &str) -> Vec<String> {
    list.iter().map(|it| it.text(name).to_owned()).collect()
}

/// An attribute of load balancing.
fn attribute<'a>(answer: &'a Value, key: &str) -> Option<&'a str> {
    let found = answer.list("Attributes").iter().find(|it| it.text("Key") == key);
    found.map(|it| it.text("Value"))
}
