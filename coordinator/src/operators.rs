//! gRPC service for operators: queries and requests of people and programs, each with the role that it needs.
//!
//! **Invariant:** a request that cannot work is refused when it is made; a secret value is never shown.

mod agreed;
mod apps;
mod asking;
mod attention;
mod backups;
mod changes;
mod claims;
mod events;
mod follow;
mod hosts;
mod instances;
mod listing;
mod logs;
mod members;
mod people;
mod policy_checks;
mod proposals;
mod push;
mod releases;
mod removing;
mod request;
mod resolve;
mod rollouts;
mod service;
mod status;
mod subject;
mod undo;
mod views;
mod way_back;

pub use backups::BackupsService;
pub use service::OperatorsService;
pub use views::instance::{health_of, plan_context};
