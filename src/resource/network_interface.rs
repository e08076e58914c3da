//! Network interfaces: not ours to remove, but what usually holds subnets and groups.

use crate::aws::{Aws, Result};

/// The interfaces that match a filter of `DescribeNetworkInterfaces`, each with its owner in words.
pub async fn holding(_aws: &Aws, _filter: &str, _value: &str) -> Result<Vec<String>> {
    todo!()
}
