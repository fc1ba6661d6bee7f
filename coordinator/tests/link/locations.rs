//! Repositories that come and go under one name.

use crate::harness::{LIMIT, now, refusal, strict};
use crate::scene::{Backups, Scene, backups, data, end, manifest, scene};
use fleet_core::backup::{CopyMade, DataAction, DataResult, LocationAccess, RepositoryAccess};
use fleet_core::policy_refusal::PolicyRefusal;
use fleet_core::refused_call::{BackupRefusal, CallRefusal};
use fleet_proto::convert::incoming_order;
use fleet_proto::v1::{self, order_report::Outcome};
use std::fmt::Debug;
use std::str::FromStr;
use tokio::time::timeout;
use tonic::Code;

fn read<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap_or_else(|error| panic!("`{text}`: {error:?}"))
}

async fn add(root: &mut Backups, path: &str) {
    let place = v1::add_repository_request::Location::Folder(v1::FolderPlace { path: path.to_owned() });
    let request = v1::AddRepositoryRequest { name: "usb".to_owned(), location: Some(place) };
    root.add_repository(request).await.expect("the name is free");
}

async fn keep_in(scene: &mut Scene, repository: &str) {
    let policy = v1::SetPolicyRequest {
        name: "daily".to_owned(),
        selector: Some(String::new()),
        drill: Some("never".to_owned()),
        to: vec![repository.to_owned()],
        fleet_at_once: Some(2),
        ..Default::default()
    };
    scene.backups.set_policy(policy).await.expect("it is a good policy");
}

/// Returns the repository access that the host receives, after it has made a backup there.
async fn backed_up(scene: &mut Scene) -> RepositoryAccess {
    let order = scene.agent.orders(1).await.remove(0);
    let DataAction::Backup { to, .. } = data(&order) else { panic!("{order:?}") };
    assert_eq!(to, [read("usb")].into());
    let access = incoming_order(order.clone()).expect("it is said in full").access;
    let copy = CopyMade { repository: read("usb"), result: Ok(manifest(&order, scene.kept.clone())), snapshots: None };
    let done = Outcome::Done(v1::Empty {});
    end(&scene.agent, &order, done, Some(DataResult::Backup(vec![copy])), &scene.release).await;
    scene.agent.orders(0).await;
    access.into_iter().next().expect("it is told")
}

#[tokio::test]
async fn a_repository_that_was_removed_lends_nothing_to_the_next_of_its_name() {
    let mut scene = scene().await;
    let mut root = backups(&mut scene.admin, "ro", "administrator").await;
    add(&mut root, "/mnt/old").await;
    keep_in(&mut scene, "usb").await;
    let old = backed_up(&mut scene).await;
    let list = scene.backups.list_policies(v1::ListPoliciesRequest::default()).await.expect("it may be seen");
    assert_eq!(list.into_inner().fleet_at_once, 2);
    root.remove_policy(v1::RemovePolicyRequest { name: "daily".to_owned() }).await.expect("it is there");
    let rm = |forget| v1::RemoveRepositoryRequest { name: "usb".to_owned(), forget };
    let refused = async {
        loop {
            let refused = root.remove_repository(rm(false)).await.expect_err("it holds a backup");
            assert_eq!(refused.code(), Code::FailedPrecondition);
            // The next pass closes the order that made it.
            if refusal(&refused) != BackupRefusal::RepositoryInUse.into() {
                return refused;
            }
        }
    };
    let refused = timeout(LIMIT, refused).await.expect("its order ends");
    assert_eq!(refusal(&refused), BackupRefusal::RepositoryHolds { count: 1 }.into());
    root.remove_repository(rm(true)).await.expect("that is consent");
    let all = v1::ListBackupsRequest { instance: "notes-1".to_owned() };
    assert_eq!(scene.backups.list_backups(all.clone()).await.expect("it is known").into_inner().backups, []);

    let kits = root.get_recovery_kits(v1::RecoveryKitsRequest::default()).await.expect("it may").into_inner();
    let previous = kits.kits.iter().find(|kit| kit.repository.starts_with("usb-removed-")).expect("its key is kept");
    assert!(previous.text.contains("/mnt/old/notes-1"), "{}", previous.text);
    assert!(old.password.is_some_and(|password| previous.text.contains(&password.0)));

    add(&mut root, "/mnt/new").await;
    keep_in(&mut scene, "usb").await;
    // By itself it would be taken a while after the one that does not count any more.
    let now = v1::BackUpRequest { instances: vec!["notes-1".to_owned()], ..Default::default() };
    scene.backups.back_up(now).await.expect("nothing stands against it");
    let new = backed_up(&mut scene).await;
    assert_eq!(new.place, LocationAccess::Folder { path: "/mnt/new/notes-1".to_owned() });
    assert!(new.master_key != old.master_key && new.password.is_some(), "it is made anew, with keys of its own");
    assert_eq!(scene.backups.list_backups(all).await.expect("it is known").into_inner().backups.len(), 1);
}

#[tokio::test]
async fn operators_hear_at_once_that_a_host_does_not_allow_a_repository() {
    let mut scene = scene().await;
    let mut root = backups(&mut scene.admin, "ro", "administrator").await;
    add(&mut root, "/mnt/usb").await;
    scene.agent.say(strict(now())).await;
    let set = v1::SetPolicyRequest {
        name: "daily".to_owned(),
        selector: Some(String::new()),
        to: vec!["usb".to_owned()],
        dry_run: true,
        ..Default::default()
    };
    let heard = async {
        loop {
            let view = scene.backups.set_policy(set.clone()).await.expect("it is a good policy").into_inner();
            if let Some(note) = view.objections.first() {
                return note.refusals.clone();
            }
        }
    };
    let refusals = timeout(LIMIT, heard).await.expect("the policy is heard");
    let forbidden =
        |name: &str, path: &str| PolicyRefusal::RepositoryFolder { repository: read(name), path: path.to_owned() };
    assert_eq!(refusals, [forbidden("usb", "/mnt/usb").into()]);
    let now =
        v1::BackUpRequest { instances: vec!["notes-1".to_owned()], to: vec!["usb".to_owned()], ..Default::default() };
    let refused = scene.backups.back_up(now).await.expect_err("the host does not allow it");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(matches!(refusal(&refused), CallRefusal::PolicyForbids { .. }), "{refused}");
    let place = v1::add_repository_request::Location::Folder(v1::FolderPlace { path: "/mnt/other".to_owned() });
    let other = v1::AddRepositoryRequest { name: "other".to_owned(), location: Some(place) };
    let view = root.add_repository(other).await.expect("its hosts may allow it yet").into_inner();
    let refusals = view.objections.into_iter().flat_map(|one| one.refusals);
    assert_eq!(refusals.collect::<Vec<_>>(), [forbidden("other", "/mnt/other").into()]);
}
