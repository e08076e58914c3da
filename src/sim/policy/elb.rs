//! Calls of load balancing.

use super::super::fields::Fields;
use super::call::{Call, Required, Target};

/// What a call of load balancing takes.
pub(super) fn actions(call: &Call<'_>) -> Vec<Required> {
    let input = call.input;
    let tags = input.tags("Tags");
    let add_tags = |arn: String| {
        let made = vec![Target::new(arn, tags.clone())];
        Required::tagging("elasticloadbalancing:AddTags", call.operation, made)
    };
    let create = |resource: String| {
        let arn = call.arn(&resource);
        let made = call.own([Target::new(arn.clone(), tags.clone())]);
        [made].into_iter().chain(add_tags(arn)).collect()
    };
    // What is made in something is checked for that, and its tags for what is made.
    let create_in = |arn: &str, is: &str, makes: &str| {
        let made = arn.replacen(&format!(":{is}/"), &format!(":{makes}/"), 1);
        let own = call.own([call.existing_arn(arn).tagged(tags.clone())]);
        [own].into_iter().chain(add_tags(format!("{made}/*"))).collect()
    };
    match call.operation {
        _ if call.looks() => vec![call.own([Target::any()])],
        "CreateLoadBalancer" => {
            let kind = if input.text("Type") == "network" { "net" } else { "app" };
            create(format!("loadbalancer/{kind}/{}/*", input.text("Name")))
        }
        "CreateTargetGroup" => create(format!("targetgroup/{}/*", input.text("Name"))),
        "CreateListener" => create_in(input.text("LoadBalancerArn"), "loadbalancer", "listener"),
        "CreateRule" => create_in(input.text("ListenerArn"), "listener", "listener-rule"),
        "AddTags" | "RemoveTags" => {
            let all = input.texts("ResourceArns");
            vec![call.own(all.iter().map(|arn| call.existing_arn(arn).tagged(tags.clone())))]
        }
        _ => {
            let members = ["RuleArn", "ListenerArn", "TargetGroupArn", "LoadBalancerArn"];
            let arn = members.iter().find_map(|member| input.some_text(member));
            vec![call.own([arn.map_or_else(Target::any, |arn| call.existing_arn(arn))])]
        }
    }
}
