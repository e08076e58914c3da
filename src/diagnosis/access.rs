//! A role, a secret or a log group is not as a task needs it before it starts.
//!
//! ECS guide, "`ResourceInitializationError`", "Stopped tasks error messages" and "service event
//! messages"; the agent's own words are in amazon-ecs-agent (`agent/asm`, `agent/taskresource`).

use super::Waiting::{Hopeless, MayHelp};
use super::table::{Cause, cause, named};
use super::{Evidence, Family, Finding};

pub(super) const CAUSES: &[Cause] = &[
    cause(
        "role-trust",
        MayHelp,
        &[&["unable to assume the role"], &["unable to assume role"]],
        "ECS cannot take on the role{role} with which tasks are started",
        "a role that is younger than two minutes may only not be known everywhere yet; otherwise run the \
         same `ecsup deploy` again, which restores its trust policy",
    )
    .sign_of(&[Family::Access]),
    cause(
        "role-gone",
        Hopeless,
        &[&["unable to find execution role credentials"]],
        "the agent gets no credentials of the role{role} with which tasks are started",
        "run the same `ecsup deploy` again, which makes the role anew where it is gone",
    ),
    cause(
        "secret-key-rights",
        Hopeless,
        &[&["kms:decrypt"], &["kms", "accessdenied"]],
        "the role{role} with which tasks are started may not use the key of a secret",
        "allow that role `kms:Decrypt` on the key",
    ),
    cause(
        "secret-rights",
        Hopeless,
        &[&["unable to retrieve secret", "accessdenied"], &["fetching secret data", "accessdenied"]],
        "the role{role} with which tasks are started may not read a secret",
        "allow that role `secretsmanager:GetSecretValue` on the secret, or `ssm:GetParameters` on the \
         parameter",
    ),
    cause(
        "secret-missing",
        Hopeless,
        &[
            &["invalid parameters:"],
            &["invalid ssm parameters"],
            &["unable to retrieve secret", "resourcenotfoundexception"],
            &["unable to retrieve secret", "can't find the specified secret"],
        ],
        "a secret or parameter that the task names does not exist in this region",
        "check its name, and that it is in the region of the stack",
    ),
    cause(
        "secret-key",
        Hopeless,
        &[&["did not contain json key"]],
        "a secret does not have the key that the task names",
        "add the key to the secret's JSON, or name one that it has",
    ),
    cause(
        "secret-unreachable",
        MayHelp,
        &[
            &["unable to retrieve secret", "i/o timeout"],
            &["unable to retrieve secret", "context deadline exceeded"],
            &["unable to retrieve secret", "request canceled"],
        ],
        "the service that keeps the secrets cannot be reached",
        "check that the tasks get out: `--nat single` or `--nat per-zone` gives their subnets a way",
    )
    .sign_of(&[Family::Network]),
    cause(
        "environment-file",
        Hopeless,
        &[&["failed to download env files"], &["environment file", "accessdenied"]],
        "a file with the task's environment cannot be read",
        "allow the role with which tasks are started `s3:GetObject` on the file and `s3:GetBucketLocation` \
         on its bucket",
    ),
    cause(
        "logs-missing",
        Hopeless,
        &[&["log group does not exist"]],
        "the log group{logs} does not exist",
        "run the same `ecsup deploy` again, which makes it anew",
    ),
    cause(
        "logs-rights",
        Hopeless,
        &[
            &["logger args", "accessdenied"],
            &["logging driver", "accessdenied"],
            &["log stream", "accessdenied"],
        ],
        "the role{role} with which tasks are started may not write to the log group{logs}",
        "run the same `ecsup deploy` again, which attaches its policy anew; if that does not help, a \
         boundary or a policy of the organisation denies `logs:CreateLogStream` or `logs:PutLogEvents`",
    )
    .sign_of(&[Family::Access]),
    cause(
        "logs-unreachable",
        MayHelp,
        &[
            &["logger args", "i/o timeout"],
            &["logger args", "context deadline exceeded"],
            &["logging driver", "i/o timeout"],
            &["log stream", "i/o timeout"],
        ],
        "CloudWatch Logs cannot be reached",
        "check that the tasks get out: `--nat single` or `--nat per-zone` gives their subnets a way",
    )
    .sign_of(&[Family::Network]),
    cause(
        "ecs-role-trust",
        Hopeless,
        &[&["trust relationship has been misconfigured"]],
        "ECS may not take on its own role in this account",
        "restore the service-linked role `AWSServiceRoleForECS`: delete it in IAM, and run the same `ecsup \
         deploy` again, which makes it anew",
    ),
    cause(
        "ecs-role-rights",
        Hopeless,
        &[&["permissions policies have been misconfigured"]],
        "ECS's own role in this account lacks rights",
        "restore the service-linked role `AWSServiceRoleForECS`: delete it in IAM, and run the same `ecsup \
         deploy` again, which makes it anew",
    ),
];

/// Causes that a role itself shows.
const OF_ROLES: &[Cause] = &[
    cause("role-absent", Hopeless, &[], "a role of the stack is gone", AGAIN),
    cause(
        "role-distrusts",
        Hopeless,
        &[],
        "the trust policy of a role does not let AWS take it on",
        AGAIN,
    ),
    cause(
        "role-without-policy",
        Hopeless,
        &[],
        "a role of the stack lacks the policy that it needs",
        AGAIN,
    ),
];

const AGAIN: &str = "somebody has changed it since it was made: run the same `ecsup deploy` again, which \
                     restores it";

/// What is wrong with the roles.
pub(super) fn found(evidence: &Evidence) -> Vec<Finding> {
    let wrong = evidence.roles.iter().filter_map(|role| {
        let (name, why) = match role {
            it if !it.exists => ("role-absent", format!("there is no role `{}`", it.name)),
            it if !it.is_trusted => (
                "role-distrusts",
                format!("the trust policy of `{}` does not name {}", it.name, it.service),
            ),
            it if !it.has_policy => {
                ("role-without-policy", format!("`{}` is without {}", it.name, it.policy))
            }
            _ => return None,
        };
        let cause = named(OF_ROLES, name)?.finding(Family::Access, evidence);
        Some(cause.resting_on("iam:GetRole", why))
    });
    wrong.collect()
}

#[cfg(test)]
pub(super) const ALL: &[&[Cause]] = &[CAUSES, OF_ROLES];
