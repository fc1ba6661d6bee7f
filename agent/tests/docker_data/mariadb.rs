//! MariaDB: properties that a plain query does not show come back, and names are arbitrary.

use super::engines::{MARIADB_COMPOSE, MARIADB_STORES, answer, mariadb, moved};
use super::harness::{DATABASES, Harness, harness};
use fleet_core::backup::dump_tool;

const HISTORY: &str = "CREATE TABLE sv (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING; INSERT INTO sv VALUES (1, 1); \
                       UPDATE sv SET v = 2; UPDATE sv SET v = 3; INSERT INTO sv VALUES (2, 1); DELETE FROM sv WHERE id = 2";

#[tokio::test]
async fn a_table_comes_back_with_the_history_of_its_rows() {
    let Some(one) = harness(DATABASES, MARIADB_COMPOSE, MARIADB_STORES).await else { return };
    let Some(other) = harness(DATABASES, MARIADB_COMPOSE, MARIADB_STORES).await else { return };
    let fill = |harness: &Harness| mariadb(harness, HISTORY);
    moved(&one, &other, fill, |harness| mariadb(harness, "CREATE TABLE old (a int)")).await;
    assert_eq!(one.counts().await["sv"], 4);
    assert_eq!(other.counts().await["sv"], 4);
    let history =
        "SELECT GROUP_CONCAT(CONCAT(id, v, row_start, row_end) ORDER BY row_start) FROM sv FOR SYSTEM_TIME ALL";
    assert_eq!(answer(&other, history).await, answer(&one, history).await);
}

#[tokio::test]
async fn a_history_that_the_tool_leaves_out_is_no_backup_and_its_tables_are_named() {
    let Some(harness) = harness(DATABASES, MARIADB_COMPOSE, MARIADB_STORES).await else { return };
    harness.ready().await;
    mariadb(&harness, "CREATE TABLE plain (a int)");
    let mut tool = dump_tool(harness.store()).expect("it is dumped");
    // The tool of 10.6 and before knows no such word.
    tool.argv[2] = tool.argv[2].replace("grep -q -e '--dump-history'", "grep -q -e '--nothing-of-that-kind'");
    harness.dump_with(&tool).await.expect("no table keeps a history");
    mariadb(&harness, HISTORY);
    let refused = harness.dump_with(&tool).await.expect_err("its history would be lost");
    assert!(refused.contains("these tables keep their history") && refused.contains("`sv`"), "{refused}");
    harness.dump().await.expect("this tool dumps it");
}

#[tokio::test]
async fn names_with_tabs_lines_quotes_and_signs_come_back() {
    let Some(one) = harness(DATABASES, MARIADB_COMPOSE, MARIADB_STORES).await else { return };
    let Some(other) = harness(DATABASES, MARIADB_COMPOSE, MARIADB_STORES).await else { return };
    let fill = |harness: &Harness| {
        let odd = "CREATE TABLE `tab\tand\nline='\"\\%s$x` (a int, `c\n``d` text); CREATE TABLE `e\nmpty` (a int);";
        mariadb(harness, &format!("{odd} INSERT INTO `tab\tand\nline='\"\\%s$x` VALUES (1, 'x'), (2, 'y\\nz')"));
    };
    moved(&one, &other, fill, |harness| mariadb(harness, "CREATE TABLE old (a int)")).await;
    assert_eq!(other.counts().await["tab\tand\nline='\"\\%s$x"], 2);
    assert_eq!(other.counts().await["e\nmpty"], 0);
}

#[tokio::test]
async fn a_database_comes_back_with_its_collation_and_its_comment() {
    let Some(one) = harness(DATABASES, MARIADB_COMPOSE, MARIADB_STORES).await else { return };
    let Some(other) = harness(DATABASES, MARIADB_COMPOSE, MARIADB_STORES).await else { return };
    let fill = |harness: &Harness| {
        mariadb(
            harness,
            "ALTER DATABASE CHARACTER SET latin1 COLLATE latin1_german2_ci COMMENT 'it''s'; CREATE TABLE t (a int)",
        );
    };
    moved(&one, &other, fill, |harness| mariadb(harness, "CREATE TABLE old (a int)")).await;
    let form = "SELECT CONCAT(DEFAULT_COLLATION_NAME, ' ', SCHEMA_COMMENT) FROM information_schema.SCHEMATA \
                WHERE SCHEMA_NAME = DATABASE()";
    assert_eq!(answer(&other, form).await, "latin1_german2_ci it's");
}
