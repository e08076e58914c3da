//! A VPC that somebody else made: whether a stack can stand in it. It is only looked at.
//!
//! What is wrong with it shows late and far from its cause: tasks that pull nothing, a load balancer that
//! AWS refuses, names that nobody resolves. So everything that can be seen beforehand is looked up, in one
//! round, and judged by a pure function whose findings are told all at once. What may not be looked up is
//! unknown, and no finding.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{
    Filter, Route, RouteState, RouteTable, Subnet, SubnetState, Vpc, VpcAttributeName,
    VpcCidrBlockStateCode, VpcEndpoint, VpcState,
};
use ipnet::Ipv4Net;

use super::running::listed;
use super::{Problem, optional, unknown, zones};
use crate::aws::{AllPages, Aws, Doing, Meanings, Result};
use crate::engine::looks::Looks;
use crate::resource::auto_scaling_group::AutoScalingGroup;
use crate::resource::launch_template::LaunchTemplate;
use crate::resource::load_balancer::LoadBalancer;
use crate::resource::security_group::SecurityGroup;
use crate::resource::service::Service;
use crate::resource::vpc::BlockMode;
use crate::resource::{Owned, vpc, vpc_endpoint};
use crate::spec::{
    ExistingNetwork, Instances, Network, Scheme, Spec, SpecError, Subnets, required_endpoints,
};

/// Addresses that have to be free in each subnet that is new to a load balancer (Elastic Load Balancing guide,
/// "Subnets for your load balancer").
const BALANCER: i64 = 8;
/// The range of Docker's bridge on every container instance.
const DOCKER: &str = "172.17.0.0/16";
/// Everywhere.
const ANYWHERE: &str = "0.0.0.0/0";

/// The key of the VPC.
const VPC: &str = "network.existing.vpc";

/// What is known of a network that somebody else made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The VPC's ranges.
    pub ranges: Vec<Ipv4Net>,
    /// The zones of the subnets that instances and tasks are in.
    pub zones: Vec<String>,
    /// How many addresses are free for the stack in the private subnets and in the public ones, with those
    /// that it has already.
    pub free: Option<[u32; 2]>,
}

/// What speaks against a network, and what else there is to say of it.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    pub(super) findings: Vec<SpecError>,
    pub(super) warnings: Vec<String>,
}

/// What was read of a network. `None` is what could not be.
#[derive(Debug, Default)]
struct Read {
    /// The VPC; none where there is none of that id.
    vpcs: Option<Vec<Vpc>>,
    /// Whether its resolver answers.
    dns_support: Option<bool>,
    /// Whether what is in it gets names.
    dns_hostnames: Option<bool>,
    /// Its subnets, as far as the stack is to stand in them.
    subnets: Option<Vec<Subnet>>,
    /// Its route tables.
    tables: Option<Vec<RouteTable>>,
    /// Its endpoints, as far as anybody needs them.
    endpoints: Option<Vec<VpcEndpoint>>,
    /// The names of the zones that offer the instance type, where that could matter.
    offered: Option<BTreeSet<String>>,
}

/// What a stack has in its network already.
#[derive(Debug, Default)]
struct Ours {
    /// The subnets of its load balancers.
    balancers: BTreeMap<Scheme, BTreeSet<String>>,
    /// Tasks that it wants by now.
    tasks: u32,
    /// Instances that it wants by now.
    instances: u32,
    /// The subnets of its instances, and their type.
    launches: (BTreeSet<String>, Option<String>),
}

/// Looks at the network, if it is somebody else's, and judges it.
pub(super) async fn look_up(
    looks: &Looks,
    spec: &Spec,
) -> Result<(Option<Found>, Judgement), Problem> {
    let moved = moved(looks, spec).await?;
    let Network::Existing(wanted) = &spec.network else {
        return Ok((None, Judgement { findings: moved, warnings: Vec::new() }));
    };
    let aws = looks.aws();
    let (vpcs, dns_support, dns_hostnames, subnets, tables, ours) = futures::join!(
        vpcs(aws, &wanted.vpc),
        attribute(aws, &wanted.vpc, VpcAttributeName::EnableDnsSupport),
        attribute(aws, &wanted.vpc, VpcAttributeName::EnableDnsHostnames),
        subnets(aws, wanted),
        tables(aws, &wanted.vpc),
        ours(looks),
    );
    let (ours, mut warnings) = (ours?, Vec::new());
    let mut read = Read {
        vpcs: known(vpcs, &mut warnings)?,
        dns_support: known(dns_support, &mut warnings)?.flatten(),
        dns_hostnames: known(dns_hostnames, &mut warnings)?.flatten(),
        subnets: known(subnets, &mut warnings)?,
        tables: known(tables, &mut warnings)?,
        endpoints: None,
        offered: None,
    };
    let region = looks.scope().region();
    let judge = Judge { spec, wanted, read: &read, ours: &ours, region };
    // What few networks need is asked for where it is needed.
    let (is_cut_off, instances) = (!judge.cut_off().is_empty(), judge.new_instances());
    let (endpoints, offered) = futures::join!(
        optional(is_cut_off.then_some(&wanted.vpc), async |vpc| endpoints(aws, vpc).await),
        optional(instances, async |instances| zones::offered(aws, instances).await),
    );
    read.endpoints = known(endpoints, &mut warnings)?.flatten();
    read.offered = known(offered, &mut warnings)?.flatten();
    // A type that is offered nowhere does not exist: its own look-up says so.
    read.offered = read.offered.filter(|zones| !zones.is_empty());
    let judge = Judge { spec, wanted, read: &read, ours: &ours, region };
    let mut judgement = judge.judge();
    judgement.findings.splice(0..0, moved);
    judgement.warnings.splice(0..0, warnings);
    Ok((Some(judge.found()), judgement))
}

/// What may not be looked up, or cannot be, is unknown.
fn known<T>(read: Result<T>, warnings: &mut Vec<String>) -> Result<Option<T>, Problem> {
    match read {
        Ok(it) => Ok(Some(it)),
        Err(error) if error.is_not_offered() => {
            warnings.push(unknown(&error.attempt, &error));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Why a stack that stands in one network cannot stand in another. What cannot move are its load balancers,
/// target groups and security groups, which keep their VPC for life: it is read off the last of these.
async fn moved(looks: &Looks, spec: &Spec) -> Result<Vec<SpecError>, Problem> {
    let groups = listed::<SecurityGroup>(looks).await?;
    let wanted = spec.network.existing().map(|it| it.vpc.as_str());
    let elsewhere = groups.iter().map(Owned::it).find(|group| match wanted {
        Some(wanted) => group.vpc.as_str() != wanted,
        None => group.is_among_others,
    });
    let Some(group) = elsewhere else { return Ok(Vec::new()) };
    let (stands, stay) = match group.is_among_others {
        true => (format!("in {}, which is not its own", group.vpc), "say that one"),
        false => (format!("in a VPC of its own, {}", group.vpc), "leave `network.existing` out"),
    };
    let rule = format!(
        "the stack stands {stands}, and what is there cannot move to another VPC: {stay}, or destroy the \
         stack first"
    );
    Ok(vec![SpecError::new(VPC, wanted.unwrap_or_default(), rule)])
}

async fn ours(looks: &Looks) -> Result<Ours> {
    let (balancers, services, groups, templates) = futures::try_join!(
        listed::<LoadBalancer>(looks),
        listed::<Service>(looks),
        listed::<AutoScalingGroup>(looks),
        listed::<LaunchTemplate>(looks),
    )?;
    let count = |it: Option<i32>| it.and_then(|it| u32::try_from(it).ok()).unwrap_or_default();
    let balancers = balancers.iter().filter_map(|it| {
        let is_it = |scheme: &Scheme| it.it().scheme == Some(scheme.to_string());
        let subnets = it.it().subnets.iter().flatten().cloned().collect();
        Some((Scheme::ALL.into_iter().find(is_it)?, subnets))
    });
    Ok(Ours {
        balancers: balancers.collect(),
        tasks: services.iter().map(|it| count(it.it().desired_count)).sum(),
        instances: groups.iter().map(|it| count(it.it().desired)).sum(),
        launches: (
            groups.iter().flat_map(|it| it.it().subnets.iter().flatten().cloned()).collect(),
            templates.iter().find_map(|it| it.it().data.as_ref()?.instance_type.clone()),
        ),
    })
}

fn filter(name: &str, values: impl IntoIterator<Item = String>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().collect())).build()
}

/// A filter, unlike a list of ids, is no error where there is nothing.
async fn vpcs(aws: &Aws, id: &str) -> Result<Vec<Vpc>> {
    let vpcs = aws.ec2.describe_vpcs().filters(filter("vpc-id", [id.to_owned()])).send().await;
    let mut vpcs = vpcs.doing("look up the VPC")?.vpcs.unwrap_or_default();
    vpcs.retain(|vpc| vpc.vpc_id() == Some(id));
    Ok(vpcs)
}

async fn attribute(aws: &Aws, id: &str, name: VpcAttributeName) -> Result<Option<bool>> {
    let read = aws.ec2.describe_vpc_attribute().vpc_id(id).attribute(name.clone()).send().await;
    let doing = format!("read the attribute {} of the VPC", name.as_str());
    let read = read.doing(doing).gone_is_fine(&[vpc::UNKNOWN])?;
    let value = read.and_then(|read| read.enable_dns_support.or(read.enable_dns_hostnames));
    Ok(value.and_then(|value| value.value))
}

async fn subnets(aws: &Aws, wanted: &ExistingNetwork) -> Result<Vec<Subnet>> {
    let ids: BTreeSet<_> = wanted.subnets().cloned().collect();
    let subnets = aws.ec2.describe_subnets().filters(filter("subnet-id", ids.clone()));
    let subnets = subnets.into_paginator().items().send().all().await;
    let mut subnets = subnets.doing("look up the subnets")?;
    subnets.retain(|it| it.subnet_id().is_some_and(|id| ids.contains(id)));
    Ok(subnets)
}

async fn tables(aws: &Aws, vpc: &str) -> Result<Vec<RouteTable>> {
    let tables = aws.ec2.describe_route_tables().filters(filter("vpc-id", [vpc.to_owned()]));
    let tables = tables.into_paginator().items().send().all().await;
    let mut tables = tables.doing("look up the VPC's route tables")?;
    tables.retain(|it| it.vpc_id() == Some(vpc));
    Ok(tables)
}

async fn endpoints(aws: &Aws, vpc: &str) -> Result<Vec<VpcEndpoint>> {
    let endpoints = aws.ec2.describe_vpc_endpoints().filters(filter("vpc-id", [vpc.to_owned()]));
    let endpoints = endpoints.into_paginator().items().send().all().await;
    let mut endpoints = endpoints.doing("look up the VPC's endpoints")?;
    endpoints.retain(|it| it.vpc_id() == Some(vpc));
    Ok(endpoints)
}

/// Where a subnet's default route leads.
#[derive(Debug, Clone, PartialEq, Eq)]
enum WayOut {
    /// Nowhere: it has none.
    None,
    /// To an internet gateway.
    Internet(String),
    /// To something that leads on, such as a NAT gateway.
    Through(String),
    /// To what is gone.
    Blackhole(String),
}

/// A judge of one network.
struct Judge<'a> {
    spec: &'a Spec,
    wanted: &'a ExistingNetwork,
    read: &'a Read,
    ours: &'a Ours,
    region: &'a str,
}

impl Judge<'_> {
    fn judge(&self) -> Judgement {
        let mut it = Judgement::default();
        match self.read.vpcs.as_deref() {
            // Nothing else can be right then.
            Some([]) => {
                let rule = format!("is no VPC of this account in {}", self.region);
                it.findings.push(SpecError::new(VPC, &self.wanted.vpc, rule));
                return it;
            }
            Some([vpc, ..]) => self.judge_vpc(vpc, &mut it),
            None => {}
        }
        self.ranges_are_known(&mut it);
        for which in Subnets::ALL {
            self.subnets(which, &mut it);
        }
        let cut_off = self.cut_off();
        self.names(!cut_off.is_empty(), &mut it);
        self.reach_aws(&cut_off, &mut it);
        it
    }

    /// What a graph has to know.
    fn found(&self) -> Found {
        let which = self.wanted.of_tasks();
        let zones = self.of(which).filter_map(|(_, it)| it?.availability_zone());
        let zones: BTreeSet<_> = zones.map(str::to_owned).collect();
        Found { ranges: self.ranges(), zones: zones.into_iter().collect(), free: self.free() }
    }

    fn vpc(&self) -> Option<&Vpc> {
        self.read.vpcs.as_ref()?.first()
    }

    fn ranges(&self) -> Vec<Ipv4Net> {
        let Some(vpc) = self.vpc() else { return Vec::new() };
        let is_there = |it: &&aws_sdk_ec2::types::VpcCidrBlockAssociation| {
            let state = it.cidr_block_state().and_then(|it| it.state());
            state.is_none_or(|it| *it == VpcCidrBlockStateCode::Associated)
        };
        let all = vpc.cidr_block_association_set().iter().filter(is_there);
        let all = all.filter_map(|it| it.cidr_block());
        let all: BTreeSet<Ipv4Net> =
            all.chain(vpc.cidr_block()).filter_map(|it| it.parse().ok()).collect();
        all.into_iter().collect()
    }

    /// The subnets of a key, as far as they are there.
    fn of(&self, which: Subnets) -> impl Iterator<Item = (&String, Option<&Subnet>)> {
        let all = self.read.subnets.as_deref().unwrap_or_default();
        let found = move |id: &String| all.iter().find(|it| it.subnet_id() == Some(id));
        self.wanted.of(which).iter().map(move |id| (id, found(id)))
    }

    /// Where a subnet is missing, that is told of it, and not what is missing by it.
    fn free(&self) -> Option<[u32; 2]> {
        self.read.subnets.as_ref()?;
        let is_missing = |which| self.of(which).any(|(_, it)| it.is_none());
        if Subnets::ALL.into_iter().any(is_missing) {
            return None;
        }
        let of_balancer = |scheme: Scheme| {
            let subnets = self.ours.balancers.get(&scheme).map_or(0, BTreeSet::len);
            u32::try_from(subnets).unwrap_or_default()
        };
        let free = |which: Subnets, scheme: Scheme| {
            let free = self.of(which).filter_map(|(_, it)| it?.available_ip_address_count());
            let free = free.filter_map(|free| u32::try_from(free).ok());
            let mut sum = free.fold(of_balancer(scheme), u32::saturating_add);
            if self.wanted.of_tasks() == which {
                sum = sum.saturating_add(self.ours.tasks).saturating_add(self.ours.instances);
            }
            sum
        };
        Some([
            free(Subnets::Private, Scheme::Internal),
            free(Subnets::Public, Scheme::InternetFacing),
        ])
    }

    /// The instances, if some may be launched that are of another type than those that are there, or in other
    /// subnets.
    fn new_instances(&self) -> Option<&Instances> {
        let instances = self.spec.instances.as_ref()?;
        let (subnets, kind) = &self.ours.launches;
        let are_old = self.wanted.private.is_subset(subnets)
            && kind.as_deref() == Some(instances.first_type());
        (!are_old).then_some(instances)
    }

    fn judge_vpc(&self, vpc: &Vpc, it: &mut Judgement) {
        if let Some(state) = vpc.state().filter(|state| **state != VpcState::Available) {
            let rule = format!("is `{}`: nothing can be made in it yet", state.as_str());
            it.findings.push(SpecError::new(VPC, &self.wanted.vpc, rule));
        }
        let docker: Option<Ipv4Net> = DOCKER.parse().ok();
        let overlaps =
            |range: &Ipv4Net| docker.is_some_and(|it| range.contains(&it) || it.contains(range));
        if let Some(range) = self.ranges().iter().find(|it| overlaps(it))
            && self.spec.instances.is_some()
        {
            it.warnings.push(format!(
                "the range {range} of {} overlaps {DOCKER}, the range of Docker's bridge on every instance: \
                 instances do not reach those addresses of the VPC",
                self.wanted.vpc
            ));
        }
    }

    /// What may reach the internal load balancer is the VPC, unless somebody says otherwise.
    fn ranges_are_known(&self, it: &mut Judgement) {
        let is_open = self.spec.internal.as_ref().is_some_and(|it| it.allow.is_empty());
        if is_open && self.ranges().is_empty() {
            let rule = "is not said, and the ranges of the VPC, which it would be, could not be looked up: \
                        say which ranges may reach the load balancer";
            it.findings.push(SpecError::new("ingress.internal.allow", "", rule));
        }
    }

    fn subnets(&self, which: Subnets, it: &mut Judgement) {
        if self.read.subnets.is_none() {
            return;
        }
        let path = which.path();
        let mut zones: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (id, found) in self.of(which) {
            let mut find = |rule: String| it.findings.push(SpecError::new(path, id, rule));
            let Some(subnet) = found else {
                find(format!("is no subnet of this account in {}", self.region));
                continue;
            };
            let vpc = subnet.vpc_id().unwrap_or_default();
            if vpc != self.wanted.vpc {
                find(format!("is in {vpc}, and not in {}", self.wanted.vpc));
                continue;
            }
            if let Some(state) = subnet.state().filter(|it| **it != SubnetState::Available) {
                find(format!("is `{}`: nothing can be made in it yet", state.as_str()));
            }
            if subnet.ipv6_native() == Some(true) {
                let what = "load balancers, instances and tasks of ecsup have such";
                find(format!("has no IPv4 addresses (it is IPv6-only), and {what}"));
            }
            if let Some(zone) = subnet.availability_zone() {
                zones.entry(zone).or_default().push(id);
            }
            let free = subnet.available_ip_address_count().map(i64::from);
            if let Some(free) = free.filter(|free| *free < BALANCER)
                && self.is_new_to_balancer(which, id)
            {
                find(format!(
                    "has {free} free addresses, and a load balancer wants {BALANCER} in each of its subnets: \
                     name another subnet of {}, or free some",
                    subnet.availability_zone().unwrap_or("its zone")
                ));
            }
            if let (Some(offered), Some(instances), Some(zone), Subnets::Private) =
                (&self.read.offered, &self.spec.instances, subnet.availability_zone(), which)
                && !offered.contains(zone)
            {
                let kind = instances.instance_types.join(" or ");
                find(format!(
                    "is in {zone}, where {kind} is not offered: name a subnet of another zone, or another \
                     `instance_type`"
                ));
            }
            if let Some(rule) = self.dead_end(which, subnet) {
                find(rule);
            }
            if let Some(rule) = self.blocked(which, subnet) {
                find(rule);
            }
        }
        self.zones(which, &zones, it);
    }

    /// Whether a load balancer is going to be put into a subnet.
    fn is_new_to_balancer(&self, which: Subnets, id: &str) -> bool {
        self.scheme_in(which).is_some_and(|scheme| {
            !self.ours.balancers.get(&scheme).is_some_and(|subnets| subnets.contains(id))
        })
    }

    /// The scheme of the load balancer that stands in these subnets, if one is wanted.
    fn scheme_in(&self, which: Subnets) -> Option<Scheme> {
        let scheme = match which {
            Subnets::Private => Scheme::Internal,
            Subnets::Public => Scheme::InternetFacing,
        };
        self.spec.ingress(scheme).map(|_| scheme)
    }

    fn zones(&self, which: Subnets, zones: &BTreeMap<&str, Vec<&str>>, it: &mut Judgement) {
        let mut find = |rule: String| it.findings.push(SpecError::new(which.path(), "", rule));
        let there = zones.values().map(Vec::len).sum::<usize>();
        if let Some((zone, ids)) = zones.iter().next().filter(|_| zones.len() == 1 && there > 1) {
            find(format!(
                "{} are all in {zone}, and a stack takes two zones, so that it outlives one: name a subnet \
                 of another zone",
                ids.join(" and ")
            ));
            return;
        }
        if self.scheme_in(which).is_none() {
            return;
        }
        for (zone, ids) in zones.iter().filter(|(_, ids)| ids.len() > 1) {
            find(format!(
                "{} are both in {zone}, and a load balancer takes one subnet of a zone: leave one out",
                ids.join(" and ")
            ));
        }
    }

    /// The table of a subnet: its own, or else the VPC's main one.
    fn table(&self, subnet: &Subnet) -> Option<&RouteTable> {
        let tables = self.read.tables.as_deref()?;
        let own = tables.iter().find(|table| {
            table
                .associations()
                .iter()
                .any(|it| it.subnet_id().is_some() && it.subnet_id() == subnet.subnet_id())
        });
        own.or_else(|| {
            tables
                .iter()
                .find(|table| table.associations().iter().any(|it| it.main() == Some(true)))
        })
    }

    /// Where what is in a subnet gets out, as far as it is known.
    fn way_out(&self, subnet: &Subnet) -> Option<WayOut> {
        let routes = self.table(subnet)?.routes().iter();
        let mut out = routes.filter(|it| it.destination_cidr_block() == Some(ANYWHERE));
        let Some(route) = out.next() else { return Some(WayOut::None) };
        let to = target(route);
        Some(match route.state() {
            Some(RouteState::Blackhole) => WayOut::Blackhole(to),
            _ if to.starts_with("igw-") => WayOut::Internet(to),
            _ => WayOut::Through(to),
        })
    }

    /// Why a subnet's route is not what it is named for.
    fn dead_end(&self, which: Subnets, subnet: &Subnet) -> Option<String> {
        let way_out = self.way_out(subnet)?;
        let table = self.table(subnet).and_then(RouteTable::route_table_id).unwrap_or("its table");
        match (which, way_out) {
            (Subnets::Public, WayOut::Internet(_))
            | (Subnets::Private, WayOut::Through(_) | WayOut::None) => {
                // Without any route, endpoints may do.
                None
            }
            (_, WayOut::Blackhole(to)) => Some(format!(
                "leads nowhere: the route of {ANYWHERE} in {table} goes to {to}, which is gone (`blackhole`); \
                 mend that route"
            )),
            (Subnets::Public, WayOut::Through(to)) => Some(format!(
                "is no public subnet: the route of {ANYWHERE} in {table} goes to {to}, and not to an \
                 internet gateway"
            )),
            (Subnets::Public, WayOut::None) => Some(format!(
                "is no public subnet: {table} has no route of {ANYWHERE} to an internet gateway"
            )),
            (Subnets::Private, WayOut::Internet(to)) => Some(format!(
                "is a public subnet: the route of {ANYWHERE} in {table} goes to {to}, by which only what has \
                 a public address gets out, and what stands in private subnets has none; name one whose \
                 route goes to a NAT gateway"
            )),
        }
    }

    /// Why VPC Block Public Access keeps a subnet from what it is for.
    fn blocked(&self, which: Subnets, subnet: &Subnet) -> Option<String> {
        let of_vpc = || self.vpc()?.block_public_access_states();
        let states = subnet.block_public_access_states().or_else(of_vpc)?;
        let mode = states.internet_gateway_block_mode()?.as_str();
        let way_out = self.way_out(subnet)?;
        // Whether a NAT gateway stands where an exclusion lets it out is not known, nor what is behind others.
        let by_nat = matches!(&way_out, WayOut::Through(to) if to.starts_with("nat-"));
        let what = match (BlockMode::parse(mode)?, which, way_out) {
            (BlockMode::Bidirectional, _, WayOut::Internet(_)) => "nothing gets in or out",
            (BlockMode::Bidirectional, ..) if by_nat => "NAT gateways do not work",
            (BlockMode::Ingress, Subnets::Public, WayOut::Internet(_)) => {
                match (self.scheme_in(which), self.wanted.is_outside()) {
                    (Some(_), _) => "nobody on the internet reaches the load balancer",
                    (None, _) => "tasks with public addresses get no answers",
                }
            }
            _ => return None,
        };
        Some(format!(
            "is kept from the internet by VPC Block Public Access (`{mode}`), so {what}: have the subnet or \
             the VPC excluded from it"
        ))
    }

    /// The subnets of instances and tasks from which no route leads out, where all else is right.
    fn cut_off(&self) -> Vec<&Subnet> {
        let which = self.wanted.of_tasks();
        let of_vpc = self.of(which).filter_map(|(_, it)| it);
        let of_vpc = of_vpc.filter(|it| it.vpc_id() == Some(&self.wanted.vpc));
        of_vpc
            .filter(|it| which == Subnets::Private && self.way_out(it) == Some(WayOut::None))
            .collect()
    }

    /// Names in the VPC: a private zone answers only where both attributes are on, and so do endpoints.
    fn names(&self, by_endpoints: bool, it: &mut Judgement) {
        let zone = self.spec.ingresses().find_map(|(scheme, it)| Some((scheme, it.zone.as_ref()?)));
        let attributes = [
            ("EnableDnsSupport", self.read.dns_support),
            ("EnableDnsHostnames", self.read.dns_hostnames),
        ];
        let off = attributes.iter().filter(|(_, on)| *on == Some(false)).map(|(name, _)| *name);
        let off: Vec<_> = off.collect();
        let words = format!("has {} off", off.join(" and "));
        match (off.first(), zone, by_endpoints) {
            (None, ..) => {}
            (_, Some((scheme, zone)), _) => {
                let rule = format!(
                    "{words}, and without both attributes the private zone {zone} does not answer in it: \
                     switch on what is off, or say ingress.{}.zone = false",
                    scheme.word()
                );
                it.findings.push(SpecError::new(VPC, &self.wanted.vpc, rule));
            }
            (_, None, _) if self.spec.has_names() => {
                let rule = format!(
                    "{words}, and without both attributes the names of services, which `discovery` gives them, do \
                     not answer in it: switch on what is off"
                );
                it.findings.push(SpecError::new(VPC, &self.wanted.vpc, rule));
            }
            (_, None, true) => {
                let rule = format!(
                    "{words}, and without both attributes the names of AWS do not lead to its endpoints, \
                     which are the only way out of its private subnets: switch on what is off"
                );
                it.findings.push(SpecError::new(VPC, &self.wanted.vpc, rule));
            }
            (Some(&"EnableDnsSupport"), None, false) => it.warnings.push(format!(
                "{VPC} {}: its own resolver is switched off: whether tasks find the names of AWS is unknown",
                self.wanted.vpc
            )),
            (Some(_), None, false) => {}
        }
    }

    /// What is cut off reaches AWS through endpoints, or not at all.
    fn reach_aws(&self, cut_off: &[&Subnet], it: &mut Judgement) {
        if cut_off.is_empty() {
            return;
        }
        let ids: Vec<_> = cut_off.iter().filter_map(|subnet| subnet.subnet_id()).collect();
        let ids = ids.join(", ");
        for (field, image) in self.spec.images_out_of_reach(self.region) {
            let host = image.registry_host().unwrap_or_else(|| "elsewhere".to_owned());
            let rule = format!(
                "comes from {host}, and no route leads out of {ids}: through endpoints only ECR of {} is \
                 reached, so copy it there, or give the subnets a way out",
                self.region
            );
            it.findings.push(SpecError::new(field, image.to_string(), rule));
        }
        let Some(there) = &self.read.endpoints else { return };
        let lacks = required_endpoints(self.spec).into_iter().filter_map(|(name, what)| {
            self.lacks(there, cut_off, name).map(|why| format!("{name} for {what}{why}"))
        });
        let lacks: Vec<_> = lacks.collect();
        if !lacks.is_empty() {
            let rule = format!(
                "no route leads out of {ids}, and the VPC lacks endpoints: {}; make them, or a route of \
                 {ANYWHERE} to a NAT gateway: ecsup makes neither in a VPC that is not the stack's own",
                lacks.join("; ")
            );
            it.findings.push(SpecError::new(VPC, &self.wanted.vpc, rule));
        }
    }

    /// What is missing of an endpoint, in words behind its name, if anything is.
    fn lacks(&self, there: &[VpcEndpoint], cut_off: &[&Subnet], name: &str) -> Option<String> {
        let ending = format!(".{}.{name}", self.region);
        let is_it = |it: &&VpcEndpoint| {
            it.service_name().is_some_and(|service| service.ends_with(&ending))
                && !vpc_endpoint::is_gone(it)
        };
        let mut missing = Some(String::new());
        for endpoint in there.iter().filter(is_it) {
            let id = endpoint.vpc_endpoint_id().unwrap_or("it");
            let state = vpc_endpoint::state(endpoint);
            let without = cut_off.iter().filter_map(|subnet| {
                let table = self.table(subnet).and_then(RouteTable::route_table_id)?;
                (!endpoint.route_table_ids().iter().any(|it| it == table)).then_some(table)
            });
            let without: BTreeSet<_> = without.collect();
            let is_gateway = !vpc_endpoint::is_interface(endpoint);
            missing = match () {
                () if state != "available" => Some(format!(" ({id} is `{state}`)")),
                () if is_gateway && without.is_empty() => return None,
                () if is_gateway => {
                    let tables = without.into_iter().collect::<Vec<_>>().join(", ");
                    Some(format!(" ({id} is in none of {tables})"))
                }
                () if endpoint.private_dns_enabled() == Some(true) => return None,
                () => Some(format!(" ({id} has no private DNS names)")),
            };
        }
        missing
    }
}

/// What a route leads to.
fn target(route: &Route) -> String {
    let all = [
        route.gateway_id(),
        route.nat_gateway_id(),
        route.transit_gateway_id(),
        route.network_interface_id(),
        route.instance_id(),
        route.local_gateway_id(),
        route.carrier_gateway_id(),
        route.vpc_peering_connection_id(),
        route.core_network_arn(),
        route.egress_only_internet_gateway_id(),
    ];
    all.into_iter().flatten().next().unwrap_or("something that ecsup does not know").to_owned()
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{RouteTableAssociation, State, VpcEndpointType};

    use super::*;
    use crate::spec::{Image, Pattern};
    use crate::wish::{ServiceFlags, spec_of_flags};

    const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ledger:7";

    fn network() -> ExistingNetwork {
        let private = ["subnet-a".to_owned(), "subnet-b".to_owned()].into();
        ExistingNetwork { vpc: "vpc-1".into(), public: BTreeSet::new(), private }
    }

    /// A worker on instances, with an image of ECR, in two private subnets.
    fn spec() -> Spec {
        let flags = ServiceFlags {
            pattern: Some(Pattern::InternalWorker),
            no_dns: true,
            ..ServiceFlags::default()
        };
        let mut spec = spec_of_flags(&flags).unwrap();
        spec.network = Network::Existing(network());
        spec.services[0].image = Image::parse(ECR).unwrap();
        spec.internal.as_mut().unwrap().allow = Vec::new();
        spec
    }

    fn subnet(id: &str, zone: &str) -> Subnet {
        Subnet::builder()
            .subnet_id(id)
            .vpc_id("vpc-1")
            .availability_zone(zone)
            .state(SubnetState::Available)
            .available_ip_address_count(200)
            .build()
    }

    /// The main table, with this default route.
    fn table(route: Option<Route>) -> RouteTable {
        let main = RouteTableAssociation::builder().main(true).build();
        let table = RouteTable::builder().route_table_id("rtb-1").associations(main);
        table.set_routes(route.map(|route| vec![route])).build()
    }

    fn endpoint(name: &str) -> VpcEndpoint {
        let kind = if name == "s3" { VpcEndpointType::Gateway } else { VpcEndpointType::Interface };
        VpcEndpoint::builder()
            .vpc_endpoint_id(format!("vpce-{name}"))
            .service_name(format!("com.amazonaws.eu-west-1.{name}"))
            .vpc_endpoint_type(kind)
            .state(State::from("available"))
            .private_dns_enabled(true)
            .route_table_ids("rtb-1")
            .build()
    }

    /// A network without a way out, with these endpoints.
    fn read(endpoints: Vec<VpcEndpoint>) -> Read {
        let vpc = Vpc::builder().vpc_id("vpc-1").state(VpcState::Available);
        Read {
            vpcs: Some(vec![vpc.cidr_block("10.20.0.0/16").build()]),
            dns_support: Some(true),
            dns_hostnames: Some(true),
            subnets: Some(vec![subnet("subnet-a", "eu-west-1a"), subnet("subnet-b", "eu-west-1b")]),
            tables: Some(vec![table(None)]),
            endpoints: Some(endpoints),
            offered: None,
        }
    }

    fn findings(spec: &Spec, read: &Read) -> String {
        let (wanted, ours) = (network(), Ours::default());
        let judge = Judge { spec, wanted: &wanted, read, ours: &ours, region: "eu-west-1" };
        let findings = judge.judge().findings;
        findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn endpoints_may_take_the_place_of_a_way_out() {
        let names = ["ecr.api", "ecr.dkr", "s3", "logs", "ecs", "ecs-agent", "ecs-telemetry"];
        let all = || names.map(endpoint).to_vec();
        assert_eq!(findings(&spec(), &read(all())), "");
        // One is not there, one not yet, one is not found by its name, and one not in the table.
        let mut some = all();
        some.retain(|it| it.vpc_endpoint_id() != Some("vpce-ecs"));
        for it in &mut some {
            match it.vpc_endpoint_id() {
                Some("vpce-ecr.api") => it.state = Some(State::from("pending")),
                Some("vpce-logs") => it.private_dns_enabled = Some(false),
                Some("vpce-s3") => it.route_table_ids = Some(vec!["rtb-2".into()]),
                _ => {}
            }
        }
        insta::assert_snapshot!(findings(&spec(), &read(some)), @"network.existing.vpc `vpc-1`: no route leads out of subnet-a, subnet-b, and the VPC lacks endpoints: ecr.api for the sign-in to ECR (vpce-ecr.api is `pending`); ecs for the agents on instances; logs for the logs of containers (vpce-logs has no private DNS names); s3 for the layers of images in ECR (vpce-s3 is in none of rtb-1); make them, or a route of 0.0.0.0/0 to a NAT gateway: ecsup makes neither in a VPC that is not the stack's own");
        // Their names are those of a private zone, and no other registry has any.
        let mut other = spec();
        other.services[0].image = Image::parse("ghcr.io/acme/ledger:7").unwrap();
        let off = Read { dns_hostnames: Some(false), ..read(all()) };
        insta::assert_snapshot!(findings(&other, &off), @r"
        network.existing.vpc `vpc-1`: has EnableDnsHostnames off, and without both attributes the names of AWS do not lead to its endpoints, which are the only way out of its private subnets: switch on what is off
        service.worker.image `ghcr.io/acme/ledger:7`: comes from ghcr.io, and no route leads out of subnet-a, subnet-b: through endpoints only ECR of eu-west-1 is reached, so copy it there, or give the subnets a way out
        ");
    }

    #[test]
    fn whatever_leads_on_is_believed_to_lead_out() {
        let through = |route: aws_sdk_ec2::types::builders::RouteBuilder| Read {
            tables: Some(vec![table(Some(
                route.destination_cidr_block(ANYWHERE).state(RouteState::Active).build(),
            ))]),
            ..read(Vec::new())
        };
        let route = Route::builder;
        for route in [
            route().nat_gateway_id("nat-1"),
            route().transit_gateway_id("tgw-1"),
            route().network_interface_id("eni-1"),
            route().gateway_id("vgw-1"),
        ] {
            assert_eq!(findings(&spec(), &through(route)), "");
        }
    }

    #[test]
    fn what_is_not_known_is_no_finding() {
        let mut spec = spec();
        let nothing = Read::default();
        insta::assert_snapshot!(findings(&spec, &nothing), @"ingress.internal.allow: is not said, and the ranges of the VPC, which it would be, could not be looked up: say which ranges may reach the load balancer");
        spec.internal.as_mut().unwrap().allow = vec!["10.0.0.0/8".parse().unwrap()];
        assert_eq!(findings(&spec, &nothing), "");
        let mut of_tables = read(Vec::new());
        of_tables.tables = None;
        assert_eq!(findings(&spec, &of_tables), "");
    }
}
