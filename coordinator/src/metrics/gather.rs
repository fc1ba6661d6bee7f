//! Works out what there is to tell.

use super::text::{Page, number};
use crate::facts::StateSnapshot;
use crate::operators::{health_of, plan_context};
use crate::own::{OwnBackupHealth, own_backup_health};
use crate::serve::Shared;
use fleet_core::backup::{BackupHealth, BackupSeen, CopyHealth, HealthLevel};
use fleet_core::facts::LinkState;
use fleet_core::names::InstanceName;
use fleet_core::time::Time;
use fleet_proto::v1;
use fleet_proto::words::word;
use std::collections::BTreeMap;

/// What is told of one instance's backups; nothing where there is nothing to tell.
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
    ("fleet_backup_ok", "Whether the backups of an instance are as its policy wants them.", |health, _| {
        Some(f64::from(u8::from(health.word == HealthLevel::Ok)))
    }),
];

pub fn gather(shared: &Shared, now: Time) -> String {
    let mut page = Page::default();
    let snapshot = shared.facts.read();
    let plan_context = plan_context(&snapshot, now);
    let names = snapshot.desired().instances.keys();
    let standings: Vec<(&InstanceName, BackupHealth)> =
        names.filter_map(|name| Some((name, plan_context.health(name)?))).collect();
    for (name, help, told) in BACKUPS {
        let mut family = page.family(name, help);
        for (instance, health) in &standings {
            if let Some(value) = told(health, now) {
                family.sample(&[("instance", instance.as_str())], value);
            }
        }
    }
    copies(&mut page, &standings, now);
    hosts(&mut page, &snapshot);
    instances(&mut page, &snapshot);
    page.family("fleet_orders_open", "Orders whose end was not heard yet.")
        .sample(&[], number(snapshot.asked().orders.len() as u64));
    drop(snapshot);
    disks(&mut page, shared);
    own(&mut page, shared, now);
    page.finish()
}

fn newest(health: &BackupHealth) -> Option<&BackupSeen> {
    health.newest.as_ref().map(|(_, seen)| seen)
}

fn age(then: Time, now: Time) -> f64 {
    now.since(then).as_secs_f64().floor()
}

/// Each copy has an age and a proof of its own.
fn copies(page: &mut Page, standings: &[(&InstanceName, BackupHealth)], now: Time) {
    let told: [(&str, &str, Moment); 2] = [
        ("fleet_backup_copy_age_seconds", "Age of the newest backup in one repository.", |copy| copy.newest),
        ("fleet_backup_copy_proof_age_seconds", "Time since a drill last succeeded in one repository.", |copy| {
            copy.proven
        }),
    ];
    for (name, help, moment) in told {
        let mut family = page.family(name, help);
        for (instance, health) in standings {
            for copy in &health.copies {
                let labels = [("instance", instance.as_str()), ("repository", copy.repository.as_str())];
                moment(copy).into_iter().for_each(|at| family.sample(&labels, age(at, now)));
            }
        }
    }
}

/// The coordinator's own backups.
fn own(page: &mut Page, shared: &Shared, now: Time) {
    let health = own_backup_health(&shared.facts, &shared.home, now).unwrap_or_else(|error| {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "the coordinator's own backups could not be looked at"
        );
        OwnBackupHealth { at: None, problem: Some(error.to_string()) }
    });
    let mut family = page.family("fleet_coordinator_backup_age_seconds", "Age of the coordinator's newest own backup.");
    health.at.into_iter().for_each(|at| family.sample(&[], age(at, now)));
    let mut family = page.family("fleet_coordinator_backup_ok", "Whether the coordinator's own backups are in time.");
    family.sample(&[], f64::from(u8::from(health.problem.is_none())));
}

fn hosts(page: &mut Page, snapshot: &StateSnapshot) {
    let (all, seen) = (snapshot.desired().hosts.len(), &snapshot.observed().hosts);
    let is_online = |name| seen.get(name).is_some_and(|host| host.link == LinkState::Online);
    let online = snapshot.desired().hosts.keys().filter(|name| is_online(*name)).count();
    let mut family = page.family("fleet_hosts", "Hosts of the fleet, by whether they are connected.");
    family.sample(&[("link", "online")], number(online as u64));
    family.sample(&[("link", "offline")], number((all - online) as u64));
    let duplicates =
        snapshot.desired().hosts.keys().filter(|name| snapshot.observed().duplicate(name).is_some()).count();
    let help = "Hosts as which two machines connect: their orders are held.";
    page.family("fleet_hosts_duplicate", help).sample(&[], number(duplicates as u64));
}

fn instances(page: &mut Page, snapshot: &StateSnapshot) {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for (name, instance) in &snapshot.desired().instances {
        let health = health_of(snapshot, name, instance).0;
        *counts.entry(word::<v1::InstanceHealth>(health.into())).or_default() += 1;
    }
    let mut family = page.family("fleet_instances", "Instances of the fleet, by their health.");
    counts.into_iter().for_each(|(health, count)| family.sample(&[("health", health.as_str())], number(count)));
}

fn disks(page: &mut Page, shared: &Shared) {
    let looks = shared.repository_service.looks().unwrap_or_else(|error| {
        tracing::error!(%error, "the sizes of repositories could not be read");
        Vec::new()
    });
    let mut family =
        page.family("fleet_repository_bytes", "Stored bytes of a repository, when it was last looked after.");
    for ((repository, instance), look) in &looks {
        let labels = [("instance", instance.as_str()), ("repository", repository.as_str())];
        family.sample(&labels, number(look.bytes));
    }
    let mut family = page.family("fleet_repository_ok", "Whether nothing was found to be wrong with a repository.");
    for ((repository, instance), look) in &looks {
        let labels = [("instance", instance.as_str()), ("repository", repository.as_str())];
        family.sample(&labels, f64::from(u8::from(look.is_fine())));
    }
    let mut family =
        page.family("fleet_disk_free_bytes", "Free bytes on the coordinator's disk, where it keeps repositories.");
    if let Ok(space) = shared.repository_service.disk.space() {
        family.sample(&[], number(space.free));
    }
}
