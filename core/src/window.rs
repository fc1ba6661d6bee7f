//! The hours in which something may happen: `Mon-Fri 22:00-04:00+01:00`.

use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const MINUTES_A_DAY: i64 = 24 * 60;
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// A stretch of each of some days, in a fixed offset from UTC. It may run past midnight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Window {
    /// Monday first; the day on which the window opens.
    days: [bool; 7],
    from: i64,
    to: i64,
    offset: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a window: write [DAYS ]HH:MM-HH:MM[+HH:MM], such as `Mon-Fri 22:00-04:00+01:00` (UTC without an offset)"
)]
pub struct WindowError(String);

impl Window {
    pub fn length(&self) -> Duration {
        let minutes = (self.to - self.from).rem_euclid(MINUTES_A_DAY);
        let whole_day = if minutes == 0 { MINUTES_A_DAY } else { minutes };
        Duration::from_secs(whole_day.unsigned_abs() * 60)
    }

    pub fn is_open(&self, now: Time) -> bool {
        self.opened_at(now).is_some_and(|opened| now < opened.after(self.length()))
    }

    /// The end of the window that is open now.
    pub fn closes_at(&self, now: Time) -> Option<Time> {
        self.opened_at(now).map(|opened| opened.after(self.length())).filter(|end| now < *end)
    }

    /// The next moment at which it is open: now, if it is.
    pub fn opens_at(&self, now: Time) -> Time {
        if self.is_open(now) {
            return now;
        }
        let today = self.day_number(now);
        let starts = (today..today + 9).filter(|day| self.is_on(*day)).filter_map(|day| self.start_of(day));
        starts.into_iter().find(|start| *start > now).unwrap_or(now)
    }

    /// The latest opening that is not after now.
    fn opened_at(&self, now: Time) -> Option<Time> {
        let today = self.day_number(now);
        let days = [today, today - 1].into_iter().filter(|day| self.is_on(*day));
        let mut starts = days.filter_map(|day| self.start_of(day));
        starts.find(|start| *start <= now)
    }

    fn day_number(&self, now: Time) -> i64 {
        (minutes_of(now) + self.offset).div_euclid(MINUTES_A_DAY)
    }

    /// 1970-01-01 was a Thursday.
    fn is_on(&self, day: i64) -> bool {
        self.days[usize::try_from((day + 3).rem_euclid(7)).unwrap_or(0)]
    }

    /// Nothing before 1970.
    fn start_of(&self, day: i64) -> Option<Time> {
        let minutes = day * MINUTES_A_DAY + self.from - self.offset;
        u64::try_from(minutes).ok().map(|minutes| Time(minutes * 60_000))
    }
}

fn minutes_of(now: Time) -> i64 {
    i64::try_from(now.0 / 60_000).unwrap_or(i64::MAX / 2)
}

impl FromStr for Window {
    type Err = WindowError;
    fn from_str(text: &str) -> Result<Self, WindowError> {
        read(text).ok_or_else(|| WindowError(text.chars().take(80).collect()))
    }
}

fn read(text: &str) -> Option<Window> {
    let (days, hours) = match text.trim().split_once(' ') {
        Some((days, hours)) => (read_days(days)?, hours.trim()),
        None => ([true; 7], text.trim()),
    };
    let (from, rest) = hours.split_once('-')?;
    let (to, offset) = rest.split_at_checked(5)?;
    Some(Window { days, from: read_hour(from, 23)?, to: read_hour(to, 24)?, offset: read_offset(offset)? })
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

fn read_offset(text: &str) -> Option<i64> {
    match text.trim() {
        "" | "Z" | "UTC" => Some(0),
        signed => match (signed.strip_prefix('+'), signed.strip_prefix('-')) {
            (Some(ahead), _) => read_hour(ahead, 14),
            (None, Some(behind)) => read_hour(behind, 14).map(|minutes| -minutes),
            (None, None) => None,
        },
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.days != [true; 7] {
            let names: Vec<&str> = DAYS.iter().zip(self.days).filter(|(_, on)| *on).map(|(day, _)| *day).collect();
            write!(f, "{} ", names.join(","))?;
        }
        write!(f, "{:02}:{:02}-{:02}:{:02}", self.from / 60, self.from % 60, self.to / 60, self.to % 60)?;
        let sign = if self.offset < 0 { '-' } else { '+' };
        write!(f, "{sign}{:02}:{:02}", self.offset.abs() / 60, self.offset.abs() % 60)
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

    #[test]
    fn it_reads_back_as_written_and_nonsense_is_refused() {
        for text in ["22:00-04:00+00:00", "Mon,Tue 00:00-24:00-05:30"] {
            assert_eq!(text.parse::<Window>().map(|w| w.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "22-04", "22:00", "25:00-01:00", "Xyz 22:00-23:00", "22:00-23:00+99:00", "é2:00-é3:00"] {
            assert!(text.parse::<Window>().is_err(), "`{text}` should be refused");
        }
    }
}
