//! One integration-test binary: each one links the SDK again.

mod command_line;
mod emulator;
mod foreign;
mod interrupted;
mod inventory;
mod inventory_tests;
mod layers;
mod lifecycle;
mod localstack;
mod neighbours;
mod recorder;
mod recorder_tests;
mod rollout;
mod snapshots;
mod world;
