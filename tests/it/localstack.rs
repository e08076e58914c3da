//! The lifecycle against `LocalStack`, or whatever listens at `ECSUP_TEST_ENDPOINT`.
//!
//! ```sh
//! docker compose -f localstack-compose.yml up -d --wait
//! ECSUP_TEST_ENDPOINT=http://127.0.0.1:4566 cargo nextest run --run-ignored only localstack::
//! ```

use std::io::Write;

use crate::emulator::Kind;
use crate::lifecycle::lifecycle;
use crate::world::{Pattern, World, exit};

macro_rules! lifecycles {
    ($($name:ident = $pattern:ident;)+) => {
        $(
            #[test]
            #[ignore = "needs LocalStack at ECSUP_TEST_ENDPOINT"]
            fn $name() {
                comes_and_goes(Pattern::$pattern);
            }
        )+
    };
}

lifecycles! {
    localstack_internal_worker = InternalWorker;
    localstack_public_api = PublicApi;
    localstack_fargate_api = FargateApi;
}

fn comes_and_goes(pattern: Pattern) {
    let endpoint = std::env::var("ECSUP_TEST_ENDPOINT")
        .expect("ECSUP_TEST_ENDPOINT, such as http://127.0.0.1:4566");
    let world = World::at(&endpoint);
    assert_eq!(world.kind, Kind::Localstack);
    let stack = format!("test-{}", pattern.name());
    let sweep = Sweep { world: &world, stack: &stack };
    lifecycle(&world, pattern, &stack);
    drop(sweep);
}

/// Removes the stack also when the test has failed half way: this endpoint outlives the test.
struct Sweep<'a> {
    world: &'a World,
    stack: &'a str,
}

impl Drop for Sweep<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let outcome = self.world.run(&["destroy", self.stack, "--yes"]);
            if outcome.code() != Some(exit::DONE) {
                let _ = writeln!(
                    std::io::stderr(),
                    "the stack could not be swept: {}",
                    outcome.report()
                );
            }
        }
    }
}
