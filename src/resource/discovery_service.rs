//! A service of AWS Cloud Map: a name in a namespace, to which the tasks of an ECS service answer.
//!
//! ECS registers each task there when it runs, and takes it away when it stops. What it leaves behind when a
//! service is deleted by force (terraform-provider-aws#4853) is deregistered here, since nobody else would do it
//! and it holds the name. A name has one id for ever in its namespace: where one is made again, ECS does not
//! notice and registers only new tasks (terraform-provider-aws#46930), so its service gets a new deployment.

use std::convert::Infallible;

use aws_sdk_servicediscovery::types::{
    DnsConfig, DnsRecord, FilterCondition, HealthCheckCustomConfig, RecordType, RoutingPolicy,
    ServiceFilter, ServiceFilterName, ServiceSummary, Tag,
};
use aws_smithy_types::DateTime;
use futures::future::try_join_all;

use super::id::NamespaceId;
use super::namespace::{self, Namespace};
use super::{Difference, Kind, Made, Others, Owned, Phase, Resource, Seen, Wanted};
use crate::aws::{
    AllPages, Aws, Cx, Doing, Error, Meaning, Meanings, Result, Scope, Tagging, missing,
};
use crate::names::{NodeName, ServiceName};

/// A name in a namespace as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its id.
    pub id: String,
    /// Its ARN, by which ECS knows it.
    pub arn: String,
    /// The name.
    pub name: String,
    /// The namespace.
    pub namespace: NamespaceId,
    /// The types of its records. `None` when not read.
    pub records: Option<Vec<String>>,
    /// When it was made.
    pub created: Option<DateTime>,
}

/// The name that is wanted.
#[derive(Debug)]
pub struct DiscoveryService {
    /// The service whose tasks answer to it.
    pub service: ServiceName,
}

/// For how long an answer may be kept, in seconds: tasks come and go.
const TTL: i64 = 10;

impl Resource for DiscoveryService {
    type Output = Output;
    const KIND: Kind = Kind::DiscoveryService;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        read(aws, scope, &Namespace::list(aws, scope).await?).await
    }

    async fn list_with(others: &impl Others) -> Result<Vec<Owned<Output>>> {
        let namespaces = others.listing::<Namespace>().await?;
        read(others.aws(), others.scope(), &namespaces).await
    }

    fn uses(it: &Output) -> Vec<String> {
        vec![it.namespace.to_string()]
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        Some(Tagging::ServiceDiscovery(it.arn.clone()))
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        let delete = aws.servicediscovery.delete_service().id(&it.id).send().await;
        let deleted = delete
            .doing("delete the Cloud Map service")
            .wait_on(&["ResourceInUse"])
            .gone_is_fine(&["ServiceNotFound"])
            .map(drop);
        if deleted.as_ref().is_err_and(|error| error.meaning == Meaning::NotYet) {
            // The ECS service is gone by now, or has let go of it.
            clear(aws, it).await?;
        }
        deleted
    }

    async fn blockers(aws: &Aws, it: &Output) -> Result<Vec<String>> {
        let all = instances(aws, it).await?.into_iter();
        Ok(all.map(|(id, address)| format!("the instance {id} ({address})")).collect())
    }
}

impl Wanted for DiscoveryService {
    type Needs = namespace::Output;
    type Change = Infallible;

    async fn create(
        &self,
        cx: &Cx,
        node: &NodeName,
        namespace: &namespace::Output,
    ) -> Result<Made<Output>> {
        const DOING: &str = "create the Cloud Map service";
        let unsaid = |error: aws_smithy_types::error::operation::BuildError| {
            Error::other(DOING, error.to_string())
        };
        let Some(id) = &namespace.id else {
            return Err(Error::other(DOING, "its namespace is still to come").not_yet());
        };
        let tags = cx.tags(node).into_iter();
        let tags = tags.map(|(key, value)| Tag::builder().key(key).value(value).build());
        let tags: Vec<_> = tags.collect::<Result<_, _>>().map_err(unsaid)?;
        let record = DnsRecord::builder().r#type(RecordType::A).ttl(TTL).build().map_err(unsaid)?;
        let dns = DnsConfig::builder().routing_policy(RoutingPolicy::Multivalue);
        let dns = dns.dns_records(record).build().map_err(unsaid)?;
        let created = cx
            .aws
            .servicediscovery
            .create_service()
            .name(self.service.as_str())
            .namespace_id(id.as_str())
            .dns_config(dns)
            // ECS says how its tasks are; this cannot be added later.
            .health_check_custom_config(HealthCheckCustomConfig::builder().build())
            .set_tags(Some(tags))
            .send()
            .await
            .doing(DOING)
            .wait_on(&[namespace::UNKNOWN])
            .taken_on(&["ServiceAlreadyExists"])?;
        let it = created.service().ok_or_else(|| missing(DOING, "Service"))?;
        let arn = it.arn().ok_or_else(|| missing(DOING, "Arn"))?;
        Ok(Made::Ready(Output {
            id: it.id().ok_or_else(|| missing(DOING, "Id"))?.to_owned(),
            arn: arn.to_owned(),
            name: self.service.to_string(),
            namespace: id.clone(),
            records: it.dns_config().map(records),
            created: it.create_date().copied(),
        }))
    }

    fn drift(&self, it: &Output, namespace: &namespace::Output) -> Vec<Difference<Infallible>> {
        let mut differences = Vec::new();
        if let Some(id) = namespace.id.as_ref().filter(|id| **id != it.namespace) {
            differences.push(Difference::remake("NamespaceId", &it.namespace, id));
        }
        if let Some(records) = it.records.as_ref().filter(|it| **it != ["A"]) {
            let why = "a name keeps the types of its records for life: remove the name, and deploy makes it \
                       again";
            differences.push(Difference::replacement("DnsRecords", records.join(", "), "A", why));
        }
        differences
    }

    /// Nothing of it is changed.
    async fn update(
        &self,
        _cx: &Cx,
        _node: &NodeName,
        it: &Output,
        _needs: &Self::Needs,
        _: &[Infallible],
    ) -> Result<Made<Output>> {
        Ok(Made::Ready(it.clone()))
    }
}

/// The node of the name of a service.
pub fn node(service: &ServiceName) -> NodeName {
    NodeName::from(format!("discovery/{service}"))
}

fn records(dns: &DnsConfig) -> Vec<String> {
    dns.dns_records().iter().map(|it| it.r#type().as_str().to_owned()).collect()
}

/// All names in a namespace, whosever they are.
pub(super) async fn within(aws: &Aws, namespace: &NamespaceId) -> Result<Vec<ServiceSummary>> {
    const DOING: &str = "list the Cloud Map services";
    let filter = ServiceFilter::builder().name(ServiceFilterName::NamespaceId);
    let filter = filter.values(namespace.as_str()).condition(FilterCondition::Eq).build();
    let filter = filter.map_err(|error| Error::other(DOING, error.to_string()))?;
    let list = aws.servicediscovery.list_services().filters(filter);
    let pages = list.into_paginator().send().all().await.doing(DOING)?;
    Ok(pages.into_iter().filter_map(|page| page.services).flatten().collect())
}

/// Our names in these namespaces.
async fn read(
    aws: &Aws,
    scope: &Scope,
    namespaces: &[Owned<namespace::Output>],
) -> Result<Vec<Owned<Output>>> {
    let ids = namespaces.iter().filter_map(|it| it.it().id.as_ref());
    let all = ids.map(async |namespace| {
        let services = within(aws, namespace).await?;
        let services = services.into_iter().map(async |it| {
            let arn = it.arn().unwrap_or_default();
            let tags = namespace::tags(aws, arn).await?;
            let Some(owner) = tags.and_then(|tags| scope.owner(&tags)) else { return Ok(None) };
            let output = Output {
                id: it.id().unwrap_or_default().to_owned(),
                arn: arn.to_owned(),
                name: it.name().unwrap_or_default().to_owned(),
                namespace: namespace.clone(),
                records: it.dns_config().map(records),
                created: it.create_date().copied(),
            };
            let id = output.id.clone();
            Ok(Some(Owned { owner, id, seen: Seen::Present(output, Phase::Ready) }))
        });
        try_join_all(services).await
    });
    Ok(try_join_all(all).await?.into_iter().flatten().flatten().collect())
}

/// Takes the tasks away that ECS has left there: no service runs any that answer to the name.
pub(super) async fn clear(aws: &Aws, it: &Output) -> Result<()> {
    for (instance, _) in instances(aws, it).await?.into_iter().filter(|(id, _)| is_task(id)) {
        let gone = aws.servicediscovery.deregister_instance().service_id(&it.id);
        gone.instance_id(instance)
            .send()
            .await
            .doing("deregister an instance of the Cloud Map service")
            .gone_is_fine(&["InstanceNotFound", "ServiceNotFound", "DuplicateRequest"])?;
    }
    Ok(())
}

/// Whether ECS has registered an instance, which it calls by the id of the task. Others are somebody else's.
fn is_task(instance: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    instance.len() == 32 && instance.bytes().all(is_digit)
}

/// The instances that answer to a name, with their addresses.
async fn instances(aws: &Aws, it: &Output) -> Result<Vec<(String, String)>> {
    let list = aws.servicediscovery.list_instances().service_id(&it.id);
    let pages = list.into_paginator().send().all().await;
    let pages = pages.doing("list the instances of the Cloud Map service");
    let pages = pages.gone_is_fine(&["ServiceNotFound"])?.unwrap_or_default();
    let all = pages.into_iter().filter_map(|page| page.instances).flatten();
    let one = |it: aws_sdk_servicediscovery::types::InstanceSummary| {
        let address = it.attributes().and_then(|all| all.get("AWS_INSTANCE_IPV4")).cloned();
        Some((it.id?, address.unwrap_or_default()))
    };
    Ok(all.filter_map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::difference::Remedy;

    #[test]
    fn a_name_stays_in_its_namespace_and_keeps_its_records() {
        let namespace = |id: &str| namespace::Output {
            id: Some(id.into()),
            arn: String::new(),
            name: "svc.demo.internal".into(),
            zone: None,
            vpc: None,
        };
        let it = |records: &[&str]| Output {
            id: "srv-1".into(),
            arn: String::new(),
            name: "db".into(),
            namespace: "ns-1".into(),
            records: Some(records.iter().map(ToString::to_string).collect()),
            created: None,
        };
        let wanted = DiscoveryService { service: "db".parse().unwrap() };
        assert_eq!(wanted.drift(&it(&["A"]), &namespace("ns-1")), []);
        let moved = wanted.drift(&it(&["A"]), &namespace("ns-2"));
        assert_eq!(moved, [Difference::remake("NamespaceId", "ns-1", "ns-2")]);
        let other = wanted.drift(&it(&["SRV"]), &namespace("ns-1"));
        assert!(matches!(other[0].remedy, Remedy::Replacement(_)), "{other:?}");
    }
}
