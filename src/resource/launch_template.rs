//! The launch template: how the instances start. A change is a new version, which the group is
//! pinned to; what runs already stays as it is.
//!
//! EC2 does not check what a template names, the group's create does. The tags in the template are
//! the instances', the template's own go beside it. An image stays once chosen: it is compared only
//! when the user asks for another one.

use std::collections::BTreeMap;
use std::fmt;

use aws_sdk_ec2::types::{
    InstanceType, LaunchTemplateBlockDeviceMappingRequest, LaunchTemplateEbsBlockDeviceRequest,
    LaunchTemplateHttpTokensState, LaunchTemplateIamInstanceProfileSpecificationRequest,
    LaunchTemplateInstanceMetadataEndpointState, LaunchTemplateInstanceMetadataOptionsRequest,
    LaunchTemplateInstanceNetworkInterfaceSpecificationRequest,
    LaunchTemplateTagSpecificationRequest, RequestLaunchTemplateData, ResourceType,
    ResponseLaunchTemplateData, Tag, VolumeType,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::future::try_join_all;

use super::id::LaunchTemplateId;
use super::{
    Difference, Kind, Made, Owned, Phase, Resource, Seen, Wanted, Whole, cluster, compare,
    instance, instance_profile, security_group, signed,
};
use crate::aws::tags::all;
use crate::aws::{AllPages, Aws, Cx, Doing, Meanings, Result, Scope, Tagging, missing};
use crate::names::NodeName;

/// What a version of the template says, as far as ecsup compares it. Absent is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Data {
    /// The AMI.
    pub image: Option<String>,
    /// The instance type.
    pub instance_type: Option<String>,
    /// The name of the instance profile.
    pub profile: Option<String>,
    /// The security groups, in order.
    pub groups: Option<Vec<String>>,
    /// Whether instances get a public address.
    pub public_address: Option<bool>,
    /// The first script that an instance runs.
    pub user_data: Option<UserData>,
    /// Size of the root volume in GiB.
    pub volume_size: Option<i32>,
    /// Type of the root volume.
    pub volume_type: Option<String>,
    /// Whether the root volume is encrypted.
    pub encrypted: Option<bool>,
    /// Whether the root volume goes with its instance.
    pub delete_on_termination: Option<bool>,
    /// Whether there is a metadata service.
    pub metadata: Option<String>,
    /// Whether the metadata service asks for tokens (`IMDSv2`).
    pub http_tokens: Option<String>,
    /// How many hops its answers may take: with 1 they do not reach a container behind a bridge.
    pub hop_limit: Option<i32>,
    /// The tags of its instances.
    pub tags: Option<BTreeMap<String, String>>,
}

/// User data in base64. It may hold secrets, so nothing prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct UserData(String);

impl fmt::Debug for UserData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserData(..)")
    }
}

/// A launch template as AWS returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its id.
    pub id: LaunchTemplateId,
    /// The newest version.
    pub version: i64,
    /// What the newest version says. `None` when not read.
    pub data: Option<Data>,
}

/// The launch template that is wanted.
#[derive(Debug)]
pub struct LaunchTemplate {
    /// The instance type.
    pub instance_type: String,
    /// How large the volume of each instance is, in GiB.
    pub volume_gib: u32,
    /// Whether instances may be Spot ones, whose agents have to empty them when EC2 takes them back.
    pub spot: bool,
    /// The AMI that a new template gets.
    pub image: String,
    /// Whether an existing template's AMI is replaced by it.
    pub replace_image: bool,
    /// Whether instances get a public address: they stand in a public subnet without a NAT gateway.
    pub public_address: bool,
    /// The user's tags, which the instances get from the template.
    pub tags: BTreeMap<String, String>,
}

/// What EC2 answers when it does not know a template, in all spellings.
const UNKNOWN: &[&str] = &[
    "InvalidLaunchTemplateId.NotFound",
    "InvalidLaunchTemplateId.NotFoundException",
    "InvalidLaunchTemplateName.NotFoundException",
];

/// The root device of the AMIs in use.
const ROOT_DEVICE: &str = "/dev/xvda";

/// What a launch template takes from others.
#[derive(Debug)]
pub struct Needs {
    /// What hands the instances their role.
    pub profile: instance_profile::Output,
    /// Their security group.
    pub group: security_group::Output,
    /// The cluster that they join.
    pub cluster: cluster::Output,
}

impl Resource for LaunchTemplate {
    type Output = Output;
    const KIND: Kind = Kind::LaunchTemplate;

    async fn list(aws: &Aws, scope: &Scope) -> Result<Vec<Owned<Output>>> {
        let templates = aws.ec2.describe_launch_templates().set_filters(Some(scope.ec2_filters()));
        let templates = templates.into_paginator().items().send().all().await;
        let templates = templates.doing("list the launch templates")?;
        let ours = templates.iter().filter_map(|one| Some((scope.owner(one.tags())?, one)));
        let read = ours.map(async |(owner, template)| {
            let id = LaunchTemplateId::from(template.launch_template_id().unwrap_or_default());
            let newest = newest(aws, &id).await?;
            let version = template.latest_version_number().unwrap_or_default();
            let it = match newest {
                // The version that was read is the one that counts: listings lag behind.
                Some((number, data)) => Output { id, version: number, data: Some(data) },
                None => Output { id, version, data: None },
            };
            Ok(Owned { owner, id: it.id.to_string(), seen: Seen::Present(it, Phase::Ready) })
        });
        try_join_all(read).await
    }

    fn uses(it: &Output) -> Vec<String> {
        it.data.as_ref().and_then(|data| data.groups.clone()).unwrap_or_default()
    }

    fn tagging(it: &Output) -> Option<Tagging> {
        Some(Tagging::Ec2(it.id.to_string()))
    }

    async fn delete(aws: &Aws, it: &Output) -> Result<()> {
        let delete = aws.ec2.delete_launch_template().launch_template_id(it.id.as_str());
        let delete = delete.send().await.doing("delete the launch template");
        delete.gone_is_fine(UNKNOWN).map(drop)
    }
}

impl Wanted for LaunchTemplate {
    type Needs = Needs;
    type Change = Whole;
    const UPDATE_REPLACES: bool = true;

    async fn holder(&self, cx: &Cx, _node: &NodeName) -> Result<Option<String>> {
        let name = cx.names.launch_template();
        let found = cx.aws.ec2.describe_launch_templates().launch_template_names(&name);
        let found = found.send().await.doing("look up the launch template");
        let found = found.gone_is_fine(UNKNOWN)?;
        let found = found.and_then(|found| found.launch_templates).unwrap_or_default();
        let ours = Scope::Stack(cx.names.clone());
        let foreign = found.iter().any(|template| {
            template.launch_template_name() == Some(&name) && ours.owner(template.tags()).is_none()
        });
        Ok(foreign.then(|| format!("the launch template `{name}`")))
    }

    async fn create(&self, cx: &Cx, node: &NodeName, needs: &Needs) -> Result<Made<Output>> {
        const DOING: &str = "create the launch template";
        let data = Data { image: Some(self.image.clone()), ..self.wanted(needs) };
        let created = cx
            .aws
            .ec2
            .create_launch_template()
            .launch_template_name(cx.names.launch_template())
            .launch_template_data(request(cx, &data))
            .tag_specifications(cx.ec2_tags(node, ResourceType::LaunchTemplate))
            .send()
            .await
            .doing(DOING)
            .wait_on(instance_profile::UNSEEN)
            .taken_on(&["InvalidLaunchTemplateName.AlreadyExistsException"])?;
        let template = created.launch_template().ok_or_else(|| missing(DOING, "launchTemplate"))?;
        let id = template.launch_template_id();
        let id = id.ok_or_else(|| missing(DOING, "launchTemplateId"))?;
        Ok(Made::Ready(Output {
            id: LaunchTemplateId::from(id),
            version: template.latest_version_number().unwrap_or(1),
            data: Some(data),
        }))
    }

    fn drift(&self, it: &Output, needs: &Needs) -> Vec<Difference<Whole>> {
        let mut differences = Vec::new();
        let Some(is) = &it.data else { return differences };
        let wanted = self.wanted(needs);
        if self.replace_image {
            compare(&mut differences, Whole, "ImageId", is.image.as_ref(), &self.image);
        }
        macro_rules! differ {
            ($($field:ident: $name:literal),* $(,)?) => {
                $(if let Some(wanted) = &wanted.$field {
                    compare(&mut differences, Whole, $name, is.$field.as_ref(), wanted);
                })*
            };
        }
        differ! {
            instance_type: "InstanceType",
            profile: "IamInstanceProfile",
            groups: "SecurityGroupIds",
            public_address: "AssociatePublicIpAddress",
            volume_size: "VolumeSize",
            volume_type: "VolumeType",
            encrypted: "Encrypted",
            delete_on_termination: "DeleteOnTermination",
            metadata: "HttpEndpoint",
            http_tokens: "HttpTokens",
            hop_limit: "HttpPutResponseHopLimit",
        }
        for (key, value) in is.tags.iter().flat_map(|_| &self.tags) {
            let is = is.tags.as_ref().and_then(|tags| tags.get(key));
            if is != Some(value) {
                let field = format!("TagSpecifications {key}");
                let is = is.map_or("none", String::as_str);
                differences.push(Difference::update(Whole, &field, is, value));
            }
        }
        if is.user_data.is_some() && is.user_data != wanted.user_data {
            let joins = "the script with which an instance joins the cluster";
            differences.push(Difference::update(Whole, "UserData", "changed", joins));
        }
        differences
    }

    async fn update(
        &self,
        cx: &Cx,
        _node: &NodeName,
        it: &Output,
        needs: &Needs,
        _: &[Whole],
    ) -> Result<Made<Output>> {
        const DOING: &str = "create a new version of the launch template";
        let kept = it.data.as_ref().and_then(|data| data.image.clone());
        let kept = kept.filter(|_| !self.replace_image);
        let image = kept.unwrap_or_else(|| self.image.clone());
        let data = Data { image: Some(image), ..self.wanted(needs) };
        let create = cx.aws.ec2.create_launch_template_version().launch_template_id(it.id.as_str());
        let created = create.launch_template_data(request(cx, &data)).send().await;
        let created = created.doing(DOING).wait_on(UNKNOWN).wait_on(instance_profile::UNSEEN)?;
        let version = created.launch_template_version().and_then(|version| version.version_number);
        let version = version.ok_or_else(|| missing(DOING, "versionNumber"))?;
        Ok(Made::Ready(Output { version, data: Some(data), ..it.clone() }))
    }
}

impl LaunchTemplate {
    /// All but the image.
    fn wanted(&self, Needs { profile, group, cluster }: &Needs) -> Data {
        Data {
            instance_type: Some(self.instance_type.clone()),
            profile: Some(profile.name.clone()),
            groups: Some(vec![group.id.to_string()]),
            public_address: Some(self.public_address),
            volume_type: Some(VolumeType::Gp3.as_str().to_owned()),
            encrypted: Some(true),
            delete_on_termination: Some(true),
            metadata: Some("enabled".to_owned()),
            http_tokens: Some("required".to_owned()),
            hop_limit: Some(1),
            ..Self::beginning(&cluster.name, self.spot, self.volume_gib, None)
        }
    }

    /// What of an instance's beginning cannot be changed afterwards, but for its type.
    pub fn beginning(cluster: &str, spot: bool, volume_gib: u32, image: Option<String>) -> Data {
        Data {
            image,
            user_data: Some(UserData(STANDARD.encode(script(cluster, spot)))),
            volume_size: Some(signed(volume_gib)),
            ..Data::default()
        }
    }
}

impl Data {
    /// In what an instance with this begins otherwise than with `now`, as far as both say it.
    pub fn begins_otherwise(&self, now: &Self) -> Vec<String> {
        let mut all = Vec::new();
        if let (Some(is), Some(wanted)) = (&self.image, &now.image)
            && is != wanted
        {
            all.push(format!("AMI {is}"));
        }
        if self.user_data.is_some() && self.user_data != now.user_data {
            all.push("another first script".to_owned());
        }
        if let (Some(is), Some(wanted)) = (self.volume_size, now.volume_size)
            && is != wanted
        {
            all.push(format!("a volume of {is} GiB"));
        }
        all
    }
}

/// What makes the ECS agent join the cluster, and tasks unable to act as the instance. The agent
/// starts after this script, which must therefore not wait for it.
fn script(cluster: &str, spot: bool) -> String {
    let mut settings = vec![format!("ECS_CLUSTER={cluster}"), "ECS_AWSVPC_BLOCK_IMDS=true".into()];
    // Without it nothing is moved in the two minutes between the notice and the end (agent, README).
    settings.extend(spot.then(|| "ECS_ENABLE_SPOT_INSTANCE_DRAINING=true".into()));
    let lines = settings.iter().map(|it| format!("echo {it} >> /etc/ecs/ecs.config\n"));
    format!("#!/bin/bash\n{}", lines.collect::<String>())
}

/// The data in the form that EC2 takes.
fn request(cx: &Cx, data: &Data) -> RequestLaunchTemplateData {
    let profile = LaunchTemplateIamInstanceProfileSpecificationRequest::builder()
        .set_name(data.profile.clone())
        .build();
    let volume = LaunchTemplateEbsBlockDeviceRequest::builder()
        .set_volume_size(data.volume_size)
        .set_volume_type(data.volume_type.as_deref().map(VolumeType::from))
        .set_encrypted(data.encrypted)
        .set_delete_on_termination(data.delete_on_termination)
        .build();
    let root = LaunchTemplateBlockDeviceMappingRequest::builder();
    let root = root.device_name(ROOT_DEVICE).ebs(volume).build();
    let endpoint = data.metadata.as_deref().map(LaunchTemplateInstanceMetadataEndpointState::from);
    let tokens = data.http_tokens.as_deref().map(LaunchTemplateHttpTokensState::from);
    let metadata = LaunchTemplateInstanceMetadataOptionsRequest::builder()
        .set_http_endpoint(endpoint)
        .set_http_tokens(tokens)
        .set_http_put_response_hop_limit(data.hop_limit)
        .build();
    let tags = cx.tags(&NodeName::from(instance::NODE)).into_iter();
    let tags: Vec<_> = tags.map(|(k, v)| Tag::builder().key(k).value(v).build()).collect();
    let born = [ResourceType::Instance, ResourceType::Volume, ResourceType::NetworkInterface];
    let born = born.map(|kind| {
        let tags = Some(tags.clone());
        LaunchTemplateTagSpecificationRequest::builder().resource_type(kind).set_tags(tags).build()
    });
    let request = RequestLaunchTemplateData::builder()
        .set_image_id(data.image.clone())
        .set_instance_type(data.instance_type.as_deref().map(InstanceType::from))
        .iam_instance_profile(profile)
        .set_user_data(data.user_data.clone().map(|UserData(base64)| base64))
        .block_device_mappings(root)
        .metadata_options(metadata)
        .set_tag_specifications(Some(born.into()));
    if data.public_address != Some(true) {
        return request.set_security_group_ids(data.groups.clone()).build();
    }
    // The address is the interface's, and then the groups are as well.
    let interface = LaunchTemplateInstanceNetworkInterfaceSpecificationRequest::builder()
        .device_index(0)
        .associate_public_ip_address(true)
        .delete_on_termination(true)
        .set_groups(data.groups.clone())
        .build();
    request.network_interfaces(interface).build()
}

/// The number of the newest version and what it says; `None` when the template is gone.
async fn newest(aws: &Aws, id: &LaunchTemplateId) -> Result<Option<(i64, Data)>> {
    let read = aws.ec2.describe_launch_template_versions().launch_template_id(id.as_str());
    let read = read.versions("$Latest").send().await.doing("read the launch template");
    let read = read.gone_is_fine(UNKNOWN)?;
    let newest = read.and_then(|read| read.launch_template_versions?.into_iter().next());
    Ok(newest.and_then(|version| {
        Some((version.version_number?, Data::from(&version.launch_template_data?)))
    }))
}

/// What some versions of a template say, by their numbers, as far as they are there.
pub async fn versions(
    aws: &Aws,
    id: &LaunchTemplateId,
    numbers: &[&str],
) -> Result<BTreeMap<String, Data>> {
    const GONE: &[&str] = &[
        "InvalidLaunchTemplateId.VersionNotFound",
        "InvalidLaunchTemplateId.NotFound",
        "InvalidLaunchTemplateId.NotFoundException",
    ];
    let mut found = BTreeMap::new();
    // So many can be named in one call (API `DescribeLaunchTemplateVersions`).
    for numbers in numbers.chunks(200) {
        let numbers = numbers.iter().map(|it| (*it).to_owned()).collect();
        let read = aws.ec2.describe_launch_template_versions().launch_template_id(id.as_str());
        let read = read.set_versions(Some(numbers)).into_paginator().items().send().all().await;
        let read = read.doing("read the launch template of the instances");
        let read = read.gone_is_fine(GONE)?;
        found.extend(read.into_iter().flatten().filter_map(|version| {
            let data = Data::from(&version.launch_template_data?);
            Some((version.version_number?.to_string(), data))
        }));
    }
    Ok(found)
}

impl From<&ResponseLaunchTemplateData> for Data {
    fn from(data: &ResponseLaunchTemplateData) -> Self {
        let interface = data.network_interfaces().first();
        let groups = match interface {
            Some(interface) => interface.groups(),
            None => data.security_group_ids(),
        };
        let groups = Some(groups.to_vec()).filter(|groups| !groups.is_empty());
        let public_address = match interface {
            Some(interface) => interface.associate_public_ip_address,
            // Where the groups are the template's own, its interfaces are plain ones.
            None => groups.is_some().then_some(false),
        };
        let mut devices = data.block_device_mappings().iter();
        let root = devices.find(|device| device.device_name() == Some(ROOT_DEVICE));
        let root = root.and_then(|device| device.ebs.as_ref());
        let metadata = data.metadata_options();
        let mut tags = data.tag_specifications().iter();
        let instances = tags.find(|tags| tags.resource_type() == Some(&ResourceType::Instance));
        Self {
            image: data.image_id().map(str::to_owned),
            instance_type: data.instance_type().map(|one| one.as_str().to_owned()),
            profile: data.iam_instance_profile().and_then(|profile| profile.name.clone()),
            groups,
            public_address,
            user_data: data.user_data().map(|base64| UserData(base64.to_owned())),
            volume_size: root.and_then(|root| root.volume_size),
            volume_type: root.and_then(|root| Some(root.volume_type()?.as_str().to_owned())),
            encrypted: root.and_then(|root| root.encrypted),
            delete_on_termination: root.and_then(|root| root.delete_on_termination),
            metadata: metadata.and_then(|all| Some(all.http_endpoint()?.as_str().to_owned())),
            http_tokens: metadata.and_then(|all| Some(all.http_tokens()?.as_str().to_owned())),
            hop_limit: metadata.and_then(|all| all.http_put_response_hop_limit),
            tags: instances.map(|tags| all(tags.tags())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::id::VpcId;
    use super::*;

    fn needs() -> Needs {
        Needs {
            profile: instance_profile::Output {
                name: "profile-demo".into(),
                arn: String::new(),
                roles: Vec::new(),
            },
            group: security_group::Output::new("sg-1", &VpcId::from("vpc-1")),
            cluster: cluster::Output { name: "cluster-demo".into(), ..cluster::Output::default() },
        }
    }

    fn wanted() -> LaunchTemplate {
        LaunchTemplate {
            instance_type: "c5.xlarge".into(),
            volume_gib: 50,
            spot: false,
            image: "ami-2".into(),
            replace_image: false,
            public_address: false,
            tags: BTreeMap::new(),
        }
    }

    fn it(data: Data) -> Output {
        Output { id: LaunchTemplateId::from("lt-1"), version: 1, data: Some(data) }
    }

    fn fields(differences: &[Difference<Whole>]) -> Vec<&str> {
        differences.iter().map(|difference| difference.field.as_str()).collect()
    }

    #[test]
    fn the_image_stays_once_chosen() {
        let old = || it(Data { image: Some("ami-1".into()), ..wanted().wanted(&needs()) });
        assert_eq!(wanted().drift(&old(), &needs()), []);
        let refreshed = LaunchTemplate { replace_image: true, ..wanted() };
        assert_eq!(fields(&refreshed.drift(&old(), &needs())), ["ImageId"]);
    }

    #[test]
    fn what_is_not_known_is_no_difference() {
        assert_eq!(wanted().drift(&it(Data::default()), &needs()), []);
        let public = LaunchTemplate { public_address: true, ..wanted() };
        let response = ResponseLaunchTemplateData::builder().security_group_ids("sg-1").build();
        let differences = public.drift(&it(Data::from(&response)), &needs());
        assert_eq!(fields(&differences), ["AssociatePublicIpAddress"]);
    }

    #[test]
    fn user_data_is_never_shown() {
        let data = Data { user_data: Some(UserData("c2VjcmV0".into())), ..Data::default() };
        let differences = wanted().drift(&it(data.clone()), &needs());
        assert_eq!(fields(&differences), ["UserData"]);
        assert!(!format!("{differences:?} {data:?}").contains("c2VjcmV0"));
    }

    #[test]
    fn the_script_ends_with_a_line_break() {
        assert_eq!(
            script("cluster-demo", false),
            "#!/bin/bash\necho ECS_CLUSTER=cluster-demo >> /etc/ecs/ecs.config\n\
             echo ECS_AWSVPC_BLOCK_IMDS=true >> /etc/ecs/ecs.config\n"
        );
        let of_spot = script("cluster-demo", true);
        assert!(of_spot.ends_with("DRAINING=true >> /etc/ecs/ecs.config\n"), "{of_spot}");
    }
}
