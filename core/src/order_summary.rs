//! Orders in short, as values. `fleet` turns them into words.

use crate::backup::DataAction;
use crate::names::{BackupId, ReleaseName, Version};
use crate::order::{Action, PowerRequest};
use serde::{Deserialize, Serialize};

/// An order without its details.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with")]
pub enum OrderSummary {
    /// Install a release.
    Install(ReleaseName),
    /// Upgrade from a version to a release.
    Upgrade(Version, ReleaseName),
    /// Change the configuration.
    Configure,
    /// Start the instance.
    Start,
    /// Stop the instance.
    Stop,
    /// Restart the instance.
    Restart,
    /// Remove the instance.
    Remove,
    /// Back the instance up.
    Backup,
    /// Prove a backup by a drill.
    Drill,
    /// Restore a backup.
    Restore(BackupId),
    /// Forget backups.
    Forget,
}

impl From<&Action> for OrderSummary {
    fn from(action: &Action) -> Self {
        match action {
            Action::Install { goal } => Self::Install(goal.release.name.clone()),
            Action::Upgrade { from, goal, .. } => Self::Upgrade(from.name.version.clone(), goal.release.name.clone()),
            Action::Configure { .. } => Self::Configure,
            Action::Power { request, .. } => (*request).into(),
            Action::Remove { .. } => Self::Remove,
            Action::Data(action) => action.into(),
        }
    }
}

impl From<PowerRequest> for OrderSummary {
    fn from(request: PowerRequest) -> Self {
        match request {
            PowerRequest::Start => Self::Start,
            PowerRequest::Stop => Self::Stop,
            PowerRequest::Restart => Self::Restart,
        }
    }
}

impl From<&DataAction> for OrderSummary {
    fn from(action: &DataAction) -> Self {
        match action {
            DataAction::Backup { .. } => Self::Backup,
            DataAction::Drill { .. } => Self::Drill,
            DataAction::Restore { from, .. } => Self::Restore(from.backup.clone()),
            DataAction::Forget { .. } => Self::Forget,
        }
    }
}
