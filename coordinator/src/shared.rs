//! State that the services and the background loops share.

use crate::agents::{Budgets, HostQueries, Sessions};
use crate::connections::Connections;
use crate::facts::Facts;
use crate::identity::Authority;
use crate::panics::Panics;
use crate::permits::Places;
use crate::repositories::RepositoryService;
use crate::values::Values;
use fleet_render::Renderer;
use std::path::Path;
use std::sync::Arc;

/// Everything that the services share.
#[derive(Debug, Clone)]
pub struct Shared {
    /// Facts of the fleet.
    pub facts: Arc<Facts>,
    /// Connected hosts.
    pub sessions: Arc<Sessions>,
    /// Open queries to hosts.
    pub queries: Arc<HostQueries>,
    /// Limits on what each host may send.
    pub budgets: Arc<Budgets>,
    /// Values of instances.
    pub values: Arc<Values>,
    /// Open connections.
    pub connections: Arc<Connections>,
    /// The fleet's CA.
    pub authority: Arc<Authority>,
    /// Addresses at which agents and operators reach the port.
    pub addresses: Arc<[String]>,
    /// Service that manages the repositories.
    pub repository_service: Arc<RepositoryService>,
    /// Renderer of instances.
    pub renderer: Renderer,
    /// Places of operators who read repositories, and of those who let releases be rendered.
    pub readers: Arc<Places>,
    /// Slots for renderings.
    pub renderings: Arc<Places>,
    /// The coordinator's directory.
    pub home: Arc<Path>,
    /// Record of caught panics.
    pub panics: Arc<Panics>,
}
