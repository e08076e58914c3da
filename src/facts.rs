//! What has to be known about the account and the region before a graph can be drawn: read-only.
//!
//! A look-up that an endpoint does not offer, or that the caller may not make, gives a warning and
//! never a refusal: it only means that AWS will say later what ecsup could have said now.

use std::collections::BTreeSet;

use crate::arn::Arn;
use crate::aws::{AllPages, Aws, Doing, Error, Result};
use crate::capacity::{self, InstanceType};
use crate::engine::looks::Looks;
use crate::resource::launch_template::LaunchTemplate;
use crate::resource::service::Service;
use crate::spec::{Ami, Capacity, Instances, Spec, SpecError};

mod addresses;
mod image;
mod instance_type;
mod internet;
mod zones;

/// Who calls, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// The account's number.
    pub account: String,
    /// ARN of the user or role.
    pub arn: String,
    /// The partition: `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
}

/// What is known before the graph is drawn.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Who calls.
    pub caller: Caller,
    /// The region.
    pub region: String,
    /// The two zones that the subnets are in.
    pub zones: [String; 2],
    /// The AMI for a new launch template; empty when the stack keeps the one it has.
    pub image: String,
    /// How many instances a new group starts with.
    pub first_instances: u32,
    /// What is known of the instance type, if there are to be instances.
    pub instance_type: Option<InstanceType>,
    /// The service's deployment, when another one is wanted although nothing else has changed.
    pub superseded: Option<String>,
    /// What could not be looked up, and what that means.
    pub warnings: Vec<String>,
}

/// Why no graph can be drawn.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A look-up failed.
    #[error("failed to {0}")]
    Aws(#[from] Error),
    /// What was asked for cannot be had here.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Refused(Vec<SpecError>),
}

impl From<SpecError> for Problem {
    fn from(error: SpecError) -> Self {
        Self::Refused(vec![error])
    }
}

/// The services that work on our behalf through a role of their own. AWS makes these roles at the
/// first use, at times too late for that very use (`docs/aws-facts.md`).
pub const SERVICE_ROLES: [&str; 3] =
    ["ecs.amazonaws.com", "autoscaling.amazonaws.com", "elasticloadbalancing.amazonaws.com"];

/// Who calls. The first call of every command.
pub async fn caller(aws: &Aws) -> Result<Caller> {
    let identity = aws.sts.get_caller_identity().send().await.doing("ask AWS who is calling")?;
    let arn = identity.arn().unwrap_or_default().to_owned();
    let partition = Arn::parse(&arn).map_or("aws", |arn| arn.partition);
    Ok(Caller {
        account: identity.account().unwrap_or_default().to_owned(),
        partition: partition.to_owned(),
        arn,
    })
}

/// Looks up all that a pattern needs to know, concurrently with the listings that `looks` shares.
pub async fn gather(looks: &Looks, spec: &Spec) -> Result<Facts, Problem> {
    let aws = looks.aws();
    // Fails first, and fast, when there is nobody to talk to.
    let caller = async { caller(aws).await.map_err(Problem::from) };
    let (caller, facts) = futures::try_join!(caller, look_up(looks, spec))?;
    check_boundary(spec, &caller)?;
    Ok(Facts { caller, ..facts })
}

/// Refuses a permissions boundary of another account: IAM takes one's own and AWS's only.
fn check_boundary(spec: &Spec, caller: &Caller) -> Result<(), Problem> {
    let Some(boundary) = &spec.permissions_boundary else { return Ok(()) };
    match Arn::parse(boundary).map(|arn| arn.account) {
        Some(account) if account != "aws" && account != caller.account => {
            let rule = format!("is of account {account}, and this one is {}", caller.account);
            Err(refused("--permissions-boundary", boundary, rule))
        }
        _ => Ok(()),
    }
}

async fn look_up(looks: &Looks, spec: &Spec) -> Result<Facts, Problem> {
    let aws = looks.aws();
    let instances = match &spec.capacity {
        Capacity::Instances(instances) => Some(instances),
        Capacity::Fargate => None,
    };
    let (zones, kind, internet) = futures::join!(
        zones::choose(looks, spec),
        optional(instances, async |instances| instance_type::look_up(aws, instances).await),
        internet::check(looks, spec),
    );
    // A type that there is not has no zones either.
    if let Err(Problem::Refused(errors)) = kind {
        return Err(Problem::Refused(errors));
    }
    let (zones, mut warnings) = zones?;
    warnings.extend(internet?);

    let (mut image, mut first_instances, mut instance_type) = (String::new(), 0, None);
    let mut room = None;
    if let Some(instances) = instances {
        let kind = match kind {
            Ok(Some(Some(kind))) => Some(kind),
            Ok(_) => {
                let name = &instances.instance_type;
                warnings.push(format!("AWS says nothing of the instance type `{name}`"));
                None
            }
            Err(Problem::Aws(error)) if error.is_not_offered() => {
                warnings.push(unknown("look up the instance type", &error));
                None
            }
            Err(problem) => return Err(problem),
        };
        // Without knowing the type, one instance per zone is the safe start.
        let mut per_instance = spec.service.count;
        if let Some(kind) = &kind {
            let (fits, more) = instance_type::check_room(kind, instances, &spec.service)?;
            per_instance = fits.tasks;
            room = Some(fits);
            warnings.extend(more);
        }
        let (count, zones) = (spec.service.count, 2);
        let (min, max) = (instances.min_size, instances.max_size);
        first_instances = capacity::warm_start(count, per_instance, zones, min, max);
        image = choose_image(looks, instances, kind.as_ref(), &mut warnings).await?;
        instance_type = kind;
    }
    warnings.extend(addresses::check(spec, room)?);
    Ok(Facts {
        caller: Caller::default(),
        region: looks.scope().region().to_owned(),
        zones,
        image,
        first_instances,
        instance_type,
        superseded: None,
        warnings,
    })
}

/// The AMI for a launch template; empty when the stack keeps the one it has.
async fn choose_image(
    looks: &Looks,
    instances: &Instances,
    kind: Option<&InstanceType>,
    warnings: &mut Vec<String>,
) -> Result<String, Problem> {
    let aws = looks.aws();
    let template = looks.list::<LaunchTemplate>(None).await?;
    let now = template.first().and_then(|template| template.it().data.clone());
    let now = now.unwrap_or_default();
    let same_type = now.instance_type.as_deref() == Some(&instances.instance_type);
    let kept = image::Kept { instance_type: now.instance_type.as_deref() };
    let (chosen, kept) = match &instances.ami {
        Ami::Exactly(id) => (Some(id.clone()), None),
        Ami::Latest { refresh: false } if !template.is_empty() => (now.image.clone(), Some(kept)),
        Ami::Latest { .. } => (None, None),
    };
    match chosen {
        // What the stack runs with already needs no look.
        Some(id) if same_type && now.image.as_ref() == Some(&id) => Ok(id),
        Some(id) => match image::check(aws, &id, kind, kept.as_ref()).await {
            Ok(()) => Ok(id),
            Err(Problem::Aws(error)) if error.is_not_offered() => {
                warnings.push(unknown("look up the AMI", &error));
                Ok(id)
            }
            Err(problem) => Err(problem),
        },
        None if !template.is_empty() && !matches!(instances.ami, Ami::Latest { refresh: true }) => {
            Ok(String::new())
        }
        None => match kind {
            Some(kind) => image::newest(aws, kind).await,
            None => {
                let why = warnings.join("; ");
                let rule = format!("{why}: so no AMI can be chosen, name one with --ami");
                Err(refused("--instance-type", &instances.instance_type, rule))
            }
        },
    }
}

/// The newest deployment of the stack's service, which a forced deploy supersedes.
pub async fn deployment(looks: &Looks, spec: &Spec) -> Result<Option<String>> {
    let services = looks.list::<Service>(None).await?;
    let ours = services.iter().find(|it| it.it().name == spec.service.name.as_str());
    Ok(ours.and_then(|it| it.it().deployment.as_ref()).map(|it| it.id.clone()))
}

/// Makes the service-linked roles that the account lacks: a prerequisite of a first deploy. They stay
/// when the stack goes, since they belong to the account. Returns what could not be looked up.
pub async fn make_service_roles(aws: &Aws, scales: bool) -> Result<Option<String>> {
    let missing = match missing_service_roles(aws, scales).await {
        Ok(missing) => missing,
        Err(error) if error.is_not_offered() => {
            return Ok(Some(unknown("check the service-linked roles", &error)));
        }
        Err(error) => return Err(error),
    };
    for service in missing {
        let made = aws.iam.create_service_linked_role().aws_service_name(service).send().await;
        match made.doing(format!("create the service-linked role of {service}")) {
            Ok(_) => {}
            // Somebody else was faster: AWS itself makes them on first use.
            Err(error) if is_there_already(&error) => {}
            // AWS makes them itself on first use, if a little late.
            Err(error) if error.is_denied() => {
                return Ok(Some(format!("failed to {error}")));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Whether a service-linked role could not be made because it is there, or is being made. AWS says so
/// with `InvalidInput` ("has been taken in this account"); it is the same in other words.
fn is_there_already(error: &Error) -> bool {
    let said = error.cause.to_string();
    matches!(error.code(), Some("InvalidInput" | "EntityAlreadyExists" | "ConcurrentModification"))
        || ["has been taken", "already exists"].iter().any(|words| said.contains(words))
}

fn unknown(what: &str, error: &Error) -> String {
    format!("could not {what}: {}", error.cause)
}

fn refused(field: &'static str, value: &str, rule: impl Into<String>) -> Problem {
    SpecError { field, value: value.to_owned(), rule: rule.into() }.into()
}

async fn optional<A, T, E>(
    of: Option<A>,
    look: impl AsyncFnOnce(A) -> Result<T, E>,
) -> Result<Option<T>, E> {
    match of {
        Some(of) => look(of).await.map(Some),
        None => Ok(None),
    }
}

/// Which of [`SERVICE_ROLES`] are not there. AWS lets anybody list roles below a path.
async fn missing_service_roles(aws: &Aws, scales: bool) -> Result<Vec<&'static str>> {
    let roles = aws.iam.list_roles().path_prefix("/aws-service-role/").into_paginator();
    let roles = roles.items().send().all().await;
    let roles = roles.doing("list the service-linked roles")?;
    let paths: BTreeSet<_> = roles.iter().map(|role| role.path().to_owned()).collect();
    let needed =
        SERVICE_ROLES.into_iter().filter(|service| scales || !service.starts_with("autoscaling"));
    Ok(needed.filter(|service| !paths.contains(&format!("/aws-service-role/{service}/"))).collect())
}
