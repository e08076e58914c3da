//! What happens to one service's things and concerns others: who it happens to tells, and does not know
//! who hears.

/// Something that has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice<'a> {
    /// An instance of EC2 has begun to run, and boots.
    InstanceRuns(&'a str),
    /// An instance of EC2 is being terminated.
    InstanceGoes(&'a str),
    /// EC2 takes a Spot instance back in two minutes.
    InstanceInterrupted(&'a str),
    /// A group of Auto Scaling has an instance wait for its draining before it goes.
    InstanceDrains {
        /// The group's name.
        group: &'a str,
        /// The instance.
        instance: &'a str,
    },
}
