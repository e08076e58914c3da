//! Which services of AWS a stack has to reach by itself, and so which VPC endpoints it needs where no other
//! way leads out of its subnets.
//!
//! From the ECS guide, "Amazon ECS interface VPC endpoints (AWS `PrivateLink`)", and the ECR guide, "Amazon
//! ECR interface VPC endpoints": images come from ECR by two endpoints, and their layers from S3; the log
//! driver writes to `CloudWatch` Logs; agents on instances talk to ECS by three endpoints, which Fargate does
//! not need. What runs commands in tasks talks to `ssmmessages` ("Monitor Amazon ECS containers with ECS Exec").
//! Keys of KMS need none: Systems Manager and Secrets Manager decrypt by themselves, and answer
//! with the plain value.

use std::collections::BTreeMap;

use super::exec::MESSAGES;
use super::{RunOn, SecretSource, Service, Spec};

/// The services that have gateway endpoints, which are routes and cost nothing. All others have interface
/// endpoints (VPC guide, "Gateway endpoints"). S3 has both kinds; ECR needs the gateway.
pub const GATEWAYS: [&str; 2] = ["dynamodb", "s3"];

/// Stands for the services that a stack needs.
pub const REQUIRED: &str = "required";
/// Longest name of a service, in characters. The longest that AWS has are half as long.
const LIMIT: usize = 100;

/// Checks the shape only: which services have endpoints differs by region, and grows.
pub(crate) fn check_endpoint(text: &str) -> Result<String, String> {
    if let Some(rest) = text.strip_prefix("com.amazonaws.") {
        let short = rest.split_once('.').map_or(rest, |(_, short)| short);
        return Err(format!("is a whole name: say what follows the region, as in `{short}`"));
    }
    let is_part = |part: &str| {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !part.is_empty() && part.bytes().all(fits)
    };
    if text.split('.').all(is_part) && text.len() <= LIMIT {
        return Ok(text.to_owned());
    }
    Err(format!(
        "must be `{REQUIRED}`, or a service as endpoints call it, such as `s3`, `sqs` or `ecr.api`"
    ))
}

/// What decides which endpoints a stack needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is used or is not")]
pub struct Uses {
    /// Some service runs on instances.
    pub instances: bool,
    /// Some secret is a parameter of Systems Manager.
    pub parameters: bool,
    /// Some secret is one of Secrets Manager.
    pub secrets: bool,
    /// Some service lets commands be run in its tasks.
    pub exec: bool,
}

impl Uses {
    /// What a stack uses.
    pub fn of(spec: &Spec) -> Self {
        let of_containers = || spec.services.iter().flat_map(Service::secrets_of_containers);
        let sources = || of_containers().flat_map(|(_, secrets)| secrets.values());
        Self {
            instances: spec.services_on(RunOn::Instances).next().is_some(),
            parameters: sources().any(|it| matches!(it, SecretSource::Parameter(_))),
            secrets: sources().any(|it| matches!(it, SecretSource::Secret { .. })),
            exec: spec.services.iter().any(|service| service.exec),
        }
    }

    /// The services that have to be reached, by the names that endpoints call them, such as `ecr.api`; and
    /// what each is for, to be read after "for".
    pub fn services(self) -> BTreeMap<&'static str, &'static str> {
        const AGENTS: &str = "the agents on instances";
        let all = [
            (true, "ecr.api", "the sign-in to ECR"),
            (true, "ecr.dkr", "images in ECR"),
            (true, "s3", "the layers of images in ECR"),
            (true, "logs", "the logs of containers"),
            (self.instances, "ecs", AGENTS),
            (self.instances, "ecs-agent", AGENTS),
            (self.instances, "ecs-telemetry", AGENTS),
            (self.parameters, "ssm", "secrets in parameters"),
            (self.secrets, "secretsmanager", "secrets in Secrets Manager"),
            (self.exec, MESSAGES, "commands in tasks, by `exec`"),
        ];
        all.into_iter().filter(|(used, ..)| *used).map(|(_, name, what)| (name, what)).collect()
    }
}

/// The services of AWS that a stack has to reach by itself, and what each is for.
pub fn required(spec: &Spec) -> BTreeMap<&'static str, &'static str> {
    Uses::of(spec).services()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(uses: Uses) -> String {
        uses.services().into_keys().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_a_stack_needs_follows_from_what_it_uses() {
        let uses = Uses::default();
        assert_eq!(names(uses), "ecr.api ecr.dkr logs s3");
        assert_eq!(
            names(Uses { instances: true, ..uses }),
            "ecr.api ecr.dkr ecs ecs-agent ecs-telemetry logs s3"
        );
        assert_eq!(names(Uses { parameters: true, ..uses }), "ecr.api ecr.dkr logs s3 ssm");
        assert_eq!(names(Uses { secrets: true, ..uses }), "ecr.api ecr.dkr logs s3 secretsmanager");
        assert_eq!(names(Uses { exec: true, ..uses }), "ecr.api ecr.dkr logs s3 ssmmessages");
    }

    #[test]
    fn a_service_is_named_as_endpoints_call_it() {
        for name in ["required", "s3", "ecr.api", "kinesis-streams", "application-autoscaling"] {
            assert_eq!(check_endpoint(name).as_deref(), Ok(name));
        }
        for text in ["", "S3", "ecr.", "a b", "ecr_api", &"a".repeat(101)] {
            assert!(check_endpoint(text).unwrap_err().contains("such as `s3`"), "{text}");
        }
        let whole = check_endpoint("com.amazonaws.eu-west-1.ecr.api").unwrap_err();
        assert!(whole.contains("`ecr.api`"), "{whole}");
    }
}
