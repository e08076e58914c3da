//! There is no way out, or it does not work: what routes, NAT gateways and security groups show.
//!
//! None of it is told by ECS, which only says that something timed out.

use super::Waiting::{Helps, Hopeless};
use super::evidence::{Gateway, Subnet, WayOut};
use super::table::{Cause, cause, named};
use super::{Evidence, Family, Finding};

const AGAIN: &str = "somebody has changed it since it was made: run the same `ecsup deploy` again, which \
                     restores it";

const CAUSES: &[Cause] = &[
    cause(
        "nat-failed",
        Hopeless,
        &[],
        "the NAT gateway that the tasks' subnet goes out through does not work",
        "run the same `ecsup deploy` again, which makes another one; what AWS says names what has to be \
         mended before",
    ),
    cause(
        "nat-pending",
        Helps,
        &[],
        "the NAT gateway that the tasks' subnet goes out through is not there yet",
        "",
    ),
    cause("no-way-out", Hopeless, &[], "a subnet of the stack has no way out", AGAIN),
    cause(
        "endpoint-pending",
        Helps,
        &[],
        "a VPC endpoint through which the stack reaches AWS is not there yet",
        "",
    ),
    cause(
        "no-endpoint",
        Hopeless,
        &[],
        "a service of AWS that starting a task takes has no endpoint in the VPC, and nothing else leads out of \
         it",
        "run the same `ecsup deploy` again, which restores it, with `required` in `--endpoints`",
    ),
    cause(
        "route-dead",
        Hopeless,
        &[],
        "the way out of a subnet of the stack leads to something that is gone",
        AGAIN,
    ),
    cause(
        "no-public-address",
        Hopeless,
        &[],
        "what starts in a subnet of the stack has no public address, and the internet gateway takes no other",
        "run the same `ecsup deploy` again, which restores it, or say `--nat single`",
    ),
    cause("nothing-let-out", Hopeless, &[], "the tasks' security group lets nothing out", AGAIN),
    cause(
        "public-access-blocked",
        Hopeless,
        &[],
        "VPC Block Public Access keeps everything in",
        "let the account exclude this VPC from it, or go out through something else than the internet with \
         `--endpoints`",
    ),
];

/// What is wrong with the way out.
pub(super) fn found(evidence: &Evidence) -> Vec<Finding> {
    let of = |name: &str, call: &'static str, text: String| {
        let cause = named(CAUSES, name)?.finding(Family::Network, evidence);
        Some(cause.resting_on(call, text))
    };
    let blocked = evidence.public_access.as_deref().filter(|mode| *mode == "block-bidirectional");
    let blocked = blocked.and_then(|mode| {
        let call = "ec2:DescribeVpcs";
        of("public-access-blocked", call, format!("InternetGatewayBlockMode is {mode}"))
    });
    let shut = evidence.lets_out.filter(|it| !it).and_then(|_| {
        let text = "no rule for what goes out to port 443".to_owned();
        of("nothing-let-out", "ec2:DescribeSecurityGroupRules", text)
    });
    let endpoints = evidence.subnets.iter().flat_map(|subnet| {
        let WayOut::Endpoints(lacking) = &subnet.way_out else { return Vec::new() };
        let Subnet { id, table, .. } = subnet;
        let told = lacking.iter().filter_map(|(service, state)| {
            let name = match state.as_deref() {
                Some("pending") => "endpoint-pending",
                _ => "no-endpoint",
            };
            let is = state.as_deref().map_or("not there".to_owned(), |it| format!("`{it}`"));
            let text = format!(
                "the endpoint for {service} is {is}, and {table} of {id} has no route for 0.0.0.0/0"
            );
            of(name, "ec2:DescribeVpcEndpoints", text)
        });
        told.collect()
    });
    let ways = evidence.subnets.iter().filter_map(|subnet| {
        const TABLES: &str = "ec2:DescribeRouteTables";
        let Subnet { id, table, .. } = subnet;
        match &subnet.way_out {
            WayOut::Nowhere => {
                of("no-way-out", TABLES, format!("{table} of {id} has no route for 0.0.0.0/0"))
            }
            WayOut::Blackhole(to) => of(
                "route-dead",
                TABLES,
                format!("0.0.0.0/0 in {table} of {id} leads to {to}: blackhole"),
            ),
            WayOut::Internet if !subnet.has_public_addresses => {
                let text = format!("{table} of {id} leads to the internet gateway");
                of("no-public-address", TABLES, text)
            }
            WayOut::Nat(nat) => {
                let gateway = evidence.gateways.iter().find(|it| it.id == *nat)?;
                let Gateway { state, failure, .. } = gateway;
                let why = failure.as_ref().map(|it| format!(": {it}")).unwrap_or_default();
                let text = format!("{nat}, to which {table} of {id} leads, is {state}{why}");
                let name = match state.as_str() {
                    "available" => return None,
                    "pending" => "nat-pending",
                    _ => "nat-failed",
                };
                of(name, "ec2:DescribeNatGateways", text)
            }
            WayOut::Internet | WayOut::Other(_) | WayOut::Endpoints(_) => None,
        }
    });
    let mut found: Vec<_> = shut.into_iter().chain(ways).chain(endpoints).collect();
    // Where all is blocked, the routes are as they should be.
    found.extend(blocked);
    found
}

#[cfg(test)]
pub(super) const ALL: &[&[Cause]] = &[CAUSES];
