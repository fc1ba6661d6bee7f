//! Transactions that wrote before a dump and end while it is taken, and rows that only a dump has seen.

use super::engines::{MARIADB_COMPOSE, MARIADB_STORES, PG_COMPOSE, PG_STORES, mariadb, psql};
use super::harness::{DATABASES, Harness, POSTGRESQL, harness};
use fleet_core::backup::{
    CounterReading, Differences, DumpValidator, NotedAt, SourceNote, count_tool, exactly, lacking, reading, unequal,
};
use std::process::{Child, Command, Stdio};

const ROUNDS: usize = 4;

/// A client in the container that has begun a transaction, and ends it on request.
struct Session<'a> {
    harness: &'a Harness,
    client: Child,
}

const MARIADB: &str = "mariadb -uroot -p'it is \"secret' 'lab`notes'";
const PSQL: &str = "psql -q -v ON_ERROR_STOP=1 -U lab -d lab-Notes";

impl<'a> Session<'a> {
    fn new(harness: &'a Harness, client: &str, begin: &str, end: &str) -> Self {
        harness.exec(&["rm", "-f", "/tmp/go"]);
        let script = format!("{{ echo \"$1\"; while [ ! -e /tmp/go ]; do sleep 0.1; done; echo \"$2\"; }} | {client}");
        let mut session = Command::new("docker");
        session
            .args(["exec", &harness.instance.name("db"), "sh", "-c", &script, "sh", begin, end])
            .stdout(Stdio::null());
        Self { harness, client: session.spawn().expect("it can be started") }
    }

    fn end(mut self) {
        self.harness.exec(&["touch", "/tmp/go"]);
        assert!(self.client.wait().expect("it ends").success());
    }
}

async fn read(harness: &Harness) -> CounterReading {
    let printed = harness.run(&count_tool(harness.store()).expect("it is counted")).await.expect("it can be counted");
    reading(harness.store(), &printed).expect("it is read")
}

/// Returns the notes before a dump, the dump, and the final notes, as a backup takes them.
async fn backed_up(harness: &Harness, meanwhile: impl AsyncFnOnce(&NotedAt)) -> (Vec<u8>, SourceNote, bool) {
    let before = harness.noted().await.expect("it is asked");
    let counted = read(harness).await;
    meanwhile(&before).await;
    let dump = harness.dump().await.expect("the dump is good");
    let after = harness.noted().await.expect("it is asked");
    let mut validator = DumpValidator::of(harness.store()).expect("it is dumped");
    validator.observe(&dump);
    let dumped = validator.counts().expect("its dump is counted");
    let is_still = before.is_still(&after);
    match is_still {
        true => assert_eq!(unequal(&counted.counts, &dumped), None, "an honest backup fails"),
        false => assert_eq!(lacking(&counted.counts, &dumped, &read(harness).await.counts), None),
    }
    assert!(!exactly(&counted.counts, &dumped).is_empty());
    (dump, before.settled(&after), is_still)
}

/// Asserts that the notes of a dump match the restored data.
async fn comes_back(other: &Harness, dump: &[u8], source: &SourceNote) {
    other.load(dump).await.expect("it is loaded");
    other.ready().await;
    let found = other.noted().await.expect("it is asked").note;
    assert_eq!(source.differences(&found), Differences::default());
}

async fn until(harness: &Harness, client: &[&str], answer: &str) {
    while harness.exec(client) != answer {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

fn rows(harness: &Harness) -> String {
    harness.exec(&["mariadb", "-uroot", "-pit is \"secret", "lab`notes", "-N", "-e", "SELECT COUNT(*) FROM t"])
}

/// Tables that were changed within the last second, which their server does not distinguish from this one.
const FRESH: [&str; 6] = [
    "mariadb",
    "-uroot",
    "-pit is \"secret",
    "-N",
    "-e",
    "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA LIKE 'lab%' AND UPDATE_TIME >= NOW() - INTERVAL 1 SECOND",
];

/// Transactions that have written and are open.
const OPEN: [&str; 6] = [
    "mariadb",
    "-uroot",
    "-pit is \"secret",
    "-N",
    "-e",
    "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_rows_modified > 0",
];

#[tokio::test]
async fn a_transaction_of_mariadb_that_ends_during_a_dump_fails_no_backup() {
    let Some(one) = harness(DATABASES, MARIADB_COMPOSE, MARIADB_STORES).await else { return };
    let Some(other) = harness(DATABASES, MARIADB_COMPOSE, MARIADB_STORES).await else { return };
    one.ready().await;
    other.ready().await;
    mariadb(&one, "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v INT); CREATE TABLE still (id INT PRIMARY KEY)");
    mariadb(&one, "INSERT INTO t (v) VALUES (1); INSERT INTO still VALUES (1), (2)");
    until(&one, &FRESH, "0").await;
    for round in 0..ROUNDS {
        let was: usize = rows(&one).parse().expect("a number");
        let session = Session::new(&one, MARIADB, "BEGIN; INSERT INTO t (v) VALUES (2);", "COMMIT;");
        until(&one, &OPEN, "1").await;
        let (dump, source, is_still) = backed_up(&one, async |before: &NotedAt| {
            assert!(before.moment.is_some());
            session.end();
            assert_eq!(rows(&one), (was + 1).to_string());
        })
        .await;
        assert!(!is_still, "round {round}: it was committed meanwhile");
        assert!(source.rows.contains_key("`still`") && !source.rows.contains_key("`t`"), "{source:?}");
        comes_back(&other, &dump, &source).await;
    }
    // One that stays open all the while has changed nothing.
    let session = Session::new(&one, MARIADB, "BEGIN; INSERT INTO t (v) VALUES (3);", "ROLLBACK;");
    until(&one, &OPEN, "1").await;
    let (dump, source, is_still) = backed_up(&one, async |_: &NotedAt| {}).await;
    assert!(is_still && source.rows.contains_key("`t`"), "{source:?}");
    comes_back(&other, &dump, &source).await;
    session.end();
    let (_, source, is_still) = backed_up(&one, async |_: &NotedAt| {}).await;
    assert!(is_still && source.rows.contains_key("`t`"), "nothing was written");
}

#[tokio::test]
async fn rows_of_mariadb_that_only_the_dump_has_seen_are_no_difference() {
    let Some(one) = harness(DATABASES, MARIADB_COMPOSE, MARIADB_STORES).await else { return };
    let Some(other) = harness(DATABASES, MARIADB_COMPOSE, MARIADB_STORES).await else { return };
    one.ready().await;
    other.ready().await;
    mariadb(&one, "CREATE TABLE queue (id INT PRIMARY KEY, v INT); CREATE TABLE still (id INT PRIMARY KEY)");
    mariadb(&one, "INSERT INTO still VALUES (1), (2)");
    until(&one, &FRESH, "0").await;
    let before = one.noted().await.expect("it is asked");
    mariadb(&one, "INSERT INTO queue VALUES (1, 1), (2, 2)");
    let dump = one.dump().await.expect("the dump is good");
    mariadb(&one, "DELETE FROM queue");
    let source = before.settled(&one.noted().await.expect("it is asked"));
    assert!(source.rows.contains_key("`still`"), "{source:?}");
    comes_back(&other, &dump, &source).await;
}

#[tokio::test]
async fn an_account_that_sees_no_transactions_knows_that_one_has_ended() {
    let stores = "  it: { engine: mariadb, kind: truth, service: db, user: small, password: { value: small } }\n";
    let Some(one) = harness(DATABASES, MARIADB_COMPOSE, stores).await else { return };
    one.until_succeeds(&["mariadb-admin", "-uroot", "-pit is \"secret", "ping"]).await;
    mariadb(&one, "CREATE USER small IDENTIFIED BY 'small'; GRANT ALL ON `lab``notes`.* TO small");
    mariadb(&one, "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v INT); INSERT INTO t (v) VALUES (1)");
    one.ready().await;
    let session = Session::new(&one, MARIADB, "BEGIN; INSERT INTO t (v) VALUES (2);", "COMMIT;");
    until(&one, &OPEN, "1").await;
    let (_, source, is_still) = backed_up(&one, async |_: &NotedAt| session.end()).await;
    assert!(!is_still && !source.rows.contains_key("`t`"), "{source:?}");
}

#[tokio::test]
async fn a_transaction_of_postgresql_that_ends_during_a_dump_fails_no_backup() {
    let Some(one) = harness(POSTGRESQL, PG_COMPOSE, PG_STORES).await else { return };
    let Some(other) = harness(POSTGRESQL, PG_COMPOSE, PG_STORES).await else { return };
    one.ready().await;
    other.ready().await;
    psql(&one, "CREATE TABLE t (id serial PRIMARY KEY, v int); INSERT INTO t (v) VALUES (1)");
    let open = "SELECT count(*) FROM pg_stat_activity WHERE backend_xid IS NOT NULL";
    let open = ["psql", "-qtA", "-U", "lab", "-d", "lab-Notes", "-c", open];
    for round in 0..ROUNDS {
        let session = Session::new(&one, PSQL, "BEGIN; INSERT INTO t (v) VALUES (2);", "COMMIT;");
        until(&one, &open, "1").await;
        let (dump, source, is_still) = backed_up(&one, async |_: &NotedAt| session.end()).await;
        assert!(!is_still, "round {round}: it was committed meanwhile");
        comes_back(&other, &dump, &source).await;
    }
    let (_, source, is_still) = backed_up(&one, async |_: &NotedAt| {}).await;
    assert!(is_still && !source.rows.is_empty(), "nothing was written");
}
