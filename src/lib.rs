//! Provisions container services on Amazon ECS with direct AWS API calls, and removes them again.
//!
//! Data flows through the modules in one direction, and progress comes back as events:
//!
//! ```text
//! argv, env, file ─► wish ─► spec ─► facts ─► pattern ─► engine ─► resource ─► aws ─► AWS, or an emulator
//!                                                          └─► events ─► ui
//! ```
//!
//! * [`cli`]: one file per command. [`deploy`]: what a deploy is, apart from how it is talked about.
//! * [`wish`]: what was asked for, as it was said. [`spec`]: the same, checked. [`facts`]: what has to be
//!   looked up before a graph.
//! * [`pattern`]: functions from a spec to a graph. [`names`], [`arn`], [`capacity`]: pure
//!   arithmetic for it.
//! * [`engine`]: decides what runs when, and waits. [`resource`]: one file per kind of AWS resource.
//! * [`permissions`]: what the caller has to be allowed. [`service_roles`]: what AWS's own services
//!   have to be.
//! * [`preflight`]: what can be known before a deploy of whether it will go through. [`registry`]: what
//!   registries say of images.
//! * [`lock`]: keeps two runs from working on one stack at once.
//! * [`logs`]: what containers write, of several services as one. [`verify`]: whether services answer whom
//!   they should.
//! * [`aws`]: clients, what an error means, and what is ours. [`ui`]: what a person sees.
//! * [`timeline`]: what a run did when, from its events, for a rehearsal.
//!
//! The rehearsal's AWS is a crate of its own, `aws_sim`.

pub mod arn;
pub mod aws;
pub mod capacity;
pub mod cli;
pub mod deploy;
pub mod diagnosis;
pub mod engine;
pub mod facts;
pub mod lock;
pub mod logs;
pub mod names;
pub mod pattern;
pub mod permissions;
pub mod preflight;
pub mod prices;
pub mod registry;
pub mod resource;
pub mod service_roles;
pub mod session;
pub mod spec;
pub mod text;
#[cfg(feature = "rehearse")]
pub mod timeline;
pub mod ui;
pub mod verify;
pub mod wish;
