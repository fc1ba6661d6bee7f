//! Refusals in statuses.

use super::*;
use fleet_core::proposal::RolloutRefusal;
use fleet_core::reason::LeftOutReason;
use fleet_core::refused_call::{FileRefusal, NamedKind};
use fleet_core::rollout::LeftOut;
use std::time::Duration;
use tonic::Code;

fn read<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a name")
}

fn missing() -> CallRefusal {
    CallRefusal::Missing { subject: NamedKind::Host, name: "lab-9".to_owned() }
}

#[test]
fn a_refusal_comes_back_as_it_was() {
    let hint = Hint::Text("look at the hosts – soon".to_owned());
    let status = refuse(Attempt::Install, missing(), hint.clone());
    assert_eq!((status.code(), status.message()), (Code::NotFound, "could not install: there is no host `lab-9`"));
    assert_eq!(refused_call_of(&status), Some(RefusedCall { attempt: Attempt::Install, refusal: missing() }));
    assert_eq!((word_of(&status), hint_of(&status)), (Some(RefusalReason::Other), Some(hint)));
    let other = Status::internal("x");
    assert_eq!((word_of(&other), refused_call_of(&other)), (None, None));
    let (theirs, own) = ("1 to 1".to_owned(), "2 to 3".to_owned());
    let status = refuse(Attempt::Call, CallRefusal::ProtocolNew { theirs, own }, None);
    assert_eq!(protocols_of(&status), Some(ProtocolRange::OWN));
}

#[test]
fn a_refusal_has_the_word_that_programs_compare_and_the_code_that_others_know() {
    let refusals: [(CallRefusal, RefusalReason, Code); 14] = [
        (AdmissionRefusal::TokenUnknown.into(), RefusalReason::TokenUnknown, Code::NotFound),
        (AdmissionRefusal::TokenReused.into(), RefusalReason::TokenUsedUp, Code::FailedPrecondition),
        (AdmissionRefusal::CertificateRevoked.into(), RefusalReason::Revoked, Code::PermissionDenied),
        (AdmissionRefusal::RequestDamaged.into(), RefusalReason::Other, Code::InvalidArgument),
        (CallRefusal::CertificateMissing, RefusalReason::CertificateMissing, Code::Unauthenticated),
        (CallRefusal::PlanChanged, RefusalReason::PlanChanged, Code::Aborted),
        (
            BackupRefusal::FewerBackups { more: 0, instances: Vec::new() }.into(),
            RefusalReason::Role,
            Code::PermissionDenied,
        ),
        (BackupRefusal::NoBackupYet.into(), RefusalReason::Other, Code::FailedPrecondition),
        (RolloutRefusal::NoTime.into(), RefusalReason::Other, Code::FailedPrecondition),
        (CallRefusal::Failed { problem: String::new() }, RefusalReason::Other, Code::Unavailable),
        // Agents act on the codes of files.
        (FileRefusal::Occupied.into(), RefusalReason::Other, Code::AlreadyExists),
        (FileRefusal::Differs.into(), RefusalReason::Other, Code::DataLoss),
        (FileRefusal::NotHere { repository: read("a") }.into(), RefusalReason::Other, Code::NotFound),
        (FileRefusal::NothingCame { waited: Duration::ZERO }.into(), RefusalReason::Other, Code::DeadlineExceeded),
    ];
    for (refusal, word, code) in refusals {
        let status = refuse(Attempt::Call, refusal.clone(), None);
        assert_eq!((word_of(&status), status.code()), (Some(word), code), "{refusal:?}");
    }
    for (word, text) in WORDS {
        assert_eq!(RefusalReason::read(text), word);
    }
}

#[test]
fn instances_that_are_left_out_come_back_with_their_reasons_and_the_others_are_counted() {
    let left_out = |number: usize| LeftOut {
        instance: read(&format!("notes-{number}")),
        reason: LeftOutReason::HopFirst { version: read("1.1"), why: Some("x".repeat(4000)) },
    };
    let refusal = RolloutRefusal::NothingToMove {
        release: read("notes@1.2"),
        more: 0,
        left_out: (1..=5).map(left_out).collect(),
    };
    let status = refuse(Attempt::RollOut, refusal, None);
    let Some(RefusedCall { refusal: CallRefusal::Rollout { refusal }, .. }) = refused_call_of(&status) else {
        panic!("{status:?}");
    };
    let RolloutRefusal::NothingToMove { more, left_out, .. } = *refusal else { panic!("{refusal:?}") };
    assert_eq!((more, left_out.len()), (2, 3));
    assert!(
        left_out
            .iter()
            .all(|one| matches!(&one.reason, LeftOutReason::HopFirst { why: Some(why), .. } if why.ends_with('…')))
    );
}

#[test]
fn a_refusal_fits_in_a_header_whatever_its_texts_are() {
    for text in ["x".repeat(100_000), "…\n".repeat(100_000)] {
        let problems = vec![text; 16];
        let status = refuse(Attempt::PushRelease, CallRefusal::ReleaseInvalid { more: 7, problems }, None);
        let bytes = status.metadata().get_bin(REFUSAL_KEY).map(|value| value.as_encoded_bytes().len());
        assert!(bytes.is_some_and(|bytes| bytes <= 4096), "{bytes:?}");
        assert!(status.message().chars().count() <= ShortText::LIMIT);
        let call = refused_call_of(&status).expect("it can be read");
        assert!(matches!(call.refusal, CallRefusal::ReleaseInvalid { more: 7, problems } if problems.len() == 16));
    }
}

#[test]
fn what_a_newer_coordinator_says_is_shown_as_far_as_it_is_known() {
    let with = |message: v1::RefusedCall| {
        let mut status = refuse(Attempt::Install, missing(), None);
        status.metadata_mut().insert_bin(REFUSAL_KEY, MetadataValue::from_bytes(&message.encode_to_vec()));
        refused_call_of(&status)
    };
    let refusal = v1::CallRefusal { code: 1_000_000, arguments: vec!["lab-1".to_owned()] };
    assert_eq!(with(v1::RefusedCall { attempt: v1::AttemptCode::Install.into(), refusal: Some(refusal) }), None);
    let newer = v1::RefusedCall { attempt: 1_000_000, refusal: Some(missing().into()) };
    assert_eq!(with(newer), Some(RefusedCall { attempt: Attempt::Call, refusal: missing() }));
    assert_eq!(with(v1::RefusedCall::default()), None);
}

#[test]
fn a_hint_that_is_not_known_is_no_hint() {
    let with = |bytes: &[u8]| {
        let mut status = refuse(Attempt::Join, missing(), None);
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
