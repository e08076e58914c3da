//! What has to be known about the account and the region before a graph can be drawn: read-only.
//!
//! A look-up that an endpoint does not offer, or that the caller may not make, gives a warning and
//! never a refusal: it only means that AWS will say later what ecsup could have said now.

use std::collections::BTreeMap;

use crate::arn::Arn;
use crate::aws::{Aws, Doing, Error, Result};
use crate::capacity::{self, InstanceType};
use crate::engine::looks::Looks;
use crate::resource::Owned;
use crate::resource::auto_scaling_group::AutoScalingGroup;
use crate::resource::launch_template::LaunchTemplate;
use crate::resource::service::Service;
use crate::spec::{Ami, Instances, OwnNetwork, RunOn, Scheme, Spec, SpecError};

mod addresses;
mod certificate;
mod endpoints;
mod existing_network;
mod existing_zone;
mod image;
mod instance_type;
mod internet;
mod outdated;
mod parameters;
mod roles;
mod running;
mod secrets;
mod security_groups;
mod status;
mod there;
mod zones;

pub use crate::resource::task_definition::Container as RunningContainer;
pub use existing_network::Found as FoundNetwork;
pub use existing_zone::Found as FoundZone;
pub use outdated::Outdated;
pub use parameters::plain_parameters;
pub use running::{Running, RunningBalancer, RunningInstances, RunningService};
pub use secrets::{Secret, Secrets, policy as secrets_policy};
pub use status::{
    Address, At, Bounds, InstanceStatus, Known, Room, ServiceStatus, State, Status, Targets,
};
pub use there::There;

/// Who calls, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// The account's number.
    pub account: String,
    /// The account's alias, where it has one and somebody has asked for it.
    pub alias: Option<String>,
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
    /// The zones of the subnets: two, where the network is the stack's own.
    pub zones: Vec<String>,
    /// The network that somebody else made, if the stack stands in one.
    pub existing_network: Option<FoundNetwork>,
    /// The AMI for a new launch template; empty when the stack keeps the one it has.
    pub image: String,
    /// The instances that began with something else than is wanted now.
    pub outdated: Option<Outdated>,
    /// How many instances a new group starts with.
    pub first_instances: u32,
    /// What is known of the instance type, if there are to be instances.
    pub instance_type: Option<InstanceType>,
    /// By service, the deployment after which another one is wanted although nothing else has changed.
    pub superseded: BTreeMap<String, String>,
    /// The zones of others that are to know names, by the load balancer that they are for.
    pub existing_zones: BTreeMap<Scheme, FoundZone>,
    /// The secrets of the services.
    pub secrets: Secrets,
    /// What is there of what a stack may have several of.
    pub there: There,
    /// By service, ARN of the revision that it runs.
    pub revisions: BTreeMap<String, String>,
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

/// Who calls. The first call of every command.
pub async fn caller(aws: &Aws) -> Result<Caller> {
    let identity = aws.sts.get_caller_identity().send().await.doing("ask AWS who is calling")?;
    let arn = identity.arn().unwrap_or_default().to_owned();
    let partition = Arn::parse(&arn).map_or("aws", |arn| arn.partition);
    Ok(Caller {
        account: identity.account().unwrap_or_default().to_owned(),
        alias: None,
        partition: partition.to_owned(),
        arn,
    })
}

/// The account's alias, if it has one and the caller may know it: people know their accounts by it.
pub async fn alias(aws: &Aws) -> Option<String> {
    let listed = aws.iam.list_account_aliases().send().await.ok()?;
    listed.account_aliases.into_iter().next()
}

/// Looks up all that a pattern needs to know, concurrently with the listings that `looks` shares.
pub async fn gather(looks: &Looks, spec: &Spec) -> Result<Facts, Problem> {
    let aws = looks.aws();
    // Fails first, and fast, when there is nobody to talk to.
    let caller = async {
        let caller = caller(aws).await?;
        let roles = roles::check(looks, spec);
        let (secrets, ()) = futures::try_join!(secrets::look_up(looks, spec, &caller), roles)?;
        Ok((caller, secrets))
    };
    let (caller, facts) = futures::try_join!(caller, look_up(looks, spec))?;
    let (caller, (secrets, more)) = caller;
    check_boundary(spec, &caller)?;
    let warnings = facts.warnings.into_iter().chain(more).collect();
    Ok(Facts { caller, secrets, warnings, ..facts })
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
    let instances = spec.instances.as_ref();
    let (zones, network, kind, internet, existing_zones, certificates, groups, there, _) = futures::join!(
        zones::choose(looks, spec),
        existing_network::look_up(looks, spec),
        optional(instances, async |instances| instance_type::look_up(aws, instances).await),
        internet::check(looks, spec),
        existing_zone::look_up(looks, spec),
        certificate::check(looks, spec),
        security_groups::check(looks, spec),
        There::look(looks),
        // For `outdated`, so that it need not wait for it afterwards.
        optional(instances, async |_| looks.list::<AutoScalingGroup>(None).await.map(drop)),
    );
    // A type that there is not has no zones either.
    if let Err(Problem::Refused(errors)) = kind {
        return Err(Problem::Refused(errors));
    }
    let (mut zones, mut warnings) = zones?;
    let (network, judgement) = network?;
    warnings.extend(judgement.warnings);
    if let Some(network) = &network {
        zones.clone_from(&network.zones);
    }
    // Most stacks have none.
    let by_endpoints = |own: &OwnNetwork| !own.endpoints.is_empty() || own.is_open();
    if spec.network.own().is_some_and(by_endpoints) {
        warnings.extend(endpoints::check(looks, spec, &zones).await?);
    }
    let there = there?;
    warnings.extend(internet?);
    let (existing_zones, more) = existing_zones?;
    warnings.extend(more);
    warnings.extend(certificates?);
    warnings.extend(groups?);

    let (mut image, mut first_instances, mut instance_type) = (String::new(), 0, None);
    let (mut room, mut outdated) = (None, None);
    if let Some(instances) = instances {
        let kind = match kind {
            Ok(Some(Some((kind, warning)))) => {
                warnings.extend(warning);
                Some(kind)
            }
            Ok(_) => {
                let names = instances.instance_types.join(", ");
                warnings.push(format!("AWS says nothing of the instance type `{names}`"));
                None
            }
            Err(Problem::Aws(error)) if error.is_not_offered() => {
                warnings.push(unknown("look up the instance type", &error));
                None
            }
            Err(problem) => return Err(problem),
        };
        let services: Vec<_> = spec.services_on(RunOn::Instances).collect();
        let count = services.iter().map(|it| it.count).sum();
        // Without knowing the type, one instance per zone is the safe start.
        let mut needed = 1;
        if let Some(kind) = &kind {
            let (fits, more) = instance_type::check_room(kind, instances, &services)?;
            needed = capacity::instances_for(kind, services.iter().map(|it| (*it, it.count)));
            room = fits;
            warnings.extend(more);
            warnings.extend(outgrown(spec, instances, kind, needed));
        }
        let zones = u32::try_from(zones.len()).unwrap_or_default();
        let (min, max) = (instances.min_size, instances.max_size);
        first_instances = capacity::warm_start(count, needed, zones, min, max);
        image = choose_image(looks, instances, kind.as_ref(), &mut warnings).await?;
        instance_type = kind;
        outdated = outdated::look(looks, instances, &image).await?;
    }
    let mut refused = judgement.findings;
    match addresses::check(spec, room, network.as_ref()) {
        Ok(warning) => warnings.extend(warning),
        Err(Problem::Refused(errors)) => refused.extend(errors),
        Err(problem) => return Err(problem),
    }
    if !refused.is_empty() {
        return Err(Problem::Refused(refused));
    }
    warnings.extend(asleep(spec));
    Ok(Facts {
        caller: Caller::default(),
        region: looks.scope().region().to_owned(),
        zones,
        existing_network: network,
        image,
        outdated,
        first_instances,
        instance_type,
        superseded: BTreeMap::new(),
        existing_zones,
        secrets: Secrets::new(),
        revisions: revisions(looks).await?,
        there,
        warnings,
    })
}

/// That the instances do not suffice for as many tasks as scaling lets the services have.
fn outgrown(
    spec: &Spec,
    instances: &Instances,
    kind: &InstanceType,
    needed: u32,
) -> Option<String> {
    let services = spec.services_on(RunOn::Instances).map(|it| (it, it.most()));
    let most = capacity::instances_for(kind, services);
    let is_outgrown = spec.scales() && needed <= instances.max_size && most > instances.max_size;
    is_outgrown.then(|| {
        format!(
            "with as many tasks as `scaling` lets the services have, they take {most} instances, and there \
             are {} at most: say --max-size {most}",
            instances.max_size
        )
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
    let same_type = now.instance_type.as_deref() == Some(instances.first_type());
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
                // What was said last is of the type.
                let why = warnings.last().map(String::as_str).unwrap_or_default();
                let rule = format!("{why}: so no AMI can be chosen, name one with --ami");
                Err(refused("--instance-type", instances.first_type(), rule))
            }
        },
    }
}

/// Services that may fall asleep for ever.
fn asleep(spec: &Spec) -> impl Iterator<Item = String> {
    let scales_to_none =
        |it: &&crate::spec::Service| it.scaling.as_ref().is_some_and(|scaling| scaling.min == 0);
    spec.services.iter().filter(scales_to_none).map(|it| {
        format!(
            "service.{}.scaling.min is 0: a service without tasks has no load, so nothing starts one again",
            it.name
        )
    })
}

/// ARNs of the revisions that the stack's services run, by their names.
pub async fn revisions(looks: &Looks) -> Result<BTreeMap<String, String>> {
    let services = looks.list::<Service>(None).await?;
    let runs = services.iter().map(Owned::it);
    let runs = runs.filter_map(|it| Some((it.name.clone(), it.task_definition.clone()?)));
    Ok(runs.collect())
}

/// The newest deployments of the stack's services, which a forced deploy supersedes.
pub async fn deployments(looks: &Looks) -> Result<BTreeMap<String, String>> {
    let services = looks.list::<Service>(None).await?;
    let newest = services.iter().map(Owned::it);
    let newest =
        newest.filter_map(|it| Some((it.name.clone(), it.deployment.as_ref()?.id.clone())));
    Ok(newest.collect())
}

fn unknown(what: &str, error: &Error) -> String {
    format!("could not {what}: {}", error.cause)
}

fn refused(field: &'static str, value: &str, rule: impl Into<String>) -> Problem {
    SpecError::new(field, value, rule).into()
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
