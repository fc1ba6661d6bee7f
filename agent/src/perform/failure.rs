//! The reason of an order's end, from the error that ended it.

use super::claims::ClaimError;
use super::data::DataError;
use super::prepare::PrepareError;
use super::work::WorkError;
use crate::ledger::LedgerError;
use fleet_core::order_failure::OrderFailure;

impl From<&PrepareError> for OrderFailure {
    fn from(error: &PrepareError) -> Self {
        Self::other(crate::chain(error))
    }
}

impl From<&ClaimError> for OrderFailure {
    fn from(error: &ClaimError) -> Self {
        Self::other(crate::chain(error))
    }
}

impl From<&WorkError> for OrderFailure {
    fn from(error: &WorkError) -> Self {
        Self::other(crate::chain(error))
    }
}

impl From<&LedgerError> for OrderFailure {
    fn from(error: &LedgerError) -> Self {
        Self::other(crate::chain(error))
    }
}

impl From<&DataError> for OrderFailure {
    fn from(error: &DataError) -> Self {
        Self::other(crate::chain(error))
    }
}
