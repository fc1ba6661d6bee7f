//! PostgreSQL: databases come back as they were, whatever they are called and however they were made.

use super::engines::{answer, moved};
use super::harness::{Harness, POSTGRESQL, harness};
use super::noted::lines;

/// A server whose image makes the database `lab`, and a store of another database.
fn compose() -> &'static str {
    "services:
  db:
    image: labnotes-db:1
    environment: { POSTGRES_USER: lab, POSTGRES_PASSWORD: x, POSTGRES_DB: lab }
    volumes: ['data:/var/lib/postgresql/data']
volumes: { data: }
"
}

fn stores(database: &str) -> String {
    let database = serde_json::to_string(database).expect("it is text");
    format!("  it: {{ engine: postgresql, kind: truth, service: db, database: {database} }}\n")
}

/// A statement in a database, as a person would type it; names such as `a=b` are no connection string there.
pub fn sql(harness: &Harness, database: &str, text: &str) -> String {
    let name = harness.instance.name("db");
    let database = format!("PGDATABASE={database}");
    let words =
        ["exec", "-e", &database, &name, "psql", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "lab", "-c", text];
    super::images::docker(&words)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Moves a database from a server on which a person made it to a new one.
async fn moves(database: &str) {
    let Some(one) = harness(POSTGRESQL, compose(), &stores(database)).await else { return };
    let Some(other) = harness(POSTGRESQL, compose(), &stores(database)).await else { return };
    for harness in [&one, &other] {
        harness.ready().await;
    }
    let fill = |harness: &Harness| {
        sql(harness, "lab", &format!("CREATE DATABASE {}", quoted(database)));
        sql(harness, database, "CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 7)");
    };
    fill(&one);
    let dump = one.dump().await.expect("the dump is good");
    other.load(&dump).await.expect("the dump is loaded where nothing was");
    assert_eq!(other.counts().await, one.counts().await);
    let spoil = |harness: &Harness| drop(sql(harness, database, "TRUNCATE t"));
    moved(&one, &other, |_| {}, spoil).await;
    assert_eq!(answer(&other, "SELECT sum(a) FROM t").await, "28");
    assert_eq!(sql(&other, "template1", "SELECT count(*) FROM pg_database WHERE datname LIKE '%fleet%'"), "0");
}

#[tokio::test]
async fn a_database_that_its_image_does_not_make_comes_back() {
    moves("icudb").await;
}

#[tokio::test]
async fn a_database_with_the_longest_name_comes_back() {
    moves(&format!("{}_{}", "d".repeat(50), "x".repeat(12))).await;
}

#[tokio::test]
async fn a_database_whose_name_would_be_cut_comes_back() {
    moves(&"m".repeat(57)).await;
}

#[tokio::test]
async fn names_with_tabs_lines_quotes_and_signs_come_back() {
    moves("a=b \"x\"'y$z%s\\").await;
    let Some(one) = harness(POSTGRESQL, compose(), &stores("lab")).await else { return };
    let Some(other) = harness(POSTGRESQL, compose(), &stores("lab")).await else { return };
    let odd = "\"tab\tand\nline='\"\"\\%s$x\"";
    let fill = |harness: &Harness| {
        sql(harness, "lab", &format!("CREATE TABLE {odd} (a int, \"c\n\"\"d\" text)"));
        sql(harness, "lab", &format!("INSERT INTO {odd} VALUES (1, 'x'), (2, E'y\\nz')"));
        sql(harness, "lab", "CREATE SCHEMA \"s\nt\"; CREATE TABLE \"s\nt\".\"e\tmpty\" (\"a\nb\" int)");
    };
    moved(&one, &other, fill, |harness| drop(sql(harness, "lab", "CREATE TABLE old (a int)"))).await;
    let counts = other.counts().await;
    assert_eq!(counts["public.tab\tand\nline='\"\\%s$x"], 2);
    assert_eq!(counts["s\nt.e\tmpty"], 0);
}

/// Makes a database by a statement, moves it, and asks both servers the same.
async fn comes_back(made: &str, fill: &str, question: &str, expect: &str) {
    let Some(one) = harness(POSTGRESQL, compose(), &stores("made")).await else { return };
    let Some(other) = harness(POSTGRESQL, compose(), &stores("made")).await else { return };
    for harness in [&one, &other] {
        harness.ready().await;
    }
    sql(&one, "lab", made);
    sql(&one, "made", fill);
    assert_eq!(sql(&one, "made", question), expect);
    let dump = one.dump().await.expect("the dump is good");
    // First nothing exists, then objects with another definition.
    other.load(&dump).await.expect("the dump is loaded");
    assert_eq!(sql(&other, "made", question), expect);
    sql(&other, "lab", "DROP DATABASE made");
    sql(&other, "lab", "CREATE DATABASE made");
    other.load(&dump).await.expect("the dump is loaded again");
    assert_eq!(sql(&other, "made", question), expect);
    assert_eq!(other.counts().await, one.counts().await);
    other.is_as(&one).await;
}

const FORM: &str = "SELECT concat_ws('|', pg_encoding_to_char(encoding), datcollate, datctype, datlocprovider, daticulocale, \
                    datconnlimit, shobj_description(oid, 'pg_database')) FROM pg_database WHERE datname = 'made'";

#[tokio::test]
async fn a_database_comes_back_with_its_encoding_and_collation_its_limit_and_its_comment() {
    let made =
        "CREATE DATABASE made ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C' CONNECTION LIMIT 9";
    let fill = "COMMENT ON DATABASE made IS E'it''s \\\\ 100 %s\\n$fleet$'; CREATE TABLE t (a text); \
                INSERT INTO t VALUES (E'caf\\u00e9')";
    comes_back(made, fill, FORM, "LATIN1|C|C|c|9|it's \\ 100 %s\n$fleet$").await;
}

#[tokio::test]
async fn a_database_of_icu_sorts_as_it_did() {
    let made =
        "CREATE DATABASE made TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'de-u-co-phonebk'";
    let fill = "CREATE TABLE t (a text); INSERT INTO t VALUES ('Zz'), ('Az'), ('ää'), ('zz'), ('aa')";
    comes_back(made, fill, "SELECT string_agg(a, ',' ORDER BY a) FROM t", "aa,ää,Az,zz,Zz").await;
}

#[tokio::test]
async fn bytes_of_no_encoding_come_back_as_they_were() {
    let made = "CREATE DATABASE made ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'";
    let fill = "SET client_encoding = 'SQL_ASCII'; CREATE TABLE t (a text); INSERT INTO t VALUES (E'caf\\351'), (E'\\303\\251')";
    let question = "SELECT string_agg(encode(convert_to(a, 'SQL_ASCII'), 'hex'), ',' ORDER BY a), current_setting('server_encoding') \
                    FROM t";
    comes_back(made, fill, question, "636166e9,c3a9|SQL_ASCII").await;
}

#[tokio::test]
async fn roles_come_back_with_all_that_they_may_and_until_when() {
    let fill = "CREATE ROLE anna LOGIN PASSWORD 'x' VALID UNTIL '2020-01-01' CONNECTION LIMIT 3; CREATE ROLE grp NOINHERIT; \
                CREATE ROLE boss LOGIN CREATEDB; GRANT grp TO boss WITH ADMIN OPTION; GRANT grp TO anna; \
                COMMENT ON ROLE boss IS E'it''s\\n\\\\'; ALTER ROLE boss SET work_mem = '7MB'; CREATE TABLE t (a int)";
    let question = "SELECT string_agg(concat_ws(' ', rolname, rolvaliduntil, rolconnlimit, rolinherit, rolcreatedb, rolconfig, \
                    shobj_description(oid, 'pg_authid')), ';' ORDER BY rolname), (SELECT string_agg(member::regrole || ' ' || \
                    admin_option, ';' ORDER BY member::regrole::text) FROM pg_auth_members WHERE roleid = 'grp'::regrole) \
                    FROM pg_roles WHERE rolname IN ('anna', 'boss', 'grp')";
    let until = "anna 2020-01-01 00:00:00+00 3 t f";
    let Some(one) = harness(POSTGRESQL, compose(), &stores("lab")).await else { return };
    let Some(other) = harness(POSTGRESQL, compose(), &stores("lab")).await else { return };
    for harness in [&one, &other] {
        harness.ready().await;
    }
    sql(&one, "lab", fill);
    let dump = one.dump().await.expect("the dump is good");
    // One that is there, as an image's own script makes it, keeps its password of today.
    sql(&other, "lab", "CREATE ROLE anna LOGIN PASSWORD 'today'");
    let password = "SELECT rolpassword FROM pg_authid WHERE rolname = 'anna'";
    let today = sql(&other, "lab", password);
    other.load(&dump).await.expect("the dump is loaded");
    let expect = sql(&one, "lab", question).replace(" infinity ", " ");
    assert!(expect.contains(until), "{expect}");
    assert_eq!(sql(&other, "lab", question).replace(" infinity ", " "), expect);
    assert_eq!(sql(&other, "lab", password), today);
}

#[tokio::test]
async fn tables_of_a_tablespace_come_back_in_the_default_one() {
    let made = "CREATE DATABASE made";
    let fill = "CREATE TABLE ts (a int PRIMARY KEY USING INDEX TABLESPACE fast) TABLESPACE fast; INSERT INTO ts VALUES (1), (2)";
    let Some(one) = harness(POSTGRESQL, compose(), &stores("made")).await else { return };
    let Some(other) = harness(POSTGRESQL, compose(), &stores("made")).await else { return };
    for harness in [&one, &other] {
        harness.ready().await;
    }
    one.exec(&["install", "-d", "-o", "postgres", "-g", "postgres", "/var/lib/postgresql/fast"]);
    sql(&one, "lab", "CREATE TABLESPACE fast LOCATION '/var/lib/postgresql/fast'");
    sql(&one, "lab", made);
    sql(&one, "made", fill);
    let dump = one.dump().await.expect("the dump is good");
    other.load(&dump).await.expect("the dump is loaded where there is no such tablespace");
    assert_eq!(
        sql(&other, "made", "SELECT count(*), min(reltablespace::int) FROM ts, pg_class WHERE relname = 'ts'"),
        "2|0"
    );
}

#[tokio::test]
async fn what_a_dump_leaves_out_is_found() {
    let Some(one) = harness(POSTGRESQL, compose(), &stores("lab")).await else { return };
    let Some(other) = harness(POSTGRESQL, compose(), &stores("lab")).await else { return };
    for harness in [&one, &other] {
        harness.ready().await;
    }
    sql(
        &one,
        "lab",
        "CREATE ROLE anna LOGIN VALID UNTIL '2020-01-01'; CREATE ROLE boss; GRANT boss TO anna WITH ADMIN OPTION",
    );
    sql(
        &one,
        "lab",
        "CREATE TABLE t (a int PRIMARY KEY, note text); INSERT INTO t SELECT i, 'note ' || i FROM generate_series(1, 900) i",
    );
    let before = one.noted().await.expect("it is asked");
    let dump = one.dump().await.expect("the dump is good");
    let after = one.noted().await.expect("it is asked");
    assert!(before.is_still(&after), "a dump writes nothing");
    sql(&one, "lab", "UPDATE t SET note = 'other' WHERE a = 300");
    assert!(!before.is_still(&one.noted().await.expect("it is asked")), "somebody writes");
    let source = before.settled(&after);
    let found = async |dump: &str| {
        other.load(dump.as_bytes()).await.expect("it is loaded");
        let found = other.noted().await.expect("it is asked").note;
        for role in ["anna", "boss"] {
            sql(&other, "lab", &format!("DROP ROLE {role}"));
        }
        lines(&source.differences(&found))
    };
    let dump = String::from_utf8(dump).expect("it is text");
    assert_eq!(found(&dump).await, None);
    // As dumps of earlier versions were.
    let until = "2020-01-01 00:00:00+00";
    let expect = format!("role `anna`: valid until is infinity, was {until}");
    assert_eq!(found(&dump.replace(until, "infinity")).await, Some(expect));
    let expect = "role `anna`: member of `boss` is admin false, was admin true";
    assert_eq!(found(&dump.replace(" WITH ADMIN OPTION", "")).await.as_deref(), Some(expect));
    let expect = "`public.t`: the 10 rows with the lowest keys";
    assert_eq!(found(&dump.replace("\n7\tnote 7\n", "\n7\tnote\n")).await.as_deref(), Some(expect));
}

#[tokio::test]
async fn rows_that_postgresql_does_not_count_the_writes_of_are_not_noted_when_somebody_writes() {
    let Some(one) = harness(POSTGRESQL, compose(), &stores("lab")).await else { return };
    one.ready().await;
    sql(&one, "lab", "CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)");
    let set = |value: &str| {
        sql(&one, "lab", &format!("ALTER SYSTEM SET track_counts = {value}"));
        sql(&one, "lab", "SELECT pg_reload_conf()");
    };
    set("off");
    let before = one.noted().await.expect("it is asked");
    assert!(before.note.rows.contains_key("`public.t`"));
    assert!(before.clone().settled(&before).rows.contains_key("`public.t`"), "nobody writes");
    sql(&one, "lab", "INSERT INTO t VALUES (2)");
    sql(&one, "lab", "DELETE FROM t WHERE a = 2");
    let after = one.noted().await.expect("it is asked");
    assert_eq!(before.settled(&after).rows.len(), 0);
}
