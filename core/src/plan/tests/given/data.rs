//! Facts about data in the tests' small language.
//!
//! ```text
//! policy p @hourly for a,b          also: for all, to R,R, age PERIOD, drill PERIOD, window W, spread PERIOD, keep N;
//!                                   spaces in a schedule are written as `_`
//! backup a central 900 proven       a good one that began then; also: failed, damaged, size MIB; `proven TIME` when
//!                                   it was proven
//! request a backup 900              also: drill, restore, anew (a restore where there is nothing), return (from 1.2 to 1.1,
//!                                   with revision 2)
//! ended a backup/7200/1 failed 950  the attempt at a slot; also: drill/BEGAN/PROVEN/ATTEMPT, wish, forget/DAY
//! asked a backup/7200/1 900
//! at-once 2                         how many may run at a time
//! folder usb                        a repository in a folder of each host
//! ```

use super::{Given, read, release, seconds, word};
use crate::backup::*;
use crate::names::{BackupId, InstanceName, OrderId, RepositoryName};
use crate::order::order_id;
use crate::order_failure::OrderFailure;
use crate::release::Goal;
use crate::time::Time;
use crate::units::Period;
use std::collections::BTreeSet;
use std::str::SplitWhitespace;

impl Given {
    pub(super) fn data(&mut self, what: &str, words: &mut SplitWhitespace) {
        match what {
            "policy" => self.policy(words),
            "backup" => self.backup(words),
            "request" => self.request_of_data(words),
            "folder" => {
                let place = RepositoryLocation::Folder { path: "/mnt/usb".to_owned() };
                let repository = RepositoryDesired { place, added: Time::ZERO };
                self.desired.repositories.insert(read(word(words)), repository);
            }
            _ => self.desired.at_once.0 = read(word(words)),
        }
    }

    fn policy(&mut self, words: &mut SplitWhitespace) {
        let name = read(word(words));
        let mut policy = BackupPolicy {
            schedule: read(&word(words).replace('_', " ")),
            keep: Keep { last: 3, ..Keep::default() },
            max_age: read("2h"),
            drill: None,
            window: None,
            limit_rate: None,
            deadline: Some(read("10m")),
            spread: Some(Period::ZERO),
            to: [read("central")].into(),
            selector: None,
            instances: BTreeSet::new(),
        };
        while let Some(next) = words.next() {
            let value = word(words);
            match next {
                "for" if value == "all" => policy.selector = Some(read("")),
                "for" => policy.instances = value.split(',').map(read).collect(),
                "to" => policy.to = value.split(',').map(read).collect(),
                "age" => policy.max_age = read(value),
                "drill" => policy.drill = Some(read(value)),
                "window" => policy.window = Some(read(value)),
                "spread" => policy.spread = Some(read(value)),
                "keep" => policy.keep.last = read(value),
                other => panic!("`{other}` is nothing of a policy"),
            }
        }
        self.desired.policies.insert(name, policy);
    }

    fn backup(&mut self, words: &mut SplitWhitespace) {
        let (name, repository, began) = (word(words), read::<RepositoryName>(word(words)), word(words));
        let mut seen = testing::seen("0");
        (seen.began, seen.ended) = (seconds(began), seconds(began));
        let mut flags = words.peekable();
        while let Some(flag) = flags.next() {
            let when = |at: Option<&str>| at.map_or(seen.began, seconds);
            let mut proof = testing::seen("0 proven").proof.expect("it is proven");
            match flag {
                "size" => seen.bytes = read::<u64>(flags.next().expect("a size")) << 20,
                "damaged" => seen.damaged = Some(crate::backup::BackupDamage::Replaced),
                "proven" => {
                    proof.at = when(flags.next_if(|next| next.parse::<u64>().is_ok()));
                    seen.proof = Some(proof);
                }
                _ => {
                    (proof.at, proof.failure) = (seen.began, Some(Box::new(OrderFailure::other("no rows"))));
                    seen.proof = Some(proof);
                }
            }
        }
        let key = BackupKey { repository, backup: backup_id(name, began) };
        self.observed.backups.entry(read(name)).or_default().insert(key, seen);
    }

    fn request_of_data(&mut self, words: &mut SplitWhitespace) {
        let (name, what, at) = (word(words), word(words), seconds(word(words)));
        let request = DataRequest { serial: 1, action: action(name, what), at };
        let instance = self.desired.instances.get_mut(&read::<InstanceName>(name)).expect("it is wanted");
        instance.origin = request
            .action
            .source()
            .filter(|_| request.action.is_anew())
            .cloned()
            .map(crate::facts::InstanceOrigin::Backup);
        instance.data = Some(request);
    }

    /// The ids as they are promised.
    pub(super) fn data_id(&self, name: &str, what: &str) -> OrderId {
        let created = self.desired.instances[&read::<InstanceName>(name)].created.0.to_string();
        let parts: Vec<&str> = what.split('/').collect();
        let millis = |text: &str| seconds(text).0.to_string();
        match parts.as_slice() {
            ["backup", slot, attempt] => order_id(&["backup", name, &created, &millis(slot), attempt]),
            ["drill", began, proven, attempt] => {
                let backup = backup_id(name, began);
                order_id(&["drill", name, &created, "central", backup.as_str(), &millis(proven), attempt])
            }
            ["forget", day] => order_id(&["forget", name, &created, "usb", day]),
            _ => order_id(&["data", name, &created, "1"]),
        }
    }
}

fn backup_id(name: &str, began: &str) -> BackupId {
    order_id(&["made", name, began]).as_str().parse().expect("an id")
}

/// Returns the kind of a word about data.
pub fn kind_of(what: &str) -> Option<DataKind> {
    match what.split('/').next() {
        Some("backup" | "request") => Some(DataKind::Backup),
        Some("drill") => Some(DataKind::Drill),
        Some("restore" | "anew" | "return") => Some(DataKind::Restore),
        Some("forget") => Some(DataKind::Forget),
        Some(_) | None => None,
    }
}

pub fn action(name: &str, what: &str) -> DataAction {
    let central: RepositoryName = read("central");
    let from = BackupSource {
        repository: central.clone(),
        instance: read(name),
        backup: backup_id(name, "900"),
        snapshots: None,
    };
    let goal = |revision| Some(Goal { release: release("1.1"), revision });
    let (goal, replaces) = match what {
        "anew" => (goal(1), None),
        "return" => (goal(2), Some(release("1.2"))),
        _ => (None, None),
    };
    match kind_of(what) {
        Some(DataKind::Drill) => DataAction::Drill { from, privileges: Default::default() },
        Some(DataKind::Restore) => DataAction::Restore {
            from,
            only: [].into(),
            safety: [central].into(),
            goal,
            replaces,
            others: Default::default(),
            privileges: Default::default(),
        },
        Some(DataKind::Forget) => DataAction::Forget { from: central, backups: [].into() },
        Some(DataKind::Backup) | None => DataAction::Backup { to: [central].into(), cause: Cause::Requested },
    }
}
