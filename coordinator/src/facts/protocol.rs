//! Hosts with an incompatible protocol: they are refused at the connect, and operators must see the reason.

use super::{Facts, StateSnapshot};
use crate::keys;
use crate::store::{Batch, StoreError};
use fleet_core::event::EventKind;
use fleet_core::facts::{LinkState, OtherProtocol};
use fleet_core::hint::{Hint, LinkHint};
use fleet_core::names::HostName;
use fleet_core::problem::Problem;
use fleet_core::time::Time;
use fleet_proto::protocol::{ProtocolRange, TooOld, negotiate};
use std::time::Duration;

/// Minimum interval between two writes of a host's protocol version.
const PACE: Duration = Duration::from_secs(60);

impl Facts {
    /// Records a refused host with an incompatible protocol. It dials repeatedly; only a change is an event. If a host
    /// alternates, the newest is kept, and not each is written.
    pub async fn hear_other_protocol(
        &self,
        host: &HostName,
        theirs: ProtocolRange,
        now: Time,
    ) -> Result<(), StoreError> {
        let is_other = |before: &OtherProtocol| range(*before) != theirs && now.since(before.since) >= PACE;
        let is_news = |snapshot: &StateSnapshot| snapshot.observed.other_protocols.get(host).is_none_or(is_other);
        if !is_news(&self.read()) {
            self.change_unwritten(|snapshot| {
                if let Some(before) = snapshot.observed.other_protocols.get_mut(host) {
                    (before.protocol, before.protocol_min) = (theirs.newest, theirs.oldest);
                }
            });
            return Ok(());
        }
        let ((), committed) = self.change(|snapshot, batch| {
            if is_news(snapshot) {
                let other = OtherProtocol { protocol: theirs.newest, protocol_min: theirs.oldest, since: now };
                batch.put(keys::other_protocol(host), &other);
                snapshot.observed.other_protocols.insert(host.clone(), other);
                let kind = EventKind::Found(Box::new(protocol_problem(other)));
                snapshot.events.tell_for(batch, now, host, (host.into(), kind));
            }
            Ok::<_, StoreError>(())
        })?;
        self.settled(committed).await.map(|_| ())
    }
}

impl StateSnapshot {
    /// The protocol for which a host is away, if it is. Since the coordinator itself was upgraded, it may be ours.
    pub fn other_protocol(&self, host: &HostName) -> Option<OtherProtocol> {
        let is_online = self.observed.hosts.get(host).is_some_and(|seen| seen.link == LinkState::Online);
        let other = self.observed.other_protocols.get(host).copied();
        other.filter(|other| negotiate(ProtocolRange::OWN, range(*other)).is_err() && !is_online)
    }

    /// A host has greeted well.
    pub(super) fn forget_other_protocol(&mut self, batch: &mut Batch, host: &HostName, now: Time) {
        if self.observed.other_protocols.remove(host).is_some() {
            batch.delete(keys::other_protocol(host));
            self.events.tell_for(batch, now, host, (host.into(), EventKind::ProtocolAccepted));
        }
    }
}

/// Returns the problem of a host with an incompatible protocol.
pub fn protocol_problem(other: OtherProtocol) -> Problem {
    let (theirs, own) = (range(other), ProtocolRange::OWN);
    Problem::OtherProtocol {
        oldest: theirs.oldest,
        newest: theirs.newest,
        own_oldest: own.oldest,
        own_newest: own.newest,
    }
}

/// Returns which side is to be upgraded.
pub fn protocol_hint(host: &HostName, other: OtherProtocol) -> Hint {
    match negotiate(ProtocolRange::OWN, range(other)) {
        Err(TooOld::Other) | Ok(_) => Hint::UpgradeAgent(host.clone()),
        Err(TooOld::Own) => LinkHint::UpgradeCoordinator.into(),
    }
}

fn range(other: OtherProtocol) -> ProtocolRange {
    ProtocolRange::said(other.protocol, other.protocol_min)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::{NOW, memory, read};

    #[tokio::test]
    async fn of_a_host_that_takes_turns_between_protocols_the_newest_is_known_and_one_a_minute_is_written() {
        let facts = memory().with("lab-1", "notes-1").await;
        let host = read("lab-1");
        let hear = async |protocol: u32, seconds: u64| {
            let now = NOW.after(Duration::from_secs(seconds));
            facts.hear_other_protocol(&host, ProtocolRange::said(protocol, 0), now).await.expect("the store is whole");
            let written = facts.store().get(&keys::other_protocol(&host)).expect("the store is whole");
            let written: OtherProtocol = written.expect("it is there").read().expect("it is readable");
            (facts.read().observed.other_protocols[&host].protocol, written.protocol)
        };
        assert_eq!(hear(98, 0).await, (98, 98));
        assert_eq!(hear(99, 1).await, (99, 98));
        assert_eq!(hear(98, 2).await, (98, 98));
        assert_eq!(hear(99, 60).await, (99, 99));
        assert_eq!(hear(98, 61).await, (98, 99));
    }
}
