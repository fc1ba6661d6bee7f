//! gRPC statuses of refused and failed calls. **This is the only module of the coordinator that makes a status**;
//! `fleet_proto::refusal` makes that of a message that cannot be read.

use fleet_core::hint::{Hint, LinkHint};
use fleet_core::refused_call::{Attempt, CallRefusal};
use fleet_proto::protocol::{ProtocolRange, TooOld, negotiate};
pub use fleet_proto::refusal::refuse;
use fleet_proto::refusal::refused_call_of;
use tonic::Status;

/// Returns the reason of a refused call, for an answer that lacks a part.
pub fn refusal_of(status: &Status) -> CallRefusal {
    let failed = || CallRefusal::Failed { problem: status.message().to_owned() };
    refused_call_of(status).map_or_else(failed, |call| call.refusal)
}

/// Something of ours failed; the log has the whole story.
pub fn failed(attempt: Attempt, error: &(dyn std::error::Error + 'static)) -> Status {
    tracing::error!(error, %attempt, "a call failed");
    refuse(attempt, CallRefusal::Failed { problem: error.to_string() }, Hint::ReadCoordinatorLog)
}

/// Returns the common protocol with a caller; refuses a caller without one, and names the side to upgrade.
pub fn check_protocol(theirs: ProtocolRange) -> Result<u32, Status> {
    negotiate(ProtocolRange::OWN, theirs).map_err(|too_old| {
        let (theirs, own) = (theirs.to_string(), ProtocolRange::OWN.to_string());
        match too_old {
            TooOld::Other => refuse(Attempt::Call, CallRefusal::ProtocolOld { theirs, own }, LinkHint::UpgradeProgram),
            TooOld::Own => {
                refuse(Attempt::Call, CallRefusal::ProtocolNew { theirs, own }, LinkHint::UpgradeCoordinator)
            }
        }
    })
}
