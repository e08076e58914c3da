//! Region, credentials and endpoint: everything that `aws-config` honours, and clear words when
//! something is missing.
