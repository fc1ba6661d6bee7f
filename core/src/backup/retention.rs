//! Decides which backups of one instance in one repository stay and which may go, each with its reason.
//!
//! **Invariant:** these stay, independent of the policy: the newest backup, the newest that no drill failed on, the
//! newest proven one, backups on hold, those younger than a day, safety backups of restores for a month, and those that
//! no order asked for. The last kind causes no removal of others.

use super::policy::Keep;
use super::{BackupKey, BackupSeen, Cause};
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
        /// Reasons, for people.
        reasons: Vec<String>,
    },
    /// The backup may be removed.
    Forget {
        /// Reason, for people.
        reason: String,
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

    /// Returns all of its reasons in one line.
    pub fn words(&self) -> String {
        match self {
            Self::Keep { reasons } => reasons.join(", "),
            Self::Forget { reason } => reason.clone(),
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
            (newest == Some(key), "the newest"),
            (is_restorable, "the newest that no drill failed on"),
            (proven == Some(key), "the newest proven"),
        ];
        reasons.extend(said.into_iter().filter(|(is_so, _)| *is_so).map(|(_, reason)| reason.to_owned()));
        reasons.extend(held.contains(&key.backup).then(|| "held".to_owned()));
        if restorable.is_none() {
            reasons.push("there is no good one".to_owned());
        }
        if *keep == Keep::default() {
            reasons.push("the policy forgets nothing".to_owned());
        }
        if seen.is_restorable() {
            reasons.extend(rules.pick(zone.zoned(seen.began)));
        }
        let forgotten = || RetentionVerdict::Forget { reason: why_forgotten(seen, keep) };
        let verdict = if reasons.is_empty() { forgotten() } else { RetentionVerdict::Keep { reasons } };
        Retained { key: key.clone(), verdict }
    };
    newest_first.into_iter().map(judge).collect()
}

/// Reasons that lie in a backup itself.
fn always(seen: &BackupSeen, now: Time) -> Vec<String> {
    // Its moments are a host's word, so nothing is worked out from them.
    if !seen.asked_by.counts() {
        return vec!["no order asked for it".to_owned()];
    }
    if seen.is_ambiguous() {
        return vec!["several snapshots carry its id, and nobody noted which one it is".to_owned()];
    }
    let age = now.since(seen.began);
    let mut reasons = Vec::new();
    if age < YOUNG {
        reasons.push("younger than a day".to_owned());
    }
    if seen.cause == Cause::Safety && age < SAFETY {
        reasons.push("saved before a restore, less than 30 days ago".to_owned());
    }
    if !seen.is_restorable() && age < DAMAGED {
        let word = if seen.damaged.is_some() { "damaged" } else { "not restorable in a drill" };
        reasons.push(format!("{word}, and younger than 30 days"));
    }
    reasons
}

fn why_forgotten(seen: &BackupSeen, keep: &Keep) -> String {
    match (&seen.damaged, seen.failed_drill()) {
        (Some(damage), _) => format!("damaged: {damage}"),
        (None, Some(failure)) => format!("not restorable in a drill: {failure}"),
        (None, None) => format!("not among those that the policy keeps ({keep})"),
    }
}

/// The rules of a policy while backups go by, the newest first.
struct Rules([Rule; 6]);

struct Rule {
    name: &'static str,
    most: u32,
    taken: u32,
    /// The hour, day … of the one that was taken last.
    last: Option<String>,
    period: fn(&Zoned) -> String,
}

impl Rules {
    fn of(keep: &Keep) -> Self {
        let rule = |name, most, period| Rule { name, most, taken: 0, last: None, period };
        Self([
            rule("last", keep.last, |at| at.timestamp().to_string()),
            rule("hourly", keep.hourly, |at| at.strftime("%Y-%m-%d %H:00%:z").to_string()),
            rule("daily", keep.daily, |at| at.strftime("%Y-%m-%d").to_string()),
            rule("weekly", keep.weekly, |at| at.strftime("%G-W%V").to_string()),
            rule("monthly", keep.monthly, |at| at.strftime("%Y-%m").to_string()),
            rule("yearly", keep.yearly, |at| at.strftime("%Y").to_string()),
        ])
    }

    /// Returns the rules that keep the next backup. A backup with an invalid time is kept.
    fn pick(&mut self, began: Option<Zoned>) -> Vec<String> {
        let Some(began) = began else { return vec!["its moment cannot be told".to_owned()] };
        self.0.iter_mut().filter_map(|rule| rule.pick(&began)).collect()
    }
}

impl Rule {
    fn pick(&mut self, began: &Zoned) -> Option<String> {
        if self.taken >= self.most {
            return None;
        }
        let period = (self.period)(began);
        // Two of the very same moment are two all the same.
        if self.name != "last" && self.last.as_ref() == Some(&period) {
            return None;
        }
        self.taken += 1;
        let said = match self.name {
            "last" => format!("{} {} of {}", self.name, self.taken, self.most),
            _ => format!("{} {} of {} ({period})", self.name, self.taken, self.most),
        };
        self.last = Some(period);
        Some(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::testing::{NOW, key, seen};
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
            format!("{age}: {word}, {}", one.verdict.words())
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
            "2: keep, younger than a day, the newest, last 1 of 1, daily 1 of 2 (2026-11-18), weekly 1 of 2 (2026-W47)\n\
             3: keep, younger than a day\n\
             30: keep, daily 2 of 2 (2026-11-17)\n\
             40: forget, not among those that the policy keeps (1 last, 2 daily, 2 weekly)\n\
             170: keep, weekly 2 of 2 (2026-W46)\n\
             400: forget, not among those that the policy keeps (1 last, 2 daily, 2 weekly)",
        );
    }

    #[test]
    fn some_stay_whatever_the_policy_says() {
        check(
            Keep { last: 1, ..Keep::default() },
            "50\n60\n70 proven\n80 proven\n90 held\n100 safety\n800 safety\n110 failed",
            "50: keep, the newest, last 1 of 1\n\
             60: forget, not among those that the policy keeps (1 last)\n\
             70: keep, the newest proven\n\
             80: forget, not among those that the policy keeps (1 last)\n\
             90: keep, held\n\
             100: keep, saved before a restore, less than 30 days ago\n\
             110: keep, not restorable in a drill, and younger than 30 days\n\
             800: forget, not among those that the policy keeps (1 last)",
        );
    }

    #[test]
    fn what_no_order_asked_for_stays_and_lets_nothing_else_go() {
        check(
            Keep { last: 1, daily: 1, ..Keep::default() },
            "0 proven unasked\n1 proven unasked\n50\n60 proven\n70",
            "0: keep, no order asked for it\n\
             1: keep, no order asked for it\n\
             50: keep, the newest, last 1 of 1, daily 1 of 1 (2026-11-16)\n\
             60: keep, the newest proven\n\
             70: forget, not among those that the policy keeps (1 last, 1 daily)",
        );
    }

    #[test]
    fn what_is_damaged_takes_the_place_of_none_that_is_good() {
        check(
            Keep { last: 1, ..Keep::default() },
            "50 damaged proven\n60\n70\n900 damaged",
            "50: keep, damaged, and younger than 30 days\n\
             60: keep, the newest, last 1 of 1\n\
             70: forget, not among those that the policy keeps (1 last)\n\
             900: forget, damaged: a pack is gone",
        );
        check(Keep { last: 1, ..Keep::default() }, "900 damaged", "900: keep, there is no good one");
    }

    #[test]
    fn days_are_those_of_the_time_zone() {
        // 23:06 and 01:06 in UTC are one day in New York.
        let (backups, held) = history("36\n34");
        let days = |zone: &str| {
            let zone: Zone = zone.parse().expect("a zone");
            let evaluate = retention(&Keep { daily: 9, ..Keep::default() }, &zone, &backups, &held, NOW);
            evaluate.iter().filter(|one| one.verdict.is_keep() && one.verdict.words().contains("daily")).count()
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
            prop_assert!(evaluate.iter().all(|one| !one.verdict.words().is_empty()));
        }
    }
}
