//! Whose a thing is, read from its tags: the only place that decides what is ours.

use crate::names::{self, Names, NodeName};

/// What a listing covers.
#[derive(Debug, Clone)]
pub enum Scope {
    /// One stack.
    Stack(Names),
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
}

impl Scope {
    /// The region that is listed.
    pub fn region(&self) -> &str {
        match self {
            Scope::Stack(names) => names.region(),
            Scope::Region(region) => region,
        }
    }

    /// The stack's names, when one stack is listed.
    pub fn names(&self) -> Option<&Names> {
        match self {
            Scope::Stack(names) => Some(names),
            Scope::Region(_) => None,
        }
    }

    /// Who owns a thing with these tags, if it is one of ours and within this scope.
    ///
    /// This is the check that counts. A filter in a request is an optimisation: endpoints ignore some.
    pub fn owner<T: Tagged>(&self, tags: &[T]) -> Option<Owner> {
        let value = |key: &str| tags.iter().find(|tag| tag.key() == key).map(Tagged::value);
        let stack = value(names::TAG_STACK)?;
        let node = value(names::TAG_NODE)?;
        let ours = value(names::TAG_REGION)? == self.region()
            && self.names().is_none_or(|names| names.stack().as_ref() == stack);
        ours.then(|| Owner {
            stack: stack.to_owned(),
            node: NodeName::from(node),
            pattern: value(names::TAG_PATTERN).map(str::to_owned),
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
            Scope::Region(_) => vec![filter("tag-key".into(), names::TAG_STACK)],
        }
    }
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
    required: aws_sdk_iam::types::Tag
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
    pub user: std::collections::BTreeMap<String, String>,
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
}
