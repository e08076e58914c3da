//! Whether exactly the tasks run on Fargate Spot that were to: asked of the services and of their tasks.

use aws_sim::fields::Fields as _;
use aws_sim::world::World;
use ecsup::spec::{RunOn, Spec};

use super::exec::tasks;
use super::scaling::described;

/// Where tasks on Fargate are started otherwise than they were to be.
pub fn unlike(world: &mut World, spec: &Spec) -> Vec<String> {
    let stack = spec.stack.as_str();
    let mut faults = Vec::new();
    for service in spec.services.iter().filter(|it| it.run_on == RunOn::Fargate) {
        let name = service.name.as_str();
        let is = described(world, stack, name);
        let running = tasks(world, stack, name);
        let on = |provider: &str| {
            running.iter().filter(|it| it.text("capacityProviderName") == provider).count()
        };
        let [on_demand, on_spot] = ["FARGATE", "FARGATE_SPOT"].map(on);
        let base = service.spot.map(|it| usize::try_from(it.on_demand_base).unwrap_or_default());
        let is_right = match base {
            // One that was on Spot has the provider that is the same as the launch type.
            None => {
                let all = is.text("launchType") == "FARGATE" || on_demand == running.len();
                all && on_spot == 0
            }
            Some(base) => {
                on_demand == base.min(running.len()) && on_demand + on_spot == running.len()
            }
        };
        if !is_right {
            faults.push(format!(
                "{name}: of {} tasks {on_spot} on Spot and {on_demand} not, with the launch type `{}`; \
                 the base is {base:?}",
                running.len(),
                is.text("launchType"),
            ));
        }
    }
    faults
}
