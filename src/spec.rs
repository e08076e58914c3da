//! What was asked for: the flags, checked once, as one [`Spec`] without anything left open.
//!
//! [`Spec::from_flags`] reports every mistake at once, each with the flag, the value and the rule,
//! so that nobody corrects five flags in five runs. What a pattern does with a spec is in
//! `pattern`, and what only AWS can know (whether an instance type exists, how large it is) is
//! asked later.

mod dns;
mod error;
mod flags;
mod image;
mod letters;
mod network;
mod pairs;
mod size;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use clap::ValueEnum;
use ipnet::Ipv4Net;

pub use self::error::SpecError;
pub use self::flags::ServiceFlags;
pub use self::image::Image;
pub use self::pairs::EnvValue;

use self::error::Problems;
use crate::arn::Arn;
use crate::names::{NameError, ServiceName, StackName};

/// The image of the published templates.
pub const DEFAULT_IMAGE: &str = "public.ecr.aws/docker/library/nginx:latest";
/// The instance type of the published templates.
pub const DEFAULT_INSTANCE_TYPE: &str = "c5.xlarge";
const DEFAULT_CPU: u32 = 256;
const DEFAULT_MEMORY: u32 = 512;
const DEFAULT_PORT: u32 = 80;
const DEFAULT_COUNT: u32 = 2;
const DEFAULT_MIN_SIZE: u32 = 0;
const DEFAULT_MAX_SIZE: u32 = 100;
const DEFAULT_HEALTH_PATH: &str = "/";
/// Longest health check path, in characters (Elastic Load Balancing `CreateTargetGroup`).
const HEALTH_PATH_LIMIT: usize = 1024;
/// Longest instance type, in characters. The longest that AWS has are half as long.
const INSTANCE_TYPE_LIMIT: usize = 40;
/// Longest ARN of a permissions boundary, in characters (IAM `CreateRole`).
const BOUNDARY_LIMIT: usize = 2048;

/// A pattern: what to build around the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Pattern {
    /// A service on EC2 instances, behind a load balancer that only the VPC can reach
    InternalWorker,
    /// A service on EC2 instances, behind a load balancer on the internet
    PublicApi,
    /// A service on Fargate, behind a load balancer on the internet
    FargateApi,
}

impl Pattern {
    /// Returns the pattern's name, which is also the default name of its stack.
    pub fn name(self) -> &'static str {
        match self {
            Self::InternalWorker => "internal-worker",
            Self::PublicApi => "public-api",
            Self::FargateApi => "fargate-api",
        }
    }

    /// Returns the name of the pattern's service, unless the user gives one.
    pub fn default_service(self) -> &'static str {
        match self {
            Self::InternalWorker => "worker",
            Self::PublicApi | Self::FargateApi => "web",
        }
    }

    /// Returns where the pattern's load balancer can be reached from.
    pub fn scheme(self) -> Scheme {
        match self {
            Self::InternalWorker => Scheme::Internal,
            Self::PublicApi | Self::FargateApi => Scheme::InternetFacing,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One stack, fully said and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// The preset that it was made from. `None` where every service makes both choices itself.
    pub pattern: Option<Pattern>,
    /// The stack's name.
    pub stack: StackName,
    /// The VPC and its subnets.
    pub network: Network,
    /// The instances; there if and only if some service runs on them.
    pub instances: Option<Instances>,
    /// The load balancer that only the VPC can reach; there if and only if some service uses it.
    pub internal: Option<Ingress>,
    /// The load balancer on the internet; there if and only if some service uses it.
    pub public: Option<Ingress>,
    /// The services: at least one, in the order in which they were said, no name twice.
    pub services: Vec<Service>,
    /// The user's own tags, for everything in the stack.
    pub tags: BTreeMap<String, String>,
    /// ARN of the policy that has to bound every role, if there is to be one.
    pub permissions_boundary: Option<String>,
}

/// The VPC and its four subnets, one public and one private in each of two zones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The VPC's range, /16 to /25.
    pub vpc_cidr: Ipv4Net,
    /// The public subnets, in the first and second zone: the first two quarters of the VPC.
    pub public: [Ipv4Net; 2],
    /// The private subnets, in the first and second zone: the last two quarters of the VPC.
    pub private: [Ipv4Net; 2],
    /// How the private subnets reach the internet.
    pub nat: Nat,
    /// The services that tasks reach through gateway endpoints.
    pub endpoints: BTreeSet<Endpoint>,
    /// The two zones, by name or id, when the user chose them.
    pub zones: Option<[String; 2]>,
}

/// A service of AWS that has gateway endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Endpoint {
    /// Amazon S3, where the layers of images in ECR are, too
    S3,
    /// Amazon `DynamoDB`
    #[value(name = "dynamodb", help = "Amazon DynamoDB")]
    DynamoDb,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::S3 => "s3",
            Self::DynamoDb => "dynamodb",
        })
    }
}

/// How many NAT gateways there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Nat {
    /// One in each zone: a zone that fails takes only its own with it
    PerZone,
    /// One for both zones: half the price
    Single,
    /// None: instances, or Fargate tasks, live in the public subnets; EC2 tasks then have no way
    /// out
    None,
}

impl fmt::Display for Nat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::PerZone => "per-zone",
            Self::Single => "single",
            Self::None => "none",
        })
    }
}

/// The EC2 instances of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instances {
    /// The instance type, such as `c5.xlarge`.
    pub instance_type: String,
    /// The machine image.
    pub ami: Ami,
    /// Fewest instances in the group; never more than `max_size`.
    pub min_size: u32,
    /// Most instances in the group.
    pub max_size: u32,
}

/// Which machine image the instances boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ami {
    /// The newest ECS-optimized one when the stack is made. An existing stack keeps its own, unless
    /// `refresh` asks for the newest again.
    Latest {
        /// Whether an existing stack changes to the newest.
        refresh: bool,
    },
    /// This one, such as `ami-0123456789abcdef0`.
    Exactly(String),
}

/// A load balancer, which services share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingress {
    /// The ranges that may reach it; at least one, and no two overlap.
    pub allow: Vec<Ipv4Net>,
    /// The private zone to make, in lower case and without a closing dot, if there is to be one.
    pub zone: Option<String>,
    /// What its listener answers to what no rule matches.
    pub unknown: Unknown,
}

/// What a listener answers to what no rule matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unknown {
    /// This service does, which then has no rule of its own.
    Service(ServiceName),
    /// The load balancer itself does.
    Answer {
        /// The HTTP status: 2xx, 4xx or 5xx.
        status: u16,
        /// The body, as plain text.
        text: String,
    },
}

/// Where a load balancer can be reached from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// From the VPC and what is connected to it.
    Internal,
    /// From the internet.
    InternetFacing,
}

impl Scheme {
    /// Both, in the order in which they are made.
    pub const ALL: [Self; 2] = [Self::Internal, Self::InternetFacing];
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Internal => "internal",
            Self::InternetFacing => "internet-facing",
        })
    }
}

/// A service, with one container in each task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The name of the service, of its container and of its log streams.
    pub name: ServiceName,
    /// The container's image.
    pub image: Image,
    /// CPU of one task, in units of 1/1024 vCPU.
    pub cpu: u32,
    /// Memory of one task, in MiB.
    pub memory: u32,
    /// The TCP port that the container listens on.
    pub port: u16,
    /// Number of tasks to keep running.
    pub count: u32,
    /// Environment variables of the container.
    pub env: BTreeMap<String, EnvValue>,
    /// The path that the load balancer's health checks ask for.
    pub health_path: String,
    /// What its tasks run on.
    pub run_on: RunOn,
    /// How it is reached through the internal load balancer, if it is.
    pub internal: Option<Route>,
    /// How it is reached through the public load balancer, if it is.
    pub public: Option<Route>,
}

/// What the tasks of a service run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunOn {
    /// EC2 instances of the stack's own.
    Instances,
    /// Fargate.
    Fargate,
}

/// How a service is reached through a load balancer. Without hosts and paths it has no rule, and is the
/// one that [`Unknown`] names. With both, both have to match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The hosts of its rule, in lower case; `*` and `?` stand for others.
    pub hosts: Vec<String>,
    /// The paths of its rule; `*` and `?` stand for others.
    pub paths: Vec<String>,
    /// Its names in the load balancer's zone, each an alias, in lower case and without a closing dot;
    /// empty without a zone. No name is there twice in a stack.
    pub names: Vec<String>,
}

impl Spec {
    /// The word for the preset, or for none, in the tag of everything in the stack.
    pub fn pattern_name(&self) -> &'static str {
        self.pattern.map_or("custom", Pattern::name)
    }

    /// The load balancer of a scheme, if there is to be one.
    pub fn ingress(&self, scheme: Scheme) -> Option<&Ingress> {
        match scheme {
            Scheme::Internal => self.internal.as_ref(),
            Scheme::InternetFacing => self.public.as_ref(),
        }
    }

    /// The load balancers that there are to be.
    pub fn ingresses(&self) -> impl Iterator<Item = (Scheme, &Ingress)> {
        let all = Scheme::ALL.into_iter();
        all.filter_map(|scheme| Some((scheme, self.ingress(scheme)?)))
    }

    /// A service by its name.
    pub fn service(&self, name: &ServiceName) -> Option<&Service> {
        self.services.iter().find(|service| service.name == *name)
    }

    /// The services that run on instances, or on Fargate.
    pub fn services_on(&self, run_on: RunOn) -> impl Iterator<Item = &Service> {
        self.services.iter().filter(move |service| service.run_on == run_on)
    }
}

impl Service {
    /// How the service is reached through the load balancer of a scheme, if it is.
    pub fn route(&self, scheme: Scheme) -> Option<&Route> {
        match scheme {
            Scheme::Internal => self.internal.as_ref(),
            Scheme::InternetFacing => self.public.as_ref(),
        }
    }
}

impl Spec {
    /// Checks what was typed, and fills in what was not. Answers everything that is wrong at once,
    /// in the order of the flags' help.
    pub fn from_flags(flags: &ServiceFlags) -> Result<Self, Vec<SpecError>> {
        let mut problems = Problems::default();
        if flags.pattern.is_none() {
            let names = Pattern::value_variants().iter().map(|it| it.name()).collect::<Vec<_>>();
            problems.add("--pattern", "", format!("say what to build: {}", names.join(", ")));
        }
        // Without a pattern, the rest is checked against the one that takes every flag.
        let pattern = flags.pattern.unwrap_or(Pattern::InternalWorker);
        let stack = name("--stack", flags.stack.as_deref(), pattern.name(), &mut problems);
        let tags = pairs::check_tags(&flags.tags, &mut problems);
        let permissions_boundary = flags.permissions_boundary.as_deref().and_then(|typed| {
            problems.keep("--permissions-boundary", typed, check_boundary(typed))
        });
        let service = service(flags, pattern, &mut problems);
        let instances = instances(flags, pattern, &mut problems);
        let network = network(flags, pattern, &mut problems);
        let allow = allow(flags, pattern, network.as_ref(), &mut problems);
        let dns = match (&stack, &service.name) {
            (Some(stack), Some(name)) => {
                dns::choose(flags, pattern, stack, name, service.image.as_ref(), &mut problems)
            }
            _ => None,
        };
        let instances = instances.inspect(|it| it.check_count(service.count, &mut problems));
        if let (Some(network), Some(count)) = (&network, service.count) {
            network.check_count(count, &mut problems);
        }

        let (Some(stack), Some(network), Some(mut service)) = (stack, network, service.finish())
        else {
            return Err(problems.into_errors());
        };
        let errors = problems.into_errors();
        if !errors.is_empty() {
            return Err(errors);
        }
        let (zone, host) = dns.map(|it| (it.zone, it.host)).unzip();
        let ingress = Ingress { allow, zone, unknown: Unknown::Service(service.name.clone()) };
        let names = host.into_iter().collect();
        let route = Route { hosts: Vec::new(), paths: Vec::new(), names };
        let (mut internal, mut public) = (None, None);
        match pattern.scheme() {
            Scheme::Internal => {
                internal = Some(ingress);
                service.internal = Some(route);
            }
            Scheme::InternetFacing => {
                public = Some(ingress);
                service.public = Some(route);
            }
        }
        Ok(Self {
            pattern: Some(pattern),
            stack,
            network,
            instances,
            internal,
            public,
            services: vec![service],
            tags,
            permissions_boundary,
        })
    }
}

impl Instances {
    /// Checks that the group may grow at all when there are tasks to run.
    fn check_count(&self, count: Option<u32>, problems: &mut Problems) {
        if self.max_size == 0 && count.is_some_and(|count| count > 0) {
            problems.add("--max-size", "0", "leaves no instance to run the tasks of --count on");
        }
    }
}

/// How many addresses AWS gives out in two quarters of a range.
fn addresses_of_half(prefix: u8) -> u32 {
    2 * network::usable_addresses(prefix.saturating_add(2))
}

impl Network {
    /// How many addresses AWS gives out in the public subnets, or in the private ones: they are
    /// quarters of the VPC's range.
    pub fn addresses(&self) -> u32 {
        addresses_of_half(self.vpc_cidr.prefix_len())
    }

    /// The prefix length of the smallest range that gives out so many there, if any does.
    pub fn prefix_for(addresses: u32) -> Option<u8> {
        network::PREFIXES.rev().find(|prefix| addresses_of_half(*prefix) >= addresses)
    }

    /// Checks that the tasks' own addresses fit into two subnets. What else takes some is counted
    /// when the instance type is known.
    fn check_count(&self, count: u32, problems: &mut Problems) {
        let addresses = self.addresses();
        if count > addresses {
            let larger = Self::prefix_for(count)
                .map(|prefix| format!(", or a --vpc-cidr of /{prefix} for a new stack"));
            problems.add(
                "--count",
                count.to_string(),
                format!(
                    "each task has an address of its own, and `{}` leaves {addresses} for tasks: \
                     say --count {addresses} or less{}",
                    self.vpc_cidr,
                    larger.unwrap_or_default()
                ),
            );
        }
    }
}

/// A service whose parts are there as far as they were right.
struct Draft {
    name: Option<ServiceName>,
    image: Option<Image>,
    cpu: Option<u32>,
    memory: Option<u32>,
    port: Option<u16>,
    count: Option<u32>,
    env: BTreeMap<String, EnvValue>,
    health_path: Option<String>,
    run_on: RunOn,
}

impl Draft {
    fn finish(self) -> Option<Service> {
        Some(Service {
            name: self.name?,
            image: self.image?,
            cpu: self.cpu?,
            memory: self.memory?,
            port: self.port?,
            count: self.count?,
            env: self.env,
            health_path: self.health_path?,
            run_on: self.run_on,
            internal: None,
            public: None,
        })
    }
}

fn service(flags: &ServiceFlags, pattern: Pattern, problems: &mut Problems) -> Draft {
    let default = pattern.default_service();
    let name = name("--service", flags.service.as_deref(), default, problems);
    let image = flags.image.as_deref().unwrap_or(DEFAULT_IMAGE);
    let image = problems.keep("--image", image, Image::parse(image));
    let (cpu, memory) = cpu_and_memory(flags, pattern, problems);
    let mut whole = |field, typed: Option<&str>, default, range, what| {
        number(field, typed, default, &range, what, problems)
    };
    let port = whole("--port", flags.port.as_deref(), DEFAULT_PORT, size::PORT, "a port number");
    let port = port.and_then(|port| u16::try_from(port).ok());
    let count =
        whole("--count", flags.count.as_deref(), DEFAULT_COUNT, size::COUNT, "a number of tasks");
    let env = pairs::check_env(&flags.env, problems);
    let path = flags.health_path.as_deref().unwrap_or(DEFAULT_HEALTH_PATH);
    let health_path = problems.keep("--health-path", path, check_health_path(path));
    let run_on = match pattern {
        Pattern::InternalWorker | Pattern::PublicApi => RunOn::Instances,
        Pattern::FargateApi => RunOn::Fargate,
    };
    Draft { name, image, cpu, memory, port, count, env, health_path, run_on }
}

fn cpu_and_memory(
    flags: &ServiceFlags,
    pattern: Pattern,
    problems: &mut Problems,
) -> (Option<u32>, Option<u32>) {
    let (typed_cpu, typed_memory) = (flags.cpu.as_deref(), flags.memory.as_deref());
    if pattern != Pattern::FargateApi {
        let what = "a number of CPU units, 1024 to a vCPU";
        let cpu = number("--cpu", typed_cpu, DEFAULT_CPU, &size::CPU, what, problems);
        let what = "a number of MiB";
        let memory =
            number("--memory", typed_memory, DEFAULT_MEMORY, &size::MEMORY, what, problems);
        return (cpu, memory);
    }
    let cpu = match typed_cpu {
        Some(typed) => problems.keep("--cpu", typed, size::fargate_cpu(typed)),
        None => Some(DEFAULT_CPU),
    };
    let default = DEFAULT_MEMORY.to_string();
    let checked = size::fargate_memory(typed_memory.unwrap_or(&default), cpu);
    let checked = match typed_memory {
        Some(_) => checked,
        None => checked.map_err(|rule| format!("is the default, but {rule}")),
    };
    let memory = problems.keep("--memory", typed_memory.unwrap_or(&default), checked);
    (cpu, memory)
}

fn instances(flags: &ServiceFlags, pattern: Pattern, problems: &mut Problems) -> Option<Instances> {
    if pattern == Pattern::FargateApi {
        let typed = [
            ("--instance-type", flags.instance_type.as_deref()),
            ("--ami", flags.ami.as_deref()),
            ("--refresh-ami", flags.refresh_ami.then_some("")),
            ("--min-size", flags.min_size.as_deref()),
            ("--max-size", flags.max_size.as_deref()),
        ];
        for (field, typed) in typed {
            if let Some(typed) = typed {
                problems.add(
                    field,
                    typed,
                    format!("means nothing for {pattern}, which has no instances"),
                );
            }
        }
        return None;
    }
    let instance_type = flags.instance_type.as_deref().unwrap_or(DEFAULT_INSTANCE_TYPE);
    let instance_type =
        problems.keep("--instance-type", instance_type, check_instance_type(instance_type));
    let ami = ami(flags, problems);
    let mut whole = |field, typed: Option<&str>, default| {
        let what = "a number of instances";
        number(field, typed, default, &size::INSTANCES, what, problems)
    };
    let min_size = whole("--min-size", flags.min_size.as_deref(), DEFAULT_MIN_SIZE);
    let max_size = whole("--max-size", flags.max_size.as_deref(), DEFAULT_MAX_SIZE);
    let (min_size, max_size) = (min_size?, max_size?);
    if min_size > max_size {
        let default = if flags.max_size.is_none() { ", the default" } else { "" };
        problems.add(
            "--min-size",
            min_size.to_string(),
            format!("must not be larger than --max-size, which is {max_size}{default}"),
        );
    }
    Some(Instances { instance_type: instance_type?, ami: ami?, min_size, max_size })
}

fn ami(flags: &ServiceFlags, problems: &mut Problems) -> Option<Ami> {
    let Some(typed) = flags.ami.as_deref() else {
        return Some(Ami::Latest { refresh: flags.refresh_ami });
    };
    if flags.refresh_ami {
        problems.add("--refresh-ami", "", "cannot be combined with --ami, which says which image");
    }
    problems.keep("--ami", typed, check_ami(typed)).map(Ami::Exactly)
}

fn network(flags: &ServiceFlags, pattern: Pattern, problems: &mut Problems) -> Option<Network> {
    let text = flags.vpc_cidr.as_deref().unwrap_or(network::DEFAULT_VPC);
    let division = network::check_vpc(text, pattern != Pattern::FargateApi);
    let division = problems.keep("--vpc-cidr", text, division);
    let zones = match flags.zones.as_slice() {
        [] => None,
        typed => problems.keep("--zones", &typed.join(","), network::check_zones(typed)),
    };
    let division = division?;
    Some(Network {
        vpc_cidr: division.vpc,
        public: division.public,
        private: division.private,
        nat: flags.nat.unwrap_or(Nat::PerZone),
        endpoints: flags.endpoints.iter().copied().collect(),
        zones,
    })
}

/// The ranges that may reach the load balancer.
fn allow(
    flags: &ServiceFlags,
    pattern: Pattern,
    network: Option<&Network>,
    problems: &mut Problems,
) -> Vec<Ipv4Net> {
    let mut allow = Vec::new();
    for typed in &flags.allow {
        let checked = network::check_allowed(typed, &allow);
        allow.extend(problems.keep("--allow", typed, checked));
    }
    if flags.allow.is_empty() {
        allow.extend(match pattern.scheme() {
            Scheme::Internal => network.map(|it| it.vpc_cidr),
            Scheme::InternetFacing => Some(Ipv4Net::default()),
        });
    }
    allow
}

/// Parses the name that was typed, or the default.
fn name<T: FromStr<Err = NameError>>(
    field: &'static str,
    typed: Option<&str>,
    default: &str,
    problems: &mut Problems,
) -> Option<T> {
    let text = typed.unwrap_or(default);
    problems.keep(field, text, text.parse().map_err(|error: NameError| error.rule))
}

/// Parses the whole number that was typed, or returns the default.
fn number(
    field: &'static str,
    typed: Option<&str>,
    default: u32,
    range: &RangeInclusive<u32>,
    what: &str,
    problems: &mut Problems,
) -> Option<u32> {
    match typed {
        Some(typed) => problems.keep(field, typed, size::number(typed, range, what)),
        None => Some(default),
    }
}

fn check_health_path(path: &str) -> Result<String, String> {
    let printable = path.bytes().all(|byte| byte.is_ascii_graphic());
    if path.starts_with('/') && path.len() <= HEALTH_PATH_LIMIT && printable {
        return Ok(path.to_owned());
    }
    Err(format!(
        "must begin with `/` and have at most {HEALTH_PATH_LIMIT} printable ASCII characters, \
         no blanks"
    ))
}

/// Checks the shape only: which types there are differs by region, and grows.
fn check_instance_type(text: &str) -> Result<String, String> {
    let word = |text: &str| {
        text.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
            && text.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-')
    };
    let shaped = text.split_once('.').is_some_and(|(family, size)| {
        family.starts_with(|first: char| first.is_ascii_lowercase()) && word(family) && word(size)
    });
    if shaped && text.len() <= INSTANCE_TYPE_LIMIT {
        return Ok(text.to_owned());
    }
    Err("must be a family and a size, such as `c5.xlarge`".into())
}

fn check_ami(text: &str) -> Result<String, String> {
    let fits = text.strip_prefix("ami-").is_some_and(|digits| {
        (8..=17).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    });
    if fits {
        return Ok(text.to_owned());
    }
    Err("must be `ami-` and 8 to 17 lower-case hexadecimal digits".into())
}

/// Checks the shape only: whether there is such a policy, IAM says when it makes a role.
pub(crate) fn check_boundary(text: &str) -> Result<String, String> {
    let fits = match Arn::parse(text) {
        Some(Arn { partition, service: "iam", region: "", account, resource }) => {
            let account = account == "aws"
                || account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
            let name = resource.strip_prefix("policy/").unwrap_or_default();
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_/-".contains(&byte);
            let named = !name.is_empty() && !name.ends_with('/') && name.bytes().all(allowed);
            partition.starts_with("aws") && account && named
        }
        _ => false,
    };
    if fits && text.len() <= BOUNDARY_LIMIT {
        return Ok(text.to_owned());
    }
    Err("must be the ARN of a managed policy, such as `arn:aws:iam::123456789012:policy/NAME`"
        .into())
}
