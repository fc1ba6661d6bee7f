//! Content taken out of a backup: single files, differences, and an instance created on another host.

use super::versions::push_app;
use crate::backups::{back_up, listed, policy};
use fleet_tests::fleet::{App, Fleet};

fn seconds(ms: u64) -> String {
    let at = fleet_core::time::Time(ms);
    at.to_string()
}

#[test]
fn an_instance_is_made_anew_elsewhere_as_it_was_at_a_time_and_with_other_values() {
    let fleet = Fleet::with_rows(&["lab-1", "lab-2"]);
    back_up(&fleet, "notes-1");
    fleet.set_rows("lab-1", "notes-1", "two, and more than that");
    // Times on a command line have seconds.
    let first = listed(&fleet, "notes-1")[0]["backup"]["began_ms"].as_u64().expect("a number");
    fleet.until("another second", || fleet_tests::fleet::now().0 / 1000 > first / 1000 + 1);
    back_up(&fleet, "notes-1");
    let at = seconds((first / 1000 + 1) * 1000);
    let line = format!("restore notes-1 --at {at} --to lab-2 --name notes-9 --set port=9090 --yes");
    fleet.done(&line);
    fleet.wait_version("notes-9", "1.1");
    assert_eq!(fleet.rows("lab-2", "notes-9"), "notes-1\none\nend\n", "as it was then");
    assert_eq!(fleet.rows("lab-1", "notes-1"), "notes-1\ntwo, and more than that\nend\n", "nobody touched it");
    fleet.done("restore notes-1 --to lab-2 --name notes-10 --set port=9091 --yes");
    assert_eq!(fleet.rows("lab-2", "notes-10"), fleet.rows("lab-1", "notes-1"), "the newest");
    fleet.refused(&format!("restore notes-1 --at {} --yes", seconds((first / 1000 - 3600) * 1000))).says("no ");
}

#[test]
fn a_restore_in_place_says_what_it_replaces_and_gives_it_back() {
    let fleet = Fleet::with_rows_of(&alone("1.1"), &["lab-1"]);
    back_up(&fleet, "notes-1");
    fleet.set_rows("lab-1", "notes-1", "lost");
    let shown = fleet.done("restore notes-1 --dry-run");
    assert!(shown.contains("store rows: replaced by backup"), "{shown}");
    assert_eq!(fleet.rows("lab-1", "notes-1"), "notes-1\nlost\nend\n", "nothing was touched");
    fleet.done("restore notes-1 --yes");
    assert_eq!(fleet.rows("lab-1", "notes-1"), "notes-1\none\nend\n");
    let causes: Vec<_> = listed(&fleet, "notes-1").iter().map(|it| it["backup"]["cause"].clone()).collect();
    assert_eq!(causes, ["safety", "requested"], "what was replaced was kept");
}

/// A version whose database has its folder for itself: otherwise it would not be replaced.
fn alone(version: &str) -> App {
    let mut app = App::with_stores(version);
    app.stores =
        app.stores.lines().filter(|line| !line.starts_with("  data:")).map(|line| format!("{line}\n")).collect();
    app
}

#[test]
fn an_upgraded_instance_returns_to_the_release_the_data_and_the_values_of_a_backup() {
    let fleet = Fleet::with_rows_of(&alone("1.1"), &["lab-1"]);
    policy(&fleet, "--all");
    fleet.until("its first backup", || listed(&fleet, "notes-1").len() == 1);
    let migrate = "upgrades:\n  edges:\n    - from: '<1.2'\n      to: '==1.2'\n      \
                   migrate: [ { run: { service: web, command: [./manage.py, migrate], limit: 1h } } ]\n";
    push_app(&fleet, &alone("1.2"), "1.2", migrate);
    let path = fleet.done("upgrade-path notes-1 --to 1.2");
    assert!(path.contains("1.1 -> 1.2  migrate  web: ./manage.py migrate  at most 1h"), "{path}");
    fleet.done("rollout --version 1.2 --yes --canary 0 --soak 0s");
    fleet.wait_version("notes-1", "1.2");
    let newest = &listed(&fleet, "notes-1")[0];
    assert_eq!(newest["backup"]["cause"], "safety", "the upgrade has made one of before: {newest}");
    let backup = newest["id"].as_str().expect("it has one").to_owned();
    fleet.set_rows("lab-1", "notes-1", "migrated");
    fleet.done("instance set notes-1 --set title=Later");
    fleet
        .refused(&format!("restore notes-1 --backup {backup} --yes"))
        .says("the backup was made by notes@1.1, and `notes-1` is notes@1.2")
        .hints("--with-release");
    let shown = fleet.done(&format!("restore notes-1 --backup {backup} --with-release --dry-run"));
    for line in ["release: from 1.2 to 1.1, with the values of the backup", "store rows: replaced by backup"] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    assert!(shown.contains("title") && shown.contains("recreated") == shown.contains("web"), "{shown}");
    assert_eq!(fleet.rows("lab-1", "notes-1"), "notes-1\nmigrated\nend\n", "nothing was touched");
    fleet.done(&format!("restore notes-1 --backup {backup} --with-release --yes"));
    fleet.wait_version("notes-1", "1.1");
    assert_eq!(fleet.rows("lab-1", "notes-1"), "notes-1\none\nend\n");
    assert!(!fleet.done("instance show notes-1").contains("Later"), "the values are those of then");
    assert_eq!(listed(&fleet, "notes-1")[0]["backup"]["cause"], "safety", "what was replaced was kept");
    // The request is over, so that the next one may come.
    fleet.done("instance set notes-1 --set title=Again");
    fleet.done("rollout --version 1.2 --yes --canary 0 --soak 0s");
    fleet.wait_version("notes-1", "1.2");
    // The volume of the database is in no store of this app: nothing else is the matter.
    let attention = fleet.attention();
    assert!(attention.iter().all(|it| it.contains(r#""code":"backups""#)), "{attention:?}");
}

#[test]
fn a_dump_comes_out_whole_and_two_backups_are_compared() {
    let fleet = Fleet::with_rows(&["lab-1"]);
    policy(&fleet, "--all");
    let older = back_up(&fleet, "notes-1");
    fleet.set_rows("lab-1", "notes-1", "one and two");
    let newer = back_up(&fleet, "notes-1");
    let to = fleet.folder().join("rows");
    fleet.done(&format!("backup extract {older} --store rows -o {}", to.display()));
    assert_eq!(std::fs::read_to_string(&to).expect("it was written"), "notes-1\none\nend\n");
    fleet.refused(&format!("backup extract {older} --store rows -o {}", to.display())).says("exists");
    let other = fleet.folder().join("other");
    fleet.refused(&format!("backup extract {older} --store nothing -o {}", other.display())).says("nothing");
    assert!(!other.exists(), "what is half is nothing");
    let compared = fleet.done(&format!("backup diff {older} {newer}"));
    assert!(compared.contains("rows"), "{compared}");
    let same = fleet.done(&format!("backup diff {older} {older}"));
    assert!(same.contains("do not differ"), "{same}");
}

#[test]
fn a_dry_run_of_a_restore_says_what_is_rebuilt_afterwards() {
    let mut app = App::with_stores("1.1");
    let rebuilt = "uploads: { engine: volume, kind: derivable, volume: uploads, \
                   rebuild: { service: web, command: [reindex, --all] } }";
    app.stores = app.stores.replace("uploads: { engine: volume, kind: derivable, volume: uploads }", rebuilt);
    let fleet = Fleet::with_rows_of(&app, &["lab-1", "lab-2"]);
    back_up(&fleet, "notes-1");
    let expect = "rebuilds `uploads` in `web`: command `reindex --all`, at most 30m";
    for line in ["restore notes-1 --dry-run", "restore notes-1 --to lab-2 --name notes-9 --set port=9090 --dry-run"] {
        let shown = fleet.done(line);
        assert!(shown.lines().any(|it| it == expect), "{line}: {shown}");
    }
}
