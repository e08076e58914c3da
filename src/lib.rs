//! Provisions container services on Amazon ECS with direct AWS API calls, and removes them again.

pub mod aws;
pub mod engine;
pub mod names;
pub mod resource;
