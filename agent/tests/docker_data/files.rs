//! Files of volumes and folders, and stopped services.

use super::harness::harness;
use super::images::{self, ONE, docker};
use fleet_agent::runtime::{Containers, HostStorage};
use fleet_core::backup::{HoldKind, MountPlace, Store, UndeclaredData, coverage};
use std::collections::BTreeMap;
use std::fs;

const COMPOSE: &str = "services:
  web: { image: 'fleet-test-busybox:1', stop_grace_period: 1s, volumes: ['uploads:/uploads', './own:/own', '/cache'] }
  db: { image: 'fleet-test-busybox:1', stop_grace_period: 1s, volumes: ['other:/other'] }
volumes: { uploads: , other: }
";

#[tokio::test]
async fn the_files_of_a_store_are_found_on_this_host() {
    let stores =
        "  a: { engine: volume, kind: truth, volume: uploads }\n  b: { engine: volume, kind: truth, path: ./own }\n";
    let Some(harness) = harness(ONE, COMPOSE, stores).await else { return };
    docker(&[
        "exec",
        &harness.instance.name("web"),
        "sh",
        "-c",
        "echo in a volume >/uploads/x; echo in a folder >/own/y",
    ]);
    let roots = async |store: &Store| {
        harness.instance.runtime.roots(&harness.rendered.spec, store).await.expect("they are found")
    };
    let mut stores = harness.rendered.stores.values();
    let uploads = roots(stores.next().expect("there is one")).await;
    assert_eq!(uploads.len(), 1);
    assert_eq!(
        (uploads[0].from.as_str(), uploads[0].key.as_str()),
        (format!("{}_uploads", harness.instance.project).as_str(), "uploads")
    );
    assert_eq!(fs::read_to_string(uploads[0].path.join("x")).expect("it is there"), "in a volume\n");
    let own = roots(stores.next().expect("there are two")).await;
    assert_eq!(own[0].key, "./own");
    assert_eq!(fs::read_to_string(own[0].path.join("y")).expect("it is there"), "in a folder\n");
    let mounted = harness.instance.runtime.mounted(&harness.rendered.spec).await.expect("it can be looked at");
    let found = coverage(&harness.rendered.stores, &harness.rendered.spec, &mounted, &BTreeMap::new());
    let at = |service: &str, target: &str| Some(MountPlace { service: service.to_owned(), target: target.to_owned() });
    let expect = [
        UndeclaredData::UnnamedVolume { at: at("web", "/cache") },
        UndeclaredData::Volume { name: format!("{}_other", harness.instance.project), at: at("db", "/other") },
    ];
    assert_eq!(found.undeclared, expect);
}

/// A container and a volume without owner, removed at the end.
struct ForeignThings(Vec<Vec<String>>);

impl Drop for ForeignThings {
    fn drop(&mut self) {
        for words in &self.0 {
            images::succeeds("docker", &words.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
}

#[tokio::test]
async fn containers_that_only_hold_data_are_taken_when_they_appear() {
    let own = format!("{}x", std::process::id());
    let stores = format!(
        "  a: {{ engine: volume, kind: truth, containers: 'data_{own}_*' }}
  b: {{ engine: volume, kind: truth, volume: 'vol_{own}_*' }}\n"
    );
    let Some(harness) = harness(ONE, COMPOSE, &stores).await else { return };
    let mut stores = harness.rendered.stores.values();
    let (by_container, by_volume) = (stores.next().expect("one"), stores.next().expect("two"));
    let roots = async |store: &Store| {
        harness.instance.runtime.roots(&harness.rendered.spec, store).await.expect("they are found")
    };
    assert!(roots(by_container).await.is_empty() && roots(by_volume).await.is_empty());
    let (anna, foreign, volume) = (format!("data_{own}_anna"), format!("data_{own}_foreign"), format!("vol_{own}_ben"));
    let remove = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let removes = [&["rm", "-f", "-v", &anna][..], &["rm", "-f", "-v", &foreign], &["volume", "rm", "-f", &volume]];
    let _strangers = ForeignThings(removes.map(remove).to_vec());
    docker(&["run", "--name", &anna, "-v", "/home/anna", ONE, "sh", "-c", "echo hers >/home/anna/file"]);
    // Mounts of another project are not taken, whatever their name.
    docker(&["run", "--name", &foreign, "--label", "com.docker.compose.project=another", "-v", "/home", ONE, "true"]);
    docker(&["volume", "create", &volume]);
    let found = roots(by_container).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(fs::read_to_string(found[0].path.join("file")).expect("it is there"), "hers\n");
    assert_eq!(roots(by_volume).await.iter().map(|root| root.from.clone()).collect::<Vec<_>>(), [volume.as_str()]);
}

#[tokio::test]
async fn whoever_else_has_a_folder_and_runs_is_found() {
    let stores =
        "  a: { engine: volume, kind: truth, volume: uploads }\n  b: { engine: volume, kind: truth, path: ./own }\n";
    let Some(harness) = harness(ONE, COMPOSE, stores).await else { return };
    let (runtime, spec) = (&harness.instance.runtime, &harness.rendered.spec);
    let mut folders = Vec::new();
    for store in harness.rendered.stores.values() {
        folders.extend(runtime.roots(spec, store).await.expect("they are found").into_iter().map(|root| root.path));
    }
    let found = async || {
        let found = runtime.foreign_containers(spec, &folders).await.expect("they are found");
        let mut found: Vec<_> = found.into_iter().map(|it| (it.container, it.folder)).collect();
        found.sort();
        found
    };
    assert_eq!(found().await, [], "the instance's own containers are nobody else");
    fs::create_dir(folders[1].join("deep")).expect("made");
    let own = std::process::id();
    let name = |what: &str| format!("stranger-{own}-{what}");
    let deep = format!("{}:/x", folders[1].join("deep").display());
    let above = format!("{}:/x:ro", folders[1].parent().expect("it has one").display());
    let volume = format!("{}_uploads:/x:ro", harness.instance.project);
    let mut removes = Vec::new();
    for (what, mount) in [("above", &above), ("deep", &deep), ("ended", &volume), ("volume", &volume)] {
        removes.push(["rm", "-f", &name(what)].map(str::to_owned).to_vec());
        docker(&["run", "-d", "--name", &name(what), "-v", mount, ONE, "sleep", "100"]);
    }
    let _strangers = ForeignThings(removes);
    docker(&["kill", &name("ended")]);
    docker(&["pause", &name("volume")]);
    // A container that mounts more than the folder sees the new one in place of the old.
    assert_eq!(found().await, [(name("deep"), folders[1].clone()), (name("volume"), folders[0].clone())]);
    let disk = runtime.disk_of(Some(&folders[0])).await.expect("it can be asked");
    assert_eq!(disk.id, runtime.disk_of(None).await.expect("it can be asked").id, "the Engine's volumes are there");
    assert!(disk.free > 0);
}

#[tokio::test]
async fn a_service_stands_still_and_goes_on() {
    let stores = "  a: { engine: volume, kind: truth, volume: uploads }\n";
    let Some(harness) = harness(ONE, COMPOSE, stores).await else { return };
    let (runtime, spec) = (&harness.instance.runtime, &harness.rendered.spec);
    let state = || harness.instance.inspect("web", "{{.State.Status}}");
    for (kind, still) in [(HoldKind::Paused, "paused"), (HoldKind::Stopped, "exited")] {
        for _ in 0..2 {
            runtime.hold(spec, "web", kind).await.expect("it can be held, and again");
            assert_eq!(state(), still);
        }
        for _ in 0..2 {
            runtime.release(spec, "web", kind).await.expect("it can be let go, and again");
            assert_eq!(state(), "running");
        }
    }
    // Paused by someone, then to be stopped.
    runtime.hold(spec, "web", HoldKind::Paused).await.expect("it can be paused");
    runtime.hold(spec, "web", HoldKind::Stopped).await.expect("it can be stopped then");
    assert_eq!(state(), "exited");
    // A container that does not run is not paused, and resuming does not start it.
    runtime.hold(spec, "web", HoldKind::Paused).await.expect("there is nothing to pause");
    runtime.release(spec, "web", HoldKind::Paused).await.expect("there is nothing to let go");
    assert_eq!(state(), "exited");
    assert!(runtime.hold(spec, "nobody", HoldKind::Paused).await.is_err());
}
