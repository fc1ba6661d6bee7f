//! Neo4j: its own archive, taken and read while the server is down, by a container of the same image on the same volumes.

mod noting;

use super::{LOADING, Tool, script};
use crate::backup::Server;

/// Runs the tool as the owner of the data: the server would not start with files of root.
const ADMIN: &str = r#"set -eu
database=$1 data=$2
owner=$(stat -c %u:%g "$data/databases" 2>/dev/null || stat -c %u:%g "$data")
admin() {
    if [ "$(id -u)" = 0 ] && [ "$owner" != 0:0 ] && command -v setpriv >/dev/null; then
        exec setpriv --reuid="${owner%:*}" --regid="${owner#*:}" --clear-groups neo4j-admin "$@"
    fi
    exec neo4j-admin "$@"
}
version=$(neo4j-admin --version)
"#;

/// To a stream: into a folder it would refuse a second dump of the same name.
const DUMP: &str = r#"case $version in
    4.* | *' 4.'*) admin dump --database="$database" --to=- ;;
    *) admin database dump "$database" --to-stdout ;;
esac
"#;

const LOAD: &str = r#"case $version in
    4.* | *' 4.'*) admin load --database="$database" --from=- --force ;;
    *) admin database load "$database" --from-stdin --overwrite-destination=true ;;
esac
"#;

/// The tool does not load into a started database: the present one is moved aside until the load has ended.
const PREPARE: &str = r#"set -eu
cd "$2"
[ ! -e .fleet-old ] || exit 0
mkdir -p .fleet-new/databases .fleet-new/transactions
for part in databases transactions; do
    [ ! -e "$part/$1" ] || mv "$part/$1" ".fleet-new/$part/"
done
mv .fleet-new .fleet-old
"#;

/// Reverts a load: its leftovers are removed, and the old data comes back.
const UNDO: &str = r#"set -eu
cd "$2"
for aside in .fleet-old .fleet-new; do
    for part in databases transactions; do
        [ -e "$aside/$part/$1" ] || continue
        rm -rf "${part:?}/$1"
        mv "$aside/$part/$1" "$part/"
    done
    rm -rf "$aside"
done
"#;

const OWN: &str = r#"set -eu
owner=$(stat -c %u:%g "$2")
chown -R "$owner" "$2"
rm -rf "$2/.fleet-old"
"#;

const ASK: &str = r#"set -eu
ask() { cypher-shell --non-interactive --format plain --database "$database" "$1"; }
database=$1
"#;

/// A name's lines, quotes and signs that are special here are printed as in an address.
const COUNT: &str = r#"ask "MATCH (n) UNWIND labels(n) AS name RETURN '(:' + NAME + ')', count(*) AS number ORDER BY name LIMIT 500"
ask "MATCH ()-[r]->() WITH type(r) AS name, count(*) AS number RETURN '[:' + NAME + ']', number ORDER BY name LIMIT 500"
"#;

/// Lists data that would be lost with the server's folder: a dump of one database has neither other databases nor
/// accounts.
const OTHERS: &str = r#"list() {
    answer=$(ask "$2")
    printf '%s\n' "$answer" | while IFS= read -r line; do
        case $line in
            \"*\"*) line=${line#\"}; printf '%s\t%s\n' "$1" "${line%%\"*}" ;;
        esac
    done
}
database=system
list database "SHOW DATABASES YIELD name WHERE name <> 'system'"
list user "SHOW USERS YIELD user WHERE NOT user IN ['neo4j', '$2']"
"#;

pub fn dump(server: &Server) -> Tool {
    offline(server, &format!("{ADMIN}{DUMP}"))
}

pub fn load(server: &Server) -> Tool {
    offline(server, &format!("{ADMIN}{LOAD}"))
}

pub fn prepare(server: &Server) -> Tool {
    offline(server, PREPARE)
}

pub fn undo(server: &Server) -> Tool {
    offline(server, UNDO)
}

/// Sets ownership, and removes the old data.
pub fn own(server: &Server) -> Tool {
    offline(server, OWN).taking(LOADING)
}

pub fn count(server: &Server) -> Tool {
    online(server, &COUNT.replace("NAME", &printed("name")), &[]).taking(LOADING)
}

/// Returns the tool that queries the server's own facts about the database.
pub fn note(server: &Server) -> Tool {
    online(server, &noting::questions(printed), &[]).taking(LOADING)
}

/// Returns a text quoted for Cypher inside a double-quoted shell string.
fn printed(text: &str) -> String {
    let special = [("%", "%25"), (r"\\\\", "%5C"), (r"\\n", "%0A"), (r"\\r", "%0D"), (r"\\t", "%09"), (r#"\""#, "%22")];
    special.iter().fold(text.to_owned(), |text, (from, to)| format!("replace({text}, '{from}', '{to}')"))
}

pub fn others(server: &Server) -> Tool {
    let own: String = server.user.iter().flat_map(|it| it.chars()).filter(|it| !"'\\".contains(*it)).collect();
    online(server, OTHERS, &[&own])
}

/// The first line of an answer names its columns.
pub fn ask(server: &Server, query: &str) -> Tool {
    online(server, "answer=$(ask \"$2\")\nprintf '%s\\n' \"$answer\" | tail -n +2\n", &[query])
}

fn offline(server: &Server, text: &str) -> Tool {
    script(&server.service, text, &[database(server), &server.data]).in_one_off().by("0")
}

fn online(server: &Server, text: &str, words: &[&str]) -> Tool {
    let words: Vec<&str> = [database(server)].into_iter().chain(words.iter().copied()).collect();
    let tool = script(&server.service, &format!("{ASK}{text}"), &words);
    let user = server.user.clone().map(crate::spec::Text::plain);
    tool.with("NEO4J_USERNAME", user.as_ref()).with("NEO4J_PASSWORD", server.password.as_ref())
}

fn database(server: &Server) -> &str {
    server.database.as_deref().unwrap_or("neo4j")
}
