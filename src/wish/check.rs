//! From a wish to a [`Spec`]: every rule that needs no look at AWS, and the defaults.

mod capacity;
mod discovery;
mod exec;
mod existing_network;
mod health;
mod ingress;
mod places;
mod roles;
mod scaling;
mod sidecars;

use std::collections::{BTreeMap, BTreeSet};

use semver::{Version, VersionReq};

use self::scaling::Tasks;
use self::sidecars::Containers;
use super::key::Key;
use super::value::{Place, Table, Value};
use super::{Wanted, Wish, file, flags};
use crate::names::{NameError, ServiceName, StackName};
use crate::spec::{
    self, Arch, ContainerHealth, DEFAULT_IMAGE, Deployments, Discovery, EnvValue, HealthCheck,
    Image, Nat, Network, OwnNetwork, Pattern, Problems, Release, Route, RunOn, Scheme,
    SecretSource, Service, Spec, SpecError, Spot, TaskRole, network, pairs, size,
};

pub use places::check_places;

/// Checks a wish.
pub fn check(wish: &Wish) -> Result<Spec, Vec<SpecError>> {
    let problems = Problems(wish.problems.clone());
    let mut checker = Checker { wish, problems, names: BTreeSet::new() };
    let spec = checker.spec();
    let mut errors = checker.problems.0;
    match wish.is_by_flags() {
        true => errors.sort_by_key(|error| flags::order(&error.field)),
        false => errors = file::in_order(errors),
    }
    // What is not built yet is said when everything else is right.
    if errors.is_empty() && !wish.later.is_empty() {
        return Err(wish.later.clone());
    }
    match spec {
        Some(spec) if errors.is_empty() => Ok(spec),
        _ => Err(errors),
    }
}

/// A service whose parts are there as far as they were right.
struct Draft<'a> {
    wanted: &'a Wanted,
    name: Option<ServiceName>,
    image: Option<Image>,
    cpu: Option<u32>,
    memory: Option<u32>,
    port: Option<u16>,
    tasks: Option<Tasks>,
    env: BTreeMap<String, EnvValue>,
    entrypoint: Vec<String>,
    command: Vec<String>,
    stop_timeout: Option<u32>,
    health: Option<HealthCheck>,
    grace: Option<u32>,
    container_health: Option<ContainerHealth>,
    deployments: Option<Deployments>,
    secrets: BTreeMap<String, SecretSource>,
    task_role: TaskRole,
    exec: bool,
    run_on: RunOn,
    arch: Arch,
    spot: Option<Spot>,
    security_groups: Vec<String>,
    release: Option<Release>,
    containers: Containers,
    discovery: Option<Discovery>,
    schemes: Vec<Scheme>,
    routes: BTreeMap<Scheme, Route>,
}

impl Draft<'_> {
    /// The key that says how many tasks there may be.
    fn counted_by(&self) -> &'static str {
        self.tasks.as_ref().map_or("count", Tasks::said_by)
    }

    fn finish(mut self) -> Option<Service> {
        let (count, scaling) = self.tasks?.into_parts();
        Some(Service {
            name: self.name?,
            image: self.image?,
            cpu: self.cpu?,
            memory: self.memory?,
            port: self.port?,
            count,
            scaling,
            env: self.env,
            entrypoint: self.entrypoint,
            command: self.command,
            stop_timeout: self.stop_timeout,
            health: self.health?,
            grace: self.grace?,
            container_health: self.container_health,
            deployments: self.deployments?,
            secrets: self.secrets,
            task_role: self.task_role,
            exec: self.exec,
            run_on: self.run_on,
            arch: self.arch,
            spot: self.spot,
            security_groups: self.security_groups,
            release: self.release,
            sidecars: self.containers.sidecars,
            depends_on: self.containers.depends_on,
            target: self.containers.target,
            discovery: self.discovery,
            internal: self.routes.remove(&Scheme::Internal),
            public: self.routes.remove(&Scheme::InternetFacing),
        })
    }
}

struct Checker<'a> {
    wish: &'a Wish,
    problems: Problems,
    /// The names in zones so far: services that share a host share its record.
    names: BTreeSet<String>,
}

impl<'a> Checker<'a> {
    fn spec(&mut self) -> Option<Spec> {
        let wish = self.wish;
        self.version();
        let pattern = wish.pattern();
        let makes_choices = |service: &Wanted| {
            service.table.text("run_on").is_some() && service.table.text("ingress").is_some()
        };
        if wish.is_by_flags() && pattern.is_none() {
            let names = Pattern::ALL.map(Pattern::name).join(", ");
            self.problems.add("--pattern", "", format!("say what to build: {names}"));
        }
        // Without a pattern, the rest is checked against the one that takes every flag.
        let usual = wish.usual_pattern();
        let stack = self.stack(usual);
        let tags = self.tags();
        let boundary = self.text(None, "permissions_boundary");
        let permissions_boundary = boundary.and_then(|said| {
            self.keep(None, "permissions_boundary", said, spec::check_boundary(said))
        });
        if wish.services.is_empty() && wish.problems.is_empty() {
            let file = wish.manifest.clone().unwrap_or_default();
            self.problems.add(
                "",
                "",
                format!("{file}: has no services: write one, as in [service.web]"),
            );
        }
        let mut drafts = Vec::new();
        let mut named = BTreeMap::new();
        for wanted in &wish.services {
            // Names in AWS and in DNS know no case.
            if let Some(other) = named.insert(wanted.name.to_ascii_lowercase(), &wanted.name) {
                self.of_service(wanted, format!("differs from service.{other} in its case alone"));
            }
            if pattern.is_none() && !wish.is_by_flags() && !makes_choices(wanted) {
                let rule = "needs `run_on` and `ingress`, or the file a `pattern` that says both";
                self.of_service(wanted, rule);
            }
            drafts.push(self.service(wanted));
        }
        let on_instances = drafts.iter().any(|draft| draft.run_on == RunOn::Instances);
        let instances = self.instances(on_instances, usual);
        let network = match self.wish.table.at("network.existing") {
            None => self.network(on_instances).map(Network::Own),
            Some(_) => self.existing_network(&drafts).map(Network::Existing),
        };
        let [internal, public] = Scheme::ALL
            .map(|scheme| self.ingress(scheme, &mut drafts, stack.as_ref(), network.as_ref()));
        let counts = |on: Option<RunOn>| -> Option<u32> {
            let of = drafts.iter().filter(|draft| on.is_none_or(|on| draft.run_on == on));
            let mut most = of.map(|draft| draft.tasks.as_ref().map(Tasks::most));
            most.try_fold(0_u32, |sum, most| Some(sum.saturating_add(most?)))
        };
        if let (Some(instances), Some(count)) = (&instances, counts(Some(RunOn::Instances)))
            && instances.max_size == 0
            && count > 0
        {
            let whose = self.count_called(&drafts);
            let rule = format!("leaves no instance to run the tasks of {whose} on");
            self.problem(None, "capacity.max_size", "0", rule);
        }
        if let (Some(Network::Own(network)), Some(count)) = (&network, counts(None)) {
            self.addresses(network, count, &drafts);
        }
        if let Some(Network::Own(network)) = &network {
            self.way_of_agents(network, &drafts);
        }
        let zones = [&internal, &public].map(|it| it.as_ref().and_then(|it| it.zone.as_ref()));
        if let [Some(one), Some(other)] = zones
            && one == other
        {
            let rule =
                "is also the zone of the internal load balancer: a VPC knows one zone of a name";
            self.problem(None, "ingress.public.zone", other, rule);
        }
        self.zone_of_names(&zones, stack.as_ref(), &drafts);
        let retention_days = self.retention_days();
        let services: Option<Vec<_>> = drafts.into_iter().map(Draft::finish).collect();
        let spec = Spec {
            pattern,
            stack: stack?,
            network: network?,
            instances,
            internal,
            public,
            services: services?,
            retention_days: retention_days?,
            tags,
            permissions_boundary,
        };
        // What is too much is what came last.
        let last = self.wish.services.last().and_then(|it| it.key.as_ref());
        let limits = spec.check_limits().err();
        let limits = limits.map(|error| match last {
            Some(place) => place.tell(error),
            None => error,
        });
        self.problems.0.extend(limits);
        Some(spec)
    }

    /// The keys of a service, or of the stack.
    fn table(&self, service: Option<&'a Wanted>) -> &'a Table {
        service.map_or(&self.wish.table, |service| &service.table)
    }

    fn text(&self, service: Option<&'a Wanted>, path: &str) -> Option<&'a str> {
        self.table(service).text(path)
    }

    /// What a key is called where it was said, or could be; and where that was.
    fn field(&self, service: Option<&Wanted>, path: &str) -> (String, Option<Place>) {
        let table = service.map_or(&self.wish.table, |service| &service.table);
        let place = table.at(path).map(|said| said.place.clone());
        let full = match service {
            Some(service) => format!("service.{}.{path}", service.name),
            None => path.to_owned(),
        };
        match place.as_ref().map(Place::flag) {
            Some(Some(flag)) => (flag.to_owned(), place),
            Some(None) => (full, place),
            None if self.wish.is_by_flags() => (Self::flag(service.is_some(), path), None),
            None => (full, None),
        }
    }

    /// The flag that says the same as a key.
    fn flag(of_service: bool, path: &str) -> String {
        let general = match (of_service, path.split_once('.')) {
            (true, _) => format!("service.*.{path}"),
            (false, Some(("ingress", rest))) => match rest.split_once('.') {
                Some((_, key)) => format!("ingress.*.{key}"),
                None => path.to_owned(),
            },
            (false, _) => path.to_owned(),
        };
        Key::flag(&general).unwrap_or(path).to_owned()
    }

    /// How another key is named within a sentence.
    fn called(&self, service: Option<&Wanted>, path: &str) -> String {
        let (field, place) = self.field(service, path);
        match place {
            _ if self.wish.is_by_flags() => field,
            Some(place) if place.flag().is_some() => field,
            Some(place) => format!("{}{}", path.rsplit('.').next().unwrap_or(path), place.aside()),
            None => path.rsplit('.').next().unwrap_or(path).to_owned(),
        }
    }

    fn problem(
        &mut self,
        service: Option<&Wanted>,
        path: &str,
        value: &str,
        rule: impl Into<String>,
    ) {
        let (field, place) = self.field(service, path);
        self.problem_at(field, place.as_ref(), value, rule.into());
    }

    fn problem_at(&mut self, field: String, place: Option<&Place>, value: &str, rule: String) {
        let error = SpecError::new(field, value, rule);
        self.problems.0.push(match place {
            Some(place) => place.tell(error),
            None => error,
        });
    }

    /// Says something of a service as a whole.
    fn of_service(&mut self, service: &Wanted, rule: impl Into<String>) {
        let field = format!("service.{}", service.name);
        self.problem_at(field, service.key.as_ref(), "", rule.into());
    }

    fn keep<T>(
        &mut self,
        service: Option<&Wanted>,
        path: &str,
        value: &str,
        checked: Result<T, String>,
    ) -> Option<T> {
        checked.map_err(|rule| self.problem(service, path, value, rule)).ok()
    }

    /// What a key of a service or of the stack is: as it was said, or as the table of keys has it.
    fn or_usual(&self, service: Option<&'a Wanted>, path: &str) -> &'a str {
        let full = service.map_or_else(|| path.to_owned(), |_| format!("service.NAME.{path}"));
        self.text(service, path).unwrap_or_else(|| Key::usual(&full))
    }

    fn whole(
        &mut self,
        service: Option<&'a Wanted>,
        path: &str,
        range: std::ops::RangeInclusive<u32>,
        what: &str,
    ) -> Option<u32> {
        let text = self.or_usual(service, path);
        self.keep(service, path, text, size::number(text, &range, what))
    }

    fn version(&mut self) {
        let Some(said) = self.text(None, "required_version") else { return };
        let is = env!("CARGO_PKG_VERSION");
        match (VersionReq::parse(said), Version::parse(is)) {
            (Ok(wanted), Ok(version)) if !wanted.matches(&version) => {
                self.problem(
                    None,
                    "required_version",
                    said,
                    format!("this is ecsup {is}: take one of these versions"),
                );
            }
            (Err(why), _) => {
                self.problem(
                    None,
                    "required_version",
                    said,
                    format!("must be a range of versions, such as `>=0.1, <0.2`: {why}"),
                );
            }
            _ => {}
        }
    }

    fn stack(&mut self, usual: Pattern) -> Option<StackName> {
        let account = self.text(None, "account");
        if let Some(account) =
            account.filter(|it| it.len() != 12 || !it.bytes().all(|byte| byte.is_ascii_digit()))
        {
            self.problem(
                None,
                "account",
                account,
                "must be the 12 digits of an account's number, as text",
            );
        }
        let region = self.text(None, "region");
        if let Some(region) = region.filter(|region| !crate::names::is_region(region)) {
            self.problem(
                None,
                "region",
                region,
                "must be the name of a region, which has the form of `eu-west-1`",
            );
        }
        let said = self.text(None, "stack");
        if let (None, Some(file)) = (said, &self.wish.manifest) {
            if self.wish.problems.is_empty() {
                let rule =
                    format!("{file}: says no name for the stack: write `stack = \"…\"` at its top");
                self.problems.add("", "", rule);
            }
            return None;
        }
        let text = said.unwrap_or(usual.name());
        self.keep(None, "stack", text, text.parse().map_err(|error: NameError| error.rule))
    }

    fn tags(&mut self) -> BTreeMap<String, String> {
        let mut tags = BTreeMap::new();
        for (key, entry) in
            self.wish.table.table("tags").map(|it| it.0.iter()).into_iter().flatten()
        {
            let Value::Text(value) = &entry.said.value else { continue };
            match pairs::check_tag(key, value, &tags) {
                Ok(()) => {
                    tags.insert(key.clone(), value.clone());
                }
                Err(rule) => match entry.said.place.flag() {
                    Some(flag) => self.problems.add(flag, format!("{key}={value}"), rule),
                    None => {
                        let place = entry.said.place.clone();
                        self.problem_at(format!("tags.{key}"), Some(&place), value, rule);
                    }
                },
            }
        }
        if let Err(rule) = pairs::check_tags(&tags) {
            self.problem(None, "tags", &format!("{} tags", tags.len()), rule);
        }
        tags
    }

    fn service(&mut self, wanted: &'a Wanted) -> Draft<'a> {
        let of = Some(wanted);
        let name = wanted.name.parse().map_err(|error: NameError| error.rule);
        let name = match (name, wanted.key.as_ref().and_then(Place::flag)) {
            (Ok(name), _) => Some(name),
            (Err(rule), Some(flag)) => {
                self.problems.add(flag, &wanted.name, rule);
                None
            }
            (Err(rule), None) => {
                self.of_service(wanted, rule);
                None
            }
        };
        let (run_on, schemes) = (self.wish.run_on(wanted), self.wish.schemes_of(wanted));
        let image = self.image(wanted);
        let (cpu, memory) = self.cpu_and_memory(wanted, run_on);
        let port = self.whole(of, "port", size::PORT, "a port number");
        let port = port.and_then(|port| u16::try_from(port).ok());
        let tasks = self.tasks(wanted, &schemes);
        let env = self.env(wanted, "");
        self.secrets_prefix(wanted);
        let secrets = self.secrets(wanted, "", &env);
        let container_health = self.container_health(wanted, "");
        let containers =
            self.containers(wanted, &schemes, (cpu, memory), container_health.is_some());
        let sidecars = containers.sidecars.iter();
        let mut all = vec![(String::new(), &env)];
        all.extend(sidecars.map(|it| (sidecars::prefix(it.name.as_str()), &it.env)));
        self.check_words(wanted, &all);
        let task_role = self.task_role(wanted);
        let discovery = self.discovery(wanted);
        if schemes.is_empty() {
            for key in ["port", "health", "hosts", "paths"] {
                // By its name others reach its port, and nothing else.
                let counts = key == "port" && discovery.is_some();
                if let Some(entry) =
                    wanted.table.entry(key).filter(|_| self.wish.manifest.is_some() && !counts)
                {
                    let rule = "means nothing where no load balancer leads to the service";
                    let place = entry.key.clone();
                    self.problem_at(
                        format!("service.{}.{key}", wanted.name),
                        Some(&place),
                        "",
                        rule.to_owned(),
                    );
                }
            }
        }
        let routes = BTreeMap::new();
        Draft {
            wanted,
            name,
            image,
            cpu,
            memory,
            port,
            tasks,
            env,
            entrypoint: health::words(wanted, "entrypoint"),
            command: health::words(wanted, "command"),
            stop_timeout: self.stop_timeout(wanted, run_on),
            health: self.health(wanted),
            grace: self.seconds(of, "health.grace", size::GRACE),
            container_health,
            deployments: self.deployments(wanted),
            secrets,
            task_role,
            exec: self.exec(wanted),
            run_on,
            arch: self.arch(wanted, run_on),
            spot: self.spot_of_tasks(wanted, run_on),
            security_groups: self.security_groups(wanted),
            release: self.release(wanted),
            containers,
            discovery,
            schemes,
            routes,
        }
    }

    /// How long the logs of services are kept.
    fn retention_days(&mut self) -> Option<u32> {
        const KEY: &str = "logs.retention_days";
        let days = self.whole(None, KEY, size::RETENTION, "a number of days")?;
        if !size::RETENTIONS.contains(&days) {
            let all = size::RETENTIONS.map(|it| it.to_string()).join(", ");
            let rule = format!("is not one of those that CloudWatch Logs has: {all}");
            self.problem(None, KEY, &days.to_string(), rule);
            return None;
        }
        Some(days)
    }

    fn image(&mut self, wanted: &'a Wanted) -> Option<Image> {
        let said = match self.text(Some(wanted), "image") {
            Some(said) => said,
            None if self.wish.is_by_flags() => DEFAULT_IMAGE,
            None => {
                // One that could not be filled in is told already.
                let rule = format!(
                    "has no image, and none runs yet that could stay; write `image`, or give --image {}=…",
                    wanted.name
                );
                self.of_service(wanted, rule);
                return None;
            }
        };
        if said.contains("${") {
            return None;
        }
        if said.starts_with(':') {
            let rule =
                "is a tag alone, and there is no image that it could be of: say the whole image";
            self.problem(Some(wanted), "image", said, rule);
            return None;
        }
        self.keep(Some(wanted), "image", said, Image::parse(said))
    }

    fn cpu_and_memory(&mut self, wanted: &'a Wanted, run_on: RunOn) -> (Option<u32>, Option<u32>) {
        let of = Some(wanted);
        let (cpu, memory) = (self.or_usual(of, "cpu"), self.or_usual(of, "memory"));
        if run_on == RunOn::Instances {
            let what = "a number of CPU units, 1024 to a vCPU";
            let cpu = self.whole(of, "cpu", size::CPU, what);
            return (cpu, self.keep(of, "memory", memory, size::memory(memory)));
        }
        let cpu = self.keep(of, "cpu", cpu, size::fargate_cpu(cpu));
        let checked = size::fargate_memory(memory, cpu);
        if let (None, Err(rule)) = (self.text(of, "memory"), &checked) {
            // Where it is not said there is no place for it: that of the CPU is the nearest.
            let (field, _) = self.field(of, "memory");
            let (_, place) = self.field(of, "cpu");
            let rule = format!("is the default, but {rule}");
            self.problem_at(field, place.as_ref(), memory, rule);
            return (cpu, None);
        }
        (cpu, self.keep(of, "memory", memory, checked))
    }

    /// The variables of a container, whose keys begin with `prefix`.
    fn env(&mut self, wanted: &Wanted, prefix: &str) -> BTreeMap<String, EnvValue> {
        let mut env = BTreeMap::new();
        let path = format!("{prefix}env");
        for (name, entry) in wanted.table.table(&path).iter().flat_map(|it| &it.0) {
            let Value::Text(value) = &entry.said.value else { continue };
            match pairs::check_variable(name, value) {
                Ok(()) => {
                    env.insert(name.clone(), EnvValue::from(value.as_str()));
                }
                Err(rule) => {
                    let place = entry.key.clone();
                    self.problem_at(
                        format!("service.{}.{path}.{name}", wanted.name),
                        Some(&place),
                        "",
                        rule,
                    );
                }
            }
        }
        if let Err(rule) = pairs::check_env(&env) {
            self.problem(Some(wanted), &path, &format!("{} variables", env.len()), rule);
        }
        env
    }

    fn network(&mut self, on_instances: bool) -> Option<OwnNetwork> {
        let text = self.or_usual(None, "network.vpc_cidr");
        let division = network::check_vpc(text, on_instances);
        let division = self.keep(None, "network.vpc_cidr", text, division);
        let zones = self.wish.table.texts("network.zones").and_then(|said| {
            let said: Vec<_> = said.into_iter().map(|(zone, _)| zone.to_owned()).collect();
            self.keep(None, "network.zones", &said.join(","), network::check_zones(&said))
        });
        let endpoints = self.wish.table.texts("network.endpoints").unwrap_or_default();
        let endpoints = endpoints.into_iter().filter_map(|(name, _)| {
            self.keep(None, "network.endpoints", name, spec::check_endpoint(name))
        });
        let endpoints = endpoints.collect();
        let division = division?;
        Some(OwnNetwork {
            vpc_cidr: division.vpc,
            public: division.public,
            private: division.private,
            nat: self.text(None, "network.nat").and_then(Nat::named).unwrap_or(Nat::PerZone),
            endpoints,
            zones,
        })
    }

    /// Checks that the tasks' own addresses fit into two subnets. What else takes some is counted when the
    /// instance type is known.
    fn addresses(&mut self, network: &OwnNetwork, count: u32, drafts: &[Draft<'_>]) {
        let addresses = network.addresses();
        if count <= addresses {
            return;
        }
        let vpc = self.called(None, "network.vpc_cidr");
        let larger = OwnNetwork::prefix_for(count);
        let larger = larger.map(|prefix| format!(", or a {vpc} of /{prefix} for a new stack"));
        let larger = larger.unwrap_or_default();
        let each = format!(
            "each task has an address of its own, and `{}` leaves {addresses} for tasks",
            network.vpc_cidr
        );
        match drafts {
            [only] => {
                let key = only.counted_by();
                let called = self.called(Some(only.wanted), key);
                let rule = format!("{each}: say {called} {addresses} or less{larger}");
                self.problem(Some(only.wanted), key, &count.to_string(), rule);
            }
            _ => {
                let rule = format!("{each}, and the services' counts add up to {count}{larger}");
                self.problem(None, "network.vpc_cidr", "", rule);
            }
        }
    }

    /// How the counts of these services are called.
    fn count_called(&self, drafts: &[Draft<'_>]) -> String {
        match drafts {
            [only] => self.called(Some(only.wanted), only.counted_by()),
            _ => "the services".to_owned(),
        }
    }
}
