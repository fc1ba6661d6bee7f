//! Ours: a worker for each request, as the agent does it.

use crate::data::{Data, PIECE};
use crate::spent::{Phase, Spent, TIME, time_args};
use crate::{RESTORED, Tool};
use anyhow::Context;
use fleet_core::names::{BackupId, SnapshotId};
use fleet_core::time::Time;
use fleet_repository::worker::{Answer, BackendSpec, Limits, Request, StreamSpec, Work, Worker};
use fleet_repository::{Kind, Part, Prune, RestoreOptions, Secrets, Tree, Trees};
use std::path::{Path, PathBuf};
use std::process::Command;
use tokio::io::AsyncReadExt;
use tokio::runtime::Runtime;

pub const WORKER: &str = "repository-worker";

pub struct Ours {
    folder: PathBuf,
    secrets: Secrets,
    runtime: Runtime,
    serial: u64,
    backups: Vec<(Kind, BackupId, SnapshotId)>,
}

impl Ours {
    pub fn new(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (folder, secrets) = (folder.to_owned(), Secrets::generate()?);
        let mut tool = Self { folder, secrets, runtime, serial: 0, backups: Vec::new() };
        tool.ask(Work::Create, None)?;
        Ok(tool)
    }

    fn ask(&mut self, work: Work, stream: Option<&Path>) -> anyhow::Result<(Answer, Spent)> {
        let report = self.folder.join("report");
        let place = BackendSpec::Folder { path: self.folder.join("repository") };
        let request = Request { place, secrets: self.secrets.clone(), work, rate: None };
        let mut args = time_args(&report);
        args.extend([std::env::current_exe()?.display().to_string(), WORKER.to_owned()]);
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let answer = self.runtime.block_on(async {
            let mut worker = Worker::start(Path::new(TIME), &args, &Limits::default(), &request).await?;
            if let Some(stream) = stream {
                let mut file = tokio::fs::File::open(stream).await?;
                let mut piece = vec![0; PIECE];
                loop {
                    match file.read(&mut piece).await? {
                        0 => break,
                        count => worker.send(&piece[..count]).await?,
                    }
                }
                worker.end_stream().await?;
            }
            worker.answer().await.map_err(anyhow::Error::from)
        })?;
        Ok((answer, Spent::read(&report)?))
    }

    fn part(&mut self) -> anyhow::Result<Part> {
        self.serial += 1;
        let backup = format!("{:024}", self.serial).parse()?;
        Ok(Part { backup, host: "bench".parse()?, time: Time(1_790_000_000_000 + self.serial * 1000) })
    }

    fn latest(&self, kind: Kind) -> Option<SnapshotId> {
        self.backups.iter().rfind(|(of, ..)| *of == kind).map(|(_, _, snapshot)| snapshot.clone())
    }

    fn files(&mut self, data: &Data) -> anyhow::Result<Spent> {
        let part = self.part()?;
        let tree = Tree { disk: data.tree.clone(), path: "files".to_owned() };
        let trees = Trees { trees: vec![tree], parent: self.latest(Kind::Files), ..Trees::default() };
        let (answer, spent) = self.ask(Work::ArchiveTrees { part: part.clone(), trees }, None)?;
        let Answer::Trees(archived) = answer else { anyhow::bail!("another answer: {answer:?}") };
        self.backups.push((Kind::Files, part.backup, archived.snapshot));
        Ok(spent)
    }

    fn dump(&mut self, path: &Path) -> anyhow::Result<Spent> {
        let part = self.part()?;
        let expected = Some(path.metadata()?.len());
        let streams = vec![StreamSpec { name: "dump.sql".to_owned(), expected }];
        let (answer, spent) = self.ask(Work::ArchiveStreams { part: part.clone(), streams }, Some(path))?;
        let Answer::Streams(archived) = answer else { anyhow::bail!("another answer: {answer:?}") };
        self.backups.push((Kind::Dumps, part.backup, archived.snapshot));
        Ok(spent)
    }
}

impl Tool for Ours {
    fn perform(&mut self, phase: Phase, data: &Data) -> anyhow::Result<Spent> {
        match phase {
            Phase::Full | Phase::Unchanged | Phase::Changed => self.files(data),
            Phase::Dump => self.dump(&data.dump),
            Phase::SecondDump => self.dump(&data.second_dump),
            Phase::Restore => {
                let to = self.folder.join(RESTORED);
                let snapshot = self.latest(Kind::Files).context("no files were backed up")?;
                let options = RestoreOptions::default();
                let work = Work::RestoreTree { snapshot, path: "files".to_owned(), to: to.clone(), options };
                let (_, spent) = self.ask(work, None)?;
                compare(&data.tree, &to)?;
                Ok(spent)
            }
            Phase::Prune => {
                let kept = [self.latest(Kind::Files), self.latest(Kind::Dumps)];
                let gone =
                    self.backups.iter().filter(|(_, _, snapshot)| !kept.iter().flatten().any(|it| it == snapshot));
                let backups = gone.map(|(_, backup, _)| backup.clone()).collect();
                let (_, forgotten) = self.ask(Work::Forget { backups }, None)?;
                let (_, pruned) = self.ask(Work::Prune { how: Prune::Exclusive }, None)?;
                Ok(forgotten.and(pruned))
            }
        }
    }

    fn stored(&self) -> anyhow::Result<f64> {
        size(&self.folder.join("repository"))
    }
}

/// In MB.
pub fn size(folder: &Path) -> anyhow::Result<f64> {
    let output = Command::new("du").args(["--summarize", "--bytes"]).arg(folder).output()?;
    let text = String::from_utf8(output.stdout)?;
    let bytes: f64 = text.split_whitespace().next().unwrap_or_default().parse()?;
    Ok(bytes / 1e6)
}

pub fn compare(one: &Path, other: &Path) -> anyhow::Result<()> {
    let output = Command::new("diff").arg("--recursive").args([one, other]).output()?;
    anyhow::ensure!(output.status.success(), "what was restored differs: {}", String::from_utf8_lossy(&output.stdout));
    Ok(())
}
