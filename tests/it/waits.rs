//! How long a deploy waits for what cannot come, and what it says then.

use std::time::Duration;

use aws_sim::doubt::Doubt;
use aws_sim::scenario::{FORBIDDEN, Scenario, named};
use ecsup::cli::Exit;
use ecsup::cli::rehearse::Played;

use crate::stage::{FARGATE, INTERNAL, deploy, end, stage};

/// Fails unless a deploy gave up within so many minutes.
#[track_caller]
fn gave_up(played: &Played, minutes: u64) {
    assert_eq!(played.exit, Exit::DeployIncomplete, "{}", played.said());
    assert!(played.took < Duration::from_mins(minutes), "{:?}\n{}", played.took, played.said());
}

fn forbidden() -> Scenario {
    Scenario { launch_refusal: Some(FORBIDDEN), ..Scenario::default() }
}

#[test]
fn a_launch_that_never_works_ends_the_wait() {
    for name in ["unsupported-type", "forbidden-launch", "free-plan", "customer-key", "vcpu-quota"]
    {
        stage(named(name).expect("a scenario").scenario(), async |stage| {
            let played = deploy(stage, &INTERNAL, &[]).await;
            gave_up(&played, 10);
            // Which zone was tried last is a matter of seconds.
            insta::assert_snapshot!(name, end(&played).replace("(us-east-1b)", "(us-east-1a)"));
        });
    }
}

/// Only what may pass is asked for again.
#[test]
fn what_is_refused_for_good_is_asked_for_once() {
    let scenario = named("demanded-boundary").expect("a scenario").scenario();
    stage(scenario, async |stage| {
        let played = deploy(stage, &FARGATE, &[]).await;
        assert_eq!(played.exit, Exit::DeployIncomplete, "{}", played.said());
        let asked = played.calls.iter().filter(|call| call.operation == "CreateRole");
        assert_eq!(asked.count(), 1, "{}", played.said());
    });
}

#[test]
fn what_failed_before_the_cause_was_mended_does_not_count() {
    stage(forbidden(), async |stage| {
        gave_up(&deploy(stage, &INTERNAL, &[]).await, 8);
        stage.cloud.world(|world| world.scenario.launch_refusal = None);
        let again = deploy(stage, &INTERNAL, &[]).await;
        assert_eq!(again.exit, Exit::Done, "{}", again.said());
    });
}

#[test]
fn what_is_not_mended_is_known_sooner_the_next_time() {
    stage(forbidden(), async |stage| {
        gave_up(&deploy(stage, &INTERNAL, &[]).await, 8);
        gave_up(&deploy(stage, &INTERNAL, &[]).await, 3);
    });
}

/// Lack of capacity passes: it is waited for, and told where there is some.
#[test]
fn capacity_that_comes_back_is_waited_for() {
    let scarce = Scenario { no_capacity: true, ..Scenario::default() };
    stage(scarce, async |stage| {
        let healed = async {
            tokio::time::sleep(Duration::from_mins(8)).await;
            stage.cloud.world(|world| world.scenario.no_capacity = false);
        };
        let (played, ()) = tokio::join!(deploy(stage, &INTERNAL, &[]), healed);
        assert_eq!(played.exit, Exit::Done, "{}", played.said());
        assert!(played.took > Duration::from_mins(8), "{:?}", played.took);
        let told =
            "EC2 has no c5.xlarge left in us-east-1a and us-east-1b, but has some in us-east-1";
        let mut events = played.recording.events.iter().map(|it| format!("{:?}", it.what));
        assert!(events.any(|it| it.contains(told)), "{}", played.said());
    });
}

/// An endpoint on which ECS counts no failed tasks, tells nothing and has no circuit breaker.
fn uncounted(images: Scenario) -> Scenario {
    Scenario { doubts: [Doubt::FailedTasksUncounted].into(), ..images }
}

fn bad_image() -> Scenario {
    Scenario { missing_images: vec![String::new()], ..Scenario::default() }
}

#[test]
fn stopped_tasks_are_looked_at_though_nobody_counts_them() {
    for flags in [&INTERNAL, &FARGATE] {
        stage(uncounted(bad_image()), async |stage| {
            let played = deploy(stage, flags, &[]).await;
            gave_up(&played, 12);
            let end = end(&played);
            assert!(end.contains("CannotPullContainerError") && end.contains("--image"), "{end}");
            assert!(!end.contains("time was up"), "{end}");
        });
    }
}

#[test]
fn when_the_time_is_up_stopped_tasks_say_why() {
    stage(uncounted(bad_image()), async |stage| {
        let played = deploy(stage, &FARGATE, &["--timeout", "3m15s"]).await;
        gave_up(&played, 6);
        insta::assert_snapshot!(end(&played));
    });
}

/// Where a breaker says what became of a deployment, its word is waited for.
#[test]
fn the_circuit_breaker_has_its_say() {
    stage(Scenario::default(), async |stage| {
        assert_eq!(deploy(stage, &FARGATE, &[]).await.exit, Exit::Done);
        stage.cloud.world(|world| world.scenario.missing_images = vec!["httpd".to_owned()]);
        let played = deploy(stage, &FARGATE, &["--image", "httpd:2"]).await;
        gave_up(&played, 12);
        assert!(end(&played).contains("rolled it back to"), "{}", end(&played));
    });
}

#[test]
fn an_image_for_another_processor_is_no_matter_of_its_registry() {
    for (flags, name) in [(&INTERNAL, "instances"), (&FARGATE, "fargate")] {
        let arm = Scenario { arm_images: vec![String::new()], ..Scenario::default() };
        stage(arm, async |stage| {
            let played = deploy(stage, flags, &[]).await;
            gave_up(&played, 12);
            insta::assert_snapshot!(format!("arm_image_on_{name}"), end(&played));
        });
    }
}

#[test]
fn an_arm_stack_that_is_deployed_without_its_type_is_told_which() {
    stage(Scenario::default(), async |stage| {
        let arm = deploy(stage, &INTERNAL, &["--instance-type", "m7g.large"]).await;
        assert_eq!(arm.exit, Exit::Done, "{}", arm.said());
        let played = deploy(stage, &INTERNAL, &["--accept-defaults"]).await;
        assert_eq!(played.exit, Exit::Refused);
        insta::assert_snapshot!(end(&played), @r"
        error: --instance-type `c5.xlarge`: is x86_64, and the stack's AMI ami-0ec5000000000b001 is for arm64: say `--instance-type m7g.large`, which the stack has now, or change both with --refresh-ami
        hint: nothing was changed; `ecsup deploy --help` lists what each flag takes
        ");
    });
}
