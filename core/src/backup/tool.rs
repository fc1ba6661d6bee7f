//! The commands that dump, load and count a store.
//!
//! **Invariant:** a password is never an argument of a command, because process lists show those. **Invariant:** no
//! command prompts: without a password it fails.

mod count;
mod mongodb;
mod named;
mod neo4j;
mod others;
mod postgresql;
mod redis;
mod settled;
mod sql;

pub use count::{COUNT_LIMIT, CountError, counts, is_cut_off, reading};
pub(super) use named::from_hex;
pub use others::others;
pub use settled::SETTLED;

use super::{Check, DatabaseEngine, DatabaseQuestion, Rebuild, Secret, SourceNote, Store};
use crate::failed_step::ToolTask;
use crate::spec::InstanceSpec;
use crate::units::Period;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One command with its target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Task for which it runs.
    pub task: ToolTask,
    /// Container in which it runs.
    pub at: ExecTarget,
    /// Words of the command.
    pub argv: Vec<String>,
    /// Variables of the command, including passwords.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Secret>,
    /// User that runs it; the container's own if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Maximum duration, after which it is killed.
    pub deadline: Period,
    /// Maximum time without a byte in either direction, after which it is killed.
    pub idle: Period,
}

/// Container in which a tool runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecTarget {
    /// In the service's running container.
    In {
        /// Compose service.
        service: String,
    },
    /// In a separate container with the image, environment and volumes of the service, which must be stopped.
    OneOff {
        /// Compose service.
        service: String,
    },
}

impl ExecTarget {
    /// Returns the compose service.
    pub fn service(&self) -> &str {
        match self {
            Self::In { service } | Self::OneOff { service } => service,
        }
    }
}

/// End of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolEnd {
    /// Exit code.
    pub code: i64,
    /// Last part of its error output.
    pub words: String,
}

impl ToolEnd {
    /// Returns the end of a tool that succeeded.
    pub fn well() -> Self {
        Self { code: 0, words: String::new() }
    }
}

/// A dump of a terabyte takes its time.
const WHOLE: Period = Period::from_secs(24 * 3600);
/// Limit for a silent dump: no person notices one that is blocked by a lock.
const SILENT: Period = Period::from_secs(15 * 60);
/// A load is silent while indexes are made.
const LOADING: Period = Period::from_secs(6 * 3600);
const SHORT: Period = Period::from_secs(600);

/// Returns the tool whose output is the dump; none for a store that is kept as files, which the repository reads itself.
pub fn dump_tool(store: &Store) -> Option<Tool> {
    let tool = match &store.engine {
        DatabaseEngine::Postgresql(server) => postgresql::dump(server),
        DatabaseEngine::Mongodb(server) => mongodb::dump(server),
        DatabaseEngine::Mariadb(server) => sql::dump(server, sql::Dialect::Mariadb),
        DatabaseEngine::Mysql(server) => sql::dump(server, sql::Dialect::Mysql),
        DatabaseEngine::Redis(server) => redis::dump(server),
        DatabaseEngine::Neo4j(server) => neo4j::dump(server),
        DatabaseEngine::Command(commands) => {
            inside(&commands.service, commands.dump.clone()).with_texts(&commands.environment)
        }
        DatabaseEngine::Volume(_) | DatabaseEngine::S3(_) => return None,
    };
    Some(Tool { deadline: WHOLE, idle: SILENT, ..tool.to(ToolTask::Dump) })
}

/// Returns the tool that loads such a stream. It replaces the present data, atomically if the engine supports that. If its target is
/// [`ExecTarget::OneOff`], the service must be stopped from before [`prepare_tools`] until after [`after_tools`]; else it must run.
pub fn load_tool(store: &Store, spec: &InstanceSpec) -> Option<Tool> {
    let tool = match &store.engine {
        DatabaseEngine::Postgresql(server) => postgresql::load(server),
        DatabaseEngine::Mongodb(server) => mongodb::load(server),
        DatabaseEngine::Mariadb(server) => sql::load(server, sql::Dialect::Mariadb),
        DatabaseEngine::Mysql(server) => sql::load(server, sql::Dialect::Mysql),
        DatabaseEngine::Redis(server) => redis::load(server, spec),
        DatabaseEngine::Neo4j(server) => neo4j::load(server),
        DatabaseEngine::Command(commands) => {
            inside(&commands.service, commands.load.clone()).with_texts(&commands.environment)
        }
        DatabaseEngine::Volume(_) | DatabaseEngine::S3(_) => return None,
    };
    Some(Tool { deadline: WHOLE, idle: LOADING, ..tool.to(ToolTask::Load) })
}

/// Returns whether a store is loaded while its service is stopped.
pub fn loads_beside(store: &Store, spec: &InstanceSpec) -> bool {
    load_tool(store, spec).is_some_and(|tool| matches!(tool.at, ExecTarget::OneOff { .. }))
}

/// Returns the tools to run before a load, in order. Each is safe to repeat.
pub fn prepare_tools(store: &Store) -> Vec<Tool> {
    match &store.engine {
        DatabaseEngine::Postgresql(server) => vec![postgresql::prepare(server).to(ToolTask::Load)],
        DatabaseEngine::Mongodb(server) => vec![mongodb::prepare(server).to(ToolTask::Load)],
        DatabaseEngine::Mariadb(server) => vec![sql::prepare(server, sql::Dialect::Mariadb).to(ToolTask::Load)],
        DatabaseEngine::Mysql(server) => vec![sql::prepare(server, sql::Dialect::Mysql).to(ToolTask::Load)],
        DatabaseEngine::Neo4j(server) => vec![neo4j::prepare(server).to(ToolTask::Load)],
        DatabaseEngine::Redis(_) | DatabaseEngine::Volume(_) | DatabaseEngine::S3(_) | DatabaseEngine::Command(_) => {
            Vec::new()
        }
    }
}

/// Returns the tools to run after a successful load, in order. Each is safe to repeat.
pub fn after_tools(store: &Store) -> Vec<Tool> {
    match &store.engine {
        DatabaseEngine::Postgresql(server) => vec![postgresql::swap(server).to(ToolTask::Load)],
        DatabaseEngine::Neo4j(server) => vec![neo4j::own(server).to(ToolTask::Load)],
        DatabaseEngine::Mongodb(_)
        | DatabaseEngine::Mariadb(_)
        | DatabaseEngine::Mysql(_)
        | DatabaseEngine::Redis(_)
        | DatabaseEngine::Volume(_)
        | DatabaseEngine::S3(_)
        | DatabaseEngine::Command(_) => Vec::new(),
    }
}

/// Returns the tools that undo a failed or interrupted load, in order; if there are none, only a backup has the old data.
pub fn undo_tools(store: &Store) -> Vec<Tool> {
    match &store.engine {
        DatabaseEngine::Postgresql(server) => vec![postgresql::undo(server).to(ToolTask::Load)],
        DatabaseEngine::Neo4j(server) => vec![neo4j::undo(server).to(ToolTask::Load)],
        DatabaseEngine::Mongodb(_)
        | DatabaseEngine::Mariadb(_)
        | DatabaseEngine::Mysql(_)
        | DatabaseEngine::Redis(_)
        | DatabaseEngine::Volume(_)
        | DatabaseEngine::S3(_)
        | DatabaseEngine::Command(_) => Vec::new(),
    }
}

/// The tool that succeeds when the server answers; `None` where nothing has to be waited for.
pub fn ready_tool(store: &Store) -> Option<Tool> {
    match &store.engine {
        DatabaseEngine::Postgresql(server) => Some(postgresql::ready(server)),
        DatabaseEngine::Mongodb(server) => Some(mongodb::ask(server, "1")),
        DatabaseEngine::Mariadb(server) => Some(sql::ready(server, sql::Dialect::Mariadb)),
        DatabaseEngine::Mysql(server) => Some(sql::ready(server, sql::Dialect::Mysql)),
        DatabaseEngine::Redis(server) => Some(redis::ready(server)),
        DatabaseEngine::Neo4j(server) => Some(neo4j::ask(server, "RETURN 1")),
        DatabaseEngine::Volume(_) | DatabaseEngine::S3(_) | DatabaseEngine::Command(_) => None,
    }
}

/// The tool that answers [`SETTLED`] where the server is not one that only begins the data; `None` where there is no such.
pub fn settled_tool(store: &Store) -> Option<Tool> {
    match &store.engine {
        DatabaseEngine::Postgresql(server)
        | DatabaseEngine::Mongodb(server)
        | DatabaseEngine::Mariadb(server)
        | DatabaseEngine::Mysql(server) => Some(settled::settled(&server.service)),
        DatabaseEngine::Redis(_)
        | DatabaseEngine::Neo4j(_)
        | DatabaseEngine::Volume(_)
        | DatabaseEngine::S3(_)
        | DatabaseEngine::Command(_) => None,
    }
}

/// The tool whose answer [`counts`] reads, while the service runs.
pub fn count_tool(store: &Store) -> Option<Tool> {
    let tool = match &store.engine {
        DatabaseEngine::Postgresql(server) => postgresql::count(server),
        DatabaseEngine::Mongodb(server) => mongodb::count(server),
        DatabaseEngine::Mariadb(server) => sql::count(server, sql::Dialect::Mariadb),
        DatabaseEngine::Mysql(server) => sql::count(server, sql::Dialect::Mysql),
        DatabaseEngine::Redis(server) => redis::count(server),
        DatabaseEngine::Neo4j(server) => neo4j::count(server),
        DatabaseEngine::Command(commands) if !commands.count.is_empty() => {
            inside(&commands.service, commands.count.clone()).with_texts(&commands.environment)
        }
        DatabaseEngine::Command(_) | DatabaseEngine::Volume(_) | DatabaseEngine::S3(_) => return None,
    };
    Some(tool.to(ToolTask::Count))
}

/// Returns the tool for [`NotedAt::read`](super::NotedAt::read): it asks a store's server for facts by another path
/// than its dump; none for commands and files. `noted` are earlier facts: the same samples are queried again.
pub fn note_tool(store: &Store, noted: Option<&SourceNote>) -> Option<Tool> {
    match &store.engine {
        DatabaseEngine::Postgresql(server) => Some(postgresql::note(server)),
        DatabaseEngine::Mongodb(server) => Some(mongodb::note(server)),
        DatabaseEngine::Redis(server) => Some(redis::note(server, noted)),
        DatabaseEngine::Neo4j(server) => Some(neo4j::note(server)),
        DatabaseEngine::Mariadb(server) => Some(sql::note(server, sql::Dialect::Mariadb)),
        DatabaseEngine::Mysql(server) => Some(sql::note(server, sql::Dialect::Mysql)),
        DatabaseEngine::Command(_) | DatabaseEngine::Volume(_) | DatabaseEngine::S3(_) => None,
    }
}

/// The tool whose answer [`others`] reads, while the service runs; none where a store is all that its server has.
pub fn others_tool(store: &Store) -> Option<Tool> {
    match &store.engine {
        DatabaseEngine::Postgresql(server) => Some(postgresql::others(server)),
        DatabaseEngine::Mongodb(server) if server.database.is_some() => Some(mongodb::others(server)),
        DatabaseEngine::Mariadb(server) => Some(sql::others(server, sql::Dialect::Mariadb)),
        DatabaseEngine::Mysql(server) => Some(sql::others(server, sql::Dialect::Mysql)),
        DatabaseEngine::Neo4j(server) => Some(neo4j::others(server)),
        DatabaseEngine::Mongodb(_)
        | DatabaseEngine::Redis(_)
        | DatabaseEngine::Command(_)
        | DatabaseEngine::Volume(_)
        | DatabaseEngine::S3(_) => None,
    }
}

/// The tool that prints where the server has its folder and its files, while the service runs.
pub fn side_files_tool(store: &Store) -> Option<Tool> {
    match &store.engine {
        DatabaseEngine::Postgresql(server) => Some(postgresql::side_files(server)),
        DatabaseEngine::Mariadb(server) => Some(sql::side_files(server, sql::Dialect::Mariadb)),
        DatabaseEngine::Mysql(server) => Some(sql::side_files(server, sql::Dialect::Mysql)),
        DatabaseEngine::Redis(server) => Some(redis::side_files(server)),
        DatabaseEngine::Mongodb(_)
        | DatabaseEngine::Neo4j(_)
        | DatabaseEngine::Volume(_)
        | DatabaseEngine::S3(_)
        | DatabaseEngine::Command(_) => None,
    }
}

/// Returns the tool whose output [`Check::judge`] evaluates.
pub fn check_tool(store: &Store, check: &Check) -> Option<Tool> {
    let tool = match (&check.ask, &store.engine) {
        (DatabaseQuestion::Command { service, words }, _) => inside(service, words.clone()),
        (DatabaseQuestion::Query(query), DatabaseEngine::Postgresql(server)) => postgresql::ask(server, query),
        (DatabaseQuestion::Query(query), DatabaseEngine::Mongodb(server)) => mongodb::ask(server, query),
        (DatabaseQuestion::Query(query), DatabaseEngine::Mariadb(server)) => {
            sql::ask(server, sql::Dialect::Mariadb, query)
        }
        (DatabaseQuestion::Query(query), DatabaseEngine::Mysql(server)) => sql::ask(server, sql::Dialect::Mysql, query),
        (DatabaseQuestion::Query(query), DatabaseEngine::Redis(server)) => redis::ask(server, query),
        (DatabaseQuestion::Query(query), DatabaseEngine::Neo4j(server)) => neo4j::ask(server, query),
        (
            DatabaseQuestion::Query(_),
            DatabaseEngine::Volume(_) | DatabaseEngine::S3(_) | DatabaseEngine::Command(_),
        ) => return None,
    };
    Some(tool.to(ToolTask::Check))
}

/// Returns the tool that rebuilds a derivable store. Its output goes to its error stream, whose end is reported if it
/// fails.
pub fn rebuild_tool(rebuild: &Rebuild) -> Tool {
    let words: Vec<&str> = rebuild.command.iter().map(String::as_str).collect();
    script(&rebuild.service, "exec \"$@\" 1>&2", &words).taking(rebuild.limit).to(ToolTask::Rebuild)
}

/// A command in a running container, of the short kind.
fn inside(service: &str, argv: Vec<String>) -> Tool {
    let at = ExecTarget::In { service: service.to_owned() };
    Tool {
        task: ToolTask::Query(service.to_owned()),
        at,
        argv,
        env: BTreeMap::new(),
        user: None,
        deadline: SHORT,
        idle: SHORT,
    }
}

/// A script whose words come after it as `$1`, `$2` …: nothing of them is ever read as a script.
fn script(service: &str, script: &str, words: &[&str]) -> Tool {
    let head = ["sh", "-c", script, "sh"].map(str::to_owned);
    inside(service, head.into_iter().chain(words.iter().map(|word| (*word).to_owned())).collect())
}

impl Tool {
    fn to(mut self, task: fn(String) -> ToolTask) -> Self {
        self.task = task(self.at.service().to_owned());
        self
    }

    fn with(mut self, name: &str, value: Option<&crate::spec::Text>) -> Self {
        self.env.extend(value.map(|value| (name.to_owned(), Secret(value.expose().to_owned()))));
        self
    }

    fn with_texts(mut self, texts: &BTreeMap<String, crate::spec::Text>) -> Self {
        self.env.extend(texts.iter().map(|(name, text)| (name.clone(), Secret(text.expose().to_owned()))));
        self
    }

    fn in_one_off(mut self) -> Self {
        self.at = ExecTarget::OneOff { service: self.at.service().to_owned() };
        self
    }

    fn by(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    fn taking(mut self, deadline: Period) -> Self {
        (self.deadline, self.idle) = (deadline, deadline);
        self
    }
}

#[cfg(test)]
mod tests;
