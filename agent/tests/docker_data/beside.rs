//! Databases and objects of a server beside the dumped database: those that a dump includes, and those that it lacks,
//! which are named.

use super::engines::{
    MARIADB_COMPOSE, MARIADB_STORES, PG_COMPOSE, PG_STORES, answer, fill_mariadb, fill_postgresql, mariadb, moved,
    neo4j_compose, psql,
};
use super::harness::{DATABASES, Harness, POSTGRESQL, harness};
use super::mongodb::{MONGODB_COMPOSE, fill_mongodb};
use fleet_core::backup::{others, others_tool};

/// Returns the server's databases that no store has.
async fn beside(harness: &Harness) -> Vec<String> {
    let tool = others_tool(harness.store()).expect("it can be asked");
    let printed = harness.run(&tool).await.expect("it answers");
    others("db", [harness.store()], &printed).iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn postgresql_takes_with_it_what_belongs_to_the_database() {
    let Some(one) = harness(POSTGRESQL, PG_COMPOSE, PG_STORES).await else { return };
    let Some(other) = harness(POSTGRESQL, PG_COMPOSE, PG_STORES).await else { return };
    let fill = |harness: &Harness| {
        fill_postgresql(harness);
        psql(
            harness,
            "CREATE ROLE \"o%ner\"; ALTER ROLE reader SET work_mem = '8MB'; ALTER ROLE reader SET temp_tablespaces = ''",
        );
        psql(harness, "ALTER DATABASE \"lab-Notes\" SET search_path = \"$user\", public, more");
        psql(harness, "ALTER DATABASE \"lab-Notes\" SET app.mode = 'it''s 100%, quite'");
        psql(harness, "ALTER ROLE reader IN DATABASE \"lab-Notes\" SET statement_timeout = '5s'");
        psql(harness, "REVOKE ALL ON DATABASE \"lab-Notes\" FROM PUBLIC");
        psql(harness, "GRANT CONNECT ON DATABASE \"lab-Notes\" TO reader WITH GRANT OPTION");
        psql(harness, "ALTER DATABASE \"lab-Notes\" OWNER TO \"o%ner\"");
    };
    let spoil = |harness: &Harness| psql(harness, "CREATE TABLE old (a int)");
    moved(&one, &other, fill, spoil).await;
    let facts =
        "SELECT d.datacl::text, r.rolname, (SELECT string_agg(one || ' ' || coalesce(g.rolname, ''), '; ' ORDER BY one)
        FROM pg_db_role_setting s CROSS JOIN unnest(setconfig) one LEFT JOIN pg_roles g ON g.oid = setrole)
        FROM pg_database d JOIN pg_roles r ON r.oid = datdba WHERE datname = current_database()";
    let (was, is) = (answer(&one, facts).await, answer(&other, facts).await);
    assert_eq!(was, is);
    for expected in ["reader=c*/", "o%ner", "app.mode=it's 100%, quite", "statement_timeout=5s", "work_mem=8MB"] {
        assert!(is.contains(expected), "{expected}: {is}");
    }
    assert_eq!(answer(&other, "SHOW search_path").await, "\"$user\", public, more");
}

#[tokio::test]
async fn postgresql_names_the_databases_that_no_store_has() {
    let Some(harness) = harness(POSTGRESQL, PG_COMPOSE, PG_STORES).await else { return };
    harness.ready().await;
    assert_eq!(beside(&harness).await, Vec::<String>::new());
    psql(&harness, "CREATE DATABASE sales");
    harness.exec(&["psql", "-q", "-U", "lab", "-d", "postgres", "-c", "CREATE TABLE somebodys (a int)"]);
    assert_eq!(beside(&harness).await, ["database `postgres` of db", "database `sales` of db"]);
}

fn login(harness: &Harness, user: &str, password: &str, text: &str) -> String {
    harness.exec(&[
        "mariadb",
        &format!("-u{user}"),
        &format!("-p{password}"),
        "--skip-column-names",
        "-e",
        text,
        "lab`notes",
    ])
}

#[tokio::test]
async fn mariadb_takes_its_accounts_with_it_and_leaves_those_that_are_there() {
    let Some(one) = harness(DATABASES, MARIADB_COMPOSE, MARIADB_STORES).await else { return };
    let Some(other) = harness(DATABASES, MARIADB_COMPOSE, MARIADB_STORES).await else { return };
    let fill = |harness: &Harness| {
        fill_mariadb(harness);
        mariadb(
            harness,
            "CREATE USER 'an`na'@'%' IDENTIFIED BY 'then'; CREATE ROLE readers; GRANT readers TO 'an`na'@'%'",
        );
        mariadb(harness, "GRANT SELECT ON `lab``notes`.* TO readers; SET DEFAULT ROLE readers FOR 'an`na'@'%'");
        mariadb(harness, "CREATE USER keeper IDENTIFIED BY 'then'; GRANT ALL ON *.* TO keeper WITH GRANT OPTION");
    };
    let spoil =
        |harness: &Harness| mariadb(harness, "CREATE TABLE old (a int); CREATE USER keeper IDENTIFIED BY 'today'");
    moved(&one, &other, fill, spoil).await;
    assert_eq!(login(&other, "an`na", "then", "SELECT count(*) FROM `a``b`"), "20000");
    assert_eq!(login(&other, "keeper", "today", "SELECT count(*) FROM mysql.user WHERE User = 'keeper'"), "1");
    let granted = login(&other, "keeper", "today", "SHOW GRANTS");
    assert!(granted.contains("ALL PRIVILEGES ON *.*") && granted.contains("WITH GRANT OPTION"), "{granted}");
    assert_eq!(answer(&other, "SELECT count(*) FROM mysql.user WHERE User LIKE '%dump%'").await, "0");
    assert_eq!(beside(&other).await, Vec::<String>::new());
    mariadb(&other, "CREATE DATABASE sales");
    assert_eq!(beside(&other).await, ["database `sales` of db"]);
}

#[tokio::test]
async fn mariadb_says_what_an_account_without_rights_may_not_see() {
    let stores = "  it: { engine: mariadb, kind: truth, service: db, user: small, password: { value: small } }\n";
    let Some(harness) = harness(DATABASES, MARIADB_COMPOSE, stores).await else { return };
    harness.until_succeeds(&["mariadb-admin", "-uroot", "-pit is \"secret", "ping"]).await;
    mariadb(
        &harness,
        "CREATE USER small IDENTIFIED BY 'small'; GRANT ALL ON `lab``notes`.* TO small; CREATE TABLE t (a int)",
    );
    harness.ready().await;
    assert_eq!(beside(&harness).await, ["accounts, which `small` may not see of db"]);
    let dump = harness.dump().await.expect("it is dumped without them");
    harness.load(&dump).await.expect("it is loaded");
}

#[tokio::test]
async fn mongodb_names_what_an_archive_of_one_database_does_not_have() {
    let stores = "  it: { engine: mongodb, kind: truth, service: db, database: lab }\n";
    let Some(harness) = harness(DATABASES, MONGODB_COMPOSE, stores).await else { return };
    harness.ready().await;
    fill_mongodb(&harness);
    assert_eq!(beside(&harness).await, ["database `other` of db"]);
}

#[tokio::test]
async fn neo4j_names_what_a_dump_of_one_database_does_not_have() {
    let (compose, stores) = (neo4j_compose("5.18.0"), "  it: { engine: neo4j, kind: truth, service: db }\n");
    let Some(harness) = harness(DATABASES, &compose, stores).await else { return };
    harness.ready().await;
    assert_eq!(beside(&harness).await, Vec::<String>::new());
    harness.exec(&["sh", "-c", "mkdir /data/databases/second; echo anna >/data/users"]);
    assert_eq!(beside(&harness).await, ["database `second` of db", "user `anna` of db"]);
}
