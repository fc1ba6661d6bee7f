//! PostgreSQL: a plain SQL script, in which unchanged data have unchanged bytes.

mod noting;
mod own;

use super::{LOADING, Tool, script};
use crate::backup::Server;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// The roles come first: a dump of one database names them and does not include them. Then come the database's own
/// settings, which the dump has only if it creates the database too. Uncertain names are not passed as arguments: `a=b`
/// would be parsed as connection options. A database with texts in no encoding, or in one that PostgreSQL cannot
/// convert, is dumped in its own.
const DUMP: &str = r#"set -eu
export PGDATABASE="$2"
PGCLIENTENCODING=$(psql -X -q -A -t -w -U "$1" -c "SELECT CASE WHEN getdatabaseencoding() IN ('SQL_ASCII', 'MULE_INTERNAL')
    THEN getdatabaseencoding() ELSE 'UTF8' END")
export PGCLIENTENCODING
psql -X -q -A -t -w -v ON_ERROR_STOP=1 -U "$1" -f - <<'END'
QUESTIONS
END
echo
exec pg_dump -w --format=plain --compress=0 --no-tablespaces --encoding="$PGCLIENTENCODING" -U "$1"
"#;

/// Lists data that would be lost with the server's folder, and is in no dump of one database.
const OTHERS: &str = r#"set -eu
exec psql -X -q -A -t -w -F '	' -v ON_ERROR_STOP=1 -v usr="$1" -v new="$3" -v old="$4" -v new_before="$5" -v old_before="$6" \
    -U "$1" -d template1 -f - <<'END'
SELECT 'database', encode(convert_to(datname, getdatabaseencoding()), 'hex') FROM pg_database WHERE NOT datistemplate
    AND datname NOT IN ('postgres', :'new', :'old', :'new_before', :'old_before') ORDER BY 2;
SELECT has_table_privilege('pg_catalog.pg_authid', 'SELECT') AS may \gset
\if :may
\else
SELECT 'password of', encode(convert_to(rolname, getdatabaseencoding()), 'hex') FROM pg_roles
    WHERE rolcanlogin AND rolname !~ '^pg_' AND rolname <> :'usr' ORDER BY 2;
\endif
SELECT count(*) > 0 AS there FROM pg_database WHERE datname = 'postgres' AND datallowconn \gset
\if :there
\connect postgres
SELECT DISTINCT 'database', encode('postgres', 'hex') FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND relkind IN ('r', 'p', 'm')
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e');
\endif
END
"#;

/// Creates a new database beside the present one, invisible to clients until it is complete.
const PREPARE: &str = r#"set -eu
exec psql -X -q -A -t -w -v ON_ERROR_STOP=1 -v name="$2" -v new="$3" -v new_before="$5" -v usr="$1" -U "$1" -d template1 -f - <<'END'
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN (:'new', :'new_before') AND pid <> pg_backend_pid()
    \g /dev/null
SELECT format('ALTER DATABASE %I IS_TEMPLATE false', datname) FROM pg_database
    WHERE datistemplate AND datname IN (:'new', :'new_before') \gexec
SELECT format('DROP DATABASE %I', datname) FROM pg_database WHERE datname IN (:'new', :'new_before') \gexec
SELECT coalesce((SELECT r.rolname FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE d.datname = :'name'), :'usr')
    AS owner,
    coalesce((SELECT format('LC_COLLATE %L LC_CTYPE %L ENCODING %L', datcollate, datctype, pg_encoding_to_char(encoding))
    FROM pg_database WHERE datname = :'name'), '') AS form \gset
CREATE DATABASE :"new" OWNER :"owner" TEMPLATE template0 :form;
END
"#;

/// Until the swap, the old database has only been observed, or closed to new connections.
const UNDO: &str = r#"exec psql -X -q -A -t -w -v ON_ERROR_STOP=1 -v name="$2" -v new="$3" -v new_before="$5" -U "$1" -d template1 -f - <<'END'
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN (:'new', :'new_before') AND pid <> pg_backend_pid()
    \g /dev/null
SELECT format('ALTER DATABASE %I IS_TEMPLATE false', datname) FROM pg_database
    WHERE datistemplate AND datname IN (:'new', :'new_before') \gexec
SELECT format('DROP DATABASE %I', datname) FROM pg_database WHERE datname IN (:'new', :'new_before') \gexec
SELECT count(*) > 0 AS closed FROM pg_database WHERE datname = :'name' AND NOT datallowconn \gset
\if :closed
ALTER DATABASE :"name" ALLOW_CONNECTIONS true;
\endif
END
"#;

/// The first line of a dump has the options of its database. Without it, the dump is of an earlier version, and the new
/// database gets the options of the present one.
///
/// The shell becomes the client: where the server is the container's first process, a child of a tool that is killed becomes a child of
/// the server, which takes the death of such a one for a crash.
const LOAD: &str = r#"set -eu
IFS= read -r first || true
form=${first#-- fleet: database }
if [ "$form" != "$first" ]; then
    psql -X -q -A -t -w -v ON_ERROR_STOP=1 -v new="$3" -v form="$form" -U "$1" -d template1 -f - <<'END'
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ', datname, pg_get_userbyid(datdba)) AS made FROM pg_database
    WHERE datname = :'new' \gset
DROP DATABASE :"new";
:made :form;
END
fi
exec psql -X -q -w -v ON_ERROR_STOP=1 --single-transaction -o /dev/null -U "$1" -d "$3" -c "$first" -f -
"#;

/// Both change their names in one transaction; the old database is removed last.
const SWAP: &str = r#"set -eu
exec psql -X -q -A -t -w -v ON_ERROR_STOP=1 -v name="$2" -v new="$3" -v old="$4" -v old_before="$6" -U "$1" -d template1 -f - <<'END'
SELECT count(*) > 0 AS fresh FROM pg_database WHERE datname = :'new' \gset
SELECT count(*) > 0 AS used FROM pg_database WHERE datname = :'name' \gset
\if :fresh
\if :used
SELECT format('ALTER DATABASE %I IS_TEMPLATE false', datname) FROM pg_database
    WHERE datistemplate AND datname = :'old' \gexec
SELECT format('DROP DATABASE %I', datname) FROM pg_database WHERE datname = :'old' \gexec
ALTER DATABASE :"name" ALLOW_CONNECTIONS false;
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN (:'name', :'new') AND pid <> pg_backend_pid()
    \g /dev/null
BEGIN;
ALTER DATABASE :"name" RENAME TO :"old";
ALTER DATABASE :"new" RENAME TO :"name";
COMMIT;
\else
ALTER DATABASE :"new" RENAME TO :"name";
\endif
\endif
SELECT format('ALTER DATABASE %I IS_TEMPLATE false', datname) FROM pg_database
    WHERE datistemplate AND datname IN (:'old', :'old_before') \gexec
SELECT format('DROP DATABASE %I', datname) FROM pg_database WHERE datname IN (:'old', :'old_before') \gexec
END
"#;

/// Counts all tables at one moment, each with its own statement, without the rows of inheriting tables, and by a name
/// without line breaks. Objects of an extension come with the extension; temporary ones belong to a session. Rows that
/// this user cannot see are an error, because they would be missing unnoticed.
const COUNT: &str = r#"set -eu
export PGDATABASE="$2"
exec psql -X -q -A -t -w -F '	' -v ON_ERROR_STOP=1 -U "$1" -f - <<'END'
SET row_security = off;
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT CASE WHEN getdatabaseencoding() IN ('SQL_ASCII', 'MULE_INTERNAL') THEN getdatabaseencoding() ELSE 'UTF8' END AS form \gset
SELECT format('SELECT %L, count(*) FROM ONLY %I.%I', encode(convert_to(nspname || '.' || relname, :'form'), 'hex'), nspname, relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind = 'r' AND relpersistence <> 't' AND nspname NOT IN ('pg_catalog', 'information_schema')
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY nspname, relname LIMIT 1000 \gexec
COMMIT;
END
"#;

/// Its folder, and the files and logs that its settings name. Who may not see a setting gets no line of it.
const SIDE_FILES: &str = r#"exec psql -X -q -A -t -w -F '	' -v ON_ERROR_STOP=1 -U "$1" -d template1 -f - <<'END'
SELECT CASE name WHEN 'data_directory' THEN 'folder' ELSE 'file' END, setting FROM pg_catalog.pg_settings
WHERE name IN ('data_directory', 'config_file', 'hba_file', 'ident_file', 'ssl_cert_file', 'ssl_key_file', 'ssl_ca_file',
    'ssl_crl_file', 'ssl_dh_params_file', 'krb_server_keyfile') AND setting <> '';
SELECT 'log', string_agg(setting, '/' ORDER BY name) FROM pg_catalog.pg_settings WHERE name IN ('log_directory', 'log_filename')
HAVING count(setting) = 2;
END
"#;

pub fn side_files(server: &Server) -> Tool {
    run(server, SIDE_FILES)
}

const NOTE: &str = r#"set -eu
export PGDATABASE="$2"
exec psql -X -q -A -t -w -F '	' -v ON_ERROR_STOP=1 -U "$1" -f - <<'END'
QUESTIONS
END
"#;

pub fn dump(server: &Server) -> Tool {
    run(server, &DUMP.replace("QUESTIONS\n", &own::questions()))
}

pub fn prepare(server: &Server) -> Tool {
    run(server, PREPARE)
}

pub fn undo(server: &Server) -> Tool {
    run(server, UNDO)
}

pub fn load(server: &Server) -> Tool {
    run(server, LOAD)
}

pub fn swap(server: &Server) -> Tool {
    run(server, SWAP)
}

pub fn count(server: &Server) -> Tool {
    run(server, COUNT).taking(LOADING)
}

/// Returns the tool that queries the server's own facts about the database.
pub fn note(server: &Server) -> Tool {
    run(server, &NOTE.replace("QUESTIONS\n", &noting::questions())).taking(LOADING)
}

pub fn others(server: &Server) -> Tool {
    run(server, OTHERS)
}

/// Asks the database that every server has: the store's own may not be there before a load makes it.
pub fn ready(server: &Server) -> Tool {
    let (user, _) = names(server);
    asked_of(server, user, "template1", "SELECT 1")
}

pub fn ask(server: &Server, query: &str) -> Tool {
    let (user, database) = names(server);
    asked_of(server, user, database, query)
}

fn asked_of(server: &Server, user: &str, database: &str, query: &str) -> Tool {
    let text = "export PGDATABASE=\"$2\"\nexec psql -X -q -A -t -w -v ON_ERROR_STOP=1 -U \"$1\" -c \"$3\"";
    script(&server.service, text, &[user, database, query]).with("PGPASSWORD", server.password.as_ref())
}

fn run(server: &Server, text: &str) -> Tool {
    let (user, database) = names(server);
    let Beside { new, old, new_before, old_before } = Beside::of(database);
    let words = [user, database, &new, &old, &new_before, &old_before];
    script(&server.service, text, &words).with("PGPASSWORD", server.password.as_ref())
}

/// Expands each `MARK text)` in the queries to a client: the text replaces `INNER` in the form.
fn written_out(text: &str, mark: &str, form: &str) -> String {
    let Some(at) = text.find(mark) else { return text.to_owned() };
    let (before, rest) = (&text[..at], &text[at + mark.len()..]);
    let (mut depth, mut is_quoted) = (1, false);
    let end = rest.find(|c| {
        match c {
            '\'' => is_quoted = !is_quoted,
            '(' if !is_quoted => depth += 1,
            ')' if !is_quoted => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    let end = end.expect("each bracket of the questions is closed");
    let inner = written_out(&rest[..end], mark, form);
    format!("{before}{}{}", form.replace("INNER", &inner), written_out(&rest[end + 1..], mark, form))
}

/// The names of the database that a load fills, and of the one that it replaces, while both are there.
struct Beside {
    new: String,
    old: String,
    /// Names that earlier versions made, of which something may be left; ours where the server would have cut them.
    new_before: String,
    old_before: String,
}

impl Beside {
    /// The longest name that PostgreSQL does not cut, in bytes.
    const LIMIT: usize = 63;

    /// Short whatever the database is called: a name that is longer for an addition is cut, and may become the database's own.
    fn of(database: &str) -> Self {
        let hash = HEXLOWER.encode(&Sha256::digest(database)[..8]);
        let before = |end: &str, ours: &str| match format!("{database}{end}") {
            name if name.len() <= Self::LIMIT => name,
            _ => ours.to_owned(),
        };
        let (new, old) = (format!("fleet_new_{hash}"), format!("fleet_old_{hash}"));
        let (new_before, old_before) = (before("_fleet_new", &new), before("_fleet_old", &old));
        Self { new, old, new_before, old_before }
    }
}

fn names(server: &Server) -> (&str, &str) {
    let user = server.user.as_deref().unwrap_or("postgres");
    (user, server.database.as_deref().unwrap_or(user))
}
