//! VPC, subnets, gateways and routes.

use std::collections::BTreeSet;

use aws_sim::ec2;
use aws_sim::fields::Fields as _;
use serde_json::{Value, json};

use super::{Found, GATEWAYS, texts};

/// The network that was found.
pub(super) struct Network {
    pub(super) vpc: String,
    /// Ids of the public and of the private subnets, in the order of their zones.
    pub(super) public: Vec<String>,
    pub(super) private: Vec<String>,
}

impl Found<'_> {
    pub(super) fn network(&mut self) -> Network {
        let vpc = self.vpc();
        let subnets = self.subnets(&vpc);
        let gateways = self.of_stack("DescribeInternetGateways", "InternetGateways");
        let gateway = gateways.get("internet-gateway").cloned().unwrap_or_default();
        self.same("attachments", texts(gateway.list("Attachments"), "VpcId"), [&vpc]);
        let nats = self.nat_gateways(&subnets);

        let internet = gateway.text("InternetGatewayId");
        let out = |zone: usize| nats.get(zone).or(nats.first()).map(String::as_str);
        self.route_table("route-table/public", &subnets[..2], Some(internet));
        self.route_table("route-table/private-1", &subnets[2..3], out(0));
        self.route_table("route-table/private-2", &subnets[3..], out(1));
        self.endpoints(&vpc, &subnets[2..]);
        Network { vpc, public: subnets[..2].to_vec(), private: subnets[2..].to_vec() }
    }

    fn vpc(&mut self) -> String {
        let vpc = self.of_stack("DescribeVpcs", "Vpcs").remove("vpc").unwrap_or_default();
        let id = vpc.text("VpcId").to_owned();
        self.same("range of the VPC", vpc.text("CidrBlock"), self.goal.network.to_string());
        for (name, member) in
            [("enableDnsSupport", "EnableDnsSupport"), ("enableDnsHostnames", "EnableDnsHostnames")]
        {
            let input = json!({ "VpcId": id, "Attribute": name });
            let answer = self.ask(ec2::answer, "DescribeVpcAttribute", input);
            self.same(name, answer.part(member).flag("Value"), true);
        }
        id
    }

    /// Four quarters of the range: two public ones, two private ones, a pair in each of two zones.
    fn subnets(&mut self, vpc: &str) -> Vec<String> {
        let range = self.goal.network;
        let quarters = range.subnets(range.prefix_len() + 2).expect("a range that can be divided");
        let all = self.of_stack("DescribeSubnets", "Subnets");
        let (mut ids, mut zones) = (Vec::new(), Vec::new());
        for (name, quarter) in
            ["public-1", "public-2", "private-1", "private-2"].iter().zip(quarters)
        {
            let subnet = all.get(&format!("subnet/{name}")).cloned().unwrap_or_default();
            self.same(&format!("range of {name}"), subnet.text("CidrBlock"), quarter.to_string());
            self.same(&format!("VPC of {name}"), subnet.text("VpcId"), vpc);
            self.same(&format!("state of {name}"), subnet.text("State"), "available");
            let is_public = name.starts_with("public");
            let gives = subnet.flag("MapPublicIpOnLaunch");
            self.same(&format!("public addresses in {name}"), gives, is_public);
            ids.push(subnet.text("SubnetId").to_owned());
            zones.push(subnet.text("AvailabilityZone").to_owned());
        }
        self.same("zones", &zones[2..], &zones[..2]);
        self.check("the zones are two", zones[0] != zones[1]);
        ids
    }

    /// Ids of the NAT gateways, in the order of their zones.
    fn nat_gateways(&mut self, subnets: &[String]) -> Vec<String> {
        let gateways = self.of_stack("DescribeNatGateways", "NatGateways");
        let addresses = self.of_stack("DescribeAddresses", "Addresses");
        let mut ids = Vec::new();
        for (number, subnet) in (1..=self.goal.gateways()).zip(subnets) {
            let gateway = gateways.get(&format!("nat/{number}")).cloned().unwrap_or_default();
            let address = addresses.get(&format!("elastic-ip/{number}"));
            let address = address.map(|it| it.text("AllocationId"));
            self.same(&format!("state of nat/{number}"), gateway.text("State"), "available");
            self.same(&format!("subnet of nat/{number}"), gateway.text("SubnetId"), subnet);
            let has = texts(gateway.list("NatGatewayAddresses"), "AllocationId");
            self.same(&format!("address of nat/{number}"), has, [address]);
            ids.push(gateway.text("NatGatewayId").to_owned());
        }
        ids
    }

    /// Where the endpoints lead from and to, and that every table of the stack has the routes to them
    /// that it should have.
    fn endpoints(&mut self, vpc: &str, private: &[String]) {
        let goal = self.goal;
        let tables = self.of_stack("DescribeRouteTables", "RouteTables");
        let uses = |node: &str| (node == "route-table/public") == goal.is_open();
        let used: BTreeSet<_> = tables
            .iter()
            .filter(|(node, _)| uses(node))
            .map(|(_, table)| table.text("RouteTableId"))
            .collect();
        let endpoints = self.of_stack("DescribeVpcEndpoints", "VpcEndpoints");
        let mut ids = BTreeSet::new();
        let (gateways, interfaces): (Vec<_>, Vec<_>) =
            goal.endpoints().into_iter().partition(|it| GATEWAYS.contains(&it.as_str()));
        let group = (!interfaces.is_empty()).then(|| {
            let from_vpc = [format!("in tcp 443 to 443, {}", goal.network)];
            self.group("security-group/endpoints", vpc, &from_vpc)
        });
        for service in &interfaces {
            let node = format!("endpoint/{service}");
            let endpoint = endpoints.get(&node).cloned().unwrap_or_default();
            let name = format!("com.amazonaws.{}.{service}", goal.region);
            self.same(&format!("service of {node}"), endpoint.text("ServiceName"), name);
            self.same(&format!("type of {node}"), endpoint.text("VpcEndpointType"), "Interface");
            self.same(&format!("VPC of {node}"), endpoint.text("VpcId"), vpc);
            self.same(&format!("state of {node}"), endpoint.text("State"), "available");
            self.same(&format!("names of {node}"), endpoint.flag("PrivateDnsEnabled"), true);
            let stands: BTreeSet<_> = endpoint.texts("SubnetIds").into_iter().collect();
            self.same(
                &format!("subnets of {node}"),
                stands,
                private.iter().collect::<BTreeSet<_>>(),
            );
            let groups = texts(endpoint.list("Groups"), "GroupId");
            self.same(&format!("groups of {node}"), groups, group.iter().collect::<Vec<_>>());
        }
        for service in &gateways {
            let node = format!("endpoint/{service}");
            let endpoint = endpoints.get(&node).cloned().unwrap_or_default();
            let name = format!("com.amazonaws.{}.{service}", goal.region);
            self.same(&format!("service of {node}"), endpoint.text("ServiceName"), name);
            self.same(&format!("type of {node}"), endpoint.text("VpcEndpointType"), "Gateway");
            self.same(&format!("VPC of {node}"), endpoint.text("VpcId"), vpc);
            self.same(&format!("state of {node}"), endpoint.text("State"), "available");
            let has: BTreeSet<_> = endpoint.texts("RouteTableIds").into_iter().collect();
            self.same(&format!("tables of {node}"), has, &used);
            ids.insert(endpoint.text("VpcEndpointId").to_owned());
        }
        for (node, table) in &tables {
            let routes = table.list("Routes").iter();
            let routes = routes.filter(|it| it.some_text("DestinationPrefixListId").is_some());
            let to: BTreeSet<_> = routes.map(|it| it.text("GatewayId").to_owned()).collect();
            let wanted = if uses(node) { ids.clone() } else { BTreeSet::new() };
            self.same(&format!("endpoints in {node}"), to, wanted);
        }
    }

    /// Whose table it is, and where its default route leads.
    fn route_table(&mut self, node: &str, subnets: &[String], target: Option<&str>) {
        let table = self.of_stack("DescribeRouteTables", "RouteTables").remove(node);
        let table = table.unwrap_or_default();
        let of: BTreeSet<_> = texts(table.list("Associations"), "SubnetId").into_iter().collect();
        self.same(&format!("subnets of {node}"), of, subnets.iter().collect::<BTreeSet<_>>());
        let routes = table.list("Routes").iter().filter(|route| {
            route.text("GatewayId") != "local"
                && route.some_text("DestinationPrefixListId").is_none()
        });
        let routes: Vec<_> = routes.map(route_in_words).collect();
        let wanted: Vec<_> = target.iter().map(|to| format!("0.0.0.0/0 to {to}, active")).collect();
        self.same(&format!("routes of {node}"), routes, wanted);
    }
}

fn route_in_words(route: &Value) -> String {
    let to = route.some_text("GatewayId").or(route.some_text("NatGatewayId"));
    let (of, state) = (route.text("DestinationCidrBlock"), route.text("State"));
    format!("{of} to {}, {state}", to.unwrap_or("somewhere else"))
}
