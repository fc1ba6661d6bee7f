//! Backups side by side with Debian's restic: the same files and dumps, in turns, medians.
//!
//! `FLEET_BENCH_ROUNDS` (5) and `FLEET_BENCH_SCALE` (1.0, of 1.5 GB of files and a dump of 690 MB) make it shorter.

#![allow(clippy::print_stderr, reason = "a bench tells its story on stderr")]

mod data;
#[path = "../../src/figure.rs"]
mod figure;
mod ours;
mod restic;
mod spent;

use anyhow::Context;
use data::Data;
use spent::{Phase, Spent};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

const NAME: &str = "backup";
/// Folder into which a tool restores, below its own.
const RESTORED: &str = "restored";

/// One of the two, with a repository of its own.
trait Tool {
    /// Runs one phase, and returns its cost.
    fn perform(&mut self, phase: Phase, data: &Data) -> anyhow::Result<Spent>;
    /// Returns the stored bytes.
    fn stored(&self) -> anyhow::Result<f64>;
}

#[derive(Default)]
struct Figures {
    seconds: BTreeMap<Phase, Vec<f64>>,
    processor: BTreeMap<Phase, Vec<f64>>,
    memory: BTreeMap<Phase, Vec<f64>>,
    stored: Vec<f64>,
    growth: Vec<f64>,
}

fn main() -> anyhow::Result<ExitCode> {
    if std::env::args().nth(1).as_deref() == Some(ours::WORKER) {
        return Ok(fleet_repository::worker::main(fleet_repository::worker::NoCoordinator));
    }
    let rounds = setting("FLEET_BENCH_ROUNDS", 5.0) as usize;
    let folder = tempfile::Builder::new().prefix("fleet-bench-backup.").tempdir()?;
    let mut data = Data::make(&folder.path().join("data"), setting("FLEET_BENCH_SCALE", 1.0))?;
    let (mut ours, mut theirs) = (Figures::default(), Figures::default());
    for round in 0..rounds {
        let (a, b) = (folder.path().join("ours"), folder.path().join("theirs"));
        // The second one finds a warmer machine, so they alternate.
        if round % 2 == 0 {
            go_through(&mut ours::Ours::new(&a)?, &mut data, &mut ours, &a, round)?;
            go_through(&mut restic::Restic::new(&b)?, &mut data, &mut theirs, &b, round)?;
        } else {
            go_through(&mut restic::Restic::new(&b)?, &mut data, &mut theirs, &b, round)?;
            go_through(&mut ours::Ours::new(&a)?, &mut data, &mut ours, &a, round)?;
        }
    }
    print(ours, theirs);
    Ok(ExitCode::SUCCESS)
}

fn setting(name: &str, otherwise: f64) -> f64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn go_through(
    tool: &mut impl Tool,
    data: &mut Data,
    figures: &mut Figures,
    folder: &Path,
    round: usize,
) -> anyhow::Result<()> {
    data.rewind()?;
    let mut line = String::new();
    let mut before_second_dump = 0.0;
    for phase in Phase::ALL {
        if phase == Phase::SecondDump {
            before_second_dump = tool.stored()?;
        }
        if phase == Phase::Changed {
            data.change()?;
        }
        let spent = tool.perform(phase, data).with_context(|| format!("{phase:?}"))?;
        if phase == Phase::Restore {
            put_away(folder, round)?;
        }
        figures.seconds.entry(phase).or_default().push(spent.seconds);
        figures.processor.entry(phase).or_default().push(spent.processor);
        figures.memory.entry(phase).or_default().push(spent.mebibytes);
        line.push_str(&format!(
            " {} {:.1} s/{:.1} s/{:.0} MiB",
            phase.word(),
            spent.seconds,
            spent.processor,
            spent.mebibytes
        ));
        if phase == Phase::SecondDump {
            figures.growth.push(tool.stored()? - before_second_dump);
            figures.stored.push(tool.stored()?);
        }
    }
    eprintln!("{}:{line}", folder.file_name().unwrap_or_default().to_string_lossy());
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

/// Moves restored files away until the bench ends. If many files were removed within five minutes, ext4 checks each of
/// their inodes for every new file (`recently_deleted` in fs/ext4/ialloc.c), and the next restore would be slower.
fn put_away(folder: &Path, round: usize) -> anyhow::Result<()> {
    let away = folder.with_extension(format!("restored-{round}"));
    Ok(std::fs::rename(folder.join(RESTORED), away)?)
}

fn print(mut ours: Figures, mut theirs: Figures) {
    for phase in Phase::ALL {
        let word = phase.word();
        let pick = |of: &mut BTreeMap<Phase, Vec<f64>>| figure::median(of.entry(phase).or_default());
        let (us, them) = (pick(&mut ours.seconds), pick(&mut theirs.seconds));
        figure::plain(NAME, &format!("{word}_fleet"), us, "s");
        figure::plain(NAME, &format!("{word}_restic"), them, "s");
        figure::at_most(NAME, &format!("{word}_ratio"), us / them, "x", phase.limit());
        let (us, them) = (pick(&mut ours.processor), pick(&mut theirs.processor));
        figure::plain(NAME, &format!("{word}_processor_restic"), them, "s");
        figure::at_most(NAME, &format!("{word}_processor_ratio"), us / them, "x", 1.0);
        let memory = pick(&mut ours.memory);
        figure::at_most(NAME, &format!("{word}_memory"), memory, "MiB", phase.memory_limit());
        figure::plain(NAME, &format!("{word}_memory_restic"), pick(&mut theirs.memory), "MiB");
    }
    let stored = figure::median(&mut ours.stored) / figure::median(&mut theirs.stored);
    figure::at_most(NAME, "stored_ratio", stored, "x", 1.02);
    let (us, them) = (figure::median(&mut ours.growth), figure::median(&mut theirs.growth));
    figure::plain(NAME, "second_dump_growth_fleet", us, "MB");
    figure::plain(NAME, "second_dump_growth_restic", them, "MB");
    figure::at_most(NAME, "second_dump_growth_ratio", us / them, "x", 0.2);
}
