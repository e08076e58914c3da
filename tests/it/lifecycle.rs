//! A stack comes, stays as it is, and goes without a trace.

use crate::emulator::Kind;
use crate::recorder::Call;
use crate::world::{Pattern, World, exit, matrix, mutations};

/// What a deploy that has nothing to do may ask, so that it stays cheap to repeat.
const CALLS_OF_A_SILENT_DEPLOY: usize = 45;

matrix!(comes_and_goes);

fn comes_and_goes(kind: Kind, pattern: Pattern) {
    lifecycle(&World::start(kind), pattern, "demo");
}

/// The whole story of one stack. Leaves the world as it was.
pub fn lifecycle(world: &World, pattern: Pattern, stack: &str) {
    let before = world.ids();
    let plan = [vec!["plan", "--exit-code"], world.spec_flags(pattern, stack)].concat();

    world.run(&plan).expect_code(exit::CHANGES_PENDING);
    assert_eq!(world.ids(), before, "a plan made something");

    world.deploy(pattern, stack, &[]);
    let deployed = world.ids();
    assert!(deployed.is_superset(&before) && deployed != before, "the deploy made nothing");
    world.run(&["list"]).expect_code(exit::DONE).says_one_of(&[stack]);

    assert_silent(&world.deploy(pattern, stack, &[]));
    assert_eq!(world.ids(), deployed, "the second deploy changed something");
    world.run(&plan).expect_code(exit::DONE);

    world.destroy(stack);
    assert_eq!(world.ids(), before, "the destroy left or took something");

    let from = world.recorder.calls().len();
    world.destroy(stack).says_one_of(&["nothing to do"]);
    let again = world.recorder.calls().split_off(from);
    assert_eq!(mutations(&again), 0, "{}", listed(&again));
}

fn assert_silent(calls: &[Call]) {
    assert_eq!(
        mutations(calls),
        0,
        "a deploy with nothing to do changes something:\n{}",
        listed(calls)
    );
    // It reads the lock, since everything is there and ready only when nobody is at work.
    let of_lock = calls.iter().filter(|it| it.operation == "GetParametersByPath").count();
    assert_eq!(of_lock, 1, "a deploy with nothing to do reads the lock once");
    let count = calls.len();
    assert!(count > 0, "a deploy without a single look");
    assert!(
        count <= CALLS_OF_A_SILENT_DEPLOY,
        "{count} calls with nothing to do:\n{}",
        listed(calls)
    );
}

fn listed(calls: &[Call]) -> String {
    calls.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn moto_destroy_of_what_was_not_named() {
    destroy_of_what_was_not_named(Kind::Moto);
}

#[test]
fn ministack_destroy_of_what_was_not_named() {
    destroy_of_what_was_not_named(Kind::Ministack);
}

fn destroy_of_what_was_not_named(kind: Kind) {
    let world = World::start(kind);
    let before = world.ids();
    let nothing = world.run(&["destroy", "first", "--yes"]).expect_code(exit::DONE);
    nothing.says_one_of(&["there is no stack `first` in us-east-1, nor any other"]);

    world.deploy(Pattern::FargateApi, "first", &[]);
    let there = world.ids();
    world.run(&["destroy", "--yes"]).expect_code(exit::USAGE).says_one_of(&["name the stack"]);
    let other = world.run(&["destroy", "second", "--yes"]).expect_code(exit::DONE);
    other.says_one_of(&["there is no stack `second` in us-east-1, only `first`"]);
    let slip = world.run(&["destroy", "frist", "--yes"]).expect_code(exit::USAGE);
    slip.says_one_of(&["but there is `first`"]);
    assert_eq!(world.ids(), there, "something was removed that nobody has named");

    world.destroy("first");
    assert_eq!(world.ids(), before);
}
