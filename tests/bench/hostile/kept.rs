//! One backup that the coordinator keeps, made as a host makes it: under an open order, by a worker of the agent's program.

use crate::operator::{Operator, host_name, instance_name};
use crate::swarm::Swarm;
use anyhow::{Context, bail};
use fleet_core::backup::{Cause, CopyMade, DataResult, Manifest, Snapshots, UncoveredData, UndeclaredData};
use fleet_core::release::Release;
use fleet_link::{Identity, dial};
use fleet_proto::convert::OutgoingOrder;
use fleet_proto::v1;
use fleet_proto::v1::backups_client::BackupsClient;
use fleet_repository::worker::{Answer, BackendSpec, Limits, Request, Work, Worker};
use fleet_repository::{Part, Secrets};
use fleet_tests::process::program;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(30);

/// Makes it and gives its id, once the coordinator can show it.
pub async fn make(operator: &Operator, number: usize, host: Identity, folder: &Path) -> anyhow::Result<String> {
    let identity = folder.join("identity");
    host.save(&identity)?;
    let mut data = Swarm::with_open_data(number, host);
    operator.until_settled(1, PATIENCE).await?;
    let mut client = BackupsClient::new(dial(&operator.identity).await?);
    let request = v1::BackUpRequest { instances: vec![instance_name(number)], ..v1::BackUpRequest::default() };
    client.back_up(request).await?;
    let (order, release) = timeout(PATIENCE, data.orders.recv()).await?.context("no order to back up came")?;
    let manifest = manifest(&order, release, number)?;
    let place = serde_json::json!({ "identity": identity, "repository": "central", "instance": instance_name(number) });
    let set = write_set(BackendSpec::Coordinator(place), &order, &manifest).await?;
    let snapshots = Some(Snapshots { set: set.parse()?, dumps: None, files: None });
    let copy = CopyMade { repository: "central".parse()?, result: Ok(manifest), snapshots };
    data.end.send(v1::OrderReport {
        id: order.order.id.to_string(),
        instance: instance_name(number),
        outcome: Some(v1::order_report::Outcome::Done(v1::Empty {})),
        result: Some(DataResult::Backup(vec![copy]).into()),
    })?;
    let backup = order.order.id.to_string();
    let begin = Instant::now();
    while let Err(error) = client.show_backup(v1::ShowBackupRequest { backup: backup.clone() }).await {
        if begin.elapsed() > PATIENCE {
            bail!("the backup is not shown: {error}");
        }
        sleep(Duration::from_millis(100)).await;
    }
    Ok(backup)
}

fn manifest(order: &OutgoingOrder, release: Release, number: usize) -> anyhow::Result<Manifest> {
    let now = crate::operator::now();
    let volume = |number| {
        let data = UndeclaredData::Volume { name: format!("bench_{number}"), at: None };
        UncoveredData::Undeclared { data }
    };
    Ok(Manifest {
        format: Manifest::FORMAT,
        backup: order.order.id.as_str().parse()?,
        instance: order.order.instance.clone(),
        host: host_name(number).parse()?,
        release,
        revision: 1,
        cause: Cause::Requested,
        began: now,
        ended: now,
        values: Default::default(),
        images: Default::default(),
        parts: Vec::new(),
        derivable: Vec::new(),
        // As large as a manifest of many stores and files.
        uncovered: (0..4_000).map(volume).collect(),
        beside: Vec::new(),
        side_files: Default::default(),
        holds: Vec::new(),
    })
}

async fn write_set(place: BackendSpec, order: &OutgoingOrder, manifest: &Manifest) -> anyhow::Result<String> {
    let access = order.access.first().context("the order names no repository")?;
    let password = access.password.clone().unwrap_or_default().0;
    let secrets = Secrets { password, master_key: access.master_key.0.clone() };
    let part = Part { backup: manifest.backup.clone(), host: manifest.host.clone(), time: manifest.began };
    let work = Work::WriteSet { part, manifest: serde_json::to_vec(manifest)? };
    let request = Request { place, secrets, work, rate: None };
    let program = program("fleet-agent")?;
    let worker = Worker::start(&program, &["repository-worker"], &Limits::default(), &request).await?;
    match worker.answer().await? {
        Answer::Set { snapshot } => Ok(snapshot.to_string()),
        other => bail!("a set was to be written, and the answer is {other:?}"),
    }
}
