//! Bundles of releases, read back whole.

use super::request::absent;
use super::service::OperatorsService;
use crate::agents::read_piece;
use crate::facts::{Facts, ReleaseKept};
use crate::rpc_status::failed;
use fleet_core::app::Bundle;
use fleet_core::guess::closest;
use fleet_core::hint::Hint;
use fleet_core::names::{AppName, Version};
use fleet_core::refused_call::{Attempt, NamedKind};
use fleet_core::release::Release;
use tonic::Status;

impl OperatorsService {
    /// The release by name, or the sentence that it is not there.
    pub fn find_release(&self, attempt: Attempt, app: &AppName, version: &Version) -> Result<ReleaseKept, Status> {
        let snapshot = self.shared.facts.read();
        if let Some(release) = snapshot.release(app, version) {
            return Ok(release.clone());
        }
        let Some(versions) = snapshot.releases().get(app) else {
            let meant = closest(app.as_str(), snapshot.releases().keys().map(AppName::as_str));
            let meant = snapshot.releases().keys().find(|known| meant == Some(known.as_str()));
            let hint = meant.map_or(Hint::PushApp, |meant| Hint::MeantApp(meant.clone()));
            return Err(absent(attempt, NamedKind::App, app, hint));
        };
        let hint = Hint::PushOtherVersion(app.clone(), versions.keys().cloned().collect());
        Err(absent(attempt, NamedKind::Release, format!("{app}@{version}"), hint))
    }

    /// The bundle of a release.
    pub fn bundle(&self, release: &Release) -> Result<Bundle, Status> {
        read_bundle(&self.shared.facts, release)
    }
}

fn read_bundle(facts: &Facts, release: &Release) -> Result<Bundle, Status> {
    let mut bytes = Vec::new();
    for number in 0.. {
        match read_piece(facts, &release.digest, number)? {
            Some(piece) => bytes.extend_from_slice(&piece),
            None => break,
        }
    }
    Bundle::decode(&bytes).map_err(|error| failed(Attempt::ReadBundle, &error))
}
