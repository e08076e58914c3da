//! What `exec` and `forward` have in common: what has to be there is looked at first, and told as a whole sentence
//! with what to do; then the plugin talks.

use clap::Args;

use super::connection::{in_time, patiently};
use super::drive::Interrupts;
use super::error::{CommandError, ErrorKind};
use super::logs::parse_task;
use super::standing::{self, StackArgs, Standing};
use super::{Done, Global, Outcome};
use crate::aws::Aws;
use crate::names::partition;
use crate::resource::service::Output;
use crate::session::{self, Container, Missing, Plugin, Purpose, Task};
use crate::spec::exec::MESSAGES;
use crate::spec::nearest;
use crate::ui::Screen;

/// Which container a session is with.
#[derive(Debug, Args)]
pub struct TargetArgs {
    /// The task: its id, or how that begins [default: the newest that can be talked to]
    #[arg(long, env = "ECSUP_TASK", hide_env_values = true, value_name = "ID",
        value_parser = parse_task)]
    pub task: Option<String>,

    /// The container [default: the service's own]
    #[arg(long, env = "ECSUP_CONTAINER", hide_env_values = true, value_name = "NAME")]
    pub container: Option<String>,

    /// The stack.
    #[command(flatten)]
    pub stack: StackArgs,
}

/// The plugin, or what to do about it.
pub(super) fn plugin(global: &Global) -> Result<Plugin, CommandError> {
    Plugin::find(global.instead_of_plugin.as_ref()).map_err(|missing| {
        let hint = match missing {
            Missing::NotFound => {
                "install the Session Manager plugin: \
                 https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html"
            }
            Missing::Broken(_) => "install the Session Manager plugin anew",
        };
        CommandError::refused(&missing).hint(hint).caused_by(missing)
    })
}

/// Has a session with a container of a service, until it ends. `service` may be left out where there is one.
pub(super) async fn talk(
    service: Option<&str>,
    purpose: &Purpose,
    verb: &'static str,
    args: &TargetArgs,
    plugin: &Plugin,
    (global, screen): (&Global, &Screen),
) -> Outcome {
    let standing = standing::find(&args.stack, verb, global, screen).await?;
    let it = match (service, standing.services.as_slice()) {
        (Some(name), _) => standing.service(name)?.it(),
        (None, [only]) => only.it(),
        (None, all) => {
            let names: Vec<_> = all.iter().map(|owned| owned.it().name.as_str()).collect();
            let why = format!("the stack has several services: {}", names.join(", "));
            return Err(CommandError::refused(why).hint("say which one, as in `--service NAME`"));
        }
    };
    let connection = &standing.existing.connection;
    let aws = &connection.aws;
    let begun = in_time(standing.deadline, async {
        let whom = format!("{} to list the tasks", connection.whom());
        let tasks = patiently(screen, &whom, session::tasks(aws, &it.cluster, &it.name)).await;
        let tasks = tasks.map_err(|error| connection.failed(error))?;
        let name = args.container.as_deref().unwrap_or(&it.name);
        let (task, container) = match choose(it, &tasks, name, args)? {
            Choice::Ready(task, container) => (task, container),
            Choice::Deaf(task, agent) => return Err(deaf(&standing, it, task, &agent).await),
        };
        let begun = session::begin(aws, task, container, purpose).await;
        match begun.map_err(|error| connection.failed(error))? {
            Some(session) => Ok((session, task.id.clone(), container.name.clone())),
            None => Err(deaf(&standing, it, task, "not connected").await),
        }
    });
    let (session, task, container) = begun.await?;
    if let Some(version) = plugin.shows_token() {
        screen.warning(&format!(
            "others of this machine can read the session's token while the plugin {version} runs: from 1.2.536 \
             on it keeps that to itself"
        ));
    }
    screen.note(&format!("session with container {container} of task {task}"));
    screen.finish();
    // Ctrl-C is for what runs in the container: whoever listens to it is not ended by it.
    let _interrupts = Interrupts::new();
    let profile = global.profile.clone().unwrap_or_default();
    let endpoint = connection.endpoint().unwrap_or_else(|| {
        let region = &connection.region;
        format!("https://ssm.{region}.{}", partition::domain(region))
    });
    match plugin.talk(&session, &connection.region, &profile, &endpoint) {
        Ok(code) => Ok(Done::Ended(code)),
        Err(why) => {
            // Nobody takes part in it.
            let ended = session::end(aws, &session).await;
            let error = CommandError::new(ErrorKind::Unexpected);
            let error = error.problem(format!("the Session Manager plugin did not start: {why}"));
            Err(match ended {
                Ok(()) => error,
                Err(left) => error.problem(format!(
                    "failed to {left}: the session ends by itself after 20 minutes"
                )),
            })
        }
    }
}

/// Which container it is to be.
enum Choice<'a> {
    /// This one.
    Ready(&'a Task, &'a Container),
    /// The agent in none is ready; how that of the newest task is.
    Deaf(&'a Task, String),
}

/// The container that is meant, in the newest task in which its agent is ready.
fn choose<'a>(
    it: &Output,
    tasks: &'a [Task],
    name: &str,
    args: &TargetArgs,
) -> Result<Choice<'a>, CommandError> {
    let service = &it.name;
    if tasks.is_empty() {
        let why = format!("no task of service `{service}` runs");
        return Err(CommandError::refused(why).hint("`ecsup explain` says why"));
    }
    let is_meant = |task: &&Task| args.task.as_ref().is_none_or(|id| task.id.starts_with(id));
    let meant: Vec<_> = tasks.iter().filter(is_meant).collect();
    if meant.is_empty() {
        let ids: Vec<_> = tasks.iter().map(|task| task.id.as_str()).collect();
        let why = format!(
            "no task `{}` of service `{service}` runs",
            args.task.as_deref().unwrap_or_default()
        );
        return Err(CommandError::refused(why).hint(format!("these run: {}", ids.join(", "))));
    }
    if let [first, ..] = meant[..]
        && meant.iter().all(|task| task.container(name).is_none())
    {
        let names = || first.containers.iter().map(|it| it.name.as_str());
        let near = nearest(name, names());
        let all = names().collect::<Vec<_>>().join(", ");
        let why =
            format!("the tasks of service `{service}` have no container `{name}` ({all}){near}");
        return Err(CommandError::refused(why));
    }
    let with: Vec<_> = meant.iter().copied().filter(|task| task.has_agents).collect();
    let Some(&newest) = with.first() else {
        return Err(match it.exec {
            true => CommandError::refused(format!(
                "the tasks of service `{service}` started before `exec` was turned on"
            ))
            .hint(format!("`ecsup restart {service}` replaces them by others that have it")),
            false => CommandError::refused(format!(
                "service `{service}` has no `exec`: commands are run in none of its tasks"
            ))
            .hint(
                "write `exec = true` for it in the manifest, and deploy: that replaces its tasks",
            ),
        });
    };
    let ready = with.iter().copied().find_map(|task| {
        let container = task.container(name).filter(|it| it.is_ready())?;
        Some(Choice::Ready(task, container))
    });
    let agent = newest.container(name).and_then(|it| it.agent.clone());
    Ok(ready.unwrap_or_else(|| Choice::Deaf(newest, agent.unwrap_or_else(|| "PENDING".into()))))
}

/// The agent does not answer: what may be wrong, as far as it can be found out.
async fn deaf(standing: &Standing, it: &Output, task: &Task, agent: &str) -> CommandError {
    let aws: &Aws = &standing.existing.connection.aws;
    let why = format!("what runs commands in task {} is {agent}", task.id);
    let error = CommandError::refused(why);
    if agent == "PENDING" {
        return error.hint("it starts with the task: try again in some seconds");
    }
    let restart = format!("`ecsup restart {}` starts new tasks afterwards", it.name);
    match session::lacking(aws, &task.definition).await {
        Ok(None) => {
            return error
                .problem("the tasks have no role, with which it talks to AWS")
                .hint("write `exec = true` for the service in the manifest, and deploy");
        }
        Ok(Some((role, lacking))) if !lacking.is_empty() => {
            let actions = lacking.join(", ");
            return error
                .problem(format!("{role} does not allow {actions}"))
                .hint(format!("give the role these actions on `*`; {restart}"));
        }
        Ok(Some(_)) => {}
        Err(unknown) => {
            return error.problem(format!(
                "what the role of the tasks allows is not known: failed to {unknown}"
            ));
        }
    }
    error
        .problem("the role of the tasks allows what it takes")
        .hint(format!(
            "see that a task reaches {MESSAGES}: by a NAT gateway, a public address, or an endpoint for it"
        ))
        .hint(
            "see that its variables set no AWS_ACCESS_KEY_ID, which the agent would take in place of the role, \
             and that the file system of the container can be written to",
        )
        .hint(restart)
}
