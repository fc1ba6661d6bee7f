//! Words of refused calls of hosts for files of repositories and releases.

use crate::words::unknown;
use fleet_core::refused_call::FileRefusal;
use fleet_proto::convert::incoming_file_refusal;
use fleet_proto::v1;

/// Returns the words of a refusal as it came over the wire. An unknown code is shown with its arguments.
pub fn shown(message: &v1::FileRefusal) -> String {
    let known = incoming_file_refusal(message.clone()).as_ref().map(words);
    known.unwrap_or_else(|| unknown::<v1::FileRefusalCode>("a reason", message.code, &message.arguments))
}

/// Returns the words of a refusal, as the end of a sentence.
pub(super) fn words(refusal: &FileRefusal) -> String {
    match refusal {
        FileRefusal::NotItsInstance { instance, host } => format!("`{instance}` is no instance of `{host}`"),
        FileRefusal::NoOrderAdds { instance, host } => {
            format!("no order of `{host}` adds to the repository of `{instance}` now")
        }
        FileRefusal::NotReadable { instance, host } => {
            format!("`{instance}` is no instance of `{host}`, and no order of its names it")
        }
        FileRefusal::NotHere { repository } => format!("there is no repository `{repository}` at the coordinator"),
        FileRefusal::Missing { instance } => format!("there is no such file in the repository of `{instance}`"),
        FileRefusal::Occupied => "there is another file of that name".to_owned(),
        FileRefusal::DiskFull { instance } => {
            format!("the coordinator's disk is full, so that `{instance}` cannot add to its repository")
        }
        FileRefusal::QuotaUsed { instance, limit } => {
            format!("its order may add {} MiB to the repository of `{instance}`, and they are used up", limit >> 20)
        }
        FileRefusal::Differs => "it is not what was sent".to_owned(),
        FileRefusal::OtherName => "its name is not the SHA-256 of what is in it".to_owned(),
        FileRefusal::CutOff => "it was cut off".to_owned(),
        FileRefusal::OrderOver => "its order is over".to_owned(),
        FileRefusal::NothingCame { waited } => format!("nothing came for {} s", waited.as_secs()),
        FileRefusal::OutOfOrder => "it is not begin, bytes of at most 256 KiB, sum".to_owned(),
        FileRefusal::TooLarge { limit } => format!("it has more than {limit} bytes"),
        FileRefusal::OutOfFile { bytes } => format!("it has {bytes} bytes, and not those that were asked for"),
        FileRefusal::Damaged { problem } => format!("the coordinator's disk cannot give it: {problem}"),
        FileRefusal::TooManyOpen { host } => format!("`{host}` has too many files under way"),
        FileRefusal::NobodyWaits => "nobody waits for it".to_owned(),
        FileRefusal::ReleaseNotNamed { digest, host } => {
            format!("none of the orders or instances of `{host}` names {digest}")
        }
    }
}
