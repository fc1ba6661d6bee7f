//! Images that initialise an empty database with a temporary server, which must not be taken for the permanent one.

use super::harness::{DATABASES, Harness, POSTGRESQL, harness};
use super::images::docker;
use fleet_core::backup::{DatabaseEngine, SETTLED, Server, Store, StoreKind, ready_tool, settled_tool};
use std::time::{Duration, Instant};

/// As the official images do: a server that only the container can reach, for some seconds, and then another.
fn compose(image: &str, data: &str, environment: &str, begin: &str) -> String {
    let script = begin.replace('\n', "\n        ").replace('$', "$$");
    format!(
        "services:
  db:
    image: '{image}'
    environment: {{ {environment} }}
    volumes: ['data:{data}']
    command: []
    entrypoint:
      - sh
      - -euc
      - |
        {script}
volumes: {{ data: }}
"
    )
}

const PG: &str = r#"chown postgres:postgres "$PGDATA"
as() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
as initdb --pgdata="$PGDATA" --username=lab --auth=trust >/dev/null
echo 'host all all all trust' >>"$PGDATA/pg_hba.conf"
mkdir -p /var/run/postgresql
chown postgres /var/run/postgresql
as pg_ctl --pgdata="$PGDATA" --options="-c listen_addresses=''" --wait start >/dev/null
as createdb --username=lab notes
while [ ! -e /go-on ]; do sleep 0.2; done
as pg_ctl --pgdata="$PGDATA" --wait --mode=fast stop >/dev/null
exec setpriv --reuid=postgres --regid=postgres --init-groups postgres -D "$PGDATA" -c listen_addresses='*'"#;

const MARIADB: &str = r#"chown mysql:mysql /var/lib/mysql
mariadb-install-db --user=mysql --datadir=/var/lib/mysql --skip-test-db --auth-root-authentication-method=normal >/dev/null
mariadbd --user=mysql --datadir=/var/lib/mysql --skip-networking &
first=$!
until mariadb -uroot -e 'CREATE DATABASE IF NOT EXISTS notes' 2>/dev/null; do sleep 0.2; done
while [ ! -e /go-on ]; do sleep 0.2; done
mariadb-admin -uroot shutdown
wait $first
exec mariadbd --user=mysql --datadir=/var/lib/mysql --bind-address=0.0.0.0"#;

const MONGODB: &str = r#"mongod --dbpath /data/db --bind_ip 127.0.0.1 --fork --logpath /tmp/log --wiredTigerCacheSizeGB 0.25 >/dev/null
while [ ! -e /go-on ]; do sleep 0.2; done
mongod --dbpath /data/db --shutdown >/dev/null
exec mongod --dbpath /data/db --bind_ip_all --quiet --wiredTigerCacheSizeGB 0.25"#;

async fn which(harness: &Harness) -> Option<String> {
    let tool = settled_tool(harness.store()).expect("it may begin with another server");
    harness.run(&tool).await.ok().map(|said| said.trim().to_owned())
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < Duration::from_secs(120), "{what}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn begins_with_another(image: &str, compose: &str, store: &str) {
    let Some(harness) = harness(image, compose, &format!("  it: {{ kind: truth, service: db, {store} }}\n")).await
    else {
        return;
    };
    let answers = async || harness.run(&ready_tool(harness.store()).expect("it answers")).await.is_ok();
    until("the first server answers", answers).await;
    let first = which(&harness).await.expect("there is a server");
    assert!(first.starts_with("process "), "it is taken for the one that stays: {first}");
    assert_eq!(which(&harness).await.as_ref(), Some(&first), "it is one server");
    docker(&["exec", &harness.instance.name("db"), "touch", "/go-on"]);
    until("the second server stays", async || which(&harness).await.as_deref() == Some(SETTLED)).await;
    until("the second server answers", answers).await;
}

#[tokio::test]
async fn the_server_that_begins_postgresql_is_not_taken_for_the_one_that_stays() {
    let compose = compose(POSTGRESQL, "/var/lib/postgresql/data", "POSTGRES_USER: lab, POSTGRES_DB: notes", PG);
    begins_with_another(POSTGRESQL, &compose, "engine: postgresql").await;
}

#[tokio::test]
async fn the_server_that_begins_mariadb_is_not_taken_for_the_one_that_stays() {
    let compose = compose(DATABASES, "/var/lib/mysql", "MARIADB_DATABASE: notes", MARIADB);
    begins_with_another(DATABASES, &compose, "engine: mariadb, user: root").await;
}

#[tokio::test]
async fn the_server_that_begins_mongodb_is_not_taken_for_the_one_that_stays() {
    let compose = compose(DATABASES, "/data/db", "A: b", MONGODB);
    begins_with_another(DATABASES, &compose, "engine: mongodb").await;
}

/// Asserts the script's result for these tables, with no visible server process.
fn check(v4: &str, v6: &str, expect: bool) {
    let data = "/data".to_owned();
    let server = Server { service: "db".to_owned(), database: None, user: None, password: None, data };
    let (kind, stop, pause, checks) = (StoreKind::Truth, vec![], vec![], vec![]);
    let tool = settled_tool(&Store { engine: DatabaseEngine::Postgresql(server), kind, stop, pause, checks })
        .expect("it has one");
    let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt";
    let part = tool.argv[2].split("for table").next().expect("it begins with it");
    let text = format!("{part}is_open || exit 1");
    let says = |table: &str| {
        let table: String = [head].into_iter().chain(table.lines()).map(|line| format!("{line}\n")).collect();
        let mut shell = std::process::Command::new("sh");
        let mut shell = shell.args(["-c", &text]).stdin(std::process::Stdio::piped()).spawn().expect("a shell");
        let mut input = shell.stdin.take().expect("it is piped");
        std::io::Write::write_all(&mut input, table.as_bytes()).expect("it reads");
        drop(input);
        shell.wait().expect("it ends").success()
    };
    assert_eq!(says(v4) || says(v6), expect, "{v4} {v6}");
}

#[test]
fn only_who_listens_on_the_network_has_come_to_stay() {
    let open = "   0: 00000000:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000 999 0 1 1";
    let inside = "   0: 0100007F:6989 00000000:0000 0A 00000000:00000000 00:00000000 00000000 999 0 1 1";
    let names = "   1: 0B00007F:8F1B 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1 1";
    let talks = "   2: 020014AC:1538 030014AC:A1B2 01 00000000:00000000 00:00000000 00000000 999 0 1 1";
    let zeros = "00000000000000000000000000000000";
    let open6 = format!("   0: {zeros}:0CEA {zeros}:0000 0A 0:0 0:0 0 999 0 1 1");
    let own6 = format!("   0: 00000000000000000000000001000000:0CEA {zeros}:0000 0A 0:0 0:0 0 999 0 1 1");
    let mapped = format!("   0: 0000000000000000FFFF00000100007F:0CEA {zeros}:0000 0A 0:0 0:0 0 999 0 1 1");
    check("", "", false);
    check(&format!("{inside}\n{names}\n{talks}"), &format!("{own6}\n{mapped}"), false);
    check(&format!("{inside}\n{open}"), "", true);
    check(inside, &open6, true);
}
