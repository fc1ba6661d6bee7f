//! An instance that was removed, and another of its name.

use crate::harness::{done, planned, remove};
use crate::scene::{backups, scene};
use crate::stories::{installed, until};
use fleet_core::planned_change::PlannedChange;
use fleet_proto::v1::{self, from_agent};

#[tokio::test]
async fn backups_of_an_earlier_instance_stay_listed_and_count_for_nothing() {
    let mut scene = scene().await;
    let order = scene.first_backup().await;
    let mut root = backups(&mut scene.admin, "ro", "administrator").await;
    root.remove_policy(v1::RemovePolicyRequest { name: "daily".to_owned() }).await.expect("it is there");
    let request = v1::RemoveInstanceRequest { name: "notes-1".to_owned(), ..Default::default() };
    remove(&mut scene.admin, request).await.expect("nothing stands against it");
    let removal = scene.agent.orders(1).await.remove(0);
    scene.agent.obey(&removal, done(), None).await;
    scene.agent.orders(0).await;
    let running = Some(v1::instance_report::Running::Absent(v1::Absent {}));
    let absent = v1::InstanceReport { instance: "notes-1".to_owned(), running };
    scene.agent.say(from_agent::Kind::Instance(absent)).await;
    until(&mut scene.admin, "notes-1", Option::is_none).await;
    installed(&mut scene.admin, &mut scene.agent, "notes-1").await;

    let list = scene.backups.get_backup_health(v1::GetBackupHealthRequest::default()).await.expect("it may be seen");
    let view = list.into_inner().instances.remove(0);
    assert_eq!((view.word(), view.newest_ms, view.copies.len()), (v1::BackupLevel::Never, 0, 0), "{view:?}");
    let request = v1::ListBackupsRequest { instance: "notes-1".to_owned() };
    let listed = scene.backups.list_backups(request).await.expect("it may be seen").into_inner().backups;
    assert_eq!((listed[0].id.as_str(), listed[0].earlier, listed[0].copies[0].kept), (order.id.as_str(), true, true));
    let request = v1::RestoreRequest { instance: "notes-1".to_owned(), dry_run: true, ..Default::default() };
    let shown = scene.backups.restore(request).await.expect("it can be restored").into_inner();
    assert!(matches!(planned(&shown.plan)[0], PlannedChange::BackupOfEarlier(_)), "{:?}", shown.plan);
}
