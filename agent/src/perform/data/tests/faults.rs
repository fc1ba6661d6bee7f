//! No false success: whatever fails, each listed backup can be restored.

#![allow(clippy::print_stderr)]

use super::actions::{backup, copies};
use super::harness::{Harness, State, files};
use super::keeping::BackendFault;
use super::lab::Fault;
use crate::clock;
use fleet_core::names::BackupId;
use fleet_core::order::Outcome;
use std::collections::BTreeMap;

/// Runs altogether, and in one repository.
const RUNS: u64 = 1000;
const IN_ONE: u64 = 25;

/// Chances that are the same for the same seed.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn place(&mut self) -> BackendFault {
        [BackendFault::Full, BackendFault::Refuses, BackendFault::Dies][usize::try_from(self.below(3)).expect("small")]
    }
}

/// Fault of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Trouble {
    None,
    Dump(Fault),
    Place(&'static str, BackendFault, u64),
    /// Both repositories fail.
    Places(BackendFault, u64),
    /// The agent is killed at a call, and comes back.
    Killed(u64),
    /// The clock is moved by that many seconds.
    Clock(i64),
    /// Killed, and its disk is full after the restart.
    KilledAndFull(u64),
}

fn trouble(chance: &mut Chance) -> Trouble {
    let at = usize::try_from(chance.below(4000)).expect("small");
    match chance.below(15) {
        0 => Trouble::None,
        1 => Trouble::Dump(Fault::DumpKilled(at)),
        2 => Trouble::Dump(Fault::EngineErrorAsData),
        3 => Trouble::Dump(Fault::Truncated(at)),
        4 => Trouble::Dump(Fault::Empty),
        5 => Trouble::Dump(Fault::DatabaseDown),
        6 => Trouble::Dump(Fault::ToolMissing),
        7 | 8 => Trouble::Place("near", chance.place(), 1 + chance.below(25)),
        9 => Trouble::Place("far", chance.place(), 1 + chance.below(25)),
        10 => Trouble::Places(chance.place(), 1 + chance.below(25)),
        11 | 12 => Trouble::Killed(1 + chance.below(45)),
        13 => Trouble::Clock(i64::try_from(chance.below(400_000)).expect("small") - 200_000),
        _ => Trouble::KilledAndFull(1 + chance.below(45)),
    }
}

fn state(chance: &mut Chance) -> State {
    let rows = (0..1 + chance.below(120)).map(|number| format!("row {number} {}\n", chance.next())).collect();
    let mut uploads = BTreeMap::new();
    for _ in 0..chance.below(5) {
        let bytes: Vec<u8> = (0..chance.below(3000)).map(|_| (chance.next() & 255) as u8).collect();
        uploads.insert(format!("file-{}", chance.below(8)), bytes);
    }
    State { rows, uploads }
}

/// Counts of listed backups, of orders that ended well, and of those that did not.
#[derive(Debug, Default)]
struct Tally {
    listed: u64,
    done: u64,
    failed: u64,
}

fn prepare(harness: &Harness, trouble: &Trouble) {
    match trouble {
        Trouble::None => {}
        Trouble::Dump(fault) => harness.lab.plan().fault = Some(fault.clone()),
        Trouble::Place(name, fault, from) => harness.keeping.plan(name, Some((*fault, *from))),
        Trouble::Places(fault, from) => {
            ["near", "far"].iter().for_each(|it| harness.keeping.plan(it, Some((*fault, *from))));
        }
        Trouble::Clock(seconds) => clock::set_ahead(seconds * 1000),
        Trouble::Killed(call) | Trouble::KilledAndFull(call) => {
            let mut plan = harness.lab.plan();
            (plan.calls, plan.crash) = (0, Some(*call));
        }
    }
}

async fn series(series: u64, tally: &mut Tally) {
    let holds = ["", "stop: [web]", "pause: [db]", "stop: [web], pause: [db]"];
    let (harness, mut agent) = Harness::new(holds[usize::try_from(series % 4).expect("small")]).await;
    let mut expected: BTreeMap<BackupId, State> = BTreeMap::new();
    for run in 0..IN_ONE {
        let seed = series * IN_ONE + run;
        let mut chance = Chance(seed);
        let state = state(&mut chance);
        harness.set(&state);
        let trouble = trouble(&mut chance);
        let about = format!("seed {seed}: {trouble:?}");
        let order = harness.order(backup(&["near", "far"]), &seed.to_string());
        expected.insert(order.order.id.as_str().parse().expect("an id"), state.clone());
        prepare(&harness, &trouble);
        harness.ask(std::slice::from_ref(&order));
        let end = tokio::select! {
            end = agent.end_of(&order) => end,
            () = harness.lab.crashed() => {
                agent.kill().await;
                harness.lab.forget_crash();
                if let Trouble::KilledAndFull(_) = trouble {
                    harness.keeping.plan("near", Some((BackendFault::Full, 1 + chance.below(10))));
                }
                agent = harness.agent();
                agent.end_of(&order).await
            }
        };
        harness.ask(&[]);
        harness.lab.forget_crash();
        ["near", "far"].iter().for_each(|it| harness.keeping.plan(it, None));
        clock::set_ahead(0);
        harness.check_calm(&about);
        assert_eq!(harness.state(), state, "{about}");
        let is_done = end.outcome == Outcome::Done;
        (tally.done, tally.failed) = (tally.done + u64::from(is_done), tally.failed + u64::from(!is_done));
        for name in ["near", "far"] {
            let sets = harness.sets(name).await;
            let ours: Vec<_> = sets.iter().filter(|set| set.backup.as_str() == order.order.id.as_str()).collect();
            for set in &ours {
                assert_eq!(harness.restored(name, set).await.as_ref(), Ok(&state), "{about} in {name}");
                tally.listed += 1;
            }
            let is_said = end.made.is_some() && copies(&end).get(name).is_some_and(Result::is_ok);
            assert!(!is_said || !ours.is_empty(), "{about}: {name} is said to have it, and has not");
            // A writer that was running when the agent was killed may finish by itself: then there are two backups,
            // each whole.
            let is_killed = matches!(trouble, Trouble::Killed(_) | Trouble::KilledAndFull(_));
            assert!(ours.len() < 2 || is_killed, "{about}: it is in {name} twice");
        }
    }
    // Earlier backups are unaffected.
    for name in ["near", "far"] {
        for set in harness.sets(name).await {
            assert_eq!(
                harness.restored(name, &set).await.as_ref(),
                Ok(&expected[&set.backup]),
                "{name} {}",
                set.backup
            );
        }
    }
    assert!(!files(&harness.lab.folder).is_empty());
}

#[test]
fn a_thousand_faults_list_no_backup_that_cannot_be_restored() {
    let began = std::time::Instant::now();
    let threads: Vec<_> = (0..2)
        .map(|half| {
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                let mut tally = Tally::default();
                for number in (0..RUNS / IN_ONE).filter(|number| number % 2 == half) {
                    runtime.block_on(series(number, &mut tally));
                }
                tally
            })
        })
        .collect();
    let tallies: Vec<Tally> = threads.into_iter().map(|it| it.join().expect("a series held")).collect();
    let sum = |of: fn(&Tally) -> u64| tallies.iter().map(of).sum::<u64>();
    let (listed, done, failed) = (sum(|it| it.listed), sum(|it| it.done), sum(|it| it.failed));
    assert_eq!(done + failed, RUNS);
    assert!(done > RUNS / 5 && failed > RUNS / 5, "{done} went well, {failed} did not: these are no faults");
    assert!(listed >= done * 2, "{listed} backups are listed of {done} that went well");
    eprintln!(
        "{RUNS} runs in {:?}: {done} well, {failed} in trouble; {listed} backups listed, all restored",
        began.elapsed()
    );
}
