//! Instances: seconds to start, a minute or so to go, and an hour in which the
//! listing remembers them (`docs/aws-facts.md`, "States and durations").

use std::time::Duration;

use serde_json::{Value, json};

use super::instance_type::InstanceType;
use super::interface::{Interface, groups};
use super::query::{Filters, page, select};
use super::table::{Entry, Kind, Listing, Table, find, shown};
use super::volume::Volume;
use super::{Ec2, REMEMBERED, SHUTTING_DOWN, image, zone};
use crate::arn::ACCOUNT;
use crate::fields::{Fields, Tags, tag_list};
use crate::iam;
use crate::notice::Notice;
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// An instance.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Its type.
    pub kind: &'static InstanceType,
    /// Its image.
    pub image: String,
    /// Its VPC.
    pub vpc: String,
    /// Its subnet.
    pub subnet: String,
    /// The zone of its subnet.
    pub zone: String,
    /// How it is.
    pub state: State,
    /// Its user data, decoded.
    pub user_data: String,
    /// The name of its instance profile.
    pub profile: Option<String>,
    /// Whether it is a Spot instance.
    pub spot: bool,
    /// Its security groups.
    pub groups: Vec<String>,
    /// Id of its reservation.
    pub reservation: String,
    /// What its delays are drawn by.
    pub key: String,
    /// Whether the API may not terminate it.
    pub protected: bool,
    /// How its metadata service is.
    pub metadata: Value,
    /// Whether detailed monitoring is on.
    pub monitored: bool,
    /// Why it goes, as EC2 says it.
    pub reason: String,
}

/// How an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is being started.
    Pending,
    /// It runs.
    Running,
    /// It goes.
    ShuttingDown,
    /// It is only remembered.
    Terminated,
}

impl State {
    /// The name that EC2 gives to it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Running => 16,
            Self::ShuttingDown => 32,
            Self::Terminated => 48,
        }
    }

    fn write(self) -> Value {
        json!({ "Code": self.code(), "Name": self.name() })
    }
}

impl Kind for Instance {
    const TYPE: &'static str = "instance";
    const PREFIX: &'static str = "i";
    const LISTING: Listing =
        Listing { operation: "DescribeInstances", ids: "InstanceIds", list: "Reservations" };
    const FILTERS: &'static [&'static str] = &[
        "architecture",
        "availability-zone",
        "iam-instance-profile.arn",
        "image-id",
        "instance-id",
        "instance-state-code",
        "instance-state-name",
        "instance-type",
        "instance.group-id",
        "ip-address",
        "network-interface.network-interface-id",
        "owner-id",
        "private-ip-address",
        "reservation-id",
        "subnet-id",
        "tag:",
        "tag-key",
        "vpc-id",
    ];

    fn unknown(id: &str) -> Refusal {
        let message = format!("The instance ID '{id}' does not exist");
        Refusal::new("InvalidInstanceID.NotFound", message)
    }

    fn table(ec2: &Ec2) -> &Table<Self> {
        &ec2.instances
    }

    fn table_mut(ec2: &mut Ec2) -> &mut Table<Self> {
        &mut ec2.instances
    }

    fn field(world: &World, entry: &Entry<Self>, filter: &str) -> Vec<String> {
        let it = &entry.it;
        let there = it.state != State::Terminated;
        let mut interfaces = interfaces(world, &entry.id);
        let value = match filter {
            "architecture" => Some(it.kind.architecture().to_owned()),
            "availability-zone" => Some(it.zone.clone()),
            "iam-instance-profile.arn" => it.profile.as_deref().map(|it| profile_arn(world, it)),
            "image-id" => Some(it.image.clone()),
            "instance-id" => Some(entry.id.clone()),
            "instance-state-code" => Some(it.state.code().to_string()),
            "instance-state-name" => Some(it.state.name().to_owned()),
            "instance-type" => Some(it.kind.name.to_owned()),
            "instance.group-id" => return if there { it.groups.clone() } else { Vec::new() },
            "ip-address" => interfaces.find_map(|interface| interface.it.public.clone()),
            "network-interface.network-interface-id" => {
                return interfaces.map(|interface| interface.id.clone()).collect();
            }
            "owner-id" => Some(ACCOUNT.to_owned()),
            "private-ip-address" => {
                interfaces.find(|it| it.it.index == 0).map(|interface| interface.it.address.clone())
            }
            "reservation-id" => Some(it.reservation.clone()),
            "subnet-id" => there.then(|| it.subnet.clone()),
            "vpc-id" => there.then(|| it.vpc.clone()),
            _ => None,
        };
        value.into_iter().collect()
    }

    fn write(world: &World, entry: &Entry<Self>) -> Value {
        let it = &entry.it;
        let mut value = json!({
            "InstanceId": entry.id,
            "ImageId": it.image,
            "InstanceType": it.kind.name,
            "State": it.state.write(),
            "StateTransitionReason": it.reason,
            "LaunchTime": world.timestamp_at(entry.made),
            "AmiLaunchIndex": 0,
            "Architecture": it.kind.architecture(),
            "Placement": { "AvailabilityZone": it.zone, "GroupName": "", "Tenancy": "default" },
            "Monitoring": { "State": if it.monitored { "enabled" } else { "disabled" } },
            "RootDeviceName": image::ROOT_DEVICE,
            "RootDeviceType": "ebs",
            "VirtualizationType": "hvm",
            "Hypervisor": "xen",
            "EbsOptimized": false,
            "EnaSupport": true,
            "MetadataOptions": it.metadata,
            "PrivateDnsName": "",
            "PublicDnsName": "",
            "Tags": tag_list(&entry.tags),
        });
        if it.spot {
            value["InstanceLifecycle"] = json!("spot");
        }
        if it.state == State::Terminated {
            // What is only remembered is nowhere.
            value["StateReason"] = json!({
                "Code": "Client.UserInitiatedShutdown",
                "Message": "Client.UserInitiatedShutdown: User initiated shutdown",
            });
            return value;
        }
        value["VpcId"] = json!(it.vpc);
        value["SubnetId"] = json!(it.subnet);
        value["SecurityGroups"] = groups(world, &it.groups);
        value["SourceDestCheck"] = json!(true);
        if let Some(profile) = &it.profile {
            let arn = profile_arn(world, profile);
            value["IamInstanceProfile"] = json!({ "Arn": arn, "Id": "AIPAREHEARSAL" });
        }
        let mut shown = Vec::new();
        for interface in interfaces(world, &entry.id) {
            if interface.it.index == 0 {
                value["PrivateIpAddress"] = json!(interface.it.address);
                value["PrivateDnsName"] = json!(interface.it.private_name(&world.region));
                if let Some(public) = &interface.it.public {
                    value["PublicIpAddress"] = json!(public);
                }
            }
            shown.push(write_interface(world, interface));
        }
        value["NetworkInterfaces"] = Value::Array(shown);
        let volumes = world.ec2().volumes.all();
        let volumes = volumes.filter(|volume| volume.it.instance.as_ref() == Some(&entry.id));
        let volumes = volumes.map(|volume| {
            json!({
                "DeviceName": volume.it.device,
                "Ebs": {
                    "VolumeId": volume.id,
                    "DeleteOnTermination": volume.it.goes_with_instance,
                    "Status": "attached",
                    "AttachTime": world.timestamp_at(volume.made),
                },
            })
        });
        value["BlockDeviceMappings"] = volumes.collect();
        value
    }

    fn lives(entry: &Entry<Self>) -> bool {
        entry.it.state != State::Terminated
    }
}

fn interfaces<'a>(
    world: &'a World,
    instance: &'a str,
) -> impl Iterator<Item = &'a Entry<Interface>> {
    let interfaces = world.ec2().interfaces.all();
    interfaces.filter(move |interface| interface.it.instance.as_deref() == Some(instance))
}

/// The ARN of a profile that an instance has; one that is gone since has no path any more.
fn profile_arn(world: &World, name: &str) -> String {
    iam::arn_of_profile(world, name)
        .unwrap_or_else(|| world.iam_arn(&format!("instance-profile/{name}")))
}

/// An interface as its instance shows it, which is a little less than it shows itself.
fn write_interface(world: &World, entry: &Entry<Interface>) -> Value {
    let it = &entry.it;
    let mut value = json!({
        "NetworkInterfaceId": entry.id,
        "VpcId": it.vpc,
        "SubnetId": it.subnet,
        "Description": it.description,
        "Groups": groups(world, &it.groups),
        "InterfaceType": it.kind,
        "MacAddress": it.mac,
        "OwnerId": ACCOUNT,
        "PrivateDnsName": it.private_name(&world.region),
        "PrivateIpAddress": it.address,
        "SourceDestCheck": true,
        "Status": "in-use",
        "Attachment": {
            "AttachmentId": it.attachment,
            "AttachTime": world.timestamp_at(entry.made),
            "DeleteOnTermination": it.goes_with_instance,
            "DeviceIndex": it.index,
            "Status": "attached",
        },
    });
    if let Some(public) = &it.public {
        value["Association"] = json!({ "PublicIp": public, "IpOwnerId": "amazon" });
    }
    value
}

/// `DescribeInstances`: a reservation for each.
pub fn describe(world: &World, input: &Value) -> Answer {
    let found = select::<Instance>(world, input)?.into_iter();
    let found = found.map(|entry| {
        json!({
            "ReservationId": entry.it.reservation,
            "OwnerId": ACCOUNT,
            "Groups": [],
            "Instances": [Instance::write(world, entry)],
        })
    });
    page(world, input, "InstanceIds", "Reservations", found.collect())
}

/// `DescribeInstanceStatus`: of those that run, unless all are asked for. Checks of what runs pass.
pub fn describe_status(world: &World, input: &Value) -> Answer {
    const OPERATION: &str = "DescribeInstanceStatus";
    const FILTERS: &[&str] = &[
        "availability-zone",
        "availability-zone-id",
        "instance-state-code",
        "instance-state-name",
        "instance-status.reachability",
        "instance-status.status",
        "system-status.reachability",
        "system-status.status",
    ];
    let filters = Filters::read(OPERATION, input, FILTERS)?;
    let ids = input.texts("InstanceIds");
    let all = input.flag("IncludeAllInstances") == Some(true);
    let known: Vec<_> = match ids.is_empty() {
        true => Instance::table(world.ec2()).all_shown(world.now).collect(),
        false => ids.iter().map(|id| shown::<Instance>(world, id)).collect::<Result<_, _>>()?,
    };
    let runs = |entry: &Entry<Instance>| entry.it.state == State::Running;
    let status = |entry: &Entry<Instance>| if runs(entry) { "ok" } else { "not-applicable" };
    let fits = |entry: &&Entry<Instance>| {
        filters.fit(&entry.tags, |filter| match filter {
            "availability-zone-id" => vec![zone::id_of(&entry.it.zone)],
            "instance-status.reachability" | "system-status.reachability" => {
                runs(entry).then(|| "passed".to_owned()).into_iter().collect()
            }
            "instance-status.status" | "system-status.status" => vec![status(entry).to_owned()],
            same => Instance::field(world, entry, same),
        })
    };
    let row = |entry: &Entry<Instance>| {
        let mut summary = json!({ "Status": status(entry) });
        if runs(entry) {
            summary["Details"] = json!([{ "Name": "reachability", "Status": "passed" }]);
        }
        json!({
            "InstanceId": entry.id,
            "AvailabilityZone": entry.it.zone,
            "AvailabilityZoneId": zone::id_of(&entry.it.zone),
            "InstanceState": entry.it.state.write(),
            "InstanceStatus": summary.clone(),
            "SystemStatus": summary,
        })
    };
    let found = known.into_iter().filter(|entry| all || runs(entry)).filter(fits);
    page(world, input, "InstanceIds", "InstanceStatuses", found.map(row).collect())
}

/// `TerminateInstances`: all of them or none.
pub fn terminate(world: &mut World, input: &Value) -> Answer {
    let ids = input.texts("InstanceIds");
    let mut before = Vec::new();
    for id in &ids {
        let instance = find::<Instance>(world, id)?;
        if instance.it.protected {
            let message = format!(
                "The instance '{id}' may not be terminated. Modify its 'disableApiTermination' \
                 instance attribute and try again."
            );
            return Err(Refusal::new("OperationNotPermitted", message));
        }
        before.push((id, instance.it.state));
    }
    for id in &ids {
        shut_down(world, id);
    }
    let changes = before.into_iter().map(|(id, before)| {
        let now = world.ec2().instances.get(id).map_or(before, |instance| instance.it.state);
        json!({ "InstanceId": id, "PreviousState": before.write(), "CurrentState": now.write() })
    });
    Ok(json!({ "TerminatingInstances": changes.collect::<Value>() }))
}

/// Terminates an instance, if it is not already on its way. It is told at once; its
/// interfaces go last.
pub fn shut_down(world: &mut World, id: &str) {
    shut_down_for(world, id, "User initiated");
}

/// Terminates an instance for a reason.
pub fn shut_down_for(world: &mut World, id: &str, reason: &str) {
    let entry = world.ec2_mut().instances.get_mut(id);
    let Some(entry) =
        entry.filter(|entry| matches!(entry.it.state, State::Pending | State::Running))
    else {
        return;
    };
    entry.it.state = State::ShuttingDown;
    reason.clone_into(&mut entry.it.reason);
    let name = entry.it.key.clone();
    world.tell(Notice::InstanceGoes(id));
    let later = world.dice.delay(SHUTTING_DOWN, &name, 30.0..=120.0);
    let id = id.to_owned();
    world.after(later, move |world| end(world, id));
}

/// EC2 takes a Spot instance back: it is told two minutes before, and then terminated (EC2 user guide, "Spot
/// Instance interruption notices").
pub fn interrupt(world: &mut World, id: &str) {
    const NOTICE: Duration = Duration::from_mins(2);
    let instance = world.ec2().instances.get(id);
    if instance.is_none_or(|it| !it.it.spot || it.it.state != State::Running) {
        return;
    }
    world.tell(Notice::InstanceInterrupted(id));
    let id = id.to_owned();
    world.after(NOTICE, move |world| {
        let reason = "Server.SpotInstanceTermination: Spot instance termination";
        shut_down_for(world, &id, reason);
    });
}

fn end(world: &mut World, id: String) {
    let Some(entry) = world.ec2_mut().instances.get_mut(&id) else { return };
    entry.it.state = State::Terminated;
    let attached: Vec<_> =
        interfaces(world, &id).map(|it| (it.id.clone(), it.it.goes_with_instance)).collect();
    for (interface, goes) in attached {
        if goes {
            super::remove_interface(world, &interface);
        } else if let Some(interface) = world.ec2_mut().interfaces.get_mut(&interface) {
            interface.it.instance = None;
            interface.it.public = None;
        }
    }
    let of_it = |volume: &Volume| volume.instance.as_ref() == Some(&id);
    world.ec2_mut().volumes.retain(|volume| !(of_it(&volume.it) && volume.it.goes_with_instance));
    for volume in world.ec2_mut().volumes.all_mut().filter(|volume| of_it(&volume.it)) {
        volume.it.instance = None;
    }
    world.after(REMEMBERED, move |world| {
        world.ec2_mut().instances.remove(&id);
    });
}

/// An instance as other services see it.
#[derive(Debug, Clone, Default)]
pub struct InstanceView {
    /// Its id.
    pub id: String,
    /// Its type.
    pub instance_type: String,
    /// Its subnet.
    pub subnet: String,
    /// Its security groups.
    pub groups: Vec<String>,
    /// The zone of its subnet.
    pub zone: String,
    /// `pending`, `running`, `shutting-down`, `terminated`, ...
    pub state: String,
    /// Its user data, decoded.
    pub user_data: String,
    /// Name of its instance profile.
    pub profile: Option<String>,
    /// Why it goes.
    pub reason: String,
    /// Whether it is a Spot instance.
    pub spot: bool,
    /// Its tags.
    pub tags: Tags,
}

/// Shows an instance to other services.
pub fn view(entry: &Entry<Instance>) -> InstanceView {
    let it = &entry.it;
    InstanceView {
        id: entry.id.clone(),
        instance_type: it.kind.name.to_owned(),
        subnet: it.subnet.clone(),
        groups: it.groups.clone(),
        zone: it.zone.clone(),
        state: it.state.name().to_owned(),
        user_data: it.user_data.clone(),
        profile: it.profile.clone(),
        reason: it.reason.clone(),
        spot: it.spot,
        tags: entry.tags.clone(),
    }
}
