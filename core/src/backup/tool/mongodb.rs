//! MongoDB: one archive, not compressed, one collection after the other.

mod noting;

use super::{LOADING, Tool, script};
use crate::backup::Server;
use crate::spec::Text;

/// The password comes as a file that only the tool reads: among the words it would be seen, and the tools know no variable.
const DUMP: &str = r#"set -eu
set -- ${1:+--db="$1"} ${2:+--username="$2" --authenticationDatabase=admin}
[ -n "${FLEET_MONGO:-}" ] || exec mongodump --archive --numParallelCollections=1 "$@"
exec mongodump --config=/dev/fd/3 --archive --numParallelCollections=1 "$@" 3<<END
$FLEET_MONGO
END
"#;

const LOAD: &str = r#"set -eu
set -- ${1:+--nsInclude="$1.*"} ${2:+--username="$2" --authenticationDatabase=admin}
[ -n "${FLEET_MONGO:-}" ] || exec mongorestore --archive --drop --stopOnError "$@"
exec mongorestore --config=/dev/fd/3 --archive --drop --stopOnError "$@" 3<<END
$FLEET_MONGO
END
"#;

/// The older shell knows variables by another word. Neither is asked for the password, and neither gets it as a word.
const SHELL: &str = r#"set -eu
tool=$(command -v mongosh || command -v mongo) || { echo 'this image has neither mongosh nor mongo' >&2; exit 127; }
if [ -z "$1" ]; then
    exec "$tool" --quiet "${2:-test}" --eval "$3"
fi
exec "$tool" --quiet "${2:-test}" --eval "var variable = n => typeof process === 'undefined' ? _getEnv(n) : process.env[n];
if (!db.getSiblingDB('admin').auth(variable('FLEET_USER'), variable('FLEET_PASSWORD'))) { throw Error('it is not let in'); }
$3"
"#;

const ONE: &str = "[db.getName()]";
const ALL: &str = "db.getMongo().getDBNames().filter(n => !['admin', 'config', 'local'].includes(n)).sort()";

/// Databases that a backup lacks must not stay: mongorestore replaces only those that it has.
const DROP: &str = ".forEach(n => { db.getSiblingDB(n).dropDatabase(); })";

/// Documents that expire may be gone before they are counted again. Names are printed as in an address: no line breaks them.
const COUNT: &str = ".forEach(n => db.getSiblingDB(n).getCollectionInfos({ type: 'collection' }).map(c => c.name)
    .filter(c => !c.startsWith('system.'))
    .filter(c => !db.getSiblingDB(n).getCollection(c).getIndexes().some(i => i.expireAfterSeconds !== undefined)).sort().slice(0, 1000)
    .forEach(c => print(encodeURIComponent(n + '.' + c) + '\\t' + db.getSiblingDB(n).getCollection(c).countDocuments({}))))";

/// Lists data that would be lost with the server's folder: an archive of one database has neither other databases nor
/// accounts.
const OTHERS: &str = r"/* fleet: others */
db.getMongo().getDBNames().filter(n => !['admin', 'config', 'local'].includes(n)).sort().forEach(n => print('database\t' + encodeURIComponent(n)));
try {
    db.getSiblingDB('admin').getCollection('system.users').find({}, { user: 1, db: 1 }).limit(1000)
        .forEach(u => { if (u.user !== 'OWN') { print('account\t' + encodeURIComponent(u.user + '@' + u.db)); } });
} catch (error) {
    print('hidden accounts\tOWN');
}";

pub fn dump(server: &Server) -> Tool {
    stream(server, DUMP)
}

pub fn load(server: &Server) -> Tool {
    stream(server, LOAD)
}

pub fn prepare(server: &Server) -> Tool {
    ask(server, &format!("/* fleet: drop */ {}{DROP}", databases(server)))
}

pub fn count(server: &Server) -> Tool {
    ask(server, &format!("/* fleet: count */ {}{COUNT}", databases(server))).taking(LOADING)
}

/// Returns the tool that queries the server's own facts about the databases.
pub fn note(server: &Server) -> Tool {
    let accounts = if server.database.is_some() { noting::Accounts::Left } else { noting::Accounts::Kept };
    ask(server, &noting::questions(databases(server), accounts)).taking(LOADING)
}

pub fn others(server: &Server) -> Tool {
    let own = server.user.as_deref().unwrap_or_default();
    ask(server, &OTHERS.replace("OWN", &own.replace(['\\', '\'', '`'], "")))
}

pub fn ask(server: &Server, text: &str) -> Tool {
    let (user, database) = names(server);
    let tool = script(&server.service, SHELL, &[user, database, text]);
    let tool = tool.with("FLEET_PASSWORD", server.password.as_ref());
    tool.with("FLEET_USER", Some(&Text::plain(user)))
}

fn databases(server: &Server) -> &'static str {
    if server.database.is_some() { ONE } else { ALL }
}

fn stream(server: &Server, text: &str) -> Tool {
    let (user, database) = names(server);
    // A line of YAML: only a quote ends such a text.
    let line = |text: &Text| text.with(format!("password: '{}'", text.expose().replace('\'', "''")));
    let config = server.password.as_ref().map(line);
    script(&server.service, text, &[database, user]).with("FLEET_MONGO", config.as_ref())
}

fn names(server: &Server) -> (&str, &str) {
    (server.user.as_deref().unwrap_or_default(), server.database.as_deref().unwrap_or_default())
}
