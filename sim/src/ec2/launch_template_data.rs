//! The data of a launch template, looked at when something is launched: what they name has to be
//! there and to fit together, or EC2 refuses.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::image::{self, ROOT_DEVICE, ROOT_SIZE, SNAPSHOT};
use super::instance_type::{self, InstanceType};
use super::query::{invalid, lacks, missing};
use super::security_group::SecurityGroup;
use super::subnet::Subnet;
use super::table::{Entry, find};
use crate::fields::Fields;
use crate::iam::{self, SeenProfile};
use crate::refusal::Refusal;
use crate::world::World;

/// An instance that a template comes to in a subnet.
#[derive(Debug)]
pub struct Launch {
    /// Its type.
    pub kind: &'static InstanceType,
    /// Its image.
    pub image: &'static str,
    /// The name of its instance profile.
    pub profile: Option<String>,
    /// Its security groups.
    pub groups: Vec<String>,
    /// Whether it is to have a public address, where that is said.
    pub public: Option<bool>,
    /// Whether its interface goes with it.
    pub interface_goes: bool,
    /// Its user data, decoded.
    pub user_data: String,
    /// The devices of its volumes, and whether each goes with it.
    pub volumes: Vec<(String, bool)>,
    /// Whether it is a Spot instance.
    pub spot: bool,
}

/// In what another way than its template says an instance is launched.
#[derive(Debug, Clone, Default)]
pub struct Otherwise {
    /// Of this type.
    pub instance_type: Option<String>,
    /// As a Spot instance.
    pub spot: bool,
}

impl Otherwise {
    /// The template's data, with the type in it.
    pub fn applied(&self, data: &Value) -> Value {
        let mut data = data.clone();
        if let Some(kind) = &self.instance_type {
            data["InstanceType"] = Value::String(kind.clone());
        }
        data
    }
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
pub fn resolve(
    world: &World,
    data: &Value,
    subnet: Option<&Entry<Subnet>>,
) -> Result<Launch, Refusal> {
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
        let zones = kind.zones(world);
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
        spot: false,
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
    match iam::seen_profile(world, value) {
        SeenProfile::Unknown => Err(invalid(format!(
            "Value ({value}) for parameter iamInstanceProfile.{parameter} is invalid. Invalid IAM \
             Instance Profile {noun}"
        ))),
        // A profile can be seen before its role (terraform-provider-aws `ec2/ec2_instance.go`).
        SeenProfile::WithoutRole(arn) => {
            Err(invalid(format!("IAM Instance Profile \"{arn}\" has no associated IAM Roles")))
        }
        SeenProfile::Whole => Ok(value.rsplit('/').next().map(str::to_owned)),
    }
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
        let mut all = world.ec2().groups.all();
        let default = all.find(|group| group.it.default && group.it.vpc == subnet.it.vpc);
        groups.extend(default.map(|group| group.id.clone()));
    }
    Ok((groups, public, goes))
}

/// The user data, decoded: what is none is refused already when a template is made
/// (`InvalidUserData.Malformed`).
pub fn user_data(data: &Value) -> Result<String, Refusal> {
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
