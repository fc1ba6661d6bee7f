//! Listing apps and showing releases.

use super::request::{absent, read};
use super::service::OperatorsService;
use crate::facts::{ReleaseKept, StateSnapshot};
use fleet_core::app::{Declaration, ValueType};
use fleet_core::hint::Hint;
use fleet_core::names::{AppName, ReleaseName, Version};
use fleet_core::reason::LeftOutReason;
use fleet_core::upgrade_path::upgrade_path;
use fleet_proto::v1;
use std::cmp::Reverse;
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

    pub fn show_release_now(&self, request: &v1::ShowReleaseRequest) -> Result<v1::ReleaseView, Status> {
        const ATTEMPT: &str = "show the release";
        let app: AppName = read(ATTEMPT, &request.app)?;
        if !request.version.is_empty() {
            let version: Version = read(ATTEMPT, &request.version)?;
            let release = self.find_release(ATTEMPT, &app, &version)?;
            return Ok(view_whole(&self.shared.facts.read(), &release));
        }
        let snapshot = self.shared.facts.read();
        let newest = snapshot.releases().get(&app).and_then(|all| all.values().max_by_key(|release| release.pushed));
        let newest = newest.ok_or_else(|| absent(ATTEMPT, format!("app `{app}`"), Hint::SeeApps))?;
        Ok(view_whole(&snapshot, newest))
    }

    pub fn release_view(&self, name: &ReleaseName) -> Result<v1::ReleaseView, Status> {
        let release = self.find_release("show the release", &name.app, &name.version)?;
        Ok(view(&self.shared.facts.read(), &release))
    }
}

/// The view of a release with its upgrade graph, and the ways from the other releases to it.
fn view_whole(snapshot: &StateSnapshot, kept: &ReleaseKept) -> v1::ReleaseView {
    let graph = kept.upgrades.clone().unwrap_or_default();
    let ReleaseName { app, version } = &kept.release.name;
    let mut pushed: Vec<Version> =
        snapshot.releases().get(app).into_iter().flat_map(|all| all.keys().cloned()).collect();
    pushed.retain(|other| other != version);
    pushed.sort_by_cached_key(|version| {
        let key = graph.scheme.key(version).ok();
        (key.is_none(), key)
    });
    let path = |from: &Version| match upgrade_path(&graph, from, version, &pushed) {
        Ok(hops) => {
            v1::UpgradePath { from: from.to_string(), hops: hops.into_iter().map(Into::into).collect(), refusal: None }
        }
        Err(refusal) => v1::UpgradePath {
            from: from.to_string(),
            hops: Vec::new(),
            refusal: Some(LeftOutReason::from(refusal).into()),
        },
    };
    let paths = pushed.iter().map(path).collect();
    let upgrades = Some(v1::UpgradeGraph { paths, ..graph.clone().into() });
    v1::ReleaseView { upgrades, ..view(snapshot, kept) }
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
