//! MariaDB and MySQL: an SQL script, taken within one transaction.

mod noting;

use super::{LOADING, Tool, script};
use crate::backup::Server;
use data_encoding::HEXLOWER;

/// Names of the tools: newer images of MariaDB lack MySQL's names.
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

const TOOL_MARIADB: &str = "tool=$(find_tool mariadb-dump mysqldump)\n";

/// Older tools have no form for accounts, and not every user may see them.
const ACCOUNTS: &str = r#"sees_accounts() {
    "$tool" --help 2>/dev/null | grep -q -e '--system=' && ask --execute='SELECT 1 FROM mysql.user LIMIT 1' >/dev/null 2>&1
}
"#;

/// Accounts with their rights come first. One that is there stays as it is, with the password that the instance has today: a right
/// would bring the one of then. The end of this part must not look like that of the dump.
const DUMP_ACCOUNTS: &str = r#"echo '-- MariaDB dump: accounts and one database'
if sees_accounts; then
    accounts=$("$tool" --user="$1" --system=users --insert-ignore --skip-dump-date)
    printf '%s\n' "$accounts" | sed -e '/^--/d' -e '/^GRANT /{
        s/ IDENTIFIED \(BY PASSWORD\|VIA\) .* WITH \(GRANT OPTION\|MAX_\)/ WITH \2/
        s/ IDENTIFIED \(BY PASSWORD\|VIA\) .*$/;/
    }'
fi
"#;

/// Prints the options of the database: a dump of one database lacks them, and later tables depend on them.
const DUMP_FORM: &str = r#"has_comments=$(ask --execute="SELECT COUNT(*) FROM information_schema.COLUMNS
    WHERE TABLE_SCHEMA = 'information_schema' AND TABLE_NAME = 'SCHEMATA' AND COLUMN_NAME = 'SCHEMA_COMMENT'")
comment="''"
[ "$has_comments" = 0 ] || comment="IF(SCHEMA_COMMENT = '', '', CONCAT(' COMMENT ', QUOTE(SCHEMA_COMMENT)))"
ask --raw --execute="SELECT CONCAT('ALTER DATABASE CHARACTER SET ', DEFAULT_CHARACTER_SET_NAME, ' COLLATE ', DEFAULT_COLLATION_NAME, $comment, ';')
    FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = DATABASE()" -- "$2"
"#;

/// Rows that a table keeps of earlier times are no rows of a plain question: without them nothing is dumped.
const HISTORY: &str = r#"history=
if "$tool" --help 2>/dev/null | grep -q -e '--dump-history'; then
    history=--dump-history
else
    versioned=$(ask --execute="SELECT CONCAT('\`', TABLE_NAME, '\`') FROM information_schema.TABLES
        WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'SYSTEM VERSIONED' ORDER BY 1 LIMIT 20" -- "$2")
    if [ -n "$versioned" ]; then
        echo 'these tables keep their history, which this version of mariadb-dump leaves out (10.11 is the first that has it):' \
            $versioned >&2
        exit 1
    fi
fi
"#;

/// Routines, triggers and events belong to the data. No date, so that equal data make equal bytes.
const DUMP_MARIADB: &str = r#"exec "$tool" --user="$1" --single-transaction --quick --routines --triggers --events --hex-blob $history \
    --default-character-set=utf8mb4 --no-tablespaces --skip-dump-date -- "$2"
"#;

const DUMP_MYSQL: &str = r#"tool=$(find_tool mysqldump)
exec "$tool" --user="$1" --single-transaction --quick --routines --triggers --events --hex-blob \
    --default-character-set=utf8mb4 --no-tablespaces --skip-dump-date --set-gtid-purged=OFF -- "$2"
"#;

const CLIENT: &str = r#"client=$(find_tool mariadb mysql)
user=$1
ask() { "$client" --user="$user" --batch --skip-column-names --default-character-set=utf8mb4 "$@"; }
"#;

/// A new database of the form of the one that was there: a dump does not have it, and later tables depend on it.
const PREPARE: &str = r#"form=$(ask --execute="SELECT CONCAT('CHARACTER SET ', DEFAULT_CHARACTER_SET_NAME, ' COLLATE ', DEFAULT_COLLATION_NAME) \
    FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = CONVERT(x'$3' USING utf8mb4)")
ask --execute="DROP DATABASE IF EXISTS $2; CREATE DATABASE $2 ${form:-CHARACTER SET utf8mb4}"
"#;

/// Lists data that would be lost with the server's folder, and is in no dump of one database.
const OTHERS: &str = r#"ask --raw --execute="SELECT 'database', HEX(CONVERT(SCHEMA_NAME USING utf8mb4)) FROM information_schema.SCHEMATA
    WHERE SCHEMA_NAME NOT IN ('information_schema', 'performance_schema', 'mysql', 'sys') ORDER BY 2"
sees_accounts ||
    ask --raw --execute="SELECT 'account', HEX(CONVERT(CONCAT(User, '@', Host) USING utf8mb4)) FROM mysql.user WHERE User NOT IN
        ('root', '', 'mariadb.sys', 'mysql.sys', 'mysql.session', 'mysql.infoschema', 'healthcheck', '$user') ORDER BY 2 LIMIT 1000" 2>/dev/null ||
    printf 'hidden accounts\t%s\n' "$user"
"#;

/// By names that no line breaks, and with the rows that tables keep of earlier times.
const COUNT: &str = r#"tables=$(ask --raw --execute="SELECT CONCAT('SELECT ''', HEX(CONVERT(TABLE_NAME USING utf8mb4)), ''', COUNT(*) FROM \`', \
    REPLACE(TABLE_SCHEMA, '\`', '\`\`'), '\`.\`', REPLACE(TABLE_NAME, '\`', '\`\`'), '\`', \
    IF(TABLE_TYPE = 'SYSTEM VERSIONED', ' FOR SYSTEM_TIME ALL', ''), ';') \
    FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') \
    AND ENGINE NOT IN ('MRG_MYISAM', 'MRG_ISAM', 'FEDERATED') \
    ORDER BY TABLE_NAME LIMIT 1000" -- "$2")
printf 'START TRANSACTION WITH CONSISTENT SNAPSHOT;\n%s\nCOMMIT;\n' "$tables" | ask -- "$2"
"#;

/// Its folder, and the files and logs that its settings name.
const SIDE_FILES: &str = r#"ask --raw --execute="SHOW GLOBAL VARIABLES WHERE Variable_name IN
    ('datadir', 'ssl_ca', 'ssl_cert', 'ssl_key', 'ssl_crl', 'init_file', 'log_error', 'slow_query_log_file', 'general_log_file')" |
    while IFS='	' read -r name value; do
    case $name in
        datadir) printf 'folder\t%s\n' "$value" ;;
        log_error | *_log_file) [ -z "$value" ] || printf 'log\t%s\n' "$value" ;;
        *) [ -z "$value" ] || printf 'file\t%s\n' "$value" ;;
    esac
done
"#;

pub fn side_files(server: &Server, dialect: Dialect) -> Tool {
    run(server, dialect, &format!("{CLIENT}{SIDE_FILES}"), &[])
}

pub fn dump(server: &Server, dialect: Dialect) -> Tool {
    let text = match dialect {
        Dialect::Mariadb => {
            format!("{CLIENT}{TOOL_MARIADB}{ACCOUNTS}{HISTORY}{DUMP_ACCOUNTS}{DUMP_FORM}{DUMP_MARIADB}")
        }
        Dialect::Mysql => format!("{CLIENT}printf '%s\\n' '-- MySQL dump: one database'\n{DUMP_FORM}{DUMP_MYSQL}"),
    };
    run(server, dialect, &text, &[database(server)])
}

/// MySQL's own tool has no form for accounts: there they are named.
pub fn others(server: &Server, dialect: Dialect) -> Tool {
    let accounts = match dialect {
        Dialect::Mariadb => format!("{TOOL_MARIADB}{ACCOUNTS}"),
        Dialect::Mysql => "sees_accounts() { false; }\n".to_owned(),
    };
    run(server, dialect, &format!("{CLIENT}{accounts}{OTHERS}"), &[])
}

/// Returns the tool that queries the server's own facts about the database.
pub fn note(server: &Server, dialect: Dialect) -> Tool {
    run(server, dialect, &format!("{CLIENT}{}", noting::questions()), &[database(server)]).taking(LOADING)
}

pub fn prepare(server: &Server, dialect: Dialect) -> Tool {
    let name = database(server);
    // A name with a back quote in it is written with two.
    let quoted = format!("`{}`", name.replace('`', "``"));
    let digits = HEXLOWER.encode(name.as_bytes());
    run(server, dialect, &format!("{CLIENT}{PREPARE}"), &[&quoted, &digits])
}

/// Returns the tool that runs the script to its end or to the first error. Schema changes of MariaDB cannot be undone,
/// so the database is complete only if this ended well.
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
