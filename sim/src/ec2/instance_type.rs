//! Instance types: a table of the common ones. Interfaces and addresses are as the VPC limits of
//! Karpenter's AWS provider list them; a task with its own address takes one interface. What is left
//! of the memory is as Karpenter once measured it (its `zz_generated.memory_overhead.go`), or as with
//! the next of kin of a type that it did not.

use serde_json::{Value, json};

use super::query::{Filters, page};
use super::zone;
use crate::fields::{Fields, Tags};
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// An instance type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstanceType {
    /// Its name.
    pub name: &'static str,
    /// Virtual processors.
    pub vcpus: u32,
    /// Memory in MiB.
    pub memory: u32,
    /// What of the memory the kernel shows, and an agent registers, in MiB.
    pub registers: u32,
    /// Network interfaces at most.
    pub interfaces: u32,
    /// IPv4 addresses of one interface at most.
    pub addresses: u32,
    /// Whether its processors are AWS's own.
    pub arm: bool,
    /// Its accelerator.
    pub accelerator: Accelerator,
}

/// What an instance type has, as other services see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Virtual processors.
    pub vcpus: u32,
    /// Memory in MiB that an agent registers.
    pub registers: u32,
    /// Network interfaces at most.
    pub interfaces: u32,
    /// `x86_64` or `arm64`.
    pub architecture: &'static str,
}

/// What an instance type has besides processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    /// Nothing.
    None,
    /// One GPU: its name and its memory in MiB.
    Gpu(&'static str, u32),
    /// One of AWS's chips for machine learning: its name and its memory in MiB.
    Neuron(&'static str, u32),
}

const fn x86(
    name: &'static str,
    vcpus: u32,
    memory: u32,
    registers: u32,
    interfaces: u32,
    addresses: u32,
) -> InstanceType {
    InstanceType {
        name,
        vcpus,
        memory,
        registers,
        interfaces,
        addresses,
        arm: false,
        accelerator: Accelerator::None,
    }
}

const fn arm(
    name: &'static str,
    vcpus: u32,
    memory: u32,
    registers: u32,
    interfaces: u32,
    addresses: u32,
) -> InstanceType {
    InstanceType { arm: true, ..x86(name, vcpus, memory, registers, interfaces, addresses) }
}

const fn with(base: InstanceType, accelerator: Accelerator) -> InstanceType {
    InstanceType { accelerator, ..base }
}

use Accelerator::{Gpu, Neuron};

/// Every type that there is.
const TYPES: &[InstanceType] = &[
    x86("t2.micro", 1, 1_024, 946, 2, 2),
    x86("t2.small", 1, 2_048, 1_952, 3, 4),
    x86("t2.medium", 2, 4_096, 3_900, 3, 6),
    x86("t3.nano", 2, 512, 423, 2, 2),
    x86("t3.micro", 2, 1_024, 921, 2, 2),
    x86("t3.small", 2, 2_048, 1_917, 3, 4),
    x86("t3.medium", 2, 4_096, 3_843, 3, 6),
    x86("t3.large", 2, 8_192, 7_827, 3, 12),
    x86("t3.xlarge", 4, 16_384, 15_795, 4, 15),
    x86("t3.2xlarge", 8, 32_768, 31_730, 4, 15),
    x86("t3a.micro", 2, 1_024, 925, 2, 2),
    x86("t3a.small", 2, 2_048, 1_923, 2, 4),
    x86("t3a.medium", 2, 4_096, 3_855, 3, 6),
    x86("t3a.large", 2, 8_192, 7_849, 3, 12),
    arm("t4g.nano", 2, 512, 423, 2, 2),
    arm("t4g.micro", 2, 1_024, 922, 2, 2),
    arm("t4g.small", 2, 2_048, 1_851, 3, 4),
    arm("t4g.medium", 2, 4_096, 3_840, 3, 6),
    arm("t4g.large", 2, 8_192, 7_818, 3, 12),
    arm("t4g.xlarge", 4, 16_384, 15_776, 4, 15),
    x86("c5.large", 2, 4_096, 3_663, 3, 10),
    x86("c5.xlarge", 4, 8_192, 7_633, 4, 15),
    x86("c5.2xlarge", 8, 16_384, 15_516, 4, 15),
    x86("c5.4xlarge", 16, 32_768, 31_282, 8, 30),
    x86("c5.9xlarge", 36, 73_728, 70_207, 8, 30),
    x86("c5a.large", 2, 4_096, 3_843, 3, 10),
    x86("c5a.xlarge", 4, 8_192, 7_827, 4, 15),
    arm("c6g.medium", 1, 2_048, 1_839, 2, 4),
    arm("c6g.large", 2, 4_096, 3_816, 3, 10),
    arm("c6g.xlarge", 4, 8_192, 7_772, 4, 15),
    arm("c6g.2xlarge", 8, 16_384, 15_682, 4, 15),
    arm("c6g.4xlarge", 16, 32_768, 31_502, 8, 30),
    x86("c6i.large", 2, 4_096, 3_823, 3, 10),
    x86("c6i.xlarge", 4, 8_192, 7_787, 4, 15),
    x86("c6i.2xlarge", 8, 16_384, 15_712, 4, 15),
    x86("c6i.4xlarge", 16, 32_768, 31_562, 8, 30),
    arm("c7g.medium", 1, 2_048, 1_839, 2, 4),
    arm("c7g.large", 2, 4_096, 3_816, 3, 10),
    arm("c7g.xlarge", 4, 8_192, 7_772, 4, 15),
    arm("c7g.2xlarge", 8, 16_384, 15_682, 4, 15),
    x86("c7i-flex.large", 2, 4_096, 3_823, 3, 10),
    x86("c7i.large", 2, 4_096, 3_823, 3, 10),
    x86("c7i.xlarge", 4, 8_192, 7_787, 4, 15),
    x86("m4.large", 2, 8_192, 7_926, 2, 10),
    x86("m4.xlarge", 4, 16_384, 15_978, 4, 15),
    x86("m5.large", 2, 8_192, 7_633, 3, 10),
    x86("m5.xlarge", 4, 16_384, 15_517, 4, 15),
    x86("m5.2xlarge", 8, 32_768, 31_620, 4, 15),
    x86("m5.4xlarge", 16, 65_536, 62_818, 8, 30),
    x86("m5a.large", 2, 8_192, 7_677, 3, 10),
    arm("m6g.medium", 1, 4_096, 3_801, 2, 4),
    arm("m6g.large", 2, 8_192, 7_741, 3, 10),
    arm("m6g.xlarge", 4, 16_384, 15_619, 4, 15),
    x86("m6i.large", 2, 8_192, 7_787, 3, 10),
    x86("m6i.xlarge", 4, 16_384, 15_713, 4, 15),
    x86("m6i.2xlarge", 8, 32_768, 31_564, 4, 15),
    x86("m6i.4xlarge", 16, 65_536, 63_266, 8, 30),
    arm("m7g.medium", 1, 4_096, 3_817, 2, 4),
    arm("m7g.large", 2, 8_192, 7_773, 3, 10),
    arm("m7g.xlarge", 4, 16_384, 15_683, 4, 15),
    x86("m7i-flex.large", 2, 8_192, 7_787, 3, 10),
    x86("m7i.large", 2, 8_192, 7_787, 3, 10),
    x86("r5.large", 2, 16_384, 15_685, 3, 10),
    x86("r5.xlarge", 4, 32_768, 31_621, 4, 15),
    arm("r6g.large", 2, 16_384, 15_777, 3, 10),
    with(x86("g4dn.xlarge", 4, 16_384, 15_685, 3, 10), Gpu("T4", 16_384)),
    with(x86("g4dn.2xlarge", 8, 32_768, 31_620, 3, 10), Gpu("T4", 16_384)),
    with(x86("g5.xlarge", 4, 16_384, 15_795, 4, 15), Gpu("A10G", 24_576)),
    with(x86("g5.2xlarge", 8, 32_768, 31_730, 4, 15), Gpu("A10G", 24_576)),
    with(x86("g6.xlarge", 4, 16_384, 15_795, 4, 15), Gpu("L4", 22_888)),
    with(arm("g5g.xlarge", 4, 8_192, 7_772, 4, 15), Gpu("T4g", 16_384)),
    with(x86("p3.2xlarge", 8, 62_464, 61_266, 4, 15), Gpu("V100", 16_384)),
    with(x86("inf1.xlarge", 4, 8_192, 7_679, 4, 10), Neuron("Inferentia", 8_192)),
    with(x86("inf2.xlarge", 4, 16_384, 15_795, 4, 15), Neuron("Inferentia2", 32_768)),
    with(x86("inf2.8xlarge", 32, 131_072, 127_472, 8, 30), Neuron("Inferentia2", 32_768)),
    with(x86("trn1.2xlarge", 8, 32_768, 31_730, 4, 15), Neuron("Trainium", 32_768)),
];

/// A type by its name.
pub fn named(name: &str) -> Option<&'static InstanceType> {
    TYPES.iter().find(|it| it.name == name)
}

impl InstanceType {
    /// `x86_64` or `arm64`.
    pub fn architecture(&self) -> &'static str {
        if self.arm { "arm64" } else { "x86_64" }
    }

    /// What other services know of it.
    pub fn shape(&self) -> Shape {
        Shape {
            vcpus: self.vcpus,
            registers: self.registers,
            interfaces: self.interfaces,
            architecture: self.architecture(),
        }
    }

    /// The quota that its processors count against, by the first letters of its family.
    pub fn bucket(&self) -> &'static str {
        match self.name {
            name if name.starts_with('g') => "g",
            name if name.starts_with('p') => "p",
            name if name.starts_with("inf") => "inf",
            name if name.starts_with("trn") => "trn",
            _ => "standard",
        }
    }

    /// The zones of a region that offer it. Machines with accelerators are not in every zone.
    pub fn zones(&self, world: &World) -> Vec<String> {
        let zones = zone::names(&world.region).into_iter();
        let zones =
            zones.filter(|zone| !self.nitro() || !zone::lacks(world, zone, zone::INSTANCES));
        match self.accelerator {
            Accelerator::None => zones.collect(),
            Gpu(..) | Neuron(..) => zones.take(2).collect(),
        }
    }

    /// Whether accounts on the Free plan may start it (RhinoSecurityLabs/cloudgoat#375).
    pub fn is_free(&self) -> bool {
        const FREE: &[&str] =
            &["c7i-flex.large", "m7i-flex.large", "t3.micro", "t3.small", "t4g.micro", "t4g.small"];
        FREE.contains(&self.name)
    }

    /// Whether it is one of AWS's own hypervisor generation that is called Nitro.
    fn nitro(&self) -> bool {
        !["t2.", "m4.", "p3."].iter().any(|family| self.name.starts_with(family))
    }

    fn write(&self) -> Value {
        let burstable = self.name.starts_with('t') && !self.name.starts_with("trn");
        let threads = if self.arm || self.vcpus == 1 { 1 } else { 2 };
        let mut value = json!({
            "InstanceType": self.name,
            "CurrentGeneration": true,
            "FreeTierEligible": self.is_free(),
            "SupportedUsageClasses": ["on-demand", "spot"],
            "SupportedRootDeviceTypes": ["ebs"],
            "SupportedVirtualizationTypes": ["hvm"],
            "BareMetal": false,
            "Hypervisor": if self.nitro() { "nitro" } else { "xen" },
            "ProcessorInfo": {
                "SupportedArchitectures": [self.architecture()],
                "Manufacturer": if self.arm { "AWS" } else { "Intel" },
            },
            "VCpuInfo": {
                "DefaultVCpus": self.vcpus,
                "DefaultCores": self.vcpus / threads,
                "DefaultThreadsPerCore": threads,
            },
            "MemoryInfo": { "SizeInMiB": self.memory },
            "InstanceStorageSupported": self.name.starts_with("g4dn") || self.name.starts_with("g5."),
            "EbsInfo": {
                "EbsOptimizedSupport": "default",
                "EncryptionSupport": "supported",
                "NvmeSupport": if self.nitro() { "required" } else { "unsupported" },
            },
            "NetworkInfo": {
                "NetworkPerformance": "Up to 10 Gigabit",
                "MaximumNetworkInterfaces": self.interfaces,
                "MaximumNetworkCards": 1,
                "DefaultNetworkCardIndex": 0,
                "Ipv4AddressesPerInterface": self.addresses,
                "Ipv6AddressesPerInterface": self.addresses,
                "Ipv6Supported": true,
                "EnaSupport": if self.nitro() { "required" } else { "supported" },
                "EfaSupported": false,
            },
            "PlacementGroupInfo": { "SupportedStrategies": ["partition", "spread"] },
            "HibernationSupported": false,
            "BurstablePerformanceSupported": burstable,
            "DedicatedHostsSupported": !burstable,
            "AutoRecoverySupported": self.accelerator == Accelerator::None,
        });
        match self.accelerator {
            Accelerator::None => {}
            Gpu(name, memory) => {
                value["GpuInfo"] = json!({
                    "Gpus": [{
                        "Name": name,
                        "Manufacturer": "NVIDIA",
                        "Count": 1,
                        "MemoryInfo": { "SizeInMiB": memory },
                    }],
                    "TotalGpuMemoryInMiB": memory,
                });
            }
            Neuron(name, memory) => {
                value["NeuronInfo"] = json!({
                    "NeuronDevices": [{
                        "Name": name,
                        "Count": 1,
                        "CoreInfo": { "Count": 2, "Version": 2 },
                        "MemoryInfo": { "SizeInMiB": memory },
                    }],
                    "TotalNeuronDeviceMemoryInMiB": memory,
                });
            }
        }
        value
    }
}

/// `DescribeInstanceTypes`.
pub fn describe(world: &World, input: &Value) -> Answer {
    const FILTERS: &[&str] = &[
        "burstable-performance-supported",
        "current-generation",
        "hypervisor",
        "instance-type",
        "memory-info.size-in-mib",
        "network-info.maximum-network-interfaces",
        "processor-info.supported-architecture",
        "vcpu-info.default-vcpus",
    ];
    let filters = Filters::read("DescribeInstanceTypes", input, FILTERS)?;
    let wanted = input.texts("InstanceTypes");
    let unknown: Vec<_> =
        wanted.iter().filter(|name| named(name).is_none()).map(String::as_str).collect();
    if !unknown.is_empty() {
        let unknown = unknown.join(", ");
        let message = format!("The following supplied instance types do not exist: [{unknown}]");
        return Err(Refusal::new("InvalidInstanceType", message));
    }
    let fits = |it: &&InstanceType| {
        let shown = it.write();
        let field = |filter: &str| {
            vec![match filter {
                "burstable-performance-supported" => {
                    shown.flag("BurstablePerformanceSupported").unwrap_or_default().to_string()
                }
                "current-generation" => "true".to_owned(),
                "hypervisor" => shown.text("Hypervisor").to_owned(),
                "instance-type" => it.name.to_owned(),
                "memory-info.size-in-mib" => it.memory.to_string(),
                "network-info.maximum-network-interfaces" => it.interfaces.to_string(),
                "processor-info.supported-architecture" => it.architecture().to_owned(),
                "vcpu-info.default-vcpus" => it.vcpus.to_string(),
                _ => return Vec::new(),
            }]
        };
        let asked = wanted.is_empty() || wanted.iter().any(|name| name == it.name);
        asked && filters.fit(&Tags::new(), field)
    };
    let mut found: Vec<_> = TYPES.iter().filter(fits).map(InstanceType::write).collect();
    if world.scenario.is_thin("instance-types") {
        found.clear();
    }
    if world.scenario.is_thin("network-info") {
        let parts = found.iter_mut().filter_map(Value::as_object_mut);
        parts.for_each(|it| drop(it.remove("NetworkInfo")));
    }
    page(world, input, "InstanceTypes", "InstanceTypes", found)
}

/// `DescribeInstanceTypeOfferings`: which types are where.
pub fn describe_offerings(world: &World, input: &Value) -> Answer {
    const FILTERS: &[&str] = &["instance-type", "location"];
    let filters = Filters::read("DescribeInstanceTypeOfferings", input, FILTERS)?;
    if world.scenario.is_thin("offerings") {
        return page(world, input, "InstanceTypeOfferings", "InstanceTypeOfferings", Vec::new());
    }
    let location = input.some_text("LocationType").unwrap_or("region");
    let places = |it: &InstanceType| match location {
        "availability-zone" => it.zones(world),
        "availability-zone-id" => it.zones(world).iter().map(|it| zone::id_of(it)).collect(),
        "region" => vec![world.region.clone()],
        _ => Vec::new(),
    };
    let rows = TYPES.iter().flat_map(|it| places(it).into_iter().map(move |place| (it, place)));
    let rows = rows.filter(|(it, place)| {
        filters.fit(&Tags::new(), |filter| {
            vec![if filter == "location" { place.clone() } else { it.name.to_owned() }]
        })
    });
    let rows = rows.map(|(it, place)| {
        json!({ "InstanceType": it.name, "LocationType": location, "Location": place })
    });
    page(world, input, "InstanceTypes", "InstanceTypeOfferings", rows.collect())
}
