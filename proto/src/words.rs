//! The words of enum values in JSON and YAML: lower case, as stable as the names in the `.proto` files they are made from.
//!
//! `ROLLOUT_PHASE_DONE_BUT_OFFLINE` is `done but offline`; unspecified is the empty word; a value that this version does not know is
//! `unknown (17)`.
//!
//! A message that is a code with arguments has its words too, if the program knows any: `fleet` does.

mod wire_enum;

use crate::v1;
use serde::{Serialize, Serializer};
use std::sync::OnceLock;
pub use wire_enum::WireEnum;

/// Returns the word of a value as it came over the wire.
pub fn word<E: WireEnum>(value: i32) -> String {
    let Ok(known) = E::try_from(value) else { return format!("unknown ({value})") };
    let unspecified = E::default();
    let prefix = unspecified.proto_name().trim_end_matches("UNSPECIFIED");
    match known.proto_name().trim_start_matches(prefix) {
        "UNSPECIFIED" => String::new(),
        name => name.to_lowercase().replace('_', " "),
    }
}

/// Returns the value that has a word; `None` where this version knows no such word.
pub fn value<E: WireEnum + Into<i32>>(of: &str) -> Option<E> {
    /// More than the number of any value.
    const MOST: i32 = 1024;
    (0..MOST).filter(|number| word::<E>(*number) == of).find_map(|number| E::try_from(number).ok())
}

/// Writes the word of an enum field.
pub(crate) fn serialize<E: WireEnum, S: Serializer>(value: &i32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&word::<E>(*value))
}

/// Writes the word of an enum field that may be absent.
pub(crate) fn serialize_optional<E: WireEnum, S: Serializer>(
    value: &Option<i32>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serialize::<E, S>(value, serializer),
        None => serializer.serialize_none(),
    }
}

/// Function that makes words of a coded message; empty if it knows none.
pub type Wording = fn(CodedMessage<'_>) -> String;

static WORDING: OnceLock<Wording> = OnceLock::new();

/// Sets how this process makes words of coded messages in JSON and YAML. The first call counts.
pub fn set_wording(wording: Wording) {
    WORDING.get_or_init(|| wording);
}

/// A coded message in JSON: the code, its arguments, and the words.
#[derive(Serialize)]
pub(crate) struct CodedData {
    code: String,
    arguments: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
}

macro_rules! coded_messages {
    ($($message:ident: $code:ident),* $(,)?) => {
        /// A code with arguments.
        #[derive(Debug, Clone, Copy)]
        pub enum CodedMessage<'a> {
            $(
                #[doc = concat!("A `", stringify!($message), "`.")]
                $message(&'a v1::$message),
            )*
            /// Reason why a rollout is halted: failures rather than a code.
            HaltReason(&'a v1::HaltReason),
            /// Progress of a step: numbers rather than a code.
            Progress(&'a v1::StepProgress),
            /// Strategy of a rollout, of which the words are several lines: numbers rather than a code.
            Strategy(&'a v1::RolloutStrategy),
        }

        $(impl From<v1::$message> for CodedData {
            fn from(message: v1::$message) -> Self {
                let text = WORDING.get().map(|wording| wording(CodedMessage::$message(&message))).unwrap_or_default();
                Self { code: word::<v1::$code>(message.code), arguments: message.arguments, text }
            }
        })*
    };
}

coded_messages!(
    Activity: ActivityCode,
    AdmissionRefusal: AdmissionRefusalCode,
    ArchiveNote: ArchiveNoteCode,
    BackupRefusal: BackupRefusalCode,
    CallRefusal: CallRefusalCode,
    FileRefusal: FileRefusalCode,
    RolloutRefusal: RolloutRefusalCode,
    DataLeftover: DataLeftoverCode,
    DataNote: DataNoteCode,
    Drift: DriftCode,
    DrillCheck: DrillCheckCode,
    DumpError: DumpErrorCode,
    BackupDamage: BackupDamageCode,
    BackupDoubt: BackupDoubtCode,
    BackupProblem: BackupProblemCode,
    ChangeResult: ChangeResultCode,
    EventKind: EventCode,
    FailedStep: FailedStepCode,
    HealthProblem: HealthProblemCode,
    ToolTask: ToolTaskCode,
    VolumeHolder: VolumeHolderCode,
    Hint: HintCode,
    HostEvent: HostEventCode,
    InstanceVersion: InstanceVersionCode,
    LedgerProblem: LedgerProblemCode,
    LeftOutReason: LeftOutReasonCode,
    LinkProblem: LinkProblemCode,
    ManifestChange: ManifestChangeCode,
    ManifestError: ManifestErrorCode,
    MemberNotAsked: MemberNotAskedCode,
    MissingReply: MissingReplyCode,
    NameConflict: NameConflictCode,
    NotAskedReason: NotAskedReasonCode,
    OccupiedTarget: OccupiedTargetCode,
    OrderFailure: OrderFailureCode,
    OrderSummary: OrderSummaryCode,
    ProbeFailure: ProbeFailureCode,
    ProbeTarget: ProbeTargetCode,
    PartOwner: PartOwnerCode,
    PortHolder: PortHolderCode,
    PlannedChange: PlannedChangeCode,
    PolicyRefusal: PolicyRefusalCode,
    Problem: ProblemCode,
    QueryFailure: QueryFailureCode,
    RecreateReason: RecreateReasonCode,
    RenderingFailure: RenderingFailureCode,
    RepositoryProblem: RepositoryProblemCode,
    RestoreNote: RestoreNoteCode,
    RetentionReason: RetentionReasonCode,
    SandboxPart: SandboxPartCode,
    SideFileGap: SideFileGapCode,
    StoreDifference: StoreDifferenceCode,
    StoreGap: StoreGapCode,
    StoreProblem: StoreProblemCode,
    UncoveredData: UncoveredDataCode,
    UndeclaredData: UndeclaredDataCode,
    UndeliverableReason: UndeliverableReasonCode,
    VerifyFinding: VerifyFindingCode,
    WaitReason: WaitReasonCode,
);

/// A subject as people write it: its kind and its name.
impl From<v1::EventSubject> for String {
    fn from(subject: v1::EventSubject) -> Self {
        let v1::EventSubject { kind, name } = subject;
        match (v1::SubjectKind::try_from(kind), name.is_empty()) {
            (Ok(v1::SubjectKind::Text), _) => name,
            (_, true) => word::<v1::SubjectKind>(kind),
            (_, false) => format!("{} {name}", word::<v1::SubjectKind>(kind)),
        }
    }
}

/// A reason why a rollout is halted in JSON: its failures, and the words.
#[derive(Serialize)]
pub(crate) struct HaltData {
    in_canary: bool,
    failures: Vec<v1::MemberFailure>,
    more: u32,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
}

impl From<v1::HaltReason> for HaltData {
    fn from(message: v1::HaltReason) -> Self {
        let text = WORDING.get().map(|wording| wording(CodedMessage::HaltReason(&message))).unwrap_or_default();
        let v1::HaltReason { in_canary, failures, more } = message;
        Self { in_canary, failures, more, text }
    }
}

/// A progress in JSON: its numbers, and the words.
#[derive(Serialize)]
pub(crate) struct ProgressData {
    done: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    unit: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
}

impl From<v1::StepProgress> for ProgressData {
    fn from(message: v1::StepProgress) -> Self {
        let text = WORDING.get().map(|wording| wording(CodedMessage::Progress(&message))).unwrap_or_default();
        let v1::StepProgress { done, total, unit } = message;
        Self { done, total, unit: word::<v1::ProgressUnit>(unit), text }
    }
}

/// A strategy in JSON: the lines of words, and the values.
#[derive(Serialize)]
struct StrategyData<'a> {
    strategy: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strategy_values: Option<&'a v1::RolloutStrategy>,
}

/// Writes the strategy of a rollout.
pub(crate) fn strategy<S: Serializer>(value: &Option<v1::RolloutStrategy>, serializer: S) -> Result<S::Ok, S::Error> {
    let strategy_values = value.as_ref();
    let text = strategy_values.zip(WORDING.get()).map(|(strategy, wording)| wording(CodedMessage::Strategy(strategy)));
    let strategy = text.unwrap_or_default().lines().map(str::to_owned).collect();
    StrategyData { strategy, strategy_values }.serialize(serializer)
}

macro_rules! lines {
    ($($field:ident, $values:ident: $message:ident;)*) => {
        $(#[doc = concat!("Writes `", stringify!($field), "` as lines of words, and beside them the values.")]
        pub(crate) fn $field<S: Serializer>(all: &[v1::$message], serializer: S) -> Result<S::Ok, S::Error> {
            #[derive(Serialize)]
            struct Lines {
                $field: Vec<String>,
                $values: Vec<CodedData>,
            }
            let $values: Vec<CodedData> = all.iter().cloned().map(Into::into).collect();
            let $field = $values.iter().map(|one| one.text.clone()).collect();
            Lines { $field, $values }.serialize(serializer)
        })*
    };
}

lines! {
    changes, changes_values: PlannedChange;
    plan, plan_values: PlannedChange;
    puts_back, puts_back_values: PlannedChange;
    checks, checks_values: DrillCheck;
    notes, notes_values: DataNote;
    lines, lines_values: ManifestChange;
    uncovered, uncovered_values: UncoveredData;
}

/// Writes the damage of a backup as words, empty without any, and beside them the value.
pub(crate) fn damaged<S: Serializer>(damage: &Option<v1::BackupDamage>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct DamageData {
        damaged: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        damaged_value: Option<CodedData>,
    }
    let damaged_value: Option<CodedData> = damage.clone().map(Into::into);
    let damaged = damaged_value.as_ref().map(|damage| damage.text.clone()).unwrap_or_default();
    DamageData { damaged, damaged_value }.serialize(serializer)
}

/// Writes why a backup stays or goes as one line of words, and beside it the values.
pub(crate) fn why<S: Serializer>(reasons: &[v1::RetentionReason], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct WhyData {
        why: String,
        why_values: Vec<CodedData>,
    }
    let why_values: Vec<CodedData> = reasons.iter().cloned().map(Into::into).collect();
    let why = why_values.iter().map(|reason| reason.text.as_str()).collect::<Vec<_>>().join(", ");
    WhyData { why, why_values }.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_the_word_of_its_name() {
        let phase = |phase: v1::RolloutPhase| word::<v1::RolloutPhase>(phase.into());
        assert_eq!(phase(v1::RolloutPhase::DoneButOffline), "done but offline");
        assert_eq!(phase(v1::RolloutPhase::Unspecified), "");
        assert_eq!(word::<v1::InstanceHealth>(v1::InstanceHealth::Unknown.into()), "unknown");
        assert_eq!(word::<v1::RolloutPhase>(17), "unknown (17)");
        assert_eq!(value("done but offline"), Some(v1::RolloutPhase::DoneButOffline));
        assert_eq!(value::<v1::RolloutPhase>("unknown (17)"), None);
    }

    #[test]
    fn json_has_words_and_no_numbers() {
        let view = v1::RolloutView { phase: v1::RolloutPhase::OutsideItsWindow.into(), ..Default::default() };
        let json = serde_json::to_value(&view).expect("it is a message");
        assert_eq!(json["phase"], "outside its window");
    }

    #[test]
    fn json_has_the_values_of_a_strategy_beside_its_lines() {
        let strategy = v1::RolloutStrategy { canary: 1, at_once: 2, at_once_percent: Some(25), ..Default::default() };
        let json =
            |strategy| serde_json::to_value(v1::Proposal { strategy, ..Default::default() }).expect("it is a message");
        let shown = json(Some(strategy));
        assert!(shown["strategy"].is_array(), "{shown}");
        assert_eq!(
            (&shown["strategy_values"]["at_once"], &shown["strategy_values"]["at_once_percent"]),
            (&2.into(), &25.into())
        );
        assert_eq!(json(None)["strategy"], serde_json::json!([]));
    }

    #[test]
    fn json_has_the_reasons_of_the_retention_beside_their_words() {
        let reason = v1::RetentionReason { code: v1::RetentionReasonCode::Held.into(), arguments: Vec::new() };
        let copy = v1::BackupCopyView { why: vec![reason], ..Default::default() };
        let json = serde_json::to_value(&copy).expect("it is a message");
        assert!(json["why"].is_string(), "{json}");
        assert_eq!(json["why_values"][0]["code"], "held");
    }

    #[test]
    fn json_has_the_values_of_a_plan_beside_its_lines() {
        let change =
            v1::PlannedChange { code: v1::PlannedChangeCode::ServiceCreated.into(), arguments: vec!["web".to_owned()] };
        let view = v1::ProposedChange { changes: vec![change], ..Default::default() };
        let json = serde_json::to_value(&view).expect("it is a message");
        assert_eq!(json["changes"].as_array().map(Vec::len), Some(1), "{json}");
        assert_eq!(json["changes_values"][0]["code"], "service created");
        assert_eq!(json["changes_values"][0]["arguments"], serde_json::json!(["web"]));
    }
}
