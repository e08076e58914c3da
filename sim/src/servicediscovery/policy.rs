//! Calls of Cloud Map. What a namespace does in Route 53 is done with the rights of who calls (Cloud Map guide,
//! "AWS Cloud Map API permissions").

use crate::fields::{Fields, Tags};
use crate::policy::call::Call;
use crate::policy::required::{Required, Target};

/// What a call of Cloud Map takes.
pub(super) fn required(call: &Call<'_>) -> Vec<Required> {
    let input = call.input;
    let named = |kind: &str, id: &str| match id.starts_with("arn:") {
        true => call.existing_arn(id),
        false => call.existing(&format!("{kind}/{id}")),
    };
    let besides = |actions: &[&str]| -> Vec<Required> {
        actions.iter().map(|action| Required::new(*action, [Target::any()])).collect()
    };
    let zone = |action: &str| {
        let partition = call.view.partition();
        let zone = format!("arn:{partition}:route53:::hostedzone/Z0");
        Required::new(action, [Target::new(zone, Tags::new())])
    };
    match call.operation {
        "CreatePrivateDnsNamespace" => {
            let mut all = vec![call.own([Target::any().tagged(input.tags("Tags"))])];
            all.extend(besides(&[
                "ec2:DescribeRegions",
                "ec2:DescribeVpcs",
                "route53:CreateHostedZone",
                "route53:ListHostedZonesByName",
            ]));
            all.push(zone("route53:GetHostedZone"));
            all
        }
        "DeleteNamespace" => {
            let own = call.own([named("namespace", input.text("Id"))]);
            vec![own, zone("route53:DeleteHostedZone")]
        }
        "CreateService" => {
            let namespace = named("namespace", input.text("NamespaceId"));
            let made = Target::new(call.arn("service/*"), Tags::new());
            let all = [namespace, made].map(|it| it.tagged(input.tags("Tags")));
            vec![call.own(all)]
        }
        "DeleteService" => vec![call.own([named("service", input.text("Id"))])],
        "RegisterInstance" | "DeregisterInstance" => {
            let own = call.own([named("service", input.text("ServiceId"))]);
            let types = "route53:ChangeResourceRecordSetsRecordTypes";
            let records = zone("route53:ChangeResourceRecordSets");
            vec![own, records.with(types, ["A".to_owned()])]
        }
        "TagResource" | "UntagResource" => {
            let tagged = call.existing_arn(input.text("ResourceARN"));
            vec![call.own([tagged.tagged(input.tags("Tags"))])]
        }
        _ => vec![call.own([Target::any()])],
    }
}
