//! Removes secret values from texts that leave this host: log lines, events, reasons.
//!
//! **Invariant:** a value is masked in its plain form and in the forms of URLs, JSON and base64. Other transformations
//! by an app cannot be recognised.

mod secret;

use self::secret::{MASK, Scope, Secret};
use crate::agent_context::AgentContext;
use crate::ledger::InstanceValues;
use crate::status_board::StatusBoard;
use data_encoding::BASE64;
use fleet_core::backup::{CopyMade, Coverage, DataNote, DataResult, Manifest, Part, StoreState};
use fleet_core::coded_text::ArgumentKind;
use fleet_core::facts::{InstanceHealth, Running};
use fleet_core::names::InstanceName;
use fleet_core::order::{End, Outcome};
use fleet_core::order_failure::OrderFailure;
use fleet_core::query_failure::QueryFailure;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::watch;

/// In base64, the first and last characters of a value depend on its neighbours, so that the comparable part is
/// shorter.
const SHORTEST_ENCODED: usize = 8;
/// Minimum length of a value that is masked when it is not known which values are secret.
const SHORTEST_UNKNOWN: usize = 8;

/// Secret texts of one instance.
#[derive(Debug, Clone, Default)]
pub struct Mask {
    /// The longest first: one may be a part of another.
    secrets: Vec<Secret>,
}

impl Mask {
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut found: BTreeMap<String, Scope> = BTreeMap::new();
        for secret in secrets {
            let secret = secret.trim();
            // A key of several lines comes line by line.
            let lines = secret.lines().map(str::trim).filter(|line| line.len() >= SHORTEST_ENCODED);
            for (text, scope) in lines.chain([secret]).filter_map(|text| Some((text, Scope::of(text)?))) {
                let plain = [text.to_owned(), url_encoded(text), url_encoded(text).to_lowercase(), json_encoded(text)];
                found.extend(plain.map(|text| (text, scope)));
                if text.len() >= SHORTEST_ENCODED {
                    found.extend(base64_encoded(text).into_iter().map(|text| (text, Scope::Anywhere)));
                }
            }
        }
        let mut secrets: Vec<Secret> = found.into_iter().map(|(text, scope)| Secret { text, scope }).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.text.len()));
        Self { secrets }
    }

    /// Returns the secrets of an instance: those of its present state, of its target state, and of its states since
    /// this agent started.
    pub fn of(context: &AgentContext, instance: &InstanceName) -> Self {
        Self::new(secrets(context, std::slice::from_ref(instance)).iter().map(String::as_str))
    }

    /// The secrets of all instances, for texts that are no instance's own.
    pub fn of_all(context: &AgentContext) -> Self {
        let instances: Vec<InstanceName> = context.ledger().values_in_use().instances().cloned().collect();
        Self::new(secrets(context, &instances).iter().map(String::as_str))
    }
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }

    /// The text without them.
    pub fn apply(&self, text: String) -> String {
        self.argument(ArgumentKind::Words, text)
    }

    /// The same of an argument of a coded value. A name stands alone, but is no value: a secret that is a word would be given away by
    /// masking a service that has the same name.
    fn argument(&self, kind: ArgumentKind, text: String) -> String {
        let is_masked = |secret: &&Secret| kind == ArgumentKind::Words || secret.scope != Scope::Value;
        let text = self.secrets.iter().filter(is_masked).fold(text, |text, secret| secret.mask(text));
        self.secrets.iter().fold(text, |text, secret| secret.mask_halves(text))
    }

    /// The same of a text whose end was cut off: the beginning of a secret there is one, too.
    pub fn apply_to_cut(&self, text: String) -> String {
        let text = self.apply(text);
        match self.secrets.iter().filter_map(|secret| secret.cut_at_end(&text)).max() {
            Some(length) => format!("{}{MASK}", &text[..text.len() - length]),
            None => text,
        }
    }

    /// Returns the end of an order with its secrets masked.
    pub fn end(&self, end: End) -> End {
        if self.is_empty() {
            return end;
        }
        End { outcome: self.outcome(end.outcome), made: end.made.map(|made| Box::new(self.made(*made))) }
    }

    fn outcome(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::AlreadySo | Outcome::Done => outcome,
            Outcome::RolledBack { failure } => Outcome::RolledBack { failure: self.failure(failure) },
            Outcome::Stuck { failure, hint } => {
                let hint = hint.map(|hint| hint.map_texts(|text| self.apply(text)));
                Outcome::Stuck { failure: self.failure(failure), hint }
            }
            Outcome::Refused { failure } => Outcome::Refused { failure: self.failure(failure) },
            Outcome::Failed { failure } => Outcome::Failed { failure: self.failure(failure) },
        }
    }

    /// Returns a failure with its secrets masked.
    pub fn failure(&self, failure: OrderFailure) -> OrderFailure {
        failure.map_texts(|kind, text| self.argument(kind, text))
    }

    /// Returns the failure of a query with its secrets masked.
    pub fn query_failure(&self, failure: QueryFailure) -> QueryFailure {
        failure.map_texts(|kind, text| self.argument(kind, text))
    }

    fn made(&self, made: DataResult) -> DataResult {
        match made {
            DataResult::Backup(copies) => DataResult::Backup(self.copies(copies)),
            DataResult::Drill(mut drill) => {
                drill.proof.failure = drill.proof.failure.map(|failure| Box::new(self.failure(*failure)));
                let checks = drill.proof.checks.into_iter();
                drill.proof.checks =
                    checks.map(|check| check.map_texts(|kind, text| self.argument(kind, text))).collect();
                DataResult::Drill(drill)
            }
            DataResult::Restore(mut restore) => {
                restore.safety = self.copies(restore.safety);
                restore.notes = self.notes(restore.notes);
                DataResult::Restore(restore)
            }
            DataResult::Forgotten(_) => made,
        }
    }

    fn copies(&self, copies: Vec<CopyMade>) -> Vec<CopyMade> {
        let manifest = |manifest: Manifest| {
            let part = |part: Part| Part { notes: self.notes(part.notes), ..part };
            Manifest { parts: manifest.parts.into_iter().map(part).collect(), ..manifest }
        };
        let masked = |copy: CopyMade| {
            let result = copy.result.map(manifest).map_err(|failure| self.failure(failure));
            CopyMade { result, ..copy }
        };
        copies.into_iter().map(masked).collect()
    }

    fn notes(&self, notes: Vec<DataNote>) -> Vec<DataNote> {
        notes.into_iter().map(|note| note.map_texts(|kind, text| self.argument(kind, text))).collect()
    }
}

/// Returns the secret values of some instances. If their declarations are no longer available, longer values count as
/// secret, except those that another release declares as plain.
fn secrets(context: &AgentContext, instances: &[InstanceName]) -> BTreeSet<String> {
    let known: Vec<InstanceValues> = {
        let ledger = context.ledger();
        instances.iter().flat_map(|instance| ledger.values_in_use().of(instance).cloned().collect::<Vec<_>>()).collect()
    };
    let (mut secret, mut plain, mut unknown) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for InstanceValues { release, values } in known {
        let names = release.and_then(|digest| context.bundles.secret_names(&digest));
        for (name, value) in values {
            match &names {
                Some(names) if names.contains(&name) => secret.insert(value),
                Some(_) => plain.insert(value),
                None => unknown.insert(value),
            };
        }
    }
    secret.extend(unknown.into_iter().filter(|value| value.len() >= SHORTEST_UNKNOWN && !plain.contains(value)));
    secret
}

/// A board with its secrets masked. **Invariant:** only this type is sent to a coordinator, and it is made only here.
#[derive(Debug, Clone, Default)]
pub struct MaskedBoard(StatusBoard);

impl std::ops::Deref for MaskedBoard {
    type Target = StatusBoard;
    fn deref(&self) -> &StatusBoard {
        &self.0
    }
}

/// Copies the board with its secrets masked; everything that leaves the host is read from the copy.
pub async fn relay(context: &AgentContext, to: watch::Sender<MaskedBoard>) {
    let mut status_board = context.status_writer.reader();
    loop {
        let now = status_board.borrow_and_update().clone();
        to.send_replace(MaskedBoard::of(context, now));
        if status_board.changed().await.is_err() {
            return;
        }
    }
}

impl MaskedBoard {
    pub fn of(context: &AgentContext, mut status_board: StatusBoard) -> Self {
        let mut masks: BTreeMap<Option<InstanceName>, Mask> = BTreeMap::new();
        let mut mask = |name: Option<&InstanceName>| {
            let made = || name.map_or_else(|| Mask::of_all(context), |name| Mask::of(context, name));
            masks.entry(name.cloned()).or_insert_with(made).clone()
        };
        for (_, event) in &mut status_board.events {
            let mask = mask(event.instance.as_ref());
            event.kind = event.kind.clone().map_texts(|kind, text| mask.argument(kind, text));
        }
        for (name, end) in status_board.ends.values_mut() {
            *end = mask(Some(name)).end(end.clone());
        }
        for (name, running) in &mut status_board.instances {
            let mask = mask(Some(name));
            if !mask.is_empty() {
                mask_running(&mask, running);
            }
        }
        Self(status_board)
    }

    /// A board whose texts have no secrets to begin with.
    #[cfg(test)]
    pub fn plain(status_board: StatusBoard) -> Self {
        Self(status_board)
    }
}

fn mask_running(mask: &Mask, running: &mut Running) {
    let said = match running {
        Running::Settled(said) => Some(said),
        Running::Busy { doing, last, .. } => {
            doing.step = doing.step.take().map(|step| step.map_texts(|kind, text| mask.argument(kind, text)));
            last.as_mut()
        }
        Running::Absent => None,
    };
    let Some(said) = said else { return };
    match &mut said.health {
        InstanceHealth::Unhealthy { problem } => {
            *problem = problem.clone().map_texts(|kind, text| mask.argument(kind, text));
        }
        InstanceHealth::Stuck { failure, .. } => *failure = mask.failure(failure.clone()),
        InstanceHealth::Healthy | InstanceHealth::Starting | InstanceHealth::Stopped | InstanceHealth::Unknown => {}
    }
    if let Some(coverage) = &mut said.coverage {
        mask_coverage(mask, coverage);
    }
    for drift in &mut said.drift {
        *drift = drift.clone().map_texts(|kind, text| mask.argument(kind, text));
    }
    for left in &mut said.leftovers {
        *left = left.clone().map_texts(|kind, text| mask.argument(kind, text));
    }
}

fn mask_coverage(mask: &Mask, coverage: &mut Coverage) {
    for store in &mut coverage.stores {
        if let StoreState::Missing { reason } = &mut store.state {
            *reason = reason.clone().map_texts(|kind, text| mask.argument(kind, text));
        }
    }
    for data in &mut coverage.undeclared {
        *data = data.clone().map_texts(|kind, text| mask.argument(kind, text));
    }
}

/// Bytes that are percent-encoded in a URL: RFC 3986, section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn url_encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

fn json_encoded(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    quoted.trim_matches('"').to_owned()
}

/// Returns the base64 forms of a text at each of the three offsets, without the characters that depend on its
/// neighbours.
fn base64_encoded(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for before in 0..3_usize {
        let bytes: Vec<u8> = std::iter::repeat_n(0, before).chain(text.bytes()).collect();
        let whole = bytes.len() / 3 * 3;
        let letters = BASE64.encode(&bytes[..whole]);
        // The first letters contain bits of the preceding text.
        let own = letters[[0, 2, 3][before].min(letters.len())..].to_owned();
        found.push(own.replace('+', "-").replace('/', "_"));
        found.push(own);
    }
    found.into_iter().filter(|text| text.len() >= SHORTEST_ENCODED).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::backup::{DrillCheck, DrillMade, Proof, RestoreMade, StoreDifference};

    #[track_caller]
    fn check(secret: &str, text: &str, expected: &str) {
        assert_eq!(Mask::new([secret]).apply(text.to_owned()), expected);
    }

    #[test]
    fn a_secret_is_masked_wherever_it_stands() {
        check("s3cret", "'SECRET_KEY': 's3cret', again s3cret", "'SECRET_KEY': '***', again ***");
        check("ab", "KEY=ab is too short", "KEY=ab is too short");
        check("", "nothing", "nothing");
    }

    #[test]
    fn a_secret_is_masked_as_urls_json_and_base64_write_it() {
        check("p@ss/w\"ord", "postgres://me:p%40ss%2Fw%22ord@db/x", "postgres://me:***@db/x");
        check("p@ss/w\"ord", "postgres://me:p%40ss%2fw%22ord@db/x", "postgres://me:***@db/x");
        check("p@ss/w\"ord", r#"{"key": "p@ss/w\"ord"}"#, r#"{"key": "***"}"#);
        // `me:hunter2hunter2`, as a header of HTTP has it; the edges belong to its neighbours, too.
        let masked = Mask::new(["hunter2hunter2"]).apply("Basic bWU6aHVudGVyMmh1bnRlcjI=".to_owned());
        assert!(masked.starts_with("Basic bWU6***"), "{masked}");
        let masked = Mask::new(["hunter2hunter2"]).apply("Basic YW5uYTpodW50ZXIyaHVudGVyMg==".to_owned());
        assert!(masked.contains(MASK) && !masked.contains("ZXIyaHVudGVy"), "{masked}");
    }

    #[test]
    fn a_service_that_is_called_like_its_password_is_no_secret_and_its_output_is() {
        let failed = |container: &str, output: &str| OrderFailure::ContainerExited {
            container: container.to_owned(),
            code: 1,
            output: output.to_owned(),
        };
        let mask = Mask::new(["mongo", "hunter2hunter2"]);
        assert_eq!(mask.failure(failed("mongo", "mongo")), failed("mongo", MASK));
        assert_eq!(mask.failure(failed("web-hunter2hunter2", "no")), failed("web-***", "no"));
    }

    #[test]
    fn words_in_remarks_and_in_answers_to_a_drill_are_masked() {
        let mask = Mask::new(["hunter2hunter2"]);
        let store = || "db".parse().expect("a name");
        let (at, host) = (fleet_core::time::Time(1), "lab-1".parse().expect("a name"));
        let checks = |text: &str| {
            let (question, answer) = ("select password".to_owned(), Some(text.to_owned()));
            vec![DrillCheck::Answered { store: store(), question, answer }]
        };
        let (repository, backup) = ("central".parse().expect("a name"), "ab".repeat(12).parse().expect("an id"));
        let proof = Proof { at, host, took_ms: 1, bytes: 1, checks: checks("it is hunter2hunter2"), failure: None };
        let DataResult::Drill(drill) = mask.made(DataResult::Drill(DrillMade { repository, backup, proof })) else {
            panic!("it is a drill")
        };
        assert_eq!(drill.proof.checks, checks("it is ***"));
        let notes = |text: &str| {
            vec![
                DataNote::NotCounted { failure: Box::new(OrderFailure::other(text)) },
                DataNote::NotRebuilt { store: store(), failure: Box::new(OrderFailure::other(text)) },
                DataNote::Different {
                    store: store(),
                    more: 0,
                    differences: vec![StoreDifference::Missing { object: text.to_owned() }],
                },
            ]
        };
        let restore =
            RestoreMade { backup: drill.backup, safety: vec![], took_ms: 1, bytes: 1, notes: notes("hunter2hunter2") };
        let DataResult::Restore(restore) = mask.made(DataResult::Restore(restore)) else { panic!("it is a restore") };
        assert_eq!(restore.notes, notes(MASK));
    }

    #[test]
    fn a_key_of_several_lines_is_masked_line_by_line() {
        let mask = Mask::new(["-----BEGIN KEY-----\nMIIEvQIBADAN\nBgkqhkiG9w0B\n-----END KEY-----"]);
        assert_eq!(mask.apply("MIIEvQIBADAN".to_owned()), MASK);
        assert_eq!(mask.apply("  BgkqhkiG9w0B  ".to_owned()), "  ***  ");
    }

    #[test]
    fn the_longer_secret_goes_first_and_a_cut_one_goes_too() {
        let mask = Mask::new(["hunter2", "hunter2-and-more"]);
        assert_eq!(mask.apply("hunter2-and-more hunter2".to_owned()), "*** ***");
        assert_eq!(mask.apply_to_cut("a long line hunter2-and-mo".to_owned()), "a long line ***-and-mo");
        assert_eq!(Mask::new(["hunter2-and-more"]).apply_to_cut("x hunter2-an".to_owned()), "x ***");
        assert_eq!(Mask::new(["hunter2"]).apply_to_cut("x hun".to_owned()), "x hun");
    }
}
