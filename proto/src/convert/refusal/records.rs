//! Arguments of refusals that are records: their fields follow each other, also in a list.

use crate::convert::arguments::Argument;
use fleet_core::claims::ClaimKind;
use fleet_core::plain_text::ShortText;
use fleet_core::reason::LeftOutReason;
use fleet_core::refused_call::{HeldName, SnapshotCandidate};
use fleet_core::rollout::LeftOut;

/// The instance, then its reason.
impl Argument for LeftOut {
    fn put(self, to: &mut Vec<String>) {
        self.instance.put(to);
        self.reason.put_item(to);
    }

    fn take(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        let (instance, number) = (Argument::take(from)?, usize::take(from)?);
        let texts: Vec<String> = (&mut *from).take(number).collect();
        // One that only a newer coordinator knows must not take the others with it.
        let reason = LeftOutReason::take(&mut texts.iter().cloned());
        let reason = reason.unwrap_or_else(|| LeftOutReason::Text(ShortText::from(texts.join(", ")).into()));
        Some(Self { instance, reason })
    }

    fn take_item(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        Self::take(from)
    }
}

impl Argument for SnapshotCandidate {
    fn put(self, to: &mut Vec<String>) {
        self.snapshot.put(to);
        self.repository.put(to);
        self.at.put(to);
        self.bytes.put(to);
    }

    fn take(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        Some(Self {
            snapshot: Argument::take(from)?,
            repository: Argument::take(from)?,
            at: Argument::take(from)?,
            bytes: Argument::take(from)?,
        })
    }

    fn take_item(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        Self::take(from)
    }
}

const CLAIM_KINDS: [(ClaimKind, &str); 5] = [
    (ClaimKind::Project, "project"),
    (ClaimKind::Container, "container"),
    (ClaimKind::Volume, "volume"),
    (ClaimKind::Network, "network"),
    (ClaimKind::Port, "port"),
];

impl Argument for ClaimKind {
    fn put(self, to: &mut Vec<String>) {
        let word = CLAIM_KINDS.iter().find(|(kind, _)| *kind == self).map(|(_, word)| *word);
        to.push(word.unwrap_or_default().to_owned());
    }

    fn take(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        let given = from.next()?;
        CLAIM_KINDS.iter().find(|(_, word)| *word == given).map(|(kind, _)| *kind)
    }
}

impl Argument for HeldName {
    fn put(self, to: &mut Vec<String>) {
        self.kind.put(to);
        self.name.put(to);
        self.owner.put(to);
    }

    fn take(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        Some(Self { kind: Argument::take(from)?, name: Argument::take(from)?, owner: Argument::take(from)? })
    }

    fn take_item(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        Self::take(from)
    }
}
