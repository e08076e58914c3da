//! One integration-test binary: each one links the SDK again.
