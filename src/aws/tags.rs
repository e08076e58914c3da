//! Whose a thing is, read from its tags: the only place that decides what is ours.

use std::collections::BTreeMap;

use super::{Aws, Doing, Error, Meanings, Result};
use crate::names::{self, Names, NodeName};

/// What a listing covers.
#[derive(Debug, Clone)]
pub enum Scope {
    /// One stack.
    Stack(Names),
    /// What is named like one stack's and does not carry its whole identity.
    Like(Names),
    /// Every stack of a region.
    Region(String),
}

/// Whose a thing is, as its tags say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The stack's name.
    pub stack: String,
    /// The node in the stack's graph.
    pub node: NodeName,
    /// The pattern that the stack was made from, when the tags say it.
    pub pattern: Option<String>,
    /// All its tags. `None` when they were not read, or are another thing's.
    pub tags: Option<BTreeMap<String, String>>,
}

impl Scope {
    /// The region that is listed.
    pub fn region(&self) -> &str {
        match self {
            Scope::Stack(names) | Scope::Like(names) => names.region(),
            Scope::Region(region) => region,
        }
    }

    /// The stack's names, when one stack is listed.
    pub fn names(&self) -> Option<&Names> {
        match self {
            Scope::Stack(names) | Scope::Like(names) => Some(names),
            Scope::Region(_) => None,
        }
    }

    /// Who owns a thing with these tags, if it is one of ours and within this scope.
    ///
    /// This is the check that counts. A filter in a request is an optimisation: endpoints ignore some.
    pub fn owner<T: Tagged>(&self, tags: &[T]) -> Option<Owner> {
        let value = |key: &str| tags.iter().find(|tag| tag.key() == key).map(Tagged::value);
        if let Scope::Like(names) = self {
            return may_own(names, tags);
        }
        let stack = value(names::TAG_STACK)?;
        let node = value(names::TAG_NODE)?;
        let ours = value(names::TAG_REGION)? == self.region()
            && self.names().is_none_or(|names| names.stack().as_ref() == stack);
        ours.then(|| Owner {
            stack: stack.to_owned(),
            node: NodeName::from(node),
            pattern: value(names::TAG_PATTERN).map(str::to_owned),
            tags: Some(all(tags)),
        })
    }

    /// The filters that make EC2 send little besides our own.
    pub fn ec2_filters(&self) -> Vec<aws_sdk_ec2::types::Filter> {
        let filter = |name: String, value: &str| {
            aws_sdk_ec2::types::Filter::builder().name(name).values(value).build()
        };
        match self {
            Scope::Stack(names) => {
                vec![filter(format!("tag:{}", names::TAG_STACK), names.stack().as_ref())]
            }
            Scope::Like(names) => {
                vec![filter(format!("tag:{}", names::TAG_NAME), &format!("{}/*", names.stack()))]
            }
            Scope::Region(_) => vec![filter("tag-key".into(), names::TAG_STACK)],
        }
    }
}

/// Who may own a thing with these tags: its `Name` is one that ecsup gives, another tag is one of ecsup's
/// as well, none says that it is somebody else's, and its identity is not complete. A `Name` alone is what
/// anybody may have given.
fn may_own<T: Tagged>(names: &Names, tags: &[T]) -> Option<Owner> {
    let tags = all(tags);
    let stack = names.stack().as_str();
    let node = tags.get(names::TAG_NAME)?.strip_prefix(stack)?.strip_prefix('/')?;
    let identity =
        [(names::TAG_STACK, stack), (names::TAG_NODE, node), (names::TAG_REGION, names.region())];
    let is = |(key, value): &(&str, &str)| tags.get(*key).map(|is| is == value);
    let is_named_only = !tags.keys().any(|key| key.starts_with(names::TAGS));
    let is_other = is_named_only || identity.iter().any(|one| is(one) == Some(false));
    let is_whole = identity.iter().all(|one| is(one) == Some(true));
    (!is_other && !is_whole).then(|| Owner {
        stack: stack.to_owned(),
        node: NodeName::from(node),
        pattern: tags.get(names::TAG_PATTERN).cloned(),
        tags: Some(tags.clone()),
    })
}

/// Tags as any of AWS's services returns them, by key.
pub fn all<T: Tagged>(tags: &[T]) -> BTreeMap<String, String> {
    tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

/// A tag as any of AWS's services returns it.
pub trait Tagged {
    /// The tag's key.
    fn key(&self) -> &str;
    /// The tag's value, empty when absent.
    fn value(&self) -> &str;
}

macro_rules! tagged {
    (optional: $($optional:ty),*; required: $($required:ty),*) => {
        $(impl Tagged for $optional {
            fn key(&self) -> &str { self.key().unwrap_or_default() }
            fn value(&self) -> &str { self.value().unwrap_or_default() }
        })*
        $(impl Tagged for $required {
            fn key(&self) -> &str { self.key() }
            fn value(&self) -> &str { Self::value(self) }
        })*
    };
}

tagged! {
    optional: aws_sdk_ec2::types::Tag, aws_sdk_ecs::types::Tag, aws_sdk_autoscaling::types::TagDescription,
        aws_sdk_route53::types::Tag;
    required: aws_sdk_iam::types::Tag, aws_sdk_servicediscovery::types::Tag
}

impl Tagged for aws_sdk_elasticloadbalancingv2::types::Tag {
    fn key(&self) -> &str {
        self.key().unwrap_or_default()
    }
    fn value(&self) -> &str {
        self.value().unwrap_or_default()
    }
}

impl Tagged for (String, String) {
    fn key(&self) -> &str {
        &self.0
    }
    fn value(&self) -> &str {
        &self.1
    }
}

/// The tags of one of our things at its birth.
#[derive(Debug, Clone)]
pub struct Labels {
    /// The pattern that the stack is made from.
    pub pattern: String,
    /// The user's own tags.
    pub user: BTreeMap<String, String>,
}

impl Labels {
    /// Every tag of a node: whose it is first, then where it came from, then the user's own.
    pub fn of(&self, names: &Names, node: &NodeName) -> Vec<(String, String)> {
        let own = [
            (names::TAG_NAME, format!("{}/{node}", names.stack())),
            (names::TAG_STACK, names.stack().to_string()),
            (names::TAG_NODE, node.to_string()),
            (names::TAG_REGION, names.region().to_owned()),
            (names::TAG_PATTERN, self.pattern.clone()),
            (names::TAG_VERSION, env!("CARGO_PKG_VERSION").to_owned()),
        ];
        let user = self.user.iter().map(|(key, value)| (key.clone(), value.clone()));
        own.into_iter().map(|(key, value)| (key.to_owned(), value)).chain(user).collect()
    }
}

/// How a thing that is there is named to the call that tags it: each service has its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tagging {
    /// EC2, by id.
    Ec2(String),
    /// Application Auto Scaling, by ARN.
    ApplicationAutoScaling(String),
    /// Auto Scaling, by the group's name.
    AutoScaling(String),
    /// ECS, by ARN.
    Ecs(String),
    /// Elastic Load Balancing, by ARN.
    LoadBalancing(String),
    /// A role, by name.
    Role(String),
    /// An instance profile, by name.
    InstanceProfile(String),
    /// A log group, by ARN.
    LogGroup(String),
    /// A hosted zone, by id.
    HostedZone(String),
    /// Cloud Map, by ARN.
    ServiceDiscovery(String),
}

/// As many tags as a hosted zone can have (API `ChangeTagsForResource`).
const TAGS_OF_A_ZONE: usize = 10;

impl Tagging {
    /// As many tags as there is room for; ours come first.
    pub fn room(&self) -> usize {
        match self {
            Self::HostedZone(_) => TAGS_OF_A_ZONE,
            _ => usize::MAX,
        }
    }

    /// Puts tags on: new ones, and other values for those that are there. All others stay.
    pub async fn put(&self, aws: &Aws, tags: &[(String, String)]) -> Result<()> {
        let doing = || format!("tag {}", self.id());
        let unsaid = |error: aws_smithy_types::error::operation::BuildError| {
            Error::other(doing(), error.to_string())
        };
        match self {
            Self::Ec2(id) => {
                use aws_sdk_ec2::types::Tag;
                let tag = |(key, value)| Tag::builder().key(key).value(value).build();
                let tags = tags.iter().cloned().map(tag).collect();
                let put = aws.ec2.create_tags().resources(id).set_tags(Some(tags));
                put.send().await.doing(doing()).map(drop)
            }
            Self::ApplicationAutoScaling(arn) => {
                let tags = tags.iter().cloned().collect();
                let put = aws.application_autoscaling.tag_resource().resource_arn(arn);
                put.set_tags(Some(tags)).send().await.doing(doing()).map(drop)
            }
            Self::AutoScaling(group) => {
                use aws_sdk_autoscaling::types::Tag;
                let tag = |(key, value)| {
                    let tag = Tag::builder().resource_id(group).resource_type("auto-scaling-group");
                    tag.propagate_at_launch(true).key(key).value(value).build()
                };
                let tags = tags.iter().cloned().map(tag).collect();
                let put = aws.autoscaling.create_or_update_tags().set_tags(Some(tags));
                put.send().await.doing(doing()).wait_on(&["ResourceContention"]).map(drop)
            }
            Self::Ecs(arn) => {
                use aws_sdk_ecs::types::Tag;
                let tag = |(key, value)| Tag::builder().key(key).value(value).build();
                let tags = tags.iter().cloned().map(tag).collect();
                let put = aws.ecs.tag_resource().resource_arn(arn).set_tags(Some(tags));
                put.send().await.doing(doing()).map(drop)
            }
            Self::LoadBalancing(arn) => {
                use aws_sdk_elasticloadbalancingv2::types::Tag;
                let tag = |(key, value)| Tag::builder().key(key).value(value).build();
                let tags = tags.iter().cloned().map(tag).collect();
                let put = aws.elb.add_tags().resource_arns(arn).set_tags(Some(tags));
                put.send().await.doing(doing()).map(drop)
            }
            Self::Role(_) | Self::InstanceProfile(_) => {
                use aws_sdk_iam::types::Tag;
                const BUSY: &[&str] = &["ConcurrentModification"];
                let tag = |(key, value)| Tag::builder().key(key).value(value).build();
                let tags: Result<Vec<_>, _> = tags.iter().cloned().map(tag).collect();
                let tags = Some(tags.map_err(unsaid)?);
                if let Self::Role(name) = self {
                    let put = aws.iam.tag_role().role_name(name).set_tags(tags).send().await;
                    return put.doing(doing()).wait_on(BUSY).map(drop);
                }
                let put = aws.iam.tag_instance_profile().instance_profile_name(self.id());
                put.set_tags(tags).send().await.doing(doing()).wait_on(BUSY).map(drop)
            }
            Self::LogGroup(arn) => {
                let tags = tags.iter().cloned().collect();
                let put = aws.logs.tag_resource().resource_arn(arn).set_tags(Some(tags));
                put.send().await.doing(doing()).map(drop)
            }
            Self::HostedZone(id) => {
                use aws_sdk_route53::types::{Tag, TagResourceType};
                let tag = |(key, value)| Tag::builder().key(key).value(value).build();
                let tags = tags.iter().cloned().map(tag).collect();
                let put = aws.route53.change_tags_for_resource().resource_id(id);
                let put = put.resource_type(TagResourceType::Hostedzone).set_add_tags(Some(tags));
                put.send().await.doing(doing()).map(drop)
            }
            Self::ServiceDiscovery(arn) => {
                use aws_sdk_servicediscovery::types::Tag;
                let tag = |(key, value)| Tag::builder().key(key).value(value).build();
                let tags: Result<Vec<_>, _> = tags.iter().cloned().map(tag).collect();
                let put = aws.servicediscovery.tag_resource().resource_arn(arn);
                let put = put.set_tags(Some(tags.map_err(unsaid)?));
                put.send().await.doing(doing()).map(drop)
            }
        }
    }

    /// The id, name or ARN.
    fn id(&self) -> &str {
        match self {
            Self::Ec2(id)
            | Self::ApplicationAutoScaling(id)
            | Self::AutoScaling(id)
            | Self::Ecs(id)
            | Self::LoadBalancing(id)
            | Self::Role(id)
            | Self::InstanceProfile(id)
            | Self::LogGroup(id)
            | Self::HostedZone(id)
            | Self::ServiceDiscovery(id) => id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(stack: &str) -> Names {
        Names::new(stack.parse().unwrap(), "eu-west-1")
    }

    #[test]
    fn only_a_thing_of_this_region_and_stack_is_ours() {
        let labels = Labels { pattern: "internal-worker".into(), user: [].into() };
        let tags = labels.of(&names("demo"), &NodeName::from("subnet/public-1"));
        let owner = Scope::Stack(names("demo")).owner(&tags).unwrap();
        assert_eq!(owner.node.as_str(), "subnet/public-1");
        assert_eq!(owner.pattern.as_deref(), Some("internal-worker"));
        assert!(Scope::Region("eu-west-1".into()).owner(&tags).is_some());
        assert_eq!(Scope::Stack(names("demo-2")).owner(&tags), None);
        assert_eq!(Scope::Region("us-east-1".into()).owner(&tags), None);
        assert_eq!(Scope::Stack(names("demo")).owner(&tags[..2]), None, "a half-tagged thing");
    }

    #[test]
    fn what_lost_a_part_of_its_identity_may_be_ours() {
        let labels = Labels { pattern: "internal-worker".into(), user: [].into() };
        let tags = labels.of(&names("demo"), &NodeName::from("vpc"));
        let without = |keys: &[&str]| -> Vec<_> {
            tags.iter().filter(|(key, _)| !keys.contains(&key.as_str())).cloned().collect()
        };
        let may_be = |stack: &str, tags: &[(String, String)]| {
            Scope::Like(names(stack)).owner(tags).map(|owner| owner.node.as_str().to_owned())
        };
        assert_eq!(may_be("demo", &tags), None, "it is surely ours");
        let half = without(&[names::TAG_STACK, names::TAG_NODE]);
        assert_eq!(may_be("demo", &half).as_deref(), Some("vpc"));
        assert_eq!(may_be("demo", &tags[..1]), None, "only its Name");
        assert_eq!(may_be("demo", &without(&[names::TAG_NAME, names::TAG_NODE])), None);
        assert_eq!(may_be("dem", &half), None);
        let mut elsewhere = half.clone();
        elsewhere.retain(|(key, _)| key != names::TAG_REGION);
        elsewhere.push((names::TAG_REGION.to_owned(), "us-east-1".to_owned()));
        assert_eq!(may_be("demo", &elsewhere), None, "another region's");
    }
}
