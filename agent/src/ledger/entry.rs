//! What the ledger holds: what each instance is, and how far each order has come.

use super::{Held, Journal};
use fleet_core::app::Rendered;
use fleet_core::backup::{DataResult, RepositoryAccess};
use fleet_core::facts::{DriftRule, PowerDesired};
use fleet_core::names::{InstanceName, OrderId};
use fleet_core::order::{Order, Outcome, PowerRequest, Release};
use fleet_core::spec::InstanceSpec;
use fleet_core::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// An instance as it is when nothing is under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settled {
    pub release: Release,
    pub revision: u64,
    pub power: PowerDesired,
    pub drift: DriftRule,
    pub rendered: Rendered,
    /// What it was rendered with: backups keep it. Unknown where an agent of before rendered it.
    #[serde(default)]
    pub values: Values,
    pub since: Time,
    /// Its own volumes that carried its label once. One of these names without it is another volume.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub signed: BTreeSet<String>,
}

/// One instance of this host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct InstanceEntry {
    /// None when only the remains of a failed installation are here.
    pub settled: Option<Settled>,
    pub stuck: Option<StuckMark>,
    /// What a failed installation left behind, for whoever removes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remains: Option<Box<InstanceSpec>>,
    /// Services that stand still since an order that could not let them go on: that is tried again and again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Held>,
}

/// An order ended where nobody wanted it to: a person is needed, and nothing heals by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StuckMark {
    pub order: OrderId,
    pub reason: String,
}

/// One order, from the moment it is accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderEntry {
    pub order: Order,
    /// When this host began it; the deadline counts from here.
    pub begun: Time,
    pub state: OrderState,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    Open(Box<OpenState>),
    Ended {
        outcome: Outcome,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        made: Option<Box<DataResult>>,
        at: Time,
        /// Whether the coordinator has it: the order was no longer in the open set.
        heard: bool,
        /// What the instance's entry becomes; none once it is written there.
        becomes: Option<LedgerUpdate>,
    },
}

/// An order that is not at its end, with all that a restarted agent needs to go on or back.
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
    pub drift: DriftRule,
    /// What work on data has to put back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<Box<Journal>>,
    /// What the instance was before.
    pub from: Option<Settled>,
    /// What it shall be; none before it is rendered, and for a removal.
    pub to: Option<Settled>,
    pub way: Direction,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Nothing has been touched.
    Accepted,
    Forward {
        step: u32,
        doing: String,
    },
    Back {
        because: String,
        since: Time,
    },
}

/// How the end of an order changes its instance's entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LedgerUpdate {
    Entry(Box<InstanceEntry>),
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    pub instance: Option<InstanceName>,
    pub order: Option<OrderId>,
    pub reason: String,
}

impl Settled {
    /// Whether an operator wants it to stand still.
    pub fn is_stopped(&self) -> bool {
        match self.power.wish {
            PowerRequest::Stop => true,
            PowerRequest::Start | PowerRequest::Restart => false,
        }
    }
}

impl OpenState {
    /// For the ledger, once the values are rendered.
    #[must_use]
    pub fn clone_without_values(&self) -> Self {
        Self { values: Values::default(), ..self.clone() }
    }
}

impl InstanceEntry {
    pub fn settled(settled: Settled) -> Self {
        Self { settled: Some(settled), ..Self::default() }
    }

    /// What its parts on this host were made from.
    pub fn spec(&self) -> Option<&InstanceSpec> {
        let settled = self.settled.as_ref().map(|settled| &settled.rendered.spec);
        settled.or(self.remains.as_deref())
    }
}

impl OrderEntry {
    pub fn is_open(&self) -> bool {
        match self.state {
            OrderState::Open(_) => true,
            OrderState::Ended { .. } => false,
        }
    }

    /// What an instance is being made into, while this order is doing it.
    pub fn spec_under_way(&self, instance: &InstanceName) -> Option<&InstanceSpec> {
        match &self.state {
            OrderState::Open(open) if self.order.instance == *instance => open.to.as_ref().map(|to| &to.rendered.spec),
            OrderState::Open(_) | OrderState::Ended { .. } => None,
        }
    }
}
