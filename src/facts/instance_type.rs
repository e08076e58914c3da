//! What an instance type has, and whether the tasks can run and be replaced on instances of it.

use aws_sdk_ec2::types::{
    ArchitectureType, InstanceTypeHypervisor, InstanceTypeInfo, MemoryInfo, NetworkInfo,
    ProcessorInfo, VCpuInfo,
};

use super::{Problem, refused};
use crate::aws::{Aws, Doing, Result};
use crate::capacity::{self, Architecture, DoesNotFit, InstanceType, Room};
use crate::resource::instance;
use crate::spec::{Instances, Service};

/// Looks the instance types up: the least that instances of any of them have, and what speaks against having
/// them in one group. `None` when AWS answers with none: that there is no such type it says with an error.
pub(super) async fn look_up(
    aws: &Aws,
    instances: &Instances,
) -> Result<Option<(InstanceType, Option<String>)>, Problem> {
    let names = &instances.instance_types;
    let answer = aws
        .ec2
        .describe_instance_types()
        .set_instance_types(Some(names.iter().map(|name| name.as_str().into()).collect()))
        .send()
        .await
        .doing("look up the instance type");
    let answer = match answer {
        Err(error) if error.code().is_some_and(|code| code.starts_with("InvalidInstanceType")) => {
            // Of several, AWS names those that it does not know.
            let why = error.cause.to_string();
            let named = names.iter().filter(|it| names.len() == 1 || why.contains(it.as_str()));
            let named: Vec<_> = named.map(String::as_str).collect();
            let rule = "is not an instance type of this region";
            return Err(refused("--instance-type", &named.join(", "), rule));
        }
        answer => answer?,
    };
    let mut types = Vec::new();
    for name in names {
        let is_it = |info: &&InstanceTypeInfo| {
            info.instance_type().is_some_and(|kind| kind.as_str() == name)
        };
        let Some(info) = answer.instance_types().iter().find(is_it) else { return Ok(None) };
        types.push(read(name, info)?);
    }
    together(&types)
}

/// Types as those of one group, whose instances boot one machine image.
fn together(types: &[InstanceType]) -> Result<Option<(InstanceType, Option<String>)>, Problem> {
    let (Some(first), Some(least)) = (types.first(), InstanceType::least_of(types)) else {
        return Ok(None);
    };
    for other in types {
        let (is, wants) = match other {
            it if it.architecture != first.architecture => {
                (it.architecture.to_string(), format!("{} is {}", first.name, first.architecture))
            }
            it if it.gpu && !first.gpu => ("with a GPU".into(), format!("{} has none", first.name)),
            it if !it.gpu && first.gpu => {
                ("without a GPU".into(), format!("{} has one", first.name))
            }
            _ => continue,
        };
        let rule = format!("is {is}, and {wants}: all instances boot one machine image");
        return Err(refused("--instance-type", &other.name, rule));
    }
    let size = |it: &InstanceType| (it.vcpus, it.memory_mib);
    if types.iter().all(|it| size(it) == size(first)) {
        return Ok(Some((least, None)));
    }
    let known = |number: Option<u32>| number.map_or_else(|| "?".to_owned(), |it| it.to_string());
    let each = types.iter().map(|it| {
        format!("{} has {} vCPUs and {} MiB", it.name, known(it.vcpus), known(it.memory_mib))
    });
    let each: Vec<_> = each.collect();
    let warning = format!(
        "the instance types differ in size ({}): ECS reckons with the smallest when it scales, so a larger \
         one is paid for and may stay half empty",
        each.join(", ")
    );
    Ok(Some((least, Some(warning))))
}

/// How many network interfaces an instance of a type may have, as far as AWS says it.
pub(super) async fn interfaces(aws: &Aws, name: &str) -> Result<Option<i32>> {
    let info = instance::described_type(aws, name).await?;
    Ok(info.and_then(|it| it.network_info?.maximum_network_interfaces))
}

/// Reads what AWS says. What it does not say stays unknown.
fn read(name: &str, info: &InstanceTypeInfo) -> Result<InstanceType, Problem> {
    let architectures = info.processor_info().map(ProcessorInfo::supported_architectures);
    let architectures = architectures.unwrap_or_default().iter().map(ArchitectureType::as_str);
    let architectures: Vec<_> = architectures.collect();
    let architecture = match architectures.as_slice() {
        all if all.contains(&"arm64") => Architecture::Arm64,
        all if all.contains(&"x86_64") || all.is_empty() => Architecture::X86_64,
        other => {
            let rule = format!(
                "is {}; there are ECS-optimized images for x86_64 and arm64",
                other.join(", ")
            );
            return Err(refused("--instance-type", name, rule));
        }
    };
    let count = |number: i32| u32::try_from(number).ok();
    let memory = info.memory_info().and_then(MemoryInfo::size_in_mib);
    let interfaces = info.network_info().and_then(NetworkInfo::maximum_network_interfaces);
    Ok(InstanceType {
        name: name.to_owned(),
        architecture,
        gpu: info.gpu_info().is_some_and(|gpus| !gpus.gpus().is_empty()),
        nitro: info.hypervisor() == Some(&InstanceTypeHypervisor::Nitro),
        vcpus: info.v_cpu_info().and_then(VCpuInfo::default_v_cpus).and_then(count),
        memory_mib: memory.and_then(|memory| u32::try_from(memory).ok()),
        network_interfaces: interfaces.and_then(count),
    })
}

/// Refuses tasks for which the instances can never have room. Returns the room of one instance for tasks of
/// whichever service, and what else there is to say.
pub(super) fn check_room(
    kind: &InstanceType,
    instances: &Instances,
    services: &[&Service],
) -> Result<(Option<Room>, Vec<String>), Problem> {
    let rooms = services.iter().map(|it| capacity::room(kind, it).map_err(|it| does_not_fit(&it)));
    let rooms = rooms.collect::<Result<Vec<_>, _>>()?;
    let mut warnings = Vec::new();
    let unknown = [
        ("vCPUs", kind.vcpus.is_none()),
        ("MiB of memory", kind.memory_mib.is_none()),
        ("network interfaces", kind.network_interfaces.is_none()),
    ];
    let unknown = unknown.iter().filter(|(_, unknown)| *unknown).map(|(what, _)| *what);
    let unknown = unknown.collect::<Vec<_>>().join(" and how many ");
    if !unknown.is_empty() {
        warnings.push(format!(
            "AWS does not say how many {unknown} `{}` has: whether the tasks fit is unknown",
            kind.name
        ));
    }
    for (room, service) in rooms.iter().zip(services) {
        if let Some(memory) = &room.memory
            && service.memory > memory.sure
        {
            warnings.push(format!(
                "--memory {}: `{}` has {} MiB, of which an instance registers between {} and {} for \
                 tasks: more than {} may never find a place",
                service.memory,
                kind.name,
                memory.nominal,
                memory.sure,
                memory.most,
                memory.sure
            ));
        }
    }
    warnings.extend(match (rooms.as_slice(), services) {
        ([room], [service]) => {
            let keeps = (service.count, service.deployments.min_percent);
            check_group(kind, *room, instances.max_size, keeps)?
        }
        _ => check_shared_group(kind, instances.max_size, services)?,
    });
    let together = |one: Room, other: Room| Room {
        tasks: one.tasks.min(other.tasks),
        most: one.most.max(other.most),
        ..one
    };
    Ok((rooms.into_iter().reduce(together), warnings))
}

/// The same as [`check_group`], for services that share the group.
fn check_shared_group(
    kind: &InstanceType,
    max_size: u32,
    services: &[&Service],
) -> Result<Option<String>, Problem> {
    let sum = |of: fn(&Service) -> u32| -> u64 {
        services.iter().map(|it| u64::from(it.count) * u64::from(of(it))).sum()
    };
    let room = |of_one: Option<u32>| of_one.map(|it| u64::from(it) * u64::from(max_size));
    let memory = kind.memory_mib.map(|it| capacity::memory_at_most(it, kind.nitro));
    let tasks = [
        (
            "network interfaces",
            sum(|_| 1),
            room(kind.network_interfaces.map(|it| it.saturating_sub(1))),
        ),
        ("CPU units", sum(|it| it.cpu), room(kind.vcpus.map(|it| it.saturating_mul(1024)))),
        ("MiB of memory", sum(|it| it.memory), room(memory)),
    ];
    let needed = capacity::instances_for(kind, services.iter().map(|it| (*it, it.count)));
    let short = tasks.into_iter().find(|(_, wanted, there)| there.is_some_and(|it| it < *wanted));
    if let Some((what, wanted, there)) = short {
        let rule = format!(
            "instances of `{}` have {} {what} for tasks, and those of all services need {wanted}: \
             say --max-size {needed}",
            kind.name,
            there.unwrap_or_default()
        );
        return Err(refused("--max-size", &max_size.to_string(), rule));
    }
    let kept = |it: &Service| capacity::kept_running(it.count, it.deployments.min_percent);
    let to_replace = |one: &&&Service| {
        let counts = services.iter().map(|it| (*it, kept(it) + u32::from(it.name == one.name)));
        one.count > 0 && capacity::instances_for(kind, counts) > max_size
    };
    Ok(services.iter().find(to_replace).map(|it| {
        format!(
            "--max-size {max_size}: a deployment of {} may find no place for a new task beside those \
             that it keeps running ({} %), and then never ends; say --max-size {}",
            it.name,
            it.deployments.min_percent,
            needed.saturating_add(1)
        )
    }))
}

fn does_not_fit(error: &DoesNotFit) -> Problem {
    let larger = "take a larger --instance-type";
    let advice = match error.say {
        Some((flag, most)) if most > 0 => format!("say {flag} {most} or less, or {larger}"),
        _ => larger.to_owned(),
    };
    refused("--instance-type", &error.instance_type, format!("{error}: {advice}"))
}

/// Refuses a group that can never hold all tasks, and warns of one in which they can never be
/// replaced: a deployment keeps a share of the tasks running and starts a new one beside them.
fn check_group(
    kind: &InstanceType,
    room: Room,
    max_size: u32,
    (count, percent): (u32, u32),
) -> Result<Option<String>, Problem> {
    if count == 0 {
        return Ok(None);
    }
    let instances = |number: u32| match number {
        1 => "1 instance".to_owned(),
        number => format!("{number} instances"),
    };
    let (name, group) = (&kind.name, instances(max_size));
    let has = if max_size == 1 { "has" } else { "have" };
    if max_size.saturating_mul(room.most) < count {
        let most = max_size.saturating_mul(room.most);
        let rule = format!(
            "{group} of `{name}` {has} room for {most} tasks at most ({}), and --count says \
             {count}: say --max-size {}",
            room.limit,
            count.div_ceil(room.tasks.max(1))
        );
        return Err(refused("--max-size", &max_size.to_string(), rule));
    }
    let keeps = capacity::kept_running(count, percent);
    let tasks = max_size.saturating_mul(room.tasks);
    if tasks > keeps {
        return Ok(None);
    }
    Ok(Some(format!(
        "--max-size {max_size}: {group} of `{name}` {has} room for {tasks} tasks ({}), and a \
         deployment keeps {keeps} of --count {count} running ({percent} %): it finds no place for a \
         new task, and never ends; say --max-size {}",
        room.limit,
        keeps / room.tasks.max(1) + 1
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn c5_xlarge() -> InstanceType {
        InstanceType {
            name: "c5.xlarge".into(),
            architecture: Architecture::X86_64,
            gpu: false,
            nitro: true,
            vcpus: Some(4),
            memory_mib: Some(8192),
            network_interfaces: Some(4),
        }
    }

    fn group(max_size: u32, count: u32) -> String {
        let room = Room { tasks: 3, most: 3, limit: "network interfaces", memory: None };
        match check_group(&c5_xlarge(), room, max_size, (count, 75)) {
            Ok(warning) => warning.unwrap_or_default(),
            Err(problem) => problem.to_string(),
        }
    }

    #[test]
    fn a_group_that_can_never_hold_the_tasks_is_refused() {
        insta::assert_snapshot!(group(1, 4), @"--max-size `1`: 1 instance of `c5.xlarge` has room for 3 tasks at most (network interfaces), and --count says 4: say --max-size 2");
        insta::assert_snapshot!(group(100, 400), @"--max-size `100`: 100 instances of `c5.xlarge` have room for 300 tasks at most (network interfaces), and --count says 400: say --max-size 134");
    }

    #[test]
    fn a_group_in_which_tasks_can_never_be_replaced_is_warned_of() {
        insta::assert_snapshot!(group(1, 3), @"--max-size 1: 1 instance of `c5.xlarge` has room for 3 tasks (network interfaces), and a deployment keeps 3 of --count 3 running (75 %): it finds no place for a new task, and never ends; say --max-size 2");
        // One of four may stop, and leaves its place.
        assert_eq!(group(2, 6), "");
        for (max_size, count) in [(1, 0), (1, 1), (1, 2), (2, 3), (100, 2)] {
            assert_eq!(group(max_size, count), "", "{max_size} instances for {count} tasks");
        }
    }
}
