//! Route tables and their associations. A subnet without one of its own uses its VPC's main table,
//! which is made and deleted with the VPC.

use std::time::Duration;

use ipnet::Ipv4Net;
use serde_json::{Value, json};

use super::query::{invalid, lacks, missing};
use super::route::{self, Route, Target};
use super::subnet::Subnet;
use super::table::{
    self, Entry, Kind, Listing, Table, find, find_mut, make, make_visible, visible,
};
use super::vpc::Vpc;
use super::{Ec2, tag, vpc_endpoint};
use crate::arn::ACCOUNT;
use crate::fields::{Fields, Tags, tag_list};
use crate::refusal::{Answer, Refusal};
use crate::world::{World, key};

/// A route table.
#[derive(Debug, Clone)]
pub struct RouteTable {
    /// Its VPC.
    pub vpc: String,
    /// Its routes, the local one first.
    pub routes: Vec<Route>,
    /// Which subnets use it, and whether it is the main one.
    pub associations: Vec<Association>,
}

/// The use of a table by a subnet, or as the main table.
#[derive(Debug, Clone)]
pub struct Association {
    /// Its id.
    pub id: String,
    /// The subnet; `None` when the table is by this the main one.
    pub subnet: Option<String>,
    /// From when on callers know it.
    visible: Duration,
}

impl RouteTable {
    fn new(vpc: &str, cidr: Ipv4Net) -> Self {
        Self {
            vpc: vpc.to_owned(),
            routes: vec![Route { destination: cidr, target: Target::Local }],
            associations: Vec::new(),
        }
    }

    /// Whether it is its VPC's main table.
    pub fn is_main(&self) -> bool {
        self.associations.iter().any(|association| association.subnet.is_none())
    }

    fn shown(&self, now: Duration) -> impl Iterator<Item = &Association> {
        self.associations.iter().filter(move |association| association.visible <= now)
    }
}

impl Kind for RouteTable {
    const TYPE: &'static str = "route-table";
    const PREFIX: &'static str = "rtb";
    const LISTING: Listing =
        Listing { operation: "DescribeRouteTables", ids: "RouteTableIds", list: "RouteTables" };
    const FILTERS: &'static [&'static str] = &[
        "association.main",
        "association.route-table-association-id",
        "association.route-table-id",
        "association.subnet-id",
        "owner-id",
        "route-table-id",
        "route.destination-cidr-block",
        "route.gateway-id",
        "route.nat-gateway-id",
        "route.origin",
        "route.state",
        "tag:",
        "tag-key",
        "vpc-id",
    ];

    fn unknown(id: &str) -> Refusal {
        let message = format!("The routeTable ID '{id}' does not exist");
        Refusal::new("InvalidRouteTableID.NotFound", message)
    }

    fn table(ec2: &Ec2) -> &Table<Self> {
        &ec2.tables
    }

    fn table_mut(ec2: &mut Ec2) -> &mut Table<Self> {
        &mut ec2.tables
    }

    fn field(world: &World, entry: &Entry<Self>, filter: &str) -> Vec<String> {
        let associations = entry.it.shown(world.now);
        let routes = entry.it.routes.iter();
        match filter {
            "association.main" => associations.map(|it| it.subnet.is_none().to_string()).collect(),
            "association.route-table-association-id" => {
                associations.map(|association| association.id.clone()).collect()
            }
            "association.route-table-id" => associations.map(|_| entry.id.clone()).collect(),
            "association.subnet-id" => associations.filter_map(|it| it.subnet.clone()).collect(),
            "owner-id" => vec![ACCOUNT.to_owned()],
            "route-table-id" => vec![entry.id.clone()],
            "route.destination-cidr-block" => routes.map(|it| it.destination.to_string()).collect(),
            "route.gateway-id" => {
                let own = routes.filter_map(|it| it.gateway().map(str::to_owned));
                own.chain(vpc_endpoint::with_table(world, &entry.id).map(|it| it.id.clone()))
                    .collect()
            }
            "route.nat-gateway-id" => {
                routes.filter_map(|it| it.nat_gateway().map(str::to_owned)).collect()
            }
            "route.origin" => routes.map(|it| it.origin().to_owned()).collect(),
            "route.state" => routes.map(|it| it.state(world, &entry.it.vpc).to_owned()).collect(),
            "vpc-id" => vec![entry.it.vpc.clone()],
            _ => Vec::new(),
        }
    }

    fn write(world: &World, entry: &Entry<Self>) -> Value {
        let associations = entry.it.shown(world.now).map(|association| {
            let mut value = json!({
                "RouteTableAssociationId": association.id,
                "RouteTableId": entry.id,
                "Main": association.subnet.is_none(),
                "AssociationState": { "State": "associated" },
            });
            if let Some(subnet) = &association.subnet {
                value["SubnetId"] = json!(subnet);
            }
            value
        });
        let routes = entry.it.routes.iter().map(|route| route.write(world, &entry.it.vpc));
        let planted = vpc_endpoint::with_table(world, &entry.id).map(vpc_endpoint::route);
        json!({
            "RouteTableId": entry.id,
            "VpcId": entry.it.vpc,
            "OwnerId": ACCOUNT,
            "Associations": associations.collect::<Value>(),
            "Routes": routes.chain(planted).collect::<Value>(),
            "PropagatingVgws": [],
            "Tags": tag_list(&entry.tags),
        })
    }
}

/// Makes the main table of a VPC, known from when the VPC is.
pub fn make_main(world: &mut World, vpc: &str, cidr: Ipv4Net, visible: Duration) {
    let id = world.id("rtbassoc");
    let mut table = main(vpc, cidr, id, Vec::new());
    table.associations.iter_mut().for_each(|it| it.visible = visible);
    make_visible(world, visible, Tags::new(), table);
}

/// A main table, whose association has this id, with routes besides the local one.
pub fn main(vpc: &str, cidr: Ipv4Net, association: String, routes: Vec<Route>) -> RouteTable {
    let mut table = RouteTable::new(vpc, cidr);
    table.routes.extend(routes);
    let visible = Duration::ZERO;
    table.associations.push(Association { id: association, subnet: None, visible });
    table
}

/// A table that somebody has made long ago: of this subnet, with a route besides the local one.
pub fn of_somebody(
    vpc: &str,
    cidr: Ipv4Net,
    (association, subnet): (String, &str),
    route: Route,
) -> RouteTable {
    let mut table = RouteTable::new(vpc, cidr);
    table.routes.push(route);
    let (subnet, visible) = (Some(subnet.to_owned()), Duration::ZERO);
    table.associations.push(Association { id: association, subnet, visible });
    table
}

/// The table that a subnet uses.
pub fn of_subnet<'a>(world: &'a World, subnet: &Entry<Subnet>) -> Option<&'a Entry<RouteTable>> {
    let mut tables = world.ec2().tables.all();
    let own = tables.find(|table| {
        table.it.associations.iter().any(|it| it.subnet.as_deref() == Some(&subnet.id))
    });
    let mut tables = world.ec2().tables.all();
    own.or_else(|| tables.find(|table| table.it.vpc == subnet.it.vpc && table.it.is_main()))
}

/// `CreateRouteTable`.
pub fn create(world: &mut World, input: &Value) -> Answer {
    let tags = tag::at_birth(input, RouteTable::TYPE)?;
    let vpc = find::<Vpc>(world, input.text("VpcId"))?;
    let tables = world.ec2().tables.all();
    let of_vpc = tables.filter(|table| table.it.vpc == vpc.id).count();
    if of_vpc >= world.scenario.quota("route-tables", 200) {
        let message = "The maximum number of route tables has been reached.";
        return Err(Refusal::new("RouteTableLimitExceeded", message));
    }
    let table = RouteTable::new(&vpc.id, vpc.it.cidr);
    let id = make(world, tags, table);
    let made = world.ec2().tables.get(&id).map(|entry| RouteTable::write(world, entry));
    let mut answer = json!({ "RouteTable": made.unwrap_or_default() });
    if let Some(token) = input.some_text("ClientToken") {
        answer["ClientToken"] = json!(token);
    }
    Ok(answer)
}

/// `DeleteRouteTable`: refused while a subnet uses it, and always for a main table.
pub fn delete(world: &mut World, input: &Value) -> Answer {
    let table = find::<RouteTable>(world, input.text("RouteTableId"))?;
    let id = table.id.clone();
    let is_held = world.ec2().endpoints.all().any(|it| it.it.tables.contains(&id));
    if !table.it.associations.is_empty() || is_held {
        let message = format!("The routeTable '{id}' has dependencies and cannot be deleted.");
        return Err(Refusal::new("DependencyViolation", message));
    }
    table::delete::<RouteTable>(world, &id);
    Ok(json!({}))
}

/// `AssociateRouteTable`: a subnet has one table at a time.
pub fn associate(world: &mut World, input: &Value) -> Answer {
    lacks("AssociateRouteTable", input, &["GatewayId", "PublicIpv4Pool"])?;
    let table = find::<RouteTable>(world, input.text("RouteTableId"))?;
    let subnet = input.some_text("SubnetId").ok_or_else(|| missing("subnetId"))?;
    let subnet = find::<Subnet>(world, subnet)?;
    if table.it.vpc != subnet.it.vpc {
        return Err(networks(&table.id, &format!("subnet {}", subnet.id)));
    }
    let mut tables = world.ec2().tables.all();
    let taken = tables
        .any(|other| other.it.associations.iter().any(|it| it.subnet.as_ref() == Some(&subnet.id)));
    if taken {
        let message = format!(
            "the specified association for route table {} conflicts with an existing association",
            table.id
        );
        return Err(Refusal::new("Resource.AlreadyAssociated", message));
    }
    let (table, subnet) = (table.id.clone(), subnet.id.clone());
    let id = add(world, &table, Some(subnet));
    Ok(json!({ "AssociationId": id, "AssociationState": { "State": "associated" } }))
}

/// Adds an association, which callers know after a while, and works at once.
fn add(world: &mut World, table: &str, subnet: Option<String>) -> String {
    let tables = world.ec2().tables.get(table).map(|it| key(&it.tags, table)).unwrap_or_default();
    let place = subnet.as_ref().and_then(|id| world.ec2().subnets.get(id));
    let place = place.map(|subnet| key(&subnet.tags, &subnet.id)).unwrap_or_default();
    let id = world.id_of("rtbassoc", &format!("{tables} {place}"));
    let visible = visible(world, &format!("{tables} {place}"));
    if let Ok(table) = find_mut::<RouteTable>(world, table) {
        table.it.associations.push(Association { id: id.clone(), subnet, visible });
    }
    id
}

/// The table and the subnet of an association that callers know.
fn association(world: &World, id: &str) -> Result<(String, Option<String>), Refusal> {
    let found = world.ec2().tables.all().find_map(|table| {
        let association = table.it.shown(world.now).find(|association| association.id == id)?;
        Some((table.id.clone(), association.subnet.clone()))
    });
    found.ok_or_else(|| {
        let message = format!("The association ID '{id}' does not exist");
        Refusal::new("InvalidAssociationID.NotFound", message)
    })
}

fn remove(world: &mut World, table: &str, id: &str) {
    if let Ok(table) = find_mut::<RouteTable>(world, table) {
        table.it.associations.retain(|association| association.id != id);
    }
}

/// `DisassociateRouteTable`.
pub fn disassociate(world: &mut World, input: &Value) -> Answer {
    let id = input.text("AssociationId");
    let (table, subnet) = association(world, id)?;
    if subnet.is_none() {
        let message = format!("cannot disassociate the main route table association {id}");
        return Err(invalid(message));
    }
    remove(world, &table, id);
    Ok(json!({}))
}

/// `ReplaceRouteTableAssociation`: for a subnet, or to make another table the main one.
pub fn replace(world: &mut World, input: &Value) -> Answer {
    let id = input.text("AssociationId");
    let (old, subnet) = association(world, id)?;
    let new = find::<RouteTable>(world, input.text("RouteTableId"))?;
    let vpc = world.ec2().tables.get(&old).map(|table| &table.it.vpc);
    if vpc != Some(&new.it.vpc) {
        return Err(networks(&new.id, &format!("association {id}")));
    }
    let new = new.id.clone();
    remove(world, &old, id);
    let id = add(world, &new, subnet);
    Ok(json!({ "NewAssociationId": id, "AssociationState": { "State": "associated" } }))
}

/// What EC2 answers when two things are not of the same VPC.
pub fn networks(table: &str, other: &str) -> Refusal {
    invalid(format!("route table {table} and {other} belong to different networks"))
}

/// The route for everything else, of the table that a subnet uses, when it leads anywhere.
pub fn default_route<'a>(world: &'a World, subnet: &Entry<Subnet>) -> Option<&'a Target> {
    let table = of_subnet(world, subnet)?;
    let mut routes = table.it.routes.iter();
    let route = routes.find(|route| route.destination.prefix_len() == 0)?;
    (route.state(world, &table.it.vpc) == route::ACTIVE).then_some(&route.target)
}
