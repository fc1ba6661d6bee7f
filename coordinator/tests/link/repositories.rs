//! Requests of hosts to the coordinator's repositories, and the state of the disk afterwards.

mod two_hosts;

pub use two_hosts::sum;

use crate::harness::{LIMIT, refusal};
use crate::import::again;
use fleet_coordinator::store::{Batch, Store};
use fleet_core::backup::{BackupSource, DataAction, LocationAccess};
use fleet_core::facts::OpenOrder;
use fleet_core::order::{Action, Order, order_id};
use fleet_core::refused_call::{CallRefusal, FileRefusal};
use fleet_proto::convert::incoming_order;
use fleet_proto::v1;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use two_hosts::{add, backing_up, client, code, list, messages, name, pack, read, two_hosts, without_orders};

#[tokio::test]
async fn a_host_adds_to_its_own_repository_and_reads_it() {
    let two_hosts = two_hosts().await;
    let mut client = client(&two_hosts.one).await;
    let bytes: Vec<u8> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
    let file = pack("notes-1", &bytes);
    add(&mut client, file.clone(), &bytes).await.expect("it is its own");
    let found = list(&mut client, name("notes-1", v1::FileKind::Pack, "")).await.expect("it is its own");
    assert_eq!(found, [(file.id.clone(), 300_000)]);
    assert!(read(&mut client, file.clone(), 0, 0).await.expect("it is there") == bytes);
    assert!(read(&mut client, file.clone(), 200_000, 70_000).await.expect("it is there") == bytes[200_000..270_000]);
    assert_eq!(code(read(&mut client, file.clone(), 299_999, 2).await), Some(Code::OutOfRange));
    assert_eq!(code(read(&mut client, file.clone(), u64::MAX, 2).await), Some(Code::OutOfRange));
    assert_eq!(code(read(&mut client, pack("notes-1", b"none"), 0, 0).await), Some(Code::NotFound));
    let path = two_hosts.folder().join("notes-1/data").join(&file.id[..2]).join(&file.id);
    assert!(fs::read(path).expect("restic's own layout") == bytes);
}

#[tokio::test]
async fn nothing_is_overwritten() {
    let two_hosts = two_hosts().await;
    let mut client = client(&two_hosts.one).await;
    let config = name("notes-1", v1::FileKind::Config, "");
    let made = read(&mut client, config.clone(), 0, 0).await.expect("it is there");
    add(&mut client, config.clone(), &made).await.expect("it is the same");
    assert_eq!(code(add(&mut client, config.clone(), b"two").await), Some(Code::AlreadyExists));
    assert_eq!(read(&mut client, config, 0, 0).await.expect("it is there"), made);
    add(&mut client, pack("notes-1", b"one"), b"one").await.expect("there is none yet");
    add(&mut client, pack("notes-1", b"one"), b"one").await.expect("it is the same");
    assert_eq!(code(add(&mut client, pack("notes-1", b"one"), b"two").await), Some(Code::InvalidArgument));
    assert_eq!(two_hosts.files().len(), 1);
}

#[tokio::test]
async fn a_host_has_no_business_in_anothers_repository() {
    let two_hosts = two_hosts().await;
    let (mut one, mut other) = (client(&two_hosts.one).await, client(&two_hosts.other).await);
    let file = pack("notes-1", b"secret");
    add(&mut one, file.clone(), b"secret").await.expect("it is its own");
    assert_eq!(code(read(&mut other, file.clone(), 0, 0).await), Some(Code::PermissionDenied));
    assert_eq!(code(list(&mut other, name("notes-1", v1::FileKind::Pack, "")).await), Some(Code::PermissionDenied));
    assert_eq!(code(add(&mut other, file, b"secret").await), Some(Code::PermissionDenied));
    assert_eq!(code(add(&mut other, pack("notes-9", b"x"), b"x").await), Some(Code::PermissionDenied));
    let elsewhere = v1::FileName { repository: "elsewhere".to_owned(), ..pack("notes-1", b"x") };
    assert_eq!(code(add(&mut one, elsewhere, b"x").await), Some(Code::NotFound));
    let outside = v1::FileName { instance: "../notes-2".to_owned(), ..pack("notes-1", b"x") };
    assert_eq!(code(add(&mut one, outside, b"x").await), Some(Code::InvalidArgument));
    assert_eq!(
        code(add(&mut one, name("notes-1", v1::FileKind::Pack, "../../x"), b"x").await),
        Some(Code::InvalidArgument)
    );
}

/// Adds a restore on the second host from a backup of the first one's instance.
fn restoring(_: &dyn Store, batch: &mut Batch) {
    let name = |text: &str| text.parse().expect("it is a name");
    let id = order_id(&["restore"]);
    let from = BackupSource {
        repository: "central".parse().expect("it is a name"),
        instance: name("notes-1"),
        backup: "0123456789abcdef01234567".parse().expect("it is an id"),
        snapshots: None,
    };
    let action = DataAction::Restore {
        from,
        only: [].into(),
        safety: [].into(),
        goal: None,
        replaces: None,
        others: Default::default(),
        privileges: Default::default(),
    };
    let order = Order {
        id: id.clone(),
        instance: name("notes-2"),
        action: Action::Data(action),
        deadline: Duration::from_secs(3600),
    };
    let host = "lab-2".parse().expect("it is a name");
    batch.put(format!("asked/{id}"), &OpenOrder { host, order, rollout: None, asked: crate::harness::now() });
}

#[tokio::test]
async fn an_order_to_restore_lets_a_host_read_where_it_restores_from_and_no_more() {
    let mut two_hosts = two_hosts().await;
    let file = pack("notes-1", b"secret");
    add(&mut client(&two_hosts.one).await, file.clone(), b"secret").await.expect("it is its own");
    two_hosts.harness.meddle(restoring).await;
    let mut other = client(&two_hosts.other).await;
    assert_eq!(read(&mut other, file.clone(), 0, 0).await.expect("it is ordered"), b"secret");
    assert_eq!(list(&mut other, name("notes-1", v1::FileKind::Pack, "")).await.expect("it is ordered").len(), 1);
    assert_eq!(code(add(&mut other, pack("notes-1", b"x"), b"x").await), Some(Code::PermissionDenied));
}

#[tokio::test]
async fn nothing_is_added_without_an_open_order_that_adds_to_that_repository() {
    let mut two_hosts = without_orders().await;
    let kinds = [v1::FileKind::Pack, v1::FileKind::Index, v1::FileKind::Snapshot, v1::FileKind::Key];
    for kind in kinds {
        let refused = add(&mut client(&two_hosts.one).await, name("notes-1", kind, &sum(b"x")), b"x").await;
        let refused = refused.expect_err("no order adds to it");
        assert_eq!(refused.code(), Code::PermissionDenied, "{kind:?}");
        let CallRefusal::File { refusal } = refusal(&refused) else { panic!("{refused}") };
        assert!(matches!(*refusal, FileRefusal::NoOrderAdds { .. }), "{refused}");
    }
    // An order of another host's, and one that only reads, open nothing.
    two_hosts.harness.meddle(restoring).await;
    let mut other = client(&two_hosts.other).await;
    assert_eq!(code(add(&mut other, pack("notes-2", b"x"), b"x").await), Some(Code::PermissionDenied));
    assert_eq!(two_hosts.files(), Vec::<PathBuf>::new());
    two_hosts.harness.meddle(backing_up).await;
    add(&mut client(&two_hosts.one).await, pack("notes-1", b"x"), b"x").await.expect("it is asked for");
    assert_eq!(
        code(add(&mut client(&two_hosts.other).await, pack("notes-2", b"x"), b"x").await),
        Some(Code::PermissionDenied)
    );
}

#[tokio::test]
async fn an_order_to_back_up_is_told_with_its_key_once_the_repository_is_made() {
    let mut two_hosts = without_orders().await;
    two_hosts.harness.meddle(backing_up).await;
    let mut agent = again(&two_hosts.one).await;
    let order = loop {
        let orders = agent.open_set().await.expect("the stream goes on").orders;
        if let Some(order) = orders.into_iter().find(|order| matches!(order.action, Some(v1::order::Action::Data(_)))) {
            break incoming_order(order).expect("it is whole");
        }
    };
    assert_eq!(order.access.len(), 1);
    assert_eq!(order.access[0].place, LocationAccess::Coordinator);
    assert!(order.access[0].master_key.0.contains("mac"), "it is restic's own form");
    assert!(two_hosts.folder().join("notes-1/config").exists());
    let mut client = client(&two_hosts.one).await;
    let config = name("notes-1", v1::FileKind::Config, "");
    assert_eq!(code(add(&mut client, config, b"mine").await), Some(Code::AlreadyExists), "nobody replaces it");
}

#[tokio::test]
async fn what_is_cut_off_or_damaged_on_its_way_leaves_nothing() {
    let mut two_hosts = two_hosts().await;
    let mut client = client(&two_hosts.one).await;
    let bytes = vec![7; 200_000];
    let whole = || messages(pack("notes-1", &bytes), &bytes, None);
    let cut = client.add(tokio_stream::iter(whole())).await;
    assert_eq!(code(cut), Some(Code::Aborted), "without its sum it is not whole");
    let wrong = messages(pack("notes-1", &bytes), &bytes, Some(sum(b"other")));
    assert_eq!(code(client.add(tokio_stream::iter(wrong)).await), Some(Code::DataLoss));
    assert_eq!(two_hosts.files(), Vec::<PathBuf>::new());
    let (sender, held) = mpsc::channel(16);
    for message in whole() {
        sender.send(message).await.expect("there is room");
    }
    let mut sending = client.clone();
    let under_way = tokio::spawn(async move { sending.add(ReceiverStream::new(held)).await });
    let begun = async {
        while two_hosts.files().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, begun).await.expect("it begins");
    under_way.abort();
    drop(sender);
    let gone = async {
        while !two_hosts.files().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, gone).await.expect("what was cut off is removed");
    let uploads = two_hosts.folder().join(".uploads");
    two_hosts.harness.stop().await;
    fs::write(uploads.join("0"), "half").expect("there is room");
    two_hosts.harness.start().await;
    assert_eq!(two_hosts.files(), Vec::<PathBuf>::new(), "what a coordinator that was killed has left is swept");
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_it_fills_the_disk() {
    let two_hosts = two_hosts().await;
    let mut client = client(&two_hosts.one).await;
    let bytes = vec![7; 100_000];
    let refused = add(&mut client, name("notes-1", v1::FileKind::Key, &sum(&bytes)), &bytes).await;
    assert_eq!(code(refused), Some(Code::InvalidArgument));
    assert_eq!(two_hosts.files(), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_uploads_delays_nobody() {
    let two_hosts = two_hosts().await;
    let busy = client(&two_hosts.one).await;
    let mut uploads = Vec::new();
    for number in 0..16_u8 {
        let mut busy = busy.clone();
        uploads.push(tokio::spawn(async move {
            let bytes = vec![number; 1 << 20];
            add(&mut busy, pack("notes-1", &bytes), &bytes).await
        }));
    }
    let (mut answered_meanwhile, mut other) = (0, client(&two_hosts.other).await);
    let is_busy = || uploads.iter().any(|upload| !upload.is_finished());
    while is_busy() {
        list(&mut other, name("notes-2", v1::FileKind::Index, "")).await.expect("it is its own");
        answered_meanwhile += u32::from(is_busy());
    }
    for upload in uploads {
        upload.await.expect("it ends").expect("it is its own");
    }
    assert!(answered_meanwhile > 0, "the other host waited until the uploads were done");
    let found = list(&mut client(&two_hosts.one).await, name("notes-1", v1::FileKind::Pack, "")).await;
    assert_eq!(found.expect("it is its own").len(), 16);
}
