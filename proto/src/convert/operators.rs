//! States and kinds in messages to operators.

use super::ConvertError;
use crate::v1;
use fleet_core::access::Role;
use fleet_core::backup::RepositoryLocation;
use fleet_core::backup_health::{HealthLevel, Next};
use fleet_core::facts::{DriftRule, InstanceHealth};
use fleet_core::host_policy::Permission;
use fleet_core::order::{Outcome, PowerRequest};
use fleet_core::plan::{MemberState, RolloutPhase};

impl From<Role> for v1::OperatorRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Viewer => Self::Viewer,
            Role::Operator => Self::Operator,
            Role::Administrator => Self::Administrator,
        }
    }
}

impl TryFrom<v1::OperatorRole> for Role {
    type Error = ConvertError;
    fn try_from(role: v1::OperatorRole) -> Result<Self, ConvertError> {
        match role {
            v1::OperatorRole::Viewer => Ok(Self::Viewer),
            v1::OperatorRole::Operator => Ok(Self::Operator),
            v1::OperatorRole::Administrator => Ok(Self::Administrator),
            v1::OperatorRole::Unspecified => Err(ConvertError::Unknown { field: "role" }),
        }
    }
}

impl From<Permission> for v1::PermissionState {
    fn from(permission: Permission) -> Self {
        match permission {
            Permission::Allowed => Self::Allowed,
            Permission::Denied => Self::Denied,
        }
    }
}

impl From<DriftRule> for v1::DriftRule {
    fn from(rule: DriftRule) -> Self {
        match rule {
            DriftRule::Heal => Self::Heal,
            DriftRule::Report => Self::Report,
        }
    }
}

impl TryFrom<v1::DriftRule> for DriftRule {
    type Error = ConvertError;
    fn try_from(rule: v1::DriftRule) -> Result<Self, ConvertError> {
        match rule {
            v1::DriftRule::Heal => Ok(Self::Heal),
            v1::DriftRule::Report => Ok(Self::Report),
            v1::DriftRule::Unspecified => Err(ConvertError::Unknown { field: "drift" }),
        }
    }
}

impl TryFrom<v1::PowerAction> for PowerRequest {
    type Error = ConvertError;
    fn try_from(action: v1::PowerAction) -> Result<Self, ConvertError> {
        match action {
            v1::PowerAction::Start => Ok(Self::Start),
            v1::PowerAction::Stop => Ok(Self::Stop),
            v1::PowerAction::Restart => Ok(Self::Restart),
            v1::PowerAction::Unspecified => Err(ConvertError::Unknown { field: "action" }),
        }
    }
}

impl From<&InstanceHealth> for v1::InstanceHealth {
    fn from(health: &InstanceHealth) -> Self {
        match health {
            InstanceHealth::Healthy => Self::Healthy,
            InstanceHealth::Starting => Self::Starting,
            InstanceHealth::Unhealthy { .. } | InstanceHealth::Stuck { .. } => Self::Unhealthy,
            InstanceHealth::Stopped => Self::Stopped,
            InstanceHealth::Unknown => Self::Unknown,
        }
    }
}

impl From<&Outcome> for v1::OrderOutcome {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::AlreadySo => Self::AlreadySo,
            Outcome::Done => Self::Done,
            Outcome::RolledBack { .. } => Self::RolledBack,
            Outcome::Stuck { .. } => Self::Stuck,
            Outcome::Refused { .. } => Self::Refused,
            Outcome::Failed { .. } => Self::Failed,
        }
    }
}

impl From<&Outcome> for v1::ChangeState {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::AlreadySo => Self::AlreadySo,
            Outcome::Done => Self::Done,
            Outcome::RolledBack { .. } => Self::RolledBack,
            Outcome::Stuck { .. } => Self::Stuck,
            Outcome::Refused { .. } => Self::Refused,
            Outcome::Failed { .. } => Self::Failed,
        }
    }
}

impl From<&RolloutPhase> for v1::RolloutPhase {
    fn from(phase: &RolloutPhase) -> Self {
        match phase {
            RolloutPhase::Running => Self::Running,
            RolloutPhase::Soaking { .. } => Self::Soaking,
            RolloutPhase::OutsideWindow { .. } => Self::OutsideItsWindow,
            RolloutPhase::Paused => Self::Paused,
            RolloutPhase::Halted { .. } => Self::Halted,
            RolloutPhase::Aborted => Self::Aborted,
            RolloutPhase::DoneButOffline { .. } => Self::DoneButOffline,
            RolloutPhase::Done => Self::Done,
        }
    }
}

impl From<&MemberState> for v1::MemberState {
    fn from(state: &MemberState) -> Self {
        match state {
            MemberState::Waiting { .. } => Self::Waiting,
            MemberState::UnderWay { .. } => Self::UnderWay,
            MemberState::Overdue { .. } => Self::Overdue,
            MemberState::Done { .. } => Self::Done,
            MemberState::Sickened { .. } => Self::Unhealthy,
            MemberState::Failed { .. } => Self::Failed,
            MemberState::Skipped { .. } => Self::Skipped,
            MemberState::Offline => Self::Offline,
            MemberState::Elsewhere { .. } | MemberState::Superseded { .. } => Self::Elsewhere,
            MemberState::Removed => Self::Removed,
        }
    }
}

impl From<HealthLevel> for v1::BackupLevel {
    fn from(level: HealthLevel) -> Self {
        match level {
            HealthLevel::Never => Self::Never,
            HealthLevel::Failing => Self::Failing,
            HealthLevel::Late => Self::Late,
            HealthLevel::Uncovered => Self::Uncovered,
            HealthLevel::Ok => Self::Ok,
        }
    }
}

impl From<Option<Next>> for v1::NextBackup {
    fn from(next: Option<Next>) -> Self {
        match next {
            Some(Next::Running { .. }) => Self::Running,
            Some(Next::Due { .. }) => Self::Due,
            Some(Next::At { at: Some(_) }) => Self::At,
            Some(Next::At { at: None }) | None => Self::Unspecified,
        }
    }
}

impl From<&RepositoryLocation> for v1::RepositoryKind {
    fn from(location: &RepositoryLocation) -> Self {
        match location {
            RepositoryLocation::Coordinator => Self::Coordinator,
            RepositoryLocation::S3 { .. } => Self::S3,
            RepositoryLocation::Folder { .. } => Self::Folder,
        }
    }
}
