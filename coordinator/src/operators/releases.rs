//! Bundles of releases, read back whole.

use super::request::absent;
use super::service::OperatorsService;
use crate::agents::read_piece;
use crate::facts::{Facts, ReleaseKept};
use crate::serve::failed;
use fleet_core::app::Bundle;
use fleet_core::guess::closest;
use fleet_core::names::{AppName, Version};
use fleet_core::order::Release;
use tonic::Status;

impl OperatorsService {
    /// The release by name, or the sentence that it is not there.
    pub fn find_release(&self, attempt: &str, app: &AppName, version: &Version) -> Result<ReleaseKept, Status> {
        let snapshot = self.shared.facts.read();
        if let Some(release) = snapshot.release(app, version) {
            return Ok(release.clone());
        }
        let Some(versions) = snapshot.releases().get(app) else {
            let hint = match closest(app.as_str(), snapshot.releases().keys().map(AppName::as_str)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "push one: `fleet app push DIR --version VERSION`".to_owned(),
            };
            return Err(absent(attempt, format!("app `{app}`"), &hint));
        };
        let versions: Vec<&str> = versions.keys().map(Version::as_str).collect();
        let hint = format!("{app} has {}; push another: `fleet app push DIR --version VERSION`", versions.join(", "));
        Err(absent(attempt, format!("release `{app}@{version}`"), &hint))
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
    Bundle::decode(&bytes).map_err(|error| failed("could not read the bundle", &error))
}
