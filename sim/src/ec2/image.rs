//! AMIs: the ECS-optimized images of Amazon Linux 2023 that AWS's parameters lead to, and one older
//! image of each of the two common kinds, which somebody may have pinned.

use serde_json::{Value, json};

use super::query::{Filters, lacks, page};
use crate::fields::{Fields, Tags};
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// The newest ECS-optimized image for `x86_64`.
pub const IMAGE_X86: &str = "ami-0ec5000000000a001";
/// The newest ECS-optimized image for `arm64`.
pub const IMAGE_ARM: &str = "ami-0ec5000000000b001";
/// The newest ECS-optimized image with GPU drivers, for `x86_64`.
pub const IMAGE_GPU: &str = "ami-0ec5000000000c001";
/// The newest ECS-optimized image with Neuron drivers, for `x86_64`.
pub const IMAGE_NEURON: &str = "ami-0ec5000000000d001";
/// An older ECS-optimized image for `x86_64`.
pub const IMAGE_X86_OLD: &str = "ami-0ec5000000000a000";
/// An older ECS-optimized image for `arm64`.
pub const IMAGE_ARM_OLD: &str = "ami-0ec5000000000b000";

/// The device that all of these images start from.
pub const ROOT_DEVICE: &str = "/dev/xvda";
/// The size of their root volumes in GiB: a volume cannot be smaller.
pub const ROOT_SIZE: i64 = 30;

/// An image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image {
    /// Its id.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// `x86_64` or `arm64`.
    pub architecture: &'static str,
    /// When it was made.
    created: &'static str,
}

const fn image_of(
    id: &'static str,
    name: &'static str,
    architecture: &'static str,
    created: &'static str,
) -> Image {
    Image { id, name, architecture, created }
}

/// Every image that there is.
const IMAGES: [Image; 6] = [
    image_of(
        IMAGE_X86,
        "al2023-ami-ecs-hvm-2023.0.20251215-kernel-6.1-x86_64",
        "x86_64",
        "2025-12-15T19:02:11.000Z",
    ),
    image_of(
        IMAGE_ARM,
        "al2023-ami-ecs-hvm-2023.0.20251215-kernel-6.1-arm64",
        "arm64",
        "2025-12-15T19:02:14.000Z",
    ),
    image_of(
        IMAGE_GPU,
        "al2023-ami-ecs-gpu-hvm-2023.0.20251215-kernel-6.1-x86_64-ebs",
        "x86_64",
        "2025-12-15T19:02:19.000Z",
    ),
    image_of(
        IMAGE_NEURON,
        "al2023-ami-ecs-neuron-hvm-2023.0.20251215-kernel-6.1-x86_64",
        "x86_64",
        "2025-12-15T19:02:23.000Z",
    ),
    image_of(
        IMAGE_X86_OLD,
        "al2023-ami-ecs-hvm-2023.0.20250610-kernel-6.1-x86_64",
        "x86_64",
        "2025-06-10T19:01:57.000Z",
    ),
    image_of(
        IMAGE_ARM_OLD,
        "al2023-ami-ecs-hvm-2023.0.20250610-kernel-6.1-arm64",
        "arm64",
        "2025-06-10T19:02:01.000Z",
    ),
];

/// An image by its id. Ids are the same in all regions, other than AWS's own.
pub fn image(id: &str) -> Option<&'static Image> {
    IMAGES.iter().find(|image| image.id == id)
}

/// What EC2 answers to an id of an image that it does not know.
pub fn unknown(id: &str) -> Refusal {
    let digits = id.strip_prefix("ami-").unwrap_or_default();
    let formed = matches!(digits.len(), 8 | 17) && digits.chars().all(|c| c.is_ascii_hexdigit());
    if formed {
        Refusal::new("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist"))
    } else {
        Refusal::new(
            "InvalidAMIID.Malformed",
            format!("Invalid id: \"{id}\" (expecting \"ami-...\")"),
        )
    }
}

/// `DescribeImages`: all of these images are public.
pub fn describe(world: &World, input: &Value) -> Answer {
    const FILTERS: &[&str] = &[
        "architecture",
        "creation-date",
        "description",
        "image-id",
        "image-type",
        "is-public",
        "name",
        "owner-alias",
        "owner-id",
        "root-device-name",
        "root-device-type",
        "state",
        "tag:",
        "tag-key",
        "virtualization-type",
    ];
    lacks("DescribeImages", input, &["ExecutableUsers"])?;
    let filters = Filters::read("DescribeImages", input, FILTERS)?;
    let ids = input.texts("ImageIds");
    for id in &ids {
        image(id).ok_or_else(|| unknown(id))?;
    }
    let owners = input.texts("Owners");
    let owned = owners.is_empty() || owners.iter().any(|it| it == "amazon" || it == OWNER);
    let fits = |image: &&Image| {
        let field = |filter: &str| {
            let value = match filter {
                "architecture" => image.architecture,
                "creation-date" => image.created,
                "description" => DESCRIPTION,
                "image-id" => image.id,
                "image-type" => "machine",
                "is-public" => "true",
                "name" => image.name,
                "owner-alias" => "amazon",
                "owner-id" => OWNER,
                "root-device-name" => ROOT_DEVICE,
                "root-device-type" => "ebs",
                "state" => "available",
                "virtualization-type" => "hvm",
                _ => return Vec::new(),
            };
            vec![value.to_owned()]
        };
        let named = ids.is_empty() || ids.iter().any(|id| id == image.id);
        owned && named && filters.fit(&Tags::new(), field)
    };
    let found = IMAGES.iter().filter(fits).map(write).collect();
    page(world, input, "ImageIds", "Images", found)
}

/// AWS's account for ECS-optimized images.
const OWNER: &str = "591542846629";
const DESCRIPTION: &str = "Amazon Linux AMI 2023.0 ECS HVM EBS";

fn write(image: &Image) -> Value {
    json!({
        "ImageId": image.id,
        "Name": image.name,
        "Description": DESCRIPTION,
        "Architecture": image.architecture,
        "State": "available",
        "OwnerId": OWNER,
        "ImageOwnerAlias": "amazon",
        "ImageLocation": format!("amazon/{}", image.name),
        "ImageType": "machine",
        "Public": true,
        "CreationDate": image.created,
        "PlatformDetails": "Linux/UNIX",
        "UsageOperation": "RunInstances",
        "EnaSupport": true,
        "SriovNetSupport": "simple",
        "Hypervisor": "xen",
        "VirtualizationType": "hvm",
        "ImdsSupport": "v2.0",
        "RootDeviceName": ROOT_DEVICE,
        "RootDeviceType": "ebs",
        "BlockDeviceMappings": [{
            "DeviceName": ROOT_DEVICE,
            "Ebs": {
                "DeleteOnTermination": true,
                "Encrypted": false,
                "SnapshotId": SNAPSHOT,
                "VolumeSize": ROOT_SIZE,
                "VolumeType": "gp3",
            },
        }],
    })
}

/// The snapshot that root volumes are made from.
pub const SNAPSHOT: &str = "snap-0ec50000000000001";
