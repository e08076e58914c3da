//! What to do about failures whose cause is known by AWS's words.

/// Words of AWS, and what to do about what they tell.
///
/// The reasons of scaling activities have a code or only its message.
const HINTS: [(&[&str], &str); 4] = [
    (
        &["CannotPull", "pull access denied"],
        "the image cannot be pulled: check `--image`, and that the tasks can reach its registry",
    ),
    (&["health checks"], "the tasks fail their health checks: check `--health-path` and `--port`"),
    (
        &["VcpuLimitExceeded", "vCPU limit"],
        "a quota of EC2 is used up: raise `Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) \
         instances` in Service Quotas, or the one of the instance type's own family; or ask for \
         less, such as with `--count`",
    ),
    (
        &["InsufficientInstanceCapacity", "do not have sufficient"],
        "EC2 has no such instances left in the stack's zones: take another `--instance-type`, or \
         another `--region`",
    ),
];

/// What to do about a failure, when its reason tells a cause that is known.
pub(super) fn for_failure(why: &str) -> Option<&'static str> {
    let known = HINTS.iter().find(|(words, _)| words.iter().any(|it| why.contains(it)));
    known.map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_is_known_has_a_hint() {
        let flags = |why: &str, words: &[&str]| {
            let hint = for_failure(why).unwrap();
            assert!(words.iter().all(|word| hint.contains(word)), "{why}: {hint}");
        };
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
    }

    #[test]
    fn a_cause_that_is_unknown_has_none() {
        assert_eq!(for_failure("Essential container in task exited (web exited with 1)"), None);
        assert_eq!(for_failure("create the VPC: VpcLimitExceeded: the maximum is reached"), None);
    }
}
