//! Calls of Auto Scaling: a group with a launch template takes what the template takes.

use crate::arn::short;
use crate::ec2;
use crate::fields::{Fields, Tags};
use crate::iam::policy::{make_missing, pass, role};
use crate::partition;
use crate::policy::call::Call;
use crate::policy::required::{Required, Tagging, Target};

/// What a call of Auto Scaling takes.
pub(super) fn required(call: &Call<'_>) -> Vec<Required> {
    if call.looks() {
        return vec![call.own([Target::any()])];
    }
    let name = call.input.text("AutoScalingGroupName");
    match call.operation {
        "CreateAutoScalingGroup" => {
            let tags = call.input.tags("Tags");
            let made = Target::new(call.arn(&resource(name)), tags);
            let mut all = vec![call.own([made.clone()])];
            if !made.request.is_empty() {
                all.push(Required::new("autoscaling:CreateOrUpdateTags", [made]));
            }
            all.extend(make_missing(call.view, &super::LINKED));
            all.extend(launch(call));
            all
        }
        "UpdateAutoScalingGroup" => {
            let mut all = vec![call.own([group(call, name)])];
            all.extend(launch(call));
            all
        }
        "CreateOrUpdateTags" | "DeleteTags" => {
            let tags = call.input.tags("Tags");
            let groups = call.input.list("Tags").iter().map(|tag| tag.text("ResourceId"));
            let groups = groups.map(|name| group(call, name).tagged(tags.clone()));
            vec![call.own(groups)]
        }
        _ => vec![call.own([group(call, name)])],
    }
}

/// A group as ARNs name it. They hold an id besides, which a call by name does not have.
fn resource(name: &str) -> String {
    format!("autoScalingGroup:*:autoScalingGroupName/{name}")
}

/// A group that should be there.
fn group(call: &Call<'_>, name: &str) -> Target {
    let mut things = call.view.things.iter();
    let found = things.find(|it| it.service == "autoscaling" && short(&it.id) == name);
    let arn = found.map(|group| group.id.clone()).filter(|id| id.starts_with("arn:"));
    let tagging = found.map_or(Tagging::Gone, |group| Tagging::Is(group.tags.clone()));
    let arn = arn.unwrap_or_else(|| call.arn(&resource(name)));
    Target { tagging, ..Target::new(arn, Tags::new()) }
}

/// Auto Scaling tries the template in the caller's name, as a call of `RunInstances` would. What the
/// template says is not checked when it is not known.
fn launch(call: &Call<'_>) -> Vec<Required> {
    let mixed = call.input.part("MixedInstancesPolicy").part("LaunchTemplate");
    let template = match call.input.part("LaunchTemplate") {
        template if template.is_null() => mixed.part("LaunchTemplateSpecification"),
        template => template,
    };
    let id = template.some_text("LaunchTemplateId");
    let Some(known) = id.or_else(|| template.some_text("LaunchTemplateName")) else {
        return Vec::new();
    };
    let data = (call.view.template)(known, template.some_text("Version").unwrap_or("$Default"));
    let subnets = call.input.text("VPCZoneIdentifier").split(',');
    let subnets = subnets.map(str::trim).filter(|subnet| !subnet.is_empty());
    let run = Call { service: "ec2", operation: "RunInstances", ..*call };
    let mut all = ec2::policy::launch(&run, id, subnets, data.as_ref());
    let profile = data.as_ref().map(|data| data.part("IamInstanceProfile"));
    let profile = profile.and_then(|it| it.some_text("Name").or_else(|| it.some_text("Arn")));
    let passed = profile.and_then(|profile| (call.view.role_of_profile)(profile));
    let ec2_service = partition::ec2_service(call.view.partition());
    all.extend(passed.map(|arn| pass(role(&arn), ec2_service)));
    all
}
