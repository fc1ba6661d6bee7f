//! A complete dump that differs from its server: the drill fails and names the difference. An equal one is proven.

use super::images::{self, docker};
use super::lab::Lab;
use fleet_core::app::Bundle;
use fleet_core::backup::{DataAction, DataResult, DrillCheck, Proof, StoreDifference};
use fleet_core::names::BackupId;
use fleet_core::order::{Action, Outcome};
use fleet_core::order_failure::OrderFailure;
use std::time::{Duration, Instant};

const IMAGE: &str = "fleet-test-databases:1";

const APP: &str = "app: notes
values:
  password: { type: string, secret: true, required: true }
health: { minimum_healthy: 0s, deadline: 60s }
stores:
  cache: { engine: redis, kind: truth, service: cache }
  graph: { engine: neo4j, kind: truth, service: graph }
  papers: { engine: mongodb, kind: truth, service: papers, database: lab }
";

/// The graph's entrypoint puts ownership right, as the official one does.
const COMPOSE: &str = "services:
  cache:
    image: IMAGE
    command: [redis, --requirepass, secret]
    environment: { REDIS_PASSWORD: secret }
    volumes: ['cache:/data']
  graph:
    image: IMAGE
    entrypoint: [sh, -c, 'chown -R 7474:7474 /data; exec neo4j-server']
    environment: { NEO4J_AUTH: neo4j/secret, NEO4J_STAND_IN: 5.18.0 }
    volumes: ['graph:/data']
    stop_grace_period: 5s
  papers:
    image: IMAGE
    command: [mongodb]
    volumes: ['papers:/data/db']
volumes: { cache: , graph: , papers: }
";

/// Replacement of the client: it dumps another server with the same keys and one other value.
const OTHER_VALUE: &str = r#"mv /usr/bin/redis-cli /usr/bin/redis-cli.real
cat >/usr/bin/redis-cli <<'END'
#!/bin/sh
set -eu
case " $* " in
    *' --rdb '*) ;;
    *) exec redis-cli.real "$@" ;;
esac
mkdir -p /tmp/other
cd /tmp/other
redis-cli.real --no-auth-warning --rdb /tmp/other/dump.rdb >&2
unset REDISCLI_AUTH
redis-server --port 7000 --dir /tmp/other --save '' --daemonize yes >/dev/null 2>&1
until redis-cli.real -p 7000 set key7 other >/dev/null 2>&1; do sleep 0.1; done
redis-cli.real -p 7000 --rdb -
redis-cli.real -p 7000 shutdown nosave
END
chmod +x /usr/bin/redis-cli
"#;

fn app() -> Bundle {
    let compose = COMPOSE.replace("IMAGE", IMAGE);
    let files = [("app.yaml".to_owned(), APP.into()), ("compose.yaml".to_owned(), compose.into())];
    Bundle::new(files.into()).expect("the bundle is small")
}

fn exec(instance: &str, service: &str, words: &[&str]) -> String {
    docker(&[&["exec", &format!("{instance}-{service}-1")], words].concat())
}

fn redis(instance: &str, words: &[&str]) {
    exec(instance, "cache", &[&["redis-cli", "--no-auth-warning", "-a", "secret"], words].concat());
}

fn cypher(instance: &str, text: &str) {
    let words = ["cypher-shell", "--non-interactive", "--format", "plain", "--database", "neo4j", text];
    exec(instance, "graph", &[&["env", "NEO4J_USERNAME=neo4j", "NEO4J_PASSWORD=secret"], words.as_slice()].concat());
}

fn mongosh(instance: &str, text: &str) {
    exec(instance, "papers", &["mongosh", "--quiet", "lab", "--eval", text]);
}

/// Waits until each server answers by its own client.
async fn answering(instance: &str) {
    let neo4j =
        "NEO4J_USERNAME=neo4j NEO4J_PASSWORD=secret cypher-shell --non-interactive --format plain --database neo4j";
    let clients = [
        ("cache", "redis-cli --no-auth-warning -a secret ping | grep -q PONG".to_owned()),
        ("graph", format!("{neo4j} 'RETURN 1'")),
        ("papers", "mongosh --quiet lab --eval 1".to_owned()),
    ];
    let began = Instant::now();
    for (service, client) in clients {
        let name = format!("{instance}-{service}-1");
        while !images::succeeds("docker", &["exec", &name, "sh", "-c", &client]) {
            assert!(began.elapsed() < Duration::from_secs(120), "{service} does not answer");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}

fn fill(instance: &str) {
    redis(instance, &["eval", "for i = 1, 50 do redis.call('set', 'key'..i, i) end return 1", "0"]);
    for text in
        ["node Task a", "node Task b", "edge NEEDS a b", "index by_name CREATE INDEX by_name FOR (n:Task) ON (n.name)"]
    {
        cypher(instance, &format!("CREATE {text}"));
    }
    mongosh(instance, "db.items.insertMany([{\"_id\":1,\"a\":1},{\"_id\":2,\"a\":2}])");
    mongosh(
        instance,
        r#"db.runCommand({"createIndexes":"items","indexes":[{"name":"only","key":{"a":1},"unique":true}]})"#,
    );
}

/// Takes a backup, and drills it.
async fn drilled(lab: &Lab) -> Proof {
    let order = lab.backup();
    assert_eq!(lab.carry_out(&order).await.outcome, Outcome::Done);
    let id: BackupId = order.order.id.as_str().parse().expect("an id");
    let drill = lab.order(
        &lab.instance(),
        Action::Data(DataAction::Drill { from: lab.source(&id), privileges: Default::default() }),
    );
    let end = lab.carry_out(&drill).await;
    let Some(DataResult::Drill(made)) = end.made.as_deref() else { panic!("expected a proof, found {end:?}") };
    made.proof.clone()
}

#[tokio::test]
async fn a_drill_compares_with_what_the_servers_said_and_names_what_their_dumps_lost() {
    let Some(lab) = Lab::with("ftn", IMAGE, app(), "").await else { return };
    let _agent = lab.agent();
    let name = lab.name.clone();
    let end = lab.carry_out(&lab.order(&lab.instance(), Action::Install { goal: lab.goal() })).await;
    assert_eq!(end.outcome, Outcome::Done);
    answering(&name).await;
    fill(&name);
    let proof = drilled(&lab).await;
    assert_eq!(proof.failure, None);
    let noted = |check: &DrillCheck| match check {
        DrillCheck::Noted { store, facts, samples, .. } => Some((store.to_string(), *facts, *samples)),
        _other => None,
    };
    let found: Vec<_> = proof.checks.iter().filter_map(noted).collect();
    let has = |store: &str, facts: usize, samples: usize| found.contains(&(store.to_owned(), facts, samples));
    assert!(has("cache", 150, 50) && has("graph", 1, 2), "{found:?}");
    assert!(found.iter().any(|(store, facts, _)| store == "papers" && *facts == 3), "{found:?}");

    answering(&name).await;
    exec(&name, "cache", &["sh", "-c", OTHER_VALUE]);
    exec(&name, "graph", &["sh", "-c", "echo ^index >/data/dump-loses; chown 7474:7474 /data/dump-loses"]);
    exec(&name, "papers", &["sh", "-c", "echo only >/tmp/dump-loses"]);
    let failure = drilled(&lab).await.failure.expect("the dumps are not what was there");
    let OrderFailure::Several { failures } = *failure else { panic!("expected three stores: {failure}") };
    let of = |store: &str| {
        failures.iter().find_map(|failure| match failure {
            OrderFailure::InStore { store: found, failure } if found == store => match &**failure {
                OrderFailure::RestoredDataDiffers { differences, .. } => Some(differences.as_slice()),
                _other => None,
            },
            _other => None,
        })
    };
    let rows = StoreDifference::Rows { object: "key `key7` of db0".to_owned(), rows: "its contents".to_owned() };
    assert!(of("cache").is_some_and(|found| found.contains(&rows)), "{failures:?}");
    let missing = StoreDifference::Missing { object: "index `by_name`".to_owned() };
    assert!(of("graph").is_some_and(|found| found.contains(&missing)), "{failures:?}");
    let is_index = |found: &StoreDifference| {
        matches!(found, StoreDifference::Attribute { object, attribute, is: None, .. }
            if object == "collection `lab.items`" && attribute == "index `only`")
    };
    assert!(of("papers").is_some_and(|found| found.iter().any(is_index)), "{failures:?}");
}
