//! MySQL has no package, so its tools' arguments are pinned, and strict replacements of them move a database on a real
//! server.

use super::engines::{MARIADB_COMPOSE, answer, fill_mariadb, mariadb, moved};
use super::harness::{DATABASES, Harness, harness};
use fleet_core::backup::{
    Check, DatabaseEngine, DatabaseQuestion, DumpValidator, Expected, Server, Store, StoreKind, Tool, ToolEnd,
    check_tool, count_tool, dump_tool, load_tool, prepare_tools, ready_tool,
};
use fleet_core::spec::{InstanceSpec, Text};
use std::os::unix::fs::PermissionsExt;

const STORES: &str = "  it: { engine: mysql, kind: truth, service: db }\n";

fn compose() -> String {
    let stand_in = format!("{}/tests/docker_data/stand-ins/mysql.py", env!("CARGO_MANIFEST_DIR"));
    let mounts = ["mysql", "mysqldump"].map(|name| format!("'{stand_in}:/usr/local/bin/{name}:ro'")).join(", ");
    let own = "MYSQL_DATABASE: 'lab`notes', MYSQL_ROOT_PASSWORD: 'it is \"secret'";
    let compose = MARIADB_COMPOSE.replace("environment: { ", &format!("environment: {{ {own}, "));
    compose.replace("'data:/var/lib/mysql'", &format!("'data:/var/lib/mysql', {mounts}"))
}

#[tokio::test]
async fn mysql_is_the_same_after_a_move() {
    let Some(one) = harness(DATABASES, &compose(), STORES).await else { return };
    let Some(other) = harness(DATABASES, &compose(), STORES).await else { return };
    let spoil = |harness: &Harness| mariadb(harness, "CREATE TABLE old (a int)");
    let (dump, again) = moved(&one, &other, fill_mariadb, spoil).await;
    assert!(dump == again, "another dump came of it");
    assert!(
        dump.starts_with(
            b"-- MySQL dump: one database\nALTER DATABASE CHARACTER SET latin1 COLLATE latin1_german2_ci;\n"
        )
    );
    let mut validator = DumpValidator::of(one.store()).expect("it is dumped");
    validator.observe(&dump);
    assert_eq!(validator.counts(), Some(one.counts().await), "its rows are in one line");
    assert_eq!(answer(&other, "CALL p()").await, "7");
    let error = other.load(&[b"/*M!999999\\- enable the sandbox mode */ \n".as_slice(), &dump].concat()).await;
    assert!(error.expect_err("it is a dump of another server").to_string().contains("Unknown command '\\-'"));
}

fn store() -> Store {
    let text = |text: &str| Some(text.to_owned());
    let server = Server {
        service: "db".to_owned(),
        database: text("lab'`notes"),
        user: text("me"),
        password: Some(Text::secret("hunter2")),
        data: "/var/lib/mysql".to_owned(),
    };
    let (kind, stop, pause, checks) = (StoreKind::Truth, vec![], vec![], vec![]);
    Store { engine: DatabaseEngine::Mysql(server), kind, stop, pause, checks }
}

/// Returns the calls of a tool's script, word by word, in an image that has only MySQL's own names.
fn called(tool: &Tool) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["mysql", "mysqldump"] {
        let path = folder.path().join(name);
        let script = "#!/bin/sh\n[ \"$MYSQL_PWD\" = hunter2 ] || exit 9\nfor word in \"${0##*/}\" \"$@\"; do printf '%s\\0' \"$word\"; done >>\"$NOTES\"\nprintf '\\n' >>\"$NOTES\"\n";
        std::fs::write(&path, script).expect("written");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("made to run");
    }
    let notes = folder.path().join("notes");
    let mut running = std::process::Command::new(&tool.argv[0]);
    running
        .args(&tool.argv[1..])
        .env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()))
        .env("NOTES", &notes);
    running.envs(tool.env.iter().map(|(name, secret)| (name, &secret.0)));
    assert!(running.output().expect("there is a shell").status.success());
    let notes = std::fs::read_to_string(notes).expect("it was called");
    let calls = notes.split_terminator("\0\n").map(|call| call.split('\0').map(str::to_owned).collect());
    calls.collect()
}

#[test]
fn the_words_of_its_tools_are_those_that_mysql_knows() {
    let store = store();
    let nothing = serde_json::json!({
        "instance": "a", "app": "a", "version": "1", "digest": format!("sha256:{}", "0".repeat(64)), "project": "a",
        "working_dir": "/a", "networks": [], "volumes": [], "containers": [], "files": [],
    });
    let spec: InstanceSpec = serde_json::from_value(nothing).expect("it is a spec of nothing");
    let dump = called(&dump_tool(&store).expect("it is dumped"));
    let expect = "mysqldump --user=me --single-transaction --quick --routines --triggers --events --hex-blob \
                  --default-character-set=utf8mb4 --no-tablespaces --skip-dump-date --set-gtid-purged=OFF -- lab'`notes";
    let last = dump.last().expect("the dump is called last");
    assert_eq!(*last, expect.split(' ').map(str::to_owned).collect::<Vec<_>>());
    let client = "mysql --user=me --batch --skip-column-names --default-character-set=utf8mb4";
    let query = Check { ask: DatabaseQuestion::Query("SELECT 1; -- 'x'".to_owned()), expect: Expected::Success };
    let tools = [load_tool(&store, &spec), count_tool(&store), ready_tool(&store), check_tool(&store, &query)];
    for tool in tools.into_iter().flatten().chain(prepare_tools(&store)) {
        for call in called(&tool) {
            assert!(call.join(" ").starts_with(client), "{call:?}");
            let known = |word: &String| {
                !word.starts_with("--") || ["--", "--raw"].contains(&word.as_str()) || word.starts_with("--execute=")
            };
            assert!(call[5..].iter().all(known), "{call:?}");
            assert!(!call.join(" ").contains("hunter2"));
        }
    }
}

#[test]
fn its_dump_is_whole_only_with_its_last_line() {
    let whole = b"-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n--\nCREATE TABLE `t` (`a` int);\n-- Dump completed\n";
    let judge = |dump: &[u8]| {
        let mut validator = DumpValidator::of(&store()).expect("it is dumped");
        validator.observe(dump);
        validator.verdict(&ToolEnd::well(), None)
    };
    judge(whole).expect("it is whole");
    judge(&[&whole[..whole.len() - 1], b" on 2026-11-20  6:26:38\n"].concat()).expect("it is dated");
    for end in 0..whole.len() {
        judge(&whole[..end]).expect_err("it breaks off");
    }
    let warned =
        [b"mysqldump: [Warning] Using a password on the command line interface can be insecure.\n".as_slice(), whole];
    judge(&warned.concat()).expect_err("words of the tool are in it");
}
