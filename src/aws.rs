//! AWS as ecsup sees it: one client per service, made from one configuration.
//!
//! [`error`] gives every failed call a meaning, [`tags`] decides what is ours, [`config`] finds
//! region and credentials, [`record`] writes down what was asked, and `settings` refuses what the SDK would
//! stumble over.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;

use self::clock::Clock;
use self::record::{Recorder, Recording};
use self::unreachable::Unreachable;
use crate::names::{Names, NodeName};

mod clock;
pub mod config;
pub mod error;
mod paging;
pub mod record;
mod settings;
pub mod tags;
mod unreachable;

pub use error::{Doing, Error, Meaning, Meanings, Result, missing};
pub use paging::AllPages;
pub use tags::{Labels, Owner, Scope, Tagging};

/// A connection that is not there after this time never comes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// No call in use takes AWS this long; a call that does has lost its answer.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
/// Attempts for calls that are safe to repeat. Throttling is part of a normal deployment.
const ATTEMPTS: u32 = 8;

/// Attempts for what a command can do without: it is told as unknown then.
const ATTEMPTS_FOR_ADVICE: u32 = 3;

/// One client per service.
#[derive(Debug, Clone)]
pub struct Aws {
    /// Certificate Manager, for certificates that somebody else has asked for.
    pub acm: aws_sdk_acm::Client,
    /// Application Auto Scaling: what scales services. Each of its changes is safe to repeat.
    pub application_autoscaling: aws_sdk_applicationautoscaling::Client,
    /// Auto Scaling.
    pub autoscaling: aws_sdk_autoscaling::Client,
    /// EC2 and VPC.
    pub ec2: aws_sdk_ec2::Client,
    /// EC2 without retries, for creates that have no client token: a retried `CreateVpc` whose
    /// first answer was lost makes a second VPC.
    pub ec2_once: aws_sdk_ec2::Client,
    /// ECR, for whether images are there.
    pub ecr: aws_sdk_ecr::Client,
    /// ECS.
    pub ecs: aws_sdk_ecs::Client,
    /// ECS without retries, for `RegisterTaskDefinition`, which makes a revision each time.
    pub ecs_once: aws_sdk_ecs::Client,
    /// Elastic Load Balancing v2.
    pub elb: aws_sdk_elasticloadbalancingv2::Client,
    /// IAM.
    pub iam: aws_sdk_iam::Client,
    /// IAM with few retries, for simulating what the caller may do.
    pub iam_advice: aws_sdk_iam::Client,
    /// `CloudWatch` Logs.
    pub logs: aws_sdk_cloudwatchlogs::Client,
    /// Route 53.
    pub route53: aws_sdk_route53::Client,
    /// Secrets Manager, for what is known of secrets. No value is ever asked for.
    pub secretsmanager: aws_sdk_secretsmanager::Client,
    /// Service Quotas: how much of each thing the account may have.
    pub service_quotas: aws_sdk_servicequotas::Client,
    /// Cloud Map, for names of services. The SDK fills in the token of what is made.
    pub servicediscovery: aws_sdk_servicediscovery::Client,
    /// Systems Manager, for public AMI parameters, the lock, and what is known of parameters.
    pub ssm: aws_sdk_ssm::Client,
    /// Systems Manager without retries, for what is written to a lock: each write is a version, and
    /// the lock counts them.
    pub ssm_once: aws_sdk_ssm::Client,
    /// The security token service, for the caller's identity.
    pub sts: aws_sdk_sts::Client,
    /// What time it is there: by the first answer, and by each of ECS, which every look asks.
    pub clock: Clock,
}

impl Aws {
    /// Makes the clients. Retries and timeouts are ecsup's own, everything else is the caller's. What they ask
    /// is written down where there is a recorder.
    pub fn new(config: &SdkConfig, recorder: Option<Recorder>) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .build();
        let with = |retries: RetryConfig| {
            config.to_builder().timeout_config(timeouts.clone()).retry_config(retries).build()
        };
        let retrying = with(RetryConfig::standard().with_max_attempts(ATTEMPTS));
        let once = with(RetryConfig::disabled());
        let advice = with(RetryConfig::standard().with_max_attempts(ATTEMPTS_FOR_ADVICE));
        let clock = Clock::default();
        let recording = recorder.map(|recorder| Recording { recorder, clock: clock.clone() });
        macro_rules! client {
            ($sdk:ident, $config:expr $(, $extend:expr)?) => {{
                let config = $sdk::config::Builder::from($config);
                $(let config = $extend(config);)?
                let config = match &recording {
                    Some(recording) => config.interceptor(recording.clone()),
                    None => config,
                };
                $sdk::Client::from_conf(config.build())
            }};
        }
        // The first call of every run: an endpoint that is not there is reported at once.
        let first = |config: aws_sdk_sts::config::Builder| {
            config.retry_classifier(Unreachable).interceptor(clock.clone())
        };
        let timed = |config: aws_sdk_ecs::config::Builder| config.interceptor(clock.clone());
        Self {
            acm: client!(aws_sdk_acm, &retrying),
            application_autoscaling: client!(aws_sdk_applicationautoscaling, &retrying),
            autoscaling: client!(aws_sdk_autoscaling, &retrying),
            ec2: client!(aws_sdk_ec2, &retrying),
            ec2_once: client!(aws_sdk_ec2, &once),
            ecr: client!(aws_sdk_ecr, &advice),
            ecs: client!(aws_sdk_ecs, &retrying, timed),
            ecs_once: client!(aws_sdk_ecs, &once),
            elb: client!(aws_sdk_elasticloadbalancingv2, &retrying),
            iam: client!(aws_sdk_iam, &retrying),
            iam_advice: client!(aws_sdk_iam, &advice),
            logs: client!(aws_sdk_cloudwatchlogs, &retrying),
            route53: client!(aws_sdk_route53, &retrying),
            secretsmanager: client!(aws_sdk_secretsmanager, &retrying),
            service_quotas: client!(aws_sdk_servicequotas, &advice),
            servicediscovery: client!(aws_sdk_servicediscovery, &retrying),
            ssm: client!(aws_sdk_ssm, &retrying),
            ssm_once: client!(aws_sdk_ssm, &once),
            sts: client!(aws_sdk_sts, &retrying, first),
            clock,
        }
    }
}

/// What a resource needs to create or change something: the clients, its names and its tags.
#[derive(Debug, Clone)]
pub struct Cx {
    /// The clients.
    pub aws: Aws,
    /// The stack's names.
    pub names: Names,
    /// The tags of everything made.
    pub labels: Labels,
}

impl Cx {
    /// The tags of a node, as key and value.
    pub fn tags(&self, node: &NodeName) -> Vec<(String, String)> {
        self.labels.of(&self.names, node)
    }

    /// The tags of a node in the form that EC2's creates take.
    pub fn ec2_tags(
        &self,
        node: &NodeName,
        kind: aws_sdk_ec2::types::ResourceType,
    ) -> aws_sdk_ec2::types::TagSpecification {
        use aws_sdk_ec2::types::{Tag, TagSpecification};
        let tags = self.tags(node).into_iter().map(|(k, v)| Tag::builder().key(k).value(v).build());
        TagSpecification::builder().resource_type(kind).set_tags(Some(tags.collect())).build()
    }

    /// The tags of a node in the form that ECS takes.
    pub fn ecs_tags(&self, node: &NodeName) -> Vec<aws_sdk_ecs::types::Tag> {
        use aws_sdk_ecs::types::Tag;
        self.tags(node).into_iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect()
    }
}
