//! MariaDB and MySQL: an SQL script, taken within one transaction.

use super::{LOADING, Tool, script};
use crate::backup::store::Server;

/// What the tools are called: newer images of MariaDB no longer have them under MySQL's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Mariadb,
    Mysql,
}

/// Finds a tool by its new or its old name.
const FIND: &str = r#"set -eu
find_tool() {
    for name do command -v "$name" && return; done
    echo "this image has no $1" >&2
    exit 127
}
"#;

/// Routines, triggers and events belong to the data. No date, so that equal data make equal bytes.
const DUMP_MARIADB: &str = r#"tool=$(find_tool mariadb-dump mysqldump)
exec "$tool" --user="$1" --single-transaction --quick --routines --triggers --events --hex-blob \
    --default-character-set=utf8mb4 --no-tablespaces --skip-dump-date -- "$2"
"#;

const DUMP_MYSQL: &str = r#"tool=$(find_tool mysqldump)
exec "$tool" --user="$1" --single-transaction --quick --routines --triggers --events --hex-blob \
    --default-character-set=utf8mb4 --no-tablespaces --skip-dump-date --set-gtid-purged=OFF -- "$2"
"#;

const CLIENT: &str = r#"tool=$(find_tool mariadb mysql)
user=$1
ask() { "$tool" --user="$user" --batch --skip-column-names --default-character-set=utf8mb4 "$@"; }
"#;

/// A new database of the form of the one that was there: a dump does not have it, and later tables depend on it.
const PREPARE: &str = r#"form=$(ask --execute="SELECT CONCAT('CHARACTER SET ', DEFAULT_CHARACTER_SET_NAME, ' COLLATE ', DEFAULT_COLLATION_NAME) \
    FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = CONVERT(x'$3' USING utf8mb4)")
ask --execute="DROP DATABASE IF EXISTS $2; CREATE DATABASE $2 ${form:-CHARACTER SET utf8mb4}"
"#;

const COUNT: &str = r#"tables=$(ask --raw --execute="SELECT CONCAT('SELECT ', QUOTE(TABLE_NAME), \
    ', COUNT(*) FROM \`', REPLACE(TABLE_SCHEMA, '\`', '\`\`'), '\`.\`', REPLACE(TABLE_NAME, '\`', '\`\`'), '\`;') \
    FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE' \
    AND ENGINE NOT IN ('MRG_MYISAM', 'MRG_ISAM', 'FEDERATED') \
    ORDER BY TABLE_NAME LIMIT 1000" -- "$2")
printf 'START TRANSACTION WITH CONSISTENT SNAPSHOT;\n%s\nCOMMIT;\n' "$tables" | ask -- "$2"
"#;

pub fn dump(server: &Server, dialect: Dialect) -> Tool {
    let text = match dialect {
        Dialect::Mariadb => DUMP_MARIADB,
        Dialect::Mysql => DUMP_MYSQL,
    };
    run(server, dialect, text, &[database(server)])
}

pub fn prepare(server: &Server, dialect: Dialect) -> Tool {
    let name = database(server);
    // A name with a back quote in it is written with two.
    let quoted = format!("`{}`", name.replace('`', "``"));
    let digits: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    run(server, dialect, &format!("{CLIENT}{PREPARE}"), &[&quoted, &digits])
}

/// The server takes the script to its end or fails at the first error; what MariaDB makes and changes cannot be undone, so the
/// database is whole only when this ended well.
pub fn load(server: &Server, dialect: Dialect) -> Tool {
    run(server, dialect, &format!("{CLIENT}ask -- \"$2\"\n"), &[database(server)])
}

pub fn count(server: &Server, dialect: Dialect) -> Tool {
    run(server, dialect, &format!("{CLIENT}{COUNT}"), &[database(server)]).taking(LOADING)
}

pub fn ask(server: &Server, dialect: Dialect, query: &str) -> Tool {
    run(server, dialect, &format!("{CLIENT}ask --execute=\"$3\" -- \"$2\"\n"), &[database(server), query])
}

pub fn ready(server: &Server, dialect: Dialect) -> Tool {
    run(server, dialect, &format!("{CLIENT}ask --execute='SELECT 1'\n"), &[])
}

fn run(server: &Server, dialect: Dialect, text: &str, words: &[&str]) -> Tool {
    let user = server.user.as_deref().unwrap_or("root");
    // MySQL's client has only its own name, and is found by it.
    let text = match dialect {
        Dialect::Mariadb => format!("{FIND}{text}"),
        Dialect::Mysql => format!("{FIND}{}", text.replace("find_tool mariadb mysql", "find_tool mysql")),
    };
    let words: Vec<&str> = [user].into_iter().chain(words.iter().copied()).collect();
    script(&server.service, &text, &words).with("MYSQL_PWD", server.password.as_ref())
}

fn database(server: &Server) -> &str {
    server.database.as_deref().unwrap_or_default()
}
