//! Schedules of backups: cron in a time zone, spread over the fleet.

use crate::names::InstanceName;
use crate::time::Time;
use crate::zone::{Zone, ZoneError};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Zoned;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Minimum distance between two slots.
const CLOSEST: Duration = Duration::from_secs(10 * 60);
/// Default maximum distance between the starts of one slot.
const SPREAD: Duration = Duration::from_secs(30 * 60);
/// Number of slots that are examined for their distance: more than two days of the closest that are allowed.
const LOOKED_AT: usize = 300;
/// Start of that examination: 2024-01-01, the first day of a leap year.
const FROM: Time = Time(1_704_067_200_000);
const NICKNAMES: [&str; 7] = ["@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"];

/// A cron pattern in a time zone: `TZ=Europe/Berlin 5 4 * * *`, without `TZ=` in UTC.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Schedule {
    pattern: Box<str>,
    zone: Zone,
    cron: Box<Cron>,
    /// The shortest time between two slots.
    shortest: Duration,
}

/// Reason why a schedule is not usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Text that is not a cron pattern.
    #[error("`{text}` is not a schedule: {reason}; write five or six fields, such as `5 4 * * *`, or @daily")]
    Pattern {
        /// The pattern.
        text: String,
        /// Reason, as the library gives it.
        reason: String,
    },
    /// Pattern that never comes.
    #[error("`{0}` never comes")]
    Never(String),
    /// Pattern that comes too often.
    #[error("`{0}` comes more often than every 10 minutes")]
    TooOften(String),
    /// Text that is not a time zone.
    #[error(transparent)]
    Zone(#[from] ZoneError),
}

/// Slots around a moment, computed once for all instances of a policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slots {
    /// The latest that is not after the moment; the one before it, while starts may still be moved.
    pub latest: Option<Time>,
    /// Last slot, if there is one.
    pub before: Option<Time>,
    /// Next slot, if there is one.
    pub next: Option<Time>,
}

impl Slots {
    /// Returns the latest slot that has begun for an instance whose starts are moved by `shift`.
    pub fn begun(&self, shift: Duration, now: Time) -> Option<Time> {
        self.latest.filter(|slot| slot.after(shift) <= now).or(self.before)
    }

    /// Returns the beginning of the next slot for such an instance.
    pub fn coming(&self, shift: Duration, now: Time) -> Option<Time> {
        let starts = [self.latest, self.next].into_iter().flatten().map(|slot| slot.after(shift));
        starts.into_iter().find(|start| *start > now)
    }
}

impl Schedule {
    /// Reads a cron pattern, which counts in a time zone.
    ///
    /// # Errors
    /// Fails where the pattern is not valid, never comes, or comes too often.
    pub fn new(pattern: &str, zone: Zone) -> Result<Self, ScheduleError> {
        let shown = || pattern.chars().take(80).collect::<String>();
        let wrong = |reason: String| ScheduleError::Pattern { text: shown(), reason };
        let fields: Vec<&str> = pattern.split_whitespace().collect();
        match fields.as_slice() {
            [nickname] if NICKNAMES.contains(nickname) => {}
            [word] if word.starts_with('@') => return Err(wrong(format!("use one of {}", NICKNAMES.join(", ")))),
            fields if !(5..=6).contains(&fields.len()) => return Err(wrong(format!("it has {} fields", fields.len()))),
            _ if pattern.len() > 200 => return Err(wrong("it is too long".to_owned())),
            _ => {}
        }
        let pattern = fields.join(" ");
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let cron = Box::new(parser.parse(&pattern).map_err(|error| wrong(error.to_string()))?);
        let mut schedule = Self { pattern: pattern.into(), zone, cron, shortest: Duration::MAX };
        schedule.shortest = schedule.closest().ok_or_else(|| ScheduleError::Never(shown()))?;
        if schedule.shortest < CLOSEST { Err(ScheduleError::TooOften(shown())) } else { Ok(schedule) }
    }

    /// Returns the time zone.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The shortest time between two slots.
    pub fn shortest(&self) -> Duration {
        self.shortest
    }

    /// Returns the pattern as it was written.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The first slot after a moment.
    pub fn next(&self, after: Time) -> Option<Time> {
        let found = self.cron.find_next_occurrence(&self.zone.zoned(after)?, false).ok()?;
        moment(&found)
    }

    /// The last slot at a moment or before.
    pub fn latest(&self, at: Time) -> Option<Time> {
        let found = self.cron.find_previous_occurrence(&self.zone.zoned(at)?, true).ok()?;
        moment(&found)
    }

    /// Returns the slots around a time.
    pub fn slots(&self, now: Time) -> Slots {
        let latest = self.latest(now);
        // A start is moved by at most half of the time between two slots, so older slots do not matter.
        let is_near = |slot: &Time| now.since(*slot) <= self.shortest / 2;
        let before = latest.filter(is_near).and_then(|slot| self.latest(Time(slot.0.checked_sub(1)?)));
        Slots { latest, before, next: self.next(now) }
    }

    /// Returns the offset of an instance's starts, so that not all begin at once: always the same, at most half of the
    /// time between two slots.
    pub fn shift(&self, name: &InstanceName, spread: Option<Duration>) -> Duration {
        let most = spread.unwrap_or(SPREAD).min(self.shortest / 2);
        let share = scattered(name.as_str()).checked_rem(most.as_secs());
        Duration::from_secs(share.unwrap_or(0))
    }

    fn closest(&self) -> Option<Duration> {
        let mut slot = self.next(FROM)?;
        let mut shortest = Duration::from_secs(366 * 86_400);
        for _ in 0..LOOKED_AT {
            let Some(next) = self.next(slot) else { break };
            shortest = shortest.min(next.since(slot));
            slot = next;
        }
        Some(shortest)
    }
}

fn moment(found: &Zoned) -> Option<Time> {
    u64::try_from(found.timestamp().as_millisecond()).ok().map(Time)
}

/// A number that differs from name to name and is always the same for one: FNV-1a, its bits mixed once more so that
/// names that differ only at their end lie far apart.
fn scattered(name: &str) -> u64 {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern && self.zone == other.zone
    }
}

impl Eq for Schedule {}

impl FromStr for Schedule {
    type Err = ScheduleError;
    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        match text.trim().strip_prefix("TZ=").and_then(|rest| rest.split_once(' ')) {
            Some((zone, pattern)) => Self::new(pattern, zone.parse()?),
            None => Self::new(text, Zone::default()),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.zone == Zone::default() {
            return f.pad(&self.pattern);
        }
        f.pad(&format!("TZ={} {}", self.zone, self.pattern))
    }
}

impl TryFrom<String> for Schedule {
    type Error = ScheduleError;
    fn try_from(text: String) -> Result<Self, ScheduleError> {
        text.parse()
    }
}

impl From<Schedule> for String {
    fn from(schedule: Schedule) -> String {
        schedule.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        let moment: jiff::Timestamp = text.parse().unwrap_or_else(|error| panic!("`{text}`: {error}"));
        Time(u64::try_from(moment.as_millisecond()).expect("after 1970"))
    }

    fn schedule(text: &str) -> Schedule {
        text.parse().unwrap_or_else(|error| panic!("`{text}`: {error}"))
    }

    /// The slots that follow a moment, and the way back from the last of them.
    fn check(text: &str, from: &str, expect: &[&str]) {
        let schedule = schedule(text);
        let mut last = at(from);
        for slot in expect {
            let next = schedule.next(last).unwrap_or_else(|| panic!("{text} has one after {last}"));
            assert_eq!(next.to_string(), *slot, "{text} after {last}");
            assert_eq!(schedule.latest(next), Some(next), "{text}");
            last = next;
        }
        for slot in expect.iter().rev().skip(1) {
            let before = schedule.latest(Time(last.0 - 1)).expect("there is one before");
            assert_eq!(before.to_string(), *slot, "{text} before {last}");
            last = before;
        }
    }

    #[test]
    fn five_or_six_fields_and_nicknames_say_when() {
        let now = "2026-11-20T13:00:00Z";
        check("5 4 * * *", now, &["2026-11-21T04:05:00Z", "2026-11-22T04:05:00Z"]);
        check("30 5 4 * * *", now, &["2026-11-21T04:05:30Z", "2026-11-22T04:05:30Z"]);
        check("@hourly", now, &["2026-11-20T14:00:00Z", "2026-11-20T15:00:00Z"]);
        check("@daily", now, &["2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"]);
        check("@weekly", now, &["2026-11-22T00:00:00Z", "2026-11-29T00:00:00Z"]);
        check("@monthly", now, &["2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"]);
        check("0 3 * * MON-FRI", now, &["2026-11-23T03:00:00Z", "2026-11-24T03:00:00Z"]);
        check("0 0 29 2 *", now, &["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]);
    }

    #[test]
    fn hours_are_those_of_the_time_zone() {
        let berlin = "TZ=Europe/Berlin 5 4 * * *";
        check(
            berlin,
            "2026-03-27T12:00:00Z",
            &["2026-03-28T03:05:00Z", "2026-03-29T02:05:00Z", "2026-03-30T02:05:00Z"],
        );
        check(
            berlin,
            "2026-10-24T00:00:00Z",
            &["2026-10-24T02:05:00Z", "2026-10-25T03:05:00Z", "2026-10-26T03:05:00Z"],
        );
        check("TZ=+05:45 0 0 * * *", "2026-11-20T00:00:00Z", &["2026-11-20T18:15:00Z", "2026-11-21T18:15:00Z"]);
    }

    #[test]
    fn when_clocks_change_a_slot_comes_once() {
        // 02:30 is skipped on 2026-03-29 and comes twice on 2026-10-25.
        let berlin = schedule("TZ=Europe/Berlin 30 2 * * *");
        for (from, to) in
            [("2026-03-28T00:00:00Z", "2026-03-31T00:00:00Z"), ("2026-10-24T00:00:00Z", "2026-10-27T00:00:00Z")]
        {
            let (mut slots, mut last) = (Vec::new(), at(from));
            while let Some(next) = berlin.next(last).filter(|next| *next < at(to)) {
                slots.push(next);
                last = next;
            }
            assert_eq!(slots.len(), 3, "from {from}: {slots:?}");
        }
    }

    #[test]
    fn nonsense_and_what_comes_too_often_is_refused() {
        let refused = |text: &str| schedule_error(text);
        for text in ["", "* *", "61 * * * *", "@reboot", "@fortnightly", "0 0 0 1 1 * 2030", "0 é * * *"] {
            assert!(matches!(refused(text), ScheduleError::Pattern { .. }), "`{text}`: {:?}", refused(text));
        }
        for text in ["* * * * *", "*/5 * * * *", "0,5 4 1 1 *", "*/30 0 4 * * *", "0,59 * * * *"] {
            assert!(matches!(refused(text), ScheduleError::TooOften(_)), "`{text}`");
        }
        assert!(matches!(refused("0 0 30 2 *"), ScheduleError::Never(_)));
        assert!(matches!(refused("TZ=Europe/Nowhere 0 0 1 * *"), ScheduleError::Zone(_)));
        schedule("*/10 * * * *");
    }

    fn schedule_error(text: &str) -> ScheduleError {
        text.parse::<Schedule>().err().unwrap_or_else(|| panic!("`{text}` should be refused"))
    }

    #[test]
    fn it_reads_back_as_written() {
        for text in ["5 4 * * *", "@daily", "TZ=Europe/Berlin 5 4 * * *", "TZ=-03:00 @hourly"] {
            assert_eq!(schedule(text).to_string(), text);
            assert_eq!(schedule(text), schedule(text));
        }
    }

    #[test]
    fn sites_do_not_all_begin_at_once_and_each_begins_at_its_own_time() {
        let daily = schedule("@daily");
        let name = |number: u32| format!("lab-{number}").parse::<InstanceName>().expect("a name");
        let mut buckets = [0_u32; 6];
        for number in 0..600 {
            let shift = daily.shift(&name(number), None);
            assert_eq!(shift, daily.shift(&name(number), None));
            buckets[usize::try_from(shift.as_secs() / 300).expect("within half an hour")] += 1;
        }
        assert!(buckets.iter().all(|count| (60..=140).contains(count)), "{buckets:?}");
        let often = schedule("*/10 * * * *");
        assert!((0..600).all(|number| often.shift(&name(number), None) < Duration::from_secs(300)));
        assert_eq!(daily.shift(&name(1), Some(Duration::ZERO)), Duration::ZERO);
    }
}
