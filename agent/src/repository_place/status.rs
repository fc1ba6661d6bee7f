//! Meaning of the coordinator's refusals for a user of the backend.

use fleet_repository::BackendError;
use std::io;
use tonic::{Code, Status};

/// Returns whether a later attempt may succeed by itself.
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

pub fn error_of(status: &Status) -> BackendError {
    let said = || format!("the coordinator says: {}", status.message());
    match status.code() {
        Code::NotFound => BackendError::Missing,
        Code::AlreadyExists => BackendError::Occupied,
        Code::DeadlineExceeded => BackendError::Late(status.message().to_owned()),
        Code::Unavailable | Code::Cancelled | Code::Unknown | Code::Aborted => {
            BackendError::Unreachable(status.message().to_owned())
        }
        Code::Ok
        | Code::InvalidArgument
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Unimplemented
        | Code::Internal
        | Code::Unauthenticated => BackendError::Refused(said()),
        // The disk there cannot give this one file, or it is shorter than it was: the others are as they were.
        Code::DataLoss | Code::OutOfRange => BackendError::Io(io::Error::new(io::ErrorKind::UnexpectedEof, said())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_repository::is_of_one_file;

    #[test]
    fn one_file_that_cannot_be_given_is_told_from_a_coordinator_that_is_away() {
        let of = |code| error_of(&Status::new(code, "it says why"));
        for code in [Code::DataLoss, Code::OutOfRange] {
            assert!(matches!(of(code), BackendError::Io(error) if is_of_one_file(&error)), "{code:?}");
        }
        assert!(matches!(of(Code::Unavailable), BackendError::Unreachable(_)));
        assert!(matches!(of(Code::PermissionDenied), BackendError::Refused(_)));
    }
}
