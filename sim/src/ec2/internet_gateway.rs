//! Internet gateways: made alone, attached to one VPC, and held there as long as anything in the
//! VPC has a public address (`docs/aws-facts.md`, "Removing").

use serde_json::{Value, json};

use super::query::invalid;
use super::table::{self, Entry, Kind, Listing, Table, find, find_mut, make};
use super::vpc::{self, Vpc};
use super::{Ec2, tag};
use crate::arn::ACCOUNT;
use crate::fields::{Fields, tag_list};
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// An internet gateway.
#[derive(Debug, Clone, Default)]
pub struct InternetGateway {
    /// The VPC that it is attached to.
    pub vpc: Option<String>,
}

impl Kind for InternetGateway {
    const TYPE: &'static str = "internet-gateway";
    const PREFIX: &'static str = "igw";
    const LISTING: Listing = Listing {
        operation: "DescribeInternetGateways",
        ids: "InternetGatewayIds",
        list: "InternetGateways",
    };
    const FILTERS: &'static [&'static str] = &[
        "attachment.state",
        "attachment.vpc-id",
        "internet-gateway-id",
        "owner-id",
        "tag:",
        "tag-key",
    ];

    fn unknown(id: &str) -> Refusal {
        let message = format!("The internetGateway ID '{id}' does not exist");
        Refusal::new("InvalidInternetGatewayID.NotFound", message)
    }

    fn table(ec2: &Ec2) -> &Table<Self> {
        &ec2.internet_gateways
    }

    fn table_mut(ec2: &mut Ec2) -> &mut Table<Self> {
        &mut ec2.internet_gateways
    }

    fn field(_world: &World, entry: &Entry<Self>, filter: &str) -> Vec<String> {
        let attached = entry.it.vpc.clone().into_iter();
        match filter {
            "attachment.state" => attached.map(|_| "available".to_owned()).collect(),
            "attachment.vpc-id" => attached.collect(),
            "internet-gateway-id" => vec![entry.id.clone()],
            "owner-id" => vec![ACCOUNT.to_owned()],
            _ => Vec::new(),
        }
    }

    fn write(_world: &World, entry: &Entry<Self>) -> Value {
        // `available` is none of the states that the API documents, and what EC2 says.
        let attachments = entry.it.vpc.iter();
        let attachments = attachments.map(|vpc| json!({ "State": "available", "VpcId": vpc }));
        json!({
            "InternetGatewayId": entry.id,
            "Attachments": attachments.collect::<Value>(),
            "OwnerId": ACCOUNT,
            "Tags": tag_list(&entry.tags),
        })
    }
}

/// `CreateInternetGateway`: it has no client token, so a repeated call makes another one.
pub fn create(world: &mut World, input: &Value) -> Answer {
    let tags = tag::at_birth(input, InternetGateway::TYPE)?;
    if world.ec2().internet_gateways.all().count() >= world.scenario.quota("gateways", 5) {
        let message = "The maximum number of internet gateways has been reached.";
        return Err(Refusal::new("InternetGatewayLimitExceeded", message));
    }
    let id = make(world, tags, InternetGateway::default());
    let made = world.ec2().internet_gateways.get(&id);
    let made = made.map(|entry| InternetGateway::write(world, entry));
    Ok(json!({ "InternetGateway": made.unwrap_or_default() }))
}

/// `AttachInternetGateway`.
pub fn attach(world: &mut World, input: &Value) -> Answer {
    let gateway = find::<InternetGateway>(world, input.text("InternetGatewayId"))?;
    let vpc = find::<Vpc>(world, input.text("VpcId"))?.id.clone();
    if let Some(vpc) = &gateway.it.vpc {
        let message = format!("resource {} is already attached to network {vpc}", gateway.id);
        return Err(Refusal::new("Resource.AlreadyAssociated", message));
    }
    if vpc::internet_gateway(world.ec2(), &vpc).is_some() {
        return Err(invalid(format!("Network {vpc} already has an internet gateway attached")));
    }
    let id = gateway.id.clone();
    find_mut::<InternetGateway>(world, &id)?.it.vpc = Some(vpc);
    Ok(json!({}))
}

/// `DetachInternetGateway`: routes to it stay, as blackholes.
pub fn detach(world: &mut World, input: &Value) -> Answer {
    let gateway = find::<InternetGateway>(world, input.text("InternetGatewayId"))?;
    let vpc = find::<Vpc>(world, input.text("VpcId"))?.id.clone();
    let id = gateway.id.clone();
    if gateway.it.vpc.as_ref() != Some(&vpc) {
        let message = format!("resource {id} is not attached to network {vpc}");
        return Err(Refusal::new("Gateway.NotAttached", message));
    }
    let mut interfaces = world.ec2().interfaces.all();
    if interfaces.any(|interface| interface.it.vpc == vpc && interface.it.public.is_some()) {
        let message = format!(
            "Network {vpc} has some mapped public address(es). Please unmap those public \
             address(es) before detaching the gateway."
        );
        return Err(Refusal::new("DependencyViolation", message));
    }
    find_mut::<InternetGateway>(world, &id)?.it.vpc = None;
    Ok(json!({}))
}

/// `DeleteInternetGateway`: refused while it is attached.
pub fn delete(world: &mut World, input: &Value) -> Answer {
    let gateway = find::<InternetGateway>(world, input.text("InternetGatewayId"))?;
    let id = gateway.id.clone();
    if gateway.it.vpc.is_some() {
        let message = format!("The internetGateway '{id}' has dependencies and cannot be deleted.");
        return Err(Refusal::new("DependencyViolation", message));
    }
    table::delete::<InternetGateway>(world, &id);
    Ok(json!({}))
}
