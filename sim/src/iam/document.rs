//! Policy documents: what IAM refuses in one, how it writes it, and whom a trust policy lets in.

use serde_json::Value;

use super::managed;
use crate::arn::ACCOUNT;
use crate::fields::Fields;
use crate::refusal::Refusal;

/// How many characters a trust policy may have, white space apart.
const MOST_OF_TRUST: usize = 2048;

/// How long a document is for IAM, which does not count white space.
pub(super) fn size(document: &str) -> usize {
    document.chars().filter(|letter| !letter.is_whitespace()).count()
}

/// A document as IAM returns it: percent-encoded (RFC 3986).
pub(super) fn encoded(document: &str) -> String {
    let digit =
        |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0').to_ascii_uppercase();
    let mut encoded = String::with_capacity(document.len() * 2);
    for byte in document.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    encoded
}

/// Refuses what cannot be a trust policy.
pub(super) fn check_trust(document: &str) -> Result<(), Refusal> {
    for statement in statements(document)? {
        if statement.get("Resource").is_some() {
            return Err(malformed("Has prohibited field Resource"));
        }
        if statement.get("Principal").is_none() && statement.get("NotPrincipal").is_none() {
            return Err(malformed("Missing required field Principal"));
        }
        let actions = some_or_many(statement.part("Action"));
        if actions.is_empty() {
            return Err(malformed("Missing required field Action"));
        }
        if !actions.iter().all(|action| action.to_ascii_lowercase().starts_with("sts:")) {
            return Err(malformed("AssumeRole policy may only specify STS AssumeRole actions."));
        }
        let services = some_or_many(statement.part("Principal").part("Service"));
        if let Some(service) = services.iter().find(|service| !managed::has_service(service)) {
            let message = format!("Invalid principal in policy: \"SERVICE\":\"{service}\"");
            return Err(malformed(&message));
        }
    }
    if size(document) > MOST_OF_TRUST {
        return Err(super::limit_exceeded("ACLSizePerRole", MOST_OF_TRUST));
    }
    Ok(())
}

/// Refuses what cannot be a policy that grants permissions.
pub(super) fn check_permissions(document: &str) -> Result<(), Refusal> {
    for statement in statements(document)? {
        if statement.get("Principal").is_some() || statement.get("NotPrincipal").is_some() {
            return Err(malformed("Policy document should not specify a principal."));
        }
        if statement.get("Action").is_none() && statement.get("NotAction").is_none() {
            return Err(malformed("Policy statement must contain actions."));
        }
        if statement.get("Resource").is_none() && statement.get("NotResource").is_none() {
            return Err(malformed("Policy statement must contain resources."));
        }
    }
    Ok(())
}

/// Whether a trust policy lets a service take the role on, for this account and region.
pub(super) fn trusts(document: &str, service: &str, region: &str) -> bool {
    let Ok(statements) = statements(document) else { return false };
    statements.iter().any(|statement| {
        let services = some_or_many(statement.part("Principal").part("Service"));
        let actions = some_or_many(statement.part("Action"));
        let assumes = |action: &&str| ["sts:AssumeRole", "sts:*"].contains(action);
        statement.text("Effect") == "Allow"
            && services.contains(&service)
            && actions.iter().any(assumes)
            && conditions_hold(statement.part("Condition"), region)
    })
}

/// The two conditions against acting for somebody else, which are the ones that are in use.
fn conditions_hold(condition: &Value, region: &str) -> bool {
    let Some(operators) = condition.as_object() else { return true };
    let pairs = operators.values().filter_map(Value::as_object).flatten();
    pairs.into_iter().all(|(key, wanted)| {
        let wanted = some_or_many(wanted);
        match key.to_ascii_lowercase().as_str() {
            "aws:sourceaccount" => wanted.contains(&ACCOUNT),
            "aws:sourcearn" => wanted.iter().any(|arn| is_from(arn, region)),
            // What is not known here is not what an ECS role is kept from.
            _ => true,
        }
    })
}

/// Whether a pattern of ARNs takes in things of this account and region.
fn is_from(pattern: &str, region: &str) -> bool {
    let mut parts = pattern.split(':').skip(3);
    let (of_region, of_account) = (parts.next(), parts.next());
    let fits = |part: Option<&str>, wanted| part.is_none_or(|part| part == "*" || part == wanted);
    fits(of_region, region) && fits(of_account, ACCOUNT)
}

/// The statements of a document, each with an effect.
fn statements(document: &str) -> Result<Vec<Value>, Refusal> {
    let invalid = |_| malformed("This policy contains invalid Json");
    let document: Value = serde_json::from_str(document).map_err(invalid)?;
    let Some(members) = document.as_object() else {
        return Err(malformed("Syntax errors in policy."));
    };
    let members: Vec<_> = members.keys().map(String::as_str).collect();
    if let Some(other) = members.iter().find(|it| !["Version", "Id", "Statement"].contains(it)) {
        return Err(malformed(&format!("Syntax error at position: unknown field {other}")));
    }
    let version = document.some_text("Version").unwrap_or("2008-10-17");
    if !["2008-10-17", "2012-10-17"].contains(&version) {
        return Err(malformed("The policy must contain a valid version string"));
    }
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) => statements.clone(),
        Some(statement @ Value::Object(_)) => vec![statement.clone()],
        _ => return Err(malformed("Syntax errors in policy.")),
    };
    if statements.is_empty() {
        return Err(malformed("Syntax errors in policy."));
    }
    for statement in &statements {
        if !statement.is_object() || !["Allow", "Deny"].contains(&statement.text("Effect")) {
            return Err(malformed("Syntax errors in policy."));
        }
    }
    Ok(statements)
}

/// A text, or each of a list.
fn some_or_many(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn malformed(message: &str) -> Refusal {
    Refusal::new("MalformedPolicyDocument", message)
}
