//! Which machine image a new launch template gets.

use super::{Problem, refused};
use crate::aws::{Aws, Doing};
use crate::capacity::{self, InstanceType};

/// The newest ECS-optimized image for the instance type.
pub(super) async fn newest(aws: &Aws, kind: &InstanceType) -> Result<String, Problem> {
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
        Err(error) if error.is_not_offered() => {
            Err(refused("--ami", "", format!("the newest cannot be looked up ({error}): name one")))
        }
        Err(error) => Err(error.into()),
    }
}

/// The stack's own image, which nobody typed.
pub(super) struct Kept<'a> {
    /// The instance type that it runs on, if that was read.
    pub(super) instance_type: Option<&'a str>,
}

/// Refuses an AMI that is not there or is made for another architecture. One that the stack `kept` is
/// no flag of this run's: what was typed, or left out, is the instance type.
pub(super) async fn check(
    aws: &Aws,
    id: &str,
    kind: Option<&InstanceType>,
    kept: Option<&Kept<'_>>,
) -> Result<(), Problem> {
    let answer = aws.ec2.describe_images().image_ids(id).send().await.doing("look up the AMI");
    let answer = match answer {
        Err(error) if error.code().is_some_and(|code| code.starts_with("InvalidAMIID")) => {
            let advice = if kept.is_some() { "say --refresh-ami" } else { "name another" };
            let rule = format!("is not there in this region, or not for this account: {advice}");
            return Err(refused("--ami", id, rule));
        }
        answer => answer?,
    };
    let image = answer.images().iter().find(|image| image.image_id() == Some(id));
    let architecture =
        image.and_then(|image| image.architecture()).map(|it| it.as_str().to_owned());
    let (Some(is), Some(kind)) = (architecture, kind) else { return Ok(()) };
    let InstanceType { name, architecture, .. } = kind;
    match kept {
        _ if is == architecture.to_string() => Ok(()),
        None => {
            let rule = format!("is for {is}, and `{name}` is {architecture}: name another");
            Err(refused("--ami", id, rule))
        }
        Some(Kept { instance_type }) => {
            let stay = instance_type.map_or_else(String::new, |now| {
                format!("say `--instance-type {now}`, which the stack has now, or ")
            });
            let rule = format!(
                "is {architecture}, and the stack's AMI {id} is for {is}: {stay}change both with \
                 --refresh-ami"
            );
            Err(refused("--instance-type", name, rule))
        }
    }
}
