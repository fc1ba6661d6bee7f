//! The fleet on one screen.

use super::members::{colour_of_phase, reason, versions};
use super::rollouts::counts;
use super::{hosts, instances};
use crate::format::one_line;
use crate::output::{Format, table};
use crate::painted::{Colour, Painted};
use crate::words::reasons::after_phase;
use crate::words::{hints, problems, subject};
use fleet_core::grammar::count;
use fleet_core::time::Time;
use fleet_proto::v1::{MemberState, RolloutPhase, RolloutView, Status, VersionCount};
use fleet_proto::words::word;

/// Maximum number of lines of hosts, of instances, and of problems.
const SHOWN: usize = 20;

pub fn lines(status: &Status, now: Time) -> Vec<Painted> {
    let mut lines = tallies(status);
    lines.extend(attention(status));
    lines.extend(under_way(status));
    let shown_hosts = &status.host_lines[..status.host_lines.len().min(SHOWN)];
    let shown_instances = &status.instance_lines[..status.instance_lines.len().min(SHOWN)];
    let tables = [
        (table(shown_hosts, hosts::COLUMNS, Format::Table, now), status.hosts as usize, shown_hosts.len(), "host"),
        (
            table(shown_instances, instances::COLUMNS, Format::Table, now),
            status.instances as usize,
            shown_instances.len(),
            "instance",
        ),
    ];
    for (rows, all, shown, noun) in tables {
        if shown == 0 {
            continue;
        }
        lines.push(Painted::plain(""));
        lines.extend(rows.into_iter().map(Painted::plain));
        if all > shown {
            let more = format!("and {} more: `fleet {noun} ls`", all - shown);
            lines.push(Painted::of(Colour::Grey, more));
        }
    }
    lines
}

fn tallies(status: &Status) -> Vec<Painted> {
    let share = |good: u32, all: u32, word: &str, noun: &str| {
        let colour = if good < all { Colour::Yellow } else { Colour::Green };
        Painted::plain(format!("{noun:11}")).and_in(colour, format!("{good} of {all} {word}"))
    };
    let mut lines = vec![
        share(status.hosts_online, status.hosts, "online", "hosts"),
        share(status.instances_healthy, status.instances, "healthy", "instances"),
    ];
    let versions = status.versions.iter();
    let name = |it: &VersionCount| match it.version.as_str() {
        "" => format!("{} unknown on {}", it.app, it.instances),
        version => format!("{}@{version} on {}", it.app, it.instances),
    };
    let versions: Vec<_> = versions.map(name).collect();
    if !versions.is_empty() {
        lines.push(Painted::plain(format!("{:11}{}", "versions", one_line(&versions.join(", ")))));
    }
    lines.extend(backups(status));
    lines
}

/// Returns the number of instances at each level of backup health, or that no backups are wanted.
fn backups(status: &Status) -> Option<Painted> {
    let tally = status.backups.as_ref().filter(|_| status.instances > 0)?;
    let line = Painted::plain(format!("{:11}", "backups"));
    if !tally.has_policy {
        return Some(line.and_in(Colour::Yellow, "no policy: `fleet backup policy set daily --all`"));
    }
    let wrong =
        [(tally.never, "never"), (tally.failing, "failing"), (tally.late, "late"), (tally.uncovered, "uncovered")];
    let wrong = wrong.iter().filter(|(number, _)| *number > 0).map(|(number, word)| format!(", {number} {word}"));
    let colour = if tally.ok < status.instances { Colour::Yellow } else { Colour::Green };
    let text = format!("{} of {} ok{}", tally.ok, status.instances, wrong.collect::<String>());
    Some(line.and_in(colour, text))
}

fn attention(status: &Status) -> Vec<Painted> {
    if status.attention.is_empty() {
        return vec![Painted::plain(format!("{:11}", "attention")).and_in(Colour::Green, "nothing needs a person")];
    }
    let mut lines = vec![Painted::plain(""), Painted::of(Colour::Red, "needs a person")];
    for matter in status.attention.iter().take(SHOWN) {
        let (subject, text) = (subject(matter.subject.as_ref()), problems::shown(matter.problem.as_ref()));
        lines.push(Painted::plain(format!("  {}: {}", one_line(&subject), one_line(&text))));
        let hint = hints::shown(matter.hint.as_ref());
        if !hint.is_empty() {
            lines.push(Painted::of(Colour::Grey, format!("    {}", one_line(&hint))));
        }
    }
    let more = status.attention.len().saturating_sub(SHOWN);
    if more > 0 {
        lines.push(Painted::plain(format!("  and {} more", count(more, "matter"))));
    }
    lines
}

fn under_way(status: &Status) -> Vec<Painted> {
    if status.rollouts.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![Painted::plain(""), Painted::of(Colour::Bold, "rollouts")];
    for rollout in &status.rollouts {
        lines.push(rollout_line(rollout));
        let busy = rollout.members.iter().filter(|member| member.state() == MemberState::UnderWay).take(SHOWN);
        lines.extend(busy.map(|member| {
            let reason = reason(member);
            Painted::plain(format!("    {} on {}  {}{reason}", member.instance, member.host, versions(member)))
        }));
    }
    lines
}

fn rollout_line(rollout: &RolloutView) -> Painted {
    let why = after_phase(rollout);
    Painted::plain(format!("  {}  {}@{}  ", rollout.id, rollout.app, rollout.version))
        .and_in(colour_of_phase(rollout.phase()), word::<RolloutPhase>(rollout.phase))
        .and(format!("{why} ({})", counts(rollout)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::activity::Activity;
    use fleet_core::event::EventSubject;
    use fleet_core::facts::StepProgress;
    use fleet_core::hint::Hint;
    use fleet_core::names::HostName;
    use fleet_core::problem::Problem;
    use fleet_proto::v1::{Attention, HostLink, HostView, InstanceHealth, InstanceView, MemberView};

    fn shown(status: &Status) -> String {
        lines(status, Time(100_000)).iter().map(|line| line.text(false)).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_new_fleet_is_calm() {
        insta::assert_snapshot!(shown(&Status::default()), @r"
        hosts      0 of 0 online
        instances  0 of 0 healthy
        attention  nothing needs a person
        ");
    }

    fn host(number: u32, link: HostLink) -> HostView {
        HostView {
            name: format!("lab-{number}"),
            link: link.into(),
            since_ms: 40_000,
            instances: vec![format!("notes-{number}")],
            ..Default::default()
        }
    }

    fn instance(number: u32, health: InstanceHealth) -> InstanceView {
        InstanceView {
            name: format!("notes-{number}"),
            host: format!("lab-{number}"),
            app: "labnotes".to_owned(),
            version: "1.1".to_owned(),
            health: health.into(),
            host_online: number == 1,
            ..Default::default()
        }
    }

    fn rollout() -> RolloutView {
        RolloutView {
            id: "labnotes-3".to_owned(),
            app: "labnotes".to_owned(),
            version: "1.2".to_owned(),
            phase: RolloutPhase::Running.into(),
            under_way: 1,
            waiting: 1,
            members: vec![MemberView {
                instance: "notes-1".to_owned(),
                host: "lab-1".to_owned(),
                from: "1.1".to_owned(),
                to: "1.2".to_owned(),
                state: MemberState::UnderWay.into(),
                doing: Some(Activity::Pull("web".to_owned()).into()),
                progress: Some(StepProgress::of_bytes(3_000_000, Some(12_000_000)).into()),
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    #[test]
    fn what_needs_a_person_stands_first() {
        let away: Option<HostName> = "lab-2".parse().ok();
        let status = Status {
            hosts: 30,
            hosts_online: 29,
            instances: 2,
            instances_healthy: 1,
            host_lines: vec![host(2, HostLink::Offline), host(1, HostLink::Online)],
            instance_lines: vec![instance(2, InstanceHealth::Unknown), instance(1, InstanceHealth::Healthy)],
            rollouts: vec![rollout()],
            attention: vec![Attention {
                subject: away.as_ref().map(|host| (&EventSubject::from(host)).into()),
                problem: Some(Problem::Offline { since: Time(0) }.into()),
                hint: away.map(|host| Hint::ShowHost(host).into()),
            }],
            versions: vec![VersionCount { app: "labnotes".to_owned(), version: "1.1".to_owned(), instances: 2 }],
            ..Default::default()
        };
        insta::assert_snapshot!(shown(&status), @r"
        hosts      29 of 30 online
        instances  1 of 2 healthy
        versions   labnotes@1.1 on 2

        needs a person
          host lab-2: offline since 1970-01-01T00:00:00Z
            see `fleet host show lab-2`

        rollouts
          labnotes-3  labnotes@1.2  running (1 under way, 1 waiting)
            notes-1 on lab-1  1.1 -> 1.2: pull web (3 of 12 MB)

        HOST   LINK     FOR  LABELS  INSTANCES
        lab-2  offline  60s  -       notes-2
        lab-1  online   60s  -       notes-1
        and 28 more: `fleet host ls`

        INSTANCE  HOST             APP       VERSION  HEALTH   NOW
        notes-2   lab-2 (offline)  labnotes  1.1      unknown  -
        notes-1   lab-1            labnotes  1.1      healthy  -
        ");
    }
}
