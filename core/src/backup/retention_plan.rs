//! Retention of an instance's backups in one repository.
//!
//! **Invariant:** backups of an earlier instance of the same name have their own retention, so that a new instance
//! displaces none of them. Nothing of an instance is removed while its newest backup is much smaller than earlier ones.
//! If drills are required and none has succeeded yet, the oldest backup stays, because it shows since when a proof is
//! missing.

use super::retention::{Retained, RetentionVerdict, retention};
use super::shrunk::{Shrunk, shrunk};
use super::{BackupKey, BackupPolicy, BackupSeen, RetentionReason};
use crate::names::BackupId;
use crate::time::Time;
use std::collections::{BTreeMap, BTreeSet};

/// The verdicts, and the reason why nothing is removed, if that was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionPlan {
    /// The newest first.
    pub retained: Vec<Retained>,
    /// Reason why nothing is forgotten.
    pub halted: Option<Shrunk>,
}

impl RetentionPlan {
    /// Returns the backups that may be removed.
    pub fn forgotten(self) -> impl Iterator<Item = BackupId> {
        self.retained.into_iter().filter(|one| !one.verdict.is_keep()).map(|one| one.key.backup)
    }
}

impl BackupPolicy {
    /// Judges the backups in one repository of an instance that was made at a moment.
    pub fn judge(
        &self,
        backups: BTreeMap<BackupKey, BackupSeen>,
        held: &BTreeSet<BackupId>,
        created: Time,
        now: Time,
    ) -> RetentionPlan {
        let is_own = |_: &BackupKey, seen: &BackupSeen| seen.began >= created;
        let (own, earlier): (BTreeMap<_, _>, BTreeMap<_, _>) =
            backups.into_iter().partition(|(key, seen)| is_own(key, seen));
        let evaluate = |of: &BTreeMap<_, _>| retention(&self.keep, self.schedule.zone(), of, held, now);
        let mut retained = evaluate(&own);
        if self.drill.is_some() {
            keep_oldest_unproven(&mut retained, &own);
        }
        let may_forget = retained.iter().any(|one| !one.verdict.is_keep());
        let halted = if may_forget { shrunk(&own, held, now) } else { None };
        if let Some(shrunk) = &halted {
            retained.iter_mut().for_each(|one| halt(&mut one.verdict, shrunk));
        }
        retained.extend(evaluate(&earlier).into_iter().map(|one| Retained { verdict: of_earlier(one.verdict), ..one }));
        RetentionPlan { retained, halted }
    }
}

fn keep_oldest_unproven(retained: &mut [Retained], own: &BTreeMap<BackupKey, BackupSeen>) {
    if own.values().any(|seen| seen.proven().is_some()) {
        return;
    }
    let oldest = retained.iter_mut().rfind(|one| own[&one.key].is_good());
    if let Some(Retained { verdict, .. }) = oldest.filter(|one| !one.verdict.is_keep()) {
        *verdict = RetentionVerdict::Keep { reasons: vec![RetentionReason::OldestUnproven] };
    }
}

fn halt(verdict: &mut RetentionVerdict, shrunk: &Shrunk) {
    if !verdict.is_keep() {
        *verdict = RetentionVerdict::Keep { reasons: vec![shrunk.into()] };
    }
}

fn of_earlier(verdict: RetentionVerdict) -> RetentionVerdict {
    let earlier = |reasons: Vec<_>| std::iter::once(RetentionReason::EarlierInstance).chain(reasons).collect();
    match verdict {
        RetentionVerdict::Keep { reasons } => RetentionVerdict::Keep { reasons: earlier(reasons) },
        RetentionVerdict::Forget { reasons } => RetentionVerdict::Forget { reasons: earlier(reasons) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::Keep;
    use crate::backup::testing::{NOW, drawn, key, policy, seen};
    use crate::units::Period;

    /// Asserts the verdicts about backups written as `AGE MIB`, of an instance of the given age.
    fn check(created: u64, lines: &str, expect: &str) {
        let one = |(number, line): (usize, &str)| {
            let mib: u64 = line.split(' ').nth(1).map_or(1, |mib| mib.parse().expect("a size"));
            (key(number), BackupSeen { bytes: mib << 20, ..seen(line) })
        };
        let backups: BTreeMap<_, _> = lines.lines().enumerate().map(one).collect();
        let policy = BackupPolicy { keep: Keep { last: 1, ..Keep::default() }, ..policy() };
        let evaluate = policy.judge(backups.clone(), &BTreeSet::new(), Time(NOW.0 - created * 3_600_000), NOW);
        let said = evaluate.retained.iter().map(|one| {
            let age = NOW.since(backups[&one.key].began).as_secs() / 3600;
            let word = if one.verdict.is_keep() { "keep" } else { "forget" };
            format!("{age}: {word}, {}", drawn(&one.verdict))
        });
        assert_eq!(said.collect::<Vec<_>>().join("\n"), expect);
    }

    #[test]
    fn those_of_an_earlier_instance_are_judged_by_themselves() {
        check(
            100,
            "50\n60\n110\n120 1 proven\n130",
            "50: keep, Newest, Last 1/1\n\
             60: forget, NotKept\n\
             110: keep, EarlierInstance, Newest, Last 1/1\n\
             120: keep, EarlierInstance, NewestProven\n\
             130: forget, EarlierInstance, NotKept",
        );
    }

    #[test]
    fn the_oldest_stays_until_a_drill_has_succeeded() {
        let lines = "50\n60\n70\n80\n900 1 damaged";
        let with = |lines: &str, drill: Option<Period>| {
            let backups: BTreeMap<_, _> =
                lines.lines().enumerate().map(|(number, line)| (key(number), seen(line))).collect();
            let policy = BackupPolicy { keep: Keep { last: 1, ..Keep::default() }, drill, ..policy() };
            let evaluate = policy.judge(backups.clone(), &BTreeSet::new(), Time(NOW.0 - 1000 * 3_600_000), NOW);
            let kept = evaluate.retained.iter().filter(|one| one.verdict.is_keep());
            kept.map(|one| (NOW.since(backups[&one.key].began).as_secs() / 3600, drawn(&one.verdict)))
                .collect::<Vec<_>>()
        };
        let weekly = Some("7d".parse().expect("a period"));
        let newest = (50, "Newest, Last 1/1".to_owned());
        assert_eq!(with(lines, weekly), [newest.clone(), (80, "OldestUnproven".to_owned())]);
        assert_eq!(with(lines, None), std::slice::from_ref(&newest), "nobody asks for proof");
        let proven = (60, "NewestProven".to_owned());
        assert_eq!(with(&lines.replace("60", "60 proven"), weekly), [newest, proven]);
    }

    #[test]
    fn one_that_became_much_smaller_stops_all_forgetting_and_it_is_said_of_each() {
        let halted = "Shrunk 1 000000000000000000000001 100";
        check(
            900,
            "50 1\n60 100\n70 90",
            &format!("50: keep, Newest, Last 1/1\n60: keep, {halted}\n70: keep, {halted}"),
        );
        check(55, "50 1\n60 100", "50: keep, Newest, Last 1/1\n60: keep, EarlierInstance, Newest, Last 1/1");
    }
}
