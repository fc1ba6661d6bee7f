//! An app with servers of several engines: each is proven and restored, whether it takes its data while it runs or beside it.

use super::images::{self, docker};
use super::lab::{Lab, check_counted};
use fleet_core::app::Bundle;
use fleet_core::backup::{DataAction, DataResult, Others};
use fleet_core::names::BackupId;
use fleet_core::order::{Action, Outcome};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const IMAGE: &str = "fleet-test-databases:1";

const APP: &str = "app: notes
values:
  password: { type: string, secret: true, required: true }
health: { minimum_healthy: 0s, deadline: 60s }
stores:
  cache: { engine: redis, kind: truth, service: cache }
  graph: { engine: neo4j, kind: truth, service: graph }
  rows: { engine: mariadb, kind: truth, service: rows }
  papers: { engine: mongodb, kind: truth, service: papers }
  seeded: { engine: volume, kind: truth, volume: seeded }
";

/// The graph's entrypoint puts ownership right, as the official one does. The volume of `idle` is where its image has files.
const COMPOSE: &str = "services:
  cache:
    image: IMAGE
    command: [redis, --requirepass, secret, --appendonly, 'yes']
    environment: { REDIS_PASSWORD: secret }
    volumes: ['cache:/data']
  graph:
    image: IMAGE
    entrypoint: [sh, -c, 'chown -R 7474:7474 /data; exec neo4j-server']
    environment: { NEO4J_AUTH: neo4j/secret, NEO4J_STAND_IN: 5.18.0 }
    volumes: ['graph:/data']
    stop_grace_period: 5s
  rows:
    image: IMAGE
    command: [mariadb]
    environment: { MARIADB_DATABASE: notes, MARIADB_ROOT_PASSWORD: secret }
    volumes: ['rows:/var/lib/mysql']
  papers:
    image: IMAGE
    command: [mongodb]
    volumes: ['papers:/data/db']
  idle:
    image: IDLE
    init: true
    command: [sleep, infinity]
    volumes: ['seeded:/bin']
volumes: { cache: , graph: , rows: , papers: , seeded: }
";

fn app() -> Bundle {
    let compose = COMPOSE.replace("IMAGE", IMAGE).replace("IDLE", images::ONE);
    let files = [("app.yaml".to_owned(), APP.into()), ("compose.yaml".to_owned(), compose.into())];
    Bundle::new(files.into()).expect("the bundle is small")
}

fn exec(instance: &str, service: &str, words: &[&str]) -> String {
    docker(&[&["exec", &format!("{instance}-{service}-1")], words].concat())
}

fn redis(instance: &str, words: &[&str]) -> String {
    exec(instance, "cache", &[&["redis-cli", "--no-auth-warning", "-a", "secret"], words].concat())
}

fn cypher(instance: &str, text: &str) -> String {
    let words = ["cypher-shell", "--non-interactive", "--format", "plain", "--database", "neo4j", text];
    exec(instance, "graph", &[&["env", "NEO4J_USERNAME=neo4j", "NEO4J_PASSWORD=secret"], words.as_slice()].concat())
}

fn mariadb(instance: &str, text: &str) -> String {
    exec(instance, "rows", &["mariadb", "-uroot", "-psecret", "-N", "notes", "-e", text])
}

fn mongosh(instance: &str, text: &str) -> String {
    exec(instance, "papers", &["mongosh", "--quiet", "lab", "--eval", text])
}

/// Waits until each server answers by its own client.
async fn answering(instance: &str) {
    let clients = [
        ("cache", "redis-cli --no-auth-warning -a secret ping | grep -q PONG"),
        (
            "graph",
            "NEO4J_USERNAME=neo4j NEO4J_PASSWORD=secret cypher-shell --non-interactive --format plain --database neo4j 'RETURN 1'",
        ),
        ("rows", "mariadb -uroot -psecret notes -e 'SELECT 1'"),
        ("papers", "mongosh --quiet lab --eval 1"),
    ];
    let began = Instant::now();
    for (service, client) in clients {
        let name = format!("{instance}-{service}-1");
        while !images::succeeds("docker", &["exec", &name, "sh", "-c", client]) {
            assert!(began.elapsed() < Duration::from_secs(120), "{service} does not answer");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}

fn fill(instance: &str) {
    redis(instance, &["eval", "for i=1,3000 do redis.call('set', 'key'..i, i) end return 1", "0"]);
    redis(instance, &["set", "session", "x", "ex", "3"]);
    ["node Task a", "node Task b", "edge NEEDS a b"]
        .iter()
        .for_each(|it| drop(cypher(instance, &format!("CREATE {it}"))));
    mariadb(
        instance,
        "CREATE TABLE t (id int primary key, note text) AS SELECT seq AS id, md5(seq) AS note FROM seq_1_to_5000",
    );
    mongosh(instance, "db.items.insertMany([{\"_id\":1,\"a\":1},{\"_id\":2,\"a\":1}])");
}

fn rows(instance: &str) -> Vec<String> {
    vec![
        redis(
            instance,
            &["eval", "local n = 0 for i=1,3000 do n = n + (redis.call('get', 'key'..i) or 0) end return n", "0"],
        ),
        cypher(instance, "MATCH (n) UNWIND labels(n)"),
        mariadb(instance, "SELECT count(*), md5(group_concat(note ORDER BY id LIMIT 1000)) FROM t"),
        mongosh(instance, "db.items.countDocuments({\"a\":1})"),
        exec(instance, "idle", &["ls", "-C", "/bin"]).split_whitespace().count().to_string(),
    ]
}

#[tokio::test]
async fn each_engine_is_proven_and_restored() {
    let Some(lab) = Lab::with("fte", IMAGE, app(), "").await else { return };
    let mut agent = lab.agent();
    let (instance, name) = (lab.instance(), lab.name.clone());
    let end = lab.carry_out(&lab.order(&instance, Action::Install { goal: lab.goal() })).await;
    assert_eq!(end.outcome, Outcome::Done);
    answering(&name).await;
    fill(&name);
    let was = rows(&name);
    assert_eq!((was[0].as_str(), was[3].as_str()), ("4501500", "2"), "{was:?}");

    let order = lab.backup();
    assert_eq!(lab.carry_out(&order).await.outcome, Outcome::Done);
    let id: BackupId = order.order.id.as_str().parse().expect("an id");
    let drill =
        lab.order(&instance, Action::Data(DataAction::Drill { from: lab.source(&id), privileges: Default::default() }));
    let began = Instant::now();
    let end = lab.carry_out(&drill).await;
    let Some(DataResult::Drill(made)) = end.made.as_deref() else { panic!("expected a proof, found {end:?}") };
    assert_eq!(made.proof.failure, None);
    let checks = &made.proof.checks;
    eprintln!("drill: {:?}:\n{checks:?}", began.elapsed());
    for (store, item, count) in
        [("cache", "db0", 3000), ("graph", "(:Task)", 2), ("rows", "t", 5000), ("papers", "lab.items", 2)]
    {
        check_counted(checks, store, item, count);
    }
    let sandbox = format!("fleet-throwaway-{}", drill.order.id);
    for words in [&["ps", "-aq"][..], &["network", "ls", "-q"], &["volume", "ls", "-q"]] {
        assert_eq!(lab.of_label(words, &sandbox), Vec::<String>::new(), "{words:?}");
    }

    answering(&name).await;
    redis(&name, &["flushall"]);
    cypher(&name, "CREATE node Task c");
    mariadb(&name, "DELETE FROM t WHERE id > 3");
    mongosh(&name, "db.items.insertMany([{\"_id\":3,\"a\":1}])");
    assert_ne!(rows(&name), was);
    let restore = |goal| {
        let (only, safety) = (BTreeSet::new(), BTreeSet::new());
        Action::Data(DataAction::Restore {
            from: lab.source(&id),
            only,
            safety,
            goal,
            replaces: None,
            others: Others::Kept,
            privileges: Default::default(),
        })
    };
    let end = lab.carry_out(&lab.order(&instance, restore(None))).await;
    assert_eq!(end.outcome, Outcome::Done);
    answering(&name).await;
    assert_eq!(rows(&name), was);

    // The server burns down, and a new one is made from the backup: where its image has files, the backup's are.
    agent.kill().await.expect("it was there");
    lab.destroy(&name);
    lab.forget();
    let _agent = lab.agent();
    let other = format!("{name}-new");
    let end = lab.carry_out(&lab.order(&other.parse().expect("a name"), restore(Some(lab.goal())))).await;
    assert_eq!(end.outcome, Outcome::Done);
    answering(&other).await;
    assert_eq!(rows(&other), was);
}
