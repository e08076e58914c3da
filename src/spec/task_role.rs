//! The role of a service's tasks: what the program in them may do.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::arn::Arn;

/// Longest ARN of a role, in characters (IAM API, `Role`).
const ROLE_LIMIT: usize = 2048;
/// As many managed policies as a role takes unless AWS was asked for more (IAM quotas).
const POLICIES: usize = 10;

/// The role of a service's tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TaskRole {
    /// There is none: the program has no permissions.
    #[default]
    None,
    /// One that is there already, by its ARN. It is used as it is.
    Existing(String),
    /// One of the stack's own, which `exec` makes also where nothing else is to be allowed.
    Own {
        /// ARNs of the managed policies that are attached, no one twice.
        policies: Vec<String>,
        /// What it may do besides.
        permissions: Vec<Permission>,
    },
}

/// Something that tasks may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// The actions, such as `sqs:SendMessage`; at least one.
    pub actions: Vec<String>,
    /// The ARNs that they are about, or `*`; at least one.
    pub resources: Vec<String>,
    /// When: values by operator and key.
    pub condition: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

/// As many characters as an inline policy of ours may have: IAM takes 10,240 of all that a role has together,
/// white space apart (IAM quotas), and the old one and the new one stand side by side while tasks are replaced. What
/// `exec` takes is beside them.
pub(crate) const INLINE_LIMIT: usize = 4960;

/// A policy document of these statements.
pub(crate) fn policy(statements: &[Value]) -> String {
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

/// What tasks may do, as a policy document.
pub fn document(permissions: &[Permission]) -> String {
    let statement = |it: &Permission| {
        let Permission { actions, resources, condition } = it;
        let mut statement = json!({ "Effect": "Allow", "Action": actions, "Resource": resources });
        if !condition.is_empty() {
            statement["Condition"] = json!(condition);
        }
        statement
    };
    policy(&permissions.iter().map(statement).collect::<Vec<_>>())
}

/// Reads what tasks may do out of a policy document, as far as permissions can say it.
pub fn permissions_of(document: &str) -> Vec<Permission> {
    let texts = |value: &Value| match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(all) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    let permission = |statement: &Value| {
        let mut condition = BTreeMap::new();
        for (operator, keys) in statement["Condition"].as_object().into_iter().flatten() {
            let keys = keys.as_object().into_iter().flatten();
            let keys = keys.map(|(key, values)| (key.clone(), texts(values))).collect();
            condition.insert(operator.clone(), keys);
        }
        let (actions, resources) = (texts(&statement["Action"]), texts(&statement["Resource"]));
        let is_whole =
            statement["Effect"] == "Allow" && !actions.is_empty() && !resources.is_empty();
        is_whole.then_some(Permission { actions, resources, condition })
    };
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let statements = document["Statement"].as_array().into_iter().flatten();
    statements.filter_map(permission).collect()
}

/// Checks the ARN of a role.
pub(crate) fn check_role(text: &str) -> Result<String, String> {
    let fits = match Arn::parse(text) {
        Some(Arn { partition, service: "iam", region: "", account, resource }) => {
            let account = account.len() == 12 && account.bytes().all(|it| it.is_ascii_digit());
            let name = resource.strip_prefix("role/").unwrap_or_default();
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_/-".contains(&byte);
            let named = !name.is_empty() && !name.ends_with('/') && name.bytes().all(allowed);
            partition.starts_with("aws") && account && named
        }
        _ => false,
    };
    match fits && text.len() <= ROLE_LIMIT {
        true => Ok(text.to_owned()),
        false => {
            Err("must be the ARN of a role, such as `arn:aws:iam::123456789012:role/NAME`".into())
        }
    }
}

/// Checks how many managed policies there are.
pub(crate) fn check_policies(policies: &[String]) -> Result<(), String> {
    match policies.len() <= POLICIES {
        true => Ok(()),
        false => Err(format!("are more than the {POLICIES} that IAM lets a role have")),
    }
}

/// Checks an action: a service and what is done, in which `*` and `?` stand for others.
pub(crate) fn check_action(text: &str) -> Result<(), String> {
    let (service, action) = text.split_once(':').unwrap_or_default();
    let is_name = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
    let is_action = |it: u8| it.is_ascii_alphanumeric() || b"*?".contains(&it);
    let fits = !service.is_empty()
        && service.bytes().all(is_name)
        && !action.is_empty()
        && action.bytes().all(is_action);
    let rule = "must be a service and an action of it, such as `sqs:SendMessage` or `sqs:*`";
    fits.then_some(()).ok_or_else(|| rule.to_owned())
}

/// Checks what an action is about.
pub(crate) fn check_resource(text: &str) -> Result<(), String> {
    let is_arn = Arn::parse(text).is_some_and(|arn| {
        let is_there = |part: &str| !part.is_empty();
        is_there(arn.partition) && is_there(arn.service) && is_there(arn.resource)
    });
    let rule = "must be an ARN, such as `arn:aws:sqs:eu-west-1:123456789012:jobs`, or `*`";
    let fits = text == "*" || is_arn && !text.contains(char::is_whitespace);
    fits.then_some(()).ok_or_else(|| rule.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allowed_is_read_as_it_was_written() {
        let tags = BTreeMap::from([("aws:ResourceTag/team".to_owned(), vec!["a".to_owned()])]);
        let permission = Permission {
            actions: vec!["sqs:*".to_owned()],
            resources: vec!["*".to_owned()],
            condition: BTreeMap::from([("StringEquals".to_owned(), tags)]),
        };
        let plain = Permission { condition: BTreeMap::new(), ..permission.clone() };
        let both = vec![permission, plain];
        assert_eq!(permissions_of(&document(&both)), both);
        assert_eq!(permissions_of("no JSON"), []);
    }

    #[test]
    fn actions_and_arns_have_their_form() {
        for good in ["sqs:*", "s3:GetObject*", "execute-api:Invoke"] {
            assert_eq!(check_action(good), Ok(()), "{good}");
        }
        for bad in ["sqs", "*", ":x", "sqs:", "SQS:x", "sqs:Send Message", "sqs:a:b"] {
            assert!(check_action(bad).is_err(), "{bad}");
        }
        for good in ["*", "arn:aws:s3:::bucket/*", "arn:aws:sqs:*:123456789012:jobs-*"] {
            assert_eq!(check_resource(good), Ok(()), "{good}");
        }
        for bad in ["", "jobs", "arn:aws:sqs", "arn:aws:sqs:a:b:", "arn:aws:sqs:a:b:c d"] {
            assert!(check_resource(bad).is_err(), "{bad}");
        }
        assert!(check_role("arn:aws:iam::123456789012:role/path/web").is_ok());
        for bad in ["web", "arn:aws:iam::123456789012:user/web", "arn:aws:iam::1:role/web"] {
            assert!(check_role(bad).is_err(), "{bad}");
        }
    }
}
