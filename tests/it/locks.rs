//! Two runs on one stack: one works, the other is told who does, and a crash locks nobody out.

use aws_sdk_ssm::types::ParameterType;

use crate::emulator::Kind;
use crate::recorder::Side;
use crate::world::{DEADLINE, Pattern, REGION, World, exit};

const STACK: &str = "demo";

#[test]
fn moto_one_at_a_time() {
    one_at_a_time(Kind::Moto);
}

#[test]
fn ministack_one_at_a_time() {
    one_at_a_time(Kind::Ministack);
}

#[test]
fn moto_unlocked_by_hand() {
    unlocked_by_hand(Kind::Moto);
}

#[test]
fn ministack_unlocked_by_hand() {
    unlocked_by_hand(Kind::Ministack);
}

#[test]
fn moto_lock_left_alone() {
    lock_left_alone(Kind::Moto);
}

#[test]
fn ministack_lock_left_alone() {
    lock_left_alone(Kind::Ministack);
}

/// The first run holds the lock while a call of its has no answer, which it waits for longer than
/// the others take.
fn one_at_a_time(kind: Kind) {
    let world = World::start(kind);
    let before = world.ids();
    let line = world.deploy_line(Pattern::FargateApi, STACK, &[]);
    let reached = world.recorder.cut(2, Side::Before);
    let first = world.command(REGION, &line);
    reached.recv_timeout(DEADLINE).expect("a second call that changes something");

    let second = world.command(REGION, &line);
    let destroy = world.command(REGION, &["destroy", STACK, "--yes"]);
    for refused in [second, destroy] {
        let refused = refused.wait(DEADLINE).expect_code(exit::USAGE);
        let words = ["`demo` is locked by arn:", "(deploy since 20", "ecsup unlock demo"];
        for word in words {
            assert!(refused.stderr.contains(word), "{word}: {}", refused.report());
        }
    }
    first.wait(DEADLINE).expect_code(exit::DONE);
    world.destroy(STACK);
    assert_eq!(world.ids(), before);
}

fn unlocked_by_hand(kind: Kind) {
    let world = World::start(kind);
    let before = world.ids();
    let line = world.deploy_line(Pattern::FargateApi, STACK, &[]);
    world.kill_at(6, Side::After, &line).expect("more than six calls that change something");

    let unlock = ["unlock", STACK, "--yes"];
    let unlocked = world.run(&unlock).expect_code(exit::DONE);
    assert!(unlocked.stdout.contains("`demo` is unlocked"), "{}", unlocked.report());
    world.run(&unlock).expect_code(exit::DONE).says_one_of(&["nothing to do"]);
    world.deploy(Pattern::FargateApi, STACK, &[]);
    world.destroy(STACK);
    assert_eq!(world.ids(), before);
}

/// Nothing is left of a run but its lock, or nothing can be seen yet.
fn lock_left_alone(kind: Kind) {
    let world = World::start(kind);
    let before = world.ids();
    let ssm = world.clients(REGION).ssm;
    let left = ssm.put_parameter().name("/ecsup/demo/lock/3").value("by hand");
    let left = left.r#type(ParameterType::String).send();
    world.block_on(left).expect("a parameter");
    let destroyed = world.run(&["destroy", STACK, "--yes"]).expect_code(exit::DONE);
    destroyed.says_one_of(&["lock removed"]);
    assert_eq!(world.ids(), before);
}
