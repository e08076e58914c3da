//! The command is killed at some call, and whoever runs it next finds a world that can be gone on from.
//!
//! The call at which it is killed is a fraction of those that a whole run makes, so that the points stay
//! spread over the run when its number of calls changes. Which call it is differs from run to run,
//! since calls are made side by side; any of them must do.

use crate::emulator::Kind;
use crate::recorder::{Call, Recorder, Side};
use crate::world::{Pattern, World, matrix, mutations};

matrix! {
    killed_and_resumed:
    moto_internal_worker_resumed = Moto, InternalWorker;
    moto_fargate_api_resumed = Moto, FargateApi;
    ministack_internal_worker_resumed = Ministack, InternalWorker;
    ministack_fargate_api_resumed = Ministack, FargateApi;
}

matrix! {
    killed_and_destroyed:
    moto_internal_worker_destroyed = Moto, InternalWorker;
    moto_fargate_api_destroyed = Moto, FargateApi;
    ministack_internal_worker_destroyed = Ministack, InternalWorker;
    ministack_fargate_api_destroyed = Ministack, FargateApi;
}

matrix! {
    destroy_killed_and_repeated:
    moto_internal_worker_destroy_repeated = Moto, InternalWorker;
    ministack_internal_worker_destroy_repeated = Ministack, InternalWorker;
}

const STACK: &str = "demo";

/// Per cent of a whole run's mutating calls, and the side of the effect on which to cut. The lost
/// answer, `After`, is the hard one: something exists that nobody was told of.
const CUTS: [(usize, Side); 4] =
    [(10, Side::After), (35, Side::After), (60, Side::Before), (90, Side::After)];

fn killed_and_resumed(kind: Kind, pattern: Pattern) {
    let world = World::start(kind);
    let before = world.ids();
    let whole = mutations(&world.deploy(pattern, STACK, &[]));
    let clean = world.counts();
    world.destroy(STACK);

    for (percent, side) in CUTS {
        let call = kill_deploy(&world, pattern, nth(whole, percent), side);
        world.deploy(pattern, STACK, &[]);
        assert_eq!(world.counts(), clean, "after a kill at {call}");
        world.destroy(STACK);
        assert_eq!(world.ids(), before, "after a kill at {call}, another deploy and a destroy");
    }
}

fn killed_and_destroyed(kind: Kind, pattern: Pattern) {
    let world = World::start(kind);
    let before = world.ids();
    let whole = mutations(&world.deploy(pattern, STACK, &[]));
    world.destroy(STACK);

    for (percent, side) in CUTS {
        let call = kill_deploy(&world, pattern, nth(whole, percent), side);
        world.destroy(STACK);
        assert_eq!(world.ids(), before, "after a kill at {call} and a destroy");
    }
}

fn destroy_killed_and_repeated(kind: Kind, pattern: Pattern) {
    let world = World::start(kind);
    let before = world.ids();
    world.deploy(pattern, STACK, &[]);
    let from = world.recorder.calls().len();
    world.destroy(STACK);
    let whole = mutations(&world.recorder.calls()[from..]);

    for (percent, side) in CUTS {
        world.deploy(pattern, STACK, &[]);
        let call = world.kill_at(nth(whole, percent), side, &["destroy", STACK, "--yes"]);
        let call = call.unwrap_or_else(|| missed(&world.recorder, percent));
        world.destroy(STACK);
        assert_eq!(world.ids(), before, "after a destroy killed at {call} and another one");
    }
}

fn kill_deploy(world: &World, pattern: Pattern, nth: usize, side: Side) -> Call {
    let call = world.kill_at(nth, side, &world.deploy_line(pattern, STACK, &[]));
    call.unwrap_or_else(|| missed(&world.recorder, nth))
}

fn nth(whole: usize, percent: usize) -> usize {
    assert!(whole > 10, "a whole run makes only {whole} mutating calls");
    (whole * percent / 100).max(1)
}

fn missed(recorder: &Recorder, point: usize) -> ! {
    let last: Vec<String> =
        recorder.calls().iter().rev().take(5).map(ToString::to_string).collect();
    panic!("the run ended before it was cut at {point}; its last calls: {last:?}")
}
