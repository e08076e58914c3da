//! An instance of our group. The group makes it and takes it down; a destroy waits until it is
//! gone, and terminates one that outlives its group.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{Filter, InstanceStateName, InstanceTypeInfo, Reservation};

use super::{Kind, Owned, Phase, Resource, Seen};
use crate::aws::{AllPages, Aws, Doing, Meanings, Result, Scope};
use crate::names::NodeName;

/// An instance as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its id.
    pub id: String,
    /// Its state, such as `shutting-down`.
    pub state: String,
}

/// An instance is never asked for: its group makes it.
#[derive(Debug)]
pub struct Instance;

/// The node that the instances' tags name. They share it, since they share a template; a listing
/// tells them apart by their ids.
pub const NODE: &str = "instance";

/// Every state but `terminated`, in which EC2 shows an instance for about an hour.
const STATES: [&str; 5] = ["pending", "running", "stopping", "stopped", "shutting-down"];

impl Resource for Instance {
    type Output = Output;
    const KIND: Kind = Kind::Instance;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        let filters = [scope.ec2_filters(), vec![living()]].concat();
        let all = aws.ec2.describe_instances().set_filters(Some(filters)).into_paginator().items();
        let all = all.send().all().await;
        let all = all.doing("list the EC2 instances")?;
        let instances = all.iter().flat_map(Reservation::instances);
        Ok(instances.filter_map(|instance| read(scope, instance)).collect())
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        let terminate = aws.ec2.terminate_instances().instance_ids(&it.id).send().await;
        terminate
            .doing("terminate the EC2 instance")
            .gone_is_fine(&["InvalidInstanceID.NotFound"])
            .map(drop)
    }
}

/// Those of these instances that are terminated. What has no id of EC2 runs elsewhere, and nothing is
/// known of it here.
pub async fn gone(aws: &Aws, mut ids: BTreeSet<String>) -> Result<BTreeSet<String>> {
    /// As many values as a filter takes.
    const BATCH: usize = 200;
    ids.retain(|id| id.starts_with("i-"));
    let all: Vec<_> = ids.iter().cloned().collect();
    for batch in all.chunks(BATCH) {
        // Asked for by its id, one that EC2 has forgotten would be an error.
        let these = Filter::builder().name("instance-id").set_values(Some(batch.to_vec())).build();
        let there = aws.ec2.describe_instances().filters(these).filters(living());
        let there = there.into_paginator().items().send().all().await;
        let there = there.doing("look whether the EC2 instances are there")?;
        for instance in there.iter().flat_map(Reservation::instances) {
            ids.remove(instance.instance_id().unwrap_or_default());
        }
    }
    Ok(ids)
}

/// Leaves out those that are terminated.
fn living() -> Filter {
    let states = Filter::builder().name("instance-state-name");
    states.set_values(Some(STATES.map(str::to_owned).into())).build()
}

fn read(scope: &Scope, instance: &aws_sdk_ec2::types::Instance) -> Option<Owned<Output>> {
    let mut owner = scope.owner(instance.tags())?;
    let state = instance.state().and_then(|state| state.name.as_ref())?;
    let id = instance.instance_id().unwrap_or_default().to_owned();
    owner.node = NodeName::from(format!("{NODE}/{id}"));
    let it = Output { id: id.clone(), state: state.as_str().to_owned() };
    let seen = match state {
        InstanceStateName::Terminated => return None,
        InstanceStateName::ShuttingDown => {
            Seen::Leaving(it, "the instance to shut down and terminate".into())
        }
        InstanceStateName::Pending => {
            Seen::Present(it, Phase::Coming("the instance to start".into()))
        }
        _ => Seen::Present(it, Phase::Ready),
    };
    Some(Owned { owner, id, seen })
}

/// What AWS says of an instance type; nothing, when it lists none of that name.
pub async fn described_type(aws: &Aws, name: &str) -> Result<Option<InstanceTypeInfo>> {
    let described = aws.ec2.describe_instance_types().instance_types(name.into()).send().await;
    let described = described.doing("look up the instance type")?;
    Ok(described.instance_types.and_then(|all| all.into_iter().next()))
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{self, Tag};

    use super::*;
    use crate::aws::Labels;
    use crate::names::Names;

    #[test]
    fn instances_are_told_apart_by_their_ids_and_terminated_ones_are_not_there() {
        let names = Names::new("demo".parse().unwrap(), "eu-west-1");
        let labels = Labels { pattern: "internal-worker".into(), user: [].into() };
        let tags = labels.of(&names, &NodeName::from(NODE)).into_iter();
        let tags: Vec<_> = tags.map(|(k, v)| Tag::builder().key(k).value(v).build()).collect();
        let scope = Scope::Stack(names);
        let look = |state: InstanceStateName| {
            let state = types::InstanceState::builder().name(state).build();
            let instance = types::Instance::builder().instance_id("i-1").state(state);
            read(&scope, &instance.set_tags(Some(tags.clone())).build())
        };
        let running = look(InstanceStateName::Running).unwrap();
        assert_eq!(running.owner.node.as_str(), "instance/i-1");
        assert!(matches!(running.seen, Seen::Present(..)));
        let leaving = look(InstanceStateName::ShuttingDown).unwrap();
        assert!(matches!(leaving.seen, Seen::Leaving(..)));
        assert!(look(InstanceStateName::Terminated).is_none());
    }
}
