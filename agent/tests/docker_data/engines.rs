//! Each engine: a dump loaded into a new server gives the same data.

use super::harness::{DATABASES, Harness, POSTGRESQL, harness};
use super::images::docker;
use fleet_agent::runtime::InputError;
use fleet_core::app::sandbox;
use fleet_core::backup::{
    Check, DatabaseEngine, DatabaseQuestion, Expected, Server, Store, StoreKind, after_tools, check_tool, count_tool,
    dump_tool, note_tool, others_tool, prepare_tools, ready_tool, undo_tools,
};
use futures_util::{StreamExt, stream};

/// Fills one instance, dumps it, and loads the dump into another, which has something else before.
pub async fn moved(
    one: &Harness,
    other: &Harness,
    fill: impl Fn(&Harness),
    spoil: impl Fn(&Harness),
) -> (Vec<u8>, Vec<u8>) {
    one.ready().await;
    fill(one);
    let before = one.counts().await;
    assert!(!before.is_empty());
    let dump = one.dump().await.expect("the dump is good");
    one.ready().await;
    assert_eq!(one.counts().await, before, "a dump changes nothing");
    let still = one.noted().await.is_none_or(|noted| noted.moment.is_some());
    assert!(still || one.stands_still(), "its server says whether something was written");
    other.ready().await;
    spoil(other);
    assert_ne!(other.counts().await, before);
    other.load(&dump).await.expect("the dump is loaded");
    other.ready().await;
    assert_eq!(other.counts().await, before);
    // Again into the present data: a load is safe to repeat.
    other.load(&dump).await.expect("the dump is loaded again");
    other.ready().await;
    assert_eq!(other.counts().await, before);
    other.is_as(one).await;
    let again = other.dump().await.expect("what was loaded can be dumped");
    for harness in [one, other] {
        harness.nothing_left(harness.store().engine.service().expect("it has a service")).await;
    }
    (dump, again)
}

pub async fn answer(harness: &Harness, query: &str) -> String {
    let check = Check { ask: DatabaseQuestion::Query(query.to_owned()), expect: Expected::Success };
    let tool = check_tool(harness.store(), &check).expect("it has a language");
    harness.run(&tool).await.expect("it answers").trim().to_owned()
}

pub const PG_COMPOSE: &str = "services:
  db:
    image: labnotes-db:1
    environment: { POSTGRES_USER: lab, POSTGRES_PASSWORD: \"it's\", POSTGRES_DB: 'lab-Notes' }
    volumes: ['data:/var/lib/postgresql/data']
volumes: { data: }
";
pub const PG_STORES: &str = "  it: { engine: postgresql, kind: truth, service: db }\n";

pub fn psql(harness: &Harness, text: &str) {
    harness.exec(&["psql", "-q", "-v", "ON_ERROR_STOP=1", "-U", "lab", "-d", "lab-Notes", "-c", text]);
}

pub fn fill_postgresql(harness: &Harness) {
    psql(harness, "CREATE ROLE reader LOGIN PASSWORD 'x'; CREATE ROLE people; GRANT people TO reader");
    psql(
        harness,
        "CREATE TABLE \"Sam ples\" (id serial PRIMARY KEY, note text); CREATE SCHEMA more; CREATE TABLE more.t (a int)",
    );
    psql(
        harness,
        "INSERT INTO \"Sam ples\" (note) SELECT repeat(md5(i::text), 4) || E'\\n\\\\.\\t' FROM generate_series(1, 20000) i",
    );
    psql(
        harness,
        "GRANT SELECT ON \"Sam ples\" TO reader; CREATE FUNCTION two() RETURNS int LANGUAGE sql AS 'SELECT 2'",
    );
    psql(harness, "SELECT lo_from_bytea(4242, 'large')");
}

/// Without the key, which is another each time, and without the accounts that each server has made for itself.
fn without_own(dump: &[u8]) -> String {
    let text = String::from_utf8_lossy(dump);
    let own = ["restrict ", "CREATE ROLE lab ", "`root`@", "'root'@"];
    let is_own = |line: &&str| own.iter().any(|it| line.contains(it));
    text.lines().filter(|line| !is_own(line)).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn postgresql_is_the_same_after_a_move_with_its_roles() {
    let Some(one) = harness(POSTGRESQL, PG_COMPOSE, PG_STORES).await else { return };
    let Some(other) = harness(POSTGRESQL, PG_COMPOSE, PG_STORES).await else { return };
    let spoil = |harness: &Harness| psql(harness, "CREATE TABLE old (a int); INSERT INTO old VALUES (1)");
    let (dump, again) = moved(&one, &other, fill_postgresql, spoil).await;
    assert!(without_own(&dump) == without_own(&again), "another dump came of it");
    assert_eq!(answer(&other, "SELECT two()").await, "2");
    assert_eq!(answer(&other, "SELECT encode(lo_get(4242), 'escape')").await, "large");
    assert_eq!(answer(&other, "SELECT has_table_privilege('reader', '\"Sam ples\"', 'SELECT')").await, "t");
    assert_eq!(answer(&other, "SELECT pg_has_role('reader', 'people', 'MEMBER')").await, "t");
    assert_eq!(answer(&other, "SELECT count(*) FROM pg_database WHERE datname LIKE '%fleet%'").await, "0");
}

#[tokio::test]
async fn a_load_of_postgresql_that_fails_leaves_all_as_it_was() {
    let Some(harness) = harness(POSTGRESQL, PG_COMPOSE, PG_STORES).await else { return };
    harness.ready().await;
    fill_postgresql(&harness);
    let before = harness.counts().await;
    let dump = harness.dump().await.expect("the dump is good");
    let half = dump[..dump.len() / 2].to_vec();
    let broken = [Ok(half.into()), Err(InputError("the repository is gone".to_owned()))];
    let wrong = [b"CREATE TABLE new_one (a int);\nSELECT nothing();\n".as_slice(), &dump].concat();
    let wrong = [Ok(wrong.into())];
    for (bytes, expect) in
        [(broken.to_vec(), "the repository is gone"), (wrong.to_vec(), "function nothing() does not exist")]
    {
        let error =
            harness.load_from(stream::iter(bytes).boxed()).await.expect_err("it is not a whole dump").to_string();
        assert!(error.contains(expect), "{error}");
        assert_eq!(harness.counts().await, before);
        // State after a swap that was interrupted at once.
        harness.exec(&[
            "psql",
            "-q",
            "-U",
            "lab",
            "-d",
            "template1",
            "-c",
            "ALTER DATABASE \"lab-Notes\" ALLOW_CONNECTIONS false",
        ]);
        for tool in undo_tools(harness.store()) {
            harness.run(&tool).await.expect("it can be undone");
        }
        assert_eq!(answer(&harness, "SELECT count(*) FROM pg_database WHERE datname LIKE '%fleet%'").await, "0");
    }
    harness.nothing_left("db").await;
}

pub const MARIADB_COMPOSE: &str = "services:
  db:
    image: fleet-test-databases:1
    command: [mariadb]
    environment: { MARIADB_DATABASE: 'lab`notes', MARIADB_ROOT_PASSWORD: 'it is \"secret' }
    volumes: ['data:/var/lib/mysql']
volumes: { data: }
";
pub const MARIADB_STORES: &str = "  it: { engine: mariadb, kind: truth, service: db }\n";

pub fn mariadb(harness: &Harness, text: &str) {
    harness.exec(&[
        "mariadb",
        "--default-character-set=utf8mb4",
        "-uroot",
        "-pit is \"secret",
        "lab`notes",
        "-e",
        text,
    ]);
}

pub fn fill_mariadb(harness: &Harness) {
    mariadb(harness, "ALTER DATABASE CHARACTER SET latin1 COLLATE latin1_german2_ci");
    mariadb(
        harness,
        "CREATE TABLE `a``b` (id int auto_increment primary key, note blob, said text character set utf8mb4) engine=InnoDB",
    );
    mariadb(
        harness,
        "INSERT INTO `a``b` (note, said) SELECT unhex(md5(seq)), concat('Größe 🧪', seq) FROM seq_1_to_20000",
    );
    mariadb(
        harness,
        "CREATE TABLE log (n int); CREATE TRIGGER t AFTER INSERT ON `a``b` FOR EACH ROW INSERT INTO log VALUES (NEW.id)",
    );
    mariadb(harness, "CREATE PROCEDURE p() SELECT 7; CREATE VIEW v AS SELECT count(*) AS n FROM `a``b`");
}

#[tokio::test]
async fn mariadb_is_the_same_after_a_move() {
    let Some(one) = harness(DATABASES, MARIADB_COMPOSE, MARIADB_STORES).await else { return };
    let Some(other) = harness(DATABASES, MARIADB_COMPOSE, MARIADB_STORES).await else { return };
    let spoil = |harness: &Harness| mariadb(harness, "CREATE TABLE old (a int)");
    let (dump, again) = moved(&one, &other, fill_mariadb, spoil).await;
    assert!(without_own(&dump) == without_own(&again), "another dump came of it");
    assert_eq!(answer(&other, "SELECT n FROM v").await, "20000");
    assert_eq!(answer(&other, "CALL p()").await, "7");
    // A fresh server has a database of a form of its own, and a load keeps that of the database that it replaces.
    one.load(&dump).await.expect("the dump is loaded where it came from");
    assert_eq!(answer(&one, "SELECT @@collation_database").await, "latin1_german2_ci");
    assert_eq!(answer(&other, "SELECT said FROM `a``b` WHERE id = 20000").await, "Größe 🧪20000");
}

pub fn redis_compose(command: &str) -> String {
    let service = format!(
        "image: 'fleet-test-databases:1', command: [redis{command}], volumes: ['data:/data'], tmpfs: [/scratch]"
    );
    format!("services:\n  db: {{ {service}, environment: {{ REDIS_PASSWORD: secret }} }}\nvolumes: {{ data: }}\n")
}

async fn redis_moves(command: &str) {
    let (compose, stores) = (redis_compose(command), "  it: { engine: redis, kind: truth, service: db }\n");
    let Some(one) = harness(DATABASES, &compose, stores).await else { return };
    let Some(other) = harness(DATABASES, &compose, stores).await else { return };
    let redis = |harness: &Harness, words: &[&str]| {
        harness.exec(&[&["redis-cli", "--no-auth-warning", "-a", "secret"], words].concat())
    };
    let fill = |harness: &Harness| {
        redis(
            harness,
            &["eval", "for i=1,5000 do redis.call('set', 'key'..i, string.rep('x', i % 90)) end return 1", "0"],
        );
        redis(harness, &["-n", "3", "rpush", "list", "a", "b"]);
    };
    moved(&one, &other, fill, |harness| drop(redis(harness, &["set", "old", "1"]))).await;
    assert_eq!(answer(&other, "strlen key4999").await, "49");
    assert_eq!(redis(&other, &["-n", "3", "lrange", "list", "0", "-1"]), "a\nb");
    assert_eq!(answer(&other, "exists old").await, "0");
    assert_eq!(redis(&other, &["set", "later", "1"]), "OK");
}

#[tokio::test]
async fn redis_is_the_same_after_a_move() {
    redis_moves(", --requirepass, secret").await;
}

#[tokio::test]
async fn redis_that_keeps_a_log_is_the_same_after_a_move() {
    redis_moves(", --requirepass, secret, --appendonly, 'yes'").await;
}

pub fn neo4j_compose(version: &str) -> String {
    let environment = format!("NEO4J_AUTH: neo4j/secret, NEO4J_STAND_IN: '{version}'");
    let service = "image: 'fleet-test-databases:1', command: [neo4j], volumes: ['data:/data']";
    format!(
        "services:\n  db: {{ {service}, environment: {{ {environment} }}, stop_grace_period: 5s }}\nvolumes: {{ data: }}\n"
    )
}

pub fn cypher(harness: &Harness, text: &str) {
    let words = ["cypher-shell", "--non-interactive", "--format", "plain", "--database", "neo4j", text];
    harness.exec(&[&["env", "NEO4J_USERNAME=neo4j", "NEO4J_PASSWORD=secret"], words.as_slice()].concat());
}

async fn neo4j_moves(version: &str) {
    let (compose, stores) = (neo4j_compose(version), "  it: { engine: neo4j, kind: truth, service: db }\n");
    let Some(one) = harness(DATABASES, &compose, stores).await else { return };
    let Some(other) = harness(DATABASES, &compose, stores).await else { return };
    let fill = |harness: &Harness| {
        ["node Task a", "node Task b", "node User c", "edge NEEDS a b"]
            .iter()
            .for_each(|it| cypher(harness, &format!("CREATE {it}")));
    };
    let (dump, again) = moved(&one, &other, fill, |harness| cypher(harness, "CREATE node Old x")).await;
    assert!(dump == again, "another dump came of it");
    // Files made by the tools do not belong to root, and no earlier file stays.
    assert_eq!(other.exec(&["find", "/data", "!", "-user", "7474"]), "");
    assert_eq!(other.exec(&["find", "/data", "-name", ".fleet*"]), "");
}

#[tokio::test]
async fn neo4j_5_is_the_same_after_a_move() {
    neo4j_moves("5.18.0").await;
}

#[tokio::test]
async fn neo4j_4_is_the_same_after_a_move() {
    neo4j_moves("4.4.30").await;
}

#[tokio::test]
async fn neo4j_is_never_dumped_while_it_runs_and_comes_back_after_a_failed_load() {
    let (compose, stores) = (neo4j_compose("5.18.0"), "  it: { engine: neo4j, kind: truth, service: db }\n");
    let Some(harness) = harness(DATABASES, &compose, stores).await else { return };
    harness.ready().await;
    cypher(&harness, "CREATE node Task a");
    let before = harness.counts().await;
    let tool = dump_tool(harness.store()).expect("it is dumped");
    let refused = harness.dump_with(&tool).await.expect_err("it runs");
    assert_eq!(
        refused,
        format!("`{}` still runs; its tool works on a service that stands still", harness.instance.name("db"))
    );
    let dump = harness.dump().await.expect("the dump is good");
    harness.ready().await;
    let error = harness.load(&dump[..dump.len() - 1]).await.expect_err("it is not whole").to_string();
    assert!(error.contains("Truncated archive"), "{error}");
    harness.hold_for(&tool).await;
    for tool in undo_tools(harness.store()).iter().chain(&undo_tools(harness.store())) {
        harness.run(tool).await.expect("it can be undone, and again");
    }
    harness.release_after(&tool).await;
    harness.ready().await;
    assert_eq!(harness.counts().await, before);
    assert_eq!(prepare_tools(harness.store()).len(), 1);
    harness.nothing_left("db").await;
}

#[tokio::test]
async fn a_double_takes_a_dump_beside_the_real_one() {
    let Some(real) = harness(POSTGRESQL, PG_COMPOSE, PG_STORES).await else { return };
    real.ready().await;
    fill_postgresql(&real);
    let before = real.counts().await;
    let dump = real.dump().await.expect("the dump is good");
    let id = real.instance.project.clone();
    let sandbox = real.beside(sandbox(&real.rendered, &id)).await;
    sandbox.ready().await;
    assert_ne!(sandbox.counts().await, before);
    sandbox.load(&dump).await.expect("the dump is loaded");
    assert_eq!(sandbox.counts().await, before);
    psql(&real, "DROP SCHEMA more CASCADE");
    assert_eq!(sandbox.counts().await, before, "the double has data of its own");
    let ports = docker(&["inspect", "--format", "{{json .NetworkSettings.Ports}}", &sandbox.instance.name("db")]);
    assert!(!ports.contains("HostPort"), "{ports}");
}

#[test]
fn every_script_is_one_that_a_shell_reads() {
    let data = "/data".to_owned();
    let server = Server { service: "db".to_owned(), database: None, user: None, password: None, data };
    let kinds = [
        DatabaseEngine::Postgresql,
        DatabaseEngine::Mongodb,
        DatabaseEngine::Mariadb,
        DatabaseEngine::Mysql,
        DatabaseEngine::Redis,
        DatabaseEngine::Neo4j,
    ];
    for engine in kinds.map(|kind| kind(server.clone())) {
        let store = Store { engine, kind: StoreKind::Truth, stop: vec![], pause: vec![], checks: vec![] };
        let single =
            [dump_tool(&store), count_tool(&store), ready_tool(&store), others_tool(&store), note_tool(&store, None)]
                .into_iter()
                .flatten();
        let around = [prepare_tools(&store), after_tools(&store), undo_tools(&store)].into_iter().flatten();
        for tool in single.chain(around).filter(|tool| tool.argv[0] == "sh") {
            let read = std::process::Command::new("sh").args(["-n", "-c", &tool.argv[2]]).output();
            let read = read.expect("there is a shell");
            assert!(read.status.success(), "{}: {}", tool.argv[2], String::from_utf8_lossy(&read.stderr));
        }
    }
}
