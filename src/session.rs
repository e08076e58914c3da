//! Sessions with containers, by Amazon ECS Exec and Session Manager: which task can be talked to, why one
//! cannot, and what the plugin is handed that then does the talking.
//!
//! A session has a token, with which anybody takes part in it. It is in no text that is shown or logged.

mod plugin;

use std::fmt;

use aws_sdk_ecs::types::{
    Container as DescribedContainer, ManagedAgent, ManagedAgentName, Task as Described,
    TaskDefinition,
};
use aws_sdk_iam::types::PolicyEvaluationDecisionType as Decision;
use aws_smithy_types::DateTime;
use futures::future::try_join_all;
use serde_json::{Value, json};

pub use self::plugin::{Missing, Plugin};
use crate::arn::last_part;
use crate::aws::{AllPages, Aws, Doing, Error, Meanings, Result, missing};
use crate::spec::exec::ACTIONS;

/// What AWS answers when an agent does not hear it.
const NOT_CONNECTED: [&str; 2] = ["TargetNotConnectedException", "TargetNotConnected"];

/// A task that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its id.
    pub id: String,
    /// The name of its cluster.
    pub cluster: String,
    /// ARN of the revision that it runs.
    pub definition: String,
    /// When it started, in seconds since 1970.
    pub started: i64,
    /// Whether it was started with agents.
    pub has_agents: bool,
    /// Its containers.
    pub containers: Vec<Container>,
}

/// A container of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// What its runtime calls it.
    pub runtime: Option<String>,
    /// How its agent is, in ECS's words, such as `RUNNING`.
    pub agent: Option<String>,
}

impl Container {
    /// Whether its agent says that it can be talked to.
    pub fn is_ready(&self) -> bool {
        self.agent.as_deref() == Some("RUNNING")
    }
}

/// What a session is with, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// A command in the container.
    Command(String),
    /// A port that is reached through it.
    Port {
        /// The port here.
        local: u16,
        /// Where it leads; to the task itself where nothing is said.
        host: Option<String>,
        /// The port there.
        port: u16,
    },
}

/// A session that has begun.
pub struct Session {
    /// Its id.
    pub id: String,
    stream: String,
    token: String,
    /// What the plugin is told that was asked for.
    request: Value,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Task {
    /// A container by its name.
    pub fn container(&self, name: &str) -> Option<&Container> {
        self.containers.iter().find(|it| it.name == name)
    }

    /// A container as Systems Manager calls it.
    fn target(&self, container: &Container) -> Option<String> {
        let runtime = container.runtime.as_ref()?;
        Some(format!("ecs:{}_{}_{runtime}", self.cluster, self.id))
    }
}

/// The tasks of a service that run, the newest first.
pub async fn tasks(aws: &Aws, cluster: &str, service: &str) -> Result<Vec<Task>> {
    let listed = aws.ecs.list_tasks().cluster(cluster).service_name(service);
    let listed = listed.into_paginator().items().send();
    let arns = listed.all().await.doing("list the tasks")?;
    let batches = arns.chunks(100).map(async |batch| {
        let describe = aws.ecs.describe_tasks().cluster(cluster);
        let described = describe.set_tasks(Some(batch.to_vec())).send().await;
        Ok::<_, Error>(described.doing("describe the tasks")?.tasks.unwrap_or_default())
    });
    let all = try_join_all(batches).await?.into_iter().flatten();
    let mut running: Vec<_> =
        all.filter(|it| it.last_status() == Some("RUNNING")).map(|it| task(cluster, &it)).collect();
    running.sort_by(|one, other| (other.started, &other.id).cmp(&(one.started, &one.id)));
    Ok(running)
}

fn task(cluster: &str, it: &Described) -> Task {
    let container = |it: &DescribedContainer| {
        let mut agents = it.managed_agents().iter();
        let agent = agents.find(|it| it.name() == Some(&ManagedAgentName::ExecuteCommandAgent));
        Container {
            name: it.name().unwrap_or_default().to_owned(),
            runtime: it.runtime_id().map(str::to_owned),
            agent: agent.and_then(ManagedAgent::last_status).map(str::to_owned),
        }
    };
    Task {
        id: last_part(it.task_arn().unwrap_or_default()).to_owned(),
        cluster: cluster.to_owned(),
        definition: it.task_definition_arn().unwrap_or_default().to_owned(),
        started: it.started_at().map(DateTime::secs).unwrap_or_default(),
        has_agents: it.enable_execute_command(),
        containers: it.containers().iter().map(container).collect(),
    }
}

/// Begins a session. Nothing when AWS says that the agent is not connected.
pub async fn begin(
    aws: &Aws,
    task: &Task,
    container: &Container,
    purpose: &Purpose,
) -> Result<Option<Session>> {
    let doing = match purpose {
        Purpose::Command(_) => "run a command in the task",
        Purpose::Port { .. } => "open a port of the task",
    };
    let target = task.target(container).ok_or_else(|| missing(doing, "runtimeId"))?;
    let begun = match purpose {
        Purpose::Command(command) => {
            // Each call opens a session: it is not repeated.
            let call = aws.ecs_once.execute_command().cluster(&task.cluster).task(&task.id);
            let call = call.container(&container.name).command(command).interactive(true);
            let begun = call.send().await.doing(doing).gone_is_fine(&NOT_CONNECTED)?;
            let Some(begun) = begun else { return Ok(None) };
            let session = begun.session.ok_or_else(|| missing(doing, "session"))?;
            let parts = [session.session_id, session.stream_url, session.token_value];
            (parts, json!({ "Target": target }))
        }
        Purpose::Port { local, host, port } => {
            let (document, host) = match host {
                None => ("AWS-StartPortForwardingSession", None),
                Some(host) => ("AWS-StartPortForwardingSessionToRemoteHost", Some(host)),
            };
            let ports = [("portNumber", port), ("localPortNumber", local)];
            let call = aws.ssm_once.start_session().target(&target).document_name(document);
            let call = ports
                .iter()
                .fold(call, |call, (name, port)| call.parameters(*name, vec![port.to_string()]));
            let call =
                host.iter().fold(call, |call, host| call.parameters("host", vec![(*host).clone()]));
            let begun = call.send().await.doing(doing).gone_is_fine(&NOT_CONNECTED)?;
            let Some(begun) = begun else { return Ok(None) };
            let mut parameters = json!({
                "portNumber": [port.to_string()], "localPortNumber": [local.to_string()],
            });
            if let Some(host) = host {
                parameters["host"] = json!([host]);
            }
            let request = json!({
                "Target": target, "DocumentName": document, "Parameters": parameters,
            });
            ([begun.session_id, begun.stream_url, begun.token_value], request)
        }
    };
    let ([Some(id), Some(stream), Some(token)], request) = begun else {
        return Err(missing(doing, "session"));
    };
    Ok(Some(Session { id, stream, token, request }))
}

/// Ends a session that nobody takes part in.
pub async fn end(aws: &Aws, session: &Session) -> Result<()> {
    let end = aws.ssm.terminate_session().session_id(&session.id);
    end.send().await.doing("end the session").gone_is_fine(&["DoesNotExistException"]).map(drop)
}

/// The role of the tasks of a revision, and which of the actions that the agents need it does not allow, as far
/// as IAM's simulator tells the caller.
pub async fn lacking(aws: &Aws, definition: &str) -> Result<Option<(String, Vec<&'static str>)>> {
    let described = aws.ecs.describe_task_definition().task_definition(definition).send().await;
    let described = described.doing("describe the task definition")?;
    let role = described.task_definition().and_then(TaskDefinition::task_role_arn);
    let Some(role) = role else { return Ok(None) };
    let ask = aws.iam_advice.simulate_principal_policy().policy_source_arn(role);
    let ask = ask.set_action_names(Some(ACTIONS.map(str::to_owned).to_vec()));
    let answer = ask.send().await.doing("simulate the policies of the role")?;
    let denied = |action: &&&str| {
        let mut results = answer.evaluation_results().iter();
        let result = results.find(|it| it.eval_action_name() == **action);
        result.is_some_and(|it| *it.eval_decision() != Decision::Allowed)
    };
    Ok(Some((role.to_owned(), ACTIONS.iter().filter(denied).copied().collect())))
}
