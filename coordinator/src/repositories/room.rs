//! Checks that the coordinator's disk has space for the next backups.

use super::disk::Space;
use super::repository_service::RepositoryService;
use fleet_core::backup::RepositoryLocation;
use fleet_core::event::{EventKind, EventSubject};
use fleet_core::problem::Problem;
use fleet_core::time::Time;

/// Free bytes that are always enough, even if they are less than a tenth of the disk.
const PLENTY: u64 = 10 << 30;

/// Last reported state of the disk space.
#[derive(Debug, Default)]
pub struct Room {
    is_told: bool,
}

impl RepositoryService {
    /// Returns the problem with the disk space, if there is one: less than a tenth of the disk is free and less than 10
    /// GiB, or less than twice the largest last backup.
    pub fn room_problem(&self) -> Option<Problem> {
        let Space { free, total } = self.disk.space().ok()?;
        too_little(free, total, self.largest())
    }

    /// The bytes of the largest of all instances' newest backups here.
    fn largest(&self) -> u64 {
        let snapshot = self.facts.read();
        let is_here = |name| {
            snapshot
                .desired()
                .repositories
                .get(name)
                .is_some_and(|desired| desired.place == RepositoryLocation::Coordinator)
        };
        let newest = snapshot.observed().backups.values().filter_map(|backups| {
            let here = backups.iter().filter(|(key, _)| is_here(&key.repository));
            here.max_by_key(|(_, seen)| seen.began).map(|(_, seen)| seen.bytes)
        });
        newest.max().unwrap_or_default()
    }

    /// Tells once when it becomes too little, and once when there is enough again.
    pub(super) async fn look_at_room(&self, room: &mut Room, now: Time) {
        let problem = self.room_problem();
        let is_told = problem.is_some();
        if is_told == room.is_told {
            return;
        }
        let kind = problem.map_or(EventKind::RepositoryDiskFine, |problem| EventKind::Found(Box::new(problem)));
        match self.facts.tell(EventSubject::Coordinator, kind, now).await {
            Ok(()) => room.is_told = is_told,
            Err(error) => tracing::error!(%error, "could not tell how much room there is"),
        }
    }
}

fn too_little(free: u64, total: u64, largest: u64) -> Option<Problem> {
    if free < (total / 10).min(PLENTY) {
        return Some(Problem::RepositoryDiskLow { free });
    }
    (free < largest.saturating_mul(2)).then_some(Problem::RepositoryDiskBelowBackup { free, largest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_room_is_told_before_it_is_none() {
        let gib = |count: u64| count << 30;
        assert_eq!(too_little(gib(20), gib(100), gib(5)), None);
        let low = Problem::RepositoryDiskLow { free: gib(9) };
        assert_eq!(too_little(gib(9), gib(100), gib(1)), Some(low), "it is less than a tenth");
        assert_eq!(too_little(gib(11), gib(1000), gib(1)), None, "it is plenty, be it a hundredth");
        let low = Problem::RepositoryDiskBelowBackup { free: gib(20), largest: gib(11) };
        assert_eq!(too_little(gib(20), gib(100), gib(11)), Some(low), "it is less than two backups");
    }
}
