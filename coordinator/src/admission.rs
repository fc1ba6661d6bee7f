//! Trading a token for a certificate, and a certificate for its successor.

mod renewals;

use crate::clock::skew;
use crate::facts::{DesiredChange, Facts, StateSnapshot};
use crate::identity::{
    Admitted, Authority, BACKDATE, IdentityError, Issued, MACHINES, Serial, SubjectKept, TokenKept, TokenState,
    hash_of_secret, key_of,
};
use crate::store::StoreError;
use fleet_core::access::{Joiner, Subject};
use fleet_core::event::EventKind;
use fleet_core::refused_call::AdmissionRefusal;
use fleet_core::time::Time;
use renewals::{Renewals, TooOften};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A certificate with the facts that its holder needs.
#[derive(Debug, Clone)]
pub struct Admission {
    /// DER: the certificate, then the CA's.
    pub chain: Vec<Vec<u8>>,
    /// Host or operator that was admitted.
    pub subject: Subject,
    /// End of the certificate's validity.
    pub not_after: Time,
}

/// Reason why a machine is not admitted or a certificate is not renewed.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// The machine may not have a certificate.
    #[error(transparent)]
    Refused(#[from] AdmissionRefusal),
    /// The certificate request could not be signed.
    #[error("could not sign a certificate request")]
    Request(#[source] IdentityError),
    /// The store failed.
    #[error("could not keep the new certificate")]
    Store(#[from] StoreError),
}

/// Credentials of a joining machine: the secret of its token, and whether it wants to be a host or an operator.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    /// Secret of the token.
    pub secret: &'a [u8],
    /// Kind of subject that the machine wants to be, if it states one.
    pub joiner: Option<Joiner>,
}

/// A secret is never printed.
impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented").field("joiner", &self.joiner).finish_non_exhaustive()
    }
}

/// Admits and renews.
#[derive(Debug)]
pub struct Admissions {
    authority: Arc<Authority>,
    facts: Arc<Facts>,
    life: Duration,
    renewals: Renewals,
}

impl Admissions {
    /// Makes the service with the lifetime of the certificates that it issues.
    pub fn new(authority: Arc<Authority>, facts: Arc<Facts>, life: Duration) -> Self {
        Self { authority, facts, life, renewals: Renewals::new(life) }
    }

    /// Exchanges a token's secret for a certificate. The use is spent in the batch that stores the certificate. A
    /// repeated request with the same key means that the answer was lost: the certificate is replaced, and no further
    /// use is spent.
    pub async fn admit(
        &self,
        presented: Presented<'_>,
        request: &[u8],
        theirs: Time,
        now: Time,
    ) -> Result<Admission, AdmitError> {
        let Presented { secret, joiner } = presented;
        let hash = hash_of_secret(secret);
        let key = key_of(request).map_err(AdmitError::Request)?;
        let token = usable(&self.facts.read(), &hash, &key, now)?;
        if joiner.is_some_and(|joiner| joiner != token.subject.joiner()) {
            return Err(AdmissionRefusal::TokenForOther { subject: token.subject }.into());
        }
        check_clock(theirs, now, self.life)?;
        let issued = self.sign(request, &token.subject, now)?;
        let serial = serial_of(&issued);
        let keep = |change: &mut DesiredChange<'_>| {
            let token = usable(change.snapshot(), &hash, &key, now)?;
            let before = change.snapshot().subject(&token.subject).cloned();
            let before = match token.admitted(&key, now) {
                Some(unheard) => before.map(|kept| kept.without(&unheard.serial)),
                None => {
                    change.tell(&token.subject, EventKind::Joined);
                    if let Subject::Host(host) = &token.subject {
                        change.forget_greetings(host);
                    }
                    before
                }
            };
            let admitted = Admitted { key, serial: serial.serial.clone(), at: now };
            change.put_subject(&token.subject, enrolled(before.as_ref(), &token, serial, now)?);
            change.put_token(&hash, token.spent(admitted));
            Ok::<_, AdmitError>(())
        };
        self.facts.change_desired(now, keep).await?;
        Ok(self.admission(token.subject, &issued))
    }

    /// Gives the holder of a certificate that counts a new one.
    pub async fn renew(
        &self,
        subject: &Subject,
        serial: &str,
        request: &[u8],
        now: Time,
    ) -> Result<Admission, AdmitError> {
        let counts = self.facts.read().subject(subject).map(|kept| kept.serials.clone()).unwrap_or_default();
        let spent = self.renewals.spend(subject, serial, &counts, now);
        spent.map_err(|TooOften(wait)| AdmissionRefusal::RenewedTooOften { wait })?;
        let issued = self.sign(request, subject, now)?;
        let fresh = serial_of(&issued);
        let keep = |change: &mut DesiredChange<'_>| {
            let kept = change.snapshot().subject(subject).filter(|kept| kept.counts(serial) || kept.unknown.is_some());
            let kept = kept.ok_or(AdmissionRefusal::CertificateRevoked)?.clone();
            change.put_subject(subject, kept.renewed(serial, fresh, now));
            Ok::<_, AdmitError>(())
        };
        self.facts.change_desired(now, keep).await?;
        self.renewals.note(subject, serial, &issued.serial);
        Ok(self.admission(subject.clone(), &issued))
    }

    fn sign(&self, request: &[u8], subject: &Subject, now: Time) -> Result<Issued, AdmitError> {
        self.authority.sign(request, subject, now, self.life).map_err(AdmitError::Request)
    }

    fn admission(&self, subject: Subject, issued: &Issued) -> Admission {
        let chain = vec![issued.der.to_vec(), self.authority.certificate().to_vec()];
        Admission { chain, subject, not_after: issued.not_after }
    }
}

/// The token, if it still admits the holder of this key, who still belongs to the fleet.
fn usable(snapshot: &StateSnapshot, hash: &str, key: &str, now: Time) -> Result<TokenKept, AdmitError> {
    let token = snapshot.token(hash).ok_or(AdmissionRefusal::TokenUnknown)?;
    let counts = |serial: &str| snapshot.subject(&token.subject).is_some_and(|kept| kept.counts(serial));
    let is_again = token.admitted(key, now).is_some_and(|unheard| counts(&unheard.serial));
    match token.state(now) {
        TokenState::Open => {}
        TokenState::UsedUp | TokenState::Expired if is_again => {}
        TokenState::Revoked => return Err(AdmissionRefusal::TokenRevoked.into()),
        TokenState::UsedUp if token.uses == 1 => return Err(AdmissionRefusal::TokenReused.into()),
        TokenState::UsedUp => return Err(AdmissionRefusal::TokenUsedUp { uses: token.uses }.into()),
        TokenState::Expired => return Err(AdmissionRefusal::TokenExpired { at: token.expires }.into()),
    }
    match &token.subject {
        Subject::Host(name) if !snapshot.desired().hosts.contains_key(name) => {
            Err(AdmissionRefusal::Removed { subject: token.subject.clone() }.into())
        }
        Subject::Host(_) | Subject::Operator(_) => Ok(token.clone()),
    }
}

fn serial_of(issued: &Issued) -> Serial {
    Serial { serial: issued.serial.clone(), not_after: issued.not_after, renews: None }
}

/// Records a joining machine. A host that joins again loses its earlier certificates; an operator may have several
/// machines.
fn enrolled(
    before: Option<&SubjectKept>,
    token: &TokenKept,
    serial: Serial,
    now: Time,
) -> Result<SubjectKept, AdmitError> {
    match (&token.subject, before) {
        (Subject::Operator(_), Some(before)) if before.machines(now) >= MACHINES => {
            Err(AdmissionRefusal::TooManyMachines { subject: token.subject.clone(), limit: MACHINES }.into())
        }
        (Subject::Operator(_), Some(before)) => Ok(before.clone().with(serial, now)),
        (Subject::Operator(_), None) | (Subject::Host(_), _) => Ok(SubjectKept {
            role: token.role,
            added: now,
            enrolment: serial.serial.clone(),
            serials: vec![serial],
            unknown: None,
        }),
    }
}

/// Refuses only a clock by which the new certificate would not be valid yet, or not any more.
fn check_clock(theirs: Time, now: Time, life: Duration) -> Result<(), AdmitError> {
    let is_behind = theirs.after(BACKDATE) < now;
    let is_ahead = theirs >= now.after(life);
    if theirs != Time::ZERO && (is_behind || is_ahead) {
        let ahead_ms = skew(theirs, now);
        let by = Duration::from_secs(ahead_ms.unsigned_abs() / 1000);
        let refusal =
            if ahead_ms < 0 { AdmissionRefusal::ClockBehind { by } } else { AdmissionRefusal::ClockAhead { by } };
        return Err(refusal.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
