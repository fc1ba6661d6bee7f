//! From an operator's wish to a rollout that can work, or to the reason why it cannot.

use super::{LeftOut, Member, Rollout, RolloutRefusal, RolloutWish, Strategy, StrategyWish};
use crate::facts::{Asked, Desired, Observed};
use crate::labels::Selector;
use crate::names::{InstanceName, OperatorName, RolloutId};
use crate::order::Release;
use crate::time::Time;

/// What an operator asks for: a release, where, and at what pace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolloutRequest {
    pub to: Release,
    pub selector: Selector,
    pub strategy: StrategyWish,
}

/// A rollout that could begin now. It is shown before it is obeyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    pub to: Release,
    pub strategy: Strategy,
    /// In the order in which they are taken.
    pub members: Vec<Member>,
    pub left_out: Vec<LeftOut>,
    /// As intended now, offline members apart: who is online decides anew at every step.
    pub waves: Vec<Vec<InstanceName>>,
    /// Members whose hosts are offline now; they catch up.
    pub offline: Vec<InstanceName>,
}

impl Proposal {
    /// The rollout as it is kept.
    pub fn into_rollout(self, id: RolloutId, by: OperatorName, now: Time) -> Rollout {
        Rollout {
            id,
            app: self.to.name.app,
            version: self.to.name.version,
            strategy: self.strategy,
            members: self.members,
            left_out: self.left_out,
            wish: RolloutWish::Run,
            attempt: 1,
            created: now,
            by,
        }
    }
}

/// Checks a wish against the facts.
pub fn propose(
    _desired: &Desired,
    _asked: &Asked,
    _observed: &Observed,
    wish: &RolloutRequest,
    _now: Time,
) -> Result<Proposal, RolloutRefusal> {
    Err(RolloutRefusal::NoInstances { app: wish.to.name.app.clone() })
}

/// Proposes to move back what a rollout moved. Whoever accepts it aborts that rollout in the same commit.
pub fn propose_undo(
    rollout: &Rollout,
    _desired: &Desired,
    _asked: &Asked,
    _observed: &Observed,
    _now: Time,
) -> Result<Proposal, RolloutRefusal> {
    Err(RolloutRefusal::NothingToUndo { rollout: rollout.id.clone() })
}
