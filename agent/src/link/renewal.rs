//! Asks for a new certificate in time.

use super::{random, until};
use crate::clock;
use fleet_proto::link::{Identity, renew, renewal_moment};
use std::time::Duration;
use tonic::transport::Channel;

/// The clock may be set while we sleep: look at it so often.
const LONGEST_SLEEP: Duration = Duration::from_secs(900);
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// Waits for the moment, then renews, again and again until it succeeds.
pub async fn renewed(identity: &Identity, channel: &Channel) -> Identity {
    let moment = renewal_moment(identity.issued, identity.expires, random());
    loop {
        while !until(moment).is_zero() {
            tokio::time::sleep(until(moment).min(LONGEST_SLEEP)).await;
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

/// A tenth of what is left of a short life, so that there are several attempts in any life.
fn remaining(identity: &Identity) -> Duration {
    (until(identity.expires) / 10).max(Duration::from_millis(500))
}
