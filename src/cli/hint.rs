//! What to do about failures whose cause is known by AWS's words.

use crate::aws::Error;
use crate::aws::error::Cause;
use crate::facts::Facts;
use crate::spec::{RunOn, Spec};

/// What to do when the caller may not do something.
const DENIED: &str = "the caller lacks this permission: `ecsup permissions` prints the policy that it \
                      needs; or use another profile";
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
        Cause::Refused { .. } if error.is_denied() => Some(DENIED.to_owned()),
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
        &[
            "made for another processor",
            "descriptor matching platform",
            "descriptor for platform",
            "no matching manifest for",
            "exec format error",
        ],
        "the image is made for another processor: build it for the one that the tasks run on, which is \
         linux/amd64 on Fargate and on most instances (`docker buildx build --platform linux/amd64`), \
         or take an `--instance-type` with the image's",
    ),
    (
        &["no such host"],
        "the VPC does not know the registry's name: check `--image`, and that no private zone of the \
         VPC contains that name",
    ),
    (
        &["CannotPull", "pull access denied"],
        "the image cannot be pulled: check `--image`, and that the tasks can reach its registry",
    ),
    (&["health checks"], "the tasks fail their health checks: check `--health-path` and `--port`"),
    (
        &["InsufficientFreeAddressesInSubnet", "not enough free addresses", "Not enough IP space"],
        "the stack's subnets have no address left, and each task and each instance takes one: say a \
         smaller `--count`, and run that again when what had to stop has stopped; or deploy another \
         stack with a larger `--vpc-cidr`",
    ),
    (
        &["InsufficientInstanceCapacity", "do not have sufficient", "EC2 has no "],
        "EC2 has no such instances left in the stack's zones: take another `--instance-type`, another \
         stack in `--zones` that have some, or another `--region`",
    ),
    (
        &["PendingVerification", "is being validated"],
        "AWS has not verified the account for this region yet, which mostly takes minutes and at times \
         hours: run the same command again later, or take another `--region`",
    ),
    (
        &["the instance type is not supported"],
        "EC2 does not have this type where the stack's subnets are: take another `--instance-type`, or \
         another stack in `--zones` that have it",
    ),
    (
        &["the launch is forbidden"],
        "a policy forbids Auto Scaling to launch these instances, most likely one of the \
         organisation: ask who manages the account what it allows",
    ),
    (
        &["the AMI cannot be used"],
        "name an AMI of this region and of the instance type's processor with `--ami`, or change to \
         the newest with `--refresh-ami`",
    ),
    (
        &["not eligible for Free Tier"],
        "the account is on AWS's Free plan, which starts only some instance types: take one of them, \
         such as `--instance-type t3.small`, or upgrade the account to the Paid plan",
    ),
    (
        &["Client.InternalError: Client error on launch"],
        "Auto Scaling may not use the key that encrypts the instances' volumes, which is the \
         account's own default key: let the key's policy allow the role \
         `AWSServiceRoleForAutoScaling` kms:CreateGrant, kms:Decrypt, kms:DescribeKey, \
         kms:GenerateDataKeyWithoutPlaintext and kms:ReEncrypt*",
    ),
    (
        &["Scope ARN"],
        "there is no policy with the ARN of `--permissions-boundary` that a role can be bound by",
    ),
];

/// Words with which a zone refuses what it does not have.
const NOT_IN_ZONE: [&str; 3] = [
    "NotAvailableInZone",
    "cannot be associated with a load balancer",
    "Fargate is not supported in the requested availability zone",
];
/// Words with which EC2 refuses more vCPUs than a quota allows, and with which Fargate does.
const OUT_OF_VCPUS: [&str; 2] = ["VcpuLimitExceeded", "vCPU limit"];
const OUT_OF_FARGATE_VCPUS: &str = "limit on the number of vCPUs";

/// What to do about a failure, when its reason tells a cause that is known.
pub(super) fn for_failure(why: &str, spec: &Spec, facts: &Facts) -> Option<String> {
    let has = |words: &[&str]| words.iter().any(|it| why.contains(it));
    if has(&OUT_OF_VCPUS) || has(&[OUT_OF_FARGATE_VCPUS]) {
        return Some(out_of_vcpus(spec, facts));
    }
    if has(&NOT_IN_ZONE) {
        return Some(format!(
            "a zone of the stack ({}) cannot hold it: choose two others with `--zones`, by name or \
             id",
            facts.zones.join(" or ")
        ));
    }
    for_removal(why).map(str::to_owned)
}

/// What to do about a failure of which nothing is known but its reason.
pub(super) fn for_removal(why: &str) -> Option<&'static str> {
    let known = HINTS.iter().find(|(words, _)| words.iter().any(|it| why.contains(it)));
    known.map(|(_, hint)| *hint)
}

/// The quota that is too small, and what the stack needs of it to begin with.
fn out_of_vcpus(spec: &Spec, facts: &Facts) -> String {
    let (needs, name, code, less) = match &spec.instances {
        Some(instances) => {
            let (count, kind) = (facts.first_instances, &instances.instance_type);
            let these = match count {
                1 => format!("1 instance of `{kind}`"),
                count => format!("{count} instances of `{kind}`"),
            };
            let vcpus = facts.instance_type.as_ref().and_then(|kind| kind.vcpus);
            let needs = match vcpus {
                Some(vcpus) => format!("{} vCPUs for {these}", u64::from(vcpus) * u64::from(count)),
                None => these,
            };
            let (name, code) = quota(kind);
            (needs, name, code, "`--instance-type` or `--count`")
        }
        None => {
            let all = || spec.services_on(RunOn::Fargate);
            let units: f64 = all().map(|it| f64::from(it.cpu) * f64::from(it.count)).sum();
            let tasks: u32 = all().map(|it| it.count).sum();
            let needs = format!("{} vCPUs for {tasks} tasks", units / 1024.0);
            let (name, code) = ("Fargate On-Demand vCPU resource count", "L-3032A538");
            (needs, name, code, "`--cpu` or `--count`")
        }
    };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Caller;
    use crate::spec::Pattern;
    use crate::wish::{ServiceFlags, spec_of_flags};

    fn hint(why: &str) -> Option<String> {
        hint_for(why, ServiceFlags::default())
    }

    /// The hint for a stack of these flags, which begins with two instances.
    fn hint_for(why: &str, flags: ServiceFlags) -> Option<String> {
        let pattern = flags.pattern.or(Some(Pattern::PublicApi));
        let spec = spec_of_flags(&ServiceFlags { pattern, ..flags }).unwrap();
        let facts = Facts {
            caller: Caller::default(),
            region: "eu-west-1".into(),
            zones: ["eu-west-1a".into(), "eu-west-1b".into()],
            image: String::new(),
            first_instances: 2,
            instance_type: None,
            superseded: [].into(),
            existing_zones: [].into(),
            there: crate::facts::There::default(),
            warnings: Vec::new(),
        };
        for_failure(why, &spec, &facts)
    }

    #[test]
    fn a_cause_that_is_known_has_a_hint() {
        let flags = |why: &str, words: &[&str]| {
            let hint = hint(why).unwrap();
            assert!(words.iter().all(|word| hint.contains(word)), "{why}: {hint}");
        };
        let denied = "create the VPC: UnauthorizedOperation: You are not authorized";
        flags(denied, &["ecsup permissions"]);
        flags("create the role: ExpiredToken: The security token included", &["sign in again"]);
        flags("CannotPullContainerError: httpd: not found; ECS gave up", &["--image"]);
        flags("CannotPullImageManifestError: no answer", &["--image"]);
        let sick = "Task failed ELB health checks in (target-group tg-demo)";
        flags(sick, &["--health-path", "--port"]);
        flags("Task failed container health checks", &["--health-path"]);
        let quota = "Running On-Demand Standard";
        flags("Could not launch instances. VcpuLimitExceeded - You have requested", &[quota]);
        flags("more vCPU capacity than your current vCPU limit of 32 allows", &[quota]);
        flags("InsufficientInstanceCapacity - We currently", &["--instance-type"]);
        flags("We currently do not have sufficient c5.xlarge capacity in", &["--instance-type"]);
        flags("EC2 has no c5.xlarge left in eu-west-1a", &["--instance-type", "--zones"]);
        flags("NotAvailableInZone: Nat Gateway is not available", &["--zones"]);
        flags(
            "the following Availability Zones us-west-1a cannot be associated with a load balancer",
            &["--zones"],
        );
    }

    #[test]
    fn an_image_for_another_processor_is_no_matter_of_its_registry() {
        for why in [
            "CannotPullContainerError: pull image manifest has been retried 7 time(s): image Manifest \
             does not contain descriptor matching platform 'linux/amd64'",
            "CannotPullContainerError: no matching manifest for linux/amd64 in the manifest list entries",
            "exec /docker-entrypoint.sh: exec format error",
        ] {
            let hint = hint(why).unwrap();
            assert!(
                hint.contains("--platform linux/amd64") && !hint.contains("registry"),
                "{hint}"
            );
        }
    }

    #[test]
    fn a_quota_that_is_too_small_is_named_with_what_the_stack_needs() {
        let ec2 = "VcpuLimitExceeded: You have requested more";
        let graphics = Some("g4dn.xlarge".to_owned());
        let graphics = ServiceFlags { instance_type: graphics, ..ServiceFlags::default() };
        insta::assert_snapshot!(hint_for(ec2, graphics).unwrap(), @"this stack needs 2 instances of `g4dn.xlarge`, and a quota of the account leaves less: ask for more of `Running On-Demand G and VT instances` (L-DB2E81BA) in Service Quotas, or for less with `--instance-type` or `--count`");
        let fargate =
            ServiceFlags { pattern: Some(Pattern::FargateApi), ..ServiceFlags::default() };
        let why = "You've reached the limit on the number of vCPUs you can run concurrently";
        insta::assert_snapshot!(hint_for(why, fargate).unwrap(), @"this stack needs 0.5 vCPUs for 2 tasks, and a quota of the account leaves less: ask for more of `Fargate On-Demand vCPU resource count` (L-3032A538) in Service Quotas, or for less with `--cpu` or `--count`");
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
