//! Stores in buckets, on a real S3 server.

#[path = "../../../../../repository/tests/common/s3.rs"]
mod s3;

use super::actions::{backup, drill, names, restore, source};
use super::harness::{Agent, Harness, files};
use super::lab::Fault;
use fleet_core::backup::{DataAction, DataResult, DrillCheck, Others};
use fleet_core::names::BackupId;
use fleet_core::order::{Action, End, Outcome};
use fleet_core::order_failure::OrderFailure;
use s3::{ACCESS, S3, SECRET};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

struct Scene {
    server: S3,
    harness: Harness,
    agent: Agent,
}

type Objects = BTreeMap<String, Vec<u8>>;

impl Scene {
    /// An instance with a store beside its others that is a bucket; its endpoint has the server's port.
    async fn new(endpoint: &str) -> Self {
        let server = S3::start_seeing_changes();
        let endpoint = endpoint.replace("PORT", &server.port.to_string());
        let store = format!(
            "stop: [] }}\n  media: {{ engine: s3, kind: truth, endpoint: '{endpoint}', bucket: backups, prefix: media, \
             key_id: {ACCESS}, key: {SECRET}"
        );
        let (scene, agent) = {
            let harness = Harness::bare(&store);
            allow(&harness, &format!("buckets: ['127.0.0.1:{}']\n", server.port));
            let agent = harness.agent();
            let end = harness.carry_out(&agent, Action::Install { goal: harness.goal(1) }).await;
            assert_eq!(end.outcome, Outcome::Done);
            (harness, agent)
        };
        let scene = Self { server, harness: scene, agent };
        scene.put(&[("a.tif", &[7; 90_000]), ("deep/b.txt", b"words"), ("empty", b"")]);
        scene
    }

    async fn outside() -> Self {
        Self::new("http://127.0.0.1:PORT").await
    }

    fn folder(&self) -> PathBuf {
        self.server.bucket().join("media")
    }

    fn objects(&self) -> Objects {
        files(&self.folder())
    }

    /// Makes the bucket this and nothing else; a server of files has its objects as files.
    fn put(&self, objects: &[(&str, &[u8])]) {
        drop(std::fs::remove_dir_all(self.folder()));
        for (name, content) in objects {
            let path = self.folder().join(name);
            std::fs::create_dir_all(path.parent().expect("it has one")).expect("made");
            std::fs::write(path, content).expect("written");
        }
    }

    async fn backed_up(&self) -> BackupId {
        let order = self.harness.order(backup(&["near"]), "");
        let end = self.harness.carry_out_order(&self.agent, &order).await;
        assert_eq!(end.outcome, Outcome::Done);
        order.order.id.as_str().parse().expect("an id")
    }

    /// After a backup one object is gone, one is another, and one is new.
    async fn changed_since(&self) -> (BackupId, Objects, Objects) {
        let before = self.objects();
        let id = self.backed_up().await;
        self.put(&[("a.tif", &[8; 90_000]), ("empty", b""), ("new", b"later")]);
        (id, before, self.objects())
    }

    async fn carry_out(&self, action: Action) -> End {
        self.harness.carry_out(&self.agent, action).await
    }
}

fn allow(harness: &Harness, policy: &str) {
    let policy = format!("{policy}repositories: ['{}']\n", harness.path.display());
    std::fs::write(harness.path.join("policy.yaml"), policy).expect("written");
}

#[track_caller]
fn check_failed(end: &End, part: &str) {
    assert!(end.outcome.failure().is_some_and(|reason| reason.to_string().contains(part)), "{end:?}");
}

#[tokio::test]
async fn a_bucket_is_what_it_was_after_a_restore() {
    for endpoint in ["http://127.0.0.1:PORT", "http://db:PORT"] {
        let scene = Scene::new(endpoint).await;
        let (id, before, after) = scene.changed_since().await;
        let order = scene.harness.order(restore("near", &id, &["near"]), "");
        let end = scene.harness.carry_out_order(&scene.agent, &order).await;
        assert_eq!(end.outcome, Outcome::Done, "{endpoint}");
        assert!(scene.objects() == before, "{endpoint}");
        scene.harness.check_calm(endpoint);
        // The replaced objects are in the safety backup.
        let safety = order.order.id.as_str().parse().expect("an id");
        assert_eq!(scene.carry_out(restore("near", &safety, &[])).await.outcome, Outcome::Done);
        assert!(scene.objects() == after, "{endpoint}");
    }
}

#[tokio::test]
async fn a_restore_that_fails_puts_back_what_was_in_the_bucket() {
    let scene = Scene::outside().await;
    let (id, before, after) = scene.changed_since().await;
    scene.harness.lab.plan().fault = Some(Fault::AppFailsOnce);
    let end = scene.carry_out(restore("near", &id, &["near"])).await;
    assert!(matches!(end.outcome, Outcome::RolledBack { .. }), "{end:?}");
    assert!(before != after && scene.objects() == after);
    scene.harness.check_calm("after a restore that failed");
}

#[tokio::test]
async fn a_restore_that_fails_without_a_safety_backup_says_that_the_bucket_is_not_what_it_was() {
    let scene = Scene::outside().await;
    let (id, _, _) = scene.changed_since().await;
    scene.harness.lab.plan().fault = Some(Fault::AppFailsOnce);
    let end = scene.carry_out(restore("near", &id, &[])).await;
    assert!(matches!(end.outcome, Outcome::Stuck { .. }), "{end:?}");
    check_failed(&end, "there is no safety backup to put back: ");
}

#[tokio::test]
async fn a_drill_compares_and_writes_to_no_bucket_elsewhere() {
    let scene = Scene::outside().await;
    let (id, _, after) = scene.changed_since().await;
    let end = scene.carry_out(drill("near", &id)).await;
    let Some(DataResult::Drill(made)) = end.made.as_deref() else { panic!("expected a proof, found {end:?}") };
    let store = || "media".parse().expect("a name");
    let restored = DrillCheck::ObjectsInFolder { store: store(), objects: 3, bytes: 90_005 };
    let same = DrillCheck::SameFiles { store: store(), files: 3 };
    assert!([&restored, &same].iter().all(|check| made.proof.checks.contains(check)), "{:?}", made.proof);
    assert!(scene.objects() == after);
    scene.harness.check_calm("after a drill");
}

#[tokio::test]
async fn what_the_host_does_not_allow_is_neither_read_nor_written() {
    let scene = Scene::outside().await;
    let (id, _, after) = scene.changed_since().await;
    allow(&scene.harness, "buckets: [s3.example.org]\n");
    check_failed(&scene.carry_out(restore("near", &id, &[])).await, "does not allow the bucket http://127.0.0.1");
    assert!(scene.objects() == after);
    let order = scene.harness.order(backup(&["near"]), "again");
    let end = scene.harness.carry_out_order(&scene.agent, &order).await;
    check_failed(&end, "the store `media`: the host does not allow the bucket");
    scene.harness.check_calm("after what is not allowed");
}

#[tokio::test]
async fn a_bucket_that_is_gone_makes_no_backup() {
    let scene = Scene::outside().await;
    std::fs::remove_dir_all(scene.server.bucket()).expect("removed");
    let end = scene.carry_out(backup(&["near"])).await;
    check_failed(&end, "there is no such bucket");
    assert!(scene.harness.sets("near").await.is_empty());
    scene.harness.check_calm("after a backup that failed");
}

#[tokio::test]
async fn another_instance_does_not_get_a_bucket_that_somebody_has() {
    let scene = Scene::outside().await;
    let (id, _, after) = scene.changed_since().await;
    let (only, safety, goal) = (BTreeSet::new(), names(&[]), Some(scene.harness.goal(1)));
    let action = Action::Data(DataAction::Restore {
        from: source("near", &id),
        only,
        safety,
        goal,
        replaces: None,
        others: Others::Kept,
        privileges: Default::default(),
    });
    let order = scene.harness.order_of(&"oasis-2".parse().expect("a name"), action, "");
    let end = scene.harness.carry_out_order(&scene.agent, &order).await;
    let Some(OrderFailure::InStore { failure, .. }) = end.outcome.failure() else { panic!("{end:?}") };
    assert!(matches!(**failure, OrderFailure::RestoreTargetInUse { .. }), "{end:?}");
    assert!(scene.objects() == after);
    // An empty bucket is filled.
    scene.put(&[]);
    let end = scene
        .harness
        .carry_out_order(&scene.agent, &scene.harness.order_of(&order.order.instance, order.order.action.clone(), "2"))
        .await;
    assert_eq!(end.outcome, Outcome::Done);
    assert_eq!(scene.objects().len(), 3);
}
