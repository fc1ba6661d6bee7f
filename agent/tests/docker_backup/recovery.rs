//! The recovery sheet followed on a machine that has nothing of ours: Debian, its restic and its PostgreSQL client.

use super::images::{docker, succeeds};
use super::lab::Lab;
use super::stories::{fill, hashes, rows};
use fleet_core::backup::{DataResult, RecoverySheet};
use fleet_core::order::{Action, Outcome};
use fleet_core::time::Time;
use std::path::Path;
use std::time::{Duration, Instant};

const MACHINE: &str = "fleet-test-recovery:1";
/// The sheet's commands as they are printed: lines that are indented by four. What a person fills in is filled in.
const FOLLOW: &str = r"
    cd /work
    sed -n 's/^    \([^ ]\)/\1/p' /sheet | sed 's/ NAME\b/ notes/g; s#/WHERE/IT/BELONGS/#/work/back/#' > commands
    mkdir back
    sh -eu commands";

/// A container that goes with this.
struct Container(String);

impl Container {
    fn start(words: &[&str]) -> Self {
        Self(docker(&[&["run", "--detach", "--rm"], words].concat()).trim().to_owned())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        succeeds("docker", &["rm", "--force", "--volumes", &self.0]);
    }
}

fn is_machine_there() -> bool {
    let is_there = succeeds("docker", &["image", "inspect", MACHINE]);
    let is_required = std::env::var("FLEET_TEST_DOCKER").is_ok_and(|it| it == "required");
    assert!(is_there || !is_required, "there is no image {MACHINE}: tests/prepare.sh makes it");
    is_there
}

/// The sheet of the newest backup.
async fn sheet(lab: &Lab) -> String {
    let end = lab.carry_out(&lab.backup()).await;
    assert_eq!(end.outcome, Outcome::Done);
    let Some(DataResult::Backup(copies)) = end.made.as_deref() else { panic!("expected a backup, found {end:?}") };
    let manifest = copies[0].result.as_ref().expect("it was made");
    let (place, password) = (lab.repository().display().to_string(), lab.password());
    let sheet = RecoverySheet {
        repository: &copies[0].repository,
        instance: &lab.instance(),
        place: &place,
        machine: "on the host",
        password: &password,
        bucket: None,
        newest: Some(manifest),
        written: Time(0),
    };
    sheet.text()
}

fn follow(sheet: &Path, repository: &Path, work: &Path, database: &Container) {
    let mount = |from: &Path, to: &str, how: &str| format!("type=bind,source={},target={to}{how}", from.display());
    let repository = mount(repository, &repository.display().to_string(), ",readonly");
    let network = format!("container:{}", database.0);
    let words =
        ["run", "--rm", "--network", &network, "--mount", &repository, "--mount", &mount(sheet, "/sheet", ",readonly")];
    let mounted = mount(work, "/work", "");
    let words = [
        &words[..],
        &["--mount", &mounted, "-e", "PGHOST=127.0.0.1", "-e", "PGPASSWORD=other", MACHINE, "sh", "-euc", FOLLOW],
    ];
    let output = std::process::Command::new("docker").args(words.concat()).output().expect("docker runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn whoever_follows_the_sheet_on_another_machine_gets_rows_and_files_back() {
    let Some(lab) = Lab::new("ftr").await.filter(|_| is_machine_there()) else { return };
    let mut agent = lab.agent();
    let end = lab.carry_out(&lab.order(&lab.instance(), Action::Install { goal: lab.goal() })).await;
    assert_eq!(end.outcome, Outcome::Done);
    fill(&lab);
    let (was, files) = (rows(&lab, &lab.name), hashes(&lab.files(&lab.name)));
    let text = sheet(&lab).await;
    // A burned-down server is not healed.
    agent.kill().await.expect("it was there");
    lab.destroy(&lab.name);

    let work = tempfile::tempdir().expect("a folder");
    let path = work.path().join("sheet");
    std::fs::write(&path, &text).expect("written");
    let place = work.path().join("work");
    std::fs::create_dir(&place).expect("made");
    let database = Container::start(&["-e", "POSTGRES_PASSWORD=other", "labnotes-db:1"]);
    let began = Instant::now();
    while !succeeds("docker", &["exec", &database.0, "pg_isready", "-q", "-h", "127.0.0.1", "-U", "postgres"]) {
        assert!(began.elapsed() < Duration::from_secs(60), "the database does not start");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    follow(&path, &lab.repository(), &place, &database);
    let question = "select count(*), md5(string_agg(id || body, ',' order by id)) from notes";
    let found = docker(&["exec", &database.0, "psql", "-U", "postgres", "-d", "notes", "-qtA", "-c", question]);
    assert_eq!((found, hashes(&place.join("back"))), (was, files));
}
