//! What the coordinator's refusals mean to whoever uses a place.

use fleet_repository::PlaceError;
use tonic::{Code, Status};

/// Whether asking again may help without anyone doing anything.
pub fn is_passing(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded | Code::Unknown | Code::Aborted => true,
        Code::Ok
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Internal
        | Code::DataLoss
        | Code::Unauthenticated => false,
    }
}

pub fn error_of(status: &Status) -> PlaceError {
    let said = || format!("the coordinator says: {}", status.message());
    match status.code() {
        Code::NotFound => PlaceError::Missing,
        Code::AlreadyExists => PlaceError::Occupied,
        Code::DeadlineExceeded => PlaceError::Late(status.message().to_owned()),
        Code::Unavailable | Code::Cancelled | Code::Unknown | Code::Aborted => {
            PlaceError::Unreachable(status.message().to_owned())
        }
        Code::Ok
        | Code::InvalidArgument
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Internal
        | Code::DataLoss
        | Code::Unauthenticated => PlaceError::Refused(said()),
    }
}
