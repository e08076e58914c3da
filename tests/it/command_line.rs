//! What a person is told when the command cannot even start its work. None of these needs an endpoint
//! that answers.

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::emulator::free_address;
use crate::world::{Outcome, Run, bare_command, exit};

/// None of these has anything to wait for; the rest is for a machine that is busy.
pub const AT_ONCE: Duration = Duration::from_secs(10);

const DEPLOY: &[&str] = &["deploy", "--pattern", "fargate-api", "--yes"];

/// Runs the command with nothing but a home directory and what `set` adds.
#[track_caller]
pub fn run(arguments: &[&str], set: impl FnOnce(&mut Command), deadline: Duration) -> Outcome {
    let home = TempDir::new().expect("a directory");
    let mut command = bare_command(&home, arguments);
    set(&mut command);
    Run::start(command, format!("ecsup {}", arguments.join(" "))).wait(deadline)
}

/// Credentials as good as any for whoever never asks AWS.
pub fn credentials(command: &mut Command) {
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
}

#[test]
fn a_missing_region_is_named_with_its_flag() {
    let outcome = run(DEPLOY, credentials, AT_ONCE).expect_failure();
    assert!(outcome.stderr.contains("--region"), "{}", outcome.report());
    assert!(outcome.stderr.contains("AWS_REGION"), "{}", outcome.report());
}

#[test]
fn missing_credentials_are_named_at_once() {
    // Where a machine's own credentials would be asked for: nobody may connect here.
    let metadata = TcpListener::bind("127.0.0.1:0").expect("a free port");
    metadata.set_nonblocking(true).expect("a socket");
    let address = metadata.local_addr().expect("a bound socket has an address");
    let set = |command: &mut Command| {
        command
            .env("AWS_REGION", "us-east-1")
            .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{address}"))
            .env("AWS_ENDPOINT_URL", format!("http://{}", free_address()));
    };
    let outcome = run(DEPLOY, set, AT_ONCE).expect_failure();
    assert!(outcome.stderr.to_lowercase().contains("credentials"), "{}", outcome.report());
    assert!(
        metadata.accept().is_err(),
        "the metadata service was asked although that is switched off"
    );
}

#[test]
fn without_a_terminal_nothing_is_assumed() {
    for line in [&["deploy", "--pattern", "fargate-api"][..], &["destroy", "demo"]] {
        let set = |command: &mut Command| {
            credentials(command);
            command.env("AWS_REGION", "us-east-1");
            command.env("AWS_ENDPOINT_URL", format!("http://{}", free_address()));
        };
        let outcome = run(line, set, AT_ONCE).expect_code(exit::USAGE);
        assert!(outcome.stderr.contains("--yes"), "{}", outcome.report());
    }
}

#[test]
fn an_unreachable_endpoint_is_named() {
    let endpoint = free_address().to_string();
    let set = |command: &mut Command| {
        credentials(command);
        command
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ENDPOINT_URL", format!("http://{endpoint}"));
    };
    for line in [DEPLOY, &["list"], &["destroy", "demo", "--yes"]] {
        let outcome = run(line, set, Duration::from_mins(1)).expect_failure();
        assert!(outcome.stderr.contains(&endpoint), "{}", outcome.report());
        let outcome = outcome.says_one_of(&["connect", "reach"]);
        assert!(!outcome.stderr.contains("panicked"), "{}", outcome.report());
    }
}

#[test]
fn an_unknown_pattern_is_a_usage_error_that_lists_the_known_ones() {
    let outcome = run(&["deploy", "--pattern", "nonsense", "--yes"], |_| (), AT_ONCE)
        .expect_code(exit::USAGE);
    for pattern in ["internal-worker", "public-api", "fargate-api"] {
        assert!(outcome.stderr.contains(pattern), "{}", outcome.report());
    }
}
