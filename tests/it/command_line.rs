//! What a person is told when the command cannot even start its work. None of these needs an endpoint
//! that answers.

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::emulator::free_address;
use crate::world::{Outcome, Run, bare_command, exit};

/// None of these has anything to wait for; the rest is for a machine that is busy.
pub const AT_ONCE: Duration = Duration::from_secs(20);

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

/// Bash is asked itself, as if somebody had pressed Tab.
#[test]
fn a_shell_completes_commands_and_values() {
    let script = run(&["completions", "bash"], |_| {}, AT_ONCE).expect_code(exit::DONE).stdout;
    let completed = |words: &[&str]| {
        let words = words.join(" ");
        let ask = format!(
            "{script}\nCOMP_WORDS=(ecsup {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
             _ecsup ecsup \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"\n\
             echo \"${{COMPREPLY[@]}}\""
        );
        let bash = Command::new("bash").args(["--norc", "-c", &ask]).output().expect("bash");
        String::from_utf8(bash.stdout).expect("text").trim().to_owned()
    };
    assert_eq!(completed(&["dest"]), "destroy");
    assert_eq!(completed(&["deploy", "--pattern", "pub"]), "public-api");
}

/// Every command has its page, and each flag stands in it.
#[test]
fn manual_pages_are_written_into_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = folder.path().to_str().expect("a path");
    run(&["man-pages", name], |_| {}, AT_ONCE).expect_code(exit::DONE);
    let page = |command: &str| {
        let page = folder.path().join(format!("ecsup{command}.1"));
        std::fs::read_to_string(&page).unwrap_or_else(|why| panic!("{}: {why}", page.display()))
    };
    assert!(page("").contains("ecsup\\-destroy(1)"), "{}", page(""));
    assert!(page("-deploy").contains("\\-\\-health\\-path"), "{}", page("-deploy"));
    assert!(page("-man-pages").contains("Exit codes"), "{}", page("-man-pages"));
    let nowhere = format!("{name}/nowhere");
    let outcome = run(&["man-pages", &nowhere], |_| {}, AT_ONCE).expect_code(exit::FAILED);
    assert!(outcome.stderr.contains(&nowhere), "{}", outcome.report());
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

/// Credentials, a region, and an endpoint where nobody is.
fn nowhere(command: &mut Command) {
    credentials(command);
    command.env("AWS_REGION", "us-east-1");
    command.env("AWS_ENDPOINT_URL", format!("http://{}", free_address()));
}

/// Runs `ecsup list -v` with a configuration file.
#[track_caller]
fn list_with_profile(profile: &str, set: impl FnOnce(&mut Command)) -> Outcome {
    let home = TempDir::new().expect("a directory");
    let file = home.path().join("config");
    std::fs::write(&file, profile).expect("a file");
    let set = |command: &mut Command| {
        command.env("AWS_CONFIG_FILE", &file).env("AWS_REGION", "us-east-1");
        command.env("AWS_ENDPOINT_URL", format!("http://{}", free_address()));
        set(command);
    };
    run(&["list", "-v"], set, AT_ONCE * 3)
}

/// Neither a panic nor what only programmers of Rust read.
#[track_caller]
fn in_words(outcome: Outcome) -> Outcome {
    assert!(matches!(outcome.code(), Some(1 | 2)), "{}", outcome.report());
    for word in ["panicked", "Error {", "Some(", "Request {", "Err(", "StatusCode(", "Kind::"] {
        assert!(!outcome.stderr.contains(word), "{word}: {}", outcome.report());
    }
    outcome
}

/// Every setting that the SDK would panic at, or go on without: the variable and the key in a profile
/// are refused, by name and place. (`AWS_RETRY_MODE=legacy` ended with exit code 101.)
#[test]
fn a_setting_that_cannot_be_is_named_with_where_it_was_set() {
    let settings: [(&str, &str, &[&str]); 21] = [
        ("AWS_RETRY_MODE", "retry_mode", &["foo"]),
        ("AWS_MAX_ATTEMPTS", "max_attempts", &["0", "-1", "many"]),
        ("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint", &["maybe"]),
        ("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint", &["1"]),
        ("AWS_ENDPOINT_URL", "endpoint_url", &["127.0.0.1:4566", "http://", "ftp://127.0.0.1"]),
        ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls", &["x"]),
        ("AWS_ACCOUNT_ID_ENDPOINT_MODE", "account_id_endpoint_mode", &["never"]),
        ("AWS_REQUEST_CHECKSUM_CALCULATION", "request_checksum_calculation", &["x"]),
        ("AWS_RESPONSE_CHECKSUM_VALIDATION", "response_checksum_validation", &["x"]),
        ("AWS_DISABLE_REQUEST_COMPRESSION", "disable_request_compression", &["x"]),
        ("AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES", "request_min_compression_size_bytes", &["-1"]),
        ("AWS_DISABLE_CLOCK_SKEW_CORRECTION", "disable_clock_skew_correction", &["x"]),
        ("AWS_SDK_UA_APP_ID", "sdk_ua_app_id", &["a\u{7}b"]),
        ("AWS_REGION", "region", &["us east 1", "eu-west1", "EU-WEST-1"]),
        ("AWS_EXECUTION_ENV", "", &["a\nb"]),
        ("AWS_ENDPOINT_URL_STS", "", &["nonsense"]),
        ("AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2", "", &["nonsense"]),
        ("AWS_ACCESS_KEY_ID", "", &["a\nb"]),
        ("AWS_SESSION_TOKEN", "", &["token\n"]),
        ("SSL_CERT_FILE", "", &["", "/nonexistent", "/dev/null"]),
        ("SSL_CERT_DIR", "", &["/nonexistent"]),
    ];
    for (variable, key, values) in settings {
        for value in values {
            let set = |command: &mut Command| {
                nowhere(command);
                command.env(variable, value);
            };
            let outcome = in_words(run(&["list", "-v"], set, AT_ONCE)).expect_code(exit::USAGE);
            let named = outcome.stderr.contains(variable) && outcome.stderr.contains("environment");
            assert!(named, "{}", outcome.report());
            if key.is_empty() {
                continue;
            }
            let set = |command: &mut Command| {
                credentials(command);
                command.env_remove(variable);
            };
            let profile = format!("[default]\n{key} = {value}\n");
            let outcome = in_words(list_with_profile(&profile, set)).expect_code(exit::USAGE);
            for word in [key, "profile `default` of /"] {
                assert!(outcome.stderr.contains(word), "{word}: {}", outcome.report());
            }
        }
    }
}

#[test]
fn what_the_sdk_knows_is_accepted_and_empty_counts_as_unset() {
    let settings: [(&str, &[&str]); 8] = [
        ("AWS_RETRY_MODE", &["legacy", "standard", "adaptive", "STANDARD", ""]),
        ("AWS_MAX_ATTEMPTS", &["1", "88", ""]),
        ("AWS_USE_DUALSTACK_ENDPOINT", &["false", "False", ""]),
        ("AWS_ENDPOINT_URL_STS", &[""]),
        ("AWS_ENDPOINT_URL_EC2", &[""]),
        ("AWS_PROFILE", &["", "default"]),
        ("AWS_REGION", &[""]),
        ("AWS_SESSION_TOKEN", &[""]),
    ];
    for (variable, values) in settings {
        for value in values {
            let set = |command: &mut Command| {
                nowhere(command);
                command.env("AWS_DEFAULT_REGION", "us-east-1").env(variable, value);
            };
            let outcome = in_words(run(&["list"], set, AT_ONCE)).expect_code(exit::FAILED);
            let reached = outcome.stderr.contains("failed to ask AWS who is calling");
            assert!(reached, "{variable}={value}: {}", outcome.report());
        }
    }
}

#[test]
fn what_is_no_text_is_refused() {
    for variable in ["AWS_PROFILE", "AWS_RETRY_MODE", "AWS_SECRET_ACCESS_KEY", "ECSUP_REGION"] {
        let set = |command: &mut Command| {
            nowhere(command);
            command.env(variable, OsStr::from_bytes(b"a\xff"));
        };
        let outcome = in_words(run(&["list"], set, AT_ONCE)).expect_code(exit::USAGE);
        let name = if variable == "ECSUP_REGION" { "UTF-8" } else { variable };
        assert!(outcome.stderr.contains(name), "{}", outcome.report());
    }
}

#[test]
fn a_profile_that_is_not_there_is_named_with_those_that_are() {
    let profiles = "[profile dev]\nregion = eu-west-1\n[profile prod]\nregion = eu-west-1\n";
    let set = |command: &mut Command| {
        credentials(command);
        command.env_remove("AWS_REGION").env("AWS_PROFILE", "staging");
    };
    let outcome = in_words(list_with_profile(profiles, set)).expect_code(exit::USAGE);
    for word in ["there is no profile `staging` in /", "dev, prod", "--profile"] {
        assert!(outcome.stderr.contains(word), "{word}: {}", outcome.report());
    }
    let broken = in_words(list_with_profile("[profile dev\nregion", credentials));
    for word in ["line 1", "config"] {
        assert!(broken.stderr.contains(word), "{word}: {}", broken.report());
    }
}

/// Each way to credentials that fails, with its cause and what to do about it.
#[test]
fn credentials_that_cannot_be_had_are_explained() {
    let process = "credential_process = echo out of tokens >&2; exit 3";
    let role = "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = nobody";
    let sso = "sso_start_url = https://example.com/start\nsso_region = us-east-1\n\
               sso_account_id = 123456789012\nsso_role_name = x";
    let login = "login_session = arn:aws:iam::123456789012:user/ann";
    let cases: [(&str, &[&str]); 4] = [
        (process, &["credential_process of profile `default`", "out of tokens", "by hand"]),
        (role, &["profile `default`: its `source_profile` is `nobody`"]),
        (sso, &["/.aws/sso/cache/", "aws sso login --profile default"]),
        (login, &["profile `default`", "aws login --profile default"]),
    ];
    for (lines, words) in cases {
        let outcome = in_words(list_with_profile(&format!("[default]\n{lines}\n"), |_| ()));
        for word in words {
            assert!(outcome.stderr.contains(word), "{word}: {}", outcome.report());
        }
    }
}

/// Keys in the environment are not used for a profile that was named: they may be another account's.
#[test]
fn a_profile_that_was_named_comes_before_keys_in_the_environment() {
    let profile = "[profile prod]\naws_access_key_id = OFPROFILE\naws_secret_access_key = x\n";
    let (address, said) = answering("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
    let home = TempDir::new().expect("a directory");
    let file = home.path().join("config");
    std::fs::write(&file, profile).expect("a file");
    let set = |command: &mut Command| {
        nowhere(command);
        command.env("AWS_ENDPOINT_URL", format!("http://{address}")).env("AWS_CONFIG_FILE", &file);
    };
    run(&["list", "--profile", "prod"], set, AT_ONCE);
    let request = said.recv_timeout(AT_ONCE).expect("a request");
    assert!(request.contains("Credential=OFPROFILE/"), "{request}");
}

/// An endpoint that gives everybody the same answer; and what it was asked first.
fn answering(answer: &'static str) -> (std::net::SocketAddr, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut bytes = vec![0; 8192];
            let length = stream.read(&mut bytes).unwrap_or_default();
            let _gone = sender.send(String::from_utf8_lossy(&bytes[..length]).into_owned());
            let _gone = stream.write_all(answer.as_bytes());
        }
    });
    (address, receiver)
}

#[test]
fn credentials_that_aws_does_not_take_are_explained() {
    const EXPIRED: &str = "HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 173\r\n\r\n\
        <ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>The security \
        token is expired now</Message></Error><RequestId>00000000</RequestId></ErrorResponse>";
    let (_, body) = EXPIRED.split_once("\r\n\r\n").expect("a body");
    assert!(EXPIRED.contains(&format!("content-length: {}\r\n", body.len())), "{}", body.len());
    let (address, _said) = answering(EXPIRED);
    let set = |command: &mut Command| {
        nowhere(command);
        command.env("AWS_ENDPOINT_URL", format!("http://{address}"));
    };
    let outcome = in_words(run(&["unlock", "demo", "--yes"], set, AT_ONCE));
    for word in ["ExpiredToken: The security token is expired now", "sign in again"] {
        assert!(outcome.stderr.contains(word), "{word}: {}", outcome.report());
    }
}

/// It takes connections and says nothing.
#[test]
fn an_endpoint_that_never_answers_is_named_soon() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("a bound socket has an address");
    let set = |command: &mut Command| {
        nowhere(command);
        command.env("AWS_ENDPOINT_URL", format!("http://{address}"));
    };
    let lines: [&[&str]; 5] = [
        &["list"],
        &["plan", "--pattern", "fargate-api"],
        DEPLOY,
        &["destroy", "demo", "--yes"],
        &["unlock", "demo", "--yes"],
    ];
    for line in lines {
        // A second after the command has begun to ask; the rest is for a machine that is busy.
        let line = [line, &["--timeout", "5s"]].concat();
        let outcome = in_words(run(&line, set, AT_ONCE)).expect_code(exit::FAILED);
        let waits = format!("waiting for http://{address} to answer (who is calling");
        for word in [waits.as_str(), "its time was up"] {
            assert!(outcome.stderr.contains(word), "{word}: {}", outcome.report());
        }
    }
}

#[test]
fn with_ci_set_nobody_is_asked() {
    for line in
        [&["deploy", "--pattern", "fargate-api"][..], &["destroy", "demo"], &["unlock", "demo"]]
    {
        let asked = |ci: &str| {
            let set = |command: &mut Command| {
                nowhere(command);
                command.env("CI", ci);
            };
            run(line, set, AT_ONCE).expect_code(exit::USAGE).stderr
        };
        assert!(asked("true").contains("with `CI` set nobody is asked"), "{line:?}");
        assert!(asked("false").contains("there is no terminal to ask on"), "{line:?}");
    }
}

/// `ECSUP_STACK` names the target, and `ECSUP_YES` is not meant for what removes something.
#[test]
fn the_environment_names_a_stack_and_agrees_to_no_removal() {
    for verb in ["destroy", "unlock"] {
        let set = |command: &mut Command| {
            nowhere(command);
            command.env("ECSUP_STACK", "not_a_name").env("ECSUP_YES", "1");
        };
        let outcome = run(&[verb], set, AT_ONCE).expect_code(exit::USAGE);
        assert!(outcome.stderr.contains("stack `not_a_name`"), "{}", outcome.report());
        let set = |command: &mut Command| {
            nowhere(command);
            command.env("ECSUP_STACK", "staging").env("ECSUP_YES", "1");
        };
        let outcome = run(&[verb], set, AT_ONCE).expect_code(exit::USAGE);
        assert!(outcome.stderr.contains("--yes"), "{}", outcome.report());
    }
}
