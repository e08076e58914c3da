//! Launch templates and their versions. What one names is looked at only when something is launched
//! from it (`docs/aws-facts.md`, "Creating").

use std::time::Duration;

use serde_json::{Value, json};

use super::query::{Filters, invalid, lacks, missing, page, select};
use super::table::{self, Entry, Kind, Listing, Table, find, find_mut, make, visible};
use super::{Ec2, launch_template_data, tag};
use crate::fields::{Fields, tag_list};
use crate::refusal::{Answer, Refusal};
use crate::world::{World, key};

/// A launch template.
#[derive(Debug, Clone)]
pub struct LaunchTemplate {
    /// Its name.
    pub name: String,
    /// The number of the version that is meant when none is said.
    default: i64,
    /// Its versions, oldest first.
    pub versions: Vec<Version>,
}

/// A version of a launch template.
#[derive(Debug, Clone)]
pub struct Version {
    /// Its number.
    pub number: i64,
    /// What it is for.
    description: Option<String>,
    /// What instances are like.
    pub data: Value,
    /// When it was made.
    made: Duration,
    /// From when on callers know it.
    visible: Duration,
}

impl Kind for LaunchTemplate {
    const TYPE: &'static str = "launch-template";
    const PREFIX: &'static str = "lt";
    const LISTING: Listing = Listing {
        operation: "DescribeLaunchTemplates",
        ids: "LaunchTemplateIds",
        list: "LaunchTemplates",
    };
    const FILTERS: &'static [&'static str] =
        &["create-time", "launch-template-name", "tag:", "tag-key"];

    fn unknown(id: &str) -> Refusal {
        let message =
            format!("The specified launch template, with template ID {id}, does not exist.");
        Refusal::new("InvalidLaunchTemplateId.NotFound", message)
    }

    fn table(ec2: &Ec2) -> &Table<Self> {
        &ec2.templates
    }

    fn table_mut(ec2: &mut Ec2) -> &mut Table<Self> {
        &mut ec2.templates
    }

    fn field(_world: &World, entry: &Entry<Self>, filter: &str) -> Vec<String> {
        match filter {
            "launch-template-name" => vec![entry.it.name.clone()],
            _ => Vec::new(),
        }
    }

    fn write(world: &World, entry: &Entry<Self>) -> Value {
        json!({
            "LaunchTemplateId": entry.id,
            "LaunchTemplateName": entry.it.name,
            "CreateTime": world.timestamp_at(entry.made),
            "CreatedBy": world.caller(),
            "DefaultVersionNumber": entry.it.default,
            "LatestVersionNumber": entry.it.latest(world.now),
            "Tags": tag_list(&entry.tags),
        })
    }
}

impl LaunchTemplate {
    /// The number of the newest version that callers know.
    fn latest(&self, now: Duration) -> i64 {
        self.shown(now).map(|version| version.number).max().unwrap_or(1)
    }

    fn shown(&self, now: Duration) -> impl Iterator<Item = &Version> {
        // The first comes with the template.
        self.versions.iter().filter(move |it| it.number == 1 || it.visible <= now)
    }

    /// A version by its number, `$Latest` or `$Default`, when callers know it.
    pub fn version(&self, now: Duration, version: &str) -> Option<&Version> {
        let number = match version {
            "$Latest" => self.latest(now),
            "$Default" | "" => self.default,
            number => number.parse().ok()?,
        };
        self.shown(now).find(|version| version.number == number)
    }
}

fn unknown_name(name: &str) -> Refusal {
    let message =
        format!("The specified launch template, with template name {name}, does not exist.");
    Refusal::new("InvalidLaunchTemplateName.NotFoundException", message)
}

/// What EC2 answers to a version that it does not know.
pub fn unknown_version(template: &str, version: &str) -> Refusal {
    let message = format!(
        "Could not find the specified version {version} for the launch template with ID {template}."
    );
    Refusal::new("InvalidLaunchTemplateId.VersionNotFound", message)
}

/// A template by its id or its name, when callers know it.
pub fn named<'a>(world: &'a World, id_or_name: &str) -> Result<&'a Entry<LaunchTemplate>, Refusal> {
    if id_or_name.starts_with("lt-") {
        if let Ok(found) = find::<LaunchTemplate>(world, id_or_name) {
            return Ok(found);
        }
        let mut others = world.ec2().templates.all();
        // A name may look like an id.
        let found = others.find(|it| it.it.name == id_or_name && it.visible <= world.now);
        return found.ok_or_else(|| LaunchTemplate::unknown(id_or_name));
    }
    let mut templates = world.ec2().templates.all();
    let found = templates.find(|it| it.it.name == id_or_name && it.visible <= world.now);
    found.ok_or_else(|| unknown_name(id_or_name))
}

/// The template that a request names, by id or by name.
fn requested<'a>(world: &'a World, input: &Value) -> Result<&'a Entry<LaunchTemplate>, Refusal> {
    match (input.some_text("LaunchTemplateId"), input.some_text("LaunchTemplateName")) {
        (Some(_), Some(_)) => {
            let message = "You must specify either a launch template ID or a launch template name \
                           in the request, but not both.";
            Err(Refusal::new("InvalidParameterCombination", message))
        }
        (None, None) => Err(missing("LaunchTemplateId")),
        (Some(id), None) => find::<LaunchTemplate>(world, id),
        (None, Some(name)) => {
            let mut templates = world.ec2().templates.all();
            let found = templates.find(|it| it.it.name == name && it.visible <= world.now);
            found.ok_or_else(|| unknown_name(name))
        }
    }
}

/// What EC2 does check of a template's data: the tags, and that user data is Base64
/// (ec2-spot-workshops#15).
fn check(data: &Value) -> Result<(), Refusal> {
    const BORN: &[&str] = &["instance", "volume", "network-interface", "spot-instances-request"];
    launch_template_data::user_data(data)?;
    for specification in data.list("TagSpecifications") {
        let kind = specification.text("ResourceType");
        if !BORN.contains(&kind) {
            let message =
                format!("'{kind}' is not a valid taggable resource type for this operation.");
            return Err(invalid(message));
        }
        tag::TAGS.given(specification.list("Tags"))?;
    }
    Ok(())
}

/// `CreateLaunchTemplate`.
pub fn create(world: &mut World, input: &Value) -> Answer {
    lacks("CreateLaunchTemplate", input, &["Operator"])?;
    let tags = tag::at_birth(input, LaunchTemplate::TYPE)?;
    let name = input.text("LaunchTemplateName");
    let taken = world.ec2().templates.all().any(|template| template.it.name == name);
    if taken {
        let message = "Launch template name already in use.";
        return Err(Refusal::new("InvalidLaunchTemplateName.AlreadyExistsException", message));
    }
    let data = input.part("LaunchTemplateData").clone();
    check(&data)?;
    let first = Version {
        number: 1,
        description: input.some_text("VersionDescription").map(str::to_owned),
        data,
        made: world.now,
        visible: world.now,
    };
    let template = LaunchTemplate { name: name.to_owned(), default: 1, versions: vec![first] };
    let id = make(world, tags, template);
    let made = world.ec2().templates.get(&id).map(|entry| LaunchTemplate::write(world, entry));
    Ok(json!({ "LaunchTemplate": made.unwrap_or_default() }))
}

/// `CreateLaunchTemplateVersion`: what it does not say it takes from the source, if one is named.
pub fn create_version(world: &mut World, input: &Value) -> Answer {
    lacks("CreateLaunchTemplateVersion", input, &["ResolveAlias"])?;
    let template = requested(world, input)?;
    let id = template.id.clone();
    let mut data = input.part("LaunchTemplateData").clone();
    check(&data)?;
    if let Some(source) = input.some_text("SourceVersion") {
        let source = template.it.version(world.now, source);
        let source = source.ok_or_else(|| unknown_version(&id, input.text("SourceVersion")))?;
        if let (Some(source), Some(data)) = (source.data.as_object(), data.as_object_mut()) {
            for (member, value) in source {
                data.entry(member.clone()).or_insert_with(|| value.clone());
            }
        }
    }
    let number = template.it.versions.last().map_or(1, |version| version.number + 1);
    let name = key(&template.tags, &id);
    let version = Version {
        number,
        description: input.some_text("VersionDescription").map(str::to_owned),
        data,
        made: world.now,
        visible: visible(world, &format!("{name} version {number}")),
    };
    let written = write(world, template, &version);
    if let Some(template) = world.ec2_mut().templates.get_mut(&id) {
        template.it.versions.push(version);
    }
    Ok(json!({ "LaunchTemplateVersion": written }))
}

fn write(world: &World, template: &Entry<LaunchTemplate>, version: &Version) -> Value {
    let mut value = json!({
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.it.name,
        "VersionNumber": version.number,
        "CreateTime": world.timestamp_at(version.made),
        "CreatedBy": world.caller(),
        "DefaultVersion": version.number == template.it.default,
        "LaunchTemplateData": version.data,
    });
    if let Some(description) = &version.description {
        value["VersionDescription"] = json!(description);
    }
    value
}

/// `DescribeLaunchTemplates`.
pub fn describe(world: &World, input: &Value) -> Answer {
    let (ids, names) = (input.texts("LaunchTemplateIds"), input.texts("LaunchTemplateNames"));
    let shown = world.ec2().templates.all_shown(world.now);
    let known: Vec<_> = shown.map(|entry| entry.it.name.clone()).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        return Err(unknown_name(unknown));
    }
    let found = select::<LaunchTemplate>(world, input)?;
    let found = found.into_iter().filter(|it| names.is_empty() || names.contains(&it.it.name));
    let found: Vec<_> = found.map(|entry| LaunchTemplate::write(world, entry)).collect();
    let named = if ids.is_empty() { "LaunchTemplateNames" } else { "LaunchTemplateIds" };
    page(world, input, named, "LaunchTemplates", found)
}

/// `DescribeLaunchTemplateVersions`, newest first. Without a template it shows the newest or the
/// default version of all of them.
pub fn describe_versions(world: &World, input: &Value) -> Answer {
    const FILTERS: &[&str] =
        &["iam-instance-profile", "image-id", "instance-type", "is-default-version"];
    lacks("DescribeLaunchTemplateVersions", input, &["ResolveAlias"])?;
    let filters = Filters::read("DescribeLaunchTemplateVersions", input, FILTERS)?;
    let wanted = input.texts("Versions");
    let all = input.some_text("LaunchTemplateId").or(input.some_text("LaunchTemplateName"));
    let mut found = Vec::new();
    if all.is_some() {
        let template = requested(world, input)?;
        if wanted.is_empty() {
            let bound = |name: &str| input.some_text(name).and_then(|it| it.parse::<i64>().ok());
            let (least, most) = (bound("MinVersion"), bound("MaxVersion"));
            let shown = template.it.shown(world.now).filter(|version| {
                least.is_none_or(|least| version.number >= least)
                    && most.is_none_or(|most| version.number <= most)
            });
            found.extend(shown.map(|version| (template, version)));
            found.reverse();
        }
        for version in &wanted {
            let version = template
                .it
                .version(world.now, version)
                .ok_or_else(|| unknown_version(&template.id, version))?;
            found.push((template, version));
        }
    } else {
        if wanted.is_empty() {
            return Err(missing("LaunchTemplateId"));
        }
        if let Some(number) = wanted.iter().find(|version| !version.starts_with('$')) {
            let message = format!("Version {number} needs a launch template.");
            return Err(Refusal::new("InvalidParameterCombination", message));
        }
        for template in world.ec2().templates.all_shown(world.now) {
            let versions = wanted.iter().filter_map(|it| template.it.version(world.now, it));
            found.extend(versions.map(|version| (template, version)));
        }
    }
    let fits = |(template, version): &(&Entry<LaunchTemplate>, &Version)| {
        filters.fit(&template.tags, |filter| {
            let value = match filter {
                "image-id" => version.data.text("ImageId").to_owned(),
                "instance-type" => version.data.text("InstanceType").to_owned(),
                "is-default-version" => (version.number == template.it.default).to_string(),
                _ => {
                    let profile = version.data.part("IamInstanceProfile");
                    profile.some_text("Arn").unwrap_or(profile.text("Name")).to_owned()
                }
            };
            vec![value]
        })
    };
    let found = found.into_iter().filter(fits);
    let found = found.map(|(template, version)| write(world, template, version)).collect();
    page(world, input, "Versions", "LaunchTemplateVersions", found)
}

/// `DeleteLaunchTemplate`: nothing that was launched from it holds it.
pub fn delete(world: &mut World, input: &Value) -> Answer {
    let template = requested(world, input)?;
    let (id, written) = (template.id.clone(), LaunchTemplate::write(world, template));
    table::delete::<LaunchTemplate>(world, &id);
    Ok(json!({ "LaunchTemplate": written }))
}

/// `ModifyLaunchTemplate`: another default version.
pub fn modify(world: &mut World, input: &Value) -> Answer {
    let template = requested(world, input)?;
    let id = template.id.clone();
    if let Some(version) = input.some_text("DefaultVersion") {
        let found = template.it.version(world.now, version);
        let number = found.ok_or_else(|| unknown_version(&id, version))?.number;
        find_mut::<LaunchTemplate>(world, &id)?.it.default = number;
    }
    let written = find::<LaunchTemplate>(world, &id)?;
    Ok(json!({ "LaunchTemplate": LaunchTemplate::write(world, written) }))
}
