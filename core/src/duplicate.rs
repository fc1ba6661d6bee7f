//! Two machines with one identity: decided from which starts of an agent greeted the coordinator, and in which order.
//!
//! Each start of an agent has a random id. A restart takes over once, from a start that never comes back; a flaky link
//! brings the same start again. Two machines take the connection from each other, and a start that had been replaced
//! comes back: no single machine does that.

use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Take-overs count together if they happened within this time.
pub const WINDOW: Duration = Duration::from_secs(300);
/// The finding ends when only one start has been connected for this long, without a break.
pub const QUIET: Duration = Duration::from_secs(300);
/// This many take-overs of live connections, among them a start that came back, are two machines.
const TAKE_OVERS: usize = 3;
/// The most greetings and machines that are remembered of a host.
const REMEMBERED: usize = 16;
const SHOWN: usize = 4;
/// Digits of an id that are shown.
const DIGITS: usize = 12;

/// One greeting of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// Time of the greeting.
    pub at: Time,
    /// Random id of the agent's start; empty from an agent that does not send it.
    pub start: String,
    /// The Engine's id; empty if it is not known. A cloned machine may have the same one.
    pub engine: String,
    /// Address from which it connected.
    pub address: String,
    /// Its connection replaced one that was alive.
    pub is_takeover: bool,
}

/// A machine that connects as a host, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// First digits of the agent's start; empty from an agent that does not send it.
    pub start: String,
    /// First digits of the Engine's id; empty if it is not known.
    pub engine: String,
    /// Address from which it connected.
    pub address: String,
}

impl From<&Greeting> for Machine {
    fn from(greeting: &Greeting) -> Self {
        let first = |id: &str| id.chars().filter(|one| *one != '/' && !one.is_whitespace()).take(DIGITS).collect();
        Self { start: first(&greeting.start), engine: first(&greeting.engine), address: greeting.address.clone() }
    }
}

/// Parts with `/` between them.
impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.start, self.engine, self.address)
    }
}

impl FromStr for Machine {
    type Err = NotAMachine;

    fn from_str(text: &str) -> Result<Self, NotAMachine> {
        let mut parts = text.splitn(3, '/').map(str::to_owned);
        let mut next = || parts.next().ok_or(NotAMachine);
        Ok(Self { start: next()?, engine: next()?, address: next()? })
    }
}

/// Text that is no machine in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a machine in short is a start, an Engine and an address, with `/` between them")]
pub struct NotAMachine;

/// Greetings of one host, as far as they matter for the decision.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greetings {
    /// Oldest first; of successive greetings of one start only the first.
    recent: Vec<Greeting>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    duplicate: Option<Duplicate>,
}

/// Two machines, or more, connect as one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicate {
    /// Time at which it was found.
    pub since: Time,
    /// Latest greeting of each start that took part, newest first.
    pub machines: Vec<Greeting>,
}

/// Change caused by an observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DuplicateChange {
    /// Two machines were found.
    Began(Duplicate),
    /// One machine is left.
    Ended(Duplicate),
}

impl Greetings {
    /// Returns the two machines, if there are.
    pub fn duplicate(&self) -> Option<&Duplicate> {
        self.duplicate.as_ref()
    }

    /// Takes in a greeting.
    pub fn hear(&mut self, greeting: Greeting) -> Option<DuplicateChange> {
        if let Some(duplicate) = &mut self.duplicate {
            duplicate.machines.retain(|machine| machine.start != greeting.start);
            duplicate.machines.insert(0, greeting.clone());
            duplicate.machines.truncate(SHOWN);
        }
        if self.recent.last().is_some_and(|last| last.start == greeting.start) {
            return None;
        }
        let now = greeting.at;
        self.recent.push(greeting);
        self.recent.drain(..self.recent.len().saturating_sub(REMEMBERED));
        if self.duplicate.is_some() || !are_two(&self.recent, now) {
            return None;
        }
        let duplicate = Duplicate { since: now, machines: machines(&self.recent, now) };
        self.duplicate = Some(duplicate.clone());
        Some(DuplicateChange::Began(duplicate))
    }

    /// Ends the finding when only one start has been connected for long. `connected_since` is the time of the host's
    /// present connection; none without one. Each greeting restarts the period, also one of the last start: the others
    /// may be away for the same reason and return a little later.
    pub fn pass(&mut self, connected_since: Option<Time>, now: Time) -> Option<DuplicateChange> {
        let greeted = self.duplicate.as_ref()?.machines.first()?.at;
        if now.since(greeted.max(connected_since?)) < QUIET {
            return None;
        }
        self.forget()
    }

    /// Ends the finding because the host joined again: earlier certificates do not count any more.
    pub fn forget(&mut self) -> Option<DuplicateChange> {
        let newest = self.recent.pop();
        self.recent = newest.map(|newest| Greeting { is_takeover: false, ..newest }).into_iter().collect();
        self.duplicate.take().map(DuplicateChange::Ended)
    }
}

fn within(recent: &[Greeting], now: Time) -> impl DoubleEndedIterator<Item = &Greeting> {
    recent.iter().filter(move |greeting| now.since(greeting.at) <= WINDOW)
}

/// Tells whether live connections were taken over often enough, and a start that had been replaced came back.
fn are_two(recent: &[Greeting], now: Time) -> bool {
    let takeovers = within(recent, now).filter(|greeting| greeting.is_takeover).count();
    let mut starts = BTreeSet::new();
    // Successive greetings of one start are one entry, so the same start twice is a return.
    let has_return = within(recent, now).any(|greeting| !starts.insert(&greeting.start));
    takeovers >= TAKE_OVERS && has_return
}

/// The starts that took turns. One from before the first that came back was replaced by a restart.
fn machines(recent: &[Greeting], now: Time) -> Vec<Greeting> {
    let greetings: Vec<&Greeting> = within(recent, now).collect();
    let comes_back = |(at, one): (usize, &&Greeting)| greetings[at + 1..].iter().any(|it| it.start == one.start);
    let first = greetings.iter().enumerate().position(comes_back).unwrap_or_default();
    let mut starts = BTreeSet::new();
    let greetings = greetings[first..].iter().rev();
    greetings.copied().filter(|greeting| starts.insert(&greeting.start)).take(SHOWN).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time(1_000_000 + seconds * 1000)
    }

    /// Greetings `SECOND START`, with `!` where a live connection was replaced; returns when each finding began.
    fn heard(text: &str) -> (Greetings, Vec<u64>) {
        let (mut greetings, mut began) = (Greetings::default(), Vec::new());
        for word in text.split_whitespace() {
            let (second, start) = word.split_once(':').expect("SECOND:START");
            let second: u64 = second.parse().expect("a number");
            let greeting = Greeting {
                at: at(second),
                start: start.trim_end_matches('!').to_owned(),
                engine: "E".to_owned(),
                address: "10.0.0.1".to_owned(),
                is_takeover: start.ends_with('!'),
            };
            if greetings.hear(greeting).is_some() {
                began.push(second);
            }
        }
        (greetings, began)
    }

    #[test]
    fn two_machines_are_told_from_restarts_and_flaky_links() {
        let table: [(&str, &str, &[u64]); 13] = [
            ("one take-over is a restart", "0:a 5:b!", &[]),
            ("back once is not enough", "0:a 5:b! 8:a!", &[]),
            ("back and forth", "0:a 5:b! 8:a! 11:b!", &[11]),
            ("it is found once", "0:a 5:b! 8:a! 11:b! 14:a! 17:b!", &[11]),
            ("a link that comes and goes", "0:a 2:a! 4:a! 6:a! 8:a! 10:a!", &[]),
            ("an agent that crashes again and again", "0:a 2:b! 4:c! 6:d! 8:e! 10:f!", &[]),
            ("a clone that crashes again and again", "0:a 2:b! 4:a! 6:c! 8:a!", &[6]),
            ("three machines", "0:a 2:b! 4:c! 6:a!", &[6]),
            ("take-overs far apart", "0:a 200:b! 400:a! 600:b! 800:a!", &[]),
            ("a snapshot put back, each start alone", "0:a 10:b 20:a 30:b 40:a", &[]),
            ("an upgrade of an agent that says no id, and back", "0: 5:b! 9:!", &[]),
            ("an old agent and a new one at once", "0: 5:b! 9:! 12:b!", &[12]),
            ("flaky machines", "0:a 1:a! 2:b! 3:b! 4:a! 5:a! 6:b!", &[6]),
        ];
        for (what, text, began) in table {
            assert_eq!(heard(text).1, began, "{what}");
        }
    }

    #[test]
    fn both_machines_are_named_newest_first() {
        let (mut greetings, _) = heard("0:a 5:b! 8:a! 11:b!");
        let names = |greetings: &Greetings| -> Vec<(String, Time)> {
            let machines = &greetings.duplicate().expect("there are two").machines;
            machines.iter().map(|machine| (machine.start.clone(), machine.at)).collect()
        };
        assert_eq!(names(&greetings), [("b".to_owned(), at(11)), ("a".to_owned(), at(8))]);
        let again = Greeting { at: at(14), ..greetings.recent[0].clone() };
        assert_eq!(greetings.hear(again), None);
        assert_eq!(names(&greetings), [("a".to_owned(), at(14)), ("b".to_owned(), at(11))]);
        assert_eq!(greetings.duplicate().expect("there are two").since, at(11));
        let (greetings, _) = heard("0:x 2:a! 5:b! 8:a!");
        assert_eq!(names(&greetings).len(), 2, "the start before was ended by a restart");
    }

    #[test]
    fn it_ends_when_one_has_been_connected_alone_for_long() {
        let flaps = "0:a 5:b! 8:a! 11:b!";
        let back = "0:a 5:b! 8:a! 11:b! 400:b";
        let table = [
            ("too early", flaps, Some(11), 310, false),
            ("long enough", flaps, Some(11), 311, true),
            ("nobody is connected", flaps, None, 10_000, false),
            ("a connection that has just begun, and has not greeted", flaps, Some(9_999), 10_000, false),
            ("a connection that began later than it greeted", flaps, Some(200), 499, false),
            ("such a connection for long", flaps, Some(200), 500, true),
            ("the one that greeted last is back first after the link was down", back, Some(400), 401, false),
            ("the same, a little less than long", back, Some(400), 699, false),
            ("the same, for long", back, Some(400), 700, true),
            ("it greets again on the connection that it has", back, Some(11), 401, false),
            ("the other is back too", "0:a 5:b! 8:a! 11:b! 400:b 410:a!", Some(410), 700, false),
        ];
        for (what, text, connected_since, second, ends) in table {
            let (mut greetings, _) = heard(text);
            let change = greetings.pass(connected_since.map(at), at(second));
            assert_eq!(matches!(change, Some(DuplicateChange::Ended(_))), ends, "{what}");
            assert_eq!(greetings.duplicate().is_none(), ends, "{what}");
        }
    }

    #[test]
    fn one_that_comes_back_in_time_keeps_it_up() {
        let (mut greetings, _) = heard("0:a 5:b! 8:a! 11:b! 250:a!");
        assert_eq!(greetings.pass(Some(at(250)), at(400)), None);
        assert!(greetings.duplicate().is_some());
    }

    #[test]
    fn after_the_end_it_takes_as_much_again() {
        let (mut greetings, _) = heard("0:a 5:b! 8:a! 11:b!");
        assert!(greetings.forget().is_some());
        let greeting =
            |second, start: &str| Greeting { at: at(second), start: start.to_owned(), ..greetings.recent[0].clone() };
        let (back, forth) = (greeting(20, "a"), greeting(23, "b"));
        assert_eq!((greetings.hear(back), greetings.hear(forth)), (None, None));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let text: Vec<String> = (0..200).map(|second| format!("{second}:s{}!", second % 7)).collect();
        let (greetings, _) = heard(&text.join(" "));
        assert_eq!(greetings.recent.len(), REMEMBERED);
        assert_eq!(greetings.duplicate().expect("there are many").machines.len(), SHOWN);
    }
}
