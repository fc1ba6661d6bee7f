//! Servers that do not start without a file of their own: MongoDB with its key file, and Neo4j's settings.

use super::images::{self, docker};
use super::lab::Lab;
use fleet_core::app::Bundle;
use fleet_core::backup::{DataAction, DataResult, Others};
use fleet_core::names::BackupId;
use fleet_core::order::{Action, Outcome};
use fleet_core::release::Goal;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const IMAGE: &str = "fleet-test-databases:1";

const APP: &str = "app: notes
health: { minimum_healthy: 0s, deadline: 60s }
stores:
  papers: { engine: mongodb, kind: truth, service: papers, database: lab }
  graph: { engine: neo4j, kind: truth, service: graph }
";

/// The real mongod refuses a key file that others can read or that it does not own. Without one, another is made, so an
/// equal file was restored. The graph database does not start a second time without its settings.
const COMPOSE: &str = "services:
  papers:
    image: IMAGE
    entrypoint: [sh, -euc]
    command:
      - |
        set -- --dbpath /data/db --bind_ip 127.0.0.1 --wiredTigerCacheSizeGB 0.25 --quiet
        cd /data/db
        if [ ! -e .user ]; then
            mongod \"$$@\" --port 27018 --fork --logpath /tmp/mongod.log >/dev/null
            python3 -c 'import pymongo; pymongo.MongoClient(\"mongodb://127.0.0.1:27018\").admin.command(\"createUser\", \"root\",
                pwd=\"secret\", roles=[\"root\"])'
            mongod \"$$@\" --shutdown >/dev/null
            touch .user
        fi
        if [ ! -e keys/mongo.keyfile ]; then
            install -d -o www-data -g games -m 751 keys
            head -c 300 /dev/urandom | base64 >keys/mongo.keyfile
            chown -R www-data:games /data/db
            chmod 400 keys/mongo.keyfile
        fi
        chown www-data /data/db
        chown -R --from=root www-data /data/db
        exec setpriv --reuid=www-data --regid=games --clear-groups mongod \"$$@\" --keyFile /data/db/keys/mongo.keyfile
    environment: { MONGO_INITDB_ROOT_USERNAME: root, MONGO_INITDB_ROOT_PASSWORD: secret }
    volumes: ['papers:/data/db']
  graph:
    image: IMAGE
    entrypoint: [sh, -c, 'chown -R 7474:7474 /data; exec neo4j-server']
    environment: { NEO4J_AUTH: neo4j/secret, NEO4J_STAND_IN: 5.18.0 }
    volumes: ['graph:/data']
    stop_grace_period: 5s
volumes: { papers: , graph: }
";

fn app() -> Bundle {
    let compose = COMPOSE.replace("IMAGE", IMAGE);
    let files = [("app.yaml".to_owned(), APP.into()), ("compose.yaml".to_owned(), compose.into())];
    Bundle::new(files.into()).expect("the bundle is small")
}

fn exec(instance: &str, service: &str, words: &[&str]) -> String {
    docker(&[&["exec", &format!("{instance}-{service}-1")], words].concat())
}

fn mongosh(instance: &str, text: &str) -> String {
    exec(instance, "papers", &["mongosh", "--quiet", "lab", "--eval", text])
}

async fn answering(instance: &str) {
    let clients = [
        ("papers", "mongosh --quiet admin --eval 'db.things.countDocuments({})'"),
        ("graph", "neo4j-admin server status || test -e /data/databases/store_lock"),
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

/// The files that no dump has, whose they are, and whether the server was started with them.
fn beside(instance: &str) -> Vec<String> {
    let key = "cd /data/db && sha256sum keys/mongo.keyfile && stat -c '%A %U %G' keys keys/mongo.keyfile && pgrep -a mongod | cut -d ' ' -f 2-";
    let settings = "cd /data/conf && sha256sum neo4j.conf && stat -c '%A %u %g' . neo4j.conf";
    vec![exec(instance, "papers", &["sh", "-c", key]), exec(instance, "graph", &["sh", "-c", settings])]
}

#[tokio::test]
async fn a_key_file_and_settings_come_back_before_their_servers_start() {
    let Some(lab) = Lab::with("k4b-keys", IMAGE, app(), "").await else { return };
    let mut agent = lab.agent();
    let (instance, name) = (lab.instance(), lab.name.clone());
    let end = lab.carry_out(&lab.order(&instance, Action::Install { goal: lab.goal() })).await;
    assert_eq!(end.outcome, Outcome::Done);
    answering(&name).await;
    mongosh(&name, "db.items.insertMany([{\"_id\":1},{\"_id\":2}])");
    let settings = "install -d -o 7474 -g 7474 -m 750 /data/conf && echo server.memory.heap.max_size=512m >/data/conf/neo4j.conf && \
                    chown 7474:7474 /data/conf/neo4j.conf && chmod 640 /data/conf/neo4j.conf";
    exec(&name, "graph", &["sh", "-c", settings]);
    let was = beside(&name);
    assert!(was[0].contains("-r--------") && was[0].contains("--keyFile"), "{was:?}");

    let order = lab.backup();
    let end = lab.carry_out(&order).await;
    assert_eq!(end.outcome, Outcome::Done);
    let Some(DataResult::Backup(copies)) = end.made.as_deref() else { panic!("expected a backup, found {end:?}") };
    assert_eq!(copies[0].result.as_ref().expect("it was written").uncovered, []);
    let id: BackupId = order.order.id.as_str().parse().expect("an id");
    let end = lab
        .carry_out(&lab.order(
            &instance,
            Action::Data(DataAction::Drill { from: lab.source(&id), privileges: Default::default() }),
        ))
        .await;
    let Some(DataResult::Drill(made)) = end.made.as_deref() else { panic!("expected a proof, found {end:?}") };
    assert_eq!(made.proof.failure, None);

    let restore = |goal: Option<Goal>| {
        let (only, safety) = (BTreeSet::new(), BTreeSet::new());
        let (from, others, privileges) = (lab.source(&id), Others::Kept, Default::default());
        Action::Data(DataAction::Restore { from, only, safety, goal, replaces: None, others, privileges })
    };
    mongosh(&name, "db.items.insertMany([{\"_id\":3}])");
    let end = lab.carry_out(&lab.order(&instance, restore(None))).await;
    assert_eq!(end.outcome, Outcome::Done);
    answering(&name).await;
    assert_eq!(beside(&name), was);
    assert_eq!(mongosh(&name, "db.items.countDocuments({})"), "2");

    // The server burns down, and a new one is made from the backup.
    agent.kill().await.expect("it was there");
    lab.destroy(&name);
    lab.forget();
    let _agent = lab.agent();
    let other = format!("{name}-new");
    let end = lab.carry_out(&lab.order(&other.parse().expect("a name"), restore(Some(lab.goal())))).await;
    assert_eq!(end.outcome, Outcome::Done);
    answering(&other).await;
    assert_eq!(beside(&other), was);
    assert_eq!(mongosh(&other, "db.items.countDocuments({})"), "2");
}
