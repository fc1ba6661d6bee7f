//! Who is enrolled, with which certificates.

use fleet_core::access::{Role, Subject};
use fleet_core::time::Time;
use serde::{Deserialize, Serialize};
use x509_parser::prelude::{FromDer, X509Certificate};

/// The most certificates of one subject that count at a time; the oldest gives way.
const SERIAL_LIMIT: usize = 32;

/// A host or an operator that has been admitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectKept {
    /// For operators.
    pub role: Option<Role>,
    pub added: Time,
    /// The serial of the first certificate of this enrolment: a machine that joins anew has another.
    pub enrolment: String,
    pub serials: Vec<Serial>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serial {
    pub serial: String,
    pub not_after: Time,
}

impl SubjectKept {
    pub fn counts(&self, serial: &str) -> bool {
        self.serials.iter().any(|known| known.serial == serial)
    }

    /// Takes in a new certificate; those that have expired go.
    pub fn with(mut self, serial: Serial, now: Time) -> Self {
        self.serials.retain(|known| known.not_after > now);
        self.serials.push(serial);
        let surplus = self.serials.len().saturating_sub(SERIAL_LIMIT);
        self.serials.drain(..surplus);
        self
    }

    pub fn expires(&self) -> Time {
        self.serials.iter().map(|known| known.not_after).max().unwrap_or_default()
    }
}

/// Reads who a certificate speaks for. It was checked against our CA before.
pub fn peer_of(certificate: &[u8]) -> Option<(Subject, Serial)> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let name = certificate.subject().iter_common_name().next()?.as_str().ok()?;
    let not_after = u64::try_from(certificate.validity().not_after.timestamp()).ok()?.saturating_mul(1000);
    let serial = super::token::hex(&certificate.serial.to_bytes_be());
    Some((name.parse().ok()?, Serial { serial, not_after: Time(not_after) }))
}
