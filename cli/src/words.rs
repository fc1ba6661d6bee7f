//! Words of coded messages. Other crates return codes with arguments; text for people is made only here.

pub mod failures;
pub mod hints;
pub mod progress;
pub mod reasons;
pub mod steps;

use fleet_proto::words::CodedMessage;

/// The words of a coded message; empty if this version does not know its code.
pub fn shown(message: CodedMessage<'_>) -> String {
    match message {
        CodedMessage::Activity(doing) => steps::shown(Some(doing)),
        CodedMessage::Hint(hint) => hints::shown(Some(hint)),
        CodedMessage::OrderFailure(failure) => failures::shown(Some(failure)),
        CodedMessage::Progress(far) => progress::shown(Some(far)),
        CodedMessage::LeftOutReason(reason) => reasons::shown_left_out(Some(reason)),
        CodedMessage::WaitReason(reason) => reasons::shown_wait(Some(reason)),
    }
}
