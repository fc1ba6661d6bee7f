//! Notes of a MariaDB or MySQL server about a database, which no dump includes: a restored one is compared with them.
//!
//! **Invariant:** no fact depends on the server beyond the restored data.

/// Prints lines with a kind, an object, a property and a value, each in hexadecimal, like PostgreSQL's.
///
/// The moment counts writes, except those of our own queries, which go into tables that are counted separately. A
/// transaction that wrote before it and ends after it changes the data without a further write. So the moment includes
/// the open transactions with writes. They are queried after the counters, and after the server's cache of such a query
/// has expired (0.1 s). Without the permission for that, MariaDB's number is used that grows whenever a transaction
/// starts to write or ends after writing. Without either, there is no moment.
const MOMENT: &str = r#"writes=$(ask --execute="SHOW GLOBAL STATUS WHERE Variable_name IN ('Handler_write', 'Handler_update', 'Handler_delete',
    'Com_truncate', 'Com_alter_table', 'Com_create_table', 'Com_drop_table', 'Com_rename_table')" | tr '\n\t' ',=')
if writers=$(ask --execute="SET SESSION group_concat_max_len = 1048576; DO SLEEP(0.2); SELECT COALESCE(GROUP_CONCAT(trx_id ORDER BY trx_id), '')
    FROM information_schema.INNODB_TRX WHERE trx_rows_modified > 0" 2>/dev/null); then
    ended="open: $writers"
    oldest="(SELECT MIN(trx_started) FROM information_schema.INNODB_TRX)"
else
    ended=$(ask --execute="SHOW GLOBAL STATUS LIKE 'Innodb_max_trx_id'" | cut -f 2)
    oldest="CAST('0001-01-01' AS DATETIME)"
fi
[ -z "$ended" ] || ask --execute="SELECT 'moment', HEX('$writes $ended'), '', ''"
"#;

/// Prints the time of each table's last change, and whether a later change would be visible: the server records
/// seconds, in which a transaction may have begun.
const CHANGES: &str = r#"ask --execute="SET SESSION time_zone = 'SYSTEM' /*!80000 , information_schema_stats_expiry = 0 */;
SELECT 'changed', HEX(CONCAT('\`', TABLE_NAME, '\`')), HEX(COALESCE(UPDATE_TIME, '')),
    HEX(IF(COALESCE(UPDATE_TIME, CAST('1970-01-01' AS DATETIME)) < LEAST(NOW(), COALESCE($oldest, NOW())), 'yes', 'no'))
FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')
ORDER BY TABLE_NAME LIMIT 1000" -- "$2"
"#;

const FACTS: &str = r#"ask -- "$2" <<'END'
SET SESSION group_concat_max_len = 16777216;
SELECT 'fact', HEX('the database'), HEX(attribute), HEX(CONCAT(value, '')) FROM (
    SELECT 'collation' AS attribute, DEFAULT_COLLATION_NAME AS value FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = DATABASE()
    UNION ALL SELECT 'number of views', COUNT(*) FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE()
    UNION ALL SELECT 'number of triggers', COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()
    UNION ALL SELECT 'number of routines', COUNT(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()
    UNION ALL SELECT 'number of events', COUNT(*) FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE()
    UNION ALL SELECT 'number of constraints', COUNT(*) FROM information_schema.TABLE_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE()
) facts;
SELECT 'fact', HEX(CONCAT('table `', TABLE_NAME, '`')), HEX(attribute), HEX(value) FROM (
    SELECT TABLE_NAME, 'form' AS attribute, CONCAT_WS(' ', TABLE_TYPE, ENGINE, IF(TABLE_TYPE = 'SEQUENCE', '', TABLE_COLLATION),
        CREATE_OPTIONS, TABLE_COMMENT) AS value
    FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE <> 'VIEW'
    UNION ALL SELECT TABLE_NAME, 'columns', MD5(GROUP_CONCAT(CONCAT_WS(' ', COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA,
        COLLATION_NAME, COLUMN_COMMENT, GENERATION_EXPRESSION) ORDER BY ORDINAL_POSITION)) FROM information_schema.COLUMNS
    WHERE TABLE_SCHEMA = DATABASE() GROUP BY TABLE_NAME
    UNION ALL SELECT TABLE_NAME, 'indexes', MD5(GROUP_CONCAT(CONCAT_WS(' ', INDEX_NAME, NON_UNIQUE, SEQ_IN_INDEX, COLUMN_NAME, SUB_PART,
        INDEX_TYPE) ORDER BY INDEX_NAME, SEQ_IN_INDEX)) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() GROUP BY TABLE_NAME
) facts ORDER BY 2, 3 LIMIT 5000;
END
"#;

/// Checksums of the rows with the lowest and the highest keys, and of all rows of small tables without a key. Forms in space have no
/// bytes that a question could ask for.
const ROWS: &str = r#"questions=$(ask --raw -- "$2" <<'END'
SET SESSION group_concat_max_len = 16777216;
SELECT CONCAT('SELECT ''rows'', ''', HEX(CONCAT('`', name, '`')), ''', ''', HEX(IF(which = 'all', 'all rows',
        CONCAT('the ', number, ' rows with the ', which, ' keys'))), ''', HEX(CONCAT(COUNT(*), '' rows '',
        COALESCE(MD5(GROUP_CONCAT(digest ORDER BY digest SEPARATOR '''')), ''''))) FROM (SELECT MD5(CONCAT_WS(0x1f, ', fields,
    ')) AS digest FROM `', REPLACE(name, '`', '``'), '`', IF(is_versioned, ' FOR SYSTEM_TIME ALL', ''),
    CASE which WHEN 'lowest' THEN CONCAT(' ORDER BY ', up) WHEN 'highest' THEN CONCAT(' ORDER BY ', down) ELSE '' END,
    ' LIMIT ', number, ') part;')
FROM (SELECT t.TABLE_NAME AS name, t.TABLE_TYPE = 'SYSTEM VERSIONED' AS is_versioned, COALESCE(DATA_LENGTH, 0) AS bytes,
        COALESCE(AVG_ROW_LENGTH, 0) AS each_row,
        (SELECT GROUP_CONCAT('COALESCE(HEX(CAST(`', REPLACE(COLUMN_NAME, '`', '``'), '` AS BINARY)), 0x2D)' ORDER BY ORDINAL_POSITION)
            FROM information_schema.COLUMNS c WHERE c.TABLE_SCHEMA = t.TABLE_SCHEMA AND c.TABLE_NAME = t.TABLE_NAME AND DATA_TYPE NOT IN
            ('geometry', 'point', 'linestring', 'polygon', 'multipoint', 'multilinestring', 'multipolygon', 'geometrycollection',
            'geomcollection', 'vector')) AS fields,
        (SELECT GROUP_CONCAT('`', REPLACE(COLUMN_NAME, '`', '``'), '`' ORDER BY SEQ_IN_INDEX) FROM information_schema.STATISTICS s
            WHERE s.TABLE_SCHEMA = t.TABLE_SCHEMA AND s.TABLE_NAME = t.TABLE_NAME AND INDEX_NAME = 'PRIMARY') AS up,
        (SELECT GROUP_CONCAT('`', REPLACE(COLUMN_NAME, '`', '``'), '` DESC' ORDER BY SEQ_IN_INDEX) FROM information_schema.STATISTICS s
            WHERE s.TABLE_SCHEMA = t.TABLE_SCHEMA AND s.TABLE_NAME = t.TABLE_NAME AND INDEX_NAME = 'PRIMARY') AS down
    FROM information_schema.TABLES t WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')
        AND ENGINE NOT IN ('MRG_MYISAM', 'MRG_ISAM', 'FEDERATED') ORDER BY TABLE_NAME LIMIT 1000) tables
JOIN (SELECT 'lowest' AS which, 10 AS number UNION ALL SELECT 'highest', 10 UNION ALL SELECT 'lowest', 200 UNION ALL SELECT 'highest', 200
    UNION ALL SELECT 'all', 10000) parts
WHERE fields IS NOT NULL AND IF(which = 'all', (up IS NULL OR is_versioned) AND bytes < 4194304,
    up IS NOT NULL AND NOT is_versioned AND (number = 10 OR each_row < 16384)) ORDER BY name, which, number;
END
)
printf 'SET SESSION group_concat_max_len = 16777216, time_zone = "+00:00";\n%s\n' "$questions" | ask -- "$2"
"#;

pub fn questions() -> String {
    format!("{MOMENT}{CHANGES}{FACTS}{ROWS}")
}
