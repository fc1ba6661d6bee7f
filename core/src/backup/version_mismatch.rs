//! Complaints of databases' tools that their version does not fit the server or the dump. **Matching on their wording is done here alone.**

/// A tool and a server, or a dump, of versions that do not work together. A version that the tool does not print is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionMismatch {
    /// Name of the database engine.
    pub database: &'static str,
    /// Version of the server, or format of the dump.
    pub database_version: String,
    /// Name of the tool.
    pub tool: &'static str,
    /// Version of the tool, or version that it needs.
    pub tool_version: String,
}

impl VersionMismatch {
    /// Finds the complaint in the error output of a tool.
    pub fn find(output: &str) -> Option<Self> {
        postgresql(output).or_else(|| mysql(output)).or_else(|| mongodb(output)).or_else(|| redis(output))
    }
}

/// `pg_dump` 9 to 18: "server version: 17.2; pg_dump version: 16.6". `pg_restore`: "unsupported version (1.16) in file header".
fn postgresql(output: &str) -> Option<VersionMismatch> {
    let found = |database_version: &str, tool, tool_version: &str| VersionMismatch {
        database: "PostgreSQL",
        database_version: word(database_version),
        tool,
        tool_version: word(tool_version),
    };
    if let Some((_, rest)) = output.split_once("server version: ")
        && let Some((server, rest)) = rest.split_once(';')
        && let Some((tool, version)) = rest.trim_start().split_once(" version: ")
    {
        return Some(found(server, if tool == "pg_dumpall" { "pg_dumpall" } else { "pg_dump" }, version));
    }
    let (_, rest) = output.split_once("unsupported version (")?;
    let (format, rest) = rest.split_once(')')?;
    rest.starts_with(" in file header").then(|| found(format, "pg_restore", ""))
}

/// `mysqldump` 8 asks servers before 8 and MariaDB for a table that they do not have.
fn mysql(output: &str) -> Option<VersionMismatch> {
    let is_older = output.contains("Unknown table 'COLUMN_STATISTICS' in information_schema")
        || output.contains("Unknown table 'column_statistics' in information_schema");
    is_older.then(|| VersionMismatch {
        database: "MySQL",
        database_version: String::new(),
        tool: "mysqldump",
        tool_version: String::new(),
    })
}

/// Drivers of MongoDB's tools: "reports wire version 5, but this version of the Go driver requires at least 6 (MongoDB 3.6)", and
/// "requires wire version 21, but this version of the Go driver only supports up to 17".
fn mongodb(output: &str) -> Option<VersionMismatch> {
    let after = |mark: &str| output.split_once(mark).map(|(_, rest)| word(rest));
    let server = after(" reports wire version ").or_else(|| after(" requires wire version "))?;
    let needed = after("driver requires at least ").or_else(|| after("driver only supports up to "))?;
    Some(VersionMismatch {
        database: "MongoDB",
        database_version: format!("wire version {server}"),
        tool: "the tool",
        tool_version: format!("wire version {needed}"),
    })
}

/// Redis when it starts on a newer dump: "Can't handle RDB format version 12".
fn redis(output: &str) -> Option<VersionMismatch> {
    let (_, version) = output.split_once("Can't handle RDB format version ")?;
    Some(VersionMismatch {
        database: "Redis",
        database_version: format!("RDB format {}", word(version)),
        tool: "redis-server",
        tool_version: String::new(),
    })
}

/// The first word of a text, without punctuation at its end.
fn word(text: &str) -> String {
    let word = text.split_whitespace().next().unwrap_or_default();
    word.trim_end_matches([',', ';', ')', '.']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(output: &str, expect: Option<(&str, &str, &str, &str)>) {
        let found = VersionMismatch::find(output);
        let found =
            found.as_ref().map(|it| (it.database, it.database_version.as_str(), it.tool, it.tool_version.as_str()));
        assert_eq!(found, expect, "{output}");
    }

    #[test]
    fn each_wording_of_the_tools_is_found() {
        check(
            "pg_dump: server version: 13.1; pg_dump version: 11.5\npg_dump: aborting because of server version mismatch",
            Some(("PostgreSQL", "13.1", "pg_dump", "11.5")),
        );
        check(
            "pg_dump: error: aborting because of server version mismatch\npg_dump: detail: server version: 17.2 (Debian \
             17.2-1.pgdg120+1); pg_dump version: 16.6 (Debian 16.6-1.pgdg120+1)",
            Some(("PostgreSQL", "17.2", "pg_dump", "16.6")),
        );
        check(
            "pg_restore: error: unsupported version (1.16) in file header",
            Some(("PostgreSQL", "1.16", "pg_restore", "")),
        );
        check(
            "mysqldump: Couldn't execute 'SELECT COLUMN_NAME': Unknown table 'COLUMN_STATISTICS' in information_schema (1109)",
            Some(("MySQL", "", "mysqldump", "")),
        );
        check(
            "Failed: can't create session: server at db:27017 reports wire version 5, but this version of the Go driver requires \
             at least 6 (MongoDB 3.6)",
            Some(("MongoDB", "wire version 5", "the tool", "wire version 6")),
        );
        check(
            "server at db:27017 requires wire version 21, but this version of the Go driver only supports up to 17",
            Some(("MongoDB", "wire version 21", "the tool", "wire version 17")),
        );
        check("# Can't handle RDB format version 12", Some(("Redis", "RDB format 12", "redis-server", "")));
    }

    #[test]
    fn other_complaints_are_none() {
        check("pg_dump: error: connection to server on socket failed: No such file or directory", None);
        check("ERROR:  unsupported version", None);
        check("", None);
    }
}
