//! A container ended: what its exit code means, and what it wrote last.
//!
//! Codes above 128 are 128 and the number of the signal that ended it; 126 and 127 are a shell's (POSIX,
//! "Exit Status for Commands"). ECS guide, "Stopped tasks error messages", for the rest.

use super::Waiting::{Hopeless, MayHelp};
use super::table::{Cause, cause, named, plain};
use super::{End, Evidence, Family, Finding, LINES, StoppedTask, image};

const LOOK: &str =
    "the log says what it did last; try the image on a machine of your own with `docker run`";

/// Causes by what a container exited with.
const CAUSES: &[Cause] = &[
    cause(
        "out-of-memory",
        Hopeless,
        &[&["outofmemoryerror"], &["container killed due to memory usage"]],
        "the container needs more memory than its task has{memory}",
        "give it more with `--memory`, or let the program in it take less",
    ),
    cause(
        "exit-0",
        MayHelp,
        &[],
        "the container ends by itself, as if its work were done",
        "a service runs for ever: let the image's command stay in the foreground",
    ),
    cause("exit-1", MayHelp, &[], "the program in the container ends with an error, code 1", LOOK),
    cause(
        "exit-126",
        Hopeless,
        &[],
        "a command in the container may not be executed, code 126",
        "make the file executable in the image (`chmod +x`), and readable for the user that it runs as",
    ),
    cause(
        "exit-127",
        Hopeless,
        &[],
        "a command in the container does not exist, code 127",
        "check CMD and ENTRYPOINT of the image, and what its script calls",
    ),
    cause(
        "exit-134",
        MayHelp,
        &[],
        "the program in the container gives itself up, code 134 (SIGABRT)",
        LOOK,
    ),
    cause(
        "exit-137",
        MayHelp,
        &[],
        "the container is killed, code 137 (SIGKILL)",
        "most often that is for memory: give it more than it has{memory} with `--memory`; otherwise it did \
         not stop within 30 seconds when it was told to",
    ),
    cause(
        "exit-139",
        MayHelp,
        &[],
        "the program in the container crashes, code 139 (SIGSEGV)",
        "check that the image is made for the processor that it runs on, and its native libraries",
    ),
    cause("exit-143", MayHelp, &[], "the container is told to stop, code 143 (SIGTERM)", LOOK),
    cause("exit-other", MayHelp, &[], "the program in the container ends with an error", LOOK),
];

/// Why a task ended whose container did.
pub(super) fn of(task: &StoppedTask, evidence: &Evidence) -> Option<Finding> {
    let text = plain(&task.text());
    let memory =
        CAUSES.iter().find(|it| it.words.iter().flat_map(|it| *it).any(|it| text.contains(it)));
    if let Some(memory) = memory {
        return Some(memory.finding(Family::Exit, evidence));
    }
    let code =
        task.containers.iter().filter_map(|End { code, .. }| *code).max_by_key(|it| *it != 0)?;
    let ended = text.contains("essential container");
    let cause = named(CAUSES, &format!("exit-{code}")).or_else(|| named(CAUSES, "exit-other"))?;
    ended.then(|| cause.finding(Family::Exit, evidence))
}

/// The same finding with the last lines of the container's log, where they are of a task that ended like
/// this one. They may tell more than the code.
pub(super) fn with_log(finding: Finding, task: &StoppedTask, evidence: &Evidence) -> Finding {
    let writes = matches!(finding.family, Family::Exit | Family::Health);
    let Some(log) = evidence.log.as_ref().filter(|_| writes) else { return finding };
    let of = evidence.tasks.iter().find(|it| it.id == log.task);
    if of.is_none_or(|of| of.text() != task.text()) {
        return finding;
    }
    let says = |words: &str| log.lines.iter().any(|line| plain(line).contains(words));
    let finding = match named(image::CAUSES, "image-platform") {
        Some(cause) if finding.family == Family::Exit && says("exec format error") => {
            let evidence = finding.evidence;
            Finding { evidence, ..cause.finding(Family::Image, &Evidence::default()) }
        }
        _ => finding,
    };
    let newest = log.lines.len().saturating_sub(LINES);
    log.lines[newest..]
        .iter()
        .fold(finding, |finding, line| finding.resting_on("logs:GetLogEvents", line))
}

#[cfg(test)]
pub(super) const ALL: &[&[Cause]] = &[CAUSES];
