//! Arithmetic about instances: how many tasks fit on one, and how many to start with.
//!
//! Three things of an instance run out: CPU, memory and network interfaces, since every task has
//! one of its own (`awsvpc`). Nothing here asks AWS; `facts` knows what an instance type has.

use std::fmt;

use crate::spec::Service;

/// CPU units of one vCPU, as ECS counts.
const UNITS_PER_VCPU: u64 = 1024;

/// Memory that an instance surely keeps from its tasks, in thousandths. AWS's own example, an
/// `m4.large`, registers 7985 of its 8192 MiB: the kernel and the hypervisor have the rest (ECS
/// developer guide, "Reserving Amazon ECS Linux container instance memory").
const SURELY_KEPT: u64 = 25;

/// Memory to count with when several tasks share an instance, in thousandths kept. Nitro types keep
/// more than AWS's example: Karpenter takes 7.5 % for all of them (its setting
/// `VM_MEMORY_OVERHEAD_PERCENT`).
const LIKELY_KEPT: u64 = 75;

/// What an instance type has (EC2 `DescribeInstanceTypes`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceType {
    /// The name, such as `c5.xlarge`.
    pub name: String,
    /// The processor's architecture.
    pub architecture: Architecture,
    /// Whether it has a GPU that the ECS-optimized GPU image drives.
    pub gpu: bool,
    /// Number of vCPUs.
    pub vcpus: u32,
    /// Nominal memory, in MiB.
    pub memory_mib: u32,
    /// Network interfaces that it can hold, its own among them.
    pub network_interfaces: u32,
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

/// A task that no instance of a type can hold: ECS would wait for ever, or roll back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{instance_type}` has {available} {resource} for tasks, and one task needs {needed}")]
pub struct DoesNotFit {
    /// The instance type's name.
    pub instance_type: String,
    /// What is short: `CPU units`, `MiB of memory` or `network interfaces`.
    pub resource: &'static str,
    /// What one task asks for.
    pub needed: u64,
    /// What an instance has for its tasks.
    pub available: u64,
}

/// Returns how many tasks of a service fit on one instance, at least 1, or what is short for even
/// one.
///
/// A task is refused only if it cannot fit; how many share an instance is estimated with care. With
/// `awsvpc` and without trunking, one interface is the instance's and each task takes another.
pub fn tasks_per_instance(
    instance_type: &InstanceType,
    service: &Service,
) -> Result<u32, DoesNotFit> {
    let cpu = u64::from(instance_type.vcpus) * UNITS_PER_VCPU;
    let interfaces = u64::from(instance_type.network_interfaces.saturating_sub(1));
    let by_cpu = share("CPU units", instance_type, cpu, service.cpu)?;
    let at_most = memory(instance_type, SURELY_KEPT);
    share("MiB of memory", instance_type, at_most, service.memory)?;
    let by_memory = (memory(instance_type, LIKELY_KEPT) / u64::from(service.memory.max(1))).max(1);
    let by_interface = share("network interfaces", instance_type, interfaces, 1)?;
    Ok(u32::try_from(by_cpu.min(by_memory).min(by_interface)).unwrap_or(u32::MAX))
}

/// Returns how many instances to start with, so that tasks need not wait for the first alarm: what
/// the tasks need, but one in each zone as long as there are tasks for it, within the group's
/// limits.
///
/// Without tasks the answer is 0, whatever the limits: nothing is to be warmed up, and a group with
/// a minimum size starts with that by itself.
pub fn warm_start(count: u32, per_instance: u32, zones: u32, min: u32, max: u32) -> u32 {
    if count == 0 {
        return 0;
    }
    let needed = count.div_ceil(per_instance.max(1));
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

/// An instance's memory for tasks in MiB, when so many thousandths are kept.
fn memory(instance_type: &InstanceType, kept: u64) -> u64 {
    u64::from(instance_type.memory_mib) * (1000 - kept) / 1000
}

/// How often what one task needs is there; at least once, or it does not fit.
fn share(
    resource: &'static str,
    instance_type: &InstanceType,
    available: u64,
    needed: u32,
) -> Result<u64, DoesNotFit> {
    let needed = u64::from(needed);
    if needed > available {
        let instance_type = instance_type.name.clone();
        return Err(DoesNotFit { instance_type, resource, needed, available });
    }
    Ok(available / needed.max(1))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::spec::{DEFAULT_IMAGE, Image};

    fn instance_type(name: &str, vcpus: u32, memory_mib: u32, interfaces: u32) -> InstanceType {
        InstanceType {
            name: name.to_owned(),
            architecture: Architecture::X86_64,
            gpu: false,
            vcpus,
            memory_mib,
            network_interfaces: interfaces,
        }
    }

    fn service(cpu: u32, memory: u32) -> Service {
        Service {
            name: "web".parse().unwrap(),
            image: Image::parse(DEFAULT_IMAGE).unwrap(),
            cpu,
            memory,
            port: 80,
            count: 2,
            env: BTreeMap::new(),
            health_path: "/".into(),
        }
    }

    #[test]
    fn small_tasks_run_out_of_network_interfaces_first() {
        let small = service(256, 512);
        let count = |it: &InstanceType| tasks_per_instance(it, &small);
        assert_eq!(count(&instance_type("c5.xlarge", 4, 8192, 4)), Ok(3));
        assert_eq!(count(&instance_type("c5.large", 2, 4096, 3)), Ok(2));
        assert_eq!(count(&instance_type("t3.micro", 2, 1024, 2)), Ok(1));
    }

    #[test]
    fn larger_tasks_run_out_of_cpu_or_memory() {
        let it = instance_type("c5.4xlarge", 16, 32768, 8);
        assert_eq!(tasks_per_instance(&it, &service(4096, 512)), Ok(4));
        assert_eq!(tasks_per_instance(&it, &service(256, 8192)), Ok(3));
        // Nearly the whole instance: it may just fit, so it is not refused.
        assert_eq!(tasks_per_instance(&it, &service(256, 31000)), Ok(1));
    }

    #[test]
    fn a_task_larger_than_an_instance_is_refused_with_the_limit() {
        let it = instance_type("t3.micro", 2, 1024, 2);
        let refused = |it, cpu, memory| {
            tasks_per_instance(it, &service(cpu, memory)).unwrap_err().to_string()
        };
        insta::assert_snapshot!(refused(&it, 4096, 512), @"`t3.micro` has 2048 CPU units for tasks, and one task needs 4096");
        insta::assert_snapshot!(refused(&it, 256, 1024), @"`t3.micro` has 998 MiB of memory for tasks, and one task needs 1024");
        let it = instance_type("x.small", 2, 1024, 1);
        insta::assert_snapshot!(refused(&it, 256, 512), @"`x.small` has 0 network interfaces for tasks, and one task needs 1");
    }

    #[test]
    fn a_warm_start_spreads_over_the_zones_within_the_limits() {
        assert_eq!(warm_start(2, 3, 2, 0, 100), 2);
        assert_eq!(warm_start(1, 3, 2, 0, 100), 1);
        assert_eq!(warm_start(10, 3, 2, 0, 100), 4);
        assert_eq!(warm_start(10, 3, 2, 6, 100), 6);
        assert_eq!(warm_start(10, 3, 2, 0, 3), 3);
        assert_eq!(warm_start(0, 3, 2, 5, 100), 0);
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
            vcpus: u32, memory: u32, interfaces: u32, cpu: u32, task_memory: u32,
        ) {
            let it = instance_type("x.y", vcpus, memory, interfaces);
            let Ok(tasks) = tasks_per_instance(&it, &service(cpu, task_memory)) else { return Ok(()) };
            let tasks = u64::from(tasks);
            prop_assert!(tasks >= 1 && tasks < u64::from(interfaces));
            prop_assert!(tasks * u64::from(cpu) <= u64::from(vcpus) * 1024);
            prop_assert!(tasks * u64::from(task_memory) <= u64::from(memory));
        }

        #[test]
        fn a_warm_start_is_enough_unless_the_group_is_too_small(
            count: u32, per_instance: u32, zones in 0_u32..6, min: u32, max: u32,
        ) {
            let started = warm_start(count, per_instance, zones, min, max);
            prop_assert!(started <= max);
            let room = u64::from(started) * u64::from(per_instance.max(1));
            prop_assert!(room >= u64::from(count) || started == max);
            prop_assert!(count > 0 || started == 0);
        }
    }
}
