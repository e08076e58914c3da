//! Launching from a template: here, and only here, EC2 looks at what a template names
//! (`docs/aws-facts.md`, "Creating"). Auto Scaling asks the same when a group is made, and words the
//! refusals as its own.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::image::{self, ROOT_DEVICE, ROOT_SIZE, SNAPSHOT};
use super::instance::{Instance, State, Volume};
use super::instance_type::{self, InstanceType};
use super::launch_template;
use super::query::{invalid, lacks, missing};
use super::security_group::SecurityGroup;
use super::subnet::Subnet;
use super::table::{Entry, find, make_visible, visible};
use super::{NewInterface, PENDING_INSTANCE, interface};
use crate::sim::ecs::agent;
use crate::sim::fields::{Fields, Tags};
use crate::sim::iam;
use crate::sim::refusal::Refusal;
use crate::sim::world::World;

/// What a template comes to in a subnet.
#[derive(Debug)]
struct Launch {
    kind: &'static InstanceType,
    image: &'static str,
    profile: Option<String>,
    groups: Vec<String>,
    public: Option<bool>,
    interface_goes: bool,
    user_data: String,
    volumes: Vec<(String, bool)>,
}

/// What would change what is launched and is not simulated.
const LACKED: &[&str] = &[
    "CapacityReservationSpecification",
    "CpuOptions",
    "ElasticGpuSpecifications",
    "ElasticInferenceAccelerators",
    "EnclaveOptions",
    "HibernationOptions",
    "InstanceMarketOptions",
    "InstanceRequirements",
    "KernelId",
    "LicenseSpecifications",
    "Operator",
    "Placement",
    "RamDiskId",
    "SecondaryInterfaces",
    "SecurityGroups",
];

/// The same of a network interface.
const INTERFACE_LACKED: &[&str] = &[
    "AssociateCarrierIpAddress",
    "InterfaceType",
    "Ipv4PrefixCount",
    "Ipv4Prefixes",
    "Ipv6AddressCount",
    "Ipv6Addresses",
    "Ipv6PrefixCount",
    "Ipv6Prefixes",
    "NetworkInterfaceId",
    "PrimaryIpv6",
    "PrivateIpAddress",
    "PrivateIpAddresses",
    "SecondaryPrivateIpAddressCount",
    "SubnetId",
];

/// Looks at everything that a version of a template names, in EC2's own words.
fn resolve(world: &World, data: &Value, subnet: Option<&Entry<Subnet>>) -> Result<Launch, Refusal> {
    lacks("LaunchTemplateData", data, LACKED)?;
    let id = data.some_text("ImageId").ok_or_else(|| missing("ImageId"))?;
    let image = image::image(id).ok_or_else(|| image::unknown(id))?;
    let kind = data.some_text("InstanceType").ok_or_else(|| missing("InstanceType"))?;
    let kind = instance_type::named(kind)
        .ok_or_else(|| invalid(format!("Invalid value '{kind}' for InstanceType.")))?;
    if kind.architecture() != image.architecture {
        return Err(invalid(format!(
            "The architecture '{}' of the specified instance type does not match the architecture \
             '{}' of the specified AMI. Specify an instance type and an AMI that have matching \
             architectures, and try again. You can use 'describe-instance-types' or \
             'describe-images' to discover the architecture of the instance type or AMI.",
            kind.architecture(),
            image.architecture
        )));
    }
    if let Some(name) = data.some_text("KeyName") {
        let message = format!("The key pair '{name}' does not exist");
        return Err(Refusal::new("InvalidKeyPair.NotFound", message));
    }
    let (groups, public, interface_goes) = network(world, data, subnet)?;
    if let Some(subnet) = subnet {
        let zones = kind.zones(&world.region);
        if !zones.contains(&subnet.it.zone) {
            let message = format!(
                "Your requested instance type ({}) is not supported in your requested Availability \
                 Zone ({}). Please retry your request by not specifying an Availability Zone or \
                 choosing {}.",
                kind.name,
                subnet.it.zone,
                zones.join(", ")
            );
            return Err(Refusal::new("Unsupported", message));
        }
    }
    Ok(Launch {
        kind,
        image: image.id,
        profile: profile(world, data.part("IamInstanceProfile"))?,
        groups,
        public,
        interface_goes,
        user_data: user_data(data)?,
        volumes: volumes(data)?,
    })
}

/// The name of the instance profile, once EC2 knows it.
fn profile(world: &World, data: &Value) -> Result<Option<String>, Refusal> {
    let (value, parameter, noun) = match (data.some_text("Arn"), data.some_text("Name")) {
        (Some(_), Some(_)) => {
            let message = "The parameter 'iamInstanceProfile.name' may not be used in combination \
                           with 'iamInstanceProfile.arn'";
            return Err(Refusal::new("InvalidParameterCombination", message));
        }
        (None, None) => return Ok(None),
        (Some(arn), None) => (arn, "arn", "ARN"),
        (None, Some(name)) => (name, "name", "name"),
    };
    if !iam::profile_is_visible(world, value) {
        return Err(invalid(format!(
            "Value ({value}) for parameter iamInstanceProfile.{parameter} is invalid. Invalid IAM \
             Instance Profile {noun}"
        )));
    }
    Ok(value.rsplit('/').next().map(str::to_owned))
}

/// Security groups, whether there is to be a public address, and whether the interface goes with
/// the instance. All of it is the template's own or its one interface's.
fn network(
    world: &World,
    data: &Value,
    subnet: Option<&Entry<Subnet>>,
) -> Result<(Vec<String>, Option<bool>, bool), Refusal> {
    let given = data.list("NetworkInterfaces");
    let mut groups = data.texts("SecurityGroupIds");
    let (mut public, mut goes) = (None, true);
    if given.len() > 1 {
        return Err(Refusal::new("SimulatorLacks", "LaunchTemplateData.NetworkInterfaces"));
    }
    if let [given] = given {
        lacks("LaunchTemplateData.NetworkInterfaces", given, INTERFACE_LACKED)?;
        if !groups.is_empty() {
            let message = "Network interfaces and an instance-level security groups may not be \
                           specified on the same request";
            return Err(Refusal::new("InvalidParameterCombination", message));
        }
        if given.number("DeviceIndex") != Some(0) {
            return Err(invalid("Each network interface requires a device index."));
        }
        groups = given.texts("Groups");
        public = given.flag("AssociatePublicIpAddress");
        goes = given.flag("DeleteOnTermination").unwrap_or(true);
    }
    if groups.len() > 5 {
        let message = "The maximum number of security groups per interface has been reached.";
        return Err(Refusal::new("SecurityGroupsPerInterfaceLimitExceeded", message));
    }
    for id in &groups {
        let group = find::<SecurityGroup>(world, id)?;
        if let Some(subnet) = subnet.filter(|subnet| subnet.it.vpc != group.it.vpc) {
            let message = format!(
                "Security group {id} and subnet {} belong to different networks.",
                subnet.id
            );
            return Err(Refusal::new("InvalidParameter", message));
        }
    }
    if let (true, Some(subnet)) = (groups.is_empty(), subnet) {
        let mut all = world.ec2.groups.all();
        let default = all.find(|group| group.it.default && group.it.vpc == subnet.it.vpc);
        groups.extend(default.map(|group| group.id.clone()));
    }
    Ok((groups, public, goes))
}

fn user_data(data: &Value) -> Result<String, Refusal> {
    let text = data.text("UserData");
    let decoded = STANDARD.decode(text).map_err(|_| {
        Refusal::new("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.")
    })?;
    if decoded.len() > 16_384 {
        return Err(invalid("User data is limited to 16384 bytes"));
    }
    Ok(String::from_utf8_lossy(&decoded).into_owned())
}

/// The devices of the volumes, and whether each goes with the instance: the image's own, which the
/// template may say otherwise, and more.
fn volumes(data: &Value) -> Result<Vec<(String, bool)>, Refusal> {
    let mut volumes = vec![(ROOT_DEVICE.to_owned(), true)];
    for mapping in data.list("BlockDeviceMappings") {
        lacks("LaunchTemplateData.BlockDeviceMappings", mapping, &["NoDevice", "VirtualName"])?;
        let (device, ebs) = (mapping.text("DeviceName"), mapping.part("Ebs"));
        let goes = ebs.flag("DeleteOnTermination").unwrap_or(true);
        if device == ROOT_DEVICE {
            if let Some(size) = ebs.number("VolumeSize").filter(|size| *size < ROOT_SIZE) {
                let message = format!(
                    "Volume of size {size}GB is smaller than snapshot '{SNAPSHOT}', expect size >= \
                     {ROOT_SIZE}GB"
                );
                return Err(Refusal::new("InvalidBlockDeviceMapping", message));
            }
            volumes[0].1 = goes;
        } else {
            volumes.push((device.to_owned(), goes));
        }
    }
    Ok(volumes)
}

/// Asks what `CreateAutoScalingGroup` asks, and refuses as Auto Scaling does.
pub fn check(
    world: &World,
    template: &str,
    version: &str,
    subnets: &[String],
) -> Result<(), Refusal> {
    const BEFORE: &str = "You must use a valid fully-formed launch template.";
    let own = |refusal: Refusal| match refusal.code.as_str() {
        "SimulatorLacks" => refusal,
        _ => Refusal::new("ValidationError", format!("{BEFORE} {}", refusal.message)),
    };
    let template = launch_template::named(world, template).map_err(own)?;
    let data = data(world, template, version).map_err(own)?;
    if subnets.is_empty() {
        resolve(world, data, None).map_err(own)?;
    }
    for id in subnets {
        let subnet = find::<Subnet>(world, id)
            .map_err(|refusal| Refusal::new("ValidationError", refusal.message))?;
        resolve(world, data, Some(subnet)).map_err(own)?;
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
) -> Result<String, Refusal> {
    try_run(world, template, version, subnet, tags).map_err(|refusal| Refusal {
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
) -> Result<String, Refusal> {
    let template = launch_template::named(world, template)?;
    let data = data(world, template, version)?.clone();
    let subnet = find::<Subnet>(world, subnet)?.clone();
    let launch = resolve(world, &data, Some(&subnet))?;
    within_limits(world, launch.kind, &subnet)?;
    let version = template.it.version(world.now, version).map_or(1, |version| version.number);
    let mut tags = born(&data, "instance");
    tags.extend(given);
    tags.insert("aws:ec2launchtemplate:id".to_owned(), template.id.clone());
    tags.insert("aws:ec2launchtemplate:version".to_owned(), version.to_string());
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
) -> Result<(), Refusal> {
    let name = kind.name;
    if world.scenario.no_capacity {
        let zone = &subnet.it.zone;
        let mut others = kind.zones(&world.region);
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
    let instances = world.ec2.instances.all().map(|instance| &instance.it);
    let counted = instances.filter(|it| {
        matches!(it.state, State::Pending | State::Running) && it.kind.bucket() == kind.bucket()
    });
    let used: u32 = counted.map(|it| it.kind.vcpus).sum();
    let most = world.scenario.quota("vcpus", 32);
    if usize::try_from(used + kind.vcpus).unwrap_or(usize::MAX) > most {
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
    let number = world.ec2.launched.entry(name.clone()).or_default();
    *number += 1;
    let key = format!("{name} {number}");
    let metadata = data.part("MetadataOptions");
    let reservation = world.id("r");
    let instance = Instance {
        kind: launch.kind,
        image: launch.image.to_owned(),
        vpc: subnet.it.vpc.clone(),
        subnet: subnet.id.clone(),
        zone: subnet.it.zone.clone(),
        state: State::Pending,
        user_data: launch.user_data,
        profile: launch.profile,
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
    let id = make_visible(world, visible, tags, instance);
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
    if let Some(interface) = world.ec2.interfaces.get_mut(&interface) {
        interface.it.goes_with_instance = launch.interface_goes;
    }
    for (device, goes_with_instance) in launch.volumes {
        let volume = Volume { instance: Some(id.clone()), device, goes_with_instance };
        make_visible(world, visible, born(data, "volume"), volume);
    }
    let later = world.dice.delay(PENDING_INSTANCE, &key, 20.0..=40.0);
    let starting = id.clone();
    world.after(later, move |world| {
        let instance = world.ec2.instances.get_mut(&starting);
        if let Some(instance) = instance.filter(|it| it.it.state == State::Pending) {
            instance.it.state = State::Running;
            agent::boots(world, &starting);
        }
    });
    id
}
