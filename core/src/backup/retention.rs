//! Decides which backups of one instance in one repository stay and which may go, each with its reason.
//!
//! **Invariant:** these stay, independent of the policy: the newest backup, the newest that no drill failed on, the
//! newest proven one, backups on hold, those younger than a day, safety backups of restores for a month, and those that
//! no order asked for. The last kind causes no removal of others.

use super::policy::Keep;
use super::{BackupKey, BackupSeen, Cause, RetentionReason};
use crate::names::BackupId;
use crate::time::Time;
use crate::zone::Zone;
use jiff::Zoned;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
const YOUNG: Duration = DAY;
const SAFETY: Duration = Duration::from_secs(30 * 86_400);
/// Time for which damaged backups stay for inspection.
const DAMAGED: Duration = Duration::from_secs(30 * 86_400);

/// Verdict about one backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retained {
    /// Key of the backup.
    pub key: BackupKey,
    /// Verdict, with its reasons.
    pub verdict: RetentionVerdict,
}

/// Verdict of the retention about a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetentionVerdict {
    /// The backup stays.
    Keep {
        /// Reasons.
        reasons: Vec<RetentionReason>,
    },
    /// The backup may be removed.
    Forget {
        /// Reasons.
        reasons: Vec<RetentionReason>,
    },
}

impl RetentionVerdict {
    /// Returns true where the backup stays.
    pub fn is_keep(&self) -> bool {
        match self {
            Self::Keep { .. } => true,
            Self::Forget { .. } => false,
        }
    }

    /// Returns its reasons.
    pub fn reasons(&self) -> &[RetentionReason] {
        match self {
            Self::Keep { reasons } | Self::Forget { reasons } => reasons,
        }
    }
}

/// Returns the verdict about each backup, the newest first. Days are those of the time zone.
pub fn retention(
    keep: &Keep,
    zone: &Zone,
    backups: &BTreeMap<BackupKey, BackupSeen>,
    held: &BTreeSet<BackupId>,
    now: Time,
) -> Vec<Retained> {
    let mut newest_first: Vec<(&BackupKey, &BackupSeen)> = backups.iter().collect();
    newest_first.sort_by_key(|(key, seen)| Reverse((seen.began, *key)));
    let first = |is: fn(&BackupSeen) -> bool| newest_first.iter().find(|(_, seen)| is(seen)).map(|(key, _)| *key);
    let (newest, restorable) = (first(BackupSeen::is_good), first(BackupSeen::is_restorable));
    let proven = newest_first.iter().filter(|(_, seen)| seen.proven().is_some()).map(|(key, _)| *key).next();
    let mut rules = Rules::of(keep);
    let judge = |(key, seen): (&BackupKey, &BackupSeen)| {
        let mut reasons = always(seen, now);
        let is_restorable = restorable == Some(key) && newest != restorable;
        let said = [
            (newest == Some(key), RetentionReason::Newest),
            (is_restorable, RetentionReason::NewestRestorable),
            (proven == Some(key), RetentionReason::NewestProven),
            (held.contains(&key.backup), RetentionReason::Held),
            (restorable.is_none(), RetentionReason::NoGoodBackup),
            (*keep == Keep::default(), RetentionReason::NothingRemoved),
        ];
        reasons.extend(said.into_iter().filter(|(is_so, _)| *is_so).map(|(_, reason)| reason));
        if seen.is_restorable() {
            reasons.extend(rules.pick(zone.zoned(seen.began)));
        }
        let forgotten = || RetentionVerdict::Forget { reasons: vec![why_forgotten(seen, keep)] };
        let verdict = if reasons.is_empty() { forgotten() } else { RetentionVerdict::Keep { reasons } };
        Retained { key: key.clone(), verdict }
    };
    newest_first.into_iter().map(judge).collect()
}

/// Reasons that lie in a backup itself.
fn always(seen: &BackupSeen, now: Time) -> Vec<RetentionReason> {
    // Its moments are a host's word, so nothing is worked out from them.
    if !seen.asked_by.counts() {
        return vec![RetentionReason::NotAskedFor];
    }
    if seen.is_ambiguous() {
        return vec![RetentionReason::Ambiguous];
    }
    let age = now.since(seen.began);
    let mut reasons = Vec::new();
    if age < YOUNG {
        reasons.push(RetentionReason::Young);
    }
    if seen.cause == Cause::Safety && age < SAFETY {
        reasons.push(RetentionReason::SafetyBackup);
    }
    if !seen.is_restorable() && age < DAMAGED {
        let is_damaged = seen.damaged.is_some();
        reasons.push(if is_damaged { RetentionReason::DamagedLately } else { RetentionReason::FailedLately });
    }
    reasons
}

fn why_forgotten(seen: &BackupSeen, keep: &Keep) -> RetentionReason {
    match (&seen.damaged, seen.failed_drill()) {
        (Some(damage), _) => RetentionReason::Damaged(damage.clone()),
        (None, Some(failure)) => RetentionReason::NotRestorable(Box::new(failure.shortened())),
        (None, None) => RetentionReason::NotKept(*keep),
    }
}

/// The rules of a policy while backups go by, the newest first.
struct Rules([Rule; 6]);

struct Rule {
    most: u32,
    taken: u32,
    /// The hour, day … of the one that was taken last.
    last: Option<String>,
    period: Period,
}

/// Period of which a rule keeps one backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Period {
    Moment,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Period {
    /// Returns the period that a moment is in.
    fn of(self, at: &Zoned) -> String {
        match self {
            Self::Moment => at.timestamp().to_string(),
            Self::Hour => at.strftime("%Y-%m-%d %H:00%:z").to_string(),
            Self::Day => at.strftime("%Y-%m-%d").to_string(),
            Self::Week => at.strftime("%G-W%V").to_string(),
            Self::Month => at.strftime("%Y-%m").to_string(),
            Self::Year => at.strftime("%Y").to_string(),
        }
    }

    fn reason(self, number: u32, limit: u32, period: String) -> RetentionReason {
        match self {
            Self::Moment => RetentionReason::Last { number, limit },
            Self::Hour => RetentionReason::Hourly { number, limit, period },
            Self::Day => RetentionReason::Daily { number, limit, period },
            Self::Week => RetentionReason::Weekly { number, limit, period },
            Self::Month => RetentionReason::Monthly { number, limit, period },
            Self::Year => RetentionReason::Yearly { number, limit, period },
        }
    }
}

impl Rules {
    fn of(keep: &Keep) -> Self {
        let rule = |most, period| Rule { most, taken: 0, last: None, period };
        Self([
            rule(keep.last, Period::Moment),
            rule(keep.hourly, Period::Hour),
            rule(keep.daily, Period::Day),
            rule(keep.weekly, Period::Week),
            rule(keep.monthly, Period::Month),
            rule(keep.yearly, Period::Year),
        ])
    }

    /// Returns the rules that keep the next backup. A backup with an invalid time is kept.
    fn pick(&mut self, began: Option<Zoned>) -> Vec<RetentionReason> {
        let Some(began) = began else { return vec![RetentionReason::TimeUnknown] };
        self.0.iter_mut().filter_map(|rule| rule.pick(&began)).collect()
    }
}

impl Rule {
    fn pick(&mut self, began: &Zoned) -> Option<RetentionReason> {
        if self.taken >= self.most {
            return None;
        }
        let period = self.period.of(began);
        // Two of the very same moment are two all the same.
        if self.period != Period::Moment && self.last.as_ref() == Some(&period) {
            return None;
        }
        self.taken += 1;
        self.last = Some(period.clone());
        Some(self.period.reason(self.taken, self.most, period))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::testing::{NOW, drawn, key, seen};
    use proptest::prelude::*;

    fn history(lines: &str) -> (BTreeMap<BackupKey, BackupSeen>, BTreeSet<BackupId>) {
        let numbered = || lines.lines().enumerate();
        let held = numbered().filter(|(_, line)| line.contains("held")).map(|(number, _)| key(number).backup);
        (numbered().map(|(number, line)| (key(number), seen(line))).collect(), held.collect())
    }

    fn check(keep: Keep, lines: &str, expect: &str) {
        let (backups, held) = history(lines);
        let evaluate = retention(&keep, &Zone::default(), &backups, &held, NOW);
        let said = evaluate.iter().map(|one| {
            let age = NOW.since(backups[&one.key].began).as_secs() / 3600;
            let word = if one.verdict.is_keep() { "keep" } else { "forget" };
            format!("{age}: {word}, {}", drawn(&one.verdict))
        });
        assert_eq!(said.collect::<Vec<_>>().join("\n"), expect);
    }

    #[test]
    fn every_keep_and_forget_has_its_reason() {
        // This is 2026-11-18T11:06:40Z.
        let keep = Keep { last: 1, daily: 2, weekly: 2, ..Keep::default() };
        check(
            keep,
            "2\n3\n30\n40\n170\n400",
            "2: keep, Young, Newest, Last 1/1, Daily 1/2 2026-11-18, Weekly 1/2 2026-W47\n\
             3: keep, Young\n\
             30: keep, Daily 2/2 2026-11-17\n\
             40: forget, NotKept\n\
             170: keep, Weekly 2/2 2026-W46\n\
             400: forget, NotKept",
        );
    }

    #[test]
    fn some_stay_whatever_the_policy_says() {
        check(
            Keep { last: 1, ..Keep::default() },
            "50\n60\n70 proven\n80 proven\n90 held\n100 safety\n800 safety\n110 failed",
            "50: keep, Newest, Last 1/1\n\
             60: forget, NotKept\n\
             70: keep, NewestProven\n\
             80: forget, NotKept\n\
             90: keep, Held\n\
             100: keep, SafetyBackup\n\
             110: keep, FailedLately\n\
             800: forget, NotKept",
        );
    }

    #[test]
    fn what_no_order_asked_for_stays_and_lets_nothing_else_go() {
        check(
            Keep { last: 1, daily: 1, ..Keep::default() },
            "0 proven unasked\n1 proven unasked\n50\n60 proven\n70",
            "0: keep, NotAskedFor\n\
             1: keep, NotAskedFor\n\
             50: keep, Newest, Last 1/1, Daily 1/1 2026-11-16\n\
             60: keep, NewestProven\n\
             70: forget, NotKept",
        );
    }

    #[test]
    fn what_is_damaged_takes_the_place_of_none_that_is_good() {
        check(
            Keep { last: 1, ..Keep::default() },
            "50 damaged proven\n60\n70\n900 damaged",
            "50: keep, DamagedLately\n\
             60: keep, Newest, Last 1/1\n\
             70: forget, NotKept\n\
             900: forget, Damaged(Replaced)",
        );
        check(Keep { last: 1, ..Keep::default() }, "900 damaged", "900: keep, NoGoodBackup");
    }

    #[test]
    fn days_are_those_of_the_time_zone() {
        // 23:06 and 01:06 in UTC are one day in New York.
        let (backups, held) = history("36\n34");
        let days = |zone: &str| {
            let zone: Zone = zone.parse().expect("a zone");
            let evaluate = retention(&Keep { daily: 9, ..Keep::default() }, &zone, &backups, &held, NOW);
            evaluate
                .iter()
                .filter(|one| {
                    let is_daily = |reason: &RetentionReason| matches!(reason, RetentionReason::Daily { .. });
                    one.verdict.is_keep() && one.verdict.reasons().iter().any(is_daily)
                })
                .count()
        };
        assert_eq!((days("UTC"), days("America/New_York")), (2, 1));
    }

    fn histories() -> impl Strategy<Value = String> {
        let flags =
            prop::sample::select(vec!["", " proven", " failed", " damaged", " safety", " held", " damaged proven"]);
        let one = (0_u64..20_000, flags).prop_map(|(hours, flags)| format!("{hours}{flags}"));
        prop::collection::vec(one, 0..40).prop_map(|lines| lines.join("\n"))
    }

    fn keeps() -> impl Strategy<Value = Keep> {
        (1_u32..5, 0_u32..5, 0_u32..5, 0_u32..5, 0_u32..5, 0_u32..3).prop_map(
            |(last, hourly, daily, weekly, monthly, yearly)| Keep { last, hourly, daily, weekly, monthly, yearly },
        )
    }

    fn kept(keep: &Keep, lines: &str) -> BTreeMap<BackupKey, BackupSeen> {
        let (backups, held) = history(lines);
        keep_only(keep, backups, &held)
    }

    fn keep_only(
        keep: &Keep,
        mut backups: BTreeMap<BackupKey, BackupSeen>,
        held: &BTreeSet<BackupId>,
    ) -> BTreeMap<BackupKey, BackupSeen> {
        for one in retention(keep, &Zone::default(), &backups.clone(), held, NOW) {
            if !one.verdict.is_keep() {
                backups.remove(&one.key);
            }
        }
        backups
    }

    proptest! {
        #[test]
        fn the_newest_proven_the_newest_and_the_held_survive_any_policy(lines in histories(), keep in keeps()) {
            let ((backups, held), left) = (history(&lines), kept(&keep, &lines));
            let newest = |is: &dyn Fn(&BackupSeen) -> bool| {
                let those = backups.values().filter(|seen| is(seen));
                those.map(|seen| seen.began).max()
            };
            let has = |began: Option<Time>, is: &dyn Fn(&BackupSeen) -> bool| {
                began.is_none_or(|began| left.values().any(|seen| seen.began == began && is(seen)))
            };
            let proven = |seen: &BackupSeen| seen.proven().is_some();
            prop_assert!(has(newest(&proven), &proven));
            prop_assert!(has(newest(&BackupSeen::is_good), &BackupSeen::is_good));
            prop_assert!(has(newest(&BackupSeen::is_restorable), &BackupSeen::is_restorable));
            prop_assert!(backups.keys().filter(|key| held.contains(&key.backup)).all(|key| left.contains_key(key)));
            let young = backups.iter().filter(|(_, seen)| NOW.since(seen.began) < YOUNG);
            prop_assert!(young.into_iter().all(|(key, _)| left.contains_key(key)));
            prop_assert!(backups.is_empty() || !left.is_empty());
        }

        #[test]
        fn forgetting_twice_is_forgetting_once(lines in histories(), keep in keeps()) {
            let left = kept(&keep, &lines);
            let (_, held) = history(&lines);
            prop_assert_eq!(keep_only(&keep, left.clone(), &held), left);
        }

        #[test]
        fn whoever_keeps_more_keeps_all_of_that(lines in histories(), keep in keeps(), more in keeps()) {
            let sum = Keep {
                last: keep.last + more.last,
                hourly: keep.hourly + more.hourly,
                daily: keep.daily + more.daily,
                weekly: keep.weekly + more.weekly,
                monthly: keep.monthly + more.monthly,
                yearly: keep.yearly + more.yearly,
            };
            let larger = kept(&sum, &lines);
            prop_assert!(kept(&keep, &lines).keys().all(|key| larger.contains_key(key)));
        }

        #[test]
        fn there_is_a_reason_for_each(lines in histories(), keep in keeps()) {
            let (backups, held) = history(&lines);
            let evaluate = retention(&keep, &Zone::default(), &backups, &held, NOW);
            prop_assert_eq!(evaluate.len(), backups.len());
            prop_assert!(evaluate.iter().all(|one| !one.verdict.reasons().is_empty()));
        }
    }
}
