//! Databases come back as they were: a drill of each succeeds, and a restore, in place or new, brings back the server's
//! content.

use super::images::docker;
use super::lab::{Lab, check_counted};
use fleet_core::app::Bundle;
use fleet_core::backup::{DataAction, DataResult, DrillCheck, DrillMade, Others};
use fleet_core::names::BackupId;
use fleet_core::order::{Action, Outcome};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const DATABASES: &str = "fleet-test-databases:1";

/// Longest name of PostgreSQL: a suffix would be cut off.
const LONG: &str = "dddddddddddddddddddddddddddddddddddddddddddddddddd_xxxxxxxxxxxx";

/// No database of these but `notes` is made by the image.
const APP: &str = "app: notes
values:
  password: { type: string, secret: true, required: true }
health: { minimum_healthy: 0s, deadline: 60s }
stores:
  sorted: { engine: postgresql, kind: truth, service: db, database: icudb }
  legacy: { engine: postgresql, kind: truth, service: db, database: legacy }
  equals: { engine: postgresql, kind: truth, service: db, database: 'a=b \"c\"' }
  longest: { engine: postgresql, kind: truth, service: db, database: LONG }
  history: { engine: mariadb, kind: truth, service: rows }
";

const COMPOSE: &str = "services:
  db:
    image: labnotes-db:1
    environment: { POSTGRES_USER: notes, POSTGRES_DB: notes, POSTGRES_PASSWORD: '${PASSWORD}' }
    volumes: ['data:/var/lib/postgresql/data']
  rows:
    image: fleet-test-databases:1
    command: [mariadb]
    environment: { MARIADB_DATABASE: notes, MARIADB_ROOT_PASSWORD: secret }
    volumes: ['rows:/var/lib/mysql']
volumes: { data: , rows: }
";

fn app() -> Bundle {
    let app = APP.replace("LONG", LONG);
    let files = [("app.yaml".to_owned(), app.into()), ("compose.yaml".to_owned(), COMPOSE.into())];
    Bundle::new(files.into()).expect("the bundle is small")
}

/// A statement in a database of PostgreSQL, whatever it is called.
fn sql(instance: &str, database: &str, text: &str) -> String {
    let (container, database) = (format!("{instance}-db-1"), format!("PGDATABASE={database}"));
    docker(&["exec", "-e", &database, &container, "psql", "-qtA", "-v", "ON_ERROR_STOP=1", "-U", "notes", "-c", text])
}

fn mariadb(instance: &str, text: &str) -> String {
    docker(&["exec", &format!("{instance}-rows-1"), "mariadb", "-uroot", "-psecret", "-N", "notes", "-e", text])
}

async fn answering(instance: &str) {
    let began = Instant::now();
    let clients =
        [("db", "psql -U notes -d template1 -c 'SELECT 1'"), ("rows", "mariadb -uroot -psecret notes -e 'SELECT 1'")];
    for (service, client) in clients {
        let name = format!("{instance}-{service}-1");
        while !super::images::succeeds("docker", &["exec", &name, "sh", "-c", client]) {
            assert!(began.elapsed() < Duration::from_secs(240), "{service} does not answer");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}

fn fill(instance: &str) {
    let own = |text: &str| drop(sql(instance, "notes", text));
    own("CREATE ROLE anna LOGIN PASSWORD 'x' VALID UNTIL '2020-01-01'; COMMENT ON ROLE anna IS 'left us'");
    own("CREATE ROLE grp; CREATE ROLE boss LOGIN; GRANT grp TO boss WITH ADMIN OPTION");
    own(
        "CREATE DATABASE icudb TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'de-u-co-phonebk' CONNECTION LIMIT 9",
    );
    own("CREATE DATABASE legacy ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'");
    own("CREATE DATABASE \"a=b \"\"c\"\"\"");
    own(&format!("CREATE DATABASE {LONG}"));
    sql(
        instance,
        "icudb",
        "COMMENT ON DATABASE icudb IS 'sorted'; CREATE TABLE t (a text); INSERT INTO t VALUES ('Zz'), ('ää'), ('Az')",
    );
    sql(
        instance,
        "legacy",
        "SET client_encoding = 'SQL_ASCII'; CREATE TABLE t (a text); INSERT INTO t VALUES (E'caf\\351')",
    );
    sql(
        instance,
        "a=b \"c\"",
        "CREATE TABLE \"tab\tand\nline\" (a int PRIMARY KEY); INSERT INTO \"tab\tand\nline\" VALUES (7)",
    );
    sql(instance, LONG, "CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2)");
    mariadb(
        instance,
        "CREATE TABLE sv (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING; INSERT INTO sv VALUES (1, 1); UPDATE sv SET v = 2; \
         UPDATE sv SET v = 3; INSERT INTO sv VALUES (2, 1); DELETE FROM sv WHERE id = 2; \
         CREATE TABLE `tab\tand\nline` (a int); INSERT INTO `tab\tand\nline` VALUES (7)",
    );
}

/// Returns all facts that the servers report.
fn seen(instance: &str) -> Vec<String> {
    let form = "SELECT string_agg(concat_ws('|', datname, pg_encoding_to_char(encoding), datcollate, datlocprovider, daticulocale, \
                datconnlimit, shobj_description(oid, 'pg_database')), ';' ORDER BY datname) FROM pg_database \
                WHERE datname NOT IN ('notes', 'postgres') AND NOT datistemplate";
    let roles = "SELECT string_agg(concat_ws(' ', rolname, rolvaliduntil::date, shobj_description(oid, 'pg_authid')), ';' ORDER BY rolname), \
                 (SELECT admin_option FROM pg_auth_members WHERE member = 'boss'::regrole) FROM pg_roles \
                 WHERE rolname IN ('anna', 'boss', 'grp') AND coalesce(rolvaliduntil, 'infinity') < 'infinity'";
    vec![
        sql(instance, "template1", form),
        sql(instance, "template1", roles),
        sql(instance, "icudb", "SELECT string_agg(a, ',' ORDER BY a) FROM t"),
        sql(instance, "legacy", "SELECT encode(convert_to(a, 'SQL_ASCII'), 'hex') FROM t"),
        sql(instance, "a=b \"c\"", "SELECT a FROM \"tab\tand\nline\""),
        sql(instance, LONG, "SELECT sum(a) FROM t"),
        mariadb(
            instance,
            "SELECT COUNT(*), SUM(v), MIN(row_start) FROM sv FOR SYSTEM_TIME ALL; SELECT a FROM `tab\tand\nline`",
        ),
    ]
}

async fn drilled(lab: &Lab, id: &BackupId) -> DrillMade {
    let drill = lab.order(
        &lab.instance(),
        Action::Data(DataAction::Drill { from: lab.source(id), privileges: Default::default() }),
    );
    let end = lab.carry_out(&drill).await;
    let Some(DataResult::Drill(made)) = end.made.as_deref() else { panic!("expected a proof, found {end:?}") };
    made.clone()
}

async fn installed(name: &str) -> Option<(Lab, tokio::process::Child)> {
    if !super::images::succeeds("docker", &["image", "inspect", DATABASES]) {
        let is_required = std::env::var("FLEET_TEST_DOCKER").is_ok_and(|it| it == "required");
        assert!(!is_required, "there is no image {DATABASES}: tests/prepare.sh makes it");
        return None;
    }
    let lab = Lab::with(name, "labnotes-db:1", app(), "").await?;
    let agent = lab.agent();
    let end = lab.carry_out(&lab.order(&lab.instance(), Action::Install { goal: lab.goal() })).await;
    assert_eq!(end.outcome, Outcome::Done);
    answering(&lab.name).await;
    fill(&lab.name);
    Some((lab, agent))
}

async fn backed_up(lab: &Lab) -> BackupId {
    let order = lab.backup();
    assert_eq!(lab.carry_out(&order).await.outcome, Outcome::Done);
    order.order.id.as_str().parse().expect("an id")
}

#[tokio::test]
async fn databases_are_proven_and_come_back_as_they_were_in_place_and_elsewhere() {
    let Some((lab, mut agent)) = installed("k4a").await else { return };
    let name = lab.name.clone();
    let was = seen(&name);
    assert!(was[0].contains("icudb|UTF8|C.UTF-8|i|de-u-co-phonebk|9|sorted"), "{was:?}");
    assert!(was[1].contains("anna 2020-01-01 left us|t"), "{was:?}");
    assert_eq!((was[2].as_str(), was[3].as_str()), ("ää,Az,Zz", "636166e9"));
    assert!(was[6].starts_with("4\t7\t"), "{was:?}");
    let id = backed_up(&lab).await;
    let proof = drilled(&lab, &id).await.proof;
    assert_eq!(proof.failure, None);
    check_counted(&proof.checks, "history", "sv", 4);
    check_counted(&proof.checks, "longest", "public.t", 2);
    let is_noted = |check: &DrillCheck| matches!(check, DrillCheck::Noted { .. });
    assert!(proof.checks.iter().any(is_noted), "{:?}", proof.checks);

    answering(&name).await;
    sql(&name, "template1", "ALTER ROLE anna VALID UNTIL 'infinity'");
    sql(&name, "legacy", "DELETE FROM t");
    mariadb(&name, "ALTER TABLE sv DROP SYSTEM VERSIONING");
    let restore = |goal| {
        let (only, safety) = (BTreeSet::new(), BTreeSet::new());
        let (others, privileges) = (Others::Dropped, Default::default());
        Action::Data(DataAction::Restore {
            from: lab.source(&id),
            only,
            safety,
            goal,
            replaces: None,
            others,
            privileges,
        })
    };
    let end = lab.carry_out(&lab.order(&lab.instance(), restore(None))).await;
    assert_eq!(end.outcome, Outcome::Done);
    answering(&name).await;
    assert_eq!(seen(&name), was);

    agent.kill().await.expect("it was there");
    lab.destroy(&name);
    lab.forget();
    let _agent = lab.agent();
    let other = format!("{name}-new");
    let end = lab.carry_out(&lab.order(&other.parse().expect("a name"), restore(Some(lab.goal())))).await;
    assert_eq!(end.outcome, Outcome::Done);
    answering(&other).await;
    assert_eq!(seen(&other), was);
}
