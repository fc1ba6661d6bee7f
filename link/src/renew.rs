//! A new certificate while the old one still holds.

use crate::admit::{identity, new_key};
use crate::error::LinkError;
use crate::identity::Identity;
use fleet_core::time::Time;
use fleet_proto::v1::RenewRequest;
use fleet_proto::v1::identity_client::IdentityClient;
use std::time::Duration;
use tonic::Request;
use tonic::transport::Channel;

const CALL_LIMIT: Duration = Duration::from_secs(20);

/// Asks for a certificate for a new key, over a channel of the old one.
pub async fn renew(old: &Identity, channel: Channel, now: Time) -> Result<Identity, LinkError> {
    let (key_pem, signing_request) = new_key()?;
    let mut request = Request::new(RenewRequest { signing_request });
    request.set_timeout(CALL_LIMIT);
    let answer = IdentityClient::new(channel).renew(request).await;
    let certificate = answer.map_err(|status| LinkError::from_status(&old.address, status))?.into_inner();
    let new = identity(&old.address, certificate, key_pem, now)?;
    if new.subject != old.subject || new.ca_der() != old.ca_der() {
        return Err(LinkError::BadAnswer("it is for somebody else"));
    }
    Ok(new)
}

/// Returns the time of the renewal: about two thirds of the life, varied by a tenth, so that not all hosts ask at once.
///
/// `random` is any number; it decides where in that tenth.
pub fn renewal_moment(issued: Time, expires: Time, random: u32) -> Time {
    let life = expires.since(issued).as_secs_f64();
    let share = 0.61 + 0.1 * f64::from(random) / f64::from(u32::MAX);
    issued.after(Duration::from_secs_f64(life * share))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_renewed_at_about_two_thirds_of_its_life() {
        let (issued, expires) = (Time(1_000_000), Time(1_000_000 + 3_600_000));
        for (random, expect) in [(0, 0.61), (u32::MAX, 0.71), (u32::MAX / 2, 0.66)] {
            let share = renewal_moment(issued, expires, random).since(issued).as_secs_f64() / 3600.0;
            assert!((share - expect).abs() < 0.001, "{share}");
        }
    }
}
