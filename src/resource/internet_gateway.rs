//! The internet gateway: the VPC's door to the internet.
//!
//! It is made unattached: the attachment is a difference that `update` removes. EC2 refuses to
//! detach it as long as anything in the VPC has a public address, a load balancer's interfaces
//! included, and those outlive the load balancer by minutes.

use aws_sdk_ec2::types::{AttachmentStatus, Filter, ResourceType};

use super::id::{InternetGatewayId, VpcId};
use super::{
    Difference, Kind, Made, Owned, Phase, Resource, Seen, Wanted, Whole, network_interface, vpc,
};
use crate::aws::{AllPages, Aws, Cx, Doing, Meanings, Result, Scope, Tagging, missing};
use crate::names::NodeName;

/// An internet gateway as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its id.
    pub id: InternetGatewayId,
    /// The VPC that it is attached to; `None` when to none.
    pub attached_to: Option<VpcId>,
}

/// The internet gateway that is wanted.
#[derive(Debug)]
pub struct InternetGateway;

/// What EC2 answers as long as it does not know a gateway that was just made, in all spellings.
pub const UNKNOWN: &[&str] = &[
    "InvalidInternetGatewayID.NotFound",
    "InvalidInternetGatewayId.NotFound",
    "InvalidGatewayID.NotFound",
];

impl Resource for InternetGateway {
    type Output = Output;
    const KIND: Kind = Kind::InternetGateway;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        let gateways = read(aws, scope.ec2_filters()).await?;
        let read = |gateway: &aws_sdk_ec2::types::InternetGateway| {
            let owner = scope.owner(gateway.tags())?;
            let output = Output::from(gateway);
            let seen = Seen::Present(output.clone(), Phase::Ready);
            Some(Owned { owner, id: output.id.into(), seen })
        };
        Ok(gateways.iter().filter_map(read).collect())
    }

    fn uses(it: &Output) -> Vec<String> {
        it.attached_to.iter().map(ToString::to_string).collect()
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        Some(Tagging::Ec2(it.id.to_string()))
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        let attached_to = match &it.attached_to {
            Some(vpc) => Some(vpc.clone()),
            // An attachment that is younger than the listing would hold the gateway for good.
            None => attachment(aws, &it.id).await?,
        };
        if let Some(vpc) = attached_to {
            let detach = aws.ec2.detach_internet_gateway().internet_gateway_id(it.id.as_str());
            let detach = detach.vpc_id(vpc.as_str()).send().await;
            detach
                .doing("detach the internet gateway")
                .wait_on(&["DependencyViolation"])
                .gone_is_fine(&["Gateway.NotAttached", vpc::UNKNOWN])
                .map(drop)
                .gone_is_fine(UNKNOWN)?;
        }
        let delete = aws.ec2.delete_internet_gateway().internet_gateway_id(it.id.as_str());
        delete
            .send()
            .await
            .doing("delete the internet gateway")
            .wait_on(&["DependencyViolation"])
            .gone_is_fine(UNKNOWN)
            .map(drop)
    }

    async fn blockers(aws: &Aws, it: &Output) -> Result<Vec<String>> {
        match &it.attached_to {
            Some(vpc) => network_interface::with_public_address(aws, vpc).await,
            None => Ok(Vec::new()),
        }
    }
}

impl Wanted for InternetGateway {
    type Needs = vpc::Output;
    type Change = Whole;

    async fn create(&self, cx: &Cx, node: &NodeName, _vpc: &vpc::Output) -> Result<Made<Output>> {
        const DOING: &str = "create the internet gateway";
        let created = cx
            .aws
            .ec2_once
            .create_internet_gateway()
            .tag_specifications(cx.ec2_tags(node, ResourceType::InternetGateway))
            .send()
            .await
            .doing(DOING)?;
        let gateway =
            created.internet_gateway().ok_or_else(|| missing(DOING, "internetGateway"))?;
        gateway.internet_gateway_id().ok_or_else(|| missing(DOING, "internetGatewayId"))?;
        Ok(Made::Ready(Output::from(gateway)))
    }

    fn drift(&self, it: &Output, vpc: &vpc::Output) -> Vec<Difference<Whole>> {
        const FIELD: &str = "VpcId";
        match &it.attached_to {
            Some(attached_to) if *attached_to == vpc.id => Vec::new(),
            Some(other) => {
                let why = "somebody attached it to another VPC: detach it there";
                vec![Difference::replacement(FIELD, other, &vpc.id, why)]
            }
            None => vec![Difference::update(Whole, FIELD, "none", &vpc.id)],
        }
    }

    async fn update(
        &self,
        cx: &Cx,
        _node: &NodeName,
        it: &Output,
        vpc: &vpc::Output,
        _: &[Whole],
    ) -> Result<Made<Output>> {
        let attach = cx.aws.ec2.attach_internet_gateway().internet_gateway_id(it.id.as_str());
        let attach = attach.vpc_id(vpc.id.as_str()).send().await;
        let attached = attach
            .doing("attach the internet gateway to the VPC")
            .wait_on(UNKNOWN)
            .wait_on(&[vpc::UNKNOWN]);
        match attached {
            // An earlier answer was lost. The same code for another gateway in our VPC is an error.
            Err(error)
                if error.code() == Some("Resource.AlreadyAssociated")
                    && error.cause.to_string().contains(it.id.as_str()) =>
            {
                Ok(Made::Asked("the internet gateway's attachment to show".into()))
            }
            Err(error) => Err(error),
            Ok(_) => Ok(Made::Ready(Output { attached_to: Some(vpc.id.clone()), ..it.clone() })),
        }
    }
}

async fn read(aws: &Aws, filters: Vec<Filter>) -> Result<Vec<aws_sdk_ec2::types::InternetGateway>> {
    let gateways = aws.ec2.describe_internet_gateways().set_filters(Some(filters));
    let gateways = gateways.into_paginator().items().send().all().await;
    gateways.doing("list the internet gateways")
}

/// The VPC that a gateway is attached to at this moment. By filter, since a look by id is an error
/// when the gateway is gone.
async fn attachment(aws: &Aws, id: &InternetGatewayId) -> Result<Option<VpcId>> {
    let filter = Filter::builder().name("internet-gateway-id").values(id.as_str()).build();
    let gateways = read(aws, vec![filter]).await?;
    Ok(gateways.iter().map(Output::from).find(|it| it.id == *id).and_then(|it| it.attached_to))
}

impl From<&aws_sdk_ec2::types::InternetGateway> for Output {
    fn from(gateway: &aws_sdk_ec2::types::InternetGateway) -> Self {
        // EC2 says `available` of an attached one, which is none of the states it documents.
        let attached = gateway
            .attachments()
            .iter()
            .find(|attachment| !matches!(attachment.state(), Some(AttachmentStatus::Detached)));
        Self {
            id: InternetGatewayId::from(gateway.internet_gateway_id().unwrap_or_default()),
            attached_to: attached.and_then(|attachment| attachment.vpc_id()).map(VpcId::from),
        }
    }
}
