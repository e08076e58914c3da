//! The record sets of a zone, as Route 53 lists them: read by the zone, which they hold, and by the
//! records, which are some of them.

use aws_sdk_route53::types::ResourceRecordSet;

use super::id::HostedZoneId;
use crate::aws::{Aws, Doing, Meanings, Result};

/// The code of a zone that is not there.
pub const UNKNOWN_ZONE: &str = "NoSuchHostedZone";

/// Lists every record of a zone; a zone that is gone has none.
pub async fn all(aws: &Aws, zone: &HostedZoneId) -> Result<Vec<ResourceRecordSet>> {
    let mut all = Vec::new();
    let first = || aws.route53.list_resource_record_sets().hosted_zone_id(zone.as_str());
    let mut ask = first();
    loop {
        let page = ask.send().await.doing("list the records of the hosted zone");
        let Some(page) = page.gone_is_fine(&[UNKNOWN_ZONE])? else { return Ok(all) };
        all.extend(page.resource_record_sets);
        if !page.is_truncated || page.next_record_name.is_none() {
            return Ok(all);
        }
        ask = first()
            .set_start_record_name(page.next_record_name)
            .set_start_record_type(page.next_record_type)
            .set_start_record_identifier(page.next_record_identifier);
    }
}

/// Writes a name as people do: Route 53 ends it with a dot, in lower case, and writes unusual
/// characters in octal, `*` as `\052`.
pub fn plain(name: &str) -> String {
    let mut plain = String::new();
    let mut rest = name.trim_end_matches('.');
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let code = after.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        plain.push(code.map_or('\\', char::from));
        rest = if code.is_some() { &after[3..] } else { after };
    }
    plain.push_str(rest);
    plain.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_people_write_them() {
        assert_eq!(plain("web.demo.internal."), "web.demo.internal");
        assert_eq!(plain(r"\052.Demo.internal."), "*.demo.internal");
        assert_eq!(plain(r"a\b\9"), r"a\b\9");
    }
}
