//! Destinations of log drivers: they send from the host's own network, and read the host's own files.

use super::reach::HostReach;
use crate::spec::Logging;

/// The drivers that keep lines on the host.
pub const USUAL_DRIVERS: [&str; 3] = ["json-file", "local", "journald"];
/// Driver that keeps nothing.
const NO_DRIVER: &str = "none";

/// Options that neither name an address nor a file.
const HARMLESS: [&str; 17] = [
    "max-size",
    "max-file",
    "max-buffer-size",
    "mode",
    "compress",
    "labels",
    "labels-regex",
    "env",
    "env-regex",
    "tag",
    "cache-disabled",
    "cache-max-size",
    "cache-max-file",
    "cache-compress",
    "syslog-facility",
    "syslog-format",
    "gelf-compression-type",
];

/// Returns the reaches of a container's logging.
pub fn log_reaches(service: &str, logging: &Logging) -> Vec<HostReach> {
    let Logging { driver, options } = logging;
    let service = service.to_owned();
    let named = driver.iter().filter(|driver| !driver.is_empty());
    let mut reaches: Vec<HostReach> =
        named.map(|driver| HostReach::LogDriver { service: service.clone(), driver: driver.clone() }).collect();
    let is_harmless = |option: &str| HARMLESS.contains(&option);
    reaches.extend(options.iter().filter(|(option, _)| !is_harmless(option)).map(|(option, value)| {
        let (driver, option, value) = (driver.clone(), option.clone(), value.clone());
        HostReach::LogOption { service: service.clone(), driver, option, value }
    }));
    reaches
}

/// Returns whether the policy's entries allow a log driver.
pub fn allows_driver<'a>(entries: Option<impl IntoIterator<Item = &'a str>>, driver: &str) -> bool {
    let is_it = |entry: &str| entry == "*" || entry.split('=').next() == Some(driver);
    match entries {
        None => driver == NO_DRIVER || USUAL_DRIVERS.contains(&driver),
        Some(entries) => driver == NO_DRIVER || entries.into_iter().any(is_it),
    }
}

/// Returns whether a driver's option may have a value that could be an address: only if an entry names both.
pub fn allows_option<'a>(
    entries: Option<impl IntoIterator<Item = &'a str>>,
    driver: Option<&str>,
    value: &str,
) -> bool {
    let (Some(entries), Some(driver)) = (entries, driver) else { return false };
    entries.into_iter().any(|entry| entry == "*" || entry.split_once('=') == Some((driver, value)))
}
