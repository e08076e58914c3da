//! What a rehearsal prints.

use std::collections::{BTreeMap, BTreeSet};

use aws_sim::scenario::{self, NAMED};
use serde_json::{Value, json};

use super::super::Exit;
use super::super::folded::Folded;
use super::{Act, OnTheWay, Played, RehearseArgs};
use crate::engine::event::duration;
use crate::names::NodeName;
use crate::spec::Spec;
use crate::text::fill;
use crate::timeline::LEGEND;
use crate::ui::Screen;

/// Prints the play for people.
pub(super) fn print(
    args: &RehearseArgs,
    spec: &Spec,
    acts: &[Act],
    left: &BTreeSet<String>,
    verdict: &str,
    screen: &Screen,
) {
    let (seed, about) = (args.seed, about(args));
    screen.note(&format!(
        "simulated AWS, seed {seed}: {about}; no account is needed and none is touched"
    ));
    let (width, folded) = (screen.width(), Folded::of(spec));
    let group = |node: &NodeName| Some(format!("all of {}", folded.service(node)?));
    screen.out("");
    fill(LEGEND, width).iter().for_each(|line| screen.out(line));
    for act in acts {
        let Act { title, played, died } = act;
        let took = duration(played.took);
        let how = match died {
            None => format!("{} in {took}", outcome(played.exit)),
            Some((at, operation)) => {
                format!("died after {took}, when AWS had served its call {at}, {operation}")
            }
        };
        let (calls, changes) = (played.calls.len(), played.changes().len());
        screen.out(&format!("\n{title}: {how}; {calls} calls, {changes} of them changes"));
        screen.out(&told_apart(played));
        if changes > 0 {
            screen.out(&played.timeline().to_text(width, &group));
        }
        if died.is_none() && played.exit != Exit::Done {
            played.recording.lines.iter().for_each(|line| screen.out(&format!("  {line}")));
        }
        if title == "destroy" {
            // The receipt.
            played.recording.out.last().into_iter().for_each(|line| screen.out(line));
        }
    }
    screen.out("");
    left.iter().for_each(|id| screen.out(&format!("left: {id}")));
    screen.out(&format!("{verdict}."));
}

/// The calls of a command, by phase and by service.
fn told_apart(played: &Played) -> String {
    let list = |counts: Vec<(&str, usize)>| {
        counts.iter().map(|(name, calls)| format!("{calls} {name}")).collect::<Vec<_>>().join(", ")
    };
    let phases = list(played.phases());
    let services = list(played.services().into_iter().collect());
    match played.throttled() {
        0 => format!("calls: {phases}; {services}"),
        throttled => format!("calls: {phases}; {services}; {throttled} throttled and repeated"),
    }
}

/// How a command ended, in a word.
pub(super) fn outcome(exit: Exit) -> &'static str {
    match exit {
        Exit::Done => "done",
        Exit::Refused => "refused",
        Exit::DeployIncomplete | Exit::DestroyIncomplete => "incomplete",
        Exit::Interrupted => "interrupted",
        Exit::Failed | Exit::ChangesPending | Exit::Ended(_) => "failed",
    }
}

/// What is unusual about the world.
fn about(args: &RehearseArgs) -> String {
    let mut unusual = Vec::new();
    if args.faults == OnTheWay::Rough {
        unusual.push("calls go wrong on their way now and then".to_owned());
    }
    if let Some(policy) = &args.policy {
        unusual.push(format!("the caller may do what {} allows", policy.display()));
    }
    let named = scenario::named(&args.scenario).unwrap_or(&NAMED[0]);
    if unusual.is_empty() || named.name != NAMED[0].name {
        unusual.insert(0, named.about.to_owned());
    }
    unusual.join("; ")
}

/// The play for programs.
pub(super) fn to_json(
    args: &RehearseArgs,
    spec: &Spec,
    acts: &[Act],
    left: &BTreeSet<String>,
    verdict: &str,
) -> Value {
    let acts = acts.iter().map(|Act { title, played, died }| {
        let died = died.as_ref();
        json!({
            "command": title,
            "outcome": if died.is_some() { "died" } else { outcome(played.exit) },
            "died_at": died.map(|(call, operation)| json!({ "call": call, "operation": operation })),
            "seconds": played.took.as_secs_f64(),
            "calls": played.calls.len(),
            "phases": played.phases().into_iter().collect::<BTreeMap<_, _>>(),
            "operations": played.operations(),
            "throttled": played.throttled(),
            "changes": played.changes(),
            "timeline": played.timeline().to_json(),
            "out": played.recording.out,
            "said": played.recording.lines,
        })
    });
    json!({
        "stack": spec.stack.to_string(),
        "pattern": spec.pattern_name(),
        "seed": args.seed,
        "scenario": args.scenario,
        "faults": if args.faults == OnTheWay::Rough { "rough" } else { "none" },
        "policy": args.policy.as_ref().map(|path| path.display().to_string()),
        "about": about(args),
        "commands": acts.collect::<Vec<_>>(),
        "left": left,
        "verdict": verdict,
    })
}
