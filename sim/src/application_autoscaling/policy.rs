//! Calls of Application Auto Scaling. Who makes them needs the rights for what is done besides to ECS
//! and `CloudWatch` (Application Auto Scaling guide, "Permissions required for API actions on target
//! services and `CloudWatch`").

use super::LINKED;
use crate::arn::Arn;
use crate::fields::{Fields, Tags};
use crate::iam::policy::make_missing;
use crate::policy::call::Call;
use crate::policy::required::{Required, Tagging, Target};

/// What a call of Application Auto Scaling takes.
pub(super) fn required(call: &Call<'_>) -> Vec<Required> {
    let (input, id) = (call.input, call.input.text("ResourceId"));
    if call.looks() {
        return vec![call.own([Target::any()])];
    }
    if let Some(arn) = input.some_text("ResourceARN") {
        return vec![call.own([call.existing_arn(arn).tagged(input.tags("Tags"))])];
    }
    let own = scoped(call, call.own([target(call, id)]));
    let watches = |verb: &str| {
        let look = Required::new("cloudwatch:DescribeAlarms", [Target::any()]);
        let alarms = format!("alarm:TargetTracking-{id}-*");
        let alarms = Arn::of(&call.view.region, "cloudwatch", &alarms).to_string();
        let alarms = Target::new(alarms, Tags::new());
        [look, Required::new(format!("cloudwatch:{verb}"), [alarms])]
    };
    match call.operation {
        "RegisterScalableTarget" => {
            let made = target(call, id).tagged(input.tags("Tags"));
            let mut all = vec![scoped(call, call.own([made.clone()]))];
            if !made.request.is_empty() {
                all.push(Required::new("application-autoscaling:TagResource", [made]));
            }
            let service = Arn::of(&call.view.region, "ecs", id).to_string();
            all.push(Required::new("ecs:DescribeServices", [Target::any()]));
            all.push(Required::new("ecs:UpdateService", [call.view.existing("ecs", service)]));
            all.extend(make_missing(call.view, &LINKED));
            all
        }
        "PutScalingPolicy" => [own].into_iter().chain(watches("PutMetricAlarm")).collect(),
        _ => [own].into_iter().chain(watches("DeleteAlarms")).collect(),
    }
}

/// A target by the id of its resource. ARNs hold an id besides, which a call does not have.
fn target(call: &Call<'_>, id: &str) -> Target {
    let mut things = call.view.things.iter();
    let found = things.find(|it| it.service == call.service && it.id == id);
    let tagging = match found {
        Some(target) => Tagging::Is(target.tags.clone()),
        None if call.operation == "RegisterScalableTarget" => Tagging::None,
        None => Tagging::Gone,
    };
    Target { tagging, ..Target::new(call.arn("scalable-target/*"), Tags::new()) }
}

/// An action with what of which service it is about.
fn scoped(call: &Call<'_>, action: Required) -> Required {
    let said = |member: &str| [call.input.text(member).to_owned()];
    action
        .with("application-autoscaling:service-namespace", said("ServiceNamespace"))
        .with("application-autoscaling:scalable-dimension", said("ScalableDimension"))
}
