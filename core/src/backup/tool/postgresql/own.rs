//! Beginning of a database's dump, before the output of `pg_dump`: the options of the database, the roles, and the
//! database's own settings.
//!
//! Each is a statement on a line of its own, and makes no difference where it is true already.

/// Reads the catalogs, and prints the statements. The first line, a comment in SQL, is for the creator of the database.
///
/// An existing role keeps its password, which is the instance's present one, and gets all other properties from the
/// dump. The loading user stays a superuser. Columns that some versions lack are read from a row as JSON.
const QUESTIONS: &str = r#"SET datestyle = 'ISO';
SELECT has_table_privilege('pg_catalog.pg_authid', 'SELECT') AS may \gset
\if :may
\set secrets '(SELECT oid, rolpassword FROM pg_catalog.pg_authid)'
\else
\set secrets '(SELECT oid, NULL::text AS rolpassword FROM pg_catalog.pg_roles)'
\endif
SELECT '-- fleet: database ENCODING ' || LITERAL(pg_encoding_to_char(encoding)) || CASE j ->> 'datlocprovider'
        WHEN 'i' THEN ' LOCALE_PROVIDER icu ICU_LOCALE ' || LITERAL(coalesce(j ->> 'daticulocale', j ->> 'datlocale'))
        WHEN 'b' THEN ' LOCALE_PROVIDER builtin BUILTIN_LOCALE ' || LITERAL(j ->> 'datlocale')
        WHEN 'c' THEN ' LOCALE_PROVIDER libc' ELSE '' END
    || coalesce(' ICU_RULES ' || LITERAL(j ->> 'daticurules'), '')
    || ' LC_COLLATE ' || LITERAL(datcollate) || ' LC_CTYPE ' || LITERAL(datctype)
FROM pg_catalog.pg_database d CROSS JOIN to_jsonb(d) j WHERE datname = current_database();
SELECT '-- fleet: roles and one database';
SELECT 'SET client_encoding = ' || quote_literal(current_setting('client_encoding')) || ';';
SELECT 'DO ' || LITERAL(format('BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = %L) THEN '
    'CREATE ROLE %I WITH%s%s%s; END IF; BEGIN IF current_user <> %L THEN ALTER ROLE %I WITH %s; END IF; ALTER ROLE %I WITH%s; '
    'EXCEPTION WHEN insufficient_privilege THEN RAISE WARNING %L, SQLERRM; END; END', rolname,
    rolname, CASE WHEN rolsuper THEN ' SUPERUSER' ELSE ' NOSUPERUSER' END,
    CASE WHEN :'may'::bool THEN format(' PASSWORD %L', s.rolpassword) ELSE '' END,
    CASE WHEN rolcanlogin THEN ' LOGIN' ELSE ' NOLOGIN' END,
    rolname, rolname, CASE WHEN rolsuper THEN 'SUPERUSER' ELSE 'NOSUPERUSER' END,
    rolname, concat(CASE WHEN rolinherit THEN ' INHERIT' ELSE ' NOINHERIT' END,
    CASE WHEN rolcreaterole THEN ' CREATEROLE' ELSE ' NOCREATEROLE' END,
    CASE WHEN rolcreatedb THEN ' CREATEDB' ELSE ' NOCREATEDB' END,
    CASE WHEN rolcanlogin THEN ' LOGIN' ELSE ' NOLOGIN' END,
    CASE WHEN rolreplication THEN ' REPLICATION' ELSE ' NOREPLICATION' END,
    CASE WHEN rolbypassrls THEN ' BYPASSRLS' ELSE ' NOBYPASSRLS' END,
    ' CONNECTION LIMIT ', rolconnlimit, format(' VALID UNTIL %L', coalesce(rolvaliduntil, 'infinity'))), '%')) || ';'
FROM pg_catalog.pg_roles r LEFT JOIN :secrets s ON s.oid = r.oid WHERE rolname !~ '^pg_' ORDER BY rolname;
SELECT 'DO ' || LITERAL(format('BEGIN COMMENT ON ROLE %I IS %s; '
    'EXCEPTION WHEN insufficient_privilege THEN RAISE WARNING %L, SQLERRM; END', rolname, LITERAL(comment), '%')) || ';'
FROM pg_catalog.pg_roles r CROSS JOIN shobj_description(r.oid, 'pg_authid') comment
WHERE comment IS NOT NULL AND rolname !~ '^pg_' ORDER BY rolname;
SELECT format('SECURITY LABEL FOR %I ON ROLE %I IS %s;', provider, rolname, LITERAL(label)) FROM pg_catalog.pg_shseclabel l
JOIN pg_catalog.pg_roles r ON r.oid = l.objoid AND l.classoid = 'pg_catalog.pg_authid'::regclass
WHERE rolname !~ '^pg_' ORDER BY rolname, provider;
WITH RECURSIVE members AS (SELECT a.*, to_jsonb(a) j, coalesce(r.rolsuper, true) AS is_of_superuser, r.rolname AS grantor_name
    FROM pg_catalog.pg_auth_members a LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantor),
chain AS (SELECT roleid, member, 0 AS place FROM members WHERE is_of_superuser
    UNION SELECT m.roleid, m.member, c.place + 1 FROM members m JOIN chain c ON c.roleid = m.roleid AND c.member = m.grantor
    WHERE c.place < 20 AND NOT m.is_of_superuser)
SELECT format('GRANT %I TO %I%s%s;', g.rolname, m.rolname, CASE
    WHEN j ? 'inherit_option' THEN format(' WITH ADMIN %s, INHERIT %s, SET %s', upper(j ->> 'admin_option'),
        upper(j ->> 'inherit_option'), upper(j ->> 'set_option'))
    WHEN admin_option THEN ' WITH ADMIN OPTION' ELSE '' END,
    CASE WHEN j ? 'inherit_option' AND NOT is_of_superuser THEN format(' GRANTED BY %I', grantor_name) ELSE '' END)
FROM members a JOIN pg_catalog.pg_roles g ON g.oid = a.roleid JOIN pg_catalog.pg_roles m ON m.oid = a.member
WHERE g.rolname !~ '^pg_' OR m.rolname !~ '^pg_'
ORDER BY CASE WHEN is_of_superuser THEN 0
    ELSE coalesce((SELECT min(place) + 1 FROM chain c WHERE c.roleid = a.roleid AND c.member = a.grantor), 30) END, 1;
SELECT format('ALTER ROLE %I SET %I TO %s;', rolname, name, value) FROM (SETTINGS) settings
WHERE setdatabase = 0 AND (:'may'::bool OR rolname = current_user) AND rolname !~ '^pg_' ORDER BY 1;
SELECT 'DO ' || LITERAL(format('BEGIN EXECUTE format(%L, current_database()); END', command)) || ';' FROM (
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
    LEFT JOIN pg_catalog.pg_roles r ON r.oid = grantee WHERE grantee = 0 OR rolname IS NOT NULL
    UNION ALL SELECT 5, 'ALTER DATABASE %I CONNECTION LIMIT ' || datconnlimit FROM pg_catalog.pg_database
    WHERE datname = current_database() AND datconnlimit >= 0
    UNION ALL SELECT 6, 'ALTER DATABASE %I IS_TEMPLATE true' FROM pg_catalog.pg_database
    WHERE datname = current_database() AND datistemplate
    UNION ALL SELECT 7, 'COMMENT ON DATABASE %I IS ' || replace(LITERAL(comment), '%', '%%') FROM pg_catalog.pg_database d
    CROSS JOIN shobj_description(d.oid, 'pg_database') comment WHERE datname = current_database() AND comment IS NOT NULL
    UNION ALL SELECT 8, format('SECURITY LABEL FOR %s ON DATABASE %%I IS ', replace(quote_ident(provider), '%', '%%'))
        || replace(LITERAL(label), '%', '%%') FROM pg_catalog.pg_shseclabel l JOIN pg_catalog.pg_database d ON d.oid = l.objoid
    WHERE l.classoid = 'pg_catalog.pg_database'::regclass AND datname = current_database()) here ORDER BY place, command;
"#;

/// Settings of databases and of roles, as statements want them: a list is written as it is, anything else is quoted.
const SETTINGS: &str = r#"SELECT s.*, rolname, datname, split_part(setting, '=', 1) AS name, CASE
    WHEN split_part(setting, '=', 1) !~ '^(search_path|temp_tablespaces|unix_socket_directories|.*_preload_libraries)$'
        THEN quote_literal(substr(setting, strpos(setting, '=') + 1))
    WHEN setting ~ '=(""|)$' THEN ''''''
    ELSE substr(setting, strpos(setting, '=') + 1) END AS value
    FROM pg_catalog.pg_db_role_setting s CROSS JOIN unnest(setconfig) setting
    LEFT JOIN pg_catalog.pg_roles r ON r.oid = setrole LEFT JOIN pg_catalog.pg_database d ON d.oid = setdatabase"#;

/// Returns the queries to the client, from the first to the last line.
pub fn questions() -> String {
    super::written_out(&QUESTIONS.replace("SETTINGS", SETTINGS), "LITERAL(", &format!("('E''' || {ESCAPED} || '''')"))
}

/// A literal that has no line of its own, whatever is in the text, and no dollar sign that ends another.
const ESCAPED: &str =
    r"replace(replace(replace(replace(INNER, E'\\', E'\\\\'), '''', ''''''), E'\n', E'\\n'), E'\r', E'\\r')";
