//! Reasons why orders fail, and their codes.

use super::arguments::{Argument, coded_message};
use super::bounded;
use crate::v1;
use fleet_core::order_failure::OrderFailure;

/// The most levels of failures in failures that are taken in.
const DEPTH_LIMIT: usize = 8;

coded_message! {
    OrderFailure, OrderFailure, OrderFailureCode, incoming_order_failure:
    Other { text },
    UnknownOutcome,
    WayBackFailed { because, failure },
}

/// Reads the failure of an outcome. Of one that this version does not know, the arguments are kept as a text.
pub(super) fn incoming_failure(message: Option<v1::OrderFailure>) -> OrderFailure {
    let message = message.unwrap_or_default();
    let unknown = OrderFailure::other(bounded(message.arguments.join(", ")));
    incoming_order_failure(message).filter(|failure| failure.depth() <= DEPTH_LIMIT).unwrap_or(unknown)
}
