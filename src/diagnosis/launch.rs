//! EC2 starts no instances for the group: what its activities say.
//!
//! EC2 Auto Scaling guide, "Troubleshoot: EC2 instance launch failures"; `RunInstances` for the rest.

use std::collections::BTreeSet;

use super::Waiting::{Helps, Hopeless, MayHelp};
use super::table::{self, Cause, cause};
use super::{Evidence, Family, Finding, Launch, NEWEST, count, unexplained};

const CALL: &str = "autoscaling:DescribeScalingActivities";

pub(super) const CAUSES: &[Cause] = &[
    cause(
        "profile-unseen",
        Helps,
        &[
            &["invalid iam instance profile"],
            &["iaminstanceprofile"],
            &["has no associated iam roles"],
        ],
        "the instances' profile is not known everywhere yet, and the group tries again",
        "",
    ),
    cause(
        "capacity-none",
        MayHelp,
        &[&["do not have sufficient"], &["insufficientinstancecapacity"]],
        "EC2 has no such instances left",
        "EC2 has no such instances left in the stack's zones: take another `--instance-type`, another \
         stack in `--zones` that have some, or another `--region`",
    ),
    cause(
        "spot-none",
        MayHelp,
        &[&["no spot capacity available"], &["minimum required spot request fulfillment price"]],
        "EC2 has no Spot instances of this type left, or none for this price",
        "take other types, or more of them in `instance_types`, or instances on demand",
    ),
    cause(
        "spot-quota",
        Hopeless,
        &[&["max spot instance count exceeded"], &["maxspotinstancecountexceeded"]],
        "a quota of Spot instances is used up",
        "ask for more of `All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests` (L-34B43A08), or \
         of the one of the types' family, in Service Quotas, or take instances on demand",
    ),
    cause(
        "type-unsupported",
        Hopeless,
        &[
            &["not supported in your requested"],
            &["currently not supported"],
            &["is no longer supported"],
        ],
        "the instance type is not supported",
        "EC2 does not have this type where the stack's subnets are: take another `--instance-type`, or \
         another stack in `--zones` that have it",
    ),
    cause(
        "free-plan",
        Hopeless,
        &[&["not eligible for free tier"]],
        "the instance type is not in the account's plan",
        "the account is on AWS's Free plan, which starts only some instance types: take one of them, \
         such as `--instance-type t3.small`, or upgrade the account to the Paid plan",
    ),
    cause(
        "vcpu-quota",
        Hopeless,
        &[&["vcpu limit"], &["vcpulimitexceeded"], &["current instance limit"]],
        "a quota is used up",
        "",
    ),
    cause(
        "verification",
        MayHelp,
        &[&["pendingverification"], &["is being validated"]],
        "AWS has not verified the account for this region yet",
        "that mostly takes minutes and at times hours: run the same command again later, or take another \
         `--region`",
    ),
    cause(
        "volume-key",
        Hopeless,
        &[&["client.internalerror"], &["invalidkmskey"]],
        "the volumes' key cannot be used",
        "Auto Scaling may not use the key that encrypts the instances' volumes, which is the \
         account's own default key: let the key's policy allow the role \
         `AWSServiceRoleForAutoScaling` kms:CreateGrant, kms:Decrypt, kms:DescribeKey, \
         kms:GenerateDataKeyWithoutPlaintext and kms:ReEncrypt*",
    ),
    cause(
        "launch-forbidden",
        Hopeless,
        &[&["not authorized"], &["unauthorizedoperation"]],
        "the launch is forbidden",
        "a policy forbids Auto Scaling to launch these instances, most likely one of the \
         organisation: ask who manages the account what it allows",
    ),
    cause(
        "image-of-instances",
        Hopeless,
        &[&["image id"], &["invalidamiid"], &["does not match the architecture"], &["ami is not"]],
        "the AMI cannot be used",
        "name an AMI of this region and of the instance type's processor with `--ami`, or change to \
         the newest with `--refresh-ami`",
    ),
    cause(
        "addresses-none",
        MayHelp,
        &[&["insufficientfreeaddressesinsubnet"], &["not enough free addresses"]],
        "a subnet of the stack has no address left for an instance",
        "each task and each instance takes one: say a smaller `--count`, and run that again when what had \
         to stop has stopped; or deploy another stack with a larger `--vpc-cidr`",
    ),
    cause(
        "template-broken",
        Hopeless,
        &[&["does not exist"]],
        "what the launch template names is gone",
        "run the same `ecsup deploy` again, which makes it anew",
    ),
];

/// Causes that pass, or do not: nobody waits for them as long as for others.
pub const SCARCE: &[&str] = &["capacity-none", "spot-none", "addresses-none"];

/// Why the newest launches failed, and how many in a row for the same reason. A failure that the group
/// repairs by itself hides what failed before.
pub(super) fn found(evidence: &Evidence) -> Vec<Finding> {
    let (mut found, mut is_unbroken) = (Vec::new(), true);
    // What somebody has ended on purpose says nothing of why instances do not start.
    let by_hand = |it: &&Launch| it.message.to_lowercase().contains("user initiated");
    for Launch { message, .. } in evidence.launches.iter().filter(|it| !by_hand(it)).take(NEWEST) {
        let text = if message.is_empty() { "AWS does not say why" } else { message.as_str() };
        let finding = table::among(&[(Family::Launch, CAUSES)], text, evidence)
            .unwrap_or_else(|| Finding { family: Family::Launch, ..unexplained(text) });
        count(&mut found, finding.resting_on(CALL, text), &mut is_unbroken);
    }
    for finding in &mut found {
        match finding.name {
            "capacity-none" => {
                let messages = evidence.launches.iter().map(|it| it.message.as_str());
                finding.cause = capacity(messages).unwrap_or_else(|| finding.cause.clone());
            }
            "vcpu-quota" => finding.advice = quota_advice(evidence),
            _ => {}
        }
    }
    // Others are what came before: only the newest tells how it is.
    found.truncate(1);
    found
}

/// Where EC2 has no instances of a type left and where it has some, when that is why the newest
/// launches failed: each failure tells of one zone. "We currently do not have sufficient c5.xlarge
/// capacity in the Availability Zone you requested (us-east-1a). [...] You can currently get c5.xlarge
/// capacity by not specifying an Availability Zone in your request or choosing us-east-1c, us-east-1d."
fn capacity<'a>(messages: impl Iterator<Item = &'a str>) -> Option<String> {
    let between = |text: &'a str, before: &str, after: &str| {
        let (_, rest) = text.split_once(before)?;
        rest.split_once(after).map(|(found, _)| found)
    };
    let (mut kind, mut without, mut with) = ("", BTreeSet::new(), BTreeSet::new());
    for message in messages.take_while(|it| it.contains("do not have sufficient")) {
        kind = between(message, "do not have sufficient ", " capacity")?;
        without.extend(between(message, "you requested (", ")"));
        let others = between(message, " or choosing ", ".").unwrap_or_default();
        with.extend(others.split(", ").filter(|zone| !zone.is_empty()));
    }
    if kind.is_empty() || without.is_empty() {
        return None;
    }
    let list = |zones: BTreeSet<&str>| match zones.into_iter().collect::<Vec<_>>().as_slice() {
        [before @ .., last] if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        all => all.concat(),
    };
    with.retain(|zone| !without.contains(zone));
    let some = match with.is_empty() {
        true => String::new(),
        false => format!(", but has some in {}", list(with)),
    };
    Some(format!("EC2 has no {kind} left in {}{some}", list(without)))
}

/// The quota that is too small, and what the stack asks of it.
fn quota_advice(evidence: &Evidence) -> String {
    let (shape, group) = (evidence.wanted.shape.as_ref(), evidence.group.as_ref());
    let Some(shape) = shape else {
        return "ask for more of the quota in Service Quotas, or for less with `--instance-type` or \
                `--count`"
            .to_owned();
    };
    let kind = &shape.name;
    let count = group.map_or(1, |it| u64::try_from(it.desired.max(1)).unwrap_or(1));
    let these = match count {
        1 => format!("1 instance of `{kind}`"),
        count => format!("{count} instances of `{kind}`"),
    };
    let needs = match shape.vcpus {
        Some(vcpus) => format!("{} vCPUs for {these}", vcpus * count),
        None => these,
    };
    let (name, code) = quota(kind);
    short_of(&needs, name, code, "`--instance-type` or `--count`")
}

/// What to do about a quota that is too small.
pub(super) fn short_of(needs: &str, name: &str, code: &str, less: &str) -> String {
    format!(
        "this stack needs {needs}, and a quota of the account leaves less: ask for more of `{name}` \
         ({code}) in Service Quotas, or for less with {less}"
    )
}

/// The name and the code of the quota that an instance type counts against, by the letters with which
/// its family begins (EC2 user guide, "Amazon EC2 instance type quotas").
fn quota(instance_type: &str) -> (&'static str, &'static str) {
    let letters = instance_type.split(|it: char| !it.is_ascii_lowercase()).next();
    match letters.unwrap_or_default() {
        "dl" => ("Running On-Demand DL instances", "L-6E869C2A"),
        "f" => ("Running On-Demand F instances", "L-74FC7D96"),
        "g" | "gr" | "vt" => ("Running On-Demand G and VT instances", "L-DB2E81BA"),
        "hpc" => ("Running On-Demand HPC instances", "L-F7808C92"),
        "inf" => ("Running On-Demand Inf instances", "L-1945791B"),
        "p" => ("Running On-Demand P instances", "L-417A185B"),
        "trn" => ("Running On-Demand Trn instances", "L-2C3B7624"),
        "u" => ("Running On-Demand High Memory instances", "L-43DA4232"),
        "x" => ("Running On-Demand X instances", "L-7295265B"),
        _ => {
            let name = "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances";
            (name, "L-1216C47A")
        }
    }
}
