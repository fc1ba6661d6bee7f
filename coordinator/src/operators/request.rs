//! Parses requests: names and numbers from a message, or the error that refuses them.

use crate::rpc_status::{failed, refuse};
use crate::store::StoreError;
use crate::values::ValuesError;
use fleet_core::facts::DriftRule;
use fleet_core::hint::{Hint, LinkHint};
use fleet_core::refused_call::{Attempt, CallRefusal, NamedKind};
use fleet_proto::convert::ConvertError;
use fleet_proto::v1;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;
use tonic::Status;

/// Returns the refusal of a name that does not exist.
pub fn absent(attempt: Attempt, subject: NamedKind, name: impl Display, hint: impl Into<Option<Hint>>) -> Status {
    refuse(attempt, CallRefusal::Missing { subject, name: name.to_string() }, hint)
}

/// Returns the refusal of a part of the request that its parser refuses.
pub fn unreadable(attempt: Attempt, problem: impl Display, hint: impl Into<Option<Hint>>) -> Status {
    refuse(attempt, CallRefusal::Unreadable { problem: problem.to_string() }, hint)
}

/// Reads a name or anything else that is written as text.
pub fn read<T: FromStr<Err: Display>>(attempt: Attempt, text: &str) -> Result<T, Status> {
    text.parse().map_err(|error| unreadable(attempt, error, None))
}

/// A length of time in seconds, with the default for 0 and a limit.
pub fn seconds(given: u64, default: Duration, most: Duration) -> Duration {
    if given == 0 { default } else { Duration::from_secs(given).min(most) }
}

/// Reads a value of the enum `E`. One that is not given, or that this version does not know, is refused by its field.
pub fn choice<E, T>(attempt: Attempt, number: i32) -> Result<T, Status>
where
    E: TryFrom<i32> + Default,
    T: TryFrom<E, Error = ConvertError>,
{
    // Only newer programs send other numbers than 0 that are not known.
    let hint = (number != 0).then_some(Hint::from(LinkHint::UpgradeCoordinator));
    T::try_from(E::try_from(number).unwrap_or_default()).map_err(|error| refuse(attempt, error, hint))
}

/// Reads a drift rule, where one is given.
pub fn drift(attempt: Attempt, rule: Option<i32>) -> Result<Option<DriftRule>, Status> {
    rule.map(|rule| choice::<v1::DriftRule, _>(attempt, rule)).transpose()
}

/// Failure of a change other than a refusal.
#[derive(Debug)]
pub enum ChangeError {
    Refused(Box<Status>),
    Failed(StoreError),
}

impl From<StoreError> for ChangeError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl From<Status> for ChangeError {
    fn from(status: Status) -> Self {
        Self::Refused(Box::new(status))
    }
}

impl From<ChangeError> for Status {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Refused(status) => *status,
            ChangeError::Failed(error) => failed(Attempt::KeepChange, &error),
        }
    }
}

impl From<ValuesError> for ChangeError {
    fn from(error: ValuesError) -> Self {
        Status::from(error).into()
    }
}

impl From<ValuesError> for Status {
    fn from(error: ValuesError) -> Self {
        failed(Attempt::UseValues, &error)
    }
}
