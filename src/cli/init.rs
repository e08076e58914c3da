//! `ecsup init`: writes a manifest, of what flags say or of what runs. Overwrites nothing.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::connection::{connect, in_time, patiently};
use super::error::{CommandError, ErrorKind};
use super::{Done, Global, Outcome};
use crate::aws::Scope;
use crate::engine::looks::Looks;
use crate::facts::Running;
use crate::names::{NameError, Names, StackName};
use crate::ui::Screen;
use crate::wish::{Form, MANIFEST, ServiceFlags, Wish};

/// What `ecsup init` takes.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The stack.
    #[command(flatten)]
    pub flags: ServiceFlags,

    /// Write what runs of this stack, instead of what flags say
    #[arg(long, env = "ECSUP_FROM", hide_env_values = true, value_name = "STACK")]
    pub from: Option<String>,
}

/// What a written manifest begins with.
fn head() -> String {
    format!("#:schema {}\n\n", crate::wish::SCHEMA)
}

/// Runs the command.
pub async fn init(args: &InitArgs, global: &Global, screen: &Screen) -> Outcome {
    let path = args.flags.manifest.file.clone().unwrap_or_else(|| PathBuf::from(MANIFEST));
    let name = path.display().to_string();
    if path.exists() {
        let why = format!("{name} is there already, and init overwrites nothing");
        return Err(
            CommandError::refused(why).hint("name another one with --file, or move it away")
        );
    }
    let wish = match &args.from {
        Some(stack) => running(stack, global, screen).await?,
        None => {
            let wish = Wish::of_flags(&args.flags);
            let spec = wish.check().map_err(CommandError::usage)?;
            wish.as_manifest(&spec)
        }
    };
    let text = head() + &wish.to_manifest(Form::Said);
    let written =
        std::fs::File::create_new(&path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        let what = format!("failed to write {name}: {error}");
        CommandError::new(ErrorKind::Unexpected).problem(what).caused_by(error)
    })?;
    screen.note(&format!("wrote {name}: `ecsup plan` says what it would change"));
    Ok(Done::Done)
}

/// What runs of a stack, as a wish.
async fn running(stack: &str, global: &Global, screen: &Screen) -> Result<Wish, CommandError> {
    let stack: StackName =
        stack.parse().map_err(|error: NameError| CommandError::refused(error))?;
    in_time(global.deadline(), async {
        let connection = connect(global, screen).await?;
        let names = Names::new(stack.clone(), &connection.region);
        let looks = Looks::new(connection.aws.clone(), Scope::Stack(names));
        let whom = format!("{} to answer (what runs)", connection.whom());
        let running = patiently(screen, &whom, Running::look(&looks, |_| true)).await;
        let running = running.map_err(|error| connection.failed(error))?;
        if running.services.is_empty() {
            let why = format!("no service of a stack `{stack}` runs in {}", connection.region);
            let hint = "`ecsup list` names the stacks that there are";
            return Err(CommandError::refused(why).hint(hint));
        }
        Ok(Wish::of_running(stack.as_str(), &running))
    })
    .await
}
