//! Refusals of machines that join, and of certificates that are to be renewed.

use crate::access::Subject;
use crate::time::Time;
use crate::units::Period;
use std::time::Duration;

/// Reason why a machine is not admitted, or a certificate not renewed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are named after what they are")]
pub enum AdmissionRefusal {
    /// The coordinator does not know the token.
    #[error("the coordinator does not know this token")]
    TokenUnknown,
    /// The token has expired.
    #[error("this token expired at {at}")]
    TokenExpired { at: Time },
    /// The token was used by another machine, and is good for one use.
    #[error("this token was used before, and it is good for one use")]
    TokenReused,
    /// All uses of the token are spent.
    #[error("all {uses} uses of this token are spent")]
    TokenUsedUp { uses: u32 },
    /// The token was revoked.
    #[error("this token was revoked")]
    TokenRevoked,
    /// The token is for another kind of subject.
    #[error("this token is for the {}, and was not used", spoken(subject))]
    TokenForOther { subject: Subject },
    /// The operator has as many machines as it may have.
    #[error("{} has {limit} machines already", spoken(subject))]
    TooManyMachines { subject: Subject, limit: usize },
    /// The host or operator was removed.
    #[error("{} was removed from the fleet", spoken(subject))]
    Removed { subject: Subject },
    /// The clock of the machine is behind.
    #[error("the clock of this machine is {} behind", Period::from(*by))]
    ClockBehind { by: Duration },
    /// The clock of the machine is ahead.
    #[error("the clock of this machine is {} ahead", Period::from(*by))]
    ClockAhead { by: Duration },
    /// The signing request is damaged.
    #[error("the signing request is damaged")]
    RequestDamaged,
    /// The certificate was revoked.
    #[error("this certificate was revoked")]
    CertificateRevoked,
    /// The certificate was renewed too often.
    #[error("this certificate was renewed too often; it holds, and can be renewed again in {} min", wait.as_secs().div_ceil(60))]
    RenewedTooOften { wait: Duration },
}

fn spoken(subject: &Subject) -> String {
    match subject {
        Subject::Host(name) => format!("host {name}"),
        Subject::Operator(name) => format!("operator {name}"),
    }
}
