//! The hours in which something may happen: `Mon-Fri 22:00-04:00 Europe/Berlin`.

use crate::time::Time;
use crate::zone::Zone;
use jiff::civil::{Date, Weekday};
use jiff::{Span, ToSpan};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const MINUTES_A_DAY: i64 = 24 * 60;
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// A window that opens at all opens within this many days.
const LOOKED_AHEAD: i32 = 9;

/// A stretch of each of some days, by the clocks of a time zone. It may run past midnight.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Window {
    /// Monday first; the day on which the window opens.
    days: [bool; 7],
    /// Minutes after midnight.
    from: i64,
    to: i64,
    zone: Zone,
}

/// Text that is not a window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a window: write [DAYS ]HH:MM-HH:MM[ ZONE], such as `Mon-Fri 22:00-04:00 Europe/Berlin` or `22:00-04:00+01:00` \
     (UTC without a zone)"
)]
pub struct WindowError(String);

impl Window {
    /// The length on a day without a change of clocks.
    pub fn length(&self) -> Duration {
        Duration::from_secs(self.minutes().unsigned_abs() * 60)
    }

    fn minutes(&self) -> i64 {
        match (self.to - self.from).rem_euclid(MINUTES_A_DAY) {
            0 => MINUTES_A_DAY,
            minutes => minutes,
        }
    }

    /// Returns true where the window is open.
    pub fn is_open(&self, now: Time) -> bool {
        self.closes_at(now).is_some()
    }

    /// The end of the window that is open now.
    pub fn closes_at(&self, now: Time) -> Option<Time> {
        let today = self.zone.zoned(now)?.date();
        let yesterday = today.yesterday().ok();
        let open = [Some(today), yesterday].into_iter().flatten().filter_map(|date| self.on(date));
        open.filter(|(start, end)| *start <= now && now < *end).map(|(_, end)| end).max()
    }

    /// The next moment at which it is open: now, if it is.
    pub fn opens_at(&self, now: Time) -> Time {
        if self.is_open(now) {
            return now;
        }
        let Some(today) = self.zone.zoned(now).map(|now| now.date()) else { return now };
        let dates = (0..LOOKED_AHEAD).filter_map(|days| today.checked_add(days.days()).ok());
        let starts = dates.filter_map(|date| self.on(date)).map(|(start, _)| start);
        starts.filter(|start| *start > now).min().unwrap_or(now)
    }

    /// Returns the open period that begins on a date, if there is one. A clock that goes forward may skip all of it.
    fn on(&self, date: Date) -> Option<(Time, Time)> {
        if !self.days[index(date.weekday())] {
            return None;
        }
        let at = |minutes: i64| {
            let midnight = date.at(0, 0, 0, 0);
            midnight.checked_add(Span::new().minutes(minutes)).ok().and_then(|local| self.zone.moment(local))
        };
        let (start, end) = (at(self.from)?, at(self.from + self.minutes())?);
        (start < end).then_some((start, end))
    }
}

/// Monday first.
fn index(day: Weekday) -> usize {
    usize::try_from(day.to_monday_zero_offset()).unwrap_or(0)
}

impl FromStr for Window {
    type Err = WindowError;
    fn from_str(text: &str) -> Result<Self, WindowError> {
        read(text).ok_or_else(|| WindowError(text.chars().take(80).collect()))
    }
}

fn read(text: &str) -> Option<Window> {
    let text = text.trim();
    let (days, rest) = match text.split_once(' ').filter(|_| !text.starts_with(|first: char| first.is_ascii_digit())) {
        Some((days, rest)) => (read_days(days)?, rest.trim()),
        None => ([true; 7], text),
    };
    let (from, rest) = rest.split_once('-')?;
    let (to, zone) = rest.split_at_checked(5)?;
    let zone = match zone.trim() {
        "" | "+00:00" | "-00:00" => Zone::default(),
        zone => zone.parse().ok()?,
    };
    Some(Window { days, from: read_hour(from, 23)?, to: read_hour(to, 24)?, zone })
}

fn read_days(text: &str) -> Option<[bool; 7]> {
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day_index(first)?, day_index(last)?);
        let span = (last + 7 - first) % 7;
        (0..=span).for_each(|step| days[(first + step) % 7] = true);
    }
    Some(days)
}

fn day_index(text: &str) -> Option<usize> {
    DAYS.iter().position(|day| day.eq_ignore_ascii_case(text))
}

fn read_hour(text: &str, last_hour: i64) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let two_digits = hour.len() == 2 && minute.len() == 2;
    let (hour, minute): (i64, i64) = (hour.parse().ok()?, minute.parse().ok()?);
    let is_a_time = (0..=last_hour).contains(&hour) && (0..60).contains(&minute) && (hour < 24 || minute == 0);
    (two_digits && is_a_time).then_some(hour * 60 + minute)
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.days != [true; 7] {
            let names: Vec<&str> = DAYS.iter().zip(self.days).filter(|(_, on)| *on).map(|(day, _)| *day).collect();
            write!(f, "{} ", names.join(","))?;
        }
        write!(f, "{:02}:{:02}-{:02}:{:02}", self.from / 60, self.from % 60, self.to / 60, self.to % 60)?;
        match self.zone.as_str() {
            "UTC" => f.write_str("+00:00"),
            offset if offset.starts_with(['+', '-']) => f.write_str(offset),
            name => write!(f, " {name}"),
        }
    }
}

impl TryFrom<String> for Window {
    type Error = WindowError;
    fn try_from(text: String) -> Result<Self, WindowError> {
        text.parse()
    }
}

impl From<Window> for String {
    fn from(window: Window) -> String {
        window.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Minutes after Thursday 1970-01-08T00:00Z.
    fn at(minutes: u64) -> Time {
        Time((7 * 24 * 60 + minutes) * 60_000)
    }

    fn check(window: &str, minutes: u64, open: bool, opens_in: u64) {
        let window: Window = window.parse().expect("the window is well formed");
        assert_eq!(window.is_open(at(minutes)), open, "{window} at {}", at(minutes));
        assert_eq!(window.opens_at(at(minutes)), at(minutes + opens_in), "{window} at {}", at(minutes));
    }

    #[test]
    fn a_window_opens_and_closes() {
        check("22:00-23:00", 22 * 60, true, 0);
        check("22:00-23:00", 23 * 60, false, 23 * 60);
        check("22:00-23:00", 21 * 60, false, 60);
    }

    #[test]
    fn a_window_may_run_past_midnight() {
        check("22:00-04:00", 3 * 60, true, 0);
        check("22:00-04:00", 4 * 60, false, 18 * 60);
        check("Wed 22:00-04:00", 3 * 60, true, 0);
        check("Thu 22:00-04:00", 3 * 60, false, 19 * 60);
    }

    #[test]
    fn an_offset_moves_it() {
        check("22:00-23:00+02:00", 20 * 60, true, 0);
        check("01:00-02:00-05:00", 6 * 60, true, 0);
        check("Mon-Fri 00:00-24:00", 0, true, 0);
        check("Sat,Sun 00:00-24:00", 0, false, 2 * 24 * 60);
    }

    fn moment(text: &str) -> Time {
        crate::zone::moment(text).expect("the moment is well formed")
    }

    #[test]
    fn it_follows_the_clocks_of_its_zone() {
        let window: Window = "22:00-04:00 Europe/Berlin".parse().expect("the window is well formed");
        for (now, opens, closes) in [
            ("2026-01-10T12:00:00Z", "2026-01-10T21:00:00Z", "2026-01-11T03:00:00Z"),
            ("2026-07-10T12:00:00Z", "2026-07-10T20:00:00Z", "2026-07-11T02:00:00Z"),
            // Clocks go forward in the first night, and back in the second.
            ("2026-03-28T12:00:00Z", "2026-03-28T21:00:00Z", "2026-03-29T02:00:00Z"),
            ("2026-10-24T12:00:00Z", "2026-10-24T20:00:00Z", "2026-10-25T03:00:00Z"),
        ] {
            let opens = moment(opens);
            assert_eq!(window.opens_at(moment(now)), opens, "{now}");
            assert_eq!(window.closes_at(opens), Some(moment(closes)), "{now}");
            assert!(!window.is_open(moment(closes)), "{now}");
        }
    }

    #[test]
    fn a_time_that_is_skipped_comes_later_and_one_that_comes_twice_is_the_first() {
        let window: Window = "02:30-03:30 Europe/Berlin".parse().expect("the window is well formed");
        for (now, opens, closes) in [
            ("2026-03-29T00:00:00Z", "2026-03-29T01:30:00Z", None),
            ("2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", Some("2026-10-25T02:30:00Z")),
        ] {
            let closes = closes.map(moment);
            match closes {
                Some(closes) => {
                    assert_eq!(window.opens_at(moment(now)), moment(opens), "{now}");
                    assert_eq!(window.closes_at(moment(opens)), Some(closes), "{now}");
                }
                // 02:30 is 03:30 in that night, and so its end: it does not open.
                None => assert!(window.opens_at(moment(now)) > moment(opens), "{now}"),
            }
        }
    }

    #[test]
    fn it_reads_back_as_written_and_nonsense_is_refused() {
        for text in ["22:00-04:00+00:00", "Mon,Tue 00:00-24:00-05:30", "Sat,Sun 22:00-04:00 Europe/Berlin"] {
            assert_eq!(text.parse::<Window>().map(|w| w.to_string()), Ok(text.to_owned()));
        }
        for text in [
            "22:00-04:00 Europe/Nowhere",
            "22:00-04:00 Mon",
            "",
            "22-04",
            "22:00",
            "25:00-01:00",
            "Xyz 22:00-23:00",
            "22:00-23:00+99:00",
            "é2:00-é3:00",
        ] {
            assert!(text.parse::<Window>().is_err(), "`{text}` should be refused");
        }
    }
}
