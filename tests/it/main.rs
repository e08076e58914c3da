//! One integration-test binary: each one links the SDK again.

mod accounts;
mod command_line;
mod emulator;
mod fence;
mod figures;
mod foreign;
mod goal;
mod interrupted;
mod inventory;
mod inventory_tests;
mod layers;
mod lifecycle;
mod listening;
mod localstack;
mod locks;
mod neighbours;
mod permissions;
mod proofs;
mod recorder;
mod recorder_tests;
mod rehearsal;
mod rollout;
mod slips;
mod snapshots;
mod transitions;
mod world;
