//! Refuses protocols that this coordinator does not support, and records it, so that operators see it too.

use crate::facts::Facts;
use crate::rpc_status::{check_protocol, failed};
use fleet_core::names::HostName;
use fleet_core::refused_call::Attempt;
use fleet_core::time::Time;
use fleet_proto::protocol::ProtocolRange;
use tonic::Status;

pub async fn check(facts: &Facts, host: &HostName, theirs: ProtocolRange, now: Time) -> Result<(), Status> {
    let checked = check_protocol(theirs);
    if checked.is_err() {
        let heard = facts.hear_other_protocol(host, theirs, now).await;
        heard.map_err(|error| failed(Attempt::KeepProtocol, &error))?;
    }
    checked.map(|_| ())
}
