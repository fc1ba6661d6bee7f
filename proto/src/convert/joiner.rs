//! Kind of subject that a joining machine wants to be.

use super::ConvertError;
use crate::v1;
use fleet_core::access::Joiner;

impl From<Joiner> for v1::Joiner {
    fn from(joiner: Joiner) -> Self {
        match joiner {
            Joiner::Host => Self::Host,
            Joiner::Operator => Self::Operator,
        }
    }
}

/// Parses the kind of a joining machine. Returns nothing if none is stated: an older program joins as its token's kind.
pub fn incoming_joiner(number: i32) -> Result<Option<Joiner>, ConvertError> {
    match v1::Joiner::try_from(number) {
        Ok(v1::Joiner::Unspecified) => Ok(None),
        Ok(v1::Joiner::Host) => Ok(Some(Joiner::Host)),
        Ok(v1::Joiner::Operator) => Ok(Some(Joiner::Operator)),
        Err(_) => Err(ConvertError::Unknown { field: "joiner" }),
    }
}
