//! `ecsup explain`: why the services of a stack are not as they should be. It only looks.

use clap::Args;
use futures::stream::{self, StreamExt as _};
use serde::Serialize;

use super::cause::told;
use super::connection::{in_time, patiently};
use super::existing::{self, Existing};
use super::output::{Output, OutputArgs, json};
use super::{Done, Global, Outcome, list, wish};
use crate::aws::Scope;
use crate::diagnosis::{Finding, Waiting};
use crate::resource::Resource as _;
use crate::resource::service::Service;
use crate::resource::{Phase, Seen, Wanted as _};
use crate::ui::Screen;
use crate::wish::FileFlags;

/// What `ecsup explain` takes.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Name of the stack [default: that of the manifest, or the only one there is]
    #[arg(env = "ECSUP_STACK", hide_env_values = true)]
    pub stack: Option<String>,

    /// The manifest.
    #[command(flatten)]
    pub manifest: FileFlags,

    /// How to print it.
    #[command(flatten)]
    pub print: OutputArgs,
}

/// What was found out of a stack.
#[derive(Debug, Serialize)]
struct Report<'a> {
    stack: &'a str,
    region: &'a str,
    services: Vec<Explained>,
}

/// What was found out of a service.
#[derive(Debug, Serialize)]
struct Explained {
    /// Its name.
    name: String,
    /// How far it is.
    state: String,
    /// What is wrong, the most hopeless first.
    causes: Vec<Told>,
    #[serde(skip)]
    findings: Vec<Finding>,
}

/// A finding for programs.
#[derive(Debug, Serialize)]
struct Told {
    /// Its name, which stays.
    name: &'static str,
    cause: String,
    /// Whether waiting can help; nothing, where it only says what could not be looked at.
    waiting: Option<&'static str>,
    evidence: Vec<Evidence>,
    advice: String,
}

#[derive(Debug, Serialize)]
struct Evidence {
    call: &'static str,
    text: String,
}

impl From<&Finding> for Told {
    fn from(finding: &Finding) -> Self {
        let waiting = match finding.waiting {
            Waiting::Hopeless => "does_not_help",
            Waiting::MayHelp => "may_help",
            Waiting::Helps => "helps",
        };
        let evidence = finding.evidence.iter();
        let evidence = evidence.map(|it| Evidence { call: it.call, text: it.text.clone() });
        Self {
            name: finding.name,
            cause: finding.cause.clone(),
            waiting: (!finding.is_about_us()).then_some(waiting),
            evidence: evidence.collect(),
            advice: finding.advice.clone(),
        }
    }
}

/// How many services are looked into at once: each takes some thirty calls.
const AT_ONCE: usize = 4;

/// What was looked at, when nothing was found.
const LOOKED_AT: &str = "looked at deployments, events, stopped tasks, targets, instances and their \
                         launches, ways out, security groups and roles";

/// Runs the command.
pub async fn explain(args: &ExplainArgs, global: &Global, screen: &Screen) -> Outcome {
    let deadline = global.deadline();
    let (said, global) = wish::stack(args.stack.as_deref(), &args.manifest, global)?;
    let (given, global) = (existing::named(said.as_deref())?, &global);
    in_time(deadline, async {
        let Some(existing) = existing::find(given, "explain", global, screen).await? else {
            return Ok(Done::Done);
        };
        screen.note(&existing.title());
        look(&existing, args.print.output, screen).await
    })
    .await
}

/// Looks at each service, and tells what is wrong with it.
async fn look(existing: &Existing, output: Output, screen: &Screen) -> Outcome {
    let Existing { connection, cx, .. } = existing;
    let scope = Scope::Stack(cx.names.clone());
    let whom = format!("{} to answer (why the services are as they are)", connection.whom());
    let services = patiently(screen, &whom, Service::list(&cx.aws, &scope)).await;
    let services = services.map_err(|error| connection.failed(error))?;
    if services.is_empty() {
        let all = patiently(screen, &whom, list::stacks(connection)).await;
        if !all.is_ok_and(|all| all.contains_key(existing.stack.as_str())) {
            return Err(existing.missing().await);
        }
        screen.note("the stack has no services yet: `ecsup status` shows what there is");
    }
    let diagnoses = services.iter().map(|owned| Service::diagnosis(&cx.aws, &scope, owned.it()));
    let diagnoses = stream::iter(diagnoses).buffered(AT_ONCE).collect::<Vec<_>>();
    let diagnoses = patiently(screen, &whom, diagnoses).await;
    let explained = services.iter().zip(diagnoses).map(|(owned, diagnosis)| {
        let state = match &owned.seen {
            Seen::Leaving(_, how) => how.clone(),
            Seen::Present(_, Phase::Ready) => "steady".to_owned(),
            Seen::Present(_, Phase::Coming(why) | Phase::Broken(why)) => {
                diagnosis.state.unwrap_or_else(|| why.clone())
            }
        };
        let name = owned.it().name.clone();
        let causes = diagnosis.findings.iter().map(Told::from).collect();
        Explained { name, state, causes, findings: diagnosis.findings }
    });
    let services: Vec<_> = explained.collect();
    let found = services.iter().flat_map(|it| &it.findings);
    let is_wrong = found.clone().any(|finding| !finding.is_about_us());
    let is_bare = found.count() == 0 && !services.is_empty();
    match output {
        Output::Json => {
            let (stack, region) = (existing.stack.as_str(), connection.region.as_str());
            screen.out(&json(&Report { stack, region, services })?);
        }
        Output::Text => lines(services).iter().for_each(|line| screen.tell(line)),
    }
    if is_bare {
        screen.note(&format!("nothing is wrong: {LOOKED_AT}"));
    }
    Ok(if is_wrong { Done::Wrong } else { Done::Done })
}

/// The lines for people.
fn lines(services: Vec<Explained>) -> Vec<String> {
    let (mut lines, mut causes) = (Vec::new(), Vec::new());
    for Explained { name, state, findings, .. } in services {
        let node = format!("service/{name}");
        lines.push(format!("{node:<32} {state}"));
        causes.extend(findings.into_iter().map(|finding| (node.clone(), finding)));
    }
    for cause in told(&causes) {
        lines.push(format!("cause: {}", cause.cause));
        lines.extend(cause.proofs.iter().map(|proof| format!("  {proof}")));
        lines.extend(cause.hint.iter().map(|hint| format!("hint: {hint}")));
    }
    lines
}
