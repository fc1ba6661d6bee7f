//! Ports that stay ours: for servers that are stopped and started again at the same address.
//!
//! The kernel gives ports from its ephemeral range to connecting processes at any moment. These ports lie below it, and
//! a lock keeps parallel tests of this machine from using the same one.

use anyhow::{Context, bail};
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};

/// Below it are the ports of well-known services, and of our own demo.
const FIRST: u16 = 20_000;

/// A TCP port on loopback, until this is dropped.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// File that holds the lock.
    _claim: File,
}

impl Port {
    /// Claims a port without a listener.
    pub fn claim() -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join("fleet-test-ports");
        fs::create_dir_all(&folder).with_context(|| format!("could not make `{}`", folder.display()))?;
        let below = first_ephemeral()?;
        let count = below.checked_sub(FIRST).filter(|count| *count > 0).context("all ports are ephemeral")?;
        // Processes that start at the same moment begin their search at different ports.
        let start = std::process::id() % u32::from(count);
        for step in 0..count {
            let number = FIRST + u16::try_from((start + u32::from(step)) % u32::from(count))?;
            let claim = File::create(folder.join(number.to_string()))?;
            let is_ours = claim.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", number)).is_ok();
            if is_ours {
                return Ok(Self { number, _claim: claim });
            }
        }
        bail!("no port from {FIRST} to {below} is free")
    }

    /// Returns the port's number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// Returns the port's address on this machine.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.number))
    }
}

fn first_ephemeral() -> anyhow::Result<u16> {
    const FILE: &str = "/proc/sys/net/ipv4/ip_local_port_range";
    let range = fs::read_to_string(FILE).with_context(|| format!("could not read {FILE}"))?;
    let first = range.split_whitespace().next().context("the range has a beginning")?;
    Ok(first.parse::<u16>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claimed_port_is_nobody_elses_and_never_ephemeral() {
        let ports: Vec<Port> = (0..20).map(|_| Port::claim().expect("a port is free")).collect();
        let mut numbers: Vec<u16> = ports.iter().map(|port| port.number).collect();
        let below = first_ephemeral().expect("Linux tells");
        assert!(numbers.iter().all(|number| (FIRST..below).contains(number)), "{numbers:?}");
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 20);
        let taken = TcpListener::bind(ports[0].address()).expect("nobody listens yet");
        drop(ports);
        let again: Vec<Port> = (0..20).map(|_| Port::claim().expect("a port is free")).collect();
        let number = taken.local_addr().expect("it listens").port();
        assert!(again.iter().all(|port| port.number != number), "somebody listens there");
    }
}
