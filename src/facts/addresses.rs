//! Whether the subnets have addresses for what is to run in them.
//!
//! An address is capacity as CPU is: each task takes one, each instance another, and a load balancer
//! some in each of its subnets. A task that gets none never runs, and a deployment of such tasks is
//! rolled back (ECS developer guide, "Troubleshooting Amazon ECS `TaskFailedToStart` errors").

use super::{FoundNetwork, Problem, refused};
use crate::capacity::Room;
use crate::spec::{GATEWAYS, Network, OwnNetwork, RunOn, Service, Spec};

/// Addresses that a load balancer takes in a subnet at least, and those that AWS wants to be free for
/// it, so that it can grow (Elastic Load Balancing guide, "Subnets for your load balancer").
const BALANCER: [u32; 2] = [1, 8];

/// What takes addresses of the public subnets, or of the private ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Demand {
    /// Tasks at a time.
    tasks: u32,
    /// Instances.
    instances: u32,
    /// For the load balancer, in both subnets.
    balancer: u32,
    /// For interface endpoints, one for each in both subnets.
    endpoints: u32,
}

impl Demand {
    fn sum(self) -> u32 {
        let all = [self.instances, self.balancer, self.endpoints];
        all.into_iter().fold(self.tasks, u32::saturating_add)
    }

    /// What takes them, such as `54 tasks, 2 for the load balancer`.
    fn words(self) -> String {
        let parts = [
            (self.tasks, "1 task", "tasks"),
            (self.instances, "1 instance", "instances"),
            (self.balancer, "1 for the load balancer", "for the load balancer"),
            (self.endpoints, "1 for endpoints", "for endpoints"),
        ];
        let parts = parts.into_iter().filter(|(count, ..)| *count > 0);
        let parts = parts.map(|(count, one, more)| match count {
            1 => one.to_owned(),
            count => format!("{count} {more}"),
        });
        parts.collect::<Vec<_>>().join(", ")
    }
}

/// How much is counted: what is there without any deployment, or what one takes besides, with care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Count {
    Least,
    Most,
}

/// What there is.
#[derive(Debug, Clone)]
struct Supply {
    /// Addresses in the private subnets, and in the public ones.
    addresses: [u32; 2],
    /// What they are of: a range, or a VPC.
    of: String,
    /// Whether only those are counted that are free.
    are_free: bool,
}

impl Supply {
    /// What there is for a stack, as far as that is known.
    fn of(spec: &Spec, found: Option<&FoundNetwork>) -> Option<Self> {
        match &spec.network {
            Network::Own(network) => Some(Self {
                addresses: [network.addresses(); 2],
                of: network.vpc_cidr.to_string(),
                are_free: false,
            }),
            Network::Existing(network) => {
                Some(Self { addresses: found?.free?, of: network.vpc.clone(), are_free: true })
            }
        }
    }

    fn at(&self, place: Place) -> u32 {
        let [private, public] = self.addresses;
        match place {
            Place::Private => private,
            Place::Public => public,
        }
    }

    fn words(&self, place: Place) -> String {
        let free = if self.are_free { "free " } else { "" };
        let of = &self.of;
        let there = self.at(place);
        format!("the {} subnets of `{of}` have {there} {free}addresses", place.word())
    }
}

/// Where something takes addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Private,
    Public,
}

impl Place {
    const ALL: [Self; 2] = [Self::Private, Self::Public];

    fn word(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Public => "public",
        }
    }
}

/// Refuses what can never have an address each, and warns of what has none left for a deployment.
/// `room` is that of one instance, where it is known, and `found` what was found of a network that somebody
/// else made.
pub(super) fn check(
    spec: &Spec,
    room: Option<Room>,
    found: Option<&FoundNetwork>,
) -> Result<Option<String>, Problem> {
    let Some(supply) = Supply::of(spec, found) else { return Ok(None) };
    let count = Tasks::of(spec);
    if let Some((place, demand)) = short_of(spec, room, &supply, count, Count::Least) {
        let (field, value, say) = advice(spec, room, &supply, (place, demand), Count::Least);
        let rule = format!(
            "{}, and this takes {} ({}): {say}",
            supply.words(place),
            demand.sum(),
            demand.words()
        );
        return Err(refused(field, &value, rule));
    }
    Ok(short_of(spec, room, &supply, count, Count::Most).map(|(place, demand)| {
        let (field, value, say) = advice(spec, room, &supply, (place, demand), Count::Most);
        format!(
            "{field} {value}: {}, and a deployment{} may take {} ({}): what gets none does not start, and is \
             rolled back; {say}",
            supply.words(place),
            percent(spec),
            demand.sum(),
            demand.words()
        )
    }))
}

/// ` (200 %)`: how many tasks of the only service a deployment may have.
fn percent(spec: &Spec) -> String {
    match spec.services.as_slice() {
        [only] => format!(" ({} %)", only.deployments.max_percent),
        _ => String::new(),
    }
}

/// The subnets that have fewer addresses than are wanted of them, and what wants them.
fn short_of(
    spec: &Spec,
    room: Option<Room>,
    supply: &Supply,
    count: Tasks,
    how: Count,
) -> Option<(Place, Demand)> {
    let demands = Place::ALL.into_iter().zip(demands(spec, room, count, how));
    let mut demands = demands.zip(supply.addresses);
    let short = demands.find(|((_, demand), there)| demand.sum() > *there);
    short.map(|(demand, _)| demand)
}

/// How many tasks there are to be: without any deployment, and with one of each service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tasks {
    on_instances: [u32; 2],
    on_fargate: [u32; 2],
}

impl Tasks {
    fn of(spec: &Spec) -> Self {
        let all = spec.services.iter().map(|it| Self::of_one(it, it.count));
        all.fold(Self::default(), |sum, one| {
            let add = |sum: [u32; 2], one: [u32; 2]| {
                [sum[0].saturating_add(one[0]), sum[1].saturating_add(one[1])]
            };
            Self {
                on_instances: add(sum.on_instances, one.on_instances),
                on_fargate: add(sum.on_fargate, one.on_fargate),
            }
        })
    }

    /// So many of a service.
    fn of_one(service: &Service, count: u32) -> Self {
        let tasks = [count, most_tasks(count, service.deployments.max_percent)];
        match service.run_on {
            RunOn::Instances => Self { on_instances: tasks, ..Self::default() },
            RunOn::Fargate => Self { on_fargate: tasks, ..Self::default() },
        }
    }
}

/// What takes addresses of the private subnets, and of the public ones. NAT gateways take one each,
/// where nothing of this is but the load balancer.
fn demands(spec: &Spec, room: Option<Room>, count: Tasks, how: Count) -> [Demand; 2] {
    let at_a_time = |count: [u32; 2]| count[usize::from(how == Count::Most)];
    let on_fargate = at_a_time(count.on_fargate);
    let (on_instances, instances) = match &spec.instances {
        None => (0, 0),
        Some(group) => {
            let tasks = at_a_time(count.on_instances);
            let on_one = room.map_or(u32::MAX, |room| match how {
                Count::Least => room.most,
                Count::Most => room.tasks,
            });
            let instances = tasks.div_ceil(on_one.max(1));
            let instances = instances.max(group.min_size).min(group.max_size);
            // More tasks than find a place on the group's instances wait without an address.
            let places = room.map_or(u32::MAX, |room| instances.saturating_mul(room.most));
            (tasks.min(places.max(count.on_instances[0])), instances)
        }
    };
    let of_balancer = 2 * BALANCER[usize::from(how == Count::Most)];
    let outside = spec.network.is_outside();
    let endpoints = spec.endpoints();
    let endpoints = endpoints.iter().filter(|name| !GATEWAYS.contains(name)).count();
    let endpoints = 2 * u32::try_from(endpoints).unwrap_or(u32::MAX / 2);
    [(false, &spec.internal), (true, &spec.public)].map(|(public, ingress)| {
        let here = |count: u32, outside: bool| if outside == public { count } else { 0 };
        Demand {
            tasks: here(on_instances, false).saturating_add(here(on_fargate, outside)),
            instances: here(instances, outside),
            balancer: ingress.as_ref().map_or(0, |_| of_balancer),
            endpoints: here(endpoints, false),
        }
    })
}

/// How many tasks a deployment may have at a time: ECS rounds down (ECS developer guide, "Deployment
/// configuration").
fn most_tasks(count: u32, percent: u32) -> u32 {
    u32::try_from(u64::from(count) * u64::from(percent) / 100).unwrap_or(u32::MAX)
}

/// The flag at fault, its value, and what to say instead.
fn advice(
    spec: &Spec,
    room: Option<Room>,
    supply: &Supply,
    (place, demand): (Place, Demand),
    how: Count,
) -> (&'static str, String, String) {
    let larger = match &spec.network {
        Network::Own(_) => OwnNetwork::prefix_for(demand.sum())
            .map(|prefix| format!(", or a --vpc-cidr of /{prefix} for a new stack")),
        Network::Existing(_) => Some(", or name further subnets".to_owned()),
    };
    let larger = larger.unwrap_or_default();
    let [service] = spec.services.as_slice() else {
        let all = Tasks::of(spec);
        let count = all.on_instances[0].saturating_add(all.on_fargate[0]);
        return ("--count", count.to_string(), format!("run fewer tasks in all{larger}"));
    };
    let count = service.count;
    let fits =
        |count: &u32| short_of(spec, room, supply, Tasks::of_one(service, *count), how).is_none();
    match (0..count).rev().find(fits) {
        Some(less) => ("--count", count.to_string(), format!("say --count {less} or less{larger}")),
        // Without any task, the instances are too many, or there is no room for the load balancer.
        None => {
            let Some(group) = &spec.instances else {
                return ("--count", count.to_string(), format!("run fewer tasks{larger}"));
            };
            let there = supply.at(place);
            let less = there.saturating_sub(demand.sum() - demand.instances);
            let say = format!("say --min-size {less} or less{larger}");
            ("--min-size", group.min_size.to_string(), say)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Nat, Pattern};
    use crate::wish::{ServiceFlags, spec_of_flags};

    /// What is said of a count of tasks in a range; `room` is that of a `c5.xlarge`.
    fn said(pattern: Pattern, range: &str, count: u32, more: ServiceFlags) -> String {
        let spec = spec_of_flags(&ServiceFlags {
            pattern: Some(pattern),
            vpc_cidr: Some(range.to_owned()),
            count: vec![count.to_string()],
            ..more
        });
        let room = Room { tasks: 3, most: 3, limit: "network interfaces", memory: None };
        match check(&spec.unwrap(), Some(room), None) {
            Ok(warning) => warning.unwrap_or_default(),
            Err(problem) => problem.to_string(),
        }
    }

    fn none() -> ServiceFlags {
        ServiceFlags::default()
    }

    fn without_nat() -> ServiceFlags {
        ServiceFlags { nat: Some(Nat::None), ..none() }
    }

    #[test]
    fn addresses_are_counted_where_what_takes_them_is() {
        let spec = |pattern: Pattern, nat: Option<Nat>| {
            let flags = ServiceFlags { pattern: Some(pattern), nat, ..none() };
            spec_of_flags(&flags).unwrap()
        };
        let of = |pattern, nat| {
            let room = Room { tasks: 3, most: 3, limit: "", memory: None };
            let spec = spec(pattern, nat);
            let six = Tasks::of_one(&spec.services[0], 6);
            let demands = demands(&spec, Some(room), six, Count::Least);
            demands.map(Demand::words)
        };
        let none = Some(Nat::None);
        assert_eq!(of(Pattern::FargateApi, None), ["6 tasks", "2 for the load balancer"]);
        assert_eq!(of(Pattern::FargateApi, none), ["", "6 tasks, 2 for the load balancer"]);
        assert_eq!(
            of(Pattern::PublicApi, None),
            ["6 tasks, 2 instances", "2 for the load balancer"]
        );
        assert_eq!(
            of(Pattern::PublicApi, none),
            ["6 tasks", "2 instances, 2 for the load balancer"]
        );
        assert_eq!(
            of(Pattern::InternalWorker, None),
            ["6 tasks, 2 instances, 2 for the load balancer", ""]
        );
        assert_eq!(
            of(Pattern::InternalWorker, none),
            ["6 tasks, 2 for the load balancer", "2 instances"]
        );
    }

    #[test]
    fn what_can_never_have_an_address_is_refused() {
        use Pattern::{FargateApi, InternalWorker, PublicApi};
        insta::assert_snapshot!(said(FargateApi, "10.0.0.0/25", 53, without_nat()), @"--count `53`: the public subnets of `10.0.0.0/25` have 54 addresses, and this takes 55 (53 tasks, 2 for the load balancer): say --count 52 or less, or a --vpc-cidr of /24 for a new stack");
        insta::assert_snapshot!(said(PublicApi, "10.0.0.0/25", 41, none()), @"--count `41`: the private subnets of `10.0.0.0/25` have 54 addresses, and this takes 55 (41 tasks, 14 instances): say --count 40 or less, or a --vpc-cidr of /24 for a new stack");
        insta::assert_snapshot!(said(InternalWorker, "10.0.0.0/25", 40, none()), @"--count `40`: the private subnets of `10.0.0.0/25` have 54 addresses, and this takes 56 (40 tasks, 14 instances, 2 for the load balancer): say --count 39 or less, or a --vpc-cidr of /24 for a new stack");
        let group = |min: u32| ServiceFlags { min_size: Some(min.to_string()), ..none() };
        insta::assert_snapshot!(said(PublicApi, "10.0.0.0/25", 2, group(60)), @"--min-size `60`: the private subnets of `10.0.0.0/25` have 54 addresses, and this takes 62 (2 tasks, 60 instances): say --min-size 52 or less, or a --vpc-cidr of /24 for a new stack");
    }

    #[test]
    fn what_has_no_address_for_a_deployment_is_warned_of() {
        use Pattern::{FargateApi, InternalWorker, PublicApi};
        insta::assert_snapshot!(said(FargateApi, "10.0.0.0/25", 50, none()), @"--count 50: the private subnets of `10.0.0.0/25` have 54 addresses, and a deployment (200 %) may take 100 (100 tasks): what gets none does not start, and is rolled back; say --count 27 or less, or a --vpc-cidr of /24 for a new stack");
        insta::assert_snapshot!(said(FargateApi, "10.0.0.0/25", 20, without_nat()), @"--count 20: the public subnets of `10.0.0.0/25` have 54 addresses, and a deployment (200 %) may take 56 (40 tasks, 16 for the load balancer): what gets none does not start, and is rolled back; say --count 19 or less, or a --vpc-cidr of /24 for a new stack");
        insta::assert_snapshot!(said(PublicApi, "10.0.0.0/25", 21, none()), @"--count 21: the private subnets of `10.0.0.0/25` have 54 addresses, and a deployment (200 %) may take 56 (42 tasks, 14 instances): what gets none does not start, and is rolled back; say --count 20 or less, or a --vpc-cidr of /24 for a new stack");
        insta::assert_snapshot!(said(InternalWorker, "10.0.0.0/25", 15, none()), @"--count 15: the private subnets of `10.0.0.0/25` have 54 addresses, and a deployment (200 %) may take 56 (30 tasks, 10 instances, 16 for the load balancer): what gets none does not start, and is rolled back; say --count 14 or less, or a --vpc-cidr of /24 for a new stack");
        // As many as there are.
        for (pattern, count, more) in [
            (FargateApi, 27, none()),
            (FargateApi, 19, without_nat()),
            (PublicApi, 20, none()),
            (InternalWorker, 14, none()),
        ] {
            assert_eq!(said(pattern, "10.0.0.0/25", count, more), "", "{pattern} {count}");
        }
        // The group has no instances for more, and tasks that wait for one have no address.
        let group = ServiceFlags { max_size: Some("10".to_owned()), ..none() };
        assert_eq!(said(PublicApi, "10.0.0.0/25", 21, group), "");
        assert_eq!(said(FargateApi, "10.0.0.0/16", 5000, none()), "");
    }

    /// In a network of somebody else only what is free counts, with what the stack has already.
    #[test]
    fn others_have_taken_some() {
        let said = |free: Option<[u32; 2]>| {
            let mut spec = spec_of_flags(&ServiceFlags {
                pattern: Some(Pattern::FargateApi),
                count: vec!["10".to_owned()],
                ..none()
            })
            .unwrap();
            let subnets = |all: [&str; 2]| all.map(str::to_owned).into();
            spec.network = Network::Existing(crate::spec::ExistingNetwork {
                vpc: "vpc-1".to_owned(),
                public: subnets(["subnet-a", "subnet-b"]),
                private: subnets(["subnet-c", "subnet-d"]),
            });
            let found = FoundNetwork { free, ..FoundNetwork::default() };
            match check(&spec, None, Some(&found)) {
                Ok(warning) => warning.unwrap_or_default(),
                Err(problem) => problem.to_string(),
            }
        };
        insta::assert_snapshot!(said(Some([8, 20])), @"--count `10`: the private subnets of `vpc-1` have 8 free addresses, and this takes 10 (10 tasks): say --count 8 or less, or name further subnets");
        insta::assert_snapshot!(said(Some([15, 20])), @"--count 10: the private subnets of `vpc-1` have 15 free addresses, and a deployment (200 %) may take 20 (20 tasks): what gets none does not start, and is rolled back; say --count 7 or less, or name further subnets");
        assert_eq!(said(Some([20, 16])), "");
        assert_eq!(said(None), "");
    }
}
