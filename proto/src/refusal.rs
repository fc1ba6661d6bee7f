//! Refusals of the coordinator: a gRPC status with the refused call as a code, a stable word for programs, and a hint.

mod grpc_code;

use crate::convert::{ConvertError, incoming_hint, incoming_refused_call};
use crate::protocol::ProtocolRange;
use crate::v1;
use fleet_core::hint::Hint;
use fleet_core::plain_text::ShortText;
use fleet_core::refused_call::{AdmissionRefusal, Attempt, BackupRefusal, CallRefusal, RefusedCall};
use prost::Message;
use tonic::Status;
use tonic::metadata::{Ascii, MetadataValue};

const REFUSAL_KEY: &str = "fleet-refusal-bin";
const WORD_KEY: &str = "fleet-error";
/// Not `fleet-hint-bin`: protocol 1 reads a text there.
const HINT_KEY: &str = "fleet-hint-code-bin";
const HINT_TEXT_KEY: &str = "fleet-hint-bin";
const PROTOCOLS_KEY: &str = "fleet-protocols";

/// Maximum size of an encoded refusal: it is in a header.
const LIMIT: usize = 3 * 1024;

/// Reason why a call was refused, for the program that must act on it. It is a coarse view of [`CallRefusal`], which protocol 1
/// reads as well.
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
    /// Any other reason, described by the code of the refusal.
    Other,
}

const WORDS: [(RefusalReason, &str); 12] = [
    (RefusalReason::TokenUnknown, "token-unknown"),
    (RefusalReason::TokenExpired, "token-expired"),
    (RefusalReason::TokenUsedUp, "token-used-up"),
    (RefusalReason::TokenRevoked, "token-revoked"),
    (RefusalReason::TokenForOther, "token-for-other"),
    (RefusalReason::Revoked, "revoked"),
    (RefusalReason::CertificateMissing, "certificate-missing"),
    (RefusalReason::ProtocolOld, "protocol-old"),
    (RefusalReason::ProtocolNew, "protocol-new"),
    (RefusalReason::Role, "role"),
    (RefusalReason::PlanChanged, "plan-changed"),
    (RefusalReason::Other, "other"),
];

impl RefusalReason {
    /// Returns the stable word for programs.
    pub fn as_str(self) -> &'static str {
        WORDS.iter().find(|(word, _)| *word == self).map_or("other", |(_, text)| text)
    }

    fn read(text: &str) -> Self {
        WORDS.iter().find(|(_, name)| *name == text).map_or(Self::Other, |(word, _)| *word)
    }

    /// Returns the reason of a refusal.
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn of(refusal: &CallRefusal) -> Self {
        match refusal {
            CallRefusal::ProtocolOld { .. } => Self::ProtocolOld,
            CallRefusal::ProtocolNew { .. } => Self::ProtocolNew,
            CallRefusal::CertificateMissing => Self::CertificateMissing,
            CallRefusal::CertificateRevoked { .. } => Self::Revoked,
            CallRefusal::ForHosts { .. } | CallRefusal::ForOperators { .. } | CallRefusal::RoleNeeded { .. } => {
                Self::Role
            }
            CallRefusal::PlanChanged => Self::PlanChanged,
            CallRefusal::Backup { refusal } if matches!(**refusal, BackupRefusal::FewerBackups { .. }) => Self::Role,
            CallRefusal::Admission { refusal } => Self::of_admission(refusal),
            CallRefusal::Backup { .. }
            | CallRefusal::Failed { .. }
            | CallRefusal::Fault
            | CallRefusal::Stopping
            | CallRefusal::NoSuchService
            | CallRefusal::ConnectionEnded
            | CallRefusal::NotTaken { .. }
            | CallRefusal::TooManyCalls { .. }
            | CallRefusal::TooManyWaiting { .. }
            | CallRefusal::OwnCallsSlow { .. }
            | CallRefusal::OthersSlow { .. }
            | CallRefusal::RenderersBusy
            | CallRefusal::TooMany { .. }
            | CallRefusal::Missing { .. }
            | CallRefusal::NameTaken { .. }
            | CallRefusal::NameOfFailed { .. }
            | CallRefusal::HostConnected { .. }
            | CallRefusal::HostHasInstances { .. }
            | CallRefusal::Unreadable { .. }
            | CallRefusal::UnknownValue { .. }
            | CallRefusal::OutOfRange { .. }
            | CallRefusal::NoPlan
            | CallRefusal::RequestIdUsed
            | CallRefusal::NothingRequested
            | CallRefusal::NoneSelected { .. }
            | CallRefusal::NoInstanceNamed
            | CallRefusal::NoInstances
            | CallRefusal::SeveralApps
            | CallRefusal::TooManyUses { .. }
            | CallRefusal::LastAdministrator
            | CallRefusal::HiddenValue { .. }
            | CallRefusal::ValueTooLarge { .. }
            | CallRefusal::ValuesTooLarge { .. }
            | CallRefusal::ValuesInvalid { .. }
            | CallRefusal::MemberValuesInvalid { .. }
            | CallRefusal::ReleaseInvalid { .. }
            | CallRefusal::BundleTooLarge { .. }
            | CallRefusal::BundleDiffers { .. }
            | CallRefusal::PiecesOutOfOrder
            | CallRefusal::ReleaseExists { .. }
            | CallRefusal::VersionExists { .. }
            | CallRefusal::Rollout { .. }
            | CallRefusal::RolloutOver
            | CallRefusal::RolloutRuns
            | CallRefusal::NotAMember { .. }
            | CallRefusal::NoRolloutOf { .. }
            | CallRefusal::MemberSuperseded { .. }
            | CallRefusal::MemberUnderWay { .. }
            | CallRefusal::MemberNotFailed { .. }
            | CallRefusal::MemberHasNothingLeft { .. }
            | CallRefusal::DataInDoubt { .. }
            | CallRefusal::HostNotConnected { .. }
            | CallRefusal::HostBusy { .. }
            | CallRefusal::TooManyQuestions { .. }
            | CallRefusal::HostLost { .. }
            | CallRefusal::LogsReplaced { .. }
            | CallRefusal::AnswerCutOff { .. }
            | CallRefusal::HostSilent { .. }
            | CallRefusal::NoHostOnline
            | CallRefusal::HostSays { .. }
            | CallRefusal::PolicyForbids { .. }
            | CallRefusal::HostRefuses { .. }
            | CallRefusal::BeingRemoved { .. }
            | CallRefusal::RemovalUnderWay { .. }
            | CallRefusal::NotInstalled { .. }
            | CallRefusal::ChangedMeanwhile { .. }
            | CallRefusal::UndoPutsBack { .. }
            | CallRefusal::ProjectChanges { .. }
            | CallRefusal::NamesHeld { .. }
            | CallRefusal::NotAVolume { .. }
            | CallRefusal::VolumeShared { .. }
            | CallRefusal::File { .. } => Self::Other,
        }
    }

    fn of_admission(refusal: &AdmissionRefusal) -> Self {
        match refusal {
            AdmissionRefusal::TokenUnknown => Self::TokenUnknown,
            AdmissionRefusal::TokenExpired { .. } => Self::TokenExpired,
            AdmissionRefusal::TokenReused | AdmissionRefusal::TokenUsedUp { .. } => Self::TokenUsedUp,
            AdmissionRefusal::TokenRevoked => Self::TokenRevoked,
            AdmissionRefusal::TokenForOther { .. } => Self::TokenForOther,
            AdmissionRefusal::Removed { .. } | AdmissionRefusal::CertificateRevoked => Self::Revoked,
            AdmissionRefusal::TooManyMachines { .. }
            | AdmissionRefusal::ClockBehind { .. }
            | AdmissionRefusal::ClockAhead { .. }
            | AdmissionRefusal::RequestDamaged
            | AdmissionRefusal::RenewedTooOften { .. } => Self::Other,
        }
    }
}

/// The most arguments of a hint in a status: lists of names have no end.
const HINT_ARGUMENTS: usize = 24;

/// Makes the status of a refused call. Its message is for logs, and for programs that do not know the code.
pub fn refuse(attempt: Attempt, refusal: impl Into<CallRefusal>, hint: impl Into<Option<Hint>>) -> Status {
    let refusal = match refusal.into() {
        CallRefusal::Rollout { refusal } => CallRefusal::from(refusal.in_short()),
        other => other,
    };
    let (code, word) = (grpc_code::grpc_code(&refusal), RefusalReason::of(&refusal));
    let call = RefusedCall { attempt, refusal };
    let mut status = Status::new(code, String::from(ShortText::from(call.to_string())));
    let metadata = status.metadata_mut();
    metadata.insert(WORD_KEY, MetadataValue::<Ascii>::from_static(word.as_str()));
    metadata.insert_bin(REFUSAL_KEY, MetadataValue::from_bytes(&within_limit(call.into()).encode_to_vec()));
    if let Some(hint) = hint.into() {
        let mut hint = v1::Hint::from(hint);
        hint.arguments.truncate(HINT_ARGUMENTS);
        metadata.insert_bin(HINT_KEY, MetadataValue::from_bytes(&hint.encode_to_vec()));
    }
    let is_about_protocols = matches!(word, RefusalReason::ProtocolOld | RefusalReason::ProtocolNew);
    if is_about_protocols { with_protocols(status, word) } else { status }
}

impl From<ConvertError> for Status {
    fn from(error: ConvertError) -> Self {
        refuse(Attempt::Call, error, None)
    }
}

/// Cuts the longest texts until the message fits.
fn within_limit(mut message: v1::RefusedCall) -> v1::RefusedCall {
    /// The codes and the names among the arguments are shorter.
    const SHORTEST: usize = 64;
    while message.encoded_len() > LIMIT {
        let texts = message.refusal.iter_mut().flat_map(|refusal| &mut refusal.arguments);
        let Some(longest) = texts.max_by_key(|text| text.len()).filter(|text| text.len() > SHORTEST) else { break };
        longest.truncate(longest.floor_char_boundary((longest.len() / 2).max(SHORTEST) - '…'.len_utf8()));
        longest.push('…');
    }
    // Many short texts: without the last ones, the code may be one that cannot be read, and the message of the status stands for it.
    while message.encoded_len() > LIMIT {
        let last = message.refusal.as_mut().and_then(|refusal| refusal.arguments.pop());
        if last.is_none() {
            break;
        }
    }
    message
}

/// Adds what a program without a common protocol reads: the protocols of this one, and the hint as protocol 1 has it.
fn with_protocols(mut status: Status, word: RefusalReason) -> Status {
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

/// Returns the refused call, if the status has one that this version knows.
pub fn refused_call_of(status: &Status) -> Option<RefusedCall> {
    let bytes = status.metadata().get_bin(REFUSAL_KEY)?.to_bytes().ok()?;
    incoming_refused_call(v1::RefusedCall::decode(bytes).ok()?)
}

/// Returns the hint of a refusal, if it has one that this version knows.
pub fn hint_of(status: &Status) -> Option<Hint> {
    let bytes = status.metadata().get_bin(HINT_KEY)?.to_bytes().ok()?;
    incoming_hint(v1::Hint::decode(bytes).ok()?)
}

#[cfg(test)]
mod tests;
