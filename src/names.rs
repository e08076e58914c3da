//! Everything that ecsup names in AWS, within every AWS limit.
//!
//! A name is a pure function of the region, the stack and what is named, so that another run finds
//! it again. Three rules keep two things from ever sharing one:
//!
//! 1. A name that is too long for its kind is cut, and ends in eight hexadecimal digits of a hash
//!    of everything that went into it. A name that could pass for a hashed one is hashed as well.
//! 2. A name of two variable parts (stack and service) is hashed wherever its separator may also
//!    stand inside the parts: stack `a` with service `b-c` is not stack `a-b` with service `c`.
//! 3. Where AWS ignores case, a name with an upper-case letter is hashed: `Demo` is not `demo`.
//!
//! Names begin with their kind, because AWS refuses beginnings that stack names may have: no load
//! balancer begins `internal-`, no security group `sg-`, no capacity provider `aws`, `ecs` or
//! `fargate`. The limits are those of the API references; the tests hold them as a table.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub mod partition;

/// What the keys of ecsup's own tags begin with.
pub const TAGS: &str = "ecsup:";
/// The tag that holds the region: together with [`TAG_STACK`] and [`TAG_NODE`], a thing's identity.
pub const TAG_REGION: &str = "ecsup:region";
/// The tag that holds the name of the stack.
pub const TAG_STACK: &str = "ecsup:stack";
/// The tag that holds the name of the node in the stack's graph.
pub const TAG_NODE: &str = "ecsup:node";
/// The tag that holds the pattern the stack was made from; never counts as a difference.
pub const TAG_PATTERN: &str = "ecsup:pattern";
/// The tag that holds the version of ecsup that made the thing; never counts as a difference.
pub const TAG_VERSION: &str = "ecsup:version";
/// The tag that AWS's consoles show as a thing's name.
pub const TAG_NAME: &str = "Name";

/// What the names of our scaling policies begin with: they have no tags.
pub const SCALING_POLICY: &str = "ecsup-";

/// The path below which the parameters of all locks stand. Other parameters may stand there, too.
pub const LOCKS: &str = "/ecsup";

/// Longest stack name, in characters.
pub const STACK_NAME_LIMIT: usize = 64;
/// Longest service name, in characters: the name is also a label of a DNS name (RFC 1035).
pub const SERVICE_NAME_LIMIT: usize = 63;

/// Longest name of a load balancer or target group (`CreateLoadBalancer`, `CreateTargetGroup`).
const LOAD_BALANCING_LIMIT: usize = 32;
/// Longest name of a role (`CreateRole`).
const ROLE_LIMIT: usize = 64;
/// Longest name of an instance profile or a launch template (`CreateInstanceProfile`,
/// `CreateLaunchTemplate`).
const PROFILE_LIMIT: usize = 128;
/// Longest name of an auto scaling group, security group, cluster, capacity provider or task
/// family.
const LONG_LIMIT: usize = 255;
/// Longest label of a DNS name (RFC 1035).
const LABEL_LIMIT: usize = 63;
/// Hexadecimal digits of the hash in a name: 32 bits, and a name stays readable.
const HASH_DIGITS: usize = 8;

/// Whether this has the form of a region's name, such as `eu-west-1`, `us-gov-east-1` or
/// `eusc-de-east-1`.
pub fn is_region(name: &str) -> bool {
    let mut parts = name.split('-');
    let number = parts.next_back().unwrap_or_default();
    let is_number = (1..=2).contains(&number.len()) && number.bytes().all(|it| it.is_ascii_digit());
    let words: Vec<_> = parts.collect();
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|it| it.is_ascii_lowercase());
    is_number && words.len() >= 2 && words.iter().all(is_word)
}

/// A stack or service name that breaks its rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} `{}`: {rule}", Shown(.value))]
pub struct NameError {
    /// What the name is for: `stack` or `service`.
    pub field: &'static str,
    /// The name as it was given.
    pub value: String,
    /// What a name must be like.
    pub rule: String,
}

/// A value for a message: control characters escaped, so that it cannot act on a terminal, and cut
/// where it would bury the rest of the message.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 80;
        for character in self.0.chars().take(SHOWN) {
            if character.is_control() {
                write!(f, "{}", character.escape_default())?;
            } else {
                write!(f, "{character}")?;
            }
        }
        if self.0.chars().nth(SHOWN).is_some() { write!(f, "…") } else { Ok(()) }
    }
}

/// Checks the alphabet and length that stack and service names share.
fn check_name(field: &'static str, value: &str, limit: usize) -> Result<(), NameError> {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = value.as_bytes();
    let accepted = bytes.len() <= limit
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    if accepted {
        return Ok(());
    }
    let rule = format!(
        "must be 1 to {limit} letters, digits and hyphens, and begin and end with a letter or digit"
    );
    Err(NameError { field, value: value.to_owned(), rule })
}

/// Gives a checked name the conversions that every text of ours has.
macro_rules! checked_name {
    ($name:ident, $field:literal, $limit:expr) => {
        impl $name {
            /// Returns the name as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(value: &str) -> Result<Self, NameError> {
                check_name($field, value, $limit)?;
                Ok(Self(value.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(value: String) -> Result<Self, NameError> {
                check_name($field, &value, $limit)?;
                Ok(Self(value))
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

/// The name of a stack, one deployed environment: 1 to 64 letters, digits and hyphens, beginning
/// and ending with a letter or digit. Case counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StackName(String);

/// The name of a service, which is also its container's, its log streams' prefix and the first
/// label of its DNS name: 1 to 63 letters, digits and hyphens, beginning and ending with a letter
/// or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceName(String);

checked_name!(StackName, "stack", STACK_NAME_LIMIT);
checked_name!(ServiceName, "service", SERVICE_NAME_LIMIT);

/// The short, stable name of a node in the graph, such as `vpc`, `subnet/private-1` or
/// `service/worker`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeName(String);

impl NodeName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what stands behind the last slash, such as `ecr.api` of `endpoint/ecr.api`.
    pub fn last_part(&self) -> &str {
        self.0.rsplit_once('/').map_or(&*self.0, |(_, last)| last)
    }
}

impl From<&str> for NodeName {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl From<String> for NodeName {
    fn from(name: String) -> Self {
        Self(name)
    }
}

impl AsRef<str> for NodeName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The stack to whose lock a parameter belongs, by its name.
pub fn stack_of_lock(parameter: &str) -> Option<&str> {
    let (stack, epoch) = parameter.strip_prefix(LOCKS)?.strip_prefix('/')?.split_once("/lock/")?;
    (!stack.contains('/') && epoch.parse::<u64>().is_ok()).then_some(stack)
}

/// The names of one stack in one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    stack: StackName,
    region: String,
}

impl Names {
    /// Makes the names of a stack in a region, which is given as the SDK spells it: `eu-central-1`.
    pub fn new(stack: StackName, region: impl Into<String>) -> Self {
        Self { stack, region: region.into() }
    }

    /// Returns the stack that is named.
    pub fn stack(&self) -> &StackName {
        &self.stack
    }

    /// Returns the region that the stack is in.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Names the load balancer: `lb-<stack>`, at most 32 characters.
    pub fn load_balancer(&self) -> String {
        self.name("lb", &[self.stack.as_str()], LOAD_BALANCING_LIMIT, self.ignoring_case())
    }

    /// Names a load balancer of which the stack has others: `lb-<stack>-<which>-<hash>`, at most 32
    /// characters. Always hashed, because `lb-<stack>` may end like this.
    pub fn load_balancer_of(&self, which: &str) -> String {
        self.name("lb", &[self.stack.as_str(), which], LOAD_BALANCING_LIMIT, Hash::Always)
    }

    /// Names a target group of a service that has others: `tg-<stack>-<service>-<which>-<hash>`, at most
    /// 32 characters.
    pub fn target_group_of(&self, service: &ServiceName, which: &str) -> String {
        let parts = [self.stack.as_str(), service.as_str(), which];
        self.name("tg", &parts, LOAD_BALANCING_LIMIT, Hash::Always)
    }

    /// Names a service's target group: `tg-<stack>-<service>-<hash>`, at most 32 characters. Always
    /// hashed: AWS admits no separator here that the parts could not hold themselves.
    pub fn target_group(&self, service: &ServiceName) -> String {
        let parts = [self.stack.as_str(), service.as_str()];
        self.name("tg", &parts, LOAD_BALANCING_LIMIT, Hash::Always)
    }

    /// Names the capacity provider: `cp-<stack>`. The name space is the account's in the region,
    /// not the cluster's.
    pub fn capacity_provider(&self) -> String {
        self.name("cp", &[self.stack.as_str()], LONG_LIMIT, Hash::Needed)
    }

    /// Names the auto scaling group: `asg-<stack>`.
    pub fn auto_scaling_group(&self) -> String {
        self.name("asg", &[self.stack.as_str()], LONG_LIMIT, Hash::Needed)
    }

    /// Names the launch template: `lt-<stack>`, at most 128 characters.
    pub fn launch_template(&self) -> String {
        self.name("lt", &[self.stack.as_str()], PROFILE_LIMIT, Hash::Needed)
    }

    /// Names the cluster: `cluster-<stack>`.
    pub fn cluster(&self) -> String {
        self.name("cluster", &[self.stack.as_str()], LONG_LIMIT, Hash::Needed)
    }

    /// Names a role: `role-<region>-<stack>-<role>`, at most 64 characters. It holds the region
    /// because IAM has none: one name is one role in the whole account, whatever its path.
    pub fn role(&self, role: &str) -> String {
        // No region's name is another's with `-` and more behind it, and a role is a word of ours:
        // the parts stay apart unless the word itself holds a hyphen.
        let hash = if role.contains('-') { Hash::Always } else { self.ignoring_case() };
        self.name("role", &[&self.region, self.stack.as_str(), role], ROLE_LIMIT, hash)
    }

    /// Names a role of one service: `role-<region>-<stack>-<role>-<service>-<hash>`, at most 64
    /// characters. Always hashed: each part may hold the separator.
    pub fn role_of(&self, role: &str, service: &ServiceName) -> String {
        let parts = [self.region.as_str(), self.stack.as_str(), role, service.as_str()];
        self.name("role", &parts, ROLE_LIMIT, Hash::Always)
    }

    /// Names the instance profile: `profile-<region>-<stack>`, at most 128 characters.
    pub fn instance_profile(&self) -> String {
        let parts = [self.region.as_str(), self.stack.as_str()];
        self.name("profile", &parts, PROFILE_LIMIT, self.ignoring_case())
    }

    /// Returns the IAM path of the stack's roles and profiles: `/ecsup/<region>/<stack>/`. A path
    /// makes them listable, and a caller's policy can be written for it.
    pub fn iam_path(&self) -> String {
        format!("/ecsup/{}/{}/", self.region, self.stack)
    }

    /// Names a security group: `group-<stack>-<which>`. Not hashed for its two parts: such a name
    /// is unique in its VPC only, and a VPC is one stack's.
    pub fn security_group(&self, which: &str) -> String {
        self.name("group", &[self.stack.as_str(), which], LONG_LIMIT, Hash::Needed)
    }

    /// Names a security group of one service: `group-<stack>-<which>-<service>`. Two names that differ in
    /// case are one to EC2.
    pub fn security_group_of(&self, which: &str, service: &ServiceName) -> String {
        let upper_case = service.as_str().bytes().any(|byte| byte.is_ascii_uppercase());
        let hash = if upper_case { Hash::Always } else { Hash::Needed };
        let parts = [self.stack.as_str(), which, service.as_str()];
        self.name("group", &parts, LONG_LIMIT, hash)
    }

    /// Names a service's task definition family: `td-<stack>_<service>`. The underscore, which
    /// neither part can hold, keeps them apart.
    pub fn task_family(&self, service: &ServiceName) -> String {
        format!("td-{}_{service}", self.stack)
    }

    /// Names a service's log group: `/ecsup/<stack>/<service>`.
    pub fn log_group(&self, service: &ServiceName) -> String {
        format!("{}{service}", self.log_group_prefix())
    }

    /// Returns what all the stack's own log groups begin with: `/ecsup/<stack>/`.
    pub fn log_group_prefix(&self) -> String {
        format!("/ecsup/{}/", self.stack)
    }

    /// Names the log group that Container Insights would otherwise make by itself, without our
    /// tags.
    pub fn insights_log_group(&self) -> String {
        format!("/aws/ecs/containerinsights/{}/performance", self.cluster())
    }

    /// Returns what the `CallerReference` of the stack's hosted zone begins with:
    /// `ecsup/<region>/<stack>/`. References are single-use, so each attempt appends a nonce; with
    /// the longest stack name, 20 characters are left for it within Route 53's 128.
    pub fn zone_reference_prefix(&self) -> String {
        format!("ecsup/{}/{}/", self.region, self.stack)
    }

    /// Returns the path of the parameters that are the stack's lock: `/ecsup/<stack>/lock`.
    /// Parameters belong to a region, and their names keep their case.
    pub fn lock_path(&self) -> String {
        format!("{LOCKS}/{}/lock", self.stack)
    }

    /// Returns when to hash a name that AWS compares ignoring case.
    fn ignoring_case(&self) -> Hash {
        let upper_case = self.stack.as_str().bytes().any(|byte| byte.is_ascii_uppercase());
        if upper_case { Hash::Always } else { Hash::Needed }
    }

    /// Joins a kind and its parts with hyphens, within a limit.
    fn name(&self, kind: &str, parts: &[&str], limit: usize, hash: Hash) -> String {
        let mut text = kind.to_owned();
        // The region is part of what is hashed, also for names that do not show it.
        let mut identity = format!("{kind}\0{}\0{}", self.region, self.stack);
        for part in parts {
            text.push('-');
            text.push_str(part);
            identity.push('\0');
            identity.push_str(part);
        }
        fit(&text, &identity, limit, hash)
    }
}

/// Names the private hosted zone of a stack whose user named none: `<stack>.internal`, in lower
/// case, the label cut to 63 characters. ICANN reserves `internal` for private use (2024).
pub fn default_zone(stack: &StackName) -> String {
    let label = stack.as_str().to_ascii_lowercase();
    format!("{}.internal", fit(&label, &format!("zone\0{label}"), LABEL_LIMIT, Hash::Needed))
}

/// Names the namespace of a stack, in which its services have names: `svc.<stack>.internal`. Its zone may stand
/// beside one of `<stack>.internal`: the longest name that fits answers.
pub fn namespace(stack: &StackName) -> String {
    format!("svc.{}", default_zone(stack))
}

/// Names a service's host in a zone: `<service>.<zone>`, the label in lower case.
pub fn default_host(service: &ServiceName, zone: &str) -> String {
    format!("{}.{zone}", service.as_str().to_ascii_lowercase())
}

/// When a name gets its hash.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hash {
    Always,
    Needed,
}

/// Brings a text into a limit and into letters, digits and hyphens, and hashes the identity behind
/// it where anything was lost on the way.
fn fit(text: &str, identity: &str, limit: usize, hash: Hash) -> String {
    let plain: String =
        text.chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '-' }).collect();
    let whole = plain == text && plain.len() <= limit && !plain.ends_with('-');
    if whole && hash == Hash::Needed && !looks_hashed(&plain) {
        return plain;
    }
    let room = limit.saturating_sub(HASH_DIGITS + 1).min(plain.len());
    format!("{}-{}", plain[..room].trim_end_matches('-'), digits(identity))
}

/// Whether a name ends like one that carries a hash: such a name could be another's hashed one.
fn looks_hashed(name: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(_, end)| {
        end.len() == HASH_DIGITS && end.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// The first hexadecimal digits of an identity's SHA-256.
fn digits(identity: &str) -> String {
    let hash = Sha256::digest(identity.as_bytes());
    format!("{:08x}", u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The longest region there is.
    const REGION: &str = "ap-northeast-3";
    /// Our words for roles and security groups.
    const WORDS: [&str; 3] = ["execution", "host", "load-balancer"];

    fn stack(name: &str) -> StackName {
        name.parse().unwrap()
    }

    fn service(name: &str) -> ServiceName {
        name.parse().unwrap()
    }

    fn names(name: &str) -> Names {
        Names::new(stack(name), REGION)
    }

    /// One of AWS's rules for a name, and the names it applies to.
    struct Limit {
        shortest: usize,
        longest: usize,
        charset: fn(u8) -> bool,
        refused_prefixes: &'static [&'static str],
        hyphen_at_the_edge: bool,
        names: fn(&Names, &ServiceName) -> Vec<String>,
    }

    fn letters_digits_hyphens(byte: u8) -> bool {
        byte.is_ascii_alphanumeric() || byte == b'-'
    }

    fn with(byte: u8, more: &[u8]) -> bool {
        byte.is_ascii_alphanumeric() || more.contains(&byte)
    }

    /// AWS's rules, from the API references of the create calls.
    const LIMITS: &[Limit] = &[
        Limit {
            shortest: 1,
            longest: 32,
            charset: letters_digits_hyphens,
            refused_prefixes: &["internal-"],
            hyphen_at_the_edge: false,
            names: |n, s| {
                vec![
                    n.load_balancer(),
                    n.load_balancer_of("internal"),
                    n.target_group(s),
                    n.target_group_of(s, "internal"),
                ]
            },
        },
        Limit {
            shortest: 1,
            longest: 255,
            charset: |byte| with(byte, b"-_"),
            refused_prefixes: &["aws", "ecs", "fargate"],
            hyphen_at_the_edge: false,
            names: |n, s| vec![n.capacity_provider(), n.cluster(), n.task_family(s)],
        },
        Limit {
            shortest: 1,
            longest: 255,
            charset: |byte| (33..=126).contains(&byte) && byte != b':',
            refused_prefixes: &[],
            hyphen_at_the_edge: true,
            names: |n, _| vec![n.auto_scaling_group()],
        },
        Limit {
            shortest: 3,
            longest: 128,
            charset: |byte| with(byte, b"().-/_"),
            refused_prefixes: &[],
            hyphen_at_the_edge: true,
            names: |n, _| vec![n.launch_template()],
        },
        Limit {
            shortest: 1,
            longest: 64,
            charset: |byte| with(byte, b"_+=,.@-"),
            refused_prefixes: &[],
            hyphen_at_the_edge: true,
            names: |n, s| {
                let words = WORDS.iter().map(|word| n.role(word));
                words.chain([n.role_of("execution", s)]).collect()
            },
        },
        Limit {
            shortest: 1,
            longest: 128,
            charset: |byte| with(byte, b"_+=,.@-"),
            refused_prefixes: &[],
            hyphen_at_the_edge: true,
            names: |n, _| vec![n.instance_profile()],
        },
        Limit {
            shortest: 3,
            longest: 512,
            charset: |byte| (33..=126).contains(&byte),
            refused_prefixes: &[],
            hyphen_at_the_edge: true,
            names: |n, _| vec![n.iam_path()],
        },
        Limit {
            shortest: 1,
            longest: 255,
            charset: |byte| with(byte, b" ._-:/()#,@[]+=&;{}!$*"),
            refused_prefixes: &["sg-"],
            hyphen_at_the_edge: true,
            names: |n, s| {
                let words = WORDS.iter().map(|word| n.security_group(word));
                words.chain([n.security_group_of("service", s)]).collect()
            },
        },
        Limit {
            shortest: 1,
            longest: 512,
            charset: |byte| with(byte, b".-_/#"),
            refused_prefixes: &["aws/"],
            hyphen_at_the_edge: true,
            names: |n, s| vec![n.log_group(s), n.log_group_prefix(), n.insights_log_group()],
        },
        Limit {
            shortest: 1,
            // 128, less the nonce that each attempt appends.
            longest: 108,
            charset: |byte| byte.is_ascii_graphic(),
            refused_prefixes: &[],
            hyphen_at_the_edge: true,
            names: |n, _| vec![n.zone_reference_prefix()],
        },
    ];

    /// Checks every name of a stack and a service against AWS's rules.
    fn check_limits(names: &Names, service: &ServiceName) {
        for limit in LIMITS {
            for name in (limit.names)(names, service) {
                assert!((limit.shortest..=limit.longest).contains(&name.len()), "length of {name}");
                assert!(name.bytes().all(limit.charset), "alphabet of {name}");
                let lower = name.to_ascii_lowercase();
                for prefix in limit.refused_prefixes {
                    assert!(!lower.starts_with(prefix), "beginning of {name}");
                }
                let edge = name.starts_with('-') || name.ends_with('-');
                assert!(limit.hyphen_at_the_edge || !edge, "edges of {name}");
            }
        }
        let zone = default_zone(names.stack());
        for name in [default_host(service, &zone), zone] {
            assert!(name.len() <= 253, "length of {name}");
            for label in name.split('.') {
                assert!((1..=63).contains(&label.len()), "labels of {name}");
                assert!(!label.starts_with('-') && !label.ends_with('-'), "labels of {name}");
                assert!(
                    label.bytes().all(|it| letters_digits_hyphens(it) && !it.is_ascii_uppercase())
                );
            }
        }
    }

    /// Names that must be the stack's own in the account and region, however AWS compares them.
    fn exclusive(names: &Names) -> Vec<String> {
        let mut all = vec![names.load_balancer(), names.instance_profile()];
        all.extend(["internal", "public"].map(|which| names.load_balancer_of(which)));
        all.extend(WORDS.iter().map(|word| names.role(word)));
        all.iter().map(|name| name.to_ascii_lowercase()).collect()
    }

    #[test]
    fn usual_names_are_plain() {
        let names = Names::new(stack("demo"), "eu-central-1");
        let web = service("web");
        assert_eq!(names.load_balancer(), "lb-demo");
        assert_eq!(names.target_group(&web), "tg-demo-web-279d6601");
        assert_eq!(names.capacity_provider(), "cp-demo");
        assert_eq!(names.auto_scaling_group(), "asg-demo");
        assert_eq!(names.launch_template(), "lt-demo");
        assert_eq!(names.cluster(), "cluster-demo");
        assert_eq!(names.role("execution"), "role-eu-central-1-demo-execution");
        assert_eq!(names.instance_profile(), "profile-eu-central-1-demo");
        assert_eq!(names.iam_path(), "/ecsup/eu-central-1/demo/");
        assert_eq!(names.security_group("load-balancer"), "group-demo-load-balancer");
        assert_eq!(names.task_family(&web), "td-demo_web");
        assert_eq!(names.log_group(&web), "/ecsup/demo/web");
        assert_eq!(names.log_group_prefix(), "/ecsup/demo/");
        assert_eq!(
            names.insights_log_group(),
            "/aws/ecs/containerinsights/cluster-demo/performance"
        );
        assert_eq!(names.zone_reference_prefix(), "ecsup/eu-central-1/demo/");
        assert_eq!(default_zone(names.stack()), "demo.internal");
        assert_eq!(default_host(&web, "demo.internal"), "web.demo.internal");
    }

    #[test]
    fn awkward_stacks_have_names_that_aws_accepts() {
        let long = "x".repeat(64);
        let hyphens = format!("x{}x", "-".repeat(62));
        let stacks = [
            "internal-worker",
            "public-api",
            "fargate-api",
            "fargate-x",
            "aws-x",
            "ecs-x",
            "sg-x",
            "a",
            "0",
            "Demo",
            &long,
            &hyphens,
        ];
        for name in stacks {
            check_limits(&names(name), &service("web"));
            check_limits(&names(name), &service(&"s".repeat(63)));
        }
    }

    #[test]
    fn stacks_that_share_a_long_beginning_have_names_of_their_own() {
        let shared = "a-stack-with-a-name-that-is-longer-than-a-load-balancers-may-be";
        let one = names(&format!("{shared}1"));
        let two = names(&format!("{shared}2"));
        for (one, two) in exclusive(&one).iter().zip(exclusive(&two)) {
            assert_ne!(*one, two);
        }
        assert_ne!(default_zone(one.stack()), default_zone(two.stack()));
        assert!(one.load_balancer().starts_with("lb-a-stack-with-a-name-"));
    }

    #[test]
    fn case_and_hyphens_never_make_two_names_one() {
        assert_ne!(
            names("Demo").load_balancer().to_ascii_lowercase(),
            names("demo").load_balancer()
        );
        for (one, two) in exclusive(&names("Demo")).iter().zip(exclusive(&names("demo"))) {
            assert_ne!(*one, two);
        }
        let one = names("a").target_group(&service("b-c"));
        let two = names("a-b").target_group(&service("c"));
        assert_ne!(one, two);
        let one = names("a").task_family(&service("b-c"));
        let two = names("a-b").task_family(&service("c"));
        assert_ne!(one, two);
    }

    #[test]
    fn a_stack_named_like_a_hashed_name_is_hashed_again() {
        let hashed = names("Demo").load_balancer().to_ascii_lowercase();
        let imitation = hashed.strip_prefix("lb-").unwrap();
        assert_ne!(names(imitation).load_balancer(), hashed);
    }

    #[test]
    fn one_stack_name_in_two_regions_has_two_sets_of_roles() {
        let here = Names::new(stack("demo"), "eu-central-1");
        let there = Names::new(stack("demo"), "eu-west-1");
        assert_ne!(here.role("host"), there.role("host"));
        assert_ne!(here.instance_profile(), there.instance_profile());
        assert_ne!(here.iam_path(), there.iam_path());
    }

    #[test]
    fn refused_names_say_why() {
        let refused = "-demo".parse::<StackName>().unwrap_err().to_string();
        insta::assert_snapshot!(refused, @"stack `-demo`: must be 1 to 64 letters, digits and hyphens, and begin and end with a letter or digit");
        let refused = "web\u{1b}[2J".parse::<ServiceName>().unwrap_err().to_string();
        insta::assert_snapshot!(refused, @r"service `web\u{1b}[2J`: must be 1 to 63 letters, digits and hyphens, and begin and end with a letter or digit");
        for name in ["", "-", "a-", "a_b", "a b", "ä", &"x".repeat(65)] {
            assert!(name.parse::<StackName>().is_err(), "{name}");
        }
        assert!("x".repeat(64).parse::<StackName>().is_ok());
        assert!("x".repeat(64).parse::<ServiceName>().is_err());
    }

    #[test]
    fn names_pass_through_json_checked() {
        let name: StackName = serde_json::from_str("\"demo\"").unwrap();
        assert_eq!(serde_json::to_string(&name).unwrap(), "\"demo\"");
        assert!(serde_json::from_str::<StackName>("\"-\"").is_err());
    }

    prop_compose! {
        fn any_stack()(name in "[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]{0,62}[a-zA-Z0-9]") -> StackName {
            stack(&name)
        }
    }

    prop_compose! {
        fn any_service()(name in "[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]{0,61}[a-zA-Z0-9]") -> ServiceName {
            service(&name)
        }
    }

    proptest! {
        #[test]
        fn every_accepted_name_is_within_the_limits(stack in any_stack(), service in any_service()) {
            check_limits(&Names::new(stack, REGION), &service);
        }

        /// Few letters, so that near misses are frequent.
        #[test]
        fn different_pairs_have_different_names(
            one in ("[abA]([abA-]{0,3}[abA])?", "[abA]([abA-]{0,3}[abA])?"),
            two in ("[abA]([abA-]{0,3}[abA])?", "[abA]([abA-]{0,3}[abA])?"),
        ) {
            prop_assume!(one != two);
            let (first, second) = (names(&one.0), names(&two.0));
            let (of_first, of_second) = (service(&one.1), service(&two.1));
            prop_assert_ne!(
                first.target_group(&of_first).to_ascii_lowercase(),
                second.target_group(&of_second).to_ascii_lowercase()
            );
            for which in ["internal", "public"] {
                for other in [second.target_group(&of_second), second.target_group_of(&of_second, which)] {
                    prop_assert_ne!(
                        first.target_group_of(&of_first, which).to_ascii_lowercase(),
                        other.to_ascii_lowercase()
                    );
                }
            }
            prop_assert_ne!(
                first.role_of("execution", &of_first).to_ascii_lowercase(),
                second.role_of("execution", &of_second).to_ascii_lowercase()
            );
            let groups = [&of_first, &of_second].map(|it| first.security_group_of("service", it));
            let same = groups[0].eq_ignore_ascii_case(&groups[1]);
            prop_assert!(of_first == of_second || !same, "{groups:?}");
            prop_assert_ne!(first.task_family(&of_first), second.task_family(&of_second));
            prop_assert_ne!(first.log_group(&of_first), second.log_group(&of_second));
            if one.0 != two.0 {
                for name in exclusive(&first) {
                    prop_assert!(!exclusive(&second).contains(&name));
                }
                prop_assert_ne!(first.cluster(), second.cluster());
                prop_assert_ne!(first.iam_path(), second.iam_path());
            }
        }

        #[test]
        fn arbitrary_text_never_panics(text in ".*", region in ".*") {
            let _ = text.parse::<ServiceName>();
            let stack = text.parse::<StackName>().unwrap_or_else(|_| stack("demo"));
            let names = Names::new(stack, region);
            for name in [names.role(&text), names.security_group(&text)] {
                prop_assert!(name.is_ascii() && name.len() <= 255 && !name.ends_with('-'));
            }
        }
    }
}
