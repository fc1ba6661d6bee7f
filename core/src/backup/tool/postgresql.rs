//! PostgreSQL: a plain SQL script, which leaves what did not change in the same bytes.

use super::{LOADING, Tool, script};
use crate::backup::store::Server;

/// The roles come first: a dump of one database names them and does not have them. One that is there stays as it is, with the
/// password that the instance has today. Then comes what is the database's own: the dump has it only where it makes the database, too.
const DUMP: &str = r#"set -eu
printf '%s\n' '-- fleet: roles and one database' ''
psql -X -q -A -t -w -v ON_ERROR_STOP=1 -U "$1" -d "$2" -f - <<'END'
SELECT has_table_privilege('pg_catalog.pg_authid', 'SELECT') AS may \gset
\if :may
SELECT format('DO $fleet$ BEGIN CREATE ROLE %I WITH %s%s%s%s%s%s%s CONNECTION LIMIT %s PASSWORD %L; '
    'EXCEPTION WHEN duplicate_object THEN NULL; END $fleet$;', rolname,
    CASE WHEN rolsuper THEN 'SUPERUSER' ELSE 'NOSUPERUSER' END, CASE WHEN rolinherit THEN ' INHERIT' ELSE ' NOINHERIT' END,
    CASE WHEN rolcreaterole THEN ' CREATEROLE' ELSE ' NOCREATEROLE' END,
    CASE WHEN rolcreatedb THEN ' CREATEDB' ELSE ' NOCREATEDB' END,
    CASE WHEN rolcanlogin THEN ' LOGIN' ELSE ' NOLOGIN' END,
    CASE WHEN rolreplication THEN ' REPLICATION' ELSE ' NOREPLICATION' END,
    CASE WHEN rolbypassrls THEN ' BYPASSRLS' ELSE ' NOBYPASSRLS' END, rolconnlimit, rolpassword)
FROM pg_catalog.pg_authid WHERE rolname !~ '^pg_' ORDER BY rolname;
\else
SELECT format('DO $fleet$ BEGIN CREATE ROLE %I; EXCEPTION WHEN duplicate_object THEN NULL; END $fleet$;', rolname)
FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_' ORDER BY rolname;
\endif
SELECT format('GRANT %I TO %I;', g.rolname, m.rolname) FROM pg_catalog.pg_auth_members a
JOIN pg_catalog.pg_roles g ON g.oid = a.roleid JOIN pg_catalog.pg_roles m ON m.oid = a.member
WHERE g.rolname !~ '^pg_' OR m.rolname !~ '^pg_' ORDER BY 1;
SELECT format('ALTER ROLE %I SET %I TO %s;', rolname, name, value) FROM (SETTINGS) settings
WHERE setdatabase = 0 AND (:'may'::bool OR rolname = current_user) AND rolname !~ '^pg_' ORDER BY 1;
SELECT format('DO $fleet$ BEGIN EXECUTE format(%L, current_database()); END $fleet$;', command) FROM (
    SELECT 1 AS place, format('ALTER DATABASE %%I OWNER TO %s', replace(quote_ident(rolname), '%', '%%')) AS command
    FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles r ON r.oid = datdba WHERE datname = current_database()
    UNION ALL SELECT 2, CASE WHEN setrole = 0 THEN 'ALTER DATABASE %I SET '
        ELSE format('ALTER ROLE %s IN DATABASE %%I SET ', replace(quote_ident(rolname), '%', '%%')) END
        || replace(format('%I TO %s', name, value), '%', '%%') FROM (SETTINGS) settings
    WHERE datname = current_database() AND (setrole = 0 OR rolname !~ '^pg_')
    UNION ALL SELECT 3, 'REVOKE ALL ON DATABASE %I FROM PUBLIC' FROM pg_catalog.pg_database
    WHERE datname = current_database() AND datacl IS NOT NULL
    UNION ALL SELECT 4, format('GRANT %s ON DATABASE %%I TO %s', privilege_type,
        replace(CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(rolname) END, '%', '%%'))
        || CASE WHEN is_grantable AND grantee <> 0 THEN ' WITH GRANT OPTION' ELSE '' END
    FROM (SELECT (aclexplode(datacl)).* FROM pg_catalog.pg_database WHERE datname = current_database()) acl
    LEFT JOIN pg_catalog.pg_roles r ON r.oid = grantee WHERE grantee = 0 OR rolname IS NOT NULL) here ORDER BY place, command;
END
echo
exec pg_dump -w --format=plain --compress=0 --encoding=UTF8 -U "$1" -d "$2"
"#;

/// Settings of databases and of roles, as statements want them: a list is written as it is, anything else is quoted.
const SETTINGS: &str = r#"SELECT s.*, rolname, datname, split_part(setting, '=', 1) AS name, CASE
    WHEN split_part(setting, '=', 1) !~ '^(search_path|temp_tablespaces|unix_socket_directories|.*_preload_libraries)$'
        THEN quote_literal(substr(setting, strpos(setting, '=') + 1))
    WHEN setting ~ '=(""|)$' THEN ''''''
    ELSE substr(setting, strpos(setting, '=') + 1) END AS value
    FROM pg_catalog.pg_db_role_setting s CROSS JOIN unnest(setconfig) setting
    LEFT JOIN pg_catalog.pg_roles r ON r.oid = setrole LEFT JOIN pg_catalog.pg_database d ON d.oid = setdatabase"#;

/// What would be lost with the server's folder, and is in no dump of one database.
const OTHERS: &str = r#"set -eu
exec psql -X -q -A -t -w -F '	' -v ON_ERROR_STOP=1 -v usr="$1" -v new="$2_fleet_new" -v old="$2_fleet_old" -U "$1" -d template1 -f - <<'END'
SELECT 'database', datname FROM pg_database WHERE NOT datistemplate AND datname NOT IN ('postgres', :'new', :'old') ORDER BY 2;
SELECT has_table_privilege('pg_catalog.pg_authid', 'SELECT') AS may \gset
\if :may
\else
SELECT 'password of', rolname FROM pg_roles WHERE rolcanlogin AND rolname !~ '^pg_' AND rolname <> :'usr' ORDER BY 2;
\endif
SELECT count(*) > 0 AS there FROM pg_database WHERE datname = 'postgres' AND datallowconn \gset
\if :there
\connect postgres
SELECT DISTINCT 'database', 'postgres' FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND relkind IN ('r', 'p', 'm')
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e');
\endif
END
"#;

/// A new database beside the one there is: until it is complete, nobody sees it.
const PREPARE: &str = r#"set -eu
exec psql -X -q -A -t -w -v ON_ERROR_STOP=1 -v old="$2" -v new="$2_fleet_new" -v usr="$1" -U "$1" -d template1 -f - <<'END'
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :'new' AND pid <> pg_backend_pid() \g /dev/null
DROP DATABASE IF EXISTS :"new";
SELECT coalesce((SELECT r.rolname FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE d.datname = :'old'), :'usr')
    AS owner,
    coalesce((SELECT format('LC_COLLATE %L LC_CTYPE %L ENCODING %L', datcollate, datctype, pg_encoding_to_char(encoding))
    FROM pg_database WHERE datname = :'old'), '') AS form \gset
CREATE DATABASE :"new" OWNER :"owner" TEMPLATE template0 :form;
END
"#;

/// Until the swap, what was there has only been watched, or been closed to newcomers.
const UNDO: &str = r#"exec psql -X -q -A -t -w -v ON_ERROR_STOP=1 -v name="$2" -v new="$2_fleet_new" -U "$1" -d template1 -f - <<'END'
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :'new' AND pid <> pg_backend_pid() \g /dev/null
DROP DATABASE IF EXISTS :"new";
SELECT count(*) > 0 AS closed FROM pg_database WHERE datname = :'name' AND NOT datallowconn \gset
\if :closed
ALTER DATABASE :"name" ALLOW_CONNECTIONS true;
\endif
END
"#;

const LOAD: &str =
    r#"exec psql -X -q -w -v ON_ERROR_STOP=1 --single-transaction -o /dev/null -U "$1" -d "$2_fleet_new" -f -"#;

/// Both change their names in one transaction; what was there goes last.
const SWAP: &str = r#"set -eu
exec psql -X -q -A -t -w -v ON_ERROR_STOP=1 -v name="$2" -v new="$2_fleet_new" -v old="$2_fleet_old" -U "$1" -d template1 -f - <<'END'
SELECT count(*) > 0 AS fresh FROM pg_database WHERE datname = :'new' \gset
SELECT count(*) > 0 AS used FROM pg_database WHERE datname = :'name' \gset
\if :fresh
\if :used
DROP DATABASE IF EXISTS :"old";
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
DROP DATABASE IF EXISTS :"old";
END
"#;

/// All tables at one moment, each counted by a statement of its own, without the rows of tables that inherit from it. What an
/// extension owns comes with the extension; what is temporary is its session's own.
const COUNT: &str = r#"set -eu
exec psql -X -q -A -t -w -F '	' -v ON_ERROR_STOP=1 -U "$1" -d "$2" -f - <<'END'
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT format('SELECT %L, count(*) FROM ONLY %I.%I', nspname || '.' || relname, nspname, relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind = 'r' AND relpersistence <> 't' AND nspname NOT IN ('pg_catalog', 'information_schema')
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY nspname, relname LIMIT 1000 \gexec
COMMIT;
END
"#;

/// Its folder, and the files that its settings name. Who may not see a setting gets no line of it.
const SIDE_FILES: &str = r#"exec psql -X -q -A -t -w -F '	' -v ON_ERROR_STOP=1 -U "$1" -d template1 -f - <<'END'
SELECT CASE name WHEN 'data_directory' THEN 'folder' ELSE 'file' END, setting FROM pg_catalog.pg_settings
WHERE name IN ('data_directory', 'config_file', 'hba_file', 'ident_file', 'ssl_cert_file', 'ssl_key_file', 'ssl_ca_file',
    'ssl_crl_file', 'ssl_dh_params_file', 'krb_server_keyfile') AND setting <> '';
END
"#;

pub fn side_files(server: &Server) -> Tool {
    run(server, SIDE_FILES)
}

pub fn dump(server: &Server) -> Tool {
    run(server, &DUMP.replace("SETTINGS", SETTINGS))
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

pub fn others(server: &Server) -> Tool {
    run(server, OTHERS)
}

pub fn ask(server: &Server, query: &str) -> Tool {
    let (user, database) = names(server);
    let text = r#"exec psql -X -q -A -t -w -v ON_ERROR_STOP=1 -U "$1" -d "$2" -c "$3""#;
    script(&server.service, text, &[user, database, query]).with("PGPASSWORD", server.password.as_ref())
}

fn run(server: &Server, text: &str) -> Tool {
    let (user, database) = names(server);
    script(&server.service, text, &[user, database]).with("PGPASSWORD", server.password.as_ref())
}

fn names(server: &Server) -> (&str, &str) {
    let user = server.user.as_deref().unwrap_or("postgres");
    (user, server.database.as_deref().unwrap_or(user))
}
