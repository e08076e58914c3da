//! What exists, what time it is, and what happens by itself.
//!
//! The world has no threads and no timers. What is going to happen is an event at a moment; a call
//! first lets everything happen that is due, and then finds the world as it is. Nothing is random but
//! the [`Dice`], and nothing depends on the real clock.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use super::dice::Dice;
use super::fields::Tags;
use super::scenario::Scenario;
use super::{autoscaling, ec2, ecs, elb, iam, logs, route53, ssm};
use crate::partition;

/// The account that every world has.
pub const ACCOUNT: &str = "123456789012";

/// Seconds since 1970 at which every world begins: 2026-01-01T00:00:00Z.
pub const EPOCH: u64 = 1_767_225_600;

/// After how long answers show what is there: longer than anything is hidden.
const CAUGHT_UP: Duration = Duration::from_secs(10);

type Happening = Box<dyn FnOnce(&mut World) + Send>;

/// Everything in one account.
pub struct World {
    /// Since the world began.
    pub now: Duration,
    /// The region of the call that is being answered, or of the event that happens.
    pub region: String,
    /// Chance.
    pub dice: Dice,
    /// How this world differs from the usual one.
    pub scenario: Scenario,

    /// Of the region: EC2 and VPC.
    pub ec2: ec2::Ec2,
    /// Of the region: ECS.
    pub ecs: ecs::Ecs,
    /// Of the region: Auto Scaling.
    pub autoscaling: autoscaling::AutoScaling,
    /// Of the region: load balancing.
    pub elb: elb::Elb,
    /// Of the region: logs.
    pub logs: logs::Logs,
    /// Of the region: parameters.
    pub ssm: ssm::Ssm,
    /// Of the partition: IAM.
    pub iam: iam::Iam,
    /// Of the partition: Route 53.
    pub route53: route53::Route53,

    elsewhere: BTreeMap<String, Region>,
    partitions: BTreeMap<&'static str, Partition>,
    events: BTreeMap<(Duration, u64), (String, Happening)>,
    /// How many events there were to be.
    scheduled: u64,
    /// Whether something happens by itself just now.
    happens: bool,
    /// How many things of each name were made.
    made: BTreeMap<String, u32>,
}

/// What a region has of its own.
#[derive(Debug, Default)]
struct Region {
    ec2: ec2::Ec2,
    ecs: ecs::Ecs,
    autoscaling: autoscaling::AutoScaling,
    elb: elb::Elb,
    logs: logs::Logs,
    ssm: ssm::Ssm,
}

/// What a partition has of its own: an account is one in all regions of a partition, and another one
/// in the next.
#[derive(Debug)]
struct Partition {
    iam: iam::Iam,
    route53: route53::Route53,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("now", &self.now).finish_non_exhaustive()
    }
}

impl World {
    /// Makes the world of a seed.
    pub fn new(seed: u64, scenario: Scenario) -> Self {
        let region = "us-east-1".to_owned();
        let mut world = Self {
            now: Duration::ZERO,
            dice: Dice::new(seed, scenario.delays.clone()),
            ec2: ec2::Ec2::default(),
            ecs: ecs::Ecs::default(),
            autoscaling: autoscaling::AutoScaling::default(),
            elb: elb::Elb::default(),
            logs: logs::Logs::default(),
            ssm: ssm::Ssm::default(),
            iam: iam::Iam::new(&scenario, partition::of(&region)),
            route53: route53::Route53::default(),
            region,
            scenario,
            elsewhere: BTreeMap::new(),
            partitions: BTreeMap::new(),
            events: BTreeMap::new(),
            scheduled: 0,
            happens: false,
            made: BTreeMap::new(),
        };
        ec2::default_vpc::make(&mut world);
        world
    }

    /// Moves to a region: what is regional is then that region's.
    pub fn enter(&mut self, region: &str) {
        if self.region == region {
            return;
        }
        let known = self.elsewhere.remove(region);
        let is_new = known.is_none();
        let mut other = known.unwrap_or_default();
        let left = std::mem::replace(&mut self.region, region.to_owned());
        std::mem::swap(&mut self.ec2, &mut other.ec2);
        std::mem::swap(&mut self.ecs, &mut other.ecs);
        std::mem::swap(&mut self.autoscaling, &mut other.autoscaling);
        std::mem::swap(&mut self.elb, &mut other.elb);
        std::mem::swap(&mut self.logs, &mut other.logs);
        std::mem::swap(&mut self.ssm, &mut other.ssm);
        self.cross(partition::of(&left));
        self.elsewhere.insert(left, other);
        if is_new {
            ec2::default_vpc::make(self);
        }
    }

    /// Leaves a partition for that of the region, when it is another one.
    fn cross(&mut self, left: &'static str) {
        let partition = self.partition();
        if partition == left {
            return;
        }
        let other = self.partitions.remove(partition).unwrap_or_else(|| Partition {
            iam: iam::Iam::new(&self.scenario, partition),
            route53: route53::Route53::default(),
        });
        let iam = std::mem::replace(&mut self.iam, other.iam);
        let route53 = std::mem::replace(&mut self.route53, other.route53);
        self.partitions.insert(left, Partition { iam, route53 });
    }

    /// Lets everything happen that is due until `now`, in order.
    pub fn advance(&mut self, now: Duration) {
        let region = self.region.clone();
        while let Some(entry) = self.events.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((at, _), (region, happening)) = entry.remove_entry();
            self.now = self.now.max(at);
            self.enter(&region);
            self.happens = true;
            happening(self);
            self.happens = false;
        }
        self.now = self.now.max(now);
        self.enter(&region);
    }

    /// Looks as AWS shows things when its answers have caught up with what was done, while nothing else
    /// has happened.
    pub fn once_caught_up<T>(&mut self, look: impl FnOnce(&mut Self) -> T) -> T {
        let now = self.now;
        self.now += CAUGHT_UP;
        let seen = look(self);
        self.now = now;
        seen
    }

    /// Lets something happen after a while, in this region.
    pub fn after(&mut self, delay: Duration, happening: impl FnOnce(&mut World) + Send + 'static) {
        self.scheduled += 1;
        let key = (self.now + delay, self.scheduled);
        self.events.insert(key, (self.region.clone(), Box::new(happening)));
    }

    /// A new id, such as `vpc-0a1b2c3d4e5f60718` for `vpc`. No two are equal.
    pub fn id(&mut self, prefix: &str) -> String {
        format!("{prefix}-0{}", &self.hex(16))
    }

    /// New hexadecimal digits, at most 32. No two are equal. The same calls get the same ones, however
    /// much time passes between them: what happens meanwhile does not count. What it makes itself has to
    /// have a name ([`World::digits_of`]), if its ids are to be the same.
    pub fn hex(&mut self, digits: usize) -> String {
        self.digits_of(digits, if self.happens { "happened" } else { "called" })
    }

    /// New hexadecimal digits, at most 32, for something with a name. They do not depend on what else
    /// was made before, so that two worlds of one seed have the same ids; the second of a name gets
    /// others.
    pub fn digits_of(&mut self, digits: usize, name: &str) -> String {
        let name = format!("{} {name}", self.region);
        let made = self.made.entry(name.clone()).or_default();
        *made += 1;
        let digest = self.dice.digest("id", &format!("{name} {made}"));
        digest[..digits.min(digest.len())].to_owned()
    }

    /// A new id for something with a name.
    pub fn id_of(&mut self, prefix: &str, name: &str) -> String {
        format!("{prefix}-0{}", self.digits_of(16, &format!("{prefix} {name}")))
    }

    /// The ARN of something in this region: `arn("ecs", "cluster/demo")`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{ACCOUNT}:{resource}", self.partition(), self.region)
    }

    /// The ARN of something in this region that is AWS's own.
    pub fn public_arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}::{resource}", self.partition(), self.region)
    }

    /// The ARN of something of IAM: `iam_arn("role/demo")`.
    pub fn iam_arn(&self, resource: &str) -> String {
        format!("arn:{}:iam::{ACCOUNT}:{resource}", self.partition())
    }

    /// The ARN of whoever calls.
    pub fn caller(&self) -> String {
        self.iam_arn("user/rehearsal")
    }

    /// The partition of this region.
    pub fn partition(&self) -> &'static str {
        partition::of(&self.region)
    }

    /// Now, in seconds since 1970, as timestamps are written.
    pub fn timestamp(&self) -> f64 {
        self.timestamp_at(self.now)
    }

    /// A moment, in seconds since 1970.
    pub fn timestamp_at(&self, at: Duration) -> f64 {
        (Duration::from_secs(EPOCH) + at).as_secs_f64()
    }
}

/// A kind, an id and the tags of something that is there.
pub type Tagged = (String, String, Tags);

/// Everything that is there, of all regions.
impl World {
    /// Every id. Things that are deleted and only remembered are not there.
    pub fn ids(&mut self) -> BTreeSet<String> {
        self.in_all_regions(|world| {
            let regional = [ec2::ids, ecs::ids, autoscaling::ids, elb::ids, logs::ids, ssm::ids];
            let ids = regional.iter().flat_map(|ids| ids(world));
            // Names are unique in a region only.
            let mut ids: BTreeSet<_> = ids.map(|id| format!("{} {id}", world.region)).collect();
            ids.extend(iam::ids(world));
            ids.extend(route53::ids(world));
            ids
        })
    }

    /// Everything that has tags.
    pub fn tagged(&mut self) -> BTreeSet<Tagged> {
        self.in_all_regions(|world| {
            let all = [
                ec2::tagged,
                ecs::tagged,
                autoscaling::tagged,
                elb::tagged,
                logs::tagged,
                ssm::tagged,
                iam::tagged,
                route53::tagged,
            ];
            all.iter().flat_map(|tagged| tagged(world)).collect()
        })
    }

    fn in_all_regions<T: Ord>(&mut self, look: impl Fn(&World) -> BTreeSet<T>) -> BTreeSet<T> {
        let here = self.region.clone();
        let mut regions: Vec<_> = self.elsewhere.keys().cloned().collect();
        regions.push(here.clone());
        let mut found = BTreeSet::new();
        for region in regions {
            self.enter(&region);
            found.extend(look(self));
        }
        self.enter(&here);
        found
    }
}

/// What a thing's delays are drawn by: its `Name` tag, which is the same in every run, or its id.
pub fn key(tags: &Tags, id: &str) -> String {
    tags.get("Name").cloned().unwrap_or_else(|| id.to_owned())
}
