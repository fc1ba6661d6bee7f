//! Listing apps and showing releases.

use super::request::{absent, read};
use super::service::OperatorsService;
use crate::facts::{ReleaseKept, StateSnapshot};
use crate::rpc_status::failed;
use fleet_core::app::{Declaration, Upgrades, ValueType};
use fleet_core::hint::Hint;
use fleet_core::names::{AppName, ReleaseName, Version};
use fleet_core::refused_call::{Attempt, NamedKind};
use fleet_core::release::Release;
use fleet_core::upgrade_path::UpgradePaths;
use fleet_proto::v1;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use tokio::task::spawn_blocking;
use tonic::Status;

impl OperatorsService {
    pub fn list_apps_now(&self) -> v1::AppList {
        let snapshot = self.shared.facts.read();
        let apps = snapshot.releases().iter().map(|(app, versions)| {
            let mut releases: Vec<&ReleaseKept> = versions.values().collect();
            releases.sort_by_key(|release| Reverse(release.pushed));
            v1::AppView {
                name: app.to_string(),
                title: releases.first().map_or_else(String::new, |release| release.title.clone()),
                releases: releases.into_iter().map(|release| view(&snapshot, release)).collect(),
                instances: count(
                    snapshot.desired().instances.values().filter(|one| one.release.name.app == *app).count(),
                ),
            }
        });
        v1::AppList { apps: apps.collect() }
    }

    pub async fn show_release_now(&self, request: &v1::ShowReleaseRequest) -> Result<v1::ReleaseView, Status> {
        const ATTEMPT: Attempt = Attempt::ShowRelease;
        let app: AppName = read(ATTEMPT, &request.app)?;
        let kept = match request.version.as_str() {
            "" => self.pushed_last(&app).ok_or_else(|| absent(ATTEMPT, NamedKind::App, &app, Hint::SeeApps))?,
            version => self.find_release(ATTEMPT, &app, &read(ATTEMPT, version)?)?,
        };
        let view = view(&self.shared.facts.read(), &kept);
        if !request.upgrades {
            return Ok(view);
        }
        let pushed = self.releases_of(&app).into_iter().map(|release| release.name.version).collect();
        // Each pushed version has a path of its own: that is work for a thread of its own.
        let graph =
            spawn_blocking(move || graph_view(kept.upgrades.as_ref(), pushed, &kept.release.name.version)).await;
        let upgrades = Some(graph.map_err(|error| failed(ATTEMPT, &error))?);
        Ok(v1::ReleaseView { upgrades, ..view })
    }

    fn pushed_last(&self, app: &AppName) -> Option<ReleaseKept> {
        let snapshot = self.shared.facts.read();
        snapshot.releases().get(app)?.values().max_by_key(|release| release.pushed).cloned()
    }

    /// Returns the releases of an app that were pushed.
    pub fn releases_of(&self, app: &AppName) -> Vec<Release> {
        let snapshot = self.shared.facts.read();
        let pushed = snapshot.releases().get(app).into_iter().flat_map(BTreeMap::values);
        pushed.map(|kept| kept.release.clone()).collect()
    }

    pub fn release_view(&self, name: &ReleaseName) -> Result<v1::ReleaseView, Status> {
        let release = self.find_release(Attempt::ShowRelease, &name.app, &name.version)?;
        Ok(view(&self.shared.facts.read(), &release))
    }
}

/// Returns the upgrade graph of a release, with the paths from the other releases to it, oldest first.
fn graph_view(upgrades: Option<&Upgrades>, mut pushed: Vec<Version>, version: &Version) -> v1::UpgradeGraph {
    let graph = upgrades.cloned().unwrap_or_default();
    pushed.sort_by_cached_key(|version| {
        let key = graph.scheme.key(version).ok();
        (key.is_none(), key)
    });
    let paths = UpgradePaths::new(upgrades, &pushed, version);
    let path = |from: &Version| {
        let (hops, refusal) = match paths.from(from) {
            Ok(hops) => (hops.into_iter().map(Into::into).collect(), None),
            Err(refusal) => (Vec::new(), Some(refusal.into())),
        };
        v1::UpgradePath { from: from.to_string(), hops, refusal }
    };
    let paths = pushed.iter().filter(|other| *other != version).map(path).collect();
    v1::UpgradeGraph { paths, ..graph.into() }
}

fn view(snapshot: &StateSnapshot, kept: &ReleaseKept) -> v1::ReleaseView {
    let runs_it = |name: &&fleet_core::names::InstanceName| {
        let seen = snapshot.observed().instances.get(*name).and_then(|seen| seen.running.last());
        seen.is_some_and(|said| said.release.digest == kept.release.digest)
    };
    v1::ReleaseView {
        app: kept.release.name.app.to_string(),
        version: kept.release.name.version.to_string(),
        digest: kept.release.digest.to_string(),
        title: kept.title.clone(),
        pushed_ms: kept.pushed.0,
        pushed_by: kept.by.to_string(),
        services: kept.images.iter().map(|image| image.service.clone()).collect(),
        images: kept.images.iter().map(|image| image_view(&image.service, &image.image)).collect(),
        values: kept.values.iter().map(|(name, declaration)| value_view(name, declaration)).collect(),
        already_there: false,
        upgrades: None,
        instances: snapshot.desired().instances.keys().filter(runs_it).map(ToString::to_string).collect(),
    }
}

fn image_view(service: &str, image: &str) -> v1::ImageView {
    let (name, digest) = image.split_once('@').unwrap_or((image, ""));
    v1::ImageView { service: service.to_owned(), image: name.to_owned(), digest: digest.to_owned() }
}

fn value_view(name: &str, declaration: &Declaration) -> v1::ValueView {
    let secret_default =
        |default: &String| if declaration.secret { crate::values::HIDDEN.to_owned() } else { default.clone() };
    v1::ValueView {
        name: name.to_owned(),
        r#type: type_word(declaration.kind).to_owned(),
        default: declaration.default.as_ref().map(secret_default).unwrap_or_default(),
        required: declaration.required,
        secret: declaration.secret,
        description: declaration.description.clone().unwrap_or_default(),
    }
}

fn type_word(kind: ValueType) -> &'static str {
    match kind {
        ValueType::String => "string",
        ValueType::Integer => "integer",
        ValueType::Boolean => "boolean",
        ValueType::Port => "port",
        ValueType::Duration => "duration",
        ValueType::Size => "size",
        ValueType::Choice => "choice",
        ValueType::Path => "path",
    }
}

pub fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
