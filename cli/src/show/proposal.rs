//! Layout of a rollout's plan, before anything happens.

use super::section;
use super::upgrades::way;
use crate::format::{one_line, short_digest};
use crate::output::grid;
use crate::words::reasons::shown_left_out;
use crate::words::{plans, strategy};
use fleet_core::grammar::count;
use fleet_proto::v1::{Proposal, ProposedChange, Wave, WaveKind};
use fleet_proto::words::word;

/// Number of instances of a wave that are shown one by one.
const SHOWN: usize = 40;

pub fn lines(proposal: &Proposal) -> Vec<String> {
    let members: usize = proposal.waves.iter().map(|wave| wave.changes.len()).sum();
    let (instances, waves) = (count(members, "instance"), count(proposal.waves.len(), "wave"));
    let digest = short_digest(&proposal.digest);
    let mut lines = vec![format!("{} -> {} ({digest}): {instances} in {waves}", proposal.app, proposal.version)];
    lines.extend(strategy::lines(proposal.strategy.as_ref()).iter().map(|line| format!("  {}", one_line(line))));
    let mut shown = Vec::new();
    for wave in &proposal.waves {
        lines.extend(section(&heading(wave), wave_lines(wave, &mut shown)));
    }
    let left_out =
        proposal.left_out.iter().map(|it| vec![it.instance.clone(), one_line(&shown_left_out(it.reason.as_ref()))]);
    lines.extend(section("left out", grid(Vec::new(), left_out.collect())));
    lines.push(String::new());
    lines
}

fn heading(wave: &Wave) -> String {
    match wave.kind() {
        WaveKind::Canary => "canary".to_owned(),
        WaveKind::Numbered => format!("wave {}", wave.number),
        WaveKind::WhenBackOnline => "wave when back online".to_owned(),
        WaveKind::Unspecified => format!("wave {}", word::<WaveKind>(wave.kind)),
    }
}

/// Returns the instances of a wave. Changes that an earlier instance has too are not repeated.
fn wave_lines<'a>(wave: &'a Wave, shown: &mut Vec<&'a ProposedChange>) -> Vec<String> {
    let rows = grid(Vec::new(), wave.changes.iter().take(SHOWN).map(row).collect());
    let mut lines = Vec::new();
    for (change, row) in wave.changes.iter().zip(rows) {
        let same = shown.iter().find(|before| before.changes == change.changes);
        match same {
            Some(before) if !change.changes.is_empty() => lines.push(format!("{row}  as {}", before.instance)),
            Some(_) | None => {
                lines.push(row);
                lines.extend(plans::lines(&change.changes).iter().map(|line| format!("    {}", one_line(line))));
                shown.push(change);
            }
        }
    }
    if wave.changes.len() > SHOWN {
        lines.push(format!("and {} more: `--dry-run -o json` lists all", wave.changes.len() - SHOWN));
    }
    lines
}

fn row(change: &ProposedChange) -> Vec<String> {
    let offline = if change.online { "" } else { "offline: catches up when it is back" };
    let versions = way(&change.from, &change.through, &change.to);
    vec![change.instance.clone(), change.host.clone(), versions, offline.to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::planned_change::PlannedChange;
    use fleet_core::reason::LeftOutReason;
    use fleet_core::spec::RecreateReason;
    use fleet_proto::v1::{LeftOutView, RolloutStrategy};

    fn change(number: u32, online: bool) -> ProposedChange {
        ProposedChange {
            instance: format!("notes-{number}"),
            host: format!("lab-{number}"),
            from: "1.1".to_owned(),
            to: "1.2".to_owned(),
            through: Vec::new(),
            online,
            changes: vec![
                PlannedChange::ServiceRecreated {
                    service: "web".to_owned(),
                    more: 0,
                    because: vec![RecreateReason::Image("labnotes-web:1.1".to_owned(), "labnotes-web:1.2".to_owned())],
                }
                .into(),
                PlannedChange::FileChanged("docker-compose.yaml".to_owned()).into(),
            ],
        }
    }

    #[test]
    fn a_plan_shows_waves_changes_and_who_is_left_out() {
        let proposal = Proposal {
            app: "labnotes".to_owned(),
            version: "1.2".to_owned(),
            digest: format!("sha256:{}", "0a".repeat(32)),
            waves: vec![
                Wave { kind: WaveKind::Canary.into(), number: 0, changes: vec![change(1, true)] },
                Wave { kind: WaveKind::Numbered.into(), number: 1, changes: vec![change(2, true), change(10, false)] },
            ],
            left_out: vec![LeftOutView {
                instance: "notes-4".to_owned(),
                reason: Some(LeftOutReason::AlreadyThere.into()),
            }],
            strategy: Some(RolloutStrategy {
                canary: 1,
                at_once: 1,
                soak_ms: 30_000,
                max_failures: 1,
                deadline_ms: 600_000,
                ..Default::default()
            }),
            plan_digest: "d1".to_owned(),
        };
        insta::assert_snapshot!(lines(&proposal).join("\n"), @r"
        labnotes -> 1.2 (0a0a0a0a0a0a): 3 instances in 2 waves
          1 goes first, alone
          then at most 1 at once (1)
          each wave is watched for 30s
          halts when 1 failed
          one instance may take 10m

        canary
          notes-1  lab-1  1.1 -> 1.2
              web: recreated, image labnotes-web:1.1 -> labnotes-web:1.2
              file docker-compose.yaml (changed)

        wave 1
          notes-2   lab-2   1.1 -> 1.2  as notes-1
          notes-10  lab-10  1.1 -> 1.2  offline: catches up when it is back  as notes-1

        left out
          notes-4  it is at that version already
        ");
    }
}
