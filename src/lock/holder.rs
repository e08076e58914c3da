//! Who holds a lock, in words that help to find them.

/// Where a CI system says which job runs: as it is, or as the parts of an address.
const JOBS: &[&[&str]] = &[
    &["GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "=actions/runs", "GITHUB_RUN_ID"],
    &["CI_JOB_URL"],
    &["BUILDKITE_BUILD_URL"],
    &["CIRCLE_BUILD_URL"],
    &["BUILD_URL"],
    &["CODEBUILD_BUILD_ID"],
];

/// Files and variables that hold the machine's name.
const HOST_FILES: &[&str] = &["/proc/sys/kernel/hostname", "/etc/hostname"];
const HOST_VARIABLES: &[&str] = &["HOSTNAME", "COMPUTERNAME"];

/// Names the caller and the job or process that it runs in.
pub(super) fn holder(who: &str, variable: &dyn Fn(&str) -> Option<String>) -> String {
    let value = |name: &str| variable(name).filter(|value| !value.is_empty());
    let part = |part: &&str| part.strip_prefix('=').map(str::to_owned).or_else(|| value(part));
    let job = |parts: &&[&str]| parts.iter().map(part).collect::<Option<Vec<_>>>();
    if let Some(parts) = JOBS.iter().find_map(job) {
        return format!("{who} in {}", parts.join("/"));
    }
    let files = HOST_FILES.iter().filter_map(|file| std::fs::read_to_string(file).ok());
    let host = HOST_VARIABLES.iter().find_map(|name| value(name));
    let host = host.or_else(|| files.map(|it| it.trim().to_owned()).find(|it| !it.is_empty()));
    let host = host.map(|host| format!(" on {host}")).unwrap_or_default();
    format!("{who}{host}, process {}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> String {
        let value = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        holder("arn:aws:iam::1:user/ann", &value)
    }

    #[test]
    fn a_holder_is_named_by_its_job_or_its_process() {
        let job = [
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "acme/shop"),
            ("GITHUB_RUN_ID", "7"),
        ];
        let address = "arn:aws:iam::1:user/ann in https://github.com/acme/shop/actions/runs/7";
        assert_eq!(of(&job), address);
        let process = std::process::id();
        let host = format!("arn:aws:iam::1:user/ann on build-3, process {process}");
        assert_eq!(of(&[job[0], ("HOSTNAME", "build-3"), ("CI_JOB_URL", "")]), host);
    }
}
