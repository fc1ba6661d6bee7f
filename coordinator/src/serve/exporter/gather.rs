//! Figures of the fleet as it is now, and those that were counted since the start.

use crate::clock;
use crate::facts::StateSnapshot;
use crate::metrics::RpcMetrics;
use crate::operators::{health_of, plan_context};
use crate::own::{OwnBackupHealth, own_backup_health};
use crate::shared::Shared;
use fleet_core::backup::BackupSeen;
use fleet_core::backup_health::{BackupHealth, CopyHealth, HealthLevel};
use fleet_core::facts::LinkState;
use fleet_core::names::InstanceName;
use fleet_core::problem::Problem;
use fleet_core::time::Time;
use fleet_proto::v1;
use fleet_proto::words::word;
use fleet_telemetry::{Figures, Page, write_process};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Value of one instance's backups; nothing where there is none.
type BackupSamples = fn(&BackupHealth, Time) -> Option<f64>;

/// A moment of one copy that has an age.
type Moment = fn(&CopyHealth) -> Option<Time>;

const BACKUPS: [(&str, &str, BackupSamples); 6] = [
    ("fleet_backup_age_seconds", "Age of the newest backup of an instance.", |health, now| {
        newest(health).map(|seen| age(seen.began, now))
    }),
    ("fleet_backup_proven_age_seconds", "Age of the newest backup that was restored and checked.", |health, now| {
        health.proven.as_ref().map(|(began, _)| age(*began, now))
    }),
    ("fleet_backup_bytes", "Bytes of the newest backup, before they are compressed.", |health, _| {
        newest(health).map(|seen| number(seen.bytes))
    }),
    ("fleet_backup_added_bytes", "Bytes that the newest backup added to its repository.", |health, _| {
        newest(health).map(|seen| number(seen.added))
    }),
    ("fleet_backup_copies", "Repositories that have a good backup of an instance.", |health, _| {
        let copies = health.copies.iter().filter(|copy| copy.newest.is_some()).count();
        Some(number(copies as u64))
    }),
    ("fleet_backup_ok", "1 where the backups of an instance are as its policy wants them, else 0.", |health, _| {
        Some(flag(health.word == HealthLevel::Ok))
    }),
];

/// Metrics of a coordinator.
#[derive(Debug, Clone)]
pub struct CoordinatorFigures {
    pub shared: Shared,
    pub rpc: Arc<RpcMetrics>,
}

impl Figures for CoordinatorFigures {
    fn write(&self, page: &mut Page<'_>) -> fmt::Result {
        let (shared, now) = (&self.shared, clock::now());
        backups(page, shared, now)?;
        let snapshot = shared.facts.read();
        hosts(page, &snapshot)?;
        instances(page, &snapshot)?;
        let open = snapshot.asked().orders.len();
        page.gauge("fleet_orders_open", "Orders whose end was not heard yet.", open)?;
        drop(snapshot);
        disks(page, shared)?;
        own(page, shared, now)?;
        counted(page, shared)?;
        self.rpc.write(page)?;
        queues(page, shared)?;
        write_process(page)
    }
}

/// Numbers as the format has them: the largest of ours are bytes, and exact up to eight thousand tebibytes.
#[allow(clippy::cast_precision_loss, reason = "a metric may be rounded")]
fn number(value: u64) -> f64 {
    value as f64
}

fn flag(value: bool) -> f64 {
    f64::from(u8::from(value))
}

fn newest(health: &BackupHealth) -> Option<&BackupSeen> {
    health.newest.as_ref().map(|(_, seen)| seen)
}

fn age(then: Time, now: Time) -> f64 {
    now.since(then).as_secs_f64().floor()
}

/// Counters and histograms of each part.
fn counted(page: &mut Page<'_>, shared: &Shared) -> fmt::Result {
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    page.gauges("fleet_build_info", "1, with the coordinator's version as a label.")?.gauge(&version, 1_u64)?;
    shared.facts.metrics().write(page)?;
    shared.facts.store().metrics().write(page)?;
    let connected = shared.sessions.all().len();
    page.gauge("fleet_agents_connected", "Agents with a session.", connected)?;
    shared.sessions.metrics.write(page)?;
    shared.budgets.metrics.write(page)?;
    shared.repository_service.launcher().metrics.write(page)?;
    let renderings = shared.renderer.counts();
    let help = "Requests to processes that render releases.";
    page.counter("fleet_render_requests", help, renderings.requests.load(Relaxed))?;
    let help = "Requests to render that failed for another reason than the release.";
    page.counter("fleet_render_failures", help, renderings.failures.load(Relaxed))?;
    let mut panics = page.counters("fleet_panics", "Panics that were caught, by the loop or call.")?;
    shared.panics.all().iter().try_for_each(|(place, caught)| panics.counter(&[("place", place)], caught.count))
}

/// Work that waits.
fn queues(page: &mut Page<'_>, shared: &Shared) -> fmt::Result {
    let outboxes: usize = shared.sessions.all().iter().map(|session| session.waiting()).sum();
    let lengths = [
        ("store", shared.facts.store().metrics().queue_length()),
        ("outboxes", i64::try_from(outboxes).unwrap_or(i64::MAX)),
        ("questions", i64::try_from(shared.queries.count()).unwrap_or(i64::MAX)),
        ("readers", i64::try_from(shared.readers.calls()).unwrap_or(i64::MAX)),
        ("renderings", i64::try_from(shared.renderings.calls()).unwrap_or(i64::MAX)),
    ];
    let mut samples = page.gauges("fleet_queue_length", "Entries that wait or are in work, by queue.")?;
    lengths.into_iter().try_for_each(|(queue, length)| samples.gauge(&[("queue", queue)], length))
}

fn backups(page: &mut Page<'_>, shared: &Shared, now: Time) -> fmt::Result {
    let snapshot = shared.facts.read();
    let plan_context = plan_context(&snapshot, now);
    let names = snapshot.desired().instances.keys();
    let healths: Vec<(&InstanceName, BackupHealth)> =
        names.filter_map(|name| Some((name, plan_context.health(name)?))).collect();
    for (name, help, value) in BACKUPS {
        let mut samples = page.gauges(name, help)?;
        for (instance, health) in &healths {
            if let Some(value) = value(health, now) {
                samples.gauge(&[("instance", instance.as_str())], value)?;
            }
        }
    }
    copies(page, &healths, now)
}

/// Each copy has an age and a proof of its own.
fn copies(page: &mut Page<'_>, healths: &[(&InstanceName, BackupHealth)], now: Time) -> fmt::Result {
    let families: [(&str, &str, Moment); 2] = [
        ("fleet_backup_copy_age_seconds", "Age of the newest backup in one repository.", |copy| copy.newest),
        ("fleet_backup_copy_proof_age_seconds", "Time since a drill last succeeded in one repository.", |copy| {
            copy.proven
        }),
    ];
    for (name, help, moment) in families {
        let mut samples = page.gauges(name, help)?;
        for (instance, health) in healths {
            for copy in &health.copies {
                let labels = [("instance", instance.as_str()), ("repository", copy.repository.as_str())];
                if let Some(at) = moment(copy) {
                    samples.gauge(&labels, age(at, now))?;
                }
            }
        }
    }
    Ok(())
}

/// The coordinator's own backups.
fn own(page: &mut Page<'_>, shared: &Shared, now: Time) -> fmt::Result {
    let health = own_backup_health(&shared.facts, &shared.home, now).unwrap_or_else(|error| {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "the coordinator's own backups could not be looked at"
        );
        OwnBackupHealth { at: None, problem: Some(Problem::OwnBackupUnknown(error.to_string().into())) }
    });
    let help = "Age of the coordinator's newest own backup.";
    let mut samples = page.gauges("fleet_coordinator_backup_age_seconds", help)?;
    if let Some(at) = health.at {
        samples.gauge(&[], age(at, now))?;
    }
    let help = "1 where the coordinator's own backups are in time, else 0.";
    page.gauge("fleet_coordinator_backup_ok", help, flag(health.problem.is_none()))
}

fn hosts(page: &mut Page<'_>, snapshot: &StateSnapshot) -> fmt::Result {
    let (all, seen) = (snapshot.desired().hosts.len(), &snapshot.observed().hosts);
    let is_online = |name| seen.get(name).is_some_and(|host| host.link == LinkState::Online);
    let online = snapshot.desired().hosts.keys().filter(|name| is_online(*name)).count();
    let mut samples = page.gauges("fleet_hosts", "Hosts of the fleet, by their link.")?;
    samples.gauge(&[("link", "online")], online)?;
    samples.gauge(&[("link", "offline")], all - online)?;
    let duplicates =
        snapshot.desired().hosts.keys().filter(|name| snapshot.observed().duplicate(name).is_some()).count();
    page.gauge("fleet_hosts_duplicate", "Hosts as which two machines connect: their orders are held.", duplicates)
}

fn instances(page: &mut Page<'_>, snapshot: &StateSnapshot) -> fmt::Result {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for (name, instance) in &snapshot.desired().instances {
        let health = health_of(snapshot, name, instance).health;
        *counts.entry(word::<v1::InstanceHealth>(health.into())).or_default() += 1;
    }
    let mut samples = page.gauges("fleet_instances", "Instances of the fleet, by their health.")?;
    counts.into_iter().try_for_each(|(health, count)| samples.gauge(&[("health", health.as_str())], count))
}

fn disks(page: &mut Page<'_>, shared: &Shared) -> fmt::Result {
    let looks = shared.repository_service.looks().unwrap_or_else(|error| {
        tracing::error!(%error, "the sizes of repositories could not be read");
        Vec::new()
    });
    let mut samples =
        page.gauges("fleet_repository_bytes", "Stored bytes of a repository, when it was last looked after.")?;
    for ((repository, instance), look) in &looks {
        let labels = [("instance", instance.as_str()), ("repository", repository.as_str())];
        samples.gauge(&labels, number(look.bytes))?;
    }
    let mut samples =
        page.gauges("fleet_repository_ok", "1 where nothing was found to be wrong with a repository, else 0.")?;
    for ((repository, instance), look) in &looks {
        let labels = [("instance", instance.as_str()), ("repository", repository.as_str())];
        samples.gauge(&labels, flag(look.is_fine()))?;
    }
    let help = "Free bytes on the coordinator's disk, where it keeps repositories.";
    let mut samples = page.gauges("fleet_disk_free_bytes", help)?;
    if let Ok(space) = shared.repository_service.disk.space() {
        samples.gauge(&[], number(space.free))?;
    }
    Ok(())
}
