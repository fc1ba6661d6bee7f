//! Works out what there is to tell.

use super::text::{Page, number};
use crate::facts::StateSnapshot;
use crate::operators::{health_words, outlook};
use crate::own::{OwnStanding, own_standing};
use crate::serve::Shared;
use fleet_core::backup::{BackupHealth, BackupSeen, CopyStanding, HealthLevel};
use fleet_core::facts::LinkState;
use fleet_core::names::InstanceName;
use fleet_core::time::Time;
use std::collections::BTreeMap;

/// What is told of one instance's backups; nothing where there is nothing to tell.
type BackupSamples = fn(&BackupHealth, Time) -> Option<f64>;

/// A moment of one copy that has an age.
type Moment = fn(&CopyStanding) -> Option<Time>;

const BACKUPS: [(&str, &str, BackupSamples); 6] = [
    ("fleet_backup_age_seconds", "Age of the newest backup of an instance.", |standing, now| {
        newest(standing).map(|seen| age(seen.began, now))
    }),
    ("fleet_backup_proven_age_seconds", "Age of the newest backup that was restored and checked.", |standing, now| {
        standing.proven.as_ref().map(|(began, _)| age(*began, now))
    }),
    ("fleet_backup_bytes", "Bytes of the newest backup, before they are compressed.", |standing, _| {
        newest(standing).map(|seen| number(seen.bytes))
    }),
    ("fleet_backup_added_bytes", "Bytes that the newest backup added to its repository.", |standing, _| {
        newest(standing).map(|seen| number(seen.added))
    }),
    ("fleet_backup_copies", "Repositories that have a good backup of an instance.", |standing, _| {
        let copies = standing.copies.iter().filter(|copy| copy.newest.is_some()).count();
        Some(number(copies as u64))
    }),
    ("fleet_backup_ok", "Whether the backups of an instance are as its policy wants them.", |standing, _| {
        Some(f64::from(u8::from(standing.word == HealthLevel::Ok)))
    }),
];

pub fn gather(shared: &Shared, now: Time) -> String {
    let mut page = Page::default();
    let known = shared.facts.read();
    let outlook = outlook(&known, now);
    let names = known.desired().instances.keys();
    let standings: Vec<(&InstanceName, BackupHealth)> =
        names.filter_map(|name| Some((name, outlook.standing(name)?))).collect();
    for (name, help, told) in BACKUPS {
        let mut family = page.family(name, help);
        for (instance, standing) in &standings {
            if let Some(value) = told(standing, now) {
                family.sample(&[("instance", instance.as_str())], value);
            }
        }
    }
    copies(&mut page, &standings, now);
    hosts(&mut page, &known);
    instances(&mut page, &known);
    page.family("fleet_orders_open", "Orders whose end was not heard yet.")
        .sample(&[], number(known.asked().orders.len() as u64));
    drop(known);
    disks(&mut page, shared);
    own(&mut page, shared, now);
    page.finish()
}

fn newest(standing: &BackupHealth) -> Option<&BackupSeen> {
    standing.newest.as_ref().map(|(_, seen)| seen)
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
        for (instance, standing) in standings {
            for copy in &standing.copies {
                let labels = [("instance", instance.as_str()), ("repository", copy.repository.as_str())];
                moment(copy).into_iter().for_each(|at| family.sample(&labels, age(at, now)));
            }
        }
    }
}

/// The coordinator's own backups.
fn own(page: &mut Page, shared: &Shared, now: Time) {
    let standing = own_standing(&shared.facts, &shared.home, now).unwrap_or_else(|error| {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "the coordinator's own backups could not be looked at"
        );
        OwnStanding { at: None, problem: Some(error.to_string()) }
    });
    let mut family = page.family("fleet_coordinator_backup_age_seconds", "Age of the coordinator's newest own backup.");
    standing.at.into_iter().for_each(|at| family.sample(&[], age(at, now)));
    let mut family = page.family("fleet_coordinator_backup_ok", "Whether the coordinator's own backups are in time.");
    family.sample(&[], f64::from(u8::from(standing.problem.is_none())));
}

fn hosts(page: &mut Page, known: &StateSnapshot) {
    let (all, seen) = (known.desired().hosts.len(), &known.observed().hosts);
    let is_online = |name| seen.get(name).is_some_and(|host| host.link == LinkState::Online);
    let online = known.desired().hosts.keys().filter(|name| is_online(*name)).count();
    let mut family = page.family("fleet_hosts", "Hosts of the fleet, by whether they are connected.");
    family.sample(&[("link", "online")], number(online as u64));
    family.sample(&[("link", "offline")], number((all - online) as u64));
    let duplicates = known.desired().hosts.keys().filter(|name| known.observed().duplicate(name).is_some()).count();
    let help = "Hosts as which two machines connect: their orders are held.";
    page.family("fleet_hosts_duplicate", help).sample(&[], number(duplicates as u64));
}

fn instances(page: &mut Page, known: &StateSnapshot) {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, instance) in &known.desired().instances {
        *counts.entry(health_words(known, name, instance).0).or_default() += 1;
    }
    let mut family = page.family("fleet_instances", "Instances of the fleet, by their health.");
    counts.into_iter().for_each(|(health, count)| family.sample(&[("health", health)], number(count)));
}

fn disks(page: &mut Page, shared: &Shared) {
    let looks = shared.keeper.looks().unwrap_or_else(|error| {
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
    if let Ok(space) = shared.keeper.disk.space() {
        family.sample(&[], number(space.free));
    }
}
