//! Debian's restic.

use crate::data::{Data, in_pieces};
use crate::spent::{Phase, Spent, TIME, time_args};
use crate::{RESTORED, Tool, ours};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub struct Restic {
    folder: PathBuf,
}

impl Restic {
    pub fn new(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let tool = Self { folder: folder.to_owned() };
        tool.run(&["init"], None)?;
        Ok(tool)
    }

    fn run(&self, args: &[&str], stdin: Option<&Path>) -> anyhow::Result<Spent> {
        let report = self.folder.join("report");
        let mut command = Command::new(TIME);
        command.args(time_args(&report)).arg("restic").args(args);
        command.env("RESTIC_REPOSITORY", self.folder.join("repository")).env("RESTIC_PASSWORD", "bench");
        command.env("RESTIC_CACHE_DIR", self.folder.join("cache")).env("RESTIC_PROGRESS_FPS", "0.01");
        command.stdout(Stdio::null()).stderr(Stdio::piped()).stdin(Stdio::piped());
        let mut child = command.spawn()?;
        let mut to = child.stdin.take();
        if let (Some(from), Some(to)) = (stdin, to.as_mut()) {
            in_pieces(from, |piece| Ok(to.write_all(piece)?))?;
        }
        drop(to);
        let output = child.wait_with_output()?;
        anyhow::ensure!(output.status.success(), "restic {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        Spent::read(&report)
    }
}

impl Tool for Restic {
    fn perform(&mut self, phase: Phase, data: &Data) -> anyhow::Result<Spent> {
        let tree = data.tree.display().to_string();
        let stdin = ["backup", "--stdin", "--stdin-filename", "dump.sql", "--tag", "dumps"];
        match phase {
            Phase::Full | Phase::Unchanged | Phase::Changed => self.run(&["backup", &tree, "--tag", "files"], None),
            Phase::Dump => self.run(&stdin, Some(&data.dump)),
            Phase::SecondDump => self.run(&stdin, Some(&data.second_dump)),
            Phase::Restore => {
                let to = self.folder.join(RESTORED);
                let target = to.display().to_string();
                let spent = self.run(&["restore", "latest", "--tag", "files", "--target", &target], None)?;
                ours::compare(&data.tree, &to.join(data.tree.strip_prefix("/")?))?;
                Ok(spent)
            }
            Phase::Prune => self.run(&["forget", "--keep-last", "1", "--group-by", "tags", "--prune"], None),
        }
    }

    fn stored(&self) -> anyhow::Result<f64> {
        ours::size(&self.folder.join("repository"))
    }
}
