//! The kinds of failures, each with its code, its arguments and its text for logs.
//!
//! An argument `output` is the last output of a program or empty; `problem`, `cause` and `answer` are the words of a library, of a
//! validator or of the Engine, where they are no codes.

mod of_data;
mod of_hosts;
mod of_orders;

use super::uncovered_data::{UncoveredData, read_uncovered};
use super::{DataNote, MissingReply, StoreProblem, after, at, differing, joined, listed, noted, read_names};
use crate::activity::Activity;
use crate::backup_damage::BackupDamage;
use crate::backup_doubt::BackupDoubt;
use crate::dump_error::DumpError;
use crate::failed_step::{FailedStep, FileStep, ToolTask};
use crate::health_problem::{HealthProblem, LostVolume, ProbeFailure, read_volumes};
use crate::instance_version::InstanceVersion;
use crate::ledger_problem::LedgerProblem;
use crate::manifest_error::ManifestError;
use crate::name_conflict::{NameConflict, read_conflicts};
use crate::name_fault::NameFault;
use crate::names::Version;
use crate::occupied_target::OccupiedTarget;
use crate::part_owner::{PartOwner, PortHolder};
use crate::policy_refusal::{self, PolicyRefusal, read_refusals};
use crate::sandbox_part::{SandboxPart, read_parts};
use crate::store_difference::{StoreDifference, read_differences};
use crate::store_gap::StoreGap;
use crate::time::Time;
use crate::units::Period;
use crate::volume_holder::{VolumeHolder, read_holders};
use crate::window::Window;
use of_data::failures_of_data;
use of_hosts::failures_of_hosts;
use of_orders::failures_of_orders;
use serde::{Deserialize, Serialize};
use std::time::Duration;

failures_of_orders! { failures_of_hosts, failures_of_data, order_failures => }
