//! Which instances began with something else than the launch template is to say.
//!
//! Only what makes an instance another one counts: its type, its AMI, its first script and its volume. Other
//! changes of a template, such as of tags, are for instances to come.

use std::collections::{BTreeMap, BTreeSet};

use crate::aws::Result;
use crate::engine::looks::Looks;
use crate::resource::auto_scaling_group::{AutoScalingGroup, Member};
use crate::resource::instance_refresh;
use crate::resource::launch_template::{self, Data, LaunchTemplate};
use crate::spec::{Ami, Instances};

/// The instances of a stack that are to be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outdated {
    /// Their ids; one at least.
    pub instances: BTreeSet<String>,
    /// How they differ, in words.
    pub differs: String,
}

/// Looks for them: at the group and the template that everybody looks at, and at earlier versions of the
/// template only where instances are of one. `image` is the AMI that is wanted.
pub(super) async fn look(
    looks: &Looks,
    wanted: &Instances,
    image: &str,
) -> Result<Option<Outdated>> {
    let groups = looks.list::<AutoScalingGroup>(None).await?;
    let templates = looks.list::<LaunchTemplate>(None).await?;
    let Some(names) = looks.scope().names() else { return Ok(None) };
    let (Some(group), Some(template)) = (groups.first(), templates.first()) else {
        return Ok(None);
    };
    let (group, template) = (group.it(), template.it());
    let newest = template.version.to_string();
    let is_own =
        |member: &&Member| member.template.as_deref().is_none_or(|it| it == template.id.as_str());
    let mut versions: BTreeMap<&str, Data> = BTreeMap::new();
    versions.extend(template.data.clone().map(|data| (newest.as_str(), data)));
    let others: BTreeSet<_> =
        group.members.iter().filter(is_own).filter_map(|it| it.version.as_deref()).collect();
    let others: Vec<_> = others.into_iter().filter(|it| *it != newest).collect();
    let earlier = launch_template::versions(looks.aws(), &template.id, &others).await?;
    for version in others {
        versions.extend(earlier.get(version).cloned().map(|data| (version, data)));
    }
    // An AMI that was not asked for is the template's own.
    let kept = template.data.as_ref().and_then(|data| data.image.clone());
    let image = match wanted.ami {
        Ami::Latest { refresh: false } => kept,
        Ami::Latest { .. } | Ami::Exactly(_) => Some(image.to_owned()),
    };
    let now = LaunchTemplate::beginning(
        &names.cluster(),
        wanted.spot.is_some(),
        wanted.volume_gib,
        image,
    );
    let differs = |member: &Member| {
        let kind = member.instance_type.as_ref();
        let other = kind.filter(|it| !wanted.instance_types.contains(it));
        let mut differs: BTreeSet<_> = other.map(|it| format!("type {it}")).into_iter().collect();
        let version = member.version.as_deref().filter(|_| is_own(&member));
        let data = version.and_then(|version| versions.get(version));
        differs.extend(data.into_iter().flat_map(|data| data.begins_otherwise(&now)));
        differs
    };
    let all = group.members.iter().map(|member| (member, differs(member)));
    let mut outdated: Vec<_> = all.filter(|(_, differs)| !differs.is_empty()).collect();
    // One that leaves is waited for only where it is being replaced: any other is no more of the stack.
    if outdated.iter().any(|(it, _)| it.is_leaving)
        && !instance_refresh::is_under_way(looks.aws(), &group.name).await?
    {
        outdated.retain(|(it, _)| !it.is_leaving);
    }
    let differs: BTreeSet<_> = outdated.iter().flat_map(|(_, differs)| differs.clone()).collect();
    Ok((!outdated.is_empty()).then(|| Outdated {
        instances: outdated.iter().map(|(it, _)| it.id.clone()).collect(),
        differs: differs.into_iter().collect::<Vec<_>>().join(", "),
    }))
}
