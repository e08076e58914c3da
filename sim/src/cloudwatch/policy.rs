//! Calls of `CloudWatch`, which IAM knows by another name than that which requests are signed for.

use crate::fields::Fields;
use crate::policy::call::Call;
use crate::policy::required::{Required, Target};

/// What a call of `CloudWatch` takes.
pub(super) fn required(call: &Call<'_>) -> Vec<Required> {
    let named = Call { service: "cloudwatch", ..*call };
    if call.looks() {
        return vec![named.own([Target::any()])];
    }
    let alarm = |name: &String| {
        let arn = named.arn(&format!("alarm:{name}"));
        call.view.existing(call.service, arn)
    };
    vec![named.own(call.input.texts("AlarmNames").iter().map(alarm))]
}
