//! Time limit for a dependency, after which its dependents give up.

use crate::spec::{ContainerSpec, Healthcheck, Probing};
use crate::units::Period;
use std::time::Duration;

/// If the image brings the health check, or there is none to estimate from.
const UNKNOWN: Duration = Duration::from_secs(300);
/// On a slow disk the first seconds pass before a container does anything.
const PATIENCE: Duration = Duration::from_secs(60);
/// A job may be a migration, so the order's own deadline ends it.
pub const FOR_COMPLETION: Period = Period::from_secs(24 * 3600);

// The Engine's default for a check without an interval.
const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(30);
const RETRIES: u32 = 3;

/// After this time a check would have said unhealthy, and then some.
pub fn for_health(container: &ContainerSpec) -> Period {
    container.healthcheck.as_ref().map_or(UNKNOWN, of_check).into()
}

fn of_check(check: &Healthcheck) -> Duration {
    if matches!(check.test, Probing::OfImage | Probing::Disabled) {
        return UNKNOWN;
    }
    let or = |period: Option<Period>, default| period.map_or(default, Period::as_duration);
    let round = or(check.interval, INTERVAL) + or(check.timeout, TIMEOUT);
    let rounds = check.retries.unwrap_or(RETRIES).saturating_add(1);
    or(check.start_period, Duration::ZERO).saturating_add(round.saturating_mul(rounds)).saturating_add(PATIENCE)
}
