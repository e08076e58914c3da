//! The private DNS namespace of a stack in AWS Cloud Map, in which services have names.
//!
//! It comes and goes in operations of its own, each of which takes up to a minute and may fail: what it is told
//! with its code and message. Cloud Map makes a hosted zone for it, which nobody else can change. Names need
//! not be unique in an account, but a VPC knows one zone of a name. Which VPC it is for stands in no listing, so
//! a tag says it.
//!
//! Listings show one only when its creation is over. A tag of the cluster says that there may be one: it is put
//! before the namespace is asked for, and a stack without it is never asked. Where a creation is under way that
//! may be the stack's own, it is waited for: whose it is shows only later.

use std::cell::RefCell;
use std::collections::BTreeMap;

use aws_sdk_servicediscovery::types::{
    FilterCondition, NamespaceFilter, NamespaceFilterName, NamespaceSummary, NamespaceType,
    Operation, OperationFilter, OperationFilterName, OperationStatus, OperationTargetType,
    OperationType, Tag,
};
use futures::future::try_join_all;

use super::cluster::{self, Cluster};
use super::id::{HostedZoneId, NamespaceId, VpcId};
use super::record_set::UNKNOWN_ZONE;
use super::{
    Difference, Kind, Made, Others, Owned, Phase, Resource, Seen, Wanted, record_set, vpc,
};
use crate::aws::error::Cause;
use crate::aws::{
    AllPages, Aws, Cx, Doing, Error, Meaning, Meanings, Owner, Result, Scope, Tagging, missing,
};
use crate::names::{self, NodeName};

/// The node of the namespace.
pub const NODE: &str = "namespace";

/// What Cloud Map answers about a namespace that is not there.
pub const UNKNOWN: &str = "NamespaceNotFound";
/// The same operation is under way.
const UNDER_WAY: &str = "DuplicateRequest";

/// The tag that says for which VPC it is. It is not of those that make up an identity.
const TAG_VPC: &str = "ecsup-vpc";

/// A namespace as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its id. `None` while its creation is under way.
    pub id: Option<NamespaceId>,
    /// Its ARN; empty likewise.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// The zone that Cloud Map made for it.
    pub zone: Option<HostedZoneId>,
    /// The VPC that it is for, when its tags say it.
    pub vpc: Option<VpcId>,
}

/// The namespace that is wanted.
#[derive(Debug, Default)]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// The VPC of somebody else in which it is to be, where others may have made a zone.
    pub existing_vpc: Option<VpcId>,
    /// The operation that makes it, once it was asked for.
    pub begun: RefCell<Option<String>>,
}

/// What a namespace takes from others.
#[derive(Debug, Clone)]
pub struct Needs {
    /// The VPC in which its names are known.
    pub vpc: vpc::Output,
    /// The cluster, which says that there may be one.
    pub cluster: cluster::Output,
}

impl Resource for Namespace {
    type Output = Output;
    const KIND: Kind = Kind::Namespace;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        let clusters = cluster::ours(aws, scope).await?.into_iter();
        let marked = clusters.filter(|(_, cluster)| cluster::may_have_names(cluster));
        read(aws, scope, marked.map(|(owner, _)| owner.stack).collect()).await
    }

    async fn list_with(others: &impl Others) -> Result<Vec<Owned<Output>>> {
        let clusters = others.listing::<Cluster>().await?;
        let marked = clusters.iter().filter(|cluster| cluster.it().may_have_names);
        let stacks = marked.map(|cluster| cluster.owner.stack.clone()).collect();
        read(others.aws(), others.scope(), stacks).await
    }

    async fn poll(aws: &Aws, scope: &Scope, these: &[Owned<Output>]) -> Result<Vec<Owned<Output>>> {
        let mut found =
            read(aws, scope, these.iter().map(|it| it.owner.stack.clone()).collect()).await?;
        for owned in &mut found {
            let (Seen::Present(it, _), Some(id)) = (&owned.seen, &owned.it().id) else { continue };
            if let Some(why) = failed_removal(aws, id).await? {
                owned.seen = Seen::Leaving(it.clone(), why);
            }
        }
        // A zone has been seen to outlive its namespace (docker/ecs-plugin#186).
        for gone in these.iter().filter(|it| !found.iter().any(|other| other.id == it.id)) {
            let Some(zone) = &gone.it().zone else { continue };
            let read = aws.route53.get_hosted_zone().id(zone.as_str()).send().await;
            let read = read.doing("read the hosted zone").gone_is_fine(&[UNKNOWN_ZONE])?;
            if read.is_some() {
                let why = format!(
                    "its hosted zone {zone}, which Cloud Map alone can remove, is still there"
                );
                return Ok(found.into_iter().chain([leaving(gone, why)]).collect());
            }
        }
        Ok(found)
    }

    fn uses(it: &Output) -> Vec<String> {
        it.vpc.iter().map(ToString::to_string).collect()
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        it.id.as_ref().map(|_| Tagging::ServiceDiscovery(it.arn.clone()))
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        const DOING: &str = "delete the Cloud Map namespace";
        let Some(id) = &it.id else {
            return Err(Error::other(DOING, "its creation is still under way").not_yet());
        };
        let delete = aws.servicediscovery.delete_namespace().id(id.as_str()).send().await;
        delete
            .doing(DOING)
            .wait_on(&["ResourceInUse"])
            .gone_is_fine(&[UNKNOWN])
            .map(drop)
            .gone_is_fine(&[UNDER_WAY])
            .map(drop)
    }

    async fn blockers(aws: &Aws, it: &Output) -> Result<Vec<String>> {
        let Some(id) = &it.id else { return Ok(Vec::new()) };
        let services = super::discovery_service::within(aws, id).await?;
        let name = |it: aws_sdk_servicediscovery::types::ServiceSummary| it.name;
        Ok(services
            .into_iter()
            .filter_map(name)
            .map(|name| format!("the Cloud Map service `{name}`"))
            .collect())
    }
}

impl Wanted for Namespace {
    type Needs = Needs;
    type Change = std::convert::Infallible;

    async fn holder(&self, cx: &Cx, _node: &NodeName) -> Result<Option<String>> {
        // In a VPC of the stack's own there is no other zone.
        let Some(vpc) = &self.existing_vpc else { return Ok(None) };
        let zones = cx.aws.route53.list_hosted_zones_by_vpc().vpc_id(vpc.as_str());
        let zones = zones.vpc_region(cx.names.region().into()).send().await;
        let zones = zones.doing("list the hosted zones of the VPC")?;
        let mut zones = zones.hosted_zone_summaries().iter();
        let zone = zones.find(|it| record_set::plain(it.name()).eq_ignore_ascii_case(&self.name));
        Ok(zone.map(|zone| {
            format!("the hosted zone {} `{}` of {vpc}", zone.hosted_zone_id(), self.name)
        }))
    }

    async fn create(&self, cx: &Cx, node: &NodeName, needs: &Needs) -> Result<Made<Output>> {
        const DOING: &str = "create the Cloud Map namespace";
        let begun = self.begun.borrow().clone();
        let begun = match begun {
            Some(begun) => begun,
            None => {
                // First, so that whoever goes on after a crash asks for it.
                cluster::say_that_it_may_have_names(&cx.aws, &needs.cluster).await?;
                let vpc = [(TAG_VPC.to_owned(), needs.vpc.id.to_string())];
                let tags = cx.tags(node).into_iter().chain(vpc);
                let tags = tags.map(|(key, value)| Tag::builder().key(key).value(value).build());
                let tags: Result<Vec<_>, _> = tags.collect();
                let create = cx.aws.servicediscovery.create_private_dns_namespace();
                let create = create
                    .name(&self.name)
                    .vpc(needs.vpc.id.as_str())
                    .description(format!("Names of the stack {}, made by ecsup", cx.names.stack()))
                    .set_tags(Some(tags.map_err(|error| Error::other(DOING, error.to_string()))?));
                let created = create.send().await.doing(DOING);
                let created =
                    created.wait_on(&[UNDER_WAY]).taken_on(&["NamespaceAlreadyExists"])?;
                created.operation_id().ok_or_else(|| missing(DOING, "OperationId"))?.to_owned()
            }
        };
        *self.begun.borrow_mut() = Some(begun.clone());
        let get = cx.aws.servicediscovery.get_operation().operation_id(&begun).send().await;
        let got = get.doing(DOING)?;
        let operation = got.operation().ok_or_else(|| missing(DOING, "Operation"))?;
        match operation.status() {
            Some(OperationStatus::Success) => {}
            Some(OperationStatus::Fail) => {
                // Another attempt is another operation.
                *self.begun.borrow_mut() = None;
                return Err(failure(DOING, operation));
            }
            _ => return Err(Error::other(DOING, "Cloud Map is still at it").not_yet()),
        }
        let id = operation.targets().and_then(|it| it.get(&OperationTargetType::Namespace));
        let id = id.ok_or_else(|| missing(DOING, "Targets"))?;
        let get = cx.aws.servicediscovery.get_namespace().id(id).send().await;
        let got = get.doing("read the Cloud Map namespace").wait_on(&[UNKNOWN])?;
        let it = got.namespace().ok_or_else(|| missing(DOING, "Namespace"))?;
        let properties = it.properties().and_then(|it| it.dns_properties());
        Ok(Made::Ready(Output {
            id: Some(NamespaceId::from(id.as_str())),
            arn: it.arn().unwrap_or_default().to_owned(),
            name: self.name.clone(),
            zone: properties.and_then(|it| it.hosted_zone_id()).map(HostedZoneId::from),
            vpc: Some(needs.vpc.id.clone()),
        }))
    }

    fn drift(&self, it: &Output, needs: &Needs) -> Vec<Difference<Self::Change>> {
        let mut differences = Vec::new();
        // It keeps its VPC for life.
        if let Some(vpc) = it.vpc.as_ref().filter(|vpc| **vpc != needs.vpc.id) {
            differences.push(Difference::remake("Vpc", vpc, &needs.vpc.id));
        }
        differences
    }

    /// Nothing of it is changed.
    async fn update(
        &self,
        _cx: &Cx,
        _node: &NodeName,
        it: &Output,
        _needs: &Needs,
        _: &[Self::Change],
    ) -> Result<Made<Output>> {
        Ok(Made::Ready(it.clone()))
    }
}

/// What a failed operation says.
fn failure(doing: &str, operation: &Operation) -> Error {
    let code = operation.error_code().unwrap_or("FAIL").to_owned();
    let message = operation.error_message().unwrap_or("no message").to_owned();
    let cause = Cause::Refused { code, message, request_id: None };
    Error { attempt: doing.to_owned(), cause, meaning: Meaning::Fatal }
}

/// A namespace that is gone, as far as its zone is not.
fn leaving(it: &Owned<Output>, why: String) -> Owned<Output> {
    Owned { seen: Seen::Leaving(it.it().clone(), why), ..it.clone() }
}

/// The namespaces of these stacks.
async fn read(aws: &Aws, scope: &Scope, stacks: Vec<String>) -> Result<Vec<Owned<Output>>> {
    let named = stacks.into_iter().filter_map(|stack| {
        let name = names::namespace(&stack.parse().ok()?);
        Some((name, stack))
    });
    let named: BTreeMap<_, _> = named.collect();
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let one = named.keys().next().filter(|_| named.len() == 1);
    let there = listed(aws, one.map(String::as_str)).await?;
    let there = there.iter().filter_map(|it| Some((named.get_key_value(it.name()?)?, it)));
    let there = there.map(async |((name, stack), it)| {
        let arn = it.arn().unwrap_or_default();
        let Some(tags) = tags(aws, arn).await? else { return Ok(None) };
        let Some(owner) = scope.owner(&tags).filter(|owner| owner.stack == *stack) else {
            return Ok(None);
        };
        let vpc = owner.tags.as_ref().and_then(|tags| tags.get(TAG_VPC));
        let properties = it.properties().and_then(|it| it.dns_properties());
        let output = Output {
            id: it.id().map(NamespaceId::from),
            arn: arn.to_owned(),
            name: name.clone(),
            zone: properties.and_then(|it| it.hosted_zone_id()).map(HostedZoneId::from),
            vpc: vpc.map(|vpc| VpcId::from(vpc.as_str())),
        };
        let goes = match &output.id {
            Some(id) => is_going(aws, id).await?,
            None => false,
        };
        let seen = match goes {
            true => Seen::Leaving(output, "Cloud Map removes it with its hosted zone".into()),
            false => Seen::Present(output, Phase::Ready),
        };
        Ok(Some(Owned { owner, id: name.clone(), seen }))
    });
    let mut found: Vec<_> = try_join_all(there).await?.into_iter().flatten().collect();
    let is_there = |stack: &str| found.iter().any(|it| it.owner.stack == stack);
    let lacking = named.iter().filter(|(_, stack)| !is_there(stack));
    let lacking: Vec<_> = lacking.filter(|_| matches!(scope, Scope::Stack(_))).collect();
    if !lacking.is_empty() && creations(aws).await? {
        let coming = lacking.into_iter().map(|(name, stack)| {
            let owner = Owner {
                stack: stack.clone(),
                node: NodeName::from(NODE),
                pattern: None,
                tags: None,
            };
            let output =
                Output { id: None, arn: String::new(), name: name.clone(), zone: None, vpc: None };
            let phase = Phase::Coming("Cloud Map to make a namespace, perhaps this one".into());
            Owned { owner, id: name.clone(), seen: Seen::Present(output, phase) }
        });
        found.extend(coming);
    }
    Ok(found)
}

/// The private DNS namespaces of the region, or those of a name.
async fn listed(aws: &Aws, name: Option<&str>) -> Result<Vec<NamespaceSummary>> {
    const DOING: &str = "list the Cloud Map namespaces";
    let filter = |key: NamespaceFilterName, value: &str| {
        let filter = NamespaceFilter::builder().name(key).values(value);
        let filter = filter.condition(FilterCondition::Eq).build();
        filter.map_err(|error| Error::other(DOING, error.to_string()))
    };
    let mut list = aws
        .servicediscovery
        .list_namespaces()
        .filters(filter(NamespaceFilterName::Type, NamespaceType::DnsPrivate.as_str())?);
    if let Some(name) = name {
        list = list.filters(filter(NamespaceFilterName::Name, name)?);
    }
    let pages = list.into_paginator().send().all().await.doing(DOING)?;
    Ok(pages.into_iter().filter_map(|page| page.namespaces).flatten().collect())
}

/// Whether somebody's creation of a namespace is under way.
async fn creations(aws: &Aws) -> Result<bool> {
    let under_way = [OperationStatus::Submitted, OperationStatus::Pending];
    let found = operations(aws, OperationType::CreateNamespace, None, &under_way).await?;
    Ok(!found.is_empty())
}

/// Whether the removal of a namespace is under way: until it is over, listings show it as it was.
async fn is_going(aws: &Aws, id: &NamespaceId) -> Result<bool> {
    let under_way = [OperationStatus::Submitted, OperationStatus::Pending];
    let found = operations(aws, OperationType::DeleteNamespace, Some(id), &under_way).await?;
    Ok(!found.is_empty())
}

/// Why a removal of a namespace has failed, if one has.
async fn failed_removal(aws: &Aws, id: &NamespaceId) -> Result<Option<String>> {
    let failed = [OperationStatus::Fail];
    let found = operations(aws, OperationType::DeleteNamespace, Some(id), &failed).await?;
    let Some(failed) = found.last() else { return Ok(None) };
    let get = aws.servicediscovery.get_operation().operation_id(failed).send().await;
    let got = get.doing("read what became of the removal of the Cloud Map namespace")?;
    let why = got.operation().map(|it| failure("", it).cause.to_string());
    Ok(why.map(|why| format!("its removal failed: {why}")))
}

/// The ids of operations of a type.
async fn operations(
    aws: &Aws,
    kind: OperationType,
    of: Option<&NamespaceId>,
    status: &[OperationStatus],
) -> Result<Vec<String>> {
    const DOING: &str = "list the operations of Cloud Map";
    let filter = |name: OperationFilterName, values: Vec<String>| {
        let condition = match values.len() {
            1 => FilterCondition::Eq,
            _ => FilterCondition::In,
        };
        let filter = OperationFilter::builder().name(name).set_values(Some(values));
        let filter = filter.condition(condition).build();
        filter.map_err(|error| Error::other(DOING, error.to_string()))
    };
    let status = status.iter().map(|it| it.as_str().to_owned()).collect();
    let mut list = aws
        .servicediscovery
        .list_operations()
        .filters(filter(OperationFilterName::Type, vec![kind.as_str().to_owned()])?)
        .filters(filter(OperationFilterName::Status, status)?);
    if let Some(id) = of {
        list = list.filters(filter(OperationFilterName::NamespaceId, vec![id.to_string()])?);
    }
    let pages = list.into_paginator().send().all().await.doing(DOING)?;
    let all = pages.into_iter().filter_map(|page| page.operations).flatten();
    Ok(all.filter_map(|it| it.id).collect())
}

/// The tags of something in Cloud Map; `None` when it is gone.
pub(super) async fn tags(aws: &Aws, arn: &str) -> Result<Option<Vec<Tag>>> {
    let list = aws.servicediscovery.list_tags_for_resource().resource_arn(arn).send().await;
    let listed = list.doing("list the tags of what is in Cloud Map");
    let listed = listed.gone_is_fine(&["ResourceNotFoundException"])?;
    Ok(listed.map(|it| it.tags.unwrap_or_default()))
}
