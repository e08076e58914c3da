//! Sessions: with containers, and to ports that are reached through them.
//!
//! The documents are AWS's own (Systems Manager guide, "Starting a session"); the words of refusals those of
//! the API reference and of amazon-ssm-agent#540.

use serde_json::{Value, json};

use crate::fields::Fields;
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// The documents that are simulated, and the parameters that each takes.
const DOCUMENTS: &[(&str, &[&str])] = &[
    ("AWS-StartPortForwardingSession", &["portNumber", "localPortNumber"]),
    ("AWS-StartPortForwardingSessionToRemoteHost", &["host", "portNumber", "localPortNumber"]),
];

/// A session of an id: whoever has its token takes part in it.
pub fn session(world: &mut World, id: &str) -> Value {
    let stream = format!("wss://ssmmessages.{}.amazonaws.com/v1/data-channel/{id}", world.region);
    let token = format!("token-{}", world.hex(64));
    let session = json!({ "sessionId": id, "streamUrl": stream, "tokenValue": token });
    world.ssm_mut().sessions.insert(id.to_owned());
    session
}

/// An agent has called that can be connected with as this target, as long as what is asked says so.
pub fn register(world: &mut World, target: String, is_connected: fn(&World, &str) -> bool) {
    world.ssm_mut().agents.insert(target, is_connected);
}

/// `StartSession`.
pub(super) fn start_session(world: &mut World, input: &Value) -> Answer {
    let name = input.some_text("DocumentName");
    let Some((_, takes)) = DOCUMENTS.iter().find(|(known, _)| Some(*known) == name) else {
        let what = format!("StartSession with the document {}", name.unwrap_or("of the account"));
        return Err(Refusal::new("SimulatorLacks", what));
    };
    let target = input.text("Target");
    if !target.starts_with("ecs:") {
        return Err(Refusal::new("SimulatorLacks", "StartSession with an instance"));
    }
    let invalid = |why: String| Err(Refusal::new("InvalidParameters", why));
    let given = input.part("Parameters");
    for (parameter, values) in given.as_object().into_iter().flatten() {
        if !takes.contains(&parameter.as_str()) {
            return invalid(format!("Parameter {parameter} is not defined in the document."));
        }
        let [value] = &values.as_array().map(Vec::as_slice).unwrap_or_default() else {
            return invalid(format!("Parameter {parameter} takes one value."));
        };
        let value = value.as_str().unwrap_or_default();
        if parameter != "host" && !value.parse::<u16>().is_ok_and(|port| port > 0) {
            return invalid(format!(
                "Parameter {parameter} has the value {value}, which is no port."
            ));
        }
    }
    if let Some(lacking) = takes.iter().find(|it| **it == "host" && given[**it].is_null()) {
        return invalid(format!("Parameter {lacking} is required."));
    }
    let is_connected = world.ssm().agents.get(target).is_some_and(|agent| agent(world, target));
    if !is_connected {
        return Err(Refusal::new("TargetNotConnected", format!("{target} is not connected.")));
    }
    let id = format!("caller-{}", world.hex(17));
    let session = session(world, &id);
    Ok(json!({
        "SessionId": session["sessionId"],
        "StreamUrl": session["streamUrl"],
        "TokenValue": session["tokenValue"],
    }))
}

/// `TerminateSession`.
pub(super) fn terminate_session(world: &mut World, input: &Value) -> Answer {
    let id = input.text("SessionId");
    match world.ssm_mut().sessions.remove(id) {
        true => Ok(json!({ "SessionId": id })),
        false => {
            Err(Refusal::new("DoesNotExistException", format!("Session {id} does not exist.")))
        }
    }
}
