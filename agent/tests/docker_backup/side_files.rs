//! Files in data folders that are in no dump: accounts, settings and access rules come back in place and on another
//! host.

use super::images::{self, docker};
use super::lab::{Lab, check_counted};
use fleet_core::app::Bundle;
use fleet_core::backup::{DataAction, DataResult, DrillCheck, Others};
use fleet_core::names::BackupId;
use fleet_core::order::{Action, Outcome};
use fleet_core::release::Goal;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const IMAGE: &str = "fleet-test-databases:1";

const APP: &str = "app: notes
values:
  password: { type: string, secret: true, required: true }
health: { minimum_healthy: 0s, deadline: 60s }
stores:
  cache: { engine: redis, kind: truth, service: cache, user: fleet, password: { value: '{{ values.password }}' } }
  table: { engine: postgresql, kind: truth, service: table, user: notes, database: notes }
  rows: { engine: mariadb, kind: truth, service: rows, database: notes }
";

/// The cache creates missing files, as many start scripts do: a server without its list of accounts is open to
/// everybody.
const COMPOSE: &str = "services:
  cache:
    image: IMAGE
    command:
      - sh
      - -c
      - |
        cd /data
        chown redis:redis /data
        [ -e users.acl ] || install -o redis -g redis -m 600 /dev/null users.acl
        [ -e redis.conf ] || { printf 'aclfile /data/users.acl\\nsave \"\"\\n' >redis.conf; chown redis:redis redis.conf; }
        exec setpriv --reuid=redis --regid=redis --clear-groups redis-server /data/redis.conf --dir /data --logfile /data/redis.log
    volumes: ['cache:/data']
  table:
    image: labnotes-db:1
    environment: { POSTGRES_USER: notes, POSTGRES_DB: notes, POSTGRES_PASSWORD: '${PASSWORD}' }
    volumes: ['table:/var/lib/postgresql/data']
  rows:
    image: IMAGE
    command: [mariadb]
    environment: { MARIADB_DATABASE: notes, MARIADB_ROOT_PASSWORD: secret, MYSQL_HOME: /var/lib/mysql }
    volumes: ['rows:/var/lib/mysql']
volumes: { cache: , table: , rows: }
";

fn app() -> Bundle {
    let compose = COMPOSE.replace("IMAGE", IMAGE);
    let files = [("app.yaml".to_owned(), APP.into()), ("compose.yaml".to_owned(), compose.into())];
    Bundle::new(files.into()).expect("the bundle is small")
}

fn exec(instance: &str, service: &str, words: &[&str]) -> String {
    docker(&[&["exec", &format!("{instance}-{service}-1")], words].concat())
}

fn redis(instance: &str, words: &[&str]) -> String {
    exec(instance, "cache", &[&["redis-cli", "--no-auth-warning", "--user", "fleet", "-a", "s3cret"], words].concat())
}

fn psql(instance: &str, statement: &str) -> String {
    exec(instance, "table", &["psql", "-U", "notes", "-d", "notes", "-qtA", "-c", statement])
}

/// Waits until each server answers clients with access.
async fn answering(instance: &str, redis: &str) {
    let clients = [
        ("cache", redis),
        ("table", "psql -U notes -d notes -c 'SELECT 1'"),
        ("rows", "mariadb -uroot -psecret notes -e 'SELECT 1'"),
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

const AS_FLEET: &str = "redis-cli --no-auth-warning --user fleet -a s3cret ping | grep -q PONG";
const AS_ANYBODY: &str = "redis-cli ping | grep -q PONG";

fn harden(instance: &str) {
    let open = |words: &[&str]| exec(instance, "cache", &[&["redis-cli"], words].concat());
    open(&["acl", "setuser", "fleet", "on", ">s3cret", "~*", "&*", "+@all"]);
    redis(instance, &["acl", "setuser", "default", "off"]);
    redis(instance, &["acl", "save"]);
    redis(instance, &["config", "set", "maxmemory", "123456789"]);
    redis(instance, &["config", "rewrite"]);
    redis(instance, &["set", "run", "42"]);
    // A log that is too large to be kept is not reported as missing.
    let folder = "truncate -s 3M /data/redis.log && install -d -o redis -g www-data -m 750 /data/acl && cp -p /data/users.acl /data/acl/lab.acl";
    exec(instance, "cache", &["sh", "-c", folder]);
    psql(instance, "CREATE TABLE t AS SELECT generate_series(1, 100) AS n");
    psql(instance, "ALTER SYSTEM SET work_mem = '64MB'");
    psql(instance, "ALTER SYSTEM SET log_min_duration_statement = 250");
    let rules =
        "cd $PGDATA && { echo 'hostnossl all anna all reject'; cat pg_hba.conf; } >x && cat x >pg_hba.conf && rm x";
    exec(instance, "table", &["sh", "-c", rules]);
    let settings =
        "printf '[mysqld]\\nmax_connections = 77\\n' >/var/lib/mysql/my.cnf && chown mysql:mysql /var/lib/mysql/my.cnf";
    exec(instance, "rows", &["sh", "-c", settings]);
}

/// Returns the data that no dump has.
fn beside(instance: &str) -> Vec<String> {
    vec![
        redis(instance, &["acl", "list"]),
        redis(instance, &["config", "get", "maxmemory"]),
        exec(
            instance,
            "cache",
            &["stat", "-c", "%A %U %G", "/data/users.acl", "/data/redis.conf", "/data/acl", "/data/acl/lab.acl"],
        ),
        exec(instance, "table", &["sh", "-c", "cat $PGDATA/pg_hba.conf $PGDATA/postgresql.auto.conf"]),
        exec(instance, "table", &["sh", "-c", "stat -c '%a %U' $PGDATA/pg_hba.conf $PGDATA/postgresql.conf"]),
        exec(instance, "rows", &["cat", "/var/lib/mysql/my.cnf"]),
    ]
}

fn settings(instance: &str) -> Vec<String> {
    let of_rows = ["mariadb", "-uroot", "-psecret", "-N", "-e", "SELECT @@max_connections"];
    vec![
        redis(instance, &["get", "run"]),
        exec(instance, "cache", &["sh", "-c", "redis-cli ping 2>&1 | cut -c 1-6"]),
        psql(instance, "SHOW work_mem"),
        psql(instance, "SHOW log_min_duration_statement"),
        psql(instance, "SELECT count(*) FROM t"),
        psql(
            instance,
            "SELECT count(*) FROM pg_hba_file_rules WHERE 'anna' = ANY(user_name) AND auth_method = 'reject'",
        ),
        exec(instance, "rows", &of_rows),
    ]
}

const SETTINGS: [&str; 7] = ["42", "NOAUTH", "64MB", "250ms", "100", "1", "77"];

#[tokio::test]
async fn accounts_settings_and_access_rules_come_back_in_place_and_elsewhere() {
    let Some(lab) = Lab::with("k4b-side", IMAGE, app(), "").await else { return };
    let mut agent = lab.agent();
    let (instance, name) = (lab.instance(), lab.name.clone());
    let end = lab.carry_out(&lab.order(&instance, Action::Install { goal: lab.goal() })).await;
    assert_eq!(end.outcome, Outcome::Done);
    answering(&name, AS_ANYBODY).await;
    harden(&name);
    let was = beside(&name);

    let order = lab.backup();
    let end = lab.carry_out(&order).await;
    assert_eq!(end.outcome, Outcome::Done);
    let Some(DataResult::Backup(copies)) = end.made.as_deref() else { panic!("expected a backup, found {end:?}") };
    let manifest = copies[0].result.as_ref().expect("it was written");
    assert_eq!(manifest.uncovered, []);
    let id: BackupId = order.order.id.as_str().parse().expect("an id");
    let end = lab
        .carry_out(&lab.order(
            &instance,
            Action::Data(DataAction::Drill { from: lab.source(&id), privileges: Default::default() }),
        ))
        .await;
    let Some(DataResult::Drill(made)) = end.made.as_deref() else { panic!("expected a proof, found {end:?}") };
    assert_eq!(made.proof.failure, None);
    let checks = &made.proof.checks;
    check_counted(checks, "cache", "db0", 1);
    for (store, files) in [("cache", 3), ("rows", 1)] {
        let expected = DrillCheck::SideFiles { store: store.parse().expect("a name"), files };
        assert!(checks.contains(&expected), "{expected:?}: {checks:?}");
    }
    let is_loaded = |check: &DrillCheck| matches!(check, DrillCheck::Loaded { store, .. } if store.as_str() == "table");
    assert!(checks.iter().any(is_loaded), "{checks:?}");

    let restore = |goal: Option<Goal>| {
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
    psql(&name, "ALTER SYSTEM SET work_mem = '8MB'");
    let end = lab.carry_out(&lab.order(&instance, restore(None))).await;
    assert_eq!(end.outcome, Outcome::Done);
    answering(&name, AS_FLEET).await;
    assert_eq!(beside(&name), was);
    assert_eq!(settings(&name), SETTINGS);

    // The server burns down, and a new one is made from the backup.
    agent.kill().await.expect("it was there");
    lab.destroy(&name);
    lab.forget();
    let _agent = lab.agent();
    let other = format!("{name}-new");
    let end = lab.carry_out(&lab.order(&other.parse().expect("a name"), restore(Some(lab.goal())))).await;
    assert_eq!(end.outcome, Outcome::Done);
    answering(&other, AS_FLEET).await;
    assert_eq!(beside(&other), was);
    assert_eq!(settings(&other), SETTINGS);
}
