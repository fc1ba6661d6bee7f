//! Words of owners of parts of a host.

use fleet_core::part_owner::{PartOwner, PortHolder};
use fleet_proto::convert::{incoming_part_owner, incoming_port_holder};
use fleet_proto::v1;

/// Returns the words of an owner as it came over the wire.
pub fn shown(message: &v1::PartOwner) -> String {
    let known = incoming_part_owner(message.clone()).as_ref().map(words);
    known.unwrap_or_else(|| super::unknown::<v1::PartOwnerCode>("an owner", message.code, &message.arguments))
}

/// Returns the words of the holder of a port as it came over the wire.
pub fn shown_holder(message: &v1::PortHolder) -> String {
    let known = incoming_port_holder(message.clone()).as_ref().map(holder);
    known.unwrap_or_else(|| super::unknown::<v1::PortHolderCode>("a holder", message.code, &message.arguments))
}

/// Returns the words of an owner, which follow after "is".
pub fn words(owner: &PartOwner) -> String {
    match owner {
        PartOwner::Other { text } => text.clone(),
        PartOwner::SameInstance => "the instance's own".to_owned(),
        PartOwner::SameProject => "of a Compose project of this name that fleet did not make".to_owned(),
        PartOwner::Instance { instance, host: None } => format!("of the instance {instance}"),
        PartOwner::Instance { instance, host: Some(host) } => format!("of the instance {instance} of the host {host}"),
        PartOwner::Project { project } => format!("of the Compose project {project}"),
        PartOwner::Unknown => "of somebody unknown: it has no label of fleet or Compose".to_owned(),
        PartOwner::Container { id } => format!("not part of this instance ({id})"),
    }
}

/// Returns the words of the holder of a port.
pub fn holder(holder: &PortHolder) -> String {
    match holder {
        PortHolder::Other { text } => text.clone(),
        PortHolder::Container { name } => format!("container {name}"),
        PortHolder::Program => "a program".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::failures;
    use fleet_core::order_failure::OrderFailure;

    #[test]
    fn an_owner_is_told_with_what_can_be_done() {
        let text = str::to_owned;
        let all = [
            OrderFailure::ForeignContainer {
                name: text("web"),
                owner: PartOwner::Instance { instance: text("notes-2"), host: Some(text("lab-1")) },
            },
            OrderFailure::ForeignNetwork { name: text("net"), owner: PartOwner::Project { project: text("shop") } },
            OrderFailure::ForeignContainer { name: text("web"), owner: PartOwner::Unknown },
            OrderFailure::ForeignContainer { name: text("web"), owner: PartOwner::Container { id: text("3f9a") } },
            OrderFailure::PortTaken { port: 80, holder: PortHolder::Container { name: text("guest") } },
            OrderFailure::PortTaken { port: 80, holder: PortHolder::Program },
        ];
        insta::assert_snapshot!(all.iter().map(failures::words).collect::<Vec<_>>().join("\n"), @r"
        the container `web` is of the instance notes-2 of the host lab-1, and fleet leaves it; choose another name, or remove that container
        the network `net` is of the Compose project shop, and fleet leaves it; choose another name, or use it as `external: true` where the host's policy lists it
        the container `web` is of somebody unknown: it has no label of fleet or Compose, and fleet leaves it; choose another name, or remove that container
        the container `web` is not part of this instance (3f9a), and fleet leaves it; choose another name, or remove that container
        port 80 of the host is already taken by container guest; choose another port, or stop that program or container
        port 80 of the host is already taken by a program; choose another port, or stop that program or container
        ");
    }
}
