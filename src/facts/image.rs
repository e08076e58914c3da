//! Which machine image a new launch template gets.

use super::{Problem, lenient, refused};
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
        Err(error) if lenient(&error) => {
            Err(refused("--ami", "", format!("the newest cannot be looked up ({error}): name one")))
        }
        Err(error) => Err(error.into()),
    }
}

/// Refuses an AMI that is not there or is made for another architecture.
/// `advice` says what to type instead.
pub(super) async fn check(
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
