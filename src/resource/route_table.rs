//! A route table: where the traffic of some subnets goes.
//!
//! It is made empty: the default route and the associations are differences that `update` removes.
//! EC2 accepts a route to a NAT gateway that is still coming. When a gateway goes, its routes stay
//! as blackholes.

use aws_sdk_ec2::types::{
    Filter, ResourceType, Route, RouteState, RouteTableAssociation, RouteTableAssociationStateCode,
};

use super::id::{InternetGatewayId, NatGatewayId, RouteTableId, SubnetId, VpcEndpointId, VpcId};
use super::{
    Difference, Kind, Made, Owned, Phase, Resource, Seen, Wanted, internet_gateway, nat_gateway,
    subnet, vpc, vpc_endpoint,
};
use crate::aws::{AllPages, Aws, Cx, Doing, Meaning, Meanings, Result, Scope, Tagging, missing};
use crate::names::NodeName;

/// Where the default route leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An internet gateway.
    InternetGateway(InternetGatewayId),
    /// A NAT gateway.
    NatGateway(NatGatewayId),
    /// Nowhere: the subnets have no way out.
    Nowhere,
}

/// A route table as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its id.
    pub id: RouteTableId,
    /// The VPC.
    pub vpc: VpcId,
    /// Where 0.0.0.0/0 goes; `None` when to something that ecsup never sets.
    pub default_route: Option<Target>,
    /// What is wrong with that route: `blackhole`, or the id of what it leads to instead.
    pub stray: Option<String>,
    /// Subnet and id of each association.
    pub associations: Vec<(SubnetId, String)>,
    /// The VPC endpoints that have planted routes into it: theirs to keep, and to take out.
    pub endpoints: Vec<VpcEndpointId>,
    /// Whether somebody made it the main table of its VPC.
    pub main: bool,
}

/// What a route table takes from others.
#[derive(Debug)]
pub struct Needs {
    /// The VPC that it belongs to.
    pub vpc: vpc::Output,
    /// Where its default route leads.
    pub target: Target,
    /// The subnets that use it.
    pub subnets: Vec<subnet::Output>,
}

/// The route table that is wanted.
#[derive(Debug, Default)]
pub struct RouteTable {
    /// Whether what runs in its subnets does without a default route, since endpoints lead to all it needs.
    pub is_closed: bool,
}

/// What can be changed of a route table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Where its default route leads.
    DefaultRoute,
    /// Subnets that use it.
    Associations,
}

/// What EC2 answers as long as it does not know a table that was just made, in both spellings.
pub const UNKNOWN: &[&str] = &["InvalidRouteTableID.NotFound", "InvalidRouteTableId.NotFound"];

const ANYWHERE: &str = "0.0.0.0/0";
const DEFAULT_ROUTE: &str = "default route";
const ASSOCIATIONS: &str = "Associations";
/// A subnet has one table at a time.
const ASSOCIATED: &str = "Resource.AlreadyAssociated";

impl Resource for RouteTable {
    type Output = Output;
    const KIND: Kind = Kind::RouteTable;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        let tables = read(aws, scope.ec2_filters()).await?;
        let read = |table: &aws_sdk_ec2::types::RouteTable| {
            let owner = scope.owner(table.tags())?;
            let output = Output::from(table);
            let id = output.id.to_string();
            Some(Owned { owner, id, seen: Seen::Present(output, Phase::Ready) })
        };
        Ok(tables.iter().filter_map(read).collect())
    }

    fn uses(it: &Output) -> Vec<String> {
        let mut uses = vec![it.vpc.to_string()];
        uses.extend(it.associations.iter().map(|(subnet, _)| subnet.to_string()));
        // A blackhole leads to what is gone.
        let leads = it.default_route.as_ref().filter(|_| it.stray.is_none());
        uses.extend(leads.filter(|to| **to != Target::Nowhere).map(ToString::to_string));
        uses
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        Some(Tagging::Ec2(it.id.to_string()))
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        if it.main {
            // EC2 refuses to delete a main table, and deletes it with its VPC.
            return Ok(());
        }
        for (_, association) in &it.associations {
            disassociate(aws, association).await?;
        }
        let delete = aws.ec2.delete_route_table().route_table_id(it.id.as_str()).send().await;
        let deleted = delete
            .doing("delete the route table")
            .wait_on(&["DependencyViolation"])
            .gone_is_fine(UNKNOWN)
            .map(drop);
        if deleted.as_ref().is_err_and(|error| error.meaning == Meaning::NotYet) {
            // An association that is younger than the listing would hold the table for good.
            let tables = read(aws, vec![filter("route-table-id", it.id.as_str())]).await?;
            let tables =
                tables.iter().filter(|table| table.route_table_id() == Some(it.id.as_str()));
            for association in tables.flat_map(aws_sdk_ec2::types::RouteTable::associations) {
                if let Some(id) = own(association) {
                    disassociate(aws, id).await?;
                }
            }
        }
        deleted
    }

    async fn blockers(aws: &Aws, it: &Output) -> Result<Vec<String>> {
        vpc_endpoint::holding(aws, &it.vpc, |endpoint| {
            endpoint.route_table_ids().iter().any(|table| table == it.id.as_str())
        })
        .await
    }
}

impl Wanted for RouteTable {
    type Needs = Needs;
    type Change = Change;

    async fn create(&self, cx: &Cx, node: &NodeName, needs: &Needs) -> Result<Made<Output>> {
        const DOING: &str = "create the route table";
        let vpc = &needs.vpc;
        let created = cx
            .aws
            // Retries are safe: the SDK sends a client token.
            .ec2
            .create_route_table()
            .vpc_id(vpc.id.as_str())
            .tag_specifications(cx.ec2_tags(node, ResourceType::RouteTable))
            .send()
            .await
            .doing(DOING)
            .wait_on(&[vpc::UNKNOWN])?;
        let table = created.route_table().ok_or_else(|| missing(DOING, "routeTable"))?;
        table.route_table_id().ok_or_else(|| missing(DOING, "routeTableId"))?;
        Ok(Made::Ready(Output { vpc: vpc.id.clone(), ..Output::from(table) }))
    }

    fn drift(&self, it: &Output, needs: &Needs) -> Vec<Difference<Change>> {
        let Needs { vpc, target, subnets } = needs;
        let mut differences = Vec::new();
        if it.vpc != vpc.id {
            // A route table keeps its VPC for life.
            differences.push(Difference::remake("VpcId", &it.vpc, &vpc.id));
        }
        let route = match (&it.default_route, &it.stray) {
            (Some(is), None) if is == target => None,
            (Some(is), None) => Some(is.to_string()),
            (Some(is), Some(wrong)) => Some(format!("{is}, a {wrong}")),
            (None, wrong) => wrong.clone(),
        };
        match (route, &it.default_route, target) {
            (None, ..) => {}
            // The tasks that run behind this route could not even report that they stop.
            (Some(is), Some(Target::NatGateway(_)), Target::Nowhere) if !self.is_closed => {
                let why = "what runs in these subnets would lose its way out: say endpoints = \
                           [\"required\"], destroy the stack, or deploy another one";
                differences.push(Difference::replacement(DEFAULT_ROUTE, is, target, why));
            }
            (Some(is), ..) => {
                let change = Change::DefaultRoute;
                differences.push(Difference::update(change, DEFAULT_ROUTE, is, target));
            }
        }
        if subnets.iter().any(|subnet| !it.serves(&subnet.id)) {
            let is = joined(it.associations.iter().map(|(subnet, _)| subnet));
            let wanted = joined(subnets.iter().map(|subnet| &subnet.id));
            differences.push(Difference::update(Change::Associations, ASSOCIATIONS, is, wanted));
        }
        differences
    }

    async fn update(
        &self,
        cx: &Cx,
        _node: &NodeName,
        it: &Output,
        Needs { target, subnets, .. }: &Needs,
        changes: &[Change],
    ) -> Result<Made<Output>> {
        let mut now = it.clone();
        for change in changes {
            match change {
                // It comes first: only the route can be refused for long, and all of this is then
                // repeated.
                Change::DefaultRoute => {
                    lead(&cx.aws, it, target).await?;
                    now = Output { default_route: Some(target.clone()), stray: None, ..now };
                }
                Change::Associations => {
                    for subnet in subnets.iter().filter(|subnet| !it.serves(&subnet.id)) {
                        let association = associate(&cx.aws, &it.id, &subnet.id).await?;
                        now.associations.push((subnet.id.clone(), association));
                    }
                }
            }
        }
        Ok(Made::Ready(now))
    }
}

impl Output {
    fn serves(&self, subnet: &SubnetId) -> bool {
        self.associations.iter().any(|(associated, _)| associated == subnet)
    }
}

fn joined<'a>(subnets: impl Iterator<Item = &'a SubnetId>) -> String {
    let subnets: Vec<_> = subnets.map(SubnetId::as_str).collect();
    if subnets.is_empty() { "none".into() } else { subnets.join(" ") }
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

async fn read(aws: &Aws, filters: Vec<Filter>) -> Result<Vec<aws_sdk_ec2::types::RouteTable>> {
    let tables = aws.ec2.describe_route_tables().set_filters(Some(filters));
    let tables = tables.into_paginator().items().send().all().await;
    tables.doing("list the route tables")
}

/// Makes the default route lead there.
async fn lead(aws: &Aws, it: &Output, target: &Target) -> Result<()> {
    const DOING: &str = "set the default route";
    // Just attached, a gateway may for a moment count as one of no network.
    const ELSEWHERE: &[&str] = &["InvalidParameterValue: belong to different networks"];
    let table = it.id.as_str();
    let (gateway, nat) = match target {
        Target::InternetGateway(id) => (Some(id.to_string()), None),
        Target::NatGateway(id) => (None, Some(id.to_string())),
        Target::Nowhere => {
            let delete = aws.ec2.delete_route().route_table_id(table);
            let delete = delete.destination_cidr_block(ANYWHERE).send().await;
            let deleted = delete.doing("remove the default route").wait_on(UNKNOWN);
            return deleted.gone_is_fine(&["InvalidRoute.NotFound"]).map(drop);
        }
    };
    if it.default_route == Some(Target::Nowhere) {
        let create = aws.ec2.create_route().route_table_id(table);
        let create = create.destination_cidr_block(ANYWHERE);
        let create = create.set_gateway_id(gateway.clone()).set_nat_gateway_id(nat.clone());
        let created = create
            .send()
            .await
            .doing(DOING)
            .wait_on(UNKNOWN)
            .wait_on(internet_gateway::UNKNOWN)
            .wait_on(nat_gateway::UNKNOWN)
            .wait_on(ELSEWHERE);
        match created {
            // An earlier answer was lost, or somebody was faster: replacing it serves both.
            Err(error) if error.code() == Some("RouteAlreadyExists") => {}
            created => return created.map(drop),
        }
    }
    let replace = aws.ec2.replace_route().route_table_id(table).destination_cidr_block(ANYWHERE);
    let replace = replace.set_gateway_id(gateway).set_nat_gateway_id(nat).send().await;
    replace
        .doing(DOING)
        .wait_on(UNKNOWN)
        .wait_on(internet_gateway::UNKNOWN)
        .wait_on(nat_gateway::UNKNOWN)
        .wait_on(ELSEWHERE)
        .map(drop)
}

/// Makes a subnet use this table, also when it uses another one. Returns the association's id.
async fn associate(aws: &Aws, table: &RouteTableId, subnet: &SubnetId) -> Result<String> {
    const DOING: &str = "associate the route table with the subnet";
    let associate = aws.ec2.associate_route_table().route_table_id(table.as_str());
    let associate = associate.subnet_id(subnet.as_str()).send().await;
    let associated =
        associate.doing(DOING).wait_on(UNKNOWN).wait_on(subnet::UNKNOWN).wait_on(&[ASSOCIATED]);
    let refused = match associated {
        Err(error) if error.code() == Some(ASSOCIATED) => error,
        associated => {
            let id = associated?.association_id;
            return id.ok_or_else(|| missing(DOING, "associationId"));
        }
    };
    let tables = read(aws, vec![filter("association.subnet-id", subnet.as_str())]).await?;
    let associations = tables.iter().flat_map(aws_sdk_ec2::types::RouteTable::associations);
    let former = associations
        .filter(|association| association.subnet_id() == Some(subnet.as_str()))
        .find_map(|association| Some((association.route_table_id()?, own(association)?)));
    match former {
        // The refusal is newer than what can be read: it is asked again.
        None => Err(refused),
        // An earlier answer was lost.
        Some((other, association)) if other == table.as_str() => Ok(association.to_owned()),
        Some((_, association)) => {
            let replace = aws.ec2.replace_route_table_association().association_id(association);
            let replace = replace.route_table_id(table.as_str()).send().await;
            let replaced = replace
                .doing(DOING)
                .wait_on(UNKNOWN)
                .wait_on(&["InvalidAssociationID.NotFound"])?;
            replaced.new_association_id.ok_or_else(|| missing(DOING, "newAssociationId"))
        }
    }
}

async fn disassociate(aws: &Aws, association: &str) -> Result<()> {
    let disassociate = aws.ec2.disassociate_route_table().association_id(association).send().await;
    disassociate
        .doing("disassociate the route table")
        .gone_is_fine(&["InvalidAssociationID.NotFound"])
        .map(drop)
}

/// The id of an association that somebody made. A table is its VPC's main one by an association
/// too, which cannot be ended.
fn own(association: &RouteTableAssociation) -> Option<&str> {
    use RouteTableAssociationStateCode::{Disassociated, Disassociating, Failed};
    let state = association.association_state().and_then(|state| state.state());
    let over = matches!(state, Some(Disassociated | Disassociating | Failed));
    let main = association.main() == Some(true);
    association.route_table_association_id().filter(|_| !over && !main)
}

/// Where a route leads, and what is wrong with it.
fn destination(route: &Route) -> (Option<Target>, Option<String>) {
    let target = match (route.nat_gateway_id(), route.gateway_id()) {
        (Some(id), _) => Some(Target::NatGateway(id.into())),
        (None, Some(id)) if id.starts_with("igw-") => Some(Target::InternetGateway(id.into())),
        _ => None,
    };
    if target.is_some() {
        let blackhole = matches!(route.state(), Some(RouteState::Blackhole));
        return (target, blackhole.then(|| "blackhole".into()));
    }
    let others = [
        route.gateway_id(),
        route.transit_gateway_id(),
        route.network_interface_id(),
        route.instance_id(),
        route.vpc_peering_connection_id(),
        route.local_gateway_id(),
        route.carrier_gateway_id(),
        route.core_network_arn(),
    ];
    let other = others.into_iter().flatten().next().unwrap_or("something unknown to ecsup");
    (None, Some(other.to_owned()))
}

impl From<&aws_sdk_ec2::types::RouteTable> for Output {
    fn from(table: &aws_sdk_ec2::types::RouteTable) -> Self {
        let default = table.routes().iter().find(|r| r.destination_cidr_block() == Some(ANYWHERE));
        let (default_route, stray) = default.map_or((Some(Target::Nowhere), None), destination);
        let gateways = table.routes().iter().filter_map(Route::gateway_id);
        let associations = table.associations();
        let of_subnet = |association: &RouteTableAssociation| {
            Some((association.subnet_id()?.into(), own(association)?.to_owned()))
        };
        Self {
            id: RouteTableId::from(table.route_table_id().unwrap_or_default()),
            vpc: VpcId::from(table.vpc_id().unwrap_or_default()),
            default_route,
            stray,
            associations: associations.iter().filter_map(of_subnet).collect(),
            endpoints: gateways.filter(|id| id.starts_with("vpce-")).map(Into::into).collect(),
            main: associations.iter().any(|association| association.main() == Some(true)),
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Target::InternetGateway(id) => id.as_str(),
            Target::NatGateway(id) => id.as_str(),
            Target::Nowhere => "none",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(target: Target) -> Needs {
        let vpc = vpc::Output::known("vpc-1");
        let subnet = subnet::Output::known("subnet-1", "vpc-1");
        Needs { vpc, target, subnets: vec![subnet] }
    }

    fn table(route: Option<Route>, associations: Vec<RouteTableAssociation>) -> Output {
        let table =
            aws_sdk_ec2::types::RouteTable::builder().route_table_id("rtb-1").vpc_id("vpc-1");
        let table = table.set_routes(Some(route.into_iter().collect()));
        Output::from(&table.set_associations(Some(associations)).build())
    }

    fn route() -> aws_sdk_ec2::types::builders::RouteBuilder {
        Route::builder().destination_cidr_block(ANYWHERE)
    }

    fn association(main: bool) -> RouteTableAssociation {
        let association = RouteTableAssociation::builder().route_table_association_id("rtbassoc-1");
        let subnet = (!main).then(|| "subnet-1".to_owned());
        association.main(main).set_subnet_id(subnet).build()
    }

    fn changes(it: &Output, target: Target) -> Vec<String> {
        let differences = RouteTable::default().drift(it, &needs(target));
        differences.iter().map(|d| format!("{}: {} > {}", d.field, d.is, d.wanted)).collect()
    }

    #[test]
    fn a_new_table_lacks_its_route_and_its_association() {
        let new = table(None, Vec::new());
        assert_eq!(
            changes(&new, Target::InternetGateway("igw-1".into())),
            ["default route: none > igw-1", "Associations: none > subnet-1"]
        );
        assert_eq!(changes(&new, Target::Nowhere), ["Associations: none > subnet-1"]);
    }

    #[test]
    fn a_route_that_leads_elsewhere_or_into_a_blackhole_is_a_difference() {
        let wanted = || Target::NatGateway("nat-1".into());
        let is = |route: Route| changes(&table(Some(route), vec![association(false)]), wanted());
        let nat = || route().nat_gateway_id("nat-1");
        assert!(is(nat().state(RouteState::Active).build()).is_empty());
        assert_eq!(
            is(nat().state(RouteState::Blackhole).build()),
            ["default route: nat-1, a blackhole > nat-1"]
        );
        assert_eq!(is(route().gateway_id("igw-1").build()), ["default route: igw-1 > nat-1"]);
        assert_eq!(
            is(route().transit_gateway_id("tgw-1").build()),
            ["default route: tgw-1 > nat-1"]
        );
    }

    #[test]
    fn a_route_is_taken_away_only_where_endpoints_lead_to_all_that_runs_there_needs() {
        let nat = route().nat_gateway_id("nat-1").state(RouteState::Active).build();
        let it = table(Some(nat), vec![association(false)]);
        let remedy = |is_closed: bool| {
            let drift = RouteTable { is_closed }.drift(&it, &needs(Target::Nowhere));
            assert_eq!(drift.len(), 1, "{drift:?}");
            drift[0].remedy.clone()
        };
        assert!(matches!(remedy(false), super::super::Remedy::Replacement(_)));
        assert!(matches!(remedy(true), super::super::Remedy::Update(Change::DefaultRoute)));
    }

    #[test]
    fn being_the_main_table_is_no_association() {
        let main = table(None, vec![association(true)]);
        assert!(main.main && main.associations.is_empty());
    }
}
