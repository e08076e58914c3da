//! `ecsup explain`: why the services of a stack are not as they should be. It only looks.

use clap::Args;
use futures::future::join_all;

use super::cause::told;
use super::connection::{in_time, patiently};
use super::existing::{self, Existing};
use super::{Done, Global, Outcome};
use crate::aws::Scope;
use crate::resource::Resource as _;
use crate::resource::service::Service;
use crate::resource::{Phase, Seen, Wanted as _};
use crate::ui::Screen;

/// What `ecsup explain` takes.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Name of the stack [default: the only one there is]
    #[arg(env = "ECSUP_STACK", hide_env_values = true)]
    pub stack: Option<String>,
}

/// What was looked at, when nothing was found.
const LOOKED_AT: &str = "looked at deployments, events, stopped tasks, targets, instances and their \
                         launches, ways out, security groups and roles";

/// Runs the command.
pub async fn explain(args: &ExplainArgs, global: &Global, screen: &Screen) -> Outcome {
    let given = existing::named(args.stack.as_deref())?;
    in_time(global.deadline(), async {
        let Some(existing) = existing::find(given, "explain", global, screen).await? else {
            return Ok(Done::Done);
        };
        screen.note(&existing.title());
        look(&existing, screen).await
    })
    .await
}

/// Looks at each service, and tells what is wrong with it.
async fn look(existing: &Existing, screen: &Screen) -> Outcome {
    let Existing { connection, cx, .. } = existing;
    let scope = Scope::Stack(cx.names.clone());
    let whom = format!("{} to answer (why the services are as they are)", connection.whom());
    let services = patiently(screen, &whom, Service::list(&cx.aws, &scope)).await;
    let services = services.map_err(|error| connection.failed(error))?;
    if services.is_empty() {
        return existing.nothing_there(screen).await;
    }
    let diagnoses = services.iter().map(|owned| Service::diagnosis(&cx.aws, &scope, owned.it()));
    let diagnoses = patiently(screen, &whom, join_all(diagnoses)).await;
    let mut causes = Vec::new();
    for (owned, diagnosis) in services.iter().zip(diagnoses) {
        let node = owned.owner.node.to_string();
        let state = match &owned.seen {
            Seen::Leaving(_, how) => how.clone(),
            Seen::Present(_, Phase::Ready) => "steady".to_owned(),
            Seen::Present(_, Phase::Coming(why) | Phase::Broken(why)) => {
                diagnosis.state.unwrap_or_else(|| why.clone())
            }
        };
        screen.out(&format!("{node:<32} {state}"));
        causes.extend(diagnosis.findings.into_iter().map(|finding| (node.clone(), finding)));
    }
    let all = told(&causes);
    for cause in &all {
        screen.out(&format!("cause: {}", cause.cause));
        cause.proofs.iter().for_each(|proof| screen.out(&format!("  {proof}")));
        cause.hint.iter().for_each(|hint| screen.out(&format!("hint: {hint}")));
    }
    if all.is_empty() {
        screen.note(&format!("nothing is wrong: {LOOKED_AT}"));
    }
    let is_wrong = causes.iter().any(|(_, finding)| !finding.is_about_us());
    Ok(if is_wrong { Done::Wrong } else { Done::Done })
}
