//! MongoDB: a dump loaded into a new server gives the same data.

use super::engines::{answer, moved};
use super::harness::{DATABASES, Harness, harness};

pub const MONGODB_COMPOSE: &str = "services:
  db: { image: 'fleet-test-databases:1', command: [mongodb], volumes: ['data:/data/db'] }
volumes: { data: }
";

pub fn mongosh(harness: &Harness, database: &str, text: &str) {
    harness.exec(&["mongosh", "--quiet", database, "--eval", text]);
}

pub fn fill_mongodb(harness: &Harness) {
    let items: Vec<String> = (0..700).map(|n| format!("{{\"_id\":{n},\"note\":\"{}\"}}", "ß".repeat(50))).collect();
    mongosh(harness, "lab", &format!("db.items.insertMany([{}])", items.join(",")));
    mongosh(harness, "other", "db.things.insertMany([{\"_id\":1,\"a\":[1,{\"b\":null}]}])");
}

#[tokio::test]
async fn mongodb_is_the_same_after_a_move() {
    let stores = "  it: { engine: mongodb, kind: truth, service: db }\n";
    let Some(one) = harness(DATABASES, MONGODB_COMPOSE, stores).await else { return };
    let Some(other) = harness(DATABASES, MONGODB_COMPOSE, stores).await else { return };
    let spoil = |harness: &Harness| mongosh(harness, "old", "db.items.insertMany([{\"_id\":1}])");
    let (dump, again) = moved(&one, &other, fill_mongodb, spoil).await;
    assert!(dump == again, "another dump came of it");
    assert_eq!(answer(&other, "db.things.countDocuments({\"a.b\":null})").await, "0");
}

#[tokio::test]
async fn mongodb_with_a_password_is_the_same_after_a_move() {
    let root = "MONGO_INITDB_ROOT_USERNAME: root, MONGO_INITDB_ROOT_PASSWORD: \"it's $HOME\\\\ 'so'\"";
    let compose =
        MONGODB_COMPOSE.replace("volumes: [", &format!("environment: {{ {} }}, volumes: [", root.replace('$', "$$")));
    let stores = "  it: { engine: mongodb, kind: truth, service: db }\n";
    let Some(one) = harness(DATABASES, &compose, stores).await else { return };
    let Some(other) = harness(DATABASES, &compose, stores).await else { return };
    let fill = |harness: &Harness| mongosh(harness, "lab", "db.items.insertMany([{\"_id\":1},{\"_id\":2}])");
    moved(&one, &other, fill, |harness| mongosh(harness, "old", "db.items.insertMany([{\"_id\":1}])")).await;
}

#[tokio::test]
async fn one_database_of_mongodb_leaves_the_others_alone() {
    let stores = "  it: { engine: mongodb, kind: truth, service: db, database: lab }\n";
    let Some(harness) = harness(DATABASES, MONGODB_COMPOSE, stores).await else { return };
    harness.ready().await;
    fill_mongodb(&harness);
    assert_eq!(harness.counts().await.into_keys().collect::<Vec<_>>(), ["lab.items"]);
    let dump = harness.dump().await.expect("the dump is good");
    harness.load(&dump).await.expect("it is loaded");
    assert_eq!(harness.exec(&["mongosh", "--quiet", "other", "--eval", "db.things.countDocuments({})"]), "1");
    let half = &dump[..dump.len() / 2];
    let error = harness.load(half).await.expect_err("it is half a dump").to_string();
    assert!(error.contains("unexpected end"), "{error}");
}
