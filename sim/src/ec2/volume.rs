//! Volumes of instances. Those that do not go with their instance are left over.

use serde_json::{Value, json};

use super::Ec2;
use super::table::{Entry, Kind, Listing, Table};
use crate::fields::tag_list;
use crate::refusal::Refusal;
use crate::world::World;

/// A volume of an instance.
#[derive(Debug, Clone)]
pub struct Volume {
    /// The instance that it is attached to, as long as there is one.
    pub instance: Option<String>,
    /// The device that it is there.
    pub device: String,
    /// Whether it goes with its instance.
    pub goes_with_instance: bool,
}

impl Kind for Volume {
    const TYPE: &'static str = "volume";
    const PREFIX: &'static str = "vol";
    const LISTING: Listing =
        Listing { operation: "DescribeVolumes", ids: "VolumeIds", list: "Volumes" };
    const FILTERS: &'static [&'static str] = &["tag:", "tag-key"];

    fn unknown(id: &str) -> Refusal {
        Refusal::new("InvalidVolume.NotFound", format!("The volume '{id}' does not exist."))
    }

    fn table(ec2: &Ec2) -> &Table<Self> {
        &ec2.volumes
    }

    fn table_mut(ec2: &mut Ec2) -> &mut Table<Self> {
        &mut ec2.volumes
    }

    fn field(_world: &World, _entry: &Entry<Self>, _filter: &str) -> Vec<String> {
        Vec::new()
    }

    fn write(_world: &World, entry: &Entry<Self>) -> Value {
        json!({ "VolumeId": entry.id, "Tags": tag_list(&entry.tags) })
    }
}
