//! What was typed, before anyone has looked at it.
//!
//! Nearly everything is text here, so that one look can report every mistake at once and in our own
//! words. Each flag may come from the environment instead, as `ECSUP_` and its name in capitals.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Arg, Args, Command};

use super::value::{Place, Said, Table, Value};
use crate::spec::{EnvValue, Nat, Pattern, Scheme, SpecError, check_variable, is_variable};

const FILE: &str = "Manifest";
const STACK: &str = "Stack";
const SERVICE: &str = "Service";
const INSTANCES: &str = "Instances (internal-worker and public-api)";
const NETWORK: &str = "Network";
const NAMES: &str = "Private DNS";

/// Which manifest is read.
#[derive(Debug, Clone, Default, Args)]
pub struct FileFlags {
    /// The manifest [default: ./ecsup.toml, if there is one]
    #[arg(
        long,
        env = "ECSUP_FILE",
        help_heading = FILE,
        value_name = "FILE",
        hide_env_values = true,
        conflicts_with = "no_file"
    )]
    pub file: Option<PathBuf>,

    /// Read no manifest, although there is one
    #[arg(
        long,
        env = "ECSUP_NO_FILE",
        help_heading = FILE,
        value_parser = BoolishValueParser::new(),
        hide_env_values = true
    )]
    pub no_file: bool,

    /// Which of the manifest's environments
    #[arg(
        long,
        env = "ECSUP_ENVIRONMENT",
        help_heading = FILE,
        value_name = "NAME",
        hide_env_values = true
    )]
    pub environment: Option<String>,
}

/// The flags that describe a stack.
#[derive(Debug, Clone, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub struct ServiceFlags {
    /// The manifest.
    #[command(flatten)]
    pub manifest: FileFlags,

    /// Which flags came as variables of the environment, by the flags' names.
    #[arg(skip)]
    pub variables: BTreeSet<String>,

    /// What to build; without a manifest, the one flag that has to be given
    #[arg(long, env = "ECSUP_PATTERN", help_heading = STACK, value_enum, hide_env_values = true)]
    pub pattern: Option<Pattern>,

    /// Name of the stack: 1 to 64 letters, digits and hyphens [default: the pattern's name]
    #[arg(
        long,
        env = "ECSUP_STACK",
        help_heading = STACK,
        value_name = "NAME",
        hide_env_values = true
    )]
    pub stack: Option<String>,

    /// Tag for everything in the stack; may be repeated, or a list with commas
    #[arg(
        long = "tag",
        env = "ECSUP_TAG",
        help_heading = STACK,
        value_name = "KEY=VALUE",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub tags: Vec<String>,

    /// Policy that has to bound every IAM role of the stack [default: none, and a boundary that a
    /// role has stays]
    #[arg(
        long,
        env = "ECSUP_PERMISSIONS_BOUNDARY",
        help_heading = STACK,
        value_name = "ARN",
        hide_env_values = true
    )]
    pub permissions_boundary: Option<String>,

    /// Name of the service [default: worker for internal-worker, otherwise web]
    #[arg(
        long,
        env = "ECSUP_SERVICE",
        help_heading = SERVICE,
        value_name = "NAME",
        hide_env_values = true
    )]
    pub service: Option<String>,

    /// Container image, or `:TAG` for another tag of the same; of several services NAME=IMAGE, and may
    /// be repeated [default: what runs, or for a new stack public.ecr.aws/docker/library/nginx:latest]
    #[arg(
        long,
        env = "ECSUP_IMAGE",
        help_heading = SERVICE,
        value_name = "[NAME=]IMAGE",
        hide_env_values = true
    )]
    pub image: Vec<String>,

    /// CPU of one task, in units of 1/1024 vCPU [default: 256]
    #[arg(
        long,
        env = "ECSUP_CPU",
        help_heading = SERVICE,
        value_name = "UNITS",
        allow_hyphen_values = true,
        hide_env_values = true
    )]
    pub cpu: Option<String>,

    /// Memory of one task, in MiB [default: 512]
    #[arg(
        long,
        env = "ECSUP_MEMORY",
        help_heading = SERVICE,
        value_name = "MIB",
        allow_hyphen_values = true,
        hide_env_values = true
    )]
    pub memory: Option<String>,

    /// TCP port that the container listens on [default: 80]
    #[arg(
        long,
        env = "ECSUP_PORT",
        help_heading = SERVICE,
        allow_hyphen_values = true,
        hide_env_values = true
    )]
    pub port: Option<String>,

    /// Number of tasks to keep running; of several services NAME=TASKS, and may be repeated [default:
    /// 2]
    #[arg(
        long,
        env = "ECSUP_COUNT",
        help_heading = SERVICE,
        value_name = "[NAME=]TASKS",
        allow_hyphen_values = true,
        hide_env_values = true
    )]
    pub count: Vec<String>,

    /// Environment variable of the container; may be repeated. `ECSUP_ENV` holds exactly one, since
    /// a value may hold commas
    #[arg(
        long = "env",
        env = "ECSUP_ENV",
        help_heading = SERVICE,
        value_name = "NAME=VALUE",
        hide_env_values = true
    )]
    pub env: Vec<EnvValue>,

    /// Path that the load balancer asks for to see whether a task is healthy [default: /]
    #[arg(
        long,
        env = "ECSUP_HEALTH_PATH",
        help_heading = SERVICE,
        value_name = "PATH",
        hide_env_values = true
    )]
    pub health_path: Option<String>,

    /// EC2 instance type [default: c5.xlarge]
    #[arg(
        long,
        env = "ECSUP_INSTANCE_TYPE",
        help_heading = INSTANCES,
        value_name = "TYPE",
        hide_env_values = true
    )]
    pub instance_type: Option<String>,

    /// Machine image [default: the newest ECS-optimized Amazon Linux 2023 when the stack is made,
    /// and from then on the same]
    #[arg(
        long,
        env = "ECSUP_AMI",
        help_heading = INSTANCES,
        value_name = "AMI",
        hide_env_values = true
    )]
    pub ami: Option<String>,

    /// Change an existing stack to the newest machine image
    #[arg(
        long,
        env = "ECSUP_REFRESH_AMI",
        help_heading = INSTANCES,
        value_parser = BoolishValueParser::new(),
        hide_env_values = true
    )]
    pub refresh_ami: bool,

    /// Fewest instances in the group [default: 0]
    #[arg(
        long,
        env = "ECSUP_MIN_SIZE",
        help_heading = INSTANCES,
        value_name = "INSTANCES",
        allow_hyphen_values = true,
        hide_env_values = true
    )]
    pub min_size: Option<String>,

    /// Most instances in the group [default: 100]
    #[arg(
        long,
        env = "ECSUP_MAX_SIZE",
        help_heading = INSTANCES,
        value_name = "INSTANCES",
        allow_hyphen_values = true,
        hide_env_values = true
    )]
    pub max_size: Option<String>,

    /// Address range of the VPC, /16 to /25, divided into four subnets [default: 10.0.0.0/16]
    #[arg(
        long,
        env = "ECSUP_VPC_CIDR",
        help_heading = NETWORK,
        value_name = "CIDR",
        hide_env_values = true
    )]
    pub vpc_cidr: Option<String>,

    /// The two availability zones, by name or id, with a comma [default: those that the stack has,
    /// or the first two that can hold it]
    #[arg(
        long,
        env = "ECSUP_ZONES",
        help_heading = NETWORK,
        value_name = "ZONE,ZONE",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub zones: Vec<String>,

    /// NAT gateways of the private subnets [default: per-zone]
    #[arg(long, env = "ECSUP_NAT", help_heading = NETWORK, value_enum, hide_env_values = true)]
    pub nat: Option<Nat>,

    /// Services that are reached through endpoints, such as s3 and dynamodb, which cost nothing, or
    /// sqs; `required` for what ECS needs of this stack; may be repeated, or a list with commas
    /// [default: none]
    #[arg(
        long,
        env = "ECSUP_ENDPOINTS",
        help_heading = NETWORK,
        value_name = "SERVICE",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub endpoints: Vec<String>,

    /// Addresses that may reach the load balancer; may be repeated, or a list with commas [default:
    /// the VPC's range for internal-worker, otherwise 0.0.0.0/0]
    #[arg(
        long,
        env = "ECSUP_ALLOW",
        help_heading = NETWORK,
        value_name = "CIDR",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub allow: Vec<String>,

    /// Private DNS zone [default: STACK.internal for internal-worker; otherwise none, or the zone
    /// that --host is in]
    #[arg(
        long,
        env = "ECSUP_ZONE",
        help_heading = NAMES,
        value_name = "DOMAIN",
        hide_env_values = true
    )]
    pub zone: Option<String>,

    /// Private DNS name of the service, in the zone [default: SERVICE.ZONE]
    #[arg(
        long,
        env = "ECSUP_HOST",
        help_heading = NAMES,
        value_name = "DOMAIN",
        hide_env_values = true
    )]
    pub host: Option<String>,

    /// Let all images stay that run, whatever is said of them
    #[arg(
        long,
        env = "ECSUP_KEEP_IMAGES",
        help_heading = FILE,
        value_parser = BoolishValueParser::new(),
        hide_env_values = true
    )]
    pub keep_images: bool,

    /// Run no release commands this time
    #[arg(
        long,
        env = "ECSUP_SKIP_RELEASE",
        help_heading = FILE,
        value_parser = BoolishValueParser::new(),
        hide_env_values = true
    )]
    pub skip_release: bool,

    /// Let go back to its default what runs and is not said this time; without a manifest it is asked
    /// about otherwise
    #[arg(
        long,
        env = "ECSUP_ACCEPT_DEFAULTS",
        help_heading = FILE,
        value_parser = BoolishValueParser::new(),
        hide_env_values = true
    )]
    pub accept_defaults: bool,

    /// Make no private DNS zone
    #[arg(
        long,
        env = "ECSUP_NO_DNS",
        help_heading = NAMES,
        value_parser = BoolishValueParser::new(),
        hide_env_values = true
    )]
    pub no_dns: bool,
}

/// Where a flag stands in the help of those of a stack: in that order it is told what is wrong with them.
pub fn order(flag: &str) -> usize {
    let command = ServiceFlags::augment_args(Command::new(""));
    let is_it = |it: &Arg| it.get_long().is_some_and(|long| flag.strip_prefix("--") == Some(long));
    let place = command.get_arguments().position(is_it);
    place.unwrap_or(usize::MAX)
}

impl ServiceFlags {
    /// Where a flag was said.
    pub(super) fn place(&self, flag: &'static str) -> Place {
        match self.variables.contains(flag.trim_start_matches('-')) {
            true => Place::Variable(flag),
            false => Place::Flag(flag),
        }
    }

    /// The flags of one service that hold one text each, with the key that says the same.
    pub(super) fn of_service(&self) -> [(&'static str, &'static str, Option<&str>); 5] {
        [
            ("--cpu", "cpu", self.cpu.as_deref()),
            ("--memory", "memory", self.memory.as_deref()),
            ("--port", "port", self.port.as_deref()),
            ("--health-path", "health.path", self.health_path.as_deref()),
            ("--host", "host", self.host.as_deref()),
        ]
    }

    /// Lays the flags that are not a service's over a table.
    pub(super) fn say_stack(&self, table: &mut Table, problems: &mut Vec<SpecError>) {
        let texts = [
            ("--stack", "stack", self.stack.clone()),
            ("--pattern", "pattern", self.pattern.map(|it| it.to_string())),
            ("--permissions-boundary", "permissions_boundary", self.permissions_boundary.clone()),
            ("--instance-type", "capacity.instance_type", self.instance_type.clone()),
            ("--ami", "capacity.ami", self.ami.clone()),
            ("--min-size", "capacity.min_size", self.min_size.clone()),
            ("--max-size", "capacity.max_size", self.max_size.clone()),
            ("--vpc-cidr", "network.vpc_cidr", self.vpc_cidr.clone()),
            ("--nat", "network.nat", self.nat.map(|it| it.to_string())),
        ];
        for (flag, path, text) in texts {
            if let Some(text) = text {
                table.set(path, Value::Text(text), &self.place(flag));
            }
        }
        self.say_list(table, "--zones", "network.zones", &self.zones);
        self.say_list(table, "--endpoints", "network.endpoints", &self.endpoints);
        let place = self.place("--tag");
        let mut given = BTreeSet::new();
        for pair in &self.tags {
            match pair.split_once('=') {
                None => {
                    problems.push(SpecError::new(
                        "--tag",
                        pair,
                        "needs `=`, as in `team=payments`",
                    ));
                }
                Some((key, _)) if !given.insert(key) => {
                    problems.push(SpecError::new("--tag", pair, "the key is given twice"));
                }
                Some((key, value)) => {
                    table.set_in("tags", key, Value::Text(value.to_owned()), &place);
                }
            }
        }
    }

    /// Lays the ranges and the zone over those of a load balancer.
    pub(super) fn say_ingress(&self, table: &mut Table, scheme: Scheme) {
        let path = format!("ingress.{}", scheme.word());
        self.say_list(table, "--allow", &format!("{path}.allow"), &self.allow);
        if let Some(zone) = &self.zone {
            let zone = Value::Text(zone.clone());
            table.set(&format!("{path}.zone"), zone, &self.place("--zone"));
        }
    }

    /// Lays a list over what stands in a table.
    fn say_list(&self, table: &mut Table, flag: &'static str, path: &str, list: &[String]) {
        if list.is_empty() {
            return;
        }
        let place = self.place(flag);
        let one = |text: &String| Said { value: Value::Text(text.clone()), place: place.clone() };
        table.set(path, Value::List(list.iter().map(one).collect()), &place);
    }

    /// Lays the flags of one service over its table.
    pub(super) fn say_service(&self, service: &mut Table, problems: &mut Vec<SpecError>) {
        for (flag, path, text) in self.of_service() {
            if let Some(text) = text {
                service.set(path, Value::Text(text.to_owned()), &self.place(flag));
            }
        }
        let place = self.place("--env");
        let mut given = BTreeSet::new();
        for (index, pair) in self.env.iter().enumerate() {
            // Whatever this is, it may be a secret whose name was forgotten.
            let number = || format!("number {}", index + 1);
            let mut problem =
                |value: String, rule: &str| problems.push(SpecError::new("--env", value, rule));
            let Some((name, value)) = pair.as_str().split_once('=') else {
                problem(number(), "needs `=`, as in `NAME=value`");
                continue;
            };
            match check_variable(name, value) {
                Err(rule) if !is_variable(name) => problem(number(), &rule),
                Err(rule) => problem(name.to_owned(), &rule),
                Ok(()) if !given.insert(name) => problem(name.to_owned(), "is given twice"),
                Ok(()) => service.set_in("env", name, Value::Text(value.to_owned()), &place),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    /// Deploys.
    #[derive(Parser)]
    #[command(name = "deploy")]
    struct Deploy {
        #[command(flatten)]
        flags: ServiceFlags,
    }

    fn parse(words: &[&str]) -> ServiceFlags {
        Deploy::parse_from([&["deploy"], words].concat()).flags
    }

    #[test]
    fn flags_are_well_formed_and_keep_the_commands_own_text() {
        Deploy::command().debug_assert();
        assert_eq!(Deploy::command().get_about().unwrap().to_string(), "Deploys");
    }

    #[test]
    fn every_flag_can_come_from_the_environment_under_its_own_name() {
        for argument in Deploy::command().get_arguments() {
            let Some(long) = argument.get_long().filter(|long| *long != "help") else { continue };
            let variable = format!("ECSUP_{}", long.to_ascii_uppercase().replace('-', "_"));
            assert_eq!(
                argument.get_env().and_then(std::ffi::OsStr::to_str),
                Some(variable.as_str())
            );
            assert!(argument.get_help_heading().is_some(), "{long} has no heading");
            assert!(argument.get_help().is_some(), "{long} has no help");
        }
    }

    #[test]
    fn lists_split_at_commas_except_in_environment_variables() {
        let flags = parse(&["--allow", "10.0.0.0/8,192.0.2.0/24", "--tag", "a=1,b=2"]);
        assert_eq!(flags.allow, ["10.0.0.0/8", "192.0.2.0/24"]);
        assert_eq!(parse(&["--zones", "eu-west-1a,euw1-az2"]).zones, ["eu-west-1a", "euw1-az2"]);
        assert_eq!(flags.tags, ["a=1", "b=2"]);
        let flags = parse(&["--env", "HOSTS=a,b", "--env", "EMPTY="]);
        assert_eq!(flags.env, [EnvValue::from("HOSTS=a,b"), EnvValue::from("EMPTY=")]);
    }

    #[test]
    fn negative_numbers_reach_our_own_check() {
        assert_eq!(parse(&["--count", "-1"]).count, ["-1"]);
    }

    #[test]
    fn debug_text_holds_no_environment_values() {
        let flags = parse(&["--env", "PASSWORD=hunter2"]);
        assert!(!format!("{flags:?}").contains("hunter2"));
    }

    fn env(typed: &[&str]) -> (Table, Vec<String>) {
        let env = typed.iter().copied().map(EnvValue::from).collect();
        let (mut table, mut problems) = (Table::default(), Vec::new());
        ServiceFlags { env, ..ServiceFlags::default() }.say_service(&mut table, &mut problems);
        (table, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn values_keep_everything_behind_the_first_equals_sign() {
        let (table, problems) = env(&["URL=a=b,c", "EMPTY=", "spring.profiles=x"]);
        assert!(problems.is_empty());
        let env = table.table("env").unwrap();
        assert_eq!(env.text("URL"), Some("a=b,c"));
        assert_eq!(env.text("EMPTY"), Some(""));
        assert_eq!(env.0.keys().collect::<Vec<_>>(), ["EMPTY", "URL", "spring.profiles"]);
    }

    #[test]
    fn messages_never_show_what_may_be_a_secret() {
        let (_, problems) =
            env(&["s3cret", "A=s3cret", "A=s3cret", "1s3cret=s3cret", "B=s3cret\0"]);
        insta::assert_snapshot!(problems.join("\n"), @r"
        --env `number 1`: needs `=`, as in `NAME=value`
        --env `A`: is given twice
        --env `number 4`: the name must be letters, digits, `_`, `.` and `-`, and begin with a letter or `_`
        --env `B`: the value holds a NUL character, which no process can receive
        ");
    }
}
