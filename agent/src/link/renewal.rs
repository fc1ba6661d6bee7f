//! Asks for a new certificate in time.

use super::{random, until};
use crate::clock;
use fleet_core::time::Time;
use fleet_link::{Identity, renew, renewal_moment};
use std::time::Duration;
use tonic::transport::Channel;

/// The clock may be set while we sleep: look at it so often.
const LONGEST_SLEEP: Duration = Duration::from_secs(900);
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// Pause between two renewals if the certificate has expired before its beginning by this clock.
const BY_A_WRONG_CLOCK: Duration = Duration::from_secs(60);

/// Waits for the moment, then renews, again and again until it succeeds.
pub async fn renewed(identity: &Identity, channel: &Channel) -> Identity {
    let random = random();
    if is_clock_wrong(identity.issued, identity.expires) {
        let Identity { issued, expires, .. } = identity;
        tracing::warn!(%issued, %expires, "this host's clock is ahead by more than a certificate lives; set it (timedatectl)");
    }
    let left = || wait(identity.issued, identity.expires, clock::now(), random);
    loop {
        while !left().is_zero() {
            tokio::time::sleep(left().min(LONGEST_SLEEP)).await;
        }
        match renew(identity, channel.clone(), clock::now()).await {
            Ok(identity) => return identity,
            Err(error) => {
                let (error, expires) = (crate::chain(&error), identity.expires);
                tracing::warn!(error, %expires, "the certificate could not be renewed; trying again");
            }
        }
        tokio::time::sleep(AFTER_FAILURE.min(remaining(identity))).await;
    }
}

/// Returns whether the clocks disagree: `issued` is by this host's clock, `expires` by the coordinator's.
fn is_clock_wrong(issued: Time, expires: Time) -> bool {
    expires <= issued
}

/// Returns the time until the certificate should be renewed.
fn wait(issued: Time, expires: Time, now: Time, random: u32) -> Duration {
    // The clock was set back meanwhile: when the certificate was issued is not known any more.
    if now.after(BY_A_WRONG_CLOCK) < issued {
        return Duration::ZERO;
    }
    match is_clock_wrong(issued, expires) {
        true => issued.after(BY_A_WRONG_CLOCK),
        false => renewal_moment(issued, expires, random),
    }
    .since(now)
}

/// Returns a tenth of the rest of the certificate's life, so that there are several attempts in any life.
fn remaining(identity: &Identity) -> Duration {
    (until(identity.expires) / 10).max(Duration::from_millis(500))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    /// Times by the host's clock, in seconds: issue of the certificate, its apparent life, and now.
    fn check(issued: u64, seems_to_live: i64, now: u64, expect: u64) {
        let at = |seconds: u64| Time(seconds * 1000);
        let expires = at(issued.saturating_add_signed(seems_to_live));
        let wait = wait(at(issued), expires, at(now), 0);
        assert_eq!(wait, Duration::from_secs(expect), "issued {issued}, lives {seems_to_live}, now {now}");
    }

    #[test]
    fn a_certificate_is_renewed_at_its_moment() {
        check(DAY, 1000, DAY, 610);
        check(DAY, 1000, DAY + 600, 10);
        check(DAY, 1000, DAY + 700, 0);
        check(DAY, 100, DAY, 61);
    }

    #[test]
    fn by_a_clock_that_is_far_ahead_it_is_renewed_once_a_minute_and_not_without_end() {
        check(9 * DAY, -600, 9 * DAY, 60);
        check(9 * DAY, 0, 9 * DAY, 60);
        check(9 * DAY, -600, 9 * DAY + 61, 0);
    }

    #[test]
    fn when_the_clock_was_set_back_it_is_renewed_at_once() {
        check(9 * DAY, -600, 8 * DAY, 0);
        check(9 * DAY, 1000, 8 * DAY, 0);
        check(9 * DAY, 1000, 9 * DAY - 1, 611);
    }
}
