//! Orders and how they ended.

use super::data::{incoming_action, outgoing_action};
use super::failure::incoming_failure;
use super::hint::incoming_hint;
use super::{ConvertError, LIST_LIMIT, at_most, needed};
use crate::v1;
use fleet_core::app::DataEffect;
use fleet_core::backup::{DataAction, RepositoryAccess};
use fleet_core::facts::DriftRule;
use fleet_core::names::ReleaseName;
use fleet_core::order::{Action, Order, Outcome, PowerRequest};
use fleet_core::release::{Goal, Release};
use std::collections::BTreeMap;
use std::time::Duration;

/// An order with its values in the clear, which are sent only to the host that needs them.
#[derive(Clone, PartialEq)]
pub struct OutgoingOrder {
    /// The order itself.
    pub order: Order,
    /// Empty where the action has no goal.
    pub values: BTreeMap<String, String>,
    /// Reaction to drift that the instance gets.
    pub drift: DriftRule,
    /// The ways into the repositories that the action names.
    pub access: Vec<RepositoryAccess>,
    /// Bytes per second to and from repositories.
    pub limit_rate: Option<u64>,
}

impl std::fmt::Debug for OutgoingOrder {
    /// Leaves the values out: some of them are secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutgoingOrder").field("order", &self.order).field("drift", &self.drift).finish_non_exhaustive()
    }
}

impl From<OutgoingOrder> for v1::Order {
    fn from(outgoing: OutgoingOrder) -> Self {
        let OutgoingOrder { order, values, drift, access, limit_rate } = outgoing;
        let goal = |goal: Goal| Some(v1::Goal { values, drift: drift_number(drift), ..goal.into() });
        let action = match order.action {
            Action::Install { goal: to } => v1::order::Action::Install(v1::Install { goal: goal(to) }),
            Action::Upgrade { from, goal: to, through, data, backup } => v1::order::Action::Upgrade(v1::Upgrade {
                from: Some(from.into()),
                goal: goal(to),
                data: v1::DataEffect::from(data).into(),
                backup: backup.into_iter().map(Into::into).collect(),
                access: access.into_iter().map(Into::into).collect(),
                limit_rate: limit_rate.unwrap_or_default(),
                through: through.into_iter().map(Into::into).collect(),
            }),
            Action::Configure { from, goal: to } => {
                v1::order::Action::Configure(v1::Configure { from, goal: goal(to) })
            }
            Action::Power { request, serial } => {
                v1::order::Action::Power(v1::Power { action: power_number(request), serial })
            }
            Action::Remove { volumes } => {
                v1::order::Action::Remove(v1::Remove { volumes: volumes.into_iter().collect() })
            }
            Action::Data(data) => v1::order::Action::Data(v1::Data {
                access: access.into_iter().map(Into::into).collect(),
                limit_rate: limit_rate.unwrap_or_default(),
                action: Some(outgoing_action(data, goal)),
            }),
        };
        Self {
            id: order.id.into(),
            instance: order.instance.into(),
            deadline_ms: u64::try_from(order.deadline.as_millis()).unwrap_or(u64::MAX),
            action: Some(action),
        }
    }
}

/// Reads an order with its values.
pub fn incoming_order(message: v1::Order) -> Result<OutgoingOrder, ConvertError> {
    let mut beside = Beside::default();
    let action = read_action(needed("order.action", message.action)?, &mut beside)?;
    let (id, instance) = (message.id.parse()?, message.instance.parse()?);
    let deadline = Duration::from_millis(message.deadline_ms);
    let Beside { values, drift, access, limit_rate } = beside;
    Ok(OutgoingOrder { order: Order { id, instance, action, deadline }, values, drift, access, limit_rate })
}

#[derive(Default)]
struct Beside {
    values: BTreeMap<String, String>,
    drift: DriftRule,
    access: Vec<RepositoryAccess>,
    limit_rate: Option<u64>,
}

impl Beside {
    fn read_access(
        &mut self,
        (field, access): (&'static str, Vec<v1::RepositoryAccess>),
        limit_rate: u64,
    ) -> Result<(), ConvertError> {
        let access = at_most(field, LIST_LIMIT, access)?;
        self.access = access.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
        self.limit_rate = Some(limit_rate).filter(|rate| *rate > 0);
        Ok(())
    }
}

fn read_upgrade(upgrade: v1::Upgrade, beside: &mut Beside) -> Result<Action, ConvertError> {
    let data = match upgrade.data() {
        v1::DataEffect::None => DataEffect::None,
        // An effect that only a newer coordinator knows may be a change, too.
        v1::DataEffect::AtStart | v1::DataEffect::Unspecified => DataEffect::AtStart,
    };
    beside.read_access(("upgrade.access", upgrade.access), upgrade.limit_rate)?;
    let backup = at_most("upgrade.backup", LIST_LIMIT, upgrade.backup)?;
    let through = at_most("upgrade.through", LIST_LIMIT, upgrade.through)?;
    Ok(Action::Upgrade {
        from: needed("upgrade.from", upgrade.from)?.try_into()?,
        goal: read_goal(upgrade.goal, beside)?,
        through: through.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
        data,
        backup: backup.iter().map(|name| name.parse()).collect::<Result<_, _>>()?,
    })
}

fn read_action(action: v1::order::Action, beside: &mut Beside) -> Result<Action, ConvertError> {
    Ok(match action {
        v1::order::Action::Install(install) => Action::Install { goal: read_goal(install.goal, beside)? },
        v1::order::Action::Upgrade(upgrade) => read_upgrade(upgrade, beside)?,
        v1::order::Action::Configure(configure) => {
            Action::Configure { from: configure.from, goal: read_goal(configure.goal, beside)? }
        }
        v1::order::Action::Power(power) => {
            Action::Power { request: power_request(power.action())?, serial: power.serial }
        }
        v1::order::Action::Remove(remove) => Action::Remove { volumes: remove.volumes.into_iter().collect() },
        v1::order::Action::Data(data) => Action::Data(read_data(data, beside)?),
    })
}

fn read_data(data: v1::Data, beside: &mut Beside) -> Result<DataAction, ConvertError> {
    let action = needed("data.action", data.action)?;
    let action = incoming_action(action, |goal| read_goal(Some(goal), beside))?;
    beside.read_access(("data.access", data.access), data.limit_rate)?;
    Ok(action)
}

fn read_goal(goal: Option<v1::Goal>, beside: &mut Beside) -> Result<Goal, ConvertError> {
    let goal = needed("order.goal", goal)?;
    beside.drift = drift_rule(goal.drift())?;
    beside.values = goal.values;
    Ok(Goal { release: needed("goal.release", goal.release)?.try_into()?, revision: goal.revision })
}

impl From<Goal> for v1::Goal {
    fn from(goal: Goal) -> Self {
        Self { release: Some(goal.release.into()), revision: goal.revision, ..Self::default() }
    }
}

impl From<Release> for v1::Release {
    fn from(release: Release) -> Self {
        let ReleaseName { app, version } = release.name;
        Self { app: app.into(), version: version.into(), digest: release.digest.into() }
    }
}

impl TryFrom<v1::Release> for Release {
    type Error = ConvertError;
    fn try_from(message: v1::Release) -> Result<Self, ConvertError> {
        let name = ReleaseName { app: message.app.parse()?, version: message.version.parse()? };
        Ok(Self { name, digest: message.digest.parse()? })
    }
}

fn drift_number(rule: DriftRule) -> i32 {
    match rule {
        DriftRule::Heal => v1::DriftRule::Heal.into(),
        DriftRule::Report => v1::DriftRule::Report.into(),
    }
}

fn drift_rule(rule: v1::DriftRule) -> Result<DriftRule, ConvertError> {
    match rule {
        v1::DriftRule::Heal => Ok(DriftRule::Heal),
        v1::DriftRule::Report => Ok(DriftRule::Report),
        v1::DriftRule::Unspecified => Err(ConvertError::Unknown { field: "goal.drift" }),
    }
}

fn power_number(action: PowerRequest) -> i32 {
    match action {
        PowerRequest::Start => v1::PowerAction::Start.into(),
        PowerRequest::Stop => v1::PowerAction::Stop.into(),
        PowerRequest::Restart => v1::PowerAction::Restart.into(),
    }
}

fn power_request(action: v1::PowerAction) -> Result<PowerRequest, ConvertError> {
    match action {
        v1::PowerAction::Start => Ok(PowerRequest::Start),
        v1::PowerAction::Stop => Ok(PowerRequest::Stop),
        v1::PowerAction::Restart => Ok(PowerRequest::Restart),
        v1::PowerAction::Unspecified => Err(ConvertError::Unknown { field: "power.action" }),
    }
}

impl From<Outcome> for v1::order_report::Outcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::AlreadySo => Self::AlreadySo(v1::Empty {}),
            Outcome::Done => Self::Done(v1::Empty {}),
            Outcome::RolledBack { failure } => Self::RolledBack(v1::RolledBack { failure: Some(failure.into()) }),
            Outcome::Stuck { failure, hint } => {
                Self::Stuck(v1::Stuck { failure: Some(failure.into()), hint: hint.map(Into::into) })
            }
            Outcome::Refused { failure } => Self::Refused(v1::Refused { failure: Some(failure.into()) }),
            Outcome::Failed { failure } => Self::Failed(v1::Failed { failure: Some(failure.into()) }),
        }
    }
}

impl TryFrom<v1::order_report::Outcome> for Outcome {
    type Error = ConvertError;
    fn try_from(message: v1::order_report::Outcome) -> Result<Self, ConvertError> {
        Ok(match message {
            v1::order_report::Outcome::AlreadySo(_) => Self::AlreadySo,
            v1::order_report::Outcome::Done(_) => Self::Done,
            v1::order_report::Outcome::RolledBack(back) => Self::RolledBack { failure: incoming_failure(back.failure) },
            v1::order_report::Outcome::Stuck(stuck) => {
                Self::Stuck { failure: incoming_failure(stuck.failure), hint: stuck.hint.and_then(incoming_hint) }
            }
            v1::order_report::Outcome::Refused(refused) => Self::Refused { failure: incoming_failure(refused.failure) },
            v1::order_report::Outcome::Failed(failed) => Self::Failed { failure: incoming_failure(failed.failure) },
        })
    }
}
