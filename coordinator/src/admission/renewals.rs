//! Limits how often a certificate is renewed: each renewal is a write that others wait for.
//!
//! The successors of a certificate share its budget, so that a chain of renewals does not evade it. It is in memory
//! only: a restart resets all budgets.

use crate::identity::Serial;
use fleet_core::access::Subject;
use fleet_core::time::Time;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Number of renewals allowed at once: several commands of one operator may renew at the same moment.
const AT_ONCE: u64 = 16;
/// After that, one in each of these, or in an eighth of a certificate's life where that is shorter.
const PAUSE: Duration = Duration::from_secs(900);

#[derive(Debug)]
pub struct Renewals {
    pause_ms: u64,
    families: Mutex<HashMap<Subject, Vec<Family>>>,
}

/// A certificate with its successors.
#[derive(Debug)]
struct Family {
    serials: Vec<String>,
    spent_ms: u64,
    at: Time,
}

/// There were too many renewals; another one is possible after a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooOften(pub Duration);

impl Renewals {
    pub fn new(life: Duration) -> Self {
        let pause = PAUSE.min(life / 8).max(Duration::from_millis(1));
        Self { pause_ms: u64::try_from(pause.as_millis()).unwrap_or(u64::MAX), families: Mutex::default() }
    }

    /// Takes one renewal from the budget of a certificate; `counts` are the serials of its subject.
    pub fn spend(&self, subject: &Subject, used: &str, counts: &[Serial], now: Time) -> Result<(), TooOften> {
        let mut families = self.families.lock().unwrap_or_else(PoisonError::into_inner);
        let families = families.entry(subject.clone()).or_default();
        let is_known = |serial: &String| serial == used || counts.iter().any(|snapshot| snapshot.serial == *serial);
        families.iter_mut().for_each(|family| family.serials.retain(is_known));
        families.retain(|family| !family.serials.is_empty());
        if !families.iter().any(|family| family.has(used)) {
            families.push(Family { serials: vec![used.to_owned()], spent_ms: 0, at: now });
        }
        let family = families.iter_mut().find(|family| family.has(used));
        family.map_or(Ok(()), |family| family.spend(self.pause_ms, now))
    }

    /// Assigns a new certificate to the budget of the one that it renews.
    pub fn note(&self, subject: &Subject, used: &str, fresh: &str) {
        let mut families = self.families.lock().unwrap_or_else(PoisonError::into_inner);
        let family = families.get_mut(subject).and_then(|families| families.iter_mut().find(|one| one.has(used)));
        if let Some(family) = family {
            family.serials.push(fresh.to_owned());
        }
    }
}

impl Family {
    fn has(&self, serial: &str) -> bool {
        self.serials.iter().any(|snapshot| snapshot == serial)
    }

    fn spend(&mut self, pause_ms: u64, now: Time) -> Result<(), TooOften> {
        let since = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        (self.spent_ms, self.at) = (self.spent_ms.saturating_sub(since), now);
        let after = self.spent_ms + pause_ms;
        let most = pause_ms * AT_ONCE;
        if after > most {
            return Err(TooOften(Duration::from_millis(after - most)));
        }
        self.spent_ms = after;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const NOW: Time = Time(1_000_000);

    fn subject() -> Subject {
        "operator:ada".parse().expect("it is a subject")
    }

    fn counts(serials: &[&str]) -> Vec<Serial> {
        let serial = |text: &&str| Serial { serial: (*text).to_owned(), not_after: NOW.after(DAY), renews: None };
        serials.iter().map(serial).collect()
    }

    /// Returns how many of these renewals at one moment succeed, each with the certificate of the one before.
    fn chain(renewals: &Renewals, first: &str, tries: usize, now: Time) -> usize {
        let mut used = first.to_owned();
        let mut made = 0;
        for number in 0..tries {
            let fresh = format!("{first}-{}-{number}", now.0);
            if renewals.spend(&subject(), &used, &counts(&[&used, first]), now).is_ok() {
                renewals.note(&subject(), &used, &fresh);
                used = fresh;
                made += 1;
            }
        }
        made
    }

    #[test]
    fn many_commands_renew_at_once_and_then_a_few_in_an_hour() {
        let renewals = Renewals::new(DAY);
        assert_eq!(chain(&renewals, "a", 500, NOW), 16);
        let used = counts(&["a-1000000-15"]);
        let spend = |minute: &u64| {
            let now = NOW.after(Duration::from_secs(minute * 60));
            renewals.spend(&subject(), "a-1000000-15", &used, now).is_ok()
        };
        let hour = (1..=60).filter(spend).count();
        assert_eq!(hour, 4, "one for each quarter of an hour");
        assert_eq!(chain(&renewals, "b", 500, NOW), 16, "another machine has its own");
    }

    #[test]
    fn a_short_life_is_renewed_as_often_as_it_needs() {
        let renewals = Renewals::new(Duration::from_secs(8));
        let mut made = 0;
        for second in 0..600 {
            made += chain(&renewals, "a", 1, NOW.after(Duration::from_secs(second)));
        }
        assert_eq!(made, 600);
    }
}
