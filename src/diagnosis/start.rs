//! A container cannot be started, or the task's place in the network cannot be made.
//!
//! ECS guide, "Stopped tasks error messages" and "Troubleshooting Amazon ECS `TaskFailedToStart` errors";
//! amazon-ecs-agent (`agent/engine/errors.go`).

use super::Waiting::{Helps, Hopeless, MayHelp};
use super::table::{Cause, cause};

pub(super) const CAUSES: &[Cause] = &[
    cause(
        "command-missing",
        Hopeless,
        &[
            &["executable file not found"],
            &["oci runtime", "no such file or directory"],
            &["cannotstartcontainer", "no such file or directory"],
        ],
        "the image{image} does not contain the command that it is to run",
        "check CMD and ENTRYPOINT of the image, and for a script that its first line names a shell that the \
         image has",
    ),
    cause(
        "command-not-executable",
        Hopeless,
        &[&["oci runtime", "permission denied"], &["cannotstartcontainer", "permission denied"]],
        "the command of the image{image} may not be executed",
        "make the file executable in the image (`chmod +x`), and readable for the user that it runs as",
    ),
    cause(
        "container-refused",
        Hopeless,
        &[&["cannotcreatecontainererror"]],
        "the container cannot be made",
        "what the daemon says names the setting that it does not take",
    ),
    cause(
        "address-in-use",
        MayHelp,
        &[&["cannotstartcontainer", "address already in use"], &["port is already allocated"]],
        "something else has the container's port{port} on the instance",
        "name another `--port`",
    ),
    cause(
        "container-unstarted",
        MayHelp,
        &[&["cannotstartcontainererror"], &["cannotstartcontainer"]],
        "the container cannot be started",
        "what the daemon says names the reason; try the image on a machine of your own with `docker run`",
    ),
    cause(
        "daemon-slow",
        MayHelp,
        &[&["dockertimeouterror"], &["could not transition to"]],
        "the instance is too slow to start the container",
        "take an `--instance-type` with a faster disk or more memory, or fewer tasks with `--count`",
    ),
    cause(
        "interface-slow",
        Helps,
        &[&["timeout waiting for network interface provisioning"]],
        "EC2 took too long to make the task's network interface",
        "",
    ),
    cause(
        "subnet-full",
        MayHelp,
        &[
            &["insufficientfreeaddressesinsubnet"],
            &["create network interface", "free addresses"],
            &["not enough free addresses"],
            &["not enough ip space"],
        ],
        "a subnet of the stack has no address left",
        "each task and each instance takes one: say a smaller `--count`, and run that again when what had to \
         stop has stopped; or deploy another stack with a larger `--vpc-cidr`",
    ),
    cause(
        "interface-refused",
        MayHelp,
        &[&["unexpected ec2 error while attempting to create network interface"]],
        "EC2 does not make the task's network interface",
        "what EC2 says names the reason",
    ),
    cause(
        "interface-slots",
        MayHelp,
        &[&["unable to attach network interface to unused device index"]],
        "an instance has no slot left for another task's network interface",
        "take a larger `--instance-type`{type}: each task takes a slot of its instance, and one is the \
         instance's own",
    ),
    cause(
        "container-order",
        MayHelp,
        &[
            &["container ordering dependency"],
            &["dependency", "did not exit successfully"],
            &["dependency", "timed out"],
        ],
        "a container waits for another one that does not get where it should be",
        "look into the log of that one",
    ),
    cause(
        "task-stopped-by-hand",
        MayHelp,
        &[&["task stopped by user"]],
        "somebody stopped the task",
        "whoever stops tasks of this service keeps it from coming up",
    ),
    cause(
        "aws-failed",
        Helps,
        &[&["taskstateerror"], &["internalerror"]],
        "ECS itself could not start the task, and tries again",
        "",
    ),
];
