//! What to do about calls that AWS refuses. Why something does not come up that was made is
//! [`crate::diagnosis`]'s affair.

use crate::aws::Error;
use crate::aws::error::Cause;
use crate::facts::Facts;

/// What to do when the caller may not do something.
const DENIED: &str = "the caller lacks this permission: `ecsup permissions` prints the policy that it \
                      needs; or use another profile";
/// What refusals say of permissions that are in a part of the policy of its own, and what to do about them.
const DENIED_A_PART: &[(&[&str], &str)] = &[
    (
        &["perform: application-autoscaling:", "perform: cloudwatch:"],
        "a service of the stack scales, which takes a part of the policy of its own: \
         `ecsup permissions --part scaling` prints it",
    ),
    (
        &["perform: servicediscovery:"],
        "a service of the stack has a name by `discovery`, which takes a part of the policy \
         of its own: `ecsup permissions --part discovery` prints it",
    ),
    (
        &["perform: ecs:RunTask", "perform: ecs:StopTask"],
        "one-off tasks take a part of the policy of their own: `ecsup permissions --part run` prints it for \
         `ecsup run`, `--part verify` for `ecsup verify`, and `--part release` for release commands",
    ),
    (
        &["perform: ecs:ExecuteCommand", "perform: ssm:StartSession"],
        "commands in tasks and ports through them take a part of the policy of its own: \
         `ecsup permissions --part exec` prints it",
    ),
];
/// What to do about credentials whose time is over.
const EXPIRED: &str = "the credentials have expired: sign in again with `aws login` or `aws sso login`, \
                       or fetch new keys, and run the same command again";
/// What to do about credentials that AWS does not take.
const NOT_TAKEN: &str = "AWS does not take these credentials: check the keys and the profile that they \
                         come from, this machine's clock, and that the account has enabled the region";

/// Codes of credentials that AWS does not take, as its services name them.
const BAD_CREDENTIALS: &[&str] = &[
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "AuthFailure",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "IncompleteSignature",
    "InvalidToken",
    "OptInRequired",
];
/// Codes of credentials that were good once.
const OLD_CREDENTIALS: &[&str] = &["ExpiredToken", "ExpiredTokenException", "RequestExpired"];

/// What to do about a call that a command cannot do without. The calls go to `whom`.
pub(super) fn for_error(error: &Error, whom: &str) -> Option<String> {
    let again = "then run the same command again";
    match &error.cause {
        Cause::Refused { message, .. } if error.is_denied() => {
            Some(known(DENIED_A_PART, message).unwrap_or(DENIED).to_owned())
        }
        Cause::Refused { code, .. } if OLD_CREDENTIALS.contains(&code.as_str()) => {
            Some(EXPIRED.to_owned())
        }
        Cause::Refused { code, .. } if BAD_CREDENTIALS.contains(&code.as_str()) => {
            Some(NOT_TAKEN.to_owned())
        }
        Cause::NoAnswer(why) if is_unknown_host(why) => Some(format!(
            "nobody knows where {whom} is: check the name of the region or the endpoint, and this \
             machine's way to the internet"
        )),
        Cause::NoAnswer(why) if why.contains("certificate") => Some(format!(
            "{whom} shows a certificate that this machine does not trust: name the right ones in \
             SSL_CERT_FILE (AWS_CA_BUNDLE is not read), {again}"
        )),
        Cause::NoAnswer(_) => Some(format!("make sure that {whom} can be reached, {again}")),
        Cause::Refused { .. } | Cause::Other(_) => None,
    }
}

/// Whether a host has no address.
fn is_unknown_host(why: &str) -> bool {
    ["dns error", "failed to lookup address", "Name or service not known"]
        .iter()
        .any(|words| why.contains(words))
}

/// Words of AWS, and what to do about what they tell.
///
/// The reasons of scaling activities have a code or only its message.
const HINTS: &[(&[&str], &str)] = &[
    // Before what is denied for other reasons: nothing in AWS's words tells the two apart.
    (
        &["perform: iam:CreateRole", "perform: iam:PutRolePermissionsBoundary"],
        "no role can be made like this: where the organisation demands a permissions boundary, name \
         it with `--permissions-boundary`; else `ecsup permissions` prints the policy that the caller \
         needs",
    ),
    (&["AccessDenied", "UnauthorizedOperation", "is not authorized to perform"], DENIED),
    (OLD_CREDENTIALS, EXPIRED),
    (
        &["InsufficientFreeAddressesInSubnet", "not enough free addresses", "Not enough IP space"],
        "the stack's subnets have no address left, and each task and each instance takes one: say a \
         smaller `--count`, and run that again when what had to stop has stopped; or deploy another \
         stack with a larger `--vpc-cidr`",
    ),
    (
        &["PendingVerification", "is being validated"],
        "AWS has not verified the account for this region yet, which mostly takes minutes and at times \
         hours: run the same command again later, or take another `--region`",
    ),
    (
        &["Scope ARN"],
        "there is no policy with the ARN of `--permissions-boundary` that a role can be bound by",
    ),
];

/// Words with which a zone refuses what it does not have.
const NOT_IN_ZONE: [&str; 2] = ["NotAvailableInZone", "cannot be associated with a load balancer"];

/// What to do about a failure, when its reason tells a cause that is known.
pub(super) fn for_failure(why: &str, facts: &Facts) -> Option<String> {
    if NOT_IN_ZONE.iter().any(|it| why.contains(it)) {
        let others = match facts.existing_network {
            None => "choose two others with `--zones`, by name or id",
            Some(_) => "name subnets of other zones in `network.existing`",
        };
        return Some(format!(
            "a zone of the stack ({}) cannot hold it: {others}",
            facts.zones.join(" or ")
        ));
    }
    for_removal(why).map(str::to_owned)
}

/// What to do about a failure of which nothing is known but its reason.
pub(super) fn for_removal(why: &str) -> Option<&'static str> {
    known(DENIED_A_PART, why).or_else(|| known(HINTS, why))
}

/// The hint of the first row whose words AWS says.
fn known(hints: &[(&[&str], &'static str)], said: &str) -> Option<&'static str> {
    let row = hints.iter().find(|(words, _)| words.iter().any(|it| said.contains(it)));
    row.map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Caller;

    fn hint(why: &str) -> Option<String> {
        let facts = Facts {
            caller: Caller::default(),
            region: "eu-west-1".into(),
            zones: vec!["eu-west-1a".into(), "eu-west-1b".into()],
            existing_network: None,
            image: String::new(),
            outdated: None,
            first_instances: 2,
            instance_type: None,
            superseded: [].into(),
            existing_zones: [].into(),
            secrets: crate::facts::Secrets::new(),
            revisions: std::collections::BTreeMap::new(),
            there: crate::facts::There::default(),
            warnings: Vec::new(),
        };
        for_failure(why, &facts)
    }

    #[test]
    fn a_cause_that_is_known_has_a_hint() {
        let flags = |why: &str, words: &[&str]| {
            let hint = hint(why).unwrap();
            assert!(words.iter().all(|word| hint.contains(word)), "{why}: {hint}");
        };
        let denied = "create the VPC: UnauthorizedOperation: You are not authorized";
        flags(denied, &["ecsup permissions"]);
        let denied = "AccessDeniedException: is not authorized to perform: \
                      application-autoscaling:PutScalingPolicy on resource: *";
        flags(denied, &["--part scaling"]);
        flags("create the role: ExpiredToken: The security token included", &["sign in again"]);
        flags("NotAvailableInZone: Nat Gateway is not available", &["--zones"]);
        flags(
            "the following Availability Zones us-west-1a cannot be associated with a load balancer",
            &["--zones"],
        );
    }

    #[test]
    fn what_a_command_cannot_do_without_is_explained() {
        let of = |cause| {
            let attempt = "ask AWS who is calling".to_owned();
            let error = Error { attempt, cause, meaning: crate::aws::Meaning::Fatal };
            for_error(&error, "AWS in eu-west-9").unwrap()
        };
        let refused = |code: &str| {
            let (code, message) = (code.to_owned(), "no".to_owned());
            of(Cause::Refused { code, message, request_id: None })
        };
        assert!(refused("AccessDenied").contains("ecsup permissions"));
        assert!(refused("ExpiredToken").contains("sign in again"));
        assert!(refused("InvalidClientTokenId").contains("enabled the region"));
        let lost = "dns error: failed to lookup address information".to_owned();
        assert!(of(Cause::NoAnswer(lost)).contains("name of the region"));
        assert!(
            of(Cause::NoAnswer("timed out".into())).contains("AWS in eu-west-9 can be reached")
        );
    }

    #[test]
    fn a_cause_that_is_unknown_has_none() {
        assert_eq!(hint("Essential container in task exited (web exited with 1)"), None);
        assert_eq!(hint("create the VPC: VpcLimitExceeded: the maximum is reached"), None);
    }
}
