//! Words of machines that are not admitted, and of certificates that are not renewed.

use super::spoken;
use crate::words::unknown;
use fleet_core::refused_call::AdmissionRefusal;
use fleet_proto::convert::incoming_admission_refusal;
use fleet_proto::v1;
use std::time::Duration;

/// Returns the words of a refusal as it came over the wire. An unknown code is shown with its arguments.
pub fn shown(message: &v1::AdmissionRefusal) -> String {
    let known = incoming_admission_refusal(message.clone()).as_ref().map(words);
    known.unwrap_or_else(|| unknown::<v1::AdmissionRefusalCode>("a reason", message.code, &message.arguments))
}

/// Returns the words of a refusal, as the end of a sentence.
pub(super) fn words(refusal: &AdmissionRefusal) -> String {
    match refusal {
        AdmissionRefusal::TokenUnknown => "the coordinator does not know this token".to_owned(),
        AdmissionRefusal::TokenExpired { at } => format!("this token expired at {at}"),
        AdmissionRefusal::TokenReused => "this token was used before, and it is good for one use".to_owned(),
        AdmissionRefusal::TokenUsedUp { uses } => format!("all {uses} uses of this token are spent"),
        AdmissionRefusal::TokenRevoked => "this token was revoked".to_owned(),
        AdmissionRefusal::TokenForOther { subject } => {
            format!("this token is for the {}, and was not used", spoken(subject))
        }
        AdmissionRefusal::TooManyMachines { subject, limit } => {
            format!("{} has {limit} machines already", spoken(subject))
        }
        AdmissionRefusal::Removed { subject } => format!("{} was removed from the fleet", spoken(subject)),
        AdmissionRefusal::ClockBehind { by } => format!("the clock of this machine is {} behind", difference(*by)),
        AdmissionRefusal::ClockAhead { by } => format!("the clock of this machine is {} ahead", difference(*by)),
        AdmissionRefusal::RequestDamaged => "the signing request is damaged".to_owned(),
        AdmissionRefusal::CertificateRevoked => "this certificate was revoked".to_owned(),
        AdmissionRefusal::RenewedTooOften { wait } => format!(
            "this certificate was renewed too often; it holds, and can be renewed again in {} min",
            wait.as_secs().div_ceil(60)
        ),
    }
}

fn difference(by: Duration) -> String {
    match by.as_secs() {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}
