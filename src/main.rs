//! The `ecsup` command: parse, start a runtime on this thread, run, exit.

use std::process::ExitCode;

use ecsup::cli::{self, Cli};

fn main() -> ExitCode {
    let variables = std::env::vars_os().map(|(name, _)| name);
    let read = Cli::check_variables(variables).and_then(|()| Cli::read(std::env::args_os()));
    let cli = match read {
        Ok(cli) => cli,
        // Also what `--help` and `--version` print; a reader that has gone away does not matter.
        Err(error) => {
            let _gone = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    ecsup::ui::log_to_stderr(cli.global.verbose);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    #[cfg(feature = "rehearse")]
    runtime.start_paused(cli.is_rehearsal());
    let runtime = match runtime.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            anstream::eprintln!("error: failed to start: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(cli::run(cli))
}
