//! What AWS takes of what a user types: characters of tags, lengths, names that would hide others.
//! ecsup's check stands beside the simulator's, which knows nothing of it.

use aws_sim::scenario::Scenario;
use aws_sim::services;
use clap::{Parser as _, ValueEnum as _};
use ecsup::cli::{Cli, Command, Exit};
use ecsup::names::{SERVICE_NAME_LIMIT, STACK_NAME_LIMIT};
use ecsup::spec::Pattern;
use ecsup::wish::{ServiceFlags, spec_of_flags};
use proptest::prelude::*;

use crate::stage::{FARGATE, deploy, end, stage};

/// The services that say a pattern for the values of tags, and the shape that says it.
const STRICT: [(&str, &str); 5] = [
    ("ecs", "TagValue"),
    ("elasticloadbalancing", "TagValue"),
    ("iam", "tagValueType"),
    ("logs", "TagValue"),
    ("ssm", "TagValue"),
];

fn ecsup_takes(value: &str) -> bool {
    let pattern = Pattern::value_variants().first().copied();
    let tags = vec![format!("key={value}")];
    spec_of_flags(&ServiceFlags { pattern, tags, ..ServiceFlags::default() }).is_ok()
}

fn aws_takes(value: &str) -> bool {
    STRICT.iter().all(|(service, shape)| {
        let service = services::named(service).expect("a service that is simulated");
        service.model.shape(shape).allows(value)
    })
}

proptest! {
    /// A third implementation of Unicode chooses the characters, from the version of our table.
    #[test]
    fn both_take_every_letter_number_and_separator(
        value in r"[\p{L}\p{Z}\p{N}_.:/=+\-@&&\p{age:14.0}]{1,40}",
    ) {
        prop_assert!(ecsup_takes(&value) && aws_takes(&value), "{value:?}");
    }

    #[test]
    fn neither_takes_a_mark_or_a_symbol(
        value in r"[[\p{M}\p{S}\p{P}\p{Cc}\p{Cf}\p{Co}]--[_.:/=+\-@]]",
    ) {
        prop_assert!(!ecsup_takes(&value) && !aws_takes(&value), "{value:?}");
    }

    #[test]
    fn they_agree_on_any_text(value in any::<Vec<char>>()) {
        let value: String = value.into_iter().take(200).collect();
        prop_assert_eq!(ecsup_takes(&value), aws_takes(&value), "{:?}", value);
    }
}

#[test]
fn what_looks_like_a_letter_may_be_none() {
    // A combining mark, a circled letter, and blanks of other scripts.
    for (value, taken) in
        [("Zu\u{308}ri", false), ("\u{24b6}", false), ("a\u{3000}b", true), ("a\u{a0}b", true)]
    {
        assert_eq!(aws_takes(value), taken, "{value:?}");
        assert_eq!(ecsup_takes(value), taken, "{value:?}");
    }
}

#[test]
fn a_zone_that_hides_the_images_registry_is_refused() {
    for (zone, image) in [
        ("public.ecr.aws", "public.ecr.aws/docker/library/nginx:latest"),
        ("ecr.aws", "nginx"),
        ("example.com", "Registry.example.com:5000/app"),
        ("docker.io", "nginx"),
        ("docker.com", "nginx:1"),
        ("us-east-1.amazonaws.com", "nginx"),
    ] {
        stage(Scenario::default(), async |stage| {
            let played = deploy(stage, &FARGATE, &["--zone", zone, "--image", image]).await;
            assert_eq!(played.exit, Exit::Refused, "{zone} {image}: {}", played.said());
            assert_eq!(played.calls.len(), 0, "{zone} {image}");
        });
    }
}

/// Many short variables: their names, quotes and braces are more than they themselves.
#[test]
fn what_the_environment_takes_written_down_is_counted() {
    let env = |count: usize, last: usize| -> Vec<String> {
        let one = |at: usize| format!("VARIABLE_{at:04}={}", "x".repeat(30));
        let long = format!("LAST={}", "\"".repeat(last));
        (0..count).map(one).chain([long]).flat_map(|it| ["--env".to_owned(), it]).collect()
    };
    let play = |env: Vec<String>| {
        stage(Scenario::default(), async |stage| {
            // Everything else as long as it may be.
            let image = format!("registry.example.com/{}:1", "i".repeat(230));
            let (stack, service) = ("s".repeat(STACK_NAME_LIMIT), "w".repeat(SERVICE_NAME_LIMIT));
            let long = ["--stack", &stack, "--service", &service, "--image", &image];
            let env: Vec<_> = env.iter().map(String::as_str).collect();
            deploy(stage, &FARGATE, &[&long[..], &env].concat()).await
        })
    };
    let refused = play(env(1000, 0));
    assert_eq!((refused.exit, refused.calls.len()), (Exit::Refused, 0), "{}", refused.said());
    insta::assert_snapshot!(end(&refused), @r"
    error: --env `1001 variables`: take 66027 bytes as JSON, and at most 62464 are left for them: ECS takes task definitions of 65536 bytes, names, quotes and escapes included
    hint: nothing was changed; `ecsup deploy --help` lists what each flag takes
    ");
    // As much as is taken is registered: quotes count twice.
    let mut most = 0;
    for step in [4096, 1024, 256, 64, 16, 4, 1] {
        while is_taken(&env(700, most + step)) {
            most += step;
        }
    }
    let taken = play(env(700, most));
    assert_eq!(taken.exit, Exit::Done, "{}", taken.said());
    let registered =
        taken.calls.iter().find(|it| it.operation == "RegisterTaskDefinition").unwrap();
    let length = registered.input.to_string().len();
    assert!((60_000..=65_536).contains(&length), "{length}");
}

/// Whether an environment is accepted before the first call.
fn is_taken(env: &[String]) -> bool {
    let words: Vec<_> = env.iter().map(String::as_str).collect();
    let cli = [&["ecsup", "plan", "--pattern", "fargate-api"], &words[..]].concat();
    let Command::Plan(args) = Cli::parse_from(cli).command else { unreachable!("a plan") };
    spec_of_flags(&args.flags).is_ok()
}

/// A stack of the smallest range: each two subnets have 54 addresses.
const SMALL: [&str; 2] = ["--vpc-cidr", "10.0.0.0/25"];

#[test]
fn tasks_without_an_address_are_refused_before_anything_is_made() {
    let play = |pattern: &str, more: &[&str]| {
        stage(Scenario::default(), async |stage| {
            let words = ["deploy", "--yes", "--pattern", pattern];
            let played = deploy(stage, &words, &[&SMALL, more].concat()).await;
            assert_eq!((played.exit, played.changes().len()), (Exit::Refused, 0));
            let said = end(&played);
            said.lines().next().unwrap_or_default().to_owned()
        })
    };
    insta::assert_snapshot!(play("fargate-api", &["--count", "55"]), @"error: --count `55`: each task has an address of its own, and `10.0.0.0/25` leaves 54 for tasks: say --count 54 or less, or a --vpc-cidr of /24 for a new stack");
    insta::assert_snapshot!(play("fargate-api", &["--count", "53", "--nat", "none"]), @"error: --count `53`: the public subnets of `10.0.0.0/25` have 54 addresses, and this takes 55 (53 tasks, 2 for the load balancer): say --count 52 or less, or a --vpc-cidr of /24 for a new stack");
    insta::assert_snapshot!(play("public-api", &["--count", "41"]), @"error: --count `41`: the private subnets of `10.0.0.0/25` have 54 addresses, and this takes 55 (41 tasks, 14 instances): say --count 40 or less, or a --vpc-cidr of /24 for a new stack");
    insta::assert_snapshot!(play("internal-worker", &["--count", "40"]), @"error: --count `40`: the private subnets of `10.0.0.0/25` have 54 addresses, and this takes 56 (40 tasks, 14 instances, 2 for the load balancer): say --count 39 or less, or a --vpc-cidr of /24 for a new stack");
}

/// All of them have an address, and a deployment has none left for new ones.
#[test]
fn tasks_that_no_deployment_can_replace_for_want_of_addresses_are_warned_of_and_the_number_helps() {
    stage(Scenario::default(), async |stage| {
        let flags = [&SMALL[..], &["--count", "50"]].concat();
        let played = deploy(stage, &FARGATE, &flags).await;
        assert_eq!(played.exit, Exit::Done, "{}", played.said());
        let said = played.said();
        let warning = said.lines().find(|line| line.starts_with("warning: "));
        insta::assert_snapshot!(warning.unwrap_or_default(), @"warning: --count 50: the private subnets of `10.0.0.0/25` have 54 addresses, and a deployment (200 %) may take 100 (100 tasks): what gets none does not start, and is rolled back; say --count 27 or less, or a --vpc-cidr of /24 for a new stack");
        let changed = [&flags[..], &["--env", "CHANGED=1"]].concat();
        let stuck = deploy(stage, &FARGATE, &changed).await;
        assert_eq!(stuck.exit, Exit::DeployIncomplete, "{}", stuck.said());
        let ids = regex_lite::Regex::new(r"subnet-\w+|ecs-svc/\d+").unwrap();
        insta::assert_snapshot!(ids.replace_all(&end(&stuck), "ID"), @r"
        error: deploy of `fargate-api` is incomplete: 1 resource of 26 failed
          service/web: ECS rolled it back to td-fargate-api_web:1: rolling back to deployment ID
        hint: fix the cause and run the same `ecsup deploy` again; it continues from here
        hint: or run `ecsup destroy fargate-api` to remove what was created
        cause: a subnet of the stack has no address left (service/web; waiting may help)
          ecs:DescribeTasks: Unexpected EC2 error while attempting to Create Network Interface in subnet 'ID': InsufficientFreeAddressesInSubnet
        hint: each task and each instance takes one: say a smaller `--count`, and run that again when what had to stop has stopped; or deploy another stack with a larger `--vpc-cidr`
        ");
        // The number that is told: it leaves room only once the others are gone.
        let fewer = [&SMALL[..], &["--count", "27", "--env", "CHANGED=1"]].concat();
        let stuck = deploy(stage, &FARGATE, &fewer).await;
        assert_eq!(stuck.exit, Exit::DeployIncomplete, "{}", stuck.said());
        let played = deploy(stage, &FARGATE, &fewer).await;
        assert_eq!(played.exit, Exit::Done, "{}", played.said());
        assert!(!played.said().contains("warning: "), "{}", played.said());
    });
}

#[test]
fn as_many_tasks_as_have_an_address_are_deployed_and_replaced_on_instances() {
    for (pattern, count) in [("public-api", "20"), ("internal-worker", "14")] {
        stage(Scenario::default(), async |stage| {
            let words = ["deploy", "--yes", "--pattern", pattern];
            let flags = [&SMALL[..], &["--count", count]].concat();
            let played = deploy(stage, &words, &flags).await;
            assert_eq!(played.exit, Exit::Done, "{}", played.said());
            let changed = [&flags[..], &["--env", "CHANGED=1"]].concat();
            let played = deploy(stage, &words, &changed).await;
            assert_eq!(played.exit, Exit::Done, "{}", played.said());
            assert!(!played.said().contains("warning: "), "{}", played.said());
        });
    }
}
