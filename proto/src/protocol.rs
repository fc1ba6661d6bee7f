//! Versions of the wire, and the common one of two programs.
//!
//! A coordinator of protocol N serves agents and commands of N and N−1, so that an agent works with a coordinator of N−1, N and N+1.
//! Both sides work out the same with [`negotiate`].

use std::fmt;

/// Newest protocol that this program supports.
pub const PROTOCOL: u32 = 2;

/// The first protocol that promises anything. Protocol 1 was that of fleet 0.1.
const FIRST: u32 = 2;

/// Oldest protocol that this program supports.
pub const PROTOCOL_MIN: u32 = oldest_beside(PROTOCOL);

/// Product in the `user-agent` header that states a caller's protocols, as `fleet-protocol/OLDEST-NEWEST`.
const PRODUCT: &str = "fleet-protocol/";

/// Product that each program of fleet sends, even versions that did not send their protocols yet.
const PROGRAM: &str = "fleet/";

/// The value of `user-agent` of each call that this program makes.
pub fn user_agent(version: &str) -> String {
    format!("{PROGRAM}{version} {PRODUCT}{PROTOCOL_MIN}-{PROTOCOL}")
}

/// Returns the protocols of a program from its `user-agent`; nothing if it is none of fleet's programs.
pub fn protocols_of(user_agent: &str) -> Option<ProtocolRange> {
    let mut products = user_agent.split(' ');
    if let Some(said) = products.clone().find_map(|product| product.strip_prefix(PRODUCT)) {
        let (oldest, newest) = said.split_once('-').unwrap_or((said, said));
        return Some(ProtocolRange::said(newest.parse().ok()?, oldest.parse().ok()?));
    }
    products.any(|product| product.starts_with(PROGRAM)).then_some(ProtocolRange { oldest: 1, newest: 1 })
}

const fn oldest_beside(newest: u32) -> u32 {
    if newest > FIRST { newest - 1 } else { FIRST }
}

/// Range of protocols that a program supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProtocolRange {
    /// Oldest protocol.
    pub oldest: u32,
    /// Newest protocol.
    pub newest: u32,
}

impl ProtocolRange {
    /// The protocols of this program.
    pub const OWN: Self = Self { oldest: PROTOCOL_MIN, newest: PROTOCOL };

    /// Returns the range that a peer sends. One without an oldest protocol supports only its newest.
    pub fn said(newest: u32, oldest: u32) -> Self {
        let oldest = if oldest == 0 || oldest > newest { newest } else { oldest };
        Self { oldest, newest }
    }

    /// Parses the output of [`fmt::Display`].
    pub fn read(text: &str) -> Option<Self> {
        let (oldest, newest) = text.split_once(" to ").unwrap_or((text, text));
        Some(Self { oldest: oldest.parse().ok()?, newest: newest.parse().ok()? })
    }
}

impl fmt::Display for ProtocolRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.oldest == self.newest {
            true => write!(f, "{}", self.newest),
            false => write!(f, "{} to {}", self.oldest, self.newest),
        }
    }
}

/// Side that must be upgraded before two programs can communicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooOld {
    /// This program.
    Own,
    /// The other program.
    Other,
}

/// Returns the newest protocol that both sides support.
///
/// # Errors
/// The side that is too old, where there is none.
pub fn negotiate(own: ProtocolRange, other: ProtocolRange) -> Result<u32, TooOld> {
    if other.newest < own.oldest {
        Err(TooOld::Other)
    } else if own.newest < other.oldest {
        Err(TooOld::Own)
    } else {
        Ok(own.newest.min(other.newest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program whose newest protocol is this.
    fn of(newest: u32) -> ProtocolRange {
        ProtocolRange { oldest: oldest_beside(newest), newest }
    }

    #[test]
    fn programs_that_are_one_protocol_apart_speak_the_older_one_and_the_older_is_told_otherwise() {
        let first = ProtocolRange::said(1, 0);
        let cases = [
            (of(7), of(7), Ok(7)),
            (of(7), of(6), Ok(6)),
            (of(7), of(8), Ok(7)),
            (of(7), of(5), Err(TooOld::Other)),
            (of(7), of(9), Err(TooOld::Own)),
            (of(2), of(2), Ok(2)),
            (of(2), of(3), Ok(2)),
            (of(2), of(4), Err(TooOld::Own)),
            (of(2), first, Err(TooOld::Other)),
            (of(3), first, Err(TooOld::Other)),
            (of(2), ProtocolRange::said(2, 0), Ok(2)),
            (of(2), ProtocolRange::said(0, 0), Err(TooOld::Other)),
            (of(7), ProtocolRange::said(7, 9), Ok(7)),
        ];
        for (own, other, expect) in cases {
            assert_eq!(negotiate(own, other), expect, "{own} with {other}");
            let seen_from_there = expect.map_err(|side| match side {
                TooOld::Own => TooOld::Other,
                TooOld::Other => TooOld::Own,
            });
            assert_eq!(negotiate(other, own), seen_from_there, "{other} with {own}");
        }
        assert_eq!(ProtocolRange::OWN, of(PROTOCOL));
    }

    #[test]
    fn the_protocols_of_a_caller_are_in_its_user_agent() {
        let own = format!("{} tonic/0.14.2", user_agent("0.2.0"));
        let cases = [
            (own.as_str(), Some(ProtocolRange::OWN)),
            ("fleet/0.3.0 fleet-protocol/6-7 tonic/1.0.0", Some(of(7))),
            ("fleet/0.1.0 tonic/0.14.2", Some(ProtocolRange::said(1, 0))),
            ("grpcurl/1.9.1 grpc-go/1.61.0", None),
            ("", None),
        ];
        for (said, expect) in cases {
            assert_eq!(protocols_of(said), expect, "{said}");
        }
    }

    #[test]
    fn a_range_is_read_as_it_was_written() {
        for range in [of(2), of(7), ProtocolRange::said(1, 0)] {
            assert_eq!(ProtocolRange::read(&range.to_string()), Some(range));
        }
    }
}
