//! Events of a simulation.

use fleet_core::names::{InstanceName, OrderId};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    Connect { host: usize },
    Cut { host: usize },
    Notice { host: usize, connection: u64 },
    Report { host: usize, connection: u64, place: usize },
    Deliver { host: usize, connection: u64, place: usize },
    Finish { host: usize, life: u64, order: OrderId, place: usize },
    Health { host: usize, instance: InstanceName, is_well: bool },
    Kill { host: usize },
    Revive { host: usize },
    CoordinatorStops,
    CoordinatorStarts,
    Request,
    FirstRollout,
    Calm,
}

impl Event {
    /// Returns whether the coordinator learns something from it.
    pub fn is_a_fact(&self) -> bool {
        match self {
            Self::Notice { .. } | Self::Report { .. } | Self::CoordinatorStarts => true,
            Self::Request | Self::FirstRollout | Self::Calm => true,
            Self::Connect { .. } | Self::Cut { .. } | Self::Deliver { .. } | Self::Finish { .. } => false,
            Self::Health { .. } | Self::Kill { .. } | Self::Revive { .. } | Self::CoordinatorStops => false,
        }
    }
}
