//! The `ecsup` command: parse, start a runtime on this thread, run, exit.

use std::process::ExitCode;

use clap::Parser;
use ecsup::cli::{self, Cli};

fn main() -> ExitCode {
    let cli = Cli::parse();
    ecsup::ui::log_to_stderr(cli.global.verbose);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            anstream::eprintln!("error: failed to start: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(cli::run(cli))
}
