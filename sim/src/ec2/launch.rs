//! Launching from a template: now, and only now, EC2 looks at what a template names
//! (`docs/aws-facts.md`, "Creating"). Auto Scaling asks the same when a group is made, and words the
//! refusals as its own.

use serde_json::{Value, json};

use super::instance::{self, Instance, State};
use super::instance_type::InstanceType;
use super::launch_template_data::{Launch, Otherwise, resolve};
use super::subnet::Subnet;
use super::table::{Entry, find, make_named, visible};
use super::volume::Volume;
use super::{
    FAILING_INSTANCE, NewInterface, PENDING_INSTANCE, VERIFYING, guard_duty, interface,
    launch_template,
};
use crate::fields::{Fields, Tags};
use crate::notice::Notice;
use crate::refusal::Refusal;
use crate::world::World;

/// Asks what `CreateAutoScalingGroup` asks, and refuses as Auto Scaling does. Of several `types`, one that
/// a zone has is enough for it; without any, the template's own counts.
pub fn check(
    world: &World,
    template: &str,
    version: &str,
    subnets: &[String],
    types: &[String],
) -> Result<(), Refusal> {
    const BEFORE: &str = "You must use a valid fully-formed launch template.";
    let own = |refusal: Refusal| match refusal.code.as_str() {
        "SimulatorLacks" => refusal,
        _ => Refusal::new("ValidationError", format!("{BEFORE} {}", refusal.message)),
    };
    let template = launch_template::named(world, template).map_err(own)?;
    let data = data(world, template, version).map_err(own)?;
    let of_type =
        |kind: &String| Otherwise { instance_type: Some(kind.clone()), spot: false }.applied(data);
    let mut ways: Vec<_> = types.iter().map(of_type).collect();
    if ways.is_empty() {
        ways.push(data.clone());
    }
    for data in ways.iter().filter(|_| subnets.is_empty() || !types.is_empty()) {
        resolve(world, data, None).map_err(own)?;
    }
    for id in subnets {
        let subnet = find::<Subnet>(world, id)
            .map_err(|refusal| Refusal::new("ValidationError", refusal.message))?;
        let mut refusals = Vec::new();
        for data in &ways {
            refusals.extend(resolve(world, data, Some(subnet)).err());
        }
        let unsupported = |it: &Refusal| ways.len() > 1 && it.code == "Unsupported";
        let refused = refusals
            .iter()
            .find(|it| !unsupported(it))
            .or_else(|| refusals.first().filter(|_| refusals.len() == ways.len()));
        if let Some(refusal) = refused {
            return Err(own(refusal.clone()));
        }
    }
    Ok(())
}

fn data<'a>(
    world: &World,
    template: &'a Entry<launch_template::LaunchTemplate>,
    version: &str,
) -> Result<&'a Value, Refusal> {
    let found = template.it.version(world.now, version);
    found
        .map(|version| &version.data)
        .ok_or_else(|| launch_template::unknown_version(&template.id, version))
}

/// Starts one instance. The refusal's message is what a scaling activity shows.
pub fn run(
    world: &mut World,
    template: &str,
    version: &str,
    subnet: &str,
    tags: Tags,
    otherwise: &Otherwise,
) -> Result<String, Refusal> {
    try_run(world, template, version, subnet, tags, otherwise).map_err(|refusal| Refusal {
        message: format!("{} Launching EC2 instance failed.", full_stop(&refusal.message)),
        ..refusal
    })
}

fn full_stop(sentence: &str) -> String {
    let ended = sentence.ends_with('.');
    format!("{sentence}{}", if ended { "" } else { "." })
}

fn try_run(
    world: &mut World,
    template: &str,
    version: &str,
    subnet: &str,
    given: Tags,
    otherwise: &Otherwise,
) -> Result<String, Refusal> {
    let template = launch_template::named(world, template)?;
    let data = otherwise.applied(data(world, template, version)?);
    let subnet = find::<Subnet>(world, subnet)?.clone();
    let launch = resolve(world, &data, Some(&subnet))?;
    within_limits(world, launch.kind, &subnet, otherwise.spot)?;
    let version = template.it.version(world.now, version).map_or(1, |version| version.number);
    let mut tags = born(&data, "instance");
    tags.extend(given);
    tags.insert("aws:ec2launchtemplate:id".to_owned(), template.id.clone());
    tags.insert("aws:ec2launchtemplate:version".to_owned(), version.to_string());
    let launch = Launch { spot: otherwise.spot, ..launch };
    Ok(start(world, &data, &subnet, launch, tags))
}

/// The tags that a template gives to what is born with an instance.
fn born(data: &Value, kind: &str) -> Tags {
    let all = data.list("TagSpecifications").iter();
    let of_kind = all.filter(|specification| specification.text("ResourceType") == kind);
    of_kind.flat_map(|specification| specification.tags("Tags")).collect()
}

/// Machines that are left, processors that the account may use, and addresses of the subnet.
fn within_limits(
    world: &World,
    kind: &InstanceType,
    subnet: &Entry<Subnet>,
    spot: bool,
) -> Result<(), Refusal> {
    let (name, zone) = (kind.name, &subnet.it.zone);
    if let Some((code, message)) = world.scenario.launch_refusal {
        let message = message.replace("{type}", name).replace("{zone}", zone);
        return Err(Refusal::new(code, message));
    }
    if world.scenario.pending_verification {
        let verified = world.dice.delay(VERIFYING, &world.region, 120.0..=600.0);
        if world.now < verified {
            let message = "Your request for accessing resources in this region is being validated, \
                           and you will not be able to launch additional resources in this region \
                           until the validation is complete. We will notify you by email once your \
                           request has been validated. While normally resolved within minutes, \
                           please allow up to 4 hours for this process to complete.";
            return Err(Refusal::new("PendingVerification", message));
        }
    }
    if world.scenario.free_plan && !kind.is_free() {
        let message = "The specified instance type is not eligible for Free Tier. For a list of \
                       Free Tier instance types, run 'describe-instance-types' with the filter \
                       'free-tier-eligible=true'.";
        return Err(Refusal::new("InvalidParameterCombination", message));
    }
    if spot && world.scenario.no_spot {
        let message = "Could not launch Spot Instances. UnfulfillableCapacity - There is no Spot \
                       capacity available that matches your request.";
        return Err(Refusal::new("UnfulfillableCapacity", message));
    }
    if world.scenario.no_capacity || world.scenario.scarce_types.contains(&name) {
        let mut others = kind.zones(world);
        others.retain(|other| other != zone);
        let message = format!(
            "We currently do not have sufficient {name} capacity in the Availability Zone you \
             requested ({zone}). Our system will be working on provisioning additional capacity. \
             You can currently get {name} capacity by not specifying an Availability Zone in your \
             request or choosing {}.",
            others.join(", ")
        );
        return Err(Refusal::new("InsufficientInstanceCapacity", message).with_status(500));
    }
    let instances = world.ec2().instances.all().map(|instance| &instance.it);
    let counted = instances.filter(|it| {
        let counts = matches!(it.state, State::Pending | State::Running);
        counts && it.kind.bucket() == kind.bucket() && it.spot == spot
    });
    let used: u32 = counted.map(|it| it.kind.vcpus).sum();
    // Spot instances have quotas of their own (EC2 user guide, "Spot Instance quotas").
    let most = world.scenario.quota(if spot { "spot-vcpus" } else { "vcpus" }, 32);
    let is_over = usize::try_from(used + kind.vcpus).unwrap_or(usize::MAX) > most;
    if spot && is_over {
        let message = "Max spot instance count exceeded";
        return Err(Refusal::new("MaxSpotInstanceCountExceeded", message));
    }
    if is_over {
        let message = format!(
            "You have requested more vCPU capacity than your current vCPU limit of {most} allows \
             for the instance bucket that the specified instance type belongs to. Please visit \
             http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit."
        );
        return Err(Refusal::new("VcpuLimitExceeded", message));
    }
    interface::needs_room(world, &subnet.id)
}

/// Puts the instance there, with its interface and its volumes.
fn start(
    world: &mut World,
    data: &Value,
    subnet: &Entry<Subnet>,
    launch: Launch,
    tags: Tags,
) -> String {
    // Instances of a group share a name, and each takes its own time.
    let name = tags.get("Name").cloned().unwrap_or_else(|| subnet.id.clone());
    let number = world.ec2_mut().launched.entry(name.clone()).or_default();
    *number += 1;
    let key = format!("{name} {number}");
    let metadata = data.part("MetadataOptions");
    let reservation = world.id_of("r", &key);
    let instance = Instance {
        kind: launch.kind,
        image: launch.image.to_owned(),
        vpc: subnet.it.vpc.clone(),
        subnet: subnet.id.clone(),
        zone: subnet.it.zone.clone(),
        state: State::Pending,
        user_data: launch.user_data,
        profile: launch.profile,
        spot: launch.spot,
        groups: launch.groups.clone(),
        reservation,
        key: key.clone(),
        protected: data.flag("DisableApiTermination").unwrap_or(false),
        metadata: json!({
            "State": "applied",
            "HttpEndpoint": metadata.some_text("HttpEndpoint").unwrap_or("enabled"),
            "HttpTokens": metadata.some_text("HttpTokens").unwrap_or("required"),
            "HttpPutResponseHopLimit": metadata.number("HttpPutResponseHopLimit").unwrap_or(2),
        }),
        monitored: data.part("Monitoring").flag("Enabled").unwrap_or(false),
        reason: String::new(),
    };
    let visible = visible(world, &key);
    let id = make_named(world, &key, visible, tags, instance);
    let interface = interface::put(
        world,
        NewInterface {
            subnet: subnet.id.clone(),
            groups: launch.groups,
            instance: Some(id.clone()),
            public: launch.public.unwrap_or(subnet.it.public_addresses),
            tags: born(data, "network-interface"),
            ..NewInterface::default()
        },
    );
    let interface = interface.and_then(|id| world.ec2_mut().interfaces.get_mut(&id));
    if let Some(interface) = interface {
        interface.it.goes_with_instance = launch.interface_goes;
    }
    for (device, goes_with_instance) in launch.volumes {
        let name = format!("{id} {device}");
        let volume = Volume { instance: Some(id.clone()), device, goes_with_instance };
        make_named(world, &name, visible, born(data, "volume"), volume);
    }
    let starting = id.clone();
    if world.scenario.unusable_key {
        // Found out only when the volume is to be attached.
        let later = world.dice.delay(FAILING_INSTANCE, &key, 2.0..=6.0);
        world.after(later, move |world| fail(world, &starting));
        return id;
    }
    let later = world.dice.delay(PENDING_INSTANCE, &key, 20.0..=40.0);
    world.after(later, move |world| {
        let instance = world.ec2_mut().instances.get_mut(&starting);
        if let Some(instance) = instance.filter(|it| it.it.state == State::Pending) {
            instance.it.state = State::Running;
            let (vpc, subnet) = (instance.it.vpc.clone(), instance.it.subnet.clone());
            guard_duty::notices(world, &vpc, &subnet);
            world.tell(Notice::InstanceRuns(&starting));
        }
    });
    id
}

/// EC2 cannot use the key of the instance's volumes: it goes before it has run.
fn fail(world: &mut World, id: &str) {
    instance::shut_down_for(world, id, "Client.InternalError: Client error on launch");
}
