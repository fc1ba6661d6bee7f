//! Records of the ledger: the state of each instance, and the progress of each order.

use super::file::FORMAT;
use super::{EntryError, Held, Journal};
use fleet_core::activity::{Activity, read_kept};
use fleet_core::app::Rendered;
use fleet_core::backup::{DataResult, RepositoryAccess};
use fleet_core::facts::{DriftRule, PowerDesired};
use fleet_core::ledger_problem::LedgerProblem;
use fleet_core::names::{InstanceName, OrderId};
use fleet_core::order::{Order, Outcome, PowerRequest};
use fleet_core::order_failure::OrderFailure;
use fleet_core::release::Release;
use fleet_core::spec::InstanceSpec;
use fleet_core::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

/// An instance as it is when nothing is under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settled {
    /// Release that it runs.
    pub release: Release,
    /// Revision of its values.
    pub revision: u64,
    /// Power state that operators want.
    pub power: PowerDesired,
    /// Reaction to drift.
    pub drift: DriftRule,
    /// Rendered files and containers.
    pub rendered: Rendered,
    /// Values it was rendered with, for backups. Unknown if an older agent rendered it.
    #[serde(default)]
    pub values: Values,
    /// Time at which it became settled.
    pub since: Time,
    /// Its own volumes that carried its label once. One of these names without it is another volume.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub signed: BTreeSet<String>,
}

/// Entry of one instance of this host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct InstanceEntry {
    /// Settled state; none if only the remains of a failed installation exist.
    pub settled: Option<Settled>,
    /// Mark of an order that got stuck, if there is one.
    pub stuck: Option<StuckMark>,
    /// Parts that a failed installation left, for a later removal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remains: Option<Box<InstanceSpec>>,
    /// Services that an order stopped and could not resume; the agent keeps trying.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Held>,
}

/// Mark of an order that could neither finish nor go back: a person is needed, and nothing is healed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StuckMark {
    /// Order that got stuck.
    pub order: OrderId,
    /// Reason. Earlier versions kept it as a text.
    #[serde(alias = "reason")]
    pub failure: OrderFailure,
    /// True if a new release may have changed data that is not as it was before: nothing starts until it is restored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_data_changed: bool,
}

impl StuckMark {
    /// Marks an instance whose data is as it was, or as the order wants it.
    pub fn new(order: OrderId, failure: OrderFailure) -> Self {
        Self { order, failure, is_data_changed: false }
    }
}

/// Entry of one order, from its acceptance on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderEntry {
    /// The order as received.
    pub order: Order,
    /// Time at which this host began it; the deadline counts from here.
    pub begun: Time,
    /// Progress of the order.
    pub state: OrderState,
}

/// Progress of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Accepted and not yet ended.
    Open(Box<OpenState>),
    /// Ended.
    Ended {
        /// Outcome of the order.
        outcome: Outcome,
        /// Result of work on data, if there was any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        made: Option<Box<DataResult>>,
        /// Time of the end.
        at: Time,
        /// True once the coordinator has acknowledged it: the order was missing from the open set.
        heard: bool,
        /// Pending change of the instance's entry; none once it is applied.
        becomes: Option<LedgerUpdate>,
    },
}

/// An order that has not ended, with everything that a restarted agent needs to continue or go back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenState {
    /// The goal's values, until they are rendered.
    pub values: Values,
    /// The ways into the repositories that the order names, until it has ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub access: Vec<RepositoryAccess>,
    /// Bytes per second to and from repositories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_rate: Option<u64>,
    /// Reaction to drift that the instance gets.
    pub drift: DriftRule,
    /// Journal of the changes that work on data has to undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<Box<Journal>>,
    /// State of the instance before the order.
    pub from: Option<Settled>,
    /// Target state; none before it is rendered, and for a removal.
    pub to: Option<Settled>,
    /// States on the way to the target, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub through: Vec<Settled>,
    /// Direction of the order.
    pub way: Direction,
}

/// Direction in which an order's steps go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Accepted; nothing was changed.
    Accepted,
    /// Towards the target state.
    Forward {
        /// Number of the current step, from 0.
        step: u32,
        /// Activity of the current step. Version 1 kept it as text.
        #[serde(default, deserialize_with = "read_kept")]
        doing: Option<Activity>,
    },
    /// Back to the state before.
    Back {
        /// Reason.
        because: OrderFailure,
        /// Time at which the order turned back.
        since: Time,
    },
}

/// Change of an instance's entry at the end of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LedgerUpdate {
    /// The entry is replaced by this one.
    Entry(Box<InstanceEntry>),
    /// The entry is removed.
    Gone,
}

/// Values in the clear, some of them secret; never shown.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Values(pub BTreeMap<String, String>);

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} values", self.0.len())
    }
}

/// A file of the ledger that cannot be understood: said, never skipped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the ledger's `{path}` cannot be read: {error}")]
pub struct Unreadable {
    /// Instance of the file, if its name shows it.
    pub instance: Option<InstanceName>,
    /// Order of the file, if its name shows it.
    pub order: Option<OrderId>,
    /// The file.
    pub path: PathBuf,
    /// Error of the file.
    pub error: EntryError,
}

impl From<&Unreadable> for LedgerProblem {
    fn from(of: &Unreadable) -> Self {
        let path = of.path.display().to_string();
        match &of.error {
            EntryError::Disk(cause) | EntryError::Invalid(cause) => Self::Unreadable { path, cause: cause.clone() },
            EntryError::NoFormat => Self::NoFormat { path },
            EntryError::OtherFormat { found } => Self::OtherFormat { path, found: *found, known: FORMAT },
            EntryError::Name(error) => Self::Unreadable { path, cause: error.to_string() },
        }
    }
}

impl Settled {
    /// Returns whether an operator wants it to be stopped.
    pub fn is_stopped(&self) -> bool {
        match self.power.request {
            PowerRequest::Stop => true,
            PowerRequest::Start | PowerRequest::Restart => false,
        }
    }
}

impl OpenState {
    /// Returns the states that the order brings, in their order.
    pub fn target_states(&self) -> impl Iterator<Item = &Settled> {
        self.through.iter().chain(&self.to)
    }

    /// Returns a copy without values, for the ledger, once the values are rendered.
    #[must_use]
    pub fn clone_without_values(&self) -> Self {
        Self { values: Values::default(), ..self.clone() }
    }
}

impl InstanceEntry {
    /// Makes an entry with this settled state and nothing else.
    pub fn settled(settled: Settled) -> Self {
        Self { settled: Some(settled), ..Self::default() }
    }

    /// Returns the spec of its parts on this host.
    pub fn spec(&self) -> Option<&InstanceSpec> {
        let settled = self.settled.as_ref().map(|settled| &settled.rendered.spec);
        settled.or(self.remains.as_deref())
    }
}

impl OrderEntry {
    /// Returns whether the order has not ended.
    pub fn is_open(&self) -> bool {
        match self.state {
            OrderState::Open(_) => true,
            OrderState::Ended { .. } => false,
        }
    }

    /// Returns the spec of the instance that this order is working towards.
    pub fn spec_under_way(&self, instance: &InstanceName) -> Option<&InstanceSpec> {
        match &self.state {
            OrderState::Open(open) if self.order.instance == *instance => open.to.as_ref().map(|to| &to.rendered.spec),
            OrderState::Open(_) | OrderState::Ended { .. } => None,
        }
    }
}
