//! Containers beside that of the service itself, and the order in which those of a task start.

use std::collections::BTreeMap;
use std::fmt;

use super::{ContainerHealth, EnvValue, Image, SecretSource};
use crate::names::ServiceName;

/// Containers of one task (ECS quotas, "Containers per task definition"; it cannot be raised).
pub(crate) const CONTAINERS: usize = 10;
/// Longest id of a security group, in characters: `sg-` and 17 hexadecimal digits.
const GROUP_DIGITS: std::ops::RangeInclusive<usize> = 8..=17;
/// Security groups of a task besides that of the service (VPC quotas, "Security groups per network
/// interface").
pub(crate) const GROUPS: usize = 4;

/// A container beside that of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sidecar {
    /// Its name; no other container of the task has it.
    pub name: ServiceName,
    /// Its image.
    pub image: Image,
    /// Its part of the task's CPU; 0 for none of its own.
    pub cpu: u32,
    /// The memory that it may take at most, in MiB; else as much as the task has.
    pub memory: Option<u32>,
    /// The TCP port that it listens on, if anybody is to know it.
    pub port: Option<u16>,
    /// Environment variables.
    pub env: BTreeMap<String, EnvValue>,
    /// Variables whose values are secrets, and where each is. No name is also one of [`env`](Self::env).
    pub secrets: BTreeMap<String, SecretSource>,
    /// Words before the command; empty for those of the image.
    pub entrypoint: Vec<String>,
    /// Words that it is started with; empty for those of the image.
    pub command: Vec<String>,
    /// What tells ECS that it is healthy, if anything does.
    pub container_health: Option<ContainerHealth>,
    /// The containers that it starts after.
    pub depends_on: BTreeMap<ServiceName, Until>,
    /// Whether the task ends with it.
    pub essential: bool,
}

/// What a container has to be before another one starts (ECS API Reference, `ContainerDependency`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// It has been started.
    Started,
    /// Its health check finds it healthy.
    Healthy,
    /// It has ended with 0.
    Success,
}

impl Until {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Started, Self::Healthy, Self::Success];

    /// What it is called in manifests.
    pub fn word(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Healthy => "healthy",
            Self::Success => "success",
        }
    }
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// The processor that tasks on Fargate run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arch {
    /// Intel and AMD.
    X86_64,
    /// AWS Graviton.
    Arm64,
}

/// Checks the id of a security group.
pub(crate) fn check_security_group(text: &str) -> Result<String, String> {
    let fits = text.strip_prefix("sg-").is_some_and(|digits| {
        GROUP_DIGITS.contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    });
    match fits {
        true => Ok(text.to_owned()),
        false => Err("must be `sg-` and 8 to 17 lower-case hexadecimal digits".into()),
    }
}

/// A container that waits for itself through others, if some does: in the order in which they wait.
pub(crate) fn circle(after: &BTreeMap<&str, Vec<&str>>) -> Option<Vec<String>> {
    let mut done = Vec::new();
    for start in after.keys() {
        let mut way = Vec::new();
        if let Some(found) = walk(start, after, &mut way, &mut done) {
            return Some(found);
        }
    }
    None
}

fn walk<'a>(
    at: &'a str,
    after: &BTreeMap<&'a str, Vec<&'a str>>,
    way: &mut Vec<&'a str>,
    done: &mut Vec<&'a str>,
) -> Option<Vec<String>> {
    if let Some(begin) = way.iter().position(|it| *it == at) {
        let circle = way[begin..].iter().chain([&at]);
        return Some(circle.map(|it| (*it).to_owned()).collect());
    }
    if done.contains(&at) {
        return None;
    }
    way.push(at);
    let found = after.get(at).into_iter().flatten().find_map(|next| walk(next, after, way, done));
    way.pop();
    done.push(at);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_told_as_it_goes() {
        let after = |pairs: &[(&'static str, &[&'static str])]| {
            circle(&pairs.iter().map(|(of, on)| (*of, on.to_vec())).collect())
        };
        assert_eq!(after(&[("web", &["proxy", "log"]), ("proxy", &["log"]), ("log", &[])]), None);
        let found = after(&[("web", &["proxy"]), ("proxy", &["log"]), ("log", &["proxy"])]);
        assert_eq!(found.unwrap(), ["log", "proxy", "log"]);
        assert_eq!(after(&[("web", &["web"])]).unwrap(), ["web", "web"]);
    }

    #[test]
    fn a_group_is_named_by_its_id() {
        for text in ["sg-0cccccccccccccccc", "sg-12345678"] {
            assert_eq!(check_security_group(text).as_deref(), Ok(text));
        }
        for text in ["", "sg-", "sg-1234567", "sg-0CCCCCCCCCCCCCCCC", "vpc-0cccccccccccccccc"] {
            assert!(check_security_group(text).is_err(), "{text}");
        }
    }
}
