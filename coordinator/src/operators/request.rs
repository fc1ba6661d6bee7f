//! Parses requests: names and numbers from a message, or the error that refuses them.

use crate::rpc_status::{failed, refused};
use crate::store::StoreError;
use crate::values::ValuesError;
use fleet_core::facts::DriftRule;
use fleet_core::hint::{Hint, LinkHint};
use fleet_proto::convert::ConvertError;
use fleet_proto::v1;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;
use tonic::{Code, Status};

/// Returns the refusal of an invalid value.
pub fn wrong(attempt: &str, why: impl Display, hint: impl Into<Option<Hint>>) -> Status {
    refused(Code::InvalidArgument, format!("could not {attempt}: {why}"), hint)
}

/// Returns the refusal of a name that does not exist.
pub fn absent(attempt: &str, what: impl Display, hint: impl Into<Option<Hint>>) -> Status {
    refused(Code::NotFound, format!("could not {attempt}: there is no {what}"), hint)
}

/// Returns the refusal of a request that conflicts with the present state.
pub fn hindered(attempt: &str, why: impl Display, hint: impl Into<Option<Hint>>) -> Status {
    refused(Code::FailedPrecondition, format!("could not {attempt}: {why}"), hint)
}

/// Returns the refusal of a caller above its limit.
pub fn exhausted(attempt: &str, why: impl Display, hint: impl Into<Option<Hint>>) -> Status {
    refused(Code::ResourceExhausted, format!("could not {attempt}: {why}"), hint)
}

pub fn taken(attempt: &str, why: impl Display, hint: impl Into<Option<Hint>>) -> Status {
    refused(Code::AlreadyExists, format!("could not {attempt}: {why}"), hint)
}

/// Reads a name or anything else that is written as text.
pub fn read<T: FromStr<Err: Display>>(attempt: &str, text: &str) -> Result<T, Status> {
    text.parse().map_err(|error| wrong(attempt, error, None))
}

/// A length of time in seconds, with the default for 0 and a limit.
pub fn seconds(given: u64, default: Duration, most: Duration) -> Duration {
    if given == 0 { default } else { Duration::from_secs(given).min(most) }
}

/// Reads a value of the enum `E`. One that is not given, or that this version does not know, is refused by its field.
pub fn choice<E, T>(attempt: &str, number: i32) -> Result<T, Status>
where
    E: TryFrom<i32> + Default,
    T: TryFrom<E, Error = ConvertError>,
{
    // Only newer programs send other numbers than 0 that are not known.
    let hint = (number != 0).then_some(Hint::from(LinkHint::UpgradeCoordinator));
    T::try_from(E::try_from(number).unwrap_or_default()).map_err(|error| wrong(attempt, error, hint))
}

/// Reads a drift rule, where one is given.
pub fn drift(attempt: &str, rule: Option<i32>) -> Result<Option<DriftRule>, Status> {
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
            ChangeError::Failed(error) => failed("could not keep the change", &error),
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
        failed("could not work with the values", &error)
    }
}
