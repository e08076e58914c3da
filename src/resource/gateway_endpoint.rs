//! A gateway endpoint: a way to S3 or `DynamoDB` that does not lead through a NAT gateway, and costs
//! nothing.
//!
//! EC2 plants a route to a prefix list of the service into each of its route tables, and takes it out
//! again with the endpoint (VPC guide, "Gateway endpoints"). By these routes one is known to be
//! there: most stacks have none, and their tables are looked at anyway.

use aws_sdk_ec2::types::{ResourceType, VpcEndpoint, VpcEndpointType};

use super::id::{RouteTableId, VpcEndpointId, VpcId};
use super::route_table::{self, RouteTable};
use super::{
    Difference, Kind, Made, Others, Owned, Phase, Resource, Seen, Wanted, Whole, vpc, vpc_endpoint,
};
use crate::aws::{Aws, Cx, Doing, Meanings, Result, Scope, Tagging, missing};
use crate::names::NodeName;

/// A gateway endpoint as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its id.
    pub id: VpcEndpointId,
    /// The VPC.
    pub vpc: VpcId,
    /// The route tables with a route to it, in order.
    pub tables: Vec<RouteTableId>,
}

/// The gateway endpoint that is wanted.
#[derive(Debug)]
pub struct GatewayEndpoint {
    /// The service that it leads to, such as `com.amazonaws.eu-west-1.s3`.
    pub service: String,
}

/// Another endpoint has the route in one of the tables.
const ROUTE_EXISTS: &[&str] = &["RouteAlreadyExists"];

impl Resource for GatewayEndpoint {
    type Output = Output;
    const KIND: Kind = Kind::GatewayEndpoint;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        let endpoints = vpc_endpoint::read(aws, scope.ec2_filters()).await?;
        let read = |endpoint: &VpcEndpoint| {
            let owner = scope.owner(endpoint.tags());
            let owner = owner.filter(|_| !vpc_endpoint::is_interface(endpoint))?;
            let output = Output::from(endpoint);
            Some(Owned { owner, id: output.id.to_string(), seen: seen(endpoint, output)? })
        };
        Ok(endpoints.iter().filter_map(read).collect())
    }

    async fn list_with(others: &impl Others) -> Result<Vec<Owned<Output>>> {
        let tables = others.listing::<RouteTable>().await?;
        if tables.iter().all(|table| table.it().endpoints.is_empty()) {
            return Ok(Vec::new());
        }
        Self::list(others.aws(), others.scope()).await
    }

    fn uses(it: &Output) -> Vec<String> {
        let tables = it.tables.iter().map(ToString::to_string);
        tables.chain([it.vpc.to_string()]).collect()
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        Some(Tagging::Ec2(it.id.to_string()))
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        vpc_endpoint::delete(aws, &it.id, "delete the gateway endpoint").await
    }
}

/// Removes those that no route gives away: somebody has taken them out of all their tables.
pub async fn remove_hidden(aws: &Aws, scope: &Scope) -> Result<()> {
    for endpoint in GatewayEndpoint::list(aws, scope).await? {
        if matches!(endpoint.seen, Seen::Present(..)) {
            GatewayEndpoint::delete(aws, endpoint.it()).await?;
        }
    }
    Ok(())
}

impl Wanted for GatewayEndpoint {
    type Needs = (vpc::Output, Vec<route_table::Output>);
    type Change = Whole;

    async fn create(
        &self,
        cx: &Cx,
        node: &NodeName,
        (vpc, tables): &Self::Needs,
    ) -> Result<Made<Output>> {
        const DOING: &str = "create the gateway endpoint";
        let created = cx
            .aws
            // The SDK sends no client token here by itself.
            .ec2_once
            .create_vpc_endpoint()
            .vpc_endpoint_type(VpcEndpointType::Gateway)
            .vpc_id(vpc.id.as_str())
            .service_name(&self.service)
            .set_route_table_ids(Some(ids(&tables_of(tables))))
            .tag_specifications(cx.ec2_tags(node, ResourceType::VpcEndpoint))
            .send()
            .await
            .doing(DOING)
            .wait_on(vpc_endpoint::UNKNOWN_VPC)
            .wait_on(route_table::UNKNOWN)
            .taken_on(ROUTE_EXISTS)?;
        let endpoint = created.vpc_endpoint().ok_or_else(|| missing(DOING, "vpcEndpoint"))?;
        endpoint.vpc_endpoint_id().ok_or_else(|| missing(DOING, "vpcEndpointId"))?;
        let it = Output::from(endpoint);
        Ok(match seen(endpoint, it.clone()) {
            Some(Seen::Present(it, Phase::Coming(why))) => Made::Coming(it, why),
            _ => Made::Ready(it),
        })
    }

    fn drift(&self, it: &Output, (vpc, tables): &Self::Needs) -> Vec<Difference<Whole>> {
        let mut differences = Vec::new();
        if it.vpc != vpc.id {
            // An endpoint keeps its VPC for life.
            differences.push(Difference::remake("VpcId", &it.vpc, &vpc.id));
        }
        let wanted = tables_of(tables);
        if it.tables != wanted {
            let (is, wanted) = (joined(&it.tables), joined(&wanted));
            differences.push(Difference::update(Whole, "RouteTableIds", is, wanted));
        }
        differences
    }

    async fn update(
        &self,
        cx: &Cx,
        _node: &NodeName,
        it: &Output,
        (_, tables): &Self::Needs,
        _: &[Whole],
    ) -> Result<Made<Output>> {
        let tables = tables_of(tables);
        let modify = cx.aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(it.id.as_str());
        let modify = modify.set_add_route_table_ids(vpc_endpoint::not_in(&tables, &it.tables));
        let modify = modify
            .set_remove_route_table_ids(vpc_endpoint::not_in(&it.tables, &tables))
            .send()
            .await;
        modify
            .doing("set the route tables of the gateway endpoint")
            .wait_on(vpc_endpoint::UNKNOWN)
            .wait_on(route_table::UNKNOWN)
            // An earlier answer was lost, or somebody's endpoint has to go first.
            .wait_on(ROUTE_EXISTS)?;
        Ok(Made::Ready(Output { tables, ..it.clone() }))
    }
}

const COMING: &str = "the gateway endpoint to become available";

/// What the state means; `None` when the endpoint is gone.
fn seen(endpoint: &VpcEndpoint, it: Output) -> Option<Seen<Output>> {
    Some(match vpc_endpoint::state(endpoint).as_str() {
        "deleted" => return None,
        "deleting" => Seen::Leaving(it, "the gateway endpoint is being deleted".into()),
        "pending" => Seen::Present(it, Phase::Coming(COMING.into())),
        _ => Seen::Present(it, Phase::Ready),
    })
}

fn tables_of(tables: &[route_table::Output]) -> Vec<RouteTableId> {
    let mut tables: Vec<_> = tables.iter().map(|table| table.id.clone()).collect();
    tables.sort();
    tables
}

fn ids(tables: &[RouteTableId]) -> Vec<String> {
    tables.iter().map(ToString::to_string).collect()
}

fn joined(tables: &[RouteTableId]) -> String {
    if tables.is_empty() { "none".into() } else { ids(tables).join(" ") }
}

impl From<&VpcEndpoint> for Output {
    fn from(endpoint: &VpcEndpoint) -> Self {
        let tables = endpoint.route_table_ids().iter();
        let mut tables: Vec<_> = tables.map(|id| RouteTableId::from(id.as_str())).collect();
        tables.sort();
        Self {
            id: VpcEndpointId::from(endpoint.vpc_endpoint_id().unwrap_or_default()),
            vpc: VpcId::from(endpoint.vpc_id().unwrap_or_default()),
            tables,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(state: &str, tables: &[&str]) -> VpcEndpoint {
        let endpoint = VpcEndpoint::builder().vpc_endpoint_id("vpce-1").vpc_id("vpc-1");
        let tables = tables.iter().map(ToString::to_string).collect();
        endpoint.state(state.into()).set_route_table_ids(Some(tables)).build()
    }

    #[test]
    fn states_are_read_in_whatever_case_they_are_written() {
        let seen = |state| {
            let endpoint = endpoint(state, &[]);
            seen(&endpoint, Output::from(&endpoint))
        };
        assert!(matches!(seen("available"), Some(Seen::Present(_, Phase::Ready))));
        assert!(matches!(seen("Pending"), Some(Seen::Present(_, Phase::Coming(_)))));
        assert!(matches!(seen("deleting"), Some(Seen::Leaving(..))));
        assert!(seen("Deleted").is_none());
    }

    #[test]
    fn its_tables_are_compared_whatever_their_order() {
        let vpc = vpc::Output::known("vpc-1");
        let table = |id: &str| route_table::Output {
            id: id.into(),
            vpc: "vpc-1".into(),
            default_route: None,
            stray: None,
            associations: Vec::new(),
            endpoints: Vec::new(),
            main: false,
        };
        let wanted = GatewayEndpoint { service: "com.amazonaws.us-east-1.s3".into() };
        let needs = (vpc, vec![table("rtb-2"), table("rtb-1")]);
        let drift = |tables: &[&str]| {
            let it = Output::from(&endpoint("available", tables));
            let drift = wanted.drift(&it, &needs);
            drift
                .iter()
                .map(|it| format!("{}: {} > {}", it.field, it.is, it.wanted))
                .collect::<Vec<_>>()
        };
        assert!(drift(&["rtb-1", "rtb-2"]).is_empty());
        assert!(drift(&["rtb-2", "rtb-1"]).is_empty());
        assert_eq!(drift(&["rtb-3", "rtb-1"]), ["RouteTableIds: rtb-1 rtb-3 > rtb-1 rtb-2"]);
        assert_eq!(drift(&[]), ["RouteTableIds: none > rtb-1 rtb-2"]);
    }
}
