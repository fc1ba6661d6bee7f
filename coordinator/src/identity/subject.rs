//! Enrolled hosts and operators, with their certificates.

use data_encoding::HEXLOWER;
use fleet_core::access::{Role, Subject};
use fleet_core::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use x509_parser::prelude::{FromDer, X509Certificate};

/// The most machines of one subject. Each has one certificate, and for a while its successors.
pub const MACHINES: usize = 100;
/// Maximum number of valid successors of one certificate: its machine may have kept any of them until one is used to
/// renew. Only a machine that renews without end loses the oldest.
const SUCCESSORS: usize = 16;

/// A host or an operator that has been admitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectKept {
    /// Role of an operator.
    pub role: Option<Role>,
    /// Time of the first enrolment.
    pub added: Time,
    /// Serial of the first certificate of this enrolment: a machine that joins again gets another.
    pub enrolment: String,
    /// Valid certificates.
    pub serials: Vec<Serial>,
    /// Certificates that were issued after the backup from which this was restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Unknown>,
}

/// Certificates of our CA whose serials were lost. Only the range in which their validity ends is recorded:
/// certificates revoked before end earlier, and certificates issued later end later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    /// Start of the range.
    pub after: Time,
    /// End of the range.
    pub until: Time,
}

/// Serial number and validity of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serial {
    /// Serial number in hexadecimal.
    pub serial: String,
    /// End of its validity.
    pub not_after: Time,
    /// Serial that it renews: the machine may still use that one, if the answer was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renews: Option<String>,
}

impl SubjectKept {
    /// Returns whether the serial is valid.
    pub fn counts(&self, serial: &str) -> bool {
        self.serials.iter().any(|snapshot| snapshot.serial == serial)
    }

    /// Returns whether a certificate is accepted: its serial is valid, or its serial was lost with the facts of the
    /// time when it was issued.
    pub fn believes(&self, serial: &Serial) -> bool {
        let is_lost = |unknown: Unknown| unknown.after < serial.not_after && serial.not_after <= unknown.until;
        self.counts(&serial.serial) || self.unknown.is_some_and(is_lost)
    }

    /// Takes in the certificate of one more machine; those that have expired go.
    pub fn with(mut self, serial: Serial, now: Time) -> Self {
        self.serials.retain(|snapshot| snapshot.not_after > now);
        self.serials.push(serial);
        self
    }

    /// Removes a certificate that was never delivered.
    pub fn without(mut self, serial: &str) -> Self {
        self.serials.retain(|snapshot| snapshot.serial != serial);
        self
    }

    /// Adds the successor of a certificate that is in use: its predecessor is revoked, with the predecessor's other
    /// successors.
    ///
    /// A machine that did not get the answer renews again, and two commands of one operator may renew at the same
    /// moment: the newest few successors count.
    pub fn renewed(mut self, used: &str, fresh: Serial, now: Time) -> Self {
        let before =
            self.serials.iter().find(|snapshot| snapshot.serial == used).and_then(|snapshot| snapshot.renews.clone());
        if let Some(before) = before {
            let is_over = |snapshot: &Serial| snapshot.serial == before || snapshot.renews.as_ref() == Some(&before);
            self.serials.retain(|snapshot| snapshot.serial == used || !is_over(snapshot));
        }
        let is_successor = |snapshot: &Serial| snapshot.renews.as_deref() == Some(used);
        let mut surplus =
            (self.serials.iter().filter(|snapshot| is_successor(snapshot)).count() + 1).saturating_sub(SUCCESSORS);
        self.serials.retain(|snapshot| {
            let goes = surplus > 0 && is_successor(snapshot);
            surplus -= usize::from(goes);
            !goes
        });
        self.with(Serial { renews: Some(used.to_owned()), ..fresh }, now)
    }

    /// Returns how many machines hold a valid certificate. A certificate and all its renewals count as one machine.
    pub fn machines(&self, now: Time) -> usize {
        let counts: BTreeMap<&str, Option<&str>> = self
            .serials
            .iter()
            .filter(|snapshot| snapshot.not_after > now)
            .map(|snapshot| (snapshot.serial.as_str(), snapshot.renews.as_deref()))
            .collect();
        let first = counts.iter().filter_map(|(serial, renews)| match renews {
            Some(before) if counts.contains_key(before) => None,
            Some(before) => Some(*before),
            None => Some(*serial),
        });
        first.collect::<BTreeSet<&str>>().len()
    }

    /// Returns the latest end of validity of its certificates.
    pub fn expires(&self) -> Time {
        self.serials.iter().map(|snapshot| snapshot.not_after).max().unwrap_or_default()
    }
}

/// Returns the subject as text: `host lab-1` or `operator ada`.
pub fn spoken_subject(subject: &Subject) -> String {
    match subject {
        Subject::Host(name) => format!("host {name}"),
        Subject::Operator(name) => format!("operator {name}"),
    }
}

/// Returns the subject of a certificate. The certificate was checked against our CA before.
pub fn peer_of(certificate: &[u8]) -> Option<(Subject, Serial)> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let name = certificate.subject().iter_common_name().next()?.as_str().ok()?;
    let not_after = u64::try_from(certificate.validity().not_after.timestamp()).ok()?.saturating_mul(1000);
    let serial = HEXLOWER.encode(&certificate.serial.to_bytes_be());
    Some((name.parse().ok()?, Serial { serial, not_after: Time(not_after), renews: None }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1000);

    fn serial(text: &str) -> Serial {
        Serial { serial: text.to_owned(), not_after: Time(2000), renews: None }
    }

    fn kept(serials: &[&str]) -> SubjectKept {
        let serials = serials.iter().map(|text| serial(text)).collect();
        SubjectKept { role: None, added: NOW, enrolment: "a".to_owned(), serials, unknown: None }
    }

    fn serials(kept: &SubjectKept) -> Vec<&str> {
        kept.serials.iter().map(|snapshot| snapshot.serial.as_str()).collect()
    }

    #[test]
    fn a_renewal_replaces_its_own_predecessor_and_nobody_elses() {
        let kept = kept(&["a", "b"]).renewed("a", serial("a2"), NOW);
        assert_eq!(serials(&kept), ["a", "b", "a2"], "whoever did not hear the answer still has the old one");
        let kept = kept.renewed("a2", serial("a3"), NOW);
        assert_eq!(serials(&kept), ["b", "a2", "a3"]);
        assert_eq!(kept.machines(NOW), 2);
    }

    #[test]
    fn a_renewal_that_was_not_heard_is_made_again() {
        let mut kept = kept(&["a", "b"]);
        for number in 1..=20 {
            kept = kept.renewed("a", serial(&format!("a{number}")), NOW);
        }
        let successors: Vec<String> = (5..=20).map(|number| format!("a{number}")).collect();
        assert_eq!(serials(&kept)[..2], ["a", "b"]);
        assert_eq!(serials(&kept)[2..], successors, "the newest few count");
        assert_eq!(kept.machines(NOW), 2);
        let kept = kept.renewed("a7", serial("next"), NOW);
        assert_eq!(serials(&kept), ["b", "a7", "next"]);
        assert_eq!(kept.machines(NOW), 2);
    }

    #[test]
    fn of_renewals_at_the_same_moment_whichever_is_kept_counts() {
        let fresh: Vec<String> = (1..=8).map(|number| format!("a{number}")).collect();
        let renewed = fresh.iter().fold(kept(&["a"]), |kept, fresh| kept.renewed("a", serial(fresh), NOW));
        for one in &fresh {
            assert!(renewed.counts(one), "{one}");
            assert_eq!(serials(&renewed.clone().renewed(one, serial("next"), NOW)), [one, "next"]);
        }
    }

    #[test]
    fn many_renewals_of_one_machine_take_nothing_from_others() {
        let mut kept = kept(&["a", "b"]);
        let mut used = "a".to_owned();
        for number in 0..200 {
            let fresh = format!("a{number}");
            kept = kept.renewed(&used, serial(&fresh), NOW);
            used = fresh;
        }
        assert!(kept.counts("b") && kept.counts(&used));
        assert_eq!((kept.serials.len(), kept.machines(NOW)), (3, 2));
    }

    #[test]
    fn what_has_expired_is_nobodys() {
        let kept = kept(&["a"]).with(Serial { not_after: Time(9000), ..serial("b") }, NOW);
        assert_eq!((kept.machines(NOW), kept.machines(Time(2000))), (2, 1));
    }

    #[test]
    fn certificates_that_were_given_out_after_a_backup_are_believed_until_they_end() {
        let of = |not_after: u64| Serial { serial: "lost".to_owned(), not_after: Time(not_after), renews: None };
        let mut kept = kept(&["a"]);
        assert!(!kept.believes(&of(2500)));
        kept.unknown = Some(Unknown { after: kept.expires(), until: Time(3000) });
        let believed: Vec<bool> = [2000, 2001, 3000, 3001].map(|end| kept.believes(&of(end))).into();
        assert_eq!(believed, [false, true, true, false]);
        assert!(kept.believes(&serial("a")));
    }
}
