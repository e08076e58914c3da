//! `ecsup doctor`, and what `plan` and `deploy` look at before they ask: whether a deploy will go through.

use std::collections::BTreeSet;
use std::rc::Rc;

use clap::Args;
use serde::Serialize;

use super::connection::{Connection, connect, in_time, patiently};
use super::error::{CommandError, ErrorKind};
use super::output::{Output, OutputArgs, json};
use super::permissions::parts_of;
use super::plan::{How, Unsaid, prepare};
use super::{Done, Global, Outcome, wish};
use crate::deploy::{self, Prepared};
use crate::engine::Stop;
use crate::facts::Caller;
use crate::preflight::{self, Depth, Finding, State};
use crate::registry::{Distribution, Registry};
use crate::ui::{Screen, Tone};
use crate::wish::{ServiceFlags, Wish};

/// What `ecsup doctor` takes.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The stack.
    #[command(flatten)]
    pub flags: ServiceFlags,

    /// How to print it.
    #[command(flatten)]
    pub print: OutputArgs,
}

/// What `plan` and `deploy` take of it.
#[derive(Debug, Default, Args)]
pub struct PreflightArgs {
    /// Do not look at quotas, permissions and images before
    #[arg(long, env = "ECSUP_SKIP_PREFLIGHT", hide_env_values = true,
        value_parser = clap::builder::BoolishValueParser::new())]
    pub skip_preflight: bool,
}

/// Runs the command.
pub async fn doctor(args: &DoctorArgs, global: &Global, screen: &Screen) -> Outcome {
    let mut wish = wish::said(&args.flags);
    wish::check(&wish, None)?;
    let global = &wish::pinned(&wish, global)?;
    let stop = Rc::new(Stop::default());
    // Nothing is changed, so that nobody needs to be asked.
    let keeps_images = args.flags.keep_images;
    let extent = deploy::Extent::default();
    let how = How { unsaid: Unsaid::Told, keeps_images, waits_for_ready: true, extent };
    let look = async {
        let connection = connect(global, screen).await?;
        let (caller, found) =
            found(args, &mut wish, &connection, global, screen, &stop, how).await?;
        Ok((connection, caller, found))
    };
    let (connection, caller, found) = in_time(global.deadline(), look).await?;
    screen.note(&connection.header(&caller));
    let is_wrong = found.iter().any(|it| it.state == State::Wrong);
    match args.print.output {
        Output::Text => found.iter().flat_map(lines).for_each(|line| screen.tell(&line)),
        Output::Json => {
            let report = Report::new(&connection, &caller, &found);
            screen.out(&json(&report)?);
        }
    }
    if args.print.output == Output::Text {
        let count = |state| found.iter().filter(|it| it.state == state).count();
        screen.note(&format!(
            "{} wrong, {} doubtful, {} unknown, {} ok",
            count(State::Wrong),
            count(State::Doubtful),
            count(State::Unknown),
            count(State::Fine)
        ));
    }
    Ok(if is_wrong { Done::Wrong } else { Done::Done })
}

/// Who asks, and all that is found of a stack. What refuses a deploy before there is a plan is all that can be told then.
async fn found(
    args: &DoctorArgs,
    wish: &mut Wish,
    connection: &Connection,
    global: &Global,
    screen: &Screen,
    stop: &Rc<Stop>,
    how: How<'_>,
) -> Result<(Caller, Vec<Finding>), CommandError> {
    let prepared = async {
        wish::fill_in(wish, &args.flags, None, connection, screen).await?;
        Box::pin(prepare(wish, connection, screen, stop, how)).await
    };
    let prepared = match prepared.await {
        Ok(prepared) => prepared,
        Err(error) if matches!(error.kind(), ErrorKind::Usage | ErrorKind::Refused) => {
            let found = error.problems().iter().map(|it| Finding::refused(it)).collect();
            return Ok((connection.caller(screen).await?, found));
        }
        Err(error) => return Err(error),
    };
    let mut found = look(&prepared, wish, connection, global, screen, Depth::Whole).await;
    found.extend(
        prepared.refusals.iter().map(|(node, why)| Finding::refused(&format!("{node}: {why}"))),
    );
    found.extend(preflight::known(&prepared));
    found.sort_by_key(|finding| finding.state);
    Ok((prepared.facts.caller, found))
}

/// Looks at what a deploy would meet, and says what is waited for.
async fn look(
    prepared: &Prepared,
    wish: &Wish,
    connection: &Connection,
    global: &Global,
    screen: &Screen,
    depth: Depth,
) -> Vec<Finding> {
    // Where something else stands for AWS, nothing is pulled from the registries that there are.
    let asked = (!connection.is_elsewhere()).then(Distribution::default);
    let asked = asked.as_ref().map(|it| it as &dyn Registry);
    let registry = global.instead_of_registries.as_deref().or(asked);
    let parts = parts_of(wish);
    let whom = format!("{} to answer (quotas, permissions, images)", connection.whom());
    let look = preflight::look(prepared, &parts, registry, depth);
    patiently(screen, &whom, Box::pin(look)).await
}

/// What `plan` and `deploy` look at before anybody is asked: what is certain to fail is refused, what may fail
/// is said, and what nobody knows is named.
pub(super) async fn check(
    args: &PreflightArgs,
    (prepared, wish): (&Prepared, &Wish),
    connection: &Connection,
    global: &Global,
    screen: &Screen,
    is_plan: bool,
) -> Result<(), CommandError> {
    if args.skip_preflight || prepared.is_settled() || !prepared.refusals.is_empty() {
        return Ok(());
    }
    let found = look(prepared, wish, connection, global, screen, Depth::Added).await;
    let of = |state| found.iter().filter(move |it| it.state == state);
    for finding in of(State::Doubtful) {
        let said = format!("{} ({}); {}", finding.what, finding.evidence, finding.advice);
        // Whoever plans need not be who deploys.
        match is_plan && finding.is_of_permissions() {
            true => screen.note(&format!("a deploy by this caller: {said}")),
            false => screen.warning(&said),
        }
    }
    let unknown: BTreeSet<_> = of(State::Unknown).map(Finding::subject).collect();
    if !unknown.is_empty() {
        let unknown = Vec::from_iter(unknown).join("; ");
        screen.note(&format!("not known: {unknown} (`ecsup doctor` says why)"));
    }
    let mut wrong = of(State::Wrong).peekable();
    if wrong.peek().is_none() {
        return Ok(());
    }
    let error = wrong.fold(CommandError::new(ErrorKind::Refused), |error, finding| {
        let error = error.problem(format!("{} ({})", finding.what, finding.evidence));
        error.hint(finding.advice.clone())
    });
    Err(error.hint("--skip-preflight goes ahead all the same"))
}

/// A finding for people.
fn lines(finding: &Finding) -> Vec<String> {
    let Finding { about, state, what, evidence, advice } = finding;
    let tone = match state {
        State::Wrong => Tone::Bad,
        State::Doubtful => Tone::Change,
        State::Unknown => Tone::Plain,
        State::Fine => Tone::Good,
    };
    let word = tone.paint(&format!("{:<9}", state.word()));
    let mut lines = vec![format!("{word} {about:<12} {what}")];
    // Of what is right nobody asks why.
    if *state != State::Fine {
        let more = [("", evidence), ("do: ", advice)].into_iter().filter(|(_, it)| !it.is_empty());
        lines.extend(more.map(|(word, it)| format!("{:<23}{word}{it}", "")));
    }
    lines
}

/// Findings for programs.
#[derive(Debug, Serialize)]
struct Report<'a> {
    account: &'a str,
    region: &'a str,
    caller: &'a str,
    findings: &'a [Finding],
}

impl<'a> Report<'a> {
    fn new(connection: &'a Connection, caller: &'a Caller, findings: &'a [Finding]) -> Self {
        let (account, region) = (caller.account.as_str(), connection.region.as_str());
        Self { account, region, caller: &caller.arn, findings }
    }
}
