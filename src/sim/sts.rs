//! The security token service: who is asking. It has nothing of its own.

use serde_json::{Value, json};

use super::refusal::{Answer, Refusal};
use super::world::{ACCOUNT, World};

/// Who calls.
pub const CALLER: &str = "arn:aws:iam::123456789012:user/rehearsal";

/// Answers one call.
pub fn answer(_world: &mut World, operation: &str, _input: &Value) -> Answer {
    match operation {
        "GetCallerIdentity" => Ok(json!({
            "Account": ACCOUNT,
            "Arn": CALLER,
            "UserId": "AIDAREHEARSAL",
        })),
        _ => Err(Refusal::new("SimulatorLacks", operation)),
    }
}
