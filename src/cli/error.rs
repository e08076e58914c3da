//! Why a command did not do what it was asked for: one shape for all of them, told in one place.

use std::error::Error;
use std::fmt::{self, Display};

use super::Exit;
use super::cause::{Told, told};
use crate::aws::error::without_requests;
use crate::diagnosis::Finding;
use crate::spec::SpecError;
use crate::ui::Screen;

/// What kind of end it was; the exit code follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Nothing that was asked for is wrong, and yet it could not be done: no credentials, no answer.
    Unexpected,
    /// What was typed cannot be.
    Usage,
    /// What was asked for is not done, or not like this. Nothing was changed.
    Refused,
    /// Not everything was made or is ready.
    DeployIncomplete,
    /// Not everything was removed.
    DestroyIncomplete,
    /// The user stopped it.
    Interrupted,
}

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Unexpected => Self::Failed,
            ErrorKind::Usage | ErrorKind::Refused => Self::Refused,
            ErrorKind::DeployIncomplete => Self::DeployIncomplete,
            ErrorKind::DestroyIncomplete => Self::DestroyIncomplete,
            ErrorKind::Interrupted => Self::Interrupted,
        }
    }
}

/// What a person is told when a command did not do what it was asked for. It may say nothing but its
/// kind, when everything has been said.
#[derive(Debug)]
pub struct CommandError {
    kind: ErrorKind,
    /// What was attempted, and what AWS said: whole sentences, the last of which sums up.
    problems: Vec<String>,
    /// What befell whom, when that was more than one.
    details: Vec<String>,
    /// Whether the command has left everything as it was.
    unchanged: bool,
    /// Whether all of it was said in a file, so that no flag could be wrong.
    is_of_file: bool,
    /// What to do next.
    hints: Vec<String>,
    /// Why it happened, as far as it was found out, and of what. It is told last.
    causes: Vec<(String, Finding)>,
    source: Option<Box<dyn Error>>,
}

impl CommandError {
    /// An error of which nothing is said yet.
    pub(super) fn new(kind: ErrorKind) -> Self {
        let unchanged = matches!(kind, ErrorKind::Usage | ErrorKind::Refused);
        let (problems, details, hints) = (Vec::new(), Vec::new(), Vec::new());
        let causes = Vec::new();
        Self { kind, problems, details, unchanged, is_of_file: false, hints, causes, source: None }
    }

    /// What was asked for is not done, for this reason.
    pub(super) fn refused(why: impl Display) -> Self {
        Self::new(ErrorKind::Refused).problem(why)
    }

    /// What was typed cannot be, all of it at once.
    pub(super) fn usage(errors: impl IntoIterator<Item = SpecError>) -> Self {
        let errors: Vec<_> = errors.into_iter().collect();
        let is_of_file = !errors.is_empty() && errors.iter().all(|error| error.at.is_some());
        let told = Self { is_of_file, ..Self::new(ErrorKind::Usage) };
        errors.into_iter().fold(told, |told, error| {
            let docs = error.at.as_ref().and_then(|_| topic_of(&error));
            let told = match &error.at {
                Some(at) => told.problem(format!("{error}\n{}", at.excerpt)),
                None => told.problem(&error),
            };
            docs.into_iter().fold(told, |told, topic| {
                let hint = format!("`ecsup docs {topic}` lists the keys");
                if told.hints.contains(&hint) { told } else { told.hint(hint) }
            })
        })
    }

    /// The user was asked and did not agree.
    pub(super) fn declined() -> Self {
        Self::new(ErrorKind::Refused)
    }

    /// Adds what went wrong.
    pub(super) fn problem(mut self, problem: impl Display) -> Self {
        self.problems.push(problem.to_string());
        self
    }

    /// Adds what befell whom.
    pub(super) fn details(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(details);
        self
    }

    /// Adds what to do next.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds what was found out of why something does not come up.
    pub(super) fn causes(mut self, of: impl Display, findings: &[Finding]) -> Self {
        let of = of.to_string();
        self.causes.extend(findings.iter().map(|finding| (of.clone(), finding.clone())));
        self
    }

    /// Says that the command has left everything as it was.
    pub(super) fn unchanged(self) -> Self {
        Self { unchanged: true, ..self }
    }

    /// Says that the user stopped it.
    pub(super) fn interrupted(self) -> Self {
        Self { kind: ErrorKind::Interrupted, ..self }
    }

    /// Keeps what caused it, for whoever reads the chain of causes.
    pub(super) fn caused_by(self, source: impl Error + 'static) -> Self {
        Self { source: Some(Box::new(source)), ..self }
    }

    /// What went wrong.
    pub(super) fn problems(&self) -> &[String] {
        &self.problems
    }

    /// What kind of end it was.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Tells it. `command` is its name, and `changes` says whether it changes something in AWS, so that
    /// it is worth saying when it has not.
    pub(super) fn tell(&self, command: &str, changes: bool, screen: &Screen) {
        self.problems.iter().for_each(|problem| screen.error(problem));
        self.details.iter().for_each(|detail| screen.detail(detail));
        let is_of_flags = self.kind == ErrorKind::Usage && !self.is_of_file;
        let help =
            is_of_flags.then(|| format!("`ecsup {command} --help` lists what each flag takes"));
        let mut hints = self.hints.iter().chain(&help);
        match (self.unchanged && changes, hints.next()) {
            (true, Some(first)) => screen.hint(&format!("{UNCHANGED}; {first}")),
            // The answer to a No is no error: `--quiet` leaves it out.
            (true, None) if self.problems.is_empty() => screen.note(UNCHANGED),
            (true, None) => screen.hint(UNCHANGED),
            (false, first) => first.into_iter().for_each(|first| screen.hint(first)),
        }
        hints.for_each(|hint| screen.hint(hint));
        for Told { cause, proofs, hint } in told(&self.causes) {
            screen.cause(&cause);
            proofs.iter().for_each(|proof| screen.detail(proof));
            hint.iter().for_each(|hint| screen.hint(hint));
        }
    }
}

/// The topic of the reference that lists the keys of the table in which a key is that there is not.
fn topic_of(error: &SpecError) -> Option<&'static str> {
    if !error.rule.starts_with("no such key") {
        return None;
    }
    let path: Vec<_> = error.field.split('.').collect();
    Some(match path[..] {
        ["service", _, "health", ..] | ["defaults", "health", ..] => "health",
        ["service" | "defaults", ..] => "service",
        ["ingress", ..] => "ingress",
        ["network", ..] => "network",
        ["capacity", ..] => "capacity",
        _ => "manifest",
    })
}

const UNCHANGED: &str = "nothing was changed";

impl Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("; "))
    }
}

impl Error for CommandError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref()
    }
}

/// What befell each of these, in one line for all that met the same: AWS writes another request id into
/// each refusal, and into some an encoded message.
pub(super) fn once_each<N: Display, W: Display>(
    failures: impl IntoIterator<Item = (N, W)>,
) -> Vec<String> {
    let mut said: Vec<(String, String, Vec<String>)> = Vec::new();
    for (node, why) in failures {
        let (node, why) = (node.to_string(), why.to_string());
        let key = without_requests(&why);
        match said.iter_mut().find(|(other, ..)| *other == key) {
            Some((_, _, nodes)) => nodes.push(node),
            None => said.push((key, why, vec![node])),
        }
    }
    said.iter().map(|(_, why, nodes)| format!("{}: {why}", nodes.join(", "))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::error::{Cause, Error as AwsError, Meaning};
    use crate::engine::Failure;

    fn lines(error: &CommandError, command: &str, changes: bool) -> Vec<String> {
        let screen = Screen::recording();
        error.tell(command, changes, &screen);
        screen.recorded().lines
    }

    #[test]
    fn the_same_refusal_is_said_once() {
        let refused = |id: &str, code: &str| {
            format!(
                "failed to create the rule: UnauthorizedOperation: not authorized{code} (request {id})"
            )
        };
        let encoded = ". Encoded authorization failure message: ";
        let lines = once_each([
            ("rule/1", refused("1a", &format!("{encoded}xyz"))),
            ("rule/2", refused("2b", &format!("{encoded}uvw"))),
            ("vpc", "failed to create the VPC: VpcLimitExceeded: no (request 3c)".to_owned()),
        ]);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].starts_with("rule/1, rule/2: failed to create the rule"), "{lines:?}");
        assert!(lines[1].contains("(request 3c)"), "{lines:?}");
    }

    #[test]
    fn that_nothing_was_changed_is_said_by_who_could_have() {
        let error = CommandError::refused("no such stack").hint("name another one");
        assert_eq!(
            lines(&error, "deploy", true),
            ["error: no such stack", "hint: nothing was changed; name another one"]
        );
        assert_eq!(
            lines(&error, "plan", false),
            ["error: no such stack", "hint: name another one"]
        );
        assert_eq!(lines(&CommandError::declined(), "deploy", true), ["nothing was changed"]);
        let incomplete = CommandError::new(ErrorKind::DeployIncomplete).problem("half of it");
        assert_eq!(lines(&incomplete, "deploy", true), ["error: half of it"]);
    }

    #[test]
    fn the_chain_of_causes_ends_with_what_aws_said() {
        let (code, message) = ("VpcLimitExceeded".to_owned(), "no".to_owned());
        let cause = Cause::Refused { code, message, request_id: None };
        let attempt = "create the VPC".to_owned();
        let failure = Failure::from(AwsError { attempt, cause, meaning: Meaning::Fatal });
        let error = CommandError::new(ErrorKind::DeployIncomplete).caused_by(failure);
        let chain = std::iter::successors(error.source(), |it| (*it).source());
        assert_eq!(chain.last().unwrap().to_string(), "VpcLimitExceeded: no");
    }
}
