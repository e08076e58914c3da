//! Calls of `CloudWatch` Logs.

use super::events::group_of;
use crate::fields::Fields;
use crate::policy::call::Call;
use crate::policy::required::{Required, Target};

/// What a call of logs takes.
pub(super) fn required(call: &Call<'_>) -> Vec<Required> {
    let input = call.input;
    let name = input.text("logGroupName");
    // Logs writes a group's ARN with the log streams of it that are meant: all.
    let group = call.arn(&format!("log-group:{name}:log-stream:"));
    match call.operation {
        "CreateLogGroup" => {
            let tags = input.tags("tags");
            let own = call.own([Target::new(group, tags.clone())]);
            let made = Target::new(call.arn(&format!("log-group:{name}")), tags);
            let tag = (!made.request.is_empty()).then(|| Required::new("logs:TagResource", [made]));
            [own].into_iter().chain(tag).collect()
        }
        "ListTagsForResource" => vec![call.own([call.existing_arn(input.text("resourceArn"))])],
        "TagResource" => {
            let tagged = call.existing_arn(input.text("resourceArn"));
            vec![call.own([tagged.tagged(input.tags("tags"))])]
        }
        "DescribeLogStreams" | "FilterLogEvents" => vec![call.own([read(call, "")])],
        "GetLogEvents" | "DeleteLogStream" => {
            vec![call.own([read(call, input.text("logStreamName"))])]
        }
        _ if call.looks() => vec![call.own([Target::any()])],
        _ => {
            let known = call.existing(&format!("log-group:{name}"));
            vec![call.own([Target { arn: group, ..known }])]
        }
    }
}

/// A stream of the group that a call reads; all of them have no name.
fn read(call: &Call<'_>, stream: &str) -> Target {
    let group = group_of(call.input);
    let known = call.existing(&format!("log-group:{group}"));
    Target { arn: call.arn(&format!("log-group:{group}:log-stream:{stream}")), ..known }
}
