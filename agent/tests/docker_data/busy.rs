//! Dumps of real servers during writes, with rows that come and go: the notes of a dump match its content.

use super::engines::{MARIADB_COMPOSE, PG_COMPOSE, redis_compose};
use super::harness::{DATABASES, Harness, POSTGRESQL, harness};
use super::images::docker;
use super::mongodb::MONGODB_COMPOSE;
use fleet_core::backup::{Counted, CounterReading, DumpValidator, between, count_tool, exactly, reading};
use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};

/// Somebody who writes in the container, until it is dropped.
struct Writer(Child);

impl Writer {
    fn new(harness: &Harness, script: &str) -> Self {
        let name = harness.instance.name("db");
        let mut writing = Command::new("docker");
        writing.args(["exec", &name, "sh", "-c", script]).stdout(Stdio::null()).stderr(Stdio::null());
        Self(writing.spawn().expect("it can be started"))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn read(harness: &Harness) -> CounterReading {
    let printed = harness.run(&count_tool(harness.store()).expect("it is counted")).await.expect("it can be counted");
    reading(harness.store(), &printed).expect("it is read")
}

/// Returns the notes of a backup about a dump, and the dump.
async fn noted(harness: &Harness) -> (BTreeMap<String, Counted>, Vec<u8>) {
    let before = read(harness).await;
    let dump = harness.dump().await.expect("the dump is good");
    let mut validator = DumpValidator::of(harness.store()).expect("it is dumped");
    validator.observe(&dump);
    let noted = match validator.counts() {
        Some(dumped) => exactly(&before.counts, &dumped),
        None => between(harness.store(), &before, &read(harness).await),
    };
    (noted, dump)
}

/// Dumps one that is written to, several times, and loads each dump into another.
async fn check(one: &Harness, other: &Harness, script: &str, names: &[&str]) {
    let _writer = Writer::new(one, script);
    let began = read(one).await;
    let tool = count_tool(one.store()).expect("it is counted");
    while reading(one.store(), &one.run(&tool).await.expect("counted")).expect("read") == began {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    for round in 0..3 {
        let (noted, dump) = noted(one).await;
        assert_eq!(noted.keys().map(String::as_str).collect::<Vec<_>>(), names, "in round {round}");
        other.load(&dump).await.expect("the dump is loaded");
        other.ready().await;
        let found = other.counts().await;
        for (name, Counted { low, high }) in &noted {
            let count = found.get(name).copied().unwrap_or(0);
            assert!((*low..=*high).contains(&count), "{name} in round {round}: {count} of {low} to {high}");
            assert!(*low > 0, "{name} in round {round}: nobody would miss it");
        }
    }
}

async fn pair(image: &str, compose: &str, stores: &str) -> Option<(Harness, Harness)> {
    let one = harness(image, compose, stores).await?;
    let other = harness(image, compose, stores).await?;
    one.ready().await;
    other.ready().await;
    Some((one, other))
}

#[tokio::test]
async fn postgresql_is_counted_in_its_dump() {
    let stores = "  it: { engine: postgresql, kind: truth, service: db }\n";
    let Some((one, other)) = pair(POSTGRESQL, PG_COMPOSE, stores).await else { return };
    let sql = "create table parent (a int); create table child () inherits (parent); insert into child select generate_series(1, 500);
               insert into parent values (1); create table parts (a int) partition by range (a); create table parts_1 partition of parts
               for values from (0) to (100000); create table \"Sam\"\"ples\" (id serial, note text); insert into \"Sam\"\"ples\" (note) select repeat(md5(i::text), 20)
               from generate_series(1, 30000) i; insert into parts values (1)";
    one.exec(&["psql", "-q", "-U", "lab", "-d", "lab-Notes", "-c", sql]);
    let script = r#"while :; do psql -q -U lab -d lab-Notes -c 'insert into "Sam""ples" (note) select $$x$$ from generate_series(1, 500);
        insert into parts select generate_series(1, 50)' -c 'delete from "Sam""ples" where id in (select id from "Sam""ples" order by random() limit 480)'; done"#;
    check(&one, &other, script, &["public.Sam\"ples", "public.child", "public.parent", "public.parts_1"]).await;
}

#[tokio::test]
async fn mariadb_is_counted_in_its_dump() {
    let stores = "  it: { engine: mariadb, kind: truth, service: db }\n";
    let Some((one, other)) = pair(DATABASES, MARIADB_COMPOSE, stores).await else { return };
    let client = ["mariadb", "-uroot", "-pit is \"secret", "lab`notes", "-e"];
    let sql = "CREATE TABLE `a``b` (id int auto_increment primary key, note text, twice int AS (id * 2) VIRTUAL) engine=InnoDB;
               INSERT INTO `a``b` (note) SELECT concat('it''s ),( \\\\\\'; ', repeat(md5(seq), 20)) FROM seq_1_to_30000;
               CREATE PROCEDURE p() INSERT INTO `a``b` (note) VALUES ('x'), ('y')";
    one.exec(&[client.as_slice(), &[sql]].concat());
    let script = r#"while :; do mariadb -uroot -p'it is "secret' 'lab`notes' -e "INSERT INTO \`a\`\`b\` (note) SELECT 'x' FROM seq_1_to_500;
        DELETE FROM \`a\`\`b\` ORDER BY rand() LIMIT 480"; done"#;
    check(&one, &other, script, &["a`b"]).await;
}

#[tokio::test]
async fn mongodb_is_counted_in_its_dump() {
    let stores = "  it: { engine: mongodb, kind: truth, service: db }\n";
    let Some((one, other)) = pair(DATABASES, MONGODB_COMPOSE, stores).await else { return };
    let fill = "import pymongo, random
lab = pymongo.MongoClient('mongodb://127.0.0.1:27017').lab
lab.sessions.create_index('at', expireAfterSeconds=5)
lab.items.insert_many([{'note': 'x' * 500} for _ in range(4000)])
while True:
    ids = [it['_id'] for it in lab.items.aggregate([{'$sample': {'size': 80}}])]
    lab.items.insert_many([{'note': 'y' * 500} for _ in range(90)])
    lab.items.delete_many({'_id': {'$in': ids}})
";
    check(&one, &other, &format!("exec python3 - <<'END'\n{fill}END\n"), &["lab.items"]).await;
}

#[tokio::test]
async fn redis_is_counted_around_its_dump_without_what_expires() {
    let stores = "  it: { engine: redis, kind: truth, service: db }\n";
    let compose = redis_compose(", --requirepass, secret");
    let Some((one, other)) = pair(DATABASES, &compose, stores).await else { return };
    let redis = |words: &[&str]| one.exec(&[&["redis-cli", "--no-auth-warning", "-a", "secret"], words].concat());
    redis(&["eval", "for i=1,20000 do redis.call('set', 'key'..i, string.rep('x', 200)) end return 1", "0"]);
    redis(&["eval", "for i=1,500 do redis.call('set', 'short'..i, 'x', 'px', 1500 + i) end return 1", "0"]);
    let script = "n=0; while :; do n=$((n + 1)); redis-cli --no-auth-warning -a secret eval \"for i=1,300 do
        redis.call('set', 'new$n-'..i, 'x') end for i=1,290 do local k = redis.call('randomkey') redis.call('del', k) end
        for i=1,50 do redis.call('set', 'gone$n-'..i, 'x', 'px', 700) end return 1\" 0; done";
    check(&one, &other, script, &["db0"]).await;
    assert!(!docker(&["inspect", "--format", "{{.State.Status}}", &one.instance.name("db")]).is_empty());
}
