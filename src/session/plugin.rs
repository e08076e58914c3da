//! The Session Manager plugin: a program of AWS's that talks to containers, once somebody has begun a session.
//!
//! It takes `RESPONSE REGION StartSession PROFILE REQUEST ENDPOINT` (session-manager-plugin,
//! `sessionmanagerplugin/session/session.go`). The response holds the token of the session, which any other user of
//! this machine would read in the list of processes; so newer versions take the name of a variable in its place.

use std::ffi::OsString;
use std::io;
use std::process::{Command, Stdio};

use serde_json::json;

use super::Session;

/// What the program is called.
const NAME: &str = "session-manager-plugin";
/// The variable that holds the response: newer versions take every name that begins like this.
const VARIABLE: &str = "AWS_SSM_START_SESSION_RESPONSE";
/// The first version that takes it.
const TAKES_VARIABLE: [u32; 3] = [1, 2, 536];

/// The plugin of this machine.
#[derive(Debug, Clone)]
pub struct Plugin {
    program: OsString,
    version: Option<[u32; 3]>,
}

/// Why there is no plugin.
#[derive(Debug, thiserror::Error)]
pub enum Missing {
    /// It is not in `PATH`.
    #[error("there is no `{NAME}` in PATH, which talks to containers")]
    NotFound,
    /// It is there and does not start.
    #[error("`{NAME}` does not start: {0}")]
    Broken(io::Error),
}

impl Plugin {
    /// Finds it, in `PATH` or as this program, and asks for its version.
    pub fn find(program: Option<&OsString>) -> Result<Self, Missing> {
        let program = program.cloned().unwrap_or_else(|| NAME.into());
        let mut ask = Command::new(&program);
        let asked = ask.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output();
        let told = asked.map_err(|why| match why.kind() {
            io::ErrorKind::NotFound => Missing::NotFound,
            _ => Missing::Broken(why),
        })?;
        let version = version(&String::from_utf8_lossy(&told.stdout));
        Ok(Self { program, version })
    }

    /// Its version, where others of this machine can read the token of a session while it runs.
    pub fn shows_token(&self) -> Option<String> {
        match self.version {
            Some(version) if version >= TAKES_VARIABLE => None,
            Some(version) => Some(version.map(|it| it.to_string()).join(".")),
            None => Some("of this version".to_owned()),
        }
    }

    /// Takes part in a session on this terminal, until that ends. Returns what the plugin ends with.
    pub fn talk(
        &self,
        session: &Session,
        region: &str,
        profile: &str,
        endpoint: &str,
    ) -> io::Result<u8> {
        let response = json!({
            "SessionId": session.id, "StreamUrl": session.stream, "TokenValue": session.token,
        });
        let mut talk = Command::new(&self.program);
        match self.shows_token() {
            None => talk.env(VARIABLE, response.to_string()).arg(VARIABLE),
            Some(_) => talk.arg(response.to_string()),
        };
        talk.args([region, "StartSession", profile, &session.request.to_string(), endpoint]);
        let ended = talk.status()?;
        // What a signal has ended has no code.
        Ok(ended.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
    }
}

/// The first three numbers of a version.
fn version(text: &str) -> Option<[u32; 3]> {
    let mut numbers = text.trim().split('.').map(|it| it.parse().ok());
    Some([numbers.next()??, numbers.next()??, numbers.next()??])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_version_that_is_known_to_hides_the_token() {
        let shows = |text: &str| {
            let version = version(text);
            Plugin { program: NAME.into(), version }.shows_token()
        };
        assert_eq!(shows("1.2.707.0\n"), None);
        assert_eq!(shows("1.2.536.0"), None);
        assert_eq!(shows("1.2.535.0").as_deref(), Some("1.2.535"));
        assert_eq!(shows("no number").as_deref(), Some("of this version"));
    }
}
