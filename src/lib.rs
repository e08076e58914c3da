//! Provisions container services on Amazon ECS with direct AWS API calls.
