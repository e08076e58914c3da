//! From one manifest of several services to another, in every order and through all weather: the world then
//! holds what the new one says, for every host, and nothing of the old one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use aws_sim::cloud::Cloud;
use aws_sim::ec2::{self, NetworkOfSomebody};
use aws_sim::fields::Fields as _;
use aws_sim::world::World;
use aws_sim::{acm, ecs, route53};
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{Stage, in_virtual_time};
use ecsup::spec::{Route, Service, Spec};
use ecsup::wish::{FileFlags, ServiceFlags, Wish};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::goal::discovery::unnamed;
use crate::goal::existing_network::misplaced;
use crate::goal::instances::misfits;
use crate::goal::requests::{services, unlike};
use crate::goal::scaling::unscaled;
use crate::goal::{INHERITING, containers, exec, settings, spot};
use crate::manifest::written;
use crate::proofs::{expect, ids, no_defects, nothing_left, on_all_processors};
use crate::stage::usual;

pub const STACK: &str = "main";

/// How all of them begin.
const TOP: &str = "pattern = 'internal-worker'
defaults.run_on = 'fargate'
ingress.internal.zone = 'in.example.com'";

/// What the stack is to be, by a word: how each of them goes on.
const SECTIONS: &[(&str, &str)] = &[
    (
        "two by host",
        "ingress.internal.unknown = { status = 503, text = 'no such host' }
        [service.a]
        image = 'nginx:1'
        [service.b]
        image = 'nginx:1'",
    ),
    (
        "one alone",
        "ingress.internal.unknown = { status = 503, text = 'no such host' }
        [service.a]
        image = 'nginx:1'",
    ),
    (
        "a third, and another host and image",
        "ingress.internal.unknown = 'c'
        [service.a]
        image = 'nginx:1'
        [service.b]
        image = 'nginx:2'
        release.command = ['migrate']
        hosts = ['other.in.example.com']
        [service.c]
        image = 'nginx:1'",
    ),
    (
        "hosts change places",
        "ingress.internal.unknown = 404
        logs.retention_days = 90
        [service.a]
        image = 'nginx:1'
        hosts = ['b.in.example.com']
        target = 'proxy'
        depends_on = { proxy = 'healthy', first = 'success' }
        [service.a.sidecar.proxy]
        image = 'envoy:1'
        port = 9000
        cpu = 64
        memory = 128
        container_health = { command = ['CMD', '/up'], interval = '5s' }
        [service.a.sidecar.first]
        image = 'nginx:1'
        essential = false
        env.FIRST = 'yes'
        [service.b]
        image = 'nginx:1'
        arch = 'arm64'
        hosts = ['a.in.example.com']",
    ),
    (
        "paths of one host",
        "ingress.internal.unknown = 404
        [service.a]
        image = 'nginx:1'
        hosts = ['a.in.example.com']
        paths = ['/v1/*']
        [service.b]
        image = 'nginx:1'
        hosts = ['a.in.example.com']",
    ),
    (
        "one on the internet, in a zone of somebody",
        "ingress.internal.unknown = 404
        [ingress.public]
        existing_zone = 'example.org'
        [service.a]
        image = 'nginx:1'
        [service.b]
        image = 'nginx:1'
        ingress = 'public'
        hosts = ['b.example.org']",
    ),
    (
        "one that nobody reaches",
        "ingress.internal.unknown = 404
        [service.a]
        image = 'nginx:1'
        spot = true
        on_demand_base = 1
        [service.b]
        image = 'nginx:1'
        spot = true
        ingress = 'none'
        sidecar.proxy = { image = 'envoy:1', depends_on = { b = 'started' } }",
    ),
    (
        "started, found healthy and replaced otherwise",
        "ingress.internal.unknown = 404
        ingress.internal.idle_timeout = '2m'
        [service.a]
        image = 'nginx:1'
        entrypoint = ['/entry.sh']
        command = ['serve', '--port', '80']
        stop_timeout = '60s'
        health = { path = '/up', port = 8081, status = '200-399', interval = '10s', timeout = '4s', \
            healthy = 3, unhealthy = 4, grace = '5m' }
        deploy = { min_percent = 50, max_percent = 150, rollback = false, drain = '20s' }
        container_health = { command = ['CMD-SHELL', 'exit 0'], interval = '10s', start_period = '20s' }
        [service.b]
        image = 'nginx:1'
        deploy = { min_percent = 0, max_percent = 100, circuit_breaker = false }",
    ),
    (
        "secured",
        "ingress.internal.unknown = 404
        ingress.internal.certificates = ['arn:aws:acm:us-east-1:123456789012:certificate/0']
        [service.a]
        image = 'nginx:1'
        [service.b]
        image = 'nginx:1'",
    ),
    (
        "secured otherwise, and plain as well",
        "ingress.internal.unknown = 'a'
        ingress.internal.http = 'serve'
        ingress.internal.tls_policy = 'ELBSecurityPolicy-TLS13-1-3-2021-06'
        ingress.internal.certificates = ['arn:aws:acm:us-east-1:123456789012:certificate/1', \
            'arn:aws:acm:us-east-1:123456789012:certificate/0']
        [service.a]
        image = 'nginx:1'
        [service.b]
        image = 'nginx:1'",
    ),
    (
        "both scale",
        "ingress.internal.unknown = 404
        [service.a]
        image = 'nginx:1'
        scaling = { min = 2, max = 6, cpu_percent = 60, requests = 500 }
        [service.b]
        image = 'nginx:1'
        scaling = { min = 3, max = 4, memory_percent = 70 }",
    ),
    (
        "nothing but endpoints",
        "network = { nat = 'none', endpoints = ['required', 'sqs'] }
        ingress.internal.unknown = 404
        [service.a]
        image = '123456789012.dkr.ecr.us-east-1.amazonaws.com/a:1'
        exec = true
        [service.b]
        image = '123456789012.dkr.ecr.us-east-1.amazonaws.com/b:1'",
    ),
    (
        "in a VPC of somebody",
        "network.existing = { vpc = 'vpc-0a1b2c3d4e5f60718', private_subnets = ['subnet-0aaaaaaaaaaaaaaaa', \
            'subnet-0bbbbbbbbbbbbbbbb'] }
        ingress.internal.unknown = 404
        [service.a]
        image = 'nginx:1'
        [service.b]
        image = 'nginx:1'",
    ),
    (
        "on instances in a VPC of somebody",
        "network.existing = { vpc = 'vpc-0a1b2c3d4e5f60718', private_subnets = ['subnet-0aaaaaaaaaaaaaaaa', \
            'subnet-0bbbbbbbbbbbbbbbb'], public_subnets = ['subnet-0cccccccccccccccc', \
            'subnet-0dddddddddddddddd'] }
        ingress.internal.unknown = 404
        [service.a]
        image = 'nginx:1'
        [service.b]
        image = 'nginx:1'
        ingress = 'public'
        [service.c]
        image = 'nginx:1'
        run_on = 'instances'",
    ),
    (
        "found by names",
        "ingress.internal.unknown = 404
        [service.a]
        image = 'nginx:1'
        discovery = 'dns'
        [service.b]
        image = 'nginx:1'
        ingress = 'none'
        port = 6379
        discovery = 'dns'
        callers = ['a']",
    ),
    (
        "found by names, otherwise, in a VPC of somebody",
        "network.existing = { vpc = 'vpc-0a1b2c3d4e5f60718', private_subnets = ['subnet-0aaaaaaaaaaaaaaaa', \
            'subnet-0bbbbbbbbbbbbbbbb'] }
        ingress.internal.unknown = 404
        [service.a]
        image = 'nginx:1'
        [service.b]
        image = 'nginx:1'
        discovery = 'dns'
        target = 'proxy'
        sidecar.proxy = { image = 'envoy:1', port = 9000 }",
    ),
    (
        "one on instances",
        "ingress.internal.unknown = 404
        [service.a]
        image = 'nginx:1'
        [service.c]
        image = 'nginx:1'
        exec = true
        run_on = 'instances'",
    ),
    (
        "commands may be run in both",
        "ingress.internal.unknown = 404
        defaults.exec = true
        [service.a]
        image = 'nginx:1'
        sidecar.proxy = { image = 'envoy:1' }
        [service.b]
        image = 'nginx:1'
        permissions = [{ actions = ['sqs:SendMessage'], resources = ['*'] }]",
    ),
    (
        "one on Spot instances of two types",
        "ingress.internal.unknown = 404
        [capacity]
        volume_gib = 80
        instance_types = ['c6i.xlarge', 'c5.xlarge']
        spot = true
        on_demand_base = 1
        [service.a]
        image = 'nginx:1'
        [service.c]
        image = 'nginx:1'
        run_on = 'instances'",
    ),
];

/// A manifest in a folder, and what it asks for.
#[derive(Debug)]
pub struct Manifest {
    _folder: TempDir,
    path: String,
    spec: Spec,
}

impl Manifest {
    fn of(sections: &str) -> Self {
        let sections: Vec<_> = sections.lines().map(str::trim_start).collect();
        Self::read(&format!("stack = '{STACK}'\n{TOP}\n{}", sections.join("\n")))
    }

    fn read(text: &str) -> Self {
        let (folder, path) = written(text);
        let manifest = FileFlags { file: Some(path.clone().into()), ..FileFlags::default() };
        let flags = ServiceFlags { manifest, ..ServiceFlags::default() };
        let spec = Wish::read(&flags, Path::new(""), &|_| None).check().expect("it is right");
        Self { _folder: folder, path, spec }
    }

    /// All of them, with their words.
    pub fn all() -> Vec<(&'static str, Self)> {
        SECTIONS.iter().map(|(name, sections)| (*name, Self::of(sections))).collect()
    }

    /// The deploy, which names for removal whatever it may find.
    pub fn deploy(&self) -> Vec<&str> {
        let mut words = vec!["deploy", "--yes", "--file", &self.path];
        for name in ["a", "b", "c", "in.example.com", "main.internal"] {
            words.extend(["--remove", name]);
        }
        words
    }

    /// Whether it can be deployed over this one, and is another.
    pub fn can_become(&self, to: &Self) -> bool {
        self.path != to.path && !self.moves(to)
    }

    /// The VPC of somebody else that it is to stand in, if it is.
    fn vpc(&self) -> Option<&str> {
        self.spec.network.existing().map(|it| it.vpc.as_str())
    }

    /// Whether a service of both would have to move between instances and Fargate, or the stack to another VPC,
    /// which none does.
    fn moves(&self, to: &Self) -> bool {
        if self.vpc() != to.vpc() {
            return true;
        }
        let other =
            |it: &Service| to.spec.service(&it.name).is_some_and(|to| to.run_on != it.run_on);
        // Nor is the way out of instances that run taken away.
        let closes = self.spec.instances.is_some() && to.spec.network.is_closed();
        closes || self.spec.services.iter().any(other)
    }

    /// Checks that the world is as asked for, some time after the deploy: a scaler may have asked for tasks.
    pub async fn holds(&self, cloud: &Cloud) -> Result<(), String> {
        tokio::time::sleep(Duration::from_mins(2)).await;
        let faults = cloud.world(|world| world.once_caught_up(|world| self.faults(world)));
        if faults.is_empty() { Ok(()) } else { Err(format!("does not hold: {faults:#?}")) }
    }

    fn faults(&self, world: &mut World) -> Vec<String> {
        let mut faults = unlike(world, &self.spec);
        faults.extend(settings::unlike(world, &self.spec));
        faults.extend(containers::unlike(world, &self.spec));
        faults.extend(unscaled(world, &self.spec));
        faults.extend(misplaced(world, &self.spec));
        faults.extend(unnamed(world, &self.spec));
        faults.extend(misfits(world, &self.spec));
        faults.extend(exec::unlike(world, &self.spec));
        faults.extend(spot::unlike(world, &self.spec));
        let mut same = |what: &str, is: &dyn std::fmt::Debug, wanted: &dyn std::fmt::Debug| {
            let (is, wanted) = (format!("{is:?}"), format!("{wanted:?}"));
            if is != wanted {
                faults.push(format!("{what}: {is}, not {wanted}"));
            }
        };
        let there: BTreeSet<_> = services(world, &format!("cluster-{STACK}")).into_iter().collect();
        let wanted: BTreeSet<_> = self.spec.services.iter().map(|it| it.name.to_string()).collect();
        same("services", &there, &wanted);
        for service in &self.spec.services {
            same("image", &image(world, service.name.as_str()), &service.image.as_str());
        }
        // Each node once, and as many of a kind as there have to be.
        let mut nodes: BTreeMap<String, usize> = BTreeMap::new();
        for (kind, _, tags) in world.tagged() {
            let node = tags.get("ecsup:node").filter(|_| !INHERITING.contains(&kind.as_str()));
            *node.map_or(&mut 0, |node| nodes.entry(node.clone()).or_default()) += 1;
        }
        let twice: Vec<_> = nodes.iter().filter(|(_, count)| **count > 1).collect();
        same("nodes that are there twice", &twice, &[""; 0]);
        let routes = || {
            let of = |(scheme, _)| self.spec.services.iter().filter_map(move |it| it.route(scheme));
            self.spec.ingresses().flat_map(of)
        };
        let of = |beginning: &str| nodes.keys().filter(|node| node.starts_with(beginning)).count();
        let (count, ingresses) = (self.spec.services.len(), self.spec.ingresses());
        same("load balancers", &of("load-balancer"), &self.spec.ingresses().count());
        same("target groups", &of("target-group/"), &routes().count());
        let rules = self.spec.ingresses().map(|(scheme, ingress)| {
            let with_rule = |it: &&Service| it.route(scheme).is_some_and(Route::has_rule);
            ingress.ports().len() * self.spec.services.iter().filter(with_rule).count()
        });
        same("rules", &of("listener-rule/"), &rules.sum::<usize>());
        same("zones", &of("hosted-zone"), &ingresses.filter(|it| it.1.zone.is_some()).count());
        for kind in ["service/", "log-group/", "role/execution", "security-group/service"] {
            same(kind, &of(kind), &count);
        }
        let records = routes().map(|route| route.names.len()).sum::<usize>();
        // Those of tasks are looked at where names are.
        let is_record = |id: &&String| id.ends_with("/A") && !id.contains(".svc.main.internal.");
        let there = route53::ids(world).iter().filter(is_record).count();
        same("records", &there, &records);
        faults
    }
}

/// The image of a service's own container.
fn image(world: &mut World, service: &str) -> String {
    let mut ask =
        |operation: &str, input: Value| ecs::answer(world, operation, &input).unwrap_or_default();
    let input = json!({ "cluster": format!("cluster-{STACK}"), "services": [service] });
    let answer = ask("DescribeServices", input);
    let definition = answer.list("services").first().map(|it| it.text("taskDefinition").to_owned());
    let answer = ask("DescribeTaskDefinition", json!({ "taskDefinition": definition }));
    let mut containers = answer.part("taskDefinition").list("containerDefinitions").iter();
    let own = containers.find(|it| it.text("name") == service);
    own.map(|it| it.text("image").to_owned()).unwrap_or_default()
}

/// Adds what some of them want and nobody makes: a network, a zone and certificates.
pub fn add_foreign(cloud: &Cloud) {
    let ids = |all: &[&str]| all.iter().map(|id| format!("subnet-0{}", id.repeat(16))).collect();
    cloud.world(|world| {
        let network = NetworkOfSomebody {
            vpc: "vpc-0a1b2c3d4e5f60718".to_owned(),
            public: ids(&["c", "d"]),
            private: ids(&["a", "b"]),
        };
        ec2::add_network(world, &network);
        route53::add_zone(world, "example.org", None);
        for (at, name) in ["*.in.example.com", "in.example.com"].into_iter().enumerate() {
            let arn = format!("arn:aws:acm:us-east-1:123456789012:certificate/{at}");
            acm::add_as(world, &arn, &[name], "ISSUED");
        }
    });
}

async fn goes(stage: &Stage, from: &Manifest, to: &Manifest) -> Result<(), String> {
    let cloud = &stage.cloud;
    add_foreign(cloud);
    let before = ids(cloud);
    expect(&stage.play(&from.deploy()).await, Exit::Done, "deploy")?;
    from.holds(cloud).await?;
    let changed = stage.play(&to.deploy()).await;
    let to = if from.moves(to) {
        expect(&changed, Exit::Refused, "the change")?;
        from
    } else {
        expect(&changed, Exit::Done, "the change")?;
        to
    };
    to.holds(cloud).await?;
    let again = stage.play(&to.deploy()).await;
    expect(&again, Exit::Done, "the second deploy")?;
    if !again.changes().is_empty() {
        return Err(format!("the second deploy is not silent: {:?}", again.changes()));
    }
    expect(&stage.play(&["destroy", "--yes", STACK]).await, Exit::Done, "destroy")?;
    no_defects(cloud)?;
    nothing_left(cloud, &before)
}

#[test]
fn from_every_manifest_of_several_services_to_every_other() {
    let manifests = Manifest::all();
    let pairs = manifests.iter().flat_map(|from| manifests.iter().map(move |to| (from, to)));
    // To another network none goes, whatever else it is.
    let may_go = |from: &(&str, Manifest), to: &(&str, Manifest)| {
        from.1.vpc() == to.1.vpc() || [from.0, to.0].contains(&"one alone")
    };
    let pairs = pairs.filter(|(from, to)| from.0 != to.0 && may_go(from, to));
    let pairs: Vec<_> = pairs.collect();
    let play = |seed: u64| {
        let ((from_name, from), (to_name, to)) = pairs[usize::try_from(seed).expect("few pairs")];
        in_virtual_time(seed, async || goes(&usual(seed), from, to).await)
            .map_err(|why| format!("from {from_name} to {to_name}: {why}"))
    };
    let failed = on_all_processors(pairs.len() as u64, play);
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn a_manifest_makes_another_pattern_of_a_stack() {
    // On instances as before, and from now on open to the internet; then inside again.
    let manifest = |pattern: &str, rest: &str| {
        let top = format!("stack = '{STACK}'\npattern = '{pattern}'\n{rest}");
        Manifest::read(&format!("{top}\n[service.a]\nimage = 'nginx:1'"))
    };
    let inside = manifest("internal-worker", "");
    let outside = manifest("public-api", "ingress.public.unknown = 'a'");
    let played = in_virtual_time(5, async || {
        let stage = usual(5);
        goes(&stage, &inside, &outside).await?;
        goes(&stage, &outside, &inside).await
    });
    assert_eq!(played, Ok(()));
    let serverless = manifest("fargate-api", "");
    // What a service runs on is for life, and that is told of the service.
    let played = in_virtual_time(6, async || goes(&usual(6), &inside, &serverless).await);
    assert_eq!(played, Ok(()));
}
