//! Worlds that a user can name: `--scenario bad-image`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::doubt::Doubt;

/// How a world differs from the usual one.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that is unusual or is not")]
pub struct Scenario {
    /// Ranges of delays in seconds, in place of the rules' own, by label.
    pub delays: BTreeMap<String, RangeInclusive<f64>>,
    /// Container images with these texts in their names cannot be pulled.
    pub missing_images: Vec<String>,
    /// Container images with these texts in their names are made for 64-bit Arm only.
    pub arm_images: Vec<String>,
    /// How tasks answer their health checks.
    pub health: Answers,
    /// How tasks with these texts in the names of their images answer, in place of that.
    pub answers: Vec<(&'static str, Answers)>,
    /// Containers fail the commands that check their health.
    pub sick_containers: bool,
    /// How tasks end by themselves, if they do.
    pub ending: Option<Ending>,
    /// How one-off tasks end whose command was overridden; else with 0.
    pub commands: Command,
    /// What containers exit with that others wait for the end of; else with 0.
    pub first_container_fails: Option<i64>,
    /// Fargate has no place for any task, for this reason.
    pub fargate_refusal: Option<&'static str>,
    /// EC2 has no instances of any type left.
    pub no_capacity: bool,
    /// EC2 has no instances of these types left.
    pub scarce_types: Vec<&'static str>,
    /// EC2 has no Spot instances of any type left, and Fargate no Spot capacity.
    pub no_spot: bool,
    /// EC2 refuses every launch, with this code and message; `{type}` and `{zone}` are filled in.
    pub launch_refusal: Option<(&'static str, &'static str)>,
    /// The account has never used ECS, Auto Scaling or load balancing: no service-linked roles.
    pub fresh_account: bool,
    /// AWS has not verified the account yet, and EC2 launches nothing until it has.
    pub pending_verification: bool,
    /// The account has GuardDuty Runtime Monitoring, which plants things into VPCs.
    pub guard_duty: bool,
    /// Account quotas that differ from AWS's defaults, by name: `vpcs`, `addresses`, `gateways`,
    /// `nat-gateways-per-zone`, `vcpus`, `spot-vcpus`, `fargate-vcpus`,
    /// `load-balancers`, `tasks-per-service`.
    pub quotas: BTreeMap<String, usize>,
    /// How much smaller than AWS's the token buckets are; 1 when 0.
    pub throttle: u32,
    /// What zones lack besides what is known, by zone id: `nat-gateways`, `load-balancers`,
    /// `instances`, `fargate`.
    pub zones_without: BTreeMap<String, Vec<String>>,
    /// What VPC Block Public Access blocks: `block-ingress` or `block-bidirectional`.
    pub block_public_access: Option<String>,
    /// Volumes are encrypted with a customer's key by default, and Auto Scaling may not use it.
    pub unusable_key: bool,
    /// The account's alias, if it has one.
    pub account_alias: Option<String>,
    /// The account is on AWS's Free plan.
    pub free_plan: bool,
    /// ARN of the permissions boundary without which the organisation lets nobody make a role.
    pub boundary: Option<String>,
    /// Which look-ups an endpoint answers thinly that is not quite AWS: `instance-types` and
    /// `offerings` with none, `network-info` without that part.
    pub thin: Vec<String>,
    /// Every listing is answered in pages of one item.
    pub pages_of_one: bool,
    /// The facts in doubt that fall the other way.
    pub doubts: Vec<Doubt>,
}

/// How the command of a one-off task ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Command {
    /// What it exits with.
    pub code: i64,
    /// What it writes before.
    pub lines: &'static [&'static str],
    /// Whether it goes on for ever.
    pub hangs: bool,
}

/// How a container answers a health check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Answers {
    /// Well.
    #[default]
    Well,
    /// With this code.
    Code(u16),
    /// Not at all.
    Never,
    /// Nothing listens on its port.
    Refused,
    /// Well at this path, and with 404 elsewhere.
    Only(&'static str),
}

/// How a task ends by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Ending {
    /// How many seconds after its start. Without, it never starts.
    pub after: Option<f64>,
    /// Why, in the words of ECS.
    pub reason: &'static str,
    /// What the agent says of the container.
    pub container: &'static str,
    /// What the container exits with.
    pub code: i64,
    /// What it writes before.
    pub lines: &'static [&'static str],
    /// The container; else the first one.
    pub of: &'static str,
}

impl Ending {
    /// It never starts, for this reason.
    pub const fn unstarted(reason: &'static str) -> Self {
        Self { after: None, reason, container: "", code: 0, lines: &[], of: "" }
    }

    /// Its container exits with a code, after some seconds, having written these lines.
    pub const fn exits(code: i64, after: f64, lines: &'static [&'static str]) -> Self {
        let reason = "Essential container in task exited";
        Self { after: Some(after), reason, container: "", code, lines, of: "" }
    }

    /// The same of another container than the first one.
    pub const fn of(self, container: &'static str) -> Self {
        Self { of: container, ..self }
    }

    /// The same, and the agent says why.
    pub const fn because(self, container: &'static str) -> Self {
        Self { container, ..self }
    }
}

impl Scenario {
    /// A quota of the account.
    pub fn quota(&self, name: &str, usual: usize) -> usize {
        self.quotas.get(name).copied().unwrap_or(usual)
    }

    /// Whether a look-up is answered thinly.
    pub fn is_thin(&self, look: &str) -> bool {
        self.thin.iter().any(|it| it == look)
    }

    /// Whether only a stack with EC2 instances can tell it from the usual world.
    pub fn is_of_instances(&self) -> bool {
        self.no_capacity
            || self.launch_refusal.is_some()
            || self.unusable_key
            || self.free_plan
            || self.pending_verification
    }

    /// Whether only a stack with NAT gateways can tell it from the usual world.
    pub fn is_of_nat_gateways(&self) -> bool {
        let mut lacking = self.zones_without.values().flatten();
        self.delays.keys().any(|label| label.starts_with("nat-gateway."))
            || lacking.any(|what| what == "nat-gateways")
    }

    /// Whether only a stack with a network of its own can tell it from the usual world, or goes through it
    /// as a whole.
    pub fn is_of_own_network(&self) -> bool {
        self.is_of_nat_gateways() || self.guard_duty || self.quotas.contains_key("vpcs")
    }

    /// Whether a fact in doubt falls the other way.
    pub fn doubts(&self, doubt: Doubt) -> bool {
        self.doubts.contains(&doubt)
    }
}

/// A world with a name.
pub struct Named {
    /// What `--scenario` calls it.
    pub name: &'static str,
    /// What is different, in a few words.
    pub about: &'static str,
    make: fn() -> Scenario,
}

impl Named {
    /// The world.
    pub fn scenario(&self) -> Scenario {
        (self.make)()
    }
}

/// How EC2 refuses a type that a zone does not have (EC2 Auto Scaling guide, "EC2 instance launch
/// failures").
const UNSUPPORTED: (&str, &str) = (
    "Unsupported",
    "Your requested instance type ({type}) is not supported in your requested Availability Zone \
     ({zone}). Please retry your request by not specifying an Availability Zone or choosing another \
     one.",
);
/// How EC2 refuses what a policy of the organisation denies.
pub const FORBIDDEN: (&str, &str) =
    ("UnauthorizedOperation", "You are not authorized to perform this operation.");

/// What a fresh account may run at a time: vCPUs of the standard families and of Fargate (AWS General
/// Reference, "Amazon EC2 endpoints and quotas"; Service Quotas).
const FRESH_QUOTAS: [(&str, usize); 2] = [("vcpus", 5), ("fargate-vcpus", 6)];

/// Every world that has a name.
pub const NAMED: &[Named] = &[
    Named { name: "usual", about: "nothing unusual happens", make: Scenario::default },
    Named {
        name: "fresh-account",
        about: "the account has never used ECS: no service-linked roles, and few vCPUs",
        make: || Scenario {
            fresh_account: true,
            quotas: quotas(&FRESH_QUOTAS),
            ..Scenario::default()
        },
    },
    Named {
        name: "pending-verification",
        about: "EC2 launches nothing until AWS has verified the account, some minutes later",
        make: || Scenario { pending_verification: true, ..Scenario::default() },
    },
    Named {
        name: "bad-image",
        about: "no container image can be pulled",
        make: || Scenario { missing_images: vec![String::new()], ..Scenario::default() },
    },
    Named {
        name: "arm-image",
        about: "container images are made for 64-bit Arm only",
        make: || Scenario { arm_images: vec![String::new()], ..Scenario::default() },
    },
    Named {
        name: "failing-health-check",
        about: "tasks answer their health checks with errors",
        make: || Scenario { health: Answers::Code(503), ..Scenario::default() },
    },
    Named {
        name: "crash",
        about: "containers exit with an error some seconds after their start",
        make: || Scenario {
            ending: Some(Ending::exits(
                1,
                5.0,
                &["Error: connect ECONNREFUSED 10.0.0.9:5432", "    at main.js:12:3"],
            )),
            ..Scenario::default()
        },
    },
    Named {
        name: "out-of-memory",
        about: "containers need more memory than their tasks have",
        make: || Scenario {
            ending: Some(
                Ending::exits(137, 5.0, &[])
                    .because("OutOfMemoryError: Container killed due to memory usage"),
            ),
            ..Scenario::default()
        },
    },
    Named {
        name: "no-capacity",
        about: "EC2 has no instances left",
        make: || Scenario { no_capacity: true, ..Scenario::default() },
    },
    Named {
        name: "unsupported-type",
        about: "EC2 supports the instance type in none of the stack's zones",
        make: || Scenario { launch_refusal: Some(UNSUPPORTED), ..Scenario::default() },
    },
    Named {
        name: "forbidden-launch",
        about: "the organisation forbids to launch instances",
        make: || Scenario { launch_refusal: Some(FORBIDDEN), ..Scenario::default() },
    },
    Named {
        name: "guardduty",
        about: "GuardDuty plants an endpoint and a security group into the VPC",
        make: || Scenario { guard_duty: true, ..Scenario::default() },
    },
    Named {
        name: "quota",
        about: "the account has no VPC left",
        make: || Scenario { quotas: quotas(&[("vpcs", 0)]), ..Scenario::default() },
    },
    Named {
        name: "throttled",
        about: "AWS takes a fifth of the usual calls in a second",
        make: || Scenario { throttle: 5, ..Scenario::default() },
    },
    Named {
        name: "slow-alb",
        about: "the load balancer takes eight to ten minutes",
        make: || slow(&[("load-balancer.provisioning", 480.0..=600.0)]),
    },
    Named {
        name: "slow-nat",
        about: "NAT gateways take five to eight minutes",
        make: || slow(&[("nat-gateway.pending", 300.0..=480.0)]),
    },
    Named {
        name: "no-internet",
        about: "VPC Block Public Access blocks what goes in and what goes out",
        make: || blocking("block-bidirectional"),
    },
    Named {
        name: "no-ingress",
        about: "VPC Block Public Access blocks what comes in",
        make: || blocking("block-ingress"),
    },
    Named {
        name: "customer-key",
        about: "volumes are encrypted with a key that Auto Scaling may not use",
        make: || Scenario { unusable_key: true, ..Scenario::default() },
    },
    Named {
        name: "free-plan",
        about: "the account is on AWS's Free plan",
        make: || Scenario { free_plan: true, ..Scenario::default() },
    },
    Named {
        name: "vcpu-quota",
        about: "the account may run two vCPUs",
        make: || Scenario {
            quotas: quotas(&[("vcpus", 2), ("fargate-vcpus", 0)]),
            ..Scenario::default()
        },
    },
    Named {
        name: "zone-without-nat",
        about: "the first zone has no NAT gateways",
        make: || Scenario {
            zones_without: without(&[("use1-az1", "nat-gateways")]),
            ..Scenario::default()
        },
    },
    Named {
        name: "demanded-boundary",
        about: "the organisation demands a permissions boundary on every role",
        make: || Scenario { boundary: Some(BOUNDARY.to_owned()), ..Scenario::default() },
    },
];

/// A world by its name.
pub fn named(name: &str) -> Option<&'static Named> {
    NAMED.iter().find(|named| named.name == name)
}

fn quotas(of: &[(&str, usize)]) -> BTreeMap<String, usize> {
    of.iter().map(|(name, quota)| ((*name).to_owned(), *quota)).collect()
}

/// The permissions boundary that `demanded-boundary` demands.
pub const BOUNDARY: &str = "arn:aws:iam::123456789012:policy/boundary";

fn blocking(mode: &str) -> Scenario {
    Scenario { block_public_access: Some(mode.to_owned()), ..Scenario::default() }
}

fn without(zones: &[(&str, &str)]) -> BTreeMap<String, Vec<String>> {
    zones.iter().map(|(zone, lacks)| ((*zone).to_owned(), vec![(*lacks).to_owned()])).collect()
}

fn slow(delays: &[(&str, RangeInclusive<f64>)]) -> Scenario {
    let delays = delays.iter().map(|(label, range)| ((*label).to_owned(), range.clone()));
    Scenario { delays: delays.collect(), ..Scenario::default() }
}
