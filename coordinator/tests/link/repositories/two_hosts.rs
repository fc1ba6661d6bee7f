//! Two hosts, each with an instance, and calls to the repositories service.

use crate::harness::{FakeAgent, Harness, LIMIT, bundle, install, push};
use fleet_coordinator::store::{Batch, Store};
use fleet_core::backup::{Cause, DataAction};
use fleet_core::facts::OpenOrder;
use fleet_core::order::{Action, Order, order_id};
use fleet_link::{Identity, dial};
use fleet_proto::v1::{self, add_file::Kind, repositories_client::RepositoriesClient};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tonic::transport::Channel;
use tonic::{Code, Status};

pub type Client = RepositoriesClient<Channel>;

/// Two hosts, each with an instance, and the requests of the first to its repository.
pub struct TwoHosts {
    pub harness: Harness,
    pub one: Identity,
    pub other: Identity,
}

/// The same, with an order to back up each of both.
pub async fn two_hosts() -> TwoHosts {
    let mut two_hosts = without_orders().await;
    two_hosts.harness.meddle(both_backing_up).await;
    // Its repositories are made for those orders.
    let is_made =
        |name: &str| fs::read_dir(two_hosts.folder().join(name).join("keys")).is_ok_and(|keys| keys.count() == 1);
    let made = async {
        while !(is_made("notes-1") && is_made("notes-2")) {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, made).await.expect("they are made");
    two_hosts
}

pub async fn without_orders() -> TwoHosts {
    let harness = Harness::new().await;
    let mut admin = harness.admin().await;
    let (one, other) = (harness.host(&mut admin, "lab-1").await, harness.host(&mut admin, "lab-2").await);
    push(&mut admin, "1.1", &bundle("notes:1.1")).await.expect("it is a good bundle");
    for (identity, host, name) in [(&one, "lab-1", "notes-1"), (&other, "lab-2", "notes-2")] {
        let _seen = FakeAgent::connect(identity).await.expect("it is welcome");
        install(&mut admin, "1.1", host, name).await.expect("nothing stands against it");
    }
    TwoHosts { harness, one, other }
}

pub async fn client(identity: &Identity) -> Client {
    RepositoriesClient::new(dial(identity).await.expect("it is reached"))
}

pub fn sum(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

pub fn name(instance: &str, kind: v1::FileKind, id: &str) -> v1::FileName {
    let (repository, instance) = ("central".to_owned(), instance.to_owned());
    v1::FileName { repository, instance, kind: kind.into(), id: id.to_owned() }
}

pub fn pack(instance: &str, bytes: &[u8]) -> v1::FileName {
    name(instance, v1::FileKind::Pack, &sum(bytes))
}

/// The messages of a file, in pieces.
pub fn messages(name: v1::FileName, bytes: &[u8], sum: Option<String>) -> Vec<v1::AddFile> {
    let pieces = bytes.chunks(50_000).map(|piece| Kind::Bytes(piece.to_vec().into()));
    let kinds = [Kind::Begin(name)].into_iter().chain(pieces).chain(sum.map(Kind::Sha256));
    kinds.map(|kind| v1::AddFile { kind: Some(kind) }).collect()
}

pub async fn add(client: &mut Client, name: v1::FileName, bytes: &[u8]) -> Result<(), Status> {
    let sum = Some(sum(bytes));
    client.add(tokio_stream::iter(messages(name, bytes, sum))).await.map(|_| ())
}

pub async fn read(client: &mut Client, file: v1::FileName, offset: u64, length: u64) -> Result<Vec<u8>, Status> {
    let mut pieces = client.read(v1::ReadFile { file: Some(file), offset, length }).await?.into_inner();
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await {
        bytes.extend(piece?.bytes);
    }
    Ok(bytes)
}

pub async fn list(client: &mut Client, of: v1::FileName) -> Result<Vec<(String, u64)>, Status> {
    let mut lists = client.list(v1::ListFiles { of: Some(of) }).await?.into_inner();
    let mut found = Vec::new();
    while let Some(list) = lists.next().await {
        found.extend(list?.files.into_iter().map(|file| (file.id, file.bytes)));
    }
    found.sort();
    Ok(found)
}

pub fn code<T>(result: Result<T, Status>) -> Option<Code> {
    result.err().map(|status| status.code())
}

impl TwoHosts {
    pub fn folder(&self) -> PathBuf {
        self.harness.path().join("repositories/central")
    }

    /// All files below the repositories that hosts have added, those of uploads included.
    pub fn files(&self) -> Vec<PathBuf> {
        fn below(path: PathBuf, found: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(path).into_iter().flatten().flatten() {
                if entry.path().is_dir() { below(entry.path(), found) } else { found.push(entry.path()) }
            }
        }
        let mut found = Vec::new();
        below(self.harness.path().join("repositories"), &mut found);
        let is_added = |path: &PathBuf| {
            let below = path.strip_prefix(self.folder()).expect("it is below it");
            !["config", "keys", "tmp"].iter().any(|own| below.iter().any(|part| part == *own))
        };
        found.retain(is_added);
        found
    }
}

/// A backup of an instance.
fn back_up(batch: &mut Batch, host: &str, instance: &str) {
    let (id, instance) = (order_id(&["backup", instance]), instance.parse().expect("it is a name"));
    let to = ["central".parse().expect("it is a name")].into();
    let action = Action::Data(DataAction::Backup { to, cause: Cause::Requested });
    let order = Order { id: id.clone(), instance, action, deadline: Duration::from_secs(3600) };
    let host = host.parse().expect("it is a name");
    batch.put(format!("asked/{id}"), &OpenOrder { host, order, rollout: None, asked: crate::harness::now() });
}

/// Of the first host's instance.
pub fn backing_up(_: &dyn Store, batch: &mut Batch) {
    back_up(batch, "lab-1", "notes-1");
}

fn both_backing_up(_: &dyn Store, batch: &mut Batch) {
    back_up(batch, "lab-1", "notes-1");
    back_up(batch, "lab-2", "notes-2");
}
