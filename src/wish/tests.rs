//! Tests of the whole step from what was said to a spec.

use std::collections::{BTreeMap, BTreeSet};

use clap::ValueEnum as _;
use ipnet::Ipv4Net;
use proptest::prelude::*;

use super::*;
use crate::spec::{
    Ami, Arch, DEFAULT_IMAGE, Deployments, EnvValue, HealthCheck, Http, Ingress, Instances, Nat,
    Network, OwnNetwork, Route, RunOn, Scheme, Service, Unknown, check_boundary,
};

mod manifests;

fn flags(pattern: Pattern) -> ServiceFlags {
    ServiceFlags { pattern: Some(pattern), ..ServiceFlags::default() }
}

#[expect(clippy::unnecessary_wraps, reason = "what it makes is a field of the flags")]
fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

fn range(text: &str) -> Ipv4Net {
    text.parse().unwrap()
}

/// Every complaint about some flags, a line each.
fn complaints(flags: &ServiceFlags) -> String {
    let errors = spec_of_flags(flags).expect_err("the flags are wrong");
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn names_of_patterns_are_those_of_the_flag() {
    for pattern in Pattern::value_variants() {
        assert_eq!(pattern.to_possible_value().unwrap().get_name(), pattern.name());
    }
    for nat in Nat::value_variants() {
        assert_eq!(nat.to_possible_value().unwrap().get_name(), nat.to_string());
    }
}

#[test]
fn an_internal_worker_needs_nothing_but_its_pattern() {
    let spec = spec_of_flags(&flags(Pattern::InternalWorker)).unwrap();
    let expected = Spec {
        pattern: Some(Pattern::InternalWorker),
        stack: "internal-worker".parse().unwrap(),
        network: Network::Own(OwnNetwork {
            vpc_cidr: range("10.0.0.0/16"),
            public: [range("10.0.0.0/18"), range("10.0.64.0/18")],
            private: [range("10.0.128.0/18"), range("10.0.192.0/18")],
            nat: Nat::PerZone,
            endpoints: BTreeSet::new(),
            zones: None,
        }),
        instances: Some(Instances {
            instance_types: vec!["c5.xlarge".into()],
            spot: None,
            volume_gib: 50,
            ami: Ami::Latest { refresh: false },
            min_size: 0,
            max_size: 100,
        }),
        internal: Some(Ingress {
            allow: vec![range("10.0.0.0/16")],
            zone: Some("internal-worker.internal".into()),
            existing_zone: None,
            unknown: Unknown::Service("worker".parse().unwrap()),
            idle_timeout: 30,
            tls: None,
            http: Http::Serve,
        }),
        public: None,
        services: vec![Service {
            name: "worker".parse().unwrap(),
            image: Image::parse(DEFAULT_IMAGE).unwrap(),
            cpu: 256,
            memory: 512,
            port: 80,
            count: 2,
            scaling: None,
            env: BTreeMap::new(),
            entrypoint: Vec::new(),
            command: Vec::new(),
            stop_timeout: None,
            health: HealthCheck {
                path: "/".into(),
                port: None,
                status: "200".into(),
                interval: 6,
                timeout: 5,
                healthy: 2,
                unhealthy: 10,
            },
            grace: 120,
            container_health: None,
            deployments: Deployments {
                min_percent: 75,
                max_percent: 200,
                circuit_breaker: true,
                rollback: true,
                drain: 0,
            },
            secrets: BTreeMap::new(),
            task_role: crate::spec::TaskRole::None,
            exec: false,
            arch: Arch::X86_64,
            spot: None,
            security_groups: Vec::new(),
            release: None,
            sidecars: Vec::new(),
            depends_on: BTreeMap::new(),
            target: None,
            discovery: None,
            run_on: RunOn::Instances,
            internal: Some(Route {
                hosts: Vec::new(),
                paths: Vec::new(),
                names: vec!["worker.internal-worker.internal".into()],
            }),
            public: None,
        }],
        tags: BTreeMap::new(),
        retention_days: 30,
        permissions_boundary: None,
    };
    assert_eq!(spec, expected);
}

#[test]
fn the_public_patterns_differ_in_capacity_only() {
    let on_instances = spec_of_flags(&flags(Pattern::PublicApi)).unwrap();
    let on_fargate = spec_of_flags(&flags(Pattern::FargateApi)).unwrap();
    let moved = Service { run_on: RunOn::Fargate, ..on_instances.services[0].clone() };
    assert_eq!([moved], *on_fargate.services);
    assert_eq!(on_instances.services[0].name.as_str(), "web");
    let ingress = on_instances.public.unwrap();
    assert_eq!((&ingress.allow[..], &ingress.zone), (&[range("0.0.0.0/0")][..], &None));
    assert_eq!(Some(ingress), on_fargate.public);
    assert_eq!((on_instances.internal, on_fargate.internal), (None, None));
    assert!(on_instances.instances.is_some() && on_fargate.instances.is_none());
}

#[test]
fn a_zone_or_a_host_gives_any_pattern_private_dns() {
    let dns = |zone: Option<&str>, host: Option<&str>| {
        let flags = ServiceFlags {
            zone: zone.map(Into::into),
            host: host.map(Into::into),
            ..flags(Pattern::FargateApi)
        };
        let spec = spec_of_flags(&flags).unwrap();
        let route = spec.services[0].public.clone().unwrap();
        (spec.public.unwrap().zone.unwrap(), route.names.concat())
    };
    let pair = |zone: &str, host: &str| (zone.to_owned(), host.to_owned());
    assert_eq!(dns(Some("In.Example.com."), None), pair("in.example.com", "web.in.example.com"));
    assert_eq!(dns(None, Some("a.in.example.com")), pair("in.example.com", "a.in.example.com"));
    assert_eq!(
        dns(Some("example.com"), Some("a.b.example.com")),
        pair("example.com", "a.b.example.com")
    );
    assert_eq!(
        dns(Some("api.internal"), Some("api.internal")),
        pair("api.internal", "api.internal")
    );
    let none = ServiceFlags { no_dns: true, ..flags(Pattern::InternalWorker) };
    let none = spec_of_flags(&none).unwrap();
    assert_eq!(none.internal.unwrap().zone, None);
    assert_eq!(none.services[0].internal.clone().unwrap().names, [""; 0]);
}

#[test]
fn machine_images_are_kept_refreshed_or_pinned() {
    let ami = |flags: &ServiceFlags| {
        spec_of_flags(flags).unwrap().instances.expect("the pattern has instances").ami
    };
    let refresh = ServiceFlags { refresh_ami: true, ..flags(Pattern::PublicApi) };
    assert_eq!(ami(&refresh), Ami::Latest { refresh: true });
    let pinned = ServiceFlags { ami: text("ami-0123456789abcdef0"), ..flags(Pattern::PublicApi) };
    assert_eq!(ami(&pinned), Ami::Exactly("ami-0123456789abcdef0".into()));
}

#[test]
fn a_boundary_is_the_arn_of_a_managed_policy() {
    for arn in [
        "arn:aws:iam::123456789012:policy/boundary",
        "arn:aws:iam::aws:policy/PowerUserAccess",
        "arn:aws-cn:iam::123456789012:policy/team/ops/boundary",
    ] {
        assert_eq!(check_boundary(arn).as_deref(), Ok(arn));
    }
    for text in [
        "",
        "boundary",
        "arn:aws:iam::123456789012:role/boundary",
        "arn:aws:iam::123456789012:policy/",
        "arn:aws:iam::1234:policy/boundary",
        "arn:aws:iam:eu-west-1:123456789012:policy/boundary",
        "arn:aws:s3:::policy/boundary",
    ] {
        assert!(check_boundary(text).is_err(), "{text}");
    }
}

#[test]
fn debug_text_holds_no_environment_values() {
    let flags = ServiceFlags { env: vec!["PASSWORD=hunter2".into()], ..flags(Pattern::PublicApi) };
    let spec = spec_of_flags(&flags).unwrap();
    assert_eq!(spec.services[0].env["PASSWORD"].as_str(), "hunter2");
    let debug = format!("{spec:?}");
    assert!(debug.contains("PASSWORD") && !debug.contains("hunter2"));
}

#[test]
fn nothing_said_is_answered_with_the_patterns() {
    insta::assert_snapshot!(complaints(&ServiceFlags::default()), @"--pattern: say what to build: internal-worker, public-api, fargate-api");
}

#[test]
fn every_mistake_is_told_at_once() {
    let flags = ServiceFlags {
        stack: text("-demo"),
        service: text("my_service"),
        image: vec!["https://example.com/app".into()],
        cpu: text("64"),
        memory: text("1GB"),
        port: text("0"),
        count: vec!["-1".into()],
        env: vec!["secret".into()],
        health_path: text("healthz"),
        instance_type: text("c5"),
        ami: text("ami-xyz"),
        refresh_ami: true,
        min_size: text("5"),
        max_size: text("3"),
        vpc_cidr: text("10.0.0.0/8"),
        allow: vec!["10.1.2.3".into(), "10.1.2.3/8".into()],
        tags: vec!["aws:x=y".into()],
        ..flags(Pattern::InternalWorker)
    };
    insta::assert_snapshot!(complaints(&flags), @r"
    --stack `-demo`: must be 1 to 64 letters, digits and hyphens, and begin and end with a letter or digit
    --tag `aws:x=y`: keys that begin with `aws:` are reserved
    --service `my_service`: must be 1 to 63 letters, digits and hyphens, and begin and end with a letter or digit
    --image `https://example.com/app`: an image has no scheme; leave out everything up to `://`
    --cpu `64`: must be a number of CPU units, 1024 to a vCPU, from 128 to 196608
    --memory `1GB`: must be a number of MiB, from 6 to 33554432
    --port `0`: must be a port number, from 1 to 65535
    --count `-1`: must be a number of tasks, from 0 to 5000
    --env `number 1`: needs `=`, as in `NAME=value`
    --health-path `healthz`: must begin with `/` and have at most 1024 printable ASCII characters, no blanks
    --instance-type `c5`: must be a family and a size, such as `c5.xlarge`
    --ami `ami-xyz`: must be `ami-` and 8 to 17 lower-case hexadecimal digits
    --refresh-ami: cannot be combined with --ami, which says which image
    --min-size `5`: must not be larger than --max-size, which is 3
    --vpc-cidr `10.0.0.0/8`: must be a /16 to /25: AWS has no larger VPC, and an Application Load Balancer needs subnets of at least /27, which are quarters of the VPC, with 8 free addresses
    --allow `10.1.2.3`: needs a prefix length; for one address write `10.1.2.3/32`
    --allow `10.1.2.3/8`: has bits set behind the prefix; write `10.0.0.0/8`
    ");
}

#[test]
fn fargate_takes_its_own_sizes_and_no_instance_flags() {
    let flags = ServiceFlags {
        cpu: text("300"),
        instance_type: text("c5.large"),
        ami: text("ami-12345678"),
        refresh_ami: true,
        min_size: text("1"),
        max_size: text("2"),
        ..flags(Pattern::FargateApi)
    };
    insta::assert_snapshot!(complaints(&flags), @r"
    --cpu `300`: Fargate sells 256, 512, 1024, 2048, 4096, 8192 or 16384 CPU units
    --instance-type `c5.large`: means nothing for fargate-api, which has no instances
    --ami `ami-12345678`: means nothing for fargate-api, which has no instances
    --refresh-ami: means nothing for fargate-api, which has no instances
    --min-size `1`: means nothing for fargate-api, which has no instances
    --max-size `2`: means nothing for fargate-api, which has no instances
    ");
}

#[test]
fn fargate_memory_depends_on_cpu() {
    let complaint = |cpu: &str, memory: Option<&str>| {
        complaints(&ServiceFlags {
            cpu: text(cpu),
            memory: memory.map(Into::into),
            ..flags(Pattern::FargateApi)
        })
    };
    insta::assert_snapshot!(complaint("256", Some("4096")), @"--memory `4096`: with 256 CPU units Fargate sells 512, 1024 or 2048 MiB");
    insta::assert_snapshot!(complaint("1024", None), @"--memory `512`: is the default, but with 1024 CPU units Fargate sells 2048, 3072, 4096, 5120, 6144, 7168 or 8192 MiB");
    insta::assert_snapshot!(complaint("16384", Some("32000")), @"--memory `32000`: with 16384 CPU units Fargate sells 32768 to 122880 MiB in steps of 8192");
}

#[test]
fn address_ranges_that_cannot_work_are_refused() {
    let complaint = |vpc: &str, allow: &[&str]| {
        complaints(&ServiceFlags {
            vpc_cidr: text(vpc),
            allow: allow.iter().map(ToString::to_string).collect(),
            ..flags(Pattern::PublicApi)
        })
    };
    insta::assert_snapshot!(complaint("10.0.0.0/26", &[]), @"--vpc-cidr `10.0.0.0/26`: must be a /16 to /25: AWS has no larger VPC, and an Application Load Balancer needs subnets of at least /27, which are quarters of the VPC, with 8 free addresses");
    insta::assert_snapshot!(complaint("10.0.0.1/16", &[]), @"--vpc-cidr `10.0.0.1/16`: has bits set behind the prefix; write `10.0.0.0/16`");
    insta::assert_snapshot!(complaint("169.254.0.0/16", &[]), @"--vpc-cidr `169.254.0.0/16`: 169.254.0.0/16 is link-local: AWS serves instance and task metadata there");
    insta::assert_snapshot!(complaint("172.17.0.0/16", &[]), @"--vpc-cidr `172.17.0.0/16`: overlaps 172.17.0.0/16, the range of Docker's bridge on every instance: instances could not reach those addresses of the VPC");
    insta::assert_snapshot!(complaint("everywhere", &["192.0.2.0/24", "192.0.2.0/24", "192.0.2.7/32", "192.0.0.0/16", ""]), @r"
    --vpc-cidr `everywhere`: must be an IPv4 range such as `10.0.0.0/16`
    --allow `192.0.2.0/24`: is given twice
    --allow `192.0.2.7/32`: is already within `192.0.2.0/24`, which is also given
    --allow `192.0.0.0/16`: already holds `192.0.2.0/24`, which is also given
    --allow: must be an IPv4 range such as `10.0.0.0/16`
    ");
}

#[test]
fn more_tasks_than_addresses_or_instances_are_refused() {
    let flags = ServiceFlags {
        vpc_cidr: text("10.0.0.0/25"),
        count: vec!["55".into()],
        max_size: text("0"),
        ..flags(Pattern::InternalWorker)
    };
    insta::assert_snapshot!(complaints(&flags), @r"
    --count `55`: each task has an address of its own, and `10.0.0.0/25` leaves 54 for tasks: say --count 54 or less, or a --vpc-cidr of /24 for a new stack
    --max-size `0`: leaves no instance to run the tasks of --count on
    ");
    let idle = ServiceFlags { count: vec!["0".into()], ..flags };
    assert!(spec_of_flags(&idle).is_ok());
}

#[test]
fn the_default_of_max_size_is_said_when_it_is_in_the_way() {
    let flags = ServiceFlags { min_size: text("200"), ..flags(Pattern::PublicApi) };
    insta::assert_snapshot!(complaints(&flags), @"--min-size `200`: must not be larger than --max-size, which is 100, the default");
}

#[test]
fn zones_and_hosts_that_do_not_fit_are_refused() {
    let complaint = |zone: Option<&str>, host: Option<&str>, no_dns: bool| {
        complaints(&ServiceFlags {
            zone: zone.map(Into::into),
            host: host.map(Into::into),
            no_dns,
            ..flags(Pattern::InternalWorker)
        })
    };
    insta::assert_snapshot!(complaint(Some("in_example"), Some("*.example.com"), false), @r"
    --zone `in_example`: must be a DNS name of at most 253 characters: labels of 1 to 63 letters, digits and inner hyphens, with dots between them
    --host `*.example.com`: must be a DNS name of at most 253 characters: labels of 1 to 63 letters, digits and inner hyphens, with dots between them
    ");
    insta::assert_snapshot!(complaint(Some("in.example.com"), Some("api.example.com"), false), @"--host `api.example.com`: must be the zone `in.example.com` or a name in it");
    insta::assert_snapshot!(complaint(Some("ecs.amazonaws.com"), None, false), @"--zone `ecs.amazonaws.com`: would hide AWS's own names, under amazonaws.com, from the VPC");
    insta::assert_snapshot!(complaint(Some("a.internal"), Some("b.a.internal"), true), @r"
    --zone `a.internal`: cannot be combined with --no-dns
    --host `b.a.internal`: cannot be combined with --no-dns
    ");
    let long = ["x"; 126].join(".");
    assert!(complaint(Some(&long), None, false).starts_with("--zone"));
}

prop_compose! {
    /// A text that a flag may hold: rarely right, often close.
    fn typed()(
        it in prop_oneof![
            ".{0,12}",
            "[0-9]{1,6}",
            "[a-zA-Z0-9./:@=_-]{0,20}",
            "[0-9]{1,3}\\.[0-9]{1,3}\\.0\\.0/[0-9]{1,2}",
            "[a-z]{1,5}\\.[a-z]{1,5}",
            "[A-Za-z]{1,3}=.{0,3}",
            "/[a-z]{0,5}",
            "ami-[0-9a-f]{8}",
        ]
    ) -> String { it }
}

fn maybe() -> impl Strategy<Value = Option<String>> {
    prop::option::of(typed())
}

fn some() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(typed(), 0..3)
}

prop_compose! {
    fn any_flags()(
        pattern in prop::option::of(prop::sample::select(Pattern::value_variants())),
        nat in prop::option::of(prop::sample::select(Nat::value_variants())),
        endpoints in endpoints(),
        (stack, service, image, health_path) in (maybe(), maybe(), maybe(), maybe()),
        (cpu, memory, port, count) in (maybe(), maybe(), maybe(), maybe()),
        (instance_type, ami, min_size, max_size) in (maybe(), maybe(), maybe(), maybe()),
        (vpc_cidr, zone, host, permissions_boundary) in (maybe(), maybe(), maybe(), maybe()),
        (allow, tags, env, zones) in (some(), some(), some(), some()),
        (refresh_ami, no_dns) in (any::<bool>(), any::<bool>()),
    ) -> ServiceFlags {
        ServiceFlags {
            pattern, stack, tags, service, cpu, memory, port,
            image: image.into_iter().collect(),
            count: count.into_iter().collect(),
            env: env.into_iter().map(EnvValue::from).collect(),
            health_path, instance_type, ami, refresh_ami, min_size, max_size,
            vpc_cidr, zones, nat, endpoints, allow, zone, host, no_dns, permissions_boundary,
            ..ServiceFlags::default()
        }
    }
}

fn endpoints() -> impl Strategy<Value = Vec<String>> {
    let names = ["s3", "dynamodb", "required", "sqs", "ecr.api"].map(str::to_owned);
    prop::collection::vec(prop::sample::select(names.to_vec()), 0..3)
}

prop_compose! {
    /// Flags that are all accepted. Names include those that ecsup uses for things of its own.
    pub(crate) fn sound_flags()(
        pattern in prop::sample::select(Pattern::value_variants()),
        nat in prop::option::of(prop::sample::select(Nat::value_variants())),
        endpoints in endpoints(),
        stack in prop::option::of("[a-zA-Z0-9]([a-zA-Z0-9-]{0,20}[a-zA-Z0-9])?"),
        service in prop::option::of(prop_oneof![
            "[a-zA-Z0-9]([a-zA-Z0-9-]{0,20}[a-zA-Z0-9])?".boxed(),
            prop::sample::select(&["insights", "log-group", "service", "instance", "private-1"])
                .prop_map(str::to_owned)
                .boxed(),
        ]),
        port in prop::option::of(1_u16..),
        count in prop::option::of(0_u8..=50),
        vpc_cidr in prop::option::of(
            prop::sample::select(&["10.1.0.0/16", "192.168.0.0/20", "172.20.0.0/25"]),
        ),
        (no_dns, zone, label) in (
            any::<bool>(),
            prop::option::of("[a-z]{1,8}\\.[a-z]{1,8}"),
            prop::option::of("[a-z]{1,8}"),
        ),
        allow in prop::collection::btree_set(any::<u8>(), 0..5),
        env in prop::collection::btree_map("[A-Z]{1,5}", ".{0,5}", 0..3),
    ) -> ServiceFlags {
        let zone = zone.filter(|_| !no_dns);
        let host = zone.as_ref().zip(label).map(|(zone, label)| format!("{label}.{zone}"));
        ServiceFlags {
            pattern: Some(pattern),
            endpoints,
            nat,
            stack,
            service,
            port: port.map(|port| port.to_string()),
            count: count.map(|count| count.to_string()).into_iter().collect(),
            vpc_cidr: vpc_cidr.map(str::to_owned),
            no_dns,
            zone,
            host,
            allow: allow.into_iter().map(|number| format!("192.0.{number}.0/24")).collect(),
            env: env
                .into_iter()
                .map(|(name, value)| format!("{name}={}", value.replace('\0', "")).into())
                .collect(),
            ..ServiceFlags::default()
        }
    }
}

/// What every accepted spec promises to those who use it.
fn check_promises(spec: &Spec) {
    assert!(spec.tags.len() <= 40 && !spec.services.is_empty());
    let on_instances = spec.services_on(RunOn::Instances).count() > 0;
    assert_eq!(spec.instances.is_some(), on_instances);
    if let Some(instances) = &spec.instances {
        assert!(instances.min_size <= instances.max_size);
        let tasks: u32 = spec.services_on(RunOn::Instances).map(|it| it.count).sum();
        assert!(instances.max_size > 0 || tasks == 0);
    }
    for scheme in Scheme::ALL {
        let routes: Vec<_> = spec.services.iter().filter_map(|it| it.route(scheme)).collect();
        assert_eq!(spec.ingress(scheme).is_some(), !routes.is_empty());
        let Some(ingress) = spec.ingress(scheme) else { continue };
        assert!(!ingress.allow.is_empty());
        for name in routes.iter().flat_map(|route| &route.names) {
            let zone = ingress.zone.as_ref().expect("a name is in a zone");
            assert!(name.ends_with(zone) && name.len() <= 253);
        }
    }
    assert!(spec.services.iter().all(|it| it.port > 0 && it.health.path.starts_with('/')));
}

proptest! {
    #[test]
    fn any_flags_are_accepted_or_refused_with_reasons(flags in any_flags()) {
        match spec_of_flags(&flags) {
            Ok(spec) => check_promises(&spec),
            Err(errors) => {
                prop_assert!(!errors.is_empty());
                for error in errors {
                    prop_assert!(error.field.starts_with("--") && !error.rule.ends_with('.'));
                    prop_assert!(!error.to_string().contains('\n'));
                }
            }
        }
    }

    #[test]
    fn one_arbitrary_flag_never_panics(typed in ".*", index in 0_usize..16, fargate: bool) {
        let mut flags = flags(if fargate { Pattern::FargateApi } else { Pattern::InternalWorker });
        let typed = Some(typed);
        match index {
            0 => flags.stack = typed,
            1 => flags.service = typed,
            2 => flags.image.extend(typed),
            3 => flags.cpu = typed,
            4 => flags.memory = typed,
            5 => flags.port = typed,
            6 => flags.count.extend(typed),
            7 => flags.health_path = typed,
            8 => flags.instance_type = typed,
            9 => flags.ami = typed,
            10 => flags.vpc_cidr = typed,
            11 => flags.zone = typed,
            12 => flags.host = typed,
            13 => flags.allow = typed.into_iter().collect(),
            14 => flags.tags = typed.into_iter().collect(),
            _ => flags.env = typed.into_iter().map(EnvValue::from).collect(),
        }
        if let Ok(spec) = spec_of_flags(&flags) {
            check_promises(&spec);
        }
    }
}
