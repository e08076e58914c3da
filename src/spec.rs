//! What was asked for, checked, as one [`Spec`] without anything left open; and the rules that single
//! values keep.
//!
//! A spec is made of a wish, which says where each value came from. What a pattern does with a spec is in
//! `pattern`, and what only AWS can know (whether an instance type exists, how large it is) is asked
//! later.

pub(crate) mod dns;
mod endpoints;
mod error;
pub mod exec;
pub(crate) mod existing_network;
mod health;
mod image;
mod letters;
pub(crate) mod network;
pub(crate) mod pairs;
pub(crate) mod secret;
pub(crate) mod sidecar;
pub(crate) mod size;
pub(crate) mod task_role;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use clap::ValueEnum;
use ipnet::Ipv4Net;

pub(crate) use self::dns::lies_in;
pub(crate) use self::endpoints::check_endpoint;
pub use self::endpoints::{GATEWAYS, REQUIRED, Uses, required as required_endpoints};
pub use self::error::{At, SpecError};
pub use self::existing_network::{ExistingNetwork, Subnets};
pub use self::health::{ContainerHealth, Deployments, HealthCheck};
pub use self::image::{Image, PrivateRegistry};
pub use self::pairs::EnvValue;
pub use self::secret::SecretSource;
pub use self::sidecar::{Arch, Sidecar, Until};
pub use self::task_role::{Permission, TaskRole, document as permissions_document, permissions_of};

pub(crate) use self::error::Problems;
pub(crate) use self::health::{check_command, check_statuses};
pub(crate) use self::pairs::{check_variable, is_variable};
use crate::arn::Arn;
use crate::names::{ServiceName, StackName};

/// The image of the published templates.
pub const DEFAULT_IMAGE: &str = "public.ecr.aws/docker/library/nginx:latest";
/// Longest health check path, in characters (Elastic Load Balancing `CreateTargetGroup`).
const HEALTH_PATH_LIMIT: usize = 1024;
/// How many rules a load balancer has room for, without those that its listeners begin with (Elastic Load
/// Balancing guide, "Quotas for your Application Load Balancers").
const RULES: usize = 100;
/// How many target groups a load balancer has room for (the same; it cannot be raised).
const TARGET_GROUPS: usize = 100;
/// Longest instance type, in characters. The longest that AWS has are half as long.
const INSTANCE_TYPE_LIMIT: usize = 40;
/// Longest id of a hosted zone, in characters (Route 53 `ResourceId`).
const ZONE_ID_LIMIT: usize = 32;
/// How many certificates a listener takes: its default one, and 25 more (the same quotas).
pub(crate) const CERTIFICATES: usize = 26;
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
    /// All of them.
    pub const ALL: [Self; 3] = [Self::InternalWorker, Self::PublicApi, Self::FargateApi];

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

    /// Returns what the pattern's services run on, unless one says otherwise.
    pub fn run_on(self) -> RunOn {
        match self {
            Self::InternalWorker | Self::PublicApi => RunOn::Instances,
            Self::FargateApi => RunOn::Fargate,
        }
    }

    /// Returns where the load balancer can be reached from that leads to the pattern's services, unless one
    /// says otherwise.
    pub fn scheme(self) -> Scheme {
        match self {
            Self::InternalWorker => Scheme::Internal,
            Self::PublicApi | Self::FargateApi => Scheme::InternetFacing,
        }
    }

    /// Returns the pattern of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
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
    /// The VPC and its subnets: the stack's own, or those of somebody else.
    pub network: Network,
    /// The instances; there if and only if some service runs on them.
    pub instances: Option<Instances>,
    /// The load balancer that only the VPC can reach; there if and only if some service uses it.
    pub internal: Option<Ingress>,
    /// The load balancer on the internet; there if and only if some service uses it.
    pub public: Option<Ingress>,
    /// The services: at least one, in the order in which they were said, no name twice.
    pub services: Vec<Service>,
    /// How many days the logs of services are kept.
    pub retention_days: u32,
    /// The user's own tags, for everything in the stack.
    pub tags: BTreeMap<String, String>,
    /// ARN of the policy that has to bound every role, if there is to be one.
    pub permissions_boundary: Option<String>,
}

/// The network that a stack stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Network {
    /// One of its own, which comes and goes with it.
    Own(OwnNetwork),
    /// One that somebody else made.
    Existing(ExistingNetwork),
}

impl Network {
    /// The stack's own, if it has one.
    pub fn own(&self) -> Option<&OwnNetwork> {
        match self {
            Self::Own(own) => Some(own),
            Self::Existing(_) => None,
        }
    }

    /// The one that somebody else made, if it stands in one.
    pub fn existing(&self) -> Option<&ExistingNetwork> {
        match self {
            Self::Own(_) => None,
            Self::Existing(existing) => Some(existing),
        }
    }

    /// Whether instances and tasks on Fargate are in the public subnets, with public addresses.
    pub fn is_outside(&self) -> bool {
        match self {
            Self::Own(own) => own.is_open(),
            Self::Existing(existing) => existing.is_outside(),
        }
    }

    /// Whether endpoints of the stack's own are all that leads out of its private subnets.
    pub fn is_closed(&self) -> bool {
        self.own().is_some_and(OwnNetwork::is_closed)
    }
}

/// The VPC and its four subnets, one public and one private in each of two zones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnNetwork {
    /// The VPC's range, /16 to /25.
    pub vpc_cidr: Ipv4Net,
    /// The public subnets, in the first and second zone: the first two quarters of the VPC.
    pub public: [Ipv4Net; 2],
    /// The private subnets, in the first and second zone: the last two quarters of the VPC.
    pub private: [Ipv4Net; 2],
    /// How the private subnets reach the internet.
    pub nat: Nat,
    /// The services that are reached through endpoints, as they were said: by their names, such as `s3` and
    /// `ecr.api`, and [`REQUIRED`] for those that the stack needs. [`Spec::endpoints`] has them all.
    pub endpoints: BTreeSet<String>,
    /// The two zones, by name or id, when the user chose them.
    pub zones: Option<[String; 2]>,
}

/// How many NAT gateways there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Nat {
    /// One in each zone: a zone that fails takes only its own with it
    PerZone,
    /// One for both zones: half the price
    Single,
    /// None: instances, or Fargate tasks, live in the public subnets, and EC2 tasks have no way
    /// out; or with `--endpoints required` all in the private ones
    None,
}

impl Nat {
    /// Returns the choice of a name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::PerZone, Self::Single, Self::None].into_iter().find(|it| it.to_string() == name)
    }
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
    /// The instance types, such as `c5.xlarge`, the preferred one first: one at least, and none twice.
    pub instance_types: Vec<String>,
    /// The Spot instances, if there are to be some.
    pub spot: Option<Spot>,
    /// How large the volume of each is, in GiB.
    pub volume_gib: u32,
    /// The machine image.
    pub ami: Ami,
    /// Fewest instances in the group; never more than `max_size`.
    pub min_size: u32,
    /// Most instances in the group.
    pub max_size: u32,
}

impl Instances {
    /// The type that is preferred, which the launch template names.
    pub fn first_type(&self) -> &str {
        self.instance_types.first().map_or("", String::as_str)
    }
}

/// How instances or tasks are Spot ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// How many are on demand before there is a Spot one.
    pub on_demand_base: u32,
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
    /// The ranges that may reach it, no two of which overlap. Empty means those of a VPC that somebody else
    /// made, which only AWS knows.
    pub allow: Vec<Ipv4Net>,
    /// The private zone to make, in lower case and without a closing dot, if there is to be one.
    pub zone: Option<String>,
    /// The zone of the account that is to know the names, instead of one to make.
    pub existing_zone: Option<ExistingZone>,
    /// What its listener answers to what no rule matches.
    pub unknown: Unknown,
    /// Seconds after which a silent connection is closed.
    pub idle_timeout: u32,
    /// What port 443 is secured with, if it is to be open.
    pub tls: Option<Tls>,
    /// What port 80 does.
    pub http: Http,
}

/// What an HTTPS listener is secured with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// ARNs of certificates of ACM, the default one first; at least one, none twice.
    pub certificates: Vec<String>,
    /// The name of a security policy of Elastic Load Balancing.
    pub policy: String,
}

/// What port 80 of a load balancer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Http {
    /// It leads to services.
    Serve,
    /// It sends whoever asks to port 443, which there is.
    Redirect,
    /// It is closed; there is port 443.
    Off,
}

impl Ingress {
    /// The ports that lead to services.
    pub fn ports(&self) -> Vec<u16> {
        let https = self.tls.iter().map(|_| 443);
        https.chain((self.http == Http::Serve).then_some(80)).collect()
    }

    /// `https`, or `http` where there is no other.
    pub fn url_scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

/// A zone that somebody else made, private or public, as it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExistingZone {
    /// By its id.
    Id(String),
    /// By its name, in lower case and without a closing dot.
    Named(String),
}

impl ExistingZone {
    /// Reads what was said. A zone's id has a `Z` and no dot, which the name of one always has.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let is_id = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        if text.starts_with('Z') && text.len() <= ZONE_ID_LIMIT && text.bytes().all(is_id) {
            return Ok(Self::Id(text.to_owned()));
        }
        dns::check_name(text).map(Self::Named)
    }

    /// Its name, where that was said.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Id(_) => None,
            Self::Named(name) => Some(name),
        }
    }
}

impl fmt::Display for ExistingZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(said) | Self::Named(said) => f.pad(said),
        }
    }
}

/// What a load balancer answers to what no rule matches, unless a manifest says otherwise.
pub const NOT_FOUND: u16 = 404;

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

    /// That of a word of AWS's.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.to_string() == word)
    }

    /// What a load balancer of this scheme is called, in manifests and in the names of things.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::InternetFacing => "public",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Internal => "internal",
            Self::InternetFacing => "internet-facing",
        })
    }
}

/// A service, with a container of its own in each task, and sidecars beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The name of the service, of its container and of its log streams.
    pub name: ServiceName,
    /// The container's image.
    pub image: Image,
    /// CPU of one task, in units of 1/1024 vCPU; its own container has what the sidecars leave.
    pub cpu: u32,
    /// Memory of one task, in MiB; likewise.
    pub memory: u32,
    /// The TCP port that the container listens on.
    pub port: u16,
    /// Number of tasks to keep running; of a service that scales the fewest, with which it begins.
    pub count: u32,
    /// How the number of its tasks follows its load, if it does.
    pub scaling: Option<Scaling>,
    /// Environment variables of the container.
    pub env: BTreeMap<String, EnvValue>,
    /// Words before the command; empty for those of the image.
    pub entrypoint: Vec<String>,
    /// Words that the container is started with; empty for those of the image.
    pub command: Vec<String>,
    /// Seconds that the container may take to end before it is killed; else those of ECS.
    pub stop_timeout: Option<u32>,
    /// What tells load balancers that a task is healthy.
    pub health: HealthCheck,
    /// Seconds after a task's start in which what they find does not count.
    pub grace: u32,
    /// What tells ECS that the container is healthy, if anything does.
    pub container_health: Option<ContainerHealth>,
    /// How its tasks are replaced.
    pub deployments: Deployments,
    /// Variables of the container whose values are secrets, and where each is. No name is also one of
    /// [`env`](Self::env).
    pub secrets: BTreeMap<String, SecretSource>,
    /// The role of its tasks.
    pub task_role: TaskRole,
    /// Whether commands may be run in its tasks and ports be reached through them: then there is a role.
    pub exec: bool,
    /// What its tasks run on.
    pub run_on: RunOn,
    /// The processor of tasks on Fargate; instances have that of their type.
    pub arch: Arch,
    /// How tasks on Fargate are Spot ones, if they are.
    pub spot: Option<Spot>,
    /// Ids of the security groups of others that its tasks have, besides their own.
    pub security_groups: Vec<String>,
    /// What runs once before a new revision, if anything does.
    pub release: Option<Release>,
    /// The other containers of each task, by name.
    pub sidecars: Vec<Sidecar>,
    /// The containers that its own one starts after.
    pub depends_on: BTreeMap<ServiceName, Until>,
    /// The sidecar that load balancers reach, which has a port, if it is not its own container.
    pub target: Option<ServiceName>,
    /// How other services find it without a load balancer, if they do.
    pub discovery: Option<Discovery>,
    /// How it is reached through the internal load balancer, if it is.
    pub internal: Option<Route>,
    /// How it is reached through the public load balancer, if it is.
    pub public: Option<Route>,
}

/// How a service is found by a name of its own in the VPC, to which its tasks answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Discovery {
    /// The services whose tasks may open its port; all of the stack, itself too, where nobody said which.
    pub callers: Option<BTreeSet<ServiceName>>,
}

/// A command that a new revision runs to its end before any service is updated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Its words; at least one.
    pub command: Vec<String>,
    /// Seconds that it may take.
    pub timeout: u32,
}

/// How the number of tasks follows the load. What is aimed at by several metrics is met by all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scaling {
    /// Fewest tasks.
    pub min: u32,
    /// Most tasks; never fewer than `min`.
    pub max: u32,
    /// The part of their CPU that tasks are to use on average, in percent.
    pub cpu_percent: Option<u32>,
    /// The part of their memory that tasks are to use on average, in percent.
    pub memory_percent: Option<u32>,
    /// The requests that each task is to get in a minute, from each load balancer that leads to the service.
    pub requests: Option<u32>,
    /// The pause after tasks were taken away, in whole seconds.
    pub cooldown_in: Duration,
    /// The pause after tasks were added, in whole seconds.
    pub cooldown_out: Duration,
}

/// What the tasks of a service run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunOn {
    /// EC2 instances of the stack's own.
    Instances,
    /// Fargate.
    Fargate,
}

impl RunOn {
    /// What it is called in manifests.
    pub fn word(self) -> &'static str {
        match self {
            Self::Instances => "instances",
            Self::Fargate => "fargate",
        }
    }
}

/// How a service is reached through a load balancer. Without hosts and paths it has no rule, and is the
/// one that [`Unknown`] names. With both, both have to match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The hosts of its rule, in lower case; `*` and `?` stand for others.
    pub hosts: Vec<String>,
    /// The paths of its rule; `*` and `?` stand for others.
    pub paths: Vec<String>,
    /// Its names in the zone of the load balancer, each an alias, in lower case and without a closing dot;
    /// empty without a zone, and in one that somebody else made only what was said. No name is there twice in
    /// a stack.
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

    /// The services that are reached through endpoints, by the names that endpoints call them.
    pub fn endpoints(&self) -> BTreeSet<&str> {
        let said = self.network.own().into_iter().flat_map(|own| &own.endpoints);
        let (required, named): (Vec<_>, Vec<_>) =
            said.map(String::as_str).partition(|name| *name == REQUIRED);
        let mut all: BTreeSet<_> = named.into_iter().collect();
        if !required.is_empty() {
            all.extend(required_endpoints(self).into_keys());
        }
        all
    }

    /// The images that are not in ECR of a region, each with the key that says it: no endpoint leads to them.
    pub fn images_out_of_reach(&self, region: &str) -> impl Iterator<Item = (String, &Image)> {
        let registry = format!(".dkr.ecr.{region}.");
        let all = self.services.iter().flat_map(|service| {
            service
                .images()
                .map(|(container, image)| (format!("{}.image", service.path_of(container)), image))
        });
        all.filter(move |(_, image)| {
            // What is named by a number is within the network.
            image.registry_host().is_some_and(|host| !host.contains(&registry))
        })
    }

    /// Refuses more services than a load balancer has room for.
    pub fn check_limits(&self) -> Result<(), SpecError> {
        for (scheme, ingress) in self.ingresses() {
            let routes: Vec<_> = self.services.iter().filter_map(|it| it.route(scheme)).collect();
            // Each port has rules of its own.
            let rules = routes.iter().filter(|it| it.has_rule()).count() * ingress.ports().len();
            let limits = [(routes.len(), TARGET_GROUPS, "target groups"), (rules, RULES, "rules")];
            let over = limits.into_iter().find(|(count, most, _)| count > most);
            if let Some((count, most, what)) = over {
                let rule = format!(
                    "are reached through the {scheme} load balancer, which has room for {most} {what}: \
                     move some to another stack"
                );
                return Err(SpecError::new("services", count.to_string(), rule));
            }
        }
        Ok(())
    }

    /// A service by its name.
    pub fn service(&self, name: &ServiceName) -> Option<&Service> {
        self.services.iter().find(|service| service.name == *name)
    }

    /// The services whose tasks may open the port of one that has a name.
    pub fn callers_of<'a>(
        &'a self,
        service: &'a Service,
    ) -> impl Iterator<Item = &'a ServiceName> + 'a {
        let callers = service.discovery.as_ref().map(|it| it.callers.as_ref());
        self.services.iter().map(|it| &it.name).filter(move |name| match callers {
            None => false,
            Some(None) => true,
            Some(Some(some)) => some.contains(*name),
        })
    }

    /// Whether some service is found by a name of its own.
    pub fn has_names(&self) -> bool {
        self.services.iter().any(|service| service.discovery.is_some())
    }

    /// Whether the number of tasks of some service follows its load.
    pub fn scales(&self) -> bool {
        self.services.iter().any(|service| service.scaling.is_some())
    }

    /// The services that run on instances, or on Fargate.
    pub fn services_on(&self, run_on: RunOn) -> impl Iterator<Item = &Service> {
        self.services.iter().filter(move |service| service.run_on == run_on)
    }
}

impl Route {
    /// Whether there is a rule for it.
    pub fn has_rule(&self) -> bool {
        !(self.hosts.is_empty() && self.paths.is_empty())
    }
}

impl Scaling {
    /// What is aimed at, by the key that says it.
    pub fn aims(&self) -> impl Iterator<Item = (&'static str, u32)> {
        let all = [
            ("cpu_percent", self.cpu_percent),
            ("memory_percent", self.memory_percent),
            ("requests", self.requests),
        ];
        all.into_iter().filter_map(|(key, aim)| Some((key, aim?)))
    }
}

impl Service {
    /// The container that load balancers reach, and its port.
    pub fn target(&self) -> (&ServiceName, u16) {
        let sidecar = self.target.as_ref().and_then(|name| {
            let sidecar = self.sidecars.iter().find(|sidecar| sidecar.name == *name)?;
            Some((&sidecar.name, sidecar.port?))
        });
        sidecar.unwrap_or((&self.name, self.port))
    }

    /// Where a manifest says what a container of it is.
    pub fn path_of(&self, container: &ServiceName) -> String {
        match *container == self.name {
            true => format!("service.{}", self.name),
            false => format!("service.{}.sidecar.{container}", self.name),
        }
    }

    /// The image of each container, that of its own first.
    pub fn images(&self) -> impl Iterator<Item = (&ServiceName, &Image)> {
        let sidecars = self.sidecars.iter().map(|it| (&it.name, &it.image));
        std::iter::once((&self.name, &self.image)).chain(sidecars)
    }

    /// The secrets of each container, those of its own first.
    pub fn secrets_of_containers(
        &self,
    ) -> impl Iterator<Item = (&ServiceName, &BTreeMap<String, SecretSource>)> {
        let sidecars = self.sidecars.iter().map(|it| (&it.name, &it.secrets));
        std::iter::once((&self.name, &self.secrets)).chain(sidecars)
    }

    /// CPU and memory that the sidecars leave for its own container.
    pub fn own_size(&self) -> (u32, u32) {
        let taken = |of: fn(&Sidecar) -> u32| self.sidecars.iter().map(of).sum::<u32>();
        let memory = taken(|it| it.memory.unwrap_or_default());
        (self.cpu.saturating_sub(taken(|it| it.cpu)), self.memory.saturating_sub(memory))
    }

    /// Whether somebody has a way to its port.
    pub fn is_reached(&self) -> bool {
        self.discovery.is_some() || Scheme::ALL.into_iter().any(|it| self.route(it).is_some())
    }

    /// How many tasks it may have.
    pub fn most(&self) -> u32 {
        self.scaling.as_ref().map_or(self.count, |scaling| scaling.max)
    }

    /// How the service is reached through the load balancer of a scheme, if it is.
    pub fn route(&self, scheme: Scheme) -> Option<&Route> {
        match scheme {
            Scheme::Internal => self.internal.as_ref(),
            Scheme::InternetFacing => self.public.as_ref(),
        }
    }
}

/// How many addresses AWS gives out in two quarters of a range.
fn addresses_of_half(prefix: u8) -> u32 {
    2 * network::usable_addresses(prefix.saturating_add(2))
}

impl OwnNetwork {
    /// How many addresses AWS gives out in the public subnets, or in the private ones: they are
    /// quarters of the VPC's range.
    pub fn addresses(&self) -> u32 {
        addresses_of_half(self.vpc_cidr.prefix_len())
    }

    /// Whether instances, or tasks on Fargate, stand in the public subnets with addresses of their own.
    pub fn is_open(&self) -> bool {
        self.nat == Nat::None && !self.endpoints.contains(REQUIRED)
    }

    /// Whether endpoints are all that leads out of the private subnets, in which everything stands.
    pub fn is_closed(&self) -> bool {
        self.nat == Nat::None && self.endpoints.contains(REQUIRED)
    }

    /// The prefix length of the smallest range that gives out so many there, if any does.
    pub fn prefix_for(addresses: u32) -> Option<u8> {
        network::PREFIXES.rev().find(|prefix| addresses_of_half(*prefix) >= addresses)
    }
}

/// Checks the path of a health check.
pub(crate) fn check_health_path(path: &str) -> Result<String, String> {
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
pub(crate) fn check_instance_type(text: &str) -> Result<String, String> {
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

/// Checks the id of a machine image.
pub(crate) fn check_ami(text: &str) -> Result<String, String> {
    let fits = text.strip_prefix("ami-").is_some_and(|digits| {
        (8..=17).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    });
    if fits {
        return Ok(text.to_owned());
    }
    Err("must be `ami-` and 8 to 17 lower-case hexadecimal digits".into())
}

/// Checks the shape only: whether there is such a policy, IAM says.
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

/// Checks the shape of a certificate's ARN; where it is and how, AWS says.
pub(crate) fn check_certificate(text: &str) -> Result<String, String> {
    let fits = match Arn::parse(text) {
        Some(Arn { partition, service: "acm", region, account, resource }) => {
            let id = resource.strip_prefix("certificate/").unwrap_or_default();
            let named = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            partition.starts_with("aws")
                && !region.is_empty()
                && account.len() == 12
                && account.bytes().all(|byte| byte.is_ascii_digit())
                && (1..=64).contains(&id.len())
                && named
        }
        _ => false,
    };
    match fits {
        true => Ok(text.to_owned()),
        false => Err("must be the ARN of a certificate of ACM, such as \
                      `arn:aws:acm:eu-west-1:123456789012:certificate/ID`"
            .into()),
    }
}

/// Why a certificate does not serve a load balancer of a region, if it is of another one.
pub(crate) fn certificate_elsewhere(arn: &str, region: &str) -> Option<String> {
    let is = Arn::parse(arn)?.region;
    (is != region)
        .then(|| format!("is of {is}: a load balancer of {region} takes those of {region} alone"))
}

/// Checks the shape of a security policy's name: which ones there are, grows.
pub(crate) fn check_tls_policy(text: &str) -> Result<String, String> {
    let fits = text.strip_prefix("ELBSecurityPolicy-").is_some_and(|rest| {
        !rest.is_empty()
            && rest.len() <= 100
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    });
    match fits {
        true => Ok(text.to_owned()),
        false => Err("must be a security policy of Elastic Load Balancing, such as \
                      `ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09`"
            .into()),
    }
}

/// Checks a time with its unit, such as `30s` or `5m`.
pub(crate) fn check_duration(text: &str) -> Result<Duration, String> {
    let time: Option<Duration> =
        text.parse::<jiff::SignedDuration>().ok().and_then(|time| time.try_into().ok());
    time.ok_or_else(|| "must be a time with its unit, such as \"30s\" or \"5m\"".to_owned())
}

/// `; did you mean …?`, if something is near.
pub fn nearest<'a>(name: &str, of: impl Iterator<Item = &'a str>) -> String {
    let distance =
        |other: &str| strsim::osa_distance(&name.to_ascii_lowercase(), &other.to_ascii_lowercase());
    let most = if name.len() <= 4 { 1 } else { 2 };
    match of.map(|other| (distance(other), other)).min() {
        Some((apart, other)) if apart <= most => format!("; did you mean `{other}`?"),
        _ => String::new(),
    }
}
