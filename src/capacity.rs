//! Arithmetic about instances: how many tasks fit on one, and how many to start with.
//!
//! Three things of an instance run out: CPU, memory and network interfaces, since every task has
//! one of its own (`awsvpc`). Nothing here asks AWS; `facts` knows what an instance type has.

use std::fmt;

use crate::spec::Service;

/// CPU units of one vCPU, as ECS counts.
const UNITS_PER_VCPU: u32 = 1024;

/// Memory that a kernel keeps of every instance, as a divisor: 64 bytes for each page of 4 KiB.
const PAGES: u32 = 64;
/// Thousandths that instances of the Nitro generation keep at least, for the hypervisor as well, and
/// up to which size that was seen, in MiB.
const NITRO_KEEPS: u64 = 22;
const NITRO_SEEN: u32 = 1_048_576;
/// What else a kernel keeps at least, in MiB.
const KERNEL: u32 = 60;

/// What an instance type has (EC2 `DescribeInstanceTypes`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceType {
    /// The name, such as `c5.xlarge`.
    pub name: String,
    /// The processor's architecture.
    pub architecture: Architecture,
    /// Whether it has a GPU that the ECS-optimized GPU image drives.
    pub gpu: bool,
    /// Whether it is of the Nitro generation.
    pub nitro: bool,
    /// Number of vCPUs. `None` when AWS did not say.
    pub vcpus: Option<u32>,
    /// Nominal memory, in MiB. `None` when AWS did not say.
    pub memory_mib: Option<u32>,
    /// Network interfaces that it can hold, its own among them. `None` when AWS did not say.
    pub network_interfaces: Option<u32>,
}

impl InstanceType {
    /// The least that instances of any of these types have, by the name of the smallest. ECS reckons with that
    /// one, too, when it scales a group of several types (ECS developer guide, "Cluster auto scaling").
    pub fn least_of(types: &[Self]) -> Option<Self> {
        let least = |of: fn(&Self) -> Option<u32>| {
            let all: Option<Vec<_>> = types.iter().map(of).collect();
            all.and_then(|all| all.into_iter().min())
        };
        let smallest = types.iter().min_by_key(|it| (it.vcpus, it.memory_mib))?;
        Some(Self {
            vcpus: least(|it| it.vcpus),
            memory_mib: least(|it| it.memory_mib),
            network_interfaces: least(|it| it.network_interfaces),
            nitro: types.iter().all(|it| it.nitro),
            ..smallest.clone()
        })
    }
}

/// A processor architecture that ECS-optimized images exist for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Architecture {
    /// Intel and AMD.
    X86_64,
    /// AWS Graviton.
    Arm64,
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        })
    }
}

/// How many tasks of a service fit on one instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// As many, at least 1: counted with care.
    pub tasks: u32,
    /// Surely no more than that.
    pub most: u32,
    /// What runs out first: `CPU units`, `memory` or `network interfaces`.
    pub limit: &'static str,
    /// Memory for tasks. `None` when AWS did not say how much there is.
    pub memory: Option<Memory>,
}

/// The memory of an instance, in MiB.
///
/// ECS places tasks by what the agent registers, which is less than the nominal size: the kernel and
/// the hypervisor have the rest (ECS developer guide, "Reserving Amazon ECS Linux container instance
/// memory"). How much less depends on type and image, and AWS does not publish it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// What EC2 sells.
    pub nominal: u32,
    /// What tasks can count with.
    pub sure: u32,
    /// What no instance of this size registers more than.
    pub most: u32,
}

impl Memory {
    /// The bounds hold for the types that Karpenter once measured, as far as they were compared
    /// (`docs/aws-facts.md`, "Creating").
    fn of(nominal: u32, nitro: bool) -> Self {
        let share = |thousandths: u64| {
            u32::try_from(u64::from(nominal) * thousandths / 1000).unwrap_or(u32::MAX)
        };
        let at_least = match nitro && nominal <= NITRO_SEEN {
            true => share(NITRO_KEEPS) + KERNEL,
            false => nominal / PAGES,
        };
        let at_most = (share(50) + 230).min(share(110) + 40);
        Self {
            nominal,
            sure: nominal.saturating_sub(at_most),
            most: nominal.saturating_sub(at_least),
        }
    }
}

/// A task that no instance of a type can hold: ECS would wait for ever, or roll back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{instance_type}` has {available} {resource} for tasks, and one task needs {needed}")]
pub struct DoesNotFit {
    /// The instance type's name.
    pub instance_type: String,
    /// What is short: `CPU units`, `MiB of memory` or `network interfaces`.
    pub resource: &'static str,
    /// What one task asks for.
    pub needed: u32,
    /// What an instance has for its tasks.
    pub available: u32,
    /// The flag that says how much one task asks for, and how much it may say to be sure of a place.
    pub say: Option<(&'static str, u32)>,
}

/// Returns how many tasks of a service fit on one instance, or what is short for even one. What is
/// not known of the instance type is no limit.
///
/// A task is refused only if it cannot fit; how many share an instance is estimated with care. With
/// `awsvpc` and without trunking, one interface is the instance's and each task takes another.
pub fn room(instance_type: &InstanceType, service: &Service) -> Result<Room, DoesNotFit> {
    let short = |resource, needed, available, say| DoesNotFit {
        instance_type: instance_type.name.clone(),
        resource,
        needed,
        available,
        say,
    };
    let times = |available: Option<u32>, needed: u32| {
        available.map_or(u32::MAX, |available| available / needed.max(1))
    };
    let cpu = instance_type.vcpus.map(|vcpus| vcpus.saturating_mul(UNITS_PER_VCPU));
    let memory = instance_type.memory_mib.map(|memory| Memory::of(memory, instance_type.nitro));
    let interfaces = instance_type.network_interfaces.map(|all| all.saturating_sub(1));
    if let Some(cpu) = cpu.filter(|cpu| service.cpu > *cpu) {
        return Err(short("CPU units", service.cpu, cpu, Some(("--cpu", cpu))));
    }
    if let Some(memory) = memory.filter(|memory| service.memory > memory.most) {
        let say = Some(("--memory", memory.sure));
        return Err(short("MiB of memory", service.memory, memory.most, say));
    }
    if interfaces == Some(0) {
        return Err(short("network interfaces", 1, 0, None));
    }
    let by_memory = times(memory.map(|memory| memory.sure), service.memory).max(1);
    let limits = [
        ("network interfaces", times(interfaces, 1)),
        ("CPU units", times(cpu, service.cpu)),
        ("memory", by_memory),
    ];
    let (limit, tasks) = limits.into_iter().min_by_key(|(_, tasks)| *tasks).unwrap_or(("", 1));
    let most = times(memory.map(|memory| memory.most), service.memory);
    let most = most.min(times(cpu, service.cpu)).min(times(interfaces, 1));
    Ok(Room { tasks, most, limit, memory })
}

/// Returns what no instance with so much nominal memory registers more than, in MiB.
pub fn memory_at_most(nominal: u32, nitro: bool) -> u32 {
    Memory::of(nominal, nitro).most
}

/// Returns how many instances hold so many tasks of these services, which share them: counted with care,
/// the largest first, each where there is room.
pub fn instances_for<'a>(
    instance_type: &InstanceType,
    services: impl IntoIterator<Item = (&'a Service, u32)>,
) -> u32 {
    let unknown = u32::MAX;
    let memory = instance_type.memory_mib.map(|memory| Memory::of(memory, instance_type.nitro));
    let whole = [
        instance_type.network_interfaces.map_or(unknown, |all| all.saturating_sub(1)),
        instance_type.vcpus.map_or(unknown, |vcpus| vcpus.saturating_mul(UNITS_PER_VCPU)),
        memory.map_or(unknown, |memory| memory.sure),
    ];
    let mut services: Vec<_> = services.into_iter().collect();
    services.sort_by_key(|(service, _)| std::cmp::Reverse((service.memory, service.cpu)));
    let mut free: Vec<[u32; 3]> = Vec::new();
    for (service, mut tasks) in services {
        let one = [1, service.cpu, service.memory];
        let fit = |free: &[u32; 3]| {
            let each = free.iter().zip(one).map(|(free, one)| free / one.max(1));
            each.min().unwrap_or_default()
        };
        let mut put = |free: &mut [u32; 3], at_most: u32| {
            let here = at_most.min(tasks);
            for (free, one) in free.iter_mut().zip(one) {
                *free = free.saturating_sub(one.saturating_mul(here));
            }
            tasks -= here;
            tasks > 0
        };
        // What is larger than what surely is there may still find a place, one on each.
        let on_new = fit(&whole).max(1);
        let mut is_left = put(&mut [0; 3], 0);
        for free in &mut free {
            is_left = put(free, fit(free));
        }
        while is_left {
            let mut new = whole;
            is_left = put(&mut new, on_new);
            free.push(new);
        }
    }
    u32::try_from(free.len()).unwrap_or(u32::MAX)
}

/// Returns how many tasks a deployment keeps running, of so many and with this share in percent: ECS
/// rounds up (ECS developer guide, "Deployment configuration").
pub fn kept_running(count: u32, percent: u32) -> u32 {
    u32::try_from((u64::from(count) * u64::from(percent)).div_ceil(100)).unwrap_or(u32::MAX)
}

/// Returns how many instances to start with, so that tasks need not wait for the first alarm: what so
/// many tasks need, but one in each zone as long as there are tasks for it, within the group's
/// limits.
///
/// Without tasks the answer is 0, whatever the limits: nothing is to be warmed up, and a group with
/// a minimum size starts with that by itself.
pub fn warm_start(count: u32, needed: u32, zones: u32, min: u32, max: u32) -> u32 {
    if count == 0 {
        return 0;
    }
    // Not `clamp`, which panics when the limits are crossed.
    needed.max(zones.min(count)).max(min).min(max)
}

/// Returns the SSM parameter that holds the id of the newest ECS-optimized Amazon Linux 2023 image
/// for an instance type (ECS developer guide, "Retrieving Amazon ECS-optimized Linux AMI
/// metadata").
pub fn ami_parameter(instance_type: &InstanceType) -> String {
    // The GPU image is for x86_64: an arm64 instance boots the plain one, without drivers.
    let variant = match (instance_type.architecture, instance_type.gpu) {
        (Architecture::Arm64, _) => "arm64/",
        (Architecture::X86_64, true) => "gpu/",
        (Architecture::X86_64, false) => "",
    };
    format!("/aws/service/ecs/optimized-ami/amazon-linux-2023/{variant}recommended/image_id")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::spec::Pattern;
    use crate::wish::{ServiceFlags, spec_of_flags};

    fn instance_type(name: &str, vcpus: u32, memory_mib: u32, interfaces: u32) -> InstanceType {
        InstanceType {
            name: name.to_owned(),
            architecture: Architecture::X86_64,
            gpu: false,
            nitro: true,
            vcpus: Some(vcpus),
            memory_mib: Some(memory_mib),
            network_interfaces: Some(interfaces),
        }
    }

    fn service(cpu: u32, memory: u32) -> Service {
        let flags =
            ServiceFlags { pattern: Some(Pattern::InternalWorker), ..ServiceFlags::default() };
        let worker = spec_of_flags(&flags).unwrap().services.remove(0);
        Service { cpu, memory, ..worker }
    }

    /// How many tasks fit, and how many at most.
    fn tasks(it: &InstanceType, cpu: u32, memory: u32) -> (u32, u32) {
        let room = room(it, &service(cpu, memory)).unwrap();
        (room.tasks, room.most)
    }

    #[test]
    fn small_tasks_run_out_of_network_interfaces_first() {
        let count = |it: &InstanceType| tasks(it, 256, 512);
        assert_eq!(count(&instance_type("c5.xlarge", 4, 8192, 4)), (3, 3));
        assert_eq!(count(&instance_type("c5.large", 2, 4096, 3)), (2, 2));
        assert_eq!(count(&instance_type("t3.micro", 2, 1024, 2)), (1, 1));
    }

    #[test]
    fn larger_tasks_run_out_of_cpu_or_memory() {
        let it = instance_type("c5.4xlarge", 16, 32768, 8);
        assert_eq!(tasks(&it, 4096, 512), (4, 4));
        assert_eq!(tasks(&it, 256, 8192), (3, 3));
        assert_eq!(tasks(&it, 256, 15700), (1, 2));
        // Nearly the whole instance: it may just fit, so it is not refused.
        assert_eq!(tasks(&it, 256, 31900), (1, 1));
    }

    #[test]
    fn what_is_not_known_of_a_type_is_no_limit() {
        let unknown = InstanceType {
            vcpus: None,
            memory_mib: None,
            network_interfaces: None,
            ..instance_type("x.y", 0, 0, 0)
        };
        assert_eq!(tasks(&unknown, 4096, 1_000_000), (u32::MAX, u32::MAX));
        let it = InstanceType { network_interfaces: None, ..instance_type("x.y", 4, 8192, 0) };
        assert_eq!(tasks(&it, 1024, 512), (4, 4));
    }

    #[test]
    fn a_task_larger_than_an_instance_is_refused_with_the_limit() {
        let it = instance_type("t3.micro", 2, 1024, 2);
        let refused = |it, cpu, memory| room(it, &service(cpu, memory)).unwrap_err().to_string();
        insta::assert_snapshot!(refused(&it, 4096, 512), @"`t3.micro` has 2048 CPU units for tasks, and one task needs 4096");
        insta::assert_snapshot!(refused(&it, 256, 1024), @"`t3.micro` has 942 MiB of memory for tasks, and one task needs 1024");
        let it = instance_type("c5.xlarge", 4, 8192, 4);
        insta::assert_snapshot!(refused(&it, 256, 7987), @"`c5.xlarge` has 7952 MiB of memory for tasks, and one task needs 7987");
        let it = instance_type("x.small", 2, 1024, 1);
        insta::assert_snapshot!(refused(&it, 256, 512), @"`x.small` has 0 network interfaces for tasks, and one task needs 1");
    }

    #[test]
    fn what_instances_register_is_within_the_bounds() {
        // Nominal memory and what an instance registered, of the types that come nearest to either.
        let nitro = [
            ("t3.nano", 512, 423),
            ("t3.micro", 1024, 920),
            ("c6g.medium", 2048, 1839),
            ("c5.large", 4096, 3663),
            ("c5n.large", 5376, 4919),
            ("c5.xlarge", 8192, 7632),
            ("t3a.large", 8192, 7849),
            ("t3a.2xlarge", 32768, 31815),
            ("m5.4xlarge", 65536, 62818),
            ("c5.9xlarge", 73728, 70207),
            ("r5a.24xlarge", 786_432, 767_194),
        ];
        let others =
            [("t2.nano", 512, 442), ("m4.large", 8192, 7985), ("m4.16xlarge", 262_144, 257_896)];
        let nitro = nitro.map(|it| (it, true)).into_iter();
        for ((name, nominal, registers), nitro) in nitro.chain(others.map(|it| (it, false))) {
            let memory = Memory::of(nominal, nitro);
            assert!(memory.sure <= registers, "{name}: {memory:?}");
            assert!(registers <= memory.most, "{name}: {memory:?}");
        }
    }

    #[test]
    fn a_deployment_keeps_three_quarters_rounded_up() {
        let kept = [0, 1, 2, 3, 4, 5, 8].map(|count| kept_running(count, 75));
        assert_eq!(kept, [0, 1, 2, 3, 3, 4, 6]);
    }

    #[test]
    fn a_warm_start_spreads_over_the_zones_within_the_limits() {
        assert_eq!(warm_start(2, 1, 2, 0, 100), 2);
        assert_eq!(warm_start(1, 1, 2, 0, 100), 1);
        assert_eq!(warm_start(10, 4, 2, 0, 100), 4);
        assert_eq!(warm_start(10, 4, 2, 6, 100), 6);
        assert_eq!(warm_start(10, 4, 2, 0, 3), 3);
        assert_eq!(warm_start(0, 0, 2, 5, 100), 0);
    }

    #[test]
    fn services_share_instances() {
        let it = instance_type("c5.xlarge", 4, 8192, 4);
        let (small, large) = (service(256, 512), service(2048, 6000));
        assert_eq!(instances_for(&it, [(&small, 6)]), 2);
        assert_eq!(instances_for(&it, [(&small, 0)]), 0);
        // Two of the large need one each, and leave room for two small ones on each.
        assert_eq!(instances_for(&it, [(&small, 4), (&large, 2)]), 2);
        assert_eq!(instances_for(&it, [(&small, 5), (&large, 2)]), 3);
        let unknown =
            InstanceType { vcpus: None, memory_mib: None, network_interfaces: None, ..it };
        assert_eq!(instances_for(&unknown, [(&small, 5), (&large, 2)]), 1);
    }

    #[test]
    fn the_image_follows_the_architecture() {
        let mut it = instance_type("c5.xlarge", 4, 8192, 4);
        let parameter = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id";
        assert_eq!(ami_parameter(&it), parameter);
        it.gpu = true;
        assert!(ami_parameter(&it).contains("/amazon-linux-2023/gpu/recommended/"));
        it.architecture = Architecture::Arm64;
        assert!(ami_parameter(&it).contains("/amazon-linux-2023/arm64/recommended/"));
    }

    proptest! {
        #[test]
        fn tasks_that_fit_are_within_the_instance(
            vcpus: u32, memory: u32, interfaces: u32, cpu: u32, task_memory: u32, nitro: bool,
        ) {
            let it = InstanceType { nitro, ..instance_type("x.y", vcpus, memory, interfaces) };
            let Ok(room) = room(&it, &service(cpu, task_memory)) else { return Ok(()) };
            prop_assert!(room.tasks >= 1 && room.tasks <= room.most && room.most < interfaces);
            let most = u64::from(room.most);
            prop_assert!(most * u64::from(cpu) <= u64::from(vcpus) * 1024);
            prop_assert!(most * u64::from(task_memory) <= u64::from(memory));
        }

        #[test]
        fn a_warm_start_is_enough_unless_the_group_is_too_small(
            count: u32, needed: u32, zones in 0_u32..6, min: u32, max: u32,
        ) {
            let started = warm_start(count, needed, zones, min, max);
            prop_assert!(started <= max);
            prop_assert!(count == 0 || started >= needed || started == max);
            prop_assert!(count > 0 || started == 0);
        }

        #[test]
        fn a_service_alone_takes_as_many_as_have_room(
            count in 0_u32..5000, vcpus in 1_u32..64, memory in 512_u32..65_536,
            interfaces in 2_u32..16, cpu in 1_u32..4096, task_memory in 4_u32..16_384,
        ) {
            let it = instance_type("x.y", vcpus, memory, interfaces);
            let service = service(cpu, task_memory);
            let Ok(room) = room(&it, &service) else { return Ok(()) };
            prop_assert_eq!(instances_for(&it, [(&service, count)]), count.div_ceil(room.tasks));
        }
    }
}
