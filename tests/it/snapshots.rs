//! What a person reads, word for word: help, plans and refusals.
//!
//! After a change of wording, `INSTA_UPDATE=always cargo nextest run snapshots` writes the files anew, and
//! `cargo insta review` the texts that stand in here.

use std::process::Command;

use crate::command_line::{self, AT_ONCE};
use crate::emulator::{Kind, free_address};
use crate::world::{Outcome, Pattern, World, exit, mutations};

/// An image for 64-bit Arm that moto offers.
const ARM_IMAGE: &str = "ami-0e9271c829888680e";

/// What a run left behind, without anything that the next one has differently: ids, the account,
/// the port of the endpoint, and that an emulator took its time. Every snapshot in this file goes
/// through here.
fn shown(outcome: &Outcome) -> String {
    let report = outcome.report().replace("123456789012", "(account)");
    let lines = report.lines().filter(|line| !line.starts_with("waiting for http://127.0.0.1:"));
    let lines: Vec<_> = lines.map(|line| without_ids(line).trim_end().to_owned()).collect();
    lines.join("\n")
}

/// A line in which every hexadecimal id, and every port of this machine, is replaced.
fn without_ids(line: &str) -> String {
    let mut words: Vec<String> = vec![];
    for word in line.split_inclusive(|it: char| !it.is_ascii_alphanumeric()) {
        let text = word.trim_end_matches(|it: char| !it.is_ascii_alphanumeric());
        let rest = &word[text.len()..];
        let is_id = text.len() >= 16 && text.bytes().all(|it| it.is_ascii_hexdigit());
        let is_port = text.parse::<u16>().is_ok() && words.concat().ends_with("127.0.0.1:");
        words.push(match (is_id, is_port) {
            (true, _) => format!("(id){rest}"),
            (_, true) => format!("(port){rest}"),
            _ => word.to_owned(),
        });
    }
    words.concat()
}

/// The same with the lines of stdout in alphabetical order: what is listed comes in the order in
/// which it happened to be made.
fn shown_in_order(outcome: &Outcome) -> String {
    let text = shown(outcome);
    let (head, rest) = text.split_once("--- stdout\n").expect("a report");
    let (list, tail) = rest.split_once("\n--- stderr").expect("a report");
    let mut lines: Vec<_> = list.lines().filter(|line| !line.is_empty()).collect();
    lines.sort_unstable();
    format!("{head}--- stdout\n{}\n--- stderr{tail}", lines.join("\n"))
}

/// Runs the command where nothing answers.
#[track_caller]
fn alone(arguments: &[&str]) -> Outcome {
    let set = |command: &mut Command| {
        command_line::credentials(command);
        command.env("AWS_REGION", "us-east-1").env("COLUMNS", "100");
        command.env("AWS_ENDPOINT_URL", format!("http://{}", free_address()));
    };
    command_line::run(arguments, set, AT_ONCE)
}

#[test]
fn ids_and_ports_are_replaced_and_nothing_else() {
    let line = "vpc-0123456789abcdef0 http://127.0.0.1:4566/ 10.0.0.0/16 tg-demo-web-5317346f (80)";
    let replaced = "vpc-(id) http://127.0.0.1:(port)/ 10.0.0.0/16 tg-demo-web-5317346f (80)";
    assert_eq!(without_ids(line), replaced);
}

#[test]
fn help() {
    insta::assert_snapshot!(shown(&alone(&["--help"])));
}

#[test]
fn help_of_deploy() {
    insta::assert_snapshot!(shown(&alone(&["deploy", "--help"])));
}

#[test]
fn help_of_plan() {
    insta::assert_snapshot!(shown(&alone(&["plan", "--help"])));
}

#[test]
fn help_of_destroy() {
    insta::assert_snapshot!(shown(&alone(&["destroy", "--help"])));
}

#[test]
fn help_of_gc() {
    insta::assert_snapshot!(shown(&alone(&["gc", "--help"])));
}

#[test]
fn help_of_explain() {
    insta::assert_snapshot!(shown(&alone(&["explain", "--help"])));
}

#[test]
fn help_of_list() {
    insta::assert_snapshot!(shown(&alone(&["list", "--help"])));
}

#[test]
fn help_of_status() {
    insta::assert_snapshot!(shown(&alone(&["status", "--help"])));
}

#[test]
fn help_of_logs() {
    insta::assert_snapshot!(shown(&alone(&["logs", "--help"])));
}

#[test]
fn help_of_permissions() {
    insta::assert_snapshot!(shown(&alone(&["permissions", "--help"])));
}

#[test]
fn table_of_permissions() {
    insta::assert_snapshot!(shown(&alone(&["permissions", "--output", "table"])));
}

#[test]
fn help_of_completions() {
    insta::assert_snapshot!(shown(&alone(&["completions", "--help"])));
}

#[test]
fn help_of_rehearse() {
    insta::assert_snapshot!(shown(&alone(&["rehearse", "--help"])));
}

#[test]
fn help_of_unlock() {
    insta::assert_snapshot!(shown(&alone(&["unlock", "--help"])));
}

#[test]
fn no_region() {
    let outcome = command_line::run(&["list"], command_line::credentials, AT_ONCE);
    insta::assert_snapshot!(shown(&outcome), @r"
    `ecsup list` ended with exit status: 1
    --- stdout

    --- stderr
    error: no region is configured
    hint: name one with --region, AWS_REGION, or `region` in your AWS profile
    ");
}

#[test]
fn no_credentials() {
    let set = |command: &mut Command| {
        command.env("AWS_REGION", "us-east-1");
    };
    let outcome = command_line::run(&["list"], set, AT_ONCE);
    insta::assert_snapshot!(shown(&outcome), @r"
    `ecsup list` ended with exit status: 1
    --- stdout

    --- stderr
    error: no usable AWS credentials: none found in the environment, the profile, a container or an instance
    hint: sign in with `aws login` or `aws sso login`, set AWS_PROFILE, or export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
    ");
}

#[test]
fn no_terminal() {
    insta::assert_snapshot!(shown(&alone(&["deploy", "--pattern", "fargate-api"])), @r"
    `ecsup deploy --pattern fargate-api` ended with exit status: 2
    --- stdout

    --- stderr
    error: deploy asks before it changes something, and there is no terminal to ask on
    hint: nothing was changed; say --yes to go ahead without being asked, or use `ecsup plan`
    ");
    insta::assert_snapshot!(shown(&alone(&["destroy", "demo"])), @r"
    `ecsup destroy demo` ended with exit status: 2
    --- stdout

    --- stderr
    error: destroy asks for the stack's name, and there is no terminal to ask on
    hint: nothing was changed; say --yes to go ahead without being asked, or --dry-run to see what it would remove
    ");
}

#[test]
fn no_pattern() {
    insta::assert_snapshot!(shown(&alone(&["plan"])), @r"
    `ecsup plan` ended with exit status: 2
    --- stdout

    --- stderr
    error: --pattern: say what to build: internal-worker, public-api, fargate-api
    hint: `ecsup plan --help` lists what each flag takes
    ");
}

#[test]
fn bad_flags_are_told_at_once() {
    let line = [
        &["plan", "--pattern", "internal-worker", "--stack", "my_stack", "--image", "a b"][..],
        &["--port", "0", "--count", "100000", "--env", "TOKEN", "--vpc-cidr", "10.0.0.0/33"],
        &["--min-size", "5", "--max-size", "3"],
    ];
    insta::assert_snapshot!(shown(&alone(&line.concat())), @r"
    `ecsup plan --pattern internal-worker --stack my_stack --image a b --port 0 --count 100000 --env TOKEN --vpc-cidr 10.0.0.0/33 --min-size 5 --max-size 3` ended with exit status: 2
    --- stdout

    --- stderr
    error: --stack `my_stack`: must be 1 to 64 letters, digits and hyphens, and begin and end with a letter or digit
    error: --image `a b`: the repository must be lower-case letters and digits, with `/`, `.`, `_`, `__` or hyphens between them
    error: --port `0`: must be a port number, from 1 to 65535
    error: --count `100000`: must be a number of tasks, from 0 to 5000
    error: --env `number 1`: needs `=`, as in `NAME=value`
    error: --min-size `5`: must not be larger than --max-size, which is 3
    error: --vpc-cidr `10.0.0.0/33`: must be an IPv4 range such as `10.0.0.0/16`
    hint: `ecsup plan --help` lists what each flag takes
    ");
}

#[test]
fn sizes_that_fargate_does_not_sell() {
    let line = ["plan", "--pattern", "fargate-api", "--cpu", "512", "--memory", "512"];
    insta::assert_snapshot!(shown(&alone(&line)), @r"
    `ecsup plan --pattern fargate-api --cpu 512 --memory 512` ended with exit status: 2
    --- stdout

    --- stderr
    error: --memory `512`: with 512 CPU units Fargate sells 1024, 2048, 3072 or 4096 MiB
    hint: `ecsup plan --help` lists what each flag takes
    ");
}

#[test]
fn bad_names_of_stacks() {
    let long = "x".repeat(65);
    let line = ["plan", "--pattern", "fargate-api", "--stack", &long];
    insta::assert_snapshot!(shown(&alone(&line)), @r"
    `ecsup plan --pattern fargate-api --stack xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` ended with exit status: 2
    --- stdout

    --- stderr
    error: --stack `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx`: must be 1 to 64 letters, digits and hyphens, and begin and end with a letter or digit
    hint: `ecsup plan --help` lists what each flag takes
    ");
    insta::assert_snapshot!(shown(&alone(&["destroy", "my_stack", "--yes"])), @r"
    `ecsup destroy my_stack --yes` ended with exit status: 2
    --- stdout

    --- stderr
    error: stack `my_stack`: must be 1 to 64 letters, digits and hyphens, and begin and end with a letter or digit
    hint: nothing was changed; `ecsup list` names the stacks that there are
    ");
}

#[test]
fn moto_plans_of_the_patterns() {
    let world = World::start(Kind::Moto);
    for pattern in [Pattern::InternalWorker, Pattern::PublicApi, Pattern::FargateApi] {
        let outcome = world.run(&["plan", "--pattern", pattern.name()]);
        insta::assert_snapshot!(format!("plan_of_{}", pattern.name()), shown(&outcome));
    }
    assert_eq!(mutations(&world.recorder.calls()), 0);
}

#[test]
fn moto_instances_that_cannot_be_had() {
    let world = World::start(Kind::Moto);
    let deploy = |more: &[&str]| {
        let line = [&["deploy", "--yes", "--pattern", "public-api"], more].concat();
        shown(&world.run(&line))
    };
    insta::assert_snapshot!(deploy(&["--instance-type", "c5.huge"]), @r"
    `ecsup deploy --yes --pattern public-api --instance-type c5.huge` ended with exit status: 2
    --- stdout

    --- stderr
    error: --instance-type `c5.huge`: is not an instance type of this region
    hint: nothing was changed; `ecsup deploy --help` lists what each flag takes
    ");
    insta::assert_snapshot!(deploy(&["--ami", "ami-00000000"]), @r"
    `ecsup deploy --yes --pattern public-api --ami ami-00000000` ended with exit status: 2
    --- stdout

    --- stderr
    error: --ami `ami-00000000`: is not there in this region, or not for this account: name another
    hint: nothing was changed; `ecsup deploy --help` lists what each flag takes
    ");
    insta::assert_snapshot!(deploy(&["--ami", ARM_IMAGE]), @r"
    `ecsup deploy --yes --pattern public-api --ami ami-(id)` ended with exit status: 2
    --- stdout

    --- stderr
    error: --ami `ami-(id)`: is for arm64, and `c5.xlarge` is x86_64: name another
    hint: nothing was changed; `ecsup deploy --help` lists what each flag takes
    ");
    insta::assert_snapshot!(deploy(&["--cpu", "8192"]), @r"
    `ecsup deploy --yes --pattern public-api --cpu 8192` ended with exit status: 2
    --- stdout

    --- stderr
    error: --instance-type `c5.xlarge`: `c5.xlarge` has 4096 CPU units for tasks, and one task needs 8192: say --cpu 4096 or less, or take a larger --instance-type
    hint: nothing was changed; `ecsup deploy --help` lists what each flag takes
    ");
    insta::assert_snapshot!(deploy(&["--memory", "65536"]), @r"
    `ecsup deploy --yes --pattern public-api --memory 65536` ended with exit status: 2
    --- stdout

    --- stderr
    error: --instance-type `c5.xlarge`: `c5.xlarge` has 7952 MiB of memory for tasks, and one task needs 65536: say --memory 7553 or less, or take a larger --instance-type
    hint: nothing was changed; `ecsup deploy --help` lists what each flag takes
    ");
    assert_eq!(mutations(&world.recorder.calls()), 0);
}

#[test]
fn moto_an_existing_stack() {
    let world = World::start(Kind::Moto);
    world.deploy(Pattern::FargateApi, "demo", &[]);
    let from = world.recorder.calls().len();
    let run = |line: &[&str], code: i32| world.run(line).expect_code(code);

    let same = ["plan", "--pattern", "fargate-api", "--stack", "demo"];
    let other = [&same[..], &["--image", "other", "--count", "3", "--port", "8080"]].concat();
    insta::assert_snapshot!("plan_of_changes", shown(&run(&other, exit::DONE)));
    let list = shown_in_order(&run(&["destroy", "demo", "--dry-run"], exit::DONE));
    insta::assert_snapshot!("dry_run_of_destroy", list);

    let deploy = ["deploy", "--yes", "--stack", "demo", "--pattern"];
    let range = [&deploy[..], &["fargate-api", "--vpc-cidr", "10.1.0.0/16"]].concat();
    insta::assert_snapshot!(shown(&run(&range, exit::USAGE)), @r"
    `ecsup deploy --yes --stack demo --pattern fargate-api --vpc-cidr 10.1.0.0/16` ended with exit status: 2
    --- stdout

    --- stderr
    stack demo (pattern fargate-api)
    account (account), region us-east-1, as arn:aws:sts::(account):user/moto
    endpoint http://127.0.0.1:(port) (not AWS)
    error: vpc: CidrBlock is `10.0.0.0/16` and `10.1.0.0/16` was asked for: a VPC keeps its range for life: destroy the stack, or deploy another one
    error: subnet/public-1: CidrBlock is `10.0.0.0/18` and `10.1.0.0/18` was asked for: a subnet keeps its place for life: destroy the stack, or deploy another one
    error: subnet/public-2: CidrBlock is `10.0.64.0/18` and `10.1.64.0/18` was asked for: a subnet keeps its place for life: destroy the stack, or deploy another one
    error: subnet/private-1: CidrBlock is `10.0.128.0/18` and `10.1.128.0/18` was asked for: a subnet keeps its place for life: destroy the stack, or deploy another one
    error: subnet/private-2: CidrBlock is `10.0.192.0/18` and `10.1.192.0/18` was asked for: a subnet keeps its place for life: destroy the stack, or deploy another one
    hint: nothing was changed
    ");
    let pattern = [&deploy[..], &["public-api"]].concat();
    insta::assert_snapshot!(shown(&run(&pattern, exit::USAGE)), @r"
    `ecsup deploy --yes --stack demo --pattern public-api` ended with exit status: 2
    --- stdout

    --- stderr
    stack demo (pattern public-api)
    account (account), region us-east-1, as arn:aws:sts::(account):user/moto
    endpoint http://127.0.0.1:(port) (not AWS)
    error: --pattern: stack `demo` was made from pattern `fargate-api`: deploy another one, destroy this one first, or say in a manifest what it is to become (`ecsup init --from demo` writes what runs)
    error: service/web: launchType is `FARGATE` and `EC2` was asked for: a service does not move between instances and Fargate: give it another name, which makes a new one, or destroy the stack first
    hint: nothing was changed
    ");
    let listed = run(&["list"], exit::DONE);
    for word in ["demo ", " fargate-api ", " 26 resources ", " ago ", " http://"] {
        assert!(listed.stdout.contains(word), "{word}: {}", listed.report());
    }
    assert_eq!(mutations(&world.recorder.calls()[from..]), 0, "none of these may change anything");
}
