//! What commands have in common that change one thing of services that are there, and wait as a deploy does.

use std::rc::Rc;

use clap::Args;
use tokio::time::Instant;

use super::connection::{in_time, patiently};
use super::drive::{Ended, Reason, drive};
use super::error::{CommandError, ErrorKind, once_each};
use super::existing::{self, Existing};
use super::locked::{Command, LockArgs, let_appear, release};
use super::{Done, Global, Outcome, run_on, wish};
use crate::aws::Scope;
use crate::engine::event::duration;
use crate::engine::graph::Graph;
use crate::engine::looks::Looks;
use crate::engine::walk::{Report, walk};
use crate::engine::{Run, Stop};
use crate::names::NodeName;
use crate::resource::service::{Asked, Output, Service, StandingService};
use crate::resource::{Owned, Seen};
use crate::spec::nearest;
use crate::ui::Screen;
use crate::wish::FileFlags;

/// The stack whose services a command is about.
#[derive(Debug, Args)]
pub struct StackArgs {
    /// Name of the stack [default: that of the manifest, or the only one there is]
    #[arg(long, env = "ECSUP_STACK", hide_env_values = true, value_name = "NAME")]
    pub stack: Option<String>,

    /// The manifest.
    #[command(flatten)]
    pub manifest: FileFlags,
}

/// How a command changes what is there.
#[derive(Debug, Args)]
pub struct ChangeArgs {
    /// Return when AWS was asked, without waiting until it is done
    #[arg(long, env = "ECSUP_NO_WAIT", hide_env_values = true,
        value_parser = clap::builder::BoolishValueParser::new())]
    pub no_wait: bool,

    /// What to do when another run works on the stack.
    #[command(flatten)]
    pub lock: LockArgs,
}

/// Services that are there, before anything is changed.
pub(super) struct Standing {
    pub(super) existing: Existing,
    /// What has been looked at, for commands that look at more.
    pub(super) looks: Looks,
    pub(super) services: Vec<Owned<Output>>,
    pub(super) deadline: Instant,
    looked: Instant,
}

/// Finds the services of a stack.
pub(super) async fn find(
    args: &StackArgs,
    verb: &'static str,
    global: &Global,
    screen: &Screen,
) -> Result<Standing, CommandError> {
    let deadline = global.deadline();
    let (said, global) = wish::stack(args.stack.as_deref(), &args.manifest, global)?;
    let (given, global) = (existing::named(said.as_deref())?, &global);
    let looked = Instant::now();
    in_time(deadline, async {
        let Some(existing) = existing::find(given, verb, global, screen).await? else {
            return Err(CommandError::new(ErrorKind::Refused));
        };
        let Existing { connection, cx, .. } = &existing;
        let looks = Looks::new(connection.aws.clone(), Scope::Stack(cx.names.clone()));
        let whom = format!("{} to list the services", connection.whom());
        let services = patiently(screen, &whom, looks.list::<Service>(None)).await;
        let mut services = services.map_err(|error| connection.failed(error))?.to_vec();
        services.retain(|owned| matches!(owned.seen, Seen::Present(..)));
        if services.is_empty() {
            return Err(existing.missing().await);
        }
        screen.note(&existing.title());
        Ok(Standing { existing, looks, services, deadline, looked })
    })
    .await
}

impl Standing {
    /// A service by its name.
    pub(super) fn service(&self, name: &str) -> Result<&Owned<Output>, CommandError> {
        self.services.iter().find(|owned| owned.it().name == name).ok_or_else(|| {
            let names = || self.services.iter().map(|owned| owned.it().name.as_str());
            let stack = &self.existing.stack;
            let (all, near) = (names().collect::<Vec<_>>().join(", "), nearest(name, names()));
            CommandError::refused(format!("stack `{stack}` has no service `{name}` ({all}){near}"))
        })
    }

    /// Asks one service for a change, and waits until it is done.
    pub(super) async fn change(
        self,
        node: NodeName,
        wanted: Asked,
        args: &ChangeArgs,
        screen: &Screen,
    ) -> Outcome {
        let stop = Rc::new(Stop::default());
        let mut run = run_on(screen, Rc::clone(&self.existing.cx), &stop);
        run.wait_for_ready = !args.no_wait;
        let Existing { connection, lock, .. } = &self.existing;
        let command = Command { connection, run: &run, stop: &stop, looked: self.looked };
        let work = async {
            let taken = command.take(lock, &args.lock).await?;
            let report = taken.held.keep(&stop, async {
                let_appear(&taken, &run, &stop).await;
                walk(&run, graph([(node, wanted)]).nodes()).await
            });
            let report = report.await;
            Ok::<_, CommandError>((report, release(&taken.held, &run, screen).await))
        };
        let ended = drive(work, &stop, self.deadline, screen).await;
        screen.finish();
        let (report, lost, reason) = match ended {
            Ended::With(Ok((report, lost)), reason) => (report, lost, reason),
            Ended::With(Err(error), Reason::Interrupted) if error.kind() == ErrorKind::Refused => {
                return Err(CommandError::interrupted(error));
            }
            Ended::With(Err(error), _) => return Err(error),
            Ended::Left(reason) => (None, None, reason),
        };
        lost.into_iter().for_each(|why| screen.warning(why));
        let done = if args.no_wait { "asked for" } else { "steady" };
        self.told(report, reason, &run, done, screen)
    }

    /// Waits until services are steady, whoever changes them: it needs no lock.
    pub(super) async fn wait(self, nodes: Vec<NodeName>, screen: &Screen) -> Outcome {
        let stop = Rc::new(Stop::default());
        let run = run_on(screen, Rc::clone(&self.existing.cx), &stop);
        let graph = graph(nodes.into_iter().map(|node| (node, Asked::Nothing)));
        let ended = drive(walk(&run, graph.nodes()), &stop, self.deadline, screen).await;
        screen.finish();
        let (report, reason) = match ended {
            Ended::With(report, reason) => (Some(report), reason),
            Ended::Left(reason) => (None, reason),
        };
        self.told(report, reason, &run, "steady", screen)
    }

    /// How it ended.
    fn told(
        &self,
        report: Option<Report>,
        reason: Reason,
        run: &Run,
        done: &str,
        screen: &Screen,
    ) -> Outcome {
        let verb = self.existing.verb;
        match report {
            Some(report) if report.is_complete() => {
                screen.note(&format!("{done} in {}", duration(run.elapsed())));
                Ok(Done::Done)
            }
            report => {
                let kind = match reason {
                    Reason::Interrupted => ErrorKind::Interrupted,
                    Reason::Done | Reason::TimedOut => ErrorKind::DeployIncomplete,
                };
                let why = match reason {
                    Reason::Done => "a service is not as it should be",
                    Reason::Interrupted => "it was interrupted",
                    Reason::TimedOut => "its time was up",
                };
                let Report { failed, not_started } = report.unwrap_or_default();
                let ended = || failed.iter().chain(&not_started);
                let stack = &self.existing.stack;
                let error = CommandError::new(kind)
                    .problem(format!("{verb} of `{stack}` is incomplete: {why}"))
                    .details(once_each(ended().map(|(node, failure)| (node, failure))))
                    .hint(format!("`ecsup wait --stack {stack}` goes on waiting"))
                    .hint(format!(
                        "`ecsup explain {stack}` says why services are not as they should be"
                    ));
                Err(ended().fold(error, |error, (node, it)| error.causes(node, it.findings())))
            }
        }
    }
}

/// Services and what is asked of each.
fn graph(wanted: impl IntoIterator<Item = (NodeName, Asked)>) -> Graph {
    let mut graph = Graph::default();
    for (node, wanted) in wanted {
        graph.add(node, StandingService { wanted }, ());
    }
    graph
}
