//! Refusals of the coordinator: a gRPC status with a stable word for programs, a hint, and the instances that are left out.

use crate::convert::incoming_hint;
use crate::protocol::ProtocolRange;
use crate::v1;
use fleet_core::hint::Hint;
use fleet_core::plain_text::ShortText;
use fleet_core::rollout::LeftOut;
use prost::Message;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Code, Status};

const WORD_KEY: &str = "fleet-error";
/// Not `fleet-hint-bin`: protocol 1 reads a text there.
const HINT_KEY: &str = "fleet-hint-code-bin";
const HINT_TEXT_KEY: &str = "fleet-hint-bin";
const LEFT_OUT_KEY: &str = "fleet-left-out-bin";
const PROTOCOLS_KEY: &str = "fleet-protocols";

/// Reason why a call was refused, for the program that must act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalReason {
    /// No such token exists.
    TokenUnknown,
    /// The token's time is over.
    TokenExpired,
    /// All uses of the token are spent.
    TokenUsedUp,
    /// An operator has revoked the token.
    TokenRevoked,
    /// The token is for another kind of subject.
    TokenForOther,
    /// The certificate was revoked.
    Revoked,
    /// The certificate was not issued by this fleet.
    CertificateUnknown,
    /// The call needs a certificate and came without one.
    CertificateMissing,
    /// The caller's protocols are too old: the caller must be upgraded.
    ProtocolOld,
    /// The caller's protocols are too new: the coordinator must be upgraded.
    ProtocolNew,
    /// The operator's role does not allow the call.
    Role,
    /// The confirmed plan is not the one that would run now.
    PlanChanged,
    /// Any other reason, described by the text.
    Other,
}

const WORDS: [(RefusalReason, &str, Code); 13] = [
    (RefusalReason::TokenUnknown, "token-unknown", Code::NotFound),
    (RefusalReason::TokenExpired, "token-expired", Code::FailedPrecondition),
    (RefusalReason::TokenUsedUp, "token-used-up", Code::FailedPrecondition),
    (RefusalReason::TokenRevoked, "token-revoked", Code::FailedPrecondition),
    (RefusalReason::TokenForOther, "token-for-other", Code::FailedPrecondition),
    (RefusalReason::Revoked, "revoked", Code::PermissionDenied),
    (RefusalReason::CertificateUnknown, "certificate-unknown", Code::Unauthenticated),
    (RefusalReason::CertificateMissing, "certificate-missing", Code::Unauthenticated),
    (RefusalReason::ProtocolOld, "protocol-old", Code::FailedPrecondition),
    (RefusalReason::ProtocolNew, "protocol-new", Code::FailedPrecondition),
    (RefusalReason::Role, "role", Code::PermissionDenied),
    (RefusalReason::PlanChanged, "plan-changed", Code::Aborted),
    (RefusalReason::Other, "other", Code::FailedPrecondition),
];

impl RefusalReason {
    /// Returns the stable word for programs.
    pub fn as_str(self) -> &'static str {
        WORDS.iter().find(|(word, ..)| *word == self).map_or("other", |(_, text, _)| text)
    }

    fn code(self) -> Code {
        WORDS.iter().find(|(word, ..)| *word == self).map_or(Code::FailedPrecondition, |(.., code)| *code)
    }

    fn read(text: &str) -> Self {
        WORDS.iter().find(|(_, name, _)| *name == text).map_or(Self::Other, |(word, ..)| *word)
    }
}

/// Makes the status of a refusal; `text` has the attempt and the reason, `hint` the next action.
pub fn refuse(word: RefusalReason, text: impl Into<String>, hint: impl Into<Option<Hint>>) -> Status {
    refuse_as(word.code(), word, text, hint)
}

/// The same with a code of its own.
pub fn refuse_as(code: Code, word: RefusalReason, text: impl Into<String>, hint: impl Into<Option<Hint>>) -> Status {
    let mut status = Status::new(code, text);
    let metadata = status.metadata_mut();
    metadata.insert(WORD_KEY, MetadataValue::<Ascii>::from_static(word.as_str()));
    if let Some(hint) = hint.into() {
        let bytes = v1::Hint::from(hint).encode_to_vec();
        metadata.insert_bin(HINT_KEY, MetadataValue::from_bytes(&bytes));
    }
    status
}

/// Maximum number of instances that a refusal lists; the others are counted.
const LEFT_OUT: usize = 3;

/// Adds the instances that are left out to a refusal, with their reasons. Long texts are cut: they travel in a header.
#[must_use]
pub fn with_left_out(mut status: Status, left_out: &[LeftOut]) -> Status {
    if left_out.is_empty() {
        return status;
    }
    let view = |one: &LeftOut| {
        let mut reason = v1::LeftOutReason::from(one.reason.clone());
        reason.arguments.iter_mut().for_each(|text| *text = ShortText::from(text.as_str()).into());
        v1::LeftOutView { instance: one.instance.to_string(), reason: Some(reason) }
    };
    let more = u32::try_from(left_out.len().saturating_sub(LEFT_OUT)).unwrap_or(u32::MAX);
    let list = v1::LeftOutList { first: left_out.iter().take(LEFT_OUT).map(view).collect(), more };
    status.metadata_mut().insert_bin(LEFT_OUT_KEY, MetadataValue::from_bytes(&list.encode_to_vec()));
    status
}

/// Returns the instances that are left out, if a refusal lists any.
pub fn left_out_of(status: &Status) -> Option<v1::LeftOutList> {
    let bytes = status.metadata().get_bin(LEFT_OUT_KEY)?.to_bytes().ok()?;
    v1::LeftOutList::decode(bytes).ok()
}

/// Makes the status of a refusal without a common protocol, with those that this program supports.
pub fn refuse_protocol(word: RefusalReason, text: impl Into<String>, hint: impl Into<Option<Hint>>) -> Status {
    let mut status = refuse(word, text, hint);
    if word == RefusalReason::ProtocolOld {
        let old = MetadataValue::from_bytes(b"upgrade this program to the coordinator's version");
        status.metadata_mut().insert_bin(HINT_TEXT_KEY, old);
    }
    if let Ok(own) = ProtocolRange::OWN.to_string().parse() {
        status.metadata_mut().insert(PROTOCOLS_KEY, own);
    }
    status
}

/// Returns the protocols of the program that refused, if it sends them.
pub fn protocols_of(status: &Status) -> Option<ProtocolRange> {
    ProtocolRange::read(status.metadata().get(PROTOCOLS_KEY)?.to_str().ok()?)
}

/// The word of a refusal; nothing where the status is not one of ours.
pub fn word_of(status: &Status) -> Option<RefusalReason> {
    status.metadata().get(WORD_KEY).and_then(|value| value.to_str().ok()).map(RefusalReason::read)
}

/// Returns the hint of a refusal, if it has one that this version knows.
pub fn hint_of(status: &Status) -> Option<Hint> {
    let bytes = status.metadata().get_bin(HINT_KEY)?.to_bytes().ok()?;
    incoming_hint(v1::Hint::decode(bytes).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::incoming_left_out_reason;
    use fleet_core::reason::LeftOutReason;

    #[test]
    fn a_refusal_comes_back_as_it_was() {
        for (word, ..) in WORDS {
            let hint = Hint::Text("make a new token – soon".to_owned());
            let status = refuse(word, "could not join", hint.clone());
            assert_eq!(word_of(&status), Some(word));
            assert_eq!(hint_of(&status), Some(hint));
        }
        assert_eq!(word_of(&Status::internal("x")), None);
        let status = refuse_protocol(RefusalReason::ProtocolNew, "could not talk", None);
        assert_eq!(protocols_of(&status), Some(ProtocolRange::OWN));
    }

    #[test]
    fn instances_that_are_left_out_come_back_with_their_reasons_and_the_others_are_counted() {
        let long = LeftOutReason::Refused { reason: "x".repeat(2 * ShortText::LIMIT) };
        let left_out = |number: usize| LeftOut {
            instance: format!("notes-{number}").parse().expect("a name"),
            reason: if number == 2 { long.clone() } else { LeftOutReason::NotInstalled },
        };
        let all: Vec<_> = (1..=5).map(left_out).collect();
        let status = with_left_out(refuse(RefusalReason::Other, "could not roll out", None), &all);
        let list = left_out_of(&status).expect("it has one");
        let reason = |view: &v1::LeftOutView| view.reason.clone().and_then(incoming_left_out_reason);
        let cut = LeftOutReason::Refused { reason: "x".repeat(ShortText::LIMIT) };
        let expect = [LeftOutReason::NotInstalled, cut, LeftOutReason::NotInstalled];
        assert_eq!(list.first.iter().filter_map(reason).collect::<Vec<_>>(), expect);
        assert_eq!(list.more, 2);
        assert_eq!(left_out_of(&with_left_out(Status::internal("x"), &[])), None);
    }

    #[test]
    fn a_hint_that_is_not_known_is_no_hint() {
        let with = |bytes: &[u8]| {
            let mut status = refuse(RefusalReason::Other, "could not join", None);
            status.metadata_mut().insert_bin(HINT_KEY, MetadataValue::from_bytes(bytes));
            hint_of(&status)
        };
        let newer = v1::Hint { code: 1_000_000, arguments: vec!["lab-1".to_owned()] };
        let without = v1::Hint { code: v1::HintCode::ShowHost.into(), arguments: Vec::new() };
        for hint in [newer, without, v1::Hint::default()] {
            assert_eq!(with(&hint.encode_to_vec()), None, "{hint:?}");
        }
        assert_eq!(with(b"see it with `x`"), None);
    }
}
