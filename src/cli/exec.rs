//! `ecsup exec`: a command in a task that runs.

use std::io::IsTerminal as _;

use clap::Args;

use super::error::CommandError;
use super::session::{self, TargetArgs};
use super::{Global, Outcome};
use crate::session::Purpose;
use crate::ui::Screen;

/// What is run when nothing is said.
const SHELL: &str = "/bin/sh";

/// What `ecsup exec` takes.
#[derive(Debug, Args)]
pub struct ExecArgs {
    /// The service
    pub service: String,

    /// Which container.
    #[command(flatten)]
    pub target: TargetArgs,

    /// The command and its words [default: /bin/sh]
    #[arg(last = true, env = "ECSUP_COMMAND", hide_env_values = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// Runs the command.
pub async fn exec(args: &ExecArgs, global: &Global, screen: &Screen) -> Outcome {
    let command = line(&args.command)?;
    let plugin = session::plugin(global)?;
    // Who stands in for the plugin needs none.
    if global.instead_of_plugin.is_none() && !std::io::stdin().is_terminal() {
        let why = "a command in a task takes a terminal, and there is none to read from";
        return Err(CommandError::refused(why).hint(
            "run it on a terminal, or give it one, as in `script -qec 'ecsup exec …' /dev/null`",
        ));
    }
    let service = Some(args.service.as_str());
    let purpose = Purpose::Command(command);
    session::talk(service, &purpose, "exec", &args.target, &plugin, (global, screen)).await
}

/// The words as one line, which the agent splits again as a shell would.
fn line(words: &[String]) -> Result<String, CommandError> {
    let plain = |it: char| it.is_ascii_alphanumeric() || "-_./:=@%+,".contains(it);
    let quoted = |word: &String| match !word.is_empty() && word.chars().all(plain) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    };
    if words.iter().any(|word| word.chars().any(char::is_control)) {
        let why = "the command has a word with a line end or another control character";
        return Err(CommandError::refused(why).hint("start a shell, and write it there"));
    }
    Ok(match words {
        [] => SHELL.to_owned(),
        words => words.iter().map(quoted).collect::<Vec<_>>().join(" "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_what_they_are() {
        let of = |words: &[&str]| {
            line(&words.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()).ok()
        };
        assert_eq!(of(&[]).as_deref(), Some("/bin/sh"));
        assert_eq!(of(&["bin/rails", "console"]).as_deref(), Some("bin/rails console"));
        let quoted = of(&["sh", "-c", "echo 'a b' | wc"]);
        assert_eq!(quoted.as_deref(), Some(r"sh -c 'echo '\''a b'\'' | wc'"));
        assert_eq!(of(&["echo", ""]).as_deref(), Some("echo ''"));
        assert_eq!(of(&["a\nb"]), None);
    }
}
