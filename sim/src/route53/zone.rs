//! Hosted zones, public and private, and the VPCs that private ones answer in.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::record::{At, Record};
use super::{begin_change, invalid_input, name, page_size};
use crate::arn::ACCOUNT;
use crate::ec2;
use crate::fields::{Fields, Tags};
use crate::page;
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// Zones that an account has room for.
const QUOTA: usize = 500;
/// As many as one page holds.
const PAGE: usize = 100;
/// Who serves a zone.
const NAME_SERVERS: [&str; 4] = [
    "ns-1536.awsdns-00.co.uk.",
    "ns-0.awsdns-00.com.",
    "ns-1024.awsdns-00.org.",
    "ns-512.awsdns-00.net.",
];

/// A hosted zone.
#[derive(Debug)]
pub(super) struct Zone {
    /// As [`name::normal`] writes it.
    pub(super) name: String,
    reference: String,
    comment: Option<String>,
    private: bool,
    /// Region and id of each VPC.
    pub(super) vpcs: BTreeSet<(String, String)>,
    pub(super) records: BTreeMap<At, Record>,
    pub(super) tags: Tags,
    /// The service of AWS that made it for itself, such as `servicediscovery.amazonaws.com`.
    linked: Option<String>,
    /// Until when another write is refused.
    busy: Duration,
}

impl Zone {
    /// A public zone with what it is born with.
    fn public(name: String, reference: String) -> Self {
        Self {
            records: born_with(&name),
            name,
            reference,
            comment: None,
            private: false,
            vpcs: BTreeSet::new(),
            tags: Tags::new(),
            linked: None,
            busy: Duration::ZERO,
        }
    }

    /// Whether a record is one of the two that every zone has.
    pub(super) fn is_born_with(&self, at: &At) -> bool {
        matches!(at.kind.as_str(), "NS" | "SOA") && at.name() == self.name
    }

    fn described(&self, id: &str) -> Value {
        let mut config = json!({ "PrivateZone": self.private });
        if let Some(comment) = &self.comment {
            config["Comment"] = comment.clone().into();
        }
        let mut described = json!({
            "Id": format!("/hostedzone/{id}"),
            "Name": self.name,
            "CallerReference": self.reference,
            "Config": config,
            "ResourceRecordSetCount": self.records.len(),
        });
        if let Some(service) = &self.linked {
            described["LinkedService"] = json!({ "ServicePrincipal": service });
        }
        described
    }

    /// `DelegationSet` of a public zone, in an answer.
    fn delegate(&self, answer: &mut Value) {
        if !self.private {
            answer["DelegationSet"] = json!({ "NameServers": NAME_SERVERS });
        }
    }
}

/// A zone's id without the path that Route 53 writes before it.
pub(super) fn bare(id: &str) -> &str {
    id.trim_start_matches("/hostedzone/")
}

fn not_found(id: &str) -> Refusal {
    let message = format!("No hosted zone found with ID: {id}");
    Refusal::new("NoSuchHostedZone", message).with_status(404)
}

/// A zone by its id, with or without path.
pub(super) fn find<'a>(world: &'a World, id: &str) -> Result<&'a Zone, Refusal> {
    world.route53().zones.get(bare(id)).ok_or_else(|| not_found(bare(id)))
}

/// The same, to be changed.
pub(super) fn find_mut<'a>(world: &'a mut World, id: &str) -> Result<&'a mut Zone, Refusal> {
    world.route53_mut().zones.get_mut(bare(id)).ok_or_else(|| not_found(bare(id)))
}

/// Refuses a write to a zone that still has one before it.
pub(super) fn check_idle(world: &World, id: &str) -> Result<(), Refusal> {
    if world.now >= find(world, id)?.busy {
        return Ok(());
    }
    let message = "The request was rejected because Route 53 was still processing a prior request.";
    Err(Refusal::new("PriorRequestNotComplete", message))
}

/// A write has been accepted: the next one has to wait.
pub(super) fn occupy(world: &mut World, id: &str) {
    let (now, dice) = (world.now, world.dice.clone());
    if let Ok(zone) = find_mut(world, id) {
        zone.busy = now + dice.delay("route53.busy", &zone.name, 0.2..=1.0);
    }
}

/// Region and id of the VPC of a request, which has to be there.
fn vpc_of(world: &mut World, vpc: &Value) -> Result<(String, String), Refusal> {
    let (region, id) = (vpc.text("VPCRegion"), vpc.text("VPCId"));
    if region.is_empty() || id.is_empty() {
        return Err(invalid_input("A VPC takes both VPCRegion and VPCId"));
    }
    let here = world.region.clone();
    world.enter(region);
    let found = ec2::vpc(world, id);
    world.enter(&here);
    let invalid = |_| {
        let message = format!("The VPC: {id} in region {region} is not valid or does not exist");
        Refusal::new("InvalidVPCId", message)
    };
    found.map_err(invalid)?;
    Ok((region.to_owned(), id.to_owned()))
}

/// A VPC answers for a name out of one private zone only.
fn check_conflict(world: &World, name: &str, vpc: &(String, String)) -> Result<(), Refusal> {
    let mut zones = world.route53().zones.iter();
    let Some((id, _)) = zones.find(|(_, it)| it.name == name && it.vpcs.contains(vpc)) else {
        return Ok(());
    };
    let (region, vpc) = vpc;
    let message = format!(
        "The VPC {vpc} in region {region} has already been associated with the hosted zone {id} with \
         the same domain name."
    );
    Err(Refusal::new("ConflictingDomainExists", message))
}

/// `CreateHostedZone`.
pub(super) fn create(world: &mut World, input: &Value) -> Answer {
    if input.some_text("DelegationSetId").is_some() {
        return Err(Refusal::new("SimulatorLacks", "CreateHostedZone with DelegationSetId"));
    }
    let (reference, config) = (input.text("CallerReference"), input.part("HostedZoneConfig"));
    let name = name::normal(input.text("Name"))
        .map_err(|message| Refusal::new("InvalidDomainName", message))?;
    if world.route53().references.contains(reference) {
        let message = "A hosted zone has already been created with the specified caller reference.";
        return Err(Refusal::new("HostedZoneAlreadyExists", message).with_status(409));
    }
    let vpc = input.part("VPC");
    let private = vpc.is_object();
    if config.flag("PrivateZone") == Some(true) && !private {
        let message = "When you're creating a private hosted zone (when you specify true for \
                       PrivateZone), you must also specify values for VPCId and VPCRegion.";
        return Err(invalid_input(message));
    }
    let mut vpcs = BTreeSet::new();
    if private {
        let vpc = vpc_of(world, vpc)?;
        check_conflict(world, &name, &vpc)?;
        vpcs.insert(vpc);
    }
    if world.route53().zones.len() >= world.scenario.quota("hosted-zones", QUOTA) {
        let message = "The maximum number of hosted zones has been reached on your account";
        return Err(Refusal::new("TooManyHostedZones", message));
    }
    let id = new_id(world, &name);
    let comment = config.some_text("Comment").map(str::to_owned);
    let it = Zone { comment, private, vpcs, ..Zone::public(name, reference.to_owned()) };
    let mut answer = json!({
        "HostedZone": it.described(&id),
        "ChangeInfo": begin_change(world, &it.name, None),
        "Location": format!("https://route53.amazonaws.com/2013-04-01/hostedzone/{id}"),
    });
    it.delegate(&mut answer);
    if private {
        answer["VPC"] = vpc.clone();
    }
    world.route53_mut().references.insert(it.reference.clone());
    world.route53_mut().zones.insert(id, it);
    Ok(answer)
}

fn new_id(world: &mut World, name: &str) -> String {
    format!("Z{}", world.digits_of(19, &format!("zone {name}")).to_ascii_uppercase())
}

/// A public zone that is there before anybody calls, with an id of its own or with this one.
pub(super) fn add(world: &mut World, name: &str, id: Option<&str>) -> Option<String> {
    let name = name::normal(name).ok()?;
    let id = id.map_or_else(|| new_id(world, &name), str::to_owned);
    let it = Zone::public(name, "somebody's".to_owned());
    world.route53_mut().zones.insert(id.clone(), it);
    Some(id)
}

/// A private zone that a service of AWS makes for itself, in a VPC of this region.
pub(super) fn make_linked(
    world: &mut World,
    name: &str,
    vpc: &str,
    service: &str,
) -> Result<String, Refusal> {
    let region = world.region.clone();
    let input = json!({
        "Name": name,
        "CallerReference": format!("{service} {}", world.digits_of(16, &format!("linked {name}"))),
        "HostedZoneConfig": { "PrivateZone": true, "Comment": "Created by AWS Cloud Map namespace" },
        "VPC": { "VPCRegion": region, "VPCId": vpc },
    });
    let made = create(world, &input)?;
    let id = bare(made.part("HostedZone").text("Id")).to_owned();
    link(world, &id, service);
    Ok(id)
}

/// A zone becomes one that a service of AWS made for itself.
pub(super) fn link(world: &mut World, id: &str, service: &str) {
    if let Ok(zone) = find_mut(world, id) {
        zone.linked = Some(service.to_owned());
    }
}

/// Refuses a change of a zone that a service of AWS made for itself. The wording is not verified.
pub(super) fn check_linked(world: &World, id: &str) -> Result<(), Refusal> {
    match &find(world, id)?.linked {
        Some(service) => {
            let message =
                format!("The resource hostedzone/{id} can only be managed through {service}");
            Err(Refusal::new("AccessDenied", message).with_status(403))
        }
        None => Ok(()),
    }
}

/// The records that a zone is born with, and that go with it.
fn born_with(zone: &str) -> BTreeMap<At, Record> {
    let authority =
        format!("{} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400", NAME_SERVERS[0]);
    let seconds = Duration::from_secs;
    BTreeMap::from([
        (At::new(zone, "NS", None), Record::values(seconds(172_800), &NAME_SERVERS)),
        (At::new(zone, "SOA", None), Record::values(seconds(900), &[&authority])),
    ])
}

/// `ListHostedZones`.
pub(super) fn list(world: &World, input: &Value) -> Answer {
    if input.some_text("DelegationSetId").is_some() {
        return Err(Refusal::new("SimulatorLacks", "ListHostedZones with DelegationSetId"));
    }
    let size = page_size(world, input, PAGE)?;
    let only_private = input.some_text("HostedZoneType").is_some();
    let marker = input.some_text("Marker");
    let from = marker.map(bare).unwrap_or_default();
    let zones = world.route53().zones.range(from.to_owned()..);
    let zones = zones.filter(|(_, zone)| zone.private || !only_private);
    let (page, next) = page::cut(zones, size);
    let page: Value = page.into_iter().map(|(id, zone)| zone.described(id)).collect();
    let mut answer = json!({
        "HostedZones": page,
        "IsTruncated": next.is_some(),
        "MaxItems": size.to_string(),
    });
    if let Some(marker) = marker {
        answer["Marker"] = marker.into();
    }
    if let Some((id, _)) = next {
        answer["NextMarker"] = id.clone().into();
    }
    Ok(answer)
}

/// `ListHostedZonesByName`: in the order of their names, read from the last part to the first.
pub(super) fn list_by_name(world: &World, input: &Value) -> Answer {
    let size = page_size(world, input, PAGE)?;
    let reversed = |name: &str| name.rsplit('.').map(str::to_owned).collect::<Vec<_>>();
    let name = input.some_text("DNSName").map(name::normal).transpose().map_err(invalid_input)?;
    let id = input.some_text("HostedZoneId");
    if id.is_some() && name.is_none() {
        return Err(invalid_input("A hosted zone's ID needs its DNS name"));
    }
    let from = name.as_deref().map(|name| (reversed(name), bare(id.unwrap_or_default())));
    let zones = world.route53().zones.iter();
    let mut zones: Vec<_> = zones.map(|(id, it)| ((reversed(&it.name), id.as_str()), it)).collect();
    zones.retain(|(at, _)| from.as_ref().is_none_or(|from| at >= from));
    zones.sort_by(|(one, _), (other, _)| one.cmp(other));
    let (page, next) = page::cut(zones.into_iter(), size);
    let page: Value = page.into_iter().map(|((_, id), it)| it.described(id)).collect();
    let mut answer = json!({
        "HostedZones": page,
        "IsTruncated": next.is_some(),
        "MaxItems": size.to_string(),
    });
    for (member, said) in [("DNSName", name.as_deref()), ("HostedZoneId", id)] {
        if let Some(said) = said {
            answer[member] = said.into();
        }
    }
    if let Some(((_, id), zone)) = next {
        answer["NextDNSName"] = zone.name.clone().into();
        answer["NextHostedZoneId"] = id.into();
    }
    Ok(answer)
}

/// `ListHostedZonesByVPC`.
pub(super) fn list_by_vpc(world: &World, input: &Value) -> Answer {
    let size = page_size(world, input, PAGE)?;
    let vpc = (input.text("VPCRegion").to_owned(), input.text("VPCId").to_owned());
    let from = bare(input.text("NextToken")).to_owned();
    let zones = world.route53().zones.range(from..);
    let (page, next) = page::cut(zones.filter(|(_, zone)| zone.vpcs.contains(&vpc)), size);
    let summary = |(id, zone): (&String, &Zone)| {
        json!({
            "HostedZoneId": id,
            "Name": zone.name,
            "Owner": { "OwningAccount": ACCOUNT },
        })
    };
    let page: Value = page.into_iter().map(summary).collect();
    let mut answer = json!({ "HostedZoneSummaries": page, "MaxItems": size.to_string() });
    if let Some((id, _)) = next {
        answer["NextToken"] = id.clone().into();
    }
    Ok(answer)
}

/// `GetHostedZone`.
pub(super) fn get(world: &World, input: &Value) -> Answer {
    let id = bare(input.text("Id"));
    let it = find(world, id)?;
    let mut answer = json!({ "HostedZone": it.described(id) });
    it.delegate(&mut answer);
    if it.private {
        let vpc = |(region, id): &(String, String)| json!({ "VPCRegion": region, "VPCId": id });
        answer["VPCs"] = it.vpcs.iter().map(vpc).collect();
    }
    Ok(answer)
}

/// `DeleteHostedZone`: only what it was born with may be left in it.
pub(super) fn delete(world: &mut World, input: &Value) -> Answer {
    let id = bare(input.text("Id"));
    let it = find(world, id)?;
    check_linked(world, id)?;
    check_idle(world, id)?;
    if it.records.keys().any(|at| !it.is_born_with(at)) {
        let message = "The specified hosted zone contains non-required resource record sets  and so \
                       cannot be deleted.";
        return Err(Refusal::new("HostedZoneNotEmpty", message));
    }
    let name = it.name.clone();
    world.route53_mut().zones.remove(id);
    Ok(json!({ "ChangeInfo": begin_change(world, &name, None) }))
}

/// `AssociateVPCWithHostedZone`.
pub(super) fn associate(world: &mut World, input: &Value) -> Answer {
    let id = bare(input.text("HostedZoneId"));
    let (name, private) = find(world, id).map(|it| (it.name.clone(), it.private))?;
    if !private {
        let message = "You're trying to associate a VPC with a public hosted zone.";
        return Err(Refusal::new("PublicZoneVPCAssociation", message));
    }
    let vpc = vpc_of(world, input.part("VPC"))?;
    check_idle(world, id)?;
    check_conflict(world, &name, &vpc)?;
    find_mut(world, id)?.vpcs.insert(vpc);
    occupy(world, id);
    Ok(json!({ "ChangeInfo": begin_change(world, &name, input.some_text("Comment")) }))
}

/// `DisassociateVPCFromHostedZone`: a private zone keeps its last VPC.
pub(super) fn disassociate(world: &mut World, input: &Value) -> Answer {
    let id = bare(input.text("HostedZoneId"));
    let it = find(world, id)?;
    let vpc = input.part("VPC");
    let vpc = (vpc.text("VPCRegion").to_owned(), vpc.text("VPCId").to_owned());
    if !it.vpcs.contains(&vpc) {
        let message = "The specified VPC and hosted zone are not currently associated.";
        return Err(Refusal::new("VPCAssociationNotFound", message).with_status(404));
    }
    if it.vpcs.len() == 1 {
        let message = "The VPC is the last one that is associated with the private hosted zone.";
        return Err(Refusal::new("LastVPCAssociation", message));
    }
    check_idle(world, id)?;
    let name = it.name.clone();
    find_mut(world, id)?.vpcs.remove(&vpc);
    occupy(world, id);
    Ok(json!({ "ChangeInfo": begin_change(world, &name, input.some_text("Comment")) }))
}
