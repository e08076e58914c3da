//! What commands that change a stack have in common: they take its lock first.

use std::cell::RefCell;

use clap::Args;
use tokio::time::Instant;

use super::connection::Connection;
use super::error::CommandError;
use crate::engine::event::What;
use crate::engine::patience::PROPAGATION;
use crate::engine::{Run, Stop};
use crate::lock::{Held, Lock, Taken, Taking, Terms};
use crate::names::NodeName;
use crate::ui::Screen;

/// What to do when another run works on the stack.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct LockArgs {
    /// Wait while another run works on the stack, instead of giving up
    #[arg(long, env = "ECSUP_WAIT_FOR_LOCK", hide_env_values = true,
        value_parser = clap::builder::BoolishValueParser::new())]
    pub wait_for_lock: bool,
}

/// A command that is about to change a stack.
pub(super) struct Command<'a> {
    pub(super) connection: &'a Connection,
    pub(super) run: &'a Run,
    pub(super) stop: &'a Stop,
    /// When it began to look at the stack.
    pub(super) looked: Instant,
}

fn node() -> NodeName {
    NodeName::from("lock")
}

impl Command<'_> {
    /// Takes the lock, or says why it cannot be had.
    pub(super) async fn take(&self, lock: &Lock, args: &LockArgs) -> Result<Taken, CommandError> {
        let Self { run, stop, .. } = self;
        let wait_for_live = args.wait_for_lock;
        let told = RefCell::new(String::new());
        let tell = |why: &str| {
            if told.replace(why.to_owned()) != why {
                run.tell(&node(), What::Waiting(why.to_owned()));
            }
        };
        let terms = Terms { wait_for_live, looked: self.looked, stop, tell: &tell };
        let taking = lock.take(&terms).await;
        match taking {
            Ok(Taking::Taken(taken)) => {
                if !told.borrow().is_empty() {
                    run.tell(&node(), What::Ready);
                }
                Ok(*taken)
            }
            Ok(Taking::HeldBy(seen)) => {
                let stack = run.cx.names.stack();
                let why = format!("stack `{stack}` is locked by {}", seen.until_when());
                Err(CommandError::refused(why).hint(format!(
                    "say --wait-for-lock to wait for it, or make it stop with `ecsup unlock {stack}`"
                )))
            }
            Ok(Taking::Stopped) => Err(CommandError::refused("stopped while waiting for the lock")),
            // Whatever changes a stack takes its lock first.
            Err(error) => Err(self.connection.failed(error).unchanged()),
        }
    }
}

/// Waits for what AWS may still hide, if anything.
pub(super) async fn let_appear(taken: &Taken, run: &Run, stop: &Stop) {
    if let Some(pause) = taken.look_again.filter(|pause| !pause.is_zero()) {
        let seconds = pause.as_secs_f64().ceil();
        let why = format!("{seconds}s until AWS cannot hide what another run has made");
        run.tell(&node(), What::Waiting(why));
        stop.sleep(pause).await;
        run.tell(&node(), What::Ready);
    }
}

/// Lets others have the lock. Returns why it was lost, if it was.
pub(super) async fn release(held: &Held, run: &Run, screen: &Screen) -> Option<&'static str> {
    // What was dropped did not say when it changed something last.
    let hides = if held.is_unheard() { PROPAGATION } else { run.hides() };
    if let Err(error) = held.release(hides).await {
        screen.warning(&format!("failed to {error}: the lock is free by itself within seconds"));
    }
    if held.is_superseded() {
        Some("another run took the lock over, or somebody unlocked it, so this run stopped")
    } else if held.is_unheard() {
        Some(
            "AWS did not hear this run's signs of life, so it stopped before another run may begin",
        )
    } else {
        None
    }
}
