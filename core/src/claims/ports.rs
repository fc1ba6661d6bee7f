//! Ports of a host that two containers cannot both have.

use crate::spec::PortSpec;
use std::net::IpAddr;

/// Tells whether two containers would open the same port of the host.
pub fn overlap(one: &PortSpec, other: &PortSpec) -> bool {
    let is_same = one.host.is_some() && one.host == other.host && one.protocol == other.protocol;
    is_same && addresses_overlap(one.address.as_deref(), other.address.as_deref())
}

/// No address means all of them; `0.0.0.0` and `::` mean all of their family.
fn addresses_overlap(one: Option<&str>, other: Option<&str>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return true };
    let read = |text: &str| text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    match (read(one), read(other)) {
        (Some(one), Some(other)) => {
            let is_everywhere = one.is_unspecified() || other.is_unspecified();
            one == other || is_everywhere && one.is_ipv4() == other.is_ipv4()
        }
        // A text that is no address could mean any.
        (None, _) | (_, None) => true,
    }
}

/// A port as people write it: `127.0.0.1:8080/tcp`.
pub fn name(port: &PortSpec) -> String {
    let address = port.address.as_ref().map(|address| format!("{address}:")).unwrap_or_default();
    format!("{address}{}/{}", port.host.unwrap_or_default(), port.protocol)
}
