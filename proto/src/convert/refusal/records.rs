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

const CLAIM_KINDS: [ClaimKind; 5] =
    [ClaimKind::Project, ClaimKind::Container, ClaimKind::Volume, ClaimKind::Network, ClaimKind::Port];

fn claim_word(kind: ClaimKind) -> &'static str {
    match kind {
        ClaimKind::Project => "project",
        ClaimKind::Container => "container",
        ClaimKind::Volume => "volume",
        ClaimKind::Network => "network",
        ClaimKind::Port => "port",
    }
}

impl Argument for ClaimKind {
    fn put(self, to: &mut Vec<String>) {
        to.push(claim_word(self).to_owned());
    }

    fn take(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        let given = from.next()?;
        CLAIM_KINDS.into_iter().find(|kind| claim_word(*kind) == given)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::{incoming_call_refusal, incoming_left_out_reason};
    use fleet_core::refused_call::CallRefusal;

    #[test]
    fn names_of_each_kind_come_back_as_they_were_in_their_order() {
        let owner = || "notes-2".parse().expect("a name");
        let named = |kind: ClaimKind| HeldName { kind, name: format!("the {kind}"), owner: owner() };
        let names: Vec<HeldName> = CLAIM_KINDS.map(named).into();
        let host = || "lab-1".parse().expect("a name");
        let refusal = CallRefusal::NamesHeld { host: host(), more: 3, names: names.clone() };
        assert_eq!(incoming_call_refusal(refusal.clone().into()), Some(refusal));
        let reason = LeftOutReason::NamesHeld { host: host(), more: 3, names };
        assert_eq!(incoming_left_out_reason(reason.clone().into()), Some(reason));
    }
}
