//! Layout of rollouts in lists and in detail.

use super::upgrades::way;
use super::{members, pairs, section};
use crate::format::{age, one_line, or_dash};
use crate::output::{Column, grid};
use crate::words::reasons::{self, shown_left_out};
use crate::words::strategy;
use fleet_core::time::Time;
use fleet_proto::v1::{MemberAction, MemberChange, MemberState, RolloutPhase, RolloutView, SteerMemberRequest};
use fleet_proto::words::word;

pub const COLUMNS: &[Column<RolloutView>] = &[
    Column::new("ROLLOUT", |rollout, _| rollout.id.clone()),
    Column::new("APP", |rollout, _| rollout.app.clone()),
    Column::new("VERSION", |rollout, _| rollout.version.clone()),
    Column::new("PHASE", |rollout, _| word::<RolloutPhase>(rollout.phase)),
    Column::new("MEMBERS", |rollout, _| counts(rollout)),
    Column::new("STARTED", |rollout, now| age(now, rollout.created_ms)),
    Column::new("BY", |rollout, _| or_dash(&rollout.by)),
    Column::wide("REASON", |rollout, _| or_dash(&reasons::phase(rollout))),
];

/// Returns the number of members in each state; zeros are left out.
pub fn counts(rollout: &RolloutView) -> String {
    let numbers = [
        (rollout.done, "done"),
        (rollout.failed, "failed"),
        (rollout.under_way, "under way"),
        (rollout.waiting, "waiting"),
        (rollout.offline, "offline"),
        (rollout.skipped, "skipped"),
    ];
    let shown = numbers.iter().filter(|(number, _)| *number > 0).map(|(number, word)| format!("{number} {word}"));
    let shown: Vec<_> = shown.collect();
    if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
}

/// Returns the plan of a change of one member: what it is, what becomes of it, and what becomes of the rollout.
pub fn member_change(change: &MemberChange, request: &SteerMemberRequest) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(member) = &change.member {
        let state = format!("{}{}", word::<MemberState>(member.state), members::reason(member));
        lines.push(format!("  {}  {}  {}  {state}", member.instance, member.host, members::versions(member)));
    }
    let becomes = match request.action() {
        MemberAction::Skip => format!("skipped: {}; what runs on its host stays as it is", request.reason),
        MemberAction::Retry | MemberAction::Unspecified => "it is tried again, under the same gates".to_owned(),
    };
    lines.push(format!("      {becomes}"));
    lines.extend(change.rollout.as_ref().map(|rollout| {
        let phase = format!("{}{}", word::<RolloutPhase>(rollout.phase), reasons::after_phase(rollout));
        format!("  {} is then {phase} ({})", rollout.id, counts(rollout))
    }));
    lines
}

/// Returns the full view of one rollout.
pub fn lines(rollout: &RolloutView, now: Time) -> Vec<String> {
    let reason = reasons::phase(rollout);
    let reason = if reason.is_empty() { reason } else { format!(": {reason}") };
    let mut lines = pairs(&[
        ("rollout", rollout.id.clone()),
        ("target", format!("{}@{}", rollout.app, rollout.version)),
        ("phase", format!("{}{reason}", word::<RolloutPhase>(rollout.phase))),
        ("members", counts(rollout)),
        ("started", format!("{} ago by {}", age(now, rollout.created_ms), or_dash(&rollout.by))),
        ("how", strategy::lines(rollout.strategy.as_ref()).join("; ")),
    ]);
    let members = rollout.members.iter().map(|member| {
        let versions = way(&member.from, &member.through, &member.to);
        let text = members::reason(member);
        let since = age(now, member.since_ms);
        vec![
            member.instance.clone(),
            member.host.clone(),
            versions,
            since,
            format!("{}{text}", word::<MemberState>(member.state)),
        ]
    });
    lines.extend(section("instances", grid(Vec::new(), members.collect())));
    let left_out =
        rollout.left_out.iter().map(|it| vec![it.instance.clone(), one_line(&shown_left_out(it.reason.as_ref()))]);
    lines.extend(section("left out", grid(Vec::new(), left_out.collect())));
    lines
}
