//! Backups as operators request them and hosts report them.

use crate::harness::{LIMIT, now, planned, refusal, restore, settled};
use crate::import::named;
use crate::scene::{accepted_drill, backups, data, end, read, scene, standing, until};
use fleet_core::backup::{
    DataAction, DataNote, DataResult, DrillMade, Others, Proof, RestoreMade, RetentionReason, StoreDifference,
};
use fleet_core::change_result::ChangeResult;
use fleet_core::data_leftover::DataLeftover;
use fleet_core::event::EventKind;
use fleet_core::order_failure::OrderFailure;
use fleet_core::planned_change::PlannedChange;
use fleet_core::problem::Problem;
use fleet_core::refused_call::{BackupRefusal, CallRefusal};
use fleet_core::time::Time;
use fleet_proto::v1::{self, from_agent, order_report::Outcome};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tonic::Code;

#[tokio::test]
async fn a_policy_asks_for_a_backup_and_what_came_of_it_is_seen() {
    let mut scene = scene().await;
    assert_eq!(standing(&mut scene.backups).await.word(), v1::BackupLevel::Never);
    let order = scene.first_backup().await;
    let view = until(&mut scene.backups, |view| view.word() == v1::BackupLevel::Ok).await;
    assert_eq!(
        (view.newest.as_str(), view.policy.as_str(), view.next()),
        (order.id.as_str(), "daily", v1::NextBackup::At)
    );
    let status = scene.admin.get_status(v1::GetStatusRequest {}).await.expect("it may be seen").into_inner();
    assert_eq!(status.backups.expect("it is told").ok, 1);
    let request = v1::ListBackupsRequest { instance: "notes-1".to_owned() };
    let list = scene.backups.list_backups(request).await.expect("it may be seen").into_inner().backups;
    let newest = v1::RetentionReason::from(RetentionReason::Newest);
    assert!(list[0].copies[0].kept && list[0].copies[0].why.contains(&newest), "{list:?}");
    let hold = v1::HoldBackupRequest { backup: order.id[..6].to_owned(), release: false };
    let held = scene.backups.hold_backup(hold.clone()).await.expect("it is there").into_inner();
    assert_eq!(held.held_by, "bo");
    let released = v1::HoldBackupRequest { release: true, ..hold };
    let refused = scene.backups.hold_backup(released.clone()).await.expect_err("an operator");
    assert_eq!(refused.code(), Code::PermissionDenied);
    let mut root = backups(&mut scene.admin, "ro", "administrator").await;
    let released = root.hold_backup(released).await.expect("it is there").into_inner();
    assert_eq!(released.held_by, "");
}

#[tokio::test]
async fn only_a_drill_that_found_nothing_wrong_proves_it() {
    let mut scene = scene().await;
    let backup = scene.first_backup().await;
    let differences = vec![StoreDifference::Count { item: "notes".to_owned(), low: 121, high: 121, found: 120 }];
    for failure in [Some(OrderFailure::RestoredDataDiffers { more: 0, differences }), None] {
        let request = v1::DrillRequest { instance: "notes-1".to_owned(), ..Default::default() };
        let change = accepted_drill(&mut scene.backups, &request).await;
        let order = scene.agent.orders(1).await.remove(0);
        assert_eq!(order.id, change.order);
        let (took_ms, bytes, checks) = (1, 1, Vec::new());
        let proof =
            Proof { at: now(), host: read("lab-1"), took_ms, bytes, checks, failure: failure.clone().map(Box::new) };
        let made = DrillMade { repository: read("central"), backup: read(&backup.id), proof };
        let outcome = match &failure {
            Some(failure) => Outcome::Failed(v1::Failed { failure: Some(failure.clone().into()) }),
            None => Outcome::Done(v1::Empty {}),
        };
        end(&scene.agent, &order, outcome, Some(DataResult::Drill(made)), &scene.release).await;
        scene.agent.orders(0).await;
        let level = if failure.is_some() { v1::BackupLevel::Failing } else { v1::BackupLevel::Ok };
        let view = until(&mut scene.backups, |view| view.word() == level).await;
        assert_eq!(view.proven_ms > 0, failure.is_none(), "{view:?}");
    }
}

#[tokio::test]
async fn a_restore_says_first_what_it_replaces_and_is_asked_once() {
    let mut scene = scene().await;
    let backup = scene.first_backup().await;
    let request = v1::RestoreRequest { instance: "notes-1".to_owned(), dry_run: true, ..Default::default() };
    let shown = scene.backups.restore(request.clone()).await.expect("there is a backup").into_inner();
    assert_eq!((shown.backup.as_str(), shown.order.as_str()), (backup.id.as_str(), ""));
    let central = "central".parse().expect("a name");
    assert_eq!(planned(&shown.plan)[0], PlannedChange::SafetyBackup(vec![central]));
    let request = v1::RestoreRequest { dry_run: false, drop_others: true, ..request };
    let change = restore(&mut scene.backups, request.clone()).await.expect("nothing stands against it").into_inner();
    let again = restore(&mut scene.backups, request).await.expect_err("one at a time");
    assert_eq!(again.code(), Code::FailedPrecondition);
    let order = scene.agent.orders(1).await.remove(0);
    assert_eq!(order.id, change.order);
    let DataAction::Restore { from, safety, goal: None, others, .. } = data(&order) else { panic!("{order:?}") };
    assert_eq!(others, Others::Dropped, "what was agreed to is in the order");
    assert_eq!((from.backup.as_str(), safety), (backup.id.as_str(), [read("central")].into()));
    let failed = Outcome::Failed(v1::Failed { failure: Some(OrderFailure::other("the disk is full").into()) });
    end(&scene.agent, &order, failed, None, &scene.release).await;
    scene.agent.orders(0).await;
    let is_over = |view: &Option<v1::InstanceView>| view.as_ref().is_some_and(|view| view.doing.is_none());
    crate::stories::until(&mut scene.admin, "notes-1", is_over).await;
    let view = standing(&mut scene.backups).await;
    assert_eq!(view.word(), v1::BackupLevel::Ok, "a restore that failed is no backup that failed: {view:?}");
}

#[tokio::test]
async fn what_a_restore_left_is_named_at_its_end_with_the_instance_and_in_the_status() {
    let mut scene = scene().await;
    let backup = scene.first_backup().await;
    let request = v1::RestoreRequest { instance: "notes-1".to_owned(), ..Default::default() };
    let change = restore(&mut scene.backups, request).await.expect("nothing stands against it").into_inner();
    let order = scene.agent.orders(1).await.remove(0);
    let left = "could not be removed: `/data/_data.before-1`: Operation not permitted".to_owned();
    let notes = vec![DataNote::other(left.clone())];
    let (took_ms, bytes) = (1, 1);
    let made = RestoreMade { backup: read(&backup.id), safety: Vec::new(), took_ms, bytes, notes: notes.clone() };
    let done = Outcome::Done(v1::Empty {});
    end(&scene.agent, &order, done, Some(DataResult::Restore(made)), &scene.release).await;
    let request = v1::FollowChangeRequest { instance: "notes-1".to_owned(), order: change.order };
    let mut progress = scene.admin.follow_change(request).await.expect("it can be followed").into_inner();
    let over = async {
        loop {
            let recorded = progress.next().await.expect("it is told").expect("it goes on");
            if recorded.over {
                return recorded;
            }
        }
    };
    let recorded = timeout(LIMIT, over).await.expect("it is over in time");
    let restored = ChangeResult::Restored { more: 0, notes };
    assert_eq!((recorded.state(), recorded.result), (v1::ChangeState::Done, Some(restored.into())));
    let folder = DataLeftover::NotRemoved { path: "/data/_data.before-1".to_owned(), since: Time(7), cause: left };
    for leftovers in [vec![folder.clone().into()], Vec::new()] {
        let goal = v1::Goal { release: Some(scene.release.clone()), revision: 1, ..Default::default() };
        let mut said = settled("notes-1", &goal, 0);
        if let from_agent::Kind::Instance(report) = &mut said
            && let Some(v1::instance_report::Running::Settled(said)) = &mut report.running
        {
            said.leftovers = leftovers.clone();
        }
        scene.agent.say(said).await;
        let is_said = |view: &Option<v1::InstanceView>| view.as_ref().is_some_and(|view| view.leftovers == leftovers);
        crate::stories::until(&mut scene.admin, "notes-1", is_said).await;
        let status = scene.admin.get_status(v1::GetStatusRequest {}).await.expect("it may be seen").into_inner();
        let problem = Some(Problem::Leftovers { more: 0, first: vec![folder.clone()] }.into());
        let is_named =
            status.attention.iter().any(|it| named(&it.subject) == "instance notes-1" && it.problem == problem);
        assert_eq!(is_named, !leftovers.is_empty(), "{:?}", status.attention);
    }
}

#[tokio::test]
async fn who_may_only_look_wishes_nothing_and_who_operates_takes_no_keys() {
    let mut scene = scene().await;
    let mut viewer = backups(&mut scene.admin, "vi", "viewer").await;
    let request = v1::BackUpRequest { instances: vec!["notes-1".to_owned()], ..Default::default() };
    assert_eq!(viewer.back_up(request).await.expect_err("a viewer").code(), Code::PermissionDenied);
    assert_eq!(standing(&mut viewer).await.word(), v1::BackupLevel::Never);
    let kits = scene.backups.get_recovery_kits(v1::RecoveryKitsRequest::default()).await;
    assert_eq!(kits.expect_err("an operator").code(), Code::PermissionDenied);
}

#[tokio::test]
async fn only_an_administrator_lets_fewer_backups_be_kept() {
    let mut scene = scene().await;
    scene.first_backup().await;
    let keep = |name: &str, last: u32| v1::SetPolicyRequest {
        name: name.to_owned(),
        keep_last: Some(last),
        ..Default::default()
    };
    let more = scene.backups.set_policy(keep("daily", 9)).await.expect("more are kept").into_inner();
    assert!(more.keep.contains('9'), "{more:?}");
    let of_its_own = v1::SetPolicyRequest { instances: vec!["notes-1".to_owned()], ..keep("all-mine", 1) };
    let dry = v1::SetPolicyRequest { dry_run: true, ..keep("daily", 1) };
    for request in [keep("daily", 8), dry, of_its_own.clone()] {
        let refused = scene.backups.set_policy(request.clone()).await.expect_err("fewer would be kept");
        assert_eq!(refused.code(), Code::PermissionDenied, "{request:?}");
        let fewer = BackupRefusal::FewerBackups { more: 0, instances: vec!["notes-1".parse().expect("a name")] };
        assert_eq!(refusal(&refused), fewer.into());
    }
    let removal = v1::RemovePolicyRequest { name: "daily".to_owned() };
    let refused = scene.backups.remove_policy(removal.clone()).await.expect_err("an operator");
    assert_eq!(refused.code(), Code::PermissionDenied);
    let mut root = backups(&mut scene.admin, "ro", "administrator").await;
    root.set_policy(keep("daily", 8)).await.expect("an administrator may");
    root.set_policy(of_its_own).await.expect("an administrator may");
    root.remove_policy(removal).await.expect("an administrator may");
    let events = v1::ListEventsRequest { tail: 50, ..Default::default() };
    let events: Vec<_> = scene.admin.list_events(events).await.expect("they are seen").into_inner().collect().await;
    let changed = EventKind::PolicyChanged { by: "ro".parse().expect("a name"), fewer: vec![read("notes-1")] };
    let changed = Some(changed.into());
    let recorded =
        |event: &Result<v1::EventView, tonic::Status>| event.as_ref().is_ok_and(|event| event.kind == changed);
    assert!(events.iter().any(recorded), "{events:?}");
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_when_it_is_said() {
    let mut scene = scene().await;
    let policy = |change: fn(&mut v1::SetPolicyRequest)| {
        let mut request =
            v1::SetPolicyRequest { name: "p".to_owned(), selector: Some(String::new()), ..Default::default() };
        change(&mut request);
        request
    };
    let wrong: [fn(&mut v1::SetPolicyRequest); 10] = [
        |it| it.fleet_at_once = Some(0),
        |it| (it.fleet_at_once, it.dry_run) = (Some(0), true),
        |it| it.schedule = Some("* * * * *".to_owned()),
        |it| it.time_zone = Some("Europe/Nowhere".to_owned()),
        |it| it.keep_last = Some(0),
        |it| it.max_age = Some("1h".to_owned()),
        |it| it.drill = Some("1m".to_owned()),
        |it| it.limit_rate = Some("1".to_owned()),
        |it| it.to = vec!["nowhere".to_owned()],
        |it| it.selector = None,
    ];
    for change in wrong {
        let request = policy(change);
        let refused = scene.backups.set_policy(request.clone()).await;
        assert!(refused.is_err(), "{request:?}");
    }
    let list = scene.backups.list_policies(v1::ListPoliciesRequest::default()).await.expect("it may be seen");
    assert_eq!(list.into_inner().policies, []);
    let typo = v1::GetBackupHealthRequest { selector: "site=typo".to_owned(), ..Default::default() };
    let refused = scene.backups.get_backup_health(typo).await.expect_err("nobody is there");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(refusal(&refused), CallRefusal::NoneSelected { selector: "site=typo".to_owned() });
    let none = v1::DrillRequest { instance: "notes-1".to_owned(), ..Default::default() };
    assert_eq!(scene.backups.drill(none).await.expect_err("there is none").code(), Code::NotFound);
    let mut root = backups(&mut scene.admin, "ro", "administrator").await;
    let central = v1::RemoveRepositoryRequest { name: "central".to_owned(), forget: true };
    assert_eq!(root.remove_repository(central).await.expect_err("it stays").code(), Code::FailedPrecondition);
    let place = v1::add_repository_request::Location::Folder(v1::FolderPlace { path: "/mnt/../etc".to_owned() });
    let folder = v1::AddRepositoryRequest { name: "usb".to_owned(), location: Some(place) };
    assert_eq!(root.add_repository(folder).await.expect_err("it leads out").code(), Code::InvalidArgument);
}

/// The processes that read repositories for this one.
fn workers() -> usize {
    let own = std::process::id().to_string();
    let found = std::process::Command::new("pgrep").args(["-c", "-P", &own, "-f", "repository-worker"]).output();
    String::from_utf8_lossy(&found.expect("pgrep runs").stdout).trim().parse().expect("a number")
}

#[tokio::test]
async fn a_viewer_who_asks_a_lot_starts_few_processes_and_others_are_answered() {
    let mut scene = scene().await;
    let backup = scene.first_backup().await.id;
    let viewer = backups(&mut scene.admin, "vi", "viewer").await;
    let mut calls = JoinSet::new();
    for _ in 0..200 {
        let (mut viewer, request) = (viewer.clone(), v1::ShowBackupRequest { backup: backup.clone() });
        calls.spawn(async move { viewer.show_backup(request).await.map(drop).map_err(|status| status.code()) });
    }
    let mut most = 0;
    let (mut answered, mut refused) = (0, 0);
    while let Some(ended) = calls.join_next().await {
        match ended.expect("no call panics") {
            Ok(()) => answered += 1,
            Err(code) => {
                assert_eq!(code, Code::ResourceExhausted);
                refused += 1;
            }
        }
        most = most.max(workers());
        if answered + refused == 50 {
            let request = v1::ShowBackupRequest { backup: backup.clone() };
            scene.backups.show_backup(request).await.expect("another operator is answered meanwhile");
        }
    }
    assert!(answered >= 2 && refused >= 100, "{answered} answered, {refused} refused");
    // Two of the viewer's, one of the other operator's, and the coordinator's own.
    assert!(most <= 4, "{most} processes at once");
}
