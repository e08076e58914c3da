//! The ECS cluster, with Container Insights.
//!
//! `CreateCluster` returns a living cluster of the same name without a word, whoever made it, so the
//! tags that come back decide. A deleted cluster stays describable as `INACTIVE` for a while; its
//! name is free.

use std::time::Duration;

use aws_sdk_ecs::types::{
    Attachment, CapacityProviderStrategyItem, Cluster as Described, ClusterField, ClusterSetting,
    ClusterSettingName, ContainerInstance, Resource as Amount,
};
use futures::future::try_join_all;

use super::{
    Difference, Kind, Made, Owned, Phase, Removal, Resource, Seen, Wanted, compare, instance,
    one_off, service,
};
use crate::arn::last_part;
use crate::aws::error::Cause;
use crate::aws::tags::Tagged;
use crate::aws::{
    AllPages, Aws, Cx, Doing, Error, Meaning, Meanings, Owner, Result, Scope, Tagging, missing,
};
use crate::names::{self, NodeName};

/// A cluster as AWS returned it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The setting `containerInsights`.
    pub insights: Option<String>,
    /// Its capacity providers.
    pub attachments: Attachments,
    /// Whether its tags say that the stack may have a namespace.
    pub may_have_names: bool,
}

/// What a cluster says about its capacity providers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attachments {
    /// Their names.
    pub providers: Vec<String>,
    /// The default strategy: providers, with their bases and weights.
    pub strategy: Vec<(String, [i32; 2])>,
    /// How far ECS is with the last change of the list. Absent or empty when it never changed.
    pub status: Option<String>,
    /// The cluster's own status.
    pub cluster_status: Option<String>,
    /// Why the last change failed, when it did.
    pub failed: Option<String>,
}

/// The cluster that is wanted.
#[derive(Debug, Default)]
pub struct Cluster {
    /// Whether it knows the capacity providers of Fargate, without which there is no Fargate Spot. They stay
    /// where nobody needs them any more: they cost nothing, and may be somebody's own wish.
    pub on_spot: bool,
}

/// What can be changed of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Whether it has Container Insights.
    Insights,
    /// Whether it knows the capacity providers of Fargate.
    Providers,
}

/// The capacity providers of Fargate, which every account has.
const OF_FARGATE: [&str; 2] = [service::FARGATE, service::FARGATE_SPOT];

/// Whether a capacity provider is one of those that every account has.
pub(super) fn is_of_fargate(provider: &str) -> bool {
    OF_FARGATE.contains(&provider)
}

/// What ECS answers about a cluster that is gone.
pub const GONE: &[&str] = &[
    "ClusterNotFoundException",
    "ClientException: inactive",
    "InvalidParameterException: inactive",
];

/// What ECS answers while its service-linked role, which may just have been made, is not usable yet.
pub const NO_LINKED_ROLE: &str =
    "InvalidParameterException: Unable to assume the service linked role";

/// How `CreateCluster` refuses a name that a living cluster with other settings has.
const OTHERWISE: &str =
    "InvalidParameterException: Arguments on this idempotent request are inconsistent";

const INSIGHTS: &str = "enabled";
const ENHANCED_INSIGHTS: &str = "enhanced";
const NO_INSIGHTS: &str = "disabled";

impl Resource for Cluster {
    type Output = Output;
    const KIND: Kind = Kind::Cluster;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        let read = |(owner, cluster): (Owner, Described)| {
            let output = Output::from(&cluster);
            let seen = match cluster.status().unwrap_or_default() {
                "DEPROVISIONING" => Seen::Leaving(output, "ECS removes what belongs to it".into()),
                "PROVISIONING" => Seen::Present(output, Phase::Coming(PROVISIONING.into())),
                "FAILED" => Seen::Present(output, Phase::Broken(failure(&cluster))),
                _ => Seen::Present(output, Phase::Ready),
            };
            let id = cluster.cluster_name().unwrap_or_default().to_owned();
            Owned { owner, id, seen }
        };
        Ok(ours(aws, scope).await?.into_iter().map(read).collect())
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        Some(Tagging::Ecs(it.arn.clone()))
    }

    async fn prepare_removal(aws: &Aws, it: &Output) -> Result<()> {
        // Else the last metrics may be written when the cluster and the group that they belong in are
        // gone, which makes another group, without tags.
        match it.insights.as_deref() {
            None | Some(NO_INSIGHTS) => Ok(()),
            Some(_) => set_insights(aws, &it.name, NO_INSIGHTS).await,
        }
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        // What leads to instances goes with its own node. Whether these hold a cluster as well is not documented.
        if it.attachments.providers.iter().any(|it| is_of_fargate(it)) {
            let none = Attachments::default();
            put_providers(aws, &it.name, &none).await.gone_is_fine(GONE)?;
        }
        let delete = aws.ecs.delete_cluster().cluster(&it.name).send().await;
        delete
            .doing("delete the ECS cluster")
            .wait_on(&[
                "ClusterContainsServicesException",
                "ClusterContainsTasksException",
                "ClusterContainsContainerInstancesException",
                "ClusterContainsCapacityProviderException",
                "ClientException: Capacity Providers are attached",
                "UpdateInProgressException",
            ])
            .gone_is_fine(GONE)
            .map(drop)
    }

    async fn forget_lost(aws: &Aws, it: &Output, why: Removal, waited: Duration) -> Result<()> {
        if why == Removal::OnlyThis {
            return forget_lost(aws, &it.name, why, waited).await;
        }
        // The cluster goes when its instances are gone: what is registered still is so for ever.
        for instance in container_instances(aws, &it.name).await? {
            deregister(aws, &it.name, &instance).await?;
        }
        Ok(())
    }

    async fn clear_way(aws: &Aws, scope: &Scope) -> Result<()> {
        // A run that has died may have left a command behind that goes on.
        for (_, cluster) in ours(aws, scope).await? {
            if cluster.running_tasks_count() + cluster.pending_tasks_count() > 0 {
                one_off::stop_all(aws, cluster.cluster_name().unwrap_or_default()).await?;
            }
        }
        Ok(())
    }

    async fn blockers(aws: &Aws, it: &Output) -> Result<Vec<String>> {
        let there = describe(aws, vec![it.name.clone()]).await?;
        let Some(cluster) = there.first() else { return Ok(Vec::new()) };
        let services = match cluster.active_services_count() {
            0 => Vec::new(),
            _ => services(aws, &it.name).await?,
        };
        Ok(contents(cluster, &services))
    }
}

impl Wanted for Cluster {
    type Needs = ();
    type Change = Change;

    async fn holder(&self, cx: &Cx, _node: &NodeName) -> Result<Option<String>> {
        let scope = Scope::Stack(cx.names.clone());
        let there = describe(&cx.aws, vec![cx.names.cluster()]).await?;
        let holder = there.iter().find(|cluster| {
            let leaving = matches!(cluster.status(), Some("INACTIVE" | "DEPROVISIONING"));
            !leaving && scope.owner(cluster.tags()).is_none()
        });
        Ok(holder.map(whose))
    }

    async fn create(&self, cx: &Cx, node: &NodeName, (): &()) -> Result<Made<Output>> {
        const DOING: &str = "create the ECS cluster";
        let create = cx.aws.ecs.create_cluster().cluster_name(cx.names.cluster());
        let providers = self.on_spot.then(|| OF_FARGATE.map(str::to_owned).into());
        let create = create.settings(insights(INSIGHTS)).set_capacity_providers(providers);
        let create = create.set_tags(Some(cx.ecs_tags(node))).send().await;
        let created = create.doing(DOING).wait_on(&[NO_LINKED_ROLE]).taken_on(&[OTHERWISE])?;
        let cluster = created.cluster().ok_or_else(|| missing(DOING, "cluster"))?;
        if Scope::Stack(cx.names.clone()).owner(cluster.tags()).is_none() {
            return Err(Error {
                attempt: DOING.into(),
                cause: Cause::Other(format!("{} has the name", whose(cluster))),
                meaning: Meaning::Taken,
            });
        }
        let output = Output::from(cluster);
        Ok(match cluster.status() {
            Some("PROVISIONING") => Made::Coming(output, PROVISIONING.into()),
            _ => Made::Ready(output),
        })
    }

    fn drift(&self, it: &Output, (): &()) -> Vec<Difference<Change>> {
        let mut differences = Vec::new();
        // Enhanced observability is the same and more, and somebody's own wish.
        let is = it.insights.as_ref().filter(|is| *is != ENHANCED_INSIGHTS);
        compare(&mut differences, Change::Insights, "containerInsights", is, &INSIGHTS.to_owned());
        let knows = |of: &&str| it.attachments.providers.iter().any(|is| is == of);
        let lacks = !OF_FARGATE.iter().all(knows);
        if self.on_spot && lacks {
            let is = match &it.attachments.providers[..] {
                [] => "none".to_owned(),
                some => some.join(", "),
            };
            let wanted = with_fargate(it).join(", ");
            let field = "capacityProviders";
            differences.push(Difference::update(Change::Providers, field, is, wanted));
        }
        differences
    }

    async fn update(
        &self,
        cx: &Cx,
        _node: &NodeName,
        it: &Output,
        (): &(),
        changes: &[Change],
    ) -> Result<Made<Output>> {
        let mut it = it.clone();
        for change in changes {
            match change {
                Change::Insights => {
                    set_insights(&cx.aws, &it.name, INSIGHTS).await?;
                    it.insights = Some(INSIGHTS.into());
                }
                Change::Providers => {
                    let attachments =
                        Attachments { providers: with_fargate(&it), ..it.attachments.clone() };
                    put_providers(&cx.aws, &it.name, &attachments).await?;
                    it.attachments = attachments;
                }
            }
        }
        Ok(Made::Ready(it))
    }
}

/// The capacity providers of a cluster, and those of Fargate.
fn with_fargate(it: &Output) -> Vec<String> {
    let others = it.attachments.providers.iter().filter(|it| !is_of_fargate(it)).cloned();
    others.chain(OF_FARGATE.map(str::to_owned)).collect()
}

/// Gives a cluster its whole list of capacity providers; its default strategy is said again with it.
async fn put_providers(aws: &Aws, cluster: &str, attachments: &Attachments) -> Result<()> {
    const DOING: &str = "say which capacity providers the ECS cluster has";
    let item = |(provider, [base, weight]): &(String, [i32; 2])| {
        let item = CapacityProviderStrategyItem::builder().capacity_provider(provider);
        let item = item.base(*base).weight(*weight).build();
        item.map_err(|error| Error::other(DOING, error.to_string()))
    };
    let strategy = attachments.strategy.iter().map(item).collect::<Result<Vec<_>>>()?;
    let put = aws.ecs.put_cluster_capacity_providers().cluster(cluster);
    let put = put.set_capacity_providers(Some(attachments.providers.clone()));
    let put = put.set_default_capacity_provider_strategy(Some(strategy));
    put.send().await.doing(DOING).wait_on(BUSY).wait_on(&[NO_LINKED_ROLE]).map(drop)
}

/// What ECS answers to another list of capacity providers while it works on one.
pub(super) const BUSY: &[&str] = &[
    // The provider was made a moment ago.
    "InvalidParameterException: was not found",
    "ClientException: Cluster was not ACTIVE",
    "ResourceInUseException",
    "UpdateInProgressException",
];

const PROVISIONING: &str = "ECS to provision what belongs to the cluster";

/// What ECS answers about a container instance that is gone, or whose cluster is.
const GONE_INSTANCE: &[&str] = &[
    "ClusterNotFoundException",
    "ClientException: not found",
    "ClientException: inactive",
    "InvalidParameterException: not found",
    "InvalidParameterException: inactive",
];

impl From<&Described> for Output {
    fn from(cluster: &Described) -> Self {
        let insights = cluster
            .settings()
            .iter()
            .find(|setting| setting.name() == Some(&ClusterSettingName::ContainerInsights));
        Self {
            name: cluster.cluster_name().unwrap_or_default().to_owned(),
            arn: cluster.cluster_arn().unwrap_or_default().to_owned(),
            insights: insights.and_then(ClusterSetting::value).map(str::to_owned),
            attachments: Attachments::from(cluster),
            may_have_names: may_have_names(cluster),
        }
    }
}

impl From<&Described> for Attachments {
    fn from(cluster: &Described) -> Self {
        let failed = cluster.attachments_status() == Some("UPDATE_FAILED");
        Self {
            providers: cluster.capacity_providers().to_vec(),
            strategy: cluster
                .default_capacity_provider_strategy()
                .iter()
                .map(|it| (it.capacity_provider().to_owned(), [it.base(), it.weight()]))
                .collect(),
            status: cluster.attachments_status().map(str::to_owned),
            cluster_status: cluster.status().map(str::to_owned),
            failed: failed.then(|| failure(cluster)),
        }
    }
}

/// The tag that says that the stack may have a namespace in Cloud Map, and what it says then. It is one of
/// everything that each look shows anyway, and is there before the namespace and until that is gone. Its key is
/// not of those that make up an identity, which can be put on a thing only when that is made.
const TAG_NAMES: (&str, &str) = ("ecsup-discovery", "on");

/// Whether the tags of a cluster say that its stack may have a namespace.
pub(super) fn may_have_names(cluster: &Described) -> bool {
    let (key, on) = TAG_NAMES;
    cluster.tags().iter().any(|tag| tag.key() == Some(key) && tag.value() == Some(on))
}

/// Says of a cluster that its stack may have a namespace, unless its tags say so already.
pub(super) async fn say_that_it_may_have_names(aws: &Aws, it: &Output) -> Result<()> {
    if it.may_have_names {
        return Ok(());
    }
    let (key, on) = TAG_NAMES;
    Tagging::Ecs(it.arn.clone()).put(aws, &[(key.to_owned(), on.to_owned())]).await
}

/// Whose clusters of these names are, or were: ECS shows a deleted one with its tags for a while (API
/// `Cluster`; copilot-cli#5052), as long as no other one has its name. Those that are not ours are left out.
pub async fn owners(aws: &Aws, scope: &Scope, names: Vec<String>) -> Result<Vec<(String, Owner)>> {
    let there = describe(aws, names).await?.into_iter();
    let named = there.filter_map(|it| Some((scope.owner(it.tags())?, it.cluster_name?)));
    Ok(named.map(|(owner, name)| (name, owner)).collect())
}

/// Our clusters that are not deleted, with their attachments: in one call for a stack.
pub async fn ours(aws: &Aws, scope: &Scope) -> Result<Vec<(Owner, Described)>> {
    let names = match scope {
        Scope::Stack(names) | Scope::Like(names) => vec![names.cluster()],
        Scope::Region(_) => {
            let all = aws.ecs.list_clusters().into_paginator().items().send();
            all.all().await.doing("list the ECS clusters")?
        }
    };
    let there = describe(aws, names).await?.into_iter();
    let living = there.filter(|cluster| cluster.status() != Some("INACTIVE"));
    Ok(living.filter_map(|cluster| Some((scope.owner(cluster.tags())?, cluster))).collect())
}

/// Clusters by name or ARN; a call takes 100. Unknown ones are left out.
async fn describe(aws: &Aws, clusters: Vec<String>) -> Result<Vec<Described>> {
    let batches = clusters.chunks(100).map(async |batch| {
        let describe = aws.ecs.describe_clusters().set_clusters(Some(batch.to_vec()));
        let describe = describe
            .include(ClusterField::Tags)
            .include(ClusterField::Settings)
            .include(ClusterField::Attachments);
        let described = describe.send().await.doing("describe the ECS clusters")?;
        Ok(described.clusters.unwrap_or_default())
    });
    Ok(try_join_all(batches).await?.into_iter().flatten().collect())
}

/// The names of a cluster's services.
async fn services(aws: &Aws, cluster: &str) -> Result<Vec<String>> {
    let all = aws.ecs.list_services().cluster(cluster).into_paginator().items().send();
    let all = all.all().await;
    let all = all.doing("list the services of the ECS cluster").gone_is_fine(GONE)?;
    let name = |arn: &String| last_part(arn).to_owned();
    Ok(all.unwrap_or_default().iter().map(name).collect())
}

async fn container_instances(aws: &Aws, cluster: &str) -> Result<Vec<String>> {
    let all = aws.ecs.list_container_instances().cluster(cluster).into_paginator().items().send();
    let all = all.all().await;
    let all = all.doing("list the container instances of the ECS cluster").gone_is_fine(GONE)?;
    Ok(all.unwrap_or_default())
}

/// For how long an agent may be disconnected that only connects anew, which it does several times an
/// hour (ECS guide, "Amazon ECS events"): a default, not a contract.
const CONNECTS_ANEW: Duration = Duration::from_secs(30);

/// Takes the instances that nobody will hear of any more out of a cluster, when something has been
/// waiting for them for longer than an agent takes that only connects anew. Nobody else would report that
/// their tasks have stopped, and a service being deleted would be draining for ever.
///
/// An instance that was terminated while its agent was disconnected stays registered for ever (API
/// `DeregisterContainerInstance`). One that is still there may connect again, and counts as lost only when
/// everything goes.
pub async fn forget_lost(aws: &Aws, cluster: &str, why: Removal, waited: Duration) -> Result<()> {
    if waited < CONNECTS_ANEW {
        return Ok(());
    }
    let lost = match why {
        Removal::OnlyThis => lost(aws, cluster).await?,
        Removal::Everything => arns(silent(aws, cluster).await?),
    };
    deregister_all(aws, cluster, &lost).await
}

/// The ARNs of the instances of a cluster that nobody will hear of any more: their agents are silent, and
/// EC2 has terminated them.
pub async fn lost(aws: &Aws, cluster: &str) -> Result<Vec<String>> {
    let mut lost = silent(aws, cluster).await?;
    if !lost.is_empty() {
        let ids = lost.iter().filter_map(|it| it.ec2_instance_id.clone()).collect();
        let gone = instance::gone(aws, ids).await?;
        lost.retain(|it| it.ec2_instance_id.as_ref().is_some_and(|id| gone.contains(id)));
    }
    Ok(arns(lost))
}

/// Takes instances out of a cluster, and with them the tasks that it takes for running there.
pub async fn deregister_all(aws: &Aws, cluster: &str, instances: &[String]) -> Result<()> {
    for instance in instances {
        deregister(aws, cluster, instance).await?;
    }
    Ok(())
}

/// The instances of a cluster whose agents ECS does not hear.
async fn silent(aws: &Aws, cluster: &str) -> Result<Vec<ContainerInstance>> {
    let mut all = described_instances(aws, cluster).await?;
    all.retain(|it| !it.agent_connected());
    Ok(all)
}

fn arns(instances: Vec<ContainerInstance>) -> Vec<String> {
    instances.into_iter().filter_map(|it| it.container_instance_arn).collect()
}

/// The EC2 ids of instances that serve a cluster, run nothing and belong to no capacity provider: they
/// registered before one was associated. Whether ECS gives them its name later is not documented
/// (`docs/aws-facts.md`, "Facts in doubt"); as long as it has not, a service with a provider gets no
/// task onto them.
pub async fn idle_without_provider(aws: &Aws, cluster: &str) -> Result<Vec<String>> {
    let instances = described_instances(aws, cluster).await?.into_iter();
    let idle = instances.filter(|it| {
        it.capacity_provider_name().is_none_or(str::is_empty)
            && it.status() == Some("ACTIVE")
            && it.agent_connected()
            && it.running_tasks_count() + it.pending_tasks_count() == 0
    });
    Ok(idle.filter_map(|it| it.ec2_instance_id).collect())
}

/// An instance as its cluster knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Its id in EC2.
    pub id: String,
    /// Its type.
    pub instance_type: Option<String>,
    /// `ACTIVE`, or `DRAINING` when it is to go.
    pub status: String,
    /// Whether ECS reaches its agent.
    pub is_connected: bool,
    /// How many tasks run or are about to.
    pub tasks: i32,
    /// CPU units that are free, and all.
    pub cpu: [i32; 2],
    /// MiB of memory that are free, and all.
    pub memory: [i32; 2],
}

/// The instances that are registered with a cluster, by their ids.
pub async fn registered(aws: &Aws, cluster: &str) -> Result<Vec<Registered>> {
    let read = |it: ContainerInstance| {
        let amount = |of: &[Amount], name: &str| {
            of.iter().find(|it| it.name() == Some(name)).map_or(0, Amount::integer_value)
        };
        let both =
            |name| [it.remaining_resources(), it.registered_resources()].map(|of| amount(of, name));
        let kind = it.attributes().iter().find(|it| it.name() == "ecs.instance-type");
        Registered {
            id: it.ec2_instance_id().unwrap_or_default().to_owned(),
            instance_type: kind.and_then(|it| it.value()).map(str::to_owned),
            status: it.status().unwrap_or_default().to_owned(),
            is_connected: it.agent_connected(),
            tasks: it.running_tasks_count() + it.pending_tasks_count(),
            cpu: both("CPU"),
            memory: both("MEMORY"),
        }
    };
    let mut all: Vec<_> = described_instances(aws, cluster).await?.into_iter().map(read).collect();
    all.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(all)
}

async fn described_instances(aws: &Aws, cluster: &str) -> Result<Vec<ContainerInstance>> {
    /// As many as `DescribeContainerInstances` takes.
    const BATCH: usize = 100;
    let mut all = Vec::new();
    for batch in container_instances(aws, cluster).await?.chunks(BATCH) {
        let described = aws.ecs.describe_container_instances().cluster(cluster);
        let described = described.set_container_instances(Some(batch.to_vec())).send().await;
        let described = described.doing("look at the container instances of the ECS cluster");
        let described = described.gone_is_fine(GONE)?.and_then(|it| it.container_instances);
        all.extend(described.unwrap_or_default());
    }
    Ok(all)
}

async fn deregister(aws: &Aws, cluster: &str, instance: &str) -> Result<()> {
    let deregister = aws.ecs.deregister_container_instance().cluster(cluster);
    let deregister = deregister.container_instance(instance).force(true).send().await;
    deregister
        .doing("deregister a container instance of the ECS cluster")
        .gone_is_fine(GONE_INSTANCE)
        .map(drop)
}

fn insights(value: &str) -> ClusterSetting {
    ClusterSetting::builder().name(ClusterSettingName::ContainerInsights).value(value).build()
}

async fn set_insights(aws: &Aws, cluster: &str, value: &str) -> Result<()> {
    let update = aws.ecs.update_cluster().cluster(cluster).settings(insights(value));
    update.send().await.doing("set containerInsights on the ECS cluster").map(drop)
}

/// A cluster of somebody else, in words.
fn whose(cluster: &Described) -> String {
    let name = cluster.cluster_name().unwrap_or_default();
    let stack = cluster.tags().iter().find(|tag| Tagged::key(*tag) == names::TAG_STACK);
    match stack {
        Some(stack) => format!("the ECS cluster `{name}` of the stack `{}`", Tagged::value(stack)),
        None => format!("the ECS cluster `{name}`"),
    }
}

/// What a cluster still holds, in words: services and providers by their names, since somebody has to
/// remove them, and what goes with them by number.
fn contents(cluster: &Described, services: &[String]) -> Vec<String> {
    let counts = [
        (cluster.running_tasks_count(), "running task"),
        (cluster.pending_tasks_count(), "pending task"),
        (cluster.registered_container_instances_count(), "container instance"),
    ];
    let some = counts.iter().filter(|(count, _)| *count > 0);
    let some =
        some.map(|(count, what)| format!("{count} {what}{}", if *count == 1 { "" } else { "s" }));
    let services = services.iter().map(|name| format!("the service {name}"));
    let providers = cluster.capacity_providers().iter().map(|name| format!("the provider {name}"));
    services.chain(some).chain(providers).collect()
}

/// Why a cluster or its attachments failed, as far as AWS says.
pub fn failure(cluster: &Described) -> String {
    let attachments = cluster.attachments().iter();
    let failed = attachments.filter(|it| it.status().is_some_and(|status| status.contains("FAIL")));
    let details = failed
        .flat_map(Attachment::details)
        .filter_map(|detail| Some(format!("{}: {}", detail.name()?, detail.value()?)));
    let details = details.collect::<Vec<_>>().join(", ");
    if details.is_empty() { "ECS gives no reason".into() } else { details }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn insights_are_read_and_wanted() {
        let cluster =
            Described::builder().cluster_name("cluster-demo").settings(insights(INSIGHTS));
        let output = Output::from(&cluster.build());
        assert_eq!(Cluster::default().drift(&output, &()), []);
        let off = Output { insights: Some("disabled".into()), ..output.clone() };
        assert_eq!(Cluster::default().drift(&off, &())[0].field, "containerInsights");
        let enhanced = Output { insights: Some(ENHANCED_INSIGHTS.into()), ..output.clone() };
        assert_eq!(Cluster::default().drift(&enhanced, &()), []);
        assert_eq!(Cluster::default().drift(&Output { insights: None, ..output }, &()), []);
    }

    #[test]
    fn what_holds_a_cluster_is_counted() {
        let cluster = Described::builder().running_tasks_count(2).capacity_providers("cp-demo");
        let told = ["the service theirs", "2 running tasks", "the provider cp-demo"];
        assert_eq!(contents(&cluster.build(), &["theirs".into()]), told);
    }
}
