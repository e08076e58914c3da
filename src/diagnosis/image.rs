//! The image cannot be pulled: what Fargate and the agent of an instance say of it.
//!
//! ECS guide, "Stopped tasks error messages" and "`CannotPullContainer` task errors"; the daemon's own
//! words are in `docs/aws-facts.md`. Since 2024 the agent begins with "The task
//! can't pull the image. Check …", and the words looked for are in what follows.

use super::Family;
use super::Waiting::{Hopeless, MayHelp};
use super::table::{Cause, cause};

pub(super) const CAUSES: &[Cause] = &[
    cause(
        "image-platform",
        Hopeless,
        &[
            &["descriptor matching platform"],
            &["descriptor for platform"],
            &["no matching manifest for"],
            &["exec format error"],
        ],
        "the image{image} is made for another processor",
        "build it for the processor that the tasks run on, which is linux/amd64 on Fargate and on most \
         instances (`docker buildx build --platform linux/amd64`), or take an `--instance-type` with the \
         image's",
    ),
    cause(
        "image-name",
        Hopeless,
        &[&["invalid reference format"], &["cannot specify 64-byte"], &["invalid repository name"]],
        "the image's name{image} is none",
        "name an image with its tag or digest in `--image`, such as `nginx:1.27` or \
         `registry.example/app@sha256:…`",
    ),
    cause(
        "registry-limit",
        MayHelp,
        &[&["toomanyrequests"], &["pull rate limit"], &["rate exceeded", "pull"]],
        "the registry of the image{image} lets nobody pull as often as this",
        "take the image from `public.ecr.aws` or from an ECR repository of your own: Docker Hub counts all \
         who come from one address together",
    ),
    cause(
        "registry-unknown",
        MayHelp,
        &[&["pull", "no such host"], &["lookup", "no such host"]],
        "the VPC does not know the name of the image's registry",
        "check `--image`, and that no private zone of the VPC contains that name",
    ),
    cause(
        "registry-certificate",
        Hopeless,
        &[&["pull", "x509"], &["pull", "certificate signed by unknown authority"]],
        "the registry of the image{image} shows a certificate that nobody here trusts",
        "take a registry with a certificate of a public authority: tasks of ECS trust no other",
    ),
    cause(
        "image-rights",
        Hopeless,
        &[&["ecr:batchgetimage"], &["ecr:getauthorizationtoken"], &["ecr:getdownloadurlforlayer"]],
        "the role{role} with which tasks are started may not pull the image{image}",
        "allow that role `ecr:GetAuthorizationToken`, `ecr:BatchGetImage`, `ecr:GetDownloadUrlForLayer` and \
         `ecr:BatchCheckLayerAvailability`, and let the repository's own policy allow it where the image is \
         in another account",
    ),
    cause(
        "image-layers-unreachable",
        MayHelp,
        &[&["pull", "starport-layer-bucket", "i/o timeout"]],
        "S3, where the layers of the image{image} are, cannot be reached",
        "check that the tasks get out, or name `s3` in `--endpoints`",
    )
    .sign_of(&[Family::Network]),
    cause(
        "image-layer-bucket",
        Hopeless,
        &[&["pull", "starport-layer-bucket"]],
        "the layers of the image{image} may not be read from ECR's bucket",
        "let the policy of the VPC's S3 endpoint allow `s3:GetObject` on \
         `arn:aws:s3:::prod-REGION-starport-layer-bucket/*`",
    ),
    cause(
        "disk-full",
        MayHelp,
        &[&["no space left on device"]],
        "the image{image} does not fit on the disk",
        "take a smaller image; or another `--instance-type`, whose new instances begin with an empty disk",
    ),
    cause(
        "registry-unreachable",
        MayHelp,
        &[
            &["pull", "i/o timeout"],
            &["pull", "request canceled while waiting for connection"],
            &["pull", "context canceled"],
            &["pull", "context deadline exceeded"],
            &["pull", "connection refused"],
            &["pull", "connection reset"],
            &["registry auth", "i/o timeout"],
            &["registry auth", "context deadline exceeded"],
        ],
        "the registry of the image{image} cannot be reached",
        "check that the tasks get out: `--nat single` or `--nat per-zone` gives their subnets a way, and \
         `--image` may name a registry that answers nobody",
    )
    .sign_of(&[Family::Network]),
    cause(
        "image-missing",
        Hopeless,
        &[
            &["cannotpull", "not found"],
            &["cannotpull", "does not exist"],
            &["cannotpull", "manifest unknown"],
            &["cannotpull", "failed to resolve ref", "404"],
        ],
        "the image{image} does not exist, or may not be pulled",
        "check the name and the tag in `--image`, and that the registry shows it to everybody or the tasks' \
         role may pull it",
    ),
    cause(
        "image-denied",
        Hopeless,
        &[
            &["cannotpull", "denied"],
            &["cannotpull", "403 forbidden"],
            &["cannotpull", "401 unauthorized"],
            &["cannotpull", "not authorized"],
            &["cannotpull", "no basic auth credentials"],
        ],
        "the image{image} may not be pulled",
        "check `--image`: tasks pull without a name and password, and from ECR with their role's rights",
    ),
    cause(
        "image-unpulled",
        MayHelp,
        &[&["cannotpull"]],
        "the image{image} cannot be pulled",
        "check `--image`, and that the tasks can reach its registry",
    ),
];
