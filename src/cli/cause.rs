//! Causes, as people are told them: of a deploy that failed, and of a stack that is asked about.

use crate::diagnosis::{Finding, Waiting};

/// How many causes are told: the first ones tell most.
const MOST: usize = 3;

/// A cause with all that is said of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// What it is, whom it befell, and whether waiting helps.
    pub(super) cause: String,
    /// What it rests on.
    pub(super) proofs: Vec<String>,
    /// What to do.
    pub(super) hint: Option<String>,
}

/// The causes that are told, each once for all whom it befell.
pub(super) fn told(causes: &[(String, Finding)]) -> Vec<Told> {
    let mut once: Vec<(String, &Finding)> = Vec::new();
    for (of, finding) in causes {
        match once.iter_mut().find(|(_, it)| it.cause == finding.cause) {
            Some((others, _)) => others.extend([", ", of.as_str()]),
            None => once.push((of.clone(), finding)),
        }
    }
    // What passes by itself is no cause where something else is.
    if once.iter().any(|(_, it)| it.waiting != Waiting::Helps) {
        once.retain(|(_, it)| it.waiting != Waiting::Helps || it.is_about_us());
    }
    once.truncate(MOST);
    once.into_iter().map(|(of, finding)| one(&of, finding)).collect()
}

fn one(of: &str, finding: &Finding) -> Told {
    let waiting = match finding.waiting {
        _ if finding.is_about_us() => "",
        Waiting::Hopeless => "; waiting does not help",
        Waiting::MayHelp => "; waiting may help",
        Waiting::Helps => "; waiting helps",
    };
    Told {
        cause: format!("{} ({of}{waiting})", finding.cause),
        proofs: finding.proofs().collect(),
        hint: Some(finding.advice.clone()).filter(|it| !it.is_empty()),
    }
}
