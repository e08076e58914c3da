//! What was typed, before anyone has looked at it.
//!
//! Nearly everything is text here, so that one look can report every mistake at once and in our own
//! words; see [`Spec::from_flags`](super::Spec::from_flags). Each flag may come from the
//! environment instead, as `ECSUP_` and its name in capitals.

use clap::Args;
use clap::builder::BoolishValueParser;

use super::{Endpoint, EnvValue, Nat, Pattern};

const STACK: &str = "Stack";
const SERVICE: &str = "Service";
const INSTANCES: &str = "Instances (internal-worker and public-api)";
const NETWORK: &str = "Network";
const NAMES: &str = "Private DNS";

/// The flags that describe a stack.
#[derive(Debug, Clone, Default, Args)]
pub struct ServiceFlags {
    /// What to build; the one flag that has to be given
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

    /// Container image [default: public.ecr.aws/docker/library/nginx:latest]
    #[arg(long, env = "ECSUP_IMAGE", help_heading = SERVICE, hide_env_values = true)]
    pub image: Option<String>,

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

    /// Number of tasks to keep running [default: 2]
    #[arg(
        long,
        env = "ECSUP_COUNT",
        help_heading = SERVICE,
        value_name = "TASKS",
        allow_hyphen_values = true,
        hide_env_values = true
    )]
    pub count: Option<String>,

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

    /// Services that tasks reach without a NAT gateway, at no cost; may be repeated, or a list with
    /// commas [default: none]
    #[arg(
        long,
        env = "ECSUP_ENDPOINTS",
        help_heading = NETWORK,
        value_name = "SERVICE",
        value_enum,
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub endpoints: Vec<Endpoint>,

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
        assert_eq!(parse(&["--count", "-1"]).count.as_deref(), Some("-1"));
    }

    #[test]
    fn debug_text_holds_no_environment_values() {
        let flags = parse(&["--env", "PASSWORD=hunter2"]);
        assert!(!format!("{flags:?}").contains("hunter2"));
    }
}
