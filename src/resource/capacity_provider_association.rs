//! The cluster's list of capacity providers and its default strategy.
//!
//! It has no tags of its own: it is ours where the cluster is. `PutClusterCapacityProviders` replaces
//! the whole list, and ECS then works on it for up to a minute.

use std::time::Duration;

use aws_sdk_ecs::types::CapacityProviderStrategyItem;

use super::cluster::{self, Attachments, BUSY, Cluster, is_of_fargate};
use super::{
    Difference, Kind, Made, Others, Owned, Phase, Removal, Resource, Seen, Wanted, Whole,
    capacity_provider,
};
use crate::aws::{Aws, Cx, Doing, Error, Meanings, Owner, Result, Scope, missing};
use crate::names::NodeName;

/// A cluster's providers as AWS returned them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its cluster.
    pub cluster: String,
    /// Names of the associated providers.
    pub providers: Vec<String>,
    /// Those of Fargate beside them: they are the [cluster](super::cluster)'s affair.
    pub of_fargate: Vec<String>,
    /// Why ECS failed to associate them, when it did.
    pub failed: Option<String>,
}

/// The association that is wanted.
#[derive(Debug)]
pub struct CapacityProviderAssociation;

/// The node's name. The cluster's own tags name the cluster's node.
pub const NODE: &str = "capacity-provider-association";

impl Resource for CapacityProviderAssociation {
    type Output = Output;
    const KIND: Kind = Kind::CapacityProviderAssociation;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        Ok(Cluster::list(aws, scope).await?.iter().filter_map(of_cluster).collect())
    }

    async fn list_with(others: &impl Others) -> Result<Vec<Owned<Output>>> {
        Ok(others.listing::<Cluster>().await?.iter().filter_map(of_cluster).collect())
    }

    fn uses(it: &Output) -> Vec<String> {
        it.providers.clone()
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        let put = aws.ecs.put_cluster_capacity_providers().cluster(&it.cluster);
        // Both lists have to be there.
        let put = put.set_capacity_providers(Some(it.of_fargate.clone()));
        let put = put.set_default_capacity_provider_strategy(Some(Vec::new())).send().await;
        let put = put.doing("detach the capacity provider from the ECS cluster").wait_on(BUSY);
        put.gone_is_fine(cluster::GONE).map(drop)
    }

    async fn forget_lost(aws: &Aws, it: &Output, why: Removal, waited: Duration) -> Result<()> {
        // A task counts as running, and its provider as in use, until its agent reports.
        cluster::forget_lost(aws, &it.cluster, why, waited).await
    }
}

impl Wanted for CapacityProviderAssociation {
    type Needs = (cluster::Output, capacity_provider::Output);
    type Change = Whole;

    async fn create(
        &self,
        cx: &Cx,
        _node: &NodeName,
        (cluster, provider): &Self::Needs,
    ) -> Result<Made<Output>> {
        let others = cluster.attachments.providers.iter().filter(|it| is_of_fargate(it));
        put(cx, &cluster.name, &provider.name, others.cloned().collect()).await
    }

    fn drift(&self, it: &Output, (_, provider): &Self::Needs) -> Vec<Difference<Whole>> {
        let mut differences = Vec::new();
        // Others in the list are somebody's own wish.
        if !it.providers.contains(&provider.name) {
            let is = it.providers.join(", ");
            differences.push(Difference::update(Whole, "capacityProviders", is, &provider.name));
        }
        if let Some(why) = &it.failed {
            let is = format!("UPDATE_FAILED ({why})");
            differences.push(Difference::update(Whole, "attachmentsStatus", is, "UPDATE_COMPLETE"));
        }
        differences
    }

    async fn update(
        &self,
        cx: &Cx,
        _node: &NodeName,
        it: &Output,
        (cluster, provider): &Self::Needs,
        _: &[Whole],
    ) -> Result<Made<Output>> {
        let others = [it.providers.clone(), it.of_fargate.clone()].concat();
        put(cx, &cluster.name, &provider.name, others).await
    }
}

/// Makes a provider the cluster's default, beside others that are in its list already: the call
/// replaces the whole list.
async fn put(cx: &Cx, cluster: &str, provider: &str, others: Vec<String>) -> Result<Made<Output>> {
    const DOING: &str = "associate the capacity provider with the ECS cluster";
    let strategy = CapacityProviderStrategyItem::builder()
        .capacity_provider(provider)
        .base(0)
        .weight(1)
        .build()
        .map_err(|error| Error::other(DOING, error.to_string()))?;
    let others = others.into_iter().filter(|other| other != provider);
    let providers = others.chain([provider.to_owned()]).collect();
    let put = cx.aws.ecs.put_cluster_capacity_providers().cluster(cluster);
    let put = put.set_capacity_providers(Some(providers));
    let put = put.default_capacity_provider_strategy(strategy).send().await;
    let put = put.doing(DOING).wait_on(BUSY).wait_on(&[cluster::NO_LINKED_ROLE])?;
    let described = put.cluster().ok_or_else(|| missing(DOING, "cluster"))?;
    let attachments = Attachments::from(described);
    let output = Output { failed: None, ..Output::of(cluster, &attachments) };
    Ok(if is_coming(&attachments) {
        Made::Coming(output, ATTACHING.into())
    } else {
        Made::Ready(output)
    })
}

const ATTACHING: &str = "ECS to give the group its scaling policy and its hook";

impl Output {
    fn of(cluster: &str, attachments: &Attachments) -> Self {
        let all = attachments.providers.iter().cloned();
        let (of_fargate, providers) = all.partition(|it| is_of_fargate(it));
        Self {
            cluster: cluster.to_owned(),
            providers,
            of_fargate,
            failed: attachments.failed.clone(),
        }
    }
}

fn of_cluster(cluster: &Owned<cluster::Output>) -> Option<Owned<Output>> {
    let cluster::Output { name, attachments, .. } = cluster.it();
    let seen = read(name, attachments)?;
    let owner = Owner { node: NodeName::from(NODE), tags: None, ..cluster.owner.clone() };
    Some(Owned { owner, id: name.clone(), seen })
}

fn read(cluster: &str, attachments: &Attachments) -> Option<Seen<Output>> {
    let output = Output::of(cluster, attachments);
    let leaving = attachments.cluster_status.as_deref() == Some("DEPROVISIONING");
    Some(match (output.providers.is_empty(), output.failed.clone()) {
        (true, _) if !is_updating(attachments) => return None,
        (true, _) => Seen::Leaving(output, DETACHING.into()),
        (false, _) if leaving => Seen::Leaving(output, DETACHING.into()),
        (false, Some(why)) => Seen::Present(output, Phase::Broken(why)),
        (false, None) if is_coming(attachments) => {
            Seen::Present(output, Phase::Coming(ATTACHING.into()))
        }
        (false, None) => Seen::Present(output, Phase::Ready),
    })
}

const DETACHING: &str = "ECS takes its scaling policy and its hook off the group";

/// Whether ECS works on the list.
fn is_updating(attachments: &Attachments) -> bool {
    attachments.status.as_deref() == Some("UPDATE_IN_PROGRESS")
}

/// Whether providers in the list are not usable yet.
fn is_coming(attachments: &Attachments) -> bool {
    is_updating(attachments) || attachments.cluster_status.as_deref() == Some("PROVISIONING")
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::Cluster as Described;

    use super::*;

    fn seen(providers: &[&str], status: Option<&str>) -> Option<Seen<Output>> {
        let providers = providers.iter().map(|&name| name.to_owned()).collect();
        let cluster = Described::builder()
            .set_capacity_providers(Some(providers))
            .set_attachments_status(status.map(str::to_owned))
            .build();
        read("cluster-demo", &Attachments::from(&cluster))
    }

    #[test]
    fn it_is_there_as_long_as_ecs_works_on_it() {
        assert!(seen(&[], None).is_none());
        assert!(seen(&[], Some("UPDATE_COMPLETE")).is_none());
        let busy = Some("UPDATE_IN_PROGRESS");
        assert!(matches!(seen(&[], busy), Some(Seen::Leaving(..))));
        assert!(matches!(seen(&["cp"], busy), Some(Seen::Present(_, Phase::Coming(_)))));
        assert!(matches!(seen(&["cp"], Some("")), Some(Seen::Present(_, Phase::Ready))));
        let failed = Some("UPDATE_FAILED");
        assert!(matches!(seen(&["cp"], failed), Some(Seen::Present(_, Phase::Broken(_)))));
    }
}
