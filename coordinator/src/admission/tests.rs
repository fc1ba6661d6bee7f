//! Responses that are lost on their way to a joining machine.

use super::*;
use crate::facts::testing::{NOW, memory, read};
use fleet_core::access::Role;
use rcgen::{CertificateParams, KeyPair};

const HOUR: Duration = Duration::from_secs(3600);
const SECRET: &[u8] = &[7; 32];

struct Harness {
    _directory: tempfile::TempDir,
    facts: Arc<Facts>,
    admissions: Admissions,
}

impl Harness {
    /// Makes a fleet with a host, and a token with that many uses.
    async fn new(subject: &str, role: Option<Role>, uses: u32) -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let authority = Arc::new(Authority::create(directory.path(), NOW).expect("it is empty"));
        let facts = Arc::new(memory().with("lab-1", "notes-1").await);
        let token = TokenKept::new(read(subject), role, uses, NOW, NOW.after(HOUR));
        facts.desire(|desired| desired.put_token(&hash_of_secret(SECRET), token)).await;
        let admissions = Admissions::new(authority, Arc::clone(&facts), HOUR);
        Self { _directory: directory, facts, admissions }
    }

    /// Sends the request that many seconds later.
    async fn ask(&self, request: &[u8], seconds: u64) -> Result<String, AdmitError> {
        let now = NOW.after(Duration::from_secs(seconds));
        let presented = Presented { secret: SECRET, joiner: None };
        let admission = self.admissions.admit(presented, request, now, now).await?;
        let (_, serial) = crate::identity::peer_of(&admission.chain[0]).expect("it names somebody");
        Ok(serial.serial)
    }

    fn counts(&self, subject: &str, serial: &str) -> bool {
        self.facts.read().subject(&read(subject)).is_some_and(|kept| kept.counts(serial))
    }
}

fn request() -> Vec<u8> {
    let key = KeyPair::generate().expect("a key can be made");
    CertificateParams::default().serialize_request(&key).expect("it can be written").der().to_vec()
}

#[tokio::test]
async fn who_did_not_hear_the_answer_asks_again_with_the_same_key() {
    let harness = Harness::new("host:lab-1", None, 1).await;
    let request = request();
    let lost = harness.ask(&request, 0).await.expect("the token is new");
    let heard = harness.ask(&request, 300).await.expect("it is the same machine");
    assert!(!harness.counts("host:lab-1", &lost) && harness.counts("host:lab-1", &heard));
    let other = harness.ask(&self::request(), 300).await;
    assert!(matches!(other, Err(AdmitError::Refused(AdmissionRefusal::TokenReused))), "another machine: {other:?}");
    let late = harness.ask(&request, 300 + 601).await;
    assert!(matches!(late, Err(AdmitError::Refused(AdmissionRefusal::TokenReused))), "long after: {late:?}");
}

#[tokio::test]
async fn asking_again_spends_no_other_use() {
    let harness = Harness::new("operator:ada", Some(Role::Viewer), 2).await;
    let (first, second) = (request(), request());
    let lost = harness.ask(&first, 0).await.expect("the token is new");
    let heard = [harness.ask(&first, 1).await.expect("again"), harness.ask(&second, 2).await.expect("a use is left")];
    assert!(
        heard.iter().all(|serial| harness.counts("operator:ada", serial)) && !harness.counts("operator:ada", &lost)
    );
    assert!(matches!(
        harness.ask(&request(), 3).await,
        Err(AdmitError::Refused(AdmissionRefusal::TokenUsedUp { uses: 2 }))
    ));
}

#[tokio::test]
async fn who_was_removed_meanwhile_does_not_come_back_by_asking_again() {
    let harness = Harness::new("operator:ada", Some(Role::Viewer), 1).await;
    let request = request();
    harness.ask(&request, 0).await.expect("the token is new");
    harness.facts.desire(|desired| desired.remove_subject(&read("operator:ada"))).await;
    assert!(matches!(harness.ask(&request, 1).await, Err(AdmitError::Refused(AdmissionRefusal::TokenReused))));
}
