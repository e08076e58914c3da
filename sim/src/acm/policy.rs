//! What IAM has to allow for a call.

use crate::fields::Fields;
use crate::policy::call::Call;
use crate::policy::required::Required;

/// What a call takes: each is about one certificate.
pub(super) fn required(call: &Call<'_>) -> Vec<Required> {
    vec![call.own([call.existing_arn(call.input.text("CertificateArn"))])]
}
