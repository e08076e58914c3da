//! Checks of numbers: what a task may ask for on EC2 and on Fargate, and how many of what there may
//! be.

use std::ops::RangeInclusive;

/// CPU units that Fargate sells, in the order of size (ECS developer guide, "Task CPU and memory").
const FARGATE_CPU: [u32; 7] = [256, 512, 1024, 2048, 4096, 8192, 16384];
/// More values than this are told as a range.
const LISTED: usize = 8;

/// CPU units of a task on EC2: 128 (0.125 vCPU) to 196608 (192 vCPUs) (`RegisterTaskDefinition`).
pub(crate) const CPU: RangeInclusive<u32> = 128..=196_608;
/// CPU units of a container beside others: at least 2 are shares of their own to Docker (ECS API Reference,
/// `ContainerDefinition`).
pub(crate) const SIDECAR_CPU: RangeInclusive<u32> = 2..=196_608;
/// MiB of a task on EC2: Docker refuses containers below 6 MiB, and the largest instance type, of
/// the family `u7inh-32tb`, has 32 TiB.
pub(crate) const MEMORY: RangeInclusive<u32> = 6..=33_554_432;
/// Tasks of one service (default quota of ECS).
pub(crate) const COUNT: RangeInclusive<u32> = 0..=5000;
/// A percentage to aim at (Application Auto Scaling `TargetTrackingScalingPolicyConfiguration`).
pub(crate) const PERCENT: RangeInclusive<u32> = 1..=100;
/// Requests to aim at, for each task in a minute (the same, as far as whole numbers go).
pub(crate) const REQUESTS: RangeInclusive<u32> = 1..=100_000_000;
/// Longest pause of a scaler: what is longer is most likely a mistake.
pub(crate) const COOLDOWN: RangeInclusive<u32> = 0..=86_400;
/// Instances of one cluster (default quota of ECS).
pub(crate) const INSTANCES: RangeInclusive<u32> = 0..=5000;
/// Types of one group (EC2 Auto Scaling guide, "Mixed instances groups overview").
pub(crate) const INSTANCE_TYPES: RangeInclusive<usize> = 1..=40;
/// GiB of the volume of an instance: the snapshot of the ECS-optimized AMI has 30 (ECS guide, "Amazon ECS-optimized
/// Linux AMIs"), and gp3 goes to 16 TiB in all regions (EBS user guide, "General Purpose SSD volumes").
pub(crate) const VOLUME_GIB: RangeInclusive<u32> = 30..=16_384;
/// Days that logs are kept (API `PutRetentionPolicy`).
pub(crate) const RETENTION: RangeInclusive<u32> = 1..=3653;
/// The same, those that there are.
pub(crate) const RETENTIONS: [u32; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];
/// Seconds between two health checks of a load balancer (`CreateTargetGroup`).
pub(crate) const HEALTH_INTERVAL: RangeInclusive<u32> = 5..=300;
/// Seconds until one has failed (the same).
pub(crate) const HEALTH_TIMEOUT: RangeInclusive<u32> = 2..=120;
/// How many in a row decide (the same).
pub(crate) const HEALTH_THRESHOLD: RangeInclusive<u32> = 2..=10;
/// Seconds in which health checks do not count (`CreateService`).
pub(crate) const GRACE: RangeInclusive<u32> = 0..=2_147_483_647;
/// Seconds that open connections may last (`deregistration_delay.timeout_seconds`).
pub(crate) const DRAIN: RangeInclusive<u32> = 0..=3600;
/// Seconds after which a silent connection is closed (`idle_timeout.timeout_seconds`).
pub(crate) const IDLE_TIMEOUT: RangeInclusive<u32> = 1..=4000;
/// Seconds between two health checks of a container (ECS `HealthCheck`).
pub(crate) const CONTAINER_INTERVAL: RangeInclusive<u32> = 5..=300;
/// Seconds until one has failed (the same).
pub(crate) const CONTAINER_TIMEOUT: RangeInclusive<u32> = 2..=60;
/// How many failures in a row decide (the same).
pub(crate) const CONTAINER_RETRIES: RangeInclusive<u32> = 1..=10;
/// Seconds in which failures do not count (the same).
pub(crate) const CONTAINER_START: RangeInclusive<u32> = 0..=300;
/// Seconds that a container on Fargate may take to end (`ContainerDefinition`).
pub(crate) const FARGATE_STOP: RangeInclusive<u32> = 2..=120;
/// Seconds that one on instances may take to end, for which AWS names no limit: a day.
pub(crate) const STOP: RangeInclusive<u32> = 2..=86_400;
/// Seconds that a release command may take: a day.
pub(crate) const RELEASE: RangeInclusive<u32> = 1..=86_400;
/// Percent of a count that keep running while tasks are replaced (`DeploymentConfiguration`).
pub(crate) const MIN_PERCENT: RangeInclusive<u32> = 0..=100;
/// Percent of a count that may run meanwhile (the same).
pub(crate) const MAX_PERCENT: RangeInclusive<u32> = 100..=200;
/// TCP ports.
pub(crate) const PORT: RangeInclusive<u32> = 1..=65535;

/// Parses a whole number in a range.
pub(crate) fn number(text: &str, range: &RangeInclusive<u32>, what: &str) -> Result<u32, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if digits && range.contains(&number) => Ok(number),
        _ => Err(format!("must be {what}, from {} to {}", range.start(), range.end())),
    }
}

/// Parses a time with its unit that is a whole number of seconds in a range.
pub(crate) fn seconds(text: &str, range: &RangeInclusive<u32>) -> Result<u32, String> {
    let time = super::check_duration(text)?;
    let whole = u32::try_from(time.as_secs()).ok().filter(|_| time.subsec_nanos() == 0);
    whole.filter(|seconds| range.contains(seconds)).ok_or_else(|| {
        format!("must be a whole number of seconds, from {}s to {}s", range.start(), range.end())
    })
}

/// Parses the memory of a task, in MiB. A few of them were most likely meant as GiB.
pub(crate) fn memory(text: &str) -> Result<u32, String> {
    number(text, &MEMORY, "a number of MiB").map_err(|rule| rule + &in_gib(text))
}

fn in_gib(text: &str) -> String {
    match text.parse::<u32>() {
        Ok(gib @ 1..6) => format!("; for {gib} GiB write {}", gib * 1024),
        _ => String::new(),
    }
}

/// Parses CPU units that Fargate sells.
pub(crate) fn fargate_cpu(text: &str) -> Result<u32, String> {
    number(text, &CPU, "")
        .ok()
        .filter(|cpu| FARGATE_CPU.contains(cpu))
        .ok_or_else(|| format!("Fargate sells {} CPU units", list(&FARGATE_CPU)))
}

/// Parses memory that Fargate sells; with this many CPU units, if those are known.
pub(crate) fn fargate_memory(text: &str, cpu: Option<u32>) -> Result<u32, String> {
    let memory =
        number(text, &MEMORY, "a whole number of MiB").map_err(|rule| rule + &in_gib(text))?;
    let Some(cpu) = cpu else { return Ok(memory) };
    let (sold, step) = memory_sold(cpu);
    if sold.contains(&memory) {
        return Ok(memory);
    }
    let offer = match (sold.first(), sold.last()) {
        (Some(first), Some(last)) if sold.len() > LISTED => {
            format!("{first} to {last} MiB in steps of {step}")
        }
        _ => format!("{} MiB", list(&sold)),
    };
    Err(format!("with {cpu} CPU units Fargate sells {offer}"))
}

/// Returns the memory in MiB that Fargate sells with a number of CPU units, and its step (ECS
/// developer guide, "Task CPU and memory"). Without a step: those of 256 units double.
fn memory_sold(cpu: u32) -> (Vec<u32>, usize) {
    let (range, step) = match cpu {
        256 => return (vec![512, 1024, 2048], 0),
        512 => (1024..=4096, 1024),
        1024 => (2048..=8192, 1024),
        2048 => (4096..=16384, 1024),
        4096 => (8192..=30720, 1024),
        8192 => (16384..=61440, 4096),
        16384 => (32768..=122_880, 8192),
        _ => return (Vec::new(), 0),
    };
    (range.step_by(step).collect(), step)
}

/// Writes numbers as text: `1, 2 or 3`.
fn list(numbers: &[u32]) -> String {
    let words: Vec<String> = numbers.iter().map(u32::to_string).collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fargate_sells_what_its_table_says() {
        let counts = FARGATE_CPU.map(|cpu| memory_sold(cpu).0.len());
        assert_eq!(counts, [3, 4, 7, 13, 23, 12, 12]);
        let largest = FARGATE_CPU.map(|cpu| memory_sold(cpu).0.last().copied());
        let expected = [2048, 4096, 8192, 16384, 30720, 61440, 122_880].map(Some);
        assert_eq!(largest, expected);
        assert!(fargate_memory("1536", Some(256)).is_err());
        assert_eq!(fargate_memory("9216", Some(4096)), Ok(9216));
    }

    #[test]
    fn numbers_are_digits_within_their_range() {
        assert_eq!(number("80", &PORT, "a port"), Ok(80));
        for text in ["", "0", "-1", "+80", "65536", "8o", " 80", "99999999999999999999"] {
            assert!(number(text, &PORT, "a port").is_err(), "{text}");
        }
    }
}
