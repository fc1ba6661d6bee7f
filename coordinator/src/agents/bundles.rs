//! Bundles for hosts: piece by piece from the store, and only those that concern the host.

use crate::facts::{Facts, StateSnapshot};
use crate::keys;
use crate::rpc_status::failed;
use data_encoding::BASE64;
use fleet_core::names::{Digest, HostName};
use fleet_core::order::Action;
use fleet_core::refused_call::Attempt;
use fleet_core::release::Release;
use fleet_proto::v1::Piece;
use futures_util::stream::{Stream, unfold};
use std::sync::Arc;
use tonic::Status;

/// The most bytes in one piece.
pub const PIECE: usize = 64 * 1024;

/// Returns whether an order of the host, or an instance that it should have, uses the release.
///
/// **Claims of the host do not count:** with a known digest it could claim an instance of its own, and get the release
/// of others. A host that is ahead of a restored coordinator, or runs an earlier release, has its bundle already.
pub fn concerns(snapshot: &StateSnapshot, host: &HostName, digest: &Digest) -> bool {
    let is_it = |release: &Release| release.digest == *digest;
    let orders = snapshot.orders_of(host).filter_map(|id| snapshot.asked().orders.get(id));
    let mut ordered = orders.flat_map(|open| releases_of(&open.order.action));
    let instances = snapshot.instances_of(host);
    let mut wanted = instances.filter_map(|name| snapshot.instance(name)).filter(|one| one.host == *host);
    ordered.any(is_it) || wanted.any(|instance| is_it(&instance.release))
}

fn releases_of(action: &Action) -> impl Iterator<Item = &Release> {
    let from = match action {
        Action::Upgrade { from, .. } => Some(from),
        Action::Install { .. } | Action::Configure { .. } | Action::Power { .. } | Action::Remove { .. } => None,
        Action::Data(data) => data.return_to().map(|(release, _)| release),
    };
    from.into_iter().chain(action.started_releases())
}

/// The pieces of a bundle, each read when the host is ready for it.
pub fn pieces(facts: Arc<Facts>, digest: Digest) -> impl Stream<Item = Result<Piece, Status>> + Send + 'static {
    unfold((facts, digest, 0), |(facts, digest, number)| async move {
        let piece = read_piece(&facts, &digest, number).transpose()?;
        Some((piece.map(|bytes| Piece { bytes }), (facts, digest, number + 1)))
    })
}

/// Returns one piece; none after the last.
pub fn read_piece(facts: &Facts, digest: &Digest, number: u32) -> Result<Option<Vec<u8>>, Status> {
    let unreadable = |error: &(dyn std::error::Error + 'static)| failed(Attempt::ReadBundle, error);
    let entry = facts.store().get(&keys::bundle(digest, number)).map_err(|error| unreadable(&error))?;
    let Some(entry) = entry else { return Ok(None) };
    let text: String = entry.read().map_err(|error| unreadable(&error))?;
    BASE64.decode(text.as_bytes()).map(Some).map_err(|error| unreadable(&error))
}

/// Returns the stored form of a piece.
pub fn kept_piece(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}
