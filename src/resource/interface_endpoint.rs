//! An interface endpoint: network interfaces in the private subnets through which a service of AWS is
//! reached without a way out of the VPC.
//!
//! With private DNS, the VPC's resolver leads everybody in the VPC who asks for the service to these
//! interfaces, whatever other ways there are; so the group of the endpoint lets in before there is one. EC2
//! has one endpoint with private DNS for each service in a VPC, and refuses another one as a conflict of
//! names. It takes minutes to come and to go, and its interfaces hold subnets and group meanwhile.
//!
//! By its security group one is known to be there: most stacks have none, and groups are looked at anyway.

use aws_sdk_ec2::types::{Filter, ResourceType, VpcEndpoint, VpcEndpointType};

use super::id::{SecurityGroupId, SubnetId, VpcEndpointId, VpcId};
use super::security_group::{self, SecurityGroup};
use super::{
    Difference, Kind, Made, Others, Owned, Phase, Resource, Seen, Wanted, Whole, compare, subnet,
    vpc, vpc_endpoint,
};
use crate::aws::{Aws, Cx, Doing, Meanings, Result, Scope, Tagging, missing};
use crate::names::NodeName;

/// The node of the security group that all interface endpoints of a stack have.
pub const GROUP: &str = "security-group/endpoints";

/// An interface endpoint as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its id.
    pub id: VpcEndpointId,
    /// The VPC.
    pub vpc: VpcId,
    /// The subnets that it has an interface in, in order.
    pub subnets: Vec<SubnetId>,
    /// Its security groups, in order.
    pub groups: Vec<SecurityGroupId>,
    /// Whether the names of the service lead to it.
    pub private_dns: Option<bool>,
}

/// The interface endpoint that is wanted.
#[derive(Debug)]
pub struct InterfaceEndpoint {
    /// The service that it leads to, such as `com.amazonaws.eu-west-1.ecr.api`.
    pub service: String,
}

/// What an endpoint is made of.
#[derive(Debug, Clone)]
pub struct Needs {
    /// The VPC.
    pub vpc: vpc::Output,
    /// The subnets to have an interface in, each in a zone of its own.
    pub subnets: Vec<subnet::Output>,
    /// Whom it lets in.
    pub group: security_group::Output,
}

/// Another endpoint answers for the service: an earlier one of ours that is not shown yet, or a stranger's.
const NAME_TAKEN: &[&str] = &["InvalidParameter: conflicting DNS domain"];

/// What calls about endpoints alone answer as long as they do not know the group.
const UNKNOWN_GROUP: &[&str] = &["InvalidSecurityGroupId.NotFound"];

impl Resource for InterfaceEndpoint {
    type Output = Output;
    const KIND: Kind = Kind::InterfaceEndpoint;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        read(aws, scope, scope.ec2_filters()).await
    }

    async fn list_with(others: &impl Others) -> Result<Vec<Owned<Output>>> {
        let groups = others.listing::<SecurityGroup>().await?;
        if !groups.iter().any(|group| group.owner.node.as_str() == GROUP) {
            return Ok(Vec::new());
        }
        Self::list(others.aws(), others.scope()).await
    }

    async fn poll(aws: &Aws, scope: &Scope, these: &[Owned<Output>]) -> Result<Vec<Owned<Output>>> {
        // By filter: a look by id is an error when one of them is not known yet, or not any more.
        let ids = these.iter().map(|owned| owned.it().id.to_string()).collect();
        let filter = Filter::builder().name("vpc-endpoint-id").set_values(Some(ids)).build();
        read(aws, scope, vec![filter]).await
    }

    fn uses(it: &Output) -> Vec<String> {
        let subnets = it.subnets.iter().map(ToString::to_string);
        let groups = it.groups.iter().map(ToString::to_string);
        subnets.chain(groups).chain([it.vpc.to_string()]).collect()
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        Some(Tagging::Ec2(it.id.to_string()))
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        vpc_endpoint::delete(aws, &it.id, "delete the interface endpoint").await
    }
}

impl Wanted for InterfaceEndpoint {
    type Needs = Needs;
    type Change = Whole;
    const REMADE_WHEN_BROKEN: bool = true;

    async fn create(&self, cx: &Cx, node: &NodeName, needs: &Needs) -> Result<Made<Output>> {
        const DOING: &str = "create the interface endpoint";
        let Needs { vpc, subnets, group } = needs;
        let created = cx
            .aws
            // The SDK sends no client token here by itself; a second one would be refused.
            .ec2_once
            .create_vpc_endpoint()
            .vpc_endpoint_type(VpcEndpointType::Interface)
            .vpc_id(vpc.id.as_str())
            .service_name(&self.service)
            .set_subnet_ids(Some(ids(&subnets_of(subnets))))
            .security_group_ids(group.id.as_str())
            .private_dns_enabled(true)
            .tag_specifications(cx.ec2_tags(node, ResourceType::VpcEndpoint))
            .send()
            .await
            .doing(DOING)
            .wait_on(vpc_endpoint::UNKNOWN_VPC)
            .wait_on(subnet::UNKNOWN)
            .wait_on(security_group::UNKNOWN)
            .wait_on(UNKNOWN_GROUP)
            .taken_on(NAME_TAKEN)?;
        let endpoint = created.vpc_endpoint().ok_or_else(|| missing(DOING, "vpcEndpoint"))?;
        endpoint.vpc_endpoint_id().ok_or_else(|| missing(DOING, "vpcEndpointId"))?;
        let it = Output::from(endpoint);
        Ok(match seen(endpoint, it.clone()) {
            Some(Seen::Present(it, Phase::Ready)) => Made::Ready(it),
            _ => Made::Coming(it, COMING.into()),
        })
    }

    fn drift(&self, it: &Output, Needs { vpc, subnets, group }: &Needs) -> Vec<Difference<Whole>> {
        let mut differences = Vec::new();
        if it.vpc != vpc.id {
            // An endpoint keeps its VPC for life.
            differences.push(Difference::remake("VpcId", &it.vpc, &vpc.id));
        }
        let mut differs = |field: &str, is: &[String], wanted: &[String]| {
            if is != wanted {
                let words = |all: &[String]| match all {
                    [] => "none".to_owned(),
                    all => all.join(" "),
                };
                differences.push(Difference::update(Whole, field, words(is), words(wanted)));
            }
        };
        differs("SubnetIds", &ids(&it.subnets), &ids(&subnets_of(subnets)));
        differs("SecurityGroupIds", &ids(&it.groups), &[group.id.to_string()]);
        compare(&mut differences, Whole, "PrivateDnsEnabled", it.private_dns.as_ref(), &true);
        differences
    }

    async fn update(
        &self,
        cx: &Cx,
        _node: &NodeName,
        it: &Output,
        Needs { subnets, group, .. }: &Needs,
        _: &[Whole],
    ) -> Result<Made<Output>> {
        let (subnets, groups) = (subnets_of(subnets), vec![group.id.clone()]);
        let modify = cx.aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(it.id.as_str());
        let modify = modify
            .set_add_subnet_ids(vpc_endpoint::not_in(&subnets, &it.subnets))
            .set_remove_subnet_ids(vpc_endpoint::not_in(&it.subnets, &subnets))
            .set_add_security_group_ids(vpc_endpoint::not_in(&groups, &it.groups))
            .set_remove_security_group_ids(vpc_endpoint::not_in(&it.groups, &groups));
        // A value that is there already may be refused.
        let names = (it.private_dns == Some(false)).then_some(true);
        let modify = modify.set_private_dns_enabled(names).send().await;
        modify
            .doing("change the interface endpoint")
            .wait_on(vpc_endpoint::UNKNOWN)
            .wait_on(subnet::UNKNOWN)
            .wait_on(security_group::UNKNOWN)
            .wait_on(UNKNOWN_GROUP)
            // Somebody's endpoint has to go first.
            .wait_on(NAME_TAKEN)?;
        Ok(Made::Ready(Output { subnets, groups, private_dns: Some(true), ..it.clone() }))
    }
}

const COMING: &str = "the interface endpoint to become available";

async fn read(aws: &Aws, scope: &Scope, filters: Vec<Filter>) -> Result<Vec<Owned<Output>>> {
    let endpoints = vpc_endpoint::read(aws, filters).await?;
    let read = |endpoint: &VpcEndpoint| {
        let owner =
            scope.owner(endpoint.tags()).filter(|_| vpc_endpoint::is_interface(endpoint))?;
        let output = Output::from(endpoint);
        Some(Owned { owner, id: output.id.to_string(), seen: seen(endpoint, output)? })
    };
    Ok(endpoints.iter().filter_map(read).collect())
}

/// What the state means; `None` when the endpoint is gone.
fn seen(endpoint: &VpcEndpoint, it: Output) -> Option<Seen<Output>> {
    let state = vpc_endpoint::state(endpoint);
    Some(match state.as_str() {
        "deleted" => return None,
        "deleting" => Seen::Leaving(it, "the interface endpoint is being deleted".into()),
        "available" => Seen::Present(it, Phase::Ready),
        "failed" | "rejected" | "expired" | "partial" => {
            let why = endpoint.last_error().and_then(|error| error.message());
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            Seen::Present(it, Phase::Broken(format!("the interface endpoint is `{state}`{why}")))
        }
        _ => Seen::Present(it, Phase::Coming(COMING.into())),
    })
}

fn subnets_of(subnets: &[subnet::Output]) -> Vec<SubnetId> {
    let mut subnets: Vec<_> = subnets.iter().map(|subnet| subnet.id.clone()).collect();
    subnets.sort();
    subnets
}

fn ids<T: ToString>(all: &[T]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

impl From<&VpcEndpoint> for Output {
    fn from(endpoint: &VpcEndpoint) -> Self {
        let mut subnets: Vec<_> =
            endpoint.subnet_ids().iter().map(|id| SubnetId::from(id.as_str())).collect();
        subnets.sort();
        let groups = endpoint.groups().iter().filter_map(|group| group.group_id());
        let mut groups: Vec<_> = groups.map(SecurityGroupId::from).collect();
        groups.sort();
        Self {
            id: VpcEndpointId::from(endpoint.vpc_endpoint_id().unwrap_or_default()),
            vpc: VpcId::from(endpoint.vpc_id().unwrap_or_default()),
            subnets,
            groups,
            private_dns: endpoint.private_dns_enabled(),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::SecurityGroupIdentifier;

    use super::*;

    fn endpoint(state: &str) -> Output {
        let group = SecurityGroupIdentifier::builder().group_id("sg-1").build();
        let endpoint = VpcEndpoint::builder().vpc_endpoint_id("vpce-1").vpc_id("vpc-1");
        let endpoint = endpoint.subnet_ids("subnet-2").subnet_ids("subnet-1").groups(group);
        Output::from(&endpoint.private_dns_enabled(true).state(state.into()).build())
    }

    #[test]
    fn states_are_read_in_whatever_case_they_are_written() {
        let seen = |state: &str| {
            let endpoint = VpcEndpoint::builder().state(state.into()).build();
            seen(&endpoint, Output::from(&endpoint))
        };
        assert!(matches!(seen("Available"), Some(Seen::Present(_, Phase::Ready))));
        assert!(matches!(seen("pending"), Some(Seen::Present(_, Phase::Coming(_)))));
        assert!(matches!(seen("failed"), Some(Seen::Present(_, Phase::Broken(_)))));
        assert!(matches!(seen("deleting"), Some(Seen::Leaving(..))));
        assert!(seen("Deleted").is_none());
    }

    #[test]
    fn where_it_stands_and_whom_it_lets_in_is_compared() {
        let vpc = vpc::Output::known("vpc-1");
        let subnet = |id: &str| subnet::Output::known(id, "vpc-1");
        let needs = |subnets: &[&str], group: &str| Needs {
            vpc: vpc.clone(),
            subnets: subnets.iter().map(|id| subnet(id)).collect(),
            group: security_group::Output::new(group, &"vpc-1".into()),
        };
        let wanted = InterfaceEndpoint { service: "com.amazonaws.us-east-1.sqs".into() };
        let drift = |it: &Output, needs: &Needs| {
            let drift = wanted.drift(it, needs);
            let words = drift.iter().map(|it| format!("{}: {} > {}", it.field, it.is, it.wanted));
            words.collect::<Vec<_>>()
        };
        let it = endpoint("available");
        assert!(drift(&it, &needs(&["subnet-1", "subnet-2"], "sg-1")).is_empty());
        assert_eq!(
            drift(&it, &needs(&["subnet-1"], "sg-2")),
            ["SubnetIds: subnet-1 subnet-2 > subnet-1", "SecurityGroupIds: sg-1 > sg-2"]
        );
        let nameless = Output { private_dns: Some(false), ..it };
        let same = needs(&["subnet-1", "subnet-2"], "sg-1");
        assert_eq!(drift(&nameless, &same), ["PrivateDnsEnabled: false > true"]);
    }
}
