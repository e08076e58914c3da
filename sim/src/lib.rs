//! AWS in memory: as unforgiving as the real one, in virtual time, behind the SDK's HTTP connector.
//!
//! Everything above the connector stays real: serialisation, signing, retries, timeouts, paging and
//! error codes. [`wire`] reads requests and writes answers as AWS's published service models say;
//! [`world`] is what exists, what happens by itself and when; one module for each service holds the
//! rules, and each rule cites its fact in `docs/aws-facts.md`; [`services`] lists them.

pub mod acm;
pub mod application_autoscaling;
pub mod arn;
pub mod autoscaling;
pub mod buckets;
pub mod cloud;
pub mod cloudwatch;
pub mod dice;
pub mod doubt;
pub mod ec2;
pub mod ecr;
pub mod ecs;
pub mod elb;
pub mod faults;
pub mod fields;
pub mod iam;
pub mod lag;
#[cfg(test)]
mod layers;
pub mod listen;
pub mod logs;
pub mod model;
pub mod notice;
pub mod oracle;
pub mod page;
pub mod partition;
pub mod policy;
pub mod refusal;
pub mod route53;
pub mod scenario;
pub mod secretsmanager;
pub mod service;
pub mod service_quotas;
pub mod servicediscovery;
pub mod services;
pub mod ssm;
pub mod sts;
pub mod tags;
pub mod wildcard;
pub mod wire;
pub mod world;
