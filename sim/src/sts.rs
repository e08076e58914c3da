//! The security token service: who is asking. It has nothing of its own.

use serde_json::{Value, json};

use super::refusal::{Answer, Refusal};
use super::world::{ACCOUNT, World};

/// Answers one call.
pub fn answer(world: &mut World, operation: &str, _input: &Value) -> Answer {
    match operation {
        "GetCallerIdentity" => Ok(json!({
            "Account": ACCOUNT,
            "Arn": world.caller(),
            "UserId": "AIDAREHEARSAL",
        })),
        _ => Err(Refusal::new("SimulatorLacks", operation)),
    }
}
