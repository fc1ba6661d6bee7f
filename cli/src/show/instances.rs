//! Layout of instances.

use super::{pairs, section};
use crate::format::{age, or_dash, short_digest};
use crate::output::{Column, grid};
use crate::words::drift::all_shown;
use crate::words::reasons::shown_wait;
use crate::words::{coverage, failures, health, hints, problems, refusals, steps};
use fleet_core::time::Time;
use fleet_proto::v1::{
    BackupLevel, ContainerHealth, ContainerState, DriftRule, InstanceHealth, InstancePart, InstanceView, NotKnown,
    OrderOutcome,
};
use fleet_proto::words::word;

pub const COLUMNS: &[Column<InstanceView>] = &[
    Column::new("INSTANCE", |instance, _| instance.name.clone()),
    Column::new("HOST", |instance, _| host(instance)),
    Column::new("APP", |instance, _| instance.app.clone()),
    Column::new("VERSION", |instance, _| version(instance)),
    Column::new("HEALTH", |instance, _| word::<InstanceHealth>(instance.health)),
    Column::new("NOW", |instance, _| or_dash(&now_line(instance))),
    Column::wide("HEARD", |instance, now| age(now, instance.reported_ms)),
    Column::wide("DRIFT", |instance, _| or_dash(&all_shown(&instance.drift).join("; "))),
    Column::wide("RELEASE", |instance, _| or_dash(&short_digest(&instance.digest))),
    Column::wide("CREATED", |instance, now| age(now, instance.created_ms)),
];

/// Returns the present version, and the desired one if it differs.
pub fn version(instance: &InstanceView) -> String {
    let found = if instance.version.is_empty() { "?" } else { &instance.version };
    match instance.wanted_version.as_str() {
        "" => found.to_owned(),
        wanted if wanted == found => found.to_owned(),
        wanted => format!("{found} -> {wanted}"),
    }
}

fn host(instance: &InstanceView) -> String {
    if instance.host_online { instance.host.clone() } else { format!("{} (offline)", instance.host) }
}

/// Returns the most important present fact.
pub fn now_line(instance: &InstanceView) -> String {
    if instance.doing.is_some() {
        return steps::with_progress(instance.doing.as_ref(), instance.progress.as_ref());
    }
    if instance.waiting.is_some() {
        return format!("waits: {}", shown_wait(instance.waiting.as_ref()));
    }
    let reason = health::reason(instance);
    if !reason.is_empty() {
        return reason;
    }
    if !instance.drift.is_empty() {
        return format!("drift: {}", all_shown(&instance.drift).join("; "));
    }
    String::new()
}

/// Returns the full view of one instance.
pub fn lines(instance: &InstanceView, now: Time) -> Vec<String> {
    let reason =
        instance.last_failure.as_ref().map(|it| format!(": {}", failures::shown(Some(it)))).unwrap_or_default();
    let mut lines = pairs(&[
        ("instance", instance.name.clone()),
        ("host", host(instance)),
        ("app", format!("{}@{}", instance.app, version(instance))),
        ("release", instance.digest.clone()),
        ("health", parenthesised(&word::<InstanceHealth>(instance.health), &health::reason(instance))),
        ("doing", steps::with_progress(instance.doing.as_ref(), instance.progress.as_ref())),
        ("waits", shown_wait(instance.waiting.as_ref())),
        (
            "last order",
            match word::<OrderOutcome>(instance.last_outcome) {
                none if none.is_empty() => none,
                outcome => format!("{outcome}{reason}"),
            },
        ),
        ("hint", hints::shown(instance.hint.as_ref())),
        ("on drift", word::<DriftRule>(instance.drift_rule)),
        ("backups", backups(instance, now)),
        ("heard", ago(now, instance.reported_ms)),
        ("created", format!("{} ago", age(now, instance.created_ms))),
    ]);
    lines.extend(section("drift", all_shown(&instance.drift)));
    lines.extend(section("left by restores", instance.leftovers.iter().map(coverage::shown_leftover).collect()));
    lines.extend(section("containers", containers(instance)));
    lines.extend(section("values", instance.values.iter().map(|(name, value)| format!("{name}={value}")).collect()));
    lines.extend(section("volumes", instance.volumes.clone()));
    lines.extend(section("not known", instance.not_known.iter().map(not_known).collect()));
    lines
}

/// Returns the part that could not be told, and the reason.
fn not_known(part: &NotKnown) -> String {
    let reason = part.refusal.as_ref().map(refusals::shown).unwrap_or_default();
    format!("its {}: {reason}", word::<InstancePart>(part.part))
}

/// Returns the health of its backups; nothing if none are wanted and none exist.
fn backups(instance: &InstanceView, now: Time) -> String {
    let Some(standing) = &instance.backup else { return String::new() };
    if standing.newest_ms == 0 && standing.policy.is_empty() {
        return String::new();
    }
    let reasons = parenthesised(&word::<BackupLevel>(standing.word), &problems::shown_backups(&standing.reasons));
    format!("{reasons}, newest {}, proven {}", ago(now, standing.newest_ms), ago(now, standing.proven_ms))
}

fn ago(now: Time, then_ms: u64) -> String {
    if then_ms == 0 { "never".to_owned() } else { format!("{} ago", age(now, then_ms)) }
}

fn parenthesised(word: &str, reason: &str) -> String {
    if reason.is_empty() { word.to_owned() } else { format!("{word} ({reason})") }
}

fn containers(instance: &InstanceView) -> Vec<String> {
    let rows = instance.containers.iter().map(|container| {
        let state = match word::<ContainerState>(container.state) {
            none if none.is_empty() => "unknown".to_owned(),
            state => state,
        };
        let health = match container.health() {
            ContainerHealth::None => String::new(),
            ContainerHealth::Unspecified => "health unknown".to_owned(),
            checked => word::<ContainerHealth>(checked.into()),
        };
        vec![container.service.clone(), container.name.clone(), parenthesised(&state, &health), container.image.clone()]
    });
    grid(Vec::new(), rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Format, table};
    use fleet_core::activity::Activity;
    use fleet_core::data_leftover::DataLeftover;
    use fleet_core::facts::StepProgress;
    use fleet_core::hint::Hint;
    use fleet_core::reason::WaitReason;
    use fleet_core::refused_call::CallRefusal;
    use fleet_proto::v1::ContainerView;

    fn notes() -> InstanceView {
        InstanceView {
            name: "notes-1".to_owned(),
            host: "lab-1".to_owned(),
            app: "labnotes".to_owned(),
            version: "1.1".to_owned(),
            wanted_version: "1.2".to_owned(),
            health: InstanceHealth::Healthy.into(),
            doing: Some(Activity::Pull("web".to_owned()).into()),
            progress: Some(StepProgress::of_bytes(3_000_000, Some(12_000_000)).into()),
            containers: vec![ContainerView {
                service: "web".to_owned(),
                name: "notes-1-web-1".to_owned(),
                image: "labnotes-web:1.1".to_owned(),
                state: ContainerState::Running.into(),
                health: ContainerHealth::Healthy.into(),
            }],
            values: [("port".to_owned(), "8080".to_owned()), ("db_password".to_owned(), "***".to_owned())].into(),
            reported_ms: 98_000,
            host_online: true,
            volumes: vec!["notes-1_uploads".to_owned()],
            created_ms: 1000,
            drift_rule: DriftRule::Heal.into(),
            ..Default::default()
        }
    }

    #[test]
    fn a_stuck_instance_says_what_to_do_next() {
        let hint = Some(Hint::RestoreInstance("notes-1".parse().expect("a name")).into());
        let stuck = InstanceView { last_outcome: OrderOutcome::Stuck.into(), hint, ..notes() };
        let shown = lines(&stuck, Time(100_000)).join("\n");
        assert!(shown.contains("restore its data: `fleet restore notes-1`"), "{shown}");
        assert!(!lines(&notes(), Time(100_000)).join("\n").contains("hint"));
    }

    #[test]
    fn what_is_not_known_of_an_instance_is_named() {
        let refusal = CallRefusal::RenderersBusy.into();
        let not_known = vec![NotKnown { part: InstancePart::Volumes.into(), refusal: Some(refusal) }];
        let shown = lines(&InstanceView { not_known, ..notes() }, Time(100_000)).join("\n");
        assert!(shown.contains("not known\n  its volumes: others are being rendered"), "{shown}");
    }

    #[test]
    fn what_restores_left_is_named_with_the_instance() {
        let (path, cause) = ("/data/_data.before-1".to_owned(), "Operation not permitted".to_owned());
        let left = DataLeftover::NotRemoved { path, since: Time(7), cause };
        let shown = lines(&InstanceView { leftovers: vec![left.into()], ..notes() }, Time(100_000)).join("\n");
        let is_named = shown.contains("`/data/_data.before-1`: Operation not permitted");
        assert!(shown.contains("left by restores") && is_named, "{shown}");
        assert!(!lines(&notes(), Time(100_000)).join("\n").contains("left by restores"));
    }

    #[test]
    fn instances_stand_in_columns() {
        let away = InstanceView {
            name: "notes-2".to_owned(),
            host: "lab-2".to_owned(),
            app: "labnotes".to_owned(),
            health: InstanceHealth::Unknown.into(),
            waiting: Some(WaitReason::Busy { step: Some(Activity::Start("\u{1b}[2J".to_owned())) }.into()),
            ..Default::default()
        };
        let lines = table(&[notes(), away], COLUMNS, Format::Table, Time(100_000));
        insta::assert_snapshot!(lines.join("\n"), @r"
        INSTANCE  HOST             APP       VERSION     HEALTH   NOW
        notes-1   lab-1            labnotes  1.1 -> 1.2  healthy  pull web (3 of 12 MB)
        notes-2   lab-2 (offline)  labnotes  ?           unknown  waits: it is in the middle of an order: start \u001b[2J
        ");
    }

    #[test]
    fn an_instance_of_which_nothing_was_heard_says_so() {
        let unheard = InstanceView { reported_ms: 0, ..notes() };
        assert!(lines(&unheard, Time(100_000)).contains(&"heard     never".to_owned()));
    }

    #[test]
    fn an_instance_is_shown_whole() {
        insta::assert_snapshot!(lines(&notes(), Time(100_000)).join("\n"), @r"
        instance  notes-1
        host      lab-1
        app       labnotes@1.1 -> 1.2
        health    healthy
        doing     pull web (3 of 12 MB)
        on drift  heal
        heard     2s ago
        created   99s ago

        containers
          web  notes-1-web-1  running (healthy)  labnotes-web:1.1

        values
          db_password=***
          port=8080

        volumes
          notes-1_uploads
        ");
    }
}
