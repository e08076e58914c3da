//! AWS's public parameters that name the newest ECS-optimized images.

use serde_json::json;

use crate::ec2::image::{IMAGE_ARM, IMAGE_GPU, IMAGE_NEURON, IMAGE_X86};

/// Where AWS's parameters of images stand (ECS guide, "Retrieving Amazon ECS-optimized Linux AMI
/// metadata").
pub(super) const IMAGES_PATH: &str = "/aws/service/ecs/optimized-ami/amazon-linux-2023/";

/// The newest image of each kind.
const IMAGES: &[(&str, &str)] =
    &[("", IMAGE_X86), ("arm64/", IMAGE_ARM), ("gpu/", IMAGE_GPU), ("neuron/", IMAGE_NEURON)];

/// The value of one of AWS's parameters about ECS-optimized images.
pub fn image_parameter(name: &str) -> Option<String> {
    let rest = name.strip_prefix(IMAGES_PATH)?;
    let of = |(variant, image): &(&str, &'static str)| {
        Some((rest.strip_prefix(variant)?.strip_prefix("recommended")?.to_owned(), *image))
    };
    let (part, image) = IMAGES.iter().find_map(of)?;
    match part.as_str() {
        "" => Some(
            json!({
                "image_id": image,
                "os": "Amazon Linux 2023",
                "ecs_agent_version": "1.108.2",
                "ecs_runtime_version": "Docker version 25.0.18",
            })
            .to_string(),
        ),
        "/image_id" => Some(image.to_owned()),
        _ => None,
    }
}

/// The names of these parameters.
pub(super) fn names() -> impl Iterator<Item = String> {
    IMAGES.iter().flat_map(|(variant, _)| {
        ["", "/image_id"].map(|part| format!("{IMAGES_PATH}{variant}recommended{part}"))
    })
}
