//! Claims of an instance on its host.

use super::{ConvertError, at_most, bounded};
use crate::v1;
use fleet_core::claims::Claims;
use fleet_core::spec::{PortSpec, Protocol};
use std::collections::BTreeSet;

/// The most names of one kind that one instance may report.
const LIMIT: usize = 2000;

impl From<Claims> for v1::Claims {
    fn from(claims: Claims) -> Self {
        let names = |names: BTreeSet<String>| names.into_iter().collect();
        Self {
            project: claims.project,
            containers: names(claims.containers),
            volumes: names(claims.volumes),
            networks: names(claims.networks),
            ports: claims.ports.into_iter().map(Into::into).collect(),
            used_volumes: names(claims.used_volumes),
            used_networks: names(claims.used_networks),
        }
    }
}

impl TryFrom<v1::Claims> for Claims {
    type Error = ConvertError;
    fn try_from(message: v1::Claims) -> Result<Self, ConvertError> {
        let names = |names: Vec<String>| {
            let names = at_most("instance.claims", LIMIT, names)?;
            Ok::<BTreeSet<String>, ConvertError>(names.into_iter().map(bounded).collect())
        };
        let ports = at_most("instance.claims.ports", LIMIT, message.ports)?;
        Ok(Self {
            project: bounded(message.project),
            containers: names(message.containers)?,
            volumes: names(message.volumes)?,
            networks: names(message.networks)?,
            ports: ports.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            used_volumes: names(message.used_volumes)?,
            used_networks: names(message.used_networks)?,
        })
    }
}

impl From<PortSpec> for v1::PortClaim {
    fn from(port: PortSpec) -> Self {
        let protocol = match port.protocol {
            Protocol::Tcp => v1::PortProtocol::Tcp,
            Protocol::Udp => v1::PortProtocol::Udp,
            Protocol::Sctp => v1::PortProtocol::Sctp,
        };
        Self {
            address: port.address.unwrap_or_default(),
            port: port.host.unwrap_or_default().into(),
            protocol: protocol.into(),
            container: port.container.into(),
        }
    }
}

impl TryFrom<v1::PortClaim> for PortSpec {
    type Error = ConvertError;
    fn try_from(message: v1::PortClaim) -> Result<Self, ConvertError> {
        const FIELD: &str = "instance.claims.ports";
        let protocol = match message.protocol() {
            v1::PortProtocol::Tcp => Protocol::Tcp,
            v1::PortProtocol::Udp => Protocol::Udp,
            v1::PortProtocol::Sctp => Protocol::Sctp,
            v1::PortProtocol::Unspecified => return Err(ConvertError::Unknown { field: FIELD }),
        };
        let number = |number: u32| u16::try_from(number).map_err(|_| ConvertError::Unknown { field: FIELD });
        let host = Some(number(message.port)?).filter(|port| *port > 0);
        let address = Some(bounded(message.address)).filter(|address| !address.is_empty());
        Ok(Self { container: number(message.container)?, protocol, host, address })
    }
}
