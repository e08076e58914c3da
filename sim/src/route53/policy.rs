//! Calls of Route 53, whose zones know no conditions on tags.

use crate::arn::{Arn, short};
use crate::fields::{Fields, Tags};
use crate::policy::call::Call;
use crate::policy::required::{Required, Target};

/// What a call of Route 53 takes.
pub(super) fn required(call: &Call<'_>) -> Vec<Required> {
    let input = call.input;
    let members = ["HostedZoneId", "ResourceId", "Id"];
    let id = members.iter().find_map(|member| input.some_text(member)).map(short);
    let partition = call.view.partition();
    let zone = |id: &str| {
        let resource = format!("hostedzone/{id}");
        let arn =
            Arn { partition, service: "route53", region: "", account: "", resource: &resource };
        Target::new(arn.to_string(), Tags::new())
    };
    let vpcs = || Required::new("ec2:DescribeVpcs", [Target::any()]);
    let target = id.map_or_else(Target::any, zone);
    match call.operation {
        "CreateHostedZone" if input.get("VPC").is_some() => {
            vec![call.own([Target::any()]), vpcs()]
        }
        "AssociateVPCWithHostedZone" => vec![call.own([target]), vpcs()],
        "ChangeResourceRecordSets" => {
            let changes = input.part("ChangeBatch").list("Changes");
            let of = |name: &str| -> Vec<String> {
                let sets = changes.iter().map(|change| change.part("ResourceRecordSet"));
                sets.map(|set| set.text(name).to_owned()).collect()
            };
            let asked: Vec<_> =
                changes.iter().map(|change| change.text("Action").to_owned()).collect();
            let name = |name: String| name.trim_end_matches('.').to_ascii_lowercase();
            let own = call.own([target]).with(
                "route53:ChangeResourceRecordSetsNormalizedRecordNames",
                of("Name").into_iter().map(name),
            );
            let own = own.with("route53:ChangeResourceRecordSetsRecordTypes", of("Type"));
            vec![own.with("route53:ChangeResourceRecordSetsActions", asked)]
        }
        _ => vec![call.own([target])],
    }
}
