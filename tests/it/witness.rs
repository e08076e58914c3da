//! Somebody who looks once a second, with AWS's own answers, how a stack is removed.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use aws_sim::cloud::Cloud;
use aws_sim::ecs;
use aws_sim::fields::{Fields as _, Tags};
use aws_sim::world::World;
use ecsup::cli::rehearse::Played;
use ecsup::engine::event::What;
use serde_json::{Value, json};

use crate::goal::INHERITING;

/// What was seen of a stack.
#[derive(Debug)]
pub struct Witness {
    stack: String,
    /// The nodes that were there, and since the beginning when.
    there: Vec<(Duration, BTreeSet<String>)>,
    /// Tasks that ran and ended without a code: nobody has stopped them, their instances were lost.
    lost: BTreeSet<String>,
}

impl Witness {
    pub fn new(stack: &str) -> Self {
        Self { stack: stack.to_owned(), there: Vec::new(), lost: BTreeSet::new() }
    }

    /// Looks once a second, for ever.
    pub async fn watches(&mut self, cloud: &Cloud) -> Infallible {
        let began = cloud.now();
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let nodes = cloud.world(|world| self.nodes(world));
            self.there.push((cloud.now().saturating_sub(began), nodes));
            cloud.world(|world| self.look_at_tasks(world));
        }
    }

    /// The nodes of the stack that are there, also while they go.
    fn nodes(&self, world: &mut World) -> BTreeSet<String> {
        let is_own = |tags: &Tags| tags.get("ecsup:stack") == Some(&self.stack);
        let all = world.tagged().into_iter();
        let own =
            all.filter(|(kind, _, tags)| !INHERITING.contains(&kind.as_str()) && is_own(tags));
        own.filter_map(|(.., mut tags)| tags.remove("ecsup:node")).collect()
    }

    fn look_at_tasks(&mut self, world: &mut World) {
        let cluster = format!("cluster-{}", self.stack);
        let mut ask = |operation: &str, input: Value| {
            ecs::answer(world, operation, &input).unwrap_or_default()
        };
        let stopped = json!({ "cluster": cluster, "desiredStatus": "STOPPED" });
        let stopped = ask("ListTasks", stopped).texts("taskArns");
        if stopped.is_empty() {
            return;
        }
        let tasks = ask("DescribeTasks", json!({ "cluster": cluster, "tasks": stopped }));
        for task in tasks.list("tasks").iter().filter(|it| it.text("lastStatus") == "STOPPED") {
            let has_code = |container: &Value| container.number("exitCode").is_some();
            let has_run = task.get("startedAt").is_some();
            if has_run && !task.list("containers").iter().all(has_code) {
                self.lost.insert(task.text("taskArn").to_owned());
            }
        }
    }

    /// Checks that what a command called removed was gone by then, and that every task was stopped by its
    /// agent.
    pub fn agrees_with(&self, played: &Played) -> Result<(), String> {
        if !self.lost.is_empty() {
            return Err(format!("nobody has stopped these tasks: {:?}", self.lost));
        }
        let events = played.recording.events.iter();
        for event in events.filter(|event| event.what == What::Removed) {
            let told = played.looked + event.at;
            let then = self.there.iter().find(|(at, _)| *at >= told);
            if then.is_some_and(|(_, nodes)| nodes.contains(event.node.as_str())) {
                return Err(format!("{} was called removed, and was there", event.node.as_str()));
            }
        }
        Ok(())
    }
}
