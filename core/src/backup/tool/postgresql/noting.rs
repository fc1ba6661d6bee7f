//! Notes of a PostgreSQL server about its database, which no dump includes: a restored one is compared with them.
//!
//! **Invariant:** no fact depends on the server beyond the restored data: no object numbers, no sizes, no times.

/// Prints lines with a kind, an object, a property and a value, each in hexadecimal. The query is read-only. The
/// superuser's own rights, and objects that the image makes and that were not recorded, are left out.
///
/// Kinds: `moment` is unchanged while nothing is written. `fact` is compared. `rows` is a checksum of the rows with the
/// lowest and the highest keys; of fewer if they are large. `left` is not restored. `changed` counts the writes to a
/// table that sessions have reported, which most do within a second. A server without counters shows no later writes.
const QUESTIONS: &str = r#"SET row_security = off;
SET search_path = '';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET timezone = 'UTC';
SET bytea_output = 'hex';
SET extra_float_digits = 1;
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT CASE WHEN getdatabaseencoding() IN ('SQL_ASCII', 'MULE_INTERNAL') THEN getdatabaseencoding() ELSE 'UTF8' END AS form \gset
SELECT 'moment', HEX(txid_current_snapshot()::text), '', '';
WITH base AS (SELECT d.*, to_jsonb(d) j FROM pg_catalog.pg_database d WHERE datname = current_database()),
own AS (SELECT c.*, n.nspname, format('table `%s.%s`', nspname, relname) AS thing FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    AND nspname !~ '^pg_(toast_)?temp_' AND relpersistence <> 't' AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
        WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')),
settings AS (SELECT s.*, rolname, datname, split_part(setting, '=', 1) AS name, substr(setting, strpos(setting, '=') + 1) AS value
    FROM pg_catalog.pg_db_role_setting s CROSS JOIN unnest(setconfig) setting
    LEFT JOIN pg_catalog.pg_roles r ON r.oid = setrole LEFT JOIN pg_catalog.pg_database d ON d.oid = setdatabase),
facts(thing, attribute, value) AS (
    SELECT 'the database', attribute, value FROM base CROSS JOIN LATERAL (VALUES ('encoding', pg_encoding_to_char(encoding)),
        ('collation', datcollate::text), ('character type', datctype::text), ('locale provider', coalesce(j ->> 'datlocprovider', 'c')),
        ('locale', coalesce(j ->> 'daticulocale', j ->> 'datlocale', '')), ('collation rules', coalesce(j ->> 'daticurules', '')),
        ('connection limit', datconnlimit::text), ('comment', coalesce(shobj_description(oid, 'pg_database'), '')),
        ('owner', pg_get_userbyid(datdba)::text), ('template', datistemplate::text)) of_it(attribute, value)
    UNION ALL SELECT 'the database', 'rights of ' || coalesce('`' || rolname || '`', 'everybody'),
        string_agg(privilege_type || CASE WHEN is_grantable THEN '*' ELSE '' END, ', ' ORDER BY privilege_type)
    FROM base CROSS JOIN LATERAL aclexplode(coalesce(datacl, acldefault('d', datdba))) a
    LEFT JOIN pg_catalog.pg_roles r ON r.oid = grantee GROUP BY rolname
    UNION ALL SELECT CASE WHEN setrole = 0 THEN 'the database' WHEN setdatabase = 0 THEN format('role `%s`', rolname)
        ELSE format('role `%s` in the database', rolname) END, format('setting `%s`', name), value FROM settings
    WHERE (setdatabase = 0 OR datname = current_database()) AND (setrole = 0 OR rolname !~ '^pg_')
        AND (setdatabase <> 0 OR has_table_privilege('pg_catalog.pg_authid', 'SELECT') OR rolname = current_user)
    UNION ALL SELECT format('role `%s`', rolname), attribute, value FROM pg_catalog.pg_roles r
    CROSS JOIN LATERAL (VALUES ('may log in', rolcanlogin::text), ('is a superuser', CASE WHEN rolname <> current_user THEN rolsuper::text END),
        ('inherits', rolinherit::text), ('may create roles', rolcreaterole::text), ('may create databases', rolcreatedb::text),
        ('may replicate', rolreplication::text), ('sees all rows', rolbypassrls::text), ('connection limit', rolconnlimit::text),
        ('valid until', coalesce(rolvaliduntil, 'infinity')::text), ('comment', coalesce(shobj_description(oid, 'pg_authid'), '')))
        of_it(attribute, value) WHERE rolname !~ '^pg_'
    UNION ALL SELECT format('role `%s`', m.rolname), format('member of `%s`', g.rolname), string_agg(concat_ws(', ',
        'admin ' || (j ->> 'admin_option'), 'inherit ' || (j ->> 'inherit_option'), 'set ' || (j ->> 'set_option')), '; '
        ORDER BY j ->> 'admin_option', j ->> 'inherit_option', j ->> 'set_option')
    FROM pg_catalog.pg_auth_members a CROSS JOIN to_jsonb(a) j JOIN pg_catalog.pg_roles g ON g.oid = a.roleid
    JOIN pg_catalog.pg_roles m ON m.oid = a.member WHERE g.rolname !~ '^pg_' OR m.rolname !~ '^pg_' GROUP BY m.rolname, g.rolname
    UNION ALL SELECT format('extension `%s`', extname), 'schema', nspname FROM pg_catalog.pg_extension
    JOIN pg_catalog.pg_namespace n ON n.oid = extnamespace
    UNION ALL SELECT format('schema `%s`', nspname), 'owner', pg_get_userbyid(nspowner) FROM pg_catalog.pg_namespace n
    WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public') AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
        WHERE e.classid = 'pg_catalog.pg_namespace'::regclass AND e.objid = n.oid AND e.deptype = 'e')
    UNION ALL SELECT 'the database', 'number of ' || kind, count(*)::text FROM (
        SELECT CASE relkind WHEN 'r' THEN 'tables' WHEN 'p' THEN 'partitioned tables' WHEN 'v' THEN 'views' WHEN 'm' THEN 'materialized views'
            WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'foreign tables' WHEN 'c' THEN 'composite types' END AS kind FROM own
        UNION ALL SELECT 'indexes' FROM pg_catalog.pg_index i JOIN own ON own.oid = indrelid WHERE indisvalid
        UNION ALL SELECT 'triggers' FROM pg_catalog.pg_trigger JOIN own ON own.oid = tgrelid WHERE NOT tgisinternal
        UNION ALL SELECT 'rules' FROM pg_catalog.pg_rewrite JOIN own ON own.oid = ev_class
        UNION ALL SELECT 'policies' FROM pg_catalog.pg_policy JOIN own ON own.oid = polrelid
        UNION ALL SELECT 'constraints' FROM pg_catalog.pg_constraint JOIN own ON own.oid = conrelid WHERE contype <> 'n'
        UNION ALL SELECT 'functions' FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = pronamespace
        WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
            WHERE e.classid = 'pg_catalog.pg_proc'::regclass AND e.objid = p.oid AND e.deptype IN ('e', 'i'))
        UNION ALL SELECT 'large objects' FROM pg_catalog.pg_largeobject_metadata
        UNION ALL SELECT 'event triggers' FROM pg_catalog.pg_event_trigger
        UNION ALL SELECT 'publications' FROM pg_catalog.pg_publication
        UNION ALL SELECT 'default privileges' FROM pg_catalog.pg_default_acl) kinds WHERE kind IS NOT NULL GROUP BY kind
    UNION ALL SELECT * FROM (SELECT thing, attribute, value FROM own CROSS JOIN LATERAL (VALUES ('owner', pg_get_userbyid(relowner)::text),
        ('row security', concat_ws(' ', relrowsecurity, relforcerowsecurity)), ('comment', coalesce(obj_description(oid, 'pg_class'), '')),
        ('options', coalesce(array_to_string(reloptions, ', '), '')),
        ('columns', (SELECT md5(string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
            to_jsonb(a) ->> 'attgenerated',
            (SELECT collname FROM pg_catalog.pg_collation l WHERE l.oid = attcollation),
            (SELECT pg_get_expr(adbin, adrelid) FROM pg_catalog.pg_attrdef f WHERE f.adrelid = attrelid AND f.adnum = attnum)), ','
            ORDER BY attname)) FROM pg_catalog.pg_attribute a WHERE attrelid = own.oid AND attnum > 0 AND NOT attisdropped)))
        of_it(attribute, value) WHERE relkind IN ('r', 'p', 'f') ORDER BY thing LIMIT 5000) tables
    UNION ALL SELECT * FROM (SELECT format('sequence `%s.%s`', schemaname, sequencename), 'last value', coalesce(last_value::text, '')
        FROM pg_catalog.pg_sequences ORDER BY 1 LIMIT 1000) sequences)
SELECT 'fact', HEX(thing), HEX(attribute), HEX(value) FROM facts WHERE value IS NOT NULL ORDER BY thing, attribute;
SELECT 'left', HEX(spcname), '', ''
FROM pg_catalog.pg_tablespace s WHERE spcname !~ '^pg_' AND (EXISTS (SELECT FROM pg_catalog.pg_class WHERE reltablespace = s.oid)
    OR EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = current_database() AND dattablespace = s.oid)) ORDER BY spcname;
SELECT 'changed', HEX(format('`%s.%s`', schemaname, relname)), HEX(concat_ws(' ', n_tup_ins, n_tup_upd, n_tup_del, current_setting('track_counts'))),
    HEX(CASE WHEN current_setting('track_counts')::bool THEN 'yes' ELSE 'no' END)
FROM pg_catalog.pg_stat_user_tables ORDER BY schemaname, relname LIMIT 5000;
WITH keyed AS (SELECT c.oid, nspname, relname, format('`%s.%s`', nspname, relname) AS thing, pg_table_size(c.oid) AS bytes, reltuples,
    (SELECT string_agg(quote_ident(attname), ', ' ORDER BY place) FROM unnest(indkey::int2[]) WITH ORDINALITY k(number, place)
        JOIN pg_catalog.pg_attribute a ON attrelid = c.oid AND attnum = number) AS up,
    (SELECT string_agg(quote_ident(attname) || ' DESC', ', ' ORDER BY place) FROM unnest(indkey::int2[]) WITH ORDINALITY k(number, place)
        JOIN pg_catalog.pg_attribute a ON attrelid = c.oid AND attnum = number) AS down
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace
    LEFT JOIN pg_catalog.pg_index i ON indrelid = c.oid AND indisprimary
    WHERE relkind = 'r' AND relpersistence <> 't' AND nspname NOT IN ('pg_catalog', 'information_schema')
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
        WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
    ORDER BY nspname, relname LIMIT 1000),
chosen AS (SELECT keyed.*, which, keys, number FROM keyed CROSS JOIN LATERAL (VALUES ('lowest', up, 10), ('highest', down, 10),
    ('lowest', up, 200), ('highest', down, 200), ('all', 'NULL::text', 10000)) parts(which, keys, number)
    WHERE CASE which WHEN 'all' THEN up IS NULL AND bytes < 4194304
        ELSE up IS NOT NULL AND (number = 10 OR bytes < 67108864 OR bytes / greatest(reltuples, 1) < 65536) END)
SELECT format('SELECT ''rows'', %L, %L, encode(convert_to(count(*) || '' rows '' || coalesce(md5(string_agg(sum, '''' ORDER BY sum)), ''''), %L), '
    '''hex'') FROM (SELECT md5(t::text) AS sum FROM ONLY %I.%I t%s LIMIT %s) t', HEX(thing),
    HEX(CASE which WHEN 'all' THEN 'all rows' ELSE format('the %s rows with the %s keys', number, which) END), :'form', nspname, relname,
    CASE which WHEN 'all' THEN '' ELSE ' ORDER BY ' || keys END, number) FROM chosen ORDER BY nspname, relname, which, number \gexec
COMMIT;
"#;

/// Returns the queries to the client, from the first to the last line.
pub fn questions() -> String {
    super::written_out(QUESTIONS, "HEX(", "encode(convert_to((INNER)::text, :'form'), 'hex')")
}
