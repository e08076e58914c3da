//! What has to be known about the account and the region before a graph can be drawn: read-only.
//!
//! A look-up that an endpoint does not offer, or that the caller may not make, gives a warning and
//! never a refusal: it only means that AWS will say later what ecsup could have said now.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{Filter, InstanceTypeInfo, LocationType};

use crate::aws::{Aws, Doing, Error, Meaning, Result};
use crate::capacity::{self, Architecture, InstanceType};
use crate::engine::looks::Looks;
use crate::resource::launch_template::LaunchTemplate;
use crate::resource::subnet::Subnet;
use crate::spec::{Ami, Capacity, Instances, Spec, SpecError};

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

/// Codes that mean "this endpoint does not offer that" or "you may not ask that".
const NOT_OFFERED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "InvalidAction",
    "UnknownOperation",
    "UnknownOperationException",
    "UnsupportedOperation",
    "NotImplemented",
    "NotImplementedException",
    "InternalFailure",
    "InternalError",
];

/// Who calls. The first call of every command.
pub async fn caller(aws: &Aws) -> Result<Caller> {
    let identity = aws.sts.get_caller_identity().send().await.doing("ask AWS who is calling")?;
    let arn = identity.arn().unwrap_or_default().to_owned();
    let partition = arn.split(':').nth(1).filter(|part| !part.is_empty()).unwrap_or("aws");
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
    Ok(Facts { caller, ..facts })
}

async fn look_up(looks: &Looks, spec: &Spec) -> Result<Facts, Problem> {
    let aws = looks.aws();
    let instances = match &spec.capacity {
        Capacity::Instances(instances) => Some(instances),
        Capacity::Fargate => None,
    };
    let (zones, kind) = futures::join!(
        zones(looks, instances),
        optional(instances, async |instances| instance_type(aws, instances).await),
    );
    if let Err(Problem::Refused(errors)) = kind {
        return Err(Problem::Refused(errors));
    }
    let (zones, mut warnings) = zones?;
    let mut soft = |what: &str, error: Error| match lenient(&error) {
        true => {
            warnings.push(unknown(what, &error));
            Ok(())
        }
        false => Err(Problem::Aws(error)),
    };

    let (mut image, mut first_instances) = (String::new(), 0);
    if let Some(instances) = instances {
        let kind = match kind {
            Ok(kind) => kind,
            Err(Problem::Aws(error)) => {
                soft("look up the instance type", error)?;
                None
            }
            Err(refused) => return Err(refused),
        };
        if let Some(kind) = &kind {
            let per_instance =
                capacity::tasks_per_instance(kind, &spec.service).map_err(|error| {
                    refused("--instance-type", &instances.instance_type, error.to_string())
                })?;
            let (count, zones) = (spec.service.count, 2);
            let (min, max) = (instances.min_size, instances.max_size);
            first_instances = capacity::warm_start(count, per_instance, zones, min, max);
        } else {
            // Without knowing the type, one instance per zone is the safe start.
            first_instances = capacity::warm_start(
                spec.service.count,
                spec.service.count,
                2,
                instances.min_size,
                instances.max_size,
            );
        }
        let template = looks.list::<LaunchTemplate>(None).await?;
        let now = template.first().and_then(|template| template.it().data.clone());
        let now = now.unwrap_or_default();
        let same_type = now.instance_type.as_deref() == Some(&instances.instance_type);
        let (chosen, advice) = match &instances.ami {
            Ami::Exactly(id) => (Some(id.clone()), "name another"),
            Ami::Latest { refresh: false } if !template.is_empty() => {
                (now.image.clone(), "say --refresh-ami")
            }
            Ami::Latest { .. } => (None, ""),
        };
        image = match &chosen {
            // What the stack runs with already needs no look.
            Some(id) if same_type && now.image.as_ref() == Some(id) => id.clone(),
            Some(id) => match check_image(aws, id, kind.as_ref(), advice).await {
                Ok(()) => id.clone(),
                Err(Problem::Aws(error)) => {
                    soft("look up the AMI", error)?;
                    id.clone()
                }
                Err(refused) => return Err(refused),
            },
            None if !template.is_empty()
                && !matches!(instances.ami, Ami::Latest { refresh: true }) =>
            {
                String::new()
            }
            None => match &kind {
                Some(kind) => newest_image(aws, kind).await?,
                None => {
                    let why = warnings.join("; ");
                    let rule = format!("{why}: so no AMI can be chosen, name one with --ami");
                    return Err(refused("--instance-type", &instances.instance_type, rule));
                }
            },
        };
    }
    Ok(Facts {
        caller: Caller::default(),
        region: looks.scope().region().to_owned(),
        zones,
        image,
        first_instances,
        warnings,
    })
}

/// Makes the service-linked roles that the account lacks: a prerequisite of a first deploy. They stay
/// when the stack goes, since they belong to the account. Returns what could not be looked up.
pub async fn make_service_roles(aws: &Aws, scales: bool) -> Result<Option<String>> {
    let missing = match missing_service_roles(aws, scales).await {
        Ok(missing) => missing,
        Err(error) if lenient(&error) => {
            return Ok(Some(unknown("check the service-linked roles", &error)));
        }
        Err(error) => return Err(error),
    };
    for service in missing {
        let made = aws.iam.create_service_linked_role().aws_service_name(service).send().await;
        match made.doing(format!("create the service-linked role of {service}")) {
            Ok(_) => {}
            // Somebody else was faster: AWS itself makes them on first use.
            Err(error) if error.code() == Some("InvalidInput") => {}
            // AWS makes them itself on first use, if a little late.
            Err(error) if error.is_denied() => {
                return Ok(Some(format!("failed to {error}")));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn unknown(what: &str, error: &Error) -> String {
    format!("could not {what}: {}", error.cause)
}

fn lenient(error: &Error) -> bool {
    error.code().is_some_and(|code| NOT_OFFERED.contains(&code))
        && error.meaning != Meaning::Throttled
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

/// The stack's zones, and what could not be looked up for them. A stack that has both keeps them, and
/// AWS is asked for others only when it has not, or when its instance type changes.
async fn zones(
    looks: &Looks,
    instances: Option<&Instances>,
) -> Result<([String; 2], Vec<String>), Problem> {
    let kept = kept_zones(looks).await?;
    let template = match instances {
        Some(_) => looks.list::<LaunchTemplate>(None).await?.first().map(|it| it.it().clone()),
        None => None,
    };
    let is = template.and_then(|it| it.data).and_then(|data| data.instance_type);
    let same_type = instances.is_none_or(|wanted| is.as_ref() == Some(&wanted.instance_type));
    if let ([Some(first), Some(second)], true) = (&kept, same_type) {
        return Ok(([first.clone(), second.clone()], Vec::new()));
    }
    let (all, offered) = futures::join!(
        all_zones(looks.aws()),
        optional(instances, async |instances| offered_zones(looks.aws(), instances).await),
    );
    let (offered, warnings) = match offered {
        Ok(offered) => (offered, Vec::new()),
        Err(error) if lenient(&error) => {
            (None, vec![unknown("check where the instance type is offered", &error)])
        }
        Err(error) => return Err(error.into()),
    };
    let region = looks.scope().region();
    Ok((choose_zones(&all?, &kept, offered.as_ref(), instances, region)?, warnings))
}

/// The region's zones that are open to the caller, by name. Local Zones and Wavelength Zones have
/// neither NAT gateways nor load balancers for us.
async fn all_zones(aws: &Aws) -> Result<Vec<String>> {
    let filter = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
    let zones = aws
        .ec2
        .describe_availability_zones()
        .filters(filter("zone-type", "availability-zone"))
        .filters(filter("state", "available"))
        .send()
        .await
        .doing("list the region's zones")?;
    let names = zones.availability_zones().iter();
    let names =
        names.filter(|zone| zone.zone_type().is_none_or(|kind| kind == "availability-zone"));
    let names: BTreeSet<_> = names.filter_map(|zone| zone.zone_name().map(str::to_owned)).collect();
    Ok(names.into_iter().collect())
}

/// The zones of the subnets that the stack has, by their number.
async fn kept_zones(looks: &Looks) -> Result<[Option<String>; 2]> {
    let subnets = looks.list::<Subnet>(None).await?;
    Ok(["1", "2"].map(|number| {
        let mut of_number = subnets.iter().filter(|subnet| {
            subnet.owner.node.as_str().rsplit_once('-').is_some_and(|(_, last)| last == number)
        });
        of_number.find_map(|subnet| subnet.it().zone.clone())
    }))
}

/// The zones to use: a stack keeps those it has; a new one takes the first two that offer the
/// instance type.
fn choose_zones(
    all: &[String],
    kept: &[Option<String>; 2],
    offered: Option<&BTreeSet<String>>,
    instances: Option<&Instances>,
    region: &str,
) -> Result<[String; 2], Problem> {
    let suits = |zone: &&String| offered.is_none_or(|offered| offered.contains(*zone));
    let kind = instances.map(|instances| instances.instance_type.as_str()).unwrap_or_default();
    if let Some(zone) = kept.iter().flatten().find(|zone| !suits(zone)) {
        let rule = format!("is not offered in {zone}, where the stack's subnets are");
        return Err(refused("--instance-type", kind, rule));
    }
    let mut free =
        all.iter().filter(suits).filter(|zone| !kept.iter().flatten().any(|it| it == *zone));
    let [first, second] = kept.clone();
    let first = first.or_else(|| free.next().cloned());
    let second = second.or_else(|| free.next().cloned());
    match (first, second) {
        (Some(first), Some(second)) => Ok([first, second]),
        _ if all.len() < 2 => {
            let rule =
                format!("a load balancer needs two zones, and this region has {}", all.len());
            Err(refused("--region", region, rule))
        }
        _ => {
            let open: Vec<_> = all.iter().filter(suits).cloned().collect();
            let rule = match open.as_slice() {
                [] => format!("is not offered in any zone of {region}"),
                open => {
                    format!("is offered only in {}, and a stack needs two zones", open.join(", "))
                }
            };
            Err(refused("--instance-type", kind, rule))
        }
    }
}

/// Which of [`SERVICE_ROLES`] are not there. AWS lets anybody list roles below a path.
async fn missing_service_roles(aws: &Aws, scales: bool) -> Result<Vec<&'static str>> {
    let roles = aws.iam.list_roles().path_prefix("/aws-service-role/").into_paginator();
    let roles = roles.items().send().collect::<Result<Vec<_>, _>>().await;
    let roles = roles.doing("list the service-linked roles")?;
    let paths: BTreeSet<_> = roles.iter().map(|role| role.path().to_owned()).collect();
    let needed =
        SERVICE_ROLES.into_iter().filter(|service| scales || !service.starts_with("autoscaling"));
    Ok(needed.filter(|service| !paths.contains(&format!("/aws-service-role/{service}/"))).collect())
}

async fn instance_type(aws: &Aws, instances: &Instances) -> Result<InstanceType, Problem> {
    let name = &instances.instance_type;
    let unknown = || refused("--instance-type", name, "is not an instance type of this region");
    let answer = aws
        .ec2
        .describe_instance_types()
        .instance_types(name.as_str().into())
        .send()
        .await
        .doing("look up the instance type");
    let answer = match answer {
        Err(error) if error.code().is_some_and(|code| code.starts_with("InvalidInstanceType")) => {
            return Err(unknown());
        }
        answer => answer?,
    };
    let of_name =
        |info: &&InstanceTypeInfo| info.instance_type().is_some_and(|kind| kind.as_str() == name);
    let info = answer.instance_types().iter().find(of_name).ok_or_else(unknown)?;
    let architectures =
        info.processor_info().map(aws_sdk_ec2::types::ProcessorInfo::supported_architectures);
    let architectures: Vec<_> = architectures
        .unwrap_or_default()
        .iter()
        .map(aws_sdk_ec2::types::ArchitectureType::as_str)
        .collect();
    let architecture = match architectures.as_slice() {
        all if all.contains(&"arm64") => Architecture::Arm64,
        all if all.contains(&"x86_64") || all.is_empty() => Architecture::X86_64,
        other => {
            let rule = format!(
                "is {}; there are ECS-optimized images for x86_64 and arm64",
                other.join(", ")
            );
            return Err(refused("--instance-type", name, rule));
        }
    };
    let count = |number: Option<i32>| u32::try_from(number.unwrap_or_default()).unwrap_or_default();
    let memory = info
        .memory_info()
        .and_then(aws_sdk_ec2::types::MemoryInfo::size_in_mib)
        .unwrap_or_default();
    Ok(InstanceType {
        name: name.clone(),
        architecture,
        gpu: info.gpu_info().is_some_and(|gpus| !gpus.gpus().is_empty()),
        vcpus: count(info.v_cpu_info().and_then(aws_sdk_ec2::types::VCpuInfo::default_v_cpus)),
        memory_mib: u32::try_from(memory).unwrap_or(u32::MAX),
        network_interfaces: count(
            info.network_info()
                .and_then(aws_sdk_ec2::types::NetworkInfo::maximum_network_interfaces),
        ),
    })
}

async fn offered_zones(aws: &Aws, instances: &Instances) -> Result<BTreeSet<String>> {
    let filter = Filter::builder().name("instance-type").values(&instances.instance_type).build();
    let offerings = aws
        .ec2
        .describe_instance_type_offerings()
        .location_type(LocationType::AvailabilityZone)
        .filters(filter)
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await
        .doing("list the zones that offer the instance type")?;
    let of_type = offerings.iter().filter(|offering| {
        offering.instance_type().is_some_and(|kind| kind.as_str() == instances.instance_type)
    });
    Ok(of_type.filter_map(|offering| offering.location().map(str::to_owned)).collect())
}

/// The newest ECS-optimized image for the instance type.
async fn newest_image(aws: &Aws, kind: &InstanceType) -> Result<String, Problem> {
    let name = capacity::ami_parameter(kind);
    let answer = aws.ssm.get_parameter().name(&name).send().await;
    match answer.doing("look up the newest ECS-optimized AMI") {
        Ok(answer) => {
            let value = answer.parameter().and_then(|parameter| parameter.value());
            let none =
                || refused("--ami", "", format!("AWS's parameter {name} is empty: name an AMI"));
            value.map(str::to_owned).ok_or_else(none)
        }
        Err(error) if error.code() == Some("ParameterNotFound") => Err(refused(
            "--ami",
            "",
            format!("there is no parameter {name} here: name an AMI for `{}`", kind.name),
        )),
        Err(error) if lenient(&error) => {
            Err(refused("--ami", "", format!("the newest cannot be looked up ({error}): name one")))
        }
        Err(error) => Err(error.into()),
    }
}

/// Refuses an AMI that is not there or is made for another architecture.
/// `advice` says what to type instead.
async fn check_image(
    aws: &Aws,
    id: &str,
    kind: Option<&InstanceType>,
    advice: &str,
) -> Result<(), Problem> {
    let answer = aws.ec2.describe_images().image_ids(id).send().await.doing("look up the AMI");
    let answer = match answer {
        Err(error) if error.code().is_some_and(|code| code.starts_with("InvalidAMIID")) => {
            return Err(refused(
                "--ami",
                id,
                format!("is not there in this region, or not for this account: {advice}"),
            ));
        }
        answer => answer?,
    };
    let image = answer.images().iter().find(|image| image.image_id() == Some(id));
    let architecture =
        image.and_then(|image| image.architecture()).map(|it| it.as_str().to_owned());
    match (architecture, kind) {
        (Some(is), Some(kind)) if is != kind.architecture.to_string() => {
            let rule =
                format!("is for {is}, and `{}` is {}: {advice}", kind.name, kind.architecture);
            Err(refused("--ami", id, rule))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn instances() -> Instances {
        Instances {
            instance_type: "c5.xlarge".into(),
            ami: Ami::Latest { refresh: false },
            min_size: 0,
            max_size: 100,
        }
    }

    fn choose(
        all: &[&str],
        kept: [Option<&str>; 2],
        offered: Option<&[&str]>,
    ) -> Result<[String; 2], String> {
        let offered = offered.map(|zones| names(zones).into_iter().collect());
        let kept = kept.map(|zone| zone.map(str::to_owned));
        choose_zones(&names(all), &kept, offered.as_ref(), Some(&instances()), "eu-west-1")
            .map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_new_stack_takes_the_first_zones_that_offer_the_type() {
        let zones = choose(&["a", "b", "c"], [None, None], Some(&["b", "c"]));
        assert_eq!(zones.unwrap(), ["b", "c"]);
        assert_eq!(choose(&["a", "b", "c"], [None, None], None).unwrap(), ["a", "b"]);
    }

    #[test]
    fn a_stack_keeps_its_zones_and_completes_them() {
        assert_eq!(choose(&["a", "b", "c"], [Some("b"), None], None).unwrap(), ["b", "a"]);
        assert_eq!(choose(&["a", "b"], [Some("c"), Some("b")], None).unwrap(), ["c", "b"]);
    }

    #[test]
    fn fewer_than_two_zones_are_refused_with_the_reason() {
        assert_eq!(
            choose(&["a"], [None, None], None).unwrap_err(),
            "--region `eu-west-1`: a load balancer needs two zones, and this region has 1"
        );
        assert_eq!(
            choose(&["a", "b"], [None, None], Some(&["b"])).unwrap_err(),
            "--instance-type `c5.xlarge`: is offered only in b, and a stack needs two zones"
        );
        assert_eq!(
            choose(&["a", "b"], [Some("a"), Some("b")], Some(&["b"])).unwrap_err(),
            "--instance-type `c5.xlarge`: is not offered in a, where the stack's subnets are"
        );
    }
}
