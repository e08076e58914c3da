//! A call of an API, as those see it who say what it takes.

use serde_json::Value;

use super::required::{Required, Target};
use super::view::View;
use crate::arn::Arn;

/// A call of an API.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// What is known of the world.
    pub view: &'a View<'a>,
    /// The service, as IAM names it.
    pub service: &'a str,
    /// The operation.
    pub operation: &'a str,
    /// What it asks.
    pub input: &'a Value,
}

impl Call<'_> {
    /// The action of the call's own name.
    pub fn own(&self, targets: impl IntoIterator<Item = Target>) -> Required {
        Required::new(format!("{}:{}", self.service, self.operation), targets)
    }

    /// The ARN of something of the call's own service.
    pub fn arn(&self, resource: &str) -> String {
        Arn::of(&self.view.region, self.service, resource).to_string()
    }

    /// Something of the call's own service that should be there.
    pub fn existing(&self, resource: &str) -> Target {
        self.view.existing(self.service, self.arn(resource))
    }

    /// Something of the call's own service that should be there, by ARN.
    pub fn existing_arn(&self, arn: &str) -> Target {
        self.view.existing(self.service, arn.to_owned())
    }

    /// Whether the call only looks.
    pub fn looks(&self) -> bool {
        ["Describe", "List"].iter().any(|verb| self.operation.starts_with(verb))
    }
}
